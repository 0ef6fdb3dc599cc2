"""Arrays in Keras' order and layout: weights, get_weights and set_weights of layers and models, and Constant."""

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError, ShapeError


def net() -> st.Model:
    x = inputs = layers.Input((8, 8, 3))
    x = layers.SeparableConv2D(4, 3, depth_multiplier=2)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(5, 3)(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    return st.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


# Printed by Keras 3.15 for the same network: [(w.path, w.shape, w.trainable) for w in model.weights]
KERAS = [
    ("separable_conv2d/depthwise_kernel", (3, 3, 3, 2), True),
    ("separable_conv2d/pointwise_kernel", (1, 1, 6, 4), True),
    ("separable_conv2d/bias", (4,), True),
    ("batch_normalization/gamma", (4,), True),
    ("batch_normalization/beta", (4,), True),
    ("batch_normalization/moving_mean", (4,), False),
    ("batch_normalization/moving_variance", (4,), False),
    ("conv2d_transpose/kernel", (3, 3, 5, 4), True),
    ("conv2d_transpose/bias", (5,), True),
    ("depthwise_conv2d/kernel", (3, 3, 5, 2), True),
    ("depthwise_conv2d/bias", (10,), True),
    ("dense/kernel", (360, 3), True),
    ("dense/bias", (3,), True),
]


def test_weights_have_keras_order_paths_and_shapes() -> None:
    model = net()
    found = [(w.path.replace("/depthwise_kernel", "/kernel"), w.shape, w.trainable) for w in model.weights]
    wanted = [(path.replace("/depthwise_kernel", "/kernel"), shape, trained) for path, shape, trained in KERAS]
    assert found == wanted
    assert [w.shape for w in model.get_weights()] == [shape for _, shape, _ in KERAS]
    assert len(model.trainable_weights) == 11
    assert len(model.non_trainable_variables) == 2
    assert [w.name for w in model.layers[2].weights] == ["gamma", "beta", "moving_mean", "moving_variance"]


def test_what_is_set_comes_back_and_a_convolution_computes_with_it() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 7, 3)).astype("float32")
    kernel, bias = rng.normal(size=(3, 2, 3, 4)).astype("float32"), rng.normal(size=4).astype("float32")
    model = st.Sequential([layers.Conv2D(4, (3, 2), input_shape=(6, 7, 3))])
    model.layers[0].set_weights([kernel, bias])
    assert np.array_equal(model.get_weights()[0], kernel)
    assert np.array_equal(model.layers[0].kernel, kernel)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), (1, 2))  # N, H', W', in, kh, kw
    expected = np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-5)
    assert model.module.state_dict()["conv2d.weight"].shape == (4, 3, 3, 2)


def test_depthwise_and_transposed_kernels_lie_as_keras_lays_them() -> None:
    """One pixel of one channel lights up the kernel of that channel: channel c of the input makes outputs 2c, 2c + 1."""
    x = np.zeros((1, 5, 5, 3), "float32")
    x[0, 2, 2, 1] = 1
    kernel = np.arange(54, dtype="float32").reshape(3, 3, 3, 2)
    depthwise = st.Sequential([layers.Input((5, 5, 3)), layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)])
    depthwise.set_weights([kernel])
    y = depthwise.predict(x)[0]
    assert np.array_equal(y[..., 2:4], kernel[::-1, ::-1, 1])
    assert not y[..., [0, 1, 4, 5]].any()
    transposed = st.Sequential([layers.Input((5, 5, 3)), layers.Conv2DTranspose(2, 3, padding="same", use_bias=False)])
    transposed.set_weights([kernel.reshape(3, 3, 2, 3)])
    np.testing.assert_allclose(transposed.predict(x)[0, 1:4, 1:4], kernel.reshape(3, 3, 2, 3)[..., 1], atol=1e-5)


def test_counts_follow_trainable_at_once() -> None:
    base = net()
    model = st.Sequential([layers.Input((8, 8, 3)), base, layers.Dense(2)])
    assert (len(model.trainable_weights), len(model.non_trainable_weights)) == (13, 2)
    base.trainable = False
    assert [w.path for w in model.trainable_weights] == ["dense/kernel", "dense/bias"]
    base.trainable = True
    for layer in base.layers[:-1]:
        layer.trainable = False
    assert sum(w.size for w in model.trainable_weights) == 360 * 3 + 3 + 3 * 2 + 2


def test_a_shared_layer_and_a_nested_model_are_listed_once() -> None:
    shared = layers.Dense(4, name="shared")
    inner = st.Sequential([layers.Input((4,)), layers.Dense(3, name="head")], name="inner")
    a, b = layers.Input((4,)), layers.Input((4,))
    model = st.Model([a, b], layers.Add()([inner(shared(a)), inner(shared(b))]))
    assert [w.path for w in model.weights] == ["shared/kernel", "shared/bias", "inner/head/kernel", "inner/head/bias"]


def test_a_layer_has_its_arrays_once_it_is_called_and_a_model_takes_them_over() -> None:
    layer = layers.Dense(2)
    assert layer.weights == []
    assert layer.get_weights() == []
    with pytest.raises(ArgumentError, match="has no weights yet: put it into a model"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(2)])
    x = layers.Input((3,))
    y = layer(x)
    layer.set_weights([np.eye(3, 2), np.ones(2)])
    model = st.Model(x, layers.Dense(2, name="dense_9")(y))
    assert [named.name for named in model.layers[1:]] == ["dense", "dense_9"]
    assert np.array_equal(model.get_weights()[0], np.eye(3, 2))


def test_a_mismatch_names_both_shapes_and_changes_nothing() -> None:
    model = st.Sequential([layers.Input((3,)), layers.Dense(2)])
    before = model.get_weights()
    with pytest.raises(ShapeError, match=r"dense/kernel has shape \(3, 2\), the array given has \(2, 3\)"):
        model.set_weights([np.zeros((2, 3)), np.zeros(2)])
    with pytest.raises(ShapeError, match=r"dense/bias has shape \(2,\), the array given has \(3,\)"):
        model.set_weights([np.zeros((3, 2)), np.zeros(3)])
    with pytest.raises(ShapeError, match=r"has 2 arrays .*; 1 were given"):
        model.set_weights(before[:1])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_variable_takes_arrays_and_tensors_and_gives_the_tensor_that_torch_trains() -> None:
    model = st.Sequential([layers.Input((3,)), layers.Dense(2)])
    kernel = model.layers[0].kernel
    kernel.assign(torch.arange(6.0).reshape(3, 2))
    assert kernel.numpy().tolist() == [[0, 1], [2, 3], [4, 5]]
    assert kernel.value is model.module.dense.weight
    assert kernel.value.tolist() == [[0, 2, 4], [1, 3, 5]]
    kernel.assign(np.eye(3, 2, dtype="int64"))
    assert np.asarray(kernel).tolist() == np.eye(3, 2).tolist()
    assert (kernel.ndim, kernel.size) == (2, 6)


@pytest.mark.parametrize(
    ("layer", "shape", "kernel"),
    [
        (layers.Conv2D, (6, 6, 3), (2, 2, 3, 5)),
        (layers.Conv2DTranspose, (6, 6, 3), (2, 2, 5, 3)),
        (layers.Conv1D, (6, 3), (2, 3, 5)),
    ],
)
def test_constant_takes_an_array_in_keras_layout(layer, shape, kernel) -> None:
    array = np.random.default_rng(1).normal(size=kernel).astype("float32")
    made = layer(5, 2, kernel_initializer=st.initializers.Constant(array))
    st.Sequential([layers.Input(shape), made]).module
    assert np.array_equal(made.get_weights()[0], array)
    turned = layer(5, 2, kernel_initializer=st.initializers.Constant(np.moveaxis(array, -1, 0)))
    wrong = st.Sequential([layers.Input(shape), turned])
    with pytest.raises(ShapeError, match=r"for a weight of \("):
        _ = wrong.module
