"""Pictures, filters and activation maps in grids."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import ArgumentError
from striate.report import tiles
from striate.report.style import DPI, LIGHT, new_figure, plain, say, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pictures(images: Sequence[Any], captions: Sequence[str] | None = None, columns: int = 6) -> Figure:
    """Pictures in a grid, each with its caption below: mistakes with their labels, neighbours, patches.

    images: (H, W, 1 or 3) or (H, W) arrays, uint8 or float, of any sizes.  Raises ArgumentError for what is no picture.
    """
    shown = [_shown(image, i) for i, image in enumerate(images)]
    if not shown or columns < 1:
        raise ArgumentError(f"a grid needs at least one picture and one column, not {len(shown)} and {columns}.")
    lines = [_wrapped(caption) for caption in captions] if captions is not None else [[]] * len(shown)
    if len(lines) != len(shown):
        raise ArgumentError(f"pictures: {len(lines)} captions for {len(shown)} pictures.")
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    side, gap, line = 1.5, 0.18, 0.155
    text = max(map(len, lines)) * line + (0.06 if any(lines) else 0)
    with settings():
        height = rows * (side + text + gap) + gap
        fig = new_figure(columns * (side + gap) + gap, height, LIGHT["ground"])
        width = fig.get_size_inches()[0]
        for i, (picture, caption) in enumerate(zip(shown, lines, strict=True)):
            x = gap + i % columns * (side + gap)
            y = height - gap - side - i // columns * (side + text + gap)
            ax = fig.add_axes((x / width, y / height, side / width, side / height))
            ax.imshow(picture, interpolation="nearest")
            ax.set_anchor("S")
            ax.set_axis_off()
            for k, words in enumerate(caption):
                colour = LIGHT["ink"] if k == 0 else LIGHT["muted"]
                say(fig, x / width, (y - 0.05 - (k + 1) * line + 0.035) / height, words, size=8, color=colour)
    return fig


def _shown(image: Any, i: int) -> np.ndarray:
    image = np.asarray(image)
    picture = tiles.as_picture(image[..., None] if image.ndim == 2 else image)
    if picture is None:
        raise ArgumentError(f"picture {i} has shape {image.shape}; pictures are (H, W), (H, W, 1) or (H, W, 3).")
    return tiles.rgba(tiles.resized(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, 300))


def _wrapped(caption: str) -> list[str]:
    lines = [part for line in str(caption).splitlines() for part in textwrap.wrap(plain(line, 200), 23)]
    return lines if len(lines) <= 4 else [*lines[:3], plain(lines[3] + "…", 23)]


def filters(weights: Any, *, shared: bool = False, limit: int = 128) -> Figure:
    """The filters (out, in, kh, kw) of a convolution as pictures, in colour for 3 inputs, middle grey being 0.

    shared: one range for all, so that weak filters look weak; else each has its own.  With another number of inputs a
    row holds one filter, a column one input.  limit: how many pictures at most.
    """
    values = np.asarray(weights.detach().cpu() if hasattr(weights, "detach") else weights, np.float32)
    if values.ndim != 4 or not values.size:
        raise ArgumentError(f"filters are an array (out, in, kh, kw), not one of shape {values.shape}.")
    inputs = values.shape[1] if values.shape[1] not in (1, 3) else 1
    columns = min(inputs, 16) if inputs > 1 else _columns(min(len(values), limit))
    values = values[: max(1, limit // columns), :columns] if inputs > 1 else values[:limit]
    return plate(tiles.mosaic(tiles.filter_tiles(values, shared=shared), columns))


def maps(activations: Any, *, shared: bool = False, limit: int = 64) -> Figure:
    """The activation maps (H, W, C) of a layer for one example in a grid; a map that is zero everywhere is crossed out.

    Dark is 0, bright the largest value; where there are negative values blue is negative, white 0, red positive.
    shared: one range for all maps; else each has its own.  limit: how many maps at most.
    """
    values = np.asarray(activations)
    if values.ndim != 3 or not values.size:
        raise ArgumentError(f"activation maps are an array (H, W, C), not one of shape {values.shape}.")
    values = values[..., :limit]
    return plate(tiles.mosaic(tiles.map_tiles(values, shared=shared), _columns(values.shape[-1])))


def _columns(count: int) -> int:
    """8 or 16 to a row, so that grids of several layers line up."""
    return min(8 if count <= 8 else 16, count)


def plate(picture: np.ndarray) -> Figure:
    """A Figure that is nothing but this picture, one dot a pixel."""
    height, width = picture.shape[:2]
    fig = new_figure(width / DPI, height / DPI, "none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.imshow(picture, interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    return fig
