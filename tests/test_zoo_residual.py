"""AlexNet to DenseNet: the stages of the papers' tables, and what the variants change."""

import numpy as np
import pytest
import torch

from striate import Model, layers, zoo
from striate.errors import ArgumentError
from striate.size import measure
from striate.zoo.parts import shortcut


def widths(name, *kinds, **variant):
    """(height, channels) after every layer of these kinds."""
    nodes = zoo.create(name, **variant).graph.nodes
    return [(node.shape[0], node.shape[2]) for node in nodes if node.layer.kind in kinds]


def layers_of(name, kind, **variant):
    return [node.layer for node in zoo.create(name, **variant).graph.nodes if node.layer.kind == kind]


@pytest.mark.parametrize("side", [224, 227])
def test_alexnet_in_two_groups_has_the_maps_of_figure_2(side):
    """Krizhevsky et al. 2012, figure 2: 55, 27, 13, 13, 13 wide with 96, 256, 384, 384, 256 maps."""
    shape = (side, side, 3)
    assert widths("alexnet", "Conv2D", groups=2, input_shape=shape) == [
        (55, 96),
        (27, 256),
        (13, 384),
        (13, 384),
        (13, 256),
    ]
    assert zoo.create("alexnet", groups=2, input_shape=shape).features.sizes == (6, 6, 256)


def test_alexnets_normalization_is_the_papers():
    """Section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75, after the ReLU of the first two layers; one tower has none."""
    first, second = layers_of("alexnet", "LocalResponseNormalization", groups=2)
    for layer in (first, second):
        assert (layer.k, layer.radius, layer.alpha, layer.beta, layer.convention) == (2, 2, 1e-4, 0.75, "tf")
    assert not layers_of("alexnet", "LocalResponseNormalization")


def test_zfnet_has_the_maps_of_figure_3():
    """Zeiler & Fergus 2013, figure 3: 110 - 55 - 26 - 13 - 13 - 13 - 13 - 6."""
    assert widths("zfnet", "Conv2D", "MaxPooling2D") == [
        (110, 96),
        (55, 96),
        (26, 256),
        (13, 256),
        (13, 384),
        (13, 384),
        (13, 256),
        (6, 256),
    ]


@pytest.mark.parametrize(("name", "convolutions"), [("vgg11", 8), ("vgg13", 10), ("vgg16", 13), ("vgg19", 16)])
def test_vgg_counts_its_layers_in_its_name(name, convolutions):
    assert len(layers_of(name, "Conv2D")) == convolutions == int(name[3:]) - 3
    assert widths(name, "MaxPooling2D") == [(112, 64), (56, 128), (28, 256), (14, 512), (7, 512)]


def test_a_vgg_of_any_input_size_has_the_same_weights():
    whole = measure(zoo.create("vgg16").graph).weights
    assert measure(zoo.create("vgg16", input_shape=(160, 96, 3)).graph).weights == whole


@pytest.mark.parametrize("name", ["vgg11", "vgg19"])
def test_vggs_names_in_torchvision_follow_the_order_of_its_layers(name):
    """``features`` numbers ReLUs and poolings too, so after each pooling the number jumps by one more."""
    for bn in (False, True):
        model = zoo.create(name, bn=bn)
        (source,) = [s for s in model.origin.sources if s.library == "torchvision"]
        keys = [f"{layer.name}.weight" for layer in model.layers if layer.parameters(*layer.node.input_shapes)]
        numbers = [source.name(key).split(".") for key in keys]
        assert [n[0] for n in numbers] == ["features"] * (len(keys) - 3) + ["classifier"] * 3
        places = [int(n[1]) for n in numbers]
        assert places[-3:] == [0, 3, 6]
        assert places[:-3] == sorted(set(places[:-3]))
    # the last convolution is features.18 and features.34 in torchvision's own listing
    last = {"vgg11": 18, "vgg19": 34}[name]
    source = next(s for s in zoo.create(name).origin.sources if s.library == "torchvision")
    tail = layers_of(name, "Conv2D")[-1].name
    assert source.name(f"{tail}.bias") == f"features.{last}.bias"


@pytest.mark.parametrize(("name", "sides"), [("squeezenet1_0", (54, 27, 13)), ("squeezenet1_1", (55, 27, 13))])
def test_squeezenets_poolings_reach_the_edge(name, sides):
    """Iandola et al. 2016, table 1: 1.0 (there 111 wide first, from 224 with padding): halved three times, up not down."""
    assert tuple(side for side, _ in widths(name, "MaxPooling2D")) == sides
    assert zoo.create(name).features.sizes == (13, 13, 512)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
@pytest.mark.parametrize("variant", ["v1", "v1.5", "v2"])
def test_resnets_count_their_layers_and_halve_their_maps(name, variant):
    """He et al. 2015, table 1: 56, 28, 14, 7 wide; convolutions and the dense layer, projections left out."""
    blocks = widths(name, "Add", variant=variant)
    wide = 4 if int(name[6:]) >= 50 else 1
    assert sorted({maps for _, maps in blocks}) == [64 * wide, 128 * wide, 256 * wide, 512 * wide]
    assert zoo.create(name, variant=variant).features.sizes == (7, 7, 512 * wide)
    plain = zoo.create(name, variant=variant, shortcuts=False).graph
    assert sum(node.layer.kind in ("Conv2D", "Dense") for node in plain.nodes) == int(name[6:])
    assert not [node for node in plain.nodes if node.layer.kind == "Add"]


def strides(name, **variant):
    """Kernels of the convolutions with a stride, the first one and projections left out."""
    found = layers_of(name, "Conv2D", shortcuts=False, **variant)[1:]
    return {layer.kernel_size[0] for layer in found if layer.strides[0] > 1}


def test_what_the_variants_of_resnet50_change():
    assert strides("resnet50", variant="v1.5") == {3}
    assert strides("resnet50", variant="v1") == {1}
    assert strides("resnet50", variant="keras") == {1}
    assert all(layer.use_bias for layer in layers_of("resnet50", "Conv2D", variant="keras"))
    assert not any(layer.use_bias for layer in layers_of("resnet50", "Conv2D"))


@pytest.mark.parametrize(("variant", "follows"), [("v1", "ReLU"), ("v1.5", "ReLU"), ("v2", "BatchNormalization")])
def test_only_version_2_cuts_nothing_off_between_one_sum_and_the_next(variant, follows):
    """He et al. 2016, figure 1."""
    kinds = [node.layer.kind for node in zoo.create("resnet34", variant=variant).graph.nodes]
    assert {kinds[i + 1] for i, kind in enumerate(kinds) if kind == "Add"} == {follows}


def test_a_residual_block_of_zeros_passes_its_input_on():
    """The shortcut of version 2 is the identity: with no weights left in the branches, sums of a stage are all alike."""
    model = zoo.create("resnet18", variant="v2", input_shape=(32, 32, 3), classes=4)
    module = model.module.eval()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "conv2" in name:
                weight.zero_()
    ends = [model.get_layer(f"stages_1_blocks_{place}_add") for place in (0, 1)]
    out = Model(model.input, [end.output for end in ends]).predict(np.random.default_rng(0).random((2, 32, 32, 3)))
    assert np.abs(out[0]).max() > 0
    np.testing.assert_array_equal(*out)


def test_shortcuts_without_weights_keep_every_second_pixel_and_add_maps_of_zeros():
    """Option A, He et al. 2015, section 3.3."""
    inputs = layers.Input((4, 4, 2))
    model = Model(inputs, shortcut("A", inputs, 6, 2, lambda: pytest.fail("no projection")))
    x = np.random.default_rng(0).random((1, 4, 4, 2)).astype(np.float32)
    expected = np.zeros((1, 2, 2, 6), np.float32)
    expected[..., 2:4] = x[:, ::2, ::2]
    np.testing.assert_array_equal(model.predict(x), expected)
    assert model.size().weights == 0


def test_wider_followers_change_only_the_inner_convolutions():
    """Xie et al. 2016, table 1: 128 maps in 32 groups in the first stage, 256 out; wide: 128 in one group."""
    for name, groups in (("resnext50_32x4d", 32), ("wide_resnet50_2", 1)):
        first, second, third = layers_of(name, "Conv2D")[1:4]
        assert (first.filters, second.filters, third.filters) == (128, 128, 256)
        assert (first.groups, second.groups, third.groups) == (1, groups, 1)


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_cifar_networks_with_and_without_shortcuts_are_the_same_but_for_them(depth):
    """He et al. 2015, section 4.2: 6n + 2 layers, 32, 16, 8 wide."""
    residual, plain = f"cifar_resnet{depth}", f"cifar_plain{depth}"
    blocks = (depth - 2) // 6
    assert widths(residual, "Add") == [(32, 16)] * blocks + [(16, 32)] * blocks + [(8, 64)] * blocks
    assert not widths(plain, "Add")
    named = [[layer.name for layer in layers_of(name, "Conv2D")] for name in (residual, plain)]
    assert named[0] == named[1]
    assert len(named[0]) == depth - 1


def test_cifar_resnet20_has_the_names_of_a_common_checkpoint():
    """conv1, bn1, layer1.0.conv1, …, linear: "." is "_" here."""
    keys = set(zoo.create("cifar_resnet20").module.state_dict())
    blocks = {f"layer{stage}_{place}" for stage in (1, 2, 3) for place in (0, 1, 2)}
    convolutions = {"conv1", *(f"{b}_conv{i}" for b in blocks for i in (1, 2))}
    norms = {"bn1", *(f"{b}_bn{i}" for b in blocks for i in (1, 2))}
    assert {key.rpartition(".")[0] for key in keys} == convolutions | norms | {"linear"}


def test_wide_resnet28_10_has_the_stages_of_table_1():
    """Zagoruyko & Komodakis 2016, table 1, N = 4, k = 10; dropout only where it is asked for."""
    assert widths("wide_resnet28_10", "Add") == [(32, 160)] * 4 + [(16, 320)] * 4 + [(8, 640)] * 4
    assert not layers_of("wide_resnet28_10", "Dropout")
    assert [layer.rate for layer in layers_of("wide_resnet28_10", "Dropout", dropout=0.3)] == [0.3] * 12


@pytest.mark.parametrize(("depth", "maps"), [(121, (128, 256, 512)), (169, (128, 256, 640)), (201, (128, 256, 896))])
def test_densenets_count_their_layers_and_halve_at_transitions(depth, maps):
    """Huang et al. 2016, table 1: 28, 14, 7 wide after the transitions, with half the maps."""
    name = f"densenet{depth}"
    assert len(layers_of(name, "Conv2D")) + 1 == depth
    assert widths(name, "AveragePooling2D") == [(28, maps[0]), (14, maps[1]), (7, maps[2])]


def test_cifar_densenet_grows_by_its_rate():
    grown = [maps for _, maps in widths("cifar_densenet", "Concatenate")]
    assert grown == list(range(28, 16 + 36 * 12 + 1, 12))
    assert len(layers_of("cifar_densenet", "Conv2D")) + 1 == 40
    thin = widths("cifar_densenet", "AveragePooling2D", depth=100, bottleneck=True, compression=0.5)
    assert thin == [(16, 108), (8, 150)]  # half of 24 + 16·12, half of 108 + 16·12


@pytest.mark.parametrize(
    ("name", "variant", "message"),
    [
        ("alexnet", {"groups": 3}, "groups is 1 .* or 2"),
        ("resnet50", {"variant": "v3"}, 'unknown variant of resnet50 "v3".*keras, slim, slim_v2, v1, v1.5, v2'),
        ("resnet18", {"variant": "keras"}, "Known: v1, v1.5, v2"),
        ("resnet50", {"shortcut": "D"}, 'unknown shortcut "D".*Known: A, B, C'),
        ("resnet18", {"shortcut": "b", "variant": "v2"}, 'Did you mean "B"'),
        ("cifar_resnet20", {"shortcut": "D"}, "Known: A, B, C"),
        ("cifar_densenet", {"depth": 41}, "depth is 3n . 4 .*, not 41; use 40"),
        ("cifar_densenet", {"depth": 45, "bottleneck": True}, "depth is 6n . 4 .*, not 45; use 46"),
        ("cifar_densenet", {"depth": 4}, "not 4; use 7"),
        ("cifar_densenet", {"depth": "40"}, "not '40'; use 40"),
        ("cifar_densenet", {"compression": 0}, "compression is above 0"),
        ("cifar_densenet", {"compression": None}, "compression is above 0"),
        ("densenet121", {"dropout": 1}, "densenet121: dropout is from 0"),
        ("wide_resnet28_10", {"dropout": None}, "dropout is from 0"),
        ("resnet50", {"shortcut": None}, 'unknown shortcut "None"'),
        ("cifar_plain20", {"shortcut": "D"}, 'unknown shortcut "D"'),
        ("vgg11", {"dropout": 1.0}, "rate is from 0"),
        ("resnext50_32x4d", {"variant": "v2"}, 'no variant "variant"'),
    ],
)
def test_nonsense_is_refused_with_the_choices(name, variant, message):
    with pytest.raises(ArgumentError, match=message):
        zoo.create(name, **variant)
