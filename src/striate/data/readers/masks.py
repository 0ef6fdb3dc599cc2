"""A folder of pictures and one of masks, pictures of class numbers with the same names, as CamVid has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.pictures.decode import labels_of_pixels, upright_size
from striate.data.pictures.decode_all import decode_all
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.data.readers.annotated import listing, need_folder, part_of
from striate.errors import DataError

_PICTURES = ("images", "image", "imgs", "JPEGImages")
_MASKS = ("masks", "mask", "labels", "annotations", "SegmentationClass")
_ENDS = ("", "_mask", "_label", "_labels", "_L", "-mask")


class _Mask(NamedTuple):
    """A label map as the pictures will be, and the labels in it before it was scaled."""

    labels: np.ndarray
    values: np.ndarray


def read_masks(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    classes: Sequence[str] | None = None,
    ignored: int | None = None,
    resize: Resize = "stretch",
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
) -> Dataset | Splits:
    """Pictures in images/ with masks in masks/ as a Dataset with label maps; train/images, val/masks, … as Splits.

    A mask is a grey or palette picture of the picture's size; its values, or palette indices, are class numbers, put at
    the size of the pictures by the nearest pixel.  It has the picture's name, also with _mask, _label or _L at the end.
    Masks with only 0 and 255 count as 0 and 1 unless 255 is ignored.

    classes   the names of the labels 0, 1, …; a mask with other labels is skipped
    ignored   the label of pixels that count for nothing, such as 11 in CamVid or 255 in VOC; with resize="pad" also
              that of the padding, which is 0 without it

    Pictures without a mask, masks that are broken or of another size than the picture are named in ``.skipped``.
    `preprocessing` takes the place of image_size, channels and resize.
    """
    root = need_folder(path)
    preprocessing = preprocessing or Preprocessing.pictures(image_size, channels, resize=resize)
    title = name or root.resolve().name
    parts = _parts(root)
    if not parts:
        raise DataError(f"{root}: expected the folders images and masks in it, or in train, val and test in it.")
    if "train" not in parts and len(parts) > 1:
        raise DataError(f"{root}: has {' and '.join(parts)}, but no train. Add the part to train on.")
    read: dict[str, Dataset] = {}
    for part, (pictures, masks) in parts.items():
        title_of = f"{title} {part}" if len(parts) > 1 else title
        read[part] = _dataset(pictures, masks, preprocessing, classes, ignored, title_of)
        preprocessing = read[part].preprocessing
    if len(read) == 1:
        return next(iter(read.values()))
    return Splits(read["train"], read.get("validation"), read.get("test"))


def _parts(root: Path) -> dict[str, tuple[Path, Path]]:
    """{part: (folder of pictures, folder of masks)}; "all" where there are no parts."""
    found: dict[str, tuple[Path, Path]] = {}
    for folder in sorted(each for each in root.iterdir() if each.is_dir()):
        pair = _pair(folder)
        if part_of(folder.name) and pair:
            found[part_of(folder.name) or ""] = pair
    top = _pair(root)
    if not found and top:
        for folder in sorted(each for each in top[0].iterdir() if each.is_dir()):
            if part_of(folder.name) and (top[1] / folder.name).is_dir():
                found[part_of(folder.name) or ""] = (folder, top[1] / folder.name)
    ordered: dict[str, tuple[Path, Path]] = {
        part: found[part] for part in ("train", "validation", "test") if part in found
    }
    return ordered or ({"all": top} if top else {})


def _pair(folder: Path) -> tuple[Path, Path] | None:
    pictures = next((folder / each for each in _PICTURES if (folder / each).is_dir()), None)
    masks = next((folder / each for each in _MASKS if (folder / each).is_dir()), None)
    return (pictures, masks) if pictures and masks else None


def _dataset(
    pictures: Path,
    masks: Path,
    preprocessing: Preprocessing,
    classes: Sequence[str] | None,
    ignored: int | None,
    title: str,
) -> Dataset:
    pairs, skipped = _pairs(pictures, masks)
    read: dict[str, _Mask] = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        jobs = pool.map(lambda pair: _mask(pair[0], pair[1], preprocessing, ignored or 0), pairs)
        for (picture, mask), result in zip(pairs, jobs, strict=True):
            if isinstance(result, str):
                skipped.append(Skipped(str(mask), result))
            else:
                read[str(picture)] = result
    values = np.unique(np.concatenate([each.values for each in read.values()] or [np.zeros(0, np.int64)]))
    if ignored is None and set(values.tolist()) == {0, 255} and (classes is None or len(classes) == 2):
        read = {key: _Mask((each.labels == 255).astype(np.uint8), np.sign(each.values)) for key, each in read.items()}
    if classes is not None:
        for key, each in list(read.items()):
            beyond = each.values[(each.values >= len(classes)) & (each.values != ignored)]
            if len(beyond):
                skipped.append(Skipped(key, f"its mask has the label {beyond[0]}, beyond the {len(classes)} classes"))
                del read[key]
    if not read:
        first = f" The first, {skipped[0].path}: {skipped[0].reason}." if skipped else ""
        raise DataError(f"{pictures}: has no picture with a mask that can be read.{first}")
    names = list(read)
    x, kept, unread, made = decode_all(names, Path, preprocessing, str(pictures))
    y = np.empty((len(kept), *x.shape[1:3]), np.int64)
    for row, i in zip(y, kept, strict=True):
        row[...] = read[names[i]].labels
    return Dataset(
        x,
        y,
        None if classes is None else tuple(classes),
        title,
        made,
        tuple(names[i] for i in kept),
        (*skipped, *unread),
        ignored=ignored,
    )


def _pairs(pictures: Path, masks: Path) -> tuple[list[tuple[Path, Path]], list[Skipped]]:
    """Pictures with their masks, by the path below their folder without its end."""
    where = {str(file.relative_to(masks).with_suffix("")): file for file in listing(masks)}
    pairs, skipped = [], []
    for picture in listing(pictures):
        stem = str(picture.relative_to(pictures).with_suffix(""))
        mask = next((where[stem + end] for end in _ENDS if stem + end in where), None)
        if mask is None:
            skipped.append(Skipped(str(picture), f"no mask of this name in {masks.name}"))
        else:
            pairs.append((picture, mask))
    return pairs, skipped


def _mask(picture: Path, mask: Path, preprocessing: Preprocessing, outside: int) -> _Mask | str:
    """The mask as the picture will be, or why there is none."""
    try:
        size = upright_size(picture)
    except DataError as error:
        return f"its picture cannot be read: {str(error).removeprefix(f'{picture}: ')}"
    try:
        labels = labels_of_pixels(mask)
    except DataError as error:
        return str(error).removeprefix(f"{mask}: ")
    if labels.shape != size:
        return f"is {labels.shape[0]} x {labels.shape[1]}, its picture {size[0]} x {size[1]}"
    values = np.flatnonzero(np.bincount(labels.ravel()))
    kind = np.uint8 if max(values[-1], outside) < 256 else np.int32
    return _Mask(preprocessing.geometry(size).label_map(labels.astype(kind), outside), values)
