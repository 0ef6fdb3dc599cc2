"""Boxes as targets of a training: one array for all pictures, with as many rows as the picture that has most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from striate.data.augmentation import move_boxes
from striate.data.dataset import Dataset

COLUMNS = 6  # left, top, right, bottom, the class, 1 where the box counts for nothing
CLASS, IGNORED = 4, 5
NONE = -1.0  # the class of a row that is none


def box_targets(
    boxes: Sequence[np.ndarray], labels: Sequence[np.ndarray], ignored: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """float32 (N, M, 6): left, top, right, bottom, class, ignored; rows beyond a picture's boxes have class -1.

    boxes     of each picture (n, 4), corners in pixels; n may be 0
    labels    of each picture (n,)
    ignored   of each picture bool (n,); None: all boxes count
    """
    most = max([1, *map(len, boxes)])
    made = np.zeros((len(boxes), most, COLUMNS), np.float32)
    made[:, :, CLASS] = NONE
    for row, some, names, flags in zip(made, boxes, labels, ignored or [np.zeros(0, bool)] * len(boxes), strict=True):
        row[: len(some), :4], row[: len(some), CLASS] = some, names
        row[: len(flags), IGNORED] = flags
    return made


def of_dataset(data: Dataset) -> np.ndarray | None:
    """The boxes of a data set as targets; None where it has none.

    data   a `Dataset`
    """
    if data.boxes is None or data.box_labels is None:
        return None
    return box_targets(data.boxes, data.box_labels, data.box_ignored)


def moved_targets(rows: np.ndarray, matrices: np.ndarray, size: tuple[int, int], least: float = 0.25) -> np.ndarray:
    """Targets whose boxes have moved with their pictures; those of which too little is left are none.

    rows       (N, M, 6)
    matrices   (N, 3, 3), from the old places in pixels to the new ones
    size       (height, width) of the new pictures
    least      the share of a box that must be left
    """
    made = np.zeros_like(rows)
    made[:, :, CLASS] = NONE
    for new, old, matrix in zip(made, rows, matrices, strict=True):
        some = old[old[:, CLASS] >= 0]
        boxes, kept = move_boxes(some[:, :4], matrix, size, least)
        new[: len(kept)] = some[kept]
        new[: len(kept), :4] = boxes
    return made
