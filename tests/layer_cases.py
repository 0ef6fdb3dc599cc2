"""Every registered layer with what it must compute, in one table: cases for the tests of layers, ONNX and drawings.

A new layer class fails the first test of test_layers_every.py until it has a case here.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import reference as ref
import torch

from striate import layers
from striate.backend import build
from striate.graph import Graph, Input, Layer

Weights = dict[str, np.ndarray]


@dataclass(eq=False)
class Case:
    """A layer, the shapes it is tried on, and what it must compute from its weights and one example of each input."""

    layer: Callable[[], Layer]
    inputs: tuple[tuple[int, ...], ...]
    expected: Callable[..., np.ndarray]
    dtype: str = "float32"
    highest: int = 1  # of whole-number inputs
    fields: dict[str, Any] = field(default_factory=dict)


CASES: dict[type[Layer], list[Case]] = {}


def case(
    kind: type[Layer], expected: Callable[..., np.ndarray], *inputs: tuple[int, ...], make: Any = None, **options: Any
) -> None:
    """A case of `kind`: `expected(weights, *examples)`; options are the layer's arguments, or those of Case."""
    own = {key: options.pop(key) for key in ("dtype", "highest") if key in options}
    CASES.setdefault(kind, []).append(Case(make or (lambda: kind(**options)), inputs, expected, fields=options, **own))


# -- convolutions ----------------------------------------------------------------------------------------------------
def conv_case(kind: type[Layer], shape: tuple[int, ...], **options: Any) -> None:
    how = {
        "strides": options.get("strides", 1),
        "padding": options.get("padding", "valid"),
        "dilation": options.get("dilation_rate", 1),
    }
    if "output_padding" in options:
        how["more"] = options["output_padding"]
    if "groups" in options:
        how["groups"] = options["groups"]
    activation = ref.ACTIVATIONS[options.get("activation") or "linear"]
    transposed, depthwise = "Transpose" in kind.__name__, "Depthwise" in kind.__name__

    def expected(w: Weights, x: np.ndarray) -> np.ndarray:
        if "depthwise.weight" in w:
            y = ref.separable(x, w["depthwise.weight"], w["pointwise.weight"], w.get("pointwise.bias"), **how)
        else:
            function = ref.conv_transpose if transposed else ref.depthwise if depthwise else ref.conv
            y = function(x, w["weight"], w.get("bias"), **how)
        return activation(y)

    case(kind, expected, shape, **options)


for extra in (
    {},
    {"strides": 2, "padding": "same"},
    {"strides": (1, 2), "padding": 1, "activation": "relu"},
    {"padding": ((2, 0), (1, 3)), "use_bias": False},
    {"dilation_rate": (2, 1), "padding": "same", "activation": "tanh"},
    {"groups": 2, "strides": 3},
):
    conv_case(layers.Conv2D, (6, 5, 2), filters=4, kernel_size=(3, 2), **extra)
for extra in (
    {},
    {"strides": 2, "padding": "same", "activation": "sigmoid"},
    {"padding": "causal", "dilation_rate": 2},
    {"padding": ((3, 1),), "groups": 2, "use_bias": False},
):
    conv_case(layers.Conv1D, (7, 2), filters=2, kernel_size=3, **extra)
for extra in ({}, {"strides": 2, "padding": "same", "depth_multiplier": 2}, {"padding": ((1, 0), (0, 2))}):
    conv_case(layers.DepthwiseConv2D, (5, 4, 2), kernel_size=(3, 2), **extra)
    conv_case(layers.SeparableConv2D, (5, 4, 2), filters=3, kernel_size=(3, 2), **extra)
for extra in ({"activation": "relu"}, {"strides": 2, "padding": "causal", "depth_multiplier": 2}, {"use_bias": False}):
    conv_case(layers.DepthwiseConv1D, (6, 2), kernel_size=3, **extra)
    conv_case(layers.SeparableConv1D, (6, 2), filters=3, kernel_size=3, **extra)
for extra in (
    {},
    {"strides": 2, "padding": "same", "activation": "relu"},
    {"strides": (3, 1), "padding": ((1, 0), (0, 2))},
    {"strides": (2, 4), "padding": "same"},  # on one axis too much to cut evenly, on the other too little
    {"strides": 4, "use_bias": False},
    {"dilation_rate": 2, "padding": "same"},
):
    conv_case(layers.Conv2DTranspose, (3, 2, 2), filters=3, kernel_size=(3, 2), **extra)
for extra in (
    {"strides": 2, "output_padding": 1},
    {"strides": 2, "padding": "same", "output_padding": 1},
    {"strides": (3, 2), "padding": "same", "output_padding": (0, 1)},
):
    conv_case(layers.Conv2DTranspose, (3, 2, 2), filters=3, kernel_size=(3, 2), **extra)
for extra in ({}, {"strides": 2, "padding": "same"}, {"strides": 3, "padding": ((0, 2),)}, {"strides": 5}):
    conv_case(layers.Conv1DTranspose, (4, 2), filters=2, kernel_size=3, **extra)


# -- pooling ---------------------------------------------------------------------------------------------------------
def pool_case(kind: type[Layer], how: str, **options: Any) -> None:
    rank = 1 if kind.__name__.endswith("1D") else 2

    def expected(w: Weights, x: np.ndarray) -> np.ndarray:
        sizes = options.get("pool_size", 2), options.get("strides"), options.get("padding", "valid")
        return ref.pool(x, "average_all" if options.get("count_include_pad") else how, *sizes)

    case(kind, expected, (7, 6, 2)[-rank - 1 :], **options)


for kinds, reduction in (
    ((layers.MaxPooling1D, layers.MaxPooling2D), "max"),
    ((layers.MinPooling1D, layers.MinPooling2D), "min"),
    ((layers.AveragePooling1D, layers.AveragePooling2D), "average"),
    ((layers.SumPooling1D, layers.SumPooling2D), "sum"),
    ((layers.L1Pooling1D, layers.L1Pooling2D), "l1"),
    ((layers.L2Pooling1D, layers.L2Pooling2D), "l2"),
    ((layers.CenterWeightedAveragePooling1D, layers.CenterWeightedAveragePooling2D), "center"),
):
    for pooling in kinds:
        pool_case(pooling, reduction)
        pool_case(pooling, reduction, pool_size=3, strides=2, padding="same")  # overlapping
        pool_case(pooling, reduction, pool_size=4, strides=1, padding=3)
    pool_case(kinds[0], reduction, pool_size=3, strides=4, padding=((2, 1),))
    pool_case(kinds[1], reduction, pool_size=(3, 2), strides=(1, 2), padding=((0, 2), (1, 0)))
for pooling in (layers.AveragePooling1D, layers.AveragePooling2D):
    pool_case(pooling, "average", pool_size=3, padding=1, count_include_pad=True)
    pool_case(pooling, "average", pool_size=3, strides=2, padding="same", count_include_pad=True)
for pooling in (layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D):
    for keep in (False, True):
        shape = (4, 3, 2) if pooling.rank == 2 else (4, 2)
        case(pooling, lambda w, x, keep=keep: ref.global_pool(x, "max", keep), shape, keepdims=keep)
for pooling in (layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D):
    for keep in (False, True):
        shape = (4, 3, 2) if pooling.rank == 2 else (4, 2)
        case(pooling, lambda w, x, keep=keep: ref.global_pool(x, "average", keep), shape, keepdims=keep)
for pooling, reduction in (
    (layers.AdaptiveAveragePooling1D, "average"),
    (layers.AdaptiveAveragePooling2D, "average"),
    (layers.AdaptiveMaxPooling1D, "max"),
    (layers.AdaptiveMaxPooling2D, "max"),
):
    for sizes in (1, 3, 7) if pooling.rank == 1 else (2, (3, 4), (7, 1)):
        shape = (7, 2) if pooling.rank == 1 else (5, 6, 2)
        case(
            pooling,
            lambda w, x, how=reduction, sizes=sizes: ref.adaptive_pool(x, how, sizes),
            shape,
            output_size=sizes,
        )
for reduction in ("max", "average"):
    for shape in ((7,), (4, 7), (3, 2, 7)):
        case(layers.DepthPooling, lambda w, x, how=reduction: ref.depth_pool(x, how), shape, mode=reduction)
    case(
        layers.DepthPooling,
        lambda w, x, how=reduction: ref.depth_pool(x, how, 3, 2),
        (3, 2, 7),
        pool_size=3,
        strides=2,
        mode=reduction,
    )

# -- dense and friends -----------------------------------------------------------------------------------------------
for shape in ((5,), (3, 5), (2, 3, 5)):
    case(layers.Dense, lambda w, x: ref.dense(x, w["weight"], w["bias"]), shape, units=4)
case(
    layers.Dense,
    lambda w, x: ref.softmax(ref.dense(x, w["weight"])),
    (3, 5),
    units=4,
    use_bias=False,
    activation="softmax",
)
case(layers.Dense, lambda w, x: ref.relu(ref.dense(x, w["weight"], w["bias"])), (5,), units=4, activation="relu")
case(layers.Dense, lambda w, x: ref.dense(x, w["weight"], w["bias"]), (5,), units=4, activity_regularizer="l2")
case(
    layers.Embedding,
    lambda w, x: ref.embedding(x, w["weight"]),
    (5,),
    input_dim=7,
    output_dim=3,
    dtype="int64",
    highest=6,
)
for kind in (layers.Dropout, layers.GaussianDropout):
    case(kind, lambda w, x: x, (3, 2, 2), rate=0.5, seed=3)
case(layers.Dropout, lambda w, x: x, (3, 2, 2), rate=0.5, noise_shape=(None, 1, 2, None))
case(layers.AlphaDropout, lambda w, x: x, (3, 2, 2), rate=0.5)
case(layers.AlphaDropout, lambda w, x: x, (3, 2, 2), rate=0.2, noise_shape=(None, 1, 2, None), seed=3)
case(layers.SpatialDropout2D, lambda w, x: x, (3, 2, 2), rate=0.5)
case(layers.SpatialDropout1D, lambda w, x: x, (3, 2), rate=0.5)
case(layers.GaussianNoise, lambda w, x: x, (3, 2, 2), stddev=0.5)
case(layers.ActivityRegularization, lambda w, x: x, (3, 2, 2), l1=0.1, l2=0.2)
for shape in ((3, 2, 2), (4,)):
    case(layers.Identity, lambda w, x: x, shape)

# -- activations -----------------------------------------------------------------------------------------------------
for name, function in ref.ACTIVATIONS.items():
    case(layers.Activation, lambda w, x, function=function: function(x), (3, 2, 4), activation=name)
case(layers.Activation, lambda w, x: ref.softmax(x), (3, 4), activation="softmax")
case(layers.Activation, lambda w, x: ref.softmax(x), (4,), activation="softmax")
case(
    layers.Activation,
    lambda w, x: ref.relu(x, negative_slope=0.1),
    (3, 4),
    make=lambda: layers.Activation(layers.LeakyReLU(0.1)),
)
for extra in (
    {},
    {"max_value": 1.0},
    {"negative_slope": 0.1},
    {"threshold": 0.5},
    {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3},
):
    case(layers.ReLU, lambda w, x, extra=extra: ref.relu(x, **extra), (3, 2, 4), **extra)
case(layers.ReLU, lambda w, x: ref.relu(x), (3, 2, 4), activity_regularizer="l1_l2")
case(layers.LeakyReLU, lambda w, x: ref.relu(x, negative_slope=0.3), (3, 4))
case(layers.LeakyReLU, lambda w, x: ref.relu(x, negative_slope=0.05), (4,), negative_slope=0.05)
case(layers.ELU, lambda w, x: ref.elu(x), (3, 2, 4))
case(layers.ELU, lambda w, x: ref.elu(x, 0.5), (4,), alpha=0.5)
for shape in ((3, 2, 4), (3, 4), (4,)):
    case(layers.PReLU, lambda w, x: np.where(x > 0, x, x * np.moveaxis(w["weight"], 0, -1)), shape)
    case(
        layers.PReLU,
        lambda w, x: np.where(x > 0, x, x * w["weight"].reshape(())),
        shape,
        shared_axes=[*range(1, len(shape) + 1)],
    )
case(layers.PReLU, lambda w, x: np.where(x > 0, x, x * w["weight"][:, 0, 0]), (3, 2, 4), shared_axes=(1, 2))
case(layers.Softmax, lambda w, x: np.moveaxis(ref.softmax(np.moveaxis(x, 0, -1)), -1, 0), (3, 2, 4), axis=1)
case(layers.Softmax, lambda w, x: ref.softmax(x.reshape(-1)).reshape(x.shape), (3, 2), axis=(1, 2))
for shape in ((3, 2, 4), (3, 4), (4,)):
    case(layers.Softmax, lambda w, x: ref.softmax(x), shape)


# -- normalization ---------------------------------------------------------------------------------------------------
def batch_norm(w: Weights, x: np.ndarray, epsilon: float = 1e-3) -> np.ndarray:
    return ref.batch_norm(x, w.get("weight", 1.0), w.get("bias", 0.0), w["running_mean"], w["running_var"], epsilon)


for shape in ((3, 2, 4), (3, 4), (4,)):
    case(layers.BatchNormalization, batch_norm, shape)
    case(
        layers.LayerNormalization,
        lambda w, x: ref.layer_norm(x, w["weight"], w["bias"], 1e-3),
        shape,
    )
for extra in ({"center": False}, {"scale": False}, {"center": False, "scale": False}):
    case(layers.BatchNormalization, batch_norm, (2, 3, 4), momentum=0.9, **extra)
    case(
        layers.LayerNormalization,
        lambda w, x: ref.layer_norm(x, w.get("weight", 1.0), w.get("bias", 0.0), 1e-3),
        (2, 3, 4),
        **extra,
    )
case(layers.BatchNormalization, lambda w, x: batch_norm(w, x, 0.5), (2, 3, 4), epsilon=0.5)
case(
    layers.LayerNormalization,
    lambda w, x: x / np.sqrt(x.var((0, 2), keepdims=True) + 0.5) * w["weight"].reshape(2, 1, 4),
    (2, 3, 4),
    axis=(1, 3),
    epsilon=0.5,
    rms_scaling=True,
)
case(layers.LayerNormalization, lambda w, x: ref.layer_norm(x, w["weight"], w["bias"], 0.5), (2, 3, 4), epsilon=0.5)


def turned(function: Callable[..., np.ndarray], axis: int) -> Callable[..., np.ndarray]:
    """The function where an axis of the example takes the channels' place."""
    return lambda w, x: np.moveaxis(function(w, np.moveaxis(x, axis, -1)), -1, axis)


case(layers.BatchNormalization, turned(batch_norm, 0), (2, 3, 4), axis=1)
case(layers.BatchNormalization, batch_norm, (2, 3, 4), axis=3, unbiased=True)
case(
    layers.LayerNormalization,
    turned(lambda w, x: ref.layer_norm(x, w["weight"], w["bias"], 1e-3), 1),
    (2, 3, 4),
    axis=2,
)
case(
    layers.LayerNormalization,
    lambda w, x: ref.layer_norm(x.reshape(2, 12), w["weight"], w["bias"], 1e-3).reshape(x.shape),
    (2, 3, 4),
    axis=(2, 3),
)


def rms_norm(w: Weights, x: np.ndarray, epsilon: float = 1e-6) -> np.ndarray:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * w["weight"]


for shape in ((3, 2, 4), (3, 4), (4,)):
    case(layers.RMSNormalization, rms_norm, shape)
    case(layers.UnitNormalization, lambda w, x: x / np.sqrt((x**2).sum(-1, keepdims=True)), shape)
case(layers.RMSNormalization, turned(lambda w, x: rms_norm(w, x, 0.1), 0), (3, 2, 4), axis=1, epsilon=0.1)
case(layers.UnitNormalization, lambda w, x: x / np.sqrt((x**2).sum((0, 1), keepdims=True)), (3, 2, 4), axis=[1, 2])


def group_norm(w: Weights, x: np.ndarray, groups: int, epsilon: float = 1e-3) -> np.ndarray:
    apart = x.reshape(-1, groups, x.shape[-1] // groups)
    mean, variance = apart.mean((0, 2), keepdims=True), apart.var((0, 2), keepdims=True)
    return ((apart - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * w.get("weight", 1.0) + w.get("bias", 0.0)


for shape, groups in (((3, 2, 4), 2), ((3, 2, 4), 4), ((3, 6), 3), ((4,), 1)):
    case(layers.GroupNormalization, lambda w, x, g=groups: group_norm(w, x, g), shape, groups=groups)
case(layers.GroupNormalization, lambda w, x: group_norm(w, x, 4, 0.5), (3, 2, 4), groups=-1, epsilon=0.5, center=False)
case(layers.GroupNormalization, lambda w, x: group_norm(w, x, 2), (3, 4), groups=2, center=False, scale=False)
lrn = {"radius": 2, "k": 1.5, "alpha": 0.3, "beta": 0.6}
for shape in ((3, 2, 7), (3, 7)):
    case(layers.LocalResponseNormalization, lambda w, x: ref.lrn(x, **lrn), shape, **lrn)
    case(
        layers.LocalResponseNormalization,
        lambda w, x: ref.lrn(x, **(lrn | {"alpha": 0.3 / 5})),
        shape,
        convention="torch",
        **lrn,
    )
case(layers.LocalResponseNormalization, lambda w, x: ref.lrn(x, 2, 2.0, 1e-4, 0.75), (3, 2, 7))
case(layers.LocalResponseNormalization, lambda w, x: ref.lrn(x, 0, 2.0, 1e-4, 0.75), (3, 2, 7), radius=0)
case(layers.Rescaling, lambda w, x: x / 255, (3, 2, 4), scale=1 / 255)
case(layers.Rescaling, lambda w, x: x / 127.5 - 1, (3, 2, 4), scale=1 / 127.5, offset=-1, dtype="uint8", highest=255)
three = np.array([1.0, 2.0, -3.0])
case(layers.Rescaling, lambda w, x: x * three, (2, 2, 3), scale=tuple(three))
case(layers.Rescaling, lambda w, x: x * 2 - three, (2, 3), scale=2, offset=-three)
case(layers.Rescaling, lambda w, x: x * three + three, (3,), scale=three, offset=list(three))
case(layers.Normalization, lambda w, x: (x - 2) / 3, (2, 2, 3), mean=2, variance=9)
case(
    layers.Normalization,
    lambda w, x: (x - three) / np.sqrt([4, 5, 6]),
    (2, 2, 3),
    mean=three,
    variance=(4, 5, 6),
    dtype="uint8",
    highest=255,
)

case(layers.Normalization, lambda w, x: x * 3 + 2, (2, 2, 3), mean=2, variance=9, invert=True)
case(layers.Normalization, lambda w, x: (x - [[1.0], [2.0]]) / 3, (2, 3), axis=1, mean=(1, 2), variance=9)

# -- shapes ----------------------------------------------------------------------------------------------------------
for shape in ((2, 3, 4), (3, 4), (4,)):
    case(layers.Flatten, lambda w, x: ref.reshape(x, (-1,)), shape)
for shape, target in (
    ((2, 3, 4), (4, 6)),
    ((2, 3, 4), (24,)),
    ((2, 3, 4), (3, 2, 4)),
    ((24,), (2, 3, 4)),
    ((6, 4), (2, -1, 3)),
):
    case(layers.Reshape, lambda w, x, target=target: ref.reshape(x, target), shape, target_shape=target)
case(layers.Permute, lambda w, x: x.transpose(1, 0, 2), (2, 3, 4), dims=(2, 1, 3))
case(layers.Permute, lambda w, x: x.transpose(2, 0, 1), (2, 3, 4), dims=(3, 1, 2))
case(layers.Permute, lambda w, x: x.T, (3, 4), dims=(2, 1))
case(layers.Permute, lambda w, x: x, (4,), dims=1)
case(layers.RepeatVector, lambda w, x: np.stack([x] * 3), (4,), n=3)


def sampled(x: np.ndarray, size: tuple[int, int], weight: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Pixels as weighted means: a pixel weighs by its distance from the place that is read, places as if repeated."""
    for axis, new in enumerate(size):
        length = x.shape[axis]
        places = (np.arange(new) + 0.5) * length / new - 0.5
        near = np.floor(places).astype(int)[:, None] + np.arange(-2, 4)
        table = np.zeros((new, length))
        for row in range(new):
            np.add.at(table[row], near[row].clip(0, length - 1), weight(np.abs(near[row] - places[row])))
        x = np.moveaxis(np.tensordot(table, x, (1, axis)), 0, axis)
    return x


def cubic(d: np.ndarray, a: float = -0.75) -> np.ndarray:
    inner, outer = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, inner, np.where(d < 2, outer, 0))


def tent(d: np.ndarray) -> np.ndarray:
    return np.maximum(1 - d, 0)


def smooth(x: np.ndarray) -> np.ndarray:
    """Half as large, each new pixel from the four nearest of either axis, weighed by a tent twice as wide."""
    for axis in (0, 1):
        length = x.shape[axis]
        table = np.array([tent(np.abs(np.arange(length) - 2 * i - 0.5) / 2) for i in range(length // 2)])
        x = np.moveaxis(np.tensordot(table / table.sum(1, keepdims=True), x, (1, axis)), 0, axis)
    return x


for size in ((2, 5), (7, 3), (8, 6)):
    named = {"height": size[0], "width": size[1]}
    case(layers.Resizing, lambda w, x, size=size: sampled(x, size, tent), (4, 6, 2), **named)
    case(layers.Resizing, lambda w, x, s=size: sampled(x, s, cubic), (4, 6, 2), interpolation="bicubic", **named)
    case(
        layers.Resizing,
        lambda w, x, s=size: x[
            tuple(np.ix_(*(((2 * np.arange(n) + 1) * m) // (2 * n) for n, m in zip(s, x.shape[:2], strict=True))))
        ],
        (4, 6, 2),
        interpolation="nearest",
        **named,
    )
case(
    layers.Resizing,
    lambda w, x: smooth(x),
    (4, 6, 2),
    height=2,
    width=3,
    antialias=True,
)
case(
    layers.Resizing,
    lambda w, x: sampled(x[:, 1:5], (6, 6), tent),
    (4, 6, 2),
    height=6,
    width=6,
    crop_to_aspect_ratio=True,
)
case(
    layers.Resizing,
    lambda w, x: sampled(np.pad(x, ((1, 1), (0, 0), (0, 0)), constant_values=0.5), (6, 6), tent),
    (4, 6, 2),
    height=6,
    width=6,
    pad_to_aspect_ratio=True,
    fill_value=0.5,
)
case(layers.CenterCrop, lambda w, x: x[1:3, 1:4], (5, 6, 2), height=2, width=3)
case(layers.CenterCrop, lambda w, x: sampled(x[:, 1:5], (6, 6), tent), (4, 6, 2), height=6, width=6)
case(layers.UpSampling2D, lambda w, x: sampled(x, (6, 2), cubic), (3, 2, 2), size=(2, 1), interpolation="bicubic")
case(layers.ZeroPadding2D, lambda w, x: ref.zero_padding(x, ((1, 1), (1, 1))), (3, 2, 2))
case(layers.ZeroPadding2D, lambda w, x: ref.zero_padding(x, ((2, 2), (1, 1))), (3, 2, 2), padding=(2, 1))
case(layers.ZeroPadding2D, lambda w, x: ref.zero_padding(x, ((0, 1), (2, 0))), (3, 2, 2), padding=((0, 1), (2, 0)))
case(layers.ZeroPadding1D, lambda w, x: ref.zero_padding(x, ((1, 1),)), (3, 2))
case(layers.ZeroPadding1D, lambda w, x: ref.zero_padding(x, ((0, 2),)), (3, 2), padding=(0, 2))
for shape in ((3, 2, 2), (3, 2), (2,)):
    case(layers.ChannelPadding, lambda w, x: ref.channel_padding(x, 1, 1), shape)
    case(layers.ChannelPadding, lambda w, x: ref.channel_padding(x, 3, 0), shape, padding=(3, 0))
case(layers.Cropping2D, lambda w, x: x, (4, 3, 2))
case(layers.Cropping2D, lambda w, x: ref.cropping(x, ((1, 1), (1, 1))), (4, 3, 2), cropping=1)
case(layers.Cropping2D, lambda w, x: ref.cropping(x, ((0, 2), (1, 0))), (4, 3, 2), cropping=((0, 2), (1, 0)))
case(layers.CropLike, lambda w, x, other: ref.cropping(x, ((0, 2), (0, 1))), (5, 4, 2), (3, 3, 5))
case(layers.CropLike, lambda w, x, other: x, (3, 2, 2), (3, 2, 1))
case(layers.Cropping1D, lambda w, x: ref.cropping(x, ((1, 1),)), (5, 2))
case(layers.Cropping1D, lambda w, x: ref.cropping(x, ((0, 2),)), (5, 2), cropping=(0, 2))
case(layers.UpSampling2D, lambda w, x: ref.nearest(x, 2), (3, 2, 2))
case(layers.UpSampling2D, lambda w, x: ref.nearest(x, (1, 3)), (3, 2, 2), size=(1, 3))
case(layers.UpSampling2D, lambda w, x: ref.bilinear(x, 2), (3, 2, 2), interpolation="bilinear")
case(layers.UpSampling2D, lambda w, x: ref.bilinear(x, (3, 1)), (3, 2, 2), size=(3, 1), interpolation="bilinear")
case(layers.UpSampling2D, lambda w, x: ref.nearest(x, 2), (3, 2, 2), dtype="uint8", highest=255)
case(layers.UpSampling1D, lambda w, x: ref.nearest(x, 2), (3, 2))
case(layers.UpSampling1D, lambda w, x: ref.nearest(x, 3), (3, 2), size=3)

# -- merging ---------------------------------------------------------------------------------------------------------
for shape in ((3, 2, 4), (3, 4), (4,)):
    case(layers.Add, lambda w, a, b, c: a + b + c, shape, shape, shape)
    case(layers.Subtract, lambda w, a, b: a - b, shape, shape)
    case(layers.Multiply, lambda w, a, b, c: a * b * c, shape, shape, shape)
    case(layers.Average, lambda w, a, b, c: (a + b + c) / 3, shape, shape, shape)
    case(layers.Maximum, lambda w, a, b, c: np.maximum(a, np.maximum(b, c)), shape, shape, shape)
    case(layers.Minimum, lambda w, a, b, c: np.minimum(a, np.minimum(b, c)), shape, shape, shape)
    case(layers.Concatenate, lambda w, a, b: np.concatenate([a, b], -1), shape, (*shape[:-1], 3))
case(layers.Multiply, lambda w, a, b: a * b, (3, 2, 4), (1, 1, 4))
case(layers.Multiply, lambda w, a, b: a * b, (3, 2, 1), (3, 2, 4))
case(layers.Concatenate, lambda w, a, b: np.concatenate([a, b], 0), (3, 2, 4), (1, 2, 4), axis=1)
case(layers.Concatenate, lambda w, a, b: np.concatenate([a, b], 1), (3, 2, 4), (3, 5, 4), axis=-2)
case(layers.Concatenate, lambda w, a, b: np.concatenate([a, b], 0), (3, 4), (1, 4), axis=1)
case(layers.Concatenate, lambda w, a, b: np.concatenate([a, b], 1), (3, 4), (3, 2), axis=2)

case(layers.Dot, lambda w, a, b: (a * b).sum(keepdims=True), (4,), (4,), axes=1)
case(layers.Dot, lambda w, a, b: a @ b.T, (3, 4), (2, 4), axes=2)
case(layers.Dot, lambda w, a, b: a.T @ b.T, (4, 3), (2, 4), axes=(1, 2))
case(layers.Dot, lambda w, a, b: b @ a, (4,), (2, 4), axes=-1)
case(
    layers.Dot,
    lambda w, a, b: (a * b).sum(keepdims=True) / np.sqrt((a**2).sum() * (b**2).sum()),
    (4,),
    (4,),
    axes=-1,
    normalize=True,
)

# -- LeNet-5's own parts ---------------------------------------------------------------------------------------------
case(
    layers.TrainableSubsampling2D,
    lambda w, x: np.tanh(ref.trainable_subsampling(x, w["weight"], w["bias"])),
    (4, 6, 3),
)
case(
    layers.TrainableSubsampling2D,
    lambda w, x: ref.relu(ref.trainable_subsampling(x, w["weight"], w["bias"], (2, 3))),
    (5, 7, 3),
    pool_size=(2, 3),
    activation="relu",
)
links = ((0, 2), (1,), (2, 0, 1))
case(
    layers.PartialConv2D,
    lambda w, x: ref.partial_conv(x, w["weight"], w["bias"], links),
    (5, 4, 3),
    connections=links,
    kernel_size=(3, 2),
)
case(
    layers.PartialConv2D,
    lambda w, x: ref.relu(ref.partial_conv(x, w["weight"], w["bias"], layers.LENET5_C3)),
    (4, 4, 6),
    connections=layers.LENET5_C3,
    kernel_size=3,
    activation="relu",
)
signs = np.array([[1.0, -1, 1, 1], [-1, -1, 1, -1]])
case(layers.EuclideanRBF, lambda w, x: ref.euclidean_rbf(x, signs), (4,), units=2, prototypes=signs)
case(layers.EuclideanRBF, lambda w, x: ref.euclidean_rbf(x, w["weight"]), (4,), units=3)


# -- residual branches -----------------------------------------------------------------------------------------------
for shape in ((3, 2, 4), (3, 4), (4,)):
    case(layers.DropPath, lambda w, x: x, shape, rate=0.3)
    case(layers.LayerScale, lambda w, x: x * w["weight"], shape)
case(layers.LayerScale, lambda w, x: x * w["weight"], (2, 4), init_value=0.1)


def squeeze_excite(w: Weights, x: np.ndarray, function: Callable[[np.ndarray], np.ndarray] = ref.relu) -> np.ndarray:
    means = x.reshape(-1, x.shape[-1]).mean(0)
    less = function(ref.dense(means, w["reduce.weight"], w["reduce.bias"]))
    return x * ref.sigmoid(ref.dense(less, w["expand.weight"], w["expand.bias"]))


for shape in ((3, 2, 8), (5, 8)):
    case(layers.SqueezeExcite, squeeze_excite, shape, ratio=4)
case(layers.SqueezeExcite, lambda w, x: squeeze_excite(w, x, np.tanh), (3, 2, 4), activation="tanh")

# -- augmentation: nothing in prediction (what it does in training: test_layers_augment.py) --------------------------
for shape in ((4, 3, 3), (1, 1, 3)):
    case(layers.RandomAffine, lambda w, x: x, shape, rotation=30, translation=0.2, zoom=0.1, shear=5)
    case(layers.RandomFlip, lambda w, x: x, shape, mode="vertical")
    case(layers.RandomRotation, lambda w, x: x, shape, factor=(-0.1, 0.3), fill_mode="wrap", interpolation="nearest")
    case(layers.RandomQuarterTurn, lambda w, x: x, shape, fill_value=0.5)
    case(layers.RandomZoom, lambda w, x: x, shape, height_factor=0.2, width_factor=(0.1, 0.2))
    case(layers.RandomTranslation, lambda w, x: x, shape, height_factor=0.2, width_factor=0.1)
    case(layers.RandomBrightness, lambda w, x: x, shape, factor=0.2, value_range=(-1, 1))
    case(layers.RandomContrast, lambda w, x: x, shape, factor=(0.2, 0.5))
    case(layers.RandomSaturation, lambda w, x: x, shape, factor=(0.2, 0.7))
    case(layers.RandomHue, lambda w, x: x, shape, factor=0.2)
    case(layers.RandomLighting, lambda w, x: x, shape, std=0.2)
    case(layers.MaxNumBoundingBoxes, lambda w, x: x, shape, max_number=4, fill_value=0, bounding_box_format="rel_xywh")
    case(layers.RandomErasing, lambda w, x: x, shape, factor=0.2, scale=(0.1, 0.2), fill_value=0.5)
    case(layers.RandomShear, lambda w, x: x, shape, x_factor=0.2, y_factor=(0.1, 0.2))
    case(layers.RandomPerspective, lambda w, x: x, shape, scale=0.5)
    case(layers.RandomElasticTransform, lambda w, x: x, shape, scale=0.5, seed=2)
    case(layers.RandomColorDegeneration, lambda w, x: x, shape, factor=0.5)
    case(layers.RandomSharpness, lambda w, x: x, shape, factor=0.5, value_range=(0, 1))
    case(layers.RandomInvert, lambda w, x: x, shape, factor=0.5)
    case(layers.RandomGrayscale, lambda w, x: x, shape, factor=0.5)
    case(layers.RandomPosterization, lambda w, x: x, shape, factor=4)
    case(layers.Solarization, lambda w, x: x, shape, addition_factor=0.2, threshold_factor=0.5)
    case(layers.RandomGaussianBlur, lambda w, x: x, shape, kernel_size=(3, 5), sigma=0.5)
    case(layers.Equalization, lambda w, x: x, shape, bins=64)
    case(layers.RandomColorJitter, lambda w, x: x, shape, brightness_factor=0.2, hue_factor=0.1)
    case(layers.RandAugment, lambda w, x: x, shape, num_ops=3, seed=1)
    case(layers.AugMix, lambda w, x: x, shape, num_chains=2)
case(layers.AutoContrast, lambda w, x: (x - x.min((0, 1))) / np.ptp(x, (0, 1)) * 255, (4, 3, 3))
case(layers.AutoContrast, lambda w, x: x, (1, 1, 2))
case(
    layers.ContrastLimitedAdaptiveHistogramEqualization,
    lambda w, x: ref.contrast_limited(x, 60.0, (2, 3)),
    (9, 14, 2),
    clip_limit=60.0,
    tile_grid_size=(2, 3),
    dtype="uint8",
    highest=255,
)
case(layers.RandomAffine, lambda w, x: x, (4, 3, 1))
case(layers.RandomFlip, lambda w, x: x, (4, 3, 2), dtype="uint8", highest=255)
case(layers.RandomCrop, lambda w, x: ref.cropping(x, ((1, 2), (0, 1))), (5, 3, 2), height=2, width=2)
case(layers.RandomCrop, lambda w, x: x, (4, 3, 2), height=4, width=3)
three_changes = (layers.RandomFlip("horizontal"), layers.RandomCrop(3, 2), layers.RandomBrightness(0.1))
case(layers.Augmentation, lambda w, x: ref.cropping(x, ((0, 1), (0, 1))), (4, 3, 2), layers=three_changes)

case(
    layers.DistanceBoxes,
    lambda w, x: ref.distance_boxes(x, ((2, 3, 8), (1, 2, 16)), 3),
    (8, 14),
    levels=((2, 3, 8), (1, 2, 16)),
    bins=3,
)
for yolo_shape in ((2, 3, 12), (72,)):
    case(
        layers.YoloBoxes,
        lambda w, x: ref.yolo_boxes(x.reshape(2, 3, 12), 2, (20, 36)),
        yolo_shape,
        grid=(2, 3),
        boxes=2,
        size=(20, 36),
    )


# -- channels first: the same numbers turned round ---------------------------------------------------------------------
def first(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, -1, 0) if x.ndim > 1 else x


for kind, cases in CASES.items():
    if "data_format" in {f.name for f in dataclasses.fields(kind)}:
        one = max(cases, key=lambda case: len(case.fields))
        cases.append(
            dataclasses.replace(
                one,
                layer=functools.partial(kind, **one.fields, data_format="channels_first"),
                inputs=tuple((x[-1], *x[:-1]) for x in one.inputs),
                expected=lambda w, *xs, of=one.expected: first(of(w, *(np.moveaxis(x, 0, -1) for x in xs))),
                fields={**one.fields, "data_format": "channels_first"},
            )
        )


def labelled() -> list[Any]:
    found = []
    for kind, cases in CASES.items():
        for one in cases:
            said = "-".join(f"{k}={v}".replace(" ", "") for k, v in one.fields.items() if len(str(v)) < 20)
            found.append(pytest.param(one, id=f"{kind.__name__}-{'x'.join(map(str, one.inputs[0]))}-{said}"))
    return found


@dataclass
class Tried:
    """A case, built: its graph, module, one batch of inputs and the weights by their names in the layer."""

    graph: Graph
    module: torch.fx.GraphModule
    xs: list[np.ndarray]
    weights: Weights
    prefix: str

    def run(self, module: torch.nn.Module) -> np.ndarray:
        given = [torch.from_numpy(ref.channels_first(x)) for x in self.xs]
        with torch.no_grad():
            return ref.channels_last(module(*given).numpy())


@functools.cache
def tried(one: Case) -> Tried:
    rng = np.random.default_rng(1)
    inputs = [Input(shape, dtype=one.dtype) for shape in one.inputs]
    layer = one.layer()
    graph = Graph(inputs, [layer(inputs if len(inputs) > 1 else inputs[0])])
    module = build(graph).eval()
    prefix = graph.name(layer) + "."
    weights = {}
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif not isinstance(layer, layers.EuclideanRBF):
                tensor.normal_()
            weights[name.removeprefix(prefix)] = tensor.double().numpy()
    xs = [
        rng.normal(size=(2, *shape)).astype(np.float32)
        if one.dtype == "float32"
        else rng.integers(0, one.highest + 1, size=(2, *shape)).astype(one.dtype)
        for shape in one.inputs
    ]
    return Tried(graph, module, xs, weights, prefix)
