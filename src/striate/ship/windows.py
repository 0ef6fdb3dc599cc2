"""Rows of the ONNX table: layers that slide a window, and global pooling."""

from __future__ import annotations

from math import ceil, floor, prod
from typing import Any

import numpy as np

from striate import layers
from striate.graph.graph import FlatNode
from striate.layers.pool import center_weights
from striate.ship.writer import Value, Writer, activate, row


def _sides(node: FlatNode) -> list[int]:
    """Padding in ONNX' order: before each axis, then after each axis."""
    window = node.layer.window()
    assert window is not None
    pads = window.pads(node.input_shapes[0][:-1])
    return [before for before, _ in pads] + [after for _, after in pads]


def _conv(w: Writer, node: FlatNode, x: str, weight: np.ndarray, bias: np.ndarray | None, groups: int) -> str:
    window = node.layer.window()
    assert window is not None
    return w.op(
        "Conv",
        x,
        weight,
        bias,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilation),
        pads=_sides(node),
        group=groups,
    )


# -- convolutions ----------------------------------------------------------------------------------------------------
@row(layers.Conv1D, layers.Conv2D)
def _conv_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays = w.weights(layer)
    y = _conv(w, node, w.first(xs[0]), arrays["weight"], arrays.get("bias"), layer.groups)
    return activate(w, Value(y, node.shape, "first"), layer.activation)


@row(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def _depthwise_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays = w.weights(layer)
    y = _conv(w, node, w.first(xs[0]), arrays["weight"], arrays.get("bias"), node.input_shapes[0][-1])
    return activate(w, Value(y, node.shape, "first"), layer.activation)


@row(layers.SeparableConv1D, layers.SeparableConv2D)
def _separable_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays = w.weights(layer)
    y = _conv(w, node, w.first(xs[0]), arrays["depthwise.weight"], None, node.input_shapes[0][-1])
    ones = [1] * layer.rank
    y = w.op("Conv", y, arrays["pointwise.weight"], arrays.get("pointwise.bias"), kernel_shape=ones)
    return activate(w, Value(y, node.shape, "first"), layer.activation)


@row(layers.Conv1DTranspose, layers.Conv2DTranspose)
def _transpose_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    window = layer.window()
    sizes, out = node.input_shapes[0][:-1], node.shape[:-1]
    natural = [(n - 1) * s + f for n, s, f in zip(sizes, window.strides, window.span, strict=True)]
    if window.padding in ("valid", "same"):  # Keras: what is too much goes, half at the start rounded down
        before = [max(n - o, 0) // 2 for n, o in zip(natural, out, strict=True)]
    else:
        before = [a for a, _ in window.padding]
    after = [n - a - o for n, a, o in zip(natural, before, out, strict=True)]
    arrays = w.weights(layer)
    y = w.op(
        "ConvTranspose",
        w.first(xs[0]),
        arrays["weight"],
        arrays.get("bias"),
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilation),
        pads=before + [max(a, 0) for a in after],
        output_padding=[max(-a, 0) for a in after],
    )
    return activate(w, Value(y, node.shape, "first"), layer.activation)


@row(layers.PartialConv2D)
def _partial_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays = w.weights(layer)
    full = np.zeros((len(layer.connections), node.input_shapes[0][-1], *layer.kernel_size), np.float32)
    links = [(k, i) for k, inputs in enumerate(layer.connections) for i in inputs]
    full[tuple(zip(*links, strict=True))] = arrays["weight"]
    y = _conv(w, node, w.first(xs[0]), full, arrays["bias"], 1)
    return activate(w, Value(y, node.shape, "first"), layer.activation)


# -- pooling ---------------------------------------------------------------------------------------------------------
def _pool(w: Writer, node: FlatNode, x: str, kind: str, **more: Any) -> str:
    window = node.layer.window()
    assert window is not None
    sizes = {"kernel_shape": list(window.kernel), "strides": list(window.strides), "pads": _sides(node)}
    return w.op(kind, x, **sizes, **more)


def _sum(w: Writer, node: FlatNode, x: str) -> str:
    window = node.layer.window()
    assert window is not None
    mean = _pool(w, node, x, "AveragePool", count_include_pad=1)
    return w.op("Mul", mean, np.array(window.area, np.float32))


@row(layers.MaxPooling1D, layers.MaxPooling2D)
def _max_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return Value(_pool(w, node, w.first(xs[0]), "MaxPool"), node.shape, "first")


@row(layers.MinPooling1D, layers.MinPooling2D)
def _min_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    y = _pool(w, node, w.op("Neg", w.first(xs[0])), "MaxPool")
    return Value(w.op("Neg", y), node.shape, "first")


@row(layers.AveragePooling1D, layers.AveragePooling2D)
def _average_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    y = _pool(w, node, w.first(xs[0]), "AveragePool", count_include_pad=int(layer.count_include_pad))
    return Value(y, node.shape, "first")


@row(layers.SumPooling1D, layers.SumPooling2D)
def _sum_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return Value(_sum(w, node, w.first(xs[0])), node.shape, "first")


@row(layers.L1Pooling1D, layers.L1Pooling2D)
def _l1_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return Value(_sum(w, node, w.op("Abs", w.first(xs[0]))), node.shape, "first")


@row(layers.L2Pooling1D, layers.L2Pooling2D)
def _l2_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    x = w.first(xs[0])
    return Value(w.op("Sqrt", _sum(w, node, w.op("Mul", x, x))), node.shape, "first")


@row(layers.CenterWeightedAveragePooling1D, layers.CenterWeightedAveragePooling2D)
def _center_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    depth, size = node.shape[-1], tuple(layer.pool_size)
    one = np.array(center_weights(size), np.float32).reshape(1, 1, *size)
    filters = np.repeat(one, depth, axis=0)
    return Value(_conv(w, node, w.first(xs[0]), filters, None, depth), node.shape, "first")


@row(layers.TrainableSubsampling2D)
def _subsampling_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays = w.weights(layer)
    y = _pool(w, node, w.first(xs[0]), "AveragePool")
    y = w.op("Affine", y, arrays["weight"].astype(float), arrays["bias"].astype(float), axis=1, axes=3)
    return activate(w, Value(y, node.shape, "first"), layer.activation)


def _global(w: Writer, node: FlatNode, x: Value, kind: str) -> Value:
    layer: Any = node.layer
    y = w.op(kind, w.first(x))
    return Value(y if layer.keepdims else w.op("Flatten", y, axis=1), node.shape, "first")


@row(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D)
def _global_max_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return _global(w, node, xs[0], "GlobalMaxPool")


@row(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D)
def _global_average_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return _global(w, node, xs[0], "GlobalAveragePool")


@row(
    layers.AdaptiveAveragePooling1D,
    layers.AdaptiveAveragePooling2D,
    layers.AdaptiveMaxPooling1D,
    layers.AdaptiveMaxPooling2D,
)
def _adaptive_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    sizes, out = node.input_shapes[0][:-1], tuple(layer.output_size)
    kind = "Max" if "Max" in layer.kind else "Average"
    x = w.first(xs[0])
    if sizes == out:
        return Value(x, node.shape, "first")
    if all(n % m == 0 for n, m in zip(sizes, out, strict=True)):
        steps = [n // m for n, m in zip(sizes, out, strict=True)]
        return Value(w.op(f"{kind}Pool", x, kernel_shape=steps, strides=steps), node.shape, "first")
    for axis, (n, m) in enumerate(zip(sizes, out, strict=True)):  # windows are rows x columns: one axis, then the other
        spans = [(floor(i * n / m), ceil((i + 1) * n / m)) for i in range(m)]
        if kind == "Average":
            x = _averaged(w, x, n, spans, axis == len(out) - 1)
        else:
            parts = [_slice(w, x, axis + 2, a, b) for a, b in spans]
            parts = [w.op("ReduceMax", part, np.array([axis + 2]), keepdims=1) for part in parts]
            x = w.op("Concat", *parts, axis=axis + 2)
    return Value(x, node.shape, "first")


def _averaged(w: Writer, x: str, size: int, spans: list[tuple[int, int]], is_last: bool) -> str:
    """Means over spans of the last axis, or of the one before it, as a matrix product."""
    means = np.zeros((len(spans), size), np.float32)
    for i, (a, b) in enumerate(spans):
        means[i, a:b] = 1 / (b - a)
    return w.op("MatMul", x, np.ascontiguousarray(means.T)) if is_last else w.op("MatMul", means, x)


def _slice(w: Writer, x: str, axis: int, start: int, stop: int) -> str:
    return w.op("Slice", x, np.array([start]), np.array([stop]), np.array([axis]))


@row(layers.DepthPooling)
def _depth_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    (*sizes, depth), out = node.input_shapes[0], node.shape[-1]
    flat = w.op("Reshape", w.first(xs[0]), np.array([0, 1, depth, prod(sizes)]))  # channels as the rows of a picture
    kind = "MaxPool" if layer.mode == "max" else "AveragePool"
    stride = layer.strides or layer.pool_size
    y = w.op(kind, flat, kernel_shape=[layer.pool_size, 1], strides=[stride, 1])
    return Value(w.op("Reshape", y, np.array([0, out, *sizes])), node.shape, "first")
