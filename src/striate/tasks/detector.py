"""A detector without anchors on any base: light path aggregation and heads, boxes as distributions.

Lyu et al., "NanoDet-Plus" (2021), for the shape of the neck and the heads; Li et al. 2020, "Generalized Focal Loss", for
what the heads say.
"""

from __future__ import annotations

import math

from striate import layers
from striate.described import counts, whole
from striate.errors import ArgumentError
from striate.graph import SymbolicTensor
from striate.layers import initializers
from striate.model import Model
from striate.tasks.pyramid import pyramid

__all__ = ["detector"]

STRIDES = (8, 16, 32)
_RARE = 0.01  # what every place says of every class at first, as in Lin et al. 2017, "Focal Loss"


def detector(base: Model, classes: int, *, width: int = 96, bins: int = 8, activation: str = "relu") -> Model:
    """A network that finds things: `base`, a neck that joins its maps at strides 8, 16 and 32, and a head for each.

    base         a network of pictures without its classifier, such as ``zoo.create("mobilenet_v2", include_top=False)``;
                 its layers are shared, not copied
    classes      how many kinds of things there are
    width        maps of the neck and the heads
    bins         distances that a place can tell apart, in steps of its stride, at least 2
    activation   of the neck and the heads

    Its output is (P, 4 + classes), as of ``layers.DistanceBoxes``.  Raises ArgumentError for a base without these maps, or
    an input whose sides are no multiples of 32.
    """
    height, wide, _ = base.graph.check().input_shapes[0]
    if height % STRIDES[-1] or wide % STRIDES[-1]:
        sides = [max(1, round(side / STRIDES[-1])) * STRIDES[-1] for side in (height, wide)]
        raise ArgumentError(
            f"a detector's pictures have sides that are multiples of {STRIDES[-1]}, not {height} x {wide}; "
            f"{sides[0]} x {sides[1]} is near."
        )
    counts("detector", classes=classes, width=width)
    whole("detector", "bins", bins, 2)

    def norm(x: SymbolicTensor) -> SymbolicTensor:
        return layers.Activation(activation)(layers.BatchNormalization(momentum=0.9)(x))

    def point(x: SymbolicTensor) -> SymbolicTensor:
        return norm(layers.Conv2D(width, 1, use_bias=False)(x))

    def unit(x: SymbolicTensor, strides: int = 1) -> SymbolicTensor:
        return point(norm(layers.DepthwiseConv2D(5, strides, padding="same", use_bias=False)(x)))

    def joined(a: SymbolicTensor, b: SymbolicTensor) -> SymbolicTensor:
        return unit(point(layers.Concatenate()([a, b])))

    near, middle, far = (point(each) for each in pyramid(base, STRIDES))
    middle = joined(layers.UpSampling2D(2)(far), middle)
    near = joined(layers.UpSampling2D(2)(middle), near)
    middle = joined(unit(near, 2), middle)
    far = joined(unit(middle, 2), far)
    rows, levels = [], []
    for x, stride in zip((near, middle, far), STRIDES, strict=True):
        deep = unit(unit(x))
        start = initializers.Constant(-math.log((1 - _RARE) / _RARE))
        scores = layers.Conv2D(classes, 1, bias_initializer=start)(deep)
        distances = layers.Conv2D(4 * bins, 1)(deep)
        rows.append(layers.Reshape((-1, classes + 4 * bins))(layers.Concatenate()([scores, distances])))
        levels.append((x.sizes[0], x.sizes[1], stride))
    together = layers.Concatenate(axis=1)(rows)
    model = Model(base.inputs, layers.DistanceBoxes(levels, bins)(together))
    model.preprocessing = base.preprocessing
    return model
