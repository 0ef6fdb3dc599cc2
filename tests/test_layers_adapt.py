"""Normalization learns mean and variance from whatever holds the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError
from striate.graph import Input


def test_normalization_adapts_to_data_per_channel() -> None:
    data = np.random.default_rng(0).normal([1, 2], [3, 4], size=(50, 5, 5, 2))
    layer = layers.Normalization()
    layer.adapt(data)
    np.testing.assert_allclose(layer.mean, data.reshape(-1, 2).mean(0))
    np.testing.assert_allclose(layer.variance, data.reshape(-1, 2).var(0))
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
