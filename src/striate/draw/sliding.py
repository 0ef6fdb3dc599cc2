"""How a layer's window moves: the input's cells, the padding around them, the first windows and the last, the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.draw.paper import FONT, INK, MARGIN, MUTED, SMALL, content, label, number, rectangle
from striate.draw.words import text_width, wrapped
from striate.errors import ArgumentError, unknown
from striate.graph import FlatNode, Graph, Shape, Step, Window
from striate.shown import SvgText
from striate.size.outputs import output_lines
from striate.wording import by, plural

CELL = 18.0
MOST = 22  # cells of an axis that are drawn; of a longer one its beginning and its end
END = 7  # cells of that end
GAP = 26.0  # between beginning and end
_SIDE = 17  # of a cell within its lines
#: Fill and words of the kinds of cells.
CELLS = {
    "input": ("#e9eef4", "#b4c0cc"),
    "padding": ("#ffffff", "#b4c0cc"),
    "unused": ("#f9c9c4", "#c81e1e"),
    "output": ("#f6f7f9", "#b4c0cc"),
}
#: The windows that are shown, by their place in the output: colour and words.
FIRST, RIGHT, BELOW, LAST = "#2f6fdb", "#dd6f1e", "#7a4fd6", "#1f9a5f"


@dataclass
class Axis:
    """One axis of a grid of cells, from `low` up to `high`, both in cells of the input; 0 is its first one.

    size        cells that are there; those outside are padding
    low, high   of all cells, padding included
    used        the first cell that no window reaches
    """

    size: int
    low: int
    high: int
    used: int

    @property
    def shown(self) -> list[int]:
        """The cells that are drawn: all, or of a long axis the first and the last."""
        every = list(range(self.low, self.high))
        return every if len(every) <= MOST else every[: MOST - END] + every[-END:]

    @property
    def cut(self) -> int | None:
        """The first cell behind those that are left out; None where all are drawn."""
        return self.high - END if self.high - self.low > MOST else None

    def place(self, cell: int) -> float:
        """Where a cell begins, in pixels; of one that is left out, the middle of the gap."""
        if self.cut is None or cell < self.low + MOST - END:
            return (cell - self.low) * CELL
        if cell < self.cut:
            return (MOST - END) * CELL + GAP / 2
        return (cell - self.cut + MOST - END) * CELL + GAP

    @property
    def extent(self) -> float:
        return len(self.shown) * CELL + (GAP if self.cut is not None else 0.0)

    def kind(self, cell: int) -> str:
        if cell >= self.used:
            return "unused"
        return "input" if 0 <= cell < self.size else "padding"


def window_svg(graph: Graph, layer: str, *, title: str | None = None) -> SvgText:
    """How the window of a convolution or a pooling moves, as one self-contained SVG with a white ground of its own.

    Cells of the input, of the padding (dashed) and those that no window reaches (red); the first window, the next to its
    right, the next below it and the last; the same places in the output; the arithmetic.  A transposed window paints its
    output: there the cells that are cut off are dashed.  Of a long axis the beginning and the end are drawn.

    graph   of the network
    layer   the name of a call, ``base/conv2d`` in a nested network
    title   above the picture; None: the layer's name and sizes

    Raises ArgumentError for an unknown name and a layer without a window.
    """
    calls = {call.name: call for call in graph.flat().nodes}
    if layer not in calls:
        raise unknown("layer name", layer, calls)
    call = calls[layer]
    step, window = _sliding(call)
    sizes, out = step.input_shapes[0][:-1], step.shape[:-1]
    axes = _axes(window, sizes, out)
    outer = [Axis(n, 0, n, n) for n in (sizes if window.transposed else out)]
    if len(axes) == 1:  # a sequence is one row
        axes, outer = [Axis(1, 0, 1, 1), *axes], [Axis(1, 0, 1, 1), *outer]
    rank = len(sizes)
    kernel, strides, dilation = ((1,) * (2 - rank) + each for each in (window.kernel, window.strides, window.dilation))
    places = _places((outer[0].size, outer[1].size))
    big, small = ("output", "input") if window.transposed else ("input", "output")
    drawing, y = (
        [label(0, 11, f"the {big}, {by(step.shape if window.transposed else step.input_shapes[0])}", bold=True)],
        20.0,
    )
    drawing += _grid(axes, 0, y, big)
    for (row, column), colour, _ in places:
        first = (axes[0].low + row * strides[0], axes[1].low + column * strides[1])
        drawing += _window(axes, first, kernel, dilation, colour, 0, y)
    left = max(axes[1].extent, 120.0) + 46
    drawing.append(
        label(left, 11, f"the {small}, {by(step.input_shapes[0] if window.transposed else step.shape)}", bold=True)
    )
    drawing += _grid(outer, left, y, small)
    for (row, column), colour, _ in places:
        drawing += _window(outer, (row, column), (1, 1), (1, 1), colour, left, y)
    tall = max(axes[0].extent, outer[0].extent) + y
    wide = left + max(outer[1].extent, 130.0)
    legend, across = _legend(axes, window, places, tall + 22)
    drawing += legend
    wide = max(wide, across)
    lines = [line for text in _words(window, call) for line in wrapped(text, SMALL, max(wide, 420.0))]
    tall += 40
    drawing += [label(0, tall + 16 * i + 12, line, colour=MUTED) for i, line in enumerate(lines)]
    wide = max(wide, *(text_width(line, SMALL) for line in lines))
    heading = title or f"{call.layer.kind} {layer}: {by(call.input_shapes[0])} → {by(call.shape)}"
    return _page(heading, drawing, max(wide, text_width(heading, 14, bold=True), 470), tall + 16 * len(lines) + 4)


def _sliding(call: FlatNode) -> tuple[Step, Window]:
    sliding = call.lowering.sliding
    if not sliding or len(sliding[0][1].kernel) > 2:
        raise ArgumentError(
            f'{call.layer.kind} "{call.name}" has no window that moves; draw the window of a convolution or a pooling.'
        )
    return max(sliding, key=lambda pair: (pair[1].area > 1, -sliding.index(pair)))


def _axes(window: Window, sizes: Shape, out: Shape) -> list[Axis]:
    """The axes that the window moves along."""
    axes = []
    if window.transposed:
        for n, (before, _), painted in zip(out, window.crop(sizes), window.painted(sizes), strict=True):
            axes.append(Axis(n, -before, max(n, painted - before), max(n, painted - before)))
        return axes
    for n, (before, after), span, stride, count in zip(
        sizes, window.pads(sizes), window.span, window.strides, out, strict=True
    ):
        reached = (count - 1) * stride + span - before
        axes.append(Axis(n, -before, n + after, reached))
    return axes


def _places(out: tuple[int, int]) -> list[tuple[tuple[int, int], str, str]]:
    """The places in the output whose windows are shown, with colour and words; the last first, so that it lies below."""
    height, width = out
    places = [((height - 1, width - 1), LAST, "the last window")] if height * width > 1 else []
    if height > 1 and (height, width) != (2, 1):
        places.append(((1, 0), BELOW, "the next below"))
    if width > 1 and (height, width) != (1, 2):
        places.append(((0, 1), RIGHT, "the next"))
    return [*places, ((0, 0), FIRST, "the first window")]


# -- drawing ----------------------------------------------------------------------------------------------------------
def _grid(axes: Sequence[Axis], left: float, top: float, name: str) -> list[str]:
    """The cells, those of a kind as one path; and dots where some are left out."""
    rows, columns = axes
    paths: dict[str, list[str]] = {}
    for y in rows.shown:
        for x in columns.shown:
            kinds = {rows.kind(y), columns.kind(x)}
            kind: str = next(kind for kind in ("unused", "padding", "input") if kind in kinds)
            corner = f"M{number(left + columns.place(x) + 0.5)} {number(top + rows.place(y) + 0.5)}"
            paths.setdefault(kind, []).append(f"{corner}h{_SIDE}v{_SIDE}h-{_SIDE}z")
    parts = []
    for kind, cells in paths.items():
        fill, edge = CELLS["output" if kind == "input" and name == "output" else kind]
        dashed = ' stroke-dasharray="2 2"' if kind == "padding" else ""
        parts.append(f'<path d="{"".join(cells)}" fill="{fill}" stroke="{edge}" stroke-width="0.8"{dashed}/>')
    for axis, upright in ((columns, True), (rows, False)):
        if axis.cut is not None:
            middle = (MOST - END) * CELL + GAP / 2
            dx, dy = (middle, rows.extent / 2) if upright else (columns.extent / 2, middle)
            parts.append(
                label(left + dx, top + dy + 4, "…" if upright else "⋮", size=14, colour=MUTED, anchor="middle")
            )
    return parts


def _window(
    axes: Sequence[Axis],
    first: tuple[int, int],
    kernel: tuple[int, ...],
    dilation: tuple[int, ...],
    colour: str,
    left: float,
    top: float,
) -> list[str]:
    """A window's cells, and the line around them."""
    rows, columns = axes
    cells = [[f + i * d for i in range(n)] for f, n, d in zip(first, kernel, dilation, strict=True)]
    parts = [
        rectangle(
            left + columns.place(x) + 2,
            top + rows.place(y) + 2,
            CELL - 4,
            CELL - 4,
            radius=1.5,
            fill=colour,
            more=' fill-opacity="0.3"',
        )
        for y in cells[0]
        for x in cells[1]
        if y in rows.shown and x in columns.shown
    ]
    inset = {FIRST: 0.5, RIGHT: 2.5, BELOW: 4.0, LAST: 1.0}[colour]
    x, y = left + columns.place(cells[1][0]) + inset, top + rows.place(cells[0][0]) + inset
    across = left + columns.place(cells[1][-1]) + CELL - inset - x
    down = top + rows.place(cells[0][-1]) + CELL - inset - y
    line = f' stroke="{colour}" stroke-width="2"'
    return [*parts, rectangle(x, y, across, down, radius=2, fill="none", more=line)]


def _legend(
    axes: Sequence[Axis], window: Window, places: Sequence[tuple[tuple[int, int], str, str]], y: float
) -> tuple[list[str], float]:
    """What the colours mean, on one line, and how wide that is."""
    entries = [(colour, colour, words) for _, colour, words in reversed(places)]
    kinds = {rows for axis in axes for rows in map(axis.kind, axis.shown)}
    what = {"padding": "cut off" if window.transposed else "padding", "unused": "reached by no window"}
    entries += [(*CELLS[kind], words) for kind, words in what.items() if kind in kinds]
    parts, x = [], 0.0
    for fill, edge, words in entries:
        parts.append(
            rectangle(x + 0.5, y - 8.5, 9, 9, radius=2, fill=fill, more=f' fill-opacity="0.6" stroke="{edge}"')
        )
        parts.append(label(x + 14, y, words, colour=INK))
        x += 30 + text_width(words, SMALL)
    return parts, x - 16


def _words(window: Window, call: FlatNode) -> list[str]:
    """What the window is, and how the output's size comes about."""
    said = f"window {by(window.kernel)}, stride {by(window.strides)}"
    if max(window.dilation) > 1:
        said += f", dilation {by(window.dilation)}: it spans {by(window.span)}"
    if window.transposed:
        return [f"{said}: each number of the input paints one window", *map(_one_line, output_lines(call))]
    sizes = call.lowering.sliding[0][0].input_shapes[0][:-1]
    pads = window.pads(sizes)
    if any(map(any, pads)):
        each = [f"{plural(a, 'cell')} before and {b} after" for a, b in pads]
        said += f"; padding {each[0]}" if len(set(each)) == 1 else f"; padding {', '.join(each)}"
    misfit = window.misfit(sizes)
    return [said, *map(_one_line, output_lines(call)), *([f"{misfit[:1].upper()}{misfit[1:]}"] if misfit else [])]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _page(title: str, drawing: Sequence[str], width: float, height: float) -> SvgText:
    across, along = width + 2 * MARGIN, height + 2 * MARGIN + 24
    size = f'viewBox="0 0 {number(across)} {number(along)}" width="{number(across)}" height="{number(along)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}" font-size="{number(SMALL)}">',
        f"<title>{content(title)}</title>",
        f'<rect width="{number(across)}" height="{number(along)}" fill="#ffffff"/>',
        label(MARGIN, MARGIN + 6, title, size=14, bold=True),
        f'<g transform="translate({number(MARGIN)} {number(MARGIN + 24)})">',
        *drawing,
        "</g>",
        "</svg>",
    ]
    return SvgText("\n".join(lines) + "\n")
