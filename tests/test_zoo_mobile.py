"""MobileNets, NASNets, EfficientNet-B0, ConvNeXt-T: the stages of their papers' tables, and what is particular to each."""

import itertools

import pytest

from striate import zoo
from striate.errors import ArgumentError

FAMILIES = ("mobilenet", "mobilenet_v2", "nasnet_mobile", "efficientnet_b0", "convnext_tiny")


def shapes(model, kind=None, starts="", ends=""):
    graph = model.graph
    named = ((graph.label(node), node) for node in graph.nodes)
    return [
        node.shape
        for name, node in named
        if kind in (None, node.layer.kind) and name.startswith(starts) and name.endswith(ends)
    ]


def rates(model):
    return [node.layer.rate for node in model.graph.nodes if node.layer.kind == "DropPath"]


# -- MobileNet --------------------------------------------------------------------------------------------------------
def test_the_blocks_of_mobilenet_are_those_of_table_1():
    found = shapes(zoo.create("mobilenet"), "Conv2D", "conv_pw")
    assert found[:5] == [(112, 112, 64), (56, 56, 128), (56, 56, 128), (28, 28, 256), (28, 28, 256)]
    assert found[5:] == [(14, 14, 512)] * 6 + [(7, 7, 1024)] * 2


@pytest.mark.parametrize(
    ("alpha", "mults", "weights"), [(1, 569, 4.2), (0.75, 325, 2.6), (0.5, 149, 1.3), (0.25, 41, 0.5)]
)
def test_thinner_mobilenets_cost_what_table_6_says(alpha, mults, weights):
    size = zoo.create("mobilenet", alpha=alpha).size()
    assert int(size.mults / 1e6) in (mults - 1, mults)
    assert round(size.weights / 1e6, 1) == weights


@pytest.mark.parametrize(("side", "mults"), [(224, 569), (192, 418), (160, 290), (128, 186)])
def test_mobilenet_on_smaller_pictures_costs_what_table_7_says(side, mults):
    size = zoo.create("mobilenet", input_shape=(side, side, 3)).size()
    assert int(size.mults / 1e6) in (mults - 1, mults)
    assert size.weights == 4_231_976


def test_mobilenet_halves_odd_maps_as_keras_does():
    """One row below and one column to the right before a stride: 7 -> 3, where "same" would give 4."""
    found = shapes(zoo.create("mobilenet", input_shape=(98, 98, 3)), "DepthwiseConv2D")
    assert [shape[0] for shape in found] == [49, 24, 24, 12, 12, 6, 6, 6, 6, 6, 6, 3, 3]


# -- MobileNetV2 ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["keras", "torchvision"])
def test_the_stages_of_mobilenet_v2_are_those_of_table_2(variant):
    found = shapes(zoo.create("mobilenet_v2", variant=variant), "Conv2D", ends="_project")
    stages = [(112, 16, 1), (56, 24, 2), (28, 32, 3), (14, 64, 4), (14, 96, 3), (7, 160, 3), (7, 320, 1)]
    assert found == [(side, side, maps) for side, maps, blocks in stages for _ in range(blocks)]


def test_shortcuts_of_mobilenet_v2_join_narrow_maps_of_one_shape():
    model = zoo.create("mobilenet_v2")
    assert (
        shapes(model, "Add")
        == [(56, 56, 24)] + [(28, 28, 32)] * 2 + [(14, 14, 64)] * 3 + [(14, 14, 96)] * 2 + [(7, 7, 160)] * 2
    )


def test_the_last_maps_of_mobilenet_v2_grow_but_never_shrink():
    """Sandler et al. 2018, section 5: below 1 the multiplier is not applied to the last convolution."""
    for alpha, maps in ((0.35, 1280), (0.5, 1280), (1.0, 1280), (1.4, 1792)):
        assert zoo.create("mobilenet_v2", alpha=alpha).features.sizes == (7, 7, maps)


def test_thinned_maps_are_multiples_of_8():
    for alpha in (0.35, 0.5, 0.75, 1.3, 1.4):
        assert all(shape[-1] % 8 == 0 for shape in shapes(zoo.create("mobilenet_v2", alpha=alpha), "Conv2D"))


# -- NASNet -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "sides", "width", "cells"), [("nasnet_mobile", (28, 14, 7), 44, 4), ("nasnet_large", (42, 21, 11), 168, 6)]
)
def test_the_cells_of_nasnet_stand_as_in_figure_2(name, sides, width, cells):
    """N normal cells of six times the width, between reduction cells of four times the width that halve the map."""
    model = zoo.create(name)
    normal = [(side, side, 6 * width * 2**i) for i, side in enumerate(sides) for _ in range(cells)]
    assert shapes(model, "Concatenate", "normal_concat") == normal
    reduction = shapes(model, "Concatenate", "reduction_concat")
    assert [shape[-1] for shape in reduction] == [width, 2 * width, 8 * width, 16 * width]
    assert [shape[0] for shape in reduction[1:]] == list(sides)
    assert model.features.sizes[-1] == (4032 if name == "nasnet_large" else 1056)


def test_each_cell_adds_five_pairs():
    model = zoo.create("nasnet_mobile")
    assert len(shapes(model, "Add")) == 5 * (3 * 4 + 4)
    assert len(shapes(model, "Add", "normal_add_", "_7")) == 5


@pytest.mark.parametrize("side", [32, 75, 97])
def test_nasnet_takes_other_sizes(side):
    model = zoo.create("nasnet_mobile", input_shape=(side, side + 30, 3))
    assert model.features.sizes[-1] == 1056
    assert model.size().total == 5_326_716


def test_only_padding_that_may_win_is_a_layer():
    for variant, paddings in (("keras", 4), ("timm", 0)):
        model = zoo.create("nasnet_mobile", variant=variant)
        assert len(shapes(model, "ZeroPadding2D", "reduction_pad")) == paddings


# -- EfficientNet-B0 --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["timm", "keras"])
def test_the_stages_of_efficientnet_b0_are_those_of_table_1(variant):
    model = zoo.create("efficientnet_b0", variant=variant)
    found = shapes(model, "Conv2D", "blocks_0", "conv_pw") + shapes(model, "Conv2D", "blocks_", "conv_pwl")
    stages = [(112, 16, 1), (56, 24, 2), (28, 40, 2), (14, 80, 3), (14, 112, 3), (7, 192, 4), (7, 320, 1)]
    assert found == [(side, side, maps) for side, maps, blocks in stages for _ in range(blocks)]
    assert model.features.sizes == (7, 7, 1280)


def test_every_block_of_efficientnet_squeezes_to_a_quarter_of_its_input():
    found = shapes(zoo.create("efficientnet_b0"), "Conv2D", ends="se_conv_reduce")
    inputs = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192]
    assert found == [(1, 1, maps // 4) for maps in inputs]


# -- ConvNeXt-T -------------------------------------------------------------------------------------------------------
def test_the_stages_of_convnext_are_those_of_section_3():
    model = zoo.create("convnext_tiny")
    assert shapes(model, "Add") == [(56, 56, 96)] * 3 + [(28, 28, 192)] * 3 + [(14, 14, 384)] * 9 + [(7, 7, 768)] * 3
    assert {layer.init_value for layer in model.layers if layer.kind == "LayerScale"} == {1e-6}


# -- stochastic depth -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "rate"), [("nasnet_mobile", 0.3), ("efficientnet_b0", 0.2), ("convnext_tiny", 0.1)])
def test_survival_falls_linearly_with_depth(name, rate):
    found = rates(zoo.create(name, drop_path=rate))
    assert found == sorted(found)
    assert 0 < found[0] < found[-1] <= rate + 1e-9
    steps = sorted({round(b - a, 9) for a, b in itertools.pairwise(found)} - {0})
    assert steps[0] * round(found[-1] / steps[0]) == pytest.approx(found[-1])
    assert all(step / steps[0] == pytest.approx(round(step / steps[0])) for step in steps)
    assert rates(zoo.create(name)) == []


def test_nasnet_drops_every_operation_but_no_identity():
    """Five pairs of operations a cell, less the identities: two in a normal cell, one in a reduction cell."""
    found = rates(zoo.create("nasnet_mobile", drop_path=0.3))
    assert len(found) == 12 * 8 + 4 * 9
    assert found[-1] == pytest.approx(0.3)


# -- mistakes ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "variant", "says"),
    [
        ("mobilenet", {"alpha": 0}, "alpha is a number above 0"),
        ("mobilenet", {"alpha": "half"}, "alpha is a number above 0"),
        ("mobilenet", {"dropout": 1.0}, "rate is from 0"),
        ("mobilenet_v2", {"alpha": -1.0}, "mobilenet_v2: alpha"),
        ("mobilenet_v2", {"variant": "torch"}, 'Did you mean "torchvision"'),
        ("nasnet_mobile", {"variant": "tim"}, 'Did you mean "timm"'),
        ("nasnet_large", {"drop_path": 1}, "drop_path is from 0"),
        ("efficientnet_b0", {"variant": "kera"}, 'Did you mean "keras"'),
        ("efficientnet_b0", {"drop_path": "much"}, "drop_path is from 0"),
        ("convnext_tiny", {"drop_path": -0.1}, "drop_path is from 0"),
    ],
)
def test_a_mistake_is_named(name, variant, says):
    with pytest.raises(ArgumentError, match=says):
        zoo.create(name, **variant)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(name, channels):
    model = zoo.create(name, classes=7, input_shape=(64, 64, channels))
    assert model.graph.output_shapes == [(7,)]
    headless = zoo.create(name, include_top=False, pooling="avg", input_shape=(64, 64, channels))
    assert headless.graph.output_shapes == [model.features.sizes[-1:]]
