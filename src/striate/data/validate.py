"""What arrays must be to serve as examples and targets; a DataError says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import DataError
from striate.wording import plural, verb


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
            f"{name}: {which} has {plural(bad, 'value')} that {verb(bad, 'is')} NaN or infinite, the first in "
            f"example {first}. "
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


def targets(y: Any, classes: tuple[str, ...] | None, name: str, ignored: int | None = None) -> np.ndarray:
    """`y` as int64 class numbers (or label maps, which may also hold `ignored`) or float32 targets, checked."""
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
                    f"{name}: y has {plural(y.shape[1], 'column')}, there are {plural(len(classes), 'class')}. "
                    "Make them agree."
                )
            return y
        broken = y != np.floor(y)
        if broken.any():
            first = int(broken.argmax())
            raise DataError(
                f"{name}: {plural(int(broken.sum()), 'label', 'is')} not whole numbers, the first {y[first]:g} "
                f"at index {first}. "
                "Class labels are 0, 1, 2, …; for regression leave classes out."
            )
    y = y.astype(np.int64, copy=False)
    counts = np.True_ if ignored is None else y != ignored
    low, high = int(y.min(where=counts, initial=0)), int(y.max(where=counts, initial=0))
    for wrong, what, remedy in (
        (low < 0, "negative", 'Classes count from 0; for regression give floats, y.astype("float32").'),
        (
            classes is not None and high >= len(classes),
            "out of range",
            f"{plural(len(classes or ()), 'class', 'is')} numbered 0 to {len(classes or ()) - 1}.",
        ),
    ):
        if wrong:
            bad = counts & ((y < 0) if low < 0 else (y >= len(classes or ())))
            first = int(bad.reshape(len(y), -1).any(axis=1).argmax())
            value = int(y[first][bad[first]].flat[0]) if y.ndim > 1 else int(y[first])
            raise DataError(
                f"{name}: {plural(int(bad.sum()), 'label', 'is')} {what}, the first {value} at index {first}. {remedy}"
            )
    return y


def boxes(
    given: Any, labels: Any, x: np.ndarray, classes: tuple[str, ...] | None, name: str
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], str | None]:
    """Boxes as float32 (n, 4) and class numbers as int64 (n,), one array for each picture, and what had to be clipped.

    Boxes that reach out of their picture are clipped to it; one that is empty, wholly outside or not finite is a
    DataError, and so are class numbers that do not fit.
    """
    if x.ndim != 4:
        raise DataError(f"{name}: boxes go with pictures (N, H, W, C), x has shape {x.shape}.")
    if labels is None:
        raise DataError(
            f"{name}: boxes without box_labels. Give the class number of each box, an array for each picture."
        )
    for which, values in (("boxes", given), ("box_labels", labels)):
        if not hasattr(values, "__len__") or len(values) != len(x):
            count = len(values) if hasattr(values, "__len__") else "no"
            raise DataError(
                f"{name}: {plural(len(x), 'picture')}, but {count} {which}. Give an array for each picture, also empty."
            )
    height, width = x.shape[1:3]
    within: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    reaching, first = 0, -1
    for i, (rows, each) in enumerate(zip(given, labels, strict=True)):
        corners = _corners(rows, i, name)
        clipped = np.clip(corners, 0, [width, height, width, height]).astype(np.float32)
        empty = ~((clipped[:, 2:] > clipped[:, :2]).all(axis=1))
        if empty.any():
            worst = int(empty.argmax())
            raise DataError(
                f"{name}: box {worst} of picture {i}, {np.round(corners[worst], 2).tolist()}, is empty or outside the "
                f"{height} x {width} picture. Boxes are x1, y1, x2, y2 in pixels with x1 < x2 and y1 < y2."
            )
        if not np.array_equal(clipped, corners):
            reaching, first = reaching + int((clipped != corners).any(axis=1).sum()), i if first < 0 else first
        within.append(clipped)
        numbers.append(_box_labels(each, len(corners), i, classes, name))
    note = (
        f"{plural(reaching, 'box')} reached out of {'its' if reaching == 1 else 'their'} picture and "
        f"{verb(reaching, 'was')} clipped, the first in picture {first}"
    )
    return tuple(within), tuple(numbers), note if reaching else None


def _corners(rows: Any, i: int, name: str) -> np.ndarray:
    try:
        corners = np.asarray(rows, np.float32)
    except (TypeError, ValueError):
        corners, rows = np.zeros((0,), np.float32), None
    if rows is not None and corners.size == 0:
        return np.zeros((0, 4), np.float32)
    if corners.ndim != 2 or corners.shape[1] != 4:
        shape = f"shape {corners.shape}" if rows is not None else "values that are no numbers"
        raise DataError(f"{name}: boxes of picture {i} have {shape}; they are (n, 4), a row x1, y1, x2, y2 for each.")
    if not np.isfinite(corners).all():
        raise DataError(f"{name}: boxes of picture {i} hold NaN or infinite values. Repair or leave out those boxes.")
    return corners


def _box_labels(given: Any, count: int, i: int, classes: tuple[str, ...] | None, name: str) -> np.ndarray:
    labels = np.asarray(given)
    labels = labels.astype(np.int64) if labels.size == 0 else labels
    if labels.shape != (count,) or labels.dtype.kind not in "biu":
        raise DataError(
            f"{name}: picture {i} has {plural(count, 'box')}, its box_labels are {labels.dtype} of shape {labels.shape}. "
            "Give one whole number for each box."
        )
    labels = labels.astype(np.int64, copy=False)
    if count and (labels.min() < 0 or (classes is not None and labels.max() >= len(classes))):
        known = (
            f"; {plural(len(classes), 'class', 'is')} numbered 0 to {len(classes) - 1}" if classes is not None else ""
        )
        raise DataError(f"{name}: box_labels of picture {i} go from {labels.min()} to {labels.max()}{known}.")
    return labels
