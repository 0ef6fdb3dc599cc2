"""Losses of regions: how little what is marked and what was answered overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from striate.described import described, number
from striate.errors import ArgumentError
from striate.ops.probabilities import EPSILON
from striate.train.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


@described
class Dice(Loss):
    """1 - 2 · Σ y·p / (Σ y + Σ p): how little two regions overlap (Milletari et al. 2016, "V-Net", section 3).

    axis: what the sums run over, in channels-last axes: None, everything, the whole batch being one region (as in
    Keras); (1, 2, 3), each sample by itself; (1, 2), each class of each sample by itself.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss

    Raises ArgumentError for an `axis` that is not there.
    """

    targets = "binary"
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "dice"
    axis: int | Sequence[int] | None = None
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One number, or one per axis left: targets `y_true` and outputs `y_pred` are (N, …, C).  Raises
        ArgumentError for an axis that is not there.
        """
        over = _inside(self.axis, y_pred.ndim)
        both = (y_true * y_pred).sum(over)
        return 1 - 2 * both / (y_true.sum(over) + y_pred.sum(over) + EPSILON)


@described
class Tversky(Loss):
    """1 - Σ y·p / (Σ y·p + `alpha` · Σ (1 - y)·p + `beta` · Σ y·(1 - p)): Dice with false alarms and misses weighed.

    alpha        weighs false alarms, at least 0
    beta         weighs misses, at least 0
    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    axis         as in Dice

    Source: Salehi et al. 2017, equation 3.  Raises ArgumentError for a negative weight or an axis that is not there.
    """

    targets = "binary"
    alpha: float = 0.5
    beta: float = 0.5
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "tversky"
    axis: int | Sequence[int] | None = None
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        number("Tversky", "alpha", self.alpha, 0)
        number("Tversky", "beta", self.beta, 0)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One number, or one per axis left: targets `y_true` and outputs `y_pred` are (N, …, C).  Raises
        ArgumentError for an axis that is not there.
        """
        over = _inside(self.axis, y_pred.ndim)
        both = (y_true * y_pred).sum(over)
        missed = (y_true * (1 - y_pred)).sum(over)
        wrong = ((1 - y_true) * y_pred).sum(over)
        return 1 - both / (both + self.alpha * wrong + self.beta * missed + EPSILON)


def _inside(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """The axes of the sums; None is all of them."""
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if any(not -rank <= a < rank for a in axes):
        raise ArgumentError(f"axis={axis} does not exist in outputs with {rank} axes, batch included.")
    return axes
