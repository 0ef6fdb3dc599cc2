"""What an activation keeps for its backward pass: its output, its input, or a copy of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from striate import layers
from striate.graph import FlatNode, Layer
from striate.size.tape import Tape, Value

_KEEPS_OUTPUT = {"relu", "tanh", "sigmoid", "exponential", "softmax", "log_softmax"}
_IN_PLACE = {"relu", "leaky_relu", "elu"}  # where allowed; these then keep their output instead of their input


def activate(tape: Tape, node: FlatNode, x: Value, activation: Any, in_place: bool) -> Value:
    """An activation (name, layer or None) after `x`, in place where the backend runs it so."""
    if isinstance(activation, layers.Activation):
        return activate(tape, node, x, activation.activation, in_place)
    if isinstance(activation, layers.ReLU):
        if activation.threshold or activation.negative_slope:
            return _parametric(tape, x, activation)
        name = "relu" if activation.max_value is None else "relu6"
    elif isinstance(activation, Layer):
        names: dict[type[Layer], str] = {layers.LeakyReLU: "leaky_relu", layers.ELU: "elu", layers.Softmax: "softmax"}
        name = names[type(activation)]
    else:
        name = activation or "linear"
    if name == "linear":
        return x
    in_place = in_place and name in _IN_PLACE
    y = x if in_place else tape.like(x)
    if "softmax" in name and len(node.shape) > 1:  # torch writes it channels first
        y = replace(y, last=False)
    if x.grad:
        tape.keep(y if in_place or name in _KEEPS_OUTPUT else x)
        if name == "softsign":
            tape.keep_new(x.numbers)
    return y


def _parametric(tape: Tape, x: Value, layer: layers.ReLU) -> Value:
    y = tape.like(x)
    if x.grad:
        tape.keep_new(x.numbers, 1)
        if layer.max_value is not None:
            tape.keep(y)
            y = tape.like(x)
    return y
