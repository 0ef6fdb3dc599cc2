"""Commands killed with SIGKILL at random moments: ``python tests/kills.py 50`` kills fifty times, in turns over all of them.

Each command begins again after a kill, as its user would: ``train`` with ``--resume`` where the run says so, the others by
the same line.  At the end stands what an unbroken command makes, and nothing beside it but what docs/security.md names.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

COMMAND = [sys.executable, "-m", "striate.cli.main"]


def photos(folder: Path) -> Path:
    """A data set of two classes, made from a seed."""
    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 200)):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            pixels = np.clip(rng.normal(level, 30, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def killed(arguments: list[str], after: float, cwd: Path) -> bool:
    """Whether a command was still at work after so many seconds, and was killed."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _, said = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0, said
    return False


def unbroken(arguments: list[str], cwd: Path) -> float:
    """The seconds that a command takes."""
    started = time.perf_counter()
    done = subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return time.perf_counter() - started


def left(folder: Path) -> list[str]:
    """Hidden names in a folder that are not documented to stay."""
    return [path.name for path in folder.rglob(".*") if path.name != ".lock"]


def main(count: int, seed: int, place: Path) -> dict[str, int]:
    """Kill `count` times; how often each command was.

    count   kills in all
    seed    of the moments
    place   an empty folder
    """
    os.environ["STRIATE_CACHE"] = str(place / "cache")
    dice, kills = random.Random(seed), dict.fromkeys(("train", "rerun", "quantize", "predict", "data check"), 0)
    data = photos(place / "photos")
    train = ["train", str(data), "--epochs", "3", "--image-size", "32x32", "--folder", "run", "--no-report"]
    lines = {
        "train": train,
        "rerun": train,
        "quantize": ["quantize", "run"],
        "predict": ["predict", "run", str(data), "-o", "answers.csv"],
        "data check": ["data", "check", str(data)],
    }
    unbroken(train, place)  # what is slow once, such as the first look at the pictures, is behind it
    spent = {name: unbroken(lines[name], place) for name in ("rerun", "quantize", "predict", "data check")}
    spent["train"] = spent["rerun"]
    answers = (place / "answers.csv").read_bytes()
    while sum(kills.values()) < count:
        for name, line in lines.items():
            if name == "train":
                shutil.rmtree(place / "run")
            again = line
            for _ in range(dice.randrange(1, 4)):
                if not killed(again, dice.uniform(0.2, 1.1) * spent[name], place):
                    again = []
                    break
                kills[name] += 1
                if name in ("train", "rerun"):
                    begun = any((place / "run" / part / "training.pt").is_file() for part in ("", ".again"))
                    again = ["train", "--resume", "run"] if begun else line
            if again:
                unbroken(again, place)
            assert json.loads((place / "run" / "model.json").read_bytes())["training"]["epochs"] == 3
            assert not left(place / "run"), left(place / "run")
            unbroken(["evaluate", "run"], place)
    unbroken(lines["predict"], place)
    assert len((place / "answers.csv").read_bytes().splitlines()) == len(answers.splitlines())
    return kills


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, Path(folder)))
