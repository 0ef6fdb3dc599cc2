"""Functions of ``striate.ops`` that code of today uses beside arithmetic, random numbers, and arrays outside of layers.

Expected values are computed with NumPy; Keras 3.15.1 on torch gave the same for every case, to 1e-4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, ops
from striate.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 4, 8)).astype(np.float32)
PICTURES = RNG.integers(0, 256, (2, 6, 4, 3)).astype(np.uint8)
COUNTS = np.array([3, 1, 2, 1, 0])


def blocks(x: np.ndarray, r: int) -> np.ndarray:
    """Depth to space, position by position."""
    n, high, wide, deep = x.shape
    out = np.zeros((n, high * r, wide * r, deep // r**2), x.dtype)
    for i in range(high * r):
        for j in range(wide * r):
            start = ((i % r) * r + j % r) * out.shape[-1]
            out[:, i, j] = x[:, i // r, j // r, start : start + out.shape[-1]]
    return out


def patches(x: np.ndarray, size: int, step: int) -> np.ndarray:
    rows = range(0, x.shape[1] - size + 1, step)
    columns = range(0, x.shape[2] - size + 1, step)
    return np.stack(
        [np.stack([x[:, i : i + size, j : j + size].reshape(len(x), -1) for j in columns], 1) for i in rows], 1
    )


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "depth_to_space": (lambda: ops.nn.depth_to_space(X, 2), lambda: blocks(X, 2)),
    "space_to_depth": (lambda: ops.nn.space_to_depth(blocks(X, 2), 2), lambda: X),
    "adaptive_average_pool": (
        lambda: ops.nn.adaptive_average_pool(X, (3, 2)),
        lambda: X.reshape(2, 3, 2, 2, 2, 8).mean((2, 4)),
    ),
    "adaptive_max_pool": (lambda: ops.nn.adaptive_max_pool(X, 2), lambda: X.reshape(2, 2, 3, 2, 2, 8).max((2, 4))),
    "conv_transpose": (
        lambda: ops.conv_transpose(X, np.ones((2, 2, 1, 8), "float32"), 2),
        lambda: X.sum(-1, keepdims=True).repeat(2, 1).repeat(2, 2),
    ),
    "layer_normalization": (
        lambda: ops.layer_normalization(X, np.full(8, 2.0), np.ones(8)),
        lambda: 2 * (X - X.mean(-1, keepdims=True)) / X.std(-1, keepdims=True) + 1,
    ),
    "rms_normalization": (lambda: ops.rms_normalization(X), lambda: X / np.sqrt((X**2).mean(-1, keepdims=True))),
    "psnr": (lambda: ops.psnr(X, X + 0.5, 2.0), lambda: 10 * np.log10(4 / 0.25)),
    "rgb_to_grayscale": (
        lambda: ops.image.rgb_to_grayscale(PICTURES.astype("float32")),
        lambda: (PICTURES @ [0.2989, 0.587, 0.114])[..., None],
    ),
    "pad_images": (
        lambda: ops.image.pad_images(PICTURES, top_padding=1, left_padding=2, target_height=9, target_width=8),
        lambda: np.pad(PICTURES, [(0, 0), (1, 2), (2, 2), (0, 0)]),
    ),
    "crop_images": (
        lambda: ops.image.crop_images(PICTURES[0], top_cropping=1, left_cropping=1, target_height=3, target_width=2),
        lambda: PICTURES[0, 1:4, 1:3],
    ),
    "resize with what fits": (
        lambda: ops.image.resize(PICTURES, (4, 4), crop_to_aspect_ratio=True),
        lambda: PICTURES[:, 1:5],
    ),
    "resize with zeros around": (
        lambda: ops.image.resize(PICTURES[0], (6, 6), pad_to_aspect_ratio=True),
        lambda: np.pad(PICTURES[0], [(0, 0), (1, 1), (0, 0)]),
    ),
    "extract_patches": (lambda: ops.image.extract_patches(X, 2), lambda: patches(X, 2, 2)),
    "overlapping patches": (
        lambda: ops.image.extract_patches(X, (3, 3), strides=1, padding="same"),
        lambda: patches(np.pad(X, [(0, 0), (1, 1), (1, 1), (0, 0)]), 3, 1),
    ),
    "average": (lambda: ops.average(X, -1, np.arange(8.0)), lambda: np.average(X, -1, np.arange(8.0))),
    "median": (lambda: ops.median(X, (1, 2), True), lambda: np.median(X, (1, 2), keepdims=True)),
    "quantile": (lambda: ops.quantile(X, [0.1, 0.9], 1), lambda: np.quantile(X, [0.1, 0.9], 1)),
    "bincount": (lambda: ops.bincount(COUNTS, minlength=6), lambda: np.bincount(COUNTS, minlength=6)),
    "cumprod": (lambda: ops.cumprod(X, 1), lambda: X.cumprod(1)),
    "diagonal": (lambda: ops.diagonal(X, axis1=1, axis2=2), lambda: np.diagonal(X, axis1=1, axis2=2)),
    "tril": (lambda: ops.tril(X[0, :, :, 0]), lambda: np.tril(X[0, :, :, 0])),
    "nan_to_num": (lambda: ops.nan_to_num(np.array([np.nan, 1.0], "float32")), lambda: [0.0, 1.0]),
    "searchsorted": (lambda: ops.searchsorted([1.0, 2.0, 3.0], [2.0, 2.5]), lambda: [1, 2]),
    "scatter_update": (
        lambda: ops.scatter_update(np.zeros((3, 2)), [[0, 1], [2, 0]], [1.0, 2.0]),
        lambda: [[0, 1], [0, 0], [2, 0]],
    ),
    "slice_update": (
        lambda: ops.slice_update(np.zeros((3, 2)), [1, 0], np.ones((2, 1))),
        lambda: [[0, 0], [1, 0], [1, 0]],
    ),
    "map": (lambda: ops.map(lambda a: a.sum(), torch.from_numpy(X)), lambda: X.sum((1, 2, 3))),
    "while_loop": (lambda: ops.array(ops.while_loop(lambda i: i < 5, lambda i: i + 2, [0])[0]), lambda: 6),
    "fori_loop": (lambda: ops.array(ops.fori_loop(0, 4, lambda i, value: value + i, 0)), lambda: 6),
}


@pytest.mark.parametrize("case", CASES)
def test_functions_give_numpys_numbers(case: str) -> None:
    ours, numpys = CASES[case]
    np.testing.assert_allclose(ops.convert_to_numpy(ours()), np.asarray(numpys()), rtol=1e-4, atol=1e-4)


def test_blocks_and_patches_stand_in_networks() -> None:
    x = st.Input((6, 4, 8))
    for made, expected, engines in (
        (ops.nn.depth_to_space(x, 2), blocks(X, 2), ("torch", "onnxruntime")),
        (ops.image.extract_patches(x, 2), patches(X, 2, 2), ("torch",)),
    ):
        model = st.Model(x, made)
        assert model.output_shape == (None, *expected.shape[1:])
        for engine in engines:
            np.testing.assert_allclose(model.predict(X, engine=engine), expected, atol=1e-6)
    with pytest.raises(ShapeError, match="no blocks of 3 x 3"):
        ops.nn.depth_to_space(x, 3)


# -- arrays outside of layers -------------------------------------------------------------------------------------------
def test_a_variable_is_learnt_assigned_and_computed_with() -> None:
    w = st.Variable(shape=(3, 2), initializer="ones")
    b = st.Variable(initializer="zeros", shape=(2,), name="b")
    count = st.Variable(np.array(0), trainable=False, dtype="int32")
    x = np.array([[1.0, 2, 3]], "float32")
    loss = ops.sum(ops.square(ops.matmul(x, w) + b - 5))
    loss.backward()
    assert w.value.grad.tolist() == [[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]]  # 2 (6 - 5) x
    optimizer = st.optimizers.SGD(0.1)
    optimizer.apply_gradients([(w.value.grad, w), (b.value.grad, b)])
    np.testing.assert_allclose(w.numpy(), [[0.8, 0.8], [0.6, 0.6], [0.4, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(b.numpy(), [-0.2, -0.2], rtol=1e-6)
    w.assign(w * 2)
    count.assign_add(3)
    assert (w.numpy()[0, 0], count.numpy()) == (pytest.approx(1.6), 3)
    assert not count.requires_grad
    with pytest.raises(ArgumentError, match=r'Variable "b" has shape \(2,\), not \(3,\)'):
        b.assign(np.zeros(3))
    with pytest.raises(ArgumentError, match="give shape="):
        st.Variable("zeros")


def test_a_loop_of_ones_own_forgets_gradients() -> None:
    model = st.Sequential([st.Input((3,)), layers.Dense(2)])
    ops.sum(model(np.ones((2, 3), "float32"), training=True)).backward()
    assert all(weight.value.grad is not None for weight in model.trainable_weights)
    model.zero_grad()
    assert all(weight.value.grad is None for weight in model.trainable_weights)


def test_names_that_scripts_take_from_the_top() -> None:
    assert (st.Layer, st.Loss, st.Metric) == (layers.Layer, st.losses.Loss, st.metrics.Metric)
    assert issubclass(st.optimizers.Adam, st.Optimizer)
    assert issubclass(st.initializers.Zeros, st.Initializer)
    assert isinstance(st.Input((3,)), st.KerasTensor)
    assert (st.config.backend(), st.config.floatx(), st.config.image_data_format()) == (
        "torch",
        "float32",
        "channels_last",
    )
    assert st.utils.register_keras_serializable is st.saving.register_keras_serializable
    with pytest.raises(ArgumentError, match="code in files is never run"):
        st.config.enable_unsafe_deserialization()


# -- layers of one's own with several inputs ----------------------------------------------------------------------------
class Listed(layers.Layer):
    def call(self, inputs):
        a, b = inputs
        return a - b


class Named(layers.Layer):
    def call(self, a, b):
        return a - b


class Torch(layers.Layer):
    def forward(self, a, b):
        return torch.sub(a, b)


class Both(layers.Layer):
    def call(self, anchor, other):
        return anchor - other, ops.sum(anchor * other, -1)


@pytest.mark.parametrize("kind", [Listed, Named, Torch, Both])
def test_a_layer_of_ones_own_takes_several_inputs_as_its_call_says(kind: type[layers.Layer], tmp_path) -> None:
    a, b = np.full((2, 4), 3.0, "float32"), np.ones((2, 4), "float32")
    x, y = st.Input((4,)), st.Input((4,))
    layer = kind()
    model = st.Model([x, y], layer([x, y]) if kind is Listed else layer(x, y))
    model.save(tmp_path / "m.keras")
    again = st.models.load_model(tmp_path / "m.keras", custom_objects={kind.__name__: kind})
    for one in (model, again):
        answer = one.predict([a, b], verbose=0)
        np.testing.assert_array_equal(answer[0] if kind is Both else answer, a - b)
        if kind is Both:
            np.testing.assert_array_equal(answer[1], [12.0, 12.0])
    node = model.get_config()["layers"][-1]["inbound_nodes"][0]
    assert len(node["args"]) == (1 if kind in (Listed, Torch) else 2)  # as Keras calls it
