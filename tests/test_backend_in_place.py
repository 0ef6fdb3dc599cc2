"""No activation in place changes a number: against the same network once more in torch's plainest functions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from graphs import batch_for, net, networks
from hypothesis import given, settings

from striate import layers
from striate.backend import build
from striate.graph import Graph, Input, Layer, Network, SymbolicTensor
from striate.model import Model

pytestmark = pytest.mark.usefixtures("one_thread")


def plainly(
    graph: Graph, state: dict[str, torch.Tensor], xs: list[torch.Tensor], prefix: str = ""
) -> list[torch.Tensor]:
    """Outputs of a network of ``graphs.networks``, in training mode."""
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
    start = Input(x.sizes)
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
    before.built_for = before.torch_module = None
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
