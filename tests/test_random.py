"""Random numbers under Keras' names: their distributions, their seeds, and a layer that draws them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import striate as st
from striate import layers, ops, random
from striate.errors import ArgumentError

MANY = 40_000
DRAWS: dict[str, tuple[Callable[..., Any], float, float]] = {  # draws, mean, standard deviation
    "normal": (lambda **s: random.normal((MANY,), 2, 3, **s), 2, 3),
    "uniform": (lambda **s: random.uniform((MANY,), -1, 3, **s), 1, 4 / 12**0.5),
    "randint": (lambda **s: random.randint((MANY,), 2, 6, **s), 3.5, 1.25**0.5),
    # of a normal number within two deviations: 1 - 4 * density(2) / probability
    "truncated": (
        lambda **s: random.truncated_normal((MANY,), 1, 2, **s),
        1,
        2 * (1 - 4 * math.exp(-2) / (2 * math.pi) ** 0.5 / math.erf(2**0.5)) ** 0.5,
    ),
    "gamma": (lambda **s: random.gamma((MANY,), 4.0, **s), 4, 2),
    "binomial": (lambda **s: random.binomial((MANY,), 10, 0.3, **s), 3, 2.1**0.5),
    "beta": (lambda **s: random.beta((MANY,), 2.0, 6.0, **s), 0.25, (12 / 64 / 9) ** 0.5),
    "categorical": (lambda **s: random.categorical([[math.log(1), math.log(3)]], MANY, **s), 0.75, 0.75**0.5 / 2),
    "dropout": (lambda **s: random.dropout(np.ones(MANY), 0.2, **s), 1, 0.5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_of_their_distribution_and_repeat_as_their_seed_says(name: str) -> None:
    draw, mean, deviation = DRAWS[name]
    numbers = np.asarray(draw(seed=3), np.float64)
    assert numbers.size == MANY
    assert abs(numbers.mean() - mean) < 5 * deviation / MANY**0.5
    assert abs(numbers.std() / deviation - 1) < 0.03
    np.testing.assert_array_equal(draw(seed=3), draw(seed=3))
    assert not np.array_equal(draw(seed=3), draw(seed=4))
    seeds, again = random.SeedGenerator(3), random.SeedGenerator(3)
    first = [np.asarray(draw(seed=seeds)) for _ in range(2)]
    assert not np.array_equal(*first)
    np.testing.assert_array_equal(first, [np.asarray(draw(seed=again)) for _ in range(2)])
    runs = []
    for _ in range(2):
        st.set_seed(5)
        runs.append([np.asarray(draw()), np.asarray(draw())])
    np.testing.assert_array_equal(*runs)
    assert not np.array_equal(*runs[0])


def test_no_truncated_number_is_further_than_two_deviations() -> None:
    assert float((random.truncated_normal((1000,), 1, 3, seed=0) - 1).abs().max()) <= 6


def test_shuffle_changes_places_along_an_axis_alone() -> None:
    x = np.arange(20).reshape(4, 5)
    rows, columns = random.shuffle(x, seed=1), random.shuffle(x, axis=1, seed=1)
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, x.tolist()))
    assert sorted(map(tuple, columns.T.tolist())) == sorted(map(tuple, x.T.tolist()))
    assert rows.tolist() != x.tolist()


def test_dropout_takes_numbers_together_along_axes_of_its_noise() -> None:
    dropped = np.asarray(random.dropout(np.ones((6, 5)), 0.5, noise_shape=(None, 1), seed=1))
    assert set(dropped[:, 0]) == {0.0, 2.0}
    assert (dropped == dropped[:, :1]).all()


def test_types_are_those_asked_for() -> None:
    assert str(random.normal((2,), dtype="float64").dtype) == "torch.float64"
    assert str(random.randint((2,), 0, 9, dtype="uint8").dtype) == "torch.uint8"
    assert tuple(random.uniform(()).shape) == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: random.uniform((2,), dtype="int32"), "random.uniform gives floats, not int32."),
        (lambda: random.randint((2,), 3, 3), "no whole number is from 3 up to, not including, 3"),
        (lambda: random.normal((2,), seed="a"), "seed is a whole number"),
        (lambda: random.normal((2.5,)), "a shape holds whole numbers"),
        (lambda: random.SeedGenerator(1.5), "SeedGenerator: seed is a whole number or None, not 1.5."),
        (lambda: random.categorical([1.0], 2), r"logits \(N, classes\), not \(1,\)"),
        (lambda: random.dropout([1.0], 1.0), "rate is from 0"),
        (lambda: random.shuffle([1.0], axis=1), "axis 1 does not exist"),
        (lambda: random.gamma((2,), 0.0), "alpha is above 0"),
        (lambda: random.binomial((2,), 3, 1.5), "probabilities from 0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(wrong: Callable[[], Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        wrong()


class Sampling(layers.Layer):
    """As the guides of Keras write it for a variational autoencoder."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = random.SeedGenerator(1337)

    def call(self, inputs: Any) -> Any:
        z_mean, z_log_var = inputs
        batch, dim = ops.shape(z_mean)[0], ops.shape(z_mean)[1]
        epsilon = random.normal(shape=(batch, dim), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


def test_a_layer_of_ones_own_draws_other_numbers_in_each_call() -> None:
    inputs = st.Input((3,))
    model = st.Model(inputs, Sampling()([inputs, inputs]))
    x = np.zeros((500, 3), np.float32)
    first, second = np.asarray(model(x)), np.asarray(model(x))
    assert not np.array_equal(first, second)
    assert abs(first.std() - 1) < 0.1
    assert first.std(0).min() > 0.5
