"""TensorFlow's checkpoints, written without TensorFlow and without what striate reads them with.

``tests/test_weights_tensorflow.py`` holds these writers against files that TensorFlow 2.15 itself wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}
MAGIC = 0xDB4775248B80FB57


def _after(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


AFTER = [_after(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    """Byte by byte, and then as LevelDB keeps it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ AFTER[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def shape(sizes: Iterable[int]) -> bytes:
    return b"".join(text(2, number(1, size)) for size in sizes)


def literal(data: bytes) -> bytes:
    """Snappy, as one piece that is given; and one that is copied, where the data repeat themselves at the end."""
    half = len(data) // 2
    if len(data) > 8 and data[:half] == data[half:] and half <= 60:
        return (
            varint(len(data))
            + bytes([half - 1 << 2])
            + data[:half]
            + bytes([half - 1 << 2 | 2])
            + half.to_bytes(2, "little")
        )
    size = len(data) - 1
    return varint(len(data)) + bytes([62 << 2]) + size.to_bytes(3, "little") + data


def block(rows: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Keys shortened by what they share with the one before, each sixteenth whole."""
    out, restarts, last = bytearray(), [], b""
    for i, (key, value) in enumerate(rows):
        shared = 0
        if i % 16 == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    marks = restarts or [0]
    return bytes(out) + b"".join(mark.to_bytes(4, "little") for mark in [*marks, len(marks)])


def table(rows: Mapping[bytes, bytes], *, squeezed: bool = False, per_block: int = 1000) -> bytes:
    out, index = bytearray(), []

    def put(content: bytes) -> bytes:
        kind, packed = (1, literal(content)) if squeezed else (0, content)
        handle = varint(len(out)) + varint(len(packed))
        tail = packed + bytes([kind])
        out.extend(tail + crc32c(tail).to_bytes(4, "little"))
        return handle

    listed = sorted(rows.items())
    for i in range(0, len(listed), per_block):
        part = listed[i : i + per_block]
        index.append((part[-1][0], put(block(part))))
    other = put(block([]))
    footer = other + put(block(index))
    return bytes(out) + footer.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def write_v1(path: Path, arrays: Mapping[str, np.ndarray], *, cut: int = 1, **how: object) -> None:
    """One file; each array in so many pieces along its first axis."""
    metas, rows = b"", {}
    for name, array in arrays.items():
        kind = TYPES[str(array.dtype)]
        pieces = np.array_split(array, cut) if array.ndim and len(array) >= cut else [array]
        extents, start = [], 0
        for piece in pieces:
            whole = text(1, b"") * (array.ndim - 1)
            part = b"" if len(pieces) == 1 else (number(1, start) if start else b"") + number(2, len(piece))
            extents.append(text(1, part) + whole if array.ndim else b"")
            start += len(piece) if array.ndim else 0
        metas += text(
            1, text(1, name) + text(2, shape(array.shape)) + number(3, kind) + b"".join(text(4, e) for e in extents)
        )
        for i, (piece, extent) in enumerate(zip(pieces, extents, strict=True)):
            field = {1: 5, 2: 6}.get(kind, 10 if kind == 9 else 7)
            held = piece.tobytes() if field in (5, 6) else b"".join(varint(int(v)) for v in piece.reshape(-1))
            tensor = number(1, kind) + text(field, held)
            rows[b"\0" + name.encode() + bytes([0, 1, i])] = text(2, text(1, name) + text(2, extent) + text(3, tensor))
    rows[b""] = text(1, metas)
    path.write_bytes(table(rows, **how))


def write_v2(prefix: Path, arrays: Mapping[str, np.ndarray], *, shards: int = 1, **how: object) -> None:
    """An index and data files."""
    rows = {b"": number(1, shards) + text(3, number(1, 1))}
    data = [bytearray() for _ in range(shards)]
    for i, name in enumerate(sorted(arrays)):
        array, shard = arrays[name], i % shards
        held = array.tobytes()
        entry = number(1, TYPES[str(array.dtype)]) + text(2, shape(array.shape))
        entry += (number(3, shard) if shard else b"") + (number(4, len(data[shard])) if data[shard] else b"")
        entry += number(5, len(held)) + bytes([6 << 3 | 5]) + crc32c(held).to_bytes(4, "little")
        rows[name.encode()] = entry
        data[shard] += held
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(rows, **how))
    for i, content in enumerate(data):
        prefix.with_name(f"{prefix.name}.data-{i:05d}-of-{shards:05d}").write_bytes(content)
