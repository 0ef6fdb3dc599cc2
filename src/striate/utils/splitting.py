"""One data set as two."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from striate.data import Dataset
from striate.errors import ArgumentError, DataError
from striate.utils.stream import Stream


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Two parts of a data set, the left one from its beginning.

    dataset             arrays of one length, alone or as a tuple or list; a Dataset; a stream; a torch Dataset
    left_size           a fraction between 0 and 1, or a number of samples; None: the rest
    right_size          the same of the right part
    shuffle             mix the samples first
    seed                of the mixing; None: drawn
    preferred_backend   taken as Keras has it

    A Dataset gives Datasets, all else streams of single samples: ``.batch(32)`` makes batches of them.  Raises DataError for
    what is no data set, ArgumentError for sizes that do not fit.
    """
    if isinstance(dataset, Stream):
        samples: Any = list(dataset)
    elif isinstance(dataset, tuple | list) and dataset and all(hasattr(part, "__len__") for part in dataset):
        columns = [np.asarray(part) for part in dataset]
        if len({len(part) for part in columns}) > 1:
            raise DataError(f"split_dataset: arrays of different lengths, {', '.join(str(len(p)) for p in columns)}.")
        samples = list(zip(*columns, strict=True))
    elif isinstance(dataset, Dataset) or (isinstance(dataset, Sized) and hasattr(dataset, "__getitem__")):
        samples = dataset
    else:
        raise DataError(f"split_dataset takes arrays, a Dataset or a stream, not a {type(dataset).__name__}.")
    count = len(samples)
    left, right = _sizes(left_size, right_size, count)
    order = np.random.RandomState(seed).permutation(count) if shuffle else np.arange(count)
    parts = order[:left], order[left : left + right] if right_size is not None else order[left:]
    if isinstance(dataset, Dataset):
        return dataset.subset(parts[0]), dataset.subset(parts[1])
    return _stream(samples, parts[0]), _stream(samples, parts[1])


def _stream(samples: Any, chosen: np.ndarray) -> Stream:
    return Stream(lambda: (samples[int(i)] for i in chosen), len(chosen))


def _sizes(left: float | int | None, right: float | int | None, count: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ArgumentError("split_dataset: give left_size or right_size, a fraction or a number of samples.")

    def number(size: float | int | None, what: str) -> int | None:
        if size is None:
            return None
        whole = isinstance(size, int) and not isinstance(size, bool)
        if not whole and not isinstance(size, float):
            raise ArgumentError(f"split_dataset: {what} is a fraction or a whole number, not {size!r}.")
        if not (0 < size < count if whole else 0 < size < 1):
            raise ArgumentError(f"split_dataset: {what}={size} is neither between 0 and 1 nor a number below {count}.")
        return int(size) if whole else round(size * count)

    first, second = number(left, "left_size"), number(right, "right_size")
    first = count - second if first is None and second is not None else first or 0
    second = count - first if second is None else second
    if first + second > count or not first or not second:
        raise ArgumentError(f"split_dataset: parts of {first} and {second} do not come out of {count} samples.")
    return first, second
