"""How the sizes of a layer's output come from its input's, with the numbers put in.

Source of the formulas: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from striate import primitives as p
from striate.graph import FlatNode, Primitive, Shape, Step, Window
from striate.wording import dot, plural


def _axes(rank: int) -> tuple[str, ...]:
    return {1: ("length",), 2: ("height", "width")}.get(rank, tuple(f"axis {i + 1}" for i in range(rank)))


def output_lines(call: FlatNode) -> list[str]:
    """How each size of the output comes from the input's."""
    x, out = call.input_shapes[0], call.shape
    sliding = call.lowering.sliding
    if sliding:
        wide = [(step, window) for step, window in sliding if window.area > 1 or max(window.strides) > 1]
        lines = [line for step, window in wide or sliding[:1] for line in _window_lines(step, window)]
        last = sliding[-1][0]
        return [*lines, _depth_line(last.primitive, last.input_shapes[0], last.shape)]
    shaping = [step for step in call.lowering.steps if type(step.primitive) in _OUTPUT]
    if len(shaping) == 1:
        step = shaping[0]
        return _OUTPUT[type(step.primitive)](step.primitive, step.input_shapes, step.shape)
    return [f"unchanged: {dot(out)}"] if x == out else [f"{dot(x)} becomes {dot(out)}"]


def _window_lines(step: Step, window: Window) -> list[str]:
    one, sizes = _grown if window.transposed else _slid, step.input_shapes[0][:-1]
    axes = _axes(len(window.kernel))
    return [f"{axis:<7} {one(window, sizes, i, step.shape[i], axis[0].upper())}" for i, axis in enumerate(axes)]


def _slid(window: Any, sizes: Shape, i: int, out: int, name: str) -> str:
    size, span, stride = sizes[i], window.span[i], window.strides[i]
    before, after = window.pads(sizes)[i]
    text = ""
    if window.dilation[i] > 1:
        text = f"(F - 1)·dilation + 1 = ({window.kernel[i]} - 1)·{window.dilation[i]} + 1 = {span}; "
    if window.padding == "same":
        text += f"same: ceil({size} / {stride}) = {out}, padding {before} before and {after} after; "
    exact = (size - span + before + after) / stride + 1
    if before == after:
        symbols, pads = "2*P", f"2*{before}"
    else:
        symbols, pads = "P + P'", f"{before} + {after}"
    text += f"({name} - F + {symbols}) / S + 1 = ({size} - {span} + {pads}) / {stride} + 1 = "
    return f"{text}{out}" if exact == out else f"{text}{exact:.2f}, rounded down: {out}"


def _grown(window: Any, sizes: Shape, i: int, out: int, name: str) -> str:
    size, span, stride = sizes[i], window.span[i], window.strides[i]
    if window.more:
        wide = span % 2 if window.padding == "same" else span
        cut = sum(window.padding[i]) if isinstance(window.padding, tuple) else 0
        symbol = "F % 2" if window.padding == "same" else "F - P - P'" if cut else "F"
        return f"({name} - 1)·S + {symbol} + more = ({size} - 1)·{stride} + {wide - cut} + {window.more[i]} = {out}"
    if window.padding == "same":
        return f"{name}·S = {size}·{stride} = {out}"
    if window.padding == "valid":
        return f"{name}·S + max(F - S, 0) = {size}·{stride} + max({span} - {stride}, 0) = {out}"
    before, after = window.padding[i]
    return f"({name} - 1)·S + F - P - P' = ({size} - 1)·{stride} + {span} - {before} - {after} = {out}"


def _depth_line(made: Primitive, x: Shape, out: Shape) -> str:
    if isinstance(made, p.DepthwiseConv):
        return f"depth   {x[-1]}·{made.multiplier} = {out[-1]}, {made.multiplier} for each input map"
    if isinstance(made, p.PartialConv):
        return f"depth   {out[-1]}, one map for each row of the table of connections"
    if isinstance(made, p.Conv):
        return f"depth   {out[-1]}, one map for each filter"
    return f"depth   {out[-1]}, each map on its own"


def _flat(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{dot(xs[0])} = {prod(xs[0])} numbers, in this order: row by row, channels last"]


def _reshaped(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{dot(xs[0])} = {dot(out)} = {prod(out)} numbers, in the same order"]


def _linear_out(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    where = "" if len(out) == 1 else f", at each of the {dot(out[:-1])} positions"
    return [f"{out[-1]}: one number for each unit{where}"]


def _padded(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    axes = (*_axes(len(out) - 1), "depth") if len(out) > 1 else ("depth",)
    return _sided("+", made, xs[0], out, axes if any(made.sides[-1]) else axes[:-1])


def _cropped(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return _sided("-", made, xs[0], out, _axes(len(out) - 1))


def _sided(sign: str, made: Any, x: Shape, out: Shape, axes: tuple[str, ...]) -> list[str]:
    return [
        f"{axis:<7} {x[i]} {sign} {made.sides[i][0]} {sign} {made.sides[i][1]} = {out[i]}"
        for i, axis in enumerate(axes)
    ]


def _enlarged(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{axis:<7} {xs[0][i]}·{made.times[i]} = {out[i]}" for i, axis in enumerate(_axes(len(made.times)))]


def _resized(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{axis:<7} {out[i]}, as asked for, from {xs[0][i]}" for i, axis in enumerate(_axes(len(made.size)))]


def _permuted(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    order = ", ".join(str(axis + 1) for axis in made.order)
    return [f"{dot(xs[0])} becomes {dot(out)}: the axes {order} of the input, in this order"]


def _reduced(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    if not made.positions(xs[0]):
        return [f"{dot(xs[0])} becomes {dot(out)}"]
    return [f"each of the {plural(xs[0][-1], 'map')} of {dot(xs[0][:-1])} becomes one number"]


def _over_channels(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return ["positions stay", f"{'depth':<7} {_slid(made.channels, xs[0][-1:], 0, out[-1], 'D')}"]


def _adapted(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    lines = []
    for i, axis in enumerate(_axes(len(out) - 1)):
        size, count = xs[0][i], out[i]
        spans = sorted({-(-(j + 1) * size // count) - j * size // count for j in range(count)})
        wide = " or ".join(map(str, spans))
        lines.append(f"{axis:<7} {count}, as asked for: windows of {wide} over {size}")
    return lines


def _embedded(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    whose = f"each of the {plural(xs[0][0], 'word')}" if xs[0] else "the word"
    return [f"a vector of {plural(made.width, 'number')} for {whose}"]


def _joined(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    axis = "depth" if made.axis == len(out) - 1 else _axes(len(out) - 1)[made.axis]
    return [f"{axis:<7} {' + '.join(str(x[made.axis]) for x in xs)} = {out[made.axis]}; the rest unchanged: {dot(out)}"]


def _merged(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{plural(len(xs), 'input')}, number by number: {dot(out)}"]


def _becomes(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{dot(xs[0])} becomes {dot(out)}"]


def _located(made: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    sides = ", ".join(f"{grid.rows} x {grid.columns} of {grid.down:g} x {grid.across:g} pixels" for grid in made.grids)
    return [f"place = (number · factor + {made.anchor:g} + cell) · side of the cell; cells: {sides}"]


_OUTPUT: dict[type[Primitive], Callable[[Any, Sequence[Shape], Shape], list[str]]] = {
    p.Flatten: _flat,
    p.Reshape: _reshaped,
    p.Linear: _linear_out,
    p.Distance: _linear_out,
    p.Pad: _padded,
    p.Crop: _cropped,
    p.Resize: _enlarged,
    p.Interpolate: _resized,
    p.Permute: _permuted,
    p.Reduce: _reduced,
    p.AdaptivePool: _adapted,
    p.DepthPool: _over_channels,
    p.Lookup: _embedded,
    p.Concatenate: _joined,
    p.Combine: _merged,
    p.Slice: _becomes,
    p.Gather: _becomes,
    p.Locate: _located,
}
