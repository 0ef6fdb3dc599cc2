"""Figures in one clean style.  Each function returns a matplotlib Figure and leaves pyplot alone.

``to_svg`` and ``to_png`` give the bytes of a file; a notebook shows a Figure as it is.
"""

from striate.report.confusion import confusion
from striate.report.curves import PANELS, best_epoch, curves, paired
from striate.report.grid import Cell, Grid, pictures
from striate.report.style import DARK, LIGHT, new_figure, plain, png, say, settings, short, to_png, to_svg

__all__ = [
    "DARK",
    "Cell",
    "Grid",
    "LIGHT",
    "PANELS",
    "best_epoch",
    "confusion",
    "curves",
    "new_figure",
    "paired",
    "pictures",
    "plain",
    "png",
    "say",
    "settings",
    "short",
    "to_png",
    "to_svg",
]
