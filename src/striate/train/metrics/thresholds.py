"""Figures from counts of right and wrong yes-or-no answers at one or more thresholds; every output is an answer.

A histogram says between which thresholds the outputs lie, by truth; the counts at all thresholds are its running sums.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from striate.described import described, plain, whole
from striate.errors import ArgumentError, undefined
from striate.train.losses import Loss
from striate.train.metrics.base import activated, in_range, scores_of_one_class
from striate.train.metrics.gathered import Gathered
from striate.train.tensors import class_numbers, tensor, together, weights_for

if TYPE_CHECKING:
    from torch import Tensor

ANY = -1e10  # below every output: all answers that are left are yes


class AtThresholds(Gathered):
    """Base of what is counted at thresholds.

    thresholds     the limits, each from 0 to 1: an output above it is a yes
    class_id       of this class only
    top_k          of each sample only its `top_k` highest outputs can be a yes
    from_logits    whether outputs are scores before the sigmoid
    """

    abstract = True
    kept: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives", "true_negatives", "false_negatives")
    class_id: int | None = None
    top_k: int | None = None
    from_logits: bool = False
    separate_labels: bool = False  # whether each output has counts of its own
    label_weights: Any = None

    _labels: int = 1  # how many outputs have counts of their own, as far as it is known
    _cells: Any = None  # (labels, 2, thresholds + 1): by truth, and by how many thresholds lie below the output

    def limits(self) -> list[float]:
        """The thresholds, in rising order."""
        raise undefined(self, "limits(self)")

    @property
    def _even(self) -> bool:
        """Whether the thresholds are 0 and 1 and equal steps between, or stand just outside for 0 and 1."""
        return False

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = type(self).__name__
        if self.class_id is not None:
            self.class_id = whole(kind, "class_id", self.class_id, 0)
        if self.top_k is not None:
            self.top_k = whole(kind, "top_k", self.top_k)
        self.reset_state()

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        """Learn what the outputs mean, of `loss`, `output_shape` and `activation`.  Raises ArgumentError for a class that
        the network has not.
        """
        if self.class_id is not None and self.class_id >= output_shape[-1]:
            raise ArgumentError(f"{self.name}: class_id={self.class_id}, the classes are 0 to {output_shape[-1] - 1}.")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch: `y_true` and `y_pred` (N, …) of one shape, or class numbers for outputs (N, …, C), with a
        `sample_weight` (N,) or None.  Raises ArgumentError for a class that is not there.
        """
        p = tensor(f"y_pred of {self.name}", y_pred).detach()
        truth = tensor(f"y_true of {self.name}", y_true, like=p)
        if p.ndim < 2 or truth.numel() * p.shape[-1] != p.numel():
            truth, p = together(self.name, truth, p)
        if self.class_id is not None:
            scores_of_one_class(self.name, p, self.class_id)
        self.gather(truth, p, sample_weight)

    def see(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        import torch

        truth, p = y_true, y_pred
        if p.ndim > 1 and p.shape[-1] > 1 and truth.numel() * p.shape[-1] == p.numel():
            numbers = class_numbers(truth, p)
            truth = numbers.unsqueeze(-1) == torch.arange(p.shape[-1], device=p.device)
        truth, p = together(self.name, truth, p)
        p = activated(p, "sigmoid") if self.from_logits else p
        weights = None if sample_weight is None else weights_for(self.name, sample_weight, p)
        if self.label_weights is not None and not self.separate_labels:
            labels = tensor("label_weights", self.label_weights, "float32", p)
            weights = labels.to(p.dtype) if weights is None else weights * labels
        if self.top_k is not None:
            best = p.topk(min(self.top_k, p.shape[-1]), -1).indices
            p = p.where(torch.zeros_like(p, dtype=torch.bool).scatter_(-1, best, True), ANY)
        if self.class_id is not None:
            if weights is not None:
                weights = weights.expand(p.shape)[..., self.class_id]
            truth, p = truth[..., self.class_id], p[..., self.class_id]
        self._count(truth != 0, p, None if weights is None else weights.expand(p.shape))

    def _count(self, truth: Tensor, p: Tensor, weights: Tensor | None) -> None:
        import torch

        limits = self.limits()
        steps = len(limits)
        labels = p.shape[-1] if self.separate_labels else 1
        p = p.float()
        if self._even:
            place = p.clamp(0, 1).mul_(steps - 1).ceil_().long().clamp_(1 if limits[0] < 0 else 0, steps)
        else:
            place = torch.searchsorted(torch.tensor(limits, device=p.device), p.nan_to_num(ANY).contiguous())
        place += truth * (steps + 1)
        if labels > 1:
            place += torch.arange(labels, device=p.device) * (2 * (steps + 1))
        cells = torch.zeros(labels * 2 * (steps + 1), dtype=torch.float64, device=p.device)
        each = cells.new_ones(p.numel()) if weights is None else weights.double().reshape(-1)
        cells.index_add_(0, place.reshape(-1), each)
        cells = cells.view(labels, 2, steps + 1)
        self._cells = cells if self._cells is None else self._cells + cells

    def counts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """True positives, false positives, true negatives and false negatives, of shape (labels, thresholds) each."""
        import torch

        self.counted()
        if self._cells is None:
            zeros = torch.zeros(self._labels, len(self.limits()), dtype=torch.float64)
            return zeros, zeros, zeros, zeros
        above = self._cells.flip(-1).cumsum(-1).flip(-1)
        fp, tp = above[:, 0, 1:], above[:, 1, 1:]
        return tp, fp, above[:, 0, :1] - fp, above[:, 1, :1] - tp

    @property
    def true_positives(self) -> Tensor:
        """How many yeses are right, of shape (thresholds,), or (thresholds, labels) where each output is counted apart."""
        return self._as_kept(0)

    @property
    def false_positives(self) -> Tensor:
        """How many yeses are wrong, of shape (thresholds,) or (thresholds, labels)."""
        return self._as_kept(1)

    @property
    def true_negatives(self) -> Tensor:
        """How many noes are right, of shape (thresholds,) or (thresholds, labels)."""
        return self._as_kept(2)

    @property
    def false_negatives(self) -> Tensor:
        """How many noes are wrong, of shape (thresholds,) or (thresholds, labels)."""
        return self._as_kept(3)

    def _as_kept(self, which: int) -> Tensor:
        each = self.counts()[which].float()
        return each.T if self.separate_labels else each[0]

    def reset_state(self) -> None:
        self._cells = self._waiting = None

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far, of shape (labels, 2, thresholds + 1): by truth, and by how many thresholds lie below."""
        import torch

        self.counted()
        if self._cells is None:
            return {"cells": torch.zeros(self._labels, 2, len(self.limits()) + 1, dtype=torch.float64)}
        return {"cells": self._cells}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._cells, self._waiting = state["cells"], None


def over(part: Tensor, whole_: Tensor) -> Tensor:
    """part / whole, 0 where the whole is 0."""
    return (part / whole_).where(whole_ != 0, 0)


class _Listed(AtThresholds):
    """Base of figures at one threshold or at a list of them."""

    thresholds: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        kind, given = type(self).__name__, plain(self.thresholds)
        if given is not None and not isinstance(given, list | tuple):
            self.thresholds = in_range(kind, "thresholds", given)
        elif given is not None:
            self.thresholds = [in_range(kind, "thresholds", t) for t in given]
            if not given:
                raise ArgumentError(f"{kind}: thresholds is an empty list; give at least one.")
        super().__post_init__()

    def _as_kept(self, which: int) -> Tensor:
        given, limits = self._given(), self.limits()
        return super()._as_kept(which)[[limits.index(t) for t in given]]

    def _given(self) -> list[float]:
        if self.thresholds is None:
            return [0.5 if self.top_k is None else ANY]
        given: Any = self.thresholds
        return list(given) if isinstance(given, list | tuple) else [given]

    def limits(self) -> list[float]:
        return sorted(self._given())

    def in_order(self, each: Tensor) -> Any:
        """Figures by rising threshold in the order in which these were given; one alone is a scalar.

        each    (thresholds,)
        """
        given, limits = self._given(), self.limits()
        return each[0] if len(given) == 1 else each[[limits.index(t) for t in given]]


@described
class _Count(_Listed):
    """Base of the four counts."""

    kept: ClassVar[tuple[str, ...]] = ("accumulator",)
    which: ClassVar[int] = 0  # in what ``counts`` gives
    thresholds: float | Sequence[float] | None = None
    name: str | None = None
    dtype: Any = None

    @property
    def accumulator(self) -> Tensor:
        """The counts so far, of shape (thresholds,)."""
        return self._as_kept(self.which)

    def figure(self) -> Any:
        return self.in_order(self.counts()[self.which][0])


@described
class TruePositives(_Count):
    """How many outputs above the threshold are of a target 1.

    thresholds    from 0 to 1, one or a list; None: 0.5
    name          in the logs
    dtype         as in every metric

    Raises ArgumentError for a threshold out of range.
    """


@described
class FalsePositives(_Count):
    """How many outputs above the threshold are of a target 0.

    thresholds    from 0 to 1, one or a list; None: 0.5
    name          in the logs
    dtype         as in every metric

    Raises ArgumentError for a threshold out of range.
    """

    which = 1
    direction = "min"


@described
class TrueNegatives(_Count):
    """How many outputs not above the threshold are of a target 0.

    thresholds    from 0 to 1, one or a list; None: 0.5
    name          in the logs
    dtype         as in every metric

    Raises ArgumentError for a threshold out of range.
    """

    which = 2


@described
class FalseNegatives(_Count):
    """How many outputs not above the threshold are of a target 1.

    thresholds    from 0 to 1, one or a list; None: 0.5
    name          in the logs
    dtype         as in every metric

    Raises ArgumentError for a threshold out of range.
    """

    which = 3
    direction = "min"


class _AtValue(AtThresholds):
    """Base of the best of one figure among the thresholds at which another reaches a value."""

    num_thresholds: int = 200

    def __post_init__(self) -> None:
        kind = type(self).__name__
        self.num_thresholds = whole(kind, "num_thresholds", self.num_thresholds)
        field = dataclasses.fields(self)[0].name  # type: ignore[arg-type]
        setattr(self, field, in_range(kind, field, getattr(self, field)))
        super().__post_init__()

    def limits(self) -> list[float]:
        n = self.num_thresholds
        return [0.5] if n == 1 else [i / (n - 1) for i in range(n)]

    @property
    def _even(self) -> bool:
        return self.num_thresholds > 1

    def best(self, figure: Tensor, condition: Tensor, value: float) -> Tensor:
        """The highest of `figure` where `condition` is at least `value`, a scalar; 0 where there is none.

        figure, condition    (thresholds,)
        """
        import torch

        reached = condition >= torch.tensor(value, dtype=torch.float32).double() - 1e-7
        return figure.where(reached, 0).max().clamp(min=0)

    def shares(self) -> tuple[Tensor, Tensor, Tensor]:
        """Sensitivity (recall), specificity and precision, of shape (thresholds,) each."""
        tp, fp, tn, fn = (each[0] for each in self.counts())
        return over(tp, tp + fn), over(tn, tn + fp), over(tp, tp + fp)


@described
class SensitivityAtSpecificity(_AtValue):
    """The highest sensitivity TP / (TP + FN) among the thresholds at which the specificity TN / (TN + FP) is reached.

    specificity       from 0 to 1
    num_thresholds    in equal steps from 0 to 1
    class_id          of this class only
    name              in the logs
    dtype             as in every metric

    Raises ArgumentError for a value out of range.
    """

    specificity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def figure(self) -> Any:
        sensitivity, specificity, _ = self.shares()
        return self.best(sensitivity, specificity, self.specificity)


@described
class SpecificityAtSensitivity(_AtValue):
    """The highest specificity TN / (TN + FP) among the thresholds at which the sensitivity TP / (TP + FN) is reached.

    sensitivity       from 0 to 1
    num_thresholds    in equal steps from 0 to 1
    class_id          of this class only
    name              in the logs
    dtype             as in every metric

    Raises ArgumentError for a value out of range.
    """

    sensitivity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def figure(self) -> Any:
        sensitivity, specificity, _ = self.shares()
        return self.best(specificity, sensitivity, self.sensitivity)


@described
class PrecisionAtRecall(_AtValue):
    """The highest precision TP / (TP + FP) among the thresholds at which the recall TP / (TP + FN) is reached.

    recall            from 0 to 1
    num_thresholds    in equal steps from 0 to 1
    class_id          of this class only
    name              in the logs
    dtype             as in every metric

    Raises ArgumentError for a value out of range.
    """

    recall: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def figure(self) -> Any:
        recall, _, precision = self.shares()
        return self.best(precision, recall, self.recall)


@described
class RecallAtPrecision(_AtValue):
    """The highest recall TP / (TP + FN) among the thresholds at which the precision TP / (TP + FP) is reached.

    precision         from 0 to 1
    num_thresholds    in equal steps from 0 to 1
    class_id          of this class only
    name              in the logs
    dtype             as in every metric

    Raises ArgumentError for a value out of range.
    """

    precision: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: str | None = None
    dtype: Any = None

    def figure(self) -> Any:
        recall, _, precision = self.shares()
        return self.best(recall, precision, self.precision)
