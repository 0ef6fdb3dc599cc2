"""Axes as torch counts them: the batch first, then the channels, then positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import fx

if TYPE_CHECKING:
    from striate.backend.builder import Builder


def torch_axis(axis: int, rank: int) -> int:
    """An axis of a channels-last shape without the batch, as torch counts it."""
    return 1 if axis == rank - 1 else axis + 2


def channels_last(b: Builder, x: fx.Node, axes: int) -> fx.Node:
    """(N, C, …) -> (N, …, C) as a view."""
    return x if axes < 2 else b.prepare(torch.movedim, x, 1, -1)


def channels_first(b: Builder, x: fx.Node, axes: int) -> fx.Node:
    """(N, …, C) -> (N, C, …) as a view."""
    return x if axes < 2 else b.call(torch.movedim, x, -1, 1)
