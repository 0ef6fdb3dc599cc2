"""Where a diagram puts things: nothing overlaps, nothing is left out, chains are straight and few lines cross."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import pytest
from drawn_networks import NETS, _Nested, cifar, deep, inception, nasnet, nested, overlap, resnet, siamese, unet, within
from hypothesis import given, settings
from hypothesis import strategies as st
from steps import steps

from striate import layers as L
from striate.draw import Diagram, layout, svg
from striate.draw.sugiyama import DrawnNode, Edge, arrange
from striate.draw.words import text_width
from striate.graph import Graph, Input, InputLayer, Network

VIEWS = [(False, "down"), (True, "down"), (False, "right"), (True, "right")]


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


def test_a_500_layer_network_wraps_into_columns_and_costs_no_more_per_layer():
    graph = deep(500)
    with steps() as few:
        svg(deep(100))
    with steps(1.5 * 5 * few.count):
        text = svg(graph)
    drawn = layout(graph)
    assert 0.6 < drawn.width / drawn.height < 2.5
    assert len({box.x for box in drawn.boxes}) > 5
    assert text.count("data-layer") == 501
