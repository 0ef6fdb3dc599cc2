"""The pen and paper of every picture here: colours, text, the page with its heading."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from striate.draw.words import shape_text, text_width, wrapped
from striate.graph import FAMILIES, Graph
from striate.shown import SvgText
from striate.wording import plural

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
SMALL = 10.5  # the usual font size, pixels
INK, MUTED, WIRE = "#1c2733", "#4d5b6a", "#75828f"
MARGIN = 20.0
#: Fill and edge of each family.
COLOURS = {
    "input": ("#eef1f4", "#64748b"),
    "conv": ("#e4effd", "#2f6fdb"),
    "pool": ("#e0f3e7", "#1f9a5f"),
    "dense": ("#eee8fc", "#7a4fd6"),
    "norm": ("#fdf4d7", "#c4920c"),
    "activation": ("#fdebdd", "#dd6f1e"),
    "merge": ("#fbe6f1", "#c43a82"),
    "reshape": ("#def3f3", "#14868c"),
    "augment": ("#f2eadf", "#94693b"),
    "network": ("#e5e8f6", "#3a4a9c"),
    "other": ("#f0f0ed", "#85857c"),
    "fault": ("#fde5e3", "#c81e1e"),
}


def number(value: float) -> str:
    """A number in as few characters as it needs, to a tenth of a pixel."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def _plain(text: str) -> str:
    """`text` without the characters that XML cannot hold."""
    return "".join(
        c if c >= " " or c in "\t\n" else " " for c in text if c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff"
    )


def content(text: str) -> str:
    """`text` as the content of an element."""
    return escape(_plain(text))


def attribute(text: str) -> str:
    """`text` as an attribute's value, with its quotes."""
    return quoteattr(_plain(text))


def rectangle(x: float, y: float, width: float, height: float, *, radius: float, fill: str, more: str = "") -> str:
    """A rectangle with round corners."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="{number(radius)}"'
    return f'<rect {place} fill="{fill}"{more}/>'


def label(
    x: float, y: float, text: str, *, size: float = SMALL, colour: str = INK, bold: bool = False, anchor: str = ""
) -> str:
    """A line of text whose base line starts (or has its ``middle`` or ``end``) at (x, y)."""
    said = f' font-size="{number(size)}"' if size != SMALL else ""
    said += f' text-anchor="{anchor}"' if anchor else ""
    said += ' font-weight="600"' if bold else ""
    return f'<text x="{number(x)}" y="{number(y)}"{said} fill="{colour}">{content(text)}</text>'


def summarised(graph: Graph) -> str:
    """One line about a network: layers, weights, shapes in and out."""
    first = [node for node in graph.flat().nodes if node.first]
    weights = sum(weight.size for node in first for weight in node.layer.parameters(*node.input_shapes).values())
    inputs = " and ".join(map(shape_text, graph.input_shapes))
    ends = "breaks off" if graph.fault else " and ".join(map(shape_text, graph.output_shapes))
    return f"{plural(len(first), 'layer')} · {plural(weights, 'weight')} · {inputs} → {ends}"


def page(
    graph: Graph, title: str | None, families: Sequence[str], drawing: Sequence[str], width: float, height: float
) -> SvgText:
    """A drawing of `width` by `height` as an SVG document: white ground, title, summary and a legend of `families`."""
    summary = summarised(graph)
    head, tall, wide = _heading(title, summary, families, max(width, 300.0))
    across, along = max(width, wide) + 2 * MARGIN, tall + height + 2 * MARGIN
    left = MARGIN + max(wide - width, 0) / 2
    size = f'viewBox="0 0 {number(across)} {number(along)}" width="{number(across)}" height="{number(along)}"'
    said = f"{title}: {summary}" if title else summary
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}" font-size="{number(SMALL)}">',
        f"<title>{content(said)}</title>",
        f'<rect width="{number(across)}" height="{number(along)}" fill="#ffffff"/>',
        *head,
        f'<g transform="translate({number(left)} {number(MARGIN + tall)})">',
        *drawing,
        "</g>",
        "</svg>",
    ]
    return SvgText("\n".join(lines) + "\n")


def _heading(title: str | None, summary: str, families: Sequence[str], room: float) -> tuple[list[str], float, float]:
    """Title, summary and legend in `room` pixels of width: their SVG, height and width."""
    parts, y, widest = [], MARGIN - 4, 0.0
    for text, size, colour, bold in ((title or "", 16.0, INK, True), (summary, 11.5, MUTED, False)):
        for line in wrapped(_plain(text), size, room, bold=bold) if text else ():
            y += size + 4
            parts.append(label(MARGIN, y, line, size=size, colour=colour, bold=bold))
            widest = max(widest, text_width(line, size, bold=bold))
    x, y = MARGIN, y + 18
    for family in (family for family in FAMILIES if family in families):
        wide = 14 + text_width(family, SMALL)
        if x + wide > MARGIN + room:
            x, y = MARGIN, y + 16
        fill, edge = COLOURS[family]
        parts.append(rectangle(x + 0.5, y - 8.5, 9, 9, radius=2, fill=fill, more=f' stroke="{edge}"'))
        parts.append(label(x + 14, y, family, colour=MUTED))
        widest = max(widest, x + wide - MARGIN)
        x += wide + 14
    return parts, y + 18 - MARGIN, widest
