"""How far average precision might have come out otherwise: intervals over pictures drawn anew.

Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 13 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from striate.described import number, whole
from striate.tasks.average_precision import RECALLS, THRESHOLDS
from striate.tasks.matching import Detections, Truth, checked_pairs, class_matches

__all__ = ["PrecisionIntervals", "bootstrap"]

Interval = tuple[float, float]


@dataclass(frozen=True)
class PrecisionIntervals:
    """Where figures of average precision lie in most sets of pictures drawn anew; a class without a box that counts is None.

    at50      of mAP@.5, (lowest, highest)
    mean      of mAP@[.5:.95]
    classes   of each class by name, of its average precision at 0.5
    draws     sets that were drawn
    level     the share of them that lie within
    """

    at50: Interval | None
    mean: Interval | None
    classes: dict[str, Interval | None]
    draws: int
    level: float

    def __str__(self) -> str:
        rows = [("mAP@.5", self.at50), ("mAP@[.5:.95]", self.mean), *self.classes.items()]
        width = max(len(name) for name, _ in rows)
        shown = ["-" if one is None else f"{one[0]:.3f} to {one[1]:.3f}" for _, one in rows]
        told = f"{self.level:.0%} of {self.draws} draws of the pictures lie in"
        return "\n".join([told, *(f"{name:{width}}  {one}" for (name, _), one in zip(rows, shown, strict=True))])


def bootstrap(
    truth: Sequence[Truth],
    found: Sequence[Detections],
    names: Sequence[str],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    most: int = 100,
) -> PrecisionIntervals:
    """Intervals of average precision: as many pictures are drawn, with putting back, and judged, again and again.

    truth   of each picture
    found   in each picture, in the same order
    names   of the classes
    draws   sets of pictures that are drawn
    level   the share of the draws within an interval, 0 to 1; as many lie below it as above
    seed    of what is drawn
    most    detections of a picture and class that count, the surest first

    Each draw's figures are those of ``average_precision`` for its pictures; a class that has no box in a draw counts for
    nothing in it.  Only the pictures vary: how another training might have come out is not in it.  Raises DataError where
    truth and detections do not go together, ArgumentError for numbers out of range.
    """
    draws, level = whole("bootstrap", "draws", draws), number("bootstrap", "level", level, 0, 1)
    pairs = checked_pairs(truth, found, len(names))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(
        len(pairs), np.full(len(pairs), 1 / len(pairs)), size=draws
    )  # how often each picture is there
    values = np.full((len(names), len(THRESHOLDS), draws), np.nan)
    for k in range(len(names)):
        counts = np.array([np.sum((t.classes == k) & ~_counted_out(t)) for t, _ in pairs])
        there = drawn @ counts
        if not counts.any():
            continue
        for i, overlap in enumerate(THRESHOLDS):
            scores, right, picture = class_matches(pairs, k, most, overlap)
            order = np.argsort(-scores, kind="stable")
            right, picture = right[order], picture[order]
            for j in np.flatnonzero(there):
                values[k, i, j] = _average(right, drawn[j, picture], there[j])
    per_class = [_interval(values[k, 0], level) for k in range(len(names))]
    return PrecisionIntervals(
        at50=_interval(_mean(values[:, 0]), level),
        mean=_interval(_mean(values.mean(1)), level),
        classes=dict(zip(names, per_class, strict=True)),
        draws=draws,
        level=level,
    )


def _counted_out(truth: Truth) -> np.ndarray:
    return np.zeros(len(truth.classes), bool) if truth.ignored is None else truth.ignored


def _average(right: np.ndarray, times: np.ndarray, there: int) -> float:
    """Average precision at COCO's recalls of detections in order, each there so many times."""
    hits, all_ = np.cumsum(right * times), np.cumsum(times)
    precision = hits / np.maximum(all_, 1)
    above = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / there, RECALLS, side="left")
    return float(np.append(above, 0.0)[np.minimum(places, len(above))].mean())


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the classes that have one, (draws,)."""
    counted = ~np.isnan(values)
    return np.where(counted, values, 0).sum(0) / np.where(counted.any(0), counted.sum(0), np.nan)  # type: ignore[no-any-return]


def _interval(values: np.ndarray, level: float) -> Interval | None:
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
