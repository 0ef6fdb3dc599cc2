"""Precision against recall, a line for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from striate.errors import ArgumentError
from striate.report.marks import class_colours
from striate.report.style import DARK, LIGHT, clean, new_figure, plain, say, settings, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_NAMED = 12  # classes that have a line in the legend


def precision_recall(
    curves: Mapping[str, tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]],
    *,
    dark: bool = False,
    width: float = 3.6,
) -> Figure:
    """Precision (up) against recall (to the right) of each class, and its name beside.

    curves   of each class (recall, precision), a point for each detection, the surest first
    dark     on dark ground
    width    of the panel, in inches

    Raises ArgumentError where there is no class.
    """
    if not curves:
        raise ArgumentError("there is no class whose precision and recall could be drawn.")
    style, high = (DARK if dark else LIGHT), width * 0.8
    names = [plain(name, 18) for name in list(curves)[:_NAMED]]
    legend = 0.4 + max(text_width(name) for name in names)
    left, above, below = 0.6, 0.15, 0.5
    with settings():
        fig = new_figure(left + width + legend, above + high + below, style["ground"])
        across, height = fig.get_size_inches()
        ax = fig.add_axes((left / across, below / height, width / across, high / height))
        colours = class_colours(len(curves)) / 255
        for i, (recall, precision) in enumerate(curves.values()):
            ax.plot(
                [0, *recall], [1 if not len(precision) else precision[0], *precision], color=colours[i], linewidth=1.8
            )
        ax.set_xlim(0, 1.01)
        ax.set_ylim(0, 1.02)
        ax.set_xticks(np.linspace(0, 1, 6))
        ax.set_xlabel("recall", color=style["muted"])
        ax.set_ylabel("precision", color=style["muted"])
        clean(ax, style)
        ax.grid(color=style["line"], linewidth=0.8)
        ax.set_axisbelow(True)
        for i, name in enumerate(names):
            y = 1 - (above + 0.12 + 0.2 * i) / height
            fig.add_artist(_key(fig, (left + width + 0.12) / across, y, 0.16 / across, colours[i]))
            say(fig, (left + width + 0.34) / across, y, name, color=style["ink"], va="center")
    return fig


def _key(fig: Figure, x: float, y: float, wide: float, colour: np.ndarray) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([x, x + wide], [y, y], color=tuple(colour), linewidth=2.4, transform=fig.transFigure)
