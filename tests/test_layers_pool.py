"""Poolings of any geometry, and what each kind promises about padding, ties and zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as ref
import torch
from hypothesis import given
from hypothesis import strategies as st

from striate import layers
from striate.backend import build
from striate.errors import ArgumentError, ShapeError
from striate.graph import Graph, Input, Layer

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = {
    "max": (layers.MaxPooling1D, layers.MaxPooling2D),
    "min": (layers.MinPooling1D, layers.MinPooling2D),
    "average": (layers.AveragePooling1D, layers.AveragePooling2D),
    "average_all": (layers.AveragePooling1D, layers.AveragePooling2D),
    "sum": (layers.SumPooling1D, layers.SumPooling2D),
    "l1": (layers.L1Pooling1D, layers.L1Pooling2D),
    "l2": (layers.L2Pooling1D, layers.L2Pooling2D),
    "center": (layers.CenterWeightedAveragePooling1D, layers.CenterWeightedAveragePooling2D),
}


def run(layer: Layer, x: np.ndarray) -> np.ndarray:
    start = Input(x.shape)
    graph = Graph([start], [layer(start)])
    y = ref.channels_last(build(graph)(torch.from_numpy(ref.channels_first(x[None]))).numpy())[0]
    assert y.shape == graph.output_shapes[0]
    return y


def picture(data: st.DataObject, rank: int) -> np.ndarray:
    shape = (*(data.draw(st.integers(1, 9)) for _ in range(rank)), data.draw(st.integers(1, 2)))
    x = np.random.default_rng(data.draw(st.integers(0, 2**16))).normal(size=shape).astype(np.float32)
    return x - data.draw(st.sampled_from([0, 10]))  # far below zero, where a padding of zeros would win a maximum


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("how", KINDS)
@given(data=st.data())
def test_pooling_of_any_geometry_equals_the_reference(how: str, rank: int, data: st.DataObject) -> None:
    x = picture(data, rank)
    size = data.draw(st.one_of(st.integers(1, 4), st.tuples(*[st.integers(1, 4)] * rank)))
    strides = data.draw(st.one_of(st.none(), st.integers(1, 5), st.tuples(*[st.integers(1, 5)] * rank)))
    least = min(ref.each(size, rank))
    side = st.tuples(st.integers(0, least - 1), st.integers(0, least - 1))
    padding = data.draw(
        st.one_of(st.sampled_from(["valid", "same"]), st.integers(0, least - 1), st.tuples(*[side] * rank))
    )
    extra = {"count_include_pad": True} if how == "average_all" else {}
    layer = KINDS[how][rank - 1](size, strides, padding, **extra)
    sizes = ref.each(size, rank)
    sides = ref.pads(padding, x.shape[:-1], sizes, ref.each(size if strides is None else strides, rank))
    if any(n + a + b < k for n, (a, b), k in zip(x.shape, sides, sizes, strict=False)):
        with pytest.raises(ShapeError, match="larger than its"):
            run(layer, x)
        return
    np.testing.assert_allclose(run(layer, x), ref.pool(x, how, size, strides, padding), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2])
@given(data=st.data())
def test_adaptive_pooling_to_any_size_equals_the_reference(rank: int, data: st.DataObject) -> None:
    x = picture(data, rank)
    size = data.draw(st.one_of(st.integers(1, 12), st.tuples(*[st.integers(1, 12)] * rank)))
    for how, kinds in (
        ("average", (layers.AdaptiveAveragePooling1D, layers.AdaptiveAveragePooling2D)),
        ("max", (layers.AdaptiveMaxPooling1D, layers.AdaptiveMaxPooling2D)),
    ):
        y = run(kinds[rank - 1](size), x)
        np.testing.assert_allclose(y, ref.adaptive_pool(x, how, size), rtol=1e-5, atol=1e-5)


@given(data=st.data(), size=st.integers(1, 4), stride=st.one_of(st.none(), st.integers(1, 4)))
@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_over_channels_equals_the_reference(
    mode: str, data: st.DataObject, size: int, stride: int | None
) -> None:
    shape = (*data.draw(st.lists(st.integers(1, 4), max_size=2)), data.draw(st.integers(size, 9)))
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    y = run(layers.DepthPooling(size, stride, mode), x)
    np.testing.assert_allclose(y, ref.depth_pool(x, mode, size, stride), rtol=1e-5, atol=1e-6)


def test_more_channels_than_there_are_cannot_be_pooled() -> None:
    with pytest.raises(ShapeError, match=r'DepthPooling "depth_pooling": pools 4 channels, the input has 3'):
        layers.DepthPooling(4)(Input((5, 5, 3)))


def test_global_pooling_is_adaptive_pooling_to_one_cell() -> None:
    x = np.random.normal(size=(5, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(
        run(layers.GlobalAveragePooling2D(), x), run(layers.AdaptiveAveragePooling2D(1), x)[0, 0], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(run(layers.GlobalMaxPooling2D(), x), run(layers.AdaptiveMaxPooling2D(1), x)[0, 0])


@pytest.mark.parametrize("size", [1, 2, 3, (3, 2), (1, 4)])
def test_centre_weights_are_a_mean_that_trusts_the_centre_most(size: Any) -> None:
    weights = ref.center_weights(ref.each(size, 2))
    np.testing.assert_allclose(weights.sum(), 1)
    np.testing.assert_allclose(weights, weights[::-1, ::-1])
    centre = tuple(slice((n - 1) // 2, n // 2 + 1) for n in weights.shape)
    assert weights[centre].max() == weights.max()
    x = np.full((4, 4, 1), 5.0, np.float32)
    np.testing.assert_allclose(run(layers.CenterWeightedAveragePooling2D(size, 1), x), 5, rtol=1e-6)
    corner = np.zeros((*weights.shape, 1), np.float32)
    corner[0, 0] = 1
    assert run(layers.CenterWeightedAveragePooling2D(size), corner).item() == pytest.approx(weights[0, 0])


def test_the_gradient_of_l2_pooling_is_zero_where_the_window_is_zero() -> None:
    start = Input((4, 4, 1))
    module = build(Graph([start], [layers.L2Pooling2D(2)(start)]))
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.zeros_like(x))
    assert y.abs().max() < 1e-15


@pytest.mark.parametrize("kind", [layers.MaxPooling2D, layers.AveragePooling2D, layers.SumPooling2D])
def test_padding_that_would_fill_a_whole_window_is_refused(kind: Any) -> None:
    with pytest.raises(ArgumentError, match=rf"{kind.__name__}: padding .* keep it below pool_size \(2, 3\)"):
        kind((2, 3), padding=2)
    kind((2, 3), padding=((1, 1), (2, 2)))


def test_a_mean_leaves_uneven_padding_out_as_tensorflow_does() -> None:
    """[0, 1, 2], [2, 9 and a cell of padding]; Keras on torch repeats the 9 there and gives 20 / 3."""
    y = layers.AveragePooling1D(3, 2, "same")(np.array([[[0.0], [1.0], [2.0], [9.0]]], np.float32))
    np.testing.assert_allclose(y.flatten(), [1.0, 5.5])


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_global_mean_takes_a_mask_of_steps(first: bool, keepdims: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    mask = np.array([[1, 1, 0, 0, 0], [0, 1, 1, 1, 0]], bool)
    wanted = np.stack([one[keep].mean(0) for one, keep in zip(x, mask, strict=True)])
    if keepdims:
        wanted = wanted[:, :, None] if first else wanted[:, None]
    layer = layers.GlobalAveragePooling1D("channels_first" if first else None, keepdims)
    given = x.transpose(0, 2, 1) if first else x
    np.testing.assert_allclose(layer(given, mask), wanted, atol=1e-6)
    np.testing.assert_allclose(layer(given, mask=mask), wanted, atol=1e-6)
    np.testing.assert_allclose(layer(given), given.mean(2 if first else 1, keepdims=keepdims), atol=1e-6)
    with pytest.raises(ArgumentError, match="a mask goes with arrays"):
        layer(Input(given.shape[1:]), mask)
