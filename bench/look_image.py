"""Ten digits, maximised by the MNIST recipe ``fast``; and the folder of data and photos that other measurements share.

Run as ``python -m bench.look_image``; needs the folder that STRIATE_DATA names.  Figures with pictures in them are drawn by
docs/figures.py, from free pictures: nothing of the research data sets goes into the docs but numbers.
"""

from __future__ import annotations

import os
from pathlib import Path

from docs.figures import by_recipe, save, tell
from striate import look

DATA = Path(os.environ.get("STRIATE_DATA", "data"))


def photos(count: int) -> list[Path]:
    return sorted((DATA / "imagenet-samples").rglob("*.jp*g"))[:count]


def keep(found: look.Look, name: str) -> None:
    """Print a chart's numbers, and keep it in docs/pictures."""
    save(found, name)
    tell(found)
    print(flush=True)


if __name__ == "__main__":
    model, test = by_recipe("mnist", "fast")
    print("accuracy", model.evaluate(test, return_dict=True)["accuracy"])
    keep(
        look.maximise(model, list(range(10)), fourier=False, steps=200, tv=2.0, l2=0.5, rotate=10),
        "look_maximise_digits.png",
    )
