"""Pictures in rows and columns: the one layout of all figures that show pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import ArgumentError
from striate.report import tiles
from striate.report.style import DPI, LIGHT, new_figure, plain, say, settings, text_width
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _SIZE = 14.0, 8.0  # dots from line to line, and points of the letters
_EDGE = 12.0  # dots around the whole
_FINEST = 3  # dots of a picture shown on one dot of the figure, at most: files are no larger than they must be


@dataclass
class Cell:
    """A picture and what stands at it.

    picture  (h, w), (h, w, 1), (h, w, 3) or (h, w, 4); uint8, or float as ``tiles.as_picture`` takes it
    head     a word above it
    words    lines below it, the first dark; "\\n" parts them, longer ones are broken
    colour   of the first line; None: dark
    frame    colour of a frame around it; None: no frame
    boxes    (n, 4) of x1, y1, x2, y2 in its pixels, drawn on it
    """

    picture: Any
    head: str = ""
    words: str = ""
    colour: str | None = None
    frame: str | None = None
    boxes: np.ndarray | None = None


class Grid:
    """Cells in rows and columns, with a name beside each row and a title above.

    rows     of cells; None leaves a place empty
    width    dots of a column, one number for all or one each
    height   dots of a row, one number for all or one each; a picture keeps its shape within them
    gap      dots between neighbours
    names    a name beside each row, right of which the row begins; "\\n" parts its lines, the first dark
    title    a line above all
    before   {column: dots left free before it, besides the gap}
    style    colours, LIGHT or DARK of ``report.style``

    Raises ArgumentError for no cell at all, names that are not one a row, and what is no picture.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[Cell | None]],
        *,
        width: float | Sequence[float],
        height: float | Sequence[float],
        gap: float = 8.0,
        names: Sequence[str] = (),
        title: str = "",
        before: Mapping[int, float] | None = None,
        style: Mapping[str, str] = LIGHT,
    ) -> None:
        columns = max(map(len, rows), default=0)
        if not columns:
            raise ArgumentError("a grid needs at least one picture.")
        if names and len(names) != len(rows):
            raise ArgumentError(f"{plural(len(names), 'name')} for {plural(len(rows), 'row')}.")
        self.rows, self.gap, self.title, self.style = rows, gap, title, style
        self.widths = [float(width)] * columns if isinstance(width, int | float) else list(width)
        self.heights = [float(height)] * len(rows) if isinstance(height, int | float) else list(height)
        self.names = [_parted(name, 30) for name in names]
        widest = max((text_width(line, _SIZE) * DPI for name in self.names for line in name), default=0.0)
        self.left = widest + _LINE if widest else 0.0
        free = before or {}
        self.xs, x = [], self.left
        for column, own in enumerate(self.widths):
            x += free.get(column, 0.0)
            self.xs.append(x)
            x += own + gap
        self.width = max(x - gap, text_width(title, _SIZE + 2) * DPI)
        self.ys, y = [], 1.6 * _LINE if title else 0.0
        self.captions = [[self._broken(cell, own) for cell, own in zip(row, self.widths, strict=False)] for row in rows]
        self.headed = [any(cell is not None and cell.head for cell in row) for row in rows]
        for row, own in enumerate(self.heights):
            y += _LINE if self.headed[row] else 0.0
            self.ys.append(y)
            lines = max(map(len, self.captions[row]), default=0)
            y += own + lines * _LINE + (5 if lines else 0) + gap
        self.height = y - gap

    def figure(self, least: float = 0.0) -> Figure:
        """The grid as a figure, at least `least` dots wide."""
        wide, tall = max(self.width, least) + 2 * _EDGE, self.height + 2 * _EDGE
        with settings():
            fig = new_figure(wide / DPI, tall / DPI, self.style["ground"])
            self.draw(fig, _EDGE, _EDGE)
        return fig

    def draw(self, fig: Figure, left: float, top: float) -> None:
        """Draw the grid into a figure, its upper left corner so many dots from that of the figure."""
        wide, tall = fig.get_size_inches() * DPI
        ink, muted = self.style["ink"], self.style["muted"]

        def write(x: float, y: float, text: str, colour: str, size: float = _SIZE, **how: Any) -> None:
            say(fig, (left + x) / wide, 1 - (top + y) / tall, text, size=size, color=colour, **how)

        if self.title:
            write(0, _LINE - 2, self.title, ink, _SIZE + 1.5)
        for r, row in enumerate(self.rows):
            y, high = self.ys[r], self.heights[r]
            if self.names:
                first = y + high / 2 - (len(self.names[r]) - 1) * _LINE / 2
                for k, line in enumerate(self.names[r]):
                    middle = first + k * _LINE
                    write(self.left - _LINE / 2, middle, line, muted if k else ink, ha="right", va="center")
            for c, cell in enumerate(row):
                if cell is None:
                    continue
                x, own = self.xs[c], self.widths[c]
                box = ((left + x) / wide, 1 - (top + y + high) / tall, own / wide, high / tall)
                self._picture(fig.add_axes(box), cell, own, high)
                if cell.head:
                    write(x, y - 5, plain(cell.head, max(6, int(own / 4))), ink)
                for k, line in enumerate(self.captions[r][c]):
                    colour = (cell.colour or ink) if k == 0 else muted
                    write(x, y + high + 3 + (k + 0.75) * _LINE, line, colour)

    def _picture(self, ax: Axes, cell: Cell, wide: float, high: float) -> None:
        picture = _shown(cell.picture)
        height, width = own = picture.shape[:2]
        if height > _FINEST * high or width > _FINEST * wide:
            picture = tiles.resized(picture, int(_FINEST * max(high, wide)))
            height, width = picture.shape[:2]
        exact = height % high == 0 == width % wide or (height < high and width < wide)
        ax.imshow(
            picture, interpolation="nearest" if exact else "antialiased", extent=(0, own[1], own[0], 0), aspect="equal"
        )
        ax.set_anchor("NW")
        ax.set_axis_off()
        if cell.boxes is not None:
            _boxes(ax, cell.boxes)
        if cell.frame is not None:
            ax.set_axis_on()
            ax.set_xticks([])
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_color(cell.frame)
                spine.set_linewidth(2)

    def _broken(self, cell: Cell | None, width: float) -> list[str]:
        """The lines below a picture, four at most, each no wider than it."""
        if cell is None or not cell.words:
            return []
        letters = max(8, int(width / (text_width("n", _SIZE) * DPI) * 1.15))
        return _parted(cell.words, letters)


def pictures(images: Sequence[Any], captions: Sequence[str] | None = None, *, columns: int = 6) -> Figure:
    """Pictures in a grid, each with its caption below: mistakes with their labels, neighbours, patches.

    images    (H, W, 1 or 3) or (H, W) arrays, uint8 or float, of any sizes
    captions  one for each; None: none
    columns   how many pictures in a row

    Raises ArgumentError for what is no picture, no picture at all, and captions that are not one for each.
    """
    if not images or columns < 1:
        raise ArgumentError(f"a grid needs at least one picture and one column, not {len(images)} and {columns}.")
    words = list(captions) if captions is not None else [""] * len(images)
    if len(words) != len(images):
        raise ArgumentError(f"pictures: {plural(len(words), 'caption')} for {plural(len(images), 'picture')}.")
    cells = [Cell(image, words=said) for image, said in zip(images, words, strict=True)]
    across = min(columns, len(cells))
    return Grid([cells[i : i + across] for i in range(0, len(cells), across)], width=150, height=150, gap=16).figure()


def _parted(words: str, letters: int) -> list[str]:
    """Words as lines, four at most, of so many letters."""
    lines = [part for line in words.splitlines() for part in textwrap.wrap(plain(line, 200), letters)]
    return lines if len(lines) <= 4 else [*lines[:3], plain(lines[3] + "…", letters)]


def _shown(image: Any) -> np.ndarray:
    """(h, w, 4) uint8."""
    picture = np.asarray(image)
    if picture.ndim == 3 and picture.shape[-1] == 4 and picture.dtype == np.uint8:
        return picture
    pixels = tiles.as_picture(picture[..., None] if picture.ndim == 2 else picture)
    if pixels is None:
        raise ArgumentError(f"a picture is (H, W), (H, W, 1) or (H, W, 3), not {picture.shape}.")
    return tiles.rgba(pixels)


def _boxes(ax: Axes, boxes: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    for x1, y1, x2, y2 in boxes:
        for colour, thick in (("#ffffff", 2.6), (LIGHT["second"], 1.4)):
            ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=thick))
