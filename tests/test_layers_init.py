"""How weights start: the distributions behind the names, their fans, seeds, and refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from striate import layers
from striate.backend import build
from striate.backend.init import fill
from striate.errors import ArgumentError, ShapeError
from striate.graph import Graph, Initializer, Input, Layer, Regularizer, Weight
from striate.layers import initializers, regularizers

FANS = (400, 100)
SHAPE = (100, 400)  # 40,000 draws: a standard deviation is known to about 0.35 %


def drawn(spec: str | Initializer, shape: tuple[int, ...] = SHAPE, fans: tuple[int, int] = FANS) -> torch.Tensor:
    tensor = torch.full(shape, math.nan)
    fill(tensor, Weight(shape, spec, fans))
    return tensor


def weight_of(layer: Layer, shape: tuple[int, ...]) -> torch.Tensor:
    start = Input(shape)
    return next(iter(build(Graph([start], [layer(start)])).state_dict().values()))


@pytest.mark.parametrize(
    ("spec", "deviation", "bound"),
    [
        ("random_normal", 0.05, None),
        ("normal", 0.05, None),
        (initializers.RandomNormal(0, 2), 2, None),
        # a normal cut at two standard deviations has 0.8796 of its deviation
        ("truncated_normal", 0.05 * 0.8796, 0.1),
        (initializers.TruncatedNormal(stddev=3), 3 * 0.8796, 6),
        ("random_uniform", 0.05 / math.sqrt(3), 0.05),
        ("uniform", 0.05 / math.sqrt(3), 0.05),
        (initializers.RandomUniform(-2, 2), 2 / math.sqrt(3), 2),
        ("glorot_uniform", math.sqrt(2 / 500), math.sqrt(6 / 500)),
        ("glorot_normal", math.sqrt(2 / 500), 2 * math.sqrt(2 / 500) / 0.8796),
        ("he_uniform", math.sqrt(2 / 400), math.sqrt(6 / 400)),
        ("he_normal", math.sqrt(2 / 400), 2 * math.sqrt(2 / 400) / 0.8796),
        ("lecun_uniform", math.sqrt(1 / 400), math.sqrt(3 / 400)),
        ("lecun_normal", math.sqrt(1 / 400), 2 * math.sqrt(1 / 400) / 0.8796),
        ("variance_scaling", math.sqrt(1 / 400), 2 * math.sqrt(1 / 400) / 0.8796),
        (initializers.VarianceScaling(3, "fan_out", "uniform"), math.sqrt(3 / 100), 3 / 10),
        (initializers.VarianceScaling(2, "fan_avg", "untruncated_normal"), math.sqrt(2 / 250), None),
    ],
    ids=str,
)
def test_numbers_have_the_deviation_and_the_limits_of_their_name(
    spec: str | Initializer, deviation: float, bound: float | None
) -> None:
    numbers = drawn(spec)
    assert abs(numbers.mean()) < 5 * deviation / 200
    assert numbers.std().item() == pytest.approx(deviation, rel=0.02)
    if bound is None:
        assert numbers.abs().max() > 3.5 * deviation
    else:
        assert 0.98 * bound < numbers.abs().max().item() <= bound * (1 + 1e-4)


def test_means_and_intervals_are_as_given() -> None:
    assert drawn(initializers.RandomNormal(mean=7, stddev=0.1)).mean().item() == pytest.approx(7, abs=0.01)
    shifted = drawn(initializers.TruncatedNormal(mean=-7, stddev=0.1))
    assert shifted.mean().item() == pytest.approx(-7, abs=0.01)
    assert -7.2 <= shifted.min() <= shifted.max() <= -6.8
    interval = drawn(initializers.RandomUniform(2, 3))
    assert 2 <= interval.min() <= 2.01
    assert 2.99 <= interval.max() <= 3


# Standard deviations of these kernels as Keras 3.15.1 drew them: they show which fans each layer counts.
KERAS_DEVIATIONS = [
    (layers.Conv2D, {"filters": 64, "kernel_size": 3}, 32, (0.04834, 0.08355, 0.05915)),
    (layers.Conv2D, {"filters": 64, "kernel_size": 3, "groups": 4}, 32, (0.05559, 0.16726, 0.11625)),
    (layers.Conv2DTranspose, {"filters": 64, "kernel_size": 3}, 32, (0.04800, 0.05910, 0.04145)),
    (layers.DepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 4}, 256, (0.02924, 0.02946, 0.02094)),
    (layers.Dense, {"units": 300}, 200, (0.06327, 0.09987, 0.07077)),
]


@pytest.mark.parametrize(("kind", "options", "channels", "deviations"), KERAS_DEVIATIONS)
def test_each_layer_counts_its_fans_as_keras_does(
    kind: Any, options: dict[str, int], channels: int, deviations: tuple[float, ...]
) -> None:
    key = "depthwise_initializer" if kind is layers.DepthwiseConv2D else "kernel_initializer"
    for name, deviation in zip(("glorot_uniform", "he_uniform", "lecun_normal"), deviations, strict=True):
        numbers = weight_of(kind(**options, **{key: name}), (8, 8, channels))
        assert numbers.std().item() == pytest.approx(deviation, rel=0.03)


def test_constants_are_what_they_say() -> None:
    assert torch.equal(drawn("zeros"), torch.zeros(SHAPE))
    assert torch.equal(drawn("ones"), torch.ones(SHAPE))
    assert torch.equal(drawn("constant"), torch.zeros(SHAPE))
    assert torch.equal(drawn(initializers.Constant(-2.5)), torch.full(SHAPE, -2.5))
    array = np.arange(6.0).reshape(2, 3)
    for value in (array, array.tolist(), torch.from_numpy(array)):
        assert torch.equal(drawn(initializers.Constant(value), (2, 3)), torch.arange(6.0).reshape(2, 3))
    assert torch.equal(drawn("identity", (3, 3)), torch.eye(3))
    assert torch.equal(drawn(initializers.Identity(2.0), (2, 3)), 2 * torch.eye(2, 3))
    signs = drawn("random_signs")
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.03
    assert torch.equal(drawn(initializers.TruncatedNormal(3, 0), (2, 2)), torch.full((2, 2), 3.0))


def test_an_orthogonal_depthwise_kernel_is_one_matrix_as_in_keras() -> None:
    layer = layers.DepthwiseConv2D(5, depth_multiplier=4, depthwise_initializer=initializers.Orthogonal(2.0))
    weight = weight_of(layer, (8, 8, 64))
    assert weight.std().item() == pytest.approx(0.05, rel=0.01)  # Keras 3.15: 1600 rows, 4 columns, 2 / sqrt(1600)
    columns = weight.view(64, 4, 25).transpose(0, 1).reshape(4, 1600)
    torch.testing.assert_close(columns @ columns.T, 4 * torch.eye(4), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (4, 2, 3, 3)])
def test_orthogonal_filters_are_orthogonal(shape: tuple[int, ...]) -> None:
    rows = drawn(initializers.Orthogonal(gain=2), shape).flatten(1)
    if len(rows) > rows.shape[1]:
        rows = rows.T
    torch.testing.assert_close(rows @ rows.T, 4 * torch.eye(len(rows)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", sorted({k for k in initializers.NAMES.values() if hasattr(k, "seed")}, key=str))
def test_a_seed_repeats_its_numbers_and_leaves_torchs_generator_alone(kind: type[Initializer]) -> None:
    before = torch.get_rng_state()
    first, again, other = (drawn(kind(seed=seed), (6, 6)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    first = drawn(kind(), (6, 6))
    second = drawn(kind(), (6, 6))
    torch.manual_seed(1)
    assert torch.equal(first, drawn(kind(), (6, 6)))
    assert not torch.equal(first, second)


@given(
    st.sampled_from(sorted(initializers.NAMES)),
    st.lists(st.integers(1, 5), min_size=2, max_size=2),
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_every_initializer_fills_every_matrix(name: str, shape: list[int], fans: tuple[int, int]) -> None:
    assert drawn(name, tuple(shape), fans).isfinite().all()


@given(st.floats(0.1, 4), st.sampled_from(["fan_in", "fan_out", "fan_avg"]), st.integers(1, 900), st.integers(1, 900))
def test_variance_scaling_has_variance_scale_over_fan(scale: float, mode: str, fan_in: int, fan_out: int) -> None:
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    for distribution in ("truncated_normal", "untruncated_normal", "uniform"):
        numbers = drawn(initializers.VarianceScaling(scale, mode, distribution), (100, 100), (fan_in, fan_out))
        assert numbers.var().item() == pytest.approx(scale / fan, rel=0.1)


def test_an_initializer_that_cannot_fill_a_weight_says_so() -> None:
    with pytest.raises(ShapeError, match=r"Constant: an array of shape \(2,\) for a weight of \(3, 1\)"):
        drawn(initializers.Constant([1, 2]), (3, 1))
    with pytest.raises(ShapeError, match=r"Identity needs a matrix, .* shape \(4, 2, 3, 3\)"):
        drawn("identity", (4, 2, 3, 3))
    with pytest.raises(ShapeError, match=r"Orthogonal needs a matrix, .* shape \(4,\)"):
        drawn("orthogonal", (4,))
    for value in ("x", [[1], [2, 3]], None):
        with pytest.raises(ArgumentError, match="Constant: value is a number or an array of numbers"):
            drawn(initializers.Constant(value))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: layers.Dense(2, kernel_initializer="he_nrmal"),
            'unknown initializer "he_nrmal". Did you mean "he_normal"',
        ),
        (lambda: layers.Conv2D(2, 3, bias_initializer="zeroes"), 'Did you mean "zeros"'),
        (lambda: layers.BatchNormalization(gamma_initializer="one"), 'Did you mean "ones"'),
        (lambda: layers.LayerNormalization(beta_initializer="zero"), 'Did you mean "zeros"'),
        (lambda: layers.Embedding(2, 3, "unifrom"), 'Did you mean "uniform"'),
        (
            lambda: layers.Dense(2, kernel_initializer=3),
            "an initializer is a name such as 'he_normal' or an object, not 3",
        ),
        (
            lambda: initializers.VarianceScaling(mode="fan_inn"),
            'unknown VarianceScaling mode "fan_inn". Did you mean "fan_in"',
        ),
        (lambda: initializers.VarianceScaling(distribution="truncted_normal"), 'Did you mean "truncated_normal"'),
        (lambda: initializers.VarianceScaling(-1), "VarianceScaling: scale is at least 0, not -1"),
        (lambda: initializers.RandomNormal(stddev=-1), "RandomNormal: stddev is at least 0, not -1"),
        (lambda: initializers.TruncatedNormal(stddev=-1), "TruncatedNormal: stddev is at least 0, not -1"),
        (lambda: initializers.RandomUniform(1, 0), "maxval - minval is at least 0, not -1"),
        (lambda: initializers.HeNormal(seed="x"), "HeNormal: seed is a whole number or None, not 'x'"),
        (lambda: initializers.HeNormal(sed=1), 'HeNormal has no argument "sed". Did you mean "seed"'),
        (
            lambda: layers.Dense(2, kernel_regularizer="l3"),
            'unknown regularizer "l3". Known: l1, l1_l2, l2, orthogonal_regularizer',
        ),
        (lambda: layers.Embedding(2, 3, embeddings_regularizer="l"), 'unknown regularizer "l"'),
        (
            lambda: layers.Conv2D(2, 3, kernel_regularizer=0.1),
            "a regularizer is a name such as 'l2' or an object, not 0.1",
        ),
        (lambda: layers.Dense(2, "rleu"), 'unknown activation "rleu". Did you mean "relu"'),
        (lambda: layers.Conv2D(2, 3, activation=layers.Dense(3)), "Conv2D: an activation is a name such as 'relu'"),
        (lambda: layers.Activation(3), "a network is data, so that it can be saved and exported"),
    ],
)
def test_a_wrong_name_or_number_is_answered_with_what_is_meant(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    assert message in str(caught.value)


def test_every_name_gives_an_object_and_an_object_itself() -> None:
    for table, get in ((initializers.NAMES, initializers.get), (regularizers.NAMES, regularizers.get)):
        for name, kind in table.items():
            assert type(get(name)) is kind
        one = next(iter(table.values()))()
        assert get(one) is one
    assert isinstance(regularizers.l2(0.1), Regularizer)
    assert (regularizers.L2().l2, regularizers.L1().l1, regularizers.L1L2().l1) == (0.01, 0.01, 0.0)
    assert repr(regularizers.l1_l2(l1=0.1)) == "L1L2(l1=0.1)"


def test_a_function_with_a_known_name_is_taken_for_its_name() -> None:
    assert layers.Dense(2, activation=torch.relu).activation == "relu"
    assert layers.Activation(torch.nn.functional.gelu).activation == "gelu"
