"""Boxes in the formats that Keras names, and back: corners in pixels are ours.  NumPy arrays and torch tensors alike."""

from __future__ import annotations

from typing import Any

import numpy as np

_YX = ("yxyx", "center_yxhw")  # the formats that name what is down before what is across


def to_corners(boxes: Any, style: str, size: tuple[int, int]) -> Any:
    """Boxes (…, 4) as left, top, right and bottom in pixels; whole numbers become float32.

    boxes   in the format `style`, such as "rel_xywh"
    style   the format; see ``layers.pictures.BOX_FORMATS``
    size    (height, width) of the picture
    """
    a, b, c, d = _parts(boxes)
    name = style.removeprefix("rel_")
    if name in _YX:
        a, b, c, d = b, a, d, c
    if name.startswith("center"):
        a, b = a - c / 2, b - d / 2
    if not name.endswith(("xyxy", "yxyx")):
        c, d = a + c, b + d
    if style.startswith("rel_"):
        height, width = size
        a, b, c, d = a * width, b * height, c * width, d * height
    return _stack(a, b, c, d)


def from_corners(corners: Any, style: str, size: tuple[int, int]) -> Any:
    """The way back of ``to_corners``.

    corners   left, top, right and bottom in pixels, (…, 4)
    style     the format
    size      (height, width) of the picture
    """
    a, b, c, d = _parts(corners)
    name = style.removeprefix("rel_")
    if style.startswith("rel_"):
        height, width = size
        a, b, c, d = a / width, b / height, c / width, d / height
    if not name.endswith(("xyxy", "yxyx")):
        c, d = c - a, d - b
    if name.startswith("center"):
        a, b = a + c / 2, b + d / 2
    if name in _YX:
        a, b, c, d = b, a, d, c
    return _stack(a, b, c, d)


def _parts(boxes: Any) -> list[Any]:
    """The four numbers of each box, as floats."""
    if hasattr(boxes, "is_floating_point"):
        boxes = boxes if boxes.is_floating_point() else boxes.float()
    else:
        boxes = np.asarray(boxes)
        boxes = boxes if boxes.dtype.kind == "f" else boxes.astype(np.float32)
    return [boxes[..., i] for i in range(4)]


def _stack(*parts: Any) -> Any:
    if isinstance(parts[0], np.ndarray | np.generic):
        return np.stack(parts, -1)
    import torch

    return torch.stack(parts, -1)
