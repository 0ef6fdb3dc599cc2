"""Keep freed memory for the next step instead of giving it back to the kernel.

glibc returns every large block on free and faults it in again, page by page, on the next allocation; a training step
frees and allocates the same activations over and over.  Raising the thresholds took page faults on two epochs of a
small ConvNet from 970,000 to 100,000.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h


_KEPT = {_M_MMAP_THRESHOLD: 1 << 30, _M_TRIM_THRESHOLD: (1 << 31) - 1, _M_TOP_PAD: 1 << 28}
_USUAL = {
    _M_MMAP_THRESHOLD: 1 << 25,
    _M_TRIM_THRESHOLD: 1 << 26,
}  # what glibc comes to by itself, once large blocks were freed
_LARGE = 1 << 22  # bytes


@functools.cache
def keep_memory() -> bool:
    """Tell glibc's allocator to keep what is freed, for this process.  False where there is no glibc."""
    return _told(_KEPT)


@contextmanager
def handing_back() -> Iterator[None]:
    """Within, what is freed goes back to the kernel: for what makes something large by way of copies.

    What was freed before goes back at once, and blocks of four megabytes and more leave no gaps, so less memory is held
    meanwhile and afterwards.  Does nothing without glibc.
    """
    _told({_M_MMAP_THRESHOLD: _LARGE})
    _trim()
    try:
        yield
    finally:
        _told(_KEPT if keep_memory.cache_info().currsize else _USUAL)
        _trim()


def _trim() -> None:
    malloc_trim = _of_glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _told(options: dict[int, int]) -> bool:
    mallopt = _of_glibc("mallopt")
    return mallopt is not None and all(mallopt(option, value) for option, value in options.items())


def _of_glibc(name: str) -> Any:
    """A function of glibc's; None where there is no glibc, as with musl."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
