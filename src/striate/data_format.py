"""Where the channels of an array stand: the one setting, and the check of a ``data_format=``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from striate.errors import unknown

FORMATS = ("channels_last", "channels_first")
_state = {"format": FORMATS[0]}


def image_data_format() -> str:
    """What ``data_format=None`` stands for: "channels_last", unless ``set_image_data_format`` was told otherwise."""
    return _state["format"]


def set_image_data_format(data_format: str) -> None:
    """What ``data_format=None`` stands for in layers that are made from now on; those that are there keep theirs.

    data_format   "channels_last", (height, width, channels), or "channels_first", (channels, height, width)

    Raises ArgumentError for another word.
    """
    _state["format"] = checked(data_format, "data_format")


def checked(data_format: Any, where: str) -> str:
    """A ``data_format=`` as one of the two words; None is the setting's.  Raises ArgumentError, naming both.

    data_format   as it was given
    where         the class and the argument, for the message
    """
    word = data_format.lower() if isinstance(data_format, str) else data_format
    if word is None:
        return image_data_format()
    if word not in FORMATS:
        raise unknown(where, str(data_format), FORMATS)
    return word  # type: ignore[no-any-return]


@contextlib.contextmanager
def fixed(data_format: str = FORMATS[0]) -> Iterator[None]:
    """Within it ``data_format=None`` stands for this, whatever the setting.

    data_format   one of the two words
    """
    before, _state["format"] = _state["format"], data_format
    try:
        yield
    finally:
        _state["format"] = before
