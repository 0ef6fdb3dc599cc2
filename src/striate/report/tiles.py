"""Small pictures side by side: filters, activation maps and photos as tiles of one array."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from striate.errors import ArgumentError

#: Side of a tile in pixels; smaller arrays are enlarged by a whole factor, larger ones averaged down.
TILE = 64
GAP = 4
#: Colour of a map that is zero everywhere, and of the cross over it; both are seen on light and on dark ground.
DEAD, CROSS = (128, 138, 148, 46), (128, 138, 148, 190)
# Few enough steps that a mosaic fits a PNG with a palette of 256, the gap and the dead maps included.
_STEPS = 240


def mosaic(tiles: Sequence[np.ndarray], columns: int, gap: int = GAP) -> np.ndarray:
    """Equal tiles (h, w, 4) uint8 row by row in `columns` columns, transparent between: (H, W, 4) uint8."""
    if columns < 1 or not len(tiles):
        raise ArgumentError(f"a grid needs at least one picture and one column, not {len(tiles)} and {columns}.")
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    whole = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        whole[y : y + height, x : x + width] = tile
    return whole


def map_tiles(maps: np.ndarray, *, shared: bool = False) -> list[np.ndarray]:
    """Activation maps (H, W, C) as C tiles; a map that is zero everywhere is crossed out.

    From 0 (dark) to the largest value (bright); where a layer has negative values, from blue over white (0) to red.
    The full range is each map's own largest value, or with `shared` that of all.
    """
    import matplotlib

    stack = np.moveaxis(maps, -1, 0).astype(np.float64)
    signed = bool((stack < 0).any())
    colours = matplotlib.colormaps["RdBu_r" if signed else "viridis"].resampled(_STEPS)
    table = (colours(np.arange(_STEPS)) * 255).round().astype(np.uint8)
    largest = np.abs(stack).max() if shared else np.abs(stack).max(axis=(1, 2), keepdims=True)
    values = stack / np.where(largest == 0, 1, largest)
    values = values / 2 + 0.5 if signed else values
    tiles = []
    for map_, scaled in zip(stack, values, strict=True):
        tile = table[np.rint(resized(scaled.astype(np.float32)) * (_STEPS - 1)).clip(0, _STEPS - 1).astype(int)]
        tiles.append(tile if map_.any() else _dead(tile.shape[:2]))
    return tiles


def _dead(size: tuple[int, ...]) -> np.ndarray:
    height, width = size
    tile = np.empty((height, width, 4), np.uint8)
    tile[:] = DEAD
    along = np.arange(4 * max(size)) / (4 * max(size) - 1)
    y, x = np.rint(along * (height - 1)).astype(int), np.rint(along * (width - 1)).astype(int)
    tile[y, x] = tile[y, width - 1 - x] = CROSS
    return tile


def resized(picture: np.ndarray, side: int = TILE) -> np.ndarray:
    """(h, w) or (h, w, 3), uint8 or float32, with the longer side near `side`: whole factors up, means down."""
    from PIL import Image

    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest <= side:
        factor = side // longest
        return picture.repeat(factor, axis=0).repeat(factor, axis=1)
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def encoded(picture: np.ndarray, side: int) -> tuple[bytes, str]:
    """A picture (h, w, 1 or 3) uint8 with its longer side near `side`, as a file and its kind: PNG if small, else JPEG."""
    from PIL import Image

    small = max(picture.shape[:2]) <= TILE
    file = io.BytesIO()
    Image.fromarray(resized(squeezed(picture), side)).save(file, "PNG" if small else "JPEG", quality=85)
    return file.getvalue(), "image/png" if small else "image/jpeg"


def squeezed(picture: np.ndarray) -> np.ndarray:
    """(h, w, 1) as (h, w), which is how PIL takes it; others as they are."""
    return picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture


def rgba(picture: np.ndarray) -> np.ndarray:
    """(h, w), (h, w, 1) or (h, w, 3) uint8 as (h, w, 4), opaque."""
    if picture.ndim == 2:
        picture = picture[..., None]
    colour = np.broadcast_to(picture, (*picture.shape[:2], 3))
    return np.concatenate([colour, np.full((*picture.shape[:2], 1), 255, np.uint8)], axis=-1)


def as_picture(x: Any) -> np.ndarray | None:
    """One example as a uint8 picture (H, W, 1 or 3) to look at; None for what is no picture.

    Floats are shown as they are if they lie within 0..1 or 0..255, else stretched to their own range.
    """
    x = np.asarray(x)
    if x.ndim != 3 or x.shape[-1] not in (1, 3):
        return None
    if x.dtype == np.uint8:
        return x
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 255:
        x = (x - low) / (high - low or 1) * 255
    elif high <= 1:
        x = x * 255
    return np.rint(x).astype(np.uint8)
