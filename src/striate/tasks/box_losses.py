"""What losses of boxes share: they learn the numbers before the layer that makes boxes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from striate.data.box_targets import CLASS, IGNORED
from striate.errors import ArgumentError
from striate.layers.boxes import BoxLayer
from striate.train.losses import Loss

if TYPE_CHECKING:
    from torch import Tensor


class LossOfBoxes(Loss):
    """Base.  Targets are boxes as ``data.box_targets`` has them, (N, M, 6); a subclass has a field `layer`.

    Raises ArgumentError where `layer` is not of the class `ends_in`.
    """

    abstract = True
    boxes = True
    targets = "any"
    activation = "boxes"
    ends_in: ClassVar[type[BoxLayer]] = BoxLayer

    layer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.layer, self.ends_in):
            raise ArgumentError(
                f"{type(self).__name__}: layer is the {self.ends_in.__name__} that the network ends in, not {self.layer!r}."
            )

    def aligned(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """A batch as ``call`` wants it; boxes have three axes however many the numbers have that are learnt.

        y_true, y_pred    boxes (N, 6, M), and the numbers before the layer of boxes, (N, C, …)
        """
        return self.fitted(*rows_last(y_true, y_pred))

    def fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Both as they are, in 32 bits.

        y_true, y_pred    (N, M, 6), and the numbers before the layer of boxes, (N, …)
        """
        return y_true.float(), y_pred.float()


def rows_last(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Both channels-last: boxes have three axes, however many the numbers have that go with them.

    y_true, y_pred    of the training loop, channels first: boxes (N, 6, M), and (N, C, …)
    """
    return y_true.movedim(1, -1), y_pred.movedim(1, -1) if y_pred.ndim > 2 else y_pred


def counted(y_true: Tensor) -> Tensor:
    """Which rows are boxes that count, bool (N, M).

    y_true    boxes, (N, M, 6)
    """
    return (y_true[..., CLASS] >= 0) & (y_true[..., IGNORED] == 0)
