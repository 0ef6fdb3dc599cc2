"""Engines of saved models that are kept on disk, so that the next start finds them."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from striate.doors.places import cache_folder, drop_oldest
from striate.doors.reading import read_bytes
from striate.doors.writing import atomic_write, remove
from striate.errors import StriateError
from striate.ship.apart import Apart
from striate.ship.engine import Engine

FORMAT = 2  # of what is kept in the cache; another number when the exported graph becomes another
_LARGEST = 1 << 31  # bytes of all engines in the cache


def kept_engine(said: str, export: Callable[[], Apart], **runs: Any) -> Engine:
    """An engine made from the file that is kept of its model, or from the model, which is kept then.

    said     what tells its model from every other: the weights, and what stands before and after the network
    export   gives the model where it is not kept
    runs     runtime and precision, as ``Engine`` takes them

    Raises BundleError for what the runtime cannot read.
    """
    folder, stem = cache_folder("engines"), hashlib.sha256(f"{FORMAT} {said}".encode()).hexdigest()[:32]
    for name in sorted(_names(folder)):
        if not name.startswith(f"{stem}-"):
            continue
        with contextlib.suppress(OSError, StriateError):  # a damaged one is made anew
            content = read_bytes(folder / name, _LARGEST)
            if name == f"{stem}-{_digest(content)}.onnx":
                engine = Engine(content, **runs)
                os.utime(folder / name)  # the oldest are removed first
                return engine
        remove(folder / name)
    model = export()
    engine = Engine(model, **runs)
    size = sum(map(len, model.pieces()))
    if size <= _LARGEST:
        with contextlib.suppress(StriateError):  # a folder that cannot be written only makes the next start slower
            _make_room(folder, size)
            atomic_write(folder / f"{stem}-{_digest(*model.pieces())}.onnx", model.pieces())
    return engine


def _digest(*pieces: bytes | memoryview) -> str:
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()[:32]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _make_room(folder: Path, size: int) -> None:
    """Remove the engines that were used least lately, so that one more of so many bytes may be kept."""
    held = []
    for name in _names(folder):
        with contextlib.suppress(OSError):
            about = os.stat(folder / name)
            held.append((about.st_mtime, about.st_size, folder / name))
    drop_oldest(held, _LARGEST - size)
