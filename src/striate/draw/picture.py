"""A layout as SVG text."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from striate.draw.layout import NAME_SIZE, SIDE, STRIPE, TEXT_SIZE, Box, Frame, Layout, Line, layout
from striate.draw.sugiyama import Point
from striate.draw.words import FAMILIES, fitted, shape_text, text_width, wrapped
from striate.graph import Graph

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK, MUTED, WIRE = "#1c2733", "#4d5b6a", "#75828f"
#: Fill and edge of each family's boxes.
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
MARGIN = 20.0
ROUND = 7.0  # radius of a connector's corners


def svg(graph: Graph, *, title: str | None = None, expand: bool = False, direction: str = "down") -> str:
    """A diagram of a network as one self-contained SVG, with a white ground of its own.

    A box for every call of a layer: its name, kind and key hyper-parameters, output shape (channels last) and trainable
    weights; colours tell the families apart; the later calls of a shared layer are dashed.  Drawings that would be far
    too tall go on in the next column.  A description that breaks off ends in a red box with the error.

    title: a heading.  expand: nested networks as frames around their layers.  direction: ``down`` or ``right``.
    Raises ArgumentError for another direction.  Layout after Sugiyama et al. 1981, see ``sugiyama``.
    """
    drawn = layout(graph, expand=expand, direction=direction)
    summary = summarised(graph)
    head, head_height, head_width = headed(title, summary, [box.family for box in drawn.boxes], drawn.width)
    width = max(drawn.width, head_width) + 2 * MARGIN
    height = drawn.height + head_height + 2 * MARGIN + _tail(drawn)
    dx = (width - drawn.width) / 2 if drawn.width < head_width else MARGIN
    outputs = sum(len(box.output) for box in drawn.boxes)
    sources = {line.source for line in drawn.lines}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" '
        f'height="{number(height)}" role="img" font-family="{FONT}" font-size="{number(TEXT_SIZE)}">',
        f"<title>{escape(plain_text(f'{title}: {summary}' if title else summary))}</title>",
        f'<rect width="{number(width)}" height="{number(height)}" fill="#ffffff"/>',
        head,
        f'<g transform="translate({number(dx)} {number(MARGIN + head_height)})">',
        *(_frame(frame) for frame in drawn.frames),
        *_lines(drawn.lines, drawn.direction),
        *(_box(box, outputs > 1 or box.name in sources, outputs) for box in drawn.boxes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def summarised(graph: Graph) -> str:
    """One line about a network: layers, weights, shapes in and out."""
    flat = graph.flat()
    weights = sum(
        weight.size for node in flat.nodes if node.first for weight in node.layer.weights(*node.input_shapes).values()
    )
    number = sum(node.first for node in flat.nodes)
    inputs = " and ".join(map(shape_text, graph.input_shapes))
    ends = "breaks off" if graph.fault else " and ".join(map(shape_text, graph.output_shapes))
    return f"{number} layer{'s' * (number != 1)} · {weights:,} weights · {inputs} → {ends}"


def headed(title: str | None, summary: str, families: Sequence[str], width: float) -> tuple[str, float, float]:
    """Title, summary and legend: their SVG, height, and the width they need."""
    room = max(width, 300.0)
    parts, y, widest = [], MARGIN - 4, 0.0
    for text, size, colour, bold in ((title or "", 16.0, INK, True), (summary, 11.5, MUTED, False)):
        for line in wrapped(plain_text(text), size / (0.92 if bold else 1), room) if text else ():
            y += size + 4
            weight = ' font-weight="600"' if bold else ""
            parts.append(
                f'<text x="{number(MARGIN)}" y="{number(y)}" font-size="{number(size)}"{weight} fill="{colour}">{escape(line)}</text>'
            )
            widest = max(widest, min(text_width(line, size, bold=bold), room))
    x, y = MARGIN, y + 18
    for name in (name for name in FAMILIES if name in families):
        wide = 14 + text_width(name, 10.5) + 14
        if x + wide - 14 > MARGIN + room:
            x, y = MARGIN, y + 16
        fill, edge = COLOURS[name]
        parts.append(
            f'<rect x="{number(x + 0.5)}" y="{number(y - 8.5)}" width="9" height="9" rx="2" fill="{fill}" stroke="{edge}"/>'
            f'<text x="{number(x + 14)}" y="{number(y)}" fill="{MUTED}">{name}</text>'
        )
        x += wide
        widest = max(widest, x - MARGIN - 14)
    return "\n".join(parts), y + 18 - MARGIN, widest


def _tail(drawn: Layout) -> float:
    """Room that the mark of an output takes below the last box."""
    return 10.0 if any(box.output and box.y + box.height > drawn.height - 10 for box in drawn.boxes) else 0.0


def _frame(frame: Frame) -> str:
    fill, edge = COLOURS["network"]
    dashed = ' stroke-dasharray="5 3"' if frame.shared else ""
    name = frame.name.rpartition("/")[2]
    says = frame.says + (", shared" if frame.shared else "")
    return (
        f"<g data-frame={quoteattr(frame.name)}><title>{escape(f'{frame.name}: {says}')}</title>"
        f'<rect x="{number(frame.x + 0.5)}" y="{number(frame.y + 0.5)}" width="{number(frame.width - 1)}" '
        f'height="{number(frame.height - 1)}" rx="8" fill="{fill}" fill-opacity="0.45" stroke="{edge}" '
        f'stroke-opacity="0.6"{dashed}/>'
        f'<text x="{number(frame.label_x)}" y="{number(frame.y + 16)}" font-size="{number(NAME_SIZE)}" fill="{INK}">'
        f'<tspan font-weight="600">{escape(name)}</tspan><tspan dx="8" font-size="{number(TEXT_SIZE)}" '
        f'fill="{MUTED}">{escape(says)}</tspan></text></g>'
    )


def _lines(lines: Sequence[Line], direction: str) -> list[str]:
    """All edges of a layer as one path, so that the way they share is drawn once; then the head of each."""
    groups: dict[tuple[str, bool], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.source, line.fault), []).append(line)
    parts = []
    for (source, fault), group in groups.items():
        colour = COLOURS["fault"][1] if fault else WIRE
        dashed = ' stroke-dasharray="4 3"' if fault else ""
        ways = "".join(dict.fromkeys(_path(line.points, direction) for line in group))
        parts.append(
            f'<g data-from={quoteattr(source)} fill="{colour}">'
            f'<path d="{ways}" fill="none" stroke="{colour}" stroke-width="1.3"{dashed}/>'
        )
        for line in group:
            x, y = line.points[-1]
            head = "l-3.3 -7h6.6z" if direction == "down" else "l-7 -3.3v6.6z"
            parts.append(f'<path data-to={quoteattr(line.target)} d="M{number(x)} {number(y)}{head}"/>')
        parts.append("</g>")
    return parts


def _path(points: Sequence[Point], direction: str) -> str:
    """An SVG path: straight pieces with round corners, S-curves between points that differ in both coordinates."""
    words = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for i in range(1, len(points)):
        (ax, ay), (bx, by) = points[i - 1], points[i]
        if ax != bx and ay != by:
            if direction == "down":
                middle = (ay + by) / 2
                words.append(f"C{number(ax)} {number(middle)} {number(bx)} {number(middle)} {number(bx)} {number(by)}")
            else:
                middle = (ax + bx) / 2
                words.append(f"C{number(middle)} {number(ay)} {number(middle)} {number(by)} {number(bx)} {number(by)}")
            continue
        after = points[i + 1] if i + 1 < len(points) else None
        if after is not None and (after[0] == bx) != (after[1] == by) and (after[0] == bx) != (ax == bx):
            long, next_long = abs(bx - ax) + abs(by - ay), abs(after[0] - bx) + abs(after[1] - by)
            r = min(ROUND, long / 2, next_long / 2)
            tx, ty = bx - r * (bx - ax) / long, by - r * (by - ay) / long
            ux, uy = bx + r * (after[0] - bx) / next_long, by + r * (after[1] - by) / next_long
            words.append(f"L{number(tx)} {number(ty)}Q{number(bx)} {number(by)} {number(ux)} {number(uy)}")
        else:
            words.append(f"L{number(bx)} {number(by)}")
    return "".join(words)


def _box(box: Box, mark: bool, outputs: int) -> str:
    fill, edge = COLOURS[box.family]
    dashed = ' stroke-dasharray="5 3"' if box.shared else ""
    x, y, right = box.x, box.y, box.x + box.width - SIDE
    left = x + STRIPE + SIDE - 2
    parts = [
        f'<g data-layer={quoteattr(box.name)} data-family="{box.family}"><title>{escape(_told(box))}</title>'
        f'<rect x="{number(x + 0.5)}" y="{number(y + 0.5)}" width="{number(box.width - 1)}" height="{number(box.height - 1)}" rx="5" '
        f'fill="{fill}" stroke="{edge}"{dashed}/>'
        f'<path d="M{number(x + STRIPE + 1)} {number(y + 0.5)}h-{number(STRIPE - 4 + 0.5)}a5 5 0 0 0 -5 5v{number(box.height - 11)}'
        f'a5 5 0 0 0 5 5h{number(STRIPE - 4 + 0.5)}z" fill="{edge}"/>'
    ]
    if box.family == "fault":
        parts.append(text(left, y + 18, box.says, NAME_SIZE, COLOURS["fault"][1], bold=True))
        parts += [text(left, y + 35 + 14 * i, line, TEXT_SIZE, INK) for i, line in enumerate(box.lines)]
        return "".join([*parts, "</g>"])
    room = right - left
    shape = fitted(box.shape, TEXT_SIZE, room / 2)
    name = fitted(box.label, NAME_SIZE, room - text_width(shape, TEXT_SIZE) - 8, bold=True)
    corner = fitted(box.corner, TEXT_SIZE, room / 2)
    says = fitted(box.says, TEXT_SIZE, room - (text_width(corner, TEXT_SIZE) + 8 if corner else 0))
    parts.append(text(left, y + 17, name, NAME_SIZE, INK, bold=True))
    parts.append(text(right, y + 17, shape, TEXT_SIZE, INK, anchor="end"))
    parts.append(text(left, y + 31.5, says, TEXT_SIZE, MUTED))
    if corner:
        parts.append(text(right, y + 31.5, corner, TEXT_SIZE, MUTED, anchor="end"))
    if box.output and mark:
        word = "output" + (" " + ", ".join(map(str, box.output)) if outputs > 1 else "")
        wide = text_width(word, 9) + 10
        parts.append(
            f'<rect x="{number(left - 2)}" y="{number(y + box.height - 3)}" width="{number(wide)}" height="13" rx="6.5" '
            f'fill="{INK}"/>' + text(left - 2 + wide / 2, y + box.height + 6.7, word, 9, "#ffffff", anchor="middle")
        )
    return "".join([*parts, "</g>"])


def _told(box: Box) -> str:
    """What a box says when the pointer rests on it: all of its text, uncut."""
    if box.family == "fault":
        return f"{box.says}: {' '.join(box.lines)}"
    weights = f"{box.weights:,} weights" if box.weights else "no weights"
    if box.shared and box.weights:
        weights += ", shared with the first call"
    if box.frozen:
        weights += ", frozen"
    return f"{box.name}: {box.says}; output {box.shape}; {weights}"


def text(x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False, anchor: str = "") -> str:
    where = f' text-anchor="{anchor}"' if anchor else ""
    weight = ' font-weight="600"' if bold else ""
    own = "" if size == TEXT_SIZE else f' font-size="{number(size)}"'
    return (
        f'<text x="{number(x)}" y="{number(y)}"{own}{where}{weight} fill="{colour}">{escape(plain_text(text))}</text>'
    )


def plain_text(text: str) -> str:
    """`text` without characters that XML cannot hold."""
    return "".join(
        c if c >= " " or c in "\t\n" else " " for c in text if c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff"
    )


def number(value: float) -> str:
    """A number in as few characters as it needs, to a tenth of a pixel."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )
