"""Losses for numbers: how far predictions are from targets of the same shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.described import described, number
from striate.errors import ArgumentError
from striate.ops.probabilities import EPSILON
from striate.train.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


@described
class MeanSquaredError(Loss):
    """(p - y)², the mean over all outputs.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "mean_squared_error"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (y_pred - y_true).square().mean(-1)

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.mse_loss(y_pred, y_true)


@described
class HalfSumOfSquares(Loss):
    """½ · Σ (p - y)² over the outputs of a sample, the mean over samples: what LeNet-5's generation trained with.

    Source: Rumelhart, Hinton & Williams 1986; LeCun et al. 1998, section I-C.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "half_sum_of_squares"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return 0.5 * (y_pred - y_true).square().flatten(1).sum(1)


@described
class MeanAbsoluteError(Loss):
    """|p - y|, the mean over all outputs.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "mean_absolute_error"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (y_pred - y_true).abs().mean(-1)


@described
class MeanAbsolutePercentageError(Loss):
    """100 · |p - y| / |y|, the mean over all outputs; |y| at least 1e-7.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "mean_absolute_percentage_error"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (100 * (y_true - y_pred).abs() / y_true.abs().clamp(min=EPSILON)).mean(-1)


@described
class MeanSquaredLogarithmicError(Loss):
    """(log(1 + p) - log(1 + y))², the mean over all outputs; p and y at least 1e-7.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "mean_squared_logarithmic_error"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (y_pred.clamp(min=EPSILON).log1p() - y_true.clamp(min=EPSILON).log1p()).square().mean(-1)


@described
class Huber(Loss):
    """½ · e² where |e| ≤ `delta`, `delta` · |e| - ½ · `delta`² beyond, the mean over all outputs (Huber 1964).

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss

    Raises ArgumentError for a `delta` of 0 or less.
    """

    delta: float = 1.0
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "huber_loss"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if number("Huber", "delta", self.delta) <= 0:
            raise ArgumentError(f"Huber: delta={self.delta} must be more than 0.")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.huber_loss(y_pred, y_true, reduction="none", delta=self.delta).mean(-1)


@described
class LogCosh(Loss):
    """log cosh(p - y), the mean over all outputs: squared when small, absolute when large.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "log_cosh"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from torch.nn import functional as F

        e = y_pred - y_true
        return (e + F.softplus(-2 * e) - 0.6931471805599453).mean(-1)  # log 2


@described
class Poisson(Loss):
    """p - y · log p, the mean over all outputs: counts y with expected count p.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "poisson"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (y_pred - y_true * (y_pred + EPSILON).log()).mean(-1)


@described
class CosineSimilarity(Loss):
    """-cos of the angle between p and y along an axis: -1 for the same direction, 1 for opposite ones.

    axis         of the vectors, in channels-last arrays (N, …, C)
    reduction    as in every loss
    name         in the logs
    dtype        as in every loss

    Raises ArgumentError for an axis that is not there.
    """

    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "cosine_similarity"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Losses (N, …) of `y_true` and `y_pred` (N, …, C).  Raises ArgumentError for an axis that is not there."""
        from torch.nn import functional as F

        axis = self._class_axis(y_pred)
        return -(F.normalize(y_true, dim=axis, eps=EPSILON) * F.normalize(y_pred, dim=axis, eps=EPSILON)).sum(axis)
