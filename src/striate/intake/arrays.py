"""Arrays as users hand them over, checked against the inputs of a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import DataError
from striate.wording import plural


def as_array(value: Any, what: str) -> np.ndarray:
    """A NumPy array of numbers, of the shape that it has.

    value   a list, an array or a tensor
    what    what it is, for the error

    Raises DataError for anything else.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise DataError(f"{what} is no array: its rows have different lengths.") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} is not an array of numbers (its dtype is {array.dtype}); convert it first.")
    return array.astype(np.int64) if array.dtype.kind in "b" else array


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


def spread(x: Any, names: list[str], shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """One array per input: from an array, a list in order or a dict by name.  Raises DataError."""
    if isinstance(x, dict):
        lost = [name for name in names if name not in x]
        if lost:
            raise DataError(f'no array for the input "{lost[0]}"; the inputs are {", ".join(names)}.')
        values = [x[name] for name in names]
    elif len(names) > 1:
        if not isinstance(x, list | tuple) or len(x) != len(names):
            raise DataError(
                f"the network has {plural(len(names), 'input')} ({', '.join(names)}); give a list or dict of arrays."
            )
        values = list(x)
    else:
        alone = isinstance(x, tuple | list) and len(x) == 1 and getattr(x[0], "ndim", 0) > len(shapes[0])
        values = [x[0] if alone else x]
    return [as_array(value, f'the input "{name}"') for value, name in zip(values, names, strict=True)]


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
        elif array.shape[1:] == shape[:-1] and shape[-1] == 1:
            hint = " Add the channel axis: x[..., None]."
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
