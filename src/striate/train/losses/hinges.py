"""Hinge losses: how far a score is from the right side of its margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.described import described
from striate.train.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


@described
class Hinge(Loss):
    """max(0, 1 - y · p), the mean over the outputs; y is -1 or 1 (0 counts as -1).

    name    in the logs
    """

    name: str = "hinge"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return (1 - y_true.where(y_true != 0, -1) * y_pred).clamp(min=0)


@described
class SquaredHinge(Hinge):
    """max(0, 1 - y · p)², the mean over the outputs; y is -1 or 1 (0 counts as -1).

    name    in the logs
    """

    name: str = "squared_hinge"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return super().call(y_true, y_pred).square()


@described
class CategoricalHinge(Loss):
    """max(0, 1 + the highest score of a wrong class - the right one's), for one-hot targets.

    The multi-class hinge, or SVM, loss of Weston & Watkins 1999 with the worst class only (Crammer & Singer 2001).

    name    in the logs
    """

    targets = "one_hot"
    name: str = "categorical_hinge"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        right = (y_true * y_pred).sum(1)
        wrong = ((1 - y_true) * y_pred).amax(1)
        return (wrong - right + 1).clamp(min=0)
