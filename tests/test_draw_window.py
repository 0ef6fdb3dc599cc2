"""The drawing of a layer's window shows the cells that the arithmetic says: counted in the picture itself."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

import striate as st
from striate import layers
from striate.cli.main import main
from striate.draw import sliding, window_svg
from striate.errors import ArgumentError

SVG = "{http://www.w3.org/2000/svg}"


def drawn(shape, layer) -> str:
    model = st.Sequential([layers.Input(shape), layer])
    return window_svg(model.graph, model.layers[-1].name)


def cells(text: str) -> list[tuple[str, int]]:
    """The kinds of cells as (fill, how many), in the order of the drawing."""
    kinds = {fill: kind for kind, (fill, _) in sliding.CELLS.items()}
    paths = list(ET.fromstring(text).iter(f"{SVG}path"))
    return [
        ("padding" if path.get("stroke-dasharray") else kinds[path.get("fill")], path.get("d").count("M"))
        for path in paths
    ]


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        # 7x7 and a cell of padding on every side: 9x9 - 49; 4x4 come out
        ((7, 7, 3), layers.Conv2D(4, 3, strides=2, padding="same"), {"input": 49, "padding": 32, "output": 16}),
        # (8 - 5) / 2 + 1 = 2.5: the last row and the last column go unused, 8 + 8 - 1 cells
        ((8, 8, 1), layers.Conv2D(4, 5, strides=2), {"input": 49, "unused": 15, "output": 4}),
        ((6, 4, 2), layers.MaxPooling2D(2), {"input": 24, "output": 6}),
        # a sequence is one row; causal: (3 - 1)·2 cells before
        ((12, 2), layers.Conv1D(4, 3, dilation_rate=2, padding="causal"), {"input": 12, "padding": 4, "output": 12}),
    ],
)
def test_cells_of_input_padding_and_output_are_counted(shape, layer, expected):
    found: dict[str, int] = {}
    for kind, count in cells(drawn(shape, layer)):
        found[kind] = found.get(kind, 0) + count
    assert found == expected


def test_a_transposed_window_paints_its_output_and_what_is_cut_off_is_dashed():
    text = drawn((3, 4, 2), layers.Conv2DTranspose(4, 3, strides=2, padding="same"))
    # (3 - 1)·2 + 3 = 7 by (4 - 1)·2 + 3 = 9 painted, 6x8 kept
    assert ("padding", 63 - 48) in cells(text)
    assert "each number of the input paints one window" in text


def test_the_second_window_stands_a_stride_beside_the_first():
    text = drawn((9, 9, 1), layers.Conv2D(1, 3, strides=3))
    places = {
        colour: float(re.search(rf'<rect x="([\d.]+)"[^>]*fill="none" stroke="{colour}"', text)[1])
        for colour in (sliding.FIRST, sliding.RIGHT)
    }
    inset = 2.0  # by which the second's line stands further inside
    assert places[sliding.RIGHT] - places[sliding.FIRST] == 3 * sliding.CELL + inset


def test_of_a_long_axis_beginning_and_end_are_drawn():
    text = drawn((500, 500, 3), layers.Conv2D(8, 7, strides=2, padding=3))
    assert max(count for _, count in cells(text)) <= sliding.MOST**2
    assert "…" in text
    assert "⋮" in text
    assert len(text) < 60_000


def test_the_arithmetic_and_the_padding_that_fits_stand_below():
    text = " ".join(re.findall(r"<text[^>]*>([^<]*)", drawn((28, 28, 1), layers.Conv2D(4, 5, strides=2))))
    assert "(H - F + 2*P) / S + 1 = (28 - 5 + 2*0) / 2 + 1 = 12.50, rounded down: 12" in text
    assert "padding=((0, 1), (0, 1))" in text


def test_a_layer_without_a_window_is_refused_in_words():
    model = st.Sequential([layers.Input((4,)), layers.Dense(2)])
    with pytest.raises(ArgumentError, match='Dense "dense" has no window that moves'):
        model.draw(layer="dense")
    with pytest.raises(ArgumentError, match='unknown layer name "dens"'):
        model.draw(layer="dens")


def test_the_command_writes_the_drawing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["draw", "lenet5", "--layer", "conv2d"])
    assert ended.value.code in (0, None)
    assert "wrote lenet5_conv2d.svg" in capsys.readouterr().out
    assert ET.parse(tmp_path / "lenet5_conv2d.svg").getroot().tag == f"{SVG}svg"
    with pytest.raises(SystemExit):
        main(["draw", "lenet5", "--layer", "conv2d", "--source"])
    assert "does not go with" in capsys.readouterr().err
