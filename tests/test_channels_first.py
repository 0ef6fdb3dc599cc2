"""``data_format="channels_first"``: the same network with its axes turned, in every view."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from kept import really_kept

import striate as st
from striate import backend, data_format, layers, ops
from striate.draw import feature_map_svg
from striate.errors import ArgumentError, DataError
from striate.graph import Graph, Input
from striate.size import diagram, kept_bytes, receptive
from striate.weights.layout import slots_of

X = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype(np.float32)


def network(where: str) -> Any:
    """A skip connection, a normalization and a head; as a user writes it for channels that stand there."""
    first = where == "channels_first"
    how: dict[str, Any] = {"data_format": where}
    inputs = layers.Input((3, 9, 8) if first else (9, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", **how)(inputs)
    y = layers.BatchNormalization(axis=1 if first else -1)(x)
    y = layers.ReLU()(y)
    y = layers.DepthwiseConv2D(3, padding="same", **how)(y)
    x = layers.Add()([x, y])
    x = layers.MaxPooling2D((2, 1), **how)(x)
    x = layers.Concatenate(axis=1 if first else -1)([x, x])
    x = layers.Conv2D(5, (3, 2), strides=(1, 2), name="last", **how)(x)
    x = layers.Flatten(**how)(x)
    return st.Model(inputs, layers.Dense(3, activation="softmax")(x))


def turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[-1], *shape[:-1]) if len(shape) > 1 else shape


@pytest.fixture(scope="module")
def both() -> tuple[Any, Any]:
    last, first = network("channels_last"), network("channels_first")
    first.set_weights(last.get_weights())
    return last, first


def test_it_answers_as_the_same_network_with_channels_last(both: Any, tmp_path: Any) -> None:
    last, first = both
    wanted = last.predict(X)
    given = X.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(first.predict(given), wanted, atol=1e-6)
    with pytest.raises(DataError, match=r"look channels-last: x.transpose\(0, 3, 1, 2\)"):
        first.predict(X)
    first.save(tmp_path / "first.keras")
    again = st.models.load_model(tmp_path / "first.keras", compile=False)
    assert again.layers[1].data_format == "channels_first"
    np.testing.assert_allclose(again.predict(given), wanted, atol=1e-6)
    np.testing.assert_allclose(first.predict(given, engine="onnxruntime"), wanted, atol=1e-6)


def test_it_is_sized_as_the_same_network_with_channels_last(both: Any) -> None:
    rows = [model.size().rows for model in both]
    for last, first in zip(*rows, strict=True):
        assert first.output_shape == turned(last.output_shape), first.name
        for what in ("weights", "mults", "receptive_field", "unused", "family"):
            assert getattr(first, what) == getattr(last, what), (what, first.name)
    last, first = (receptive(model.graph) for model in both)
    for name in last.names:
        assert first.field(name) == last.field(name), name
    assert first.crop("last", (1, 2)) == last.crop("last", (1, 2))
    with pytest.raises(ArgumentError, match="not a position"):
        first.crop("last", (2, 4))
    texts = [model.explain("last").split("Memory")[0].splitlines()[1:] for model in both]
    assert texts[0] == texts[1]
    assert "one map  9·8" not in both[1].explain("last")


def test_it_is_drawn_by_height_and_width(both: Any) -> None:
    last, first = (diagram(model.size()) for model in both)
    assert last == first
    last, first = (feature_map_svg(model.graph) for model in both)
    assert last.count("<path") == first.count("<path")
    assert [part for part in str(last).split('"') if part.startswith("M")] == [
        part for part in str(first).split('"') if part.startswith("M")
    ]


def test_the_setting_is_taken_when_a_layer_is_made() -> None:
    before = layers.MaxPooling2D()
    assert backend.image_data_format() == "channels_last"
    backend.set_image_data_format("channels_first")
    try:
        after = layers.MaxPooling2D()
        text = json.dumps(st.graph.to_json(Graph([x := Input((4, 6, 2))], [before(x)])))
        again = st.graph.from_json(text).nodes[-1].layer
    finally:
        backend.set_image_data_format("channels_last")
    assert (before.data_format, after.data_format, again.data_format) == (
        "channels_last",
        "channels_first",
        "channels_last",
    )
    assert after(Input((2, 4, 6))).node.shape == (2, 2, 3)
    assert after.get_config()["data_format"] == "channels_first"
    with pytest.raises(ArgumentError, match=r'unknown data_format "last"'):
        data_format.set_image_data_format("last")


def test_shapes_with_a_batch_keep_it() -> None:
    pool = layers.AdaptiveAveragePooling1D(4, data_format="channels_first")
    assert pool.compute_output_shape((2, 3, 8)) == (2, 3, 4)
    assert layers.Add().compute_output_shape([(5, 3), (5, 3)]) == (5, 3)
    assert layers.MaxPooling2D((2, 1)).get_config()["pool_size"] == (2, 1)


def test_what_torch_flattened_channel_by_channel_is_turned_only_where_it_is_not_here() -> None:
    found = {}
    for where, flatten in (("channels_first", "channels_first"), ("channels_first", None), (None, None)):
        x = layers.ReLU()(layers.Conv2D(2, 3, data_format=where)(inputs := Input((5, 6, 7))))
        model = st.Model(inputs, layers.Dense(3)(layers.Flatten(flatten)(x)))
        found[where, flatten] = next(slot.flattened for slot in slots_of(model.graph) if slot.key == "dense.weight")
    assert found == {
        ("channels_first", "channels_first"): (4, 5, 2),  # flattened as (H, W, C)
        ("channels_first", None): None,  # as (C, H, W), like torch's
        (None, None): (3, 4, 2),
    }


def test_functions_take_channels_first_too() -> None:
    given, kernel = X.transpose(0, 3, 1, 2), np.random.default_rng(1).normal(size=(3, 3, 3, 2)).astype(np.float32)
    inputs = layers.Input((3, 9, 8))
    for name, function in (
        ("conv", lambda x, where: ops.conv(x, kernel, 2, "same", where)),
        ("max_pool", lambda x, where: ops.max_pool(x, 2, data_format=where)),
        ("average_pool", lambda x, where: ops.average_pool(x, (2, 3), None, "same", where)),
        ("resize", lambda x, where: ops.image.resize(x, (5, 6), data_format=where)),
    ):
        wanted = np.moveaxis(np.asarray(function(X, "channels_last")), -1, 1)
        np.testing.assert_allclose(function(given, "channels_first"), wanted, atol=1e-5, err_msg=name)
        model = st.Model(inputs, function(inputs, "channels_first"))
        np.testing.assert_allclose(model.predict(given), wanted, atol=1e-5, err_msg=name)
    one = ops.image.resize(given[0], (5, 6), data_format="channels_first")
    np.testing.assert_allclose(one, ops.image.resize(given, (5, 6), data_format="channels_first")[0], atol=1e-6)


def test_one_number_and_a_vector_have_no_channels_to_turn() -> None:
    for where in ("channels_last", "channels_first"):
        layer = layers.Flatten(where)
        assert layer(np.ones(4, np.float32)).shape == (4, 1)
        assert layer(np.ones((4, 3), np.float32)).shape == (4, 3)


def test_what_has_no_channels_first_in_keras_is_told_what_to_do() -> None:
    with pytest.raises(ArgumentError, match="axis=1 where they come first"):
        layers.BatchNormalization(data_format="channels_first")


def test_turns_that_meet_are_left_out(both: Any) -> None:
    _, first = both
    source = first.to_source().rpartition("def forward")[2]
    assert source.count("permuted(") == 8  # of 12: after conv2d, one for the sum; none before flatten
    assert "self.batch_normalization(conv2d_relu)" in source
    at = st.look.activations(first, X.transpose(0, 3, 1, 2))
    for name, wanted in st.look.activations(both[0], X).items():
        turned_back = np.moveaxis(at[name], 1, -1) if wanted.ndim > 2 else at[name]
        np.testing.assert_allclose(turned_back, wanted, atol=1e-5, err_msg=name)


def test_memory_is_that_of_torch_where_turns_are_left_out() -> None:
    inputs = layers.Input((3, 9, 8))
    how: dict[str, Any] = {"data_format": "channels_first"}
    x = layers.Conv2D(4, 3, activation="relu", **how)(inputs)
    x = layers.Conv2D(5, 3, strides=2, **how)(layers.BatchNormalization(axis=1)(x))
    x = layers.MaxPooling2D(**how)(layers.Add()([x, layers.DepthwiseConv2D(3, padding="same", **how)(x)]))
    graph = Graph([inputs], [layers.Dense(2)(layers.Flatten()(x))])
    for training in (True, False):
        assert kept_bytes(graph, 3, training=training) == really_kept(graph, 3, training)


@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
@pytest.mark.parametrize("kind", [layers.Conv2D, layers.SeparableConv2D, layers.Conv2DTranspose])
def test_a_softmax_within_a_layer_runs_over_the_last_axis_whatever_stands_there(function, kind):
    """As in Keras: with the channels first that is the width."""
    inputs = st.Input((2, 5, 6))
    plain = kind(3, 2, data_format="channels_first")
    layer = kind(3, 2, data_format="channels_first", activation=function)
    answered, model = st.Model(inputs, plain(inputs)), st.Model(inputs, layer(inputs))
    layer.set_weights(plain.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 2, 5, 6)).astype(np.float32)
    y = np.exp(answered.predict(x))
    truth = y / y.sum(-1, keepdims=True)
    for engine in ("torch", "onnxruntime"):
        got = model.predict(x, engine=engine)
        np.testing.assert_allclose(np.exp(got) if function == "log_softmax" else got, truth, rtol=1e-4, atol=1e-6)
    assert layer.get_config()["activation"] == function
