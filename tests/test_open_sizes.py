"""Inputs whose sizes are left open: what depends on them says None, and any size trains and predicts."""

from __future__ import annotations

import numpy as np
import pytest

import striate as st
from striate import layers
from striate.errors import DataError, ShapeError


def windows() -> st.Model:
    inputs = st.Input((None, None, 3))
    x = layers.MaxPooling2D()(layers.Conv2D(4, 3, strides=2, padding="same")(inputs))
    return st.Model(inputs, x)


def test_sizes_that_depend_on_an_open_one_say_none() -> None:
    model = windows()
    assert (model.input_shape, model.output_shape) == ((None, None, None, 3), (None, None, None, 4))
    pooled = st.Model(model.input, layers.GlobalAveragePooling2D()(model.output))
    assert pooled.output_shape == (None, 4)
    assert st.applications.vgg16.VGG16(weights=None, include_top=False).output_shape == (None, None, None, 512)


def test_any_size_gives_what_the_same_network_of_that_size_gives() -> None:
    st.set_seed(0)
    model = windows()
    for height, width in ((32, 32), (45, 30), (64, 21)):
        x = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype(np.float32)
        inputs = st.Input((height, width, 3))
        closed = layers.MaxPooling2D()(model.layers[1](inputs))
        expected = st.Model(inputs, closed).predict(x, engine="torch")
        np.testing.assert_allclose(model.predict(x), expected, rtol=1e-5, atol=1e-6)
        assert model.output_shape == (None, None, None, 4)


def test_a_call_on_whole_sizes_leaves_none_open_whatever_size_the_layer_met_open() -> None:
    layer = layers.Conv2D(4, 3, padding="same")
    model = st.Model(inputs := st.Input((None, None, 3)), layer(inputs))
    model.resize(((12, 12, 3),))
    assert layer(st.Input((12, 12, 3))).shape == (None, 12, 12, 4)


def test_it_trains_on_any_size_and_nests_in_a_network_of_one() -> None:
    base = windows()
    inputs = st.Input((20, 28, 3))
    x = base(inputs)
    assert x.shape == (None, 5, 7, 4)
    model = st.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 20, 28, 3), np.float32), np.ones((4, 2), np.float32), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


def test_weights_that_would_depend_on_an_open_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="size that is left open"):
        layers.Dense(3)(layers.Flatten()(windows().output))


def test_a_description_keeps_open_sizes_open() -> None:
    again = st.models.from_json(windows().description())
    assert again.input_shape == (None, None, None, 3)


def texts_and_numbers() -> st.Model:
    title, number = st.Input((None, 3), name="title"), st.Input((3,), name="number")
    pooled = layers.GlobalAveragePooling1D()(title)
    return st.Model([title, number], layers.Dense(1)(layers.Concatenate()([pooled, number])))


@pytest.mark.parametrize("length", [12, 5])
def test_open_sizes_among_several_inputs_are_those_of_the_data(length: int) -> None:
    model = texts_and_numbers()
    draw = np.random.default_rng(0)
    x = [draw.normal(size=(6, length, 3)).astype(np.float32), draw.normal(size=(6, 3)).astype(np.float32)]
    kernel, bias = model.layers[-1].get_weights()
    expected = np.concatenate([x[0].mean(1), x[1]], axis=1) @ kernel + bias
    named = dict(zip(("title", "number"), x, strict=True))
    for given in (x, named):
        np.testing.assert_allclose(model.predict(given), expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model(given).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert model.input_shape == [(None, None, 3), (None, 3)]
    model.compile("sgd", "mse")
    losses = model.fit(named, np.ones((6, 1), np.float32), epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]


def test_two_open_pictures_may_differ_in_size() -> None:
    pictures = [st.Input((None, None, 3)), st.Input((None, None, 3))]
    model = st.Model(pictures, layers.Add()([layers.GlobalMaxPooling2D()(one) for one in pictures]))
    draw = np.random.default_rng(0)
    x = [draw.normal(size=size).astype(np.float32) for size in ((2, 9, 7, 3), (2, 4, 12, 3))]
    np.testing.assert_allclose(model.predict(x), sum(one.max((1, 2)) for one in x), rtol=1e-6)
    with pytest.raises(DataError, match=r"takes arrays of shape \(N, None, None, 3\), it got \(2, 4, 12, 1\)"):
        model.predict([x[0], x[1][..., :1]])
