"""Every layer of layer_cases.py: its numbers, shapes, weights, gradients, description and source."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import reference as ref
import torch
from layer_cases import CASES, Case, labelled, tried
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from striate import layers
from striate.backend import build, to_source
from striate.graph import Graph, Input, Layer, Network, from_json, to_json
from striate.layers import activation

pytestmark = pytest.mark.usefixtures("one_thread")


def every_class(kind: type[Layer] = Layer) -> Iterator[type[Layer]]:
    for below in kind.__subclasses__():
        if not below.abstract and below.__module__.startswith("striate.layers.") and not issubclass(below, Network):
            yield below
        yield from every_class(below)


def test_every_registered_layer_has_a_case() -> None:
    elsewhere = (layers.InputLayer, layers.Lambda, layers.TorchModuleWrapper)  # code of a user's own: test_own_parts.py
    missing = sorted(kind.__name__ for kind in every_class() if kind not in CASES and kind not in elsewhere)
    assert not missing


@pytest.mark.parametrize("one", labelled())
def test_output_equals_the_numpy_reference(one: Case) -> None:
    t = tried(one)
    doubles = [x if one.dtype == "int64" else x.astype(np.float64) for x in t.xs]
    expected = ref.batch(lambda *xs: one.expected(t.weights, *xs), *doubles)
    given = t.run(t.module)
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("one", labelled())
def test_shapes_and_weights_are_those_predicted_without_torch(one: Case) -> None:
    t = tried(one)
    node = t.graph.nodes[-1]
    assert t.run(t.module).shape[1:] == node.shape
    said = node.layer.parameters(*node.input_shapes) | node.layer.buffers(*node.input_shapes)
    found = {k.removeprefix(t.prefix): v for k, v in t.module.state_dict().items() if v.is_floating_point()}
    assert {k: w.shape for k, w in said.items()} == {k: tuple(v.shape) for k, v in found.items()}
    assert sum(w.size for w in said.values()) == sum(v.numel() for v in found.values())
    trained = dict(t.module.named_parameters())
    assert {t.prefix + k for k in node.layer.parameters(*node.input_shapes)} == set(trained)


@pytest.mark.parametrize("one", [p for p in labelled() if p.id.startswith(("Conv", "Dep", "Sep", "Dense"))])
def test_multiplications_are_half_the_operations_that_torch_counts(one: Case) -> None:
    t = tried(one)
    node = t.graph.nodes[-1]
    with FlopCounterMode(display=False) as counter:
        t.run(t.module)
    assert node.layer.mults(*node.input_shapes) * len(t.xs[0]) == counter.get_total_flops() / 2


def test_multiplications_of_lenets_own_parts_are_those_of_its_tables() -> None:
    c3 = layers.PartialConv2D(layers.LENET5_C3, 5)
    assert sum(w.size for w in c3.parameters((14, 14, 6)).values()) == 1516  # LeCun et al. 1998, section II.B
    assert c3.mults((14, 14, 6)) == (1516 - 16) * 10 * 10
    assert [len(row) for row in layers.LENET5_C3] == [3] * 6 + [4] * 9 + [6]
    assert sum(w.size for w in layers.TrainableSubsampling2D().parameters((28, 28, 6)).values()) == 12
    assert layers.EuclideanRBF(10).mults((84,)) == 840
    assert layers.MaxPooling2D().mults((28, 28, 6)) == 0


@pytest.mark.parametrize("one", [p for p in labelled() if p.values[0].dtype != "uint8"])
def test_gradients_equal_finite_differences(one: Case) -> None:
    t = tried(one)
    module = copy.deepcopy(t.module).double()
    names = [name for name, _ in module.named_parameters()]
    weights = [p.detach().clone().requires_grad_() for p in module.parameters()]
    whole = one.dtype == "int64"
    inputs = [torch.from_numpy(ref.channels_first(x)) for x in t.xs]
    inputs = [x if whole else x.double().requires_grad_() for x in inputs]

    def forward(*tensors: torch.Tensor) -> torch.Tensor:
        given, params = tensors[: len(inputs)], tensors[len(inputs) :]
        return functional_call(module, dict(zip(names, params, strict=True)), given)

    many = sum(x.numel() for x in (*inputs, *weights)) > 150
    assert torch.autograd.gradcheck(forward, (*inputs, *weights), fast_mode=many)


@pytest.mark.parametrize("one", labelled())
def test_json_gives_the_same_layer_back(one: Case) -> None:
    t = tried(one)
    text = json.dumps(to_json(t.graph))
    again = from_json(text).check()
    assert to_json(again) == json.loads(text)
    before, after = t.graph.nodes[-1].layer, again.nodes[-1].layer
    assert type(before) is type(after)
    assert repr(before) == repr(after)
    module = build(again).eval()
    module.load_state_dict(t.module.state_dict())
    np.testing.assert_allclose(t.run(module), t.run(t.module), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("one", labelled())
def test_printed_source_alone_computes_the_same(one: Case) -> None:
    t = tried(one)
    space: dict[str, Any] = {"__name__": "printed"}
    source = to_source(t.module)
    assert "striate" not in source
    exec(compile(source, "printed.py", "exec"), space)
    module = space["Network"]().eval()
    module.load_state_dict(t.module.state_dict())
    np.testing.assert_allclose(t.run(module), t.run(t.module), rtol=1e-5, atol=1e-6)


def test_every_named_activation_has_a_reference() -> None:
    assert set(ref.ACTIVATIONS) == set(activation.NAMES)


@pytest.mark.parametrize("unbiased", [False, True])
def test_batch_norm_in_training_uses_the_batch_and_moves_its_averages(unbiased: bool) -> None:
    for shape in ((3, 2, 4), (3, 4), (4,)):
        start = Input(shape)
        layer = layers.BatchNormalization(momentum=0.9, epsilon=0.01, unbiased=unbiased)
        module = build(Graph([start], [layer(start)])).train()
        gamma, beta, mean, variance, _ = module.state_dict().values()
        for tensor in (gamma, beta, mean, variance):
            tensor.uniform_(0.5, 2)
        moved = 0.9 * mean.numpy(), 0.9 * variance.numpy()
        xs = np.random.normal(3, 2, size=(5, *shape)).astype(np.float32)
        ys = ref.channels_last(module(torch.from_numpy(ref.channels_first(xs))).detach().numpy())
        batch_mean, batch_variance = ref.batch_moments(xs)
        expected = ref.batch_norm(xs, gamma.numpy(), beta.numpy(), batch_mean, batch_variance, 0.01)
        np.testing.assert_allclose(ys, expected, rtol=1e-4, atol=1e-5)
        n = xs[..., 0].size
        np.testing.assert_allclose(mean, moved[0] + 0.1 * batch_mean, rtol=1e-4)
        share = n / (n - 1) if unbiased else 1.0
        np.testing.assert_allclose(variance, moved[1] + 0.1 * batch_variance * share, rtol=1e-4)


def test_batch_norm_of_one_value_a_channel_trains_as_keras_does() -> None:
    for shape in ((1, 1, 4), (4,)):
        start = Input(shape)
        module = build(Graph([start], [layers.BatchNormalization(momentum=0.9)(start)])).train()
        gamma, beta, mean, variance, _ = module.state_dict().values()
        for tensor in (gamma, beta, mean, variance):
            tensor.uniform_(0.5, 2)
        before = mean.clone(), variance.clone()
        x = torch.randn(1, 4, *[1] * (len(shape) - 1), requires_grad=True)
        y = module(x)
        torch.testing.assert_close(y.flatten(), beta)  # the distance from the mean is 0
        torch.testing.assert_close(mean, 0.9 * before[0] + 0.1 * x.detach().flatten())
        torch.testing.assert_close(variance, 0.9 * before[1])
        y.sum().backward()
        assert x.grad is not None
        assert x.grad.abs().max() == 0


def test_dropout_in_training_drops_its_share_and_scales_the_rest() -> None:
    start = Input((50, 40, 5))
    module = build(Graph([start], [layers.Dropout(0.2)(start)])).train()
    x = torch.randn(2, 5, 50, 40)
    y = module(x)
    kept = y != 0
    assert kept.float().mean().item() == pytest.approx(0.8, abs=0.02)
    torch.testing.assert_close(y[kept], x[kept] / 0.8)
    assert torch.equal(module.eval()(x), x)


def test_drop_path_in_training_drops_whole_examples_and_scales_the_rest() -> None:
    start = Input((3, 2, 4))
    module = build(Graph([start], [layers.DropPath(0.2)(start)])).train()
    x = torch.randn(4000, 4, 3, 2)
    y = module(x)
    kept = y.flatten(1).ne(0).all(1)
    assert torch.equal(kept, y.flatten(1).ne(0).any(1))
    assert kept.float().mean().item() == pytest.approx(0.8, abs=0.03)
    torch.testing.assert_close(y[kept], x[kept] / 0.8)
    assert torch.equal(module.eval()(x), x)


def test_layer_scale_starts_at_its_first_value() -> None:
    start = Input((2, 3, 4))
    module = build(Graph([start], [layers.LayerScale(0.5)(start)]))
    x = torch.randn(2, 4, 2, 3)
    assert torch.equal(module(x), x / 2)
