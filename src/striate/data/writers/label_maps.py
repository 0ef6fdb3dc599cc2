"""Label maps as pictures of class numbers, or as a table of the share that each class has; our readers give them back."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.writers.records import FileNames, Pictures, as_seen_from, bring, check_pictures, class_list
from striate.doors.writing import new_folder, put, written
from striate.errors import ArgumentError, DataError
from striate.wording import plural

VOID = 255  # the label that counts for nothing in files, as in Pascal VOC


def write_label_maps(
    path: str | os.PathLike[str],
    answers: Iterable[Any],
    classes: Sequence[str],
    *,
    pictures: Pictures = "link",
    ignored: int | None = None,
) -> int:
    """Write the label of each pixel of pictures; returns of how many pictures.

    path       a folder that is not there yet: images/, masks/ with a PNG of class numbers for each, in colours of its
               palette, and classes.txt; or a .csv file, with a row for each picture and the share of each class
    answers    of each picture (picture, labels): its file, and whole numbers (H, W) of its size when upright
    classes    the names of all classes, in the order of their numbers
    pictures   into a folder: "link" puts links to the pictures there, "copy" copies, "none" neither
    ignored    the label that counts for nothing, which is no class; it is 255 in the files

    Shares are of the pixels that count.  All is there or nothing; a folder that is there is never written into.  Raises
    ArgumentError for more classes than files can number and answers of another form, DataError for labels that no class
    has, BundleError where it cannot be written.
    """
    place, names = Path(path), class_list(classes)
    check_pictures(pictures)
    if len(names) > VOID:
        raise ArgumentError(
            f"{plural(len(names), 'class')}; masks number at most {VOID}, since {VOID} counts for nothing."
        )
    every = _checked(answers, names, ignored)
    if place.suffix.lower() == ".csv":
        count = 0
        with written(place, newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["file", "width", "height", *names])
            for picture, labels in every:
                counts = np.bincount(labels.ravel(), minlength=VOID + 1)[: len(names)]
                shares = counts / max(1, int(counts.sum()))
                size = labels.shape[::-1]
                rows.writerow([as_seen_from(place.parent, picture), *size, *(f"{share:.6f}" for share in shares)])
                count += 1
        return count
    with new_folder(place) as folder:
        return _masks(folder, every, names, pictures)


def _masks(folder: Path, every: Iterable[tuple[Any, np.ndarray]], names: Sequence[str], how: Pictures) -> int:
    from PIL import Image

    taken, count = FileNames(), 0
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for picture, labels in every:
        name, ending = taken.of(picture)
        bring(picture, folder / "images" / f"{name}{ending}", how)
        image = Image.fromarray(labels)
        image.putpalette(_palette().ravel().tolist())
        image.save(folder / "masks" / f"{name}.png")
        count += 1
    put(folder / "classes.txt", "".join(f"{name}\n" for name in names))
    return count


def _palette() -> np.ndarray:
    """Pascal VOC's colours, uint8 (256, 3): the bits of a number, three at a time, from the highest of each channel down."""
    numbers = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((numbers >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def _checked(answers: Iterable[Any], names: Sequence[str], ignored: int | None) -> Iterator[tuple[Any, np.ndarray]]:
    """Each picture with its labels as uint8 (H, W)."""
    for each in answers:
        try:
            picture, given = each
            labels = np.asarray(given)
        except (TypeError, ValueError):
            raise ArgumentError(f"an answer is (picture, labels), got {str(each)[:80]}.") from None
        name = picture if isinstance(picture, str | os.PathLike) else "a picture"
        if labels.ndim != 2 or labels.dtype.kind not in "bui" or not labels.size:
            raise ArgumentError(f"{name}: labels are whole numbers (H, W), not {labels.dtype} {labels.shape}.")
        void = labels == ignored if ignored is not None else np.zeros(labels.shape, bool)
        wrong = ~void & ((labels < 0) | (labels >= len(names)))
        if wrong.any():
            raise DataError(f"{name}: has the label {labels[wrong][0]}; classes are numbered 0 to {len(names) - 1}.")
        yield picture, np.where(void, VOID, labels).astype(np.uint8)
