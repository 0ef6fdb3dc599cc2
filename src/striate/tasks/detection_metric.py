"""Average precision while a network trains, counted as everywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.data.box_targets import CLASS, IGNORED
from striate.described import described
from striate.intake import Decoding
from striate.intake.decoding import USUAL_LEAST
from striate.tasks.average_precision import Detections, Truth, average_precision
from striate.tasks.box_losses import rows_last
from striate.tasks.found import detections
from striate.train.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MeanAveragePrecision"]


@described
class MeanAveragePrecision(Metric):
    """mAP of boxes: "map50" at overlap 0.5, "map" over 0.5 to 0.95, as ``average_precision.average_precision`` counts them.

    layer     the layer of boxes that the network ends in
    least     scores below it say nothing
    overlap   of the suppression
    name      in the logs, of the figure at 0.5
    dtype     as in every metric

    Training batches are not measured, only evaluation: the suppression would take longer than the step.
    """

    layer: Any = None
    least: float = USUAL_LEAST
    overlap: float = Decoding.overlap
    name: str | None = "map"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reset_state()

    def reset_state(self) -> None:
        """Forget all pictures."""
        self._truth: list[Truth] = []
        self._found: list[Detections] = []

    def update(self, y_true: Tensor, y_pred: Tensor, lacking: str | None = None, weights: Tensor | None = None) -> None:
        """Take in one batch of the training loop.

        y_true, y_pred    boxes (N, 6, M), and outputs, channels first
        lacking           "boxes" where the outputs are the numbers before the layer of boxes
        weights           not used
        """
        y_true, y_pred = rows_last(y_true, y_pred)
        if lacking is None:
            self.update_state(y_true, y_pred)
        else:
            self.update_logits(y_true, y_pred, lacking)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in the pictures of a batch.

        y_true          boxes, (N, M, 6)
        y_pred          rows, (N, P, 4 + K)
        sample_weight   not used
        """
        self._classes = y_pred.shape[-1] - 4
        for rows, there in zip(y_pred.cpu().numpy(), y_true.cpu().numpy(), strict=True):
            there = there[there[:, CLASS] >= 0]
            self._truth.append(Truth(there[:, :4], there[:, CLASS].astype(int), there[:, IGNORED] > 0))
            self._found.append(detections(rows, least=self.least, overlap=self.overlap))

    def update_logits(self, y_true: Tensor, logits: Tensor, activation: str) -> None:
        """Take in a batch of the numbers before the layer of boxes.

        y_true       boxes, (N, M, 6)
        logits       (N, P, K + 4 bins)
        activation   "boxes"
        """
        import torch

        if torch.is_grad_enabled():
            return
        self.update_state(y_true, self.layer(logits))

    def figure(self) -> dict[str, float]:
        """The figures by name."""
        if not self._truth:
            return {}
        made = average_precision(self._truth, self._found, [str(k) for k in range(self._classes)])
        return {f"{self.name}50": made.at50 or 0.0, str(self.name): made.mean or 0.0}
