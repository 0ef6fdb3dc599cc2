"""Which pixels: the class of every pixel of photos of any size, whole or in tiles that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from striate.data import Dataset, Preprocessing
from striate.data.pictures.decode import decode
from striate.errors import ArgumentError, DataError, ShapeError
from striate.graph import Input
from striate.graph.replaying import replay
from striate.graph.sizes import Open
from striate.graph.window import as_tuple
from striate.model import Model
from striate.size import Receptive, Surroundings
from striate.tasks.label_map import LabelMap
from striate.tasks.sources import each_of
from striate.wording import plural

__all__ = ["median_frequency_weights", "segment"]

_TOGETHER = 8  # pictures whose scores are in memory at once
_TRIES = 16  # steps by which a photo is made larger until a network takes it
Size = tuple[int, int]


def segment(
    model: Model,
    pictures: Any,
    *,
    tile: int | tuple[int, int] | None = None,
    own_size: bool | None = None,
    engine: str = "auto",
) -> list[LabelMap]:
    """The class of every pixel, in the pixels of the photos themselves.

    model      a network with a score of each class for every pixel of its input, such as ``fcn`` or ``unet`` makes
    pictures   files, bytes, PIL images, uint8 arrays, several of these or a Dataset; of any size, 1 x 1 included
    tile       height and width of the parts that a photo is cut into, one number for both; None: it is run as a whole
    own_size   whether photos run at their own size; None: where the input's sides are open, or a tile is given
    engine     as for ``Model.predict``

    At its own size a photo is padded down and to the right until the strides part it as the pictures that the network was
    made for, by repeating its last row and column, and the answer is cut back.  So maps begin where they began in training,
    and the network's own border of zeros stands away from the photo where something was added.  Other networks see the
    photo as their preprocessing makes it; their scores are brought back bilinearly, and the highest counts.

    Tiles overlap by what the network's receptive field says, to the pixel: a pixel's answer comes from a tile that
    holds all it depends on, and tiles begin at multiples of the network's stride.  So the answer is that of the whole
    photo, in the memory of a tile.  Raises ArgumentError where every pixel depends on the whole photo, as after a
    global pooling, for a tile that holds too little, and for a network without an answer for every pixel; DataError
    for a picture that cannot be read.
    """
    classes = _classes(model)
    sides = model.graph.input_shapes[0][:2]
    if own_size is None:
        own_size = tile is not None or any(isinstance(side, Open) for side in sides)
    if tile is not None and not own_size:
        raise ArgumentError("segment: tiles are parts of a photo at its own size; leave own_size out.")
    sources = _listed(pictures)
    names = tuple(model.intake.class_names(classes))
    if not own_size:
        return [LabelMap(labels, names) for labels in _resized(model, sources, engine)]
    size: Any = None if tile is None else as_tuple(tile, 2, "segment: tile")
    runner = _AnySize(model, engine)
    return [LabelMap(runner.labels(one, size), names) for one in sources]


def median_frequency_weights(data: Dataset, classes: int | None = None, most: float = 10.0) -> list[float]:
    """A weight for each class: the median frequency over its own, so that rare classes count more.

    data      pictures with label maps
    classes   how many; None: as many as the data set has names for, or labels
    most      no weight is larger, and none is smaller than 1 / most; a class that never occurs has this

    A class's frequency is its share of the pixels of the pictures that have it; ignored pixels count for nothing.  For
    ``SegmentationLoss``.  Raises DataError for data without label maps, ArgumentError for a `most` below 1.

    Source: Eigen & Fergus 2015, "Predicting depth, surface normals and semantic labels", section 6.3.2.
    """
    if data.y is None or data.y.ndim != 3 or data.y.dtype != np.int64:
        raise DataError(f"{data.name}: has no label maps (N, H, W), and class frequencies are counted in them.")
    if most < 1:
        raise ArgumentError(f"median_frequency_weights: most is at least 1, not {most}.")
    if classes is None:
        counted = data.y[data.y != data.ignored] if data.ignored is not None else data.y
        classes = len(data.classes) if data.classes else int(counted.max(initial=0)) + 1
    own, there = np.zeros(classes), np.zeros(classes)
    for labels in data.y:
        counted = labels[labels != data.ignored] if data.ignored is not None else labels
        counts = np.bincount(counted.ravel(), minlength=classes)[:classes]
        own += counts
        there += (counts > 0) * counted.size
    frequency = own / np.maximum(there, 1)
    some = frequency > 0
    median = float(np.median(frequency[some])) if some.any() else 1.0
    weights = np.where(some, median / np.where(some, frequency, 1), most)
    return [float(weight) for weight in weights.clip(1 / most, most)]


# -- what a network is, and what it is given ------------------------------------------------------------------------------
def _classes(model: Model) -> int:
    """How many scores a pixel has.  Raises ArgumentError for a network without an answer for every pixel."""
    graph = model.graph.check()
    inputs, outputs = graph.input_shapes, graph.output_shapes
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0]) != 3 or len(outputs[0]) != 3:
        raise ArgumentError(f"segment takes a network from (H, W, C) to (H, W, classes), not {inputs} to {outputs}.")
    if outputs[0][:2] != inputs[0][:2] or outputs[0][2] < 2:
        raise ArgumentError(
            f"segment takes a network with two or more scores for every pixel of its input; this one gives {outputs[0]} "
            f"for {inputs[0]}. Bring the maps back to that size, as tasks.segmenter does."
        )
    return outputs[0][2]


def _listed(pictures: Any) -> list[Any]:
    if isinstance(pictures, Dataset):
        if pictures.x.dtype != np.uint8:
            raise DataError(f"{pictures.name}: segment takes pictures, uint8, not {pictures.x.dtype}.")
        pictures = pictures.x
    if isinstance(pictures, np.ndarray) and pictures.dtype != np.uint8 and pictures.dtype.kind not in "UO":
        raise DataError(f"segment takes pictures as uint8 arrays, 0 to 255, not {pictures.dtype}.")
    return each_of(pictures)


def _resized(model: Model, sources: list[Any], engine: str) -> Iterator[np.ndarray]:
    """Labels by a network of one size, in the pixels of the photos."""
    for start in range(0, len(sources), _TOGETHER):
        some = sources[start : start + _TOGETHER]
        scores = model.predict(model.intake.pixels(some), batch_size=_TOGETHER, engine=engine)
        for source, each in zip(some, scores, strict=True):
            yield model.intake.recipe.geometry(decode(source).size).labels_back(each)


# -- any size -----------------------------------------------------------------------------------------------------------
class _AnySize:
    """A network at whatever size photos have; its layers are shared, so weights are those of the model."""

    def __init__(self, model: Model, engine: str) -> None:
        self.model, self.engine = model, engine
        self.channels = model.graph.input_shapes[0][2]
        if self.channels not in (1, 3):
            raise ArgumentError(f"segment takes a network of pictures with 1 or 3 channels, not {self.channels}.")
        own = model.preprocessing or Preprocessing()
        self.arithmetic = replace(own, image_size=None, channels=self.channels, resize="stretch", shorter_side=None)
        graph = model.graph
        self.end = graph.label(graph.outputs[0].node)
        self.steps = Receptive(graph).steps(self.end)
        self._made: dict[Size, Model] = {}

    def at(self, size: Size) -> Model:
        """The network for pictures of a size.  Raises ShapeError where its maps do not fit together."""
        if size not in self._made:
            start = Input((*size, self.channels))
            try:
                outputs = [replay(self.model.graph, [start])(end) for end in self.model.graph.outputs]
            except ArgumentError as error:
                raise ShapeError(str(error)) from None
            made = Model(start, outputs[0])
            if made.graph.output_shapes[0][:2] != size:
                raise ShapeError(f"gives {made.graph.output_shapes[0][:2]} for {size}.")
            made.preprocessing = None if self.model.preprocessing is None else self.arithmetic
            self._made = {size: made}  # the latest: photos of one size come after each other, and so do tiles
        return self._made[size]

    def labels(self, source: Any, tile: Size | None) -> np.ndarray:
        """The class of each pixel of a photo, int64 (H, W)."""
        pixels = self.arithmetic.pixels(source)
        height, width = pixels.shape[:2]
        fitted = self._fitted(pixels)
        if tile is None or (tile[0] >= height and tile[1] >= width):
            return self._run(fitted)[:height, :width]
        return self._tiled(fitted, tile)[:height, :width]

    def _fitted(self, pixels: np.ndarray) -> np.ndarray:
        """The pixels, last row and column repeated up to sides that the strides part as those the network was made for."""
        wanted = []
        for side, own, step in zip(pixels.shape[:2], self.model.graph.input_shapes[0][:2], self.steps, strict=True):
            wanted.append(side + (int(own) - side) % step)
        for _ in range(_TRIES):  # windows without padding need more than a step
            try:
                self.at((wanted[0], wanted[1]))
            except ShapeError as error:
                why = error
            else:
                more = [(0, new - side) for new, side in zip(wanted, pixels.shape[:2], strict=True)]
                return np.pad(pixels, (*more, (0, 0)), mode="edge") if any(n for _, n in more) else pixels
            wanted = [side + step for side, step in zip(wanted, self.steps, strict=True)]
        height, width = pixels.shape[:2]
        raise ArgumentError(
            f"segment: this network cannot run at {height} x {width}, nor at a little more: {why}"
        ) from None

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        scores = self.at(pixels.shape[:2]).predict(pixels[None], batch_size=1, engine=self.engine)
        return scores[0].argmax(-1)  # type: ignore[no-any-return]

    def _tiled(self, pixels: np.ndarray, tile: Size) -> np.ndarray:
        size = pixels.shape[:2]
        seen = Receptive(self.at(size).graph).surroundings(self.end)
        if seen is None:
            raise ArgumentError(
                "segment: every pixel of this network's answer depends on the whole photo, as after a global pooling, so "
                "tiles would be answered otherwise. Leave tile out, or use a head without it, such as uafm."
            )
        down, across = (
            _parts(side, most, seen, axis) for axis, (side, most) in enumerate(zip(size, tile, strict=True))
        )
        labels = np.empty(size, np.int64)
        for top, high, rows in down:
            for left, wide, columns in across:
                part = self._run(pixels[top : top + high, left : left + wide])
                inner = part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
                labels[rows, columns] = inner
        return labels


def _parts(side: int, most: int, seen: Surroundings, axis: int) -> list[tuple[int, int, slice]]:
    """Tiles along an axis: where each begins, how long it is, and the part of the photo whose answer it gives.

    A tile is as long as the photo to a multiple of the step: then every map within it begins and ends in the same phase
    as in the photo, and so has the same padding.
    """
    step, before, after = seen.step[axis], seen.before[axis], seen.after[axis]
    if most >= side:
        return [(0, side, slice(0, side))]
    long = most - (most - side) % step
    least = before + after + step
    if long < least:
        smallest = min(least + (side - least) % step, side)
        raise ArgumentError(
            f"segment: a pixel sees {before} pixels before and {after} behind it, and tiles begin at multiples of {step}; a "
            f"tile of {most} holds too little of {side}. Give at least {plural(smallest, 'pixel')}, or no tile."
        )
    found, begin, done = [], 0, 0
    while True:
        last = begin >= side - long
        begin = min(begin, side - long)
        end = side if last else begin + long - after
        found.append((begin, long, slice(done, end)))
        if last:
            return found
        done, begin = end, (end - before) // step * step
