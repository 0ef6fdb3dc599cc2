"""A CSV file that lists pictures and their labels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.dataset import Dataset, Skipped
from striate.data.pictures.decode_all import decode_all
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.errors import DataError, nearest

_PATHS = ("file", "path", "filename", "image", "image_path", "filepath")
_LABELS = ("label", "class", "class_index", "class_name", "target", "y")


def read_csv(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    classes: Sequence[str] | None = None,
    root: str | Path | None = None,
    resize: Resize = "stretch",
    preprocessing: Preprocessing | None = None,
    cache: bool | None = None,
    workers: int | None = None,
) -> Dataset:
    """Pictures that a CSV file with a header names, one a row; paths are relative to `root`, else to the CSV's folder.

    Without `file_column` and `label_column` the usual names are looked for (file, path, …; label, class, …).  Labels
    are class numbers when every one is a whole number, else names, numbered in `classes` or in alphabetical order.
    A picture that cannot be read is left out and named in ``.skipped``.  `preprocessing`, such as that of a trained
    model, takes the place of image_size, channels and resize.  `cache` and `workers` are those of ``folder``.
    """
    path = Path(path)
    header, rows = _rows(path)
    files = _column(path, header, file_column, _PATHS, "file_column")
    labels = _column(path, header, label_column, _LABELS, "label_column")
    base = path.parent if root is None else Path(root)
    names = [str(base / row[files]) for row in rows]
    numbers, classes = _numbers([row[labels] for row in rows], classes, path)
    x, kept, skipped, preprocessing = decode_all(
        names,
        Path,
        preprocessing or Preprocessing.pictures(image_size, channels, resize=resize),
        str(path),
        cache=cache,
        workers=workers,
    )
    return Dataset(
        x,
        numbers[kept],
        None if classes is None else tuple(classes),
        path.stem,
        preprocessing,
        tuple(names[i] for i in kept),
        tuple(Skipped(*s) for s in skipped),
    )


def columns(path: str | Path) -> dict[str, list[str]]:
    """The cells of each column of a CSV file, by the column's name; none where it is no file with the ending .csv."""
    path = Path(path)
    if path.suffix.lower() != ".csv" or not path.is_file():
        return {}
    header, rows = _rows(path)
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = []
            for row in reader:
                if row and len(row) != len(header):
                    raise DataError(f"{path}, line {reader.line_num}: {len(row)} cells, the header has {len(header)}.")
                if row:
                    rows.append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV file in UTF-8 ({error}).") from None
    if not rows:
        raise DataError(f"{path}: has no rows. Expected a header, then one picture a line.")
    return header, rows


def _column(path: Path, header: list[str], wanted: str | None, usual: Sequence[str], argument: str) -> int:
    if wanted is not None:
        if wanted not in header:
            raise DataError(f'{path}: no column "{wanted}".{nearest(wanted, header)} It has {", ".join(header)}.')
        return header.index(wanted)
    for name in usual:
        if name in header:
            return header.index(name)
    raise DataError(f"{path}: which column to read? It has {', '.join(header)}. Say with {argument}=.")


def _numbers(labels: list[str], classes: Sequence[str] | None, path: Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
    names = None if classes is None else tuple(map(str, classes))
    try:
        return np.array([int(label) for label in labels], np.int64), names
    except (ValueError, OverflowError):
        pass
    names = names or tuple(sorted(set(labels)))
    number = {name: i for i, name in enumerate(names)}
    for line, label in enumerate(labels, start=2):
        if label not in number:
            raise DataError(f'{path}, row {line}: class "{label}" is not in classes.{nearest(label, names)}')
    return np.array([number[label] for label in labels], np.int64), names
