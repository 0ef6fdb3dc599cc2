"""A file from the web: checked, and in its place only when it is whole."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import queue
import re
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from striate.doors import budgets
from striate.doors.locks import waited
from striate.doors.parsing import read_json
from striate.doors.places import cache_folder
from striate.doors.reading import opened
from striate.doors.writing import atomic_write, need_room
from striate.errors import ArgumentError, DataError, StriateError, note
from striate.visible import visible
from striate.wording import inner

CHUNK = 1 << 20
SUMS = "downloads.json"  #: in the cache: of each address whose file has no published SHA-256, that of what came first
_SLOWEST = 1 << 10  # bytes a second, over the seconds that may pass without a byte
_LEFT_BEHIND = 24 * 3600  # seconds after which a file that was never finished is nobody's any more
_HERE = ("localhost", "127.0.0.1", "::1")


class _Advance(Protocol):
    def __call__(self, read: int, /) -> None: ...


def fetch(
    url: str, target: str | Path, checksum: str | None, timeout: float = 60, *, most: int = budgets.DOWNLOAD
) -> Path:
    """Download `url` to `target`, unless `target` is there with this checksum already.

    url         https; http only for a file whose whole checksum is given, or from this machine
    target      the file
    checksum    "sha256:" or "md5:" and the hexadecimal digits, or the first of them; digits alone are of SHA-256; None
                where none is published
    timeout     seconds without an answer or a byte, and over which less than 1 KiB a second is too slow
    most        bytes that it may have, as the server tells and as they are counted

    Where the whole checksum is not known, the SHA-256 of what comes first is kept in STRIATE_CACHE, and what comes or
    lies there later is compared with that.

    The bytes go to a temporary file beside it, which gets its name when the sum is right; a download that breaks off,
    at whatever moment, leaves nothing under that name.  A bar on standard error shows progress where that is a
    terminal.  Raises DataError.
    """
    import http.client
    import urllib.error

    target = Path(target)
    method, digits = _parts(checksum)
    partly = method == "sha256" and len(digits) < 64 and not url.startswith("file:")
    first = _kept(url) if partly else None
    if target.is_file() and _is_there(url, target, method, digits, first):
        return target
    by_hand = f"Try again, or put the file at {target} by hand."
    _check_address(url, len(digits) == {"sha256": 64, "md5": 32}[method], by_hand)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _tidy(target)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise DataError(f"{target.parent}: cannot be written to ({error.strerror}). Give another folder.") from None
    digest, size, length = hashlib.new(method, usedforsecurity=False), 0, None
    try:
        with os.fdopen(handle, "wb") as file, _answer(url, timeout) as response:
            length = _length(response, target, url, most)
            with _bar(target.name, length) as advance:
                for chunk in _chunks(response, timeout):
                    size += len(chunk)
                    if size > most:
                        raise DataError(f"{url}: more than the limit of {most:,} bytes came; nothing was kept.")
                    digest.update(chunk)
                    file.write(chunk)
                    advance(len(chunk))
            file.flush()
            os.fsync(file.fileno())
        came = digest.hexdigest()
        right = length in (None, size) and came.startswith(digits) and (first is None or came == first["sha256"])
        if right:
            os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
            os.replace(temporary, target)
    except DataError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:  # URLError is an OSError; ValueError: no such URL
        reason = getattr(error, "reason", error)
        if isinstance(error, urllib.error.HTTPError):
            reason = error
            error.close()  # it holds the connection
        raise DataError(f"{url}: the download failed ({inner(_plain(reason))}). {by_hand}") from None
    finally:
        Path(temporary).unlink(missing_ok=True)
    if not right and length not in (None, size) and not digits:
        raise DataError(f"{url}: {size} of {length} bytes came; nothing was kept. {by_hand}")
    if not right and came.startswith(digits) and first is not None:
        raise DataError(
            f"{url}: what came has the SHA-256 {came}; what came the first time had {first['sha256']}. Nothing was kept. "
            f"Where its makers changed it, remove its line from {cache_folder(SUMS)}."
        )
    if not right:
        named = {"sha256": "SHA-256", "md5": "MD5"}[method]
        raise DataError(
            f"{url}: what came has the {named} {came}, expected {digits}. It was cut off or changed "
            f"on the way; nothing was kept. {by_hand}"
        )
    if partly:
        _keep(url, came, target)
        if first is None and not digits:
            note(
                f"{url}: no checksum is published for this file. It has the SHA-256 {came}, which is kept in "
                f"{cache_folder(SUMS)}; what comes later is compared with it."
            )
    return target


def file_sum(path: str | os.PathLike[str], method: str = "sha256") -> str:
    """The hexadecimal digits of a file's checksum.

    path     of the file
    method   "sha256" or "md5"

    Raises DataError for what cannot be read.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, method).hexdigest()  # type: ignore[arg-type]


# -- sums -------------------------------------------------------------------------------------------------------------
def _is_there(url: str, target: Path, method: str, digits: str, first: dict[str, str] | None) -> bool:
    """Whether the right file is there already; where its whole sum is not known, that of the first time counts."""
    if digits and (method == "md5" or len(digits) == 64):
        return file_sum(target, method).startswith(digits)
    if not digits and (url.startswith("file:") or (first is not None and first["state"] == _state(target))):
        return True
    there = file_sum(target, method)
    if not there.startswith(digits) or (first is not None and there != first["sha256"]):
        return False
    if first is None or first["state"] != _state(target):
        _keep(url, there, target)
    return True


def _kept(url: str) -> dict[str, str] | None:
    """The SHA-256 of what came from an address first, and the state of its file when that was last looked at."""
    entry = _all_kept().get(url)
    whole = isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("sha256", "state"))
    return entry if whole and re.fullmatch("[0-9a-f]{64}", entry["sha256"]) else None  # type: ignore[index,return-value]


def _all_kept() -> dict[str, Any]:
    place = cache_folder(SUMS)
    if not place.exists():
        return {}
    try:
        every = read_json(place, budgets.SETTINGS)
    except DataError as error:
        note(f"{error} The checksums in it are lost; those of what is fetched from now on are kept.")
        return {}
    return every if isinstance(every, dict) else {}


def _keep(url: str, digits: str, target: Path) -> None:
    """Note the sum of an address; a cache that cannot be written to only forgets it."""
    place = cache_folder(SUMS)
    with suppress(StriateError, OSError), waited(place.with_suffix(".lock")):
        every = _all_kept() | {url: {"sha256": digits, "state": _state(target)}}
        atomic_write(place, json.dumps(every, indent=1, sort_keys=True) + "\n")


def _state(file: Path) -> str:
    about = file.stat()
    return f"{about.st_ino}:{about.st_size}:{about.st_mtime_ns}:{about.st_ctime_ns}"


def _parts(checksum: str | None) -> tuple[str, str]:
    """Of md5:12ab, ("md5", "12ab")."""
    if checksum is None:
        return "sha256", ""
    match = re.fullmatch(r"(?:(sha256|md5):)?([0-9a-f]+)", checksum.lower())
    if match is None:
        raise ArgumentError(f"a checksum is sha256: or md5: and hexadecimal digits, not {checksum!r}.")
    return match[1] or "sha256", match[2]


def _plain(told: object) -> str:
    """What a server says, in one line without control characters."""
    return "".join(sign if sign.isprintable() else " " for sign in str(told))[:200]


# -- what a server does -------------------------------------------------------------------------------------------------
def _check_address(url: str, summed: bool, by_hand: str) -> None:
    """Refuse an address that neither is https nor has a sum that tells what was changed on the way."""
    try:
        about = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise DataError(f"{_plain(url)}: the download failed ({inner(error)}). {by_hand}") from None
    if about.scheme in ("https", "file") or (about.scheme == "http" and (summed or about.hostname in _HERE)):
        return
    if about.scheme == "http":
        raise DataError(
            f"{url}: anybody on the way can change what comes by http. Give an https address, or its checksum."
        )
    raise DataError(f"{_plain(url)}: the download failed (not an https address). {by_hand}")


def _opener() -> Any:
    import urllib.error
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        """Never from https to anything else; from http only to https or to where it began."""

        def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
            old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
            if new.scheme != "https" and (old.scheme, old.hostname) != ("http", new.hostname):
                if fp is not None:
                    fp.close()  # it holds the connection
                raise urllib.error.URLError(f"it is redirected to {_plain(newurl)}, which is not https")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return urllib.request.build_opener(Redirects)


def _answer(url: str, timeout: float) -> Any:
    """The opened answer.  It is asked for in a thread, as a server that dribbles its headers never runs into a timeout."""
    box: queue.SimpleQueue[Any] = queue.SimpleQueue()
    opener = _opener()

    late = threading.Event()

    def ask() -> None:
        try:
            answer = opener.open(url, timeout=timeout)
        except BaseException as error:
            answer = error
        box.put(answer)
        if late.is_set() and hasattr(answer, "close"):
            answer.close()

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = box.get(timeout=timeout * 2)
    except queue.Empty:
        late.set()
        raise DataError(f"{url}: the download failed (no answer in {timeout * 2:g} seconds). Try again.") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _length(response: Any, target: Path, url: str, most: int) -> int | None:
    """The bytes that the server tells.  Raises DataError above `most`, without room for them, and for a packed answer."""
    told = response.headers.get("Content-Length") or ""
    length = int(told) if told.isdecimal() and told.isascii() and len(told) < 20 else None
    if length is not None and length > most:
        raise DataError(f"{url}: {length:,} bytes, the limit is {most:,}. Nothing was fetched.")
    if length is not None:
        need_room(target, length, DataError)
    packed = (response.headers.get("Content-Encoding") or "identity").strip().lower()
    if packed != "identity" and not (packed in ("gzip", "x-gzip") and target.name.endswith(("gz", ".tmp"))):
        raise DataError(f"{url}: the server packs the file ({inner(_plain(packed))}), which was not asked for.")
    return length


def _chunks(response: Any, timeout: float) -> Iterator[bytes]:
    """What comes, as it comes.  Raises TimeoutError when less than 1 KiB a second does."""
    since, came = time.monotonic(), 0
    while chunk := (response.read1(CHUNK) if hasattr(response, "read1") else response.read(CHUNK)):
        came += len(chunk)
        passed = time.monotonic() - since
        if passed > timeout:
            if came < _SLOWEST * passed:
                raise TimeoutError(f"{came:,} bytes in {passed:.0f} seconds are too few")
            since, came = time.monotonic(), 0
        yield chunk


def _tidy(target: Path) -> None:
    """Remove what killed downloads of this file left behind."""
    for left in target.parent.glob(f".{glob.escape(target.name[:100])}.*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                left.unlink()


@contextmanager
def _bar(name: str, length: int | None) -> Iterator[_Advance]:
    """A progress bar of bytes on standard error, where somebody sees it."""
    if not sys.stderr.isatty():
        yield lambda read: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(visible(name), total=length)
        yield lambda read: progress.update(task, advance=read)
