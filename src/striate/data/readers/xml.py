"""XML of strangers: parsed without ever resolving an entity."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from striate.data.readers.files import read_bytes, without_name
from striate.errors import DataError

_LARGEST = 1 << 24  # bytes of one annotation; a picture with a thousand boxes has 300 kB


def parse_xml(file: Path) -> ET.Element:
    """The root of an XML file.  Raises DataError for broken XML and for any document type, so no entity is resolved."""
    try:
        data = read_bytes(file, _LARGEST)
    except DataError as error:
        raise DataError(f"cannot be read: {without_name(error, file)}") from None
    parser, builder = expat.ParserCreate(), ET.TreeBuilder()

    def refuse(*_: Any) -> NoReturn:
        raise DataError("has a document type or an entity, which annotations do not need and which is not resolved")

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"broken XML: {error}") from None
