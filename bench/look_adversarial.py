"""Numbers of docs/look.md: MobileNet fooled into chosen classes, and the accuracy of an MNIST net under attack.

Run as ``python -m bench.look_adversarial [mobilenet] [digits]``; needs the folder that STRIATE_DATA names.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from bench.look_image import photos
from docs.figures import by_recipe, mobilenet, tell
from striate import look


def fooled() -> None:
    model = mobilenet()
    files = [str(path) for path in photos(50)]
    answers = model.predict(np.stack([model.preprocessing.pixels(file) for file in files])).argmax(1)
    targets = np.random.default_rng(0).integers(0, 999, 50)
    targets += targets >= answers  # any class but the answer
    found = look.adversarial(model, files, target=targets, method="pgd", epsilon=4, steps=20)
    print(found.note())
    again = model.predict(found.pictures).argmax(1)
    print(f"of 50 photos {(again == targets).sum()} are answered as the class chosen; by the model's own predict")


def digits() -> None:
    model, test = by_recipe("mnist", "fast")
    found = look.robustness(model, test.take(1000, 0), count=None, epsilon=[8, 16, 32, 48, 64], steps=40)
    tell(found)


if __name__ == "__main__":
    for part in sys.argv[1:] or ("mobilenet", "digits"):
        started = time.perf_counter()
        {"mobilenet": fooled, "digits": digits}[part]()
        print(f"{part}: {time.perf_counter() - started:.0f} s\n", flush=True)
