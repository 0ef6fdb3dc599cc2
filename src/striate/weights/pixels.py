"""What published weights want of a picture."""

from __future__ import annotations

from typing import Any

from striate.data import Preprocessing
from striate.graph import Shape
from striate.weights.source import Source

# Means and deviations over ImageNet's training pictures, as the libraries subtract and divide.
_PIXELS: dict[str, dict[str, Any]] = {
    "torch": {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "caffe": {"mean": (103.939, 116.779, 123.68), "order": "bgr"},
    "mean": {"mean": (123.68, 116.779, 103.939)},
    "tf": {"scale": 1 / 127.5, "mean": (1.0, 1.0, 1.0)},
    "unit": {"scale": 1 / 255},
    "raw": {},
}


def arithmetic_of(pixels: str) -> Preprocessing:
    """What is done to the numbers of RGB pictures, 0 to 255, and to nothing else.

    pixels   "torch", "caffe", "mean", "tf", "unit" or "raw", as ``Source`` has it
    """
    return Preprocessing(channels=3, **_PIXELS[pixels])


def preprocessing_of(source: Source, input_shape: Shape) -> Preprocessing | None:
    """What a source's weights want of a picture, for a network with this input (H, W, 3); None for other inputs.

    The shorter side is scaled to `source.shorter_side` (None: 8/7 of the input's, as 256 to 224) and the middle cut out.

    source         published weights
    input_shape    of the network, (H, W, C)
    """
    if len(input_shape) != 3 or input_shape[2] != 3:
        return None
    height, width, _ = input_shape
    side = source.shorter_side
    if side is None or side < max(height, width):
        side = round(max(height, width) * 8 / 7)
    return Preprocessing(
        image_size=(height, width),
        channels=3,
        resize="crop",
        shorter_side=side,
        interpolation=source.interpolation,
        **_PIXELS[source.pixels],
    )
