"""The XML of one annotation."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from striate.doors import budgets
from striate.doors.parsing import parse_xml
from striate.doors.reading import read_bytes
from striate.errors import DataError, without_name


def annotation(file: Path) -> ET.Element:
    """The root of an annotation.  Raises DataError, without the file's name, for what cannot be read or is broken."""
    try:
        content = read_bytes(file, budgets.ANNOTATION)
    except DataError as error:
        raise DataError(f"cannot be read: {without_name(error, file)}") from None
    return parse_xml(content)
