"""Keep freed memory for the next step instead of giving it back to the kernel.

glibc returns every large block on free and faults it in again, page by page, on the next allocation; a training step
frees and allocates the same activations over and over.  Raising the thresholds took page faults on two epochs of a
small ConvNet from 970,000 to 100,000.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h


@functools.cache
def keep_memory() -> bool:
    """Tell glibc's allocator to keep what is freed, for this process.  False where there is no glibc."""
    mallopt = _of_glibc("mallopt")
    if mallopt is None:
        return False
    return all(
        mallopt(option, value)
        for option, value in (
            (_M_MMAP_THRESHOLD, 1 << 30),
            (_M_TRIM_THRESHOLD, (1 << 31) - 1),
            (_M_TOP_PAD, 1 << 28),
        )
    )


def give_back() -> None:
    """Hand what is free to the kernel, after something large was made that leaves much behind; nothing without glibc."""
    malloc_trim = _of_glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _of_glibc(name: str) -> Any:
    """A function of glibc's; None where there is no glibc, as with musl."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
