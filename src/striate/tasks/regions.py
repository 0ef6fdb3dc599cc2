"""Regions of a picture as a network's inputs, and what it learns to say of where they should be."""

from __future__ import annotations

import math

import numpy as np

from striate.tasks.boxes import clip

_FAR = math.log(1000 / 16)  # how many times larger than its region a box can be said to be


def crops(
    picture: np.ndarray, boxes: np.ndarray, size: tuple[int, int], context: int, fill: tuple[int, ...]
) -> np.ndarray:
    """uint8 (n, height, width, C): each region, warped to the size of a network whatever its shape.

    picture   uint8 (H, W, C)
    boxes     (n, 4), corners in pixels
    size      (height, width) of the result
    context   pixels of the result, on each side, that show what is around the region
    fill      the colour beyond the picture, one number a channel

    Girshick et al. 2014, appendix A: "tightest square without context" and others did worse.
    """
    from PIL import Image

    height, width = size
    around = np.asarray(boxes, np.float64).reshape(-1, 4)
    sides = np.maximum(around[:, 2:] - around[:, :2], 1e-3)
    margin = sides * np.array([context / (width - 2 * context), context / (height - 2 * context)])
    around = np.concatenate([around[:, :2] - margin, around[:, 2:] + margin], 1)
    beyond = int(
        np.ceil(max(0.0, (-around[:, :2]).max(initial=0), (around[:, 2:] - picture.shape[1::-1]).max(initial=0)))
    )
    canvas = np.empty((picture.shape[0] + 2 * beyond, picture.shape[1] + 2 * beyond, picture.shape[2]), np.uint8)
    canvas[:] = fill
    canvas[beyond : beyond + picture.shape[0], beyond : beyond + picture.shape[1]] = picture
    image = Image.fromarray(canvas[..., 0] if canvas.shape[2] == 1 else canvas)
    made = np.empty((len(around), height, width, picture.shape[2]), np.uint8)
    corners = np.clip(around + beyond, 0, [*image.size, *image.size])
    for out, box in zip(made, corners, strict=True):
        out[:] = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=tuple(box))).reshape(out.shape)
    return made


def offsets(regions: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(n, 4): how far each box is from its region: t_x, t_y, t_w, t_h.

    regions, boxes   (n, 4), corners in pixels

    Girshick et al. 2014, appendix C: the middles' distance as a part of the region's sides, and the logarithms of how many
    times as wide and high the box is.
    """
    middle, sides = _middles(regions)
    other, wanted = _middles(boxes)
    return np.concatenate([(other - middle) / sides, np.log(wanted / sides)], 1)


def shifted(regions: np.ndarray, moves: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(n, 4): the boxes that are so far from their regions; ``offsets`` turned round, cut off at the picture's sides.

    regions   (n, 4), corners in pixels
    moves     (n, 4): t_x, t_y, t_w, t_h
    size      (height, width) of the picture
    """
    middle, sides = _middles(regions)
    middle = middle + moves[:, :2] * sides
    half = sides * np.exp(np.clip(moves[:, 2:], -_FAR, _FAR)) / 2
    return clip(np.concatenate([middle - half, middle + half], 1), size)


def _middles(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    corners = np.asarray(boxes, np.float64)
    return (corners[:, :2] + corners[:, 2:]) / 2, np.maximum(corners[:, 2:] - corners[:, :2], 1e-3)
