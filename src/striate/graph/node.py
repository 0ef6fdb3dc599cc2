"""A node is one *call* of a layer; a symbolic tensor is what a call returns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from typing import Any

from striate.described import whole
from striate.doors import budgets
from striate.errors import ArgumentError, ShapeError, StriateError
from striate.graph.layer import Layer, snake_case
from striate.graph.lowering import Operand, Shape, Weight
from striate.graph.sizes import Open, checked_shape
from striate.graph.symbolic import Symbolic
from striate.wording import plural

_serial = itertools.count()


class SymbolicTensor(Symbolic, Operand):  # type: ignore[misc]
    """The output of a call: a shape, and the node it came from.

    shape    channels-last, without the batch; ``sizes`` of it: all that is computed about a network is computed from them
    node     the call
    index    which of its outputs, from 0
    others   nothing else is taken

    Raises ArgumentError where it comes from no call.
    """

    __slots__ = ("index", "node", "sizes")
    sparse = ragged = False

    def __init__(self, shape: Shape, node: Node | None = None, index: int = 0, **others: Any) -> None:
        if not isinstance(node, Node) or others:
            raise ArgumentError(
                f"a symbolic tensor is what Input and layers give: write Input(batch_shape={shape!r}), the batch in front."
            )
        self.sizes = shape
        self.node = node
        self.index = index

    @property
    def shape(self) -> tuple[int | None, ...]:
        """As Keras has it, channels-last with the batch in front: (None, H, W, C); None for a size that is left open."""
        return (self.node.batch, *(None if isinstance(size, Open) else size for size in self.sizes))

    @property
    def ndim(self) -> int:
        """How many axes it has, the batch counted."""
        return len(self.sizes) + 1

    @property
    def dtype(self) -> str:
        """``float32``, or the input's own type for an input."""
        return self.node.layer.dtype if isinstance(self.node.layer, InputLayer) else "float32"

    @property
    def name(self) -> str:
        """That of the layer it came from; its class, before a model has named it."""
        return self.node.layer.name or snake_case(self.node.layer.kind)

    def __repr__(self) -> str:
        return f"<tensor {self.shape} of {self.node.layer.kind}>"


class Node:
    """One call of a layer.

    layer     what is called
    inputs    the tensors it was given
    shapes    of what it returns, a shape per output without the batch; `outputs` are these tensors
    training  the mode that the call says, whatever its network does: True or False; None: the network's
    serial    grows with every call, so sorting by it gives an order in which every node follows its inputs: the order
              in which the network was written down
    """

    __slots__ = ("batch", "inputs", "layer", "outputs", "serial", "training")

    def __init__(
        self, layer: Layer, inputs: tuple[SymbolicTensor, ...], shapes: list[Shape], training: bool | None = None
    ) -> None:
        self.layer = layer
        self.training = training
        self.inputs = inputs
        batches = {tensor.node.batch for tensor in inputs} - {None}
        self.batch: int | None = (
            batches.pop() if len(batches) == 1 else None if inputs else layer.__dict__.get("batch_size")
        )
        self.outputs = tuple(SymbolicTensor(shape, self, i) for i, shape in enumerate(shapes))
        self.renew()

    def renew(self) -> None:
        """Number it as the latest call."""
        self.serial = next(_serial)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.inputs, self.layer, self.outputs, self.batch, self.training

    def __setstate__(self, state: tuple[Any, ...]) -> None:  # a copy is a call of its own
        self.inputs, self.layer, self.outputs, self.batch, self.training = state
        if not hasattr(self, "serial"):
            self.renew()

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """A shape per input, without the batch."""
        return tuple(tensor.sizes for tensor in self.inputs)

    @property
    def shape(self) -> Shape:
        """Shape of the (first) output, without the batch."""
        return self.outputs[0].sizes

    def __repr__(self) -> str:
        return f"<call of {self.layer.kind} -> {', '.join(str(t.shape) for t in self.outputs)}>"


class InputLayer(Layer):
    """Where data enters.  () -> `shape`, channels-last and without the batch.

    shape          channels-last, without the batch: (H, W, C), (L, C), (C,), or () for one number
    batch_size     how many at a time; None: any number.  Only shapes that are shown say it
    dtype          type of its numbers: ``float32``, ``float64``, ``int64``, ``int32`` or ``uint8``; None: ``float32``
    sparse         taken as Keras has it: False
    ragged         taken as Keras has it: False
    batch_shape    or the shape with the batch in front: (None, H, W, C)
    input_tensor   or a symbolic tensor whose shape and type it takes
    optional       taken as Keras has it: False
    name           letters, digits, "_" and "-"; None: the class name and a number, counted in each model
    trainable      says nothing: it has no weights
    input_shape    an earlier name of `shape`

    Raises ArgumentError for another type, a shape that is given twice or not at all, and an input_tensor that is none.
    """

    arity = 0
    sparse = ragged = optional = False

    batch_size: int | None = field(default=None, kw_only=True)
    dtype: str = field(default="float32", kw_only=True)

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        *,
        trainable: bool = True,
        input_shape: Any = None,
    ) -> None:
        if input_tensor is not None and not isinstance(input_tensor, SymbolicTensor):
            raise ArgumentError(f"Input: input_tensor is a symbolic tensor, not {type(input_tensor).__name__}.")
        for key, wanted in (("sparse", sparse), ("ragged", ragged), ("optional", optional)):
            if wanted:
                raise ArgumentError(f"Input: {key}=True is not supported: {_NO_INPUT[key]}.")
        if shape is not None and input_shape is not None:
            raise ArgumentError("Input: give shape= or, as it was called earlier, input_shape=, not both.")
        shape = input_shape if shape is None else shape
        if batch_shape is not None:
            for key, value in (("shape", shape), ("batch_size", batch_size)):
                if value is not None:
                    raise ArgumentError(f"Input: batch_shape says the {key} too; give one of them.")
            if not isinstance(batch_shape, list | tuple) or not batch_shape:
                raise ArgumentError(f"Input: batch_shape is a tuple such as (None, 32, 32, 3), not {batch_shape!r}.")
            batch_size, shape = batch_shape[0], tuple(batch_shape[1:])
        known = ("float32", "float64", "int64", "int32", "uint8")
        said = dtype
        if dtype is not None and not isinstance(dtype, str):
            said = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype).removeprefix("torch.")
        if input_tensor is not None:
            _agrees(input_tensor, shape, batch_size, said)
            shape, batch_size, said = input_tensor.sizes, input_tensor.node.batch, input_tensor.dtype
        if shape is None:
            raise ArgumentError(
                "Input needs a shape, such as (32, 32, 3), or a batch_shape, such as (None, 32, 32, 3)."
            )
        if said not in (None, *known):
            raise ArgumentError(f'Input: unknown dtype "{said}"; use one of {", ".join(known)}.')
        super().__init__(name=name, trainable=trainable, input_shape=checked_shape("Input", shape, empty=True))
        self.batch_size = None if batch_size is None else whole("Input", "batch_size", batch_size)
        self.dtype = said or "float32"
        if input_tensor is not None:
            self.node = input_tensor.node

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """The shape with the batch in front, None for what is left open: (None, H, W, C)."""
        sizes = self.input_shape or ()
        return (self.batch_size, *(None if isinstance(size, Open) else size for size in sizes))

    @property
    def output(self) -> SymbolicTensor:
        """The symbolic tensor that it gives: unlike other layers' it is there before a call."""
        return type(self)._called(self, ()) if self.node is None else self.node.outputs[0]  # type: ignore[no-any-return]

    def call(self, *none: Any) -> None:
        """Nothing: data come from outside.

        none   no input
        """

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


_NO_INPUT = {
    "sparse": "give arrays in which the zeros stand",
    "ragged": "pad to one length",
    "optional": "every input is needed; give zeros for one that is missing",
}


def _agrees(tensor: SymbolicTensor, shape: Any, batch_size: Any, dtype: str | None) -> None:
    """Raise ArgumentError where an input is said to be other than its tensor."""
    said = (
        ("shape", shape if shape is None else tuple(shape), tensor.shape[1:]),
        ("batch_size", batch_size, tensor.node.batch),
        ("dtype", dtype, tensor.dtype),
    )
    for key, given, known in said:
        if given is not None and given != known:
            raise ArgumentError(
                f"Input: {key}={given!r} is not the {key} of its input_tensor, {known!r}. Leave it out."
            )


def Input(  # noqa: N802  Keras' name
    shape: Any = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> SymbolicTensor:
    """A symbolic input, where a functional model starts.

    shape         channels-last, without the batch: (H, W, C), (L, C), (C,), or () for one number
    batch_size    how many at a time; None: any number.  Only shapes that are shown say it
    dtype         type of its numbers: ``float32``, ``float64``, ``int64``, ``int32`` or ``uint8``; None: ``float32``
    sparse        taken as Keras has it: False
    ragged        taken as Keras has it: False
    batch_shape   or the shape with the batch in front: (None, H, W, C)
    name          of the input
    tensor        or a symbolic tensor whose shape and type it takes
    optional      taken as Keras has it: False

    Raises ArgumentError for another type, and a shape that is given twice or not at all, ShapeError for an empty size.
    """
    return InputLayer(  # type: ignore[return-value]
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    ).output


_modeless: ContextVar[bool] = ContextVar("modeless", default=False)


@contextmanager
def modeless() -> Iterator[None]:
    """Inside, calls on symbolic tensors do not keep the mode that they say: it is tried out, not meant."""
    token = _modeless.set(True)
    try:
        yield
    finally:
        _modeless.reset(token)


def call(layer: Layer, inputs: Any, training: Any = None) -> Any:
    """Make the node for one call of `layer`; returns its output tensor, or a list when the layer has several."""
    tensors = tuple(inputs) if isinstance(inputs, list | tuple) else (inputs,)
    if not all(isinstance(tensor, SymbolicTensor) for tensor in tensors):
        if any(isinstance(tensor, SymbolicTensor) for tensor in tensors):
            raise ArgumentError(
                f"{layer.kind} was called on symbolic tensors and others; all of them are to be symbolic."
            )
        if any(isinstance(tensor, Operand) for tensor in tensors):
            return Layer._put_inside(layer, inputs, training)
        return Layer._numbers(layer, inputs, training)
    shapes = tuple(tensor.sizes for tensor in tensors)
    try:
        _check_arity(layer, len(tensors))
        out = layer.shape(*shapes)
        _check_size(layer, len(tensors), out if isinstance(out, list) else (out,))
        _check_shared(layer, shapes)
        if any(isinstance(size, Open) for shape in shapes for size in shape):
            out = _left_open(layer, shapes, out)
        elif shapes:  # a lowering is kept by sizes, and an open size equals a whole one
            out = [_closed(one) for one in out] if isinstance(out, list) else _closed(out)
    except StriateError as error:
        name = layer.name or _provisional_name(layer, tensors)
        raise type(error)(f'{layer.kind} "{str(name)[: budgets.NAME]}": {str(error)[:2000]}') from None
    if layer.is_network:
        layer.resize(shapes)  # type: ignore[attr-defined]
    mode = bool(training) if isinstance(training, bool) and not _modeless.get() else None
    _check_mode(layer, mode)
    node = layer.node = Node(layer, tensors, out if isinstance(out, list) else [out], mode)
    return node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)


Layer._called = call


def _build(layer: Layer, input_shape: Any) -> None:
    """``Layer.build``: call the layer on inputs of such shapes."""
    shapes = [()] if input_shape is None else input_shape
    several = input_shape is None or (bool(shapes) and isinstance(shapes[0], list | tuple))
    dtype = getattr(layer, "input_dtype", "float32")
    starts = [Input(tuple(one)[1:], dtype=dtype) for one in (shapes if several else [shapes])]
    try:
        call(layer, starts if len(starts) > 1 else starts[0])
    except ShapeError:
        if input_shape is None:
            raise ShapeError(f"{layer.kind}: build needs the input's shape, such as (None, 32, 32, 3).") from None
        raise


def _spec(layer: Layer, inputs: tuple[Any, ...]) -> Any:
    """``Layer.compute_output_spec``."""
    given = inputs[0] if len(inputs) == 1 else list(inputs)
    shapes = [one.shape for one in given] if isinstance(given, list | tuple) else given.shape

    def said(shape: Any) -> Any:
        if isinstance(shape, dict):
            return {key: said(one) for key, one in shape.items()}
        if isinstance(shape, list | tuple) and any(isinstance(one, list | tuple | dict) for one in shape):
            return type(shape)(said(one) for one in shape)
        return Input(batch_shape=tuple(shape))

    return said(layer.compute_output_shape(shapes))


Layer._builder, Layer._speccer = staticmethod(_build), staticmethod(_spec)


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


Layer._opener = staticmethod(_left_open)


def _closed(shape: Shape) -> Shape:
    """A shape without open sizes."""
    return tuple(int(size) for size in shape) if any(isinstance(size, Open) for size in shape) else shape


def _check_arity(layer: Layer, given: int) -> None:
    if (layer.is_own and not layer.is_network) or (layer.arity is None and not layer.shares_lowering):
        return  # a call of a user's own takes what it takes
    if layer.arity is None and given < 2:
        raise ShapeError(f"merges two or more inputs, given as one list; it got {given}.")
    if layer.arity is not None and given != layer.arity:
        raise ShapeError(f"takes {plural(layer.arity, 'input')}, it got {given}.")


def _check_size(layer: Layer, given: int, shapes: Sequence[Shape]) -> None:
    """Sizes beyond any network's, which arithmetic on them would not end with."""
    if given > budgets.INPUTS:
        raise ShapeError(f"takes at most {plural(budgets.INPUTS, 'input')}, it got {given:,}.")
    if layer.name is not None and len(layer.name) > budgets.NAME:
        raise ArgumentError(f"a layer's name has at most {budgets.NAME} signs, not {len(layer.name):,}.")
    for shape in shapes:
        if len(shape) > budgets.AXES or any(size > budgets.SIZE for size in shape):
            told = (
                f"{len(shape)} axes"
                if len(shape) > budgets.AXES
                else f"more than {budgets.SIZE:,} numbers along an axis"
            )
            raise ShapeError(f"its output would have {told}.")
    if layer.is_network and layer.graph.calls > budgets.CALLS:  # type: ignore[attr-defined]
        raise ShapeError(
            f"has {layer.graph.calls:,} calls, those of the networks in it counted each time; the limit is "  # type: ignore[attr-defined]
            f"{budgets.CALLS:,}."
        )


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


def _check_mode(layer: Layer, mode: bool | None) -> None:
    """A layer that is always in training is so wherever it is called, so it is called in no other way.

    Raises ArgumentError where it would be.
    """
    named = f'{layer.kind} "{layer.name or snake_case(layer.kind)}"'
    if mode and layer.is_network:
        raise ArgumentError(
            f"{named} is a network, which training=True would hold in training wherever else it is used. Say it of the "
            "layers inside, such as Dropout(0.5)(x, training=True)."
        )
    if layer.node is not None and not layer.is_network and bool(mode) is not bool(layer.node.training):
        raise ArgumentError(
            f"{named} is called with training={mode} and was called with training={layer.node.training}: a layer that is "
            "always in training has that one mode. Use a second layer."
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
