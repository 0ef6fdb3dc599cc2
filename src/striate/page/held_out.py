"""The data view of a page: held-out pictures with their truth and answer, how often what was taken for what, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from striate.page.told import shown


@dataclass(frozen=True)
class Example:
    """A held-out picture.

    name     what it is called
    label    number of its true class
    answer   number of the class that the network says
    share    that class's probability
    kind     MIME type of `file`
    file     the picture in the network's size
    """

    name: str
    label: int
    answer: int
    share: float
    kind: str
    file: bytes


@dataclass(frozen=True)
class HeldOut:
    """What a page shows of the data that its network was judged on.

    source     what the data are called
    classes    names
    matrix     int64 (n, n): how often class r was called class c, of all examples
    examples   those that travel with the page
    points     float32 (examples, 2): a map of the features; None where there is none
    told       what that map is, or why there is none
    history    {name: (training, validation)} of each epoch, either may be None
    """

    source: str
    classes: Sequence[str]
    matrix: np.ndarray
    examples: Sequence[Example]
    points: np.ndarray | None = None
    told: str = ""
    history: Mapping[str, tuple[np.ndarray | None, np.ndarray | None]] = field(default_factory=dict)

    def for_page(self) -> tuple[dict[str, Any], bytes]:
        """What the page is told, JSON-ready, every text as it may be shown; and its pictures, one after the other."""
        examples = [
            [one.name, one.label, one.answer, round(one.share, 5), one.kind, len(one.file)] for one in self.examples
        ]
        points = None if self.points is None else np.round(self.points.astype(float), 4).tolist()
        told = {
            "source": self.source,
            "classes": list(self.classes),
            "matrix": self.matrix.tolist(),
            "examples": examples,
            "points": points,
            "points_told": self.told,
            "history": [
                [name, *(None if each is None else [_number(value) for value in each] for each in pair)]
                for name, pair in self.history.items()
            ],
        }
        return shown(told), b"".join(one.file for one in self.examples)


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
