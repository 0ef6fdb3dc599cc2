"""A folder that is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from striate.errors import BundleError, DataError
from striate.wording import inner


def check_new_folder(path: Path) -> None:
    """Raise DataError where something is there already, which may be somebody's corrections."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(
            f"{path}: is there already, and may hold what you corrected. Give a folder that is not there yet."
        )


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, which is called `path` once all is in it, and is gone on any error.

    Raises DataError where something is there already, which may be somebody's corrections; BundleError where it cannot be
    written.
    """
    check_new_folder(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        yield Path(temporary)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o777 & ~umask)
        if path.is_dir():
            path.rmdir()
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise BundleError(
                f"could not write {path}: {inner(error.strerror or error)}. Nothing was changed."
            ) from None
        raise
