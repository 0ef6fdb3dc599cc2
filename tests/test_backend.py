"""Graph -> torch: names, sharing, in-place safety, modes, memory layout, and the printed module."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from test_graph import batch_for, networks

from striate import layers
from striate.backend import build, keep_memory, logits_module, set_mode, to_source
from striate.errors import ArgumentError, StriateError
from striate.graph import Graph, Input, Layer, Network, SymbolicTensor, every_layer
from striate.layers.initializers import Constant
from striate.model import Model

pytestmark = pytest.mark.usefixtures("one_thread")


def net(shape: tuple[int, ...], *stack: Layer) -> Graph:
    x = start = Input(shape)
    for layer in stack:
        x = layer(x)
    return Graph([start], [x])


# -- the same network once more, in torch's plainest functions, nothing in place ----------------------------------------
def plainly(
    graph: Graph, state: dict[str, torch.Tensor], xs: list[torch.Tensor], prefix: str = ""
) -> list[torch.Tensor]:
    """Outputs of a network of ``test_graph.networks``, in training mode."""
    values = {(t.node.serial, t.index): x for t, x in zip(graph.inputs, xs, strict=True)}
    for node in graph.nodes:
        if not node.inputs:
            continue
        layer, key = node.layer, prefix + graph.name(node.layer)
        given = [values[t.node.serial, t.index] for t in node.inputs]
        if isinstance(layer, Network):
            results = plainly(layer.graph, state, given, key + ".")
        elif isinstance(layer, layers.Conv2D):
            y = F.conv2d(given[0], state[key + ".weight"], state[key + ".bias"], padding=layer.kernel_size[0] // 2)
            results = [{None: y, "relu": F.relu(y), "tanh": y.tanh()}[layer.activation]]
        elif isinstance(layer, layers.ReLU):
            results = [F.relu(given[0])]
        elif isinstance(layer, layers.Activation):
            results = [torch.where(given[0] > 0, given[0], 0.1 * given[0])]
        elif isinstance(layer, layers.BatchNormalization):
            mean, variance = given[0].mean((0, 2, 3), True), given[0].var((0, 2, 3), False, keepdim=True)
            scale, shift = state[key + ".weight"][:, None, None], state[key + ".bias"][:, None, None]
            results = [(given[0] - mean) / (variance + layer.epsilon).sqrt() * scale + shift]
        elif isinstance(layer, layers.MaxPooling2D):
            results = [F.max_pool2d(given[0], 3, 1, 1)]
        elif isinstance(layer, layers.Add):
            results = [given[0] + given[1]]
        else:
            assert isinstance(layer, layers.Concatenate)
            results = [torch.cat(given, 1)]
        for tensor, result in zip(node.outputs, results, strict=True):
            values[node.serial, tensor.index] = result
    return [values[t.node.serial, t.index] for t in graph.outputs]


def assert_like_plain_torch(graph: Graph) -> None:
    """Outputs and every gradient of the built network equal those of its plain copy, in float64."""
    module = build(graph).double().train()
    state = {key: value.detach().clone() for key, value in module.state_dict().items()}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        state[name] = parameter  # the very parameters, so that their gradients are found
    xs = [x.requires_grad_() for x in batch_for(graph, torch.float64)]
    wanted = [*xs, *module.parameters()]
    ys = module(*xs)
    found = list(ys) if isinstance(ys, tuple) else [ys]
    expected = plainly(graph, state, xs)
    factors = [torch.randn_like(y) for y in expected]
    if not any(y.requires_grad for y in expected):
        return
    for y, other in zip(found, expected, strict=True):
        torch.testing.assert_close(y, other)
    gradients = [
        torch.autograd.grad(sum((y * f).sum() for y, f in zip(ys, factors, strict=True)), wanted, allow_unused=True)
        for ys in (found, expected)
    ]
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)


@settings(max_examples=50)
@given(networks(calls=14))
def test_no_activation_in_place_changes_a_number_or_a_gradient(graph: Graph) -> None:
    assert_like_plain_torch(graph)


def residual(x: SymbolicTensor) -> list[SymbolicTensor]:
    y = layers.BatchNormalization()(layers.Conv2D(x.shape[-1], 3, padding="same")(x))
    return [layers.ReLU()(layers.Add()([layers.ReLU()(y), x]))]


def before_and_after(x: SymbolicTensor) -> list[SymbolicTensor]:
    y = layers.Conv2D(2, 3, padding="same")(x)
    return [y, layers.ReLU()(y)]


def twice(x: SymbolicTensor) -> list[SymbolicTensor]:
    y = layers.Conv2D(2, 3, padding="same")(x)
    return [layers.Add()([layers.ReLU()(y), y])]


def same_sum_twice(x: SymbolicTensor) -> list[SymbolicTensor]:
    y = layers.Conv2D(2, 3, padding="same")(x)
    total = layers.Add()([y, y])
    return [layers.ReLU()(total), layers.MaxPooling2D(3, 1, "same")(total)]


def activation_of_the_input(x: SymbolicTensor) -> list[SymbolicTensor]:
    return [layers.ReLU()(x), layers.Conv2D(1, 3, padding="same")(x)]


def chain_of_activations(x: SymbolicTensor) -> list[SymbolicTensor]:
    y = layers.Conv2D(2, 3, padding="same", activation="tanh")(x)
    return [layers.ReLU()(layers.Activation(layers.LeakyReLU(0.1))(y)), layers.ReLU()(layers.ReLU()(y))]


def shared_convolution(x: SymbolicTensor) -> list[SymbolicTensor]:
    conv = layers.Conv2D(x.shape[-1], 3, padding="same", activation="relu")
    return [conv(conv(x)), layers.Add()([conv(x), x])]


def through_a_nested_model(x: SymbolicTensor) -> list[SymbolicTensor]:
    start = Input(x.shape)
    y = layers.Conv2D(2, 1)(start)
    inner = Model([start], [y, layers.ReLU()(y)])
    first, second = inner(x)
    return [layers.ReLU()(first), layers.Add()([first, second])]


@pytest.mark.parametrize(
    "wiring",
    [
        residual,
        before_and_after,
        twice,
        same_sum_twice,
        activation_of_the_input,
        chain_of_activations,
        shared_convolution,
        through_a_nested_model,
    ],
)
def test_the_wirings_where_in_place_could_hurt_are_safe(
    wiring: Callable[[SymbolicTensor], list[SymbolicTensor]],
) -> None:
    x = Input((6, 6, 3))
    assert_like_plain_torch(Graph([x], wiring(x)))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "alias",
    [
        layers.Activation("linear"),
        layers.Dropout(0.0),
        layers.Cropping2D(0),
        layers.Reshape((6, 6, 2)),
        layers.Rescaling(1),
    ],
    ids=repr,
)
def test_a_layer_that_may_return_its_very_input_does_not_let_it_be_overwritten(alias: Layer, training: bool) -> None:
    x = Input((6, 6, 3))
    y = layers.Conv2D(2, 3, padding="same")(x)
    module = build(Graph([x], [y, layers.ReLU()(alias(y))])).train(training)
    before, after = module(torch.randn(2, 3, 6, 6))
    assert before.min() < 0
    torch.testing.assert_close(after, F.relu(before))


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "elu"])
@pytest.mark.parametrize(
    "before",
    [
        layers.Conv2D(2, 3),
        layers.DepthwiseConv2D(3),
        layers.SeparableConv2D(2, 3),
        layers.BatchNormalization(),
        layers.Conv2DTranspose(2, 3),
        layers.PartialConv2D([[0, 1]], 3),
        layers.TrainableSubsampling2D(2, activation=None),
        layers.MaxPooling2D(),
        layers.AveragePooling2D(),
        layers.L2Pooling2D(),
        layers.ZeroPadding2D(),
        layers.Cropping2D(1),
        layers.UpSampling2D(),
        layers.Dropout(0.0),
        layers.Rescaling(2.0),
        layers.LocalResponseNormalization(),
        layers.LayerNormalization(),
        layers.Dense(3),
        layers.Flatten(),
        layers.Reshape((6, 12)),
        layers.Activation("sigmoid"),
        layers.Activation("softmax"),
        layers.Activation("exponential"),
        layers.ReLU(),
    ],
    ids=repr,
)
def test_an_activation_after_any_layer_trains(before: Layer, name: str) -> None:
    """Backward fails loudly where an activation overwrote what a layer before it still needs."""
    before.built_for = before.built = None
    x = torch.randn(2, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    module = build(net((6, 6, 2), before, layers.Activation(name))).double().train()
    alone = build(net((6, 6, 2), before)).double().train()
    copy = x.detach().clone()
    module(x).sum().backward()
    assert torch.equal(x, copy)
    y = alone(x)
    expected = {
        "relu": F.relu,
        "relu6": F.relu6,
        "leaky_relu": lambda v: F.leaky_relu(v, 0.2),
        "elu": F.elu,
    }[name](y)
    gradient, x.grad = x.grad, None
    expected.sum().backward()
    torch.testing.assert_close(module(x), expected)
    torch.testing.assert_close(gradient, x.grad)


@pytest.mark.parametrize(
    "activation",
    [layers.ReLU(max_value=1.0), layers.ReLU(0.5, 0.1, 0.2), layers.LeakyReLU(0.0), layers.ELU(0.0), layers.ELU(2.0)],
    ids=repr,
)
def test_an_activation_layer_as_argument_trains_as_it_does_alone(activation: Layer) -> None:
    conv = layers.Conv2D(3, 3, activation=activation)
    x = torch.randn(2, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    module = build(net((6, 6, 2), conv)).double()
    alone = build(net((4, 4, 3), activation)).double()
    w, b = module.state_dict().values()
    (one,) = torch.autograd.grad(module(x).square().sum(), x)
    (other,) = torch.autograd.grad(alone(F.conv2d(x, w, b)).square().sum(), x)
    torch.testing.assert_close(one, other)


# -- names and sharing --------------------------------------------------------------------------------------------------
def test_the_keys_of_the_state_are_the_names_of_the_layers() -> None:
    graph = net(
        (8, 8, 3),
        layers.Conv2D(4, 3, name="stem"),
        layers.BatchNormalization(),
        layers.SeparableConv2D(4, 3),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(2, use_bias=False, name="head"),
    )
    module = build(graph)
    assert list(module.state_dict()) == [
        *("stem.weight", "stem.bias"),
        *(
            f"batch_normalization.{key}"
            for key in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        ),
        *("separable_conv2d.depthwise.weight", "separable_conv2d.pointwise.weight", "separable_conv2d.pointwise.bias"),
        "head.weight",
    ]
    assert [name for name, _ in module.named_children()] == ["stem", "batch_normalization", "separable_conv2d", "head"]


def test_the_forward_reads_like_hand_written_code() -> None:
    module = build(net((8, 8, 1), layers.Conv2D(4, 3, 2, "same", activation="relu"), layers.Flatten()))
    assert [node.name for node in module.graph.nodes] == [
        *("input_layer", "conv2d_pad", "conv2d", "conv2d_relu", "flatten_movedim", "flatten", "output")
    ]
    assert {node.meta.get("layer") for node in module.graph.nodes} == {None, "conv2d", "flatten"}


@pytest.mark.parametrize("name", ["train", "forward", "graph", "code", "training", "half", "type", "class", "lambda"])
def test_a_name_that_torch_needs_itself_is_refused_in_words(name: str) -> None:
    message = rf'Dense "{name}": no part of a torch module can be named "{name}". Rename it.'
    with pytest.raises(ArgumentError, match=message):
        build(net((2,), layers.Dense(2, name=name)))
    build(net((2,), layers.ReLU(name=name)))(torch.zeros(1, 2))  # no weights, no clash
    x = Input((2,))
    inner = Model(x, layers.Dense(2)(x), name=name)
    with pytest.raises(ArgumentError, match="Rename it"):
        build(net((2,), inner))


@pytest.mark.parametrize(
    "name", ["conv-1", "1x1", "F", "nn", "torch", "self", "max_pool", "input", "print", "x-y-z", "_"]
)
def test_any_allowed_name_builds_saves_and_prints(name: str) -> None:
    start = Input((6, 6, 2), name=f"{name}0")
    y = layers.Conv2D(2, 3, padding="same", name=name)(start)
    inside = Input((6, 6, 2))
    shared = layers.BatchNormalization(center=False, name=f"{name}2")
    inner = Model(inside, shared(inside), name=f"{name}3")
    y = layers.MaxPooling2D(2, 2, ((0, 1), (0, 0)), name=f"{name}4")(shared(inner(y)))
    graph = Graph([start], [layers.ReLU(name=f"{name}5")(y)])
    module = build(graph).eval()
    assert f"{name}.weight" in module.state_dict()
    space: dict[str, Any] = {}
    exec(to_source(module), space)
    printed = space["Network"]().eval()
    printed.load_state_dict(module.state_dict())
    x = torch.randn(1, 2, 6, 6)
    torch.testing.assert_close(printed(x), module(x))
    assert len(list(printed.parameters())) == len(list(module.parameters())) == 3


def test_two_networks_on_the_same_layers_share_their_weights() -> None:
    base, one, two = layers.Dense(3), layers.Dense(2), layers.Dense(1)
    x = Input((4,))
    middle = base(x)
    first = build(Graph([x], [one(middle)]))
    second = build(Graph([x], [two(middle)]))
    features = build(Graph([x], [middle]))
    assert first.dense is second.dense is features.dense
    before = second(torch.ones(1, 4))
    with torch.no_grad():
        first.dense.weight.add_(1)
    assert not torch.equal(second(torch.ones(1, 4)), before)


def test_a_batch_norm_may_be_shared_by_pictures_sequences_and_vectors() -> None:
    norm = layers.BatchNormalization()
    x = Input((4, 4, 3))
    graph = Graph([x], [norm(layers.GlobalAveragePooling2D()(norm(x)))])
    assert build(graph)(torch.zeros(2, 3, 4, 4)).shape == (2, 3)
    sequence, vector = Input((4, 3)), Input((3,))
    norm = layers.BatchNormalization()
    build(Graph([sequence, vector], [norm(sequence), norm(vector)]))(torch.zeros(2, 3, 4), torch.zeros(2, 3))


def test_building_twice_keeps_the_weights_and_other_layers_get_their_own() -> None:
    graph = net((4,), layers.Dense(3))
    assert torch.equal(build(graph).dense.weight, build(graph).dense.weight)
    assert not torch.equal(build(graph).dense.weight, build(net((4,), layers.Dense(3))).dense.weight)


def test_the_same_seed_draws_the_same_weights() -> None:
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(torch.cat([p.flatten() for p in build(net((4,), layers.Dense(3), layers.Dense(3))).parameters()]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_weights_of_a_layer_can_be_read_and_set() -> None:
    layer = layers.BatchNormalization()
    assert layer.get_weights() == []
    with pytest.raises(ArgumentError, match=r"has no weights yet: put it into a model"):
        layer.set_weights([np.zeros(2)])
    module = build(net((2,), layer))
    assert [w.tolist() for w in layer.get_weights()] == [[1, 1], [0, 0], [0, 0], [1, 1]]
    layer.set_weights([np.full(2, i, np.float32) for i in range(4)])
    assert module.batch_normalization.running_var.tolist() == [3, 3]
    with pytest.raises(StriateError, match=r"has 4 arrays \(.*moving_mean \(2,\).*\); 1 were given"):
        layer.set_weights([np.zeros(2)])
    with pytest.raises(StriateError, match=r"moving_variance has shape \(2,\), the array given has \(3,\)"):
        layer.set_weights([np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(3)])
    assert module.batch_normalization.running_var.tolist() == [3, 3]  # a refusal changes nothing


# -- trainable and modes --------------------------------------------------------------------------------------------------
def test_the_trainable_flag_is_that_of_the_parameters() -> None:
    x = Input((4,))
    inner = Model(x, layers.Dense(4)(layers.Dense(4)(x)), name="inner")
    graph = net((4,), layers.Dense(4), inner, layers.Dense(2))
    inner.graph.layers[1].trainable = False
    graph.layers[1].trainable = False
    frozen = {"dense.weight", "dense.bias", "inner.dense.weight", "inner.dense.bias"}
    assert {name for name, p in build(graph).named_parameters() if not p.requires_grad} == frozen
    for layer in every_layer(graph):
        layer.trainable = True
    assert all(p.requires_grad for p in build(graph).parameters())
    inner.trainable = False
    assert not inner.trainable
    assert {n for n, p in build(graph).named_parameters() if not p.requires_grad} == {
        f"inner.{layer}.{key}" for layer in ("dense", "dense_1") for key in ("weight", "bias")
    }


def test_a_frozen_batch_norm_keeps_its_averages_while_training() -> None:
    frozen, free = layers.BatchNormalization(), layers.BatchNormalization()
    frozen.trainable = False
    x = Input((3,))
    inner = Model(x, frozen(x))
    graph = net((3,), inner, layers.Dropout(0.5), free)
    module = build(graph)
    set_mode(module, graph, training=True)
    given = torch.randn(8, 3) * 5 + 2
    module(given)
    assert frozen.built.running_mean.tolist() == [0, 0, 0]
    assert free.built.running_mean.abs().sum() > 0
    assert (module.training, frozen.built.training, free.built.training) == (True, False, True)
    torch.testing.assert_close(frozen.built(given), given / (1 + 1e-3) ** 0.5)
    set_mode(module, graph, training=False)
    assert not any(m.training for m in module.modules())
    frozen.trainable = True
    set_mode(module, graph, training=True)
    assert all(m.training for m in module.modules())


# -- logits ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize(("name", "function"), [("softmax", lambda x: x.softmax(1)), ("sigmoid", torch.sigmoid)])
def test_logits_are_the_numbers_before_the_last_activation(name: str, function: Any, separate: bool) -> None:
    last = [layers.Dense(3), layers.Activation(name)] if separate else [layers.Dense(3, activation=name)]
    module = build(net((4,), layers.Dense(5, activation="relu"), *last))
    code = module.code
    logits, removed = logits_module(module, [name])
    assert removed == [True]
    x = torch.randn(6, 4)
    torch.testing.assert_close(function(logits(x)), module(x))
    torch.testing.assert_close(logits(x), module.dense_1(module.dense(x).relu()))
    assert logits.dense_1 is module.dense_1
    assert module.code == code
    assert list(logits.state_dict()) == list(module.state_dict())
    assert not any(node.target in (F.softmax, torch.sigmoid) for node in logits.graph.nodes)  # nor computed for nothing


def test_logits_leave_every_other_output_as_it_is() -> None:
    x = Input((4,))
    y = layers.Dense(3)(x)
    soft = layers.Softmax()(y)
    graph = Graph([x], [soft, layers.Activation("sigmoid")(y), y, layers.Activation("softmax")(layers.ReLU()(soft))])
    module = build(graph)
    given = torch.randn(2, 4)
    logits, removed = logits_module(module, ["softmax", None, "softmax", "sigmoid"])
    assert removed == [True, False, False, False]
    one, two, three, four = logits(given)
    expected = module(given)
    torch.testing.assert_close(one, three)
    for found, same in zip((two, three, four), expected[1:], strict=True):
        torch.testing.assert_close(found, same)
    again, removed = logits_module(module, [None] * 4)
    assert again is module
    assert removed == [False] * 4


# -- memory ---------------------------------------------------------------------------------------------------------------
def resnet_like() -> Graph:
    x = start = Input((16, 16, 3))
    x = layers.Conv2D(8, 3, 2, "same")(x)
    shortcut = x
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Conv2D(8, 3, padding=((0, 2), (1, 1)), activation="relu")(x)
    x = layers.Add()([x, shortcut])
    x = layers.MaxPooling2D(3, 1, "same")(x)
    x = layers.Concatenate()([x, layers.AveragePooling2D(3, 1, "same")(x)])
    x = layers.LocalResponseNormalization()(x)
    x = layers.SeparableConv2D(8, 3, padding="same", activation="silu")(x)
    x = layers.Rescaling((1.0,) * 8)(layers.Dropout(0.5)(x))
    x = layers.UpSampling2D()(layers.LayerNormalization()(layers.Dense(6)(x)))
    x = layers.Conv2DTranspose(4, 4, 2, "same")(layers.ZeroPadding2D()(x))
    return Graph([start], [x])


def test_channels_last_memory_is_kept_through_the_network() -> None:
    module = build(resnet_like())
    seen: dict[str, bool] = {}

    class Watch(torch.fx.Interpreter):
        def run_node(self, node: torch.fx.Node) -> Any:
            out = super().run_node(node)
            if isinstance(out, torch.Tensor) and out.ndim == 4 and out.shape[1] > 1:
                last = node.name.endswith("movedim")  # channels really last, then first again
                seen[node.name] = last or out.is_contiguous(memory_format=torch.channels_last)
            return out

    x = torch.randn(2, 16, 16, 3).permute(0, 3, 1, 2)  # an NHWC array as a user has it, nothing copied
    assert x.is_contiguous(memory_format=torch.channels_last)
    out = Watch(module).run(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    dense = {name for name in seen if name.startswith(("dense", "layer_normalization"))}
    assert [name for name, good in seen.items() if not good and name not in dense] == []
    for parameter in module.parameters():
        assert parameter.ndim < 4 or parameter.is_contiguous(memory_format=torch.channels_last)


def test_flattening_pictures_in_channels_last_memory_copies_nothing() -> None:
    x = torch.randn(2, 5, 4, 3).permute(0, 3, 1, 2)
    y = build(net((5, 4, 3), layers.Flatten()))(x)
    assert y.data_ptr() == x.data_ptr()
    assert torch.equal(y, x.permute(0, 2, 3, 1).reshape(2, -1))


def test_keeping_memory_twice_is_keeping_it_once() -> None:
    first = keep_memory()
    assert keep_memory() is first
    assert first is sys.platform.startswith("linux") or not first


def test_describing_a_network_never_loads_torch() -> None:
    code = (
        "import sys; from striate import layers; from striate.graph import Graph, Input, to_json\n"
        "x = Input((8, 8, 3)); to_json(Graph([x], [layers.Conv2D(4, 3)(x)]))\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- the worked example ---------------------------------------------------------------------------------------------------
def test_the_worked_convolution_gives_its_fractions() -> None:
    """A 7x5 "nine" against a 3x3 ring, each sum divided by 9 (the slides' last two rows are wrong, these are right)."""
    nine = """-1  1  1  1 -1
              -1  1 -1  1 -1
              -1  1  1  1 -1
              -1 -1 -1  1 -1
              -1 -1 -1  1 -1
              -1 -1  1 -1 -1
              -1  1 -1 -1 -1"""
    picture = np.array([row.split() for row in nine.splitlines()], np.float32)[None, :, :, None]
    ring = np.array([[1, 1, 1], [1, -1, 1], [1, 1, 1]]) / 9
    layer = layers.Conv2D(1, 3, use_bias=False, kernel_initializer=Constant(ring[..., None, None]))
    module = build(net((7, 5, 1), layer))
    y = module(torch.from_numpy(picture).permute(0, 3, 1, 2))[0, 0]
    ninths = [[-1, 9, -1], [-5, 1, -3], [-3, 3, -3], [-5, -1, -5], [-3, -5, -3]]
    np.testing.assert_allclose(y.detach().numpy(), np.array(ninths) / 9, atol=1e-6)


# -- the printed file -----------------------------------------------------------------------------------------------------
def test_the_printed_file_says_what_it_is_and_needs_only_torch() -> None:
    source = to_source(build(resnet_like()), name="Tiny", about='says "what" \\ it is')
    tree = ast.parse(source)
    assert ast.get_docstring(tree) == "says 'what' \\ it is"
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"torch", "torch.nn.functional"}
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["BatchNorm", "Tiny"]
    subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            source + "\nassert Tiny().eval()(torch.zeros(1, 3, 16, 16)).shape == (1, 4, 36, 36)",
        ],
        check=True,
    )


def test_nested_models_become_classes_of_their_own_printed_once() -> None:
    x = Input((4,))
    inner = Model(x, layers.Dense(4)(x), name="two_words")
    y = Input((4,))
    graph = Graph([y], [layers.Add()([inner(y), inner(inner(y))])])
    source = to_source(build(graph))
    assert source.count("class ") == 2
    assert source.count("class TwoWords(nn.Module):") == 1
    assert "self.two_words = TwoWords()" in source


def test_a_layer_shared_with_a_nested_model_stays_shared_in_the_printed_file() -> None:
    shared = layers.Dense(4)
    x = Input((4,))
    inner = Model(x, shared(x), name="inner")
    graph = net((4,), shared, inner)
    module = build(graph)
    space: dict[str, Any] = {}
    exec(to_source(module), space)
    printed = space["Network"]()
    assert printed.dense is printed.inner.dense
    printed.load_state_dict(module.state_dict())
    given = torch.randn(2, 4)
    torch.testing.assert_close(printed(given), module(given))


def test_a_layer_that_does_not_say_what_it_does_is_named() -> None:
    class Silent(Layer):
        pass

    with pytest.raises(ArgumentError, match=r'Silent "silent": has no call\(self, inputs\)'):
        Silent()(Input((2,)))


def test_whole_numbers_reach_scaling_as_floats_through_layers_that_only_move_them() -> None:
    x = Input((4, 4, 3), dtype="uint8")
    three = layers.Rescaling((1 / 255, 2 / 255, 3 / 255), (0.0, 0.5, 0.0))
    graph = Graph([x], [three(layers.Cropping2D(1)(x)), layers.Rescaling(1 / 255)(layers.Flatten()(x))])
    pictures = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    one, two = build(graph)(pictures)
    factors = torch.tensor([1, 2, 3])[:, None, None] / 255
    expected = pictures[:, :, 1:3, 1:3] * factors + torch.tensor([0, 0.5, 0])[:, None, None]
    torch.testing.assert_close(one, expected)
    torch.testing.assert_close(two, pictures.permute(0, 2, 3, 1).flatten(1) / 255)


def test_a_module_can_be_moved_to_another_type_and_back() -> None:
    graph = resnet_like()
    module = build(graph).eval()
    x = torch.randn(1, 3, 16, 16)
    single = module(x)
    torch.testing.assert_close(module.double()(x.double()).float(), single, rtol=1e-4, atol=1e-4)
    assert module.bfloat16()(x.bfloat16()).dtype == torch.bfloat16
    assert all(p.dtype == torch.bfloat16 for p in itertools.chain(module.parameters()))
