"""Rows of the ONNX table: dense layers, shapes, normalization, merging, LeNet-5's own parts, augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate import layers
from striate.graph.graph import FlatNode
from striate.ship.writer import Row, Value, Writer, activate, row


# -- dense and friends -----------------------------------------------------------------------------------------------
@row(layers.Dense)
def _dense_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays, (x,) = w.weights(layer), xs
    weight, bias = arrays["weight"], arrays.get("bias")
    if len(x.shape) == 1:
        y = Value(w.op("Gemm", w.same(x), weight, bias, transB=1), node.shape, "first")
    elif x.layout == "first":  # the same sums as a convolution with windows of 1, and nothing has to be turned
        ones = [1] * (len(x.shape) - 1)
        y = Value(
            w.op("Conv", x.name, weight.reshape(*weight.shape, *ones), bias, kernel_shape=ones), node.shape, "first"
        )
    else:
        y = Value(w.op("Linear", w.last(x), weight, bias), node.shape, "last")
    return activate(w, y, layer.activation)


@row(layers.Embedding)
def _embedding_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    (x,) = xs
    if x.whole:
        w.ids[x.name] = min(layer.input_dim, w.ids.get(x.name, layer.input_dim))
    ids = x.name if x.whole else w.op("Cast", x.name, to=7)  # TensorProto.INT64
    return Value(w.op("Gather", w.weights(layer)["weight"], ids, axis=0), node.shape, "last")


@row(layers.Dropout, layers.DropPath)
@row(layers.RandomFlip, layers.RandomRotation, layers.RandomZoom, layers.RandomTranslation, layers.RandomAffine)
@row(layers.RandomBrightness, layers.RandomContrast, layers.RandomSaturation, layers.RandomHue, layers.RandomLighting)
@row(layers.RandomErasing)
def _nothing(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return xs[0]


def _cut(w: Writer, x: Value, sides: Any, shape: tuple[int, ...]) -> Value:
    """Without (before, after) rows and columns, or steps."""
    starts = np.array([a for a, _ in sides])
    stops = np.array([a + n for (a, _), n in zip(sides, shape[:-1], strict=True)])
    axes = np.arange(len(sides)) + (2 if x.layout == "first" else 1)
    return Value(w.op("Slice", w.same(x), starts, stops, axes), shape, x.layout)


@row(layers.RandomCrop)
def _middle(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    return _cut(w, xs[0], layer.sides(*xs[0].shape[:2]), node.shape)


@row(layers.Augmentation)
def _augmentation(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    (x,) = xs
    for step in layer.steps():
        if isinstance(step, layers.RandomCrop):
            x = _cut(w, x, step.sides(*x.shape[:2]), step.shape(x.shape))
    return x


# -- shapes ----------------------------------------------------------------------------------------------------------
@row(layers.Flatten)
def _flatten_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    (x,) = xs
    return Value(w.op("Flatten", w.last(x), axis=1) if len(x.shape) > 1 else w.same(x), node.shape, "first")


@row(layers.Reshape)
def _reshape_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return Value(w.op("Reshape", w.last(xs[0]), np.array([0, *node.shape])), node.shape, "last")


def _pad(w: Writer, node: FlatNode, x: Value, sides: list[tuple[int, int]]) -> Value:
    """Zeros around the axes of a shape that is channels-last."""
    if x.layout == "first":
        sides = [sides[-1], *sides[:-1]]
    pads = np.array([0, *(a for a, _ in sides), 0, *(b for _, b in sides)])
    return Value(w.op("Pad", w.same(x), pads), node.shape, x.layout)


@row(layers.ZeroPadding1D, layers.ZeroPadding2D)
def _zero_padding_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    return _pad(w, node, Value(w.first(xs[0]), xs[0].shape, "first"), [*layer.sides(), (0, 0)])


@row(layers.ChannelPadding)
def _channel_padding_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    return _pad(w, node, xs[0], [(0, 0)] * (len(node.shape) - 1) + [layer.padding])


@row(layers.Cropping1D, layers.Cropping2D)
def _cropping_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    return _cut(w, xs[0], layer.sides(), node.shape)


def _enlarge(w: Writer, node: FlatNode, x: Value, factors: tuple[int, ...], **how: str) -> Value:
    scales = np.array([1, 1, *factors], np.float32)
    return Value(w.op("Resize", w.first(x), None, scales, **how), node.shape, "first")


@row(layers.UpSampling2D)
def _upsampling_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    if layer.interpolation == "bilinear":
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    else:
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return _enlarge(w, node, xs[0], layer.size, **how)


@row(layers.UpSampling1D)
def _upsampling1d_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return _enlarge(w, node, xs[0], (layer.size,), **how)


# -- normalization ---------------------------------------------------------------------------------------------------
def _affine(w: Writer, x: Value, scale: np.ndarray, shift: np.ndarray) -> Value:
    """x · scale + shift per channel, in the layout in which it lies."""
    depth = x.shape[-1]
    scale, shift = (np.broadcast_to(np.asarray(v, float), depth) for v in (scale, shift))
    return Value(w.op("Affine", w.same(x), scale, shift, axis=x.axis, axes=len(x.shape)), x.shape, x.layout)


@row(layers.BatchNormalization)
def _batch_norm_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays = {key: array.astype(float) for key, array in w.weights(layer).items()}
    scale = arrays.get("weight", 1.0) / np.sqrt(arrays["running_var"] + layer.epsilon)
    return _affine(w, xs[0], scale, arrays.get("bias", 0.0) - arrays["running_mean"] * scale)


@row(layers.LayerNormalization)
def _layer_norm_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    arrays = w.weights(layer)
    scale = arrays["weight"] if layer.scale else np.ones(node.shape[-1], np.float32)
    y = w.op("LayerNormalization", w.last(xs[0]), scale, arrays.get("bias"), axis=-1, epsilon=layer.epsilon)
    return Value(y, node.shape, "last")


@row(layers.LocalResponseNormalization)
def _lrn_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    size = 2 * layer.radius + 1
    alpha = layer.alpha * (1 if layer.convention == "torch" else size)  # ONNX divides by the size, as torch does
    x, depth = w.first(xs[0]), node.shape[-1]
    flat = len(node.shape) == 2
    x = w.op("Reshape", x, np.array([0, depth, node.shape[0], 1])) if flat else x
    y = w.op("LRN", x, size=size, alpha=alpha, beta=layer.beta, bias=layer.k)
    y = w.op("Reshape", y, np.array([0, depth, node.shape[0]])) if flat else y
    return Value(y, node.shape, "first")


@row(layers.LayerScale)
def _layer_scale_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return _affine(w, xs[0], w.weights(node.layer)["weight"], np.array(0.0))


@row(layers.Rescaling)
def _rescaling_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    return _affine(w, xs[0], np.array(layer.scale), np.array(layer.offset))


@row(layers.Normalization)
def _normalization_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    scale = 1 / np.maximum(np.sqrt(layer.variance), 1e-7)  # Keras' guard against a constant channel
    return _affine(w, xs[0], scale, -np.array(layer.mean) * scale)


# -- merging ---------------------------------------------------------------------------------------------------------
def _merge(kind: str) -> Row:
    def merge(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
        (y, *rest), layout = w.together(xs)
        for x in rest:
            y = w.op(kind, y, x)
        return Value(y, node.shape, layout)

    return merge


row(layers.Add)(_merge("Add"))
row(layers.Subtract)(_merge("Sub"))
row(layers.Multiply)(_merge("Mul"))
row(layers.Maximum)(_merge("Max"))
row(layers.Minimum)(_merge("Min"))


@row(layers.Average)
def _mean_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    y = _merge("Add")(w, node, xs)
    return Value(w.op("Div", y.name, np.array(len(xs), np.float32)), y.shape, y.layout)


@row(layers.Concatenate)
def _concatenate_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    layer: Any = node.layer
    names, layout = w.together(xs)
    dim = layer.dim(node.shape)
    if layout == "first":
        axis = 1 if dim == len(node.shape) - 1 else dim + 2
    else:
        axis = dim + 1
    return Value(w.op("Concat", *names, axis=axis), node.shape, layout)


# -- LeNet-5's own ---------------------------------------------------------------------------------------------------
@row(layers.EuclideanRBF)
def _rbf_row(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    x = w.op("Unsqueeze", w.same(xs[0]), np.array([1]))
    away = w.op("Sub", x, w.weights(node.layer)["weight"])
    return Value(w.op("ReduceSum", w.op("Mul", away, away), np.array([-1]), keepdims=0), node.shape, "first")
