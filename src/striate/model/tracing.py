"""A model of a user's own, whose ``call`` says what it does: read once with symbolic inputs, it is a graph like any other.

class Net(st.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(8, 3)

    def call(self, inputs, training=False):
        return self.conv(inputs)
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

from striate.errors import ArgumentError, NoNumbersError, ShapeError, StriateError
from striate.graph import Graph, Input, Layer, Shape, SymbolicTensor, Value, checked_shape
from striate.graph.nested import flat, names, nests, numbered, packed, parts
from striate.graph.node import InputLayer, automatic_names, distinct, modeless
from striate.model.ends import apart
from striate.primitives import Augment, Dropout, Noise, Penalty
from striate.primitives import Identity as Nothing
from striate.wording import inner

_IN_TRAINING = (Augment, Dropout, Noise, Penalty, Nothing)  # primitives that leave a prediction as it is


# -- what it begins with -------------------------------------------------------------------------------------------------
def beginnings(where: str, given: Any) -> tuple[Any, list[Shape]]:
    """How inputs are nested, and the shape of each without the batch.

    where   what an error names
    given   arrays or tensors (N, …), symbolic tensors, or shapes with the batch in front, such as (None, 32, 32, 3);
            alone or in lists and dicts

    Raises ShapeError for what has no shape.
    """
    whole = is_shape if _holds_shapes(given) else _is_array
    return numbered(given, whole), [_shape(where, one) for one in flat(given, whole)]


def is_shape(value: Any) -> bool:
    """Whether a value is one shape, such as (None, 32, 32, 3), and not several of them.

    value   shapes, perhaps in lists and dicts
    """
    return isinstance(value, list | tuple) and all(size is None or isinstance(size, Integral) for size in value)


def _holds_shapes(value: Any) -> bool:
    return is_shape(value) or (
        nests(value) and bool(parts(value)) and all(_holds_shapes(part) for _, part in parts(value))
    )


def _is_array(value: Any) -> bool:
    """Whether a list holds numbers and no arrays."""
    return isinstance(value, list | tuple) and not any(nests(one) or hasattr(one, "shape") for one in value)


def _shape(where: str, one: Any) -> Shape:
    if isinstance(one, SymbolicTensor):
        return one.sizes
    if isinstance(one, Value):
        return one.shape
    sizes = tuple(one.shape) if hasattr(one, "shape") else tuple(one) if is_shape(one) else ()
    if len(sizes) < 2:
        raise ShapeError(
            f"{where} does not know its input yet, and cannot tell it from {str(one)[:60]!r}. Call it on arrays (N, …), "
            "or build((None, 32, 32, 3))."
        )
    return checked_shape(where, sizes[1:])


# -- tracing -------------------------------------------------------------------------------------------------------------
class _AsksTraining(Exception):  # noqa: N818  it is no error
    """The call wants to know whether the network is trained."""


class _Training:
    """Stands for ``training`` until a call asks what it is."""

    def __bool__(self) -> bool:
        raise _AsksTraining


def traced(model: Any, structure: Any, shapes: list[Shape]) -> tuple[Graph, Any]:
    """What a model's ``call`` does with inputs of these shapes, as a graph; and how its outputs are nested.

    model       with a ``call`` of its own
    structure   how its inputs are nested, as ``numbered`` gives it
    shapes      of the inputs, without the batch

    Raises ArgumentError where it cannot be read so, ShapeError where a layer does not fit.
    """
    inputs = [Input(shape, name=name) for shape, name in zip(shapes, names(structure), strict=True)]
    given = packed(structure, inputs)
    wants = "training" in inspect.signature(model.call).parameters
    try:
        result = _called(model, given, _Training() if wants else None)
    except _AsksTraining:
        with modeless():
            predicted = _called(model, given, False)
            result = _called(model, given, True)
        if not _agree(flat(predicted), flat(result)):
            raise ArgumentError(
                f"{type(model).__name__}.call does something else in training than in prediction, beyond layers such as "
                "Dropout, which know it by themselves. Put that part into a layer of your own, whose call(x, training) runs "
                "in torch."
            ) from None
    outputs = flat(result)
    strange = [one for one in outputs if not isinstance(one, SymbolicTensor)] if outputs else [result]
    if strange:
        raise ArgumentError(
            f"{type(model).__name__}.call returned {type(strange[0]).__name__}; it returns what its layers gave, or a "
            "list or dict of that."
        )
    tracked = list(tracked_layers(model))
    for layer, name in ((layer, automatic_names(tracked)[id(layer)]) for layer in tracked):
        if layer.name is None:
            layer.name = name
    graph = Graph(inputs, apart(outputs, inputs))
    graph.tracked = tracked
    _take_whole_numbers(graph)
    return graph, result


def _called(model: Any, given: Any, training: Any) -> Any:
    """Run ``call`` as Keras does.  Raises ArgumentError where it breaks off."""
    parameters = inspect.signature(model.call).parameters.values()
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    tensors = [p for p in places if p.name not in ("training", "mask")]
    rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    several = isinstance(given, list | tuple) and (len(tensors) > 1 or (rest and not tensors))
    more = {} if training is None else {"training": training}
    try:
        return model.call(*given, **more) if several else model.call(given, **more)
    except Exception as error:
        if isinstance(error, StriateError | _AsksTraining) and not isinstance(error, NoNumbersError):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        own = next((f for f in reversed(traceback.extract_tb(error.__traceback__)) if f.name == "call"), last)
        raise ArgumentError(
            f"{type(model).__name__}.call cannot be read, at line {own.lineno} ({own.line}): {type(error).__name__}: "
            f"{inner(error)}. A model's call is read once with symbolic tensors: it uses layers, arithmetic, slices and "
            "striate.ops. What needs torch, or numbers, goes into a layer of your own."
        ) from error


def _take_whole_numbers(graph: Graph) -> None:
    """Inputs that an Embedding reads are whole numbers."""
    for node in graph.nodes:
        dtype = getattr(node.layer, "input_dtype", "float32")
        for tensor in node.inputs:
            source: Any = tensor.node.layer
            if isinstance(source, InputLayer) and dtype != "float32":
                source.dtype = dtype


# -- training and prediction ---------------------------------------------------------------------------------------------
def _agree(one: list[Any], other: list[Any]) -> bool:
    """Whether two readings of a call are the same but for what does nothing in prediction."""
    if len(one) != len(other) or not all(isinstance(t, SymbolicTensor) for t in [*one, *other]):
        return False
    known: dict[tuple[int, int], tuple[int, int]] = {}
    pairs = list(zip(one, other, strict=True))
    while pairs:
        a, b = (_through(tensor) for tensor in pairs.pop())
        key, value = (a.node.serial, a.index), (b.node.serial, b.index)
        if key in known:
            if known[key] != value:
                return False
            continue
        known[key] = value
        same = a.node.layer is b.node.layer or (
            type(a.node.layer).__name__ == type(b.node.layer).__name__ == "OpsLayer"
            and a.node.layer.config() == b.node.layer.config()
        )
        same = same and a.node.training is b.node.training
        if not same or a.index != b.index or len(a.node.inputs) != len(b.node.inputs):
            return False
        pairs += zip(a.node.inputs, b.node.inputs, strict=True)
    return True


def _through(tensor: SymbolicTensor) -> SymbolicTensor:
    """What a tensor is in prediction: past layers that do nothing then."""
    while len(tensor.node.inputs) == 1 and _does_nothing(tensor.node.layer, tensor.node.input_shapes):
        tensor = tensor.node.inputs[0]
    return tensor


def _does_nothing(layer: Any, shapes: tuple[Shape, ...]) -> bool:
    if layer.is_network:
        return all(_does_nothing(node.layer, node.input_shapes) for node in layer.graph.nodes if node.inputs)
    lowering = layer.lowering(*shapes)
    return lowering.single and all(
        isinstance(step.primitive, _IN_TRAINING) and step.shape == shapes[0] for step in lowering.steps
    )


# -- its layers ----------------------------------------------------------------------------------------------------------
def tracked_layers(model: Any) -> list[Layer]:
    """The layers that a model holds in its attributes, and in lists, tuples and dicts there, in the order of Keras.

    model   of a user's own
    """
    held = [value for name, value in model.__dict__.items() if name not in model._ours]
    return distinct(list(_layers_in(held)))


def _layers_in(value: Any) -> Iterator[Layer]:
    if isinstance(value, Layer):
        yield value
    elif nests(value):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _layers_in(part)
