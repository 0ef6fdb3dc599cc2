"""What augmentation layers do to a sample, as rows of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import augment
from striate.errors import ArgumentError
from striate.graph import Layer
from striate.report.grid import Cell, Grid
from striate.report.style import DARK, LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE = 115.0  # dots of a picture's longer side


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
    columns   how many pictures of each
    seed      decides what is drawn
    dark      on a dark ground

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
    style = DARK if dark else LIGHT
    rows, names = [[Cell(pixels, boxes=held)]], ["the picture"]
    for layer in listed:
        batch = np.repeat(pixels[None], columns, 0)
        done = augment(batch, None if held is None else [held] * columns, layers=layer, seed=seed)
        drawn = [None] * columns if done.boxes is None else list(done.boxes)
        rows.append([Cell(image, boxes=own) for image, own in zip(done.pictures, drawn, strict=True)])
        names.append(words(layer))
    height, width = (_SIDE * n / max(pixels.shape[:2]) for n in pixels.shape[:2])
    return Grid(rows, width=width, height=max(height, 62.0), names=names, style=style).figure()


def words(layer: Layer) -> str:
    """The layer's kind, and below it what was said of it."""
    if hasattr(layer, "steps"):
        return "Augmentation\n" + ", ".join(step.kind.removeprefix("Random").lower() for step in layer.steps())
    said = ", ".join(f"{k}={v!r}" for k, v in layer.config().items() if k != "name")
    return f"{layer.kind}\n{said}"
