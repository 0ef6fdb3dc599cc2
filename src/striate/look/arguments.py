"""The words that all techniques share: what `pictures`, `target`, `layer`, `count` and `progress` may be.

Every technique takes `model` first, then `pictures`, `target` and `layer` as far as it needs them, then what is its own;
`batch_size`, `seed` and `progress` come last and by keyword.  The command line has the same words and defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Dataset
from striate.described import whole
from striate.errors import DataError

if TYPE_CHECKING:
    from striate.look.pictures import Space

Progress = Callable[[int, int], None]
"""Called as progress(done, whole), whole numbers of whatever is counted."""
Target = int | str | Sequence[int | str]
"""A class by its number or name; or one for each picture."""
Layers = str | Sequence[str]
"""A layer's name as ``model.size()`` prints it, or several."""


def listed(layer: Layers | None) -> list[str] | None:
    """One name or several as a list."""
    return None if layer is None else [layer] if isinstance(layer, str) else list(layer)


def one_picture(space: Space, pictures: Any) -> np.ndarray:
    """uint8 (1, H, W, C) of the network's size.  Raises DataError for more than one, or what is no picture."""
    pixels = space.pixels(pictures)
    if len(pixels) != 1:
        raise DataError(f"this looks at one picture, not at {len(pixels)}.")
    return pixels


def labelled(pictures: Any, labels: Any) -> Any:
    """The class numbers that were given, else a Dataset's own, else None."""
    return pictures.labels if labels is None and isinstance(pictures, Dataset) else labels


def drawn(pictures: Any, labels: Any, count: int | None, seed: int) -> tuple[Any, Any]:
    """`count` of the pictures, with their labels, drawn by `seed`; all of them where there are not more, it is
    None, or they are files.

    Of a Dataset with classes each has its share.  Raises ArgumentError for a count below 1.
    """
    if count is None:
        return pictures, labels
    count = whole("", "count", count)
    if not isinstance(pictures, Dataset | np.ndarray) or count >= len(pictures):
        return pictures, labels
    if isinstance(pictures, Dataset) and labels is None:
        return pictures.take(count, seed=seed), None
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pictures))[:count])
    some = pictures.subset(chosen) if isinstance(pictures, Dataset) else pictures[chosen]
    return some, labels if labels is None else np.asarray(labels)[chosen]


def parts(count: int, size: int) -> Iterator[slice]:
    """Slices that cut `count` things into batches.  Raises ArgumentError for a size below 1."""
    size = whole("", "batch_size", size)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def part_of(progress: Progress | None, k: int, of: int) -> Progress | None:
    """Progress of one of several equal parts, in thousandths of the whole."""
    if progress is None:
        return None
    return lambda done, whole: progress(int(1000 * (k + done / max(1, whole)) / of), 1000)


def telling(method: Callable[..., Any], progress: Progress | None) -> Callable[..., Any]:
    """The method, telling how far it is, where it takes `progress`."""
    takes = progress is not None and "progress" in inspect.signature(method).parameters
    return partial(method, progress=progress) if takes else method
