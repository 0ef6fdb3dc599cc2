"""Functions of ``striate.ops`` between a value and a weight of the layer's own: which primitives those are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate import primitives as p
from striate.graph import Value, Window
from striate.ops.variable import NeedsTorch, OwnWeight, StartsWith
from striate.primitives import Parameter

_OTHER = {"x1": "x2", "x2": "x1"}


def with_weight(op: str, arguments: Mapping[str, Any]) -> Value:
    """The value that a function of a value and a weight gives.  Raises NeedsTorch where no primitive is that.

    op          its name
    arguments   of it, by name; one of them is a weight
    """
    own = [(name, one) for name, one in arguments.items() if isinstance(one, OwnWeight)]
    if len(own) != 1 or not own[0][1].trainable:
        raise NeedsTorch
    (place, weight) = own[0]
    if weight.used:  # a lowering names each of its arrays once
        raise NeedsTorch
    weight.used = True
    start = Parameter(
        StartsWith(weight) if weight.held is not None else weight.initializer or "glorot_uniform",
        weight.regularizer,
        weight.constraint,
    )
    shape, part = tuple(n for i, n in enumerate(weight.shape) if n != 1 or i == len(weight.shape) - 1), weight.name
    rest = {key: one for key, one in arguments.items() if key != place}
    if op in ("conv", "depthwise_conv") and place == "kernel":
        return _convolved(op, rest, weight, start)
    x = rest.get(_OTHER.get(place, ""))
    if not isinstance(x, Value):
        raise NeedsTorch
    if op in ("matmul", "dot") and place == "x2" and len(weight.shape) == 2 and weight.shape[0] == x.shape[-1]:
        return p.linear(x, weight.shape[1], kernel=start, bias=None, name=part)
    if shape != x.shape[-1:] or (weight.constraint is not None and shape != weight.shape):  # it counts axes as given
        raise NeedsTorch
    if op == "add":
        return p.scale(x, None, start, name=part)
    if op == "multiply":
        return p.scale(x, start, None, name=part)
    raise NeedsTorch


def _convolved(op: str, rest: Mapping[str, Any], weight: OwnWeight, start: Parameter) -> Value:
    x = rest.get("inputs")
    if not isinstance(x, Value) or len(weight.shape) != len(x.shape) + 1:
        raise NeedsTorch
    rank = len(x.shape) - 1

    def each(value: Any) -> tuple[int, ...]:
        return (value,) * rank if isinstance(value, int) else tuple(value)

    padding = str(rest.get("padding", "valid")).lower()
    window = Window(
        weight.shape[:rank],
        each(rest.get("strides", 1)),
        padding,
        each(rest.get("dilation_rate", 1)),  # type: ignore[arg-type]
    )
    depth, count = weight.shape[-2:]
    if op == "depthwise_conv":
        return p.depthwise_conv(x, window, multiplier=count, kernel=start, bias=None, name=weight.name)
    return p.conv(x, count, window, groups=x.shape[-1] // depth, kernel=start, bias=None, name=weight.name)
