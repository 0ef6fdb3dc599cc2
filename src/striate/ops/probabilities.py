"""How probabilities are kept off 0 and 1 before their logarithm is taken, wherever it is.  No torch is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-7  # Keras' backend.epsilon(): probabilities are kept this far from 0 and 1


def clipped(p: Tensor, axis: int | None = -1) -> Tensor:
    """Probabilities (N, …, C) made to add up to 1 along `axis` (None: as they are), and kept off 0 and 1."""
    return (p if axis is None else p / p.sum(axis, keepdim=True)).clamp(EPSILON, 1 - EPSILON)
