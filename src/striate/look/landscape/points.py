"""Points around the trained weights, the loss at each, and how such numbers are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from striate.errors import ArgumentError, unknown
from striate.look.arguments import Progress
from striate.look.landscape.perturbed_loss import Twin, finite

if TYPE_CHECKING:
    pass


def evaluated(
    twin: Twin,
    points: Sequence[Sequence[float]],
    directions: Sequence[Mapping[str, torch.Tensor]],
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Loss and accuracy at each point."""
    loss, accuracy = np.empty(len(points)), np.full(len(points), np.nan)
    with twin.ready():
        for i, point in enumerate(points):
            values = twin.at(point, directions)
            loss[i], accuracy[i] = finite(values["loss"]), values.get("accuracy", math.nan)
            if progress is not None:
                progress(i + 1, len(points))
    return loss, None if np.isnan(accuracy).any() else accuracy


def multiples_of(steps: int, span: float) -> np.ndarray:
    """From -span to span, exactly 0 in the middle."""
    if steps < 3 or steps % 2 == 0:
        raise ArgumentError(f"steps is an odd number from 3 on, so that the trained weights are a point; not {steps}.")
    if not (span > 0 and math.isfinite(span)):
        raise ArgumentError(f"span is above 0, not {span}.")
    half = steps // 2
    return span * np.arange(-half, half + 1) / half


def check_direction(direction: Mapping[str, torch.Tensor], twin: Twin) -> None:
    """Raises ArgumentError for a direction of other parameters than the network's, or of other shapes."""
    for name, change in direction.items():
        if name not in twin.parameters:
            raise unknown("parameter", name, twin.parameters)
        if change.shape != twin.parameters[name].shape:
            mine = tuple(twin.parameters[name].shape)
            raise ArgumentError(f'the direction of "{name}" has shape {tuple(change.shape)}, the weights have {mine}.')


def short(value: float) -> str:
    """A loss in four digits."""
    return f"{value:.4g}" if math.isfinite(value) else "infinite"


def plain(values: np.ndarray) -> list[float | None]:
    """JSON has no infinity."""
    return [float(v) if math.isfinite(v) else None for v in values]
