"""Elements one after the other, as scripts loop over them: what ``image_dataset_from_directory`` gives."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from striate.data.pictures.workers import in_order
from striate.described import counts
from striate.errors import ArgumentError, DataError
from striate.wording import plural

UNKNOWN, ENDLESS = -2, -1  # what ``cardinality`` says, as tf.data has it


class Array(np.ndarray):
    """A NumPy array that also answers ``numpy()``, which scripts ask of what a data set yields."""

    def numpy(self) -> np.ndarray:
        """The same numbers as a plain NumPy array, of the same shape."""
        return self.view(np.ndarray)


def as_array(value: Any) -> Any:
    """An element's arrays as `Array`; tuples, lists and dicts are gone through."""
    if isinstance(value, tuple):
        return tuple(map(as_array, value))
    if isinstance(value, dict):
        return {key: as_array(part) for key, part in value.items()}
    return value.view(Array) if type(value) is np.ndarray else value


class UnknownLengthError(DataError, TypeError):
    """Asked for the length of a stream that has no known one; Python's ``list`` wants a TypeError for that."""


class Stream:
    """Elements that are made anew each time they are gone through; what tf.data's Dataset is to a script.

    Each of its methods gives a new stream and leaves this one as it is.  ``fit``, ``evaluate`` and ``predict`` take a stream
    of batches: pictures alone, (pictures, labels) or (pictures, labels, weights).

    make          gives the elements, from the first
    length        how many there are; None: not known, or without end
    class_names   the names of the classes in the order of their numbers, or None
    file_paths    of the pictures that it was made from, or None
    """

    def __init__(
        self,
        make: Callable[[], Iterable[Any]],
        length: int | None = None,
        *,
        class_names: Sequence[str] | None = None,
        file_paths: Sequence[str] | None = None,
    ) -> None:
        self._make = make
        self._length = length
        self.class_names = None if class_names is None else list(class_names)
        self.file_paths = None if file_paths is None else list(file_paths)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._make())

    def __len__(self) -> int:
        if self._length is None:
            raise UnknownLengthError("how many elements this stream has is not known before it was gone through.")
        return self._length

    def __bool__(self) -> bool:
        return True

    def cardinality(self) -> int:
        """How many elements there are; -2: not known; -1: no end."""
        return UNKNOWN if self._length is None else self._length

    def _new(self, make: Callable[[], Iterable[Any]], length: int | None) -> Stream:
        return Stream(make, length, class_names=self.class_names, file_paths=self.file_paths)

    def map(self, f: Callable[..., Any], num_parallel_calls: int | None = None, **ignored: Any) -> Stream:
        """Each element changed.

        f                    called with an element; with its parts where it is a tuple, as tf.data does
        num_parallel_calls   taken as tf.data has it; nothing changes
        ignored              further arguments of tf.data that change nothing here (`deterministic`, `name`)

        Raises ArgumentError for what is no function.
        """
        if not callable(f):
            raise ArgumentError(f"map takes a function of an element, not {f!r}.")

        def changed(element: Any) -> Any:
            return as_array(f(*element) if isinstance(element, tuple) else f(element))

        return self._new(lambda: (changed(element) for element in self), self._length)

    def filter(self, f: Callable[..., Any]) -> Stream:
        """The elements that a function says True to.

        f   called as in ``map``
        """

        def stays(element: Any) -> bool:
            return bool(f(*element) if isinstance(element, tuple) else f(element))

        return self._new(lambda: (element for element in self if stays(element)), None)

    def take(self, count: int) -> Stream:
        """The first `count` elements; -1: all."""
        if count < 0:
            return self
        length = count if self._length is None else min(count, self._length)
        return self._new(lambda: itertools.islice(self, count), length if self._length is not None else None)

    def skip(self, count: int) -> Stream:
        """All but the first `count` elements; -1: none."""
        length = None if self._length is None else max(self._length - count, 0) if count >= 0 else 0
        return self._new(lambda: itertools.islice(self, count if count >= 0 else None, None), length)

    def repeat(self, count: int | None = None) -> Stream:
        """The elements `count` times over; None or -1: without end."""
        if count is None or count < 0:
            return self._new(lambda: itertools.chain.from_iterable(itertools.repeat(self)), None)
        length = None if self._length is None else self._length * count
        return self._new(lambda: itertools.chain.from_iterable(itertools.repeat(self, count)), length)

    def concatenate(self, other: Iterable[Any]) -> Stream:
        """These elements and then those of `other`."""
        more = len(other) if isinstance(other, Sized) else None
        length = None if self._length is None or more is None else self._length + more
        return self._new(lambda: itertools.chain(self, other), length)

    def enumerate(self, start: int = 0) -> Stream:
        """(number, element) of each, counted from `start`."""
        return self._new(lambda: enumerate(self, start), self._length)

    def batch(self, batch_size: int, drop_remainder: bool = False, **ignored: Any) -> Stream:
        """Elements put together.

        batch_size       how many
        drop_remainder   leave a last batch out that is not full
        ignored          further arguments of tf.data that change nothing here

        Raises ArgumentError for a size below 1.
        """
        counts("batch", batch_size=batch_size)

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while chunk := list(itertools.islice(elements, batch_size)):
                if len(chunk) == batch_size or not drop_remainder:
                    yield as_array(_stacked(chunk))

        whole = None if self._length is None else self._length // batch_size
        more = 0 if drop_remainder or self._length is None else bool(self._length % batch_size)
        return self._new(batches, None if whole is None else whole + more)

    def unbatch(self) -> Stream:
        """Single samples instead of batches."""
        return self._new(
            lambda: (_pick(batch, i) for batch in self for i in range(_count(batch))),
            len(self.file_paths) if self.file_paths is not None and self._all_files else None,
        )

    _all_files = False  # whether each of `file_paths` is a sample of these batches

    def shuffle(self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True) -> Stream:
        """Elements in another order: each is drawn from the next `buffer_size`.

        buffer_size                elements that are held at a time
        seed                       of the order; None: drawn
        reshuffle_each_iteration   another order every time
        """
        rng = random.Random(seed)
        start = rng.getstate()

        def shuffled() -> Iterator[Any]:
            if not reshuffle_each_iteration:
                rng.setstate(start)
            held: list[Any] = []
            for element in self:
                held.append(element)
                if len(held) > max(buffer_size, 1):
                    yield held.pop(rng.randrange(len(held)))
            rng.shuffle(held)
            yield from held

        return self._new(shuffled, self._length)

    def cache(self, filename: str = "") -> Stream:
        """The elements kept in memory once they have all been made.  `filename` is taken and not used."""
        kept: list[Any] = []
        whole: list[bool] = []

        def made() -> Iterator[Any]:
            if whole:
                yield from kept
                return
            fresh = []
            for element in self:
                fresh.append(element)
                yield element
            kept[:], whole[:] = fresh, [True]

        return self._new(made, self._length)

    def prefetch(self, buffer_size: int | None = None, **ignored: Any) -> Stream:
        """Elements made ahead, in a thread.

        buffer_size   taken as tf.data has it
        ignored       further arguments of tf.data that change nothing here
        """
        return self._new(lambda: in_order(lambda element: element, self, 1), self._length)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with plain NumPy arrays in them."""
        return map(_plain, self)

    def __repr__(self) -> str:
        count = "an unknown number of" if self._length is None else f"{self._length:,}"
        classes = f", {plural(len(self.class_names), 'class')}" if self.class_names else ""
        return f"<stream of {count} elements{classes}>"


def _stacked(elements: Sequence[Any]) -> Any:
    first = elements[0]
    if isinstance(first, tuple | list):
        return tuple(_stacked([element[i] for element in elements]) for i in range(len(first)))
    if isinstance(first, dict):
        return {key: _stacked([element[key] for element in elements]) for key in first}
    try:
        return np.stack([np.asarray(element) for element in elements])
    except ValueError:
        shapes = " and ".join(sorted({str(np.shape(element)) for element in elements})[:2])
        raise DataError(f"batch: elements of different shapes, {shapes}, make no batch. Resize them first.") from None


def _count(batch: Any) -> int:
    if isinstance(batch, tuple | list):
        return _count(batch[0])
    return _count(next(iter(batch.values()))) if isinstance(batch, dict) else len(batch)


def _pick(batch: Any, i: int) -> Any:
    if isinstance(batch, tuple | list):
        return tuple(_pick(part, i) for part in batch)
    return {key: _pick(part, i) for key, part in batch.items()} if isinstance(batch, dict) else batch[i]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value.view(np.ndarray) if isinstance(value, np.ndarray) else value
