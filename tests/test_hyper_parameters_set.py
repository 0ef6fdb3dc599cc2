"""A hyper-parameter that is set on a layer of a network: it counts from then on, or is refused."""

import numpy as np
import pytest

import striate as st
from striate import layers
from striate.errors import ArgumentError

X = np.random.default_rng(3).random((2, 8, 8, 3)).astype(np.float32)


def net() -> st.Model:
    x = st.Input((8, 8, 3))
    inner = st.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu", name="conv")])
    return st.Model(x, layers.Dense(3, activation="softmax", name="top")(layers.Flatten()(inner(x))))


@pytest.mark.parametrize("engine", ["torch", "onnxruntime"])
def test_an_activation_taken_away_is_gone_in_every_view(engine):
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy")
    probabilities = model.predict(X, engine=engine)
    model.get_layer("top").activation = None
    logits = model.predict(X, engine=engine)
    e = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(e / e.sum(1, keepdims=True), probabilities, rtol=1e-5)
    assert "softmax" not in model.to_json()
    model.compile("sgd", st.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(X, np.array([0, 1]), verbose=0)


def test_a_layer_of_a_nested_network_changes_what_the_outer_one_says():
    model = net()
    before = model.predict(X)
    conv = model.layers[1].get_layer("conv")
    conv.activation = "tanh"
    after = model.predict(X)
    assert not np.allclose(before, after)
    conv.activation = "relu"
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-5)


def test_what_would_change_shapes_is_refused_and_nothing_is_changed():
    model = net()
    before = model.predict(X)
    top = model.get_layer("top")
    with pytest.raises(ArgumentError, match='Dense "top" is in a network already'):
        top.units = 5
    with pytest.raises(ArgumentError, match="units"):
        top.units = 0
    assert top.units == 3
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_layer_alone_that_was_called_on_arrays_follows_too():
    layer = layers.Dense(2, activation="relu")
    layer(X[:, 0, 0])
    layer.activation = None
    assert (layer(-X[:, 0, 0]) == -layer(X[:, 0, 0])).all()


SETTINGS = [
    (lambda: layers.BatchNormalization(), "epsilon", 0.5),
    (lambda: layers.BatchNormalization(), "momentum", 0.1),
    (lambda: layers.LayerNormalization(), "epsilon", 0.5),
    (lambda: layers.GroupNormalization(1), "epsilon", 0.5),
    (lambda: layers.Conv2D(3, 3, padding="same"), "dilation_rate", 2),
    (lambda: layers.Conv2D(3, 3, padding="same"), "activation", "relu"),
    (lambda: layers.SeparableConv2D(3, 3, padding="same"), "dilation_rate", 2),
    (lambda: layers.GaussianNoise(0.1), "stddev", 9.0),
    (lambda: layers.Dropout(0.1), "rate", 0.9),
    (lambda: layers.LeakyReLU(0.1), "negative_slope", 0.5),
    (lambda: layers.MaxPooling2D(2), "padding", "same"),
]


@pytest.mark.parametrize(("make", "name", "value"), SETTINGS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_hyper_parameter_set_after_the_first_run_is_what_a_new_layer_with_the_same_arrays_has(make, name, value):
    """In prediction, in training, and in what training leaves behind."""

    def model(layer):
        return st.Sequential([layers.Input((8, 8, 3)), layer])

    set_later, made_so = model(make()), model(make())
    set_later.predict(X, verbose=0)
    weights = [w + 0.25 for w in set_later.get_weights()]
    set_later.set_weights(weights)
    setattr(set_later.layers[0], name, value)
    fields = made_so.layers[0].get_config() | {name: value}
    made_so = model(type(made_so.layers[0]).from_config(fields))
    made_so.set_weights(weights)
    for answer in (lambda m: m.predict(X, engine="torch"), lambda m: m(X, training=True).detach().numpy()):
        results = []
        for one in (set_later, made_so):
            st.set_seed(3)
            results.append(answer(one))
        np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)
    for one, other in zip(set_later.get_weights(), made_so.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
