"""A folder (or a zip of one) with pictures: a subfolder for each class, or for each part and in it for each class."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.pictures.cache import file_stamp
from striate.data.pictures.decode_all import decode_all
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.errors import DataError

PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_LARGEST = 1 << 28  # bytes that one file in a zip may unpack to


@dataclass
class _Tree:
    """Files under a root, by their path as parts; `fetch` gives what ``Preprocessing.pixels`` takes.

    stamp, cache, workers   see ``decode_all``
    """

    root: str
    files: list[tuple[str, ...]]
    fetch: Callable[[str], Any]
    skipped: list[Skipped]
    stamp: Callable[[str], str]
    cache: bool | None
    workers: int | None

    def below(self, top: str) -> _Tree:
        files = [f[1:] for f in self.files if f[0] == top and len(f) > 1]
        return replace(self, root=f"{self.root}/{top}", files=files, skipped=[])

    @property
    def folders(self) -> list[str]:
        return sorted({parts[0] for parts in self.files if len(parts) > 1})


def folder(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    classes: Sequence[str] | None = None,
    resize: Resize = "stretch",
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    cache: bool | None = None,
    workers: int | None = None,
) -> Dataset | Splits:
    """Pictures ``path/<class>/...`` as a Dataset; ``path/train|val|test/<class>/...`` as Splits.

    Every picture becomes uint8 of `image_size` (H, W) and `channels`; without `image_size` all must be of one size.
    `preprocessing`, such as that of a trained model, takes the place of the three.

    cache    keep the decoded pictures on disk, under STRIATE_CACHE or ~/.cache/striate, and map them into memory, so
             that only files that are new or changed since are decoded.  None: for sets that take about a second or more
             to decode (20 MB or 5,000 files), while all of them are below 20 GB and a tenth of the disk
    workers  processes that decode; 0: threads of this one.  None: what is quicker.  It makes no difference to the result

    Classes are numbered in the order of their sorted names; or in that of `classes`, such as the labels of a trained
    model, some of which may have no folder then.  Hidden files are ignored; a file that is no readable
    picture is left out and named in ``.skipped`` with the reason, as is a class without any.  Raises DataError when
    there are no pictures or fewer than two classes, and for a part with classes that train does not have.
    """
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"{root}: {'is not a folder' if root.exists() else 'there is no such folder'}.")
    files, skipped = _walk(root)
    tree = _Tree(str(root), files, Path, skipped, file_stamp, cache, workers)
    preprocessing = preprocessing or Preprocessing.pictures(image_size, channels, resize=resize)
    return _read(tree, preprocessing, name or root.resolve().name, classes)


def read_zip(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    classes: Sequence[str] | None = None,
    resize: Resize = "stretch",
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
    cache: bool | None = None,
    workers: int | None = None,
) -> Dataset | Splits:
    """As ``folder``, straight from a zip file: nothing is unpacked to disk, one folder around all is looked through."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    try:
        with zipfile.ZipFile(path) as archive:
            tree = _zip_tree(archive, path, cache, workers)
            preprocessing = preprocessing or Preprocessing.pictures(image_size, channels, resize=resize)
            return _read(tree, preprocessing, name or path.stem, classes)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: not a zip file, or one that is cut off ({error}). Fetch the file again.") from None


def _walk(root: Path) -> tuple[list[tuple[str, ...]], list[Skipped]]:
    """Every file that is not hidden, sorted, as parts below `root`.  Links are followed, but not round in circles."""
    files: list[tuple[str, ...]] = []
    skipped: list[Skipped] = []

    def visit(place: Path, parts: tuple[str, ...], above: frozenset[str]) -> None:
        here = os.path.realpath(place)
        if here in above:
            skipped.append(Skipped(str(place), "a link to a folder that it is in"))
            return
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(Skipped(str(place), f"cannot be listed: {error.strerror}"))
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                visit(Path(entry.path), (*parts, entry.name), above | {here})
            else:
                files.append((*parts, entry.name))

    visit(root, (), frozenset())
    return files, skipped


def _zip_tree(archive: zipfile.ZipFile, path: Path, cache: bool | None, workers: int | None) -> _Tree:
    entries = {}
    for info in archive.infolist():
        parts = tuple(part for part in info.filename.split("/") if part)
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        if parts and not info.is_dir() and not hidden:
            entries[parts] = info
    files = sorted(entries)
    prefix: tuple[str, ...] = ()
    while files and len({f[0] for f in files}) == 1 and files[0][0].lower() not in PARTS and min(map(len, files)) > 2:
        prefix, files = (*prefix, files[0][0]), [f[1:] for f in files]
    root = "/".join((str(path), *prefix))
    where = {f"{root}/{'/'.join(f)}": entries[prefix + f] for f in files}

    def fetch(name: str) -> bytes:
        info = where[name]
        if info.file_size > _LARGEST:
            raise DataError(f"{name}: unpacks to {info.file_size:,} bytes, the limit is {_LARGEST:,}.")
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
            raise DataError(f"{name}: cannot be unpacked: {error}") from None

    def stamp(name: str) -> str:
        return f"{where[name].file_size}:{where[name].CRC:08x}"

    return _Tree(root, files, fetch, [], stamp, cache, workers)


def _read(tree: _Tree, preprocessing: Preprocessing, name: str, classes: Sequence[str] | None) -> Dataset | Splits:
    parts = _parts(tree)
    if parts is None:
        return _dataset(tree, preprocessing, name, classes)
    train = _dataset(tree.below(parts["train"]), preprocessing, f"{name} train", classes)
    others = {
        part: _dataset(tree.below(parts[part]), train.preprocessing, f"{name} {part}", train.classes)
        for part in ("validation", "test")
        if part in parts
    }
    return Splits(train, **others)


def _parts(tree: _Tree) -> dict[str, str] | None:
    """{part: its folder's name} when the folders are parts and not classes."""
    found: dict[str, str] = {}
    for top in tree.folders:
        part = PARTS.get(top.lower())
        if part in found:
            raise DataError(f"{tree.root}: both {found[part]} and {top} would be the {part} part. Keep one.")
        if part:
            found[part] = top
    if "train" in found and (len(found) > 1 or len(tree.folders) == 1):
        return found
    if len(found) > 1 and len(found) == len(tree.folders):
        raise DataError(f"{tree.root}: has {' and '.join(found.values())}, but no train. Add the part to train on.")
    return None


def _dataset(tree: _Tree, preprocessing: Preprocessing, name: str, classes: Sequence[str] | None) -> Dataset:
    """One part; with `classes` given (such as those of train) it must have no other ones."""
    labelled = [parts for parts in tree.files if len(parts) > 1]
    if not labelled:
        what = f"{len(tree.files)} files but no folder with a class's" if tree.files else "no"
        raise DataError(f"{tree.root}: has {what} pictures. Expected <class>/<picture> in it.")
    if classes is not None and not set(tree.folders) <= set(classes):
        extra = sorted(set(tree.folders) - set(classes))
        raise DataError(
            f'{tree.root}: {len(extra)} classes are not in train or in classes=, the first is "{extra[0]}". '
            f"Known: {', '.join(classes)}."
        )
    names = ["/".join((tree.root, *parts)) for parts in labelled]
    x, kept, skipped, preprocessing = decode_all(
        names, tree.fetch, preprocessing, tree.root, cache=tree.cache, stamp=tree.stamp, workers=tree.workers
    )
    owner = [labelled[i][0] for i in kept]
    present = sorted(set(owner))
    empty = [
        Skipped(f"{tree.root}/{top}", "no readable picture in it") for top in tree.folders if top not in set(owner)
    ]
    if classes is None and len(present) < 2:
        left_out = f" ({', '.join(s.path for s in empty)} has no readable picture)" if empty else ""
        raise DataError(
            f'{tree.root}: one class only, "{present[0]}"{left_out}. A classifier needs two; '
            "give the folder that holds the class folders."
        )
    number = {top: i for i, top in enumerate(classes or present)}
    loose = [
        Skipped("/".join((tree.root, *parts)), "not in a class's folder") for parts in tree.files if len(parts) == 1
    ]
    return Dataset(
        x,
        np.array([number[top] for top in owner], np.int64),
        tuple(classes or present),
        name,
        preprocessing,
        tuple(names[i] for i in kept),
        (*tree.skipped, *loose, *skipped, *empty),
    )
