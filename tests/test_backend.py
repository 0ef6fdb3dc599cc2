"""Graph -> torch: names, sharing, modes, logits and memory layout."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from graphs import net, resnet_like

from striate import layers
from striate.backend import build, keep_memory, logits_module, set_mode, to_source
from striate.errors import ArgumentError, StriateError
from striate.graph import Graph, Input, Layer, every_layer
from striate.layers.initializers import Constant
from striate.model import Model

pytestmark = pytest.mark.usefixtures("one_thread")


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
    assert frozen.torch_module.running_mean.tolist() == [0, 0, 0]
    assert free.torch_module.running_mean.abs().sum() > 0
    assert (module.training, frozen.torch_module.training, free.torch_module.training) == (True, False, True)
    torch.testing.assert_close(frozen.torch_module(given), given / (1 + 1e-3) ** 0.5)
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator alone is told")
def test_blocks_freed_between_others_are_handed_back_where_that_was_asked_for() -> None:
    """In a process of its own: one that has worked holds gaps in which blocks find room."""
    code = """
import os, pathlib
import numpy as np
from striate.backend.allocator import handing_back

def held():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

with handing_back(), handing_back():
    pass
with handing_back():
    blocks = [np.ones(1 << 20) for _ in range(20)]  # of 8 MB
    before = held()
    del blocks[::2]
    assert held() < before - 70 * 2**20
assert len(blocks) == 10
small = [np.ones(1 << 13) for _ in range(1200)]  # of 64 KB, from the heap
before = held()
del small[:-1]  # the last lies above the gap
with handing_back():
    assert held() < before - 70 * 2**20
    assert len(small) == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)


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


# -- what else holds of a module ----------------------------------------------------------------------------------------
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
