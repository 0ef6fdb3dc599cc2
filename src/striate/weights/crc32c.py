"""The checksum of TensorFlow's files: CRC-32C (Castagnoli), turned and shifted as they keep it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78  # bits reversed
_LANES = 4096  # stretches of the data that are summed side by side
_MASK = 0xA282EAD8  # table/format.cc of LevelDB: a sum of data that hold sums is a poor sum, so it is kept altered


def masked_crc32c(data: Any) -> int:
    """The checksum of bytes, as TensorFlow keeps it.

    data    bytes, or anything with their buffer

    The sum is linear in the bits: stretches are summed side by side, four bytes of each at a time, and joined by the
    tables that move a sum past so many zeros.
    """
    given = np.frombuffer(data, np.uint8)
    lanes = _LANES if len(given) >= 64 * _LANES else 1
    words = -(-len(given) // (4 * lanes))
    padded = np.zeros(lanes * words * 4, np.uint8)  # zeros in front change no sum that begins with 0
    padded[len(padded) - len(given) :] = given
    sums = _stretches(np.ascontiguousarray(padded.view("<u4").reshape(lanes, words).T))
    shift = _zeros(4 * words)
    while len(sums) > 1:
        sums = _moved(shift, sums[0::2]) ^ sums[1::2]
        shift = _squared(shift)
    start = _moved(_zeros(len(given)), np.array([0xFFFFFFFF], np.uint32))
    crc = int((sums ^ start)[0]) ^ 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


def _stretches(rows: np.ndarray) -> np.ndarray:
    """The sums of the columns of (words, lanes), begun with 0."""
    low, high = _halves()
    sums = np.zeros(rows.shape[1], np.uint32)
    if rows.shape[1] == 1:
        one = 0
        for word in rows[:, 0].tolist():
            one ^= word
            one = int(low[one & 0xFFFF]) ^ int(high[one >> 16])
        sums[0] = one
        return sums
    for row in rows:
        sums ^= row
        sums = low.take(sums & 0xFFFF) ^ high.take(sums >> 16)
    return sums


@lru_cache
def _halves() -> tuple[np.ndarray, np.ndarray]:
    """Where the lower and the upper half of a sum are after four bytes of zeros."""
    past, halves = _zeros(4), np.arange(1 << 16, dtype=np.uint32)
    return _moved(past, halves), _moved(past, halves << np.uint32(16))


@lru_cache
def _table() -> np.ndarray:
    """What each value of a byte adds."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


# A linear map of sums: four tables, one for each byte of a sum, (4, 256).
def _map(columns: np.ndarray) -> np.ndarray:
    """The tables of the map that sends bit i to columns[i]."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    parts = np.where(bits[None, :, :] == 1, columns.reshape(4, 1, 8), 0).astype(np.uint32)
    return np.bitwise_xor.reduce(parts, axis=2)


def _moved(tables: np.ndarray, sums: np.ndarray) -> np.ndarray:
    result = np.zeros_like(sums)
    for i in range(4):
        result ^= tables[i, (sums >> np.uint32(8 * i)) & 255]
    return result


_BITS = np.uint32(1) << np.arange(32, dtype=np.uint32)


def _squared(tables: np.ndarray) -> np.ndarray:
    return _map(_moved(tables, _moved(tables, _BITS)))


@lru_cache(maxsize=64)
def _zeros(count: int) -> np.ndarray:
    """The map that moves a sum past so many bytes of zeros."""
    table = _table()
    power, result = _map(table[_BITS & 255] ^ (_BITS >> np.uint32(8))), _map(_BITS)
    while count:
        if count & 1:
            result = _map(_moved(power, _moved(result, _BITS)))
        power, count = _squared(power), count >> 1
    return result
