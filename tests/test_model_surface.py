"""What a model answers about itself, as Keras has it: shapes, layers, summary, clones, trainable, notebooks."""

from __future__ import annotations

import numpy as np
import pytest

import striate as st
from striate import layers, models
from striate.errors import ArgumentError


@pytest.fixture
def net():
    base = st.Sequential(
        [layers.Conv2D(4, 3, input_shape=(8, 8, 3)), layers.BatchNormalization(), layers.Conv2D(4, 1)], name="base"
    )
    inputs = layers.Input((8, 8, 3), name="picture")
    x = base(inputs)
    y = layers.Add(name="sum")([x, layers.Conv2D(4, 1, name="one")(x)])
    return st.Model(inputs, layers.Dense(2, name="answer")(layers.Flatten()(y)), name="net")


# -- shapes -----------------------------------------------------------------------------------------------------------------
def test_shapes_have_none_for_the_batch_in_front(net):
    assert (net.input_shape, net.output_shape) == ((None, 8, 8, 3), (None, 2))
    assert net.get_layer("base").output_shape == (None, 6, 6, 4)
    assert net.get_layer("one").output_shape == (None, 6, 6, 4)
    two = st.Model([a := layers.Input((2,)), b := layers.Input((3,))], [a, layers.Concatenate()([a, b])])
    assert two.input_shape == [(None, 2), (None, 3)]
    assert two.output_shape == [(None, 2), (None, 5)]
    stack = st.Sequential([layers.Reshape((3, 4), input_shape=(12,))])
    assert stack.output_shape == (None, 3, 4)
    stack.add(layers.Flatten())
    assert stack.output_shape == (None, 12)
    with pytest.raises(ArgumentError, match="input"):
        st.Sequential([layers.Dense(2)]).output_shape
    with pytest.raises(ArgumentError, match="not been called"):
        layers.Dense(2).output_shape


# -- layers -----------------------------------------------------------------------------------------------------------------
def test_layers_stand_in_keras_order():
    """Keras 3.15 lists them by distance from the output, however they were written down."""
    x = layers.Input((4, 4, 2), name="in")
    short = layers.Conv2D(3, 1, name="short")(x)
    long = layers.Conv2D(3, 3, padding="same", name="long_1")(x)
    long = layers.Conv2D(3, 3, padding="same", name="long_2")(long)
    model = st.Model(x, layers.Add(name="end")([short, long]))
    assert [layer.name for layer in model.layers] == ["in", "long_1", "short", "long_2", "end"]


def test_a_layer_is_found_by_name_or_place(net):
    assert net.get_layer(index=-1) is net.get_layer("answer") is net.layers[-1]
    assert net.get_layer(index=0).name == "picture"
    for how in ({"name": "nswer"}, {"index": 9}, {}):
        with pytest.raises(ArgumentError):
            net.get_layer(**how)


# -- trainable --------------------------------------------------------------------------------------------------------------
def learning(model):
    return sum(p.numel() for p in model.module.parameters() if p.requires_grad)


def test_a_frozen_model_freezes_what_is_in_it_until_it_is_thawed(net):
    """As in Keras 3: 290 of the dense layer and 20 of "one" stay; a layer thawed inside a frozen model learns."""
    base = net.get_layer("base")
    whole = learning(net)
    base.trainable = False
    assert learning(net) == 290 + 20
    assert not any(layer.trainable for layer in base.layers)
    base.layers[-1].trainable = True
    assert not base.trainable
    assert learning(net) == 290 + 20 + 20
    assert net.size().trainable == 290 + 20 + 20
    base.trainable = True
    for layer in base.layers[:-1]:
        layer.trainable = False
    assert learning(net) == 290 + 20 + 20
    assert base.trainable
    net.trainable = True
    assert learning(net) == whole
    base.add(layers.ReLU())
    base.trainable = False
    assert not base.graph.trainable


def test_only_what_learns_changes_in_training(net):
    net.get_layer("base").trainable = False
    net.get_layer("base").layers[0].trainable = True
    net.compile("sgd", "mse")
    before = {key: value.clone() for key, value in net.module.state_dict().items()}
    net.fit(np.ones((4, 8, 8, 3), np.float32), np.zeros((4, 2), np.float32), verbose=0)
    changed = {key.split(".")[0] for key, value in net.module.state_dict().items() if not value.equal(before[key])}
    assert changed == {"one", "answer", "base"}


# -- summary ----------------------------------------------------------------------------------------------------------------
def told(model, **how):
    lines: list[str] = []
    model.summary(print_fn=lines.append, **how)
    assert len(lines) == 1
    return lines[0].split("\n")


def test_the_summary_has_lines_of_the_length_and_columns_at_the_places_that_are_said(net):
    for length in (60, 98, 130):
        assert {len(line) for line in told(net, line_length=length)[1:6]} == {length}
    lines = told(net, positions=[0.4, 0.6, 0.8, 1.0])
    assert lines[2].index("Output") == int(0.4 * 98)
    assert lines[2].index("Param") == int(0.6 * 98)
    lines = told(net, positions=[20, 50, 60, 98])
    assert lines[2].index("Output") == 20
    assert told(net, line_length=98) == told(net)
    for how in ({"positions": [0.5, 1.0]}, {"line_length": 3}):
        with pytest.raises(ArgumentError, match="summary"):
            told(net, **how)


def test_the_summary_opens_nested_models_and_says_what_learns(net):
    net.get_layer("base").trainable = False
    lines = told(net, expand_nested=True, show_trainable=True, line_length=120)
    inside = [line for line in lines if line.startswith("| ")]
    assert [line.split()[1] for line in inside] == ["conv2d", "batch_normalization", "conv2d_1"]
    assert all(line.rstrip().endswith("N") for line in inside)
    assert next(line for line in lines if line.startswith("one")).rstrip().endswith("Y")
    assert "Trainable params: 310" in lines
    stack = st.Sequential([net, layers.ReLU()])
    assert any(line.startswith("|| conv2d") for line in told(stack, expand_nested=True))


def test_the_summary_shows_the_layers_of_a_range(net):
    def names(**how):
        return [line.split()[0] for line in told(net, **how) if line.split()[1:2] and "(None" in line]

    assert names(layer_range=("base", "sum")) == ["base", "one", "sum"]
    assert names(layer_range=("s.m", "o.*")) == ["one", "sum"]
    with pytest.raises(ArgumentError, match="layer name"):
        told(net, layer_range=("base", "none"))
    with pytest.raises(ArgumentError, match="two names"):
        told(net, layer_range=("base",))


# -- clones -----------------------------------------------------------------------------------------------------------------
def test_a_clone_is_the_same_network_with_weights_of_its_own(net):
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    net.predict(x)
    clone = models.clone_model(net)
    assert st.draw.diff(net.graph, clone.graph).same
    assert [layer.name for layer in clone.layers] == [layer.name for layer in net.layers]
    assert clone.name == "net"
    assert not {id(layer) for layer in clone.layers} & {id(layer) for layer in net.layers}
    assert not np.allclose(clone.predict(x), net.predict(x))
    clone.set_weights(net.get_weights())
    np.testing.assert_allclose(clone.predict(x), net.predict(x), atol=1e-6)
    net.get_layer("base").trainable = False
    assert models.clone_model(net).get_layer("base").trainable is False


def test_a_function_makes_the_layers_of_a_clone(net):
    kinds = []

    def change(layer):
        kinds.append(layer.kind)
        return layers.Dense(5, name=layer.name) if isinstance(layer, layers.Dense) else layer

    clone = models.clone_model(net, clone_function=change)
    assert kinds == ["Sequential", "Conv2D", "Add", "Flatten", "Dense"]
    assert clone.output_shape == (None, 5)
    assert clone.get_layer("base") is net.get_layer("base")
    kinds.clear()
    models.clone_model(net, clone_function=change, recursive=True)
    assert kinds[:3] == ["Conv2D", "BatchNormalization", "Conv2D"]
    calls = []
    models.clone_model(net, call_function=lambda layer, x: calls.append(layer.name) or layer(x))
    assert calls == ["base", "one", "sum", "flatten", "answer"]
    with pytest.raises(ArgumentError, match="clone_function"):
        models.clone_model(net, clone_function=lambda layer: None)


def test_a_clone_begins_at_other_tensors_and_a_stack_stays_one(net):
    inputs = layers.Input((8, 8, 1))
    clone = models.clone_model(net, input_tensors=layers.Concatenate()([inputs, inputs, inputs]))
    assert clone.input_shape == (None, 8, 8, 1)
    stack = st.Sequential([layers.Dense(3, input_shape=(2,), activation="relu"), layers.Dropout(0.5)])
    clone = models.clone_model(stack)
    assert clone.kind == "Sequential"
    assert clone.to_json() == stack.to_json()
    bare = models.clone_model(st.Sequential([layers.Dense(3)]))
    assert [layer.units for layer in bare.layers] == [3]
    with pytest.raises(ArgumentError, match="takes a model"):
        models.clone_model(layers.Dense(3))


# -- notebooks --------------------------------------------------------------------------------------------------------------
def test_what_is_printed_or_drawn_shows_itself_in_a_notebook(net):
    assert "<svg" in net._repr_html_()
    assert "Total params: " in net._repr_html_()
    for shown in (net.size(), net.explain("one"), st.size.receptive(net.graph), st.draw.diff(net.graph, net.graph)):
        assert shown._repr_html_().startswith("<pre")
        assert str(shown).split("\n")[0].split()[0] in shown._repr_html_()
    assert net.draw()._repr_svg_() == str(net.draw())
    assert len(repr(net.draw())) < 100
    assert st.Sequential([layers.Dense(2)])._repr_html_().startswith("<pre")


def test_a_history_shows_a_row_an_epoch():
    model = st.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    history = model.fit(np.zeros((4, 2), np.float32), np.zeros(4, np.float32), epochs=3, verbose=0)
    shown = history._repr_html_()
    assert shown.count("<tr>") == 4
    assert "loss" in shown
