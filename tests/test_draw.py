"""Diagrams: everything is said, once, and the file is sound XML."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from drawn_networks import SVG, broken, cifar, nested, siamese, unet

import striate as st
from striate import layers, ops
from striate.draw import layout, svg
from striate.draw.paper import COLOURS
from striate.errors import ArgumentError
from striate.graph import FAMILIES, Graph, family, from_json
from striate.size import opened_rows


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


def test_every_layer_class_has_a_family_with_a_colour():
    from layer_cases import CASES

    families = {kind.__name__: family(case.layer(), *case.inputs) for kind, (case, *_) in CASES.items()}
    assert {families[name] for name in ("Conv2D", "SeparableConv1D", "PartialConv2D")} == {"conv"}
    assert {families[name] for name in ("DepthPooling", "TrainableSubsampling2D", "L2Pooling2D")} == {"pool"}
    assert families["Dropout"] == "other"
    assert set(families.values()) <= set(FAMILIES) <= set(COLOURS)


def test_a_layer_of_ones_own_is_what_it_computes_and_a_factor_makes_no_norm():
    class Wave(layers.Layer):
        def call(self, x):
            return ops.sin(3 * x + 1)

    class Louder(layers.Layer):
        def call(self, x):
            return 3 * x

    class Normed(layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm = layers.LayerNormalization()

        def call(self, x):
            return 3 * self.norm(x)

    kinds = [Wave(), Louder(), Normed(), layers.Rescaling(3.0), layers.Normalization(mean=1.0, variance=4.0)]
    rows = opened_rows(st.Sequential([layers.Input((4, 4, 3)), *kinds]).graph)
    assert [row.family for row in rows] == ["activation", "other", "norm", "norm", "norm"]


def test_drawing_loads_neither_torch_nor_numpy():
    code = (
        "import sys; from striate.draw import svg, diff, feature_map_svg; from striate import layers as L\n"
        "from striate.graph import chain\n"
        "g = chain([L.Conv2D(4, 3)], (8, 8, 3)); svg(g); str(diff(g, g)); feature_map_svg(g)\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
