"""For which picture an annotation was drawn: as it is seen, as it is stored, or of another size; and boxes for the seen one.

A camera stores a photo that was taken upright lying on its side and says so (EXIF); some tools draw on what is stored.
Photos are also made smaller after they were annotated.  The size that an annotation states tells both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from striate.data.pictures.upright import Turn

_ROUNDING = 1.0  # pixels by which a box may reach out of its picture: tools count from 0 or 1, and round


class Placed(NamedTuple):
    """Boxes in pixels of the upright picture, (n, 4), and what is odd about the size that the annotation states."""

    boxes: np.ndarray
    odd: str = ""


def for_upright(boxes: np.ndarray, stated: tuple[int, int] | None, size: tuple[int, int], turn: Turn) -> Placed:
    """Boxes as they lie in the upright picture.

    boxes    (n, 4), as the annotation has them; may hold NaN
    stated   (H, W) that it says the picture has; None: it does not
    size     (H, W) of the upright picture
    turn     that makes the picture upright

    The size that is stated counts where it is that of the stored picture, or in proportion to one of the two, and the
    boxes do not speak against it; they are turned and scaled with the picture then.  Else they are taken as they are.
    """
    if stated is None or stated == size:
        return Placed(boxes)
    told = f"says {by(stated)}, the picture is {by(size)}"
    stored = size[::-1]
    for frame, needed in ((size, Turn()), (stored, turn))[: 1 + turn.swapped]:
        if not _in_proportion(stated, frame) or _outside(boxes, stated) > _outside(boxes, size):
            continue
        factor = np.array([frame[1] / stated[1], frame[0] / stated[0]] * 2)
        how = [] if stated == frame else [f"scaled by {frame[1] / stated[1]:.3g}"]
        how += ["turned with the picture as EXIF says"] if needed.swapped else []
        return Placed(turned(boxes * factor, frame, needed), f"{told}; its boxes were {' and '.join(how)}")
    if turn.swapped and stated == stored:
        return Placed(boxes, f"{told}, stored lying; its boxes only fit the upright one and were taken as they are")
    return Placed(boxes, f"{told}; its boxes were taken as they are")


def turned(boxes: np.ndarray, stored: tuple[int, int], turn: Turn) -> np.ndarray:
    """Boxes (n, 4) of a picture stored as (H, W), as they lie when it is upright."""
    x1, y1, x2, y2 = boxes.T
    height, width = stored
    if turn.swapped:
        x1, y1, x2, y2 = y1, x1, y2, x2
        height, width = width, height
    if turn.left_right:
        x1, x2 = width - x2, width - x1
    if turn.top_bottom:
        y1, y2 = height - y2, height - y1
    return np.stack([x1, y1, x2, y2], axis=1)


def turned_map(labels: np.ndarray, turn: Turn) -> np.ndarray:
    """A label map (H, W) of a stored picture, as it lies when that is upright."""
    labels = labels.T if turn.swapped else labels
    labels = labels[:, ::-1] if turn.left_right else labels
    return labels[::-1] if turn.top_bottom else labels


def by(size: tuple[int, int]) -> str:
    """A size (H, W) as annotations write it, the width first."""
    return f"{size[1]} x {size[0]}"


def reaches(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which boxes (n, 4) reach out of a picture (H, W) by more than a rounding; False for those with NaN."""
    height, width = size
    return np.asarray((np.abs(np.clip(boxes, 0, [width, height, width, height]) - boxes) > _ROUNDING).any(axis=1))


def _outside(boxes: np.ndarray, size: tuple[int, int]) -> int:
    return int(reaches(boxes[np.isfinite(boxes).all(axis=1)], size).sum())


def _in_proportion(stated: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether one is the other made larger or smaller, to within a pixel of the smaller one."""
    factor = size[1] / stated[1]
    return abs(stated[0] * factor - size[0]) <= max(1.0, factor)
