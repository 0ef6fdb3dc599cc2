"""JSON, YAML, XML and tables of strangers: plain values, never an object, an entity or a program."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from striate.doors import budgets
from striate.doors.reading import as_text, read_bytes, read_text
from striate.errors import DataError, StriateError
from striate.wording import inner, plural

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

_LONG = re.compile(rf"\d{{{budgets.DIGITS + 1}}}")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for values that hold each other, which looks at all rows of a table again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def parse_json(content: str | bytes, where: str, kind: type[StriateError] = DataError) -> Any:
    """The value of a JSON text.  NaN and Infinity are read, as many tools write them, and whole
    numbers of more than 4,000 digits as infinite ones: who takes numbers looks at them.

    content   the text, or its bytes in UTF-8
    where     what a message calls it
    kind      the class of the error

    Raises `kind` for broken JSON and brackets more than 100 deep.
    """
    text = as_text(content, where, kind) if isinstance(content, bytes) else content
    if len(text) <= budgets.SETTINGS and _deep(text):  # of tables of annotations only known places are looked at
        raise kind(f"{where}: has brackets more than {budgets.DEPTH} deep.")
    try:
        if _LONG.search(text):  # texts may hold such digits; numbers must not
            return json.loads(text, parse_int=_number, parse_float=_number)
        return json.loads(text)
    except RecursionError:
        raise kind(f"{where}: has brackets more than {budgets.DEPTH} deep.") from None
    except ValueError as error:
        raise kind(f"{where}: is not a JSON file ({inner(error)}).") from None


def read_json(path: str | os.PathLike[str], most: int = budgets.TEXT, kind: type[StriateError] = DataError) -> Any:
    """The value that a JSON file holds.

    path   of the file
    most   bytes that it may have
    kind   the class of the error

    Raises `kind`, as ``read_bytes`` and ``parse_json`` do.
    """
    return parse_json(read_bytes(path, most, kind), os.fspath(path), kind)


def _number(digits: str) -> int | float:
    """A number; a whole one of more digits than any float has is infinite, as 1e999 is."""
    whole = len(digits) <= budgets.DIGITS and digits.lstrip("-").isdigit()
    return int(digits) if whole else float(digits)


def _deep(text: str) -> bool:
    """Whether brackets stand more than 100 deep in brackets."""
    if text.count("[") + text.count("{") <= budgets.DEPTH:
        return False
    deep = 0
    for found in _BRACKETS.finditer(_STRINGS.sub("", text)):
        signs = found[0]
        deep += len(signs) if signs[0] in "[{" else -len(signs)
        if deep > budgets.DEPTH:
            return True
    return False


def read_yaml(path: str | os.PathLike[str], kind: type[StriateError] = DataError) -> Any:
    """The value of a YAML file, all its scalars as texts.  Anchors and tags are refused: settings need neither.

    path   of the file, of at most 4 MiB
    kind   the class of the error

    Raises `kind` for what is no YAML.
    """
    import yaml

    text = read_text(path, budgets.SETTINGS, kind)
    try:
        deep = most = 0
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # makes texts only; in C a hundred times as fast
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise kind(f"{path}: has an anchor or an alias (& or *), which is not read. Write the values out.")
            deep += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if (most := max(most, deep)) > budgets.DEPTH:
                raise kind(f"{path}: has lists {most} deep, the limit is {budgets.DEPTH}.")
        return yaml.load(text, Loader=loader)  # as safe as safe_load
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, StriateError):
            raise
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
        mark = getattr(error, "problem_mark", None)
        at = "" if mark is None else f", line {mark.line + 1}"
        raise kind(f"{path}{at}: not understood: {inner(problem)}. Expected key: value.") from None


def parse_xml(content: bytes, kind: type[StriateError] = DataError) -> ET.Element:
    """The root of an XML text.  No entity is ever resolved.

    content   the bytes
    kind      the class of the error

    Raises `kind` for broken XML, for any document type, and for elements more than 100 deep.
    """
    import xml.etree.ElementTree as ET
    from xml.parsers import expat

    parser, builder = expat.ParserCreate(), ET.TreeBuilder()
    deep = 0

    def refuse(*_: Any) -> NoReturn:
        raise kind("has a document type or an entity, which annotations do not need and which is not resolved")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal deep
        deep += 1
        if deep > budgets.DEPTH:
            raise kind(f"has elements more than {budgets.DEPTH} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal deep
        deep -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError, ValueError) as error:
        if isinstance(error, StriateError):
            raise
        raise kind(f"broken XML: {error}") from None


class Table(NamedTuple):
    """What a table holds.

    header   the names of its columns
    rows     (number of its last line, cells) of each row that has as many cells as the header
    broken   (number of the line, why) of the others
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]
    broken: list[tuple[int, str]]


def parse_table(
    text: str | Iterable[str],
    where: str,
    mark: str = ",",
    most: int | None = None,
    kind: type[StriateError] = DataError,
) -> Table:
    """A text of rows and cells; whatever it is, it is a table, of which rows may be broken.  Empty rows do not count.

    text    of the table, or its lines
    where   what a message calls it
    mark    what stands between two cells
    most    rows that are read; None: all
    kind    the class of the error

    A cell has at most 131,072 letters, which is what Python's ``csv`` allows.  Raises `kind` for more rows than a table may
    have.
    """
    reading = csv.reader(io.StringIO(text, newline="") if isinstance(text, str) else text, delimiter=mark)
    table = Table([], [], [])
    try:
        table.header.extend(cell.strip() for cell in next(reading, []))
    except csv.Error as error:
        table.broken.append((reading.line_num, inner(error)))
        return table
    width = len(table.header)
    with uncollected():
        while True:
            try:
                for row in reading:
                    if len(row) == width and row:
                        table.rows.append((reading.line_num, row))
                    elif row:
                        table.broken.append((reading.line_num, f"{plural(len(row), 'cell')}, the header has {width}"))
                    if len(table.rows) + len(table.broken) > budgets.ROWS:
                        raise kind(f"{where}: has more than {budgets.ROWS:,} rows.")
                    if len(table.rows) == most:
                        break
                break
            except csv.Error as error:
                table.broken.append((reading.line_num, inner(error)))
    return table
