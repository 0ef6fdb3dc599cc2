"""A data set with boxes or label maps as files of other tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from striate.data.dataset import Dataset
from striate.data.pictures.decode import upright_size
from striate.data.writers.boxes import BoxFormat, write_boxes
from striate.data.writers.label_maps import write_label_maps
from striate.data.writers.records import Pictures
from striate.errors import DataError


def write(
    data: Dataset,
    path: str | os.PathLike[str],
    *,
    format: BoxFormat | Literal["masks"] | None = None,
    pictures: Pictures = "link",
) -> int:
    """Write a data set with boxes, or with label maps, as files of other tools; returns of how many pictures.

    data       with boxes or label maps, and the names of its classes
    path       a file, or a folder that is not there yet
    format     "voc", "yolo", "coco", "csv" or "jsonl" for boxes, "masks" for label maps: a folder with images/ and masks/,
               or a .csv of shares.  None: boxes where there are some, by the ending of `path`
    pictures   into a folder: "link" puts links to the pictures there, "copy" copies, "none" neither

    Boxes are brought to the pixels of the photo itself.  Pictures without a file, and those of label maps that were
    scaled, are written as they are in the data set.  Raises DataError for a data set with neither boxes nor label maps or
    without names of classes, and what ``write_boxes`` and ``write_label_maps`` raise.
    """
    if data.classes is None:
        raise DataError(f"{data.name}: its classes have no names to be written. Give classes= to its reader.")
    if data.boxes is not None and format != "masks":
        return write_boxes(path, _boxes(data), data.classes, format=format, pictures=pictures)
    if data.y is None or data.y.ndim != 3:
        raise DataError(f"{data.name}: has neither boxes nor label maps.")
    return write_label_maps(path, _maps(data), data.classes, pictures=pictures, ignored=data.ignored)


def _boxes(data: Dataset) -> Iterator[tuple[Any, tuple[int, int], list[Any]]]:
    assert data.boxes is not None
    assert data.box_labels is not None
    assert data.classes is not None
    for i, (boxes, labels) in enumerate(zip(data.boxes, data.box_labels, strict=True)):
        if data.paths is None:
            picture, size = data.x[i], (data.shape[0], data.shape[1])
        else:
            picture, size = data.paths[i], upright_size(data.paths[i])
            boxes = data.preprocessing.geometry(size).boxes_back(boxes)
        flags = data.box_ignored[i] if data.box_ignored is not None else np.zeros(len(boxes), bool)
        rows = zip(labels.tolist(), boxes.tolist(), flags.tolist(), strict=True)
        yield picture, size, [(data.classes[label], None, box, flag) for label, box, flag in rows]


def _maps(data: Dataset) -> Iterator[tuple[Any, np.ndarray]]:
    assert data.y is not None
    for i, labels in enumerate(data.y):
        whole = data.paths is not None and upright_size(data.paths[i]) == labels.shape
        yield (data.paths[i] if whole and data.paths is not None else data.x[i]), labels
