"""Ctrl-C, SIGTERM and a closed terminal: a command ends within two seconds, with one line that says how to go on."""

from __future__ import annotations

import atexit
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

SECONDS = 1.2  # after which a command that does not come to itself, deep in a library, is ended all the same
CODE = 1  #: what a command that was stopped exits with
#: What ends a command; Windows knows no SIGHUP, and under nohup it is ignored, which is heeded.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_LONG = 500  # characters of a command that is printed to be typed again
_GOING: list[str] = []  # what goes on with what is under way, the latest last


class _Stop:
    """What happened in this process."""

    stopped = False
    told = False
    arguments: tuple[str, ...] = ()


@contextmanager
def goes_on(command: str) -> Iterator[None]:
    """While it lasts, an interruption says how to go on: to the command line, and as a note to ``KeyboardInterrupt``.

    command   what is typed to go on; "" where the same command begins again
    """
    _GOING.append(command)
    stopped = False
    try:
        yield
    except KeyboardInterrupt as stop:
        stopped = True
        if command:
            stop.add_note(f"To go on: {command}")
        raise
    finally:
        if not stopped:  # else it stays the latest word: the command ends
            _GOING.pop()


def typed(*words: Any) -> str:
    """Words as they are typed at a command line, quoted where they must be.

    words   such as "striate", "train", "--resume" and a path
    """
    return shlex.join(str(word) for word in words)


def advice(arguments: Sequence[str]) -> str:
    """The line that a stopped command ends with.

    arguments   of the command, as they were typed
    """
    if _GOING and _GOING[-1]:
        return f"striate: stopped. To go on: {_GOING[-1]}"
    again = typed("striate", *arguments)
    if len(again) > _LONG or not again.isprintable():
        return "striate: stopped. The same command begins it again."
    return f"striate: stopped. To begin it again: {again}"


def command_line() -> tuple[str, ...]:
    """The arguments of the command that runs, as they were typed."""
    return _Stop.arguments


def stopped() -> bool:
    """Whether one of SIGNALS came."""
    return _Stop.stopped


def say_stopped(arguments: Sequence[str]) -> None:
    """Print that line on standard error, once.

    arguments   of the command, as they were typed
    """
    if not _Stop.told:
        _Stop.told = True
        with suppress(OSError, ValueError):
            sys.stderr.flush()
            os.write(2, f"{_below()}{advice(arguments)}\n".encode("utf-8", "surrogateescape"))


def _below() -> str:
    """A new line where a terminal shows ^C or a progress bar."""
    return "\n" if os.isatty(2) else ""


def leave() -> NoReturn:
    """End the process with the code of a stopped command, temporary files taken away.

    What Python else does at its end, such as waiting for threads, may take longer than a user waits.
    """
    with suppress(BaseException):
        atexit._run_exitfuncs()
        sys.stdout.flush()
    os._exit(CODE)


@contextmanager
def stoppable(arguments: Sequence[str]) -> Iterator[None]:
    """Each of SIGNALS raises ``KeyboardInterrupt``; where nothing comes of it within a moment, the process ends.

    arguments   of the command, as they were typed

    Python hands a signal to a program only between two of its own steps, which within a library can be far apart, and waits
    for its threads at the end.  A thread of our own sees the signal at once and ends what takes too long; that is as safe as
    a kill, since what is written is whole or not there.
    """
    _GOING.clear()
    _Stop.stopped, _Stop.told, _Stop.arguments = False, False, tuple(arguments)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = {each: signal.signal(each, _raise) for each in signals}
    woken = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read, set(signals), tuple(arguments)), daemon=True).start()
    try:
        yield
    finally:
        if not _Stop.stopped:  # else the process is about to end, and is watched until it has
            signal.set_wakeup_fd(woken)
            for each, handler in before.items():
                signal.signal(each, handler)
            os.close(write)


def _raise(number: int, frame: Any) -> None:
    _Stop.stopped = True
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # what is being tidied up is not interrupted
    raise KeyboardInterrupt


def _watch(read: int, signals: set[int], arguments: tuple[str, ...]) -> None:
    """Wait for a signal, and then for the end of the process."""
    while True:
        came = os.read(read, 1)
        if not came:  # nothing is watched any more
            os.close(read)
            return
        if came[0] in signals:
            break
    threading.Event().wait(SECONDS)
    say_stopped(arguments)
    os._exit(CODE)
