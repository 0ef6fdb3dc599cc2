"""The heaps of texts in an HDF5 file, checked before HDF5's own library reads them.

The library follows an entry of a damaged heap that has no length for ever, and nothing can interrupt it.  Source of the
layout: "HDF5 File Format Specification", III.E, "Disk Format: Level 1E - Global Heap".
"""

from __future__ import annotations

import mmap
import struct

_START = b"GCOL\x01\x00\x00\x00"
_HEAD = 16  # bytes of the head of a heap, and of that of each of its entries


def heaps_are_whole(content: memoryview) -> bool:
    """Whether every entry of every heap ends within its heap, and the next one begins after it.

    content   the bytes of the file
    """
    data = content.obj  # has find, which a memoryview has not
    if not isinstance(data, bytes | mmap.mmap):
        data = bytes(content)
    at = data.find(_START)
    while at >= 0:
        if not _is_whole(data, at):
            return False
        at = data.find(_START, at + _HEAD)
    return True


def _is_whole(data: mmap.mmap | bytes, at: int) -> bool:
    if at + _HEAD > len(data):
        return False
    end = at + int(struct.unpack_from("<Q", data, at + 8)[0])
    if end > len(data):
        return False
    at += _HEAD
    while end - at >= _HEAD:
        number, size = struct.unpack_from("<H6xQ", data, at)
        if number == 0:  # the free rest, whose size counts its head
            return int(size) >= _HEAD and at + int(size) <= end
        at += _HEAD + -(-int(size) // 8) * 8
        if at > end:
            return False
    return True
