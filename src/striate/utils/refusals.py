"""Names that scripts know and striate has not, each with the line that replaces it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate.errors import ArgumentError

_IMAGES = "image_dataset_from_directory(directory, image_size=(H, W), batch_size=32)"
# arguments of Keras 2's ImageDataGenerator, and the layer that does the same
_GENERATOR = {
    "rescale": "layers.Rescaling({})",
    "rotation_range": "layers.RandomRotation({} / 360)",
    "width_shift_range": "layers.RandomTranslation(0, {})",
    "height_shift_range": "layers.RandomTranslation({}, 0)",
    "shear_range": "layers.RandomShear({})",
    "zoom_range": "layers.RandomZoom({})",
    "horizontal_flip": 'layers.RandomFlip("horizontal")',
    "vertical_flip": 'layers.RandomFlip("vertical")',
    "brightness_range": "layers.RandomBrightness({})",
    "channel_shift_range": "layers.RandomBrightness({})",
    "featurewise_center": "layers.Normalization(), then its adapt(images)",
    "featurewise_std_normalization": "layers.Normalization(), then its adapt(images)",
    "preprocessing_function": "that function called on the inputs",
}

INSTEAD = {
    "text_dataset_from_directory": "Texts are read by data.load and data.read_imdb, and Vocabulary makes them token ids.",
    "audio_dataset_from_directory": "striate reads pictures and texts; give audio as arrays (N, samples, channels).",
    "timeseries_dataset_from_array": "Make the windows with np.lib.stride_tricks.sliding_window_view and give the array.",
    "model_to_dot": "utils.plot_model(model) and model.draw('model.svg') draw it without Graphviz.",
    "FeatureSpace": "striate has no tables of features; give arrays of numbers.",
    "Config": "Use a dict or a dataclass.",
    "bounding_boxes": "A Dataset has boxes, and data.Geometry and data.augment move them along with pictures.",
    "standardize_dtype": "Use numpy.dtype(name).name.",
    "is_keras_tensor": "Use isinstance(x, st.graph.SymbolicTensor).",
    "legacy": "Use layers and arrays instead.",
}


def refused(name: str, instead: str) -> Callable[..., Any]:
    """What stands for a name that is not there: calling it raises ArgumentError, which says what to write instead."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise ArgumentError(f"striate has no {name} (Keras has). {instead}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Not in striate. {instead}"
    return refuse


class ImageDataGenerator:
    """Keras 2's generator of pictures, which Keras 3 has not either.  Making one raises ArgumentError with the lines that
    replace it, for the arguments that were given.

    args       as Keras 2 has them
    arguments  the same by name
    """

    def __init__(self, *args: Any, **arguments: Any) -> None:
        given = {key: value for key, value in arguments.items() if key in _GENERATOR and value not in (None, False, 0)}
        layers = ", ".join(dict.fromkeys(_GENERATOR[key].format(_said(value)) for key, value in given.items()))
        split = arguments.get("validation_split")
        images = f'{_IMAGES[:-1]}, validation_split={split}, subset="both", seed=0)' if split else _IMAGES
        raise ArgumentError(
            f"striate has no ImageDataGenerator. Write utils.{images}"
            + (f", and put the rest into the model: Sequential([{layers}])." if layers else ".")
        )


def _said(value: Any) -> str:
    return f"1 / {round(1 / value)}" if isinstance(value, float) and 0 < value < 0.01 else repr(value)
