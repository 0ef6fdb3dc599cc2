"""Every primitive through every view: size, torch, ONNX, memory and receptive field must agree.

A new primitive fails the first test until it has a case here and a row in each table.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import reference as ref
import torch
from kept import really_kept
from torch.utils.flop_counter import FlopCounterMode

from striate import layers
from striate import primitives as p
from striate.backend import build
from striate.backend.table import ROWS as TORCH
from striate.graph import Graph, Identity, Input, Primitive, Value
from striate.layers import initializers
from striate.ops.torch_code import LayerCode
from striate.primitives import Window
from striate.ship import Engine, to_onnx
from striate.ship.writer import ROWS as ONNX
from striate.size import kept_bytes, receptive
from striate.size.backward_memory import ROWS as MEMORY
from striate.size.receptive_field import RULES

pytestmark = pytest.mark.usefixtures("one_thread")

Lower = Callable[..., Value]


@dataclass(eq=False)
class Case:
    """What a layer's lower() does with inputs of these shapes."""

    lower: Lower
    shapes: tuple[tuple[int, ...], ...]
    highest: int = 0  # of whole-number inputs; 0: numbers

    def graph(self, after: bool = False) -> Graph:
        """The layer by itself, or after layers that learn, so that a gradient flows back through it."""
        lower, arity = self.lower, len(self.shapes)
        kind = type(
            "_Made", (layers.Layer,), {"lower": lambda self, *xs: lower(*xs), "arity": arity, "__module__": __name__}
        )
        dtype = "int64" if self.highest else "float32"
        inputs = [Input(shape, dtype=dtype) for shape in self.shapes]
        given = [layers.LayerScale(0.5)(x) if after else x for x in inputs]
        return Graph(inputs, [kind(name="made")(given if arity > 1 else given[0])])

    def examples(self, count: int = 2) -> list[np.ndarray]:
        rng = np.random.default_rng(1)
        if self.highest:
            return [rng.integers(0, self.highest + 1, (count, *shape)) for shape in self.shapes]
        return [rng.uniform(0.1, 1, (count, *shape)).astype(np.float32) for shape in self.shapes]


CASES: dict[type[Primitive], list[Case]] = {}


def case(kind: type[Primitive], lower: Lower, *shapes: tuple[int, ...], highest: int = 0) -> None:
    CASES.setdefault(kind, []).append(Case(lower, shapes, highest))


PICTURE, SEQUENCE, VECTOR = (7, 6, 4), (9, 4), (6,)
THREE = Window((3, 3), (1, 1))
SAME = Window((3, 2), (2, 1), "same")
UNEVEN = Window((3, 3), (2, 2), ((0, 2), (1, 0)))
ALONG = Window((3,), (2,), "same")

case(Identity, lambda x: x, PICTURE)
for window in (THREE, SAME, UNEVEN, Window((3, 3), (1, 1), "valid", (2, 2))):
    case(p.Conv, lambda x, w=window: p.conv(x, 6, w), PICTURE)
case(p.Conv, lambda x: p.conv(x, 6, ALONG, groups=2, bias=None), SEQUENCE)
case(p.DepthwiseConv, lambda x: p.depthwise_conv(x, SAME, multiplier=2), PICTURE)
case(p.DepthwiseConv, lambda x: p.depthwise_conv(x, ALONG, bias=None), SEQUENCE)
case(p.PartialConv, lambda x: p.partial_conv(x, ((0, 2), (1,), (3, 0, 1)), THREE), PICTURE)
for padding in ("valid", "same", ((1, 0), (0, 2))):
    for size, stride in (((3, 3), (2, 2)), ((2, 3), (3, 1))):
        PAINTED = Window(size, stride, padding, transposed=True)
        case(p.ConvTranspose, lambda x, w=PAINTED: p.conv(x, 3, w), (3, 4, 2))
case(p.ConvTranspose, lambda x: p.conv(x, 3, Window((3,), (2,), "same", transposed=True)), SEQUENCE)
for how, window in itertools.product(("max", "average", "average_all", "sum", "center"), (THREE, SAME, UNEVEN, ALONG)):
    case(p.Pool, lambda x, w=window, h=how: p.pool(x, w, h), PICTURE if len(window.kernel) == 2 else SEQUENCE)  # type: ignore[arg-type]
for how in ("max", "average"):
    case(p.AdaptivePool, lambda x, h=how: p.adaptive_pool(x, (3, 2), h), PICTURE)  # type: ignore[arg-type]
    case(p.AdaptivePool, lambda x, h=how: p.adaptive_pool(x, (2,), h), SEQUENCE)  # type: ignore[arg-type]
    case(p.DepthPool, lambda x, h=how: p.depth_pool(x, Window((2,), (2,)), h), PICTURE)  # type: ignore[arg-type]
for how, axes, keep in itertools.product(("max", "mean", "sum"), (None, (0,), (-1,), (0, 2)), (False, True)):
    case(p.Reduce, lambda x, h=how, a=axes, k=keep: p.reduce(x, h, a, k), PICTURE)  # type: ignore[arg-type]
case(p.Reduce, lambda x: p.reduce(x, "max"), SEQUENCE)
for shape in (PICTURE, SEQUENCE, VECTOR):
    case(p.Linear, lambda x: p.linear(x, 5), shape)
    case(p.Scale, lambda x: p.scale(x, "ones", "zeros"), shape)
    case(p.Scale, lambda x: p.scale(x, None, "ones"), shape)
    case(p.BatchNorm, lambda x: p.batch_norm(x), shape)
    case(p.LayerNorm, lambda x: p.layer_norm(x, gamma=None), shape)
    case(p.Affine, lambda x: p.affine(x, 2.0, 0.5), shape)
    case(p.Affine, lambda x: p.affine(x, tuple(float(i) for i in range(x.shape[-1])), 1.0), shape)
    case(p.Softmax, lambda x: p.softmax(x), shape)
    case(p.Softmax, lambda x: p.softmax(x, log=True), shape)
    case(p.Flatten, lambda x: p.flatten(x), shape)
    case(p.Dropout, lambda x: p.dropout(x, 0.3), shape)
    case(p.Dropout, lambda x: p.dropout(x, 0.3, together=(0,), seed=3), shape)
    case(p.Noise, lambda x: p.noise(x, 0.3), shape)
    case(p.Noise, lambda x: p.noise(x, 0.3, multiplied=True, seed=4), shape)
    case(p.Penalty, lambda x: p.penalty(x, 0.1, 0.2), shape)
    case(p.Slope, lambda x: p.slope(p.affine(x, 1.0, -0.5), initializers.Constant(0.2)), shape)
    case(p.Slope, lambda x: p.slope(x, initializers.Constant(0.2), (0,)), shape)
    case(p.Dropout, lambda x: p.dropout(x, 0.3, whole=True), shape)
    case(p.Dropout, lambda x: p.dropout(x, 0.3, together=(0,), alpha=True), shape)
    case(p.Pad, lambda x: p.pad(x, (*((0, 0),) * (len(x.shape) - 1), (1, 2))), shape)
case(p.Lookup, lambda x: p.lookup(x, 7, 3), (5,), highest=6)
case(p.Distance, lambda x: p.distance(x, 3, "ones"), VECTOR)
case(p.ChannelNorm, lambda x: p.channel_norm(x, 1, 1.0, 0.1, 0.75), PICTURE)
case(p.ChannelNorm, lambda x: p.channel_norm(x, 2, 2.0, 0.1, 0.5), SEQUENCE)
case(p.Slice, lambda x: p.cut(x, ((1, 5, 1), (0, 6, 2), (0, 4, 1))), PICTURE)
case(p.Slice, lambda x: p.cut(x, ((0, 7, 1), (2, 6, 1), (1, 3, 1))), PICTURE)
case(p.Slice, lambda x: p.flatten(p.cut(x, ((0, 7, 3), (0, 6, 1), (0, 4, 1)))), PICTURE)
case(p.Slice, lambda x: p.linear(p.cut(x, ((0, 9, 1), (1, 4, 2))), 3), SEQUENCE)
case(p.Slice, lambda x: p.linear(p.cut(x, ((0, 7, 1), (0, 6, 1), (1, 3, 1))), 3), PICTURE)
case(p.Slice, lambda x: p.linear(p.cut(x, ((1, 7, 1), (0, 6, 1), (1, 3, 1))), 3), PICTURE)
case(p.Slice, lambda x: p.flatten(p.cut(x, ((2, 9, 1), (0, 4, 1)))), SEQUENCE)
case(p.Slice, lambda x: p.pointwise(p.cut(x, ((1, 6, 2),)), "tanh"), VECTOR)
case(p.Slice, lambda x: p.cut(x, ((0, 9, 1), (0, 4, 1))), SEQUENCE)
for axis in (0, 1, 2):
    case(p.Gather, lambda x, i=axis: p.gather(x, i, (3, 0, 0, 2)), PICTURE)
case(p.Gather, lambda x: p.linear(p.gather(x, -1, (3, 2, 1, 0)), 2), SEQUENCE)
case(p.Gather, lambda x: p.gather(x, 0, (5, 5, 1)), VECTOR)
GRIDS = (p.Cells(2, 3, 4.0, 5.0), p.Cells(1, 2, 8.0, 7.0))
case(p.Locate, lambda x: p.locate(x, GRIDS, (-1.0, -1.0, 1.0, 1.0)), (8, 4))
case(p.Locate, lambda x: p.locate(p.pointwise(x, "tanh"), GRIDS, (1.0, 2.0), 0, 2), (16, 2))
for order in ((1, 0, 2), (2, 0, 1), (0, 2, 1)):
    case(p.Permute, lambda x, o=order: p.permute(x, o), PICTURE)
    case(p.Permute, lambda x, o=order: p.flatten(p.permute(x, o)), PICTURE)
    case(p.Permute, lambda x, o=order: p.linear(p.pointwise(p.permute(x, o), "tanh"), 3), PICTURE)
case(p.Permute, lambda x: p.permute(x, (1, 0)), SEQUENCE)
case(p.Permute, lambda x: p.linear(p.permute(x, (1, 0)), 3), SEQUENCE)


class _Torchy(layers.Layer):
    """Torch code of a user's own, which keeps its input and more for the backward pass."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.mix = torch.nn.Conv2d(depth, 5, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.mix(x)) * x.mean((1, 2, 3), keepdim=True)


case(p.Foreign, lambda x: p.foreign(LayerCode(_Torchy(x.shape[-1]), last=False), x), PICTURE)
PARAMETERS: dict[str, tuple[float | None, ...]] = {
    "clip": (0.2, 0.6),
    "parametric_relu": (0.8, 0.1, 0.3),
    "power": (3.0,),
}
for name in p.FUNCTIONS:
    case(p.Pointwise, lambda x, n=name: p.pointwise(x, n, *PARAMETERS.get(n, ())), PICTURE)
for how in ("add", "subtract", "multiply", "divide", "average", "maximum", "minimum"):
    case(p.Combine, lambda a, b, h=how: p.combine(h, a, b), PICTURE, PICTURE)  # type: ignore[arg-type]
    case(p.Combine, lambda a, b, h=how: p.combine(h, a, b), PICTURE, (4,))  # type: ignore[arg-type]
    case(p.Combine, lambda a, b, h=how: p.combine(h, a, b), (1, 1, 4), PICTURE)  # type: ignore[arg-type]
case(p.Combine, lambda a, b: p.combine("multiply", a, b), (4,), SEQUENCE)
case(p.Reshape, lambda x: p.reshape(x, (3, -1, 4)), (7, 6, 12))
case(p.Reshape, lambda x: p.reshape(x, (6, 7)), (7, 6))
case(p.Pad, lambda x: p.pad(x, ((1, 0), (2, 3))), PICTURE)
case(p.Crop, lambda x: p.crop(x, ((1, 2), (0, 3))), PICTURE)
case(p.Crop, lambda x: p.crop(x, ((2, 0),)), SEQUENCE)
for resizing in ("nearest", "bilinear"):
    case(p.Resize, lambda x, h=resizing: p.resize(x, (2, 3), h), PICTURE)  # type: ignore[arg-type]
    case(p.Resize, lambda x, h=resizing: p.resize(x, (3,), h), SEQUENCE)  # type: ignore[arg-type]
for sampling in ("nearest", "bilinear", "bicubic"):
    for new in ((3, 4), (11, 9), (14, 3)):
        case(p.Interpolate, lambda x, h=sampling, n=new: p.interpolate(x, n, h), PICTURE)  # type: ignore[arg-type]
for sampling in ("bilinear", "bicubic"):
    case(p.Interpolate, lambda x, h=sampling: p.interpolate(x, (3, 9), h, antialias=True), (7, 12, 2))  # type: ignore[arg-type]
for order in ((1, 0, 2), (2, 0, 1), (0, 2, 1)):
    case(p.Permute, lambda x, o=order: p.permute(x, o), PICTURE)
case(p.Permute, lambda x: p.permute(x, (1, 0)), SEQUENCE)
for axis in (0, 1, 2):
    case(p.Concatenate, lambda a, b, i=axis: p.concatenate(i, a, b), PICTURE, PICTURE)
case(p.Augment, lambda x: p.augment(x, layers.RandomFlip().change()), PICTURE)
case(p.Augment, lambda x: p.augment(x, layers.RandomCrop(3, 4).change()), PICTURE)

EVERY = [pytest.param(one, id=f"{kind.__name__}-{i}") for kind, cases in CASES.items() for i, one in enumerate(cases)]


def test_every_primitive_has_a_case_and_a_row_in_every_table() -> None:
    known = {Identity, *(v for v in vars(p).values() if isinstance(v, type) and issubclass(v, Primitive))} - {Primitive}
    assert known == CASES.keys() == TORCH.keys() == ONNX.keys() == MEMORY.keys() == RULES.keys()


@pytest.mark.parametrize("one", EVERY)
def test_size_torch_and_onnx_agree(one: Case) -> None:
    graph, xs = one.graph(), one.examples()
    module = build(graph).eval()
    with torch.no_grad():
        expected = ref.channels_last(module(*(torch.from_numpy(ref.channels_first(x)) for x in xs)).numpy())
    assert expected.shape[1:] == graph.output_shapes[0]
    given = Engine(to_onnx(graph).SerializeToString()).predict(xs)[0]
    assert given.shape == expected.shape
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)
    arrays = graph.nodes[-1].layer.parameters(*one.shapes)
    state = {key.removeprefix("made."): tuple(value.shape) for key, value in module.named_parameters()}
    assert state == {name: array.shape for name, array in arrays.items()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("one", [param for param in EVERY if not param.values[0].highest])
def test_what_is_kept_is_what_autograd_keeps(one: Case, training: bool) -> None:
    graph = one.graph(after=True)
    for batch in (2, 3):
        assert kept_bytes(graph, batch, training=training) == really_kept(graph, batch, training=training)


@pytest.mark.parametrize("one", [param for param in EVERY if not param.values[0].highest])
def test_a_position_answers_to_nothing_outside_its_receptive_field(one: Case) -> None:
    graph = one.graph()
    fields, module = receptive(graph), build(graph).eval()
    (*sizes, _), xs = graph.output_shapes[0], one.examples(1)
    plain = [torch.from_numpy(ref.channels_first(x)) for x in xs]
    rng = np.random.default_rng(2)
    for which, label in enumerate(fields.inputs):
        positions = len(one.shapes[which]) - 1 or 1
        for position in rng.permutation(list(itertools.product(*map(range, sizes))))[:12]:
            at = tuple(int(i) for i in position)
            crop = fields.crop("made", at, label)
            assert len(crop) in (positions, len(one.shapes[which]))  # the channels too, where they become positions
            poisoned = np.full_like(xs[which], 100)
            inside = (slice(None), *(slice(begin, end) for begin, end in crop))
            poisoned[inside] = xs[which][inside]
            given = [*plain]
            given[which] = torch.from_numpy(ref.channels_first(poisoned))
            with torch.no_grad():
                poisoned, whole = (ref.channels_last(module(*inputs).numpy())[(0, *at)] for inputs in (given, plain))
            np.testing.assert_allclose(poisoned, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [p.Conv, p.DepthwiseConv, p.ConvTranspose, p.Linear])
def test_multiplications_are_those_that_torch_counts(kind: type[Primitive]) -> None:
    for one in CASES[kind]:
        graph = one.graph()
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            build(graph).eval()(*(torch.from_numpy(ref.channels_first(x)) for x in one.examples(1)))
        assert 2 * graph.nodes[-1].layer.mults(*one.shapes) == counter.get_total_flops()
