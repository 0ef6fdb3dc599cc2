"""Metrics that count: small batches are gathered and counted together, since counting costs 100 µs whatever the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.errors import undefined
from striate.train.metrics.base import Metric

if TYPE_CHECKING:
    from torch import Tensor

PIECE = 65_536  # outputs that are counted at once


class Gathered(Metric):
    """Base of metrics that count targets and outputs; ``see`` counts, ``counted`` is called before the counts are read."""

    abstract = True
    _waiting: Any = None  # batches that are not counted yet

    def see(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Count one or more batches.

        y_true, y_pred    (N, …) and (N, …, C)
        sample_weight     a weight per sample, (N,), or per number; None: each counts 1
        """
        raise undefined(self, "see(self, y_true, y_pred, sample_weight)")

    def gather(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Take in a batch, now or with those that follow.

        y_true, y_pred    (N, …) and (N, …, C)
        sample_weight     a weight per sample, (N,), or per number; None: each counts 1
        """
        waiting = self._waiting
        if waiting and (_form(waiting[-1][0]), _form(waiting[-1][1])) != (_form(y_true), _form(y_pred)):
            self.counted()
        if sample_weight is not None or y_pred.ndim == 0 or y_pred.numel() >= PIECE:
            self.counted()
            self.see(y_true, y_pred, sample_weight)
            return
        if not self._waiting:
            self._waiting, self._left = [], PIECE
        self._waiting.append((y_true.clone(), y_pred.clone()))  # the caller may fill its buffers again
        self._left -= y_pred.numel()
        if self._left <= 0:
            self.counted()

    def counted(self) -> None:
        """Count what was gathered."""
        import torch

        if self._waiting:
            truths, outputs = zip(*self._waiting, strict=True)
            self._waiting = None
            with torch.no_grad():
                self.see(torch.cat(truths), torch.cat(outputs))


def _form(tensor: Tensor) -> Any:
    """What batches must have in common to be joined."""
    return tensor.shape[1:], tensor.dtype, tensor.device
