"""Ten digits, maximised by the MNIST recipe ``fast``; and the folder of data and photos that other measurements share.

Run as ``python -m bench.look_image``; needs the folder that STRIATE_DATA names.  Figures with pictures in them are drawn by
docs/figures.py, from free pictures: nothing of the research data sets goes into the docs but numbers.
"""

from __future__ import annotations

import os
from pathlib import Path

import striate as st
from docs.figures import save, tell
from striate import data, look, recipes

DATA = Path(os.environ.get("STRIATE_DATA", "data"))


def photos(count: int) -> list[Path]:
    return sorted((DATA / "imagenet-samples").rglob("*.jp*g"))[:count]


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


def keep(found: look.Look, name: str) -> None:
    """Print a chart's numbers, and keep it in docs/pictures."""
    save(found, name)
    tell(found)
    print(flush=True)


if __name__ == "__main__":
    model, test = fast()
    print("accuracy", model.evaluate(test, return_dict=True)["accuracy"])
    keep(
        look.maximise(model, list(range(10)), fourier=False, steps=200, tv=2.0, l2=0.5, rotate=10),
        "look_maximise_digits.png",
    )
