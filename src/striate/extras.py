"""Packages that a plain install does without: brought in where they are used, and named with how to get them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from striate.errors import ArgumentError


def extra(module: str, name: str, what: str) -> Any:
    """A module of a package that pyproject.toml has among its extras.

    module   to import
    name     of the extra, as in ``pip install 'striate[name]'``
    what     what needs it, the beginning of a sentence

    Raises ArgumentError where the package is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise ArgumentError(f"{what} needs {package}: pip install 'striate[{name}]'.") from error


def installed(module: str) -> bool:
    """Whether a package is there, without importing it.

    module   as it is imported
    """
    return find_spec(module) is not None
