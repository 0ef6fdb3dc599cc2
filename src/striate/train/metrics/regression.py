"""Figures of how targets and outputs go together: R² and correlations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from striate.described import described, whole
from striate.errors import ArgumentError, DataError
from striate.ops.probabilities import EPSILON
from striate.train.metrics.base import Metric
from striate.train.metrics.reductions import MeanMetric
from striate.train.tensors import tensor, together, weights_for

if TYPE_CHECKING:
    from torch import Tensor

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


@described
class R2Score(Metric):
    """1 - Σ (y - p)² / Σ (y - mean y)²: the share of the targets' variance that the outputs explain; 1 is best.

    class_aggregation    "uniform_average": the mean over the outputs; "variance_weighted_average": weighed by the
                         variance of each; None: one figure per output
    num_regressors       how many inputs the outputs depend on, for the adjusted R²; 0: not adjusted
    name                 in the logs
    dtype                as in every metric

    Targets and outputs are (N, outputs).  Raises ArgumentError for an unknown aggregation or a negative number.
    """

    class_aggregation: str | None = "uniform_average"
    num_regressors: int = 0
    name: str | None = "r2_score"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._sums: Any = None  # (4, outputs): weights, targets, their squares, squared errors
        self._samples: Any = 0
        if self.class_aggregation not in AGGREGATIONS:
            known = ", ".join(repr(a) for a in AGGREGATIONS)
            raise ArgumentError(f"R2Score: class_aggregation={self.class_aggregation!r}; use one of {known}.")
        self.num_regressors = whole("R2Score", "num_regressors", self.num_regressors, 0)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch, `y_true` and `y_pred` (N, outputs) each, with a `sample_weight` (N,) or None.

        Raises DataError for other shapes.
        """
        import torch

        y_pred = tensor(f"y_pred of {self.name}", y_pred)
        y_true, y_pred = together(self.name, tensor(f"y_true of {self.name}", y_true, like=y_pred), y_pred)
        if y_pred.ndim != 2:
            raise DataError(f"{self.name} takes targets and outputs of shape (N, outputs), not {tuple(y_pred.shape)}.")
        y, p = y_true.detach().double(), y_pred.detach().double()
        w = torch.ones_like(y) if sample_weight is None else weights_for(self.name, sample_weight, y).expand_as(y)
        sums = torch.stack([w.sum(0), (w * y).sum(0), (w * y * y).sum(0), (w * (y - p) ** 2).sum(0)])
        self._sums = sums if self._sums is None else self._sums + sums
        self._samples = self._samples + (w != 0).any(1).sum()

    def figure(self) -> Any:
        import torch

        if self._sums is None:
            return 0.0
        count, total, squares, errors = self._sums
        variance = squares - total * total / count
        each = 1 - errors / variance
        each = torch.where(each.isinf(), 0, each)
        score = each
        if self.class_aggregation == "uniform_average":
            score = each.mean()
        elif self.class_aggregation == "variance_weighted_average":
            score = (variance * each).sum() / variance.sum()
        left = int(self._samples) - self.num_regressors - 1
        if self.num_regressors and left > 0:  # else there is nothing to adjust by
            score = 1 - (1 - score) * (int(self._samples) - 1) / left
        return score

    def reset_state(self) -> None:
        self._sums, self._samples = None, 0

    def state_dict(self) -> dict[str, Tensor]:
        """The sums so far, of shape (4, outputs), and how many samples there were, a scalar."""
        import torch

        if self._sums is None:
            return {}
        return {"sums": self._sums, "samples": torch.as_tensor(self._samples)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.reset_state()
        if state:
            self._sums, self._samples = state["sums"], state["samples"]


def _pair(name: str, y_true: Any, y_pred: Any, axis: int) -> tuple[Tensor, Tensor]:
    y_pred = tensor(f"y_pred of {name}", y_pred)
    y_true, y_pred = together(name, tensor(f"y_true of {name}", y_true, like=y_pred), y_pred)
    if not -y_pred.ndim <= axis < y_pred.ndim:
        raise ArgumentError(f"{name}: axis={axis} does not exist in outputs of shape {tuple(y_pred.shape)}.")
    return y_true, y_pred


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The correlation of outputs and targets along an axis, (N, …).

    y_true, y_pred    of one shape, (N, …, C)
    axis              what is correlated runs along it

    Raises TrainingError when the shapes do not go together, ArgumentError for an axis that is not there.
    """
    y, p = _pair("pearson_correlation", y_true, y_pred, axis)
    y, p = y - y.mean(axis, keepdim=True), p - p.mean(axis, keepdim=True)
    return (y * p).mean(axis) / (y.square().mean(axis) * p.square().mean(axis)).sqrt()


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """How near outputs and targets lie to the line p = y along an axis, (N, …).

    y_true, y_pred    of one shape, (N, …, C)
    axis              what is compared runs along it

    Raises TrainingError when the shapes do not go together, ArgumentError for an axis that is not there.
    """
    y, p = _pair("concordance_correlation", y_true, y_pred, axis)
    apart = (y.mean(axis) - p.mean(axis)).square()
    together_ = ((y - y.mean(axis, keepdim=True)) * (p - p.mean(axis, keepdim=True))).mean(axis)
    spread = y.var(axis, correction=0) + p.var(axis, correction=0)
    return 2 * together_ / (spread + apart + EPSILON)


@described
class _Correlation(MeanMetric):
    """Base of correlations of targets and outputs within a sample: `correlation` gives them, (N, …), along an axis."""

    correlation: ClassVar[Callable[[Any, Any, int], Tensor]]
    name: str | None = None
    dtype: Any = None
    axis: int = -1

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.take(type(self).correlation(y_true, y_pred, self.axis), sample_weight)


@described
class PearsonCorrelation(_Correlation):
    """The correlation of the outputs of a sample with its targets, -1 to 1; the mean over the samples.

    name     in the logs
    dtype    as in every metric
    axis     what is correlated runs along it, in channels-last arrays

    Source: Pearson 1895, "Note on regression and inheritance in the case of two parents".
    """

    correlation = staticmethod(pearson_correlation)
    name: str | None = "pearson_correlation"


@described
class ConcordanceCorrelation(_Correlation):
    """How near outputs and targets of a sample lie to the line p = y, -1 to 1; the mean over the samples.

    name     in the logs
    dtype    as in every metric
    axis     what is compared runs along it, in channels-last arrays

    Source: Lin 1989, "A concordance correlation coefficient to evaluate reproducibility".
    """

    correlation = staticmethod(concordance_correlation)
    name: str | None = "concordance_correlation"
