"""A look at one file of a data set, and at all of them in threads: what is wrong with it, and by what it is compared."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from striate.data.checks.duplicates import Fingerprint, fingerprint
from striate.data.pictures.decode import depth_and_pages, header, picture
from striate.data.pictures.formats import EXTENSIONS, HEAD, TGA, format_of, whole
from striate.data.pictures.tiff import DARK
from striate.data.pictures.upright import Turn
from striate.data.readers.label_maps import MaskFacts, mask_of
from striate.data.readers.survey import Item, Survey
from striate.doors.reading import opened
from striate.errors import DataError, without_name
from striate.wording import inner

_CHUNK = 16


@dataclass
class Seen:
    """What one file told.

    problems      (kind, detail) of findings
    size          (W, H) of the upright picture, where it could be read
    file, pixels  fingerprints of the bytes and of the picture
    fingerprint   by which pictures that look the same are told
    mask          what decides on how its mask is read
    turn          by which the picture comes upright, where it has boxes
    fits          a reader keeps the picture
    prepared      the picture as a model wants it, where that is asked for
    """

    item: Item
    problems: list[tuple[str, str]] = field(default_factory=list)
    size: tuple[int, int] | None = None
    file: bytes = b""
    pixels: bytes = b""
    fingerprint: Fingerprint | None = None
    mask: MaskFacts | None = None
    turn: Turn = field(default_factory=Turn)
    fits: bool = True
    prepared: np.ndarray | None = None

    def look_at_mask(self) -> None:
        """Take in the values of the mask, and what is wrong with it."""
        mask, _, kind, reason = mask_of(self.item)
        self.mask = None if mask is None else mask.facts
        self.fits = not reason
        if kind:
            self.problems.append((kind, reason))


#: Makes of a file and its picture what a model wants, or None where that is not needed.
Prepare = Callable[[Seen, Any], "np.ndarray | None"]


def look_at_all(survey: Survey, near: bool, prepare: Prepare | None) -> Iterator[Seen]:
    """Look at every file, in threads; in the order of the items, with only a few waiting in memory."""

    def several(items: Sequence[Item]) -> list[Seen]:
        return [_look_at(item, survey.read, near, prepare) for item in items]

    chunks = iter([survey.items[i : i + _CHUNK] for i in range(0, len(survey.items), _CHUNK)])
    workers = min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers)
    try:
        waiting = [pool.submit(several, chunk) for chunk in islice(chunks, 2 * workers)]
        while waiting:
            yield from waiting.pop(0).result()
            waiting += [pool.submit(several, chunk) for chunk in islice(chunks, 1)]
    finally:
        pool.shutdown(cancel_futures=True)


def _look_at(item: Item, read: Callable[[str], bytes], near: bool, prepare: Prepare | None) -> Seen:
    seen = Seen(item)
    if item.mask is not None:
        seen.look_at_mask()
    try:
        data = read(item.name)
    except DataError as error:
        reason = without_name(error, item.name)
        seen.problems.append(("too-large" if "the limit is" in reason else "unreadable", reason))
        return seen
    if not data:
        seen.problems.append(("empty-file", "0 bytes"))
        return seen
    kind = format_of(data[:HEAD])
    try:
        image = picture(data)
    except DataError as error:
        reason = without_name(error, f"picture of {len(data):,} bytes")
        seen.problems.append((_kind_of_fault(data, kind, reason), reason))
        return seen
    seen.size = image.size
    seen.file = hashlib.blake2b(data, digest_size=16).digest()
    pixels = np.asarray(image)
    told = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    told.update(np.ascontiguousarray(pixels).data)
    seen.pixels = told.digest()
    if not whole(data):
        seen.problems.append(("truncated", "the end is missing, though it can be decoded"))
    bits, pages = depth_and_pages(data)
    if pages > 1:
        seen.problems.append(("pages", f"{pages:,} pages or frames, the first is read"))
    if bits == 16 and 0 < pixels.max() <= DARK:
        seen.problems.append(("dark", f"16 bits a value, the largest is {pixels.max() / 255:.1%} of white"))
    suffix = os.path.splitext(item.name)[1].lower()
    if kind is not None and suffix not in EXTENSIONS[kind]:
        seen.problems.append(("wrong-extension", f"is {kind}, the name says {suffix or 'nothing'}"))
    if pixels.size > 3 and all(low == high for low, high in _extremes(image)):
        seen.problems.append(("plain", f"every pixel is {', '.join(map(str, pixels[0, 0]))}"))
    elif near:
        seen.fingerprint = fingerprint(image)
    if item.marks:
        seen.turn = header(item.name)[1]
    if prepare is not None:
        seen.prepared = prepare(seen, image)
    return seen


def _extremes(image: Any) -> Sequence[tuple[int, int]]:
    """The lowest and the highest value of each channel."""
    found = image.getextrema()
    return found if isinstance(found[0], tuple) else [found]


def _kind_of_fault(data: bytes, kind: str | None, reason: str) -> str:
    if "the limit is" in reason:
        return "too-large"
    if kind is None:
        return "not-a-picture"
    return "truncated" if not whole(data) or "truncated" in reason else "broken"


def at_a_glance(name: str) -> tuple[str, str]:
    """(kind, detail) of what a file's size and first bytes give away, or ("", "")."""
    try:
        with opened(name) as file:
            head = file.read(HEAD)
    except DataError as error:
        return "unreadable", inner(without_name(error, name))
    if not head:
        return "empty-file", "0 bytes"
    if format_of(head) is None and not name.lower().endswith(TGA):
        return "not-a-picture", f"starts with {head[:8]!r}"
    return "", ""
