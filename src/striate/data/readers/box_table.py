"""A CSV file with a row for each box: the picture's file, the class, and the four edges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from striate.data.dataset import Dataset, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.csv_table import FILES, LABELS, column, header_of, note_broken, parts_of_rows, rows_of, where
from striate.data.readers.names import class_name, no_class, real_number
from striate.data.readers.survey import Item, Mark, Survey
from striate.errors import DataError
from striate.wording import plural

_EDGES = (("left", "top", "right", "bottom"), ("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"))
_IGNORED = ("ignored", "difficult", "iscrowd")


@reader
def read_box_table(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    root: str | Path | None = None,
    **options: Unpack[Options],
) -> Dataset | Splits:
    """Pictures with boxes from a CSV file with a header and a row for each box; Splits where a column names the parts.

    Its columns are the picture (file, filename, path …), the class (label, class …) and the edges: left, top, right and
    bottom, or xmin, ymin, xmax and ymax, or x1, y1, x2 and y2, in pixels of the upright picture from 0, ends beyond the
    box.  Where there are width and height, they are the picture's.  A row whose edges and class are all empty is a picture
    without boxes.  A column ignored, difficult or iscrowd flags boxes that count for nothing.  Of a faulty row only the box
    is left out, with a note.

    path           of the CSV file
    root           the folder to which file names are relative; None: that of the CSV file
    """
    survey = scan_box_table(path, options.get("classes"), root)
    return assemble(survey, image_size, channels, Path(path).stem, options)


def has_edges(path: str | Path) -> bool:
    """Whether a CSV file has columns for the edges of boxes."""
    try:
        return _edges(header_of(Path(path))) is not None
    except DataError:
        return False


def _edges(header: Sequence[str]) -> list[int] | None:
    lower = [name.lower() for name in header]
    names = next((names for names in _EDGES if set(names) <= set(lower)), None)
    return None if names is None else [lower.index(name) for name in names]


def scan_box_table(path: str | Path, classes: Sequence[str] | None = None, root: str | Path | None = None) -> Survey:
    """The survey of a CSV file of boxes, an item a picture.  Raises DataError for what is no such table."""
    path = Path(path)
    header, rows, _ = table = rows_of(path)
    edges = _edges(header)
    if edges is None:
        raise DataError(
            f"{path}: no columns for the edges of boxes, such as {', '.join(_EDGES[0])}. It has {', '.join(header)}."
        )
    files, labels = (column(path, header, None, usual, "") for usual in (FILES, LABELS))
    lower = [name.lower() for name in header]
    sides = [lower.index(side) for side in ("height", "width") if side in lower]
    flags = [i for i, name in enumerate(lower) if name in _IGNORED]
    survey = Survey(str(path), "boxes")
    note_broken(survey, path, table)
    items: dict[tuple[str, str], Item] = {}
    found = [where(path.parent if root is None else Path(root), row[files]) for _, row in rows]
    parts = parts_of_rows(survey, path, header, [row for _, row in rows], None, found)
    for (line, row), name, part in zip(rows, found, parts, strict=True):
        item = items.setdefault((name, part or ""), Item(name, part or "", source=str(path)))
        size = [real_number(row[side]) for side in sides]
        whole = [int(side) for side in size if side is not None and 1 <= side < 1 << 31]
        item.size = item.size or ((whole[0], whole[1]) if len(whole) == 2 else None)
        if any(row[i].strip() for i in (*edges, labels)):
            ignored = any(real_number(row[i]) == 1 or row[i].strip().lower() == "true" for i in flags)
            item.marks.append(_mark(f"row {line}", [row[i] for i in edges], row[labels], ignored))
    survey.items = list(items.values())
    there = {mark.label for item in survey.items for mark in item.marks if mark.fault is None}
    names = tuple(sorted(there) if classes is None else (class_name(str(name)) for name in classes))
    survey.classes = names
    survey.leave_out_others()
    if not names:
        raise DataError(f"{path}: no box in {plural(len(rows), 'row')}.")
    survey.note_repeats()
    return survey


def _mark(line: str, cells: Sequence[str], label: str, ignored: bool) -> Mark:
    """The box of a row."""
    numbers = [real_number(cell.strip()) for cell in cells]
    wrong = next((cell for cell, value in zip(cells, numbers, strict=True) if value is None), None)
    if wrong is not None:
        return Mark.broken(
            line, "box-broken", f"{wrong.strip()[:40]!r} is no number" if wrong.strip() else "an edge is missing"
        )
    if wrong := no_class(class_name(label)):
        return Mark.broken(line, "label-range", wrong)
    x1, y1, x2, y2 = (value or 0.0 for value in numbers)
    return Mark((x1, y1, x2, y2), class_name(label), ignored, line)
