"""Figures of the confusion matrix: precision, recall, F1, IoU, and the matrix itself.

``Counts`` counts and ``shares`` divides.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.described import described, number, whole
from striate.errors import ArgumentError, unknown
from striate.train.metrics import shares
from striate.train.metrics.counts import Counts

if TYPE_CHECKING:
    from striate.train.losses import Loss


class Averaged(Counts):
    """Base of figures that exist per class and are averaged."""

    abstract = True
    average: str | None = None
    class_id: int | None = None
    figure: Any = None  # one of the functions of ``shares``

    def __post_init__(self) -> None:
        super().__post_init__()
        averages = (*shares.AVERAGES, "auto")
        if self.average not in averages:
            raise unknown(f"{type(self).__name__} average", str(self.average), [str(a) for a in averages])
        if self.threshold is not None:
            number(type(self).__name__, "threshold", self.threshold, 0, 1)
        if self.class_id is not None:
            self.class_id = whole(type(self).__name__, "class_id", self.class_id, 0)

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        """Learn what the outputs mean, of `loss`, `output_shape` and `activation`.  Raises ArgumentError for
        a class that the
        network has not.
        """
        super().bind(loss, output_shape, activation)
        if self.class_id is not None and self.class_id >= output_shape[-1]:
            raise ArgumentError(f"{self.name}: class_id={self.class_id}, the classes are 0 to {output_shape[-1] - 1}.")

    def result(self) -> Any:
        """A float, or a list with one per class; NaN before any batch.  Raises ArgumentError for an unknown average."""
        cells = self._cells_so_far()
        if cells is None:
            return math.nan
        if self.kind == "multiclass":
            counts = shares.ClassCounts(np.diag(cells), cells.sum(0), cells.sum(1))
            counts = shares.ClassCounts(counts.right[:-1], counts.said[:-1], counts.true[:-1])
        else:
            counts = shares.ClassCounts(cells[:, 1, 1], cells[:, :, 1].sum(1), cells[:, 1].sum(1))
        each = self.figure(counts).tolist()
        if self.kind == "binary":
            return each[0]
        if self.class_id is not None:
            return each[self.class_id]
        if self.average is None:
            return each
        average = self.average
        if average == "auto":
            average = "micro" if self.kind == "multilabel" else "present"
        return shares.averaged(self.figure, counts, average, self._void)


@described
class Precision(Averaged):
    """Of the answers "class c", the share that is right: TP / (TP + FP), 0 to 1; 0 when there are none.

    thresholds      a number from 0 to 1: each output above it is an answer, several per sample (0.5 is what Keras does
                    with softmax outputs, too).  None: the answer is the highest score; where every output is a yes or no
                    of its own (a last sigmoid, or a loss for such outputs), each above 0.5
    class_id        of this class only
    name            in the logs
    average         "macro": the mean over all classes; "present": over those that occur in targets or answers;
                    "weighted": by how often a class is true; "micro": of all classes' counts together; None: one figure
                    per class; "auto": micro where every output is an answer of its own, else present
    ignore_class    a label that is left out, and is no class where it is a class's number; by default that of the loss

    Raises ArgumentError for an unknown average, several thresholds, or a class that the network has not.
    """

    refused = {"top_k": "use TopKCategoricalAccuracy(k), which is its recall"}
    figure = staticmethod(shares.precision)
    thresholds: float | Sequence[float] | None = None
    class_id: int | None = None
    name: str = "precision"
    average: str | None = dataclasses.field(default="auto", kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.thresholds, list | tuple):
            raise ArgumentError(f"{type(self).__name__}: give one threshold, and one metric per threshold.")
        if self.thresholds is not None:
            self.thresholds = self.threshold = number(type(self).__name__, "thresholds", self.thresholds, 0, 1)
        super().__post_init__()


@described
class Recall(Precision):
    """Of the samples of class c, the share that was recognised: TP / (TP + FN), 0 to 1; 0 when there are none.

    `thresholds`, `class_id`, `name`, `average` and `ignore_class` are Precision's.
    Raises ArgumentError as Precision does.
    """

    figure = staticmethod(shares.recall)
    name: str = "recall"


@described
class FBetaScore(Averaged):
    """(1 + β²) · P · R / (β² · P + R) of precision P and recall R, 0 to 1; 0 when both are 0.

    average         None, one figure per class; "macro" (as in Keras: over all classes, one that never occurs being 0),
                    "present" (as in scikit-learn and torchmetrics: over those that occur), "micro", "weighted"
    beta            how much recall weighs against precision; more than 0
    threshold       each output above it is an answer; None: as Precision's `thresholds`
    name            in the logs
    class_id        of this class only
    ignore_class    as Precision's

    Raises ArgumentError for an unknown average, a beta of 0 or less, or a class that the network has not.
    """

    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    name: str = "fbeta_score"
    class_id: int | None = dataclasses.field(default=None, kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if number(type(self).__name__, "beta", self.beta) <= 0:
            raise ArgumentError(f"{type(self).__name__}: beta={self.beta} must be more than 0.")
        self.figure = partial(shares.f_score, beta=float(self.beta))


@described
class F1Score(Averaged):
    """The harmonic mean of precision and recall, 2 · TP / (2 · TP + FP + FN), 0 to 1; 0 when there are none.

    `average`, `threshold`, `name`, `class_id` and `ignore_class` are FBetaScore's.
    Raises ArgumentError for an unknown average, or a class that the network has not.
    """

    figure = staticmethod(shares.f_score)
    average: str | None = None
    threshold: float | None = None
    name: str = "f1_score"
    class_id: int | None = dataclasses.field(default=None, kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)


@described
class MeanIoU(Averaged):
    """Intersection over union, TP / (TP + FP + FN), 0 to 1, of each class; the mean over the classes that occur.

    name            in the logs
    ignore_class    a label that is left out, such as 255 for unmarked pixels, and is no class where it is a class's
                    number; by default that of the loss
    average         "present", or another of Precision's averages; None for one per class

    The answer is the highest score (Keras wants class numbers here).
    Raises ArgumentError for an unknown average.
    """

    refused = {
        "num_classes": "the network's output says how many there are",
        "sparse_y_true": "class numbers and one-hot targets are told apart by their shape",
        "sparse_y_pred": "predictions are the network's scores",
    }
    figure = staticmethod(shares.iou)
    name: str = "mean_iou"
    ignore_class: int | None = None
    average: str | None = dataclasses.field(default="present", kw_only=True)


@described
class ConfusionMatrix(Counts):
    """How often class r (row) was called class c (column).  ``result()`` is an (n, n) int64 array; not in the logs.

    name            of the metric
    ignore_class    a label that is left out; by default that of the loss
    """

    name: str = "confusion_matrix"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def _settle(self, outputs: int, separate: bool) -> None:
        super()._settle(outputs, separate=False)

    def result(self) -> np.ndarray:
        """An int64 array of shape (C, C), rows the truth; (2, 2) for one output."""
        cells, size = self._cells_so_far(), max(2, self._classes)
        if cells is None:
            return np.zeros((size, size), np.int64)
        return cells[0] if self.kind == "binary" else cells[:-1, :-1]

    def results(self) -> dict[str, float]:
        return {}
