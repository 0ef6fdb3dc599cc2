"""Comparisons of building blocks, against the numbers of the papers that propose them."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from striate.errors import ArgumentError
from striate.size import compare


@pytest.mark.parametrize("channels", [1, 16, 64])
def test_three_stacked_3x3_against_one_7x7(channels):
    c = channels
    found = compare.stacked(c, size=16)
    one, two, three, large = found.options
    assert [option.receptive_field for option in found.options] == [(3, 3), (5, 5), (7, 7), (7, 7)]
    assert three.weights == 27 * c**2 + 3 * c
    assert large.weights == 49 * c**2 + c
    assert [option.formula for option in found.options] == ["9C² + C", "18C² + 2C", "27C² + 3C", "49C² + C"]
    assert (one.kernel_weights, two.kernel_weights) == (9 * c**2, 18 * c**2)


def test_two_stacked_3x3_against_one_5x5():
    found = compare.stacked(8, count=2)
    assert [option.kernel_weights for option in found.options] == [9 * 64, 18 * 64, 25 * 64]


@pytest.mark.parametrize("channels", [4, 256])
def test_a_bottleneck_of_half_the_channels(channels):
    thin, regular = compare.bottleneck(channels, size=8).options
    assert thin.kernel_weights == Fraction(13, 4) * channels**2
    assert regular.kernel_weights == 9 * channels**2
    assert (thin.formula, regular.formula) == ("3.25C² + 2C", "9C² + C")
    assert thin.weights == 3.25 * channels**2 + 2 * channels
    assert thin.receptive_field == regular.receptive_field == (3, 3)


def test_a_factorised_window_costs_2n_for_n_squared():
    pair, square = compare.factorised(32, 7).options
    assert Fraction(pair.kernel_weights, square.kernel_weights) == Fraction(2, 7)
    assert Fraction(pair.mults, square.mults) == Fraction(2, 7)
    assert pair.receptive_field == square.receptive_field == (7, 7)


@pytest.mark.parametrize("groups", [1, 2, 32])
def test_groups_divide_weights_and_multiplications(groups):
    split, regular = compare.grouped(64, groups).options
    assert split.kernel_weights * groups == regular.kernel_weights
    assert split.mults * groups == regular.mults


@pytest.mark.parametrize(("channels", "filters", "kernel"), [(128, 128, 3), (3, 64, 5), (16, 1, 1)])
def test_depthwise_separable_costs_one_nth_and_one_f_squared(channels, filters, kernel):
    found = compare.depthwise_separable(channels, filters, kernel, size=14)
    assert Fraction(found[0].mults, found[1].mults) == Fraction(1, filters) + Fraction(1, kernel**2)
    assert Fraction(found[0].kernel_weights, found[1].kernel_weights) == Fraction(1, filters) + Fraction(1, kernel**2)


def test_the_inception_cell_with_and_without_bottlenecks():
    thin, thick = compare.inception().options
    assert (thick.depth, thick.mults) == (672, 854_196_224)
    assert (thin.depth, thin.mults) == (480, 271_351_808)
    assert thin.receptive_field == (5, 5)


def test_a_dense_layer_doing_the_job():
    dense = compare.as_dense((150, 100, 3), (150, 100, 200))
    assert dense.weights_per_map == 675_000_000
    assert dense.mults == 200 * 675_000_000
    assert dense.weights == dense.mults + 150 * 100 * 200


def test_comparisons_print_and_are_json_ready():
    found = compare.inception()
    text = str(found)
    assert "271,351,808" in text
    assert "28x28x480" in text
    assert json.loads(json.dumps(found.to_dict()))["options"][1]["mults"] == 854_196_224
    assert found.ratio("mults") == 271_351_808 / 854_196_224
    assert found["without"] is found[1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: compare.stacked(0), "channels=0 must be a whole number of at least 1"),
        (lambda: compare.bottleneck(5), "5 channels cannot be split into 2"),
        (lambda: compare.grouped(10, 3), "10 filters cannot be split into 3 groups"),
        (lambda: compare.inception()["none"], 'no option "none"'),
    ],
)
def test_wrong_arguments_are_one_clear_line(call, says):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert says in str(caught.value)
