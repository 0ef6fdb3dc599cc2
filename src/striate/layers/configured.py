"""Layers as Keras' configurations and back, under Keras' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate import configs
from striate.errors import ArgumentError
from striate.graph import Layer, from_keras

__all__ = ["deserialize", "serialize"]


def serialize(layer: Layer) -> dict[str, Any]:
    """The configuration of a layer or a model, JSON-ready, with its class under "class_name".

    layer   whatever its class

    Raises ArgumentError for an argument that no configuration can hold.
    """
    entry = getattr(layer, "_keras_entry", None)
    return entry() if entry is not None else configs.serialize(layer)  # type: ignore[no-any-return]


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer, or the model, of a configuration; its weights are new.

    config           what ``serialize`` gives
    custom_objects   classes and functions of your own by name

    Raises ArgumentError for a class that is not known, or what is no layer.
    """
    if isinstance(config, Mapping) and config.get("class_name") in ("Functional", "Sequential", "Model"):
        return from_keras(config, custom_objects)
    made = configs.deserialize(config, custom_objects, "layers")
    if not isinstance(made, Layer):
        raise ArgumentError(f'a layer is described by an object with a "class_name" and a "config", not {config!r}.')
    return made
