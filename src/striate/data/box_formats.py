"""Boxes in the formats that Keras names, and back: corners in pixels are ours."""

from __future__ import annotations

import numpy as np

# Of each format: which of left, top, width, height or right, bottom its numbers are, in their order.
_YX = ("yxyx", "center_yxhw")


def to_corners(boxes: np.ndarray, style: str, size: tuple[int, int]) -> np.ndarray:
    """Boxes (…, 4) as left, top, right and bottom in pixels, float32.

    boxes   in the format `style`, such as "rel_xywh"
    style   the format; see ``layers.pictures.BOX_FORMATS``
    size    (height, width) of the picture
    """
    a, b, c, d = np.moveaxis(np.asarray(boxes, np.float32), -1, 0)
    name = style.removeprefix("rel_")
    if name in _YX:
        a, b, c, d = b, a, d, c
    if name.startswith("center"):
        a, b = a - c / 2, b - d / 2
    if not name.endswith(("xyxy", "yxyx")):
        c, d = a + c, b + d
    corners = np.stack([a, b, c, d], -1)
    return corners * _sides(size) if style.startswith("rel_") else corners


def from_corners(corners: np.ndarray, style: str, size: tuple[int, int]) -> np.ndarray:
    """The way back of ``to_corners``.

    corners   left, top, right and bottom in pixels, (…, 4)
    style     the format
    size      (height, width) of the picture
    """
    a, b, c, d = np.moveaxis(corners / _sides(size) if style.startswith("rel_") else corners, -1, 0)
    name = style.removeprefix("rel_")
    if not name.endswith(("xyxy", "yxyx")):
        c, d = c - a, d - b
    if name.startswith("center"):
        a, b = a + c / 2, b + d / 2
    if name in _YX:
        a, b, c, d = b, a, d, c
    return np.stack([a, b, c, d], -1).astype(np.float32)


def _sides(size: tuple[int, int]) -> np.ndarray:
    return np.array([size[1], size[0], size[1], size[0]], np.float32)
