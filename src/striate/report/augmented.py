"""What augmentation layers do to a sample, as rows of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import augment
from striate.draw.words import wrapped
from striate.errors import ArgumentError
from striate.graph import Layer
from striate.report import figures, tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE, _GAP, _WORDS = 1.15, 0.08, 1.75  # inches: of a picture's longer side, between pictures, for the words


def augmentations(
    layers: Layer | Sequence[Layer],
    picture: Any,
    *,
    boxes: Any = None,
    columns: int = 6,
    seed: int = 0,
    dark: bool = False,
) -> Figure:
    """A row for each augmentation layer: its words, then `columns` pictures that training could see.

    layers    one layer, or several, each shown by itself; ``layers.Augmentation`` shows several in a row as one
    picture   (H, W, 1 or 3), or (H, W): uint8, or float from 0 to 1
    boxes     (n, 4) of x1, y1, x2, y2 in pixels, drawn where they go
    seed      decides what is drawn

    The first row is the picture itself.  Raises ArgumentError, DataError or ShapeError for what does not fit.
    """
    shown = np.asarray(picture)
    shown = shown[..., None] if shown.ndim == 2 else shown
    if shown.ndim != 3 or shown.shape[-1] not in (1, 3):
        raise ArgumentError(f"a picture is (H, W), (H, W, 1) or (H, W, 3), not {shown.shape}.")
    listed = [layers] if isinstance(layers, Layer) else list(layers)
    if not listed or columns < 1:
        raise ArgumentError(f"a figure needs at least one layer and one column, not {len(listed)} and {columns}.")
    pixels = shown if shown.dtype == np.uint8 else (np.clip(shown, 0, 1) * 255).round().astype(np.uint8)
    held = None if boxes is None else np.asarray(boxes, np.float32).reshape(-1, 4)
    style = figures.DARK if dark else figures.LIGHT
    rows: list[tuple[str, list[np.ndarray], list[np.ndarray]]] = [
        ("the picture", [pixels], [np.zeros((0, 4)) if held is None else held])
    ]
    for layer in listed:
        batch = np.repeat(pixels[None], columns, 0)
        done = augment(batch, None if held is None else [held] * columns, layers=layer, seed=seed)
        rows.append((words(layer), list(done.pictures), list(done.boxes or [np.zeros((0, 4))] * columns)))
    height, width = (_SIDE * n / max(pixels.shape[:2]) for n in pixels.shape[:2])
    row = max(height, 0.62)
    with figures.settings():
        tall = len(rows) * (row + _GAP) + _GAP
        fig = figures.new_figure(_WORDS + columns * (width + _GAP) + _GAP, tall, style["ground"])
        wide = fig.get_size_inches()[0]
        for i, (text, images, drawn) in enumerate(rows):
            top = tall - _GAP - i * (row + _GAP)
            for k, line in enumerate(wrapped(text, 8.0, (_WORDS - 0.2) * 72, most=4)):
                ink = {"color": style["ink"], "weight": "bold"} if not k else {"color": style["muted"]}
                figures.say(fig, 0.1 / wide, (top - 0.14 - 0.15 * k) / tall, line, size=8, **ink)
            for k, (image, found) in enumerate(zip(images, drawn, strict=True)):
                left = _WORDS + k * (width + _GAP)
                ax = fig.add_axes((left / wide, (top - height) / tall, width / wide, height / tall))
                _draw(ax, image, found)
    return fig


def words(layer: Layer) -> str:
    """The layer's kind, and below it what was said of it."""
    if hasattr(layer, "steps"):
        return "Augmentation\n" + ", ".join(step.kind.removeprefix("Random").lower() for step in layer.steps())
    said = ", ".join(f"{k}={v!r}" for k, v in layer.config().items() if k != "name")
    return f"{layer.kind}\n{said}"


def _draw(ax: Axes, image: np.ndarray, boxes: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    height, width = image.shape[:2]
    small = tiles.resized(image.squeeze(-1) if image.shape[-1] == 1 else image, 300)
    ax.imshow(tiles.rgba(small), interpolation="nearest", extent=(0, width, height, 0))
    for x1, y1, x2, y2 in boxes:
        for colour, thick in (("#ffffff", 2.6), (figures.LIGHT["second"], 1.4)):
            ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=thick))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_anchor("NW")
    ax.set_axis_off()
