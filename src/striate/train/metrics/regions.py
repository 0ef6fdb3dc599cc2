"""Figures from a confusion matrix: intersection over union, and the matrix itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from striate.described import described, whole
from striate.errors import ArgumentError, unknown
from striate.train.losses import Loss
from striate.train.metrics import shares
from striate.train.metrics.base import Metric, activated, in_range
from striate.train.tensors import apart, class_numbers, tensor, weights_for

if TYPE_CHECKING:
    from torch import Tensor


class Confusions(Metric):
    """Base of figures from how often each class was called each class."""

    abstract = True
    _cells: Any = None  # (C, C) by true and said class

    def count(self, truth: Tensor, said: Tensor, classes: int, sample_weight: Any = None) -> None:
        """Take in class numbers; pairs of which one is no class are left out.

        truth, said      class numbers, of one shape
        classes          how many classes there are
        sample_weight    a weight per sample, (N,), or per number; None: each counts 1

        Raises TrainingError when the shapes differ, ArgumentError for weights that do not go with them.
        """
        import torch

        if truth.numel() != said.numel():
            raise apart(self.name, truth, said, " For scores (N, …, C) say sparse_y_pred=False.")
        weights = None
        if sample_weight is not None:
            weights = weights_for(self.name, sample_weight, said.double()).expand(said.shape).reshape(-1)
        truth, said = truth.reshape(-1).long(), said.reshape(-1).long()
        counts = (truth >= 0) & (truth < classes) & (said >= 0) & (said < classes)
        place = (truth * classes + said).where(counts, 0)
        weights = counts.double() if weights is None else weights.where(counts, 0)
        cells = torch.zeros(classes * classes, dtype=torch.float64, device=place.device)
        cells = cells.index_add_(0, place, weights).view(classes, classes)
        self._cells = cells if self._cells is None else self._cells + cells

    def matrix(self, classes: int) -> np.ndarray:
        """The counts so far, (C, C), rows the truth.

        classes    C, where nothing was counted yet
        """
        return np.zeros((classes, classes)) if self._cells is None else self._cells.cpu().numpy()  # type: ignore[no-any-return]

    def reset_state(self) -> None:
        self._cells = None

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far, (C, C), rows the truth."""
        return {} if self._cells is None else {"cells": self._cells}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._cells = state.get("cells")


class _IoU(Confusions):
    """What the figures of intersection over union share: TP / (TP + FP + FN) of each class, and its mean."""

    kept: ClassVar[tuple[str, ...]] = ("total_confusion_matrix",)
    num_classes: int | None = None
    target_class_ids: Any = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1

    @property
    def total_confusion_matrix(self) -> Tensor:
        """How often each class (row) was called each class (column) so far, (C, C)."""
        import torch

        return torch.from_numpy(self.matrix(self.num_classes or 1).copy())

    @property
    def total_cm(self) -> Tensor:
        """The same (C, C) under the name of Keras' attribute; it may be set, to go on from other counts."""
        return self.total_confusion_matrix

    @total_cm.setter
    def total_cm(self, value: Any) -> None:
        self._cells = tensor("total_cm", value).detach().double().clone()

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if self.dtype == "int":
            self.dtype = None
        super().__post_init__()
        if self.num_classes is not None:
            self.num_classes = whole(kind, "num_classes", self.num_classes)
        if self.target_class_ids is not None:
            self.target_class_ids = [whole(kind, "target_class_ids", c, 0) for c in self.target_class_ids]
            beyond = [c for c in self.target_class_ids if self.num_classes and c >= self.num_classes]
            if beyond:
                raise ArgumentError(f"{kind}: target_class_ids={beyond}, the classes are 0 to {self.num_classes - 1}.")  # type: ignore[operator]
        self.reset_state()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch: `y_true` and `y_pred` class numbers (N, …), or (N, …, C) where they are not sparse, with a
        `sample_weight` (N,) or None.  Raises TrainingError when their shapes do not go together.
        """
        said = tensor(f"y_pred of {self.name}", y_pred).detach()
        truth = tensor(f"y_true of {self.name}", y_true, like=said)
        truth = truth if self.sparse_y_true else self._highest(truth)
        said = said if self.sparse_y_pred else self._highest(said)
        self._compare(truth, said, sample_weight)

    def _compare(self, truth: Tensor, said: Tensor, sample_weight: Any) -> None:
        assert self.num_classes is not None
        if self.ignore_class is not None:
            truth = truth.where(truth != self.ignore_class, -1)
        self.count(truth, said, self.num_classes, sample_weight)

    def _highest(self, scores: Tensor) -> Tensor:
        if not -scores.ndim <= self.axis < scores.ndim:
            raise ArgumentError(f"{self.name}: axis={self.axis} does not exist in an array of {tuple(scores.shape)}.")
        return scores.argmax(self.axis)

    def _class_counts(self) -> shares.ClassCounts:
        return shares.ClassCounts.of_matrix(self.matrix(self.num_classes or 1))

    def figure(self) -> Any:
        counts = self._class_counts()
        chosen = slice(None) if self.target_class_ids is None else self.target_class_ids
        each, occurs = shares.iou(counts)[chosen], counts.occurs[chosen]
        return float(shares.share(each[occurs].sum(), occurs.sum()))


@described
class IoU(_IoU):
    """Intersection over union TP / (TP + FP + FN), 0 to 1: the mean over those of the named classes that occur.

    num_classes         how many classes there are
    target_class_ids    the classes whose mean it is
    name                in the logs
    dtype               as in every metric
    ignore_class        a label that is left out
    sparse_y_true       whether targets are class numbers; else the highest along `axis` is the class
    sparse_y_pred       whether answers are class numbers; else the highest along `axis` is the class
    axis                that of the classes

    Raises ArgumentError for a class that is not there.
    """

    num_classes: int
    target_class_ids: Any
    name: str | None = None
    dtype: Any = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1


@described
class BinaryIoU(_IoU):
    """Intersection over union of yes and no: the mean over those of the named classes that occur.

    target_class_ids    0 for no, 1 for yes
    threshold           an output of at least this is a yes
    name                in the logs
    dtype               as in every metric
    from_logits         whether outputs are scores before the sigmoid

    Raises ArgumentError for a class that is not there or a threshold out of range.
    """

    num_classes = 2
    target_class_ids: Any = (0, 1)
    threshold: float = 0.5
    name: str | None = None
    dtype: Any = None
    from_logits: bool = dataclasses.field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.threshold = in_range("BinaryIoU", "threshold", self.threshold)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        p = tensor(f"y_pred of {self.name}", y_pred).detach()
        said = (activated(p, "sigmoid") if self.from_logits else p) >= self.threshold
        self._compare(tensor(f"y_true of {self.name}", y_true, like=p), said, sample_weight)


@described
class MeanIoU(_IoU):
    """Intersection over union TP / (TP + FP + FN), 0 to 1: the mean over the classes that occur.

    num_classes      how many classes there are.  None: as many as the network has outputs, and answers are its scores,
                     targets class numbers or one-hot, whatever `sparse_y_true` and `sparse_y_pred` say
    name             in the logs
    dtype            as in every metric
    ignore_class     a label that is left out, such as 255 for unmarked pixels; without `num_classes` also that of the
                     loss, and it is in no mean where it is a class's number
    sparse_y_true    whether targets are class numbers; else the highest along `axis` is the class
    sparse_y_pred    whether answers are class numbers; else the highest along `axis` is the class
    axis             that of the classes
    average          "present": over the classes that occur in targets or answers, or another of FBetaScore's averages;
                     None for one per class

    Raises ArgumentError for an unknown average.
    """

    needs_probabilities = False
    num_classes: int | None = None
    name: str | None = "mean_iou"
    dtype: Any = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1
    average: str | None = dataclasses.field(default="present", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.average not in shares.AVERAGES:
            raise unknown("MeanIoU average", str(self.average), [str(a) for a in shares.AVERAGES])
        self._void = self.ignore_class if self.num_classes is None else None
        self._lacks: str | None = None

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        if self.num_classes is None and self.ignore_class is None:
            self._void = getattr(loss, "ignore_class", None)
        self._lacks = loss.activation if loss.from_logits else None
        self.needs_probabilities = output_shape[-1] == 1

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.num_classes is not None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        truth, said, classes = answers(self.name, y_true, y_pred, self._lacks)
        if self._void is not None:
            truth = truth.where(truth != self._void, -1)
        self.count(truth, said, classes, sample_weight)

    def figure(self) -> Any:
        counts = self._class_counts()
        if self.average is None:
            return shares.iou(counts)
        return shares.averaged(shares.iou, counts, self.average, self._void)


@described
class OneHotIoU(_IoU):
    """Intersection over union where targets and answers are one-hot or scores: the mean over those of the named classes
    that occur.

    num_classes         how many classes there are
    target_class_ids    the classes whose mean it is
    name                in the logs
    dtype               as in every metric
    ignore_class        a label that is left out
    sparse_y_pred       whether answers are class numbers; else the highest along `axis` is the class
    axis                that of the classes

    Raises ArgumentError for a class that is not there.
    """

    needs_probabilities = False
    sparse_y_true = False
    num_classes: int
    target_class_ids: Any
    name: str | None = None
    dtype: Any = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1


@described
class OneHotMeanIoU(_IoU):
    """Intersection over union where targets and answers are one-hot or scores: the mean over the classes that occur.

    num_classes      how many classes there are
    name             in the logs
    dtype            as in every metric
    ignore_class     a label that is left out
    sparse_y_pred    whether answers are class numbers; else the highest along `axis` is the class
    axis             that of the classes

    Raises ArgumentError for fewer than 1 class.
    """

    needs_probabilities = False
    sparse_y_true = False
    num_classes: int
    name: str | None = None
    dtype: Any = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1


@described
class ConfusionMatrix(Confusions):
    """How often class r (row) was called class c (column).  ``result()`` is an (n, n) int64 array; not in the logs.

    name            of the metric
    dtype           as in every metric; not used
    ignore_class    a label that is left out; by default that of the loss
    """

    needs_probabilities = False
    name: str | None = "confusion_matrix"
    dtype: Any = None
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._void, self._classes = self.ignore_class, 2
        self._lacks: str | None = None

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        self._lacks = loss.activation if loss.from_logits else None
        self._void = getattr(loss, "ignore_class", None) if self.ignore_class is None else self.ignore_class
        self._classes = max(2, output_shape[-1])
        self.needs_probabilities = output_shape[-1] == 1

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        truth, said, self._classes = answers(self.name, y_true, y_pred, self._lacks)
        if self._void is not None:
            truth = truth.where(truth != self._void, -1)
        self.count(truth, said, self._classes, sample_weight)

    def result(self) -> np.ndarray:
        """An int64 array of shape (C, C), rows the truth; (2, 2) for one output."""
        return self.matrix(self._classes).astype(np.int64)

    def results(self) -> dict[str, float]:
        return {}


def answers(name: str | None, y_true: Any, y_pred: Any, lacking: str | None) -> tuple[Tensor, Tensor, int]:
    """Class numbers (N, …) of targets and of scores (N, …, C), and how many classes there are.

    One output is a yes above 0.5.

    name       of the metric, for messages
    y_true     class numbers (N, …) or one-hot; a row of zeros is no class, -1
    y_pred     scores, (N, …, C)
    lacking    the last activation that the scores are without

    Raises TrainingError when the shapes do not go together.
    """
    p = tensor(f"y_pred of {name}", y_pred).detach()
    truth = tensor(f"y_true of {name}", y_true, like=p)
    if p.ndim > 1 and p.shape[-1] > 1:
        numbers = class_numbers(truth, p)
        if truth.shape == p.shape:
            numbers = numbers.where(truth.amax(-1) > 0, -1)
        if numbers.shape != p.shape[:-1]:
            raise apart(name, truth, p)
        return numbers.long(), p.argmax(-1), p.shape[-1]
    if truth.numel() != p.numel():
        raise apart(name, truth, p)
    return (truth > 0.5).long(), (activated(p, lacking) > 0.5).long().reshape(truth.shape), 2
