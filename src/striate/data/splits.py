"""Who goes where: random, stratified, reproducible choices of example numbers.

One idea serves all of them.  Shuffle the examples, then put the classes one after another; every selection that is
evenly spaced along that line is a random sample in which each class has its share, to within one example.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from striate.errors import DataError
from striate.wording import plural


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


def held_out_shares(fraction: float | Sequence[float], name: str) -> list[float]:
    """The share of every part but train: (validation,) or (validation, test).

    `fraction` is the validation share, or the shares of all parts, train first.  Raises DataError, which names the data
    set `name`, unless they lie between 0 and 1 and add up to 1.
    """
    try:
        parts = (
            [float(f) for f in fraction] if isinstance(fraction, Sequence) else [1 - float(fraction), float(fraction)]
        )
    except (TypeError, ValueError):
        parts = []
    if len(parts) not in (2, 3) or not all(0 < part < 1 for part in parts) or abs(sum(parts) - 1) > 1e-6:
        raise DataError(
            f"{name}: cannot split as {fraction!r}. Give the validation fraction between 0 and 1, "
            "or (train, validation) or (train, validation, test) that add up to 1."
        )
    return parts[1:]


def hold_out(order: np.ndarray, labels: np.ndarray | None, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Part a line of examples: (what stays, the `wanted` ones taken out).  The only example of a class stays."""
    pool = np.ones(len(order), bool)
    if labels is not None:
        several = np.bincount(labels[order])[labels[order]] > 1
        pool = several if several.sum() >= wanted else pool
    taken = np.zeros(len(order), bool)
    taken[np.flatnonzero(pool)[evenly(int(pool.sum()), wanted)]] = True
    return order[~taken], order[taken]


def by_group(
    groups: np.ndarray, labels: np.ndarray | None, shares: Sequence[float], seed: int, name: str
) -> np.ndarray:
    """The part (N,) of each example, for parts of these shares (adding up to 1), all of a group in one.

    Greedy, as scikit-learn's StratifiedGroupKFold: from the group with the most uneven classes to the least, each goes
    where the squared distance of the counts from what is wanted, as a share of that, grows least.  Ties fall by `seed`.
    Raises DataError when there are fewer groups than parts.
    """
    count = int(groups.max()) + 1
    if count < len(shares):
        raise DataError(
            f"{name}: {plural(count, 'group')} cannot be split into {plural(len(shares), 'part')}. A group "
            "stays in one part."
        )
    kinds = np.zeros(len(groups), np.int64) if labels is None else labels
    table = np.zeros((count, int(kinds.max()) + 1))
    np.add.at(table, (groups, kinds), 1)
    table = table[:, table.any(axis=0)]
    wanted = np.asarray(shares)[:, None] * table.sum(axis=0)
    order = np.random.RandomState(seed % 2**32).permutation(count)
    order = order[np.argsort(-(table[order] ** 2).sum(axis=1), kind="stable")]
    have, part = np.zeros_like(wanted), np.zeros(count, np.int64)
    for group in order:
        growth = ((2 * (have - wanted) + table[group]) * table[group] / wanted).sum(axis=1)
        part[group] = int(np.round(growth, 9).argmin())
        have[part[group]] += table[group]
    for empty in np.flatnonzero(np.bincount(part, minlength=len(shares)) == 0):
        several = np.bincount(part, minlength=len(shares))[part] > 1
        smallest = np.flatnonzero(several)[table[several].sum(axis=1).argmin()]
        part[smallest] = empty
    return part[groups]
