"""Files that name the classes of a data set, one a line in the order of their numbers; and names given as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from striate.data.readers.names import class_name
from striate.doors.reading import read_lines
from striate.errors import ArgumentError

#: What such files are called: the first that there is counts.
LISTS = ("classes.txt", "obj.names", "names.txt", "labels.txt", "codes.txt", "label_colors.txt")
_COLOURED = re.compile(r"\d{1,3}[\s,]+\d{1,3}[\s,]+\d{1,3}[\s,]+(?=\S)")  # CamVid's: 64 128 64  Animal
_VOID = ("void", "unlabelled", "unlabeled", "ignore", "ignored")


def read_names(file: Path) -> tuple[str, ...] | None:
    """The names in a file, one a line, also behind the three numbers of a colour; None where it names none.

    Raises DataError for what is no text.
    """
    lines = [line for line in read_lines(file) if line]
    if lines and all(map(_COLOURED.match, lines)):
        lines = [_COLOURED.sub("", line, count=1) for line in lines]
    return tuple(map(class_name, lines)) or None


def names_beside(*folders: Path) -> tuple[str, ...] | None:
    """The names in the first of the files ``LISTS`` that lies in one of these folders; None where there is none."""
    files = (folder / name for folder in folders for name in LISTS)
    file = next((file for file in files if file.is_file()), None)
    return None if file is None else read_names(file)


def names_asked(text: str) -> list[str]:
    """Names of classes as a command line gives them: with commas between, or the path of a file with one a line.

    text   what was given

    Raises ArgumentError for an empty name and for a file that is not there.
    """
    path = Path(text)
    if path.is_file():
        found = read_names(path)
        if found is None:
            raise ArgumentError(f"{text}: names no class; the names stand in it one a line.")
        return list(found)
    if "," not in text and (len(path.parts) > 1 or path.suffix):
        raise ArgumentError(f"{text}: there is no such file; classes are names with commas between, or a file of them.")
    names = [class_name(part) for part in text.split(",")]
    if not all(names):
        raise ArgumentError(f'"{text}" has an empty name; classes are names with commas between, such as sky,road,car.')
    return names


def void_among(names: Sequence[str] | None, ignored: int | None) -> tuple[tuple[str, ...] | None, int | None]:
    """(names of the classes, the label that counts for nothing): a name such as void or unlabelled is none of a class.

    names     in the order of the labels, or None
    ignored   the label that counts for nothing, where somebody says; else the one that is so called, if there is one

    As the last of the names it is left out; elsewhere it stays, or all after it would be counted anew.
    """
    if names is None:
        return None, ignored
    called = [i for i, name in enumerate(names) if name.casefold() in _VOID]
    if ignored is None and len(called) == 1 and len(names) > 1:
        ignored = called[0]
    if ignored == len(names) - 1 and len(names) > 1:
        names = names[:-1]
    return tuple(names), ignored


def check_ignored(ignored: int | None) -> None:
    """Raise ArgumentError for a label that a mask cannot have."""
    if ignored is not None and not 0 <= ignored <= 65535:
        raise ArgumentError(f"ignored={ignored}: the label that counts for nothing is a whole number from 0 to 65,535.")
