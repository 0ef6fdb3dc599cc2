"""How rugged the loss over a plane is, in numbers: dips, and points where it bends downwards."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-5  # of the losses compared: what float32 cannot tell from a straight line


def minima(loss: np.ndarray) -> int:
    """Points within the grid whose loss (Y, X) is below that of all eight around them."""
    inner = loss[1:-1, 1:-1]
    around = [value for pair in _opposite(loss) for value in pair]
    return int(np.logical_and.reduce([inner < other for other in around]).sum()) if inner.size else 0


def bent_down(loss: np.ndarray) -> float | None:
    """The share of the points within the grid at which the loss (Y, X) bends downwards in some direction: 0 for a bowl.

    There it lies above the straight line between two opposite neighbours of the eight, so its curvature is negative.
    Where this holds in the plane, the loss of all weights is not convex either (Li et al. 2018, section 6).  A point with
    an infinite loss in it or beside it is left out; None where all are.
    """
    finite = np.where(np.isfinite(loss), loss, np.nan)
    inner = finite[1:-1, 1:-1]
    pairs = _opposite(finite)
    size = np.maximum.reduce([np.abs(value) for value in (inner, *(value for pair in pairs for value in pair))])
    bends = [(a + b) / 2 - inner for a, b in pairs]  # below 0: downwards
    known = np.isfinite(sum(bends))
    if not known.any():
        return None
    return float((np.minimum.reduce(bends) < -_ROUNDING * size)[known].mean())


def _opposite(loss: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The neighbours of all points within the grid, (Y - 2, X - 2) each, in four pairs that face each other."""
    rows, columns = loss.shape

    def beside(i: int, j: int) -> np.ndarray:
        return loss[1 + i : rows - 1 + i, 1 + j : columns - 1 + j]

    return [(beside(i, j), beside(-i, -j)) for i, j in ((0, 1), (1, 0), (1, 1), (1, -1))]
