"""Which detection has found which box, as COCO decides it; what is in a picture, and what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from striate.errors import DataError
from striate.tasks.boxes import area, as_numpy, iou_matrix
from striate.wording import plural

__all__ = ["Detections", "Truth", "matched"]


class Truth(NamedTuple):
    """What is in a picture.

    boxes     (n, 4), corners in pixels
    classes   int (n,)
    ignored   bool (n,): boxes that count neither as found nor as missed; None: all count
    """

    boxes: np.ndarray
    classes: np.ndarray
    ignored: np.ndarray | None = None


class Detections(NamedTuple):
    """What was found in a picture.

    boxes     (n, 4), corners in pixels
    scores    (n,), the higher the surer
    classes   int (n,)
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def matched(truth: Truth, found: Detections, overlap: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Which box each detection of one picture has found, as COCO decides it.

    truth     of the picture
    found     in the picture
    overlap   from which on a box is found

    Returns for each detection int64 (n,) the number of its box, -1 where it found none (a false alarm), -2 where it lies
    in a box that is ignored; and bool (m,), which boxes were found.  The surest detection chooses first, the box that it
    overlaps most among those of its class that are left.
    """
    there, seen = _checked(0, truth, found, None)
    which = np.full(len(seen.scores), -1, np.int64)
    taken, flags = np.zeros(len(there.classes), bool), flags_of(there)
    shared = iou_matrix(seen.boxes, there.boxes)
    covered = _part_in(seen.boxes, there.boxes)
    for i in np.argsort(-seen.scores, kind="stable"):
        same = there.classes == seen.classes[i]
        best = np.where(same & ~flags & ~taken & (shared[i] >= overlap), shared[i], -1.0)
        if len(best) and best.max() >= 0:
            which[i] = len(best) - 1 - best[::-1].argmax()  # the last of equals, as in COCO's code
            taken[which[i]] = True
        elif (same & flags & (covered[i] >= overlap)).any():
            which[i] = -2
    return which, taken


def checked_pairs(truth: Sequence[Truth], found: Sequence[Detections], classes: int) -> list[tuple[Truth, Detections]]:
    """Truth and detections of each picture, as arrays that go together.

    truth     of each picture
    found     in each picture
    classes   how many there are

    Raises DataError where they do not go together.
    """
    if len(truth) != len(found) or not len(truth):
        raise DataError(
            f"average_precision: {plural(len(truth), 'picture')} of truth and {len(found)} of detections; both are wanted."
        )
    return [_checked(i, *pair, classes) for i, pair in enumerate(zip(truth, found, strict=True))]


def _checked(number: int, truth: Truth, found: Detections, classes: int | None) -> tuple[Truth, Detections]:
    """Both as float64 and int64 arrays.  Raises DataError."""
    there = Truth(
        _boxes(number, truth.boxes),
        _numbers(number, truth.classes, "classes"),
        None if truth.ignored is None else as_numpy(truth.ignored).astype(bool).reshape(-1),
    )
    seen = Detections(
        _boxes(number, found.boxes),
        _numbers(number, found.scores, "scores", np.float64),
        _numbers(number, found.classes, "classes"),
    )
    fits = len(there.boxes) == len(there.classes) == len(flags_of(there)) and len({*map(len, seen)}) == 1
    if not fits:
        raise DataError(f"picture {number}: boxes, classes and scores must be as many as each other.")
    if not (np.isfinite(there.boxes).all() and np.isfinite(seen.boxes).all() and np.isfinite(seen.scores).all()):
        raise DataError(f"picture {number}: boxes and scores must be finite numbers; some are NaN or infinite.")
    for one in (there.classes, seen.classes):
        if classes is not None and len(one) and not 0 <= one.min() <= one.max() < classes:
            raise DataError(f"picture {number}: classes are 0 to {classes - 1}; it has {one.min()} to {one.max()}.")
    return there, seen


def _boxes(number: int, boxes: Any) -> np.ndarray:
    """Boxes float64 (n, 4).  Raises DataError for another shape: 12 numbers are not three boxes, whatever they are."""
    rows = _numbers(number, boxes, "boxes", np.float64, flat=False)
    if rows.size == 0:
        return rows.reshape(0, 4)
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise DataError(f"picture {number}: boxes are (n, 4), four numbers each; it has {rows.shape}.")
    return rows


def _numbers(number: int, given: Any, what: str, kind: Any = np.int64, flat: bool = True) -> np.ndarray:
    """An array of numbers of this kind, none of which is changed by it.  Raises DataError."""
    try:
        values = as_numpy(given).astype(np.float64)
        whole = values.astype(kind) if kind is np.float64 or np.isfinite(values).all() else None
    except (TypeError, ValueError):
        whole = None
    if whole is None or (kind is np.int64 and (whole != values).any()):
        raise DataError(f"picture {number}: {what} are {'numbers' if kind is np.float64 else 'whole numbers, from 0'}.")
    return whole.reshape(-1) if flat else whole


def flags_of(truth: Truth) -> np.ndarray:
    """Which of its boxes are ignored, bool (n,)."""
    return np.zeros(len(truth.classes), bool) if truth.ignored is None else truth.ignored


def _part_in(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """How much of each box lies in each region, (n, m)."""
    low = np.maximum(boxes[:, None, :2], regions[None, :, :2])
    both = (np.minimum(boxes[:, None, 2:], regions[None, :, 2:]) - low).clip(0).prod(-1)
    whole = area(boxes)[:, None]
    return np.where(whole > 0, both, 0) / np.where(whole > 0, whole, 1)  # type: ignore[no-any-return]


def class_matches(
    pairs: Sequence[tuple[Truth, Detections]], label: int, most: int, overlap: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The detections of a class that count, over all pictures: scores, whether they are right, and of which picture.

    pairs     truth and detections of each picture
    label     the class
    most      detections of a picture that count, the surest first
    overlap   from which on a box is found
    """
    scores, right, picture = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, int)]
    for number, (truth, found) in enumerate(pairs):
        own = np.flatnonzero(found.classes == label)
        own = own[np.argsort(-found.scores[own], kind="stable")][:most]
        there = truth.classes == label
        flags = None if truth.ignored is None else truth.ignored[there]
        which, _ = matched(
            Truth(truth.boxes[there], truth.classes[there], flags),
            Detections(found.boxes[own], found.scores[own], found.classes[own]),
            overlap,
        )
        counted = which != -2
        scores.append(found.scores[own][counted])
        right.append(which[counted] >= 0)
        picture.append(np.full(counted.sum(), number))
    return np.concatenate(scores), np.concatenate(right), np.concatenate(picture)
