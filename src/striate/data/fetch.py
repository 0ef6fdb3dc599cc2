"""A file from the web: checked, and in its place only when it is whole."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from striate.errors import DataError

CHUNK = 1 << 20


def fetch(url: str, target: str | Path, sha256: str, timeout: float = 60) -> Path:
    """Download `url` to `target`, unless `target` is there with this SHA-256 (hex) already.

    The bytes go to a temporary file beside it, which gets its name when the sum is right; a download that breaks off,
    at whatever moment, leaves nothing under that name.  Raises DataError; `timeout` is in seconds without a byte.
    """
    import http.client
    import urllib.error
    import urllib.request

    target = Path(target)
    if target.is_file() and _sum(target) == sha256:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise DataError(f"{target.parent}: cannot be written to ({error.strerror}). Give another folder.") from None
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=timeout) as response:
            while chunk := response.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        if right := digest.hexdigest() == sha256:
            os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
            os.replace(temporary, target)
    except (OSError, http.client.HTTPException, ValueError) as error:  # URLError is an OSError; ValueError: no such URL
        reason = getattr(error, "reason", error)
        if isinstance(error, urllib.error.HTTPError):
            reason = error
            error.close()  # it holds the connection
        raise DataError(
            f"{url}: the download failed ({reason}). Try again, or put the file at {target} by hand."
        ) from None
    finally:
        Path(temporary).unlink(missing_ok=True)
    if not right:
        raise DataError(
            f"{url}: what came has the SHA-256 {digest.hexdigest()}, expected {sha256}. It was cut off or changed "
            f"on the way; nothing was kept. Try again, or put the file at {target} by hand."
        )
    return target


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
