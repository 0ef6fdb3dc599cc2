"""``zoo.create``: an architecture by name, with the weights that are asked for."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, nearest, unknown
from striate.graph import checked_shape
from striate.model import Model
from striate.zoo.published import pretrained
from striate.zoo.registry import card
from striate.zoo.untrained import build


def create(
    name: str,
    *,
    classes: int | None = None,
    input_shape: Any = None,
    include_top: bool = True,
    pooling: str | None = None,
    weights: Any = None,
    **variant: Any,
) -> Model:
    """A new model of the named architecture.

    classes         number of outputs (default: the card's, or what the weights have)
    input_shape     (H, W, C), (L, C) or (L,) (default: the card's)
    include_top     False: without the head, ending in the last activation map
    pooling         without the head: "avg" or "max" makes one vector of the map, None leaves it
    weights         None: fresh; "keras", "torchvision", "timm" or "github": what is published there, downloaded once;
                    "hf:owner/name": a model on the Hugging Face hub; or a path, of TensorFlow's checkpoints too
    variant         the architecture's own arguments (``card(name).variants``)

    Raises ArgumentError for an unknown name or variant, ShapeError when the input is too small for the network,
    BundleError for weights that are not this network's.

    name    of the architecture; ``zoo.names()`` lists them
    """
    entry = card(name)
    if pooling not in (None, "avg", "max"):
        raise unknown("pooling", pooling, ("avg", "max"))
    if pooling is not None and include_top:
        raise ArgumentError(f"{name}: pooling goes with include_top=False.")
    if classes is not None and not include_top:
        raise ArgumentError(f"{name}: classes are outputs of the head, which include_top=False leaves out.")
    shape = entry.input_shape if input_shape is None else checked_shape(name, input_shape)
    if len(shape) != len(entry.input_shape):
        raise ArgumentError(f"{name} takes inputs like {entry.input_shape}, not {shape}.")
    for key in variant:
        if key not in entry.variants:
            takes = ", ".join(entry.variants) or "none"
            raise ArgumentError(f'{name} has no variant "{key}".{nearest(key, entry.variants)} It takes: {takes}.')
    if weights is not None:
        return pretrained(entry, weights, classes, shape, include_top, pooling, variant)
    return build(entry, entry.classes if classes is None else classes, shape, include_top, pooling, variant)
