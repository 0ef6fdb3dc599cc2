"""``striate``: the entry point.  A user's mistake is one line and exit code 2; ``--debug`` shows the traceback."""

from __future__ import annotations

import errno
import functools
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from striate import interrupts
from striate.cli import choosing, data, finding, learning, look, network, shipping, transfer, using
from striate.cli.common import Commands, aside
from striate.doors.writing import drop_output, open_streams
from striate.errors import DataError, Note, StriateError
from striate.wording import inner

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="A workbench for convolutional networks: size them, train them, look inside, use them, ship them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        from striate.version import __version__

        print(f"striate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    if debug:
        os.environ["STRIATE_DEBUG"] = "1"


for group in (choosing, data, learning, look, network, shipping, transfer, using, finding):
    group.register(app)


@contextmanager
def _plain_notes() -> Iterator[None]:
    """Notes as a line each: at a command there is no line of code that they are about."""
    others = warnings.showwarning

    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, Note):
            aside(f"note: {message}")
        else:
            others(message, category, *where, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = others


def _printable() -> None:
    """Let what a terminal's encoding does not have, as in the C locale, be printed as an escape instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@functools.cache
def command() -> Any:
    """The command with all that is under it, made once in a process: typer makes it anew at every call."""
    return typer.main.get_command(app)


def _run(arguments: list[str] | None) -> Any:
    try:
        return command()(arguments, standalone_mode=False)
    except Exception as error:
        if type(error).__name__ != "NoArgsIsHelpError":  # what click raises for a group without a command
            raise
        print(getattr(error, "ctx").get_help())  # noqa: B009 (its class is not public)
        return 0


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exits with 0, 1 (stopped by Ctrl-C or the like) or 2 (a user's mistake)."""
    typed = sys.argv[1:] if arguments is None else arguments
    open_streams()
    _printable()
    with interrupts.stoppable(typed):
        code = _ended(typed)
        if interrupts.stopped():  # typer has codes of its own for it, and a library that was interrupted any error
            interrupts.say_stopped(typed)
            interrupts.leave()
    sys.exit(code or 0)


def _ended(arguments: list[str]) -> Any:
    """The exit code of a command, what went wrong said."""
    try:
        _check_place()
        with _plain_notes():
            code = _run(arguments)
        sys.stdout.flush()  # a full disk behind standard output shows here, not after the end
        return code
    except typer.Exit as ended:
        return ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        interrupts.say_stopped(arguments)
        return interrupts.CODE
    except BrokenPipeError:
        drop_output()
        return 1
    except Exception as error:
        if interrupts.stopped():
            return interrupts.CODE
        if os.environ.get("STRIATE_DEBUG"):
            raise
        message = _in_words(error)
        if message is None:
            raise
        aside(f"striate: {message}")
        return 2


def _check_place() -> None:
    """Raise DataError where the working folder was removed: torch ends the process where it cannot find it."""
    try:
        os.getcwd()
    except OSError:
        raise DataError("the folder that you are in is not there any more. Change to one that is.") from None


def _in_words(error: Exception) -> str | None:
    """What to print of an error, or None for one that is ours."""
    if isinstance(error, StriateError):
        return str(error)
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC and error.filename is None:
            drop_output()
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{inner(error.strerror or error)}."
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; close other programs, or take less at a time."
    said = getattr(error, "format_message", None)  # what click raises for wrong arguments
    if said is None:
        return None
    context = getattr(error, "ctx", None)
    return f"{said()}{f' Try: {context.command_path} --help' if context is not None else ''}"


if __name__ == "__main__":
    main()
