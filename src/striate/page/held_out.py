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
class FilterHistory:
    """The filters of the first convolution through a training.

    layer     the call's name
    epochs    after how many epochs each; 0 is before training
    kernels   float16 (epochs, filters, channels, height, width)
    biases    float16 (epochs, filters), or None
    """

    layer: str
    epochs: Sequence[int]
    kernels: np.ndarray
    biases: np.ndarray | None = None


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
    filters    the first filters through the training; None where they were not kept
    """

    source: str
    classes: Sequence[str]
    matrix: np.ndarray
    examples: Sequence[Example]
    points: np.ndarray | None = None
    told: str = ""
    history: Mapping[str, tuple[np.ndarray | None, np.ndarray | None]] = field(default_factory=dict)
    filters: FilterHistory | None = None

    def for_page(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """What the page is told, JSON-ready, every text as it may be shown; and its parts by name.

        The parts are ``pictures``, one after the other, and ``filters``, of each epoch the kernels and the biases.
        """
        examples = [
            [one.name, one.label, one.answer, round(one.share, 7), one.kind, len(one.file)] for one in self.examples
        ]
        points = None if self.points is None else np.round(self.points.astype(float), 4).tolist()
        told = {
            "source": self.source,
            "classes": list(self.classes),
            "matrix": self.matrix.tolist(),
            "examples": examples,
            "points": points,
            "points_told": self.told,
            "filters": None,
            "history": [
                [name, *(None if each is None else [_number(value) for value in each] for each in pair)]
                for name, pair in self.history.items()
            ],
        }
        parts = {"pictures": b"".join(one.file for one in self.examples)}
        if self.filters is not None:
            kernels, biases = self.filters.kernels, self.filters.biases
            told["filters"] = {
                "layer": self.filters.layer,
                "epochs": list(self.filters.epochs),
                "shape": list(kernels.shape[1:]),
                "biased": biases is not None,
            }
            rows = [kernels.reshape(len(kernels), -1), *([] if biases is None else [biases])]
            parts["filters"] = np.concatenate(rows, axis=1).astype("<f2").tobytes()
        return shown(told), parts


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
