"""Boxes: their formats, how far two overlap, which of many stand for the same thing.

A box is left, top, right and bottom in pixels, its ends just beyond it: (0, 0, 1, 1) is the first pixel.  Everything here
takes NumPy arrays, lists or torch tensors and gives back what it got; sides that are swapped count as a box without
area.  Overlaps and areas of whole numbers are reckoned in float64, those of half precision in float32: small types would
wrap round, or overflow at boxes of 256 pixels a side.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from striate.data.box_formats import from_corners, to_corners
from striate.described import whole
from striate.errors import ArgumentError, DataError, unknown
from striate.layers.pictures import BOX_FORMATS
from striate.wording import inner

__all__ = ["Suppressed", "area", "clip", "convert", "iou", "iou_matrix", "soft_suppress", "suppress"]

T = TypeVar("T")
Overlap = Literal["iou", "giou", "diou", "ciou"]
_OVERLAPS = ("iou", "giou", "diou", "ciou")
_TOGETHER, _CELLS = 128, 1 << 20  # overlaps that suppression computes at a time: a call of NumPy takes as long as 1,000


def convert(boxes: T, source: str, target: str, size: tuple[int, int] | None = None) -> T:
    """Boxes in another format.

    boxes     (…, 4)
    source    their format: "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", or "rel_…", in parts of the sides
    target    the format that is wanted
    size      (height, width) of the picture; only from or to a "rel_…" format

    Raises ArgumentError for a format that is not known, and where a size is needed; DataError for what is no boxes.
    """
    for name in (source, target):
        if name not in BOX_FORMATS:
            raise unknown("format of boxes", str(name), BOX_FORMATS)
    relative = [name.startswith("rel_") for name in (source, target)]
    if any(relative) and size is None:
        raise ArgumentError(f'convert: from "{source}" to "{target}" needs the size (height, width) of the picture.')
    given = _checked(boxes, "convert")
    if source == target:
        return boxes
    sides = (1, 1) if size is None else _sides(size, "convert")
    return from_corners(to_corners(given, source, sides), target, sides)  # type: ignore[no-any-return]


def area(boxes: T) -> T:
    """The areas (…) of boxes (…, 4) in square pixels; 0 where a side is not positive.

    boxes   corners in pixels

    Raises DataError for what is no boxes.
    """
    given = _roomy(boxes, "area")
    width, height = given[..., 2] - given[..., 0], given[..., 3] - given[..., 1]
    return width.clip(0, None) * height.clip(0, None)  # type: ignore[no-any-return]


def clip(boxes: T, size: tuple[int, int]) -> T:
    """Boxes (…, 4) cut off at the sides of their picture.

    boxes   corners in pixels
    size    (height, width) of the picture

    Raises DataError for what is no boxes, ArgumentError for a size that is none.
    """
    given = _checked(boxes, "clip")
    height, width = _sides(size, "clip")
    xp = _room(given)
    if "int" in str(given.dtype):  # small types hold no larger sides, and no box reaches beyond what they hold
        most = int(xp.iinfo(given.dtype).max)
        height, width = (side if side <= most else most for side in (height, width))
    sides = (given[..., 0].clip(0, width), given[..., 1].clip(0, height))
    return xp.stack((*sides, given[..., 2].clip(0, width), given[..., 3].clip(0, height)), -1)  # type: ignore[no-any-return]


def iou(a: T, b: T, kind: Overlap = "iou") -> T:
    """How far boxes overlap, pair by pair: (…) of (…, 4) and (…, 4), which broadcast.

    a, b    corners in pixels
    kind    "iou"   the area that both cover over the area that either covers, 0 to 1 (Jaccard); 0 where neither has area
            "giou"  less the part of the smallest box around both that neither covers, -1 to 1 (Rezatofighi et al. 2019)
            "diou"  less the squared distance of the centres over that of the smallest box's corners, -1 to 1 (Zheng et al.
                    2020)
            "ciou"  "diou" less how much the ratios of the sides differ (the same paper)

    All but "iou" tell boxes apart that do not touch, so that a loss 1 - x has a gradient there; gradients are finite.
    Raises ArgumentError for another kind, DataError for what is no boxes.
    """
    if kind not in _OVERLAPS:
        raise unknown("overlap", str(kind), _OVERLAPS)
    one, two = _both(a, b, "iou")
    xp = _room(one)
    low = xp.maximum(one[..., :2], two[..., :2])
    high = xp.minimum(one[..., 2:], two[..., 2:])
    both = (high - low).clip(0, None).prod(-1)
    either = area(one) + area(two) - both
    shared = _ratio(xp, both, either)
    if kind == "iou":
        return shared  # type: ignore[no-any-return]
    # of swapped sides, too, the box around holds both ends, so that no distance is longer than its diagonal
    far = xp.maximum(*(xp.maximum(box[..., :2], box[..., 2:]) for box in (one, two)))
    around = far - xp.minimum(*(xp.minimum(box[..., :2], box[..., 2:]) for box in (one, two)))
    if kind == "giou":
        hull = around.prod(-1)
        return shared - _ratio(xp, hull - either, hull)  # type: ignore[no-any-return]
    apart = ((one[..., :2] + one[..., 2:] - two[..., :2] - two[..., 2:]) ** 2).sum(-1) / 4
    value = shared - _ratio(xp, apart, (around**2).sum(-1))
    if kind == "diou":
        return value  # type: ignore[no-any-return]
    angles = [
        xp.arctan2((box[..., 2] - box[..., 0]).clip(1e-7), (box[..., 3] - box[..., 1]).clip(1e-7)) for box in (one, two)
    ]
    differing = (angles[0] - angles[1]) ** 2 * (4 / math.pi**2)
    share = _ratio(xp, differing, 1 - shared + differing)  # grows with the overlap; no gradient goes through it
    return value - (share.detach() if hasattr(share, "detach") else share) * differing  # type: ignore[no-any-return]


def iou_matrix(a: T, b: T, kind: Overlap = "iou") -> T:
    """How far each box of `a` overlaps each of `b`: (…, n, m) of (…, n, 4) and (…, m, 4).

    a, b    corners in pixels
    kind    as for ``iou``

    Raises ArgumentError for another kind, DataError for what is no boxes.
    """
    one, two = _both(a, b, "iou_matrix")
    return iou(one[..., :, None, :], two[..., None, :, :], kind)  # type: ignore[no-any-return]


class Suppressed(NamedTuple):
    """What suppression left.

    kept     which boxes, int64 (k,), the highest score first
    scores   their scores, (k,); of ``soft_suppress`` the lowered ones
    """

    kept: np.ndarray
    scores: np.ndarray


def suppress(
    boxes: Any,
    scores: Any,
    classes: Any = None,
    *,
    overlap: float = 0.5,
    most: int | None = None,
    kind: Overlap = "iou",
) -> Suppressed:
    """Non-maximum suppression: of boxes that overlap by more than a threshold only the one with the highest score stays.

    boxes     (n, 4), corners in pixels
    scores    (n,)
    classes   (n,): only boxes of the same class suppress each other; None: all do
    overlap   the threshold, 0 to 1; boxes that overlap by just so much both stay
    most      how many stay at most, in all; None: as many as there are
    kind      what "overlap" is, as for ``iou``

    Boxes are taken in the order of their scores, and those of equal score in the order in which they stand; each class
    is looked at on its own, whatever the size of the numbers, and nothing is cut off by time.
    Raises DataError for shapes that do not go together and for scores that are not finite, ArgumentError for a threshold
    outside 0 to 1 and for `most` below 0.
    """
    corners, values, groups = _candidates(boxes, scores, classes, overlap, most, "suppress")
    left = np.argsort(-values, kind="stable")
    kept: list[int] = []
    while len(left) and (most is None or len(kept) < most):
        count = max(1, min(_TOGETHER, _CELLS // len(left)))  # so many of the surest against all that are left
        first = left[:count]
        near = iou_matrix(corners[first], corners[left], kind) > overlap
        near &= groups[first][:, None] == groups[left]
        stays = np.ones(len(left), bool)
        for i in range(len(first)):
            if stays[i]:
                kept.append(int(first[i]))
                stays &= ~near[i]
        left = left[count:][stays[count:]]
    chosen = np.array(kept[:most], np.int64)
    return Suppressed(chosen, values[chosen])


def soft_suppress(
    boxes: Any,
    scores: Any,
    classes: Any = None,
    *,
    sigma: float | None = 0.5,
    overlap: float = 0.3,
    least: float = 0.001,
    most: int | None = None,
) -> Suppressed:
    """Soft suppression: a box that overlaps a better one keeps a part of its score (Bodla et al. 2017).

    boxes     (n, 4), corners in pixels
    scores    (n,)
    classes   (n,): only boxes of the same class lower each other; None: all do
    sigma     the score is multiplied by exp(-iou^2 / sigma); None: by 1 - iou where that is above `overlap`
    overlap   the threshold of the second way
    least     boxes whose score falls below it go
    most      how many stay at most; None: as many as there are

    Raises DataError and ArgumentError as ``suppress`` does, and for a sigma that is not positive.
    """
    corners, values, groups = _candidates(boxes, scores, classes, overlap, most, "soft_suppress")
    if sigma is not None and not sigma > 0:
        raise ArgumentError(f"soft_suppress: sigma is above 0, not {sigma}; None lowers scores by 1 - iou.")
    values = values.copy()
    left = np.flatnonzero(values >= least)
    kept: list[int] = []
    while len(left) and (most is None or len(kept) < most):
        place = int(values[left].argmax())  # the first of equals
        best, left = left[place], np.delete(left, place)
        kept.append(int(best))
        shared = iou(corners[best], corners[left])
        lowered = np.exp(-(shared**2) / sigma) if sigma is not None else np.where(shared > overlap, 1 - shared, 1.0)
        values[left] *= np.where(groups[left] == groups[best], lowered, 1.0)
        left = left[values[left] >= least]
    chosen = np.array(kept, np.int64)
    return Suppressed(chosen, values[chosen])


def _candidates(
    boxes: Any, scores: Any, classes: Any, overlap: float, most: int | None, where: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (n, 4), scores (n,) and classes (n,) as NumPy has them, checked."""
    corners, values = as_numpy(_checked(boxes, where)).astype(np.float64), as_numpy(scores).astype(np.float64)
    groups = np.zeros(len(corners), np.int64) if classes is None else as_numpy(classes)
    if corners.ndim != 2 or values.shape != (len(corners),) or groups.shape != (len(corners),):
        said = f"{corners.shape}, {values.shape}" + ("" if classes is None else f", {groups.shape}")
        raise DataError(f"{where}: boxes (n, 4) want a score (n,), and a class (n,) or none, for each; it got {said}.")
    if not (np.isfinite(values).all() and np.isfinite(corners).all()):
        raise DataError(f"{where}: boxes and scores must be finite numbers; some are NaN or infinite.")
    if not 0 <= overlap <= 1:
        raise ArgumentError(f"{where}: overlap is from 0 to 1, not {overlap}.")
    if most is not None:
        whole(where, "most", most, 0)
    return corners, values, groups


def _checked(boxes: Any, where: str) -> Any:
    """Boxes whose last axis has four numbers.  Raises DataError."""
    if not hasattr(boxes, "shape"):
        try:
            boxes = np.asarray(boxes)
            boxes = boxes if boxes.dtype.kind in "fiu" else boxes.astype(np.float64, casting="same_kind")
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: boxes have four numbers each; these are none: {inner(error)}.") from None
    if tuple(boxes.shape) == (0,):  # an empty list is no boxes
        boxes = boxes.reshape(0, 4)
    if not boxes.ndim or boxes.shape[-1] != 4:
        raise DataError(f"{where}: boxes have four numbers each, (…, 4); it got {tuple(boxes.shape)}.")
    return boxes


def _roomy(boxes: Any, where: str) -> Any:
    """Checked boxes in numbers that a product of two sides fits into.  Raises DataError."""
    boxes = _checked(boxes, where)
    if hasattr(boxes, "is_floating_point"):
        if not boxes.is_floating_point():
            return boxes.double()
        return boxes.float() if boxes.element_size() < 4 else boxes
    if boxes.dtype.kind == "f":
        return boxes.astype(np.float32) if boxes.itemsize < 4 else boxes
    if boxes.dtype.kind not in "iu":
        raise DataError(f"{where}: boxes are numbers, not {boxes.dtype}.")
    return boxes.astype(np.float64)


def _both(a: Any, b: Any, where: str) -> tuple[Any, Any]:
    """Two sets of boxes in one library's numbers, torch's where one of them is."""
    one, two = _roomy(a, where), _roomy(b, where)
    if isinstance(one, np.ndarray) is isinstance(two, np.ndarray):
        return one, two
    import torch

    return torch.as_tensor(one), torch.as_tensor(two)


def _sides(size: Any, where: str) -> tuple[int, int]:
    """A picture's height and width.  Raises ArgumentError for what is none."""
    try:
        height, width = size
        if 0 < height < math.inf and 0 < width < math.inf:
            return height, width
    except (TypeError, ValueError):
        pass
    raise ArgumentError(f"{where}: size is (height, width) of the picture in pixels, not {size!r}.")


def as_numpy(values: Any) -> np.ndarray:
    """An array of NumPy of what is one, a list or a tensor, with a gradient or without.

    values   any of these
    """
    if not hasattr(values, "detach"):
        return np.asarray(values)
    held = values.detach().cpu()
    return (held.float() if str(held.dtype) == "torch.bfloat16" else held).numpy()  # type: ignore[no-any-return]


def _room(values: Any) -> Any:
    """The library that an array belongs to: NumPy, or torch."""
    if isinstance(values, np.ndarray):
        return np
    import torch

    return torch


def _ratio(xp: Any, part: Any, whole: Any) -> Any:
    """`part` / `whole`, and 0 where there is no whole."""
    some = whole > 0
    return xp.where(some, part, 0 * part) / xp.where(some, whole, 0 * whole + 1)
