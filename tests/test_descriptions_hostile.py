"""Descriptions of networks made to never end or to fill the memory: one clear error within the time of a glance."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from steps import steps

import striate as st
from striate import layers
from striate.cli.main import main
from striate.errors import ArgumentError, DataError, StriateError
from striate.look.paint.transforms import Transforms

LARGE = 10**9


def described(*entries: dict[str, Any], shape: Any = (8, 8, 3), **more: Any) -> dict[str, Any]:
    return {"class": "Functional", "layers": [{"class": "Input", "name": "x", "shape": list(shape)}, *entries], **more}


def nested(depth: int, calls: int = 2) -> dict[str, Any]:
    """Networks in networks, each called so often: calls ** depth layers, in a text as long as depth."""
    made = described({"class": "Dense", "name": "d", "units": 3}, inputs=["x"], outputs=["d"])
    for _ in range(depth):
        again = [{"call": "in", "inputs": [f"in#{i}" if i > 1 else "in"]} for i in range(1, calls)]
        made = described({"class": "Functional", "name": "in", "network": made, "inputs": ["x"]}, *again)
    return made


def keras(depth: int) -> dict[str, Any]:
    """The same as Keras writes it."""
    shape = {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}
    start = {"class_name": "InputLayer", "name": "x", "config": shape, "inbound_nodes": []}
    made: dict[str, Any] = {"class_name": "Dense", "name": "in", "config": {"name": "in", "units": 4}}
    for _ in range(depth):
        made["inbound_nodes"] = [[["x", 0, 0, {}]], [["in", 0, 0, {}]]]
        config = {"name": "in", "layers": [start, made], "input_layers": [["x", 0, 0]], "output_layers": [["in", 1, 0]]}
        made = {"class_name": "Functional", "name": "in", "config": config}
    return made


def views(description: Any) -> None:
    model = st.models.from_json(description)
    str(model.size())
    str(model.receptive_fields() if hasattr(model, "receptive_fields") else "")
    model.draw()


CASES = {
    "called twice a level": nested(15),
    "called ten times a level": nested(5, 10),
    "nested too deep": nested(17),
    "as Keras writes it": keras(15),
    "an upsampling": described({"class": "UpSampling2D", "size": LARGE}),
    "a bilinear upsampling": described({"class": "UpSampling2D", "size": 10**6, "interpolation": "bilinear"}),
    "a resizing": described({"class": "Resizing", "height": LARGE, "width": LARGE}),
    "a stride": described({"class": "Conv2DTranspose", "filters": 2, "kernel_size": 3, "strides": LARGE}),
    "a repetition": described({"class": "RepeatVector", "n": LARGE}, shape=[3]),
    "axes": described({"class": "Flatten"}, shape=[2] * 5000),
    "digits": described({"class": "Dense", "units": 10**300}),
    "shapes of many digits": described({"class": "Reshape", "target_shape": [LARGE] * 1000}),
    "inputs": described({"class": "Add", "inputs": ["x"] * 100_000}),
    "a name": described({"class": "Dense", "units": 3, "name": "x" * 10**6}),
    "brackets": "[" * 100_000,
    "brackets in a layer": json.dumps(described({"class": "Dense", "units": 3})).replace(
        "3}", "[" * 500 + "3" + "]" * 500 + "}"
    ),
    "a long number": json.dumps(described({"class": "Dense", "units": 3})).replace(
        '"units": 3', f'"units": {"3" * 5000}'
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_a_description_that_asks_for_too_much_is_refused_at_once(what):
    with steps(3_000_000), pytest.raises(StriateError) as caught:
        views(CASES[what])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("cells", [2**31, 2**63, 10**30])
@pytest.mark.parametrize(
    "entry",
    [
        {"class": "Conv2D", "filters": 2, "kernel_size": 1, "dilation_rate": 0},
        {"class": "Conv2D", "filters": 2, "kernel_size": 1, "strides": 0},
        {"class": "Conv2D", "filters": 2, "kernel_size": 1, "strides": 0, "padding": [[0, 0], [0, 0]]},
        {"class": "AveragePooling2D", "pool_size": 1, "strides": 0},
        {"class": "MaxPooling2D", "pool_size": 0, "strides": 1, "padding": "same"},
    ],
)
def test_a_window_has_no_more_cells_than_torch_counts(entry, cells):
    """None of these makes its result larger, so no budget of sizes sees it."""
    entry = json.loads(json.dumps(entry).replace(": 0", f": {cells}").replace("[0, ", f"[{cells}, "))
    with pytest.raises(ArgumentError, match="at most 2,147,483,647"):
        views(described(entry, shape=[9, 9, 3]))


@pytest.mark.parametrize(
    "entries",
    [
        [{"class": "Conv2D", "filters": 2, "kernel_size": 3, "padding": LARGE}],
        [{"class": "ZeroPadding2D", "padding": LARGE}],
        [{"class": "AveragePooling2D", "pool_size": LARGE, "padding": "same"}],
        [{"class": "Conv2D", "filters": 2, "kernel_size": 3, "dilation_rate": LARGE, "padding": "same"}],
    ],
)
def test_arithmetic_on_large_sizes_takes_no_longer_than_on_small_ones(entries):
    with steps() as small:
        views(described(*json.loads(json.dumps(entries).replace(str(LARGE), "3")), shape=[9, 9, 3]))
    with steps(3 * small.count):
        views(described(*entries, shape=[LARGE, LARGE, 3]))


def test_numbers_of_calls_count_each_call_of_what_is_nested():
    graph = st.graph.from_json(nested(3))
    assert len(graph.flat().nodes) == 8
    assert graph.calls == 8 + 8 + 4 + 2 + 1  # and the inputs of the networks
    assert st.zoo.create("resnet50").graph.calls < 500


# -- codes and options ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e300])
@pytest.mark.parametrize("name", ["jitter", "rotate", "scale"])
def test_a_picture_is_never_looked_at_from_nowhere(name, value):
    with pytest.raises(ArgumentError, match="must be from 0"):
        Transforms(**{name: value})


@pytest.mark.parametrize(
    "option",
    ["scale=nan", "scale=inf", "scale=1e300", "scale=-2", "rotate=nan", "jitter=-1", "l2=nan", "steps=999999999"],
)
def test_numbers_on_the_command_line_are_numbers(option, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    st.Sequential([layers.Flatten(input_shape=(8, 8, 3)), layers.Dense(2)]).save("run")
    with pytest.raises(SystemExit) as ended:
        main(["look", "maximise", "run", "--target", "0", "--steps", "2", f"--{option}"])
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.count("\n") == 1
    assert option.partition("=")[0] in told
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_code_is_unpacked_to_its_layer_and_no_further():
    model = st.Sequential([layers.Conv2D(2, 3, input_shape=(8, 8, 3)), layers.GlobalAveragePooling2D()])
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    code = st.look.encode(model, picture, "conv2d")
    start = code.index(b"{")
    head = json.loads(code[start : code.index(b"}") + 1])
    rest = code[code.index(b"}") + 1 :]

    def made(**other: Any) -> bytes:
        told = json.dumps(head | other).encode()
        return code[: start - 4] + len(told).to_bytes(4, "little") + told + rest

    for wrong in (
        made(shape=[LARGE, LARGE, 2]),
        made(shape=[-1, 6, 2]),
        made(shape=[float("inf")]),
        made(low=float("nan")),
        made(high=1e300),
        made(shape="abc"),
        code[:start] + b"[" * 200 + code[start:],
        code[:-9],
        code[:20],
        b"",
    ):
        with pytest.raises(DataError):
            st.look.decode(model, wrong, steps=1)
    assert st.look.decode(model, code, steps=1).picture.shape == (8, 8, 3)
