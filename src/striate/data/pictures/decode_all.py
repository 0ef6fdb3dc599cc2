"""Many picture files into one array, from the cache where they are in it; what cannot be read is left out and named."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from striate.data.dataset import Skipped
from striate.data.pictures import cache as kept
from striate.data.pictures.preprocess import Preprocessing
from striate.data.pictures.workers import Pixels, cores, decoded
from striate.doors.places import cache_folder
from striate.errors import DataError
from striate.wording import plural

# A file this small costs more of Python's time than of the decoder's, and threads take turns at Python.
_SMALL, _MANY_SMALL = 32 << 10, 6_000


@dataclass
class _Outcome:
    """What came of the files: the numbers of those that are pictures, and of the others why they are not."""

    rows: list[int] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)


def decode_all(
    names: Sequence[str],
    fetch: Callable[[str], Any],
    preprocessing: Preprocessing,
    where: str,
    *,
    cache: bool | None = None,
    stamp: Callable[[str], str] = kept.file_stamp,
    workers: int | None = None,
) -> tuple[np.ndarray, list[int], list[Skipped], Preprocessing]:
    """Decode the pictures `fetch(name)`: (uint8 (N, H, W, C), which of `names` they are, the skipped, preprocessing).

    Without an image_size all pictures must be of one size, which the returned preprocessing then has.

    cache    keep the pixels on disk, to be mapped into memory: what is there and whose `stamp` is as it was is not
             decoded again.  None: for sets that take a second or more to decode, as long as the cache may be that large
    stamp    what changes when the file does: "size in bytes:anything"
    workers  processes that decode; 0: only this one, in threads.  None: processes for many small files, for which
             threads are of no use.  The pictures and their order are the same for any number
    """
    names = list(names)
    stamps = [stamp(name) for name in names]
    keep = kept.worth_keeping(stamps) if cache is None else cache
    place = kept.place_of(preprocessing, where) if keep and set(stamps) != {kept.ABSENT} else None
    short = [name.removeprefix(where) for name in names]
    old = None
    if place is not None:
        place, old = kept.find(place, short)
    if old is None or not old.holds(short, stamps):
        known = None if old is None else old.known(short, stamps)
        outcome = _Outcome()

        def index() -> dict[str, Any]:
            return {"names": short, "stamps": stamps, "broken": outcome.broken, "decoders": kept.decoders()}

        with closing(_results(names, fetch, preprocessing, stamps, known, workers)) as results:
            pictures = _alike(results, names, where, outcome)
            first = next(pictures)
            pictures, size = chain([first], pictures), len(names) * first.size
            if place is None or not _room(size, where, cache):
                return _finish(_in_memory(pictures, first.shape, len(names), where), names, outcome, preprocessing)
            try:
                kept.write(place, pictures, index)
                old = kept.read(place)
            except OSError:
                old = None
        if old is None or not old.holds(short, stamps):  # a full disk, or another process was faster with other files
            return decode_all(names, fetch, preprocessing, where, cache=False, stamp=stamp, workers=workers)
    rows = [i for i in range(len(names)) if i not in old.broken]
    return _finish(old.pixels, names, _Outcome(rows, old.broken), preprocessing)


def _finish(
    x: np.ndarray, names: Sequence[str], outcome: _Outcome, preprocessing: Preprocessing
) -> tuple[np.ndarray, list[int], list[Skipped], Preprocessing]:
    skipped = [Skipped(names[i], reason) for i, reason in outcome.broken.items()]
    return x, outcome.rows, skipped, replace(preprocessing, image_size=x.shape[1:3], channels=x.shape[3])


def _results(
    names: Sequence[str],
    fetch: Callable[[str], Any],
    preprocessing: Preprocessing,
    stamps: Sequence[str],
    known: Sequence[Pixels | None] | None,
    workers: int | None,
) -> Generator[Pixels, None, None]:
    """The pixels of each picture or why there are none: those known, the others decoded."""
    missing = [name for i, name in enumerate(names) if known is None or known[i] is None]
    many_small = len(missing) >= _MANY_SMALL and kept.stamped_bytes(stamps) < _SMALL * len(names)
    threads = 0 if workers else min(8, cores())
    if workers is None and many_small and cores() > 1 and set(stamps) != {kept.ABSENT}:
        threads, workers = 1, min(8, cores()) - 1  # this process need not be started: it decodes too
    with closing(decoded(missing, fetch, preprocessing, threads, workers or 0)) as new:
        for i in range(len(names)):
            pixels = None if known is None else known[i]
            yield next(new) if pixels is None else pixels


def _alike(results: Iterator[Pixels], names: Sequence[str], where: str, outcome: _Outcome) -> Iterator[np.ndarray]:
    """The pictures among the results, all of one shape; `outcome` is filled as they pass.  At least one, or DataError."""
    shape: tuple[int, ...] | None = None
    for i, pixels in enumerate(results):
        if isinstance(pixels, str):
            outcome.broken[i] = pixels
            continue
        shape = shape or pixels.shape
        if pixels.shape != shape:
            raise DataError(
                f"{where}: {names[outcome.rows[0]]} is {_size(shape)}, {names[i]} is {_size(pixels.shape)}, and all must "
                "be alike. Give the size for all, image_size=(224, 224), and channels=3 (or 1 for grey), or "
                "what a model wants, preprocessing=model.preprocessing."
            )
        outcome.rows.append(i)
        yield pixels
    if shape is None:
        first = next((f" The first, {names[i]}: {reason}" for i, reason in outcome.broken.items()), "")
        raise DataError(f"{where}: no readable picture in {plural(len(names), 'file')}.{first}")


def _room(size: int, where: str, cache: bool | None) -> bool:
    """Whether a set is to be kept on disk: with `cache` None only where that is within the cache's limit."""
    if kept.room_for(size):
        return cache is True or size <= kept.limit()
    if cache:
        raise DataError(
            f"{where}: its pictures take {size / 2**30:.1f} GiB, the disk of {cache_folder()} has no room for that. "
            "Name a folder on another one in STRIATE_CACHE, give a smaller image_size, or cache=False."
        )
    return False


def _in_memory(pictures: Iterator[np.ndarray], shape: tuple[int, ...], count: int, where: str) -> np.ndarray:
    needed = count * int(np.prod(shape))
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else needed * 2
    if needed > 0.9 * there:
        raise DataError(
            f"{where}: {plural(count, 'picture')} of {_size(shape[:2])} are {needed / 2**30:.1f} GiB, this machine has "
            f"{there / 2**30:.1f} GiB. Let them be read from disk, cache=True, or give a smaller image_size."
        )
    x = np.empty((count, *shape), np.uint8)
    filled = 0
    for pixels in pictures:
        x[filled] = pixels
        filled += 1
    return x[:filled]


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
