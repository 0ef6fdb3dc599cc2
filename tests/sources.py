"""The package's own files, read and parsed once for all tests that look at how they are written."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "striate"


@functools.cache
def parsed(file: Path) -> ast.Module:
    """A file of Python as a tree, which nobody changes."""
    return ast.parse(file.read_text(encoding="utf-8"))
