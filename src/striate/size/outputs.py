"""How the sizes of a layer's output come from its input's, with the numbers put in.

Source of the formulas: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from striate import layers
from striate.graph import FlatNode, Layer, Shape
from striate.size.wording import dot


def _axes(rank: int) -> tuple[str, ...]:
    return {1: ("length",), 2: ("height", "width")}.get(rank, tuple(f"axis {i + 1}" for i in range(rank)))


def output_lines(call: FlatNode) -> list[str]:
    """How each size of the output comes from the input's."""
    layer: Any = call.layer
    x, out = call.input_shapes[0], call.shape
    window = layer.window()
    if window is not None:
        one = _grown if window.transposed else _slid
        axes = _axes(len(window.kernel))
        return [
            *(f"{axis:<7} {one(window, x[:-1], i, out[i], axis[0].upper())}" for i, axis in enumerate(axes)),
            _depth_line(layer, x, out),
        ]
    for kind, lines in _OUTPUT.items():
        if isinstance(layer, kind):
            return lines(layer, call.input_shapes, out)
    if isinstance(layer, layers.DepthPooling):
        return ["positions stay", f"{'depth':<7} {_slid(layer.channels(), x[-1:], 0, out[-1], 'D')}"]
    return [f"unchanged: {dot(out)}"] if x == out else [f"{dot(x)} becomes {dot(out)}"]


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
    if window.padding == "same":
        return f"{name}·S = {size}·{stride} = {out}"
    if window.padding == "valid":
        return f"{name}·S + max(F - S, 0) = {size}·{stride} + max({span} - {stride}, 0) = {out}"
    before, after = window.padding[i]
    return f"({name} - 1)·S + F - P - P' = ({size} - 1)·{stride} + {span} - {before} - {after} = {out}"


def _depth_line(layer: Any, x: Shape, out: Shape) -> str:
    if hasattr(layer, "filters"):
        return f"depth   {out[-1]}, one map for each filter"
    if isinstance(layer, layers.PartialConv2D):
        return f"depth   {out[-1]}, one map for each row of the table of connections"
    if hasattr(layer, "depth_multiplier"):
        return f"depth   {x[-1]}·{layer.depth_multiplier} = {out[-1]}, {layer.depth_multiplier} for each input map"
    return f"depth   {out[-1]}, each map on its own"


def _flat(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{dot(xs[0])} = {prod(xs[0])} numbers, in this order: row by row, channels last"]


def _reshaped(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{dot(xs[0])} = {dot(out)} = {prod(out)} numbers, in the same order"]


def _dense_out(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    where = "" if len(out) == 1 else f", at each of the {dot(out[:-1])} positions"
    return [f"{out[-1]}: one number for each unit{where}"]


def _sided(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    sign = "+" if layer.sign > 0 else "-"
    return [
        f"{axis:<7} {xs[0][i]} {sign} {a} {sign} {b} = {out[i]}"
        for i, (axis, (a, b)) in enumerate(zip(_axes(len(out) - 1), layer.sides(), strict=True))
    ]


def _enlarged(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    times = (layer.size,) if isinstance(layer.size, int) else layer.size
    return [f"{axis:<7} {xs[0][i]}·{times[i]} = {out[i]}" for i, axis in enumerate(_axes(len(times)))]


def _global(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"each of the {xs[0][-1]} maps of {dot(xs[0][:-1])} becomes one number"]


def _adapted(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    lines = []
    for i, axis in enumerate(_axes(len(out) - 1)):
        size, count = xs[0][i], out[i]
        spans = sorted({-(-(j + 1) * size // count) - j * size // count for j in range(count)})
        wide = " or ".join(map(str, spans))
        lines.append(f"{axis:<7} {count}, as asked for: windows of {wide} over {size}")
    return lines


def _embedded(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"a vector of {layer.output_dim} numbers for each of the {xs[0][0]} words"]


def _joined(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    dim = layer.dim(xs[0])
    axis = "depth" if dim == len(out) - 1 else _axes(len(out) - 1)[dim]
    return [f"{axis:<7} {' + '.join(str(x[dim]) for x in xs)} = {out[dim]}; the rest unchanged: {dot(out)}"]


def _merged(layer: Any, xs: Sequence[Shape], out: Shape) -> list[str]:
    return [f"{len(xs)} inputs, number by number: {dot(out)}"]


_OUTPUT: dict[tuple[type[Layer], ...], Callable[[Any, Sequence[Shape], Shape], list[str]]] = {
    (layers.Flatten,): _flat,
    (layers.Reshape,): _reshaped,
    (layers.Dense, layers.EuclideanRBF): _dense_out,
    (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.Cropping1D, layers.Cropping2D): _sided,
    (layers.UpSampling1D, layers.UpSampling2D): _enlarged,
    (layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D): _global,
    (layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D): _global,
    (layers.AdaptiveMaxPooling1D, layers.AdaptiveMaxPooling2D): _adapted,
    (layers.AdaptiveAveragePooling1D, layers.AdaptiveAveragePooling2D): _adapted,
    (layers.Embedding,): _embedded,
    (layers.Concatenate,): _joined,
    (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum): _merged,
}
