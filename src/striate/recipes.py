"""Recipes: a data set, a network and a way to train it, with the accuracy that it reaches; each promise has a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from striate.errors import unknown
from striate.graph import Layer, Shape
from striate.guard import guard
from striate.layers import RandomAffine
from striate.model import Model
from striate.model.preceded import preceded
from striate.train import optimizers
from striate.zoo import create


@dataclass(frozen=True)
class Recipe:
    """How to train a network on a data set.

    name            of the recipe
    data, network   names, as ``data.load`` and ``zoo.create`` take them
    epochs          passes over the training data
    batch_size      examples a step
    loss            by name, as ``Model.compile`` takes it
    variant         further arguments of ``zoo.create``
    promise         the accuracy reached on the test set, as measured: mean, seeds, hardware where it matters
    optimizer       makes a fresh optimizer
    augment         changes to the training pictures, or None
    """

    name: str
    data: str
    network: str
    promise: str
    epochs: int
    batch_size: int
    optimizer: Callable[[], Any]
    loss: str = "sparse_categorical_crossentropy"
    variant: dict[str, Any] = field(default_factory=dict)
    augment: RandomAffine | None = None

    def model(self, classes: int, input_shape: Shape, augment: Sequence[Layer] | None = None) -> Model:
        """A fresh network with the augmentation in front.

        classes         how many outputs it has
        input_shape     of one example, channels-last
        augment         layers in place of the recipe's own augmentation; None: that

        Raises ArgumentError for augmentation in front of a network of several inputs.
        """
        model = create(self.network, classes=classes, input_shape=input_shape, **self.variant)
        if augment is None:
            augment = [] if self.augment is None else [type(self.augment)(**self.augment.config() | {"name": None})]
        return preceded(model, augment) if augment else model


def _one_cycle(peak: float, decay: float = 0.01) -> Callable[[], Any]:
    """AdamW under a one-cycle schedule as long as the run.  Smith & Topin 2017; Loshchilov & Hutter 2017."""

    def make() -> Any:
        schedule = optimizers.schedules.OneCycle(peak, total_steps=None)
        return optimizers.AdamW(schedule, weight_decay=decay)

    return make


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="digits",
            data="digits",
            network="fast_net",
            variant={"widths": (32, 64), "first": (3, "same"), "units": 64},
            promise="98 % of the held-out digits",
            epochs=30,
            batch_size=64,
            optimizer=_one_cycle(1e-2),
            augment=RandomAffine(rotation=10, translation=0.06, zoom=0.1, shear=8),
        ),
        Recipe(
            name="fast",
            data="mnist",
            network="fast_net",
            variant={"widths": (16, 32, 64), "stride": 2},
            promise="99.0 % of MNIST's test digits in one epoch",
            epochs=1,
            batch_size=128,
            optimizer=_one_cycle(2e-2),
        ),
        Recipe(
            name="best",
            data="mnist",
            network="mnist_net",
            promise="99.6 % of MNIST's test digits in under ten minutes on two cores",
            epochs=12,
            batch_size=128,
            optimizer=_one_cycle(1e-2, 0.02),
            augment=RandomAffine(rotation=12, translation=0.07, zoom=0.1, shear=10),
        ),
        Recipe(
            name="imdb",
            data="imdb",
            network="imdb_net",
            variant={"dims": 32, "maps": (64,), "kernel": 5, "dropout": 0.3, "average": True},
            promise="88 % of 10,000 reviews it never saw, with a quarter of the published net's weights",
            epochs=3,
            batch_size=128,
            optimizer=_one_cycle(1e-2),
            loss="binary_crossentropy",
        ),
        Recipe(
            name="imdb_published",
            data="imdb",
            network="imdb_net",
            variant={"dropout": 0.3},
            promise="87 % of 10,000 reviews it never saw, with the published net's 1,315,937 weights",
            epochs=3,
            batch_size=128,
            optimizer=_one_cycle(3e-3),
            loss="binary_crossentropy",
        ),
    )
}


def get(name: str) -> Recipe:
    """The recipe called `name`.  Raises ArgumentError for an unknown one, naming the nearest."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]


guard(__name__)
