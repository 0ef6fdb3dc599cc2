"""Single pictures: from a file to an array and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data.pictures.decode import picture
from striate.data.pictures.formats import format_of_ending
from striate.data.pictures.resample import covering
from striate.errors import ArgumentError, DataError, unknown, warn

if TYPE_CHECKING:
    from PIL import Image

COLOURS = {"grayscale": 1, "rgb": 3, "rgba": 4}
FORMATS = ("channels_last", "channels_first")
_METHODS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def channels_of(color_mode: str) -> int:
    """1, 3 or 4.  Raises ArgumentError for another `color_mode` than "grayscale", "rgb" or "rgba"."""
    if color_mode not in COLOURS:
        raise unknown("color_mode", str(color_mode), COLOURS)
    return COLOURS[color_mode]


def first_channels(data_format: str | None) -> bool:
    """Whether a data_format says that channels come first.  Raises ArgumentError for an unknown one."""
    if data_format not in (None, *FORMATS):
        raise unknown("data_format", str(data_format), FORMATS)
    return data_format == "channels_first"


def coloured(source: Any, channels: int) -> Image.Image:
    """A picture of mode L, RGB or RGBA, upright.  Raises DataError for what is none."""
    return picture(source, channels)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | int | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image.Image:
    """A picture file as a PIL image, turned upright as its EXIF data says.

    path                a path, the bytes of a file, or an open file
    color_mode          "rgb", "grayscale" or "rgba"
    target_size         (height, width), or None: as it is
    interpolation       "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos", as Pillow resizes
    keep_aspect_ratio   cut the middle of the target's shape out first, so that nothing is stretched

    Raises DataError for what is no picture, ArgumentError for an unknown word.
    """
    channels = channels_of(color_mode)
    if interpolation not in _METHODS:
        raise unknown("interpolation", str(interpolation), _METHODS)
    image = coloured(path, channels)
    if target_size is None:
        return image
    from PIL import Image

    height, width = (target_size, target_size) if isinstance(target_size, int) else target_size
    method = Image.Resampling[interpolation.upper()]
    if image.size == (width, height):
        return image
    if not keep_aspect_ratio:
        return image.resize((width, height), method)
    top, left, tall, wide = covering((image.height, image.width), (height, width))
    return image.resize((width, height), method, box=(left, top, left + wide, top + tall))


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """A PIL image as an array, float32 (height, width, channels), 0 to 255.

    img           a PIL image, or an array (H, W) or (H, W, C)
    data_format   None or "channels_last"; "channels_first" gives (channels, height, width)
    dtype         of the array; None: "float32"

    Raises DataError for what is no picture, ArgumentError for an unknown data_format.
    """
    first = first_channels(data_format)
    values = np.asarray(img, dtype or "float32")
    if values.ndim not in (2, 3):
        raise DataError(f"img_to_array: a picture is (H, W) or (H, W, C), not {values.shape}.")
    values = values if values.ndim == 3 else values[..., None]
    return values.transpose(2, 0, 1) if first else values


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Image.Image:
    """An array as a PIL image.

    x             (height, width, channels) of 1, 3 or 4 channels
    data_format   None or "channels_last"; "channels_first" for (channels, height, width)
    scale         stretch the values so that the smallest is 0 and the largest 255
    dtype         that is computed in; None: "float32"

    Raises DataError for another shape, ArgumentError for an unknown data_format.
    """
    from PIL import Image

    first = first_channels(data_format)
    values = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x).astype(dtype or "float32")
    if values.ndim != 3:
        raise DataError(f"array_to_img takes one picture, (height, width, channels), not {values.shape}.")
    values = values.transpose(1, 2, 0) if first else values
    if scale:
        values = values - values.min()
        highest = values.max()
        values = values / (highest if highest else 1) * 255
    if values.shape[2] not in COLOURS.values():
        raise DataError(f"array_to_img: a picture has 1, 3 or 4 channels, not {values.shape[2]}.")
    if values.shape[2] == 1 and values.max() > 255:
        return Image.fromarray(values[..., 0].astype(np.int32))
    whole = np.ascontiguousarray(values.astype(np.uint8))
    return Image.fromarray(whole[..., 0] if whole.shape[2] == 1 else whole)


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **options: Any,
) -> None:
    """Write an array as a picture file.

    path          of the file, or an open file
    x             as for ``array_to_img``
    data_format   as for ``array_to_img``
    file_format   such as "png"; None: what the path ends in
    scale         stretch the values to 0..255 first
    options       what Pillow's ``save`` takes, such as quality=95

    Raises DataError for what is no picture or a format that is unknown, ArgumentError for an unknown data_format.
    """
    named = Path(path).suffix[1:] if isinstance(path, str | os.PathLike) else ""
    said = file_format or named
    kind = (format_of_ending(f".{said}") or said) or None
    image = array_to_img(x, data_format, scale)
    if image.mode == "RGBA" and str(kind).lower() == "jpeg":
        warn("JPEG has no transparency: the picture is written as RGB.")
        image = image.convert("RGB")
    try:
        image.save(path, format=kind, **options)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be written as {kind!r} ({error}).") from None


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str | None = "channels_last"
) -> np.ndarray:
    """Pictures of another size without stretching: the largest middle part of that shape, resized.  float32.

    x               (height, width, channels), or a batch of them
    size            (height, width)
    interpolation   as for ``image_dataset_from_directory``
    data_format     None, "channels_last" or "channels_first"

    Raises DataError for another shape, ArgumentError for an unknown word.
    """
    from striate.data.pictures.resample import resample

    first = first_channels(data_format)
    values = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    if values.ndim not in (3, 4):
        raise DataError(f"smart_resize takes (H, W, C) or (N, H, W, C), not {values.shape}.")
    if len(size) != 2:
        raise ArgumentError(f"smart_resize: size is (height, width), not {size!r}.")
    values = np.moveaxis(values, -3, -1) if first else values
    batch = values if values.ndim == 4 else values[None]
    made = np.stack([resample(each, (size[0], size[1]), interpolation, "crop") for each in batch])
    made = made if values.ndim == 4 else made[0]
    return np.moveaxis(made, -1, -3) if first else made
