"""``striate.saving``: models and their parts in files, and classes of your own in them, under Keras' names.

Nothing in a file is executed: what is your own is found by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate.configs import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize,
)
from striate.guard import guard
from striate.models import load_model, save_model

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]


def serialize_keras_object(obj: Any) -> Any:
    """The configuration of a layer, loss, model …, JSON-ready, with its class beside it.

    obj   numbers, texts, arrays, functions (by name), lists and dicts of them, and whatever has a ``get_config``

    Raises ArgumentError for what has no configuration.
    """
    entry = getattr(obj, "_keras_entry", None)
    return entry() if entry is not None else serialize(obj)


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object of a configuration that ``serialize_keras_object`` gave.

    config           the configuration
    custom_objects   classes and functions of your own by name
    safe_mode        Keras' argument; code in a configuration is never run, whatever it says
    kwargs           ``module_objects``: further classes and functions by name

    Raises ArgumentError for a class that is not known.
    """
    from striate.configs import deserialize
    from striate.graph import from_keras
    from striate.train import losses, metrics, optimizers  # noqa: F401  their classes are known once they are there

    known = {**(kwargs.get("module_objects") or {}), **(custom_objects or {})}
    if isinstance(config, str):
        return known.get(config, get_custom_objects().get(config, config))
    if isinstance(config, Mapping) and config.get("class_name") in ("Functional", "Sequential", "Model"):
        return from_keras(config, known)
    return deserialize(config, known)


def save_weights(model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
    """``model.save_weights(filepath)``.

    model            whose weights
    filepath         ends in .weights.h5, .h5 or .safetensors
    overwrite        False: something that stands there is an error
    max_shard_size   Keras' argument: None, since weights are one file

    Raises ArgumentError and BundleError where ``model.save_weights`` does.
    """
    model.save_weights(filepath, overwrite, max_shard_size)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """``model.load_weights(filepath)``.

    model           whose weights
    filepath        of Keras, torch, safetensors, or a saved model
    skip_mismatch   leave layers as they are whose arrays are missing or have another shape
    by_name         take only what has the name of a layer here

    Raises BundleError where ``model.load_weights`` does.
    """
    model.load_weights(filepath, skip_mismatch=skip_mismatch, by_name=by_name)


guard(__name__)
