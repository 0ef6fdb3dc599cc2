"""Diagrams: everything is drawn, nothing overlaps, text fits, and the file is sound XML."""

from __future__ import annotations

import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate import layers as L
from striate import primitives
from striate.draw import Diagram, feature_map_svg, layout, svg
from striate.draw.paper import COLOURS
from striate.draw.sugiyama import DrawnNode, Edge, arrange
from striate.draw.words import brief, fitted, text_width, wrapped
from striate.errors import ArgumentError
from striate.graph import FAMILIES, Graph, Input, InputLayer, Network, chain, family, from_json

SVG = "{http://www.w3.org/2000/svg}"


class _Nested(Network):
    """A stand-in for a model used as a layer; not registered."""

    abstract = True

    def __init__(self, graph: Graph, name: str | None = None) -> None:
        super().__init__(graph, name)


def cifar() -> Graph:
    stack = [
        L.Conv2D(32, 3, activation="relu"),
        L.Conv2D(32, 3, activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(64, 3, activation="relu"),
        L.Flatten(),
        L.Dense(10, activation="softmax"),
    ]
    return chain(stack, (32, 32, 3))


def inception() -> Graph:
    x = start = Input((28, 28, 256))
    for _ in range(2):
        one = L.Conv2D(128, 1)(x)
        three = L.Conv2D(192, 3, padding="same")(L.Conv2D(64, 1)(x))
        five = L.Conv2D(96, 5, padding="same")(L.Conv2D(64, 1)(x))
        pool = L.Conv2D(64, 1)(L.MaxPooling2D(3, 1, padding="same")(x))
        x = L.Concatenate()([one, three, five, pool])
    return Graph([start], [L.Dense(10)(L.GlobalAveragePooling2D()(x))])


def resnet(blocks: int = 3) -> Graph:
    start = Input((32, 32, 3))
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, padding="same", use_bias=False)(start)))
    for stage, width in enumerate((16, 32, 64)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = L.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x)
            y = L.ReLU()(L.BatchNormalization()(y))
            y = L.BatchNormalization()(L.Conv2D(width, 3, padding="same", use_bias=False)(y))
            if stride == 2:
                x = L.BatchNormalization()(L.Conv2D(width, 1, strides=2, use_bias=False)(x))
            x = L.ReLU()(L.Add()([x, y]))
    return Graph([start], [L.Dense(10)(L.GlobalAveragePooling2D()(x))])


def unet(depth: int = 4) -> Graph:
    x = start = Input((64, 64, 3))
    skips = []
    for level in range(depth):
        x = L.Conv2D(8 << level, 3, padding="same")(x)
        skips.append(x)
        x = L.MaxPooling2D()(x)
    for level in reversed(range(depth)):
        x = L.Concatenate()([skips[level], L.Conv2DTranspose(8 << level, 2, strides=2)(x)])
        x = L.Conv2D(8 << level, 3, padding="same")(x)
    return Graph([start], [L.Conv2D(2, 1, activation="softmax")(x)])


def siamese() -> Graph:
    left, right, extra = Input((32, 32, 3), name="left"), Input((32, 32, 3), name="right"), Input((12,), dtype="int64")
    eye, pool = L.Conv2D(16, 3, name="eye"), L.GlobalMaxPooling2D()
    apart = L.Subtract()([pool(eye(left)), pool(eye(right))])
    words = L.GlobalAveragePooling1D()(L.Embedding(100, 16)(extra))
    hidden = L.Dense(64, activation="relu")(L.Concatenate()([apart, words]))
    return Graph([left, right, extra], [L.Dense(1, name="same_or_not")(hidden), L.Dense(4)(hidden), hidden])


def nested() -> Graph:
    """Two networks in each other, one with two inputs and outputs, one called twice, one that passes its input on."""
    picture, vector = Input((16, 16, 3)), Input((16,))
    both = L.Add()([L.Conv2D(8, 3, padding="same")(picture), L.Conv2D(8, 1)(picture)])
    joined = L.Concatenate()([L.GlobalMaxPooling2D()(both), vector])
    cell = _Nested(Graph([picture, vector], [both, joined, vector]), "cell")
    inner_start = Input((24,))
    inner = _Nested(Graph([inner_start], [L.Dense(24, activation="relu")(inner_start)]), "inner")
    outer_start = Input((24,))
    outer = _Nested(Graph([outer_start], [inner(L.Dense(24)(outer_start))]), "outer")
    a, b = Input((16, 16, 3)), Input((16,))
    maps, features, passed = cell([a, b])
    end = L.Concatenate()([outer(outer(features)), L.GlobalAveragePooling2D()(maps), passed, b])
    return Graph([a, b], [L.Dense(3)(end), maps])


def densenet() -> Graph:
    x = start = Input((32, 32, 3))
    for _ in range(3):
        found = [L.Conv2D(8, 1)(x)]
        for _ in range(5):
            x = L.Concatenate()(found) if len(found) > 1 else found[0]
            found.append(L.Conv2D(8, 3, padding="same")(L.ReLU()(L.BatchNormalization()(x))))
        x = L.AveragePooling2D()(L.Concatenate()(found))
    return Graph([start], [L.Dense(10)(L.Flatten()(x))])


def nasnet(cells: int = 4) -> Graph:
    """Cells that take the two before them, as in NASNet."""

    def separable(x):
        for _ in range(2):
            x = L.BatchNormalization()(L.SeparableConv2D(8, 3, padding="same")(L.ReLU()(x)))
        return x

    start = Input((32, 32, 3))
    before = L.Conv2D(8, 3, padding="same")(start)
    x = L.BatchNormalization()(before)
    for _ in range(cells):
        h, p = L.Conv2D(8, 1)(L.ReLU()(x)), L.Conv2D(8, 1)(L.ReLU()(before))
        joined = [
            L.Add()([separable(h), separable(p)]),
            L.Add()([separable(p), separable(p)]),
            L.Add()([L.AveragePooling2D(3, 1, padding="same")(h), p]),
            L.Add()([separable(h), h]),
        ]
        before, x = x, L.Concatenate()([p, *joined])
    return Graph([start], [L.Dense(10)(L.GlobalAveragePooling2D()(x))])


def deep(length: int = 500) -> Graph:
    kinds = [lambda: L.Conv2D(16, 3, padding="same"), L.BatchNormalization, L.ReLU]
    return chain([kinds[i % 3]() for i in range(length)], (32, 32, 3))


def broken() -> Graph:
    return chain([L.Conv2D(32, 3), L.MaxPooling2D(), L.Conv2D(64, 20), L.Dense(3)], (32, 32, 3))


def twice() -> Graph:
    """The same tensor given twice, and an input that nothing takes."""
    x, idle = Input((4,)), Input((5,), name="idle")
    return Graph([x, idle], [L.Add()([x, x, L.ReLU()(x)])])


NETS = {
    make.__name__: make
    for make in (cifar, inception, resnet, unet, siamese, nested, densenet, nasnet, deep, broken, twice)
}
VIEWS = [(False, "down"), (True, "down"), (False, "right"), (True, "right")]


# -- geometry ----------------------------------------------------------------------------------------------------------
def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two rectangles (left, top, right, bottom) share more than an edge."""
    return a[0] < b[2] - 0.05 and b[0] < a[2] - 0.05 and a[1] < b[3] - 0.05 and b[1] < a[3] - 0.05


def within(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether rectangle `a` lies in `b`."""
    return b[0] <= a[0] + 0.05 and b[1] <= a[1] + 0.05 and a[2] <= b[2] + 0.05 and a[3] <= b[3] + 0.05


def rectangle(thing) -> tuple[float, ...]:
    return thing.x, thing.y, thing.x + thing.width, thing.y + thing.height


def passing(graph: Graph, prefix: str = "") -> set[str]:
    """Frames through which a line runs from edge to edge, because a network inside hands an input on."""
    found = set()
    for node in graph.nodes:
        if isinstance(node.layer, Network):
            name, inner = prefix + graph.label(node), node.layer.graph
            deeper = passing(inner, name + "/")
            if deeper or any(isinstance(t.node.layer, InputLayer) for t in inner.outputs):
                found |= {name, *deeper}
    return found


def check_geometry(drawn: Diagram, graph: Graph) -> None:
    """No two boxes overlap, no line passes through a box or a foreign frame, everything is on the page."""
    crossed = passing(graph)
    page = (0.0, 0.0, drawn.width, drawn.height)
    boxes = {box.name: rectangle(box) for box in drawn.boxes}
    assert len(boxes) == len(drawn.boxes)
    for a, b in combinations(boxes, 2):
        assert not overlap(boxes[a], boxes[b]), (a, b)
    assert all(within(place, page) for place in boxes.values())
    frames = {frame.name: rectangle(frame) for frame in drawn.frames}
    for name, frame in frames.items():
        for box, place in boxes.items():
            assert within(place, frame) if box.startswith(name + "/") else not overlap(frame, place), (name, box)
    for line in drawn.lines:
        ends = line.source, line.target
        solid = list(boxes.items())  # with its own ends: a line only touches them
        for name, frame in frames.items():
            if name not in crossed and not any(end.startswith(name + "/") for end in ends):
                solid.append((name, frame))
        for (ax, ay), (bx, by) in pairwise(line.points):  # a straight piece, or an S-curve inside this rectangle
            piece = (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
            assert within(piece, page)
            for name, place in solid:
                assert not overlap(piece, place), (*ends, name)
        along = 1 if drawn.direction == "down" else 0
        start, end = boxes[line.source], boxes[line.target]
        assert line.points[0][along] == pytest.approx(start[along + 2], abs=0.1)
        assert line.points[-1][along] == pytest.approx(end[along], abs=0.1)
        assert start[1 - along] <= line.points[0][1 - along] <= start[3 - along]
        assert end[1 - along] <= line.points[-1][1 - along] <= end[3 - along]


def expected_edges(graph: Graph, expand: bool) -> list[tuple[str, str]]:
    """The edges that a diagram must show, computed from the graph alone."""
    if not expand:
        edges = [(graph.label(t.node), graph.label(node)) for node in graph.nodes for t in node.inputs]
    else:
        flat = graph.flat()
        maker = {i: graph.name(t.node.layer) for i, t in zip(flat.inputs, graph.inputs, strict=True)}
        maker |= {i: node.name for node in flat.nodes for i in node.outputs}
        edges = [(maker[i], node.name) for node in flat.nodes for i in node.inputs]
    if graph.fault is not None:
        edges += [(graph.label(t.node), graph.fault.name) for t in graph.outputs]
    return sorted(edges)


def expected_boxes(graph: Graph, expand: bool) -> list[str]:
    if not expand:
        names = [graph.label(node) for node in graph.nodes]
    else:
        names = [node.name for node in graph.flat().nodes] + [graph.name(t.node.layer) for t in graph.inputs]
    return sorted(names + ([graph.fault.name] if graph.fault else []))


@pytest.mark.parametrize(("expand", "direction"), VIEWS)
@pytest.mark.parametrize("net", NETS)
def test_every_layer_and_edge_is_drawn_once_and_nothing_overlaps(net, expand, direction):
    graph = NETS[net]()
    drawn = layout(graph, expand=expand, direction=direction)
    assert sorted(box.name for box in drawn.boxes) == expected_boxes(graph, expand)
    assert sorted((line.source, line.target) for line in drawn.lines) == expected_edges(graph, expand)
    check_geometry(drawn, graph)


@pytest.mark.parametrize(("expand", "direction"), VIEWS)
@pytest.mark.parametrize("net", NETS)
def test_svg_holds_every_layer_and_edge_of_the_layout(net, expand, direction):
    graph = NETS[net]()
    root = ET.fromstring(svg(graph, title="A <net> & more", expand=expand, direction=direction))
    assert sorted(e.get("data-layer") for e in root.iter() if e.get("data-layer")) == expected_boxes(graph, expand)
    edges = [(g.get("data-from"), e.get("data-to")) for g in root.iter() for e in g if e.get("data-to")]
    assert sorted(edges) == expected_edges(graph, expand)


@pytest.mark.parametrize("net", NETS)
def test_same_network_built_twice_gives_the_same_bytes(net):
    assert svg(NETS[net](), expand=True) == svg(NETS[net](), expand=True)


# A random network: each entry is a layer that takes earlier tensors (by number, from the end).
_near = st.integers(0, 3)
_far = st.integers(0, 30)
_entries = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["dense", "relu", "again", "cell", "opens"]), _near, _far),
        st.tuples(st.sampled_from(["add", "join", "cell2"]), _near, _far),
        st.tuples(st.just("input"), _near, _far),
    ),
    max_size=45,
)


def random_net(entries, outputs) -> Graph:
    shared = L.Dense(4, name="shared")
    start = Input((4,))
    cell = _Nested(Graph([start], [L.Dense(4)(L.Add()([start, L.ReLU()(start)]))]), "cell")
    a, b = Input((4,)), Input((4,))
    cell2 = _Nested(Graph([a, b], [L.Add()([a, b]), L.ReLU()(b)]), "cell2")
    c = Input((4,))
    opens = _Nested(Graph([c], [cell(c), c]), "opens")
    inputs = [Input((4,))]
    tensors = list(inputs)
    for kind, near, far in entries:
        x, y = tensors[-1 - near % len(tensors)], tensors[-1 - far % len(tensors)]
        if kind == "input":
            inputs.append(Input((4,)))
            tensors.append(inputs[-1])
        elif kind in ("cell2", "opens"):
            tensors += cell2([x, y]) if kind == "cell2" else opens(y)
        else:
            made = {
                "dense": lambda x=x: L.Dense(4)(x),
                "relu": lambda y=y: L.ReLU()(y),
                "again": lambda y=y: shared(y),
                "cell": lambda x=x: cell(x),
                "add": lambda x=x, y=y: L.Add()([x, y]),
                "join": lambda x=x, y=y: L.Dense(4)(L.Concatenate()([y, x])),
            }
            tensors.append(made[kind]())
    ends = [tensors[-1], *(tensors[-1 - i % len(tensors)] for i in outputs)]
    return Graph(inputs, list(dict.fromkeys(ends)))


@settings(max_examples=120, deadline=None)
@given(_entries, st.lists(_far, max_size=3), st.sampled_from(VIEWS))
def test_random_networks_are_drawn_whole_and_without_overlap(entries, outputs, view):
    expand, direction = view
    graph = random_net(entries, outputs)
    drawn = layout(graph, expand=expand, direction=direction)
    assert sorted(box.name for box in drawn.boxes) == expected_boxes(graph, expand)
    assert sorted((line.source, line.target) for line in drawn.lines) == expected_edges(graph, expand)
    check_geometry(drawn, graph)
    ET.fromstring(svg(graph, expand=expand, direction=direction))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.integers(10, 200), st.integers(10, 90)), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=60),
    st.floats(60, 900),
)
def test_boxes_of_any_size_in_any_number_of_columns_stay_apart(sizes, pairs, long):
    nodes = [DrawnNode(float(across), float(along)) for across, along in sizes]
    edges = [Edge(min(p), max(p)) for p in dict.fromkeys(pairs) if p[0] != p[1] and max(p) < len(nodes)]
    placed = arrange(nodes, edges, long=long, aspect=1.5)
    places = [
        (x - n.across / 2, y - n.along / 2, x + n.across / 2, y + n.along / 2)
        for n, (x, y) in zip(nodes, placed.middles, strict=True)
    ]
    for a, b in combinations(places, 2):
        assert not overlap(a, b)
    for way in placed.ways:
        for (ax, ay), (bx, by) in pairwise(way):
            piece = (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
            assert within(piece, (0.0, 0.0, placed.across, placed.along))
            assert not any(overlap(piece, place) for place in places)


# -- looks -------------------------------------------------------------------------------------------------------------
def test_a_chain_is_one_tidy_column():
    drawn = layout(cifar())
    assert len({(box.x, box.width, box.height) for box in drawn.boxes}) == 1
    assert {round(b.y - a.y - a.height, 3) for a, b in pairwise(drawn.boxes)} == {16.0}
    assert all(len(line.points) == 2 for line in drawn.lines)


def test_residual_links_run_beside_a_straight_spine():
    graph = resnet(1)
    drawn = layout(graph)
    boxes = {box.name: box for box in drawn.boxes}
    spine = [
        name for name in boxes if name not in ("conv2d_5", "batch_normalization_5", "conv2d_8", "batch_normalization_8")
    ]
    assert len({boxes[name].x for name in spine}) == 1
    link = next(line for line in drawn.lines if (line.source, line.target) == ("re_lu", "add"))
    right = boxes["add"].x + boxes["add"].width
    assert max(x for x, _ in link.points) > right
    assert len(link.points) == 4  # out, down, back: two S-curves and one straight piece


def test_branches_of_an_inception_cell_are_symmetric_and_in_rows():
    drawn = layout(inception())
    boxes = {box.name: box for box in drawn.boxes}
    branches = [boxes[name] for name in ("conv2d", "conv2d_1", "conv2d_3", "max_pooling2d")]
    assert len({box.y for box in branches}) == 1
    middle = boxes["concatenate"].x + boxes["concatenate"].width / 2
    assert sum(box.x + box.width / 2 for box in branches) / 4 == pytest.approx(middle, abs=1)


def test_skips_of_a_unet_do_not_cross():
    drawn = layout(unet())
    skips = [line for line in drawn.lines if max(x for x, _ in line.points) > max(b.x + b.width for b in drawn.boxes)]
    lanes = [(max(x for x, _ in s.points), s.points[0][1], s.points[-1][1]) for s in skips]
    assert len(skips) == 4
    for (x, a, b), (inner_x, inner_a, inner_b) in pairwise(sorted(lanes, reverse=True)):
        assert x > inner_x
        assert a < inner_a < inner_b < b


def test_what_is_needed_late_stands_near_where_it_is_needed():
    boxes = {box.name: box for box in layout(siamese()).boxes}
    assert boxes["input_layer"].y > boxes["left"].y == boxes["right"].y
    cells = layout(nasnet(6))
    rows = {box.name: box.y for box in cells.boxes}
    tall = max(rows.values())
    longest = max(abs(line.points[-1][1] - line.points[0][1]) for line in cells.lines)
    assert longest < tall / 4  # a link to the cell after the next, not branches that hang at the top of the drawing


@pytest.mark.parametrize("lanes", [2, 3, 4])
def test_lines_to_the_next_column_do_not_cross(lanes):
    nodes = [DrawnNode(100.0, 40.0) for _ in range(60 * lanes)]
    edges = [Edge(i, i + lanes) for i in range(59 * lanes)]
    placed = arrange(nodes, edges, long=250, aspect=1.5)
    assert len({x for x, _ in placed.middles}) > lanes
    ways = [list(pairwise(way)) for way in placed.ways if len(way) > 3]
    assert len(ways) >= lanes
    for one, two in combinations(ways, 2):
        for (a, b), (c, d) in ((p, q) for p in one for q in two):
            assert not (
                min(a[0], b[0]) <= max(c[0], d[0])
                and min(c[0], d[0]) <= max(a[0], b[0])
                and min(a[1], b[1]) <= max(c[1], d[1])
                and min(c[1], d[1]) <= max(a[1], b[1])
            )


def test_lines_between_the_same_two_boxes_keep_the_order_of_their_ports():
    nodes = [DrawnNode(200.0, 80.0, outs=[50.0, -50.0, 0.0]), DrawnNode(100.0, 40.0)]
    edges = [Edge(0, 1, out, slot) for slot, out in enumerate((0, 1, 2))]
    ways = arrange(nodes, edges, long=900, aspect=1.5).ways
    (x, _), (right, _) = ways[2][0], ways[0][0]
    assert right - x == 50
    ends = [way[-1][0] - x for way in ways]
    assert -36 <= ends[1] < ends[2] == 0 < ends[0] <= 36


def test_no_line_runs_through_the_name_of_a_frame():
    drawn = layout(nested(), expand=True)
    for frame in drawn.frames:
        wide = text_width(frame.label, 12, bold=True) + 8 + text_width(frame.says, 10.5)
        name = (frame.label_x, frame.y + 6, frame.label_x + wide, frame.y + 18)
        assert within(name, rectangle(frame))
        for line in drawn.lines:
            for (ax, ay), (bx, by) in pairwise(line.points):
                assert not overlap((min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)), name), (
                    frame.name,
                    line.source,
                )


def test_a_500_layer_network_draws_in_a_second_and_wraps_into_columns():
    graph = deep(500)
    start = time.perf_counter()
    text = svg(graph)
    assert time.perf_counter() - start < 1.0
    drawn = layout(graph)
    assert 0.6 < drawn.width / drawn.height < 2.5
    assert len({box.x for box in drawn.boxes}) > 5
    assert text.count("data-layer") == 501


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("expand", [False, True])
def test_text_stays_inside_its_box(net, expand):
    root = ET.fromstring(svg(NETS[net](), expand=expand))
    for group in root.iter(f"{SVG}g"):
        if not group.get("data-layer"):
            continue
        outline = group.find(f"{SVG}rect")
        left, right = float(outline.get("x")), float(outline.get("x")) + float(outline.get("width"))
        lines: dict[str, list[tuple[float, float]]] = {}
        for text in group.iter(f"{SVG}text"):
            size = float(text.get("font-size", 10.5))
            wide = text_width(text.text, size, bold=text.get("font-weight") == "600")
            x = float(text.get("x"))
            span = (x - wide, x) if text.get("text-anchor") == "end" else (x, x + wide)
            assert within((span[0], 0, span[1], 0), (left, 0, right, 0)), text.text
            lines.setdefault(text.get("y"), []).append(span)
        for spans in lines.values():  # the left and the right half of a line do not meet
            assert all(a[1] < b[0] for a, b in pairwise(sorted(spans)))


def test_long_names_are_cut_but_stay_whole_in_the_tooltip():
    name = "a_layer_with_quite_a_long_name_that_no_box_could_ever_hold_without_growing_across_the_page"
    root = ET.fromstring(svg(chain([L.Dense(3, name=name)], (4,))))
    group = next(g for g in root.iter(f"{SVG}g") if g.get("data-layer") == name)
    shown = [t.text for t in group.iter(f"{SVG}text")]
    assert shown[0].endswith("…")
    assert name.startswith(shown[0][:-1])
    assert name in group.find(f"{SVG}title").text


# Widths at 100 pixels, measured with Pillow from the fonts' own metrics: (regular, bold) of DejaVu Sans, regular of
# Liberation Sans (as wide as Arial and Helvetica).
@pytest.mark.parametrize(
    ("text", "dejavu", "dejavu_bold", "liberation"),
    [
        ("conv2d_1", 479.4, 525.1, 433.7),
        ("Conv2D 3x3, 32, relu", 1058.4, 1176.9, 939.4),
        ("112×112×64", 676.6, 724.2, 561.7),
        ("global_average_pooling2d", 1309.7, 1466.1, 1173.3),
    ],
)
def test_estimated_widths_are_never_less_than_those_of_real_fonts(text, dejavu, dejavu_bold, liberation):
    assert text_width(text, 100) >= max(dejavu, liberation) - 0.5
    assert text_width(text, 100) < 1.01 * dejavu
    assert dejavu_bold <= text_width(text, 100, bold=True) < 1.06 * dejavu_bold


@given(st.text(max_size=40), st.floats(30, 200))
def test_fitted_and_wrapped_text_is_as_narrow_as_asked(text, room):
    assert text_width(fitted(text, 10, room), 10) <= room
    lines = wrapped(text, 10, room)
    assert len(lines) <= 12
    assert all(text_width(line, 10) <= room for line in lines)


# -- content -----------------------------------------------------------------------------------------------------------
def test_svg_is_self_contained_accessible_and_has_its_own_ground():
    text = svg(cifar(), title="CIFAR")
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "CIFAR: 6 layers · 120,810 weights · 32×32×3 → 10"
    ground = root.find(f"{SVG}rect")
    assert (ground.get("fill"), ground.get("width")) == ("#ffffff", root.get("width"))
    for word in ("href", "url(", "<script", "<style", "http://www.w3.org/1999"):
        assert word not in text


def test_boxes_say_name_kind_hyperparameters_shape_and_weights():
    root = ET.fromstring(svg(cifar()))
    said = {
        g.get("data-layer"): [t.text for t in g.iter(f"{SVG}text")] for g in root.iter(f"{SVG}g") if g.get("data-layer")
    }
    assert said["conv2d_1"] == ["conv2d_1", "28×28×32", "Conv2D 3x3, 32, relu", "9,248"]
    assert said["max_pooling2d"] == ["max_pooling2d", "14×14×32", "MaxPooling2D 2x2"]
    assert said["input_layer"] == ["input_layer", "32×32×3", "Input"]


@pytest.mark.parametrize(
    "title", ['</title><script>alert("x")</script>', "a & b < c", "\x00\x1b\ud800\uffff control", "数" * 300]
)
def test_titles_cannot_break_out_of_the_xml(title):
    root = ET.fromstring(svg(cifar(), title=title).encode("utf-8"))
    assert not list(root.iter(f"{SVG}script"))
    assert "703" not in root[0].text
    if "\x00" not in title:
        assert root[0].text.startswith(title)


def test_a_fault_ends_the_drawing_in_a_red_box_with_the_error():
    graph = broken()
    drawn = layout(graph)
    box = drawn.boxes[-1]
    assert (box.name, box.family) == ("conv2d_1", "fault")
    assert " ".join(box.lines) == str(graph.fault.error)
    assert [line.fault for line in drawn.lines] == [False, False, True]
    assert box.y == max(b.y for b in drawn.boxes)
    text = svg(graph)
    assert f'fill="{COLOURS["fault"][0]}"' in text
    assert "→ breaks off" in text
    assert "output" not in [t.text for t in ET.fromstring(text).iter(f"{SVG}text")]


def test_a_fault_with_a_hostile_name_is_still_drawn():
    entries = [{"class": "Input", "shape": [8]}, {"class": "<Evil & \x01>", "name": '"><svg onload="x'}]
    root = ET.fromstring(svg(from_json({"layers": entries})))
    assert sum(1 for e in root.iter(f"{SVG}svg")) == 1
    assert any("Evil" in (t.text or "") for t in root.iter(f"{SVG}text"))


def test_a_fault_that_repeats_a_name_gets_a_box_of_its_own():
    entries = [
        {"class": "Input", "shape": [8], "name": "x"},
        {"class": "Dense", "units": 4, "name": "dense"},
        {"call": "dense"},
    ]
    drawn = layout(from_json({"layers": entries}))
    assert len({box.name for box in drawn.boxes}) == 3


def test_later_calls_of_a_shared_layer_are_marked_and_counted_once():
    boxes = {box.name: box for box in layout(siamese()).boxes}
    assert (boxes["eye"].shared, boxes["eye#2"].shared) == (False, True)
    assert (boxes["eye"].corner, boxes["eye#2"].corner) == ("448", "shared")
    root = ET.fromstring(svg(siamese()))
    dashed = [
        g.get("data-layer")
        for g in root.iter(f"{SVG}g")
        if g.get("data-layer") and g.find(f"{SVG}rect").get("stroke-dasharray")
    ]
    assert dashed == ["eye#2", "global_max_pooling2d#2"]


def test_frozen_layers_say_so():
    graph = cifar()
    graph.layer("conv2d").trainable = False
    assert {box.name: box.corner for box in layout(graph).boxes}["conv2d"] == "896 frozen"


def test_outputs_are_marked_where_they_are_not_obvious():
    def marks(graph: Graph, **view) -> list[str]:
        return [t.text for t in ET.fromstring(svg(graph, **view)).iter(f"{SVG}text") if t.text and "output" in t.text]

    assert marks(cifar()) == []
    assert sorted(marks(siamese())) == ["output 1", "output 2", "output 3"]
    assert {b.name: b.output for b in layout(nested(), expand=True).boxes if b.output} == {
        "dense": (1,),
        "cell/add": (2,),
    }
    assert sorted(marks(nested(), expand=True)) == ["output 1", "output 2"]


def test_nested_networks_are_one_box_or_a_frame():
    closed, opened = layout(nested()), layout(nested(), expand=True)
    assert closed.frames == []
    box = next(box for box in closed.boxes if box.name == "cell")
    assert (box.family, box.weights) == ("network", 3 * 9 * 8 + 8 + 3 * 8 + 8)
    assert [(frame.name, frame.shared) for frame in opened.frames] == [
        ("cell", False),
        ("outer", False),
        ("outer/inner", False),
        ("outer#2", True),
        ("outer#2/inner", True),
    ]
    assert {box.shared for box in opened.boxes if box.name.startswith("outer#2/")} == {True}


def test_directions_run_down_or_to_the_right_and_others_are_refused():
    down, right = layout(unet()), layout(cifar(), direction="right")
    assert all(line.points[-1][1] > line.points[0][1] for line in down.lines)
    assert right.width > right.height
    with pytest.raises(ArgumentError, match='unknown direction "up"'):
        svg(cifar(), direction="up")


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (L.Conv2D(32, 3, activation="relu"), "Conv2D 3x3, 32, relu"),
        (L.Conv2D(32, (1, 7), strides=2, padding="same", groups=4), "Conv2D 1x7, 32, stride 2, same, 4 groups"),
        (L.Conv2D(8, 3, padding=1, dilation_rate=2), "Conv2D 3x3, 8, pad 1, dilation 2"),
        (L.Conv2D(8, 3, strides=(2, 1), activation=L.LeakyReLU(0.1)), "Conv2D 3x3, 8, stride 2x1, LeakyReLU slope 0.1"),
        (L.Conv1D(32, 7, padding="causal", activation="linear"), "Conv1D 7, 32, causal"),
        (L.DepthwiseConv2D(3, depth_multiplier=2), "DepthwiseConv2D 3x3, depth 2"),
        (L.MaxPooling2D(), "MaxPooling2D 2x2"),
        (L.MaxPooling2D(3, 2), "MaxPooling2D 3x3, stride 2"),
        (L.MaxPooling2D(3, 1, padding="same"), "MaxPooling2D 3x3, stride 1, same"),
        (L.AdaptiveAveragePooling2D(7), "AdaptiveAveragePooling2D 7x7"),
        (L.GlobalAveragePooling2D(), "GlobalAveragePooling2D"),
        (L.Dense(10, activation="softmax"), "Dense 10, softmax"),
        (L.Dropout(0.5), "Dropout 0.5"),
        (L.Embedding(10000, 128), "Embedding 10000, 128"),
        (L.Activation("linear"), "Activation linear"),
        (L.ReLU(), "ReLU"),
        (L.ReLU(max_value=6.0), "ReLU max 6"),
        (L.LeakyReLU(), "LeakyReLU slope 0.3"),
        (L.BatchNormalization(momentum=0.9), "BatchNormalization"),
        (L.LocalResponseNormalization(), "LocalResponseNormalization radius 2"),
        (L.Rescaling(1 / 255), "Rescaling x 0.003922"),
        (L.Concatenate(axis=1), "Concatenate axis 1"),
        (L.UpSampling2D(interpolation="bilinear"), "UpSampling2D x2, bilinear"),
        (L.ZeroPadding2D(3), "ZeroPadding2D pad 3"),
        (L.ZeroPadding2D(((0, 1), (0, 1))), "ZeroPadding2D pad (0,1)"),
        (L.Cropping2D(((1, 0), (2, 3))), "Cropping2D crop ((1,0),(2,3))"),
        (L.Reshape((7, -1)), "Reshape (7, -1)"),
        (L.PartialConv2D(L.LENET5_C3), "PartialConv2D 5x5, 16, 60 links"),
        (L.TrainableSubsampling2D(), "TrainableSubsampling2D 2x2, tanh"),
        (InputLayer(input_shape=(5,), dtype="int64"), "Input int64"),
    ],
)
def test_a_layer_in_one_short_line(layer, says):
    assert brief(layer) == says


def test_a_layer_of_ones_own_is_drawn_with_whatever_fields_it_has():
    class _Own(L.Layer):
        dilation_rate: int = 1
        strides: int = 1
        connections: str = "all"
        factor: float = 0.5
        table: tuple = ()

        def lower(self, x):
            return primitives.dropout(x, 0.5)

    own = _Own(strides=2, dilation_rate=3, factor=0.25, table=((1, 2), (3, 4)))
    assert brief(own) == "_Own stride 2, dilation 3, factor=0.25"
    assert layout(chain([own], (4,))).boxes[1].family == "other"


def test_every_layer_class_has_a_family_with_a_colour():
    from layer_cases import CASES

    families = {kind.__name__: family(case.layer(), *case.inputs) for kind, (case, *_) in CASES.items()}
    assert {families[name] for name in ("Conv2D", "SeparableConv1D", "PartialConv2D")} == {"conv"}
    assert {families[name] for name in ("DepthPooling", "TrainableSubsampling2D", "L2Pooling2D")} == {"pool"}
    assert families["Dropout"] == "other"
    assert set(families.values()) <= set(FAMILIES) <= set(COLOURS)


def test_drawing_loads_neither_torch_nor_numpy():
    code = (
        "import sys; from striate.draw import svg, diff, feature_map_svg; from striate import layers as L\n"
        "from striate.graph import chain\n"
        "g = chain([L.Conv2D(4, 3)], (8, 8, 3)); svg(g); str(diff(g, g)); feature_map_svg(g)\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


# -- volumes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("net", NETS)
def test_feature_map_picture_is_sound_xml_for_every_network(net):
    root = ET.fromstring(feature_map_svg(NETS[net](), title="<&>"))
    assert root[0].text.startswith("<&>: ")


def test_feature_map_picture_shows_each_change_of_shape_in_order():
    root = ET.fromstring(feature_map_svg(cifar()))
    shapes = [t.text for t in root.iter(f"{SVG}text") if t.get("font-weight")]
    assert shapes == ["32×32×3", "30×30×32", "28×28×32", "14×14×32", "12×12×64", "9216", "10"]
    words = [t.text for t in root.iter(f"{SVG}text") if t.get("text-anchor") and not t.get("font-weight")]
    assert words == ["Conv2D 3x3", "Conv2D 3x3", "MaxPooling2D 2x2", "Conv2D 3x3", "Flatten", "Dense"]


def test_feature_map_picture_groups_layers_that_keep_the_shape():
    root = ET.fromstring(feature_map_svg(resnet(2)))
    words = [t.text for t in root.iter(f"{SVG}text") if t.get("text-anchor") and not t.get("font-weight")]
    assert words[:2] == ["5 × Conv2D 3x3", "2 × Add"]
    assert words[2:5] == ["Conv2D 3x3, stride 2", "3 × Conv2D 3x3", "2 × Add"]
