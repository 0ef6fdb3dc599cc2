"""A named data set of pictures as Keras gives it: plain uint8 arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from striate.data import load
from striate.doors.arrays import read_npz
from striate.errors import DataError

Pair = tuple[np.ndarray, np.ndarray]


def pictures(name: str, path: Any = None, *, column: bool = False, **options: Any) -> tuple[Pair, Pair]:
    """((x_train, y_train), (x_test, y_test)) of a data set; `column` gives labels (N, 1), else (N,)."""
    place = None if path is None else Path(path).expanduser()
    if place is not None and place.suffix == ".npz" and place.is_file():
        return _of_npz(place)
    if place is not None and not place.exists():
        place = None  # Keras' name of a file in its own cache
    splits = load(name, place, download=True, **options)
    made = []
    for part in (splits.train, splits.test):
        if part is None or part.labels is None:
            raise DataError(f"{name}: has no labelled test part.")
        x = part.x[..., 0] if part.shape[-1] == 1 else part.x
        y = part.labels.astype(np.uint8)
        made.append((np.array(x), y[:, None] if column else y))
    return made[0], made[1]


def _of_npz(path: Path) -> tuple[Pair, Pair]:
    file = read_npz(path, kind=DataError)
    lacking = [name for name in ("x_train", "y_train", "x_test", "y_test") if name not in file]
    if lacking:
        raise DataError(f"{path}: no file with x_train, y_train, x_test and y_test; {lacking[0]} is missing.")
    return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
