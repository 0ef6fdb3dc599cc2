"""The classic picture of a ConvNet: each volume of activations as a block, whose sides shrink while it gets deeper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.draw.paper import COLOURS, MUTED, WIRE, content, label, number, page
from striate.draw.words import fitted, shape_text, text_width
from striate.graph import QUIET, FlatGraph, FlatNode, Graph, Shape, channel_axes, channels_last, family
from striate.primitives import Pool
from striate.shown import SvgText

TALLEST = 170.0  # pixels of the largest map's side
DEEP = 1.9  # pixels of thickness for the root of a channel count
SLANT = (0.42, -0.3)  # how the third side runs, right and up, per pixel of its length
BETWEEN = 34.0  # blocks, for an arrow
ROW = 1500.0  # a row of blocks is about this wide at most


@dataclass
class _Block:
    shape: Shape
    family: str
    words: list[str]  # what made it, a line each
    channels: int = -1  # their axis
    height: float = 0.0
    depth: float = 0.0  # of the slanted side
    thick: float = 0.0

    @property
    def across(self) -> float:
        return self.thick + self.depth * SLANT[0]

    @property
    def up(self) -> float:
        return self.height - self.depth * SLANT[1]

    @property
    def width(self) -> float:
        texts = [text_width(shape_text(self.shape), 11.5, bold=True), *(text_width(word, 10.5) for word in self.words)]
        return max(self.across, *texts)


def feature_map_svg(graph: Graph, *, title: str | None = None) -> SvgText:
    """A network's volumes of activations as blocks, as one self-contained SVG with a white ground of its own.

    Sides go with the map's height and width (to the power 0.7, so that small maps stay visible), thickness with the
    root of the number of channels; a vector is a bar.  Layers that keep the shape share a block.  Of a branching
    network the longest path to the first output is shown.

    graph   of the network
    title   above the picture
    """
    blocks = _blocks(graph)
    _scale(blocks)
    total = sum(block.width + BETWEEN for block in blocks)
    room = total / -(-total // ROW) + 80 if total > ROW else ROW
    rows: list[list[_Block]] = [[]]
    used = 0.0
    for block in blocks:
        if rows[-1] and used + block.width > room:
            rows.append([])
            used = 0.0
        rows[-1].append(block)
        used += block.width + BETWEEN
    parts, base = [], 0.0
    for row in rows:
        base += max(block.up for block in row)
        x = 0.0
        for block in row:
            parts.append(_drawn(block, x + (block.width - block.across) / 2, base, x + block.width / 2))
            x += block.width + BETWEEN
            if block is not blocks[-1]:
                parts.append(_arrow(x - BETWEEN + 7, base - 8))
        base += 24 + 14 * max(len(block.words) for block in row) + 20
    wide = max(sum(block.width + BETWEEN for block in row) for row in rows) - (BETWEEN if len(rows) == 1 else 7)
    return page(graph, title, [block.family for block in blocks], parts, wide, base - 20)


def _path(flat: FlatGraph) -> tuple[int, list[FlatNode]]:
    """The longest path to the first output: the tensor it starts from, and its calls."""
    maker = {number: node for node in flat.nodes for number in node.outputs}
    length: dict[int, int] = dict.fromkeys(flat.inputs, 0)
    for node in flat.nodes:
        steps = 1 + max((length[number] for number in node.inputs), default=0)
        length |= dict.fromkeys(node.outputs, steps)
    path = []
    tensor = flat.outputs[0]
    while tensor in maker:
        path.append(maker[tensor])
        tensor = max(maker[tensor].inputs, key=lambda number: length[number])
    return tensor, path[::-1]


def _blocks(graph: Graph) -> list[_Block]:
    flat = graph.flat()
    start, nodes = _path(flat)
    axes = channel_axes(flat)
    blocks = [_Block(flat.shapes[start], "input", [], channels=axes[start])]
    made: list[list[FlatNode]] = [[]]
    for node in nodes:
        if node.shape != blocks[-1].shape:
            blocks.append(
                _Block(node.shape, family(node.layer, *node.input_shapes), [], channels=axes[node.outputs[0]])
            )
            made.append([])
        made[-1].append(node)
    for block, calls in zip(blocks, made, strict=True):
        loud = [node for node in calls if family(node.layer, *node.input_shapes) not in QUIET] or calls
        if loud and block.family != "input":
            block.family = family(loud[0].layer, *loud[0].input_shapes)
        counts: dict[str, int] = {}
        for node in loud:
            word = _word(node)
            counts[word] = counts.get(word, 0) + 1
        words = [f"{n} × {word}" if n > 1 else word for word, n in counts.items()]
        block.words = [
            fitted(word, 10.5, 150)
            for word in (words if len(words) <= 3 else [*words[:2], f"and {len(words) - 2} more"])
        ]
    return blocks


def _word(node: FlatNode) -> str:
    """A layer's kind and window; the rest of it shows in the block."""
    layer, window = node.layer, node.lowering.window
    if window is None:
        return layer.kind
    stride = max(window.strides)
    usual = window.kernel if node.lowering.of(Pool) else (1,) * len(window.kernel)
    stride_said = "" if window.strides == usual else f", stride {stride}"
    return f"{layer.kind} {'x'.join(map(str, window.kernel))}{stride_said}"


def sides(shapes: Sequence[Shape]) -> list[tuple[float, float, float]]:
    """Height, depth (of the slanted side) and thickness of volumes, all to one scale.

    shapes   channels last
    """
    largest = max((max(shape[:-1]) for shape in shapes if len(shape) > 1), default=1)

    def side(size: int) -> float:
        return max(TALLEST * (size / largest) ** 0.7, 5.0)

    def of(*positions: int, channels: int) -> tuple[float, float, float]:
        if not positions:  # a vector: a bar whose length is its channels
            return min(5 + 3.2 * channels**0.5, TALLEST), 9.0, 9.0
        thick = 3 + DEEP * channels**0.5
        if len(positions) == 1:  # a sequence: flat
            return side(positions[0]), 7.0, thick
        return side(positions[-2]), side(positions[-1]), thick

    return [of(*shape[:-1], channels=(1, *shape)[-1]) for shape in shapes]


def _scale(blocks: list[_Block]) -> None:
    found = sides([channels_last(block.shape, block.channels) for block in blocks])
    for block, measures in zip(blocks, found, strict=True):
        block.height, block.depth, block.thick = measures


def _drawn(block: _Block, x: float, base: float, middle: float) -> str:
    """A block whose lower left front corner is (x, base), with its texts centred below `middle`."""
    edge = COLOURS[block.family][1]
    n, h, t = number, block.height, block.thick
    dx, dy = block.depth * SLANT[0], block.depth * SLANT[1]
    faces = (
        (f"M{n(x)} {n(base)}v{n(-h)}h{n(t)}v{n(h)}z", "0.55"),
        (f"M{n(x)} {n(base - h)}l{n(dx)} {n(dy)}h{n(t)}l{n(-dx)} {n(-dy)}z", "0.3"),
        (f"M{n(x + t)} {n(base)}v{n(-h)}l{n(dx)} {n(dy)}v{n(h)}z", "0.16"),
    )
    told = f"{shape_text(block.shape)}: {', '.join(block.words) or block.family}"
    parts = [f'<g stroke-linejoin="round"><title>{content(told)}</title>']
    parts += [f'<path d="{d}" fill="{edge}" fill-opacity="{shade}" stroke="{edge}"/>' for d, shade in faces]
    parts.append(label(middle, base + 18, shape_text(block.shape), size=11.5, bold=True, anchor="middle"))
    for i, word in enumerate(block.words):
        parts.append(label(middle, base + 33 + 14 * i, word, colour=MUTED, anchor="middle"))
    return "".join([*parts, "</g>"])


def _arrow(x: float, y: float) -> str:
    start, tip = f"{number(x)} {number(y)}", f"{number(x + 20)} {number(y)}"
    return f'<path d="M{start}h14" stroke="{WIRE}" stroke-width="1.3"/><path d="M{tip}l-7 -3.3v6.6z" fill="{WIRE}"/>'
