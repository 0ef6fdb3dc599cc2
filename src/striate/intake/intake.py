"""Intake: the one place that knows what a model takes and how whatever is handed to it becomes that."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from striate.data import Dataset, Examples, Preprocessing
from striate.data.pictures.geometry import Geometry
from striate.errors import ArgumentError, DataError
from striate.graph import Graph, InputLayer, Network, Shape
from striate.intake import arrays
from striate.intake.again import decode_again
from striate.intake.classes import class_number, numbered_as
from striate.intake.outputs import Outputs
from striate.primitives import Lookup
from striate.wording import plural

_OFF = 0.1  # of a grey level: how far floats may be from what whole pixels give; float16 of 0..1 is within 0.07
_RECIPE = ("image_size", "channels", "resize", "shorter_side", "interpolation")  # what makes the pixels


@dataclass(frozen=True)
class Intake:
    """What a model takes, and how arrays, pictures, files, texts and data sets become it.

    graph           the network; its inputs have the shapes
    preprocessing   what is done to a picture or a text before the network sees it; it goes with the first input.  None:
                    the model has none, numbers go in as they are, and of a Dataset as the Dataset says
    labels          the names of the classes, in the order of the outputs, or None: classes are numbers

    The rules, for every way in:

    - Files, PIL images, bytes and uint8 arrays of another size than the network's go through the preprocessing.
    - A uint8 array of just the network's size was prepared before: its pixels stay, the arithmetic is done.
    - Whole numbers from 0 to 255, of any type, are pixels like uint8, for a network that has a preprocessing.
    - Floats, and other whole numbers, go in as they are.  Where pixels are asked for (``look`` shows and
      changes pictures) floats are turned back into the pixels that the preprocessing made them of, or refused.
    - One picture uint8 (H, W) or (H, W, 1 to 4) will do for a batch of one; floats always have the batch axis.
    - A Dataset is prepared as the model's preprocessing says, whatever the Dataset's own says: decoded again from its
      files where its pixels were made another way, and its classes are found by name.
    """

    graph: Graph
    preprocessing: Preprocessing | None = None
    labels: list[str] | None = None

    # -- pictures -------------------------------------------------------------------------------------------------------
    @property
    def shape(self) -> Shape:
        """The shape of the first input, channels-last."""
        return self.graph.check().input_shapes[0]

    @property
    def takes_pictures(self) -> bool:
        """Whether there is one input and it is a picture, (H, W, 1 or 3)."""
        shapes = self.graph.check().input_shapes
        return len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][2] in (1, 3)

    @property
    def recipe(self) -> Preprocessing:
        """The preprocessing with the network's size and channels in it: how a picture becomes pixels.

        Raises ArgumentError for a network that takes no pictures, or other ones than its preprocessing makes.
        """
        if not self.takes_pictures:
            shapes = ", ".join(map(str, self.graph.check().input_shapes))
            raise ArgumentError(f"this network takes inputs of shape {shapes}, not pictures (H, W, 1 or 3).")
        height, width, channels = self.shape
        own = self.preprocessing or Preprocessing()
        if own.image_size not in (None, (height, width)) or own.channels not in (None, channels):
            raise ArgumentError(
                f"model.preprocessing makes pictures of {own.image_size} with "
                f"{plural(own.channels or 0, 'channel')}, the network takes "
                f"{self.shape}: set one that makes these."
            )
        if own.image_size is not None and own.channels is not None:
            return own
        return replace(own, image_size=(height, width), channels=channels)

    def pixels(self, pictures: Any) -> np.ndarray:
        """uint8 (N, H, W, C) of the network's size.

        pictures    files, bytes, PIL images, uint8 arrays, a list of these, a Dataset, or one of them alone; or floats
                    (N, H, W, C) that the preprocessing made of pixels

        Raises DataError for what is no picture, ArgumentError for a network that takes none.
        """
        if isinstance(pictures, Dataset):
            pictures = self.prepared(pictures).x
        pictures = arrays.as_pixels(arrays.stacked(pictures))
        if isinstance(pictures, np.ndarray) and pictures.dtype.kind in "fi":
            return self._pixels_of(pictures)
        if isinstance(pictures, np.ndarray) and pictures.dtype.kind in "UO":
            pictures = pictures.tolist()
        array = isinstance(pictures, np.ndarray)
        if array and pictures.dtype == np.uint8 and pictures.shape[1:] == self.shape and len(pictures):
            return pictures  # type: ignore[no-any-return]
        listed = [pictures] if _is_source(pictures) or (array and pictures.ndim < 4) else list(pictures)
        if not listed:
            raise DataError(arrays.NOTHING)
        return np.stack([self._numbered(i, each, len(listed)) for i, each in enumerate(listed)])

    def _numbered(self, number: int, picture: Any, count: int) -> np.ndarray:
        """The pixels of one of `count` pictures; an error says which it is, where it has no name of its own."""
        try:
            return self.one(picture)
        except DataError as error:
            if count == 1 or isinstance(picture, str | os.PathLike):
                raise
            raise DataError(f"picture {number} of {count:,}, counted from 0: {error}") from None

    def _pixels_of(self, x: np.ndarray) -> np.ndarray:
        """The pixels, uint8 (N, H, W, C), of which the preprocessing makes these inputs.

        Raises DataError for arrays that do not fit the network, and where there are no such pixels.
        """
        recipe, graph = self.recipe, self.graph.check()
        arrays.check_shape(x, self.shape, graph.label(graph.inputs[0].node))
        values = recipe.undone(x)
        near = np.rint(values).clip(0, 255)
        off = np.abs(values - near)
        if off.max() > _OFF:
            at = np.unravel_index(int(off.argmax()), off.shape)
            raise DataError(
                f"pixels are asked for, and the array's values are not what the preprocessing ({recipe}) makes of pixels: "
                f"the value {x[at]:.6g} would be of the pixel value {values[at]:.6g}. Give uint8 pictures 0..255, and as "
                "model.preprocessing what was done to those that the network was trained on."
            )
        return near.astype(np.uint8)

    def one(self, picture: Any) -> np.ndarray:
        """uint8 (H, W, C) of one `picture`: a file, bytes, a PIL image or an array.

        Raises DataError for what is no picture, ArgumentError for a network that takes none.
        """
        picture = arrays.as_pixels(picture)
        if isinstance(picture, np.ndarray) and picture.dtype.kind == "f" and picture.shape == self.shape:
            return self._pixels_of(picture[None])[0]
        if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
            whole = picture[..., None] if picture.ndim == 2 else picture
            if whole.shape == self.shape:
                return whole
        return self.recipe.pixels(picture)

    def geometry(self, picture: Any, size: tuple[int, int]) -> Geometry:
        """Where the pixels of a picture go in what the network sees, and so where boxes lie in the picture.

        picture   as it is handed to the model; a uint8 array of just the network's size stays as it is
        size      (H, W) of it when upright

        Raises ArgumentError for a network that takes no pictures.
        """
        if (
            isinstance(picture, np.ndarray)
            and (picture if picture.ndim == 3 else picture[..., None]).shape == self.shape
        ):
            return Geometry(size, size, (0, 0), size)
        return self.recipe.geometry(size)

    # -- whatever there is ----------------------------------------------------------------------------------------------
    def examples(self, x: Any) -> Examples:
        """The network's inputs, and what is to be done to the first.

        x       arrays (N, …), files, texts, a list or dict of arrays for several inputs, or a Dataset

        Raises DataError for what does not fit the network, ArgumentError for files given to one that takes none.
        """
        graph = self.graph.check()
        names, shapes = graph.input_names, graph.input_shapes
        if len(names) == 1 and hasattr(x, "__len__") and not isinstance(x, str | bytes | Mapping) and not len(x):
            nothing = arrays.NOTHING if self.takes_pictures else "no samples."
            raise DataError(f'the input "{names[0]}" is empty: {nothing}')
        if isinstance(x, Dataset):
            x = self.prepared(x)
            xs, preprocessing = arrays.spread(x.x, names, shapes, graph.nested[0]), x.preprocessing
        elif len(names) == 1 and _are_sources(x, self.takes_pictures):
            xs, preprocessing = [self._read(x)], self.preprocessing
        else:
            xs = arrays.spread(x, names, shapes, graph.nested[0])
            if self.preprocessing is not None and self.preprocessing.vocabulary is None and xs[0].ndim > 2:
                xs[0] = arrays.as_pixels(xs[0])
            preprocessing = self.preprocessing if xs[0].dtype == np.uint8 else None
            if preprocessing is not None and self._is_of_another_size(xs[0]):
                xs[0] = self.pixels(xs[0])
        arrays.check_all(xs, names, shapes)
        if any(x.ndim <= 2 and x.dtype.kind in "iu" for x in xs) and not _reads_ids(graph):
            xs = [x.astype(np.float32) if x.ndim <= 2 and x.dtype.kind in "iu" else x for x in xs]
        for at, rows in _rows_read(graph).items() if any(x.ndim <= 2 for x in xs) else ():
            arrays.check_ids(xs[at], rows, names[at])
        types = [tensor.dtype for tensor in graph.inputs]
        xs = [arrays.as_whole(x, name) if "int" in kind else x for x, name, kind in zip(xs, names, types, strict=True)]
        return Examples(xs, [], preprocessing)

    def _read(self, sources: Any) -> np.ndarray:
        """`sources` as uint8 (N, H, W, C), or for a network that reads texts, as token ids (N, L).

        Raises DataError for what cannot be read.
        """
        vocabulary = None if self.preprocessing is None else self.preprocessing.vocabulary
        if vocabulary is None:
            return self.pixels(sources)
        return vocabulary.encode(sources if isinstance(sources, str) else list(sources))

    def _is_of_another_size(self, x: np.ndarray) -> bool:
        if x.ndim != 4 or not len(x) or x.shape[1:] == self.shape or not self.takes_pictures:
            return False
        return x.shape[3] in (1, 3, 4) and not arrays.channels_come_first(x, self.shape)

    # -- data sets ------------------------------------------------------------------------------------------------------
    def dataset(self, data: Dataset) -> Dataset:
        """`data` brought into line: prepared as the model wants it, its classes numbered as the outputs are.

        Raises DataError, naming both sides, where that cannot be.
        """
        return numbered_as(self.prepared(data), self.labels)

    def prepared(self, data: Dataset) -> Dataset:
        """`data` with the model's preprocessing in place of its own, pictures decoded again where that makes others.

        Raises DataError for texts that another vocabulary made numbers, and for boxes or label maps that would have to move.
        """
        own = self.preprocessing
        if own is None or data.preprocessing == own:
            return data
        if own.vocabulary != data.preprocessing.vocabulary:
            if data.x.dtype == np.int64 and data.preprocessing.vocabulary is not None:
                raise DataError(
                    f"{data.name}: its texts were made token ids with {data.preprocessing.vocabulary!r}, the model reads "
                    f"with {own.vocabulary!r}. Encode them with model.preprocessing.vocabulary."
                )
            if data.x.dtype != np.uint8:
                return data
        if data.x.dtype != np.uint8:
            # floats that say nothing of themselves are what the network takes, as arrays of floats are
            return data if data.preprocessing.identity else _with(data, data.x, own)
        if data.x.ndim != 4 or not self.takes_pictures:
            return _with(data, data.x, own)
        return _with(data, self._redone(data), own)

    def _redone(self, data: Dataset) -> np.ndarray:
        """The pixels of a data set as the model's preprocessing makes them."""
        recipe, theirs = self.recipe, data.preprocessing
        if all(getattr(recipe, key) == getattr(theirs, key) for key in _RECIPE) and data.shape == self.shape:
            return data.x
        moved = data.boxes is not None or (data.y is not None and data.y.dtype == np.int64 and data.y.ndim == 3)
        x = None
        if theirs.image_size is not None and data.paths is not None and not moved:
            x = decode_again(data.paths, recipe, data.name)
        if x is not None or data.shape == self.shape:
            return data.x if x is None else x
        if moved:
            raise DataError(
                f"{data.name}: its pictures are {_size(data.shape)}, the network takes {_size(self.shape)}, and boxes or "
                "label maps would have to move along. Read it again with preprocessing=model.preprocessing."
            )
        return self.pixels(data.x)

    # -- classes --------------------------------------------------------------------------------------------------------
    def number(self, target: int | str, count: int) -> int:
        """The number of the class `target`, of `count`: of a number, a label, a synonym.

        Raises ArgumentError where there is none.
        """
        return class_number(self.labels, target, count)

    def label(self, number: int) -> str:
        """The name of the class `number`, or the number where classes have no names."""
        return str(self.labels[number]) if self.labels and number < len(self.labels) else f"class {number}"

    def class_names(self, count: int) -> list[str]:
        """The labels of `count` classes, or their numbers where the model has no names for just so many."""
        return list(self.labels) if self.labels and len(self.labels) == count else [str(i) for i in range(count)]

    def learning_from(self, data: Dataset) -> Intake:
        """The intake of the model once it has learnt from `data`: what it has no word on is as the data say."""
        own = data.preprocessing if self.preprocessing is None else self.preprocessing
        return Intake(self.graph, own, self.calling(data.classes).labels)

    def calling(self, classes: Sequence[str] | None) -> Intake:
        """The intake of the model once it has learnt from data whose classes have these names; its own labels stay.

        classes   the names, in their order
        """
        if self.labels or not classes or Outputs.of(self.graph.check()).classes != len(classes):
            return self  # also where outputs are no classes, or more of them than the data have
        return Intake(self.graph, self.preprocessing, list(classes))

    def numbers(self, classes: Sequence[str] | None, name: str) -> np.ndarray | None:
        """The model's number of each of these N classes, int64 (N,); None where they are numbered as the model's are, or
        one side has no names.

        classes   the names of the data's classes in their order
        name      of the data

        Raises DataError for a class that the model does not know.
        """
        if not self.labels or not classes or Outputs.of(self.graph.check()).classes != len(self.labels):
            return None
        each = np.arange(len(classes))
        found = np.asarray(numbered_as(Dataset(each[:, None], each, classes=tuple(classes), name=name), self.labels).y)
        return None if np.array_equal(found, each) else found


def _reads_ids(graph: Graph) -> bool:
    """Whether anything in a network looks rows up by number, as an embedding does: then whole numbers stay what they are."""
    for node in graph.nodes:
        if isinstance(node.layer, Network):
            if _reads_ids(node.layer.graph):
                return True
        elif not isinstance(node.layer, InputLayer) and any(
            isinstance(step.primitive, Lookup) for step in node.layer.lowering(*node.input_shapes).steps
        ):
            return True
    return False


def _rows_read(graph: Graph) -> dict[int, int]:
    """How many rows there are to be looked up by the numbers of an input, by the place of the input; the fewest."""
    found: dict[int, int] = {}
    for node in graph.nodes:
        if isinstance(node.layer, InputLayer):
            continue
        if isinstance(node.layer, Network):
            reads = list(_rows_read(node.layer.graph).items())
        else:
            steps = node.layer.lowering(*node.input_shapes).steps
            reads = [(s.inputs[0], s.primitive.rows) for s in steps if isinstance(s.primitive, Lookup)]
        for number, rows in reads:
            given = node.inputs[number] if number < len(node.inputs) else None
            if given in graph.inputs:
                at = graph.inputs.index(given)
                found[at] = min(rows, found.get(at, rows))
    return found


def _with(data: Dataset, x: np.ndarray, preprocessing: Preprocessing) -> Dataset:
    made = copy.copy(data)  # what was checked once is not checked again
    made.x, made.preprocessing = x, preprocessing
    return made


def _is_source(value: Any) -> bool:
    """A path, a text, bytes, an open file or a PIL image."""
    return isinstance(value, str | os.PathLike | bytes) or hasattr(value, "getbands") or hasattr(value, "read")


def _are_sources(x: Any, pictures: bool) -> bool:
    """One of these, or a list of them or, for a network of pictures, with single ones as uint8 arrays, or one of those."""
    if isinstance(x, np.ndarray):
        alone = pictures and _is_picture(x) and (x.ndim == 2 or x.shape[-1] <= 4)
        return alone or (x.dtype.kind in "UO" and x.ndim <= 1)
    if _is_source(x):
        return True
    if not isinstance(x, list | tuple) or not len(x):
        return False
    if pictures:  # one is enough: whatever stands beside it is a picture, or said to be none
        return any(_is_source(each) or _is_picture(arrays.as_pixels(each)) for each in x)
    return all(map(_is_source, x))


def _is_picture(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
