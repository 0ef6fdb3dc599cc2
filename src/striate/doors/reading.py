"""Bytes and texts of files: regular files alone, within a budget, and one error for all that can go wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from striate.doors import budgets
from striate.errors import DataError, StriateError
from striate.wording import inner

# Windows has neither; opening a pipe that nobody writes to would wait for ever.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_STEP = 1 << 20


@contextmanager
def opened(
    path: str | os.PathLike[str], most: int | None = None, kind: type[StriateError] = DataError, *, links: bool = True
) -> Iterator[BinaryIO]:
    """A file to read bytes from.

    path    of the file
    most    bytes that it may have; None: any number, for what is read in pieces
    kind    the class of the error
    links   whether a link is followed: no record of a run is one, and what a stranger's leads to is not ours to copy

    Raises `kind` for what is missing, no regular file (a pipe or a device could block for ever), too large, or fails while
    it is read.
    """
    name = os.fspath(path)
    if not links and os.path.islink(name):
        raise kind(f"{name}: is a link, and a file is wanted.")
    try:
        handle = os.open(name, _FLAGS if links else _FLAGS | getattr(os, "O_NOFOLLOW", 0))
    except IsADirectoryError:  # Windows says that it is not allowed
        raise kind(f"{name}: is not a file.") from None
    except FileNotFoundError:
        raise kind(f"{name}: there is no such file.") from None
    except (OSError, ValueError) as error:
        if os.path.isdir(name):
            raise kind(f"{name}: is not a file.") from None
        raise kind(f"{name}: cannot be opened: {inner(getattr(error, 'strerror', None) or error)}.") from None
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise kind(f"{name}: is not a file.")
    with os.fdopen(handle, "rb") as file:
        if most is not None and about.st_size > most:
            raise kind(f"{name}: {about.st_size:,} bytes, the limit is {most:,}.")
        try:
            yield file
        except OSError as error:
            if isinstance(error, StriateError) or error.filename not in (None, name):
                raise
            raise kind(f"{name}: cannot be read: {inner(error.strerror or error)}.") from None


def read_bytes(
    path: str | os.PathLike[str],
    most: int = budgets.FILE,
    kind: type[StriateError] = DataError,
    *,
    links: bool = True,
) -> bytes:
    """The bytes of a file.

    path    of the file
    most    bytes that it may have, counted while they are read: a file may grow
    kind    the class of the error
    links   whether a link is followed

    Raises `kind`, as ``opened`` does.
    """
    with opened(path, most, kind, links=links) as file:
        content = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)  # memory is taken for all that is asked for
        while len(content) <= most and (more := file.read(_STEP)):
            content += more
    if len(content) > most:
        raise kind(f"{os.fspath(path)}: more than the limit of {most:,} bytes.")
    return content


def read_text(
    path: str | os.PathLike[str],
    most: int = budgets.TEXT,
    kind: type[StriateError] = DataError,
    *,
    tables: bool = False,
) -> str:
    """A text in UTF-8, with or without the mark at its start that Windows writes, its lines ended in whatever way.

    path     of the file
    most     bytes that it may have
    kind     the class of the error
    tables   what Excel calls CSV in western Europe is read too (Windows-1252), where the bytes are not UTF-8

    UTF-16 with its mark at the start, as Excel and PowerShell write it, is read as well.

    Raises `kind` for what is no such text.
    """
    return as_text(read_bytes(path, most, kind), os.fspath(path), kind, tables=tables)


def as_text(content: bytes, where: str, kind: type[StriateError] = DataError, *, tables: bool = False) -> str:
    """Bytes as the text that they are, as ``read_text`` does it.

    content   the bytes
    where     what a message calls them
    kind      the class of the error
    tables    whether Windows-1252 is read too

    Raises `kind` for what is no such text.
    """
    if tables and content[:4] == b"PK\3\4":
        raise kind(f"{where}: is an Excel workbook, whatever it is called. Save it from Excel as CSV UTF-8.")
    codes = ("utf-16", "utf-8-sig") if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    wrong = ""
    for code in codes if tables else codes[:1]:
        try:
            text = content.decode(code)
        except UnicodeDecodeError as error:
            wrong = wrong or f"{error.reason} at byte {error.start}"
            continue
        if code == "utf-8-sig" or "\0" not in text:
            return text
    raise kind(f"{where}: is not text in UTF-8 ({wrong}). Save it as UTF-8; Excel calls that CSV UTF-8.")


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines of a text without blanks around them; empty ones stay, so that they can be counted.

    path   of the file

    Raises DataError for what is no text.
    """
    return [line.strip() for line in read_text(path).splitlines()]


def need_folder(path: str | os.PathLike[str], kind: type[StriateError] = DataError) -> Path:
    """The path of a folder.

    path   of the folder
    kind   the class of the error

    Raises `kind` where there is none.
    """
    root = Path(path)
    if not os.path.isdir(root):  # unlike Path's, it takes a name that is too long as one that is not there
        raise kind(f"{root}: {'is not a folder' if os.path.exists(root) else 'there is no such folder'}.")
    return root
