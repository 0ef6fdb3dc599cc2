"""How results show themselves in a notebook: what prints as text as that text, a drawing as the drawing."""

from __future__ import annotations

import html

from striate.guard import guard


class Shown:
    """Base of what prints as a table or a few lines: a notebook shows the same text in a fixed-width font."""

    def _repr_html_(self) -> str:
        return preformatted(str(self))


class Text(str):
    """A text of several lines that a notebook shows as ``print`` would."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return preformatted(self)


class SvgText(str):
    """The text of an SVG picture; a notebook shows the picture."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<SVG drawing of {len(self):,} characters; print() shows its text>"


def preformatted(text: str) -> str:
    """A text as HTML in a fixed-width font.

    text   of any number of lines
    """
    return f'<pre style="line-height: 1.2">{html.escape(text)}</pre>'


guard(__name__)
