"""The files that a folder or a zip holds, which of them count, and their bytes within limits: for every format alike."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from striate.data.dataset import Skipped
from striate.data.pictures.cache import file_stamp
from striate.data.pictures.formats import PICTURES
from striate.data.readers.names import spelled
from striate.doors import budgets
from striate.doors.packed import read_member
from striate.errors import DataError

# What Windows and macOS put into folders and zips unasked.
_SWOLLEN, _MOST_SWOLLEN = 100, 1 << 24  # files in a zip that unpack to so many times their size may have so many bytes
_DEEP = 100  # folders in folders that are looked through
_LINKED = 10_000  # folders behind links that are
_LITTER = {"__macosx", "thumbs.db", "desktop.ini", "icon\r"}


def hidden(name: str) -> bool:
    """Whether a file or folder is left aside without a word: its name starts with a dot, or a system put it there."""
    return name.startswith(".") or name.lower() in _LITTER


def is_picture(name: str | Path) -> bool:
    """Whether a file is called like a picture, in capitals or not."""
    return Path(name).suffix.lower() in PICTURES


class _Above(NamedTuple):
    """A folder, and those that it is in."""

    device: int
    number: int
    deep: int
    above: _Above | None

    def repeats(self) -> bool:
        """Whether it is in itself."""
        each = self.above
        while each is not None and (each.device, each.number) != (self.device, self.number):
            each = each.above
        return each is not None


@dataclass
class Tree:
    """Files under a root, by their path as parts.

    fetch     name -> what ``decode`` takes
    skipped   what could not be listed
    stamp     name -> what changes when the file does
    """

    root: str
    files: list[tuple[str, ...]]
    fetch: Callable[[str], Any] = Path
    skipped: tuple[Skipped, ...] = ()
    stamp: Callable[[str], str] = file_stamp

    def name(self, parts: tuple[str, ...]) -> str:
        """What `fetch` takes."""
        return "/".join((self.root, *parts))

    def below(self, top: str) -> Tree:
        """What is in one of the folders."""
        files = [f[1:] for f in self.files if f[0] == top and len(f) > 1]
        return replace(self, root=f"{self.root}/{top}", files=files, skipped=())

    @property
    def folders(self) -> list[str]:
        """The folders at the top, sorted."""
        return sorted({parts[0] for parts in self.files if len(parts) > 1})


def tree_of_folder(root: Path, most: int = budgets.LISTED) -> Tree:
    """Every file that is not hidden, sorted.  Links are followed, but not round in circles.

    root   of the folder
    most   files and folders that it may hold, hidden ones too

    Raises DataError for more.
    """
    seen = 0
    files: list[tuple[str, ...]] = []
    skipped: list[Skipped] = []
    linked = 0  # folders behind links: links to folders of links are many folders soon
    # (place, its parts, the folders that it is in), the next one last
    left: list[tuple[str, tuple[str, ...], _Above | None, bool]] = [(str(root), (), None, False)]
    while left:
        place, parts, above, through = left.pop()
        linked += through
        try:
            told = os.stat(place)
            here = _Above(told.st_dev, told.st_ino, 1 + (above.deep if above else 0), above)
            if through and here.repeats():
                skipped.append(Skipped(place, "a link to a folder that it is in"))
                continue
            if through and linked > _LINKED:
                skipped.append(
                    Skipped(place, f"among more than {_LINKED:,} folders behind links, where none is looked for")
                )
                left = [each for each in left if not each[3]]
                continue
            if here.deep > _DEEP:
                skipped.append(Skipped(place, f"{_DEEP} folders deep, where none is looked for"))
                continue
            with os.scandir(place) as found:
                entries = sorted(islice(found, most + 1 - seen), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(Skipped(place, f"cannot be listed: {error.strerror}"))
            continue
        if (seen := seen + len(entries)) > most:
            raise DataError(f"{root}: holds more than {most:,} files and folders, which is the limit. Name one in it.")
        below = []
        for entry in entries:
            if hidden(entry.name):
                continue
            if _is_folder(entry):
                below.append((entry.path, (*parts, entry.name), here, through or entry.is_symlink()))
            else:
                files.append((*parts, entry.name))
        left += reversed(below)
    files.sort()
    return Tree(str(root), files, skipped=tuple(skipped))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; what leads nowhere, such as a link to itself, is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def tree_of_zip(archive: zipfile.ZipFile, path: Path) -> Tree:
    """Every file of a zip that is not hidden, sorted."""
    entries = {}
    for info in archive.infolist():
        parts = tuple(part for part in info.filename.split("/") if part)
        if parts and not info.is_dir() and not any(map(hidden, parts)):
            entries[parts] = info
    where = {"/".join((str(path), *parts)): info for parts, info in entries.items()}

    def fetch(name: str) -> bytes:
        entry = where[name]
        bomb = entry.file_size > _SWOLLEN * max(1, entry.compress_size)
        return read_member(archive, entry, name, _MOST_SWOLLEN if bomb else budgets.UNPACKED)

    def stamp(name: str) -> str:
        return f"{where[name].file_size}:{where[name].CRC:08x}"

    return Tree(str(path), sorted(entries), fetch, stamp=stamp)


def listing(folder: Path, most: int = budgets.LISTED) -> list[Path]:
    """The picture files in a folder and those below, by their suffix, sorted; hidden ones are left out.

    folder   to look in
    most     files and folders that it may hold

    Raises DataError for more.
    """
    return [folder.joinpath(*parts) for parts in tree_of_folder(folder, most).files if is_picture(parts[-1])]


def listing_named(folder: Path, by: Path) -> list[Path]:
    """``listing`` of a folder that a file names, which may be a stranger's.

    folder   to look in
    by       the file

    Raises DataError for a folder that the file's own lies in, such as the root of the disk, and outside of the file's own
    for more than a million files and folders.
    """
    place, own = Path(os.path.realpath(folder)), Path(os.path.realpath(by.parent))
    if place in own.parents:
        raise DataError(f"{by}: names {folder}, which {by} lies in. Name the folder of the pictures alone.")
    return listing(folder, budgets.LISTED if place.is_relative_to(own) else budgets.ELSEWHERE)


def subfolder(folder: Path, *names: str) -> Path | None:
    """The first of these folders in `folder` that there is, whether or not it is written in capitals."""
    there = {name.lower(): folder / name for name in reversed(folders_in(folder))}
    return next((there[name.lower()] for name in names if name.lower() in there), None)


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; hidden ones are left out."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_folder(entry) and not hidden(entry.name))


def some_pictures(folder: Path, count: int) -> list[Path]:
    """Up to `count` of the picture files in a folder and those below, without looking at all of them."""
    walk = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    looked = islice(walk, budgets.LISTED)
    return list(islice((path for path in looked if is_picture(path) and not hidden(path.name)), count))


def below(root: Path, name: str) -> Path | None:
    """The file `name` in `root`; None for a name that leads out of it, which a foreign file may hold."""
    parts = Path(name.replace("\\", "/")).parts
    outside = not parts or Path(name).is_absolute() or ".." in parts or name[1:2] == ":" or "\0" in name
    return None if outside else spelled(root.joinpath(*parts))
