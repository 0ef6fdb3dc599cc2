"""Detections of a network: its rows of boxes cut at a confidence and thinned out."""

from __future__ import annotations

import numpy as np

from striate.tasks.average_precision import Detections
from striate.tasks.boxes import suppress

__all__ = ["detections"]


def detections(
    rows: np.ndarray, *, least: float = 0.05, overlap: float = 0.6, most: int = 300, considered: int = 1000
) -> Detections:
    """What one picture's rows (P, 4 + K) say: boxes, scores and classes, the surest first.

    rows        as the network gives them: four corners in pixels and a score for each class
    least       scores below it say nothing
    overlap     above which of two boxes of a class only the surer stays
    most        how many stay
    considered  how many of the surest are looked at
    """
    place, label = np.nonzero(rows[:, 4:] >= least)
    scores = rows[place, 4 + label]
    if len(scores) > considered:
        best = np.sort(np.argpartition(-scores, considered)[:considered])
        place, label, scores = place[best], label[best], scores[best]
    boxes = rows[place, :4]
    kept, sure = suppress(boxes, scores, label, overlap=overlap, most=most)
    return Detections(boxes[kept], sure, label[kept])
