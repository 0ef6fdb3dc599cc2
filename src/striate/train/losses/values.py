"""Losses for numbers: how far predictions are from targets of the same shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.described import described, number
from striate.errors import ArgumentError
from striate.train.losses.base import EPSILON, Loss

if TYPE_CHECKING:
    from torch import Tensor


@described
class MeanSquaredError(Loss):
    """(p - y)², the mean over all outputs.

    name    in the logs
    """

    name: str = "mean_squared_error"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (y_pred - y_true).square()

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.mse_loss(y_pred, y_true)


@described
class HalfSumOfSquares(Loss):
    """½ · Σ (p - y)² over the outputs of a sample, the mean over samples: what LeNet-5's generation trained with.

    Source: Rumelhart, Hinton & Williams 1986; LeCun et al. 1998, section I-C.

    name    in the logs
    """

    name: str = "half_sum_of_squares"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return 0.5 * (y_pred - y_true).square().flatten(1).sum(1)


@described
class MeanAbsoluteError(Loss):
    """|p - y|, the mean over all outputs.

    name    in the logs
    """

    name: str = "mean_absolute_error"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (y_pred - y_true).abs()


@described
class MeanAbsolutePercentageError(Loss):
    """100 · |p - y| / |y|, the mean over all outputs; |y| at least 1e-7.

    name    in the logs
    """

    name: str = "mean_absolute_percentage_error"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return 100 * (y_true - y_pred).abs() / y_true.abs().clamp(min=EPSILON)


@described
class MeanSquaredLogarithmicError(Loss):
    """(log(1 + p) - log(1 + y))², the mean over all outputs; p and y at least 1e-7.

    name    in the logs
    """

    name: str = "mean_squared_logarithmic_error"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (y_pred.clamp(min=EPSILON).log1p() - y_true.clamp(min=EPSILON).log1p()).square()


@described
class Huber(Loss):
    """½ · e² where |e| ≤ `delta`, `delta` · |e| - ½ · `delta`² beyond, the mean over all outputs (Huber 1964).

    name    in the logs

    Raises ArgumentError for a `delta` of 0 or less.
    """

    delta: float = 1.0
    name: str = "huber_loss"

    def __post_init__(self) -> None:
        if number("Huber", "delta", self.delta) <= 0:
            raise ArgumentError(f"Huber: delta={self.delta} must be more than 0.")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.huber_loss(y_pred, y_true, reduction="none", delta=self.delta)


@described
class LogCosh(Loss):
    """log cosh(p - y), the mean over all outputs: squared when small, absolute when large.

    name    in the logs
    """

    name: str = "log_cosh"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from torch.nn import functional as F

        e = y_pred - y_true
        return e + F.softplus(-2 * e) - 0.6931471805599453  # log 2


@described
class Poisson(Loss):
    """p - y · log p, the mean over all outputs: counts y with expected count p.

    name    in the logs
    """

    name: str = "poisson"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred - y_true * (y_pred + EPSILON).log()


@described
class CosineSimilarity(Loss):
    """-cos of the angle between p and y along the last axis: -1 for the same direction, 1 for opposite ones.

    axis    -1, the only one there is
    name    in the logs

    Raises ArgumentError for another axis.
    """

    axis: int = -1
    name: str = "cosine_similarity"

    def __post_init__(self) -> None:
        if self.axis != -1:
            raise ArgumentError(f"CosineSimilarity: axis={self.axis}; the vectors lie along the last axis, -1.")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from torch.nn import functional as F

        return -(F.normalize(y_true, dim=1, eps=EPSILON) * F.normalize(y_pred, dim=1, eps=EPSILON)).sum(1)
