"""Augmentation outside a network: pictures with their boxes and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from striate.data.dataset import Dataset
from striate.errors import ArgumentError, DataError, ShapeError
from striate.graph import Layer
from striate.layers.augment import Augmentation
from striate.wording import plural

_CHUNK = 256  # pictures that are float32 at once


class Augmented(NamedTuple):
    """What ``augment`` gives: arrays like those it got.

    kept    for each picture, which of its boxes are left, int64: index anything else that goes with boxes by it
    """

    pictures: np.ndarray
    boxes: tuple[np.ndarray, ...] | None
    box_labels: tuple[np.ndarray, ...] | None
    masks: np.ndarray | None
    kept: tuple[np.ndarray, ...] | None


def augment(
    pictures: Any,
    boxes: Sequence[Any] | None = None,
    box_labels: Sequence[Any] | None = None,
    masks: Any = None,
    *,
    layers: Layer | Sequence[Layer],
    seed: int = 0,
    least: float = 0.25,
    mask_fill: int = 0,
) -> Augmented:
    """Pictures changed as augmentation layers change them in training, boxes and masks moved with them.

    pictures    (N, H, W, C), uint8 or float.  uint8 stays uint8; for the layers its 0 to 255 are their value range
    boxes       for each picture (n, 4): x1, y1, x2, y2 in pixels, the ends exclusive.  A box becomes the upright box
                around what the picture shows of the moved one
    box_labels  for each picture (n,); the labels of boxes that are left stay
    masks       (N, H, W) label maps, read at the nearest pixel
    layers      one layer such as ``layers.RandomFlip``, or several in their order
    seed        decides all amounts: the same for the same pictures, whatever was drawn before and in any process
    least       boxes that keep less than this part of their area inside the picture are dropped, 0 to 1
    mask_fill   the label of what comes in from outside with fill_mode="constant"

    With fill_mode "reflect" or "wrap" a picture can show an object twice; only the first has a box, so use "constant" or
    "nearest" for detection.  Raises ArgumentError, DataError or ShapeError for what does not fit.
    """
    import torch

    from striate import backend

    chain = (
        layers if isinstance(layers, Augmentation) else Augmentation([layers] if isinstance(layers, Layer) else layers)
    )
    given = np.asarray(pictures)
    if given.ndim != 4 or not len(given) or not (given.dtype == np.uint8 or given.dtype.kind == "f"):
        raise DataError(f"augment takes pictures (N, H, W, C), uint8 or float; it got {given.dtype} {given.shape}.")
    if not 0 <= least <= 1:
        raise ArgumentError(f"augment: least is a part of a box, from 0 to 1, not {least}.")
    try:
        chain.shape(given.shape[1:])
    except ShapeError as error:
        raise ShapeError(f"augment: Augmentation {error}") from None
    bent = next((layer.kind for layer in chain.steps() if layer.bends), None)
    if bent is not None and (boxes is not None or masks is not None):
        raise ArgumentError(f"augment: boxes and masks cannot follow {bent}. Leave it out, or give pictures alone.")
    held, names = _boxes(boxes, box_labels, len(given))
    maps = None if masks is None else _masks(masks, given.shape)
    module = backend.augmentation(chain.change()).train()
    low, high = _value_range(chain) if given.dtype == np.uint8 else (0.0, 1.0)
    moved: list[Any] = []
    backs: list[Any] = []
    labels: list[Any] = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        for start in range(0, len(given), _CHUNK):
            part = slice(start, start + _CHUNK)
            x = torch.tensor(given[part], dtype=torch.float32).movedim(-1, 1)
            x = x * ((high - low) / 255) + low if given.dtype == np.uint8 else x
            mask = None if maps is None else torch.tensor(maps[part], dtype=torch.float64)[:, None]
            x, back, mask = module.moved(x, mask, float(mask_fill))
            x = ((x - low) * (255 / (high - low))).round().clamp(0, 255) if given.dtype == np.uint8 else x
            moved.append(x.movedim(1, -1).numpy().astype(given.dtype))
            backs.append(back.double().numpy())
            labels.append(None if mask is None else mask[:, 0].round().long().numpy())
    new = np.ascontiguousarray(np.concatenate(moved))
    new_masks: np.ndarray | None = None if maps is None else np.concatenate(labels)
    if held is None:
        return Augmented(new, None, None, new_masks, None)
    forward = np.linalg.inv(np.concatenate(backs))
    followed = [move_boxes(b, matrix, new.shape[1:3], least) for b, matrix in zip(held, forward, strict=True)]
    kept = tuple(which for _, which in followed)
    left = None if names is None else tuple(n[which] for n, which in zip(names, kept, strict=True))
    return Augmented(new, tuple(box for box, _ in followed), left, new_masks, kept)


def moved_corners(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Where the corners of boxes (n, 4) go under a matrix (3, 3) of pixel places: (n, 4, 2), x and y, clockwise."""
    x1, y1, x2, y2 = boxes.astype(np.float64).T
    corners = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], 1).reshape(len(boxes), 4, 2)
    return (corners @ matrix[:2, :2].T + matrix[:2, 2]).round(4)  # type: ignore[no-any-return]  # the matrix is float32


def move_boxes(
    boxes: np.ndarray, matrix: np.ndarray, size: tuple[int, int], least: float = 0.25
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) under a matrix (3, 3) of pixel places, in a picture of `size` (height, width).

    Returns the upright boxes around what the picture shows of the moved boxes, float32; and the numbers of the boxes that
    are left: those of which the upright box has area, and at least `least` of what it would have in an endless picture.
    """
    count, frame = len(boxes), np.array([size[1], size[0]], np.float64)
    moved = moved_corners(boxes, matrix)
    # Each edge clipped to the picture (Liang & Barsky 1984): begin + t * along with t from `enter` to `leave`.
    along = np.roll(moved, -1, axis=1) - moved
    still = along == 0
    ends = np.stack([-moved, frame - moved]) / np.where(still, 1, along)
    outside = (still & ((moved < 0) | (moved > frame))).any(-1)
    enter = np.where(still, 0, ends.min(0)).max(-1).clip(0)
    leave = np.where(still, 1, ends.max(0)).min(-1).clip(None, 1)
    seen = (enter <= leave) & ~outside
    points = [moved + t[..., None] * along for t in (enter, leave)]
    # Corners of the picture within the moved box belong to it too.
    sides = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * frame
    back = (sides - matrix[:2, 2]) @ np.linalg.inv(matrix[:2, :2]).T
    within = ((back >= boxes[:, None, :2]) & (back <= boxes[:, None, 2:])).all(-1)
    every = np.concatenate([*points, np.broadcast_to(sides, (count, 4, 2))], 1)
    counted = np.concatenate([seen, seen, within], 1)[..., None]
    low, high = np.where(counted, every, np.inf).min(1), np.where(counted, every, -np.inf).max(1)
    shown = np.concatenate([low, high], 1)
    after = np.prod(np.where(counted.any(1), high - low, 0), -1)
    before = np.prod(moved.max(1) - moved.min(1), -1)
    kept = np.flatnonzero((after > 0) & (after >= least * before))
    return shown[kept].clip(0, [*frame, *frame]).astype(np.float32), kept


def augmented(
    dataset: Dataset, layers: Layer | Sequence[Layer], *, seed: int = 0, least: float = 0.25, mask_fill: int = 0
) -> Dataset:
    """A data set of changed pictures, boxes and label maps moved with them; see ``augment``.

    dataset    a `Dataset` of pictures
    layers     augmentation layers, in the order in which they are applied
    seed       of what is drawn
    least      the share of a box that must be left
    mask_fill  the label of pixels that come from outside

    Raises ArgumentError, DataError or ShapeError for what is no picture set, or layers that cannot be applied to it.
    """
    maps = dataset.y if dataset.y is not None and dataset.y.ndim == 3 and dataset.y.dtype == np.int64 else None
    done = augment(
        dataset.x,
        dataset.boxes,
        dataset.box_labels,
        maps,
        layers=layers,
        seed=seed,
        least=least,
        mask_fill=mask_fill,
    )
    y = dataset.y if maps is None else done.masks
    ignored = dataset.box_ignored
    if ignored is not None and done.kept is not None:
        ignored = tuple(flags[which] for flags, which in zip(ignored, done.kept, strict=True))
    return replace(dataset, x=done.pictures, y=y, boxes=done.boxes, box_labels=done.box_labels, box_ignored=ignored)


def _value_range(chain: Augmentation) -> tuple[float, float]:
    """What black and white of uint8 pictures become for the layers: their value range, which must be the same in all."""
    ranges = {layer.value_range: layer.kind for layer in chain.steps() if hasattr(layer, "value_range")}
    if len(ranges) > 1:
        said = ", ".join(f"{kind} {pair}" for pair, kind in ranges.items())
        raise ArgumentError(f"augment: uint8 pictures have one value range, the layers have several: {said}.")
    return next(iter(ranges), (0.0, 1.0))


def _boxes(
    boxes: Sequence[Any] | None, labels: Sequence[Any] | None, count: int
) -> tuple[list[np.ndarray] | None, list[np.ndarray] | None]:
    if boxes is None:
        if labels is not None:
            raise DataError("augment: box_labels without boxes. Give both.")
        return None, None
    held = [np.asarray(b, np.float32).reshape(-1, 4) if np.size(b) % 4 == 0 else np.asarray(b) for b in boxes]
    if len(held) != count or any(b.ndim != 2 or b.shape[1] != 4 for b in held):
        raise DataError(
            f"augment: boxes are an array (n, 4) for each of {plural(count, 'picture')}; it got "
            f"{plural(len(held), 'array')}."
        )
    if labels is None:
        return held, None
    names = [np.asarray(n) for n in labels]
    if len(names) != count or any(len(n) != len(b) for n, b in zip(names, held, strict=True)):
        raise DataError("augment: box_labels has one label for each box of each picture; the numbers differ.")
    return held, names


def _masks(masks: Any, shape: tuple[int, ...]) -> np.ndarray:
    maps = np.asarray(masks)
    if maps.shape != shape[:3] or maps.dtype.kind not in "iub":
        raise DataError(
            f"augment: masks are whole numbers {shape[:3]}, as the pictures; it got {maps.dtype} {maps.shape}."
        )
    return maps
