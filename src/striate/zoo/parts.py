"""Pieces that several families share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate import layers
from striate.errors import ArgumentError, unknown


def ceil_pool(x: Any, size: int, stride: int, padding: int = 0, name: str | None = None) -> Any:
    """Max pooling whose last window may hang over the bottom and right edges, as in Caffe (torch: ``ceil_mode``).

    (H, W, C) -> (H', W', C), H' = ceil((H + 2 · padding - size) / stride) + 1; a window that would start beyond the
    input and its top padding is left out.  The overhang is padding, which never wins.
    """

    def sides(length: int) -> tuple[int, int]:
        windows = -((size - length - 2 * padding) // stride) + 1
        if (windows - 1) * stride >= length + padding:
            windows -= 1
        return padding, padding + max(0, (windows - 1) * stride + size - length - 2 * padding)

    height, width = x.sizes[:2]
    return layers.MaxPooling2D(size, stride, padding=(sides(height), sides(width)), name=name)(x)


def divisible(maps: float, by: int = 8) -> int:
    """A thinned number of maps as the nearest multiple of `by`, but not more than a tenth below it.

    The rule of the MobileNets and EfficientNets (Sandler et al. 2018, their reference implementation).
    """
    multiple = max(by, int(maps + by / 2) // by * by)
    return multiple if multiple >= 0.9 * maps else multiple + by


def multiplier(name: str, alpha: Any) -> float:
    """`alpha`, the factor of an architecture's numbers of maps.  Raises ArgumentError unless it is a number above 0."""
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha < float("inf"):
        raise ArgumentError(f"{name}: alpha is a number above 0, such as 0.5, not {alpha!r}.")
    return float(alpha)


def option_of(shortcuts: Any, shortcut: Any) -> str | None:
    """The kind of a residual network's shortcuts, or None where it has none.  Raises ArgumentError for others."""
    if shortcut not in ("A", "B", "C"):
        raise unknown("shortcut", str(shortcut), ("A", "B", "C"))
    return str(shortcut) if shortcuts else None


def shortcut(option: str, x: Any, maps: int, stride: int, project: Callable[[], Any]) -> Any:
    """What a residual block of `maps` output maps adds its result to.  He et al. 2015, section 3.3, options:

    A   the input, every stride-th pixel of it, with maps of zeros on both sides for those that are missing; no weights
    B   the same, but `project()` (a 1x1 convolution) where the number of maps changes
    C   `project()` everywhere
    """
    missing = maps - x.shape[-1]
    if option == "C" or (option == "B" and missing):
        return project()
    if stride > 1:
        x = layers.AveragePooling2D(1, stride)(x)  # a window of one pixel: takes every stride-th
    return layers.ChannelPadding((missing // 2, missing - missing // 2))(x) if missing else x


def probability(name: str, what: str, value: Any) -> float:
    """`value` as a probability below 1.  Raises ArgumentError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ArgumentError(f"{name}: {what} is from 0 up to (not including) 1, not {value!r}.")
    return float(value)
