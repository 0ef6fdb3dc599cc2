"""Figures of docs/look.md with real weights: maximised classes, DeepDream, inversion, the codec table.

Run as ``python -m bench.look_image [maximise] [digits] [dream] [invert]``; needs the folder that STRIATE_DATA names.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import striate as st
from striate import data, look, recipes, zoo

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
DATA = Path(os.environ.get("STRIATE_DATA", "data"))
MOBILENET = DATA / "weights" / "mobilenet_1_0_224_imagenet1001_keras_legacy.h5"
RESNET20 = DATA / "weights" / "cifar10_resnet20_torch.th"
CLASSES = (
    "goldfish", "flamingo", "tabby", "school bus", "hourglass", "pineapple",
    "volcano", "daisy", "monarch", "tree frog", "castle", "strawberry",
)  # fmt: skip


def mobilenet() -> st.Model:
    return zoo.create("mobilenet", weights=str(MOBILENET))


def photos(count: int) -> list[Path]:
    return sorted((DATA / "imagenet-samples").rglob("*.jp*g"))[:count]


def maximise() -> None:
    model = mobilenet()
    labels = [str(label).split(",")[0] for label in model.labels or ()]
    found = look.maximise(model, [labels.index(name) for name in CLASSES], steps=320, scale=1.2, rotate=10)
    print_all(found, "look_maximise.png")


def fast() -> tuple[st.Model, data.Dataset]:
    """The MNIST recipe of that name, trained, and the test digits."""
    splits = data.load("mnist")
    recipe = recipes.get("fast")
    st.set_seed(0)
    model = recipe.model(10, splits.train.shape)
    model.compile(recipe.optimizer(), recipe.loss, metrics=["accuracy"])
    model.fit(splits.train, batch_size=recipe.batch_size, epochs=recipe.epochs, seed=0, verbose=0)
    assert splits.test is not None
    return model, splits.test


def digits() -> None:
    model, test = fast()
    print("accuracy", model.evaluate(test, return_dict=True)["accuracy"])
    found = look.maximise(model, list(range(10)), fourier=False, steps=200, tv=2.0, l2=0.5, rotate=10)
    print_all(found, "look_maximise_digits.png")


def dream() -> None:
    found = look.dream(
        mobilenet(), DATA / "imagenet-samples" / "n02980441.jpg", ["conv_pw_8_relu", "conv_pw_11_relu"], steps=12
    )
    print_all(found, "look_dream.png")


def invert() -> None:
    model = zoo.create("cifar_resnet20", weights=str(RESNET20))
    test = (
        data.load("cifar10-jpeg").test
        if "cifar10-jpeg" in data.names()
        else data.read_zip(DATA / "cifar10-jpeg.zip").test
    )
    assert test is not None
    wanted = test.x[int(np.flatnonzero(test.labels == 4)[3])]
    print_all(look.invert(model, wanted), "look_invert.png")
    print_all(look.codec(model, wanted), "look_codec.png")
    print_all(look.invert(mobilenet(), photos(3)[1], steps=200), "look_invert_mobilenet.png")


def print_all(found: look.Look, name: str) -> None:
    path = found.save(PICTURES / name)
    if path.stat().st_size > 250_000:  # photos are smaller as JPEG, and the page loads sooner
        from PIL import Image

        with Image.open(path) as image:
            image.convert("RGB").save(path.with_suffix(".jpg"), quality=85)
        path.unlink()
    print(found.note())
    rows = found.rows()
    if rows is not None:
        for row in (rows[0], *rows[1]):
            print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


if __name__ == "__main__":
    for part in sys.argv[1:] or ("maximise", "digits", "dream", "invert"):
        started = time.perf_counter()
        {"maximise": maximise, "digits": digits, "dream": dream, "invert": invert}[part]()
        print(f"{part}: {time.perf_counter() - started:.0f} s\n", flush=True)
