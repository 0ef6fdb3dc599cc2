"""What every technique gives: arrays, a figure, a section of a page, and figures for programs."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from striate.errors import ArgumentError
from striate.report import figures
from striate.report.html import Section, image, table
from striate.report.tiles import rgba
from striate.weights import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 40  # of a table that are printed


class Look:
    """The base of the results.  A technique's own class is a dataclass with its arrays and overrides these.

    anchor, title   of its section on a page
    source          the paper, with section or figure

    ``print`` gives the note and the table, a notebook shows the figure too; the arrays are the fields.
    """

    anchor: ClassVar[str] = "look"
    title: ClassVar[str] = "Look"
    source: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.__repr__ = Look.__repr__  # type: ignore[method-assign]  # else a dataclass prints all of its arrays

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.note()}>"

    def __str__(self) -> str:
        """The note and the table, whose rows from the 41st on are left out."""
        lines, listing = [self.note()], self.rows()
        if listing is not None:
            heads, rows = listing
            cells = [[str(cell) for cell in row] for row in (heads, *rows[:ROWS])]
            wide = [max(len(row[i]) for row in cells) for i in range(len(heads))]
            lines.append("")
            lines += ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in cells]
            if len(rows) > ROWS:
                lines.append(f"… and {len(rows) - ROWS} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """As a section of a page: what a notebook shows."""
        section = self.section()
        pictures = "".join(f"<p>{html.escape(words)}</p>{picture}" for words, picture in section.pictures)
        return f"<h4>{html.escape(section.title)}</h4><p>{html.escape(section.note)}</p>{pictures}{section.body}"

    def figure(self) -> Figure:
        """A matplotlib Figure in striate's style.  Raises ArgumentError for a technique that has none."""
        raise ArgumentError(f"{self.title} has no figure.")

    def note(self) -> str:
        """A sentence or two, in plain words: what is seen, how to read it, with the numbers."""
        return ""

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]] | None:
        """Heads and rows of the table that goes with the figure, or None."""
        return None

    def facts(self) -> dict[str, Any]:
        """JSON-ready: the numbers, without the large arrays."""
        listing = self.rows()
        return {} if listing is None else {"rows": [dict(zip(listing[0], row, strict=True)) for row in listing[1]]}

    def section(self) -> Section:
        """A section of a page, everything within it.  Raises ArgumentError for a technique without a figure."""
        source = f" ({self.source})" if self.source else ""
        section = Section(self.anchor, self.title, self.note() + source)
        section.pictures = [("", image(figures.to_png(self.figure()), "image/png", self.title))]
        listing = self.rows()
        if listing is not None:
            section.body = table(*listing)
        return section

    def bitmap(self) -> np.ndarray | None:
        """The picture uint8 (H, W, C) that a .png file of the result is, where it is one picture; None: the figure."""
        return None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the figure as .png or .svg; a result that is one picture as that picture, whole, in .png.

        path   where to; its ending says which

        Raises ArgumentError for another ending.
        """
        path = Path(path)
        kind = path.suffix.lower()
        if kind not in (".png", ".svg"):
            raise ArgumentError(f"{path}: a figure is saved as .png or .svg.")
        picture = self.bitmap() if kind == ".png" else None
        if picture is not None:
            written = figures.png(rgba(picture))
        else:
            written = figures.to_png(self.figure(), 150) if kind == ".png" else figures.to_svg(self.figure())
        atomic_write(path, written)
        return path
