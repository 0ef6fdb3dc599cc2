"""Pictures that are the same to the eye: perceptual hashes, and pairs of close ones found without comparing all pairs."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from striate.errors import ArgumentError

if TYPE_CHECKING:
    from PIL import Image

#: Bits of 64 in which two hashes of one picture may differ.
RADIUS = 11
#: Least correlation of the two small grey pictures, aligned as the hashes say, that counts as the same.
ALIKE = 0.92
#: Grey levels (standard deviation) below which a picture is too plain to be told from others.
PLAIN = 6.0
#: Pictures with so few bits set, or so few not set, get brighter or darker all the way, as out-of-focus backgrounds do.
#: Many of those look alike, so they must agree better, and as a whole.
SIMPLE = 10
ALIKE_SIMPLE = 0.985

_PROMISING = 0.6  # correlation below which moving a view by a little is not tried

_SIDE = 64  # of the small picture from which all hashes are made
_THUMB = 16  # of the one by which candidates are compared
_MARGINS = (0.06, 0.12)  # what the cut-out views leave away of width and height


def _views() -> Iterator[tuple[float, float, float]]:
    """Left, top and extent as parts of the picture: the whole, then views of it three by three at each margin.

    A picture that was cut out of another meets the view nearest to it.
    """
    yield 0.0, 0.0, 1.0
    for margin in _MARGINS:
        for x in (0.0, margin / 2, margin):
            for y in (0.0, margin / 2, margin):
                yield x, y, 1 - margin


_VIEWS = tuple(_views())
_NUDGES = (0.0, -0.02, 0.02)  # of a view's place and extent when a candidate is looked at closely
_BANDS = 4
_PAIRS = 1 << 20  # compared at a time


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is kept of a picture to find its near duplicates: hashes uint64 (20,) and a small grey picture (64, 64).

    The hashes are those of the whole, of 18 views cut out of it, and of its mirror image.
    """

    hashes: np.ndarray
    small: np.ndarray
    whole: np.ndarray  # float32 (16, 16), mean 0 and deviation 1
    plain: bool
    simple: bool


def fingerprint(image: Image.Image) -> Fingerprint:
    """The `Fingerprint` of a picture of mode L or RGB.

    A hash is Krawetz' dHash (2013): a bit for each of 8 x 8 places, set where it is darker than its right neighbour.
    """
    from PIL import Image

    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    views = [grey.resize((9, 8), Image.Resampling.BOX, box=_box(*view)) for view in _VIEWS]
    views.append(grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((9, 8), Image.Resampling.BOX))
    rows = np.stack([np.asarray(view) for view in views])
    bits = np.packbits((rows[:, :, 1:] > rows[:, :, :-1]).reshape(len(views), 64), axis=1)
    values = np.asarray(grey)
    ones = int(np.unpackbits(bits[0]).sum())
    simple = not SIMPLE < ones < 64 - SIMPLE
    hashes = np.ascontiguousarray(bits).view(np.uint64)[:, 0]
    return Fingerprint(hashes, values.copy(), _normal(values, _box(*_VIEWS[0])), float(values.std()) < PLAIN, simple)


def close_pairs(
    queries: np.ndarray, table: np.ndarray, radius: int = RADIUS
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (i, j) of queries[i] and table[j], both uint64, that differ in at most `radius` (0..11) bits, in pieces.

    Multi-index hashing (Norouzi, Punjani & Fleet 2012): of four bands of 16 bits at least one differs in at most
    radius // 4 bits, so each band is looked up as it is and with that many of its bits flipped.  A pair may come more
    than once.
    """
    if not 0 <= radius < 3 * _BANDS:
        raise ArgumentError(f"radius {radius} is outside 0..{3 * _BANDS - 1} bits.")
    flips = [sum(1 << bit for bit in bits) for n in range(radius // _BANDS + 1) for bits in combinations(range(16), n)]
    for band in range(_BANDS):
        own, keys = (((h >> np.uint64(16 * band)) & np.uint64(0xFFFF)).astype(np.int64) for h in (queries, table))
        order = np.argsort(keys, kind="stable")
        starts = np.concatenate(([0], np.cumsum(np.bincount(keys, minlength=1 << 16))))
        for flip in flips:
            left = starts[own ^ flip]
            counts = starts[(own ^ flip) + 1] - left
            for some in _chunks(counts):
                i = np.repeat(np.arange(some.start, some.stop), counts[some])
                within = np.arange(len(i)) - np.repeat(np.cumsum(counts[some]) - counts[some], counts[some])
                j = order[np.repeat(left[some], counts[some]) + within]
                near = distance(queries[i], table[j]) <= radius
                yield i[near], j[near]


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """In how many bits the numbers uint64 (n,) differ: int (n,)."""
    different = np.ascontiguousarray(a ^ b).view(np.uint16).reshape(-1, 4)
    return _bits()[different].sum(axis=1, dtype=np.int64)


@functools.cache
def _bits() -> np.ndarray:
    """How many bits are set in each number of 16 bits: uint8 (65536,)."""
    numbers = np.arange(1 << 16, dtype=np.uint16).view(np.uint8)
    return np.unpackbits(numbers).reshape(-1, 16).sum(axis=1, dtype=np.uint8)


def _chunks(counts: np.ndarray) -> Iterator[slice]:
    """Slices of queries with about ``_PAIRS`` candidates each."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _PAIRS, "right")))
        if ends[stop - 1] > before:
            yield slice(start, stop)
        start = stop


def near_groups(prints: Sequence[Fingerprint], radius: int = RADIUS, alike: float = ALIKE) -> list[list[int]]:
    """Groups of pictures, by their numbers, that look the same directly or through others.

    Found are pictures that were re-encoded, resized, mirrored, made grey or brighter, or of which up to an eighth of width
    and height was cut off.  Plain pictures (``PLAIN``) are left out: there is nothing in them to compare; and
    ``SIMPLE`` ones that were cropped.
    """
    able = np.array([i for i, one in enumerate(prints) if not one.plain], np.int64)
    if len(able) < 2:
        return []
    hashes = np.stack([prints[i].hashes for i in able])
    views = hashes.shape[1]
    seen: set[tuple[int, int, int]] = set()
    joined = _Joined()
    for i, place in close_pairs(np.ascontiguousarray(hashes[:, 0]), hashes.reshape(-1), radius):
        for a, b, view in zip(able[i].tolist(), able[place // views].tolist(), (place % views).tolist(), strict=True):
            simple = prints[a].simple or prints[b].simple
            if (a, b, view) in seen or joined.top(a) == joined.top(b) or (simple and 0 < view < views - 1):
                continue
            seen.add((a, b, view))
            least = max(alike, ALIKE_SIMPLE) if simple else alike
            if correlation(prints[a], prints[b], view, least) >= least:
                joined.join(a, b)
    return joined.groups()


def correlation(a: Fingerprint, b: Fingerprint, view: int, enough: float = 1.0) -> float:
    """Pearson's correlation of the whole of `a` with a view of `b`, both as 16 x 16 grey pictures.

    The view is moved and scaled by a little, as hashes agree before two pictures lie exactly on each other; the best
    of those counts, or the first that is `enough`.
    """
    if view in (0, len(_VIEWS)):
        best = float((a.whole * (b.whole if view == 0 else b.whole[:, ::-1])).mean())
    else:
        best = float((a.whole * _normal(b.small, _box(*_VIEWS[view]))).mean())
    if view == len(_VIEWS) or best < _PROMISING or best >= enough:
        return best
    left, top, extent = _VIEWS[view]
    for wider, right, down in product(_NUDGES, repeat=3):
        side = min(extent + wider, 1.0)
        x, y = (min(max(v, 0.0), 1 - side) for v in (left + right - wider / 2, top + down - wider / 2))
        best = max(best, float((a.whole * _normal(b.small, _box(x, y, side))).mean()))
        if best >= enough:
            break
    return best


def _box(left: float, top: float, extent: float) -> tuple[float, float, float, float]:
    return _SIDE * left, _SIDE * top, min(_SIDE * (left + extent), _SIDE), min(_SIDE * (top + extent), _SIDE)


def _normal(values: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    from PIL import Image

    size = (_THUMB, _THUMB)
    small = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX, box=box), np.float32)
    small = small - small.mean()
    return small / max(float(small.std()), 1e-9)


class _Joined:
    """Union-find over numbers (Galler & Fischer 1964)."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def top(self, i: int) -> int:
        while (above := self._parent.setdefault(i, i)) != i:
            self._parent[i] = self._parent.setdefault(above, above)
            i = above
        return i

    def join(self, i: int, j: int) -> None:
        first, second = sorted((self.top(i), self.top(j)))
        self._parent[second] = first

    def groups(self) -> list[list[int]]:
        """Sorted groups of more than one, in the order of their first numbers."""
        groups: dict[int, list[int]] = {}
        for i in sorted(self._parent):
            groups.setdefault(self.top(i), []).append(i)
        return [group for group in groups.values() if len(group) > 1]
