"""The formulas of weights and multiplications, in symbols and with a call's numbers put in: one row per primitive.

F is the window, D the depth (channels) of the input, K the number of filters or units, W'·H' the output's size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate import primitives as p
from striate.graph import FlatNode, Primitive, Shape, Step
from striate.wording import dot

Sum = tuple[str, str]  # the formula in symbols, and with the numbers put in
Formula = Callable[[Any, Shape, Shape], Sum]


def _f(made: Any) -> str:
    return "·".join("F" * len(made.window.kernel))


def _cells(made: Any) -> str:
    return dot(made.window.kernel)


def _places(out: Shape) -> str:
    return {1: "1", 2: "L'", 3: "W'·H'"}.get(len(out), "…")


def _biased(made: Any, symbols: str, numbers: str, k: str, count: int) -> Sum:
    return (f"{symbols} + {k}", f"{numbers} + {count}") if made.bias is not None else (symbols, numbers)


def _depth(made: Any, x: Shape) -> Sum:
    return ("D", str(x[-1])) if made.groups == 1 else ("(D / groups)", f"({x[-1]} / {made.groups})")


# -- weights ----------------------------------------------------------------------------------------------------------
def _conv_weights(made: Any, x: Shape, out: Shape) -> Sum:
    symbol, depth = _depth(made, x)
    return _biased(made, f"{_f(made)}·{symbol}·K", f"{_cells(made)}·{depth}·{made.filters}", "K", made.filters)


def _depthwise_weights(made: Any, x: Shape, out: Shape) -> Sum:
    return _biased(made, f"{_f(made)}·D·M", f"{_cells(made)}·{x[-1]}·{made.multiplier}", "D·M", made.maps(x))


def _partial_weights(made: Any, x: Shape, out: Shape) -> Sum:
    return _biased(made, "F·F·connections", f"{_cells(made)}·{made.links}", "K", out[-1])


def _linear_weights(made: Any, x: Shape, out: Shape) -> Sum:
    return _biased(made, "D·K", f"{x[-1]}·{made.units}", "K", made.units)


def _lookup_weights(made: Any, x: Shape, out: Shape) -> Sum:
    return "words·D'", f"{made.rows}·{made.width}"


def _per_channel(made: Any, x: Shape, out: Shape) -> Sum:
    parts = len(made.weights(x))
    return f"{parts}·D", f"{parts}·{x[-1]}"


def _slopes(made: Any, x: Shape, out: Shape) -> Sum:
    sizes = [size for axis, size in enumerate(x) if axis not in made.shared]
    names = {1: "D", 2: "L·D", 3: "W·H·D"}.get(len(x), "numbers") if not made.shared else "slopes"
    return names, dot(tuple(sizes)) if sizes else "1"


WEIGHTS: dict[type[Primitive], Formula] = {
    p.Conv: _conv_weights,
    p.ConvTranspose: _conv_weights,
    p.DepthwiseConv: _depthwise_weights,
    p.PartialConv: _partial_weights,
    p.Linear: _linear_weights,
    p.Lookup: _lookup_weights,
    p.BatchNorm: _per_channel,
    p.LayerNorm: _per_channel,
    p.Scale: _per_channel,
    p.Slope: _slopes,
}


def meaning(call: FlatNode) -> str:
    """What the weights of a call are, where the formula does not say it."""
    said = [text for step in call.lowering.steps if (text := _meaning(step.primitive))]
    return said[0] if len(said) == 1 else ""


def _meaning(made: Primitive) -> str:
    if isinstance(made, p.Scale):
        if made.factor is not None and made.addend is not None:
            return "a coefficient and a bias for each map"
        return f"a {'bias' if made.factor is None else 'factor'} for each channel"
    return {
        p.BatchNorm: "a scale and a shift for each channel; the buffers are its running mean and variance",
        p.LayerNorm: "a scale and a shift for each channel",
        p.Distance: "the prototypes are fixed, so they are buffers",
        p.Lookup: "a vector for each word",
        p.Slope: "a slope below 0 for each place and channel, or shared along axes",
    }.get(type(made), "")


# -- multiplications --------------------------------------------------------------------------------------------------
def _conv_mults(made: Any, x: Shape, out: Shape) -> Sum:
    symbol, depth = _depth(made, x)
    return f"{_f(made)}·{symbol} · {_places(out)}·K", f"{_cells(made)}·{depth} · {dot(out)}"


def _transposed_mults(made: Any, x: Shape, out: Shape) -> Sum:
    places = {2: "L", 3: "W·H"}[len(x)]
    return f"{_f(made)}·K · {places}·D", f"{_cells(made)}·{made.filters} · {dot(x)}"


def _depthwise_mults(made: Any, x: Shape, out: Shape) -> Sum:
    return f"{_f(made)} · {_places(out)}·D·M", f"{_cells(made)} · {dot(out)}"


def _partial_mults(made: Any, x: Shape, out: Shape) -> Sum:
    return "F·F·connections · W'·H'", f"{_cells(made)}·{made.links} · {dot(out[:-1])}"


def _linear_mults(made: Any, x: Shape, out: Shape) -> Sum:
    if len(x) == 1:
        return "D·K", f"{x[0]}·{made.units}"
    return "positions · D·K", f"{dot(x[:-1])} · {x[-1]}·{made.units}"


def _distance_mults(made: Any, x: Shape, out: Shape) -> Sum:
    return "D·K", f"{x[0]}·{made.units}"


MULTS: dict[type[Primitive], Formula] = {
    p.Conv: _conv_mults,
    p.ConvTranspose: _transposed_mults,
    p.DepthwiseConv: _depthwise_mults,
    p.PartialConv: _partial_mults,
    p.Linear: _linear_mults,
    p.Distance: _distance_mults,
}


# -- a whole call -----------------------------------------------------------------------------------------------------
def separable(call: FlatNode) -> tuple[Step, Step] | None:
    """The two convolutions of a call that is a depthwise one and a 1x1 one after it; None for others."""
    convs = call.lowering.of(p.Conv)
    if len(convs) != 2 or not isinstance(convs[0].primitive, p.DepthwiseConv):
        return None
    second: Any = convs[1].primitive
    one = type(second) is p.Conv and second.window.area == 1 and second.groups == 1
    return (convs[0], convs[1]) if one and convs[1].inputs == (convs[0].output,) else None


def formula(table: dict[type[Primitive], Formula], call: FlatNode) -> Sum | None:
    """The formula of a call: the sum over its primitives.  None when the table has no row for any of them."""
    pair = separable(call)
    if pair is not None:
        return _separable(table is WEIGHTS, pair)
    terms = [
        table[type(step.primitive)](step.primitive, step.input_shapes[0], step.shape)
        for step in call.lowering.steps
        if type(step.primitive) in table
    ]
    return (" + ".join(symbols for symbols, _ in terms), " + ".join(numbers for _, numbers in terms)) if terms else None


def _separable(weights: bool, pair: tuple[Step, Step]) -> Sum:
    (deep, wide), x, out = (step.primitive for step in pair), pair[0].input_shapes[0], pair[1].shape
    made: Any = deep
    point: Any = wide
    maps = f"{x[-1]}·{made.multiplier}"
    if weights:
        sums = f"{_f(made)}·D·M + D·M·K", f"{_cells(made)}·{maps} + {maps}·{point.filters}"
        return _biased(point, *sums, "K", point.filters)
    return (
        f"{_places(out)} · D·M · ({_f(made)} + K)",
        f"{dot(out[:-1])} · {maps} · ({_cells(made)} + {point.filters})",
    )
