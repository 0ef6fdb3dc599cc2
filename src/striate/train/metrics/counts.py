"""Counts of right and wrong answers per class, the base of the figures that are made of them.

Batches are gathered, as class numbers where that is all a figure needs, and counted by torchmetrics in pieces of at least
65,536 answers: an update of torchmetrics costs 40 µs and more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from striate.errors import ArgumentError
from striate.train.metrics.base import Metric, class_numbers, probabilities

if TYPE_CHECKING:
    from torch import Tensor

    from striate.train.losses import Loss

PIECE = 65_536  # answers that are counted at once


class Counts(Metric):
    """Base of figures that are made of counts: gathers batches, counts, and knows what the outputs mean.

    kind    "multiclass": the highest score is the answer; "multilabel": every output is an answer of its own;
            "binary": there is one output
    """

    abstract = True
    threshold: float | None = None
    ignore_class: int | None = None

    _gathered: list[tuple[Tensor, Tensor]]
    _cells: Tensor | None

    def __post_init__(self) -> None:
        self.kind: Literal["", "binary", "multiclass", "multilabel"] = ""
        self._classes = 0
        self._void = self.ignore_class  # the label that is no class
        self.reset()

    # -- what the outputs mean -------------------------------------------------------------------------------------
    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        self._lacks = loss.activation if loss.from_logits else None
        self._void = getattr(loss, "ignore_class", None) if self.ignore_class is None else self.ignore_class
        self._settle(output_shape[-1], loss.separate or activation in ("sigmoid", "hard_sigmoid"))

    def _settle(self, outputs: int, separate: bool) -> None:
        self._classes = outputs
        if outputs == 1:
            self.kind = "binary"
        else:
            self.kind = "multilabel" if separate or self.threshold is not None else "multiclass"
        self.needs_probabilities = self.kind != "multiclass"

    def _answers(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """What is gathered of a batch: (answers, truth), flat class numbers or (…, C) zeros and ones.

        The truth of one-hot targets that are all zero is C, no class.
        """
        if self.kind != "multiclass":
            limit = 0.5 if self.threshold is None else self.threshold
            return self._each(probabilities(y_pred, self._lacks) > limit, y_true)
        truth, said = class_numbers(y_true, y_pred).long(), y_pred.argmax(1)
        if y_true.ndim == y_pred.ndim and y_true.shape[1] > 1:
            truth = truth.where(y_true.amax(1) > 0, self._classes)
        return self._valid(said.flatten(), truth.flatten())

    def _each(self, said: Tensor, y_true: Tensor) -> tuple[Tensor, Tensor]:
        """Answers (N, C, …), and targets like them or class numbers, as (…, C)."""
        said = said.movedim(1, -1).reshape(-1, self._classes)
        if self._classes > 1 and y_true.numel() < said.numel():
            from torch.nn.functional import one_hot

            said, truth = self._valid(said, y_true.flatten().long())
            return said, one_hot(truth, self._classes)
        if self._classes > 1:
            y_true = y_true.movedim(1, -1)
        return said, (y_true > 0.5).long().reshape(-1, self._classes)

    def _valid(self, said: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Both without the samples (or pixels) whose label is no class."""
        if self._void is None:
            return said, truth
        valid = truth != self._void
        return said[valid], truth[valid]

    # -- gathering -------------------------------------------------------------------------------------------------
    def update(self, y_true: Tensor, y_pred: Tensor) -> None:
        if not self.kind:
            self._settle(y_pred.shape[1], separate=False)
        said, truth = self._answers(y_true, y_pred.detach())
        if truth.data_ptr() == y_true.data_ptr():
            truth = truth.clone()  # the caller may fill its buffer again
        self._gathered.append((said, truth))
        self._waiting += said.numel()
        if self._waiting >= PIECE:
            self._hand_over()

    def _hand_over(self) -> None:
        """Count what has been gathered."""
        import torch

        if not self._gathered:
            return
        said, truth = (torch.cat(parts) for parts in zip(*self._gathered, strict=True))
        self._gathered, self._waiting = [], 0
        with torch.inference_mode(False), torch.no_grad():
            counted = self._counted(said, truth)
            self._cells = counted if self._cells is None else self._cells + counted

    def _counted(self, said: Tensor, truth: Tensor) -> Tensor:
        """Counts that add up: (C + 1, C + 1) by true and said class, or (C, 2, 2) by class, truth and answer."""
        from torchmetrics.functional import classification as tm

        if self.kind == "multiclass":
            return tm.multiclass_confusion_matrix(said, truth, num_classes=self._classes + 1, validate_args=False)
        return tm.multilabel_confusion_matrix(said.long(), truth, num_labels=self._classes, validate_args=False)

    def _cells_so_far(self) -> np.ndarray | None:
        self._hand_over()
        return None if self._cells is None else self._cells.cpu().numpy()

    def reset(self) -> None:
        self._gathered, self._waiting = [], 0
        self._cells = None

    def _empty(self) -> Tensor:
        import torch

        side = self._classes + 1
        return torch.zeros((side, side) if self.kind == "multiclass" else (self._classes, 2, 2), dtype=torch.int64)

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far: (C + 1, C + 1) by true and said class, or (C, 2, 2) by class, truth and answer."""
        self._hand_over()
        if not self.kind:
            return {}
        return {"counts": self._empty() if self._cells is None else self._cells}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`, with counts of the shape (C + 1, C + 1) or (C, 2, 2).

        Raises ArgumentError before ``bind``.
        """
        self.reset()
        if not state:
            return
        if not self.kind:
            raise ArgumentError(f"{self.name}: bind the metric to its loss before loading a state.")
        self._cells = state["counts"]
