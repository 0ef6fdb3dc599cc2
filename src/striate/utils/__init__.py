"""Small tools of scripts, under Keras' names: pictures from a folder, one-hot labels, seeds, drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.graph import source_inputs as get_source_inputs
from striate.guard import guard
from striate.messages import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
    set_logging_verbosity,
)
from striate.seed import set_seed as set_random_seed
from striate.utils.batches import PyDataset
from striate.utils.directory import image_dataset_from_directory
from striate.utils.drawing import plot_model
from striate.utils.files import get_file
from striate.utils.labels import (
    normalize,
    pack_x_y_sample_weight,
    pad_sequences,
    to_categorical,
    unpack_x_y_sample_weight,
)
from striate.utils.pictures import array_to_img, img_to_array, load_img, save_img
from striate.utils.refusals import INSTEAD, refused
from striate.utils.splitting import split_dataset
from striate.utils.stream import Stream

if TYPE_CHECKING:
    from striate.saving import (
        CustomObjectScope,
        custom_object_scope,
        deserialize_keras_object,
        get_custom_objects,
        get_registered_name,
        get_registered_object,
        register_keras_serializable,
        serialize_keras_object,
    )
    from striate.utils.progress import Progbar as Progbar

Sequence = PyDataset  # Keras 2's name

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Stream",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_logging_verbosity",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
    "unpack_x_y_sample_weight",
]


def clear_session(free_memory: bool = True) -> None:
    """Nothing: names are counted in each model, and memory goes with the last variable that holds a model.

    free_memory   taken as Keras has it
    """


# What Keras has here as well as in ``saving``.
_SAVING = (
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
    "serialize_keras_object",
)


def __getattr__(name: str) -> Any:
    """What needs more than the rest, and what to say of a name that is not there."""
    if name == "Progbar":
        from striate.utils.progress import Progbar

        return Progbar
    if name in _SAVING:
        import importlib

        return getattr(importlib.import_module("striate.saving"), name)
    if name in INSTEAD:
        return refused(name, INSTEAD[name])
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, [*__all__, "Progbar"])
    raise AttributeError(f"module 'striate.utils' has no attribute {name!r}.{hint}")


guard(__name__)
