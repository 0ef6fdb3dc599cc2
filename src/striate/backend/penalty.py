"""The penalty on an output that is not a sum of sizes or squares: a regularizer's own."""

from __future__ import annotations

from typing import Any

import torch

from striate.backend.modules import ActivityPenalty
from striate.errors import ArgumentError


class OtherPenalty(ActivityPenalty):
    """Add up what a regularizer gives for what passes, channels-last, divided by the number of examples.

    regularizer   called with a tensor (N, …, C)
    """

    def __init__(self, regularizer: Any) -> None:
        super().__init__(0.0, 0.0)
        self.regularizer = regularizer

    def of(self, x: torch.Tensor) -> torch.Tensor:
        value = self.regularizer(x.movedim(1, -1) if x.ndim > 2 else x)
        if not isinstance(value, torch.Tensor) or value.ndim:
            shown = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise ArgumentError(f"a regularizer gives one number, a torch scalar; {self.regularizer!r} gave {shown}.")
        return value
