"""What a network finds alike: nearest neighbours by its features and by pixels, and a map of the features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from striate.backend import predicting
from striate.data import Dataset
from striate.errors import ArgumentError
from striate.look.arguments import Progress, drawn, part_of
from striate.look.pictures import Space
from striate.look.result import ROWS, Look
from striate.look.structure import penultimate
from striate.report.grid import Cell, Grid
from striate.report.style import LIGHT, plain
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

_BYTES = 1 << 26  # of activations or pixels at a time
_SHOWN = 6


@dataclass
class Neighbours(Look):
    """The nearest neighbours of queries in a data set, by Euclidean distance of features and of pixels.

    queries           uint8 (Q, H, W, C), RGB, as the network saw them
    pictures          uint8 (N, H, W, C), the data set
    features, pixels  int64 (Q, k): numbers of the neighbours, the nearest first
    feature_distance, pixel_distance   float64 (Q, k); pixels are 0..255
    query_labels, labels   class numbers int64 (Q,) and (N,), or None
    own               int64 (Q,): the number in the data set of a query that was taken from it (it is no neighbour of
                      itself), or None
    """

    layer: str
    queries: np.ndarray
    pictures: np.ndarray
    features: np.ndarray
    pixels: np.ndarray
    feature_distance: np.ndarray
    pixel_distance: np.ndarray
    query_labels: np.ndarray | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] | None = None
    own: np.ndarray | None = None

    anchor = "neighbours"
    title = "Nearest neighbours"
    source = "Krizhevsky et al. 2012, figure 4"

    def agreement(self, space: Literal["features", "pixels"]) -> float | None:
        """The share of all neighbours, in that space, that are of their query's class; None without labels."""
        if self.query_labels is None or self.labels is None:
            return None
        return float((self.labels[getattr(self, space)] == self.query_labels[:, None]).mean())

    @property
    def chance(self) -> float | None:
        """What `agreement` is when neighbours are drawn blindly from the data set."""
        if self.query_labels is None or self.labels is None:
            return None
        same = (self.labels[None] == self.query_labels[:, None]).sum(axis=1) - (self.own is not None)
        return float(same.mean() / (len(self.labels) - (self.own is not None)))

    def note(self) -> str:
        count, k = self.features.shape
        seen = (
            f"The {k} nearest of {plural(len(self.pictures), 'picture')}, by the features of {self.layer} and by pixels"
        )
        ours, theirs = self.agreement("features"), self.agreement("pixels")
        if ours is None or theirs is None:
            return f"{seen}, for {plural(count, 'query')}."
        among = f"{plural(count, 'query')}"
        shares = f"{ours:.1%} by features, {theirs:.1%} by pixels, {self.chance:.1%} by chance"
        return f"{seen}. Of {among}, neighbours share the class: {shares}."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        """How many neighbours are of their query's class; "unknown" where a query, as a file, has none."""
        ours, theirs = self.agreement("features"), self.agreement("pixels")
        heads = ("neighbours by", "queries", "k", "of the query's class")
        count, k = self.features.shape
        shares = (("features", ours), ("pixels", theirs), ("chance", self.chance))
        return heads, [(name, count, k, "unknown" if share is None else f"{share:.4f}") for name, share in shares]

    def facts(self) -> dict[str, Any]:
        """Beside the table the numbers and distances of the neighbours of each query, the first 40 of them."""
        few = slice(0, ROWS)
        nearest = [
            {
                "query": q if self.own is None else int(self.own[q]),
                "features": [int(n) for n in near],
                "feature_distance": [float(f"{d:.6g}") for d in far],
                "pixels": [int(n) for n in close],
                "pixel_distance": [float(f"{d:.6g}") for d in apart],
            }
            for q, (near, far, close, apart) in enumerate(
                zip(
                    self.features[few],
                    self.feature_distance[few],
                    self.pixels[few],
                    self.pixel_distance[few],
                    strict=True,
                )
            )
        ]
        return {"layer": self.layer, **super().facts(), "nearest": nearest}

    def figure(self) -> Figure:
        """At most six queries at equal steps, a row each: the query, its neighbours by features, those by pixels.

        A blue frame is of the query's class, an orange one of another.
        """
        count, k = self.features.shape[0], min(self.features.shape[1], 6)
        rows = []
        for q in np.unique(np.rint(np.linspace(0, count - 1, min(count, _SHOWN))).astype(int)):
            label = None if self.query_labels is None else int(self.query_labels[q])
            row = [self._cell(self.queries[q], label, None)]
            for numbers in (self.features[q, :k], self.pixels[q, :k]):
                for n in numbers:
                    other = None if self.labels is None else int(self.labels[n])
                    row.append(
                        self._cell(self.pictures[n], other, None if label is None or other is None else label == other)
                    )
            rows.append(row)
        for column, head in ((0, "picture"), (1, "nearest by features"), (k + 1, "nearest by pixels")):
            rows[0][column].head = head
        return Grid(rows, width=84, height=84, before={1: 22, k + 1: 22}).figure()

    def _cell(self, picture: np.ndarray, label: int | None, same: bool | None) -> Cell:
        colour = None if same is None else LIGHT["first" if same else "second"]
        named = self.classes and label is not None and label >= 0
        words = plain(self.classes[label], 15) if named else ""  # type: ignore[index]
        return Cell(picture, words=words, frame=colour, colour=LIGHT["second"] if same is False else LIGHT["muted"])


def neighbours(
    model: Model,
    pictures: Any,
    layer: str | None = None,
    *,
    queries: int | str | Sequence[int | str] | np.ndarray | Dataset | None = None,
    k: int = 5,
    count: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Neighbours:
    """The k nearest neighbours of pictures in a data set, in feature space and in pixel space.

    model     a network of one input (H, W, 1 or 3)
    pictures  among which neighbours are looked for: a Dataset, an array uint8 (N, H, W, C), or files
    layer     whose output is the feature vector; of maps, their means over all positions.  None: what the last layer with
              weights reads
    queries   whose neighbours are looked for: files or pictures that are not of `pictures`, or numbers of some that are;
              None: every one.  A picture is never its own neighbour
    k         how many neighbours
    count     so many of the pictures, each class with its share; None: all
    seed      of the pictures taken
    progress  called as progress(done, whole)

    Pictures are compared as the network sees them, after resizing and cropping, features by Euclidean distance; of equal
    distances the lower number comes first.  Raises ArgumentError for an unknown layer, or for a k that is not less than
    the number of pictures, DataError for what are no pictures.  Source: Krizhevsky et al. 2012, section 6.1.
    """
    pictures, _ = drawn(pictures, None, count, seed)
    pixels, labels, classes = pictures_of(model, pictures)
    own: np.ndarray | None = None
    if queries is None:
        own = np.arange(len(pixels))
    elif not isinstance(queries, Dataset) and (numbers := _numbers(queries, len(pixels))) is not None:
        own = numbers
    if isinstance(k, bool) or not 1 <= k <= len(pixels) - (own is not None):
        most = len(pixels) - (own is not None)
        raise ArgumentError(f"k is a whole number from 1 to {most}, the pictures there are, not {k}.")
    name = penultimate(model) if layer is None else layer
    parts = 2 if own is not None else 3
    features = vectors(model, pixels, name, progress=part_of(progress, 0, parts))
    if own is not None:
        asked, query_labels = pixels[own], None if labels is None else labels[own]
        asked_features = features[own]
    else:
        asked, query_labels, theirs = pictures_of(model, queries)
        query_labels = _renumbered(query_labels, theirs, classes)
        asked_features = vectors(model, asked, name, progress=part_of(progress, 2, parts))
    flat = asked.reshape(len(asked), -1), pixels.reshape(len(pixels), -1)
    by_features, feature_distance = nearest(asked_features, features, k, own)
    by_pixels, pixel_distance = nearest(*flat, k, own, part_of(progress, 1, parts))
    return Neighbours(
        *(name, asked, pixels, by_features, by_pixels, feature_distance, pixel_distance),
        *(query_labels, labels if query_labels is not None else None, classes, own),
    )


def nearest(
    queries: np.ndarray, data: np.ndarray, k: int, own: np.ndarray | None = None, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers int64 (Q, k) and distances float64 (Q, k) of the k nearest rows of `data` (N, D) to each of (Q, D).

    own   the row of `data` that each query is, which is left out.  Goes through the data in blocks, so that arrays mapped
          from disk never stand in memory as a whole.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    step = max(1, min(_BYTES // (8 * data.shape[1]), 1024))
    distance, number = np.full((len(queries), k), np.inf), np.zeros((len(queries), k), np.int64)
    for begin in range(0, len(data), step):
        block = np.asarray(data[begin : begin + step], np.float64)
        for first in range(0, len(queries), step):
            some = slice(first, first + step)
            distances = euclidean_distances(np.asarray(queries[some], np.float64), block)
            if own is not None:
                rows, columns = np.nonzero(own[some, None] == begin + np.arange(len(block)))
                distances[rows, columns] = np.inf
            together = np.concatenate([distance[some], distances], axis=1)
            numbers = np.broadcast_to(begin + np.arange(len(block)), distances.shape)
            numbers = np.concatenate([number[some], numbers], axis=1)
            order = np.argsort(together, axis=1, kind="stable")[:, :k]
            distance[some] = np.take_along_axis(together, order, axis=1)
            number[some] = np.take_along_axis(numbers, order, axis=1)
        if progress is not None:
            progress(min(begin + step, len(data)), len(data))
    return number, distance


# -- features -----------------------------------------------------------------------------------------------------------
def vectors(model: Model, pixels: np.ndarray, layer: str, progress: Progress | None = None) -> np.ndarray:
    """The features of pictures uint8 (N, H, W, C), float32 (N, D): a layer's output, of maps their means.

    Computed in batches; only the vectors are kept.  Raises ArgumentError for an unknown layer.
    """
    space = Space.of(model)
    nodes = model.graph.check().flat().nodes
    shapes = {node.name: node.shape for node in nodes}
    shape = shapes.get(layer, (1,))
    step = int(max(1, min(256, _BYTES // (4 * prod(shape)))))
    parts = []
    for start in range(0, len(pixels), step):
        batch = Dataset(pixels[start : start + step], preprocessing=space.preprocessing)
        if "/" in layer and layer in shapes:  # within a nested network, where no model can be cut
            from striate.look.features.activations import activations

            values = activations(model, batch, [layer])[layer]
        else:
            with predicting(model.module):
                values = model.extract(batch, layer)
        values = np.asarray(values, np.float32)
        parts.append(values.mean(axis=tuple(range(1, values.ndim - 1))) if values.ndim > 2 else values)
        if progress is not None:
            progress(min(start + step, len(pixels)), len(pixels))
    return np.concatenate(parts)


# -- small things -------------------------------------------------------------------------------------------------------
def pictures_of(model: Model, data: Any) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...] | None]:
    """Pixels (N, H, W, C) of the network's size, class numbers and names where the data have them."""
    pixels = Space.of(model).pixels(data)
    if not isinstance(data, Dataset):
        return pixels, None, None
    return pixels, data.labels, data.classes


def _numbers(queries: Any, count: int) -> np.ndarray | None:
    """Queries that are numbers of pictures; None when they are pictures."""
    if not isinstance(queries, int | np.integer | list | tuple | range | np.ndarray):
        return None
    numbers = np.atleast_1d(np.asarray(queries))
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        return None
    outside = numbers[(numbers < 0) | (numbers >= count)]
    if len(outside) or not len(numbers):
        raise ArgumentError(
            f"queries: there are pictures 0 to {count - 1}, not {outside[0] if len(outside) else 'none'}."
        )
    return numbers.astype(np.int64)


def _renumbered(
    labels: np.ndarray | None, theirs: tuple[str, ...] | None, ours: tuple[str, ...] | None
) -> np.ndarray | None:
    """Class numbers of one data set as those of another, by the classes' names; -1 for a class that is not there."""
    if labels is None or theirs is None or ours is None or theirs == ours:
        return labels
    table = np.array([ours.index(name) if name in ours else -1 for name in theirs])
    return table[labels]
