"""Filters that nobody trains: edges, lines, blur, sharpening, laid over photos in their own size."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from striate.data import Dataset
from striate.data.pictures.decode import picture as decode
from striate.errors import ArgumentError, unknown
from striate.look.result import Look
from striate.report import figures, tiles
from striate.report.grid import Cell, Grid
from striate.weights import atomic_write
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE = 7  # pixels of a line filter's side
_ANGLES = (0, 45, 90, 135)  # degrees, against the clock from the horizontal
_COLUMNS = 3  # of the figure of one photo
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def _line(angle: float) -> np.ndarray:
    """1 on the line through the middle at an angle, 0 elsewhere, divided so that they add up to 1."""
    reach = np.arange(_LINE) - _LINE // 2
    away = reach[None, :] * math.sin(math.radians(angle)) + reach[:, None] * math.cos(math.radians(angle))
    on = (np.abs(away) < 0.5).astype(np.float32)
    return on / on.sum()


def _array(*rows: Sequence[float]) -> np.ndarray:
    return np.array(rows, np.float32)


_SOBEL = _array((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
_BINOMIAL = np.outer((1, 4, 6, 4, 1), (1, 4, 6, 4, 1)).astype(np.float32) / 256
#: Every filter by its name.  Those that add up to 1 keep an even area as it is, those that add up to 0 make it 0.
FILTERS: dict[str, np.ndarray] = {
    "sobel x": _SOBEL,
    "sobel y": _SOBEL.T.copy(),
    "laplacian": _array((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "blur": np.full((3, 3), 1 / 9, np.float32),
    "gaussian": _BINOMIAL,
    "sharpen": _array((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "emboss": _array((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
    **{f"line {angle}": _line(angle) for angle in _ANGLES},
    **{f"ridge {angle}": _line(angle) - np.float32(1 / _LINE**2) for angle in _ANGLES},
}


@dataclass
class FixedFilters(Look):
    """Photos, and what each filter makes of them.

    pictures   the photos, uint8 (H, W, 3) each, in their own size
    kernels    {name: float32 (kh, kw)}
    maps       for each photo {name: float32 (H, W, 3), or of filters that add up to 0 (H, W), of the photo in grey}, in
               grey levels
    """

    pictures: list[np.ndarray]
    kernels: dict[str, np.ndarray]
    maps: list[dict[str, np.ndarray]]

    anchor = "fixed_filters"
    title = "Fixed filters"
    source = "Sobel & Feldman 1968; Gonzalez & Woods, Digital Image Processing, chapter 3"

    def note(self) -> str:
        sizes = ", ".join(f"{p.shape[1]}x{p.shape[0]}" for p in self.pictures)
        return (
            f"{plural(len(self.kernels), 'filter')} on {plural(len(self.pictures), 'photo')} ({sizes} wide x high), each "
            "map as large as its photo. Filters whose weights add up to 1 give a picture; of those that add up to 0 grey "
            "is 0, dark negative and bright positive. A filter is laid on as in a ConvNet, not turned round; the photo's "
            "border is repeated."
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("filter", "size", "adds up to", "strongest", "mean strength")
        rows = []
        for name, kernel in self.kernels.items():
            values = np.concatenate([np.abs(one[name]).reshape(-1) for one in self.maps])
            total = f"{kernel.sum(dtype=np.float64) + 0.0:.3g}" if abs(kernel.sum()) > 1e-5 else "0"
            size = f"{kernel.shape[0]}x{kernel.shape[1]}"
            rows.append((name, size, total, f"{values.max():.0f}", f"{values.mean():.1f}"))
        return heads, rows

    def shown(self, number: int, name: str) -> np.ndarray:
        """A map as a picture uint8 of the photo's own height and width: (H, W, 3), or (H, W, 1) with 0 as middle grey.

        number   of the photo
        name     of the filter

        Raises ArgumentError for a photo or a filter that is not there.
        """
        if name not in self.kernels:
            raise unknown("filter", name, self.kernels)
        if not 0 <= number < len(self.maps):
            raise ArgumentError(f"there are {plural(len(self.maps), 'photo')}, from 0; not {number}.")
        values = self.maps[number][name]
        if values.ndim == 3:
            return np.rint(values).clip(0, 255).astype(np.uint8)
        largest = np.quantile(np.abs(values), 0.995) or 1.0  # single pixels do not set the range
        return np.rint(127.5 + values / largest * 127.5).clip(0, 255).astype(np.uint8)[..., None]

    def figure(self) -> Figure:
        """Every map dot for dot: of one photo in rows of three, of several a row each."""
        listed = [
            [Cell(picture, words="the photo"), *(Cell(self.shown(i, name), words=name) for name in self.kernels)]
            for i, picture in enumerate(self.pictures)
        ]
        if len(listed) == 1:
            cells = listed[0]
            listed = [cells[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)]
        widest = max(picture.shape[1] for picture in self.pictures)
        heights = [row[0].picture.shape[0] for row in listed]
        return Grid(listed, width=widest, height=heights, gap=8).figure()

    def write(self, folder: str | os.PathLike[str], names: Sequence[str] | None = None) -> list[Path]:
        """Every map as a PNG of the photo's own size, named after photo and filter; returns the files.

        folder   made where it is not there
        names    one for each photo; None: their numbers
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        files = []
        for i in range(len(self.pictures)):
            for name in self.kernels:
                files.append(Path(folder) / f"{names[i] if names else i}_{name.replace(' ', '_')}.png")
                atomic_write(files[-1], figures.png(tiles.rgba(self.shown(i, name))))
        return files


def fixed_filters(pictures: Any, *, filter: str | Sequence[str] | None = None) -> FixedFilters:
    """Fixed filters on photos, each map in the photo's own size: Sobel, Laplacian, blur, sharpening, emboss, lines.

    pictures   files, PIL images or arrays (H, W), (H, W, 3), one or several
    filter     a name, or several: "sobel x", "sobel y", "laplacian", "blur", "gaussian", "sharpen", "emboss"; "line 0", 45,
               90 and 135 (the mean along a line at so many degrees), "ridge 0" … (less the mean around, so that
               lines alone answer); None: all

    Raises ArgumentError for an unknown filter, DataError for what is no picture.
    """
    chosen = list(FILTERS) if filter is None else [filter] if isinstance(filter, str) else list(filter)
    for name in chosen:
        if name not in FILTERS:
            raise unknown("filter", name, FILTERS)
    if not chosen:
        raise ArgumentError(f"fixed_filters: no filter was named. There are {', '.join(FILTERS)}.")
    if isinstance(pictures, Dataset):
        pictures = list(pictures.x)
    alone = isinstance(pictures, str | os.PathLike | bytes) or hasattr(pictures, "getbands")
    alone = alone or getattr(pictures, "ndim", 4) < 4
    photos = [np.asarray(decode(each, 3)) for each in ([pictures] if alone else pictures)]
    if not photos:
        raise ArgumentError("fixed_filters: no picture was given.")
    kernels = {name: FILTERS[name] for name in chosen}
    return FixedFilters(photos, kernels, [{name: _laid(photo, k) for name, k in kernels.items()} for photo in photos])


def _laid(photo: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A filter on every channel, or where it adds up to 0 on the photo in grey."""
    edges = abs(float(kernel.sum())) < 1e-5
    pixels = photo.astype(np.float32)
    pixels = (pixels @ _GREY)[..., None] if edges else pixels
    x = torch.from_numpy(np.ascontiguousarray(pixels)).movedim(-1, 0)[:, None]
    down, across = (size // 2 for size in kernel.shape)
    x = F.pad(x, (across, across, down, down), mode="replicate")
    y = F.conv2d(x, torch.from_numpy(np.ascontiguousarray(kernel))[None, None])[:, 0].movedim(0, -1).numpy()
    return y[..., 0] if edges else y
