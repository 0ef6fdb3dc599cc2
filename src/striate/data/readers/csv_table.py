"""A CSV file that lists pictures and their labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from striate.data.dataset import Dataset, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.files import is_picture
from striate.data.readers.names import PARTS, are_numbers, class_name, no_class, part_of, spelled, whole_number
from striate.data.readers.survey import Item, Survey
from striate.doors import budgets
from striate.doors.parsing import Table, parse_table
from striate.doors.reading import read_text
from striate.errors import DataError, nearest
from striate.wording import inner, plural

FILES = ("file", "path", "filename", "image", "image_path", "filepath")
_PARTS = ("split", "subset", "partition")
LABELS = ("label", "class", "class_index", "class_name", "target", "y")


@reader
def read_csv(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    root: str | Path | None = None,
    **options: Unpack[Options],
) -> Dataset | Splits:
    """Pictures that a CSV file with a header names, one a row; Splits where a column names the part of each.

    Labels are names, numbered in the order of `classes` or, without, in alphabetical order; or class numbers, where most
    are whole numbers and `classes` does not have them as names.  1_1 and 007 are names, 3.0 is the number 3.  Where most
    are numbers, a row with another label is left out.  Blanks around a label do not count.

    path           of the CSV file, in UTF-8, or as Excel writes it: in Windows-1252 or UTF-16; cells are parted by commas,
                   semicolons or tabs
    file_column    which column names the pictures; None: the one with a usual name, such as file or path, else the only
                   one whose cells are all called like pictures
    label_column   which column has the labels; None: the one with a usual name, such as label or class, else the only one
                   whose words stand there twice and more on average
    split_column   which column says in which part a picture is: train, validation or test, also train2017, val and so on.
                   None: the one named split, subset or partition.  Rows with another word there are left out, with a
                   note; where no row has a part's name, the column does not count, which a note says
    root           the folder to which file names are relative; None: that of the CSV file
    """
    survey = scan_csv(path, options.get("classes"), file_column, label_column, split_column, root)
    return assemble(survey, image_size, channels, Path(path).stem, options)


def scan_csv(
    path: str | Path,
    classes: Sequence[str] | None = None,
    file_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    root: str | Path | None = None,
) -> Survey:
    """The survey of a CSV file, an item a row.  Raises DataError for what is no table of files and labels."""
    path = Path(path)
    header, rows, _ = table = rows_of(path)
    cells = [row for _, row in rows]
    files = column(path, header, file_column, FILES, "file_column", _of_pictures(cells))
    texts = column(path, header, label_column, LABELS, "label_column", _repeating(cells, files))
    labels = [class_name(row[texts]) for _, row in rows]
    given = None if classes is None else tuple(class_name(str(name)) for name in classes)
    survey = Survey(str(path), "csv", numbered=are_numbers(labels, given), classes=given)
    known = set(given or labels)
    note_broken(survey, path, table)
    survey.classes = given if given or survey.numbered else tuple(sorted(name for name in known if not no_class(name)))
    names = [where(path.parent if root is None else Path(root), row[files]) for row in cells]
    parts = parts_of_rows(survey, path, header, cells, split_column, names)
    left_out = []
    for (line, _), name, label, part in zip(rows, names, labels, parts, strict=True):
        wrong = _wrong(label, survey.numbered)
        if wrong:
            survey.add("label-range", name, f'row {line}: label "{label[:60]}" {wrong}', "skip", part or "")
            left_out.append(Item(name, part or "", label))
            continue
        if not survey.numbered and label not in known:
            told = f'row {line}: class "{label}" is not in classes.{nearest(label, known)}'
            survey.add("label-range", (str(path), name), told, "stop", part or "")
        survey.items.append(Item(name, part or "", str(whole_number(label)) if survey.numbered else label))
    survey.note_repeats(left_out)
    return survey


def parts_of_rows(
    survey: Survey,
    path: Path,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    wanted: str | None,
    names: Sequence[str],
) -> list[str | None]:
    """Of each row the part: "" where the table has none, None where its word is no part's, which the survey is told.

    names   of the pictures of the rows
    """
    usual = [name for name in header if name.lower() in _PARTS]
    if wanted is None and not usual:
        return [""] * len(rows)
    at = column(path, list(header), wanted or usual[0], _PARTS, "split_column")
    words = [row[at].strip() for row in rows]
    found = [part_of(word) for word in words]
    if not any(found):
        told = f'the column "{header[at]}" names no part ({", ".join(PARTS)}) but {_some(words)}; all rows are one set'
        survey.add("unlisted", str(path), told, "note")
        return [""] * len(rows)
    unlisted: dict[str, list[str]] = {}
    for word, part, name in zip(words, found, names, strict=True):
        if part is None:
            unlisted.setdefault(word, []).append(name)
    for word, listed in unlisted.items():
        told = f'{plural(len(listed), "row")} left out: "{word}" is no part; parts are {", ".join(PARTS)}'
        survey.add("unlisted", listed, told, "note")
    return list(found)


def _some(words: Sequence[str]) -> str:
    """The different words, a few of them."""
    different = list(dict.fromkeys(f'"{word}"' for word in words))
    return ", ".join(different[:5]) + (", …" if len(different) > 5 else "")


def _of_pictures(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns in which every cell is called like a picture."""
    return [i for i in range(len(rows[0])) if all(is_picture(row[i].strip()) for row in rows)]


def _repeating(rows: Sequence[Sequence[str]], files: int) -> list[int]:
    """The columns, beside that of the files, whose cells are words at least two to a class on average."""
    others = [i for i in range(len(rows[0])) if i != files]
    cells = {i: [row[i].strip() for row in rows] for i in others}
    return [i for i in others if 2 <= len(set(cells[i])) <= len(rows) / 2 and not all(map(_number, cells[i]))]


def _number(cell: str) -> bool:
    """Whether a cell is a number, with a point or a comma."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _wrong(label: str, numbered: bool) -> str:
    """Why a label is none."""
    if not label:
        return "is empty"
    if no_class(label):
        return f"has {len(label):,} letters, the limit is {budgets.NAME}"
    number = whole_number(label)
    if numbered and number is None:
        return "is no number, the others are"
    if not numbered or number is None:
        return ""
    if number < 0:
        return "is below 0"
    return f"is beyond the {budgets.LABELS:,} classes that a data set may have" if number >= budgets.LABELS else ""


def where(root: Path, cell: str) -> str:
    """The path of the picture that a cell names; one from Windows may part folders by backslashes."""
    given = root / cell.strip()
    if "\\" in cell and not os.path.exists(given):  # unlike Path's, it takes what is no name as one that is not there
        given = root / cell.strip().replace("\\", "/")
    return str(spelled(given))


def columns(path: str | Path) -> dict[str, list[str]]:
    """The cells of each column of a CSV file, by the column's name; none where it is no file with the ending .csv."""
    path = Path(path)
    if path.suffix.lower() != ".csv" or not path.is_file():
        return {}
    header, rows, _ = rows_of(path)
    return {name: [row[i] for _, row in rows] for i, name in enumerate(header)}


def header_of(path: Path) -> list[str]:
    """The names of the columns of a CSV file."""
    return _parsed(path, most=0).header


def rows_of(path: Path) -> Table:
    """The header, and each row with the number of its line; rows of another number of cells are broken ones.

    Raises DataError where there is no row, and where more are broken than whole: the file is parted by another mark then.
    """
    table = _parsed(path)
    if table.broken and len(table.broken) > len(table.rows):
        line, why = table.broken[0]
        raise DataError(f"{path}, line {line}: {inner(why)}.")
    if not table.rows:
        raise DataError(f"{path}: has no rows. Expected a header, then one picture a line.")
    return table


def note_broken(survey: Survey, path: Path, table: Table) -> None:
    """Tell a survey of the broken rows of its table, which are left out."""
    for line, why in table.broken:
        survey.add("annotation", str(path), f"row {line}: {why}", "skip")


def _parsed(path: Path, most: int | None = None) -> Table:
    text = read_text(path, tables=True)
    first = text.partition("\n")[0]
    # What Excel calls comma-separated is parted by semicolons in half of Europe.
    return parse_table(text, str(path), next((mark for mark in ",;\t" if mark in first), ","), most)


def column(
    path: Path, header: list[str], wanted: str | None, usual: Sequence[str], argument: str, likely: Sequence[int] = ()
) -> int:
    """The column that is wanted, else the one with a usual name, else the only likely one."""
    if wanted is not None:
        if wanted not in header:
            raise DataError(f'{path}: no column "{wanted}".{nearest(wanted, header)} It has {", ".join(header)}.')
        return header.index(wanted)
    lower = [name.lower() for name in header]
    for name in usual:
        if name in lower:
            return lower.index(name)
    if len(likely) == 1:
        return likely[0]
    raise DataError(
        f"{path}: which column has the {'pictures' if usual is FILES else 'classes'}? It has {', '.join(header)}. "
        f'Call it "{usual[0]}", or say with {argument}=.'
    )
