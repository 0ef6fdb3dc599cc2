"""One family of errors.  A message says what is wrong, where, with which numbers, and what to do instead."""

from __future__ import annotations

import difflib
import os
import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any

from striate.visible import visible

_LONG, _SHOWN = 1_000, 100  # letters: longer words come from strangers' files, such as the name of a layer
_MOST = 2_800  # letters of a message
_WORD = re.compile(rf"\S{{{_LONG},}}")


class StriateError(ValueError):
    """Base of every error that striate raises for a user's mistake or a faulty input.  Its message is one line."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*(_said(each) if isinstance(each, str) else each for each in told))


def _said(text: str) -> str:
    """A message as it is shown: in one line, of a word that no one reads to its end the start and the end."""
    return _short(visible(_short(text)))


def _short(text: str) -> str:
    if len(text) < _LONG:
        return text
    text = _WORD.sub(lambda found: f"{found[0][:_SHOWN]}…{found[0][-_SHOWN:]}", text)
    return text if len(text) <= _MOST else f"{text[: _MOST // 2]}…{text[-_MOST // 2 :]}"


class ShapeError(StriateError):
    """Shapes that do not fit: a window larger than its input, a merge of different sizes."""


class ArgumentError(StriateError):
    """An argument, a name or a value that striate does not know or cannot use."""


class DataError(StriateError):
    """A file or an array that cannot be used as data: broken, truncated, out of range."""


class BundleError(StriateError):
    """A saved model that cannot be read or written: missing, foreign or damaged parts."""


class TrainingError(StriateError):
    """Training that cannot go on: a loss that became NaN, labels that do not match the loss."""


class Note(UserWarning):
    """What a user should know though nothing is wrong, such as a name that has changed, or what is likely not meant."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*(visible(each) if isinstance(each, str) else each for each in told))


_SAID: set[str] = set()


def note(text: str, kind: type[Warning] = Note) -> None:
    """Say something once in a process, as a warning at the user's own line.

    text    one or two sentences
    kind    the class of the warning, where it is known to code of Keras
    """
    if text in _SAID:
        return
    _SAID.add(text)
    warn(text, kind)


def warn(text: str, kind: type[Warning] = UserWarning) -> None:
    """Say something each time, as a warning at the user's own line.

    text    one or two sentences
    kind    the class of the warning
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "striate":
        level, frame = level + 1, frame.f_back
    warnings.warn(visible(text), kind, stacklevel=level)


class NotBuiltError(ArgumentError, AttributeError):
    """Something is asked of a model that it does not know yet; for ``hasattr`` it is not there."""


class NoNumbersError(ArgumentError, TypeError):
    """A symbolic tensor is asked for numbers; to Python, NumPy and torch a type that they cannot use."""


def without_name(error: StriateError, name: object) -> str:
    """What an error says about a file, without the file's name in front.

    error   that begins with it
    name    of the file, as it was given
    """
    said = str(error)
    for each in (str(name), os.path.normpath(str(name))):  # ./a.png is called a.png too
        said = said.removeprefix(f"{_said(each)}: ")
    return said


def absent(name: str, instead: str) -> Any:
    """What stands for a class that Keras has and striate has not: calling it raises ArgumentError, which says what to write.

    name      of the class
    instead   what to write
    """

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise ArgumentError(f"{name}: Keras has it, striate has not; use {instead}.")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Not in striate: use {instead}."
    return refuse


def undefined(thing: object, method: str) -> ArgumentError:
    """An error for a class of a user's own that leaves out what its base class asks for.

    thing    the object
    method   what it must define, such as "call(self, y_true, y_pred)"
    """
    return ArgumentError(f"{type(thing).__name__} must define {method}.")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``' Did you mean "x"?'`` for the known name closest to a name, or ``''`` when none is close.

    name    as it was given
    known   the names there are
    """
    options = {option.lower(): option for option in known}
    close = difflib.get_close_matches(name.lower(), list(options), n=1, cutoff=0.6)
    return f' Did you mean "{options[close[0]]}"?' if close else ""


def unknown(what: str, name: str, known: Iterable[str]) -> ArgumentError:
    """An error for a name that is not among the known ones: the nearest, then all of them when they are few.

    what    the kind of thing, such as "layer"
    name    as it was given
    known   the names there are
    """
    options = sorted(set(known))
    listed = f" Known: {', '.join(options)}." if 0 < len(options) <= 30 else "" if options else " There is none."
    return ArgumentError(f'unknown {what} "{name}".{nearest(name, options)}{listed}')
