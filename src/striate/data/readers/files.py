"""The files that a folder or a zip holds, which of them count, and their bytes within limits: for every format alike."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from striate.archives import NOT_WHOLE
from striate.data.dataset import Skipped
from striate.data.pictures.cache import file_stamp
from striate.data.pictures.formats import PICTURES
from striate.data.readers.names import spelled
from striate.errors import DataError
from striate.wording import inner

_MOST = 1 << 30  # bytes of a file that will be read into memory
_MOST_TEXT = 1 << 28  # bytes of a list or a table
_LARGEST = 1 << 28  # bytes that one file in a zip may unpack to
# What Windows and macOS put into folders and zips unasked.
_LITTER = {"__macosx", "thumbs.db", "desktop.ini", "icon\r"}


def hidden(name: str) -> bool:
    """Whether a file or folder is left aside without a word: its name starts with a dot, or a system put it there."""
    return name.startswith(".") or name.lower() in _LITTER


def is_picture(name: str | Path) -> bool:
    """Whether a file is called like a picture, in capitals or not."""
    return Path(name).suffix.lower() in PICTURES


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


def tree_of_folder(root: Path) -> Tree:
    """Every file that is not hidden, sorted.  Links are followed, but not round in circles."""
    files: list[tuple[str, ...]] = []
    skipped: list[Skipped] = []

    def visit(place: str, parts: tuple[str, ...], above: frozenset[str]) -> None:
        here = os.path.realpath(place)
        if here in above:
            skipped.append(Skipped(place, "a link to a folder that it is in"))
            return
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(Skipped(place, f"cannot be listed: {error.strerror}"))
            return
        for entry in entries:
            if hidden(entry.name):
                continue
            if entry.is_dir():
                visit(entry.path, (*parts, entry.name), above | {here})
            else:
                files.append((*parts, entry.name))

    visit(str(root), (), frozenset())
    return Tree(str(root), files, skipped=tuple(skipped))


def tree_of_zip(archive: zipfile.ZipFile, path: Path) -> Tree:
    """Every file of a zip that is not hidden, sorted."""
    entries = {}
    for info in archive.infolist():
        parts = tuple(part for part in info.filename.split("/") if part)
        if parts and not info.is_dir() and not any(map(hidden, parts)):
            entries[parts] = info
    where = {"/".join((str(path), *parts)): info for parts, info in entries.items()}

    def fetch(name: str) -> bytes:
        info = where[name]
        if info.file_size > _LARGEST:
            raise DataError(f"{name}: unpacks to {info.file_size:,} bytes, the limit is {_LARGEST:,}.")
        try:
            return archive.read(info)
        except NOT_WHOLE as error:
            raise DataError(f"{name}: cannot be unpacked: {error}") from None

    def stamp(name: str) -> str:
        return f"{where[name].file_size}:{where[name].CRC:08x}"

    return Tree(str(path), sorted(entries), fetch, stamp=stamp)


def listing(folder: Path) -> list[Path]:
    """The picture files in a folder and those below, by their suffix, sorted; hidden ones are left out."""
    return [folder.joinpath(*parts) for parts in tree_of_folder(folder).files if is_picture(parts[-1])]


def subfolder(folder: Path, *names: str) -> Path | None:
    """The first of these folders in `folder` that there is, whether or not it is written in capitals."""
    there = {name.lower(): folder / name for name in reversed(folders_in(folder))}
    return next((there[name.lower()] for name in names if name.lower() in there), None)


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; hidden ones are left out."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not hidden(entry.name))


def some_pictures(folder: Path, count: int) -> list[Path]:
    """Up to `count` of the picture files in a folder and those below, without looking at all of them."""
    walk = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return list(islice((path for path in walk if is_picture(path) and not hidden(path.name)), count))


def below(root: Path, name: str) -> Path | None:
    """The file `name` in `root`; None for a name that leads out of it, which a foreign file may hold."""
    parts = Path(name.replace("\\", "/")).parts
    outside = not parts or Path(name).is_absolute() or ".." in parts or name[1:2] == ":" or "\0" in name
    return None if outside else spelled(root.joinpath(*parts))


def need_folder(path: str | Path) -> Path:
    """The path of a folder.  Raises DataError where there is none."""
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"{root}: {'is not a folder' if root.exists() else 'there is no such folder'}.")
    return root


def read_bytes(name: str | Path, most: int = _MOST) -> bytes:
    """The bytes of a file.  Raises DataError for what is missing, no file, or above `most` bytes."""
    path = Path(name)
    try:
        if not os.path.isfile(path):  # also keeps away from pipes and devices, which could block for ever
            raise DataError(f"{name}: {'is not a file' if os.path.exists(path) else 'there is no such file'}.")
        if path.stat().st_size > most:
            raise DataError(f"{name}: {path.stat().st_size:,} bytes, the limit is {most:,}.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: cannot be opened: {inner(getattr(error, 'strerror', None) or error)}.") from None


def read_text(file: Path, *, tables: bool = False) -> str:
    """A text in UTF-8, with or without the mark at its start that Windows writes, its lines ended in whatever way.

    tables   what Excel calls CSV in western Europe is read too (Windows-1252), where the bytes are not UTF-8

    UTF-16 with its mark at the start, as Excel and PowerShell write it, is read as well.

    Raises DataError for what is no such text.
    """
    data = read_bytes(file, _MOST_TEXT)
    if tables and data[:4] == b"PK\3\4":
        raise DataError(f"{file}: is an Excel workbook, whatever it is called. Save it from Excel as CSV UTF-8.")
    kinds = ("utf-16", "utf-8-sig") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    wrong = ""
    for kind in kinds if tables else kinds[:1]:
        try:
            text = data.decode(kind)
        except UnicodeDecodeError as error:
            wrong = wrong or f"{error.reason} at byte {error.start}"
            continue
        if kind == "utf-8-sig" or "\0" not in text:
            return text
    raise DataError(f"{file}: is not text in UTF-8 ({wrong}). Save it as UTF-8; Excel calls that CSV UTF-8.")


def read_lines(file: Path) -> list[str]:
    """The lines of a text without blanks around them; empty ones stay, so that they can be counted."""
    return [line.strip() for line in read_text(file).splitlines()]


def without_name(error: DataError, name: str | Path) -> str:
    """What an error says about a file, without the file's name in front."""
    return str(error).removeprefix(f"{name}: ")
