"""Arrays as users hand them over, checked against the inputs of a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import DataError, StriateError
from striate.graph.nested import laid
from striate.wording import plural

#: What is said where there is nothing to look at.
NOTHING = "no pictures were given."


def as_array(value: Any, what: str) -> np.ndarray:
    """A NumPy array of numbers, of the shape that it has.

    value   a list, an array or a tensor
    what    what it is, for the error

    Raises DataError for anything else.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()  # which NumPy has not
    try:
        array = np.asarray(value)
    except StriateError:  # a symbolic tensor
        raise
    except ValueError:
        raise DataError(f"{what} is no array: its rows have different lengths{_uneven(value)}.") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} is not an array of numbers (its dtype is {array.dtype}); convert it first.")
    if not array.dtype.isnative:  # such as files of other machines have
        array = array.astype(array.dtype.newbyteorder("="))
    return array.astype(np.int64) if array.dtype.kind in "b" else array


def _uneven(rows: Any) -> str:
    """Which row differs from the first, as a message goes on; "" where none does, or nobody can say."""
    first: tuple[int, ...] | None = None
    for number, row in enumerate(rows):
        try:
            shape = np.shape(row)
        except ValueError:
            return f"; so has row {number}, counted from 0"
        if first is not None and shape != first:
            return f"; row {number}, counted from 0, has the shape {shape}, row 0 {first}"
        first = shape
    return ""


def stacked(x: Any) -> Any:
    """A tensor, or a list of arrays of floats, as one array; everything else as it is.

    x   as users hand it over

    Raises DataError for arrays of different shapes.
    """
    if hasattr(x, "detach"):
        return as_array(x, "the tensor")
    if isinstance(x, list | tuple) and x and all(hasattr(e, "dtype") and "float" in str(e.dtype) for e in x):
        return as_array([as_array(each, "a picture") for each in x], "the list of arrays")
    return x


def spread(x: Any, names: list[str], shapes: list[tuple[int, ...]], nested: Any = None) -> list[np.ndarray]:
    """One array per input: from an array, a list in order, a dict by name, or nested as the inputs are.  Raises DataError.

    x        as users hand it over
    names    of the inputs; shapes: of each, without the batch
    nested   how the inputs are nested, the place of each where it stands; None: in a list, or one alone
    """
    if len(names) == 1 and not isinstance(x, dict) and not isinstance(nested, dict):
        wrapped = isinstance(x, tuple | list) and len(x) == 1
        alone = wrapped and (x[0] is None or getattr(x[0], "ndim", 0) > len(shapes[0]))
        several = (
            isinstance(x, tuple | list) and len(x) > 1 and all(getattr(one, "ndim", 0) > len(shapes[0]) for one in x)
        )
        if several:
            raise DataError(f"the network expects 1 input ({names[0]}), it got {plural(len(x), 'array')}.")
        values = [x[0] if alone else x]
    else:
        values = laid(x, nested, names)
    for value, name in zip(values, names, strict=True):
        if value is None:
            raise DataError(f'the input "{name}" is not optional, and None was given.')
    made = [as_array(value, f'the input "{name}"') for value, name in zip(values, names, strict=True)]
    return [ranked(array, shape) for array, shape in zip(made, shapes, strict=True)]


def as_pixels(x: Any) -> Any:
    """Whole numbers from 0 to 255 as uint8, whatever type they have; everything else as it is.

    x   an array, or anything
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "iu" or x.dtype == np.uint8 or not x.size:
        return x
    return x.astype(np.uint8) if x.min() >= 0 and x.max() <= 255 else x


def ranked(array: Any, shape: tuple[int, ...]) -> Any:
    """An array, or a tensor, with a last axis of one more or less, as the input has it: pictures (N, H, W) for (H, W, 1).

    array   (N, …)
    shape   of the input, without the batch
    """
    sizes = tuple(array.shape)
    if len(sizes) == len(shape) and shape[-1:] == (1,) and sizes[1:] == shape[:-1]:
        return array[..., None]
    if len(sizes) == len(shape) + 2 and sizes[-1] == 1 and sizes[1:-1] == shape:
        return array[..., 0]
    return array


def check_ids(array: np.ndarray, rows: int, name: str) -> None:
    """Raise DataError unless all numbers are those of rows, from 0.

    array   (N, …)
    rows    how many there are
    name    of the input
    """
    low, high = array.min(), array.max()
    if low < 0 or high >= rows:
        raise DataError(
            f'the input "{name}" takes ids from 0 to {rows - 1}, which an Embedding looks up; it got {low:g} to {high:g}.'
        )


def as_whole(array: np.ndarray, name: str) -> np.ndarray:
    """An array as int64, for an input of whole numbers; int64 and int32 stay as they are.

    array   (N, …)
    name    of the input

    Raises DataError where one is not whole.
    """
    if array.dtype in (np.int64, np.int32):
        return array
    made = array.astype(np.int64)
    if (made != array).any():
        at = tuple(int(i) for i in np.argwhere(made != array)[0])
        raise DataError(f'the input "{name}" takes whole numbers, and {array[at]:g} at {list(at)} is none. Round them.')
    return made


def check_all(arrays: list[np.ndarray], names: list[str], shapes: list[tuple[int, ...]]) -> None:
    """Raise DataError unless the arrays have the inputs' shapes, one length, and nothing that is not finite."""
    for array, name, shape in zip(arrays, names, shapes, strict=True):
        check_shape(array, shape, name)
    if len({len(a) for a in arrays}) > 1:
        raise DataError(f"the inputs have different lengths: {', '.join(str(len(a)) for a in arrays)}.")


def check_shape(array: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Raise DataError unless `array` is (N, *shape), finite and not empty."""
    if array.shape[1:] != shape:
        hint = ""
        if array.shape == shape:
            hint = " For one sample, add the batch axis: x[None]."
        elif channels_come_first(array, shape):
            hint = " Those look channels-first: x.transpose(0, 2, 3, 1)."
        elif array.ndim == 4 and shape == (array.shape[3], *array.shape[1:3]):
            hint = " Those look channels-last: x.transpose(0, 3, 1, 2)."
        elif int(np.prod(array.shape[1:])) == int(np.prod(shape)):
            hint = f" Same count: x.reshape(-1, {', '.join(map(str, shape))})."
        raise DataError(
            f'the input "{name}" takes arrays of shape (N, {", ".join(map(str, shape))}), it got {array.shape}.{hint}'
        )
    if not len(array):
        raise DataError(f'the input "{name}" is empty: no samples.')
    check_finite(array, f'the input "{name}"')


def channels_come_first(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether an array (N, C, H, W) is given to an input (H, W, C)."""
    return array.ndim == 4 and array.shape[1:] == (shape[-1], *shape[:-1])


def check_finite(array: np.ndarray, what: str) -> None:
    """Look for NaN and infinity.

    array   (N, …)
    what    what it is, for the error

    Raises DataError with how many of the N samples hold some, and the first.
    """
    if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
        bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if bad.any():
            raise DataError(
                f"{what} holds NaN or infinity in {int(bad.sum())} of {plural(len(array), 'sample')}, first in sample "
                f"{int(bad.argmax())}. Drop or repair them (np.nan_to_num)."
            )
