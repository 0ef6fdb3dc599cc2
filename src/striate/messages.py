"""What is printed while something runs: lines on standard output, or entries of Python's logging."""

from __future__ import annotations

import logging
import sys

from striate.errors import unknown
from striate.guard import guard
from striate.visible import visible

_LEVELS = ("FATAL", "ERROR", "WARNING", "INFO", "DEBUG")
_LOG = logging.getLogger("striate")
_state = {"interactive": True}


def enable_interactive_logging() -> None:
    """Print what callbacks say, and the lines of ``fit``, to standard output; so it is unless told otherwise."""
    _state["interactive"] = True


def disable_interactive_logging() -> None:
    """Give what callbacks say, and the lines of ``fit``, to Python's ``logging.getLogger("striate")`` as INFO."""
    _state["interactive"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether what callbacks say is printed to standard output."""
    return _state["interactive"]


def set_logging_verbosity(level: str) -> None:
    """Choose what of it ``logging`` keeps.

    level   "FATAL", "ERROR", "WARNING", "INFO" or "DEBUG": entries of this weight and above

    Raises ArgumentError for another one.
    """
    if level not in _LEVELS:
        raise unknown("level of logging", str(level), _LEVELS)
    _LOG.setLevel(level)


def log(message: str) -> None:
    """Give a line to logging.

    message   without its end of line
    """
    _LOG.info(message)


def say(message: str) -> None:
    """Print a line, over an unfinished progress bar if there is one; or give it to logging.

    message   without its end of line
    """
    if not is_interactive_logging_enabled():
        log(message)
        return
    clear = "\r\x1b[K" if sys.stdout.isatty() else ""
    print(f"{clear}{visible(message, lines=True)}", flush=True)


guard(__name__)
