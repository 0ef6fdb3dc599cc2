"""Drawn scenes: simple shapes on a noisy ground, with labels, boxes and label maps; any number, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np

from striate.data.dataset import Dataset
from striate.data.pictures.preprocess import Preprocessing
from striate.errors import ArgumentError, unknown

Target = Literal["class", "masks"]
# Whether a point is in the shape; u to the right and v down run from -1 to 1 over the shape's square.
KINDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "circle": lambda u, v: u * u + v * v <= 1,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) <= 0.9,
    "triangle": lambda u, v: (abs(u) * 2 <= v + 1) & (v <= 1),
    "diamond": lambda u, v: abs(u) + abs(v) <= 1,
    "cross": lambda u, v: np.minimum(abs(u), abs(v)) <= 0.35,
    "ring": lambda u, v: (u * u + v * v <= 1) & (u * u + v * v >= 0.3),
}
_HIDDEN = 0.3  # the share of an earlier shape that later ones may cover
_TRIES = 10


def scenes(
    count: int = 1000,
    size: int = 64,
    seed: int = 0,
    kinds: Sequence[str] = ("circle", "square", "triangle"),
    shapes: tuple[int, int] = (1, 4),
    target: Target = "class",
    channels: int = 3,
    noise: int = 24,
) -> Dataset:
    """`count` pictures of `size` x `size` with shapes of random place, size and colour; the colour says nothing.

    kinds     which shapes, in class order: circle, square, triangle, diamond, cross, ring
    shapes    the least and the most shapes in a picture; where there is no room there are fewer, but never none
    target    what `y` is: "class", the kind of the shape with most visible pixels; "masks", a label map (size, size) in
              which 0 is "background" and the kinds follow, also in `classes` and `box_labels`
    noise     grey levels, up to which each pixel of the ground and the shapes is off, up or down

    Boxes are exact around the visible pixels of each shape, and so are the label maps; a shape keeps at
    least 70 % of its pixels in sight.  Picture i depends on `seed` and i alone: more pictures or fewer do not change it.

    channels  1 grey, 3 RGB

    Raises ArgumentError for values out of range and unknown shapes.
    """
    for what, value, low, high in (("count", count, 1, 1 << 24), ("size", size, 16, 4096), ("noise", noise, 0, 100)):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ArgumentError(f"scenes: {what} {value!r} must be a whole number from {low} to {high}.")
    if channels not in (1, 3):
        raise ArgumentError(f"scenes: channels {channels!r}; pictures have 1 (grey) or 3 (RGB).")
    if target not in get_args(Target):
        raise unknown("target of scenes", str(target), get_args(Target))
    if isinstance(kinds, str) or not kinds or len(set(kinds)) != len(kinds):
        raise ArgumentError(f"scenes: kinds {kinds!r} must list different shapes, at least one of {', '.join(KINDS)}.")
    for kind in kinds:
        if kind not in KINDS:
            raise unknown("shape", str(kind), KINDS)
    if len(shapes) != 2 or not 1 <= shapes[0] <= shapes[1] <= 50:
        raise ArgumentError(f"scenes: shapes {shapes!r} must be (least, most) from 1 to 50.")
    x = np.empty((count, size, size, channels), np.uint8)
    maps = np.empty((count, size, size), np.int64) if target == "masks" else None
    y, boxes, labels = np.empty(count, np.int64), [], []
    for i in range(count):
        rng = np.random.RandomState([seed % 2**32, i])
        numbers, owner = _draw(rng, x[i], kinds, shapes, noise)
        rectangles = [_box(owner == j) for j in range(len(numbers))]
        y[i] = numbers[int(np.bincount(owner[owner >= 0], minlength=len(numbers)).argmax())]
        boxes.append(np.array(rectangles, np.float32))
        labels.append(np.array(numbers, np.int64) + (maps is not None))
        if maps is not None:
            maps[i] = np.append(numbers, -1)[owner] + 1  # the owner -1 of the ground picks the last, which gives 0
    classes = tuple(kinds) if maps is None else ("background", *kinds)
    return Dataset(
        x,
        y if maps is None else maps,
        classes,
        "scenes",
        Preprocessing.pictures((size, size), channels),
        boxes=tuple(boxes),
        box_labels=tuple(labels),
    )


def _draw(
    rng: np.random.RandomState, pixels: np.ndarray, kinds: Sequence[str], shapes: tuple[int, int], noise: int
) -> tuple[list[int], np.ndarray]:
    """Paint one scene into `pixels`: (the kind of each shape, which shape each pixel shows or -1)."""
    size, channels = pixels.shape[0], pixels.shape[2]
    ground = np.asarray(rng.randint(40, 216, channels))
    slope = rng.randint(-30, 31, (2, channels))
    line = (np.arange(size) / (size - 1) - 0.5)[:, None]
    canvas = (ground + line[:, None] * slope[0] + line[None] * slope[1]).astype(np.int16)
    owner = np.full((size, size), -1, np.int64)
    areas: list[int] = []
    seen: list[int] = []  # of each shape, how many pixels later ones left to see
    numbers: list[int] = []
    for _ in range(rng.randint(shapes[0], shapes[1] + 1)):
        kind = int(rng.randint(len(kinds)))
        colour = _colour(rng, ground)
        for _ in range(_TRIES):
            side = int(rng.randint(max(7, round(size * 0.15)), max(8, round(size * 0.45)) + 1))
            top, left = rng.randint(0, size - side + 1, 2)
            part = slice(top, top + side), slice(left, left + side)
            centres = (2 * np.arange(side) + 1) / side - 1
            inside = KINDS[kinds[kind]](centres[None, :], centres[:, None])
            covered = np.bincount(owner[part][inside] + 1, minlength=len(areas) + 1)[1:]
            if all(s - c >= (1 - _HIDDEN) * area for s, c, area in zip(seen, covered, areas, strict=True)):
                owner[part][inside] = len(areas)
                canvas[part][inside] = colour
                areas.append(int(inside.sum()))
                seen = [*(s - int(c) for s, c in zip(seen, covered, strict=True)), areas[-1]]
                numbers.append(kind)
                break
    if noise:
        canvas += rng.randint(-noise, noise + 1, canvas.shape, np.int16)
    pixels[...] = canvas.clip(0, 255)
    return numbers, owner


def _colour(rng: np.random.RandomState, ground: np.ndarray) -> np.ndarray:
    """A random colour of which at least one channel differs from the ground's by 70 grey levels or more."""
    colour = np.asarray(rng.randint(0, 256, len(ground)))
    channel = int(rng.randint(len(ground)))
    away = int(rng.randint(70, 100))
    colour[channel] = ground[channel] + (away if ground[channel] < 128 else -away)
    return colour


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
