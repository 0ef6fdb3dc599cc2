"""Who goes where: random, stratified, reproducible choices of example numbers.

One idea serves all of them.  Shuffle the examples, then put the classes one after another; every selection that is
evenly spaced along that line is a random sample in which each class has its share, to within one example.
"""

from __future__ import annotations

import numpy as np


def line_up(count: int, labels: np.ndarray | None, seed: int) -> np.ndarray:
    """The numbers 0..count-1, shuffled; with `labels` (count,) the classes stand one after another, in random order.

    RandomState and not default_rng: NumPy promises that its stream never changes, so a split is the same for ever.
    """
    rng = np.random.RandomState(seed % 2**32)
    order = rng.permutation(count)
    if labels is None:
        return order
    place = rng.permutation(int(labels.max()) + 1)
    return order[np.argsort(place[labels[order]], kind="stable")]


def evenly(count: int, wanted: int) -> np.ndarray:
    """A mask (count,) of `wanted` places, spaced evenly: m neighbours hold m * wanted / count of them, rounded."""
    return np.diff(np.arange(count + 1) * wanted // count).astype(bool)


def hold_out(order: np.ndarray, labels: np.ndarray | None, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Part a line of examples: (what stays, the `wanted` ones taken out).  The only example of a class stays."""
    pool = np.ones(len(order), bool)
    if labels is not None:
        several = np.bincount(labels[order])[labels[order]] > 1
        pool = several if several.sum() >= wanted else pool
    taken = np.zeros(len(order), bool)
    taken[np.flatnonzero(pool)[evenly(int(pool.sum()), wanted)]] = True
    return order[~taken], order[taken]
