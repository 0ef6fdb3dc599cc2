"""Commands killed with SIGKILL at random moments: ``python tests/kills.py 50`` kills fifty times, in turns over all of them.

Each command begins again after a kill, as its user would: ``train`` and ``transfer`` with ``--resume`` where a run is there,
the others by the same line.  At the end stands what an unbroken command makes, and nothing beside it but what
docs/security.md names.
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

from striate import zoo

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


def lines_of(data: Path, base: Path) -> dict[str, list[str]]:
    """What is typed, by its name.

    data   photos
    base   the weights of mobilenet, alpha 0.25
    """
    learn = ["--epochs", "3", "--no-report", "--folder"]
    train = ["train", str(data), "--image-size", "32x32", *learn]
    moved = ["transfer", str(data), "--weights", str(base), "--variant", "alpha=0.25", "--stages", "2", *learn, "moved"]
    return {
        "train": [*train, "run"],
        "rerun": [*train, "run"],
        "tune": [*train, "tuned", "--tune", "2"],
        "transfer": moved,
        "retransfer": moved,
        "quantize": ["quantize", "run"],
        "predict": ["predict", "run", str(data), "-o", "answers.csv"],
        "data check": ["data", "check", str(data), "--html", "page.html"],
    }


def goes_on(line: list[str], place: Path) -> list[str]:
    """What is typed after a kill: ``--resume`` where the training has begun, else the same line."""
    run = place / line[line.index("--folder") + 1] if "--folder" in line else None
    if run is None or "--tune" in line:
        return line
    signs = ("training.pt", ".stage-2")  # of a training and of a transfer that are not over
    parts = [part for part in (run, run / ".again") if (part / "run.json").is_file()]
    begun = any((part / sign).exists() for part in parts for sign in signs)
    return [line[0], "--resume", run.name] if begun else line


def main(count: int, seed: int, place: Path) -> dict[str, int]:
    """Kill so many times at least, and each command at least once; how often each was.

    count   kills in all
    seed    of the moments
    place   an empty folder
    """
    os.environ["STRIATE_CACHE"] = str(place / "cache")
    data, base = photos(place / "photos"), zoo.create("mobilenet", alpha=0.25)
    base.module
    base.export_weights(place / "base.h5", "keras")
    dice, lines = random.Random(seed), lines_of(data, place / "base.h5")
    kills = dict.fromkeys(lines, 0)
    for name in ("train", "transfer"):  # what is slow once, such as the first look at the pictures, is behind it
        unbroken(lines[name], place)
    spent = {name: unbroken(line, place) for name, line in lines.items()}
    made = {name: (place / name).read_bytes().count(b"\n") for name in ("answers.csv", "page.html")}
    while sum(kills.values()) < count or not all(kills.values()):
        for name, line in lines.items():
            if name in ("train", "tune", "transfer"):
                shutil.rmtree(place / line[line.index("--folder") + 1])
            again = line
            for _ in range(dice.randrange(1, 4)):
                if not killed(again, dice.uniform(0.2, 1.1) * spent[name], place):
                    again = []
                    break
                kills[name] += 1
                again = goes_on(line, place)
            if again:
                unbroken(again, place)
            for run in ("run", "tuned", "moved"):
                assert not left(place / run), left(place / run)
            assert json.loads((place / "run" / "model.json").read_bytes())["training"]["epochs"] == 3
            if "--folder" in line:
                unbroken(["evaluate", line[line.index("--folder") + 1]], place)
            for file, count_of_lines in made.items():
                assert (place / file).read_bytes().count(b"\n") == count_of_lines
    return kills


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, Path(folder)))
