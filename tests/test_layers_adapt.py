"""Normalization learns mean and variance from whatever holds the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError, ShapeError
from striate.graph import Input


def test_normalization_adapts_to_data_per_channel() -> None:
    data = np.random.default_rng(0).normal([1, 2], [3, 4], size=(50, 5, 5, 2))
    layer = layers.Normalization()
    layer.adapt(data)
    np.testing.assert_allclose(layer.mean, data.reshape(1, 1, -1, 2).mean(2, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy(), data.reshape(1, 1, -1, 2).var(2, keepdims=True), rtol=1e-6)
    assert layer.built
    assert layer.mean.shape == (1, 1, 1, 2)
    assert layer(Input((5, 5, 2))).sizes == (5, 5, 2)


ROWS = np.random.default_rng(0).normal(3, 2, (7, 4, 3)).astype(np.float32)
WAYS: dict[str, Any] = {
    "an array": ROWS,
    "a tensor": torch.from_numpy(ROWS),
    "a list": ROWS.tolist(),
    "batches": [ROWS[:3], ROWS[3:5], ROWS[5:]],
    "tensors in batches": [torch.from_numpy(ROWS[:2]), torch.from_numpy(ROWS[2:])],
    "batches with targets": [(ROWS[:6], np.zeros(6)), (ROWS[6:], np.zeros(1))],
}


@pytest.mark.parametrize("way", [*WAYS, "a generator", "an iterator"])
def test_adapt_takes_mean_and_variance_from_whatever_holds_the_numbers(way: str) -> None:
    for axis, over in ((-1, (0, 1)), (1, (0, 2)), ((1, 2), (0,)), (None, (0, 1, 2))):
        given = (ROWS[i : i + 2] for i in range(0, 7, 2)) if way == "a generator" else WAYS.get(way, iter([ROWS]))
        layer = layers.Normalization(axis=axis)
        layer.adapt(given)
        np.testing.assert_allclose(np.ravel(layer.mean), ROWS.mean(over).ravel(), rtol=1e-5)
        np.testing.assert_allclose(np.ravel(layer.variance), ROWS.var(over).ravel(), rtol=1e-5)
        model = st.Sequential([layers.Input((4, 3)), layer])
        mean, deviation = ROWS.mean(over, keepdims=True), ROWS.std(over, keepdims=True)
        np.testing.assert_allclose(model.predict(ROWS), (ROWS - mean) / deviation, atol=1e-5)


def test_adapt_of_nothing_is_refused_in_words() -> None:
    for nothing in ([], iter([]), 3):
        with pytest.raises(ArgumentError, match=r"^Normalization: adapt\(\) "):
            layers.Normalization().adapt(nothing)


def test_given_numbers_are_laid_along_the_last_of_their_axes() -> None:
    x = np.random.default_rng(1).normal(size=(2, 7, 5, 3)).astype(np.float32)
    mean, variance = np.arange(5.0), np.arange(1.0, 6.0)
    table = np.random.default_rng(2).normal(size=(7, 5))
    for axis, given, spread, shape in (
        (2, mean, variance, (1, 1, 5, 1)),
        ((1, 2), mean, variance, (1, 7, 5, 1)),
        ((1, 2), table, table**2 + 1, (1, 7, 5, 1)),
        ((1, 3), 2.0, 4.0, (1, 7, 1, 3)),
    ):
        layer = layers.Normalization(axis=axis, mean=given, variance=spread)
        wide = [np.reshape(v, (*np.shape(v), 1)) if np.ndim(v) else v for v in (given, spread)]
        np.testing.assert_allclose(layer(x), (x - wide[0]) / np.sqrt(wide[1]), rtol=1e-5, atol=1e-5)
        layer.build((None, 7, 5, 3))
        assert layer.mean.shape == shape
        np.testing.assert_allclose(layer.mean, np.broadcast_to(wide[0], shape), rtol=1e-6)
        np.testing.assert_allclose(layer(x), (x - wide[0]) / np.sqrt(wide[1]), rtol=1e-5, atol=1e-5)
        again = layers.deserialize(layers.serialize(layer))
        np.testing.assert_allclose(again(x), layer(x))


def test_places_that_do_not_fit_are_refused_in_words() -> None:
    with pytest.raises(ArgumentError, match=r"axis 3 does not exist in an input \(2,\)"):
        layers.Normalization(axis=3).build((2, 2))
    with pytest.raises(ShapeError, match="the size of axis 1 is open"):
        layers.Normalization(axis=1).build((None, None))
    layer = layers.Normalization()
    layer.build((10, 5))
    with pytest.raises(ShapeError, match=r"was given \(10, 3\), it is built for \(10, 5\)"):
        layer.adapt(np.zeros((10, 3)))
    with pytest.raises(ShapeError, match=r"was given \(4, 2\), it is built for \(4, 3\)"):
        layers.Normalization().adapt([np.zeros((4, 3)), np.zeros((4, 2))])
    with pytest.raises(ShapeError, match="has 4 values of mean or variance for 35 places"):
        layers.Normalization((1, 2), [1.0] * 4, [1.0] * 4)(np.zeros((1, 7, 5, 3)))


def test_adapt_goes_through_a_sequence_of_batches_with_targets() -> None:
    class Batches:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> Any:
            return ROWS[2 * i : 2 * i + 2], np.zeros(2)

    layer = layers.Normalization()
    layer.adapt(Batches())
    np.testing.assert_allclose(np.ravel(layer.mean), ROWS[:6].mean((0, 1)), rtol=1e-5)
