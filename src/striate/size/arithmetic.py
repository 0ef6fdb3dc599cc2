"""The formulas of weights and multiplications, in symbols and with a layer's numbers put in: one row per layer class.

F is the window, D the depth (channels) of the input, K the number of filters or units, W'·H' the output's size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate import layers
from striate.graph import FlatNode, Layer, Shape
from striate.size.wording import dot

Sum = tuple[str, str]  # the formula in symbols, and with the numbers put in
Formula = Callable[[Any, Shape, Shape], Sum]


def _f(layer: Any) -> str:
    return "·".join("F" * len(layer.window().kernel))


def _cells(layer: Any) -> str:
    return dot(layer.window().kernel)


def _places(out: Shape) -> str:
    return {1: "1", 2: "L'", 3: "W'·H'"}.get(len(out), "…")


def _biased(layer: Any, symbols: str, numbers: str, k: str, count: int) -> Sum:
    return (f"{symbols} + {k}", f"{numbers} + {count}") if getattr(layer, "use_bias", True) else (symbols, numbers)


def _depth(layer: Any, x: Shape) -> Sum:
    groups = getattr(layer, "groups", 1)
    return ("D", str(x[-1])) if groups == 1 else ("(D / groups)", f"({x[-1]} / {groups})")


# -- weights ----------------------------------------------------------------------------------------------------------
def _conv_weights(layer: Any, x: Shape, out: Shape) -> Sum:
    symbol, depth = _depth(layer, x)
    return _biased(layer, f"{_f(layer)}·{symbol}·K", f"{_cells(layer)}·{depth}·{layer.filters}", "K", layer.filters)


def _depthwise_weights(layer: Any, x: Shape, out: Shape) -> Sum:
    maps = x[-1] * layer.depth_multiplier
    return _biased(layer, f"{_f(layer)}·D·M", f"{_cells(layer)}·{x[-1]}·{layer.depth_multiplier}", "D·M", maps)


def _separable_weights(layer: Any, x: Shape, out: Shape) -> Sum:
    maps = f"{x[-1]}·{layer.depth_multiplier}"
    return _biased(
        layer,
        f"{_f(layer)}·D·M + D·M·K",
        f"{_cells(layer)}·{maps} + {maps}·{layer.filters}",
        "K",
        layer.filters,
    )


def _partial_weights(layer: Any, x: Shape, out: Shape) -> Sum:
    return "F·F·connections + K", f"{_cells(layer)}·{layer.links} + {out[-1]}"


def _dense_weights(layer: Any, x: Shape, out: Shape) -> Sum:
    return _biased(layer, "D·K", f"{x[-1]}·{layer.units}", "K", layer.units)


def _embedding_weights(layer: Any, x: Shape, out: Shape) -> Sum:
    return "words·D'", f"{layer.input_dim}·{layer.output_dim}"


def _per_channel(layer: Any, x: Shape, out: Shape) -> Sum:
    parts = int(getattr(layer, "scale", True)) + int(getattr(layer, "center", True))
    return f"{parts}·D", f"{parts}·{x[-1]}"


def _layer_scale_weights(layer: Any, x: Shape, out: Shape) -> Sum:
    return "1·D", f"1·{x[-1]}"


WEIGHTS: dict[type[Layer], Formula] = {
    layers.Conv1D: _conv_weights,
    layers.Conv2D: _conv_weights,
    layers.Conv1DTranspose: _conv_weights,
    layers.Conv2DTranspose: _conv_weights,
    layers.DepthwiseConv1D: _depthwise_weights,
    layers.DepthwiseConv2D: _depthwise_weights,
    layers.SeparableConv1D: _separable_weights,
    layers.SeparableConv2D: _separable_weights,
    layers.PartialConv2D: _partial_weights,
    layers.Dense: _dense_weights,
    layers.Embedding: _embedding_weights,
    layers.BatchNormalization: _per_channel,
    layers.LayerNormalization: _per_channel,
    layers.TrainableSubsampling2D: _per_channel,
    layers.LayerScale: _layer_scale_weights,
}

#: What the weights of a layer are, where the formula does not say it.
MEANING: dict[type[Layer], str] = {
    layers.BatchNormalization: "a scale and a shift for each channel; the buffers are its running mean and variance",
    layers.LayerNormalization: "a scale and a shift for each channel",
    layers.LayerScale: "a factor for each channel",
    layers.TrainableSubsampling2D: "a coefficient and a bias for each map",
    layers.EuclideanRBF: "the prototypes are fixed, so they are buffers",
    layers.Embedding: "a vector for each word",
}


# -- multiplications --------------------------------------------------------------------------------------------------
def _conv_mults(layer: Any, x: Shape, out: Shape) -> Sum:
    symbol, depth = _depth(layer, x)
    return f"{_f(layer)}·{symbol} · {_places(out)}·K", f"{_cells(layer)}·{depth} · {dot(out)}"


def _transposed_mults(layer: Any, x: Shape, out: Shape) -> Sum:
    places = {2: "L", 3: "W·H"}[len(x)]
    return f"{_f(layer)}·K · {places}·D", f"{_cells(layer)}·{layer.filters} · {dot(x)}"


def _depthwise_mults(layer: Any, x: Shape, out: Shape) -> Sum:
    return f"{_f(layer)} · {_places(out)}·D·M", f"{_cells(layer)} · {dot(out)}"


def _separable_mults(layer: Any, x: Shape, out: Shape) -> Sum:
    maps = f"{x[-1]}·{layer.depth_multiplier}"
    return (
        f"{_places(out)} · D·M · ({_f(layer)} + K)",
        f"{dot(out[:-1])} · {maps} · ({_cells(layer)} + {layer.filters})",
    )


def _partial_mults(layer: Any, x: Shape, out: Shape) -> Sum:
    return "F·F·connections · W'·H'", f"{_cells(layer)}·{layer.links} · {dot(out[:-1])}"


def _dense_mults(layer: Any, x: Shape, out: Shape) -> Sum:
    if len(x) == 1:
        return "D·K", f"{x[0]}·{layer.units}"
    return "positions · D·K", f"{dot(x[:-1])} · {x[-1]}·{layer.units}"


def _rbf_mults(layer: Any, x: Shape, out: Shape) -> Sum:
    return "D·K", f"{x[0]}·{layer.units}"


MULTS: dict[type[Layer], Formula] = {
    layers.Conv1D: _conv_mults,
    layers.Conv2D: _conv_mults,
    layers.Conv1DTranspose: _transposed_mults,
    layers.Conv2DTranspose: _transposed_mults,
    layers.DepthwiseConv1D: _depthwise_mults,
    layers.DepthwiseConv2D: _depthwise_mults,
    layers.SeparableConv1D: _separable_mults,
    layers.SeparableConv2D: _separable_mults,
    layers.PartialConv2D: _partial_mults,
    layers.Dense: _dense_mults,
    layers.EuclideanRBF: _rbf_mults,
}


def formula(table: dict[type[Layer], Formula], call: FlatNode) -> Sum | None:
    """The formula of a call's layer, or None when the table has no row for it."""
    for kind in type(call.layer).__mro__:
        if kind in table:
            return table[kind](call.layer, call.input_shapes[0], call.shape)
    return None
