"""The kernels of training on a processor: bit by bit what torch's own give, in 16 and in 32 bits."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from graphs import batch_for, net, networks
from hypothesis import given, settings
from torch import fx

from striate import layers
from striate.backend import build
from striate.backend.quick import clip, quick, relu, relu_max_pool2d
from striate.graph import Graph, Input
from striate.model import Model

pytestmark = pytest.mark.usefixtures("one_thread")

ODD = [0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-40, -1e-40, float("inf"), float("-inf"), float("nan")]

RELU6 = partial(clip, min_val=0, max_val=6)
CLIP = partial(clip, min_val=-1, max_val=0.5)


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal numbers, also where they are NaN."""
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.nan_to_num(7e6), b.nan_to_num(7e6))


def pictures(*shape: int, levels: int = 0) -> torch.Tensor:
    """bfloat16 in channels_last memory; of few levels, so that numbers of a window are often equal."""
    x = torch.randint(-levels, levels + 1, shape).float() if levels else torch.randn(shape)
    return x.bfloat16().to(memory_format=torch.channels_last)


def learnt(function, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The output and the gradient of the input, of a sum with weights of its own."""
    start = x.detach().clone().requires_grad_()
    y = function(start * 1)
    torch.manual_seed(1)
    y.backward(torch.randn(y.shape).bfloat16().to(y))
    return y.detach(), start.grad


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize(
    ("ours_of", "theirs_of"), [(relu, F.relu), (RELU6, F.relu6), (CLIP, lambda x: F.hardtanh(x, -1, 0.5))]
)
def test_a_relu_is_torchs_bit_by_bit(ours_of, theirs_of, inplace, dtype):
    negative = torch.tensor([0xFFC0 - 0x10000], dtype=torch.int16).view(torch.bfloat16)  # the NaN that processors make
    x = torch.cat([torch.tensor(ODD), negative.float(), torch.tensor([6.0, 6.03125]), 4 * torch.randn(500)]).to(dtype)
    for given_x in (x[: len(ODD) - 1], x[-502:]):
        both = learnt(lambda v: ours_of(v, inplace=inplace), given_x), learnt(theirs_of, given_x)
        for ours, theirs in zip(*both, strict=True):
            assert same(ours, theirs)
    assert same(ours_of(x.clone(), inplace=inplace), theirs_of(x))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("levels", [0, 2])
@pytest.mark.parametrize(("size", "kernel"), [((8, 8), (2, 2)), ((9, 7), (2, 2)), ((9, 9), (3, 3)), ((6, 10), (2, 3))])
def test_a_pooled_relu_is_torchs_also_where_numbers_are_equal(inplace, levels, size, kernel):
    x = pictures(5, 6, *size, levels=levels)
    ours = learnt(lambda v: relu_max_pool2d(v, [*kernel], inplace), x)
    theirs = learnt(lambda v: F.max_pool2d(F.relu(v), kernel), x)
    assert all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    assert ours[0].is_contiguous(memory_format=torch.channels_last)
    narrow = learnt(lambda v: relu_max_pool2d(v, [*kernel], inplace), x.float())
    assert all(same(a.float(), b) for a, b in zip(theirs, narrow, strict=True))


def test_a_number_that_is_none_is_not_pooled_away():
    x = torch.zeros(1, 1, 2, 4).bfloat16()
    x[0, 0, 1, 1] = torch.tensor([0xFFC0 - 0x10000], dtype=torch.int16).view(torch.bfloat16)[0]
    x[0, 0, 0, 0] = 5
    y = relu_max_pool2d(x, [2, 2])
    assert y[0, 0, 0, 0].isnan()
    assert y[0, 0, 0, 1] == 0


def gradients(module: fx.GraphModule, xs: list[torch.Tensor], bits: int) -> list[torch.Tensor | None]:
    """Outputs and the gradients of inputs and weights in training, in so many bits."""
    module.train()
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    starts = [x.clone().requires_grad_() for x in xs]
    with torch.autocast("cpu", torch.bfloat16, enabled=bits == 16):
        ys = module(*starts)
    found = [y.float() for y in (ys if isinstance(ys, tuple) else (ys,))]
    if any(y.requires_grad for y in found):
        wanted = [*starts, *module.parameters()]
        found += torch.autograd.grad(sum((y * y).sum() for y in found), wanted, allow_unused=True)
    for name, value in module.named_buffers():
        value.copy_(buffers[name])
    return [None if one is None else one.detach() for one in found]


def assert_same_training(module: fx.GraphModule, xs: list[torch.Tensor]) -> None:
    for bits in (16, 32):
        for one, other in zip(gradients(module, xs, bits), gradients(quick(module), xs, bits), strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert same(one, other)


@settings(max_examples=30)
@given(networks(calls=14))
def test_no_network_trains_otherwise_in_quick_kernels(graph: Graph) -> None:
    assert_same_training(build(graph), batch_for(graph, torch.float32))


def stack(*more) -> Graph:
    return net((12, 12, 3), layers.Conv2D(8, 3, padding="same", activation="relu"), *more)


@pytest.mark.parametrize(
    "after",
    [
        [layers.MaxPooling2D(2)],
        [layers.MaxPooling2D(2), layers.LeakyReLU()],
        [layers.MaxPooling2D(2), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(2)],
        [layers.MaxPooling2D(3, 2)],
        [layers.MaxPooling2D(3, 2, "same")],
        [layers.MaxPooling2D(5, 5)],
        [layers.GlobalMaxPooling2D()],
        [layers.AdaptiveMaxPooling2D(3)],
        [layers.AveragePooling2D(2), layers.ReLU()],
        [layers.ReLU(), layers.ReLU(), layers.MaxPooling2D(2), layers.ReLU()],
        [layers.Reshape((144, 8)), layers.ReLU(), layers.MaxPooling1D(2)],
    ],
    ids=lambda some: "-".join(type(layer).__name__ for layer in some),
)
def test_a_stack_trains_to_the_same_numbers(after):
    graph = stack(*after)
    assert_same_training(build(graph), [torch.randn(4, 3, 12, 12).to(memory_format=torch.channels_last)])


def test_what_a_relu_gives_to_others_too_stays():
    x = Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    graph = Graph([x], [layers.MaxPooling2D(2)(y), layers.Conv2D(2, 1)(y)])
    assert_same_training(build(graph), [torch.randn(2, 3, 8, 8)])


def test_networks_within_networks_are_quick_too_and_the_first_stays_as_it_was():
    inner = Model.from_graph(stack(layers.MaxPooling2D(2)), "inner")
    x = Input((12, 12, 3))
    module = build(Graph([x], [layers.ReLU()(inner(x))]))
    code = module.code, module.get_submodule("inner").code
    made = quick(module)
    assert_same_training(module, [torch.randn(2, 3, 12, 12)])
    assert (module.code, module.get_submodule("inner").code) == code
    assert "relu_max_pool2d" in made.get_submodule("inner").code
    assert [*map(id, made.parameters())] == [*map(id, module.parameters())]


def test_gradients_in_16_bits_are_near_those_in_32():
    module = build(
        stack(layers.MaxPooling2D(2), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(3))
    )
    xs = [torch.randn(16, 3, 12, 12)]
    for narrow, wide in zip(gradients(quick(module), xs, 16), gradients(module, xs, 32), strict=True):
        assert (narrow - wide).norm() < 0.1 * wide.norm()  # a ReLU or a maximum may decide otherwise
