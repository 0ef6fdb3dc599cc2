"""Words of a diagram: a layer in one short line, and text that stays inside its box."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from drawn_networks import NETS, SVG, within
from hypothesis import given
from hypothesis import strategies as st
from steps import steps

from striate import layers as L
from striate import primitives
from striate.draw import layout, svg
from striate.draw.words import brief, fitted, text_width, wrapped
from striate.graph import InputLayer, chain


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


@pytest.mark.parametrize("text", ["9" * 200_000, "a b " * 50_000, "W" * 200_000 + " end"])
@pytest.mark.parametrize("room", [1.0, 420.0, 5000.0])
def test_a_text_without_end_takes_no_longer_than_its_lines(text, room):
    with steps(3_000_000):
        lines = wrapped(text, 16, room)
        fit = fitted(text, 16, room)
    assert len(lines) == 12
    assert lines[-1].endswith("…")
    assert fit.endswith("…")
    if room > 1:
        assert all(text_width(line, 16) <= room for line in [*lines, fit])
        assert all(text_width(line + "W", 16) > room for line in lines[:-1] if " " not in text)
