"""The loss of sequences of labels whose places in the input are not known: CTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.described import described
from striate.errors import TrainingError
from striate.train.losses.base import Loss
from striate.train.losses.labels import no_such_class, whole_numbers

if TYPE_CHECKING:
    from torch import Tensor


@described
class CTC(Loss):
    """-log of the sum, over all ways to place a sequence of labels along T positions, of their probabilities.

    Targets are class numbers (N, L), each row its labels and then zeros: 0 is the blank.  Outputs are logits (N, T, C).
    Source: Graves et al. 2006, "Connectionist temporal classification", equation 8.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    targets = "any"
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "ctc"
    dtype: Any = None

    @property
    def sparse(self) -> bool:
        return True

    def fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Class numbers `y_true` (N, L) and logits `y_pred` (N, T, C).  Raises TrainingError for other shapes."""
        if y_true.ndim != 2 or y_pred.ndim != 3 or len(y_true) != len(y_pred):
            raise TrainingError(
                f"{self.name} takes class numbers (N, L) and logits (N, T, C), not {tuple(y_true.shape)} and "
                f"{tuple(y_pred.shape)}."
            )
        return whole_numbers(self.name, y_true), y_pred if y_pred.is_floating_point() else y_pred.float()

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Losses (N,) of class numbers `y_true` (N, L) and logits `y_pred` (N, T, C).  Raises TrainingError for a label that
        no output stands for.
        """
        from torch.nn import functional as F

        if ((y_true < 0) | (y_true >= y_pred.shape[-1])).any():  # torch would read past its memory
            raise no_such_class(self.name, y_true, y_pred.shape[-1])

        positions = y_true.new_full((len(y_pred),), y_pred.shape[1])
        logs = y_pred.float().log_softmax(-1).transpose(0, 1)
        losses = F.ctc_loss(logs, y_true, positions, (y_true != 0).sum(-1), blank=0, reduction="none")
        return losses.to(y_pred.dtype)
