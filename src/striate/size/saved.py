"""What each layer keeps for its backward pass: one row per layer class.

Each row repeats, in storages, what the layer's row in ``backend/table.py`` does in torch, and what torch's
``derivatives.yaml`` saves for it: a convolution its (padded) input, a max pooling its input and the places of the
maxima (8 bytes each), ReLU and softmax their output, an Add nothing.  Measured on torch 2.13, CPU; on CUDA a dropout
mask takes 1 byte per number instead of one number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from striate import layers
from striate.graph import FlatNode, Layer, Shape
from striate.size.activated import activate
from striate.size.tape import Tape, Value

Row = Callable[[Tape, FlatNode, list[Value]], Value]
ROWS: dict[type[Layer], Row] = {}

_PLACE = 8  # bytes of the place of a maximum


def row(*kinds: type[Layer]) -> Callable[[Row], Row]:
    """Register a function as the row of these layer classes."""

    def register(function: Row) -> Row:
        for kind in kinds:
            ROWS[kind] = function
        return function

    return register


def record(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    """Run a call on the tape.  A layer without a row keeps its inputs and makes its output."""
    for kind in type(node.layer).__mro__:
        if kind in ROWS:
            return ROWS[kind](tape, node, xs)
    grad = any(x.grad for x in xs) or _learns(tape, node)
    if grad:
        tape.keep(*xs)
    return tape.new(prod(node.shape), grad)


def _learns(tape: Tape, node: FlatNode) -> bool:
    return tape.gradients and node.layer.trainable and bool(node.layer.weights(*node.input_shapes))


# -- activations ------------------------------------------------------------------------------------------------------
# The backend runs an activation in place on what these made, when nothing else reads it.
_FREE_OUTPUT = (
    *(layers.Conv1D, layers.Conv2D, layers.DepthwiseConv1D, layers.DepthwiseConv2D),
    *(layers.SeparableConv1D, layers.SeparableConv2D, layers.BatchNormalization, layers.Add),
    *(layers.TrainableSubsampling2D, layers.PartialConv2D),
)


@row(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax)
def _activation(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    before = tape.producer.get(node.inputs[0])
    free = (
        before is not None
        and isinstance(before.layer, _FREE_OUTPUT)
        and getattr(before.layer, "activation", None) in (None, "linear")
        and before.path == node.path
        and tape.readers[node.inputs[0]] == 1
    )
    return activate(tape, node, xs[0], node.layer, free)


# -- convolutions -----------------------------------------------------------------------------------------------------
def _pads(node: FlatNode) -> tuple[tuple[int, int], ...]:
    window = node.layer.window()
    assert window is not None
    return window.pads(node.input_shapes[0][:-1])


def _padded(tape: Tape, node: FlatNode, x: Value) -> Value:
    """`x`, or a copy with its padding around it."""
    sizes, channels = node.input_shapes[0][:-1], node.input_shapes[0][-1]
    total = prod(n + sum(pad) for n, pad in zip(sizes, _pads(node), strict=True)) * channels
    return tape.new(total, x.grad, last=len(sizes) != 1)


def _uneven(node: FlatNode) -> bool:
    """Padding that differs from side to side, which torch's convolutions and poolings do not take."""
    return any(before != after for before, after in _pads(node))


def _padded_for_conv(tape: Tape, node: FlatNode, x: Value) -> Value:
    """A convolution's own padding must not depend on the size of its first call, so ``same`` with a stride copies."""
    window: Any = node.layer.window()
    sized = window.padding == "same" and any(s > 1 and f > 1 for s, f in zip(window.strides, window.span, strict=True))
    copies = _uneven(node) or (sized and any(map(any, _pads(node))))
    return _padded(tape, node, x) if copies else x


def _convolved(tape: Tape, node: FlatNode, x: Value, numbers: int) -> Value:
    """A convolution keeps its input, also when only its input or only its weights need a gradient."""
    grad = x.grad or _learns(tape, node)
    if grad:
        tape.keep(x)
    return tape.new(numbers, grad, last=len(node.shape) != 2)


@row(layers.Conv1D, layers.Conv2D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def _conv(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    x = _padded_for_conv(tape, node, xs[0])
    return activate(tape, node, _convolved(tape, node, x, prod(node.shape)), layer.activation, in_place=True)


@row(layers.SeparableConv1D, layers.SeparableConv2D)
def _separable(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    x = _padded_for_conv(tape, node, xs[0])
    maps = node.input_shapes[0][-1] * layer.depth_multiplier
    middle = _convolved(tape, node, x, prod(node.shape[:-1]) * maps)
    return activate(tape, node, _convolved(tape, node, middle, prod(node.shape)), layer.activation, in_place=True)


@row(layers.Conv1DTranspose, layers.Conv2DTranspose)
def _transposed(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    window, sizes, out = layer.window(), node.input_shapes[0][:-1], node.shape[:-1]
    natural = [(n - 1) * s + f for n, s, f in zip(sizes, window.strides, window.span, strict=True)]
    if isinstance(window.padding, str):
        before = [max(n - o, 0) // 2 for n, o in zip(natural, out, strict=True)]
    else:
        before = [pad[0] for pad in window.padding]
    own = [0 <= o - (n - 2 * a) < s for n, o, a, s in zip(natural, out, before, window.strides, strict=True)]
    whole = [o if mine else n for n, o, mine in zip(natural, out, own, strict=True)]  # the rest is cut off: a view
    y = _convolved(tape, node, xs[0], prod(whole) * layer.filters)
    y = replace(y, numbers=prod(node.shape), dense=all(own))
    return activate(tape, node, y, layer.activation, in_place=all(own))


@row(layers.PartialConv2D)
def _partial(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    y = _convolved(tape, node, xs[0], prod(node.shape))
    if y.grad:  # the table spread out to a whole filter bank
        tape.keep_fixed(len(layer.connections) * node.input_shapes[0][-1] * layer.window().area * tape.item)
    if _learns(tape, node):
        tape.keep_fixed(2 * layer.links * _PLACE)
    return activate(tape, node, y, layer.activation, in_place=True)


# -- pooling ----------------------------------------------------------------------------------------------------------
def _pooled(tape: Tape, node: FlatNode, x: Value) -> Value:
    return tape.new(prod(node.shape), x.grad, last=x.last)


def _copied(node: FlatNode) -> bool:
    """Whether the backend pads a copy: torch's poolings take even padding of up to half a window."""
    window = node.layer.window()
    assert window is not None
    return _uneven(node) or any(a > k // 2 for (a, _), k in zip(_pads(node), window.kernel, strict=True))


@row(layers.MaxPooling1D, layers.MaxPooling2D)
def _max(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    x = _padded(tape, node, xs[0]) if _copied(node) else xs[0]
    if x.grad:
        tape.keep(x)
        tape.keep_new(prod(node.shape), _PLACE)
    elif len(node.shape) == 2:  # torch has another kernel for sequences without a gradient
        x = replace(x, last=False)
    return _pooled(tape, node, x)


@row(layers.MinPooling1D, layers.MinPooling2D)
def _min(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    return _max(tape, node, [tape.like(xs[0])])


@row(layers.AveragePooling1D, layers.AveragePooling2D)
def _average(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    x = _padded(tape, node, xs[0]) if _copied(node) else xs[0]
    if x.grad:
        tape.keep(x)
        if _copied(node) and not layer.count_include_pad:
            tape.keep_fixed(prod(node.shape[:-1]) * tape.item)
    return _pooled(tape, node, x)


@row(layers.SumPooling1D, layers.SumPooling2D)
def _sum(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    x = _padded(tape, node, xs[0]) if any(map(any, _pads(node))) else xs[0]
    if x.grad:
        tape.keep(x)
    return _pooled(tape, node, x)


@row(layers.L1Pooling1D, layers.L1Pooling2D, layers.L2Pooling1D, layers.L2Pooling2D)
def _norm(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if xs[0].grad:
        tape.keep(xs[0])
    y = _sum(tape, node, [tape.like(xs[0])])
    if isinstance(node.layer, layers.L2Pooling1D | layers.L2Pooling2D) and y.grad:
        tape.keep(y)
        y = tape.like(y)
        tape.keep(y)
    return y


@row(layers.CenterWeightedAveragePooling1D, layers.CenterWeightedAveragePooling2D)
def _center(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if xs[0].grad:
        tape.keep_fixed(node.layer.window().area * tape.item)  # type: ignore[union-attr]
    return replace(_sum(tape, node, xs), last=len(node.shape) != 2)


@row(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.AdaptiveMaxPooling1D, layers.AdaptiveMaxPooling2D)
def _global_max(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if xs[0].grad:
        tape.keep(xs[0])
        tape.keep_new(prod(node.shape), _PLACE)
    return _pooled(tape, node, xs[0])


@row(layers.AdaptiveAveragePooling1D, layers.AdaptiveAveragePooling2D)
def _adaptive(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if xs[0].grad and prod(node.shape[:-1]) > 1:
        tape.keep(xs[0])
    return _pooled(tape, node, xs[0])


@row(layers.DepthPooling)
def _depth(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    y = tape.new(prod(node.shape), xs[0].grad, last=len(node.shape) == 1)
    if xs[0].grad and layer.mode == "max":
        tape.keep(xs[0], y)
    return y


@row(layers.TrainableSubsampling2D)
def _subsampling(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    learns = _learns(tape, node)
    mean = tape.new(prod(node.shape), xs[0].grad, last=xs[0].last)
    if xs[0].grad:
        tape.keep(xs[0])
    if learns:
        tape.keep(mean)
    return activate(tape, node, tape.like(mean, xs[0].grad or learns), layer.activation, in_place=True)


# -- dense and norms --------------------------------------------------------------------------------------------------
@row(layers.Dense)
def _dense(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    learns = _learns(tape, node)
    x = xs[0] if len(node.shape) == 1 else tape.view(xs[0], node.input_shapes[0])
    if learns:
        tape.keep(x)
    y = tape.new(prod(node.shape), x.grad or learns)
    return activate(tape, node, y, layer.activation, in_place=len(node.input_shapes[0]) == 1)


@row(layers.Embedding)
def _embedding(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    learns = _learns(tape, node)
    if learns:
        tape.keep(xs[0])
    return tape.new(prod(node.shape), learns)


@row(layers.EuclideanRBF)
def _rbf(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if xs[0].grad:
        tape.keep_new(prod(node.shape) * xs[0].numbers)
    return tape.new(prod(node.shape), xs[0].grad)


@row(layers.Dropout)
def _dropout(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if not (tape.training and node.layer.rate):  # type: ignore[attr-defined]
        return xs[0]
    if xs[0].grad:
        tape.keep_new(xs[0].numbers)
    return tape.like(xs[0])


@row(layers.DropPath)
def _drop_path(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if not (tape.training and node.layer.rate):  # type: ignore[attr-defined]
        return xs[0]
    if xs[0].grad:
        tape.keep_new(1)
    return tape.like(xs[0])


@row(layers.LayerScale)
def _layer_scale(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    learns = _learns(tape, node)
    if learns:
        tape.keep(xs[0])
    return tape.like(xs[0], xs[0].grad or learns)


@row(layers.BatchNormalization)
def _batch_norm(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    grad = xs[0].grad or _learns(tape, node)
    if grad:
        tape.keep(xs[0])
        if tape.training and node.layer.trainable:
            tape.keep_fixed(2 * node.shape[-1] * max(tape.item, 4))
    return tape.new(xs[0].numbers, grad, last=len(node.shape) != 2 and xs[0].last)


@row(layers.LayerNormalization)
def _layer_norm(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    grad = xs[0].grad or _learns(tape, node)
    if grad:
        tape.keep(xs[0])
        tape.keep_new(2 * prod(node.shape[:-1]), max(tape.item, 4))
    return tape.new(xs[0].numbers, grad)


@row(layers.LocalResponseNormalization)
def _lrn(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if xs[0].grad:
        tape.keep(xs[0])
        for _ in ("squares", "sums", "their power"):
            tape.keep_new(xs[0].numbers)
    return tape.like(xs[0])


@row(layers.Rescaling, layers.Normalization)
def _rescaling(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    if isinstance(layer, layers.Normalization):
        scale, per_channel = layer.variance, True
    else:
        scale, per_channel = layer.scale, isinstance(layer.scale, tuple) or isinstance(layer.offset, tuple)
        if scale == 1 and not layer.offset:
            return xs[0]
    if xs[0].grad and per_channel:  # the factors
        tape.keep_fixed(tape.item * (len(scale) if isinstance(scale, tuple) else 1))
    return tape.like(xs[0])


# -- shapes and merges ------------------------------------------------------------------------------------------------
@row(layers.Flatten, layers.Reshape)
def _reshape(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    before: Shape = node.input_shapes[0]
    if len(before) == 1 and len(node.shape) == 1:
        return xs[0]
    single = before[-1] == 1 or prod(before[:-1]) == 1
    whole = xs[0].dense or len(before) == 2  # the steps that are left of a cropped sequence still stand in a row
    return tape.view(replace(xs[0], last=xs[0].last or single, dense=whole), node.shape)


@row(layers.Cropping1D, layers.Cropping2D)
def _crop(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    return replace(xs[0], numbers=prod(node.shape), dense=False)


@row(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.UpSampling1D, layers.UpSampling2D)
@row(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D)
@row(layers.Add, layers.Subtract, layers.Average, layers.Concatenate, layers.ChannelPadding)
def _keeps_nothing(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    if isinstance(node.layer, layers.Add | layers.Subtract | layers.Average):
        last = xs[0].last
    else:
        last = len(node.shape) != 2 and all(x.last for x in xs)
    return tape.new(prod(node.shape), any(x.grad for x in xs), last=last or len(node.shape) == 1)


@row(layers.Multiply, layers.Maximum, layers.Minimum)
def _product(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    """One input after the other; a product keeps a factor when the other one needs a gradient, a maximum keeps both."""
    alone = isinstance(node.layer, layers.Multiply)
    y = xs[0]
    for x in xs[1:]:
        if x.grad or (y.grad and not alone):
            tape.keep(y)
        if y.grad or (x.grad and not alone):
            tape.keep(x)
        y = tape.new(max(x.numbers, y.numbers), x.grad or y.grad, last=y.last)
    return y
