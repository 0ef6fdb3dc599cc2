"""Targets and arrays as scripts prepare them: one-hot rows, unit vectors, padded sequences, samples and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError, DataError


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as one-hot rows, float64 (…, num_classes): 1 at the class, 0 elsewhere.

    x             whole numbers from 0, of any shape; a last axis of size 1 is dropped
    num_classes   how many columns; None: one more than the largest number

    Raises DataError for a number below 0 or not below `num_classes`, and for what is no whole number.
    """
    given = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    if given.dtype.kind not in "biuf" or (given.dtype.kind == "f" and not np.array_equal(given, np.floor(given))):
        raise DataError(f"to_categorical takes class numbers from 0, it got {given.dtype} values.")
    shape = given.shape[:-1] if given.ndim > 1 and given.shape[-1] == 1 else given.shape
    numbers = given.astype(np.int64).reshape(-1)
    if not num_classes and not len(numbers):
        raise DataError("to_categorical: there are no numbers, so give num_classes.")
    count = int(num_classes or numbers.max() + 1)
    wrong = numbers[(numbers < 0) | (numbers >= count)]
    if len(wrong):
        raise DataError(f"to_categorical: {wrong[0]} is no class of {count}; they are 0 to {count - 1}.")
    rows = np.zeros((len(numbers), count))
    rows[np.arange(len(numbers)), numbers] = 1
    return rows.reshape(*shape, count)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """The values along an axis divided by their norm; rows of zeros stay.  Of the shape of `x`.

    x       an array, a list, or a tensor, which stays a tensor
    axis    whose values become a unit vector
    order   of the norm: 2 is the Euclidean, 1 the sum of absolute values

    Raises ArgumentError for another order than a number above 0.
    """
    if isinstance(order, bool) or not isinstance(order, int | float) or order <= 0:
        raise ArgumentError(f"normalize: order is a number above 0, such as 2, not {order!r}.")
    if hasattr(x, "detach"):
        import torch

        return torch.nn.functional.normalize(x, p=order, dim=axis)
    values = np.asarray(x)
    norm = np.linalg.norm(values, order, axis, keepdims=True)
    return values / np.where(norm == 0, 1, norm)


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array (N, maxlen).

    sequences    lists of numbers
    maxlen       the length; None: that of the longest
    dtype        of the array
    padding      "pre": filled up in front; "post": behind
    truncating   "pre": of a longer one the end stays; "post": the beginning
    value        what fills up

    Raises ArgumentError for other words, DataError for what is no list of sequences.
    """
    for what, said in (("padding", padding), ("truncating", truncating)):
        if said not in ("pre", "post"):
            raise ArgumentError(f'pad_sequences: {what} is "pre" or "post", not {said!r}.')
    rows = []
    for i, row in enumerate(sequences):
        if not hasattr(row, "__len__"):
            raise DataError(f"pad_sequences takes a list of sequences; entry {i} is {row!r}.")
        rows.append(np.asarray(row))
    length = max(map(len, rows), default=0) if maxlen is None else maxlen
    inner = next((row.shape[1:] for row in rows if len(row)), ())
    padded = np.full((len(rows), length, *inner), value, dtype)
    for i, row in enumerate(rows):
        kept = row[max(len(row) - length, 0) :] if truncating == "pre" else row[:length]
        if kept.shape[1:] != inner and len(kept):
            raise DataError(f"pad_sequences: entry {i} has steps of shape {kept.shape[1:]}, others {inner}.")
        start = length - len(kept) if padding == "pre" else 0
        if len(kept):
            padded[i, start : start + len(kept)] = kept
    return padded


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """A batch as ``fit`` takes it: `x` alone, (x, y) or (x, y, sample_weight).

    x               inputs; alone they are not put into a tuple, unless they are a tuple or list themselves
    y               targets, or None
    sample_weight   weights, or None
    """
    if y is None:
        return (x,) if isinstance(x, list | tuple) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch; what it lacks is None.

    data   x, (x,), (x, y) or (x, y, sample_weight)

    Raises DataError for a tuple of another length.
    """
    parts = tuple(data) if isinstance(data, list | tuple) else (data,)
    if not 1 <= len(parts) <= 3:
        raise DataError(f"a batch is x, (x, y) or (x, y, sample_weight), not {len(parts)} things.")
    x, y, sample_weight = (*parts, None, None)[:3]
    return x, y, sample_weight
