"""What the rows of the ONNX table write into: operations in order, with their constant arrays beside their inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from striate import layers
from striate.errors import ArgumentError
from striate.graph import Layer, Shape
from striate.graph.graph import FlatNode

Layout = Literal["first", "last"]
Row = Callable[["Writer", FlatNode, list["Value"]], "Value"]
ROWS: dict[type[Layer], Row] = {}


def row(*kinds: type[Layer]) -> Callable[[Row], Row]:
    """Register a function as the row of these layer classes.

    kinds   classes of layers; the function gets the writer, the call, and names of the values that go in
    """

    def register(function: Row) -> Row:
        for kind in kinds:
            ROWS[kind] = function
        return function

    return register


@dataclass(eq=False)
class Op:
    """One operation.  Inputs are names of values, constant arrays, or None for an input left out.

    Besides ONNX' own kinds there are two that ``fold`` understands: Affine (x, scale, shift), a factor and an addend per
    channel, in float64, and Linear (x, weight (units, C), bias or None) over the last axis.
    """

    kind: str
    inputs: list[str | np.ndarray | None]
    output: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """An activation while the graph is written.

    name      of the ONNX value
    shape     channels-last, without the batch, as the layers say it
    layout    how it lies in memory now: channels "first" (N, C, …), as convolutions want it, or "last" (N, …, C)
    whole     whole numbers (token ids, raw pixels), which become floats where a layer reads them
    pixels    (factor, offset) per channel that make network inputs of raw pixels
    """

    name: str
    shape: Shape
    layout: Layout = "last"
    whole: bool = False
    pixels: tuple[np.ndarray | None, np.ndarray | None] | None = None

    @property
    def axis(self) -> int:
        """The channels' axis, with the batch counted."""
        return 1 if self.layout == "first" else len(self.shape)


class Writer:
    """Collects operations; rows ask for their inputs in the layout they work in, and only then is a value turned."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.label = ""
        self.ids: dict[str, int] = {}  # inputs read as token ids, with the number of rows in their table
        self._taken: set[str] = set()
        self._turned: dict[tuple[str, str], str] = {}
        self._arrays: dict[int, dict[str, np.ndarray]] = {}

    def free(self, name: str) -> str:
        """`name`, or with a number where that is taken."""
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found

    def op(self, kind: str, *inputs: str | np.ndarray | None, **attributes: Any) -> str:
        """Write an operation and return the name of its output."""
        output = self.free(f"{self.label}/{kind}")
        self.ops.append(Op(kind, list(inputs), output, attributes))
        return output

    def weights(self, layer: Layer) -> dict[str, np.ndarray]:
        """The layer's arrays by name, float32; the very same objects at every call, so that they are stored once."""
        if id(layer) not in self._arrays:
            self._arrays[id(layer)] = {
                key: attrgetter(key)(layer.built).detach().cpu().float().numpy() for key in layer.built_for or {}
            }
        return self._arrays[id(layer)]

    # -- layouts ---------------------------------------------------------------------------------------------------
    def first(self, x: Value) -> str:
        """The value channels-first, as floats."""
        return self._in_layout(x, "first")

    def last(self, x: Value) -> str:
        """The value channels-last, as floats."""
        return self._in_layout(x, "last")

    def same(self, x: Value) -> str:
        """The value as it lies, as floats."""
        return self._in_layout(x, x.layout)

    def _in_layout(self, x: Value, layout: Layout) -> str:
        if not x.whole and (x.layout == layout or len(x.shape) < 2):
            return x.name
        key = (x.name, layout)
        if key not in self._turned:
            name, axes = x.name, len(x.shape)
            if x.layout != layout and axes > 1:
                order = [0, axes, *range(1, axes)] if layout == "first" else [0, *range(2, axes + 1), 1]
                name = self.op("Transpose", name, perm=order)
            if x.whole:
                name = self.op("Cast", name, to=1)  # TensorProto.FLOAT
            if x.pixels is not None:
                wide = (-1,) + (1,) * (axes - 1) if layout == "first" else (-1,)
                for kind, values in zip(("Mul", "Add"), x.pixels, strict=True):
                    name = name if values is None else self.op(kind, name, values.reshape(wide))
            self._turned[key] = name
        return self._turned[key]

    def together(self, xs: list[Value]) -> tuple[list[str], Layout]:
        """Values of one rank in one layout: channels-first as soon as one of them is."""
        layout: Layout = "first" if any(x.layout == "first" for x in xs) else "last"
        return [self._in_layout(x, layout) for x in xs], layout


def find_row(layer: Layer, name: str) -> Row:
    """The row of a layer.  Raises ArgumentError where it has none, or computes something else in torch than the row's."""
    from striate.backend.table import ROWS as TORCH_ROWS

    mine = next((kind for kind in type(layer).__mro__ if kind in ROWS), None)
    torchs = next((kind for kind in type(layer).__mro__ if kind in TORCH_ROWS), None)
    if mine is None or mine is not torchs:
        raise ArgumentError(
            f'{layer.kind} "{name}": cannot be written as ONNX, there is no row for it in striate.ship. '
            'Predict with engine="torch", or register one with striate.ship.row.'
        )
    return ROWS[mine]


# -- activations -----------------------------------------------------------------------------------------------------
def _mul(w: Writer, x: str, factor: float) -> str:
    return w.op("Mul", x, np.array(factor, np.float32))


def _scaled_tanh(w: Writer, x: str) -> str:
    return _mul(w, w.op("Tanh", _mul(w, x, 2 / 3)), 1.7159)


def _clip(w: Writer, x: str, low: float, high: float) -> str:
    return w.op("Clip", x, np.array(low, np.float32), np.array(high, np.float32))


_ACTIVATIONS: dict[str, Callable[[Writer, str], str]] = {
    "relu": lambda w, x: w.op("Relu", x),
    "relu6": lambda w, x: _clip(w, x, 0, 6),
    "leaky_relu": lambda w, x: w.op("LeakyRelu", x, alpha=0.2),
    "elu": lambda w, x: w.op("Elu", x, alpha=1.0),
    "selu": lambda w, x: w.op("Selu", x),
    "tanh": lambda w, x: w.op("Tanh", x),
    "scaled_tanh": _scaled_tanh,
    "sigmoid": lambda w, x: w.op("Sigmoid", x),
    "hard_sigmoid": lambda w, x: w.op("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hard_silu": lambda w, x: w.op("HardSwish", x),
    "hard_swish": lambda w, x: w.op("HardSwish", x),
    "silu": lambda w, x: w.op("Mul", x, w.op("Sigmoid", x)),
    "swish": lambda w, x: w.op("Mul", x, w.op("Sigmoid", x)),
    "gelu": lambda w, x: w.op("Gelu", x),
    "mish": lambda w, x: w.op("Mul", x, w.op("Tanh", w.op("Softplus", x))),
    "softplus": lambda w, x: w.op("Softplus", x),
    "softsign": lambda w, x: w.op("Softsign", x),
    "exponential": lambda w, x: w.op("Exp", x),
}


def activate(w: Writer, x: Value, activation: Any) -> Value:
    """Put an activation (name, layer or None) after `x`, in the layout in which it lies."""
    if activation is None or activation == "linear":
        return x
    if isinstance(activation, layers.Activation):
        return activate(w, x, activation.activation)
    name = w.same(x)
    if activation in ("softmax", "log_softmax") or isinstance(activation, layers.Softmax):
        kind = "LogSoftmax" if activation == "log_softmax" else "Softmax"
        return Value(w.op(kind, name, axis=x.axis), x.shape, x.layout)
    if isinstance(activation, str):
        return Value(_ACTIVATIONS[activation](w, name), x.shape, x.layout)
    return Value(_layer(w, name, activation), x.shape, x.layout)


def _layer(w: Writer, x: str, layer: Any) -> str:
    if isinstance(layer, layers.ELU):
        return w.op("Elu", x, alpha=layer.alpha)
    if isinstance(layer, layers.LeakyReLU):
        return w.op("LeakyRelu", x, alpha=layer.negative_slope)
    if layer.threshold:
        threshold = np.array(layer.threshold, np.float32)
        below = _mul(w, w.op("Sub", x, threshold), layer.negative_slope)
        y = w.op("Where", w.op("GreaterOrEqual", x, threshold), x, below)
    elif layer.negative_slope:
        y = w.op("LeakyRelu", x, alpha=layer.negative_slope)
    elif layer.max_value is None:
        return w.op("Relu", x)
    else:
        return _clip(w, x, 0, layer.max_value)
    return y if layer.max_value is None else w.op("Min", y, np.array(layer.max_value, np.float32))


@row(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax)
def _activation(w: Writer, node: FlatNode, xs: list[Value]) -> Value:
    return activate(w, xs[0], node.layer)
