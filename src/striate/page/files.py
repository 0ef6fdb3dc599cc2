"""The files of the folder ``web``: the page's own modules, and what others wrote."""

from __future__ import annotations

from importlib import resources


def web_file(name: str) -> bytes:
    """The content of a file.

    name   in the folder, such as "main.js"
    """
    return resources.files("striate.page").joinpath("web", name).read_bytes()
