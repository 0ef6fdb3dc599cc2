"""The heaps of texts in an HDF5 file, checked before HDF5's own library reads them.

The library follows an entry of a damaged heap that has no length for ever, and nothing can interrupt it; and it takes as
much memory as a reference to an entry says, before it looks how long that is.  Source of the layout: "HDF5 File Format
Specification", III.E, "Disk Format: Level 1E - Global Heap", VI.B, "Variable-length", and IV.A.2, "The Datatype Message"
and "The Attribute Message".
"""

from __future__ import annotations

import mmap
import struct

_START = b"GCOL\x01\x00\x00\x00"
_HEAD = 16  # bytes of the head of a heap, and of that of each of its entries
_SEARCHED = 1 << 30  # bytes: beyond it, in large files with many heaps, references are not looked for
# A kind of texts of any length, from its fourth byte on: 16 bytes each, of bytes.
_TEXTS = b"\x00\x10\x00\x00\x00\x10\x00\x00\x00\x01\x00\x00\x00"
_ANY_LENGTH = 9  # the class of such a kind
_KIND = 20  # bytes of it; in the first version of attributes all is filled up to eights


def heaps_are_whole(content: memoryview) -> bool:
    """Whether every entry of every heap ends within its heap, the next one begins after it, and no reference to one is to
    more than the file has.

    content   the bytes of the file
    """
    data = content.obj  # has find, which a memoryview has not
    if not isinstance(data, bytes | mmap.mmap):
        data = bytes(content)
    heaps, at = {}, data.find(_START)
    while at >= 0:
        entries = _entries(data, at)
        if entries is None:
            return False
        heaps[at] = entries
        at = data.find(_START, at + _HEAD)
    searched = list(heaps.items())[: max(1, _SEARCHED // max(1, len(data)))]
    return _texts_fit(data) and all(_referred(data, at, entries) for at, entries in searched)


def _texts_fit(data: mmap.mmap | bytes) -> bool:
    """Whether no attribute tells of a text that is longer than the file, wherever it says that the text lies."""
    at = data.find(_TEXTS)
    while at >= 0:
        if data[at - 3] % 16 == _ANY_LENGTH and _length(data, at - 3) > len(data):
            return False
        at = data.find(_TEXTS, at + 1)
    return True


def _length(data: mmap.mmap | bytes, at: int) -> int:
    """Of the text of an attribute whose kind stands at a place; 0 where no single text follows."""
    for space, size in ((_KIND, 4), (_KIND, 8), (_KIND + 4, 8)):  # of version 2 of a space, and of version 1
        start = at + space
        scalar = bytes([2 if size == 4 else 1]) + bytes(size - 1)
        if data[start : start + size] == scalar and start + size + 4 <= len(data):
            return int(struct.unpack_from("<I", data, start + size)[0])
    return 0


def _referred(data: mmap.mmap | bytes, heap: int, entries: set[int]) -> bool:
    """Whether all references to a heap's entries are to no more than the file has: (length, address of the heap, number).

    They begin at a multiple of eight in files as Keras and h5py write them; elsewhere the same bytes may be other things.
    """
    address = struct.pack("<Q", heap)
    at = data.find(address, 4)
    while 0 <= at <= len(data) - 12:
        length, number = struct.unpack_from("<I", data, at - 4)[0], struct.unpack_from("<I", data, at + 8)[0]
        if at % 8 == 4 and length > len(data) and number in entries:
            return False
        at = data.find(address, at + 1)
    return True


def _entries(data: mmap.mmap | bytes, at: int) -> set[int] | None:
    """The numbers of a heap's entries; None where one ends beyond it."""
    if at + _HEAD > len(data):
        return None
    end = at + int(struct.unpack_from("<Q", data, at + 8)[0])
    if end > len(data):
        return None
    at += _HEAD
    found: set[int] = set()
    while end - at >= _HEAD:
        number, size = struct.unpack_from("<H6xQ", data, at)
        if number == 0 and int(size) < _HEAD:
            return None
        if number:
            found.add(number)
        # free space counts its head; the library goes on behind it, wherever the heap says that it ends
        at += _HEAD + -(-int(size) // 8) * 8 if number else int(size)
        if at > end:
            return None
    return found
