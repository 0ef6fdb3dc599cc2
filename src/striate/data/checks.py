"""What arrays must be to serve as examples and targets; a DataError says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import DataError


def check_x(x: Any, name: str) -> None:
    if not isinstance(x, np.ndarray) or x.dtype not in (np.uint8, np.float32, np.int64):
        what = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
        raise DataError(
            f"{name}: x is a {what}; a Dataset holds NumPy arrays of uint8 (pictures), float32 or int64 (token ids). "
            "striate.data.arrays(x, y) converts."
        )
    if x.ndim < 2 or x.size == 0:
        raise DataError(
            f"{name}: x has shape {x.shape}, expected (N, ...) with numbers in it: a row "
            "for each example, x[:, None] where that is one number."
        )
    if x.dtype == np.uint8 and x.ndim != 4:
        grey = " Grey pictures need their one channel: x[..., None]." if x.ndim == 3 else ""
        raise DataError(
            f"{name}: x has shape {x.shape} of uint8; pictures are (N, H, W, C).{grey} "
            'For numbers that are not pictures use x.astype("float32").'
        )
    if x.dtype == np.int64 and x.ndim != 2:
        raise DataError(
            f'{name}: x has shape {x.shape} of int64; token ids are (N, L). For other numbers use x.astype("float32").'
        )
    if x.dtype == np.int64 and x.min() < 0:
        row = int((x.min(axis=1) < 0).argmax())
        raise DataError(
            f"{name}: x holds negative token ids, the first in example {row}. Ids start at 0; "
            'for numbers that are not ids use x.astype("float32").'
        )
    _check_finite(x, "x", name)


def _check_finite(values: np.ndarray, which: str, name: str) -> None:
    if values.dtype != np.float32:
        return
    per_chunk = max(1, (1 << 22) // max(1, values[0].size))  # a mask of a few megabytes, not of the whole set
    bad, first = 0, -1
    for start in range(0, len(values), per_chunk):
        finite = np.isfinite(values[start : start + per_chunk])
        if not finite.all():
            if not bad:
                first = start + int((~finite.reshape(len(finite), -1).all(axis=1)).argmax())
            bad += int(finite.size - finite.sum())
    if bad:
        raise DataError(
            f"{name}: {which} has {bad} values that are NaN or infinite, the first in example {first}. "
            f"Repair or leave out those examples, or look for a division by zero before."
        )


def class_names(classes: Sequence[str], name: str) -> tuple[str, ...]:
    names = () if isinstance(classes, str) else tuple(str(c) for c in classes)
    if not names:
        raise DataError(f"{name}: classes must list at least one name, got {classes!r}.")
    if len(set(names)) < len(names):
        twice = next(c for c in names if names.count(c) > 1)
        raise DataError(f'{name}: two classes are named "{twice}". Give each its own name.')
    return names


def targets(y: Any, classes: tuple[str, ...] | None, name: str) -> np.ndarray:
    """`y` as int64 class numbers (or label maps) or float32 targets, checked."""
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "buif" or y.ndim == 0 or y.size == 0:
        what = f"{y.dtype} array of shape {y.shape}" if isinstance(y, np.ndarray) else type(y).__name__
        raise DataError(f"{name}: y is a {what}; give whole numbers (N,) for classes or floats (N,) or (N, K).")
    whole = y.dtype.kind in "bui" and y.ndim != 2
    if not whole:
        with np.errstate(over="ignore"):
            y = y.astype(np.float32, copy=False)
        _check_finite(y, "y", name)
        if classes is None or y.ndim > 2:
            return y
        if y.ndim == 2:
            if y.shape[1] not in (1, len(classes)):
                raise DataError(
                    f"{name}: y has {y.shape[1]} columns, there are {len(classes)} classes. Make them agree."
                )
            return y
        broken = y != np.floor(y)
        if broken.any():
            first = int(broken.argmax())
            raise DataError(
                f"{name}: {int(broken.sum())} labels are not whole numbers, the first {y[first]:g} at index {first}. "
                "Class labels are 0, 1, 2, …; for regression leave classes out."
            )
    y = y.astype(np.int64, copy=False)
    flat = y.reshape(len(y), -1)
    low, high = int(y.min()), int(y.max())
    if low < 0:
        first = int((flat.min(axis=1) < 0).argmax())
        raise DataError(
            f"{name}: {int((y < 0).sum())} labels are negative, the first {int(flat[first].min())} at index {first}. "
            'Classes count from 0; for regression give floats, y.astype("float32").'
        )
    if classes is not None and high >= len(classes):
        first = int((flat.max(axis=1) >= len(classes)).argmax())
        raise DataError(
            f"{name}: {int((y >= len(classes)).sum())} labels are out of range, the first {int(flat[first].max())} at "
            f"index {first}; {len(classes)} classes are numbered 0 to {len(classes) - 1}."
        )
    return y
