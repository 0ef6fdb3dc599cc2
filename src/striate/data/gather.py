"""Many picture files into one array; what cannot be read is left out and named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from striate.data.dataset import Skipped
from striate.data.decode import describe
from striate.data.preprocess import Preprocessing
from striate.errors import DataError

_CHUNK = 32


def gather(
    names: Sequence[str], fetch: Callable[[str], Any], preprocessing: Preprocessing, where: str
) -> tuple[np.ndarray, list[int], list[Skipped], Preprocessing]:
    """Decode the pictures `fetch(name)`: (uint8 (N, H, W, C), which of `names` they are, the skipped, preprocessing).

    Decoding runs in threads, as Pillow lets go of the interpreter lock; the order is that of `names`.  Without an
    image_size all pictures must be of one size, which the returned preprocessing then has.
    """
    _check_memory(len(names), preprocessing, where)
    x: np.ndarray | None = None
    kept: list[int] = []
    skipped: list[Skipped] = []
    for i, pixels in enumerate(_decoded(names, fetch, preprocessing)):
        if isinstance(pixels, str):
            skipped.append(Skipped(names[i], pixels))
            continue
        if x is None:
            preprocessing = replace(preprocessing, image_size=pixels.shape[:2], channels=pixels.shape[2])
            _check_memory(len(names), preprocessing, where)
            x = np.empty((len(names), *pixels.shape), np.uint8)
        elif pixels.shape != x.shape[1:]:
            raise DataError(
                f"{where}: {names[kept[0]]} is {_size(x.shape[1:])}, {names[i]} is {_size(pixels.shape)}, and all must "
                "be alike. Give the size for all, image_size=(224, 224), and channels=3 (or 1 for grey)."
            )
        x[len(kept)] = pixels
        kept.append(i)
    if x is None:
        first = f" The first, {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        raise DataError(f"{where}: none of its {len(names)} files is a readable picture.{first}")
    return x[: len(kept)], kept, skipped, preprocessing


def _decoded(
    names: Sequence[str], fetch: Callable[[str], Any], preprocessing: Preprocessing
) -> Iterator[np.ndarray | str]:
    """The pixels of each picture, or why there are none."""

    def decode(chunk: Sequence[str]) -> list[np.ndarray | str]:
        found: list[np.ndarray | str] = []
        for name in chunk:
            source: Any = name
            try:
                source = fetch(name)
                found.append(preprocessing.pixels(source))
            except DataError as error:
                found.append(str(error).removeprefix(f"{describe(source)}: "))
        return found

    chunks = [names[i : i + _CHUNK] for i in range(0, len(names), _CHUNK)]
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        for results in pool.map(decode, chunks):
            yield from results
    finally:
        pool.shutdown(cancel_futures=True)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _check_memory(count: int, preprocessing: Preprocessing, where: str) -> None:
    if preprocessing.image_size is None or not hasattr(os, "sysconf"):
        return
    needed = count * preprocessing.image_size[0] * preprocessing.image_size[1] * (preprocessing.channels or 3)
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > 0.9 * there:
        raise DataError(
            f"{where}: {count:,} pictures of {_size(preprocessing.image_size)} are {needed / 2**30:.1f} GiB, this "
            f"machine has {there / 2**30:.1f} GiB. Give a smaller image_size or fewer pictures."
        )
