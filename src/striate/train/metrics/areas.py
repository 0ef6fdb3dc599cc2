"""The area under a curve of right against wrong answers, from a histogram of probabilities.

torchmetrics compares every answer with every threshold (13 µs a sample of 10 classes), where a histogram does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from striate.described import described, whole
from striate.errors import unknown
from striate.train.metrics.base import class_numbers, probabilities
from striate.train.metrics.counts import Counts

if TYPE_CHECKING:
    from torch import Tensor


@described
class AUC(Counts):
    """The area under the curve of true against false positives (ROC), or of precision against recall (PR), 0 to 1.

    num_thresholds    of the probability, in equal steps, at least 2; an answer is a yes where it is above one
    curve             "ROC", summed by the trapezoidal rule, or "PR", between the thresholds as in Davis & Goadrich 2006,
                      "The relationship between precision-recall and ROC curves", section 4
    name              in the logs

    Several classes: one against the rest, the mean over the classes that have both positive and negative samples (Keras
    pools all outputs as if they were one).  NaN when no class has both.
    Raises ArgumentError for another curve or fewer thresholds.
    """

    refused = {
        "from_logits": "the loss says whether outputs are logits",
        "multi_label": "outputs of a sigmoid loss are taken one by one, and averaged",
        "thresholds": "give num_thresholds",
        "summation_method": "ROC is summed by the trapezoidal rule, PR interpolated as in Keras",
    }
    needs_probabilities = True
    num_thresholds: int = 200
    curve: str = "ROC"
    name: str = "auc"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.num_thresholds = whole("AUC", "num_thresholds", self.num_thresholds, 2)
        if self.curve not in ("ROC", "PR"):
            raise unknown("AUC curve", self.curve, ("ROC", "PR"))

    def _settle(self, outputs: int, separate: bool) -> None:
        super()._settle(outputs, separate)
        self.needs_probabilities = True

    def _answers(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        p = probabilities(y_pred, self._lacks).clone()
        if self.kind == "multiclass":
            return self._valid(
                p.movedim(1, -1).reshape(-1, self._classes), class_numbers(y_true, y_pred).long().flatten()
            )
        return self._each(p, y_true)

    def _empty(self) -> Tensor:
        import torch

        return torch.zeros(self._classes, 2, self.num_thresholds - 1, dtype=torch.int64)

    def _counted(self, said: Tensor, truth: Tensor) -> Tensor:
        """How many answers lie between two thresholds, (C, 2, steps) by class and truth."""
        import torch

        if self.kind == "multiclass":
            truth = torch.nn.functional.one_hot(truth, self._classes)
        steps = self.num_thresholds - 1
        place = (said * steps).ceil_().long().sub_(1).clamp_(0, steps - 1)  # one on a threshold is not above it
        place += (torch.arange(self._classes, device=said.device) * 2 + truth) * steps
        cells = place.new_zeros(self._classes * 2 * steps)
        cells.scatter_add_(0, place.flatten(), place.new_ones(1).expand(place.numel()))
        return cells.view(self._classes, 2, steps)

    def result(self) -> float:
        import torch

        self._hand_over()
        if self._cells is None:
            return math.nan
        above = torch.nn.functional.pad(
            self._cells.flip(2).cumsum(2), (1, 0)
        ).double()  # from the highest threshold down
        above = above[(above[..., -1] > 0).all(1)]
        if not len(above):
            return math.nan
        false, true = above[:, 0], above[:, 1]
        if self.curve == "ROC":
            return float(torch.trapezoid(true / true[:, -1:], false / false[:, -1:]).mean())
        return float(_under_precision(true, true + false).mean())


def _under_precision(true: Tensor, said: Tensor) -> Tensor:
    """The area under precision over recall, (C,), of true positives and positives (C, thresholds), rising.

    Between two thresholds the true positives are linear in the positives, so precision is slope + intercept / positives.
    """
    import torch

    gained, more = true.diff(), said.diff()
    slope = torch.where(more > 0, gained / more.clamp(min=1), 0)
    intercept = true[:, :-1] - slope * said[:, :-1]
    ratio = torch.where(said[:, :-1] > 0, said[:, 1:] / said[:, :-1].clamp(min=1), 1)
    return (slope * (gained + intercept * ratio.log())).sum(1) / true[:, -1]
