"""The confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import ArgumentError
from striate.report.style import DARK, LIGHT, blues, clean, new_figure, plain, say, settings, text_width
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABELS = 25


def confusion(matrix: Any, classes: Sequence[str] | None = None, *, dark: bool = False) -> Figure:
    """A confusion matrix (n, n): row r, column c counts how often class r was called class c.

    The colour is the share of the row, on a scale of square roots so that a few mistakes are seen; the number is the
    count, left out above 20 classes, where the names are thinned too.  Raises ArgumentError for anything but a square.
    """
    counts = np.asarray(matrix)
    n = len(counts)
    if counts.ndim != 2 or counts.shape != (n, n) or n < 1:
        raise ArgumentError(f"a confusion matrix is a square of counts, not an array of shape {counts.shape}.")
    names = [plain(name, 18) for name in (classes if classes is not None else range(n))]
    if len(names) != n:
        raise ArgumentError(f"confusion: {plural(len(names), 'class name')} for a matrix of {plural(n, 'class')}.")
    style = DARK if dark else LIGHT
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = 0.62 if n <= 4 else 0.46 if n <= 10 else 0.4 if n <= 20 else 7.2 / n
    side = cell * n
    step = math.ceil(n / _LABELS)
    ticks = list(range(0, n, step))
    size = 9.0 if n <= 10 else 8.0
    widest = max(text_width(names[i], size) for i in ticks)
    upright = widest > cell * step * 0.9
    left = 0.45 + widest
    below = 0.45 + (widest if upright else 0.2)
    right, above = 0.95, 0.15
    with settings():
        fig = new_figure(left + side + right, above + side + below, style["ground"])
        width, height = fig.get_size_inches()
        ax = fig.add_axes((left / width, below / height, side / width, side / height))
        colours = blues(dark)
        if n <= 20:
            edge: dict[str, Any] = {"edgecolors": style["ground"], "linewidth": 1.5}
            image: Any = ax.pcolormesh(np.sqrt(shares), cmap=colours, vmin=0, vmax=1, **edge)
            ax.set_ylim(n, 0)
            _counts(ax, counts, np.sqrt(shares), colours, n, cell)
            ax.set_xticks([i + 0.5 for i in ticks])
            ax.set_yticks([i + 0.5 for i in ticks])
        else:
            image = ax.imshow(np.sqrt(shares), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
            ax.set_xticks(ticks)
            ax.set_yticks(ticks)
        clean(ax, style)
        ax.spines["bottom"].set_visible(False)
        labels = [names[i] for i in ticks]
        ax.set_xticklabels(labels, parse_math=False, rotation=90 if upright else 0, size=size, color=style["ink"])
        ax.set_yticklabels(labels, parse_math=False, size=size, color=style["ink"])
        say(fig, (left + side / 2) / width, 0.1 / height, "predicted", color=style["muted"], ha="center")
        say(fig, 0.1 / width, (below + side / 2) / height, "true", color=style["muted"], va="center", rotation=90)
        tall = min(side, 2.6)
        box = fig.add_axes(((left + side + 0.22) / width, (below + side - tall) / height, 0.12 / width, tall / height))
        bar = fig.colorbar(image, cax=box)
        shown = (0, 0.01, 0.1, 0.3, 0.6, 1) if tall > 1 else (0, 0.1, 1)
        bar.set_ticks([math.sqrt(share) for share in shown], labels=[f"{share:.0%}" for share in shown])
        bar.outline.set_visible(False)  # type: ignore[operator]
        box.tick_params(length=0, labelsize=8, labelcolor=style["muted"])
    return fig


def _counts(ax: Axes, counts: np.ndarray, shades: np.ndarray, colours: Any, n: int, cell: float) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if not count:
            continue
        red, green, blue, _ = colours(shades[row, column])
        bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
        text = f"{count:,}" if count < 10_000 else f"{count / 1000:,.0f}k"
        size = min(9.5 if n <= 10 else 8.0, 9.0 * 0.9 * cell / text_width(text, 9.0))
        ink = {"color": "#10202e" if bright else "#ffffff", "weight": "bold" if row == column else "normal"}
        say(ax, column + 0.5, row + 0.52, text, size=size, ha="center", va="center", **ink)
