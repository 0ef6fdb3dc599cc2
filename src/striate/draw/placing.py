"""Places for a network's diagram: what each of its (sub)networks holds, arranged from the inside out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from striate.draw import sugiyama
from striate.draw.diagram import NAME_SIZE, SIDE, STRIPE, TEXT_SIZE, Diagram, EdgeLine, Frame, LayerBox
from striate.draw.sugiyama import Point
from striate.draw.words import brief, count, fitted, shape_text, text_width, wrapped
from striate.errors import unknown
from striate.graph import Graph, Layer, Network, Node, SymbolicTensor, family

BOX_HEIGHT = 40.0
NARROWEST, WIDEST = 132.0, 268.0  # of a box
BETWEEN = 14.0  # room between the left and the right half of a box's text
BAND = 24.0  # a frame's room for its name
INSIDE = 14.0  # a frame's room around its layers
FAULT_TEXT = 250.0  # width of the lines of an error

_Port = tuple[str, str, int]  # (frame's name, "in" or "out", number)


@dataclass
class _Piece:
    """A part of an edge, between boxes (by name) and ports of frames."""

    start: str | _Port
    end: str | _Port
    points: list[Point]
    fault: bool = False


@dataclass
class _Drawn:
    """A drawn (sub)network in its own coordinates; `ins`, `outs`: where its ports are, across."""

    width: float
    height: float
    boxes: list[LayerBox] = field(default_factory=list)
    pieces: list[_Piece] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    ins: list[float] = field(default_factory=list)
    outs: list[float] = field(default_factory=list)


def layout(graph: Graph, *, expand: bool = False, direction: str = "down") -> Diagram:
    """Places of a network's layers and edges; the diagram that ``svg`` draws, as data.

    expand: nested networks as frames around their layers, instead of as one box.  direction: ``down`` or ``right``.
    Boxes do not overlap and lines do not pass through boxes of other layers.  Raises ArgumentError for another
    direction.

    graph       of the network
    expand      as above
    direction   as above
    """
    if direction not in ("down", "right"):
        raise unknown("direction", str(direction), ("down", "right"))
    writer = _Writer(expand, direction)
    marks = {} if graph.fault else {i: [i + 1] for i in range(len(graph.outputs))}
    drawn = writer.draw(writer.scope(graph, "", marks))
    result = Diagram(drawn.width, drawn.height, direction, drawn.boxes, [], drawn.frames)
    result.lines = list(_joined(drawn.pieces))
    return result


@dataclass
class _Scope:
    """What one (sub)network holds: boxes or drawn frames, and the edges between their ports."""

    name: str
    items: list[LayerBox | _Group | _Port] = field(default_factory=list)
    edges: list[sugiyama.Edge] = field(default_factory=list)
    faults: set[int] = field(default_factory=set)  # edges to the fault's box


@dataclass
class _Group:
    """An open nested network."""

    name: str
    says: str
    shared: bool
    scope: _Scope


class _Writer:
    def __init__(self, expand: bool, direction: str) -> None:
        self.expand = expand
        self.direction = direction
        self.seen: set[int] = set()
        self.width = NARROWEST

    # -- what is drawn ---------------------------------------------------------------------------------------------
    def scope(self, graph: Graph, prefix: str, marks: dict[int, list[int]]) -> _Scope:
        """The content of `graph`.

        `prefix` is the path of a nested network, with its final ``/``; `marks` tells which outputs of the whole network
        each of this graph's outputs is.
        """
        scope = _Scope(prefix)
        number: dict[int, int] = {}  # of an item, by its node's serial
        outputs: dict[int, dict[int, list[int]]] = {}  # marks by node and its tensor
        for i, tensor in enumerate(graph.outputs):
            outputs.setdefault(tensor.node.serial, {}).setdefault(tensor.index, []).extend(marks.get(i, []))
        ins = {tensor.node.serial: i for i, tensor in enumerate(graph.inputs)}
        for node in graph.nodes:
            name = prefix + graph.label(node)
            own = outputs.get(node.serial, {})
            item: LayerBox | _Group | _Port
            if prefix and node.serial in ins:
                item = (prefix, "in", ins[node.serial])
            elif self.expand and isinstance(node.layer, Network):
                shared = self._again(node.layer)
                item = _Group(
                    name, brief(node.layer) + ", shared" * shared, shared, self.scope(node.layer.graph, name + "/", own)
                )
            else:
                item = self._box(node, name, tuple(mark for of_tensor in own.values() for mark in of_tensor))
            number[node.serial] = len(scope.items)
            for slot, tensor in enumerate(node.inputs):
                scope.edges.append(self._edge(number, tensor, len(scope.items), slot, ins if prefix else {}))
            scope.items.append(item)
        if prefix:
            for i, tensor in enumerate(graph.outputs):
                scope.edges.append(self._edge(number, tensor, len(scope.items), 0, ins))
                scope.items.append((prefix, "out", i))
        if graph.fault is not None:
            for slot, tensor in enumerate(graph.outputs):
                scope.faults.add(len(scope.edges))
                scope.edges.append(self._edge(number, tensor, len(scope.items), slot, {}))
            scope.items.append(_fault_box(graph, {item.name for item in scope.items if isinstance(item, LayerBox)}))
        return scope

    def _edge(
        self, number: dict[int, int], tensor: SymbolicTensor, head: int, slot: int, ins: dict[int, int]
    ) -> sugiyama.Edge:
        out = 0 if tensor.node.serial in ins else tensor.index
        return sugiyama.Edge(number[tensor.node.serial], head, out, slot)

    def _again(self, layer: Layer) -> bool:
        if id(layer) in self.seen:
            return True
        self.seen.add(id(layer))
        return False

    def _box(self, node: Node, name: str, output: tuple[int, ...]) -> LayerBox:
        layer = node.layer
        weights = count(layer, *node.input_shapes)
        box = LayerBox(
            name,
            layer.kind,
            family(layer, *node.input_shapes),
            brief(layer),
            ", ".join(shape_text(tensor.sizes) for tensor in node.outputs),
            weights,
            0.0,
            BOX_HEIGHT,
            shared=self._again(layer),
            frozen=weights > 0 and not layer.trainable,
            output=output,
        )
        width = max(
            text_width(box.label, NAME_SIZE, bold=True) + text_width(box.shape, TEXT_SIZE),
            text_width(box.says, TEXT_SIZE) + text_width(box.corner, TEXT_SIZE),
        )
        self.width = min(max(self.width, round(width + BETWEEN + 2 * SIDE + STRIPE)), WIDEST)
        return box

    # -- where it is drawn -----------------------------------------------------------------------------------------
    def draw(self, scope: _Scope) -> _Drawn:
        """Places for everything in `scope`, in its own coordinates."""
        groups: dict[int, _Drawn] = {}
        nodes = []
        for i, item in enumerate(scope.items):
            if isinstance(item, LayerBox):
                if item.family != "fault":
                    item.width = self.width
                nodes.append(self._node(item.width, item.height))
            elif isinstance(item, _Group):
                groups[i] = self._framed(item, self.draw(item.scope))
                inner = groups[i]
                half = (inner.width if self.direction == "down" else inner.height) / 2
                node = self._node(inner.width, inner.height)
                node.ins, node.outs = [x - half for x in inner.ins], [x - half for x in inner.outs]
                nodes.append(node)
            else:
                nodes.append(sugiyama.DrawnNode(8, 0, "first" if item[1] == "in" else "last", [0.0], [0.0]))
        long, aspect = (1200.0, 1.5) if self.direction == "down" else (1400.0, 1 / 1.5)
        placed = sugiyama.arrange(nodes, scope.edges, long=long, aspect=aspect)
        drawn = _Drawn(*self._xy((placed.across, placed.along)))
        ports: dict[str, dict[int, float]] = {"in": {}, "out": {}}
        for i, (item, middle) in enumerate(zip(scope.items, placed.middles, strict=True)):
            x, y = self._xy(middle)
            if isinstance(item, LayerBox):
                item.x, item.y = x - item.width / 2, y - item.height / 2
                drawn.boxes.append(item)
            elif isinstance(item, _Group):
                _put(groups[i], drawn, x - groups[i].width / 2, y - groups[i].height / 2)
            else:
                ports[item[1]][item[2]] = middle[0]
        drawn.ins = [ports["in"][i] for i in sorted(ports["in"])]
        drawn.outs = [ports["out"][i] for i in sorted(ports["out"])]
        for i, (edge, way) in enumerate(zip(scope.edges, placed.ways, strict=True)):
            start, end = scope.items[edge.tail], scope.items[edge.head]
            drawn.pieces.append(
                _Piece(
                    (start.name + "/", "out", edge.out) if isinstance(start, _Group) else _key(start),
                    (end.name + "/", "in", edge.slot) if isinstance(end, _Group) else _key(end),
                    [self._xy(point) for point in way],
                    i in scope.faults,
                )
            )
        return drawn

    def _node(self, width: float, height: float) -> sugiyama.DrawnNode:
        return sugiyama.DrawnNode(*((width, height) if self.direction == "down" else (height, width)))

    def _xy(self, point: Point) -> Point:
        return point if self.direction == "down" else (point[1], point[0])

    def _straight(self, points: list[Point]) -> list[Point]:
        """`points` without those in the middle of a straight line along the network."""
        return [self._xy(point) for point in sugiyama.clean([self._xy(point) for point in points])]

    def _framed(self, group: _Group, inner: _Drawn) -> _Drawn:
        """A frame with the group's name around what is drawn inside; its ports go on to the frame's edge."""
        down = self.direction == "down"
        label = text_width(group.name.rpartition("/")[2], NAME_SIZE, bold=True) + text_width(group.says, TEXT_SIZE) + 8
        width, height = inner.width + 2 * INSIDE, inner.height + BAND + (0 if down else INSIDE)
        label_x = 10.0
        if down:  # the name goes where no line enters
            walls = [0.0, *sorted(x + INSIDE for x in inner.ins)]
            free = [a for a, b in zip(walls, [*walls[1:], width], strict=True) if b - a >= label + 20]
            label_x = (free[0] if free else walls[-1]) + 10
        width = max(width, label_x + label + 10)
        framed = _Drawn(width, height)
        frame = Frame(group.name, group.says, 0.0, 0.0, width, height, label_x, group.shared)
        framed.frames.append(frame)
        x, y = INSIDE, BAND
        _put(inner, framed, x, y)
        shift = x if down else y
        framed.ins = [place + shift for place in inner.ins]
        framed.outs = [place + shift for place in inner.outs]
        for piece in framed.pieces:
            if isinstance(piece.start, tuple) and piece.start[:2] == (group.name + "/", "in"):
                across = framed.ins[piece.start[2]]
                piece.points = self._straight([(across, 0.0) if down else (0.0, across), *piece.points])
            if isinstance(piece.end, tuple) and piece.end[:2] == (group.name + "/", "out"):
                across = framed.outs[piece.end[2]]
                piece.points = self._straight([*piece.points, (across, height) if down else (width, across)])
        return framed


def _key(item: LayerBox | _Group | _Port) -> str | _Port:
    return item if isinstance(item, tuple) else item.name


def _put(inner: _Drawn, outer: _Drawn, x: float, y: float) -> None:
    """Move what is drawn in `inner` by (x, y) into `outer`."""
    for box in inner.boxes:
        box.x, box.y = box.x + x, box.y + y
    for frame in inner.frames:
        frame.x, frame.y, frame.label_x = frame.x + x, frame.y + y, frame.label_x + x
    outer.boxes += inner.boxes
    outer.frames += inner.frames
    for piece in inner.pieces:
        outer.pieces.append(replace(piece, points=[(a + x, b + y) for a, b in piece.points]))


def _joined(pieces: list[_Piece]) -> Iterator[EdgeLine]:
    """Whole lines from box to box, of pieces that meet at the ports of frames."""
    after: dict[_Port, list[_Piece]] = {}
    for piece in pieces:
        if isinstance(piece.start, tuple):
            after.setdefault(piece.start, []).append(piece)
    stack = [piece for piece in reversed(pieces) if isinstance(piece.start, str)]
    while stack:
        piece = stack.pop()
        assert isinstance(piece.start, str)
        if isinstance(piece.end, str):
            yield EdgeLine(piece.start, piece.end, piece.points, piece.fault)
            continue
        for more in reversed(after.get(piece.end, [])):
            stack.append(_Piece(piece.start, more.end, [*piece.points, *more.points[1:]], piece.fault or more.fault))


def _fault_box(graph: Graph, taken: set[str]) -> LayerBox:
    assert graph.fault is not None
    fault = graph.fault
    lines = tuple(wrapped(str(fault.error), TEXT_SIZE, FAULT_TEXT))
    says = fitted(f"{fault.name} ({fault.kind})", NAME_SIZE, FAULT_TEXT, bold=True)
    width, height = FAULT_TEXT + 2 * SIDE + STRIPE, float(30 + 14 * len(lines))
    name = fault.name + (" (fault)" if fault.name in taken else "")
    return LayerBox(name, fault.kind, "fault", says, "", 0, width, height, lines=lines)
