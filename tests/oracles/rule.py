"""The rule that fills a network's parameters and makes its input, in NumPy alone.

Every array comes from ``np.random.RandomState`` seeded by the CRC-32 of its name; NumPy keeps those streams frozen.  With u
from uniform(-1, 1), in C order of the library's own layout:

    kernel                 u * sqrt(6 / fan_in): keeps the second moment through ReLU (He et al. 2015, "Delving deep")
    gamma                  1 + 0.5 u, and each 13th four times that, so that a ReLU6 has something to cap
    bias, beta             0.1 u
    mean                   0.1 u * 2**exponent
    variance               (1 + 0.5 u) * 4**exponent
    counter                0

A batch norm that divides by about one would let a plain net of 80 layers die or a residual net of 50 blocks explode.  So its
statistics are scaled by a power of two: `exponent` is the rounded binary logarithm of the root mean square of what
flowed into it when the answers were made, and is stored with them.
"""

from __future__ import annotations

from math import prod, sqrt
from zlib import crc32

import numpy as np

# Longer arrays repeat this many numbers; a prime, so that no two rows of a kernel are alike.
PERIOD = 65537

# Axes of a kernel that one output number sums over: torch's (out, in / groups, ...), Keras' (..., in, out) and, depthwise,
# (height, width, in, 1).
FAN_IN = {"kernel": slice(1, None), "kernel_last": slice(None, -1), "depthwise_last": slice(None, 2)}


def _uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.random.RandomState(crc32(name.encode())).uniform(-1, 1, min(PERIOD, prod(shape)))
    return np.resize(numbers.astype(np.float32), shape)


def fill(name: str, shape: tuple[int, ...], role: str, exponent: int = 0) -> np.ndarray:
    """The parameter of that name: float32 of `shape`; int64 for a counter."""
    if role == "counter":
        return np.zeros(shape, np.int64)
    u = _uniform(name, shape)
    if role in FAN_IN:
        return u * np.float32(sqrt(6 / prod(shape[FAN_IN[role]])))
    if role == "gamma":
        values = 1 + np.float32(0.5) * u
        values.reshape(-1)[::13] *= 4
        return values
    if role in ("bias", "beta"):
        return np.float32(0.1) * u
    if role == "mean":
        return np.float32(0.1 * 2.0**exponent) * u
    if role == "variance":
        return np.float32(4.0**exponent) * (1 + np.float32(0.5) * u)
    raise ValueError(f"no rule for the role {role} of {name}")


def pictures(n: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """(n, height, width, channels) float32 in about ±2: a 7x9 grid of patches, their own for each picture and channel,
    under noise and a ramp to the right and down.  No flip, turn or exchange of channels leaves it as it is."""
    state = np.random.RandomState(crc32(f"{n} pictures {height}x{width}x{channels}".encode()))
    grid = state.uniform(-1.2, 1.2, (n, 7, 9, channels))
    rows, columns = np.arange(height) * 7 // height, np.arange(width) * 9 // width
    ramp = np.arange(height)[:, None] / height * 0.3 + np.arange(width) / width * 0.2
    noise = state.uniform(-0.3, 0.3, (n, height, width, channels))
    return (grid[:, rows][:, :, columns] + ramp[:, :, None] + noise).astype(np.float32)
