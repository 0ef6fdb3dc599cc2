"""What stands for the loss of an output that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.train.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


class NoLoss(Loss):
    """Always 0, and needs no targets: of an output whose loss in ``compile`` is None.  Takes no arguments."""

    abstract = True
    targets = "none"

    def __init__(self) -> None:
        super().__init__("no_loss")

    @property
    def sparse(self) -> bool:
        return True

    def of_batch(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None = None) -> Tensor:
        return y_pred.new_zeros(())

    def per_sample(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred.new_zeros(len(y_pred))

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred.new_zeros(len(y_pred))

    def check(self, y: Any, output_shape: tuple[int, ...]) -> None:
        """Nothing: `y` and `output_shape` are not looked at."""
