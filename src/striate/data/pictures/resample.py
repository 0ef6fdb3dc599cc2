"""Pictures as floats of another size, without smoothing before: what ``tf.image.resize`` computes.

A pixel is a square; the middle of output pixel i lies at (i + 0.5) · in / out - 0.5 of the input.  ``Preprocessing`` smooths
when it makes pictures smaller, as Pillow does; this does not, and gives floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from striate.errors import unknown


def _keys(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _mitchell(x: np.ndarray) -> np.ndarray:
    """Mitchell and Netravali's cubic with B = C = 1/3."""
    x = np.abs(x)
    near = ((7 * x - 12) * x * x + 16 / 3) / 6
    far = (((-7 / 3 * x + 12) * x - 20) * x + 32 / 3) / 6
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


def _gaussian(x: np.ndarray) -> np.ndarray:
    """A normal density of deviation 0.5, cut off at 1.5."""
    return np.where(np.abs(x) < 1.5, np.exp(-(x**2) / 0.5), 0.0)


_KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1, lambda x: np.maximum(1 - np.abs(x), 0)),
    "bicubic": (2, _keys),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, _gaussian),
    "mitchellcubic": (2, _mitchell),
}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def resample(
    picture: np.ndarray, size: tuple[int, int], interpolation: str = "bilinear", aspect: str = "stretch"
) -> np.ndarray:
    """(H, W, C) of any numbers -> float32 (height, width, C).

    picture         (H, W, C)
    size            (height, width)
    interpolation   one of `INTERPOLATIONS`
    aspect          "stretch"; "crop": the largest middle part of the target's shape; "pad": the whole with zeros around

    Raises ArgumentError for an unknown interpolation.
    """
    if interpolation not in INTERPOLATIONS:
        raise unknown("interpolation", str(interpolation), INTERPOLATIONS)
    if aspect == "crop":
        top, left, tall, wide = covering((picture.shape[0], picture.shape[1]), size)
        picture = picture[top : top + tall, left : left + wide]
    if aspect == "pad":
        top, left, tall, wide = fitting((picture.shape[0], picture.shape[1]), size)
        canvas = np.zeros((*size, picture.shape[2]), np.float32)
        canvas[top : top + tall, left : left + wide] = _scaled(picture, (tall, wide), interpolation)
        return canvas
    return _scaled(picture, size, interpolation)


def covering(have: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the largest middle part of (H, W) that has the shape of another size."""
    (height, width), (tall, wide) = have, wanted
    part = max(min(height, int(width * tall / wide)), 1), max(min(width, int(height * wide / tall)), 1)
    return int((height - part[0]) / 2), int((width - part[1]) / 2), *part


def fitting(have: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of where a whole picture of (H, W) goes in the middle of another size, unstretched."""
    (height, width), (tall, wide) = have, wanted
    ratio = max(height / tall, width / wide)
    inner = max(1, math.floor(height / ratio)), max(1, math.floor(width / ratio))
    return (tall - inner[0]) // 2, (wide - inner[1]) // 2, *inner


def _scaled(picture: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    height, width = size
    if picture.shape[:2] == size:
        return picture.astype(np.float32)
    if interpolation == "nearest":
        rows, columns = _nearest(picture.shape[0], height), _nearest(picture.shape[1], width)
        return picture[rows][:, columns].astype(np.float32)
    if interpolation == "bilinear":
        return _between(_between(picture, 0, height), 1, width)
    rows, columns = _table(picture.shape[0], height, interpolation), _table(picture.shape[1], width, interpolation)
    return np.einsum("hH,HWc,wW->hwc", rows, picture.astype(np.float32), columns, optimize=True)


@lru_cache(maxsize=256)
def _nearest(have: int, wanted: int) -> np.ndarray:
    return np.minimum(np.floor((np.arange(wanted) + 0.5) * have / wanted).astype(np.int64), have - 1)


@lru_cache(maxsize=256)
def _neighbours(have: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each output place: the input places on both sides, and the share of the second."""
    place = np.maximum((np.arange(wanted) + 0.5) * have / wanted - 0.5, 0)
    low = np.minimum(np.floor(place).astype(np.int64), have - 1)
    return low, np.minimum(low + 1, have - 1), (place - low).astype(np.float32)


def _between(values: np.ndarray, axis: int, wanted: int) -> np.ndarray:
    """Linear interpolation along an axis of (H, W, C)."""
    if values.shape[axis] == wanted:
        return values.astype(np.float32)
    low, high, share = _neighbours(values.shape[axis], wanted)
    first, second = (values.take(places, axis).astype(np.float32) for places in (low, high))
    return first + (second - first) * (share[:, None, None] if axis == 0 else share[:, None])


@lru_cache(maxsize=256)
def _table(have: int, wanted: int, interpolation: str) -> np.ndarray:
    """What each input place counts in each output place, float32 (wanted, have); a row adds up to 1."""
    if interpolation == "area":
        low, high = (np.arange(wanted + n) * have / wanted for n in (0, 1))
        starts, ends = low[:wanted, None], high[1 : wanted + 1, None]
        cells = np.arange(have)
        table = np.clip(np.minimum(ends, cells + 1) - np.maximum(starts, cells), 0, None)
    else:
        _, kernel = _KERNELS[interpolation]
        middle = (np.arange(wanted) + 0.5) * have / wanted - 0.5
        table = kernel(np.arange(have) - middle[:, None])
    return (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
