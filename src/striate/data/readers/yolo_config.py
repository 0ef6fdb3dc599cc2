"""The data.yaml of a YOLO set: the class names, and where the pictures of each part are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.data.readers.files import is_picture, listing_named
from striate.data.readers.names import class_name, part_of, whole_number
from striate.doors import budgets
from striate.doors.parsing import read_yaml
from striate.doors.reading import read_lines
from striate.errors import DataError
from striate.wording import plural


@dataclass
class Config:
    """What a data.yaml says.

    file       of it
    names      of the classes, or None
    pictures   {part: its pictures}
    keypoints  how many numbers for key points follow a box in the text files
    remark     what does not fit together in it
    """

    file: Path
    names: tuple[str, ...] | None
    pictures: dict[str, list[Path]]
    keypoints: int = 0
    remark: str = ""

    @property
    def folder(self) -> Path:
        """The folder that it is in."""
        return self.file.parent


def read_config(file: Path) -> Config:
    """Read a data.yaml.  Raises DataError for what is no YAML, for faulty names, and for places that are not there."""
    told = _load(file)
    names = _names(told.get("names"), file)
    count = whole_number(str(told.get("nc", "")))
    remark = ""
    if names is None and count is not None and 0 < count <= budgets.LABELS:
        names = tuple(map(str, range(count)))
    elif names is not None and count is not None and count != len(names):
        remark = f"nc is {count}, but {plural(len(names), 'name', 'is')} listed; these count"
    shape = told.get("kpt_shape")
    sides = [whole_number(str(each)) or 0 for each in shape] if isinstance(shape, list) else []
    keypoints = sides[0] * sides[1] if len(sides) == 2 else 0
    return Config(file, names, _pictures(told, file), keypoints, remark)


def _load(file: Path) -> dict[str, Any]:
    """The top of the file, with every plain value as the text that it is: no becomes "no" and not False, 1_1 not 11."""
    told = read_yaml(file)
    if not isinstance(told, dict):
        raise DataError(f"{file}, line 1: not understood: {str(told)[:60]!r}. Expected key: value.")
    return told


def _names(given: Any, file: Path) -> tuple[str, ...] | None:
    """From a list, or from {number: name}, in which missing numbers are named by themselves."""
    plain = isinstance(given, dict | list) and all(
        isinstance(name, str) for name in (given.values() if isinstance(given, dict) else given)
    )
    if given in (None, "", [], {}):
        return None
    if not plain:
        raise DataError(f"{file}: names must be a list of names, or name for each number.")
    if isinstance(given, list):
        return tuple(map(class_name, given))
    numbered = {whole_number(str(key)): class_name(value) for key, value in given.items()}
    if None in numbered:
        raise DataError(f"{file}: names has a key that is no class number.")
    numbers = [key for key in numbered if key is not None]
    if min(numbers) < 0 or max(numbers) >= budgets.LABELS:
        raise DataError(f"{file}: names has the class numbers {min(numbers)} to {max(numbers)}.")
    return tuple(numbered.get(i, str(i)) for i in range(max(numbers) + 1))


def _pictures(told: dict[str, Any], file: Path) -> dict[str, list[Path]]:
    base = file.parent / str(told.get("path") or ".")
    base = base if base.is_dir() else file.parent
    parts: dict[str, list[Path]] = {}
    for key in ("train", "val", "valid", "validation", "test"):
        given = told.get(key)
        pictures: list[Path] = []
        for each in [given] if isinstance(given, str) and given else given if isinstance(given, list) else []:
            pictures += _at(base, str(each), file, key)
        pictures = [picture for picture in pictures if is_picture(picture)]
        if pictures:
            parts[part_of(key) or key] = pictures
    if not parts:
        raise DataError(f"{file}: says of no train, val or test where its pictures are.")
    return parts


def _at(base: Path, given: str, file: Path, key: str) -> list[Path]:
    """The pictures at a place: a folder, or a text file that lists them."""
    place = base / given
    if not place.exists() and given.startswith("../"):  # some exports mean their own folder by ..
        place = base / given.removeprefix("../")
    if place.is_dir():
        return listing_named(place, file)
    if place.is_file() and place.suffix == ".txt":
        return [place.parent / line for line in read_lines(place) if line]
    if key != "test":
        raise DataError(f"{file}: {key} is {given}, and there is no {place}.")
    return []
