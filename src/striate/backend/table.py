"""How each layer runs in torch: one row per layer class.

A row gets the builder, the call (its layer and input shapes) and the fx nodes of its inputs, and returns the fx node of
its output.  ``windows`` holds the rows of layers that slide a window, ``rows`` the others.  Layers with weights become a
submodule under the layer's name; the rest become plain function calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import fx

from striate import layers
from striate.backend import modules
from striate.graph import Layer, Node

if TYPE_CHECKING:
    from striate.backend.build import Builder

Row = Callable[["Builder", Node, list[fx.Node]], fx.Node]
ROWS: dict[type[Layer], Row] = {}


def row(*kinds: type[Layer]) -> Callable[[Row], Row]:
    """Register a function as the row of these layer classes."""

    def register(function: Row) -> Row:
        for kind in kinds:
            ROWS[kind] = function
        return function

    return register


# -- activations ----------------------------------------------------------------------------------------------------
# torch's in-place relu6 (hardtanh) copies its input for the backward pass, so it would gain nothing
_IN_PLACE: dict[str, Any] = {"relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu}
_SIMPLE: dict[str, Callable[..., torch.Tensor]] = {
    "relu6": F.relu6,
    "tanh": torch.tanh,
    "scaled_tanh": modules.scaled_tanh,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "hard_swish": F.hardswish,
    "selu": F.selu,
    "silu": F.silu,
    "swish": F.silu,
    "gelu": F.gelu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "exponential": torch.exp,
}


def activate(b: Builder, x: fx.Node, activation: Any, in_place: bool) -> fx.Node:
    """Put an activation (name, layer or None) after `x`; in place where the caller says that `x` is not needed again."""
    if activation is None or activation == "linear":
        return x
    if isinstance(activation, Layer):
        return _activation_layer(b, x, activation, in_place)
    if activation in _IN_PLACE:
        extra = {"negative_slope": 0.2} if activation == "leaky_relu" else {}
        return b.call(_IN_PLACE[activation], x, **extra, **({"inplace": True} if in_place else {}))
    if activation in ("softmax", "log_softmax"):
        return b.call(getattr(F, activation), x, dim=1)
    return b.call(_SIMPLE[activation], x)


def _activation_layer(b: Builder, x: fx.Node, layer: Any, in_place: bool) -> fx.Node:
    inplace = {"inplace": True} if in_place else {}
    if isinstance(layer, layers.Activation):
        return activate(b, x, layer.activation, in_place)
    if isinstance(layer, layers.Softmax):
        return b.call(F.softmax, x, dim=1)
    if isinstance(layer, layers.ELU):
        return b.call(F.elu, x, alpha=layer.alpha, **inplace)
    if isinstance(layer, layers.LeakyReLU):
        return b.call(F.leaky_relu, x, negative_slope=layer.negative_slope, **inplace)
    if not layer.threshold and not layer.negative_slope:
        if layer.max_value is None:
            return b.call(F.relu, x, **inplace)
        return b.call(F.hardtanh, x, min_val=0.0, max_val=float(layer.max_value))
    return b.call(modules.parametric_relu, x, layer.max_value, layer.negative_slope, layer.threshold)


@row(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax)
def _activation(b: Builder, node: Node, xs: list[fx.Node]) -> fx.Node:
    return _activation_layer(b, xs[0], node.layer, b.may_overwrite(node.inputs[0]))
