"""Detections of a network: its rows of boxes cut at a confidence and thinned out."""

from __future__ import annotations

import numpy as np

from striate.intake import Decoding
from striate.tasks.average_precision import Detections
from striate.tasks.boxes import suppress

__all__ = ["Decoding", "detections"]


def detections(
    rows: np.ndarray,
    *,
    least: float = Decoding.least,
    overlap: float = Decoding.overlap,
    most: int = Decoding.most,
    considered: int = Decoding.considered,
) -> Detections:
    """What one picture's rows (P, 4 + K) say: boxes, scores and classes, the surest first.

    rows        as the network gives them: four corners in pixels and a score for each class
    least       scores below it say nothing
    overlap     above which of two boxes of a class only the surer stays
    most        how many stay
    considered  how many of the surest are looked at

    A model's own settings are ``detections(row, **model.decoding.to_dict())``.
    """
    place, label = np.nonzero(rows[:, 4:] >= least)
    scores = rows[place, 4 + label]
    if len(scores) > considered:
        best = np.sort(np.argpartition(-scores, considered)[:considered])
        place, label, scores = place[best], label[best], scores[best]
    boxes = rows[place, :4]
    kept, sure = suppress(boxes, scores, label, overlap=overlap, most=most)
    return Detections(boxes[kept], sure, label[kept])
