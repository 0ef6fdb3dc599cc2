"""The network of a card with fresh weights: its variant, its head or none, and what is published for it."""

from __future__ import annotations

import contextlib
from typing import Any

from striate import layers
from striate.errors import ArgumentError, ShapeError
from striate.graph import Graph, Shape
from striate.graph.sizes import Open
from striate.model import Model
from striate.weights.source import Origin, Source
from striate.zoo.registry import Card


def build(
    card: Card, classes: int, shape: Shape, include_top: bool, pooling: str | None, variant: dict[str, Any]
) -> Model:
    """The model of a card with fresh weights; ``create`` checks the arguments."""
    name = card.name
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise ArgumentError(f"{name}: classes is a whole number of at least 2, not {classes!r}.")
    try:
        given = shape if include_top else tuple(map(int, shape))  # a head may need what is left open
        model = card.build(classes, given, **dict(card.fixed), **variant)
        whole = model.graph.check()
    except ShapeError as error:
        raise ShapeError(f"{name}: {_least(card, classes, shape, variant)}{error}") from None
    if not include_top:
        if model.features is None:
            raise ArgumentError(f"{name} has no head that could be left out (include_top=False).")
        model = _without_top(model, pooling)
        if any(isinstance(size, Open) for size in shape):
            model.begin_with((shape,))
    here = {model.graph.name(layer) for layer in model.graph.layers}
    model.origin = Origin(
        name,
        card.variants | variant,
        tuple(s for s in card.sources if fits(card, s, variant)),
        frozenset(whole.name(layer) for layer in whole.layers) - here,
        tuple(s for s in card.sources if not fits(card, s, variant)),
    )
    model.name = name
    return model


def _least(card: Card, classes: int, shape: Shape, variant: dict[str, Any]) -> str:
    """How large a picture must be at least for an architecture that does not fit `shape`."""
    if len(shape) != 3:
        return ""
    for side in range(min(shape[:2]) + 1, max(card.input_shape[:2]) + 1):
        with contextlib.suppress(ShapeError):
            card.build(classes, (side, side, shape[2]), **dict(card.fixed), **variant).graph.check()
            said = "x".join(map(str, shape[:2]))
            return f"pictures of {said} are too small, it takes {side}x{side} and larger. "
    return ""


def fits(card: Card, source: Source, variant: dict[str, Any]) -> bool:
    """Whether these published weights are of the network that a card and these further arguments give."""
    chosen = card.variants | variant
    return all(chosen[key] == value for key, value in source.variant.items())


def _without_top(model: Model, pooling: str | None) -> Model:
    features = model.features
    assert features is not None
    end = features
    if pooling == "avg":
        end = layers.GlobalAveragePooling2D()(features)
    elif pooling == "max":
        end = layers.GlobalMaxPooling2D()(features)
    headless = Model.from_graph(Graph(model.inputs, [end]))
    headless.features = features
    return headless
