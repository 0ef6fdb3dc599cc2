"""Arguments of layers: Keras' names and defaults, and one clear line for everything that cannot be."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from layer_cases import CASES

import striate as st
from striate import errors, layers
from striate.errors import ArgumentError, ShapeError, StriateError
from striate.graph import Graph, Input, Layer, from_json, registered, to_json


def test_a_layer_tells_what_to_do_about_keras_batch_size() -> None:
    with pytest.raises(ArgumentError, match=r'"batch_size" \(Keras has\): say it in layers.Input'):
        layers.Dense(2, input_shape=(3,), batch_size=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(8, 3, stride=2), 'Conv2D has no argument "stride". Did you mean "strides"? It takes: fil'),
        (lambda: layers.Conv2D(8, 3, zzz=2), 'Conv2D has no argument "zzz". It takes: filters'),
        (lambda: layers.Conv2D(8, 3, data_format="first"), 'unknown Conv2D data_format "first". Known: channels_first'),
        (lambda: layers.Dropout(0.5, data_format="channels_first"), "it does not ask where the channels are; a normal"),
        (lambda: layers.Conv2D(), "Conv2D needs filters and kernel_size."),
        (lambda: layers.Conv2D(8), "Conv2D needs kernel_size."),
        (lambda: layers.Conv2D(8, 3, filters=2), 'Conv2D: "filters" was given twice.'),
        (lambda: layers.Add(1), "Add takes 0 unnamed arguments ()."),
        (lambda: layers.Dropout(0.1, None, 3, 4), "Dropout takes 3 unnamed arguments (rate, noise_shape, seed)."),
        (lambda: layers.Dense(8, self=3), 'Dense has no argument "self".'),
        (lambda: layers.Dense(8, name="a/b"), '"a/b" cannot be a layer\'s name; use letters, digits, "_" and "-".'),
        (lambda: layers.Dense(8, name=""), 'Dense: "" cannot be a layer\'s name'),
        (lambda: layers.Dense(8, name=3), "Dense: name is a text or None, not 3."),
        (lambda: layers.Dense(8, trainable=None), "Dense: trainable is True or False, not None."),
        (lambda: layers.Dense(8, use_bias=1), "Dense: use_bias is True or False, not 1."),
        (lambda: layers.Dense(0), "Dense: units is a whole number of at least 1, not 0."),
        (lambda: layers.Dense(2.0), "Dense: units is a whole number, not 2.0."),
        (lambda: layers.Dense(True), "Dense: units is a whole number, not True."),
        (lambda: layers.Conv2D(8, 0), "Conv2D: kernel_size is a whole number or 2 of them of at least 1, not 0."),
        (lambda: layers.Conv2D(8, (3, 3, 3)), "kernel_size is a whole number or 2 of them of at least 1, not (3, 3, 3)."),
        (lambda: layers.Conv1D(8, (3, 3)), "Conv1D: kernel_size is a whole number of at least 1, not (3, 3)."),
        (lambda: layers.Conv2D(8, 3, strides=-1), "Conv2D: strides is a whole number or 2 of them of at least 1, not -1."),
        (lambda: layers.Conv2D(8, 3, groups=3), "Conv2D: 8 filters cannot be split into 3 groups."),
        (lambda: layers.Conv2D(8, 3, padding="full"), "Conv2D: padding is 'valid', 'same', a whole number or ((top,"),
        (lambda: layers.Conv2D(8, 3, padding="causal"), "not 'causal'."),
        (lambda: layers.Conv1D(8, 3, padding=(1, 2)), "'causal', a whole number or ((before, after),), not (1, 2)."),
        (lambda: layers.Conv2D(8, 3, padding=-1), "or ((top, bottom), (left, right)), not -1."),
        (lambda: layers.ZeroPadding2D("same"), "ZeroPadding2D: padding is a whole number or ((top, bottom), (left,"),
        (lambda: layers.Cropping2D((1, 2, 3)), "Cropping2D: cropping is a whole number or ((top, bottom), (left, right))"),
        (lambda: layers.Conv2DTranspose(8, 3, 2, dilation_rate=2), "strides and dilation_rate cannot both be above 1."),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier is a whole number of at least 1, not 0."),
        (lambda: layers.MaxPooling2D(0), "MaxPooling2D: pool_size is a whole number or 2 of them of at least 1, not 0."),
        (lambda: layers.DepthPooling(mode="mean"), 'unknown DepthPooling mode "mean".'),
        (lambda: layers.Dropout(1.0), "Dropout: rate is from 0 up to (not including) 1, not 1.0."),
        (lambda: layers.Dropout("half"), "Dropout: rate is a number, not 'half'."),
        (lambda: layers.Dropout(0.5, noise_shape=3), "noise_shape is a tuple such as (None, 1, 1, None), not 3."),
        (lambda: layers.BatchNormalization(axis=0), "-1 for the channels (0 is the batch), not 0."),
        (lambda: layers.BatchNormalization(momentum=1.5), "BatchNormalization: momentum is from 0 to 1, not 1.5."),
        (lambda: layers.BatchNormalization(epsilon=0), "BatchNormalization: epsilon is above 0, not 0.0."),
        (lambda: layers.LayerNormalization(axis="last"), "axis is a whole number or several, -1 for the channels"),
        (lambda: layers.Softmax(axis=3)(Input((4, 5))), "axis 3 does not exist in an input (4, 5); use 1 to 2, or -1."),
        (lambda: layers.ReLU(max_value=-1), "ReLU: max_value is at least 0, not -1.0."),
        (lambda: layers.ReLU(negative_slope=-1), "ReLU: negative_slope and threshold are at least 0."),
        (lambda: layers.LeakyReLU(-0.1), "LeakyReLU: negative_slope is at least 0, not -0.1."),
        (lambda: layers.LeakyReLU(float("nan")), "LeakyReLU: negative_slope is a number, not nan."),
        (lambda: layers.ELU(10**400), "ELU: alpha is a number, not 1000"),
        (lambda: layers.ELU(-1), "ELU: alpha is at least 0, not -1.0."),
        (lambda: layers.LocalResponseNormalization(convention="caffe"), 'convention is "tf" or "torch", not \'caffe\'.'),
        (lambda: layers.LocalResponseNormalization(-1), "radius is a whole number from 0, not -1."),
        (lambda: layers.Rescaling("x"), "Rescaling: scale is a number, or one per channel, not 'x'."),
        (lambda: layers.Rescaling(()), "Rescaling: scale is a number, or one per channel, not ()."),
        (lambda: layers.Normalization(mean=1), "give both mean and variance, or neither and call adapt(array)."),
        (lambda: layers.Normalization(mean=1, variance=-1), "Normalization: variance is at least 0, not -1.0."),
        (lambda: layers.Reshape((-1, -1)), "target_shape is whole numbers, at most one of them -1, not (-1, -1)."),
        (lambda: layers.Reshape(None), "target_shape is whole numbers, at most one of them -1, not None."),
        (lambda: layers.UpSampling2D(2, None, "lanczos3"), '"nearest", "bilinear" or "bicubic", not \'lanczos3\'.'),
        (lambda: layers.Conv2DTranspose(8, 3, 2, output_padding=2), "(2, 2) must be below the strides (2, 2)."),
        (lambda: layers.PartialConv2D(5), "connections is a list, for each map, of the input maps it sees"),
        (lambda: layers.PartialConv2D([[0], []]), "each map needs at least one input map, each only once, from 0."),
        (lambda: layers.PartialConv2D([[1, 1]]), "each map needs at least one input map, each only once, from 0."),
        (lambda: layers.EuclideanRBF(2, [[1, -1]]), "EuclideanRBF: prototypes is 2 rows of numbers, of one length."),
        (lambda: layers.EuclideanRBF(2, "ab"), "EuclideanRBF: prototypes is 2 rows of numbers, of one length."),
        (lambda: layers.Input(None), "Input needs a shape, such as (32, 32, 3), or a batch_shape, such as (None, 32"),
        (lambda: layers.Input((3,), sparse=True), "Input: sparse=True is not supported: give arrays"),
        (lambda: layers.Input((3, 0)), "must hold whole numbers of at least 1, without the batch size."),
        (lambda: layers.Dense(2, input_shape=()), "Dense: an empty shape; give at least one size, such as (784,)."),
        (lambda: layers.Input((3,), batch_shape=(2, 3)), "Input: batch_shape says the shape too; give one of them."),
        (lambda: layers.Input(batch_shape=(2, 3), batch_size=2), "batch_shape says the batch_size too; give one"),
        (lambda: layers.Input(optional=True, shape=(3,)), "optional=True is not supported: every input is needed; give"),
        (lambda: layers.Input(tensor=np.ones(3)), "input_tensor is a symbolic tensor, not ndarray."),
        (lambda: layers.InputLayer((4,), input_tensor=layers.Input((3,))), "shape=(4,) is not the shape of its input_tens"),
        (lambda: layers.Input((3,), dtype="float"), 'Input: unknown dtype "float"; use one of float32'),
        (lambda: registered("Conv2d"), 'unknown layer "Conv2d". Did you mean "Conv2D"?'),
        (lambda: registered("Maxpooling2D"), 'unknown layer "Maxpooling2D". Did you mean "MaxPooling2D"?'),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_line_that_says_what_is_right(make: Any, message: str) -> None:
    with pytest.raises(StriateError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (layers.Conv2D(8, 3), [(28, 28)], "(height, width, channels), it got (28, 28). Add a channel axis: Reshape((28,"),
        (layers.Conv1D(8, 3), [(5, 5, 3)], "takes (length, channels), it got (5, 5, 3)."),
        (layers.Conv2D(8, 3, groups=2), [(5, 5, 3)], "3 input channels cannot be split into 2 groups."),
        (layers.Conv2D(8, 5), [(4, 4, 3)], "a 5x5 window is larger than its 4x4 input. Use a smaller window"),
        (layers.Conv2D(8, 3, dilation_rate=2), [(4, 9, 3)], "a 5x5 window (kernel 3x3, dilation 2x2) is larger than"),
        (layers.MaxPooling2D(7, padding=1), [(4, 4, 3)], "(6x6 with its padding). Use a smaller window, padding='same' or"),
        (layers.Conv2DTranspose(8, 1, padding=2), [(4, 4, 3)], "crops the whole 4x4 input away. Use less padding."),
        (layers.Embedding(5, 2), [(4, 4)], "a whole number or a sequence of them, () or (length,), it got (4, 4)."),
        (layers.Cropping2D(2), [(4, 9, 3)], "crops ((2, 2), (2, 2)) off (4, 9, 3) and leaves nothing."),
        (layers.Reshape((5, 5)), [(4, 4)], "cannot turn (4, 4) (16 numbers) into (5, 5) (25 numbers)."),
        (layers.Rescaling((1, 2)), [(4, 4, 3)], "has 2 values of scale for an input of 3 channels, (4, 4, 3)."),
        (layers.Normalization(), [(4, 4, 3)], "has no mean and variance yet: give them, or call adapt(array) first."),
        (layers.LocalResponseNormalization(), [(4,)], "takes (length, channels) or (height, width, channels), it got (4,)."),
        (layers.PartialConv2D([[0, 7]], 3), [(4, 4, 3)], "connects input map 7, the input has maps 0 to 2."),
        (layers.EuclideanRBF(3), [(4, 4, 3)], "takes a vector, (channels,), it got (4, 4, 3). Put Flatten before it."),
        (layers.EuclideanRBF(1, [[1, 1]]), [(3,)], "has prototypes of 2 numbers, the input has 3."),
        (layers.Add(), [(4, 4, 3)], "merges two or more inputs, given as one list; it got 1."),
        (layers.Subtract(), [(3,), (3,), (3,)], "takes 2 inputs, it got 3."),
        (layers.Dense(3), [(3,), (3,)], "takes 1 input, it got 2."),
        (layers.Add(), [(4, 4, 3), (4, 4, 2)], "(4, 4, 3) and (4, 4, 2). Bring them to the same number of channels first"),
        (layers.Add(), [(4, 4, 3), (4, 5, 3)], "Bring them to the same size first (padding='same', a stride"),
        (layers.Add(), [(4, 4, 3), (3,)], "Bring them to the same number of axes first (Flatten"),
        (layers.Multiply(), [(4, 4, 3), (1, 2, 3)], "joins inputs of one shape, it got (4, 4, 3) and (1, 2, 3)."),
        (layers.Concatenate(), [(4, 4, 3), (4, 5, 3)], "joins along axis -1, so the other sizes must agree"),
        (layers.Concatenate(), [(4, 4, 3), (3,)], "joins along axis -1, so the other sizes must agree"),
        (layers.Concatenate(0), [(3,), (3,)], "axis 0 does not exist in an input (3,); use 1 to 1, or -1."),
        (layers.Concatenate(4), [(4, 4, 3), (4, 4, 3)], "axis 4 does not exist in an input (4, 4, 3); use 1 to 3, or -1."),
    ],
    ids=lambda value: value.kind if isinstance(value, Layer) else None,
)  # fmt: skip
def test_a_shape_that_does_not_fit_is_one_line_with_the_layers_name(
    layer: Layer, shapes: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises((ShapeError, ArgumentError)) as caught:
        layer([Input(shape) for shape in shapes])
    text = str(caught.value)
    assert message in text
    assert text.startswith(f'{layer.kind} "')
    assert "\n" not in text


def test_a_layer_called_on_numbers_computes() -> None:
    dense = layers.Dense(3)
    given = dense(np.ones((2, 3)))
    np.testing.assert_allclose(given.detach(), dense.torch_module.weight.sum(1).detach().expand(2, 3), rtol=1e-6)
    with pytest.raises(ShapeError, match=r"Dense takes a batch, \(N, …\), not \(3,\)"):
        dense(np.zeros(3))
    with pytest.raises(ArgumentError, match="symbolic: it has a shape but no numbers to go through"):
        list(Input((3,)))


JUNK = [
    None, True, "x", "", b"", -1, 0, 1.5, float("nan"), 10**400, (), (1, 2, 3, 4), [None], [[1], [2, 3]], {}, object(),
    np.int64(2), np.float32(0.5), np.bool_(True), np.arange(3), np.zeros((2, 2)), {"class": "Conv2D"}, layers.ReLU(),
]  # fmt: skip


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_junk_in_any_argument_is_an_error_of_ours_or_can_be_saved(kind: type[Layer]) -> None:
    one = max(CASES[kind], key=lambda case: len(case.fields))
    good = one.fields or one.layer().config()
    for field in dataclasses.fields(kind):
        for junk in JUNK:
            with contextlib.suppress(StriateError):
                layer = kind(**(good | {field.name: junk}))
                starts = [Input(shape, dtype=one.dtype) for shape in one.inputs]
                graph = Graph(starts, [layer(starts if len(starts) > 1 else starts[0])])
                text = json.dumps(to_json(graph))
                again = from_json(text)
                assert again.fault is None
                assert to_json(again) == json.loads(text)


def test_numbers_of_numpy_are_taken_for_pythons_own() -> None:
    layer = layers.Conv2D(np.int64(4), np.int32(3), strides=(np.int8(2), 1), padding=np.int64(1))
    assert repr(layer) == repr(layers.Conv2D(4, 3, strides=(2, 1), padding=1))
    assert repr(layers.Dropout(np.float32(0.5))) == "Dropout(rate=0.5)"
    assert repr(layers.LeakyReLU(np.float64(0.5))) == "LeakyReLU(negative_slope=0.5)"
    assert layers.Rescaling(np.float32(0.5)).scale == 0.5
    assert layers.Reshape(np.int64(4)).target_shape == (4,)
    assert Input(np.array([4, 3])).shape == (None, 4, 3)


def test_a_layer_tells_only_what_was_said() -> None:
    assert repr(layers.Dense(8)) == "Dense(units=8)"
    assert repr(layers.Dense(8, activation="relu", name="head")) == "Dense(units=8, activation='relu', name='head')"
    assert repr(layers.Activation(layers.LeakyReLU())) == "Activation(activation=LeakyReLU())"


@pytest.mark.parametrize("name", ["LSTM", "MultiHeadAttention", "Conv3D", "Masking", "TimeDistributed"])
def test_a_layer_of_another_field_is_refused_in_a_line_when_it_is_imported(name: str) -> None:
    for code in (f"from striate.layers import {name}", f"from striate import layers; layers.{name}(3)"):
        with pytest.raises(ArgumentError, match=rf"^striate has no layer {name} \(Keras has\): \w[^\n]+\.$"):
            exec(code, {})


def test_every_layer_of_keras_is_here_or_is_refused() -> None:
    from striate.layers.elsewhere import ELSEWHERE

    assert not set(ELSEWHERE) & set(layers.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'Conv2d'. Did you mean \"Conv2D\"\?"):
        layers.Conv2d


OLD: list[tuple[str, Any, str]] = [
    ("Dense: input_dim= is called input_shape=(n,) now.", lambda: layers.Dense(8, input_dim=4), "input_shape=(4,)"),
    ("LeakyReLU: alpha= is called negative_slope= now.", lambda: layers.LeakyReLU(alpha=0.1), "negative_slope=0.1"),
    ("Conv2D: border_mode= is called padding= now.", lambda: layers.Conv2D(8, 3, border_mode="same"), "padding='same'"),
    ("Dense: init= is called kernel_initializer= now.", lambda: layers.Dense(8, init="normal"), "initializer='normal'"),
    (
        "LocalResponseNormalization: depth_radius= is called radius= now.",
        lambda: layers.LocalResponseNormalization(depth_radius=5),
        "radius=5",
    ),
    (
        "LocalResponseNormalization: bias= is called k= now.",
        lambda: layers.LocalResponseNormalization(bias=1.0),
        "k=1.0",
    ),
]


@pytest.mark.parametrize(("note", "make", "now"), OLD)
def test_an_earlier_name_works_and_says_once_what_it_is_called_now(
    note: str, make: Any, now: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "_SAID", set())
    with pytest.warns(errors.Note) as said:
        assert now in repr(make())
    assert [str(one.message) for one in said] == [note]
    make()  # a second warning would be an error


def test_an_earlier_name_beside_todays_or_for_another_layer_is_refused() -> None:
    with pytest.raises(ArgumentError, match='"input_shape" was given twice'), pytest.warns(errors.Note):
        layers.Activation("relu", input_dim=4, input_shape=(4,))
    with pytest.raises(ArgumentError, match='Dense has no argument "nb_filter"'):
        layers.Dense(8, nb_filter=3)


def test_mixtures_take_keras_arguments_at_their_defaults() -> None:
    assert repr(layers.MixUp(0.3, None, None)) == repr(layers.MixUp(alpha=0.3))
    assert repr(layers.CutMix(1.0, None, "channels_last")) == repr(layers.CutMix())
    assert layers.MixUp(seed=3).seed == 3


def test_relu_is_0_at_its_threshold() -> None:
    model = st.Sequential([layers.ReLU(threshold=5.0, input_shape=(3,))])
    assert model.predict(np.array([[4.9, 5.0, 5.1]], np.float32)).round(4).tolist() == [
        [0, 0, np.float32(5.1).round(4)]
    ]


def test_an_input_takes_keras_arguments_and_has_the_batch_in_front() -> None:
    for x, batch in (
        (layers.Input((4, 3)), None),
        (layers.Input((4, 3), 2, None), 2),
        (layers.Input(batch_shape=(None, 4, 3), sparse=None, ragged=None, tensor=None, optional=False), None),
        (layers.Input(batch_shape=[8, 4, 3], dtype="float32"), 8),
        (layers.InputLayer(shape=(np.int64(4), 3), batch_size=5).output, 5),
        (layers.InputLayer(input_tensor=layers.Input((4, 3), 6)).output, 6),
    ):
        assert (x.shape, x.ndim, x.dtype) == ((batch, 4, 3), 3, "float32")
        y = layers.Conv1D(2, 2)(x)
        assert (y.shape, y[:, 0].shape) == ((batch, 3, 2), (batch, 2))
        model = st.Model(x, y)
        assert (model.input_shape, model.output_shape) == ((batch, 4, 3), (batch, 3, 2))
        again = st.models.from_json(json.dumps(model.description()))
        assert again.input_shape == st.models.model_from_json(model.to_json()).input_shape == (batch, 4, 3)
        assert model.predict(np.zeros((3, 4, 3))).shape == (3, 3, 2)


def test_an_open_size_is_none_and_an_input_may_be_one_number() -> None:
    assert layers.Conv2D(2, 3)(layers.Input((None, 9, 3))).shape == (None, None, 7, 2)
    x = layers.Input((), dtype="int64")
    assert (x.shape, layers.Embedding(4, 2)(x).shape) == ((None,), (None, 2))
    model = st.Model(x, layers.Dense(3)(layers.Embedding(4, 2)(x)))
    table, kernel, bias = model.get_weights()
    numbers = np.array([3, 0, 3])
    for engine in ("torch", "onnxruntime"):
        np.testing.assert_allclose(model.predict(numbers, engine=engine), table[numbers] @ kernel + bias, rtol=1e-5)
    assert "1 -> 2" in str(model.explain("embedding"))
    np.testing.assert_array_equal(layers.ReLU()([-1.0, 0.0, 2.0]), [0, 0, 2])
    assert float(layers.ReLU()(np.array(-1.0))) == 0
