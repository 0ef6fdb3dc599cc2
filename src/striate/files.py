"""Files that are whole or not there: written to a temporary name, flushed, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from striate.errors import BundleError
from striate.wording import inner


def atomic_write(path: str | os.PathLike[str], content: bytes | str | Callable[[str], Any]) -> None:
    """Write `content` (or let it write to a temporary path) and rename it to `path`.

    On any error (a full disk, no permission) the temporary file is removed, whatever stood at `path` stays, and
    BundleError says why.

    Raises BundleError when it cannot be written.
    """
    target = Path(path)
    if target.is_dir():  # before `content` begins, which may take hours
        raise BundleError(f"could not write {target}: it is a folder. Nothing was changed; choose another place.")
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        if callable(content):
            os.close(handle)
            content(temporary)
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        else:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except Exception as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise BundleError(
                f"could not write {target}: {inner(reason)}. Nothing was changed; free some space or choose another place."
            ) from None
        raise
