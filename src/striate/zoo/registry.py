"""The registry: an architecture is a function that returns a model, under a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from striate.errors import ArgumentError, nearest, unknown
from striate.graph import Shape, checked_shape
from striate.model import Model

Build = Callable[..., Model]


@dataclass(frozen=True)
class Card:
    """What is known of an architecture before it is built.

    name            as ``create`` takes it
    about           one line: what it is
    source          the paper, or where it is used
    input_shape     the usual input, channels-last
    classes         the usual number of classes
    """

    name: str
    about: str
    source: str
    input_shape: Shape
    classes: int
    build: Build
    fixed: tuple[tuple[str, Any], ...] = ()

    @property
    def variants(self) -> dict[str, Any]:
        """Further arguments of ``create`` with their defaults."""
        fixed = dict(self.fixed)
        parameters = list(inspect.signature(self.build).parameters.values())[2:]
        return {p.name: p.default for p in parameters if p.name not in fixed}


_CARDS: dict[str, Card] = {}


def architecture(
    name: str, about: str, source: str, input_shape: Shape, classes: int, **fixed: Any
) -> Callable[[Build], Build]:
    """Register the decorated function, which takes (classes, input_shape, …), under `name`, with `fixed` arguments."""

    def decorate(build: Build) -> Build:
        _CARDS[name] = Card(name, about, source, input_shape, classes, build, tuple(fixed.items()))
        return build

    return decorate


def names() -> list[str]:
    """The names of all architectures."""
    return sorted(_CARDS)


def card(name: str) -> Card:
    """The card of an architecture.  Raises ArgumentError, naming the nearest."""
    if name not in _CARDS:
        raise unknown("architecture", name, _CARDS)
    return _CARDS[name]


def create(name: str, *, classes: int | None = None, input_shape: Any = None, **variant: Any) -> Model:
    """A new model of the named architecture, with fresh weights.

    classes         number of outputs (default: the card's)
    input_shape     (H, W, C), (L, C) or (L,) (default: the card's)
    variant         the architecture's own arguments (``card(name).variants``)

    Raises ArgumentError for an unknown name or variant, ShapeError when the input is too small for the network.
    """
    found = card(name)
    classes = found.classes if classes is None else classes
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise ArgumentError(f"{name}: classes is a whole number of at least 2, not {classes!r}.")
    shape = found.input_shape if input_shape is None else checked_shape(name, input_shape)
    if len(shape) != len(found.input_shape):
        raise ArgumentError(f"{name} takes inputs like {found.input_shape}, not {shape}.")
    for key in variant:
        if key not in found.variants:
            takes = ", ".join(found.variants) or "none"
            raise ArgumentError(f'{name} has no variant "{key}".{nearest(key, found.variants)} It takes: {takes}.')
    model = found.build(classes, shape, **dict(found.fixed), **variant)
    model.graph.check()
    model.name = name
    return model
