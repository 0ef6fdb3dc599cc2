"""Boxes as targets of a training: one array for all pictures, with as many rows as the picture that has most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from striate.data.augmentation import move_boxes
from striate.data.dataset import Dataset
from striate.errors import DataError
from striate.wording import plural

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


def moved_targets(
    rows: np.ndarray,
    matrices: np.ndarray,
    size: tuple[int, int],
    least: float = 0.25,
    mirrored: tuple[int, int] | None = None,
) -> np.ndarray:
    """Targets whose boxes have moved with their pictures; those of which too little is left are none.

    rows       (N, M, 6)
    matrices   (N, 3, 3), from the old places in pixels to the new ones
    size       (height, width) of the new pictures
    least      the share of a box that must be left
    mirrored   (height, width) of the old pictures where what comes in from outside is their mirror image, whose boxes
               come in as well, so that there may be more of them; None: nothing with boxes comes in
    """
    found = []
    for old, matrix in zip(rows, matrices, strict=True):
        some = old[old[:, CLASS] >= 0]
        if mirrored is not None:
            some = mirror_images(some, mirrored)
        boxes, kept = move_boxes(some[:, :4], matrix, size, least)
        found.append(some[kept])
        found[-1][:, :4] = boxes
    made = np.zeros((len(rows), max([rows.shape[1], *map(len, found)]), COLUMNS), np.float32)
    made[:, :, CLASS] = NONE
    for new, some in zip(made, found, strict=True):
        new[: len(some)] = some
    return made


def mirror_images(rows: np.ndarray, size: tuple[int, int], touching: float = 1.0) -> np.ndarray:
    """Boxes of one picture, and those of its mirror images on the eight sides and corners around it.

    rows       (n, 6)
    size       (height, width) of the picture
    touching   pixels: a box that is so near to an edge is that of a thing that the edge cuts, which with its mirror image
               is one thing to see, and has one box

    The boxes have the shape (m, 6), m at least n.
    """
    for low, length in ((0, size[1]), (1, size[0])):
        high, every = low + 2, []
        first, last = rows[:, low] <= touching, rows[:, high] >= length - touching
        own = rows.copy()
        own[first, low] = -rows[first, high]
        own[last, high] = 2 * length - rows[last, low]
        every.append(own)
        for there, edge in ((~first, 0), (~last, 2 * length)):
            image = own[there].copy()
            image[:, low], image[:, high] = edge - own[there, high], edge - own[there, low]
            every.append(image)
        rows = np.concatenate(every)
    return rows


def largest_boxes(data: Dataset) -> tuple[Dataset, np.ndarray, np.ndarray]:
    """For networks that find one thing: the pictures with a box, the class of the largest, (n,), and its corners, (n, 4).

    data   pictures with boxes; those without any, and boxes that count for nothing, are left out

    Corners are left, top, right and bottom as parts of the picture's sides.  Raises DataError where no picture has a box.
    """
    if data.boxes is None or data.box_labels is None:
        raise DataError(f"{data.name}: has no boxes, and the network learns where things are.")
    flags = data.box_ignored or [np.zeros(len(each), bool) for each in data.boxes]
    counted = [np.flatnonzero(~each) for each in flags]
    some = [i for i, which in enumerate(counted) if len(which)]
    if not some:
        raise DataError(f"{data.name}: none of its {plural(len(data), 'picture')} has a box.")
    areas = [np.prod(data.boxes[i][counted[i], 2:] - data.boxes[i][counted[i], :2], axis=1) for i in some]
    largest = [counted[i][int(each.argmax())] for i, each in zip(some, areas, strict=True)]
    height, width = data.shape[:2]
    corners = np.stack([data.boxes[i][k] for i, k in zip(some, largest, strict=True)])
    labels = np.array([data.box_labels[i][k] for i, k in zip(some, largest, strict=True)], np.int64)
    sides = np.array([width, height, width, height], np.float32)
    return data.subset(some), labels, (corners / sides).astype(np.float32)


def moved_shares(
    corners: np.ndarray, matrices: np.ndarray, size: tuple[int, int], least: float = 0.25
) -> tuple[np.ndarray, np.ndarray]:
    """One box a picture, as parts of its sides, after the pictures have moved: (N, 4), and of which enough is left, (N,).

    corners    (N, 4)
    matrices   (N, 3, 3), from the old places in pixels to the new ones
    size       (height, width) of the pictures
    least      the share of a box that must be left
    """
    sides = np.array([size[1], size[0], size[1], size[0]], np.float64)
    made, left = corners.copy(), np.zeros(len(corners), bool)
    for i, (box, matrix) in enumerate(zip(corners * sides, matrices, strict=True)):
        moved, kept = move_boxes(box[None], matrix, size, least)
        if len(kept):
            made[i], left[i] = moved[0] / sides, True
    return made, left
