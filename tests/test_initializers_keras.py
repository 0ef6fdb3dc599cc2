"""Initializers and regularizers that are called, in Keras' layout: shapes, spreads, seeds, one's own, and in training."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import initializers, layers, regularizers
from striate.errors import StriateError

SHAPE = (3, 3, 20, 40)  # fans 180 and 360; 7,200 numbers: a deviation is known to 1 %


@pytest.mark.parametrize(
    ("spec", "deviation"),
    [
        ("random_normal", 0.05),
        (initializers.RandomUniform(-1, 1), 1 / 3**0.5),
        ("glorot_uniform", (2 / 540) ** 0.5),
        ("GlorotNormal", (2 / 540) ** 0.5),
        ("he_normal", (2 / 180) ** 0.5),
        ("lecun_uniform", (1 / 180) ** 0.5),
        (initializers.VarianceScaling(2.0, "fan_out"), (2 / 360) ** 0.5),
        (initializers.VarianceScaling(2.0, input_axes=[0], output_axes=[2, 3]), (2 / 9) ** 0.5),
        (initializers.Orthogonal(2.0), 2 / 180**0.5),
    ],
    ids=str,
)
def test_an_initializer_gives_an_array_of_the_shape_with_the_spread_of_keras_fans(spec: Any, deviation: float) -> None:
    st.set_seed(0)
    values = initializers.get(spec)(SHAPE)
    assert (tuple(values.shape), values.dtype) == (SHAPE, torch.float32)
    assert float(values.std()) == pytest.approx(deviation, rel=0.05)
    assert initializers.get(spec)(shape=SHAPE, dtype="float16").dtype == torch.float16


def test_constants_identity_and_orthogonal_columns() -> None:
    assert torch.equal(initializers.Zeros()((2, 3)), torch.zeros(2, 3))
    assert torch.equal(initializers.Ones()(4), torch.ones(4))
    array = np.arange(6.0).reshape(2, 3)
    assert initializers.Constant(array)((2, 3)).tolist() == initializers.get(array)((2, 3)).tolist() == array.tolist()
    assert torch.equal(initializers.Constant(2.5)((1, 2)), torch.full((1, 2), 2.5))
    assert torch.equal(initializers.get("Identity")((3, 3)), torch.eye(3))
    columns = initializers.Orthogonal(seed=1)((3, 3, 2, 5)).reshape(18, 5)
    torch.testing.assert_close(columns.T @ columns, torch.eye(5), atol=1e-5, rtol=0)


def test_a_seed_repeats_every_call_and_the_runs_own_goes_on() -> None:
    seeded = initializers.HeNormal(seed=3)
    assert torch.equal(seeded((4, 4)), seeded((4, 4)))
    assert torch.equal(initializers.HeNormal.from_config(seeded.get_config())((4, 4)), seeded((4, 4)))
    free = initializers.HeNormal()
    assert not torch.equal(free((4, 4)), free((4, 4)))
    st.set_seed(5)
    first = free((4, 4))
    st.set_seed(5)
    assert torch.equal(free((4, 4)), first)


class Ramp(initializers.Initializer):
    """0, 1, 2, … in Keras' order."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


class Flat(initializers.Initializer):
    """Of another shape than it was asked for."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return np.zeros(3, np.float32)


def test_an_initializer_of_ones_own_fills_weights_in_keras_layout() -> None:
    model = st.Sequential(
        [layers.Conv2D(2, 2, kernel_initializer=Ramp(), input_shape=(4, 4, 3)), layers.Flatten(), layers.Dense(2)]
    )
    assert model.get_weights()[0].tolist() == np.arange(24.0).reshape(2, 2, 3, 2).tolist()
    with pytest.raises(StriateError, match=r"Flat gave an array of shape \(3,\) for a weight of \(2, 5\)"):
        st.Sequential([layers.Dense(5, kernel_initializer=Flat(), input_shape=(2,))]).get_weights()


# -- penalties -----------------------------------------------------------------------------------------------------------
X = (np.sin(1.7 * np.arange(12) + 1) * 2).reshape(3, 4).astype(np.float32)


def orthogonal(x: np.ndarray, factor: float) -> float:
    """By a loop over the pairs of rows: factor · half the mean, over pairs, of |cos| counted both ways."""
    n, total = len(x), 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                total += abs(x[i] @ x[j]) / np.linalg.norm(x[i]) / np.linalg.norm(x[j])
    return factor * 0.5 * total / (n * (n - 1) / 2)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (regularizers.L1(0.1), 0.1 * np.abs(X).sum()),
        (regularizers.L2(0.1), 0.1 * (X**2).sum()),
        (regularizers.L1L2(0.1, 0.2), 0.1 * np.abs(X).sum() + 0.2 * (X**2).sum()),
        (regularizers.L1L2(l1=None, l2=0.2), 0.2 * (X**2).sum()),
        (regularizers.L1(None), 0.01 * np.abs(X).sum()),
        (regularizers.OrthogonalRegularizer(0.1), orthogonal(X, 0.1)),
        (regularizers.OrthogonalRegularizer(0.1, "columns"), orthogonal(X.T, 0.1)),
    ],
    ids=str,
)
def test_a_regularizer_is_called_on_an_array_and_counts_in_training_in_keras_layout(
    penalty: Any, expected: float
) -> None:
    for x in (X, torch.from_numpy(X), X.tolist()):
        assert float(penalty(x)) == pytest.approx(expected, rel=1e-5)
    model = st.Sequential([layers.Dense(4, use_bias=False, kernel_regularizer=penalty, input_shape=(3,))])
    model.set_weights([X])
    model.compile("sgd", "mse")
    x = np.eye(3, dtype=np.float32)
    assert model.evaluate(x, X, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-4)
    again = regularizers.deserialize(json.loads(json.dumps(regularizers.serialize(penalty))))
    assert float(again(X)) == pytest.approx(expected, rel=1e-5)


class Far(regularizers.Regularizer):
    """How far the first row of a kernel (in, out) is from 1."""

    def __call__(self, x: Any) -> Any:
        return (x[0] - 1).square().sum()


def test_a_regularizer_of_ones_own_draws_weights() -> None:
    model = st.Sequential([layers.Dense(4, use_bias=False, kernel_regularizer=Far(), input_shape=(3,))])
    model.set_weights([X])
    model.compile(st.optimizers.SGD(0.1), lambda y, p: 0 * p.sum())
    model.fit(np.zeros((1, 3)), np.zeros((1, 4)), verbose=0)
    expected = X.copy()
    expected[0] -= 0.1 * 2 * (X[0] - 1)
    assert model.get_weights()[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("room", [initializers, regularizers])
def test_names_are_found_in_both_spellings_and_descriptions_come_back(room: Any) -> None:
    assert room.get(None) is None
    for name in room.NAMES:
        made = room.get(name)
        again = room.deserialize(json.loads(json.dumps(room.serialize(made))))
        assert (type(again), again.get_config()) == (type(made), made.get_config())
        assert type(room.get(type(made))) is type(made)
    with pytest.raises(StriateError, match="unknown"):
        room.get("typo")


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda: initializers.Constant(np.ones((2, 3)))((4, 5)), r"Expected `shape` to be"),
        (lambda: initializers.HeNormal()("ab"), "a shape is a tuple of whole numbers"),
        (lambda: initializers.HeNormal()((-1, 2)), "sizes are at least 0"),
        (lambda: initializers.HeNormal()((2, 2), "float99"), 'unknown dtype "float99"'),
        (lambda: initializers.Identity()((2, 2, 2)), "needs a matrix"),
        (lambda: initializers.get("stft"), "spectrograms"),
        (lambda: regularizers.L2(-1), "must be at least 0"),
        (lambda: regularizers.OrthogonalRegularizer(mode="diagonal"), 'Expected one of {"rows", "columns"}'),
        (lambda: regularizers.OrthogonalRegularizer()(np.ones((2, 2, 2))), "must have rank 2"),
        (lambda: regularizers.L1()("text"), "array of numbers"),
        (lambda: regularizers.Regularizer()(X), r"must define __call__\(self, x\)"),
    ],
)
def test_what_cannot_be_drawn_or_penalised_is_one_clear_line(say: Any, message: str) -> None:
    with pytest.raises(StriateError, match=message):
        say()


def test_inputs_and_outputs_of_a_unit_are_counted_over_every_place_of_a_window() -> None:
    assert initializers.compute_fans((3, 3, 8, 16)) == (72, 144)
    assert initializers.compute_fans((7,)) == (7, 7)
    assert initializers.compute_fans((512, 8, 64), input_axes=[0], output_axes=[1, 2]) == (512, 512)
    with pytest.raises(StriateError, match="axis 5 does not exist"):
        initializers.compute_fans((2, 3), [5], [1])


def test_code_may_call_an_initializer_by_its_short_name() -> None:
    for name in initializers.NAMES:
        if name not in ("normal", "uniform"):  # texts alone, in Keras too
            assert getattr(initializers, name) is initializers.NAMES[name]
    assert initializers.he_normal(seed=3).get_config() == {"seed": 3, "input_axes": None, "output_axes": None}


def test_the_scale_goes_by_the_axes_that_are_inputs_and_outputs() -> None:
    numbers = initializers.GlorotUniform(seed=1, input_axes=[0], output_axes=[1, 2])((6, 20, 30)).numpy()
    assert np.abs(numbers).max() == pytest.approx(np.sqrt(6 / (6 + 600)), rel=0.02)
