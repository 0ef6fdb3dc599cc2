"""Layers that stand at the end of a residual branch, before it is added to its shortcut."""

from __future__ import annotations

from striate import primitives as p
from striate.errors import ArgumentError
from striate.graph import Layer, Value
from striate.layers import initializers


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
