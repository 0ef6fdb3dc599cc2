"""One writer a folder.  The system drops a lock when its process ends, however it ends, so none is ever stale."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from striate.doors.writing import leftovers, remove
from striate.errors import BundleError, StriateError
from striate.wording import inner

NAME = ".lock"  #: the file in a folder that is locked; it stays there, empty, when the lock is dropped
_HELD: dict[tuple[str, int], int] = {}  # a run and what it calls lock the same folder


@contextmanager
def waited(file: str | os.PathLike[str], seconds: float = 10) -> Iterator[None]:
    """Hold a lock for a moment, such as while a small file is read and written anew; who finds it held waits.

    file      of the lock; made where it is not there, with its folders
    seconds   to wait at most

    Raises OSError where it cannot be had (a Timeout of filelock is one).
    """
    from filelock import FileLock

    place = Path(file)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        raise OSError(f"{place} is a link, which no lock is")
    with FileLock(place, timeout=seconds, thread_local=False):
        yield


@contextmanager
def locked(folder: str | os.PathLike[str], doing: str, kind: type[StriateError] = BundleError) -> Iterator[Path]:
    """Hold a folder for writing; another process that wants it is refused at once.

    folder   made where it is not there
    doing    what it is held for, such as "training", for the message
    kind     the class of the error

    What a killed process left half-written in it is removed.  Within one thread a lock may be taken again.

    Raises `kind` where another process, or another thread, holds it, or the folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    place = Path(folder)
    key = (os.path.realpath(place), threading.get_ident())
    if key in _HELD:
        _HELD[key] += 1
        try:
            yield place
        finally:
            _HELD[key] -= 1
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        file = place / NAME
        if file.is_symlink():
            raise kind(f"{file} is a link, which no lock is. Remove it.")
        lock = FileLock(file, timeout=0, thread_local=False)
        lock.acquire()
    except Timeout:
        raise kind(
            f"{place}: another process is writing to this folder, so {doing} was not begun and nothing was changed. "
            "Wait until it has ended, or choose another folder."
        ) from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise kind(f"could not write {place}: {inner(reason)}. Nothing was changed; choose another place.") from None
    _HELD[key] = 1
    try:
        for left in leftovers(place):
            remove(left)
        yield place
    finally:
        del _HELD[key]
        lock.release()
