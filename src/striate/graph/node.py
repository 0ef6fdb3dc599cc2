"""A node is one *call* of a layer; a symbolic tensor is what a call returns."""

from __future__ import annotations

import itertools
from dataclasses import field
from typing import Any

from striate.errors import ArgumentError, ShapeError, StriateError
from striate.graph.layer import Layer, Open, checked_shape, snake_case
from striate.graph.lowering import Operand, Shape, Weight
from striate.wording import plural

_serial = itertools.count()


class SymbolicTensor(Operand):
    """The output of a call: a shape, and the node it came from.

    shape   channels-last, without the batch
    node    the call
    index   which of its outputs, from 0
    """

    __slots__ = ("index", "node", "shape")

    def __init__(self, shape: Shape, node: Node, index: int = 0) -> None:
        self.shape = shape
        self.node = node
        self.index = index

    @property
    def dtype(self) -> str:
        """``float32``, or the input's own type for an input."""
        return self.node.layer.dtype if isinstance(self.node.layer, InputLayer) else "float32"

    def __repr__(self) -> str:
        return f"<tensor {self.shape} of {self.node.layer.kind}>"

    def __iter__(self) -> Any:
        raise ArgumentError(f"{self!r} is symbolic: it has a shape but no numbers to go through.")


class Node:
    """One call of a layer.

    layer     what is called
    inputs    the tensors it was given
    shapes    of what it returns, a shape per output; `outputs` are these tensors
    serial    grows with every call, so sorting by it gives an order in which every node follows its inputs: the order
              in which the network was written down
    """

    __slots__ = ("inputs", "layer", "outputs", "serial")

    def __init__(self, layer: Layer, inputs: tuple[SymbolicTensor, ...], shapes: list[Shape]) -> None:
        self.layer = layer
        self.inputs = inputs
        self.outputs = tuple(SymbolicTensor(shape, self, i) for i, shape in enumerate(shapes))
        self.serial = next(_serial)

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """A shape per input, without the batch."""
        return tuple(tensor.shape for tensor in self.inputs)

    @property
    def shape(self) -> Shape:
        """Shape of the (first) output."""
        return self.outputs[0].shape

    def __repr__(self) -> str:
        return f"<call of {self.layer.kind} -> {', '.join(str(t.shape) for t in self.outputs)}>"


class InputLayer(Layer):
    """Where data enters.  () -> `input_shape`, channels-last and without the batch.

    dtype   type of its numbers: ``float32``, ``float64``, ``int64``, ``int32`` or ``uint8``

    Raises ArgumentError for another type, and where `input_shape` is not given.
    """

    arity = 0

    dtype: str = field(default="float32", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input_shape is None:
            raise ArgumentError("Input needs a shape, such as (32, 32, 3).")
        known = ("float32", "float64", "int64", "int32", "uint8")
        if self.dtype not in known:
            raise ArgumentError(f'Input: unknown dtype "{self.dtype}"; use one of {", ".join(known)}.')

    def shape(self, *inputs: Shape) -> Shape:
        """The shape it was given.

        inputs   none
        """
        assert self.input_shape is not None
        return self.input_shape

    def parameters(self, *inputs: Shape) -> dict[str, Weight]:
        """No arrays.

        inputs   none
        """
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Weight]:
        """No arrays.

        inputs   none
        """
        return {}

    def mults(self, *inputs: Shape) -> int:
        """0.

        inputs   none
        """
        return 0


def Input(  # noqa: N802  Keras' name
    shape: Any = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    *,
    batch_shape: Any = None,
    name: str | None = None,
    **others: Any,
) -> SymbolicTensor:
    """A symbolic input, where a functional model starts.

    shape         channels-last, without the batch: (H, W, C), (L, C) or (C,)
    batch_size    left out: a network takes batches of any size
    dtype         type of its numbers: ``float32``, ``float64``, ``int64``, ``int32`` or ``uint8``; None: ``float32``
    batch_shape   or the shape with the batch in front, which is left out: (None, H, W, C)
    name          of the input
    others        Keras' further arguments, at their defaults; else they are named in the error

    Raises ArgumentError for another argument or type, ShapeError for a shape with an open or empty size.
    """
    for key, value in others.items():
        if key not in ("tensor", "sparse", "ragged", "optional"):
            raise ArgumentError(
                f'Input has no argument "{key}". It takes: shape, batch_size, dtype, batch_shape, name.'
            )
        if value is not None and value is not False:
            raise ArgumentError(f'Input: striate has no argument "{key}" (Keras has): give the shape alone.')
    if (shape is None) == (batch_shape is None):
        raise ArgumentError("Input needs a shape, such as (32, 32, 3), or a batch_shape, such as (None, 32, 32, 3).")
    if batch_shape is not None:
        if not isinstance(batch_shape, list | tuple) or len(batch_shape) < 2:
            raise ArgumentError(f"Input: batch_shape is a tuple such as (None, 32, 32, 3), not {batch_shape!r}.")
        shape = tuple(batch_shape[1:])
    layer = InputLayer(input_shape=checked_shape("Input", shape), dtype=dtype or "float32", name=name)
    return call(layer, ())  # type: ignore[no-any-return]


def call(layer: Layer, inputs: Any, training: Any = None) -> Any:
    """Make the node for one call of `layer`; returns its output tensor, or a list when the layer has several."""
    tensors = tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
    if not all(isinstance(tensor, SymbolicTensor) for tensor in tensors):
        if any(isinstance(tensor, SymbolicTensor) for tensor in tensors):
            raise ArgumentError(
                f"{layer.kind} was called on symbolic tensors and others; all of them are to be symbolic."
            )
        if any(isinstance(tensor, Operand) for tensor in tensors):
            return Layer._put_inside(layer, inputs)
        return Layer._numbers(layer, inputs, training)
    shapes = tuple(tensor.shape for tensor in tensors)
    try:
        _check_arity(layer, len(tensors))
        out = layer.shape(*shapes)
        _check_shared(layer, shapes)
        if any(isinstance(size, Open) for shape in shapes for size in shape):
            out = _left_open(layer, shapes, out)
    except StriateError as error:
        name = layer.name or _provisional_name(layer, tensors)
        raise type(error)(f'{layer.kind} "{name}": {error}') from None
    if layer.is_network:
        layer.resize(shapes)  # type: ignore[attr-defined]
    node = layer.node = Node(layer, tensors, out if isinstance(out, list) else [out])
    return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)


Layer._called = call


def _left_open(layer: Layer, shapes: tuple[Shape, ...], out: Any) -> Any:
    """The output's shape with those sizes open that depend on an open size.  Raises ShapeError where weights would."""
    others = tuple(tuple(getattr(size, "other", size) for size in shape) for shape in shapes)
    second: Any = layer.shape(*others)
    mine, theirs = (layer.parameters(*given) | layer.buffers(*given) for given in (shapes, others))
    for name, weight in mine.items():
        if name not in theirs or theirs[name].shape != weight.shape:
            raise ShapeError(
                f"its weights would depend on a size that is left open, {shapes[0]}. Give the input its whole shape, or put "
                "a global pooling before it."
            )

    def joined(one: Shape, other: Shape) -> Shape:
        return tuple(Open(a, b) if a != b else int(a) for a, b in zip(one, other, strict=True))

    if isinstance(out, list):
        return [joined(one, other) for one, other in zip(out, second, strict=True)]
    return joined(out, second)  # type: ignore[arg-type]


def _check_arity(layer: Layer, given: int) -> None:
    if layer.arity is None and not layer.shares_lowering:
        return  # a function of a user's own
    if layer.arity is None and given < 2:
        raise ShapeError(f"merges two or more inputs, given as one list; it got {given}.")
    if layer.arity is not None and given != layer.arity:
        raise ShapeError(f"takes {plural(layer.arity, 'input')}, it got {given}.")


def _check_shared(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    """A layer called again shares its arrays, so they must have the shapes that the first call gave them."""
    needs = layer.parameters(*shapes) | layer.buffers(*shapes)
    if layer.built_for is None:
        layer.built_for = needs
        return
    for name, weight in needs.items():
        first = layer.built_for[name].shape
        if weight.shape == first:
            continue
        raise ShapeError(
            f"is shared, but this call needs weights {name} {weight.shape} where its first call made "
            f"{first}. Use a second layer, or inputs with the same number of channels."
        )


def ancestors(tensors: list[SymbolicTensor]) -> list[Node]:
    """Every node that `tensors` depend on, in the order in which they were called."""
    seen: dict[int, Node] = {}
    stack = [tensor.node for tensor in tensors]
    while stack:
        node = stack.pop()
        if node.serial not in seen:
            seen[node.serial] = node
            stack.extend(tensor.node for tensor in node.inputs)
    return [seen[key] for key in sorted(seen)]


def source_inputs(tensor: SymbolicTensor | list[SymbolicTensor]) -> list[SymbolicTensor]:
    """The inputs that a symbolic tensor depends on, in the order in which they were made.

    tensor   one, or a list of them
    """
    tensors = [tensor] if isinstance(tensor, SymbolicTensor) else list(tensor)
    return [node.outputs[0] for node in ancestors(tensors) if isinstance(node.layer, InputLayer)]


def automatic_names(layers: list[Layer]) -> dict[int, str]:
    """Names for `layers` (distinct, in order) by id: a layer's own, or its class and a number, from 0 in each model."""
    taken = {layer.name for layer in layers if layer.name and not layer.auto_named}
    names: dict[int, str] = {}
    kept: set[str] = {n for n in taken if n}
    for layer in layers:  # a name given by an earlier model stays where it is free
        if layer.auto_named and layer.name and layer.name not in kept:
            names[id(layer)] = layer.name
            kept.add(layer.name)
        elif not layer.auto_named and layer.name:
            names[id(layer)] = layer.name
    counts: dict[str, int] = {}
    for layer in layers:
        if id(layer) in names:
            continue
        stem = snake_case(layer.kind)
        while True:
            number = counts.get(stem, 0)
            counts[stem] = number + 1
            name = f"{stem}_{number}" if number else stem
            if name not in kept:
                break
        names[id(layer)] = name
        kept.add(name)
    return names


def distinct(layers: list[Layer]) -> list[Layer]:
    """`layers` without repetition, in order of first appearance."""
    return list({id(layer): layer for layer in layers}.values())


def _provisional_name(layer: Layer, inputs: tuple[SymbolicTensor, ...]) -> str:
    """The name the layer would get in a model that ends here; for error messages."""
    before = [node.layer for node in ancestors(list(inputs))] if inputs else []
    return automatic_names(distinct([*before, layer]))[id(layer)]
