"""The loss of YOLO's first version, as the paper writes it: Redmon et al. 2016, "You Only Look Once", section 2.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.data.box_targets import CLASS
from striate.described import described
from striate.errors import ArgumentError
from striate.layers.boxes import YoloBoxes
from striate.tasks.box_losses import LossOfBoxes, counted
from striate.tasks.boxes import iou

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["YoloLoss"]


@described
class YoloLoss(LossOfBoxes):
    """Sum of squares over the grid; a box is learnt by the cell that its middle is in, and there by the box nearest to it.

    The five terms, in the paper's order: where the middle is in its cell, and the square roots of width and height as
    parts of the picture, both times `coord`; the confidence of the box that is responsible; that of all others, times
    `noobj`; and the probabilities of the classes in cells that hold a middle.  "Nearest" is the highest overlap.

    layer       the ``layers.YoloBoxes`` that the network ends in; the numbers before it are learnt
    coord       the paper's lambda_coord
    noobj       the paper's lambda_noobj
    rescore     True: the responsible confidence is to be the overlap with the box, as the paper's text says; False: 1
    reduction, name, dtype   as in every loss

    A cell learns one box; of several with their middle in it, the first.  Targets are boxes as ``data.box_targets`` has
    them, (N, M, 6).  Raises ArgumentError for another layer and for negative factors.
    """

    ends_in = YoloBoxes

    layer: Any = None
    coord: float = 5.0
    noobj: float = 0.5
    rescore: bool = True
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "yolo_loss"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coord < 0 or self.noobj < 0:
            raise ArgumentError("YoloLoss: coord and noobj are not negative.")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each picture, (N,).

        y_true    boxes, (N, M, 6)
        y_pred    the numbers before the layer of boxes
        """
        import torch

        layer: YoloBoxes = self.layer
        (rows, columns), count = layer.grid, layer.boxes
        size = y_true.new_tensor([layer.size[1], layer.size[0]])
        cells = y_pred.reshape(len(y_pred), rows * columns, -1)
        several = cells[..., : 5 * count].unflatten(-1, (count, 5))
        cell = self._cells(y_true)
        wanted = y_true.gather(1, cell.clamp(min=0)[..., None].expand(-1, -1, y_true.shape[-1]))
        some = cell >= 0  # (N, cells)
        made = layer(y_pred)[..., :4].unflatten(1, (rows * columns, count)).detach()
        overlap = iou(made, wanted[:, :, None, :4])
        best = overlap.argmax(-1)
        responsible = torch.nn.functional.one_hot(best, count).bool() & some[..., None]
        middle = (wanted[..., :2] + wanted[..., 2:4]) / 2 / size * y_true.new_tensor([columns, rows])
        place = (middle - middle.floor())[:, :, None]
        root = ((wanted[..., 2:4] - wanted[..., :2]) / size).sqrt()[:, :, None]
        off = ((several[..., :2] - place) ** 2).sum(-1) + ((several[..., 2:4] - root) ** 2).sum(-1)
        sure = several[..., 4]
        right = (sure - (overlap if self.rescore else 1.0)) ** 2
        boxes = torch.where(responsible, self.coord * off + right, self.noobj * sure**2).sum((1, 2))
        classes = cells[..., 5 * count :]
        truth = torch.nn.functional.one_hot(wanted[..., CLASS].long().clamp(min=0), classes.shape[-1])
        return boxes + (((classes - truth) ** 2).sum(-1) * some).sum(1)

    def _cells(self, y_true: Tensor) -> Tensor:
        """The number of the box that each cell learns, int64 (N, cells); -1 for none."""
        import torch

        (rows, columns), (height, width) = self.layer.grid, self.layer.size
        middle = (y_true[..., :2] + y_true[..., 2:4]) / 2
        column = (middle[..., 0] / width * columns).long().clamp(0, columns - 1)
        row = (middle[..., 1] / height * rows).long().clamp(0, rows - 1)
        number = torch.where(counted(y_true), row * columns + column, -1)
        own = number[:, None, :] == torch.arange(rows * columns, device=number.device)[:, None]  # (N, cells, M)
        return torch.where(own.any(-1), own.long().argmax(-1), -1)
