"""JSON lines of boxes, an object for each picture: what is written is said here, and read here again.

    {"source": "a.jpg", "width": 640, "height": 480, "boxes": [{"label": "cat", "score": 0.9, "box": [12, 30.5, 200, 310]}]}

A box is left, top, right and bottom in pixels of the upright picture from 0, its ends beyond it.  `score` is null, or left
out, where a person drew the box; ``"ignored": true`` says that it counts for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from striate.data.dataset import Dataset, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.csv_table import where
from striate.data.readers.names import class_name, class_name_in_json, no_class, real_number
from striate.data.readers.survey import Item, Mark, Survey
from striate.doors.parsing import parse_json
from striate.doors.reading import read_text
from striate.doors.writing import json_text
from striate.errors import DataError
from striate.guard import shown
from striate.wording import plural

_EXAMPLE = '{"source": "photo.jpg", "boxes": [{"label": "cat", "box": [12, 30, 200, 310]}]}'


def line_of(source: str, size: tuple[int, int], boxes: Sequence[Mapping[str, Any]]) -> str:
    """A picture as a line, with its end.

    source   its file
    size     (height, width) when upright
    boxes    each with `label`, `score`, `box` and, where it counts for nothing, `ignored`
    """
    told = {"source": source, "width": size[1], "height": size[0], "boxes": list(boxes)}
    return json_text(told) + "\n"


@reader
def read_box_lines(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    root: str | Path | None = None,
    **options: Unpack[Options],
) -> Dataset | Splits:
    """Pictures with boxes from JSON lines, an object for each picture, as ``--out found.jsonl`` writes them.

    An object has the picture's file (source) and its boxes, each with label and box: left, top, right and bottom in pixels
    of the upright picture from 0, ends beyond the box.  Where there are width and height, they are the picture's.  No boxes
    is a picture without any.  ``"ignored": true`` flags a box that counts for nothing; scores are passed by.  Classes are
    numbered in the order of their sorted names, or in that of `classes`.  A line that is none is left out, and of a faulty
    box only the box is, each with a note.  A label that is a number is a name, as in CSV.

    path           of the file
    root           the folder to which file names are relative; None: that of the file
    """
    survey = scan_box_lines(path, options.get("classes"), root)
    return assemble(survey, image_size, channels, Path(path).stem, options)


def scan_box_lines(path: str | Path, classes: Sequence[str] | None = None, root: str | Path | None = None) -> Survey:
    """The survey of JSON lines of boxes, an item a picture.  Raises DataError where there is no line with boxes."""
    path = Path(path)
    home = path.parent if root is None else Path(root)
    survey = Survey(str(path), "lines")
    items: dict[str, Item] = {}
    lines = [(i, line) for i, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]
    for number, line in lines:
        told = _object(line)
        wrong = _fault(told)
        source = told.get("source") if isinstance(told, Mapping) else None
        about = _place(home, source) if isinstance(source, str) and source.strip() else str(path)
        if wrong:
            survey.add("annotation", about, f"line {number}: {wrong}", "skip")
            continue
        item = items.setdefault(about, Item(about, source=str(path)))
        item.size = item.size or _size(told)
        item.marks += [_mark(f"line {number}, box {i}", one) for i, one in enumerate(told["boxes"], start=1)]
    survey.items = list(items.values())
    there = {mark.label for item in survey.items for mark in item.marks if mark.fault is None}
    survey.classes = tuple(sorted(there) if classes is None else (class_name(str(name)) for name in classes))
    if not survey.classes:
        raise DataError(f"{path}: no box in {plural(len(lines), 'line')}. A line is such as {_EXAMPLE}.")
    survey.leave_out_others()
    survey.note_repeats()
    return survey


def _object(line: str) -> Any:
    """What a line of JSON says, or None."""
    try:
        return parse_json(line, "")
    except DataError:
        return None


def _fault(told: Any) -> str:
    """Why what a line says is no picture with boxes; "" where it is one."""
    if not isinstance(told, Mapping):
        return "is no object of JSON"
    if not isinstance(told.get("source"), str) or not told["source"].strip():
        return 'names no picture as "source"'
    if "error" in told:
        return f"its picture could not be read: {shown(told['error'])}"
    if not isinstance(told.get("boxes"), list):
        return 'has no list "boxes"'
    return ""


def _place(home: Path, source: str) -> str:
    exact = home / source  # where() takes blanks at the ends of a name away, as tables have them
    return str(exact) if os.path.isfile(exact) else where(home, source)


def _size(told: Mapping[str, Any]) -> tuple[int, int] | None:
    sides = [real_number(told.get(side)) for side in ("height", "width")]
    whole = [int(side) for side in sides if side is not None and 1 <= side < 1 << 31]
    return (whole[0], whole[1]) if len(whole) == 2 else None


def _mark(name: str, one: Any) -> Mark:
    """A box of a line."""
    if not isinstance(one, Mapping):
        return Mark.broken(name, "box-broken", f"is no object but {shown(one)}")
    corners, label = one.get("box"), one.get("label")
    if not isinstance(corners, list) or len(corners) != 4:
        return Mark.broken(name, "box-broken", f'"box" is four numbers, not {shown(corners)}')
    numbers = [real_number(value) for value in corners]
    wrong = next((value for value, number in zip(corners, numbers, strict=True) if number is None), None)
    if None in numbers:
        return Mark.broken(name, "box-broken", f"{shown(wrong)} is no number")
    named = class_name_in_json(label)
    if wrong := no_class(named):
        return Mark.broken(name, "label-range", wrong)
    x1, y1, x2, y2 = (value or 0.0 for value in numbers)
    return Mark((x1, y1, x2, y2), named, one.get("ignored") is True, name)
