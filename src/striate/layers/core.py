"""The layer that does nothing."""

from __future__ import annotations

from striate import primitives as p
from striate.graph import Layer, Value
from striate.graph.lowering import put

__all__ = ["Identity"]


class Identity(Layer):
    """Nothing: the output is the input.  Shape unchanged; no weights."""

    def lower(self, x: Value) -> Value:
        return put(p.Identity(), x)
