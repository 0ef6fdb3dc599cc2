"""Networks as JSON: there and back, and descriptions that break off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphs import names, three
from hypothesis import given, settings
from hypothesis import strategies as st

from striate import layers
from striate.backend import build
from striate.errors import StriateError
from striate.graph import Graph, Input, from_json, to_json
from striate.model import Model
from striate.sequential import Sequential

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_description_is_short_and_readable() -> None:
    x = Input((8, 8, 3), name="pixels")
    conv = layers.Conv2D(3, 3, padding="same", kernel_initializer=layers.initializers.HeNormal(seed=1))
    y = layers.Add(name="sum")([conv(x), conv(layers.ReLU(max_value=6)(conv(x)))])
    assert to_json(Graph([x], [y]), name="tiny") == {
        "class": "Functional",
        "name": "tiny",
        "layers": [
            {"class": "Input", "name": "pixels", "shape": [8, 8, 3]},
            {
                "class": "Conv2D",
                "name": "conv2d",
                "filters": 3,
                "kernel_size": [3, 3],
                "strides": [1, 1],
                "padding": "same",
                "dilation_rate": [1, 1],
                "kernel_initializer": {"class": "HeNormal", "seed": 1},
            },
            {"call": "conv2d", "inputs": ["pixels"]},
            {"class": "ReLU", "name": "re_lu", "max_value": 6.0},
            {"call": "conv2d"},
            {"class": "Add", "name": "sum", "inputs": ["conv2d", "conv2d#3"]},
        ],
        "inputs": ["pixels"],
        "outputs": ["sum"],
    }


def test_a_description_by_hand_may_leave_out_what_goes_without_saying() -> None:
    graph = from_json(
        """{"layers": [{"class": "Conv2D", "filters": 4, "kernel_size": 3, "input_shape": [8, 8, 1]},
                       {"class": "Conv2D", "filters": 4, "kernel_size": 3, "inputs": "conv2d"},
                       {"class": "Flatten"}, {"class": "Dense", "units": 2, "name": "head"}]}"""
    ).check()
    assert names(graph) == ["input_layer", "conv2d", "conv2d_1", "flatten", "head"]
    assert graph.output_shapes == [(2,)]
    graph = from_json({"layers": [{"class": "Embedding", "input_dim": 9, "output_dim": 2, "input_length": 5}]})
    assert graph.inputs[0].dtype == "int64"
    assert graph.output_shapes == [(5, 2)]


def test_types_of_inputs_and_frozen_layers_survive_json() -> None:
    x = Input((4,), dtype="uint8")
    layer = layers.Dense(2)
    layer.trainable = False
    again = from_json(to_json(Graph([x], [layer(x)])))
    assert again.inputs[0].dtype == "uint8"
    assert not again.layers[1].trainable


def test_automatic_names_of_a_description_stay_automatic() -> None:
    again = from_json(to_json(three()))
    x = Input((8, 8, 1))
    y = x
    for layer in (layers.Conv2D(1, 1, name="conv2d"), again.layer("conv2d")):
        y = layer(y)
    assert names(Graph([x], [y])) == ["input_layer", "conv2d", "conv2d_1"]


def test_nested_models_of_models_survive_json() -> None:
    x = Input((4,))
    inner = Model(x, layers.Dense(4)(x), name="inner")
    y = Input((4,))
    middle = Model(y, layers.Add()([inner(y), y]), name="middle")
    stack = Sequential([layers.Dense(3), layers.ReLU()], name="stack")
    a, b = Input((4,), name="a"), Input((4,), name="b")
    graph = Graph([a, b], [layers.Concatenate()([middle(b), stack(middle(a)), inner(a)])])
    text = json.dumps(to_json(graph))
    again = from_json(text).check()
    assert json.dumps(to_json(again)) == text
    assert again.output_shapes == [(11,)]
    assert [layer.kind for layer in again.layers[2:5]] == ["Functional", "Sequential", "Functional"]


START = {"class": "Input", "name": "x", "shape": [4, 4, 1]}
GOOD = {"class": "Conv2D", "name": "good", "filters": 2, "kernel_size": 3}


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("{", "is not a JSON file (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))."),
        ("", "is not a JSON file (Expecting value: line 1 column 1 (char 0))."),
        ("[" * 100_000, "has brackets more than 100 deep."),
        ('{"layers": [' + "9" * 5000 + "]}", "layer 0 of the description: an entry is an object"),
        ("[]", 'a network description is an object with a list "layers".'),
        (3, 'a network description is an object with a list "layers".'),
        ({}, 'a network description is an object with a list "layers".'),
        ({"layers": {}}, 'a network description is an object with a list "layers".'),
        ({"layers": []}, 'the description has no layers; "layers" is an empty list.'),
        ({"layers": [3]}, 'layer 0 of the description: an entry is an object with a "class"'),
        ({"layers": [{"filters": 3}]}, 'layer 0 of the description: an entry is an object with a "class"'),
        ({"layers": [GOOD]}, 'layer 0 of the description: has no input: start with {"class": "Input"'),
        (
            {"layers": [{"class": "Conv2d"}]},
            'layer 0 of the description: unknown layer "Conv2d". Did you mean "Conv2D"?',
        ),
        ({"layers": [{"class": "Input"}]}, "Input needs a shape"),
        ({"layers": [{"class": "Input", "shape": [2], "batch": 3}]}, 'its entry has no "batch".'),
        ({"layers": [START], "outputs": ["y"]}, 'unknown input "y". Known: x.'),
        ({"layers": [START], "inputs": 3}, '"inputs" and "outputs" are lists of names of layers, not 3.'),
        ({"layers": [START], "outputs": [{}]}, '"inputs" and "outputs" are lists of names of layers, not [{}].'),
        ({"layers": [START, GOOD], "inputs": ["good"]}, "a model starts at layers.Input"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_what_is_no_description_says_so(description: Any, message: str) -> None:
    with pytest.raises(StriateError) as caught:
        from_json(description).check()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "name", "message"),
    [
        ({"class": "Conv2d"}, "conv2d", 'Conv2d "conv2d": unknown layer "Conv2d". Did you mean "Conv2D"?'),
        ({"class": "GlorotUniform"}, "glorot_uniform", 'GlorotUniform has no argument "name"'),
        ({"class": "Dense", "units": 3, "unit": 3}, "dense", 'Dense has no argument "unit". Did you mean "units"?'),
        ({"class": "Dense"}, "dense", "Dense needs units."),
        ({"class": "Dense", "units": 3, "data_format": 1}, "dense", 'striate has no argument "data_format" (Keras has)'),
        ({"class": "Dense", "units": 3, "self": 1}, "dense", 'Dense has no argument "self"'),
        ({"class": "Dense", "units": "many"}, "dense", "Dense: units is a whole number, not 'many'."),
        ({"class": "Dense", "units": 3, "activation": {"class": "Functional"}}, "dense", 'a "Functional" cannot be an arg'),
        ({"class": "Dense", "units": 3, "activation": {"class": ["ReLU"]}}, "dense", "an activation is a name such as"),
        ({"class": "Dense", "units": 3, "name": 3}, "3", '"name" is a text, not 3.'),
        ({"class": "Dense", "units": 3, "name": "a b"}, "a b", '"a b" cannot be a layer\'s name'),
        ({"class": "Dense", "units": 3, "name": "good"}, "good", 'two layers are named "good". Give each its own name.'),
        ({"class": "Dense", "units": 2, "inputs": ["god"]}, "dense", 'unknown input "god". Did you mean "good"?'),
        ({"class": "Conv2D", "filters": 2, "kernel_size": 3, "inputs": [["x"]]}, "conv2d", "are lists of names of layers"),
        ({"class": "Conv2D", "filters": 2, "kernel_size": 3, "inputs": 3}, "conv2d", "are lists of names of layers"),
        ({"class": "Conv2D", "filters": 2, "kernel_size": 3}, "conv2d", "a 3x3 window is larger than its 2x2 input."),
        ({"class": "Add", "inputs": ["x", "good"]}, "add", "(4, 4, 1) and (2, 2, 2). Bring them to the same size"),
        ({"class": "Add"}, "add", "merges two or more inputs, given as one list; it got 1."),
        ({"call": "god"}, "god", 'unknown layer to call again "god". Did you mean "good"?'),
        ({"call": "x"}, "x", "an input cannot be called again."),
        ({"call": "good"}, "good", "a 3x3 window is larger than its 2x2 input."),
        ({"call": "good", "inputs": ["x"], "filters": 3}, "good", 'no "filters". It takes call, inputs, call_training.'),
        ({"call": 3}, "3", 'an entry is an object with a "class" (or a "call" of a layer above).'),
        ({"class": "Functional", "name": "inner"}, "inner", 'a nested model has a "network": an object with a list'),
        ({"class": "Functional", "name": "inner", "network": {"layers": []}}, "inner", "the description has no layers"),
        ({"class": "Sequential", "name": "inner", "network": {"layers": [START]}, "built": 1}, "inner", 'has no "built"'),
        (None, "entry 2", 'entry 2 "entry 2": an entry is an object with a "class"'),
        ([], "entry 2", 'an entry is an object with a "class"'),
    ],
)  # fmt: skip
def test_a_description_that_breaks_off_keeps_the_part_before(entry: Any, name: str, message: str) -> None:
    graph = from_json({"layers": [START, GOOD, entry, {"class": "Flatten"}]})
    assert names(graph) == ["x", "good"]
    assert graph.output_shapes == [(2, 2, 2)]
    assert graph.fault is not None
    assert graph.fault.name == name
    assert message in str(graph.fault.error)
    assert str(graph.fault.error).startswith(graph.fault.kind)
    assert "\n" not in str(graph.fault.error)
    with pytest.raises(StriateError) as caught:
        graph.check()
    assert caught.value is graph.fault.error
    with pytest.raises(StriateError):
        build(graph)


def test_a_broken_description_keeps_every_branch_before_the_fault() -> None:
    branch = {"class": "ReLU", "name": "branch", "inputs": ["good"]}
    other = {"class": "Flatten", "name": "other", "inputs": ["good"]}
    graph = from_json({"layers": [START, GOOD, branch, other, {"class": "Add", "inputs": ["branch", "other"]}]})
    assert names(graph) == ["x", "good", "branch", "other"]
    assert sorted(graph.output_shapes) == [(2, 2, 2), (8,)]


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 9), st.floats(), st.text(max_size=4), st.just("good")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["class", "x"]), inner)),
    max_leaves=5,
)


@settings(max_examples=150)
@given(
    st.sampled_from(["Conv2D", "Dense", "Input", "Add", "Reshape", "Functional", "Embedding", "EuclideanRBF", "call"]),
    st.dictionaries(
        st.sampled_from(
            [
                *(
                    "name",
                    "inputs",
                    "filters",
                    "kernel_size",
                    "padding",
                    "units",
                    "activation",
                    "shape",
                    "dtype",
                    "call",
                ),
                *("target_shape", "network", "input_dim", "output_dim", "prototypes", "trainable", "input_shape"),
                *("kernel_initializer", "layers", "class", "outputs"),
            ]
        ),
        json_values,
        max_size=5,
    ),
)
@pytest.mark.filterwarnings("ignore::striate.errors.Note")  # old names of arguments
def test_a_random_entry_either_works_or_is_a_fault(kind: str, entry: dict[str, Any]) -> None:
    entry = entry if kind == "call" else {**entry, "class": kind}
    try:
        graph = from_json({"layers": [START, GOOD, entry]})
    except StriateError:
        return
    if graph.fault is None:
        assert len(graph.nodes) == 3
    else:
        assert names(graph) == ["x", "good"]
