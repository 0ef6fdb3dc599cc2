"""Files and folders that are whole or not there: written aside under a new name, flushed, then renamed.

The temporary names are made by the system and opened as new files, so what lies in a folder, such as a link to a file
elsewhere, is never written through.  A name that is replaced is replaced itself, not what it links to.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from striate.doors.parsing import parse_json
from striate.doors.reading import opened, read_bytes
from striate.errors import BundleError, DataError, StriateError
from striate.wording import inner

_NOTHING = "Nothing was changed; free some space or choose another place."
_LATER = "All of it is written, beside its place; the next command that writes to this folder puts it there."
MOVING = ".moving"  #: a folder whose files are on their way up into the one that it is in
_PLAN = ".names"  # the file in it that says which

#: How texts become bytes: those of a name that is no text in UTF-8 stay, other halves of characters are written out.
TEXT = "striate"


def _as_bytes(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    codes = [ord(each) for each in error.object[error.start : error.end]]
    kept = [bytes([code - 0xDC00]) if 0xDC80 <= code <= 0xDCFF else b"\\u%04x" % code for code in codes]
    return b"".join(kept), error.end


codecs.register_error(TEXT, _as_bytes)


def atomic_write(
    path: str | os.PathLike[str],
    content: bytes | str | Iterator[bytes | memoryview] | Callable[[str], Any],
    kind: type[StriateError] = BundleError,
    *,
    advice: str = _NOTHING,
) -> None:
    """Write a file: to a temporary name beside it, which is then renamed.

    path      of the file; folders above it are made
    content   bytes, whole or piece by piece, a text (in UTF-8), or a function that writes to the path it is given
    kind      the class of the error
    advice    the end of its message

    On any error (a full disk, no permission) and when it is interrupted, the temporary file is removed and whatever stood
    at `path` stays.

    Raises `kind` when it cannot be written.
    """
    with _aside(Path(path), kind, advice) as (handle, temporary):
        if callable(content):
            os.close(handle)
            content(temporary)
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        else:
            with os.fdopen(handle, "wb") as file:
                whole = content.encode("utf-8", TEXT) if isinstance(content, str) else content
                for piece in (whole,) if isinstance(whole, bytes) else whole:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())


@contextlib.contextmanager
def written(
    path: str | os.PathLike[str], kind: type[StriateError] = BundleError, *, newline: str | None = None
) -> Iterator[IO[str]]:
    """A text to write in pieces, which gets its name when the block ends, and is gone on any error.

    path      of the file
    kind      the class of the error
    newline   as ``open`` takes it; "" for CSV

    Raises `kind` when it cannot be written.
    """
    with (
        _aside(Path(path), kind, _NOTHING) as (handle, _),
        os.fdopen(handle, "w", encoding="utf-8", errors=TEXT, newline=newline) as file,
    ):
        yield file
        file.flush()
        os.fsync(file.fileno())


def check_file(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> None:
    """Raise `kind` where a file would take the place of a folder, a device or a pipe: before work that may take hours.

    path   of the file, which need not be there; a link to such a thing counts as that
    kind   the class of the error
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # nothing is there, or what is wrong shows when it is written
        return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no file, but a device or a pipe"
        raise kind(f"could not write {path}: it is {what}. Nothing was changed; choose another place.")


@contextlib.contextmanager
def _aside(target: Path, kind: type[StriateError], advice: str) -> Iterator[tuple[int, str]]:
    """A temporary file beside `target`, opened: (its handle, its path).  It takes the name when the block ends."""
    check_file(target, kind)
    with _said(target, kind, advice), contextlib.ExitStack() as undo:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=_prefix(target), suffix=".tmp")
        undo.callback(remove, temporary)
        yield handle, temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        _flush_entry(target.parent)
        undo.pop_all()


@contextlib.contextmanager
def appended(path: str | os.PathLike[str], kind: type[StriateError] = BundleError) -> Iterator[IO[str]]:
    """A text to write more to, in UTF-8, lines ended as they are given.  A link is not followed.

    path   of the file; made where it is not there
    kind   the class of the error

    Raises `kind` when it cannot be written.
    """
    target = Path(path)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with _said(target, kind, "Free some space or choose another place."):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
        with os.fdopen(handle, "a", encoding="utf-8", errors=TEXT, newline="") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise kind(f"could not write {target}: it is not a file.")
            yield file


@contextlib.contextmanager
def made_aside(
    path: str | os.PathLike[str], kind: type[StriateError] = BundleError, *, replace: bool = True
) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `path` when the block ends, and is gone on any error.

    path      of the folder; one that is there is replaced as a whole
    kind      the class of the error
    replace   False: one that came meanwhile, with something in it, stays, and that is an error

    Raises `kind` when it cannot be written.
    """
    target = Path(path)
    with _said(target, kind, _NOTHING), contextlib.ExitStack() as undo:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target), suffix=".tmp"))
        undo.callback(shutil.rmtree, aside, ignore_errors=True)
        yield aside
        os.chmod(aside, 0o777 & ~_umask())
        if replace:
            _swap(aside, target)
        else:
            _take(aside, target)
        undo.pop_all()


@contextlib.contextmanager
def temporary_folder(
    beside: str | os.PathLike[str] | None = None, kind: type[StriateError] = BundleError
) -> Iterator[Path]:
    """A folder of one's own, gone when the block ends.

    beside   a file next to which it lies, so that what is in it can be renamed; None: among the system's temporary files
    kind     the class of the error

    Raises `kind` where it cannot be made or written to.
    """
    place = Path(tempfile.gettempdir() if beside is None else Path(beside).parent)
    prefix = "striate-" if beside is None else _prefix(Path(beside))
    advice = "Free some space, or set TMPDIR to another place." if beside is None else "Choose another place."
    with (
        _said(place, kind, advice),
        tempfile.TemporaryDirectory(prefix=prefix, suffix=".tmp", dir=place, ignore_cleanup_errors=True) as folder,
    ):
        yield Path(folder)


def moved(
    source: str | os.PathLike[str], target: str | os.PathLike[str], kind: type[StriateError] = BundleError
) -> None:
    """Give a whole file, flushed to the disk, the name `target`; what has that name is replaced.

    source   the file
    target   in the same file system
    kind     the class of the error

    Raises `kind` where that cannot be done.
    """
    check_file(target, kind)
    with _said(Path(target), kind, "Choose another place."):
        with open(source, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(source, 0o666 & ~_umask())
    rename(source, target, kind)


def swapped(
    source: str | os.PathLike[str], target: str | os.PathLike[str], kind: type[StriateError] = BundleError
) -> None:
    """Give a whole folder the name `target`; what has that name is replaced.

    source   the folder
    target   in the same file system
    kind     the class of the error

    Raises `kind` where that cannot be done.
    """
    with _said(Path(target), kind, "Choose another place."):
        _swap(Path(source), Path(target))


def put(path: str | os.PathLike[str], content: str) -> None:
    """Write a text into a folder that is made aside, which is whole or not there, so its files need no care of their own.

    path      of the file, which is not there yet
    content   in UTF-8
    """
    with open(path, "x", encoding="utf-8", errors=TEXT, newline="") as file:
        file.write(content)


def copied(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Copy a file into a folder that is made aside.

    source   a regular file
    target   which is not there yet
    """
    with opened(source) as file, open(target, "xb") as copy:
        shutil.copyfileobj(file, copy)


def json_text(value: Any) -> str:
    """A value as one line of JSON that is text in UTF-8, whatever its texts are, such as names of files.

    value   plain values
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a name that is no text in UTF-8
        return json.dumps(value)
    return text


def check_new_folder(path: str | os.PathLike[str]) -> None:
    """Raise DataError where something is there already, which may be somebody's corrections.

    path   of a folder; an empty one may be there
    """
    target = Path(path)
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise DataError(
            f"{target}: is there already, and may hold what you corrected. Give a folder that is not there yet."
        )


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """As ``made_aside``, for a folder that must not be there yet.

    path   of the folder; an empty one may be there

    Raises DataError where something is there, BundleError when it cannot be written.
    """
    check_new_folder(path)
    with made_aside(path, replace=False) as aside:
        yield aside


def need_room(path: str | os.PathLike[str], size: int, kind: type[StriateError] = BundleError) -> None:
    """Raise `kind` where the disk of `path` has less than `size` bytes free: libraries that write in place may not survive.

    path   of what is to be written; it need not be there
    size   bytes
    kind   the class of the error
    """
    place = Path(path).absolute()
    there = next((folder for folder in (place, *place.parents) if folder.exists()), None)
    free = shutil.disk_usage(there).free if there is not None else size
    if free < size:
        raise kind(
            f"could not write {path}: {size:,} bytes are needed and {free:,} are free. Nothing was changed; free some space."
        )


def leftovers(folder: str | os.PathLike[str]) -> list[Path]:
    """Temporary files and folders that a process which was killed left behind, sorted.

    folder   to look in; whoever removes them holds its lock
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [Path(folder, name) for name in names if name.startswith(".") and name.endswith(".tmp")]


def rename(
    path: str | os.PathLike[str], target: str | os.PathLike[str], kind: type[StriateError] = BundleError
) -> None:
    """Give a file or folder another name, at one moment; a file that has this name already goes.

    path     of it
    target   its new name, on the same disk
    kind     the class of the error

    Raises `kind` when it cannot be done; nothing was changed then.
    """
    with _said(Path(target), kind, "Nothing was changed."):
        os.replace(path, target)
        _flush_entry(Path(target).parent)


def open_streams() -> None:
    """Lead standard input, output and error to nothing where they are closed.

    Else the next file that is opened would get their number, and what is printed would be written into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            os.set_inheritable(handle, True)
            setattr(sys, name, os.fdopen(handle, mode, closefd=False))


def drop_output() -> None:
    """Let what cannot be printed go nowhere: nobody reads it, or the disk behind it is full; Python would try it again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a file, a link or a folder; what is not there, or cannot be removed, stays without a word.

    path   of it
    """
    with contextlib.suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def move_up(aside: str | os.PathLike[str], last: str, gone: Iterable[str] = ()) -> None:
    """Let the files of a folder take their places in the folder above it, all of them, whatever happens meanwhile.

    aside   a folder in the one that is written to; whoever calls holds the lock of that one
    last    the file that takes its place last
    gone    names of files above that go, where none of that name comes

    From the moment that `aside` has another name it is settled; ``finish_moving`` ends what a killed process began.
    Raises BundleError when it cannot be done; nothing was changed then.
    """
    source = Path(aside)
    names = sorted((name for name in os.listdir(source) if not name.startswith(".")), key=lambda name: name == last)
    atomic_write(source / _PLAN, json.dumps({"names": names, "gone": sorted(set(gone) - set(names))}))
    remove(source.parent / MOVING)
    rename(source, source.parent / MOVING)
    finish_moving(source.parent)


def finish_moving(folder: str | os.PathLike[str]) -> None:
    """End what ``move_up`` began in a folder; ``locked`` calls it.

    folder   whose lock is held

    Raises BundleError when it cannot be done; it is tried again the next time.
    """
    source = Path(folder, MOVING)
    if not os.path.lexists(source):
        return
    try:
        plan = parse_json(read_bytes(source / _PLAN, links=False), _PLAN) if not source.is_symlink() else {}
        names, gone = ([name for name in plan[key] if _plain(name)] for key in ("names", "gone"))
    except (StriateError, KeyError, TypeError):  # not of ours
        names, gone = [], []
    for name in names:
        if (source / name).is_file() and not (source / name).is_symlink():
            with _said(Path(folder, name), BundleError, _LATER):
                os.replace(source / name, Path(folder, name))
    _flush_entry(Path(folder))
    for name in gone:
        remove(Path(folder, name))
    remove(source)


def _plain(name: Any) -> bool:
    return isinstance(name, str) and os.path.basename(name) == name and not name.startswith(".")


def _prefix(target: Path) -> str:
    return f".{target.name[:100]}."  # a name may have 255 bytes


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _swap(aside: Path, target: Path) -> None:
    """Let `aside` be called `target`; what was there goes last, so that one of both is always whole."""
    if not os.path.lexists(target):
        os.replace(aside, target)
    elif target.is_dir() and not target.is_symlink() and not any(target.iterdir()):
        target.rmdir()
        os.replace(aside, target)
    else:
        old = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target), suffix=".tmp"))
        os.replace(target, old / "old")
        try:
            with contextlib.ExitStack() as undo:
                undo.callback(os.replace, old / "old", target)
                os.replace(aside, target)
                undo.pop_all()
        finally:
            shutil.rmtree(old, ignore_errors=True)
    _flush_entry(target.parent)


def _take(aside: Path, target: Path) -> None:
    """Let `aside` be called `target`, which is not there, or empty; the system decides between two that want it."""
    if os.name != "posix" and os.path.isdir(target):
        os.rmdir(target)  # Windows renames onto nothing; of a folder with something in it this is the error
    try:
        os.rename(aside, target)
    except OSError:
        check_new_folder(target)  # says it where something came meanwhile
        raise
    _flush_entry(target.parent)


def _flush_entry(folder: Path) -> None:
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _said(target: Path, kind: type[StriateError], advice: str) -> Iterator[None]:
    """What the system says about a file that cannot be written, in our words."""
    try:
        yield
    except StriateError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise kind(f"could not write {target}: {inner(reason)}. {advice}") from None
