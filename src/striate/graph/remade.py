"""Layers of a user's own made again of their arguments, where a constructor does not take what every layer has."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

_EVERY = ("name", "trainable", "dtype", "input_shape", "activity_regularizer")


def takes(kind: type, argument: str) -> bool:
    """Whether the constructor of a class takes an argument.

    kind       the class
    argument   its name
    """
    constructor: Any = kind.__init__  # type: ignore[misc]
    if getattr(constructor, "of_fields", False):  # written for the class, with the fields of every layer
        return True
    known = inspect.signature(constructor).parameters
    return argument in known or any(one.kind is one.VAR_KEYWORD for one in known.values())


def parted(kind: type, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments as the constructor of a class takes them, and those of every layer that it does not take.

    kind     the class
    config   arguments by name
    """
    beside = {key: value for key, value in config.items() if key in _EVERY and not takes(kind, key)}
    return {key: value for key, value in config.items() if key not in beside}, beside


def completed(layer: Any, beside: Mapping[str, Any]) -> Any:
    """A layer with the name that its constructor did not take, and frozen where it was; the rest it says itself.

    layer    just made
    beside   what ``parted`` left over, or more

    Raises ArgumentError for what cannot be a name.
    """
    if beside.get("name") is not None:
        layer.name = beside["name"]
        layer._check_name()
        layer.auto_named = False
    if beside.get("trainable") is False:
        layer.trainable = False
    return layer
