"""A quick engine that knows when it is not sure: where the two likeliest classes lie close, 32 bits answer again.

Viola and Jones 2001, "Rapid object detection using a boosted cascade of simple features"; two networks, of which the larger
answers where the margin of the smaller is small: Park et al. 2015, "Big/LITTLE deep neural network for ultra low power
inference".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from striate.intake.outputs import deciding_output, final_activation

if TYPE_CHECKING:
    from striate.graph import Graph
    from striate.ship.engine import Engine


class Cascade:
    """Two engines of one network that predict as one.

    quick    in fewer bits, answers first
    sure     in 32 bits, answers again what the quick one is not sure of
    output   the number of the output whose classes tell
    logits   whether its softmax was left off
    unsure   the largest margin, see ``margins``, of what is answered again
    """

    def __init__(self, quick: Engine, sure: Engine, output: int, logits: bool, unsure: float) -> None:
        self.quick, self.sure, self.output, self.logits, self.unsure = quick, sure, output, logits, unsure
        self.inputs = quick.inputs

    def predict(self, arrays: Sequence[np.ndarray], batch_size: int | None = None) -> list[np.ndarray]:
        """One array per output, channels-last; ``Engine.predict``.

        arrays       one array (N, …) per input
        batch_size   samples at a time, or fewer where that is faster

        Raises DataError as ``Engine.predict`` does.
        """
        quick = self.quick.predict(arrays, batch_size)
        again = np.flatnonzero(margins(quick[self.output], self.logits) <= self.unsure)
        if not len(again):
            return quick
        every = len(again) == len(quick[0])
        exact = self.sure.predict([np.asarray(x) if every else np.asarray(x)[again] for x in arrays], batch_size)
        if every:
            return exact
        outs = [np.array(out) for out in quick]
        for out, part in zip(outs, exact, strict=True):
            out[again] = part
        return outs


def deciding(graph: Graph) -> int | None:
    """The number of the output that gives each sample one of several classes; None where none does.

    graph   of the network
    """
    number = deciding_output(graph)
    shape = graph.output_shapes[number]
    several = final_activation(graph.outputs[number]) == "softmax" and len(shape) == 1 and shape[0] > 1
    return number if several else None


def margins(out: np.ndarray, logits: bool) -> np.ndarray:
    """By how much the likeliest class leads, as the logarithm of its probability over that of the second, (N,).

    out      probabilities (N, C), or what stands before their softmax
    logits   whether it is the latter
    """
    second, first = np.partition(out, -2, axis=-1)[:, -2:].T
    if logits:
        return first - second  # type: ignore[no-any-return]
    tiny = np.finfo(np.float32).tiny
    return np.log(np.maximum(first, tiny)) - np.log(np.maximum(second, tiny))  # type: ignore[no-any-return]


def unsure_below(
    margin: np.ndarray, same: np.ndarray, right: tuple[np.ndarray, np.ndarray] | None, agreement: float, points: float
) -> float | None:
    """The smallest margin up to which answers have to be given again for the rest to stay inside an allowance.

    margin      of the quick engine's answers, (N,)
    same        whether they are those of 32 bits
    right       whether those of 32 bits, and the quick one's, are right, or None
    agreement   part of answers that have to be the same
    points      percentage points of accuracy that may be lost

    None where all would have to be given again.
    """
    levels = np.unique(margin)
    for low, high in pairwise(levels):
        again = margin <= low
        lost = 0.0 if right is None else 100 * float(right[0].mean() - np.where(again, *right).mean())
        if float((same | again).mean()) >= agreement and lost <= points + 1e-9:
            return float(low + high) / 2
    return None
