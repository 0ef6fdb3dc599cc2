"""A file from the web: checked, and in its place only when it is whole."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from striate.errors import ArgumentError, DataError

CHUNK = 1 << 20


class _Advance(Protocol):
    def __call__(self, read: int, /) -> None: ...


def fetch(url: str, target: str | Path, checksum: str | None, timeout: float = 60) -> Path:
    """Download `url` to `target`, unless `target` is there with this checksum already.

    checksum    "sha256:" or "md5:" and the hexadecimal digits, or the first of them; digits alone are of SHA-256; None
                takes what is there, or what comes, if it has the length that the server tells
    timeout     seconds without a byte

    The bytes go to a temporary file beside it, which gets its name when the sum is right; a download that breaks off,
    at whatever moment, leaves nothing under that name.  A bar on standard error shows progress where that is a
    terminal.  Raises DataError.
    """
    import http.client
    import urllib.error
    import urllib.request

    target = Path(target)
    method, digits = _parts(checksum)
    if target.is_file() and (checksum is None or _sum(target, method).startswith(digits)):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise DataError(f"{target.parent}: cannot be written to ({error.strerror}). Give another folder.") from None
    by_hand = f"Try again, or put the file at {target} by hand."
    try:
        digest, size = hashlib.new(method, usedforsecurity=False), 0
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=timeout) as response:
            told = response.headers.get("Content-Length") or ""
            length = int(told) if told.isdigit() else None
            with _bar(target.name, length) as advance:
                while chunk := response.read(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                    size += len(chunk)
                    advance(len(chunk))
        whole = length is None or size == length
        right = whole and digest.hexdigest().startswith(digits)
        if right:
            os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
            os.replace(temporary, target)
    except (OSError, http.client.HTTPException, ValueError) as error:  # URLError is an OSError; ValueError: no such URL
        reason = getattr(error, "reason", error)
        if isinstance(error, urllib.error.HTTPError):
            reason = error
            error.close()  # it holds the connection
        raise DataError(f"{url}: the download failed ({reason}). {by_hand}") from None
    finally:
        Path(temporary).unlink(missing_ok=True)
    if not right and not digits:
        raise DataError(f"{url}: {size} of {length} bytes came; nothing was kept. {by_hand}")
    if not right:
        named = {"sha256": "SHA-256", "md5": "MD5"}[method]
        raise DataError(
            f"{url}: what came has the {named} {digest.hexdigest()}, expected {digits}. It was cut off or changed "
            f"on the way; nothing was kept. {by_hand}"
        )
    return target


def _parts(checksum: str | None) -> tuple[str, str]:
    """Of md5:12ab, ("md5", "12ab")."""
    if checksum is None:
        return "sha256", ""
    match = re.fullmatch(r"(?:(sha256|md5):)?([0-9a-f]+)", checksum.lower())
    if match is None:
        raise ArgumentError(f"a checksum is sha256: or md5: and hexadecimal digits, not {checksum!r}.")
    return match[1] or "sha256", match[2]


@contextmanager
def _bar(name: str, length: int | None) -> Iterator[_Advance]:
    """A progress bar of bytes on standard error, where somebody sees it."""
    if not sys.stderr.isatty():
        yield lambda read: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=length)
        yield lambda read: progress.update(task, advance=read)


def _sum(path: Path, method: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, method).hexdigest()
