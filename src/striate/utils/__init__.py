"""Small tools of scripts, under Keras' names: pictures from a folder, one-hot labels, seeds, drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.graph import source_inputs as get_source_inputs
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
    from striate.utils.progress import Progbar as Progbar

Sequence = PyDataset  # Keras 2's name

__all__ = [
    "PyDataset",
    "Stream",
    "array_to_img",
    "clear_session",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_file",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "save_img",
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


def __getattr__(name: str) -> Any:
    """What needs more than the rest, and what to say of a name that is not there."""
    if name == "Progbar":
        from striate.utils.progress import Progbar

        return Progbar
    if name in INSTEAD:
        return refused(name, INSTEAD[name])
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, [*__all__, "Progbar"])
    raise AttributeError(f"module 'striate.utils' has no attribute {name!r}.{hint}")
