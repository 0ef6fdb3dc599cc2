"""One writer a folder or file.  The system drops a lock when its process ends, however it ends, so none is ever stale."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from striate.doors.writing import appended, check_file, finish_moving, leftovers, moved, remove
from striate.errors import BundleError, StriateError, note
from striate.wording import inner

if TYPE_CHECKING:
    from filelock import FileLock

NAME = ".lock"  #: the file in a folder that is locked; it stays there, empty, when the lock is dropped
_HELD: dict[tuple[str, int], int] = {}  # a run and what it calls lock the same folder
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # of some disks that several machines share


@contextmanager
def waited(file: str | os.PathLike[str], seconds: float = 10) -> Iterator[None]:
    """Hold a lock for a moment, such as while a small file is read and written anew; who finds it held waits.

    file      of the lock; made where it is not there, with its folders
    seconds   to wait at most

    On a disk that knows no locks nothing is held.  Raises OSError where it cannot be had (a Timeout of filelock is one).
    """
    place = Path(file)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        raise OSError(f"{place} is a link, which no lock is")
    lock = _taken(place, seconds)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _taken(file: Path, seconds: float) -> FileLock | None:
    """A lock, held; None on a disk that knows none.  Raises OSError where it cannot be had."""
    from filelock import FileLock

    lock = FileLock(file, timeout=seconds, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(poll_interval=0.02)
    except (OSError, NotImplementedError) as error:  # the latter is filelock's word for a disk that knows no locks
        if getattr(error, "errno", errno.ENOSYS) not in _NO_LOCKS:
            raise
        return None
    return lock


@contextmanager
def grown(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> Iterator[IO[str]]:
    """A text that is written for long and may be read meanwhile: it is called ``path.part`` until the block ends.

    path   of the file
    kind   the class of the error

    A block that is broken off leaves the part, and the next one begins it anew.  Raises `kind` where another process is
    writing it, or it cannot be written.
    """
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    check_file(target, kind)
    with appended(part, kind) as file:
        if not _alone(file, part):
            raise kind(f"{part}: another process is writing it. Wait until it has ended, or choose another name.")
        os.ftruncate(file.fileno(), 0)
        yield file
        file.flush()
        moved(part, target, kind)


def _alone(file: IO[str], path: Path) -> bool:
    """Whether nobody else writes a file, which is held until it is closed; False too for one that was just given a name."""
    try:
        import fcntl
    except ImportError:  # Windows, where a file that is written cannot be renamed
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


@contextmanager
def locked(
    folder: str | os.PathLike[str], doing: str, kind: type[StriateError] = BundleError, *, wait: float = 0.0
) -> Iterator[Path]:
    """Hold a folder for writing; another process that wants it is refused.

    folder   made where it is not there
    doing    what it is held for, such as "training", for the message
    kind     the class of the error
    wait     seconds that another process may still need

    What a killed process left half-written in it is removed, and what it had written and not yet put into place is put
    there.  Within one thread a lock may be taken again.  Of the processes of one training (torchrun) the first holds it for
    all.  On a disk that knows no locks nothing is held, and a note says so.

    Raises `kind` where another process, or another thread, holds it, or the folder cannot be written to.
    """
    from filelock import Timeout

    place = Path(folder)
    key = (os.path.realpath(place), threading.get_ident())
    if os.environ.get("RANK", "0") != "0":
        yield place
        return
    if key in _HELD:
        _HELD[key] += 1
        try:
            yield place
        finally:
            _HELD[key] -= 1
        return
    held, made = None, missing(place)
    try:
        if place.is_file():
            raise kind(f"{place} is a file, and a folder is wanted. Choose another name.")
        place.mkdir(parents=True, exist_ok=True)
        file = place / NAME
        if file.is_symlink() or (file.exists() and not file.is_file()):
            raise kind(f"{file} is no file, which a lock is. Remove it.")
        held = _taken(file, wait)
    except Timeout:
        raise kind(
            f"{place}: another process is writing to this folder, so {doing} was not begun and nothing was changed. "
            "Wait until it has ended, or choose another folder."
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise kind(f"could not write {place}: {inner(reason)}. Nothing was changed; choose another place.") from None
    if held is None:
        note(f"{place}: this disk knows no locks; see that no other process writes to this folder meanwhile.")
    _HELD[key] = 1
    with ExitStack() as undo:
        undo.callback(remove_empty, made)
        try:
            if held is not None:
                finish_moving(place)
                for left in leftovers(place):
                    remove(left)
            yield place
        finally:
            _drop(key, held)
        undo.pop_all()


def missing(folder: str | os.PathLike[str]) -> list[Path]:
    """A folder and those that it lies in, as far as they are not there; the innermost first.

    folder   which need not be there
    """
    place = Path(folder)
    return [each for each in (place, *place.parents) if not os.path.lexists(each)]


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders of which nothing came: there is nothing in the first but a lock, and in the others nothing.

    folders   as ``missing`` told before they were made; none of them need be there
    """
    for place in folders[:1]:
        if place.is_dir() and set(os.listdir(place)) <= {NAME}:
            remove(place)
    for place in folders[1:]:
        with suppress(OSError):  # not there, or others have written into it
            place.rmdir()


def _drop(key: tuple[str, int], held: FileLock | None) -> None:
    del _HELD[key]
    if held is not None:
        held.release()
