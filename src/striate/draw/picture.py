"""A layout as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from striate.draw.diagram import NAME_SIZE, SIDE, STRIPE, TEXT_SIZE, EdgeLine, Frame, LayerBox
from striate.draw.paper import COLOURS, INK, MUTED, WIRE, attribute, content, label, number, page, rectangle
from striate.draw.placing import layout
from striate.draw.sugiyama import Point
from striate.draw.words import fitted, text_width
from striate.graph import Graph
from striate.shown import SvgText
from striate.wording import plural

ROUND = 7.0  # radius of a connector's corners
MARK = 10.0  # how far the mark of an output hangs below its box


def svg(graph: Graph, *, title: str | None = None, expand: bool = False, direction: str = "down") -> SvgText:
    """A diagram of a network as one self-contained SVG, with a white ground of its own.

    A box for every call of a layer: its name, kind and key hyper-parameters, output shape (channels last) and trainable
    weights; colours tell the families apart; the later calls of a shared layer are dashed.  Drawings that would be far
    too long go on in the next column.  A description that breaks off ends in a red box with the error.

    title: a heading.  expand: nested networks as frames around their layers.  direction: ``down`` or ``right``.
    Raises ArgumentError for another direction.  Layout after Sugiyama et al. 1981, see ``striate.draw.sugiyama``.

    graph       of the network
    title       above the picture
    expand      nested networks as frames around their layers
    direction   "down" or "right"
    """
    drawn = layout(graph, expand=expand, direction=direction)
    outputs = sum(len(box.output) for box in drawn.boxes)
    onward = {line.source for line in drawn.lines}
    marked = [box for box in drawn.boxes if box.output and (outputs > 1 or box.name in onward)]
    height = max([drawn.height, *(box.y + box.height + MARK for box in marked)])
    parts = [_frame(frame) for frame in drawn.frames]
    parts += _lines(drawn.lines, direction)
    parts += [_box(box) for box in drawn.boxes]
    parts += [_mark(box, outputs) for box in marked]
    return page(graph, title, [box.family for box in drawn.boxes], parts, drawn.width, height)


def _frame(frame: Frame) -> str:
    fill, edge = COLOURS["network"]
    style = f' fill-opacity="0.45" stroke="{edge}" stroke-opacity="0.6"' + _dashed(frame.shared)
    outline = rectangle(
        frame.x + 0.5, frame.y + 0.5, frame.width - 1, frame.height - 1, radius=8, fill=fill, more=style
    )
    return (
        f"<g data-frame={attribute(frame.name)}><title>{content(f'{frame.name}: {frame.says}')}</title>{outline}"
        f'<text x="{number(frame.label_x)}" y="{number(frame.y + 16)}" fill="{INK}">'
        f'<tspan font-size="{number(NAME_SIZE)}" font-weight="600">{content(frame.label)}</tspan>'
        f'<tspan dx="8" fill="{MUTED}">{content(frame.says)}</tspan></text></g>'
    )


def _dashed(yes: bool) -> str:
    return ' stroke-dasharray="5 3"' if yes else ""


def _lines(lines: Sequence[EdgeLine], direction: str) -> list[str]:
    """All edges of a layer as one path, so that the way they share is drawn once; then the head of each."""
    groups: dict[tuple[str, bool], list[EdgeLine]] = {}
    for line in lines:
        groups.setdefault((line.source, line.fault), []).append(line)
    head = "l-3.3 -7h6.6z" if direction == "down" else "l-7 -3.3v6.6z"
    parts = []
    for (source, fault), group in groups.items():
        colour = COLOURS["fault"][1] if fault else WIRE
        ways = "".join(dict.fromkeys(_path(line.points, direction) for line in group))
        heads = [f'<path data-to={attribute(line.target)} d="M{_xy(line.points[-1])}{head}"/>' for line in group]
        parts.append(
            f'<g data-from={attribute(source)} fill="{colour}"><path d="{ways}" fill="none" stroke="{colour}" '
            f'stroke-width="1.3"{_dashed(fault)}/>{"".join(heads)}</g>'
        )
    return parts


def _path(points: Sequence[Point], direction: str) -> str:
    """An SVG path: straight pieces with round corners, S-curves between points that differ in both coordinates."""
    words = ["M" + _xy(points[0])]
    for i in range(1, len(points)):
        (ax, ay), (bx, by) = points[i - 1], points[i]
        if ax != bx and ay != by:
            first, second = (
                ((ax, (ay + by) / 2), (bx, (ay + by) / 2)) if direction == "down" else _sideways(ax, ay, bx, by)
            )
            words.append(f"C{_xy(first)} {_xy(second)} {_xy((bx, by))}")
            continue
        cx, cy = points[i + 1] if i + 1 < len(points) else (bx, by)
        if (bx == cx) != (by == cy) and (ax == bx) != (bx == cx):  # a corner
            before, after = abs(bx - ax) + abs(by - ay), abs(cx - bx) + abs(cy - by)
            r = min(ROUND, before / 2, after / 2)
            start = bx - r * (bx - ax) / before, by - r * (by - ay) / before
            stop = bx + r * (cx - bx) / after, by + r * (cy - by) / after
            words.append(f"L{_xy(start)}Q{_xy((bx, by))} {_xy(stop)}")
        else:
            words.append("L" + _xy((bx, by)))
    return "".join(words)


def _sideways(ax: float, ay: float, bx: float, by: float) -> tuple[Point, Point]:
    return ((ax + bx) / 2, ay), ((ax + bx) / 2, by)


def _xy(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _box(box: LayerBox) -> str:
    fill, edge = COLOURS[box.family]
    x, y, left, right = box.x, box.y, box.x + STRIPE + SIDE - 2, box.x + box.width - SIDE
    style = f' stroke="{edge}"' + _dashed(box.shared)
    parts = [
        f"<g data-layer={attribute(box.name)}><title>{content(_told(box))}</title>",
        rectangle(x + 0.5, y + 0.5, box.width - 1, box.height - 1, radius=5, fill=fill, more=style),
        f'<path d="M{_xy((x + STRIPE + 1, y + 0.5))}h-0.5a5 5 0 0 0 -5 5v{number(box.height - 11)}a5 5 0 0 0 5 5h0.5z" '
        f'fill="{edge}"/>',
    ]
    if box.family == "fault":
        parts.append(label(left, y + 18, box.says, size=NAME_SIZE, colour=edge, bold=True))
        parts += [label(left, y + 35 + 14 * i, line) for i, line in enumerate(box.lines)]
        return "".join([*parts, "</g>"])
    room = right - left
    shape, corner = fitted(box.shape, TEXT_SIZE, room / 2), fitted(box.corner, TEXT_SIZE, room / 2)
    name = fitted(box.label, NAME_SIZE, room - text_width(shape, TEXT_SIZE) - 8, bold=True)
    says = fitted(box.says, TEXT_SIZE, room - (text_width(corner, TEXT_SIZE) + 8 if corner else 0))
    parts.append(label(left, y + 17, name, size=NAME_SIZE, bold=True))
    parts.append(label(right, y + 17, shape, anchor="end"))
    parts.append(label(left, y + 31.5, says, colour=MUTED))
    if corner:
        parts.append(label(right, y + 31.5, corner, colour=MUTED, anchor="end"))
    return "".join([*parts, "</g>"])


def _mark(box: LayerBox, outputs: int) -> str:
    """A dark tag under a box that gives an output of the network."""
    word = "output" + (" " + ", ".join(map(str, box.output)) if outputs > 1 else "")
    left, wide = box.x + STRIPE + SIDE - 4, text_width(word, 9) + 10
    y = box.y + box.height + MARK - 13
    return rectangle(left, y, wide, 13, radius=6.5, fill=INK) + label(
        left + wide / 2, y + 9.7, word, size=9, colour="#ffffff", anchor="middle"
    )


def _told(box: LayerBox) -> str:
    """What a box says when the pointer rests on it: all of its text, uncut."""
    if box.family == "fault":
        return f"{box.says}: {' '.join(box.lines)}"
    weights = f"{plural(box.weights, 'weight')}" if box.weights else "no weights"
    if box.shared and box.weights:
        weights += ", shared with the first call"
    if box.frozen:
        weights += ", frozen"
    return f"{box.name}: {box.says}; output {box.shape}; {weights}"
