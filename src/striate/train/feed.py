"""What feeds a training, an evaluation or a prediction: arrays cut into batches, or batches as a user's code makes them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from striate.data import Batch, Batches, Dataset, Splits
from striate.errors import ArgumentError, DataError, note
from striate.wording import listed, plural

_SHORT = (
    "The data ran out: steps_per_epoch batches were asked for and fewer were left; the epoch ended there, and the next one "
    "begins at the first batch again."
)


class ArrayFeed:
    """Batches of arrays: all of them each epoch, or with `steps_per_epoch` so many, going on through the data.

    batches           of the arrays
    steps             batches of all the data
    steps_per_epoch   after which an epoch ends; None: all
    first             the epoch that the training begins with
    """

    def __init__(self, batches: Batches, steps: int, steps_per_epoch: int | None = None, first: int = 0) -> None:
        self._batches, self._whole, self._asked, self._first = batches, steps, steps_per_epoch, first
        self.examples = batches.source
        self.size: int | None = len(batches.source)

    def _place(self, epoch: int) -> tuple[int, int, int]:
        """Which pass over the data an epoch belongs to, its first batch there, and how many it has."""
        if self._asked is None:
            return epoch, 0, self._whole
        epochs = -(-self._whole // self._asked)  # of one pass
        done = epoch - self._first
        start = done % epochs * self._asked
        return self._first + done // epochs, start, min(self._asked, self._whole - start)

    def steps(self, epoch: int) -> int | None:
        """How many batches an epoch has."""
        steps = self._place(epoch)[2]
        if self._asked is not None and steps < self._asked:
            note(_SHORT)
        return steps

    def total(self, first: int, last: int, together: int) -> int | None:
        """Updates from one epoch up to another, each from `together` batches."""
        return sum(-(-self._place(epoch)[2] // together) for epoch in range(first, last))

    def before(self, epoch: int) -> int:
        """Batches of the epochs before one."""
        return 0 if self._asked is None and epoch == 0 else epoch * min(self._asked or self._whole, self._whole)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `start` on."""
        k, begin, steps = self._place(epoch)
        return itertools.islice(self._batches.batches(k, begin + start), steps - start)


class StreamFeed:
    """Batches from a loader, a generator, or any iterable of (x, y) or (x, y, sample weights).

    source            gone through anew each epoch; a generator goes on where it is
    made              turns what the source gives into a Batch
    steps_per_epoch   after which an epoch ends, and the next goes on from there; None: where the source ends
    seed              of the order of the batches where the source gives them by number; None: as they stand
    """

    def __init__(
        self, source: Any, made: Callable[[Any], Batch], steps_per_epoch: int | None = None, seed: int | None = None
    ) -> None:
        self._source, self._made, self._asked, self._seed = source, made, steps_per_epoch, seed
        self._once = hasattr(source, "__next__")
        self._going: Iterator[Any] | None = None
        self._passes = 0
        self.size: int | None = None
        self._length = None if self._once else length_of(source)

    def steps(self, epoch: int) -> int | None:
        """How many batches an epoch has, where that is known."""
        return self._asked or self._length

    def total(self, first: int, last: int, together: int) -> int | None:
        """Updates from one epoch up to another, where that is known."""
        steps = self.steps(first)
        return None if steps is None else (last - first) * -(-steps // together)

    def before(self, epoch: int) -> int:
        """Batches of the epochs before one, where that is known."""
        return epoch * (self.steps(epoch) or 0)

    def _begin(self) -> Iterator[Any]:
        self._passes += 1
        if not hasattr(self._source, "__getitem__") or not hasattr(self._source, "on_epoch_end"):
            return iter(self._source)
        return self._by_number()

    def _by_number(self) -> Iterator[Any]:
        """Batches of a source that numbers them, as Keras' PyDataset does; with a seed in another order each time."""
        count = length_of(self._source)
        order: Any = itertools.count() if count is None else range(count)
        if self._seed is not None and count is not None:
            order = np.random.default_rng([self._seed, self._passes]).permutation(count)
        if hasattr(self._source, "on_epoch_begin"):
            self._source.on_epoch_begin()
        for i in order:
            yield self._source[int(i)]
        self._source.on_epoch_end()

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch; of a source that has ended, none."""
        if self._going is None or not (self._once or self._asked):
            self._going = self._begin()
        given = 0
        for element in self._going:
            yield self._made(element)
            given += 1
            if given == self._asked:
                return
        if self._asked is not None and given:
            note(_SHORT)
        if not self._once:
            self._going = None


def classes_of(source: Any) -> list[str] | None:
    """The names of a stream's classes in the order of their numbers, where it or the data in it say them."""
    for held, name in ((source, "class_names"), (getattr(source, "dataset", None), "classes")):
        said = getattr(held, name, None)
        if isinstance(said, list | tuple) and said and all(isinstance(one, str) for one in said):
            return list(said)
    return None


def length_of(source: Any) -> int | None:
    """How many batches a source has, where it says so."""
    try:
        if hasattr(source, "num_batches") and hasattr(source, "on_epoch_end"):  # of a PyDataset; None: without an end
            return source.num_batches  # type: ignore[no-any-return]
        return len(source) or None
    except (TypeError, NotImplementedError):  # no length, or one that its class leaves to be written
        return None


def is_stream(x: Any, y: Any = None) -> bool:
    """Whether `x` gives batches one after the other, and is not itself the data.

    y    targets beside it: then it is the data

    Raises ArgumentError for a torch data set, which gives single samples, and for a data set's parts, of which one is meant.
    """
    if isinstance(x, Splits):
        parts = listed([f".{name}" for name, part in x._asdict().items() if part is not None], "or")
        raise ArgumentError(f"these are the parts of the data set {x.train.name}, and one is wanted: give its {parts}.")
    if y is not None or isinstance(x, Dataset | str | bytes | dict | os.PathLike):
        return False
    if (
        hasattr(x, "__array__")
        or hasattr(x, "shape")
        or hasattr(x, "dtype")
        or hasattr(x, "getbands")
        or hasattr(x, "read")
    ):
        return False
    if isinstance(x, list | tuple):
        # lists of arrays are several inputs; lists of (x, y) are batches
        return bool(x) and all(isinstance(one, tuple) and len(one) in (2, 3) for one in x)
    if any(kind.__module__.startswith("torch.utils.data") for kind in type(x).__mro__):
        if hasattr(x, "batch_size") or hasattr(x, "sampler"):
            return True
        if not hasattr(x, "__iter__"):
            raise ArgumentError(
                f"{type(x).__name__} gives single samples; give batches: torch.utils.data.DataLoader(data, batch_size=32)."
            )
    numbered = hasattr(x, "__getitem__") and hasattr(x, "__len__")
    return hasattr(x, "__iter__") or numbered


def unpacked(element: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample weights) of one batch of a stream: x alone, (x, y) or (x, y, weights).

    Raises DataError for a tuple of another length.
    """
    if not isinstance(element, list | tuple):
        return element, None, None
    if not 1 <= len(element) <= 3:
        raise DataError(f"a batch is x, (x, y) or (x, y, sample_weight); it got {plural(len(element), 'part')}.")
    x, y, weights = (*element, None, None)[:3]
    return x, y, weights


class Peeked:
    """A source of batches whose first one has been looked at.

    source   an iterable of batches

    Raises DataError where there is none.
    """

    def __init__(self, source: Any) -> None:
        self.source = source
        if hasattr(source, "__next__"):
            try:
                self.first = next(source)
            except StopIteration:
                raise DataError("the generator gave no batch.") from None
            self.source = itertools.chain([self.first], source)
        else:
            self.first = next(iter(source)) if hasattr(source, "__iter__") else source[0]

    def elements(self) -> Iterator[Any]:
        """All batches, from the first."""
        if hasattr(self.source, "__iter__"):
            return iter(self.source)
        return (self.source[i] for i in range(len(self.source)))
