"""Where what can be fetched or made again is kept."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path


def home() -> Path | None:
    """The home folder; None where there is none, as in some containers."""
    if "HOME" in os.environ and not os.environ["HOME"].strip():
        return None  # "" would be the root of the disk
    try:
        return Path.home()
    except (RuntimeError, KeyError):  # HOME is not set and this user is not known
        return None


def cache_folder(*parts: str) -> Path:
    """A place in the folder that STRIATE_CACHE names, else in ~/.cache/striate.

    parts   of the path below it

    Where there is no home folder it is below the folder for temporary files.
    """
    named = os.environ.get("STRIATE_CACHE")
    at_home = home()
    if named:
        try:
            return Path(named).expanduser().joinpath(*parts)
        except RuntimeError:  # ~ without a home folder
            pass
    base = own_temporary() if at_home is None else at_home / ".cache" / "striate"
    return base.joinpath(*parts)


def data_folder(*parts: str) -> Path:
    """A place in ~/.striate/data, where data sets with a name are fetched to; without a home folder, in the cache.

    parts   of the path below it
    """
    at_home = home()
    base = cache_folder("data") if at_home is None else at_home / ".striate" / "data"
    return base.joinpath(*parts)


def drop_oldest(files: Iterable[tuple[float, int, Path]], most: int) -> None:
    """Remove the files that were used least lately until the rest has at most `most` bytes.

    files   of a cache: (when each was used last, its bytes, its path)
    most    bytes
    """
    ordered = sorted(files)
    total = sum(size for _, size, _ in ordered)
    for _, size, path in ordered:
        if total <= most:
            return
        with contextlib.suppress(OSError):  # another process may be tidying up too; Windows keeps what is mapped
            path.unlink()
            total -= size


def may_write(folder: Path) -> bool:
    """Whether a folder can be written to, or made.

    folder   which need not be there
    """
    there = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def own_temporary() -> Path:
    """A folder of this user's below the one for temporary files: where another user made it first, one with a new name."""
    import tempfile

    mine = getattr(os, "getuid", lambda: "cache")()
    try:
        place = Path(tempfile.gettempdir()) / f"striate-{mine}"
    except FileNotFoundError:  # nowhere can be written to
        return Path(f".striate-{mine}")
    try:
        os.makedirs(place, 0o700, exist_ok=True)
        about = os.lstat(place)
    except OSError:
        return place
    if isinstance(mine, int) and (not stat.S_ISDIR(about.st_mode) or about.st_uid != mine or about.st_mode & 0o022):
        return Path(_fresh())
    return place


def _fresh() -> str:
    import tempfile

    global _MADE
    if _MADE is None or not os.path.isdir(_MADE):
        _MADE = tempfile.mkdtemp(prefix="striate-")
    return _MADE


_MADE: str | None = None
