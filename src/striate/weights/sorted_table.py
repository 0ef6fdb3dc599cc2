"""Sorted tables of names and values, as LevelDB writes them and TensorFlow keeps its checkpoints in.

A file is blocks, one of them an index of the others, and a footer of 48 bytes that says where the index is.  In a block each
entry says how much of its key is that of the one before.  After each block stand a byte, 1 where it is squeezed by
Snappy, and a checksum.  Everything is held against the file's size before it is followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from striate.weights.crc32c import masked_crc32c

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
FOOTER = 48
_TRAILER = 5  # kind and checksum
_LONGEST_KEY = 4096
_MOST_SQUEEZED = 64  # Snappy makes at most 64 bytes of two


class TableError(Exception):
    """Bytes that are no whole sorted table; the text says why."""


def entries(data: memoryview, check: bool = True) -> Iterator[tuple[bytes, Any]]:
    """The keys, rising, and values of a table.  Raises TableError where the bytes are damaged.

    data    all of the file
    check   hold each block against its checksum
    """
    if len(data) < FOOTER or bytes(data[-8:]) != MAGIC:
        raise TableError("its last bytes are not those of a table")
    footer = data[-FOOTER:]
    _, place = _handle(footer, 0)
    (start, size), _ = _handle(footer, place)
    end, last = 0, None
    for _, handle in _block(data, start, size, check):
        (start, size), _ = _handle(handle, 0)
        if start < end:
            raise TableError("its blocks overlap")
        end = start + size + _TRAILER
        for key, value in _block(data, start, size, check):
            if last is not None and key <= last:
                raise TableError("its keys do not rise")
            last = key
            yield key, value


def varint(data: Any, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place after it.  Raises TableError at the end of the data.

    data    bytes
    place   of its first byte
    """
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise TableError("a number runs over the end")
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _handle(data: Any, place: int) -> tuple[tuple[int, int], int]:
    start, place = varint(data, place)
    size, place = varint(data, place)
    return (start, size), place


def _block(data: memoryview, start: int, size: int, check: bool) -> Iterator[tuple[bytes, Any]]:
    end = start + size
    if end + _TRAILER > len(data) - FOOTER or size < 4:
        raise TableError("a block lies beyond the end")
    if check and masked_crc32c(data[start : end + 1]) != int.from_bytes(data[end + 1 : end + _TRAILER], "little"):
        raise TableError("a checksum differs")
    block: Any = data[start:end]
    if data[end] == 1:
        block = memoryview(unsqueezed(block))
    elif data[end] != 0:
        raise TableError(f"a block is packed in an unknown way, {data[end]}")
    restarts = int.from_bytes(block[-4:], "little")
    stop = len(block) - 4 - 4 * restarts
    if stop < 0:
        raise TableError("a block has no room for its marks")
    key, place = b"", 0
    while place < stop:
        shared, place = varint(block, place)
        own, place = varint(block, place)
        length, place = varint(block, place)
        if shared > len(key) or place + own + length > stop or shared + own > _LONGEST_KEY:
            raise TableError("an entry runs over the end")
        key = key[:shared] + bytes(block[place : place + own])
        place += own + length
        yield key, block[place - length : place]


def unsqueezed(data: Any) -> bytearray:
    """What Snappy squeezed: a length, then pieces that are given or copied from what is already there.

    data    bytes

    Raises TableError for anything else, before memory is asked for that no such bytes can fill.
    """
    length, place = varint(data, 0)
    if length > _MOST_SQUEEZED * len(data):
        raise TableError("a squeezed block is larger than it can be")
    out, done = bytearray(length), 0
    while place < len(data):
        tag = data[place]
        place += 1
        kind, size = tag & 3, (tag >> 2) + 1
        if kind == 0:
            if size > 60:
                more = size - 60
                size = int.from_bytes(data[place : place + more], "little") + 1
                place += more
            if place + size > len(data) or done + size > length:
                raise TableError("a squeezed block is not whole")
            out[done : done + size] = data[place : place + size]
            place, done = place + size, done + size
            continue
        if kind == 1:
            size, extra, upper = (tag >> 2 & 7) + 4, 1, tag >> 5 << 8
        else:
            extra, upper = 2 if kind == 2 else 4, 0
        back = upper | int.from_bytes(data[place : place + extra], "little")
        place += extra
        if place > len(data) or not 0 < back <= done or done + size > length:
            raise TableError("a squeezed block is not whole")
        piece = out[done - back : min(done, done - back + size)]
        out[done : done + size] = (piece * (size // len(piece) + 1))[:size]
        done += size
    if done != length:
        raise TableError("a squeezed block is not whole")
    return out
