"""Hinge losses: how far a score is from the right side of its margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.described import described
from striate.train.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


def _margin(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """How far each score is from the right side of its margin; targets that are all 0 or 1 count as -1 and 1."""
    binary = ((y_true == 0) | (y_true == 1)).all()
    return (1 - y_true.where(~binary, 2 * y_true - 1) * y_pred).clamp(min=0)


@described
class Hinge(Loss):
    """max(0, 1 - y · p), the mean over the outputs; y is -1 or 1, or 0 or 1.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "hinge"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return _margin(y_true, y_pred).mean(-1)


@described
class SquaredHinge(Loss):
    """max(0, 1 - y · p)², the mean over the outputs; y is -1 or 1, or 0 or 1.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "squared_hinge"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return _margin(y_true, y_pred).square().mean(-1)


@described
class CategoricalHinge(Loss):
    """max(0, 1 + the highest score of a wrong class - the right one's), for one-hot targets.

    The multi-class hinge, or SVM, loss of Weston & Watkins 1999 with the worst class only (Crammer & Singer 2001).

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    targets = "one_hot"
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "categorical_hinge"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        right = (y_true * y_pred).sum(-1)
        wrong = ((1 - y_true) * y_pred).amax(-1)
        return (wrong - right + 1).clamp(min=0)
