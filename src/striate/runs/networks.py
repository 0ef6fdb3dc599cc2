"""Which network a run trains, and at which size it reads its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from striate.data import Dataset, Preprocessing, names
from striate.data.pictures.decode import upright_size
from striate.data.readers.scan import format_at, scan
from striate.data.sets.catalog import options_of
from striate.errors import ShapeError, StriateError
from striate.graph import Layer, Shape
from striate.layers import ZeroPadding2D
from striate.layers.augment_words import by_words
from striate.model import Model
from striate.model.preceded import preceded
from striate.recipes import Recipe
from striate.zoo import card, create

# What suits a data set when nothing is asked for.
USUAL = {
    "mnist": "fast_net",
    "fashion_mnist": "fashion_net",
    "cifar10": "cifar_net",
    "cifar100": "cifar_net",
    "imdb": "imdb_net",
}
SIDE = 150  # pixels of photos for which no size is known
_LOOKED_AT = 50  # photos, for whether all have one size


def usual_network(data: str, train: Dataset) -> str:
    """The name of a network that suits a data set when the user names none.

    data    the data set's name or path
    train   what is to be learnt from
    """
    if data in USUAL:
        return USUAL[data]
    if train.x.dtype == "int64":
        return "imdb_net"
    return "cifar_net_gmp" if min(train.shape[:2]) < 100 else "cats_dogs_net"


def network_for(
    data: str,
    train: Dataset,
    model: Model | str | None = None,
    plan: Recipe | None = None,
    augment: str | Sequence[Layer] | None = None,
) -> tuple[Model, str]:
    """The network that a run trains, and what is to be said of it ("" for nothing).

    data     the data set's name or path
    train    what is to be learnt from
    model    a model, a zoo name, or None: the recipe's, or the usual one for the data
    plan     a recipe, or None
    augment  layers in front, or words for them (``layers.augment_words``); None: the recipe's

    Pictures that are a little smaller than what the network is published for get a border of zeros, half of it on either
    side.  Raises ArgumentError for unknown words, ShapeError for pictures that the network cannot take.
    """
    shape, said = train.shape, ""
    classes = len(train.classes or ()) or int(np.asarray(train.y).max()) + 1 if train.y is not None else 0
    recipe = train.preprocessing if not isinstance(model, Model) else model.preprocessing or train.preprocessing
    layers = None if augment is None else by_words(augment, shape, levels(recipe, shape))
    if model is None and plan is not None:
        return plan.model(classes, shape, layers), said
    if not isinstance(model, Model):
        model, said = _published(model or usual_network(data, train), classes, shape)
    return preceded(model, layers) if layers else model, said


def _published(name: str, classes: int, shape: Shape) -> tuple[Model, str]:
    """An architecture for pictures of this size, with a border where only that makes them large enough."""
    try:
        model = create(name, classes=classes, input_shape=shape)
        model.graph.check()
        return model, ""
    except ShapeError as error:
        own = card(name).input_shape
        missing = [a - b for a, b in zip(own[:2], shape[:2], strict=False)]
        if len(shape) != 3 or len(own) != 3:
            raise
        if min(missing) < 0 or any(4 * m > side for m, side in zip(missing, shape[:2], strict=True)):
            size, wanted = (" x ".join(map(str, each[:2])) for each in (shape, own))
            raise ShapeError(f"{name} is published for {wanted} pixels, the pictures have {size}: {error}") from None
        border: Any = tuple((m // 2, m - m // 2) for m in missing)
        inner = create(name, classes=classes, input_shape=(*own[:2], shape[2]))
        size, wanted = (" x ".join(map(str, each[:2])) for each in (shape, own))
        said = f"{name} takes {wanted} pixels: the pictures, {size}, get a border of zeros."
        return preceded(inner, [ZeroPadding2D(border)], shape), said


def levels(preprocessing: Preprocessing, shape: Shape) -> tuple[float, float]:
    """What black and white are to a network: the lowest and the highest over its channels.

    preprocessing   how pixels become its inputs
    shape           of its pictures, (H, W, C)
    """
    if len(shape) != 3:
        return 0.0, 255.0
    ends = np.zeros((2, 1, 1, shape[2]), np.uint8)
    ends[1] = 255
    made = np.asarray(preprocessing.normalise(ends), np.float64)
    return float(made.min()), float(made.max())


def reading(data: str, network: Model | str | None, options: dict[str, Any]) -> dict[str, Any]:
    """The reader's options with the size in them at which the network takes pictures, where the options name none.

    data      a data set's name or path
    network   a model, a zoo name, or None: as the pictures are, where they are alike and no larger than 150 pixels a
              side, else 150 x 150
    options   for the reader
    """
    if data in names() or not Path(data).exists() or format_at(data) is None:
        return options
    known = options_of(data)
    if "image_size" not in known or {"image_size", "preprocessing"} & options.keys():
        return options
    if network is None:
        return options | {"image_size": _size_of(data)}
    shape = network.graph.check().input_shapes[0] if isinstance(network, Model) else card(network).input_shape
    if len(shape) != 3 or None in shape:
        return options
    sized = options | {"image_size": tuple(shape[:2])}
    fixed = isinstance(network, Model) and shape[2] in (1, 3) and "channels" in known and "channels" not in options
    return sized | {"channels": shape[2]} if fixed else sized


def _size_of(data: str) -> tuple[int, int]:
    """The one size of the first pictures, where that is small; else (150, 150)."""
    sizes = set()
    try:
        with scan(data) as survey:
            if survey.fetch is Path:
                sizes = {upright_size(item.name) for item in islice(survey.items, _LOOKED_AT)}
    except (StriateError, OSError):  # the reader will say what is wrong
        pass
    size = sizes.pop() if len(sizes) == 1 else (SIDE, SIDE)
    return size if max(size) <= SIDE else (SIDE, SIDE)
