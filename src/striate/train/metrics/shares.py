"""Figures of classes as shares of counts: precision, recall, F-score, intersection over union, and their averages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import unknown

AVERAGES = (None, "micro", "macro", "present", "weighted")


@dataclass(frozen=True)
class ClassCounts:
    """How often each class was rightly said, said at all, and true: three arrays (C,), or three numbers."""

    right: Any
    said: Any
    true: Any

    @classmethod
    def of_matrix(cls, matrix: np.ndarray) -> ClassCounts:
        """Those of a confusion matrix (C, C), rows the truth, columns the answers."""
        return cls(np.diag(matrix), matrix.sum(0), matrix.sum(1))

    @property
    def together(self) -> ClassCounts:
        """Those of all classes as if they were one."""
        return ClassCounts(self.right.sum(), self.said.sum(), self.true.sum())

    @property
    def occurs(self) -> np.ndarray:
        """Whether each class is in the targets or the answers."""
        return np.asarray(self.said + self.true > 0)


Share = Callable[[ClassCounts], np.ndarray]


def precision(counts: ClassCounts) -> np.ndarray:
    """Of the answers, the share that is right.

    counts    (C,) each; the result is (C,)
    """
    return share(counts.right, counts.said)


def recall(counts: ClassCounts) -> np.ndarray:
    """Of the samples, the share that was recognised.

    counts    (C,) each; the result is (C,)
    """
    return share(counts.right, counts.true)


def f_score(counts: ClassCounts, beta: float = 1.0) -> np.ndarray:
    """(1 + β²) · P · R / (β² · P + R) of precision P and recall R.

    counts    (C,) each; the result is (C,)
    beta      how much recall weighs against precision
    """
    return share((1 + beta**2) * counts.right, beta**2 * counts.true + counts.said)


def iou(counts: ClassCounts) -> np.ndarray:
    """Intersection over union.

    counts    (C,) each; the result is (C,)
    """
    return share(counts.right, counts.said + counts.true - counts.right)


def averaged(figure: Share, counts: ClassCounts, average: str, left_out: int | None = None) -> float:
    """One number for all classes.

    average     "macro": the mean over all classes, one that never occurs being 0 (Keras); "present": the mean over those
                that occur in targets or answers (scikit-learn, torchmetrics); "weighted": by how often each is true;
                "micro": of all counts together
    left_out    a class that is none: answers of it are wrong, and it is in no mean
    Raises ArgumentError for another average.
    """
    if average == "micro":
        return float(figure(counts.together))
    weights = {"macro": np.ones_like(counts.true), "present": counts.occurs, "weighted": counts.true}
    if average not in weights:
        raise unknown("average", average, weights)
    kept = np.array(weights[average], np.float64)
    if left_out is not None and 0 <= left_out < len(kept):
        kept[left_out] = 0
    return float(share((figure(counts) * kept).sum(), kept.sum()))


def share(part: Any, whole: Any) -> np.ndarray:
    """part / whole, 0 where whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
