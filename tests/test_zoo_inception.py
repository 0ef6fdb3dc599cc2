"""GoogLeNet and the networks after it: stages, variants, auxiliary classifiers."""

from math import ceil

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, zoo
from striate.errors import ArgumentError, ShapeError
from striate.zoo import googlenet, inception_v2
from striate.zoo.parts import ceil_pool


def modules(model: st.Model, prefix: str) -> list[tuple[int, ...]]:
    """Output shapes of the concatenations whose name starts with `prefix`."""
    rows = model.graph.nodes
    return [n.shape for n in rows if n.layer.kind == "Concatenate" and n.layer.name.startswith(prefix)]


@pytest.mark.parametrize("norm", ["lrn", "batch"])
def test_googlenet_has_the_maps_of_its_papers_table(norm):
    """Szegedy et al. 2014, table 1, column "output size"."""
    model = zoo.create("googlenet", norm=norm)
    depths = [256, 480, 512, 512, 512, 528, 832, 832, 1024]
    sides = [28, 28, 14, 14, 14, 14, 14, 7, 7]
    assert modules(model, "inception") == [(s, s, d) for s, d in zip(sides, depths, strict=True)]


def test_inception_v2_follows_the_rows_of_figure_5():
    """Ioffe & Szegedy 2015, figure 5: where the printed depth and the row's sum differ (4c, 4d, 4e), the row's sum."""
    shapes = modules(zoo.create("inception_v2"), "inception")
    assert [shape[0] for shape in shapes] == [28, 28, 14, 14, 14, 14, 14, 7, 7, 7]
    before = 192
    for row, shape in zip(inception_v2.MODULES.values(), shapes, strict=True):
        one, _, three, _, double, _, project = row
        before = one + three + double + (project or before)
        assert shape[-1] == before


@pytest.mark.parametrize(
    ("name", "prefix", "shapes"),
    [
        # table 1: 35x35x288, 17x17x768, 8x8x1280 (Mixed_7a), 8x8x2048
        ("inception_v3", "Mixed", [(35, 35, 256)] + [(35, 35, 288)] * 2 + [(17, 17, 768)] * 5 + [(8, 8, 1280)]
         + [(8, 8, 2048)] * 2),
        # figures 3 and 9
        ("inception_v4", "features", [(73, 73, 160), (71, 71, 192), (35, 35, 384)] + [(35, 35, 384)] * 4
         + [(17, 17, 1024)] * 8 + [(8, 8, 1536)] * 4),
        ("inception_resnet_v2", "mixed", [(35, 35, 320), (17, 17, 1088), (8, 8, 2080)]),
    ],
)  # fmt: skip
def test_stages_are_the_papers(name, prefix, shapes):
    assert modules(zoo.create(name), prefix) == shapes


def test_inception_resnet_scales_all_residuals_but_the_last():
    """Szegedy et al. 2016, section 3.3: factors between 0.1 and 0.3; the numbers are the authors' code's."""
    model = zoo.create("inception_resnet_v2")
    scales = [layer.scale for layer in model.layers if layer.kind == "Rescaling"]
    assert scales == [0.17] * 10 + [0.1] * 20 + [0.2] * 9
    assert sum(layer.kind == "Add" for layer in model.layers) == 40


def test_xception_has_36_convolutions_in_14_blocks():
    """Chollet 2016, section 4: 36 convolutional layers in 14 modules, all but the first and last with residual links."""
    found = [node.layer for node in zoo.create("xception").graph.nodes]
    separable = [layer for layer in found if layer.kind == "SeparableConv2D"]
    assert len(separable) + 2 == 36
    assert sum(layer.kind == "Add" for layer in found) == 12


def test_a_timm_xception_pools_maps_of_even_size_one_pixel_earlier():
    for size in (299, 131):
        shapes = [
            zoo.create("xception", input_shape=(size, size, 3), variant=v).features.sizes for v in ("keras", "timm")
        ]
        assert shapes[0] == shapes[1]
    pools = [layer.padding for layer in zoo.create("xception", variant="timm").layers if layer.kind == "MaxPooling2D"]
    assert pools == [((1, 1), (1, 1))] * 4


@pytest.mark.parametrize(
    ("name", "variant", "weights"),
    [("googlenet", {}, [0.3, 0.3]), ("googlenet", {"norm": "batch"}, [0.3, 0.3]), ("inception_v3", {}, [0.4])],
)
def test_auxiliary_classifiers_help_training_and_are_not_in_the_predictor(name, variant, weights):
    model = zoo.create(name, aux=True, classes=7, **variant)
    assert model.graph.output_shapes == [(7,)] * (1 + len(weights))
    assert list(model.graph.auxiliary) == weights
    predictor, plain = model.predictor, zoo.create(name, classes=7, **variant)
    assert predictor.graph.output_shapes == [(7,)]

    def weighted(model: st.Model) -> set[str]:
        return {row.name for row in model.size().rows if row.weights}

    assert weighted(predictor) == weighted(plain)
    assert predictor.size().weights == plain.size().weights
    assert all(layer.lower().startswith("aux") for layer in weighted(model) - weighted(plain))
    assert len(weighted(model)) > len(weighted(plain))
    assert zoo.create(name, aux=True, include_top=False, **variant).graph.output_shapes == [plain.features.sizes]


def test_auxiliary_classifiers_stand_where_the_paper_has_them():
    """Szegedy et al. 2014, section 5: 4x4x512 after 4a, 4x4x528 after 4d; then 128 maps and 1024 units."""
    model = zoo.create("googlenet", aux=True)
    assert googlenet.AUXILIARY == {"4a": "aux1", "4d": "aux2"}
    for name, depth in (("aux1", 512), ("aux2", 528)):
        node = model.graph.node(f"{name}_conv_conv")
        assert (node.input_shapes, node.shape) == (((4, 4, depth),), (4, 4, 128))
        assert model.graph.node(f"{name}_fc1").shape == (1024,)


@pytest.mark.parametrize(("name", "variant"), [("inception_v3", "keras"), ("inception_resnet_v2", "keras")])
def test_keras_names_are_those_of_a_fresh_session(name, variant):
    """conv2d, conv2d_1 … and batch_normalization, … in the order of creation, without a gap."""
    model = zoo.create(name, variant=variant)
    for kind, stem in (("Conv2D", "conv2d"), ("BatchNormalization", "batch_normalization")):
        made = [node.layer for node in model.graph.nodes]  # model.layers is in the order of depth, as Keras' is
        found = [layer.name for layer in made if layer.kind == kind and layer.name.startswith(stem)]
        assert found == [f"{stem}_{i}" if i else stem for i in range(len(found))]
        assert len(found) > 90
    assert not any(layer.scale for layer in model.layers if layer.kind == "BatchNormalization")


@pytest.mark.parametrize(
    ("name", "library", "pairs"),
    [
        ("googlenet", "torchvision", {"conv1_conv.weight": "conv1.conv.weight",
            "inception3a_branch1_bn.bias": "inception3a.branch1.bn.bias",
            "inception4e_branch3_1_bn.running_var": "inception4e.branch3.1.bn.running_var",
            "aux1_conv_conv.weight": "aux1.conv.conv.weight", "aux2_fc1.bias": "aux2.fc1.bias", "fc.bias": "fc.bias"}),
        ("inception_v3", "torchvision", {"Conv2d_1a_3x3_conv.weight": "Conv2d_1a_3x3.conv.weight",
            "Mixed_7b_branch3x3dbl_3a_bn.weight": "Mixed_7b.branch3x3dbl_3a.bn.weight",
            "Mixed_5b_branch_pool_conv.weight": "Mixed_5b.branch_pool.conv.weight",
            "AuxLogits_conv0_conv.weight": "AuxLogits.conv0.conv.weight", "AuxLogits_fc.bias": "AuxLogits.fc.bias"}),
        ("inception_v4", "timm", {"features_0_conv.weight": "features.0.conv.weight",
            "features_3_conv_conv.weight": "features.3.conv.conv.weight",
            "features_4_branch1_3_bn.bias": "features.4.branch1.3.bn.bias",
            "features_18_branch1_0_conv.weight": "features.18.branch1.0.conv.weight",
            "features_19_branch1_0_conv.weight": "features.19.branch1_0.conv.weight",
            "features_21_branch2_3b_bn.weight": "features.21.branch2_3b.bn.weight",
            "features_21_branch3_1_conv.weight": "features.21.branch3.1.conv.weight"}),
        ("inception_resnet_v2", "timm", {"conv2d_1a_conv.weight": "conv2d_1a.conv.weight",
            "mixed_5b_branch0_conv.weight": "mixed_5b.branch0.conv.weight",
            "repeat_1_branch1_0_conv.weight": "repeat.1.branch1.0.conv.weight",
            "repeat_1_13_branch1_2_bn.bias": "repeat_1.13.branch1.2.bn.bias",
            "repeat_2_8_conv2d.bias": "repeat_2.8.conv2d.bias", "block8_conv2d.weight": "block8.conv2d.weight",
            "conv2d_7b_bn.weight": "conv2d_7b.bn.weight", "classif.weight": "classif.weight"}),
        ("xception", "timm", {"block1_conv2.weight": "conv2.weight", "block1_conv1_bn.bias": "bn1.bias",
            "block2_sepconv1.depthwise.weight": "block1.rep.0.conv1.weight",
            "block2_sepconv2_bn.weight": "block1.rep.4.weight",
            "block3_sepconv1.pointwise.weight": "block2.rep.1.pointwise.weight",
            "block12_sepconv3_bn.weight": "block11.rep.8.weight", "conv2d_3.weight": "block12.skip.weight",
            "batch_normalization.running_mean": "block1.skipbn.running_mean",
            "block14_sepconv2.depthwise.weight": "conv4.conv1.weight", "block14_sepconv1_bn.bias": "bn3.bias",
            "predictions.weight": "fc.weight"}),
    ],
)  # fmt: skip
def test_names_map_to_the_librarys(name, library, pairs):
    """Keys as the libraries' own state_dicts have them."""
    (source,) = [source for source in zoo.card(name).sources if source.library == library]
    assert {here: source.name(here) for here in pairs} == pairs
    variant = source.variant | ({"aux": True} if "aux" in zoo.card(name).variants else {})
    model = zoo.create(name, **variant)
    assert {here.partition(".")[0] for here in pairs} <= {layer.name for layer in model.layers}


@pytest.mark.parametrize(
    ("name", "argument", "known"),
    [
        ("googlenet", "norm", "batch, lrn"),
        ("inception_v3", "variant", "keras, torchvision"),
        ("inception_resnet_v2", "variant", "keras, timm"),
        ("xception", "variant", "keras, timm"),
    ],
)
def test_an_unknown_variant_names_the_choices(name, argument, known):
    with pytest.raises(ArgumentError, match=f'unknown {argument} "none of them".*{known}'):
        zoo.create(name, **{argument: "none of them"})


def test_auxiliary_classifiers_need_a_map_that_their_pooling_fits():
    with pytest.raises(ShapeError, match="larger than its 2x2 input"):
        zoo.create("googlenet", aux=True, input_shape=(32, 32, 3))
    assert zoo.create("googlenet", aux=True, norm="batch", input_shape=(32, 32, 3)).graph.output_shapes == [(1000,)] * 3


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 2, 0), (2, 2, 0), (3, 1, 1), (3, 2, 1), (3, 3, 1)])
def test_pooling_with_an_overhang_is_torchs_ceil_mode(size, stride, padding):
    for length in (3, 4, 5, 6, 7, 12, 13, 14):
        inputs = layers.Input((length, length + 1, 2))
        model = st.Model(inputs, ceil_pool(inputs, size, stride, padding))
        x = -torch.rand(1, 2, length, length + 1) - 1  # all below 0: padding must not win
        expected = torch.nn.functional.max_pool2d(x, size, stride, padding, ceil_mode=True)
        np.testing.assert_array_equal(model.module(x).numpy(), expected.numpy())
        if not padding:
            assert model.graph.output_shapes[0][0] == ceil((length - size) / stride) + 1
