"""Layers that stand at the end of a residual branch, before it is added to its shortcut."""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Value
from striate.layers import initializers
from striate.layers.activation import as_activation

__all__ = [
    "DropPath",
    "LayerScale",
    "SqueezeExcite",
]


class DropPath(Layer):
    """In training, each example of a batch is 0 with probability `rate`, and the rest grow by 1 / (1 - rate); else nothing.

    Shape unchanged; no weights.  At the end of a residual branch this is stochastic depth: Huang et al. 2016, section 3,
    with dropout's factor, so that prediction needs none.
    """

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.rate < 1:
            raise ArgumentError(f"DropPath: rate is from 0 up to (not including) 1, not {self.rate}.")

    def lower(self, x: Value) -> Value:
        return p.dropout(x, self.rate, whole=True)


class LayerScale(Layer):
    """Each channel times a learnt factor that starts near 0.  Shape unchanged; weight (C,).

    With `init_value` close to 0 a deep network starts as the identity.  Touvron et al. 2021, "Going deeper with image
    transformers", section 2.
    """

    init_value: float = 1e-6

    def lower(self, x: Value) -> Value:
        return p.scale(x, initializers.Constant(self.init_value))


class SqueezeExcite(Layer):
    """Each map scaled by how much of everything there is in the picture.  (H, W, C) -> (H, W, C), or (L, C) -> (L, C).

    The means of all maps go through two dense layers, the first of C / ratio units with `activation`, the second of C
    units with a sigmoid, whose outputs multiply the maps.  weights reduce.weight (C / ratio, C), expand.weight
    (C, C / ratio), and their biases.  Hu et al. 2018, section 3.

    ratio        by what the first dense layer has fewer units; at least 1 unit is left
    activation   of the first dense layer

    Raises ArgumentError for a ratio below 1 or an unknown activation, and ShapeError for a vector.
    """

    ratio: int = 16
    activation: Any = "relu"

    drawn_as = "merge"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ratio < 1:
            raise ArgumentError(f"SqueezeExcite: ratio is a whole number of at least 1, not {self.ratio}.")
        self.activation = as_activation(self.activation, self.kind)

    def lower(self, x: Value) -> Value:
        if len(x.shape) < 2:
            raise ShapeError(f"takes maps, (height, width, channels) or (length, channels), it got {x.shape}.")
        channels = x.shape[-1]
        y = p.linear(p.reduce(x, "mean"), max(channels // self.ratio, 1), name="reduce")
        y = p.linear(p.activation(y, self.activation), channels, name="expand")
        return p.combine("multiply", x, p.pointwise(y, "sigmoid"))
