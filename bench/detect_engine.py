"""``python -m bench.detect_engine [rounds]``: a detector on MobileNetV2, batch 1, through the engine against torch eager.

From a uint8 picture to its boxes: preprocessing, network, decoding and suppression are in the time of both.  Wall-clock
medians, the median of the ratios of neighbouring bursts, and processor time, which other work on the machine changes less.
"""

from __future__ import annotations

import statistics
import sys

from bench.__main__ import peer
from bench.harness import compare, save

CASES = [(3, 1, (320, 320)), (80, 1, (320, 320)), (3, 1, (256, 320)), (3, 2, (320, 320)), (80, 2, (320, 320))]


def main(rounds: int, count: int = 8) -> None:
    for classes, threads, (height, width) in CASES:
        told = (str(classes), str(threads), str(height), str(width), str(count))
        ways = {"striate": "striate", "torch eager": "torch"} | ({"striate int8": "int8"} if threads == 1 else {})
        result = compare(
            f"Detecting, MobileNetV2 at {height} x {width}, {classes} classes, threads {threads}, pictures per second",
            [peer(name, "detect.py", way, *told) for name, way in ways.items()],
            rounds=rounds,
        )
        worked = {
            name: statistics.median(burst["cpu_ms"] for burst in bursts) for name, bursts in result["all"].items()
        }
        result["cpu_ms"] = worked
        save(f"detect_{height}x{width}_{classes}_classes_{threads}_threads", result)
        against = worked["torch eager"] / worked["striate"]
        print(
            f"  processor time of a picture: {', '.join(f'{n} {ms:.1f} ms' for n, ms in worked.items())}; {against:.2f} x"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
