"""Decoded pictures on disk: one file for each set, read through a memory map, in which only what changed is made anew.

The file is a .npy of uint8 (N, H, W, C) with, after the pixels, an index of what its rows are and a checksum of that,
which holds one of the pixels.  Pixels are compared with theirs when a file is opened: always in small files (2.9 GB a
second), in large ones where the file system says that somebody touched them since they were last compared.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.pictures.preprocess import Preprocessing
from striate.doors.places import cache_folder, drop_oldest
from striate.errors import note
from striate.extras import installed

LIMIT = 20 << 30  # bytes of all decoded pictures together; a tenth of the disk where that is less
ABSENT = "-"  # the stamp of a file that is not there
_SPARE = 1 << 30  # bytes of the disk that stay free
# Decoding this much takes about a second on two cores: photos at 20 MB a second, tiny files at 10,000 a second.
_MANY_BYTES, _MANY_FILES = 20 << 20, 5_000
_VERSION = 2  # counted up when the format changes, or the same file gives other pixels than before
_HEADER, _MARK = 128, b"striate pictures"
_TAIL = len(_MARK) + 8 + 32
_IN_MEMORY, _AT_ONCE = 4 << 30, 16 << 20  # bytes of a copy, and of a piece of one that is written
_BUFFER = 1 << 18  # bytes between two writes: after each of them a thread waits for its turn at Python again
_SLOTS = 8
_ALWAYS = 64 << 20  # bytes of pixels that are compared with their checksum at every opening: a fiftieth of a second
_LEFT_BEHIND = 24 * 3600  # seconds after which a file that was never finished is nobody's any more


def file_stamp(name: str) -> str:
    """Size and times of the last change of a file, which tell whether it is still the one that was decoded.

    The second time is the system's own: who copies another file over it with its time (``cp -p``) changes that one.
    """
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return ABSENT
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def stamped_bytes(stamps: Sequence[str]) -> int:
    """The sum of the sizes that stamps begin with."""
    return sum(int(stamp.partition(":")[0]) for stamp in stamps if stamp != ABSENT)


def worth_keeping(stamps: Sequence[str]) -> bool:
    """Whether decoding these files takes long enough, about a second, for the pixels to be kept."""
    return len(stamps) >= _MANY_FILES or stamped_bytes(stamps) >= _MANY_BYTES


def room_for(size: int) -> bool:
    """Whether the cache's disk has room for `size` bytes more."""
    return size + _SPARE <= _disk().free


def limit() -> int:
    """Bytes that all decoded pictures together may take."""
    return min(LIMIT, _disk().total // 10)


def _disk() -> Any:
    place = cache_folder()
    return shutil.disk_usage(next(folder for folder in (place, *place.absolute().parents) if folder.is_dir()))


def decoders() -> list[str]:
    """The packages there are that read more formats: with another one a file that was none may be a picture."""
    return [name for name in ("pillow_heif",) if installed(name)]


def place_of(preprocessing: Preprocessing, where: str) -> Path:
    """The file for the pictures of the folder, zip or list `where`, decoded as `preprocessing` does it.

    Only what makes the pixels counts; the arithmetic on them, the order of the channels too, is done for each batch.
    """
    import PIL

    p = preprocessing
    pixels = [p.image_size, p.channels, p.resize, p.shorter_side, p.interpolation]
    key = json.dumps([_VERSION, PIL.__version__, os.path.abspath(where), *pixels])
    stem = re.sub(r"[^\w.-]+", "_", Path(where).name)[:40]
    return cache_folder("pictures", f"{stem}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.npy")


@dataclass
class Kept:
    """What a file holds: `pixels` uint8 (N, H, W, C), mapped, read-only; of each name its stamp; and, by the number of
    the name, why it is no picture and has no row.  `decoders` are those that were there, `crc` is the checksum of the
    pixels, and `state` what the file system says of the file.
    """

    pixels: np.ndarray
    names: list[str]
    stamps: list[str]
    broken: dict[int, str]
    decoders: list[str]
    crc: int
    state: bytes

    def holds(self, names: Sequence[str], stamps: Sequence[str]) -> bool:
        """Whether these are just the files that were decoded, unchanged and in this order."""
        return self.names == names and self.stamps == stamps and not self._doubted()

    def _doubted(self) -> bool:
        """Whether what was no picture may be one by now, since other packages read pictures."""
        return bool(self.broken) and self.decoders != decoders()

    def known(self, names: Sequence[str], stamps: Sequence[str]) -> list[np.ndarray | str | None]:
        """Of each file its pixels, or why there are none, or None where this was not decoded."""
        at = {name: i for i, name in enumerate(self.names)}
        doubted = self.broken if self._doubted() else {}
        rows = np.cumsum([i not in self.broken for i in range(len(self.names))]) - 1
        pixels = np.asarray(self.pixels)
        results: list[np.ndarray | str | None] = []
        for name, stamp in zip(names, stamps, strict=True):
            i = at.get(name)
            if i is None or self.stamps[i] != stamp or i in doubted:
                results.append(None)
            else:
                results.append(self.broken[i] if i in self.broken else pixels[rows[i]])
        return results


def rows(x: np.ndarray, which: Any) -> np.ndarray:
    """x[which], which for a slice is a view.  Else it is a copy: in memory, or where a mapped set gives too much for
    that, in a file without a name that goes when the array does.
    """
    if isinstance(which, slice) or not isinstance(x, np.memmap):
        return x[which]
    chosen = np.flatnonzero(which) if np.asarray(which).dtype == bool else np.asarray(which)
    each = math.prod(x.shape[1:]) * x.itemsize
    if len(chosen) * each <= _IN_MEMORY or not room_for(len(chosen) * each):
        return np.asarray(x)[chosen]
    folder, step = cache_folder("pictures"), max(1, _AT_ONCE // each)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        for start in range(0, len(chosen), step):
            file.write(x[chosen[start : start + step]].data)
        file.flush()
        return np.memmap(file, x.dtype, "r", shape=(len(chosen), *x.shape[1:]))


def find(path: Path, names: Sequence[str]) -> tuple[Path, Kept | None]:
    """The file to use for these names, and what it holds: `path` or, as one list can be read in parts that have nothing
    in common, the one of a few beside it that holds most of the names.
    """
    wanted, free, most = set(names), path, 0
    best: tuple[Path, Kept] | None = None
    for i in reversed(range(_SLOTS)):
        place = path.with_stem(f"{path.stem}-{i}") if i else path
        there = read(place)
        if there is None:
            free = place
        else:
            common = len(wanted.intersection(there.names))
            if common > most and common * 2 >= min(len(wanted), len(there.names)):
                best, most = (place, there), common
    if best is not None and not _right(*best):
        _damaged(best[0])
        return best[0], None
    return best or (free, None)


def _damaged(path: Path) -> None:
    note(f"{path}: the pixels kept there are damaged, so the pictures are decoded again.")


def read(path: Path) -> Kept | None:
    """What `path` holds, its pixels as they are; None where there is nothing, or nothing whole, which a note says."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(_HEADER)
            file.seek(size - _TAIL)
            tail = file.read(_TAIL)
            length = int.from_bytes(tail[len(_MARK) : -32], "little")
            file.seek(size - _TAIL - length)
            index = file.read(length)
            if tail[: len(_MARK)] != _MARK or hashlib.sha256(header + index).digest() != tail[-32:]:
                raise ValueError
            record = json.loads(index)
            shape = tuple(record["shape"])
            if size != _HEADER + math.prod(shape) + length + _TAIL:
                raise ValueError
            pixels = np.memmap(file, np.uint8, "r", _HEADER, shape)  # the open file, whatever has the name by now
            state = _state(os.fstat(file.fileno()))
    except (FileNotFoundError, NotADirectoryError):  # another process may make it a moment later
        return None
    except (OSError, ValueError):
        _damaged(path)
        return None
    broken = {int(i): reason for i, reason in record["broken"].items()}
    return Kept(
        pixels, record["names"], record["stamps"], broken, record.get("decoders", []), record.get("crc32", -1), state
    )


def _right(path: Path, kept: Kept) -> bool:
    """Whether the pixels of a file are those that were written, as far as nobody is known to have touched it since."""
    seen = _seen(path)
    with suppress(OSError):
        if kept.pixels.nbytes > _ALWAYS and seen.read_bytes() == kept.state:
            os.utime(seen)  # the time of its last use, by which the least recently used goes first
            return True
    crc, flat = 0, np.asarray(kept.pixels).reshape(-1)
    for start in range(0, len(flat), _AT_ONCE):
        crc = zlib.crc32(flat[start : start + _AT_ONCE].data, crc)
    if crc != kept.crc:
        return False
    with suppress(OSError):
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.write_bytes(kept.state)
    return True


def _seen(path: Path) -> Path:
    """The small file that says in which state the pixels of `path` were compared with their checksum."""
    return path.parent.with_name("pictures-compared") / path.stem


def _state(status: os.stat_result) -> bytes:
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}".encode()


def write(path: Path, pictures: Iterable[np.ndarray], index: Callable[[], dict[str, Any]]) -> None:
    """Make `path` of `pictures`, uint8 (H, W, C) of one size, and of the `index` that there is when they are through.

    The bytes go to a temporary file beside it that gets its name when it is whole, so whatever breaks off leaves
    nothing half-made, and of several processes the last one wins.  Then other files make room, the least recently used
    first.  Raises OSError when the disk is full or must not be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb", _BUFFER) as file:
            file.write(bytes(_HEADER))
            shape: tuple[int, ...] = (0,)
            crc = 0
            for pixels in pictures:
                row = np.ascontiguousarray(pixels)
                crc = zlib.crc32(row.data, crc)
                file.write(row.data)
                shape = (shape[0] + 1, *pixels.shape)
            written = json.dumps({"shape": shape, "crc32": crc, **index()}).encode()
            header = _npy_header(shape)
            digest = hashlib.sha256(header + written).digest()
            file.write(written + _MARK + len(written).to_bytes(8, "little") + digest)
            file.seek(0)
            file.write(header)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    _make_room(path)


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Of a .npy file, version 1.0, padded to a fixed length."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little") + text.ljust(_HEADER - 11) + b"\n"


def _make_room(newest: Path) -> None:
    """Remove what was used least recently until the rest is within the limit; never `newest`."""
    used: dict[str, int] = {}
    with suppress(OSError):
        for path in _seen(newest).parent.iterdir():
            with suppress(OSError):
                used[path.name] = path.stat().st_mtime_ns
                if not newest.with_name(f"{path.name}.npy").exists():
                    path.unlink()
    with suppress(OSError):
        files = []
        for path in newest.parent.iterdir():
            with suppress(OSError):  # another process may be tidying up too
                status = path.stat()
                if path.suffix == ".npy":
                    files.append((used.get(path.stem, status.st_mtime_ns), status.st_size, path))
                elif path.suffix == ".part" and time.time() - status.st_mtime > _LEFT_BEHIND:
                    path.unlink()
        kept = sum(size for _, size, path in files if path == newest)
        drop_oldest((file for file in files if file[2] != newest), limit() - kept)
