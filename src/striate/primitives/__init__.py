"""The operations that layers are made of.

A layer's ``lower`` puts them after its inputs; sizes, weights, memory, receptive fields, torch, ONNX and ``explain`` follow
from them.  A layer of your own needs nothing else::

    class SqueezeExcite(st.layers.Layer):
        ratio: int = 16

        def lower(self, x):
            y = primitives.linear(primitives.reduce(x, "mean"), x.shape[-1] // self.ratio, name="reduce")
            y = primitives.linear(primitives.pointwise(y, "relu"), x.shape[-1], name="expand")
            return primitives.combine("multiply", x, primitives.pointwise(y, "sigmoid"))
"""

from striate.graph.lowering import Identity, Primitive, Value
from striate.graph.window import Window
from striate.guard import guard
from striate.primitives.arrays import (
    Affine,
    BatchNorm,
    ChannelNorm,
    Distance,
    LayerNorm,
    Linear,
    Lookup,
    Scale,
    Slope,
    affine,
    batch_norm,
    channel_norm,
    distance,
    layer_norm,
    linear,
    lookup,
    scale,
    slope,
)
from striate.primitives.base import Parameter
from striate.primitives.convolution import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    PartialConv,
    conv,
    depthwise_conv,
    partial_conv,
)
from striate.primitives.functions import (
    FUNCTIONS,
    Combine,
    Pointwise,
    Softmax,
    activation,
    combine,
    pointwise,
    softmax,
)
from striate.primitives.own import Foreign, foreign
from striate.primitives.places import Cells, Locate, locate
from striate.primitives.pooling import (
    AdaptivePool,
    DepthPool,
    Pool,
    Reduce,
    adaptive_pool,
    center_weights,
    depth_pool,
    pool,
    reduce,
)
from striate.primitives.shapes import (
    Concatenate,
    Crop,
    Flatten,
    Gather,
    Interpolate,
    Pad,
    Permute,
    Reshape,
    Resize,
    Slice,
    concatenate,
    crop,
    cut,
    flatten,
    gather,
    interpolate,
    pad,
    permute,
    reshape,
    resize,
)
from striate.primitives.training import IDLE, Augment, Dropout, Noise, Penalty, augment, dropout, noise, penalty

__all__ = [
    "AdaptivePool",
    "Affine",
    "Augment",
    "BatchNorm",
    "ChannelNorm",
    "Combine",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "Crop",
    "DepthPool",
    "DepthwiseConv",
    "Distance",
    "Dropout",
    "FUNCTIONS",
    "Flatten",
    "Foreign",
    "Gather",
    "Cells",
    "IDLE",
    "Identity",
    "Interpolate",
    "LayerNorm",
    "Linear",
    "Locate",
    "Lookup",
    "Noise",
    "Pad",
    "Parameter",
    "PartialConv",
    "Penalty",
    "Permute",
    "Pointwise",
    "Pool",
    "Primitive",
    "Reduce",
    "Reshape",
    "Resize",
    "Scale",
    "Slice",
    "Slope",
    "Softmax",
    "Value",
    "Window",
    "activation",
    "adaptive_pool",
    "affine",
    "augment",
    "batch_norm",
    "center_weights",
    "channel_norm",
    "combine",
    "concatenate",
    "conv",
    "crop",
    "cut",
    "depth_pool",
    "depthwise_conv",
    "distance",
    "dropout",
    "flatten",
    "foreign",
    "gather",
    "interpolate",
    "layer_norm",
    "linear",
    "locate",
    "lookup",
    "noise",
    "pad",
    "partial_conv",
    "penalty",
    "permute",
    "pointwise",
    "pool",
    "reduce",
    "reshape",
    "resize",
    "scale",
    "slope",
    "softmax",
]

guard(__name__, classes=False)
