"""Whether a JPEG 2000 file has every bit of what was saved: read off its packet headers (ITU-T T.800, annexes A and B).

Wavelets of whole numbers, 5-3, lose nothing, unless the encoder leaves the lowest bits of some blocks out to keep the file
small.  The headers say of every block how many bit planes it has and how many passes over them are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

_SIZ, _COD, _QCD, _SOT, _SOD, _EOC = 0xFF51, 0xFF52, 0xFF5C, 0xFF90, 0xFF93, 0xFFD9
_ELSEWHERE = {0xFF53, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61}  # COC, QCC, RGN, POC, PPM, PPT: other rules for a part
_MOST = 1 << 18  # blocks and packets that are looked at; a file that promises more is not followed


def loses_bits(data: bytes) -> bool | None:
    """Whether some block of a file lacks passes over its bit planes; None for what is not followed.

    data    the file, or the codestream alone

    A block that was left out altogether looks like one that is 0 throughout, and lacks nothing.
    """
    try:
        return _loses(data)
    except (IndexError, _UnfollowedError):
        return None


class _UnfollowedError(Exception):
    """Something that is not followed here."""


class _Coding(NamedTuple):
    """What COD and QCD say.

    precincts   log2 of their sides, by resolution
    order       of the packets (table A.16); layers: how many
    levels      of the wavelets; whole: whether these are of whole numbers
    block       log2 of a block's sides; code: how its passes are cut into segments (table A.19)
    bits        planes of each subband, from the smallest on
    """

    precincts: list[tuple[int, int]]
    order: int
    layers: int
    levels: int
    block: tuple[int, int]
    code: int
    whole: bool
    bits: list[int]


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")


def _loses(data: bytes) -> bool | None:
    at = data.find(b"\xff\x4f\xff\x51") + 2
    if at < 2:
        return None
    segments: dict[int, int] = {}
    while (marker := _number(data, at, 2)) != _SOT:
        if marker in _ELSEWHERE:
            return None
        segments[marker] = at + 4
        at += 2 + _number(data, at + 2, 2)
    if not {_SIZ, _COD, _QCD} <= segments.keys():
        return None
    style = _style(data, segments[_COD], segments[_QCD])
    if not style.whole:
        return True
    left = _MOST
    for number, body in _tiles(data, at).items():
        tile = _Tile(data, segments[_SIZ], number, style, left)
        left -= tile.blocks
        if tile.read(body):
            return True
    return False


def _style(data: bytes, cod: int, qcd: int) -> _Coding:
    levels, own = data[cod + 5], data[cod] & 1
    sizes = [data[cod + 10 + r] if own else 0xFF for r in range(levels + 1)]
    guard, count = data[qcd] >> 5, 3 * levels + 1
    whole = data[cod + 9] == 1 and data[qcd] & 31 == 0
    return _Coding(
        precincts=[(size & 15, size >> 4) for size in sizes],
        order=data[cod + 1],
        layers=_number(data, cod + 2, 2),
        levels=levels,
        block=(data[cod + 6] + 2, data[cod + 7] + 2),
        code=data[cod + 8],
        whole=whole,
        bits=[guard + (data[qcd + 1 + i] >> 3) - 1 for i in range(count)] if whole else [],
    )


def _tiles(data: bytes, at: int) -> dict[int, bytes]:
    """What follows the headers of each tile, its parts put together."""
    found: dict[int, bytes] = {}
    while at + 12 <= len(data) and _number(data, at, 2) == _SOT:
        number, length = _number(data, at + 4, 2), _number(data, at + 6, 4)
        end = at + length if length else len(data) - 2
        inside = at + 12
        while (marker := _number(data, inside, 2)) != _SOD:
            if marker in _ELSEWHERE | {_COD, _QCD}:
                raise _UnfollowedError
            inside += 2 + _number(data, inside + 2, 2)
        found[number] = found.get(number, b"") + data[inside + 2 : end]
        at = max(end, inside + 2)
    return found


class _Bits:
    """Bits of a packet's header: after a byte of ones the next byte has seven."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at, self.left, self.held = data, at, 0, 0

    def bit(self) -> int:
        if not self.left:
            self.left = 7 if self.held == 0xFF else 8
            self.held = self.data[self.at]
            self.at += 1
        self.left -= 1
        return self.held >> self.left & 1

    def number(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = 2 * value + self.bit()
        return value

    def end(self) -> int:
        """Where the header ends."""
        return self.at + (self.held == 0xFF)


class _Tree:
    """A tag tree (B.10.2): a number for each cell of a grid, each of a level the least of up to four below it."""

    def __init__(self, wide: int, high: int) -> None:
        self.sizes = [(wide, high)]
        while wide * high > 1:
            wide, high = (wide + 1) // 2, (high + 1) // 2
            self.sizes.append((wide, high))
        self.low: dict[tuple[int, int, int], int] = {}
        self.known: set[tuple[int, int, int]] = set()

    def reaches(self, bits: _Bits, x: int, y: int, limit: int) -> bool:
        """Whether the number of a cell is below a limit, by as many bits as it takes."""
        low = 0
        for level in range(len(self.sizes) - 1, -1, -1):
            node = level, x >> level, y >> level
            low = max(low, self.low.get(node, 0))
            while low < limit and node not in self.known:
                if bits.bit():
                    self.known.add(node)
                else:
                    low += 1
            self.low[node] = low
        return node in self.known and low < limit

    def value(self, bits: _Bits, x: int, y: int) -> int:
        """The number of a cell."""
        limit = 1
        while not self.reaches(bits, x, y, limit):
            limit += 1
            if limit > 80:  # more planes than any file has
                raise _UnfollowedError
        return self.low[0, x, y]


@dataclass(slots=True)
class _CodeBlock:
    """A code-block: bit planes that are 0 throughout, passes so far, bits of a length, passes of each segment."""

    zero: int = -1  # not there yet
    passes: int = 0
    length: int = 3
    segments: list[list[int]] = field(default_factory=list)  # [passes, the most that it may have]


class _Band:
    """The blocks of a precinct in a subband: a grid of them, with trees for when they come and for their zero planes."""

    def __init__(self, wide: int, high: int, planes: int) -> None:
        self.wide, self.high, self.planes = wide, high, planes
        self.coming, self.zeros = _Tree(wide, high), _Tree(wide, high)
        self.blocks = [_CodeBlock() for _ in range(wide * high)]

    def lacks(self) -> bool:
        """Whether a block that is there lacks passes: three of each plane but for the first, which has one."""
        return any(one.zero >= 0 and one.passes < 3 * (self.planes - one.zero) - 2 for one in self.blocks)


def _up(number: int, by: int) -> int:
    return -(-number // by)


class _Tile:
    """A tile: its packets in their order.

    data    the file; siz: where its SIZ is
    number  of the tile
    left    how many blocks may be looked at
    """

    def __init__(self, data: bytes, siz: int, number: int, style: _Coding, left: int) -> None:
        self.style, self.blocks, self.left = style, 0, left
        x1, y1, x0, y0, wide, high, tx, ty = (_number(data, siz + 2 + 4 * i, 4) for i in range(8))
        if not wide or not high:
            raise _UnfollowedError
        columns = _up(x1 - tx, wide)
        p, q = number % max(columns, 1), number // max(columns, 1)
        self.start = max(tx + p * wide, x0), max(ty + q * high, y0)
        end = min(tx + (p + 1) * wide, x1), min(ty + (q + 1) * high, y1)
        self.packets: list[tuple[tuple[int, ...], list[_Band]]] = []
        for c in range(_number(data, siz + 34, 2)):
            steps = data[siz + 37 + 3 * c], data[siz + 38 + 3 * c]
            if 0 in steps:
                raise _UnfollowedError
            area = [(_up(a, s), _up(b, s)) for a, b, s in zip(self.start, end, steps, strict=True)]
            for r in range(style.levels + 1):
                self._resolution(c, r, area, steps)
        self.packets.sort(key=lambda packet: packet[0])

    def _resolution(self, c: int, r: int, area: list[tuple[int, int]], steps: tuple[int, int]) -> None:
        style, down = self.style, self.style.levels - r
        sides = [(_up(a, 1 << down), _up(b, 1 << down)) for a, b in area]
        if any(a >= b for a, b in sides):
            return
        sizes = style.precincts[r]
        first = [a >> size for (a, _), size in zip(sides, sizes, strict=True)]
        counts = [_up(b, 1 << size) - one for (_, b), size, one in zip(sides, sizes, first, strict=True)]
        for k, (row, column) in enumerate(self._counted(counts[1], counts[0])):
            at = [one + more for one, more in zip(first, (column, row), strict=True)]
            bands = list(self._bands(r, area, at))
            x, y = (
                max(start, (i << size + down) * step)
                for start, i, size, step in zip(self.start, at, sizes, steps, strict=True)
            )
            for layer in range(style.layers):
                self._counts()
                order = [
                    (layer, r, c, k),
                    (r, layer, c, k),
                    (r, y, x, c, k, layer),
                    (y, x, c, r, k, layer),
                    (c, y, x, r, k, layer),
                ]
                self.packets.append((order[style.order], bands))

    def _counted(self, high: int, wide: int) -> Iterator[tuple[int, int]]:
        self._counts(high * wide)
        return product(range(high), range(wide))

    def _counts(self, more: int = 1) -> None:
        self.blocks += more
        if self.blocks > self.left:
            raise _UnfollowedError

    def _bands(self, r: int, area: list[tuple[int, int]], at: list[int]) -> Iterator[_Band]:
        """The subbands of a precinct: of the smallest resolution one, of each other three."""
        style, half = self.style, int(r > 0)
        level = style.levels - r + half
        sizes = [size - half for size in style.precincts[r]]
        if min(sizes) < 0:
            raise _UnfollowedError
        for i, shift in enumerate(((0, 0),) if not r else ((1, 0), (0, 1), (1, 1))):
            grid = []
            for (a, b), odd, size, place, block in zip(area, shift, sizes, at, style.block, strict=True):
                moved = odd << level >> 1
                low = max(_up(a - moved, 1 << level), place << size)
                high = min(_up(b - moved, 1 << level), (place + 1) << size)
                cell = min(block, size)
                grid.append(_up(high, 1 << cell) - (low >> cell) if high > low else 0)
            self._counts(grid[0] * grid[1])
            if grid[0] * grid[1]:
                yield _Band(grid[0], grid[1], style.bits[3 * (r - 1) + 1 + i if r else 0])

    def read(self, body: bytes) -> bool:
        """Whether a block lacks passes once all packets that are there have been read."""
        at, layer_of = 0, (0, 1, 5, 5, 5)[self.style.order]  # where the order has the layer
        for order, bands in self.packets:
            if at >= len(body):
                break
            at = self._packet(body, at, order[layer_of], bands)
        return any(band.lacks() for _, bands in self.packets for band in bands)

    def _packet(self, body: bytes, at: int, layer: int, bands: list[_Band]) -> int:
        if body[at : at + 2] == b"\xff\x91":  # SOP
            at += 6
        bits = _Bits(body, at)
        size = 0
        if bits.bit():
            for band in bands:
                for place, block in enumerate(band.blocks):
                    size += self._block(bits, band, block, place % band.wide, place // band.wide, layer)
        at = bits.end()
        if body[at : at + 2] == b"\xff\x92":  # EPH
            at += 2
        return at + size

    def _block(self, bits: _Bits, band: _Band, block: _CodeBlock, x: int, y: int, layer: int) -> int:
        """Read what a packet says of a block; the bytes that it has in the packet."""
        if block.zero < 0:
            if not band.coming.reaches(bits, x, y, layer + 1):
                return 0
            block.zero = band.zeros.value(bits, x, y)
        elif not bits.bit():
            return 0
        passes = _passes(bits)
        block.passes += passes
        while bits.bit():
            block.length += 1
        size = 0
        while passes:
            if not block.segments or block.segments[-1][0] == block.segments[-1][1]:
                block.segments.append([0, self._most(block.segments)])
            segment = block.segments[-1]
            some = min(passes, segment[1] - segment[0])
            size += bits.number(block.length + some.bit_length() - 1)
            segment[0] += some
            passes -= some
        return size

    def _most(self, before: list[list[int]]) -> int:
        """How many passes the next segment of a block may have (D.4, D.6): all, or as its style ends them."""
        if self.style.code & 4:
            return 1
        if not self.style.code & 1:
            return 1 << 30
        return 10 if not before else 2 if before[-1][1] in (1, 10) else 1


def _passes(bits: _Bits) -> int:
    """How many passes are new (table B.4)."""
    for count, start, most in ((1, 1, 1), (1, 2, 1), (2, 3, 3), (5, 6, 31)):
        value = bits.number(count)
        if value < most:
            return start + value
    return 37 + bits.number(7)
