"""What the rows of the ONNX table write into: operations in order, with their constant arrays beside their inputs.

One row per primitive: ``rows`` and ``windows`` hold them, as in ``backend``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from striate.graph import FlatNode, Layer, Rows, Shape, Step

Layout = Literal["first", "last"]
ROWS: Rows[Callable[[Writer, Step, list[Tensor]], Tensor]] = Rows()


@dataclass(eq=False)
class Op:
    """One operation.  Inputs are names of values, constant arrays, or None for an input left out.

    Besides ONNX' own kinds there are two that ``fold`` understands: Affine (x, scale, shift), a factor and an addend per
    channel, in float64, and Linear (x, weight (units, C), bias or None) over the last axis.

    Of an operation with several results this is one; it is written once for each that is used.

    place   (which result, of how many)
    """

    kind: str
    inputs: list[str | np.ndarray | None]
    output: str
    attributes: dict[str, Any] = field(default_factory=dict)
    place: tuple[int, int] = (0, 1)

    @property
    def outputs(self) -> list[str]:
        """Names of all results."""
        which, count = self.place
        return [self.output if i == which else f"{self.output}/{i}" for i in range(count)]


@dataclass(frozen=True)
class Tensor:
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


def order_to(layout: Layout, axes: int) -> list[int]:
    """The order of the axes, the batch counted, that turns the other layout into this one."""
    return [0, axes, *range(1, axes)] if layout == "first" else [0, *range(2, axes + 1), 1]


class Writer:
    """Collects operations; rows ask for their inputs in the layout they work in, and only then is a value turned."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.label = ""
        self.ids: dict[str, int] = {}  # inputs read as token ids, with the number of rows in their table
        self._taken: set[str] = set()
        self._turned: dict[tuple[str, str], str] = {}
        self._transposed: dict[str, tuple[str, list[int]]] = {}  # what was turned, and in which order its axes stand
        self._arrays: dict[int, dict[str, np.ndarray]] = {}
        self._layer: Layer | None = None

    def free(self, name: str) -> str:
        """`name`, or with a number where that is taken."""
        candidate, number = name, 1
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate

    def op(self, kind: str, *inputs: str | np.ndarray | None, **attributes: Any) -> str:
        """Write an operation and return the name of its output."""
        return self.results(kind, inputs, attributes, 1)[0]

    def results(
        self, kind: str, inputs: Sequence[str | np.ndarray | None], attributes: dict[str, Any], count: int
    ) -> list[str]:
        """Write an operation with `count` results and return their names."""
        outputs = [self.free(f"{self.label}/{kind}") for _ in range(count)]
        self.ops += [Op(kind, list(inputs), one, attributes, (i, count)) for i, one in enumerate(outputs)]
        return outputs

    def call(self, node: FlatNode, xs: list[Tensor]) -> list[Tensor]:
        """Write a layer's call, step by step; its inputs and what each step gives."""
        self.label, self._layer = node.name, node.layer
        values = list(xs)
        for step in node.lowering.steps:
            values.append(ROWS.of(step.primitive)(self, step, [values[i] for i in step.inputs]))
        return values

    def arrays(self, step: Step) -> dict[str, np.ndarray]:
        """The step's arrays by name, float32; the very same objects at every call, so that they are stored once."""
        layer = self._layer
        assert layer is not None
        if id(layer) not in self._arrays:
            self._arrays[id(layer)] = {
                key: attrgetter(key)(layer.torch_module).detach().cpu().float().numpy() for key in layer.built_for or {}
            }
        start = f"{step.part}." if step.part else ""
        return {
            key.removeprefix(start): array for key, array in self._arrays[id(layer)].items() if key.startswith(start)
        }

    # -- layouts ---------------------------------------------------------------------------------------------------
    def first(self, x: Tensor) -> str:
        """The value channels-first, as floats."""
        return self._in_layout(x, "first")

    def last(self, x: Tensor) -> str:
        """The value channels-last, as floats."""
        return self._in_layout(x, "last")

    def same(self, x: Tensor) -> str:
        """The value as it lies, as floats."""
        return self._in_layout(x, x.layout)

    def _in_layout(self, x: Tensor, layout: Layout) -> str:
        if not x.whole and (x.layout == layout or len(x.shape) < 2):
            return x.name
        key = (x.name, layout)
        if key not in self._turned:
            name, axes = x.name, len(x.shape)
            if x.layout != layout and axes > 1:
                name = self.transpose(name, order_to(layout, axes))
            if x.whole:
                name = self.op("Cast", name, to=1)  # TensorProto.FLOAT
            if x.pixels is not None:
                wide = (-1,) + (1,) * (axes - 1) if layout == "first" else (-1,)
                for kind, values in zip(("Mul", "Add"), x.pixels, strict=True):
                    name = name if values is None else self.op(kind, name, values.reshape(wide))
            self._turned[key] = name
        return self._turned[key]

    def transpose(self, name: str, order: list[int]) -> str:
        """A value with its axes in another order, the batch counted; one that was turned before is turned once."""
        source, before = self._transposed.get(name, (name, list(range(len(order)))))
        whole = [before[axis] for axis in order]
        if whole == sorted(whole):
            return source
        output = self.op("Transpose", source, perm=whole)
        self._transposed[output] = source, whole
        return output

    def turned(self, x: Tensor, order: list[int], shape: Shape) -> Tensor:
        """A value with its axes, the channels last, in another order: in the layout in which it lies already, if in any."""
        source, before = self._transposed.get(x.name, (x.name, list(range(len(order)))))
        axes = len(shape)
        lies = order if x.layout == "last" else [order_to("last", axes)[axis] for axis in order]
        whole = [before[axis] for axis in lies]
        if not x.whole and [whole[axis] for axis in order_to("first", axes)] == sorted(whole):
            return Tensor(source, shape, "first")
        return Tensor(self.transpose(self.last(x), order), shape, "last")

    def together(self, xs: list[Tensor]) -> tuple[list[str], Layout]:
        """Values of one rank in one layout: channels-first as soon as one of them is."""
        layout: Layout = "first" if any(x.layout == "first" for x in xs) else "last"
        return [self._in_layout(x, layout) for x in xs], layout
