"""What a layer does, said in primitives.

A layer's ``lower`` is called with symbolic values and puts primitives after them; what that leaves is a `Lowering`: a short
list of steps.  Shapes, weights and multiplications of the layer are read off it, and so is every view of the network:
torch, ONNX, memory, receptive fields and the words of ``explain`` each have one table with a row per primitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import Field, dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from striate.errors import ArgumentError, ShapeError, StriateError

if TYPE_CHECKING:
    from striate.graph.part import Constraint, Initializer, Regularizer
    from striate.graph.window import Window

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Weight:
    """One array of a layer: its shape (torch's layout), how it starts, what it is penalised with, and what it must be.

    shape         in torch's layout, such as (filters, C, kh, kw)
    initializer   a name or an Initializer
    fans          inputs and outputs per unit that the scaled initializers use (Keras' rule), e.g. F·F·D and F·F·K
    regularizer   a name, a Regularizer or None
    constraint    a name, a Constraint or None
    """

    shape: Shape
    initializer: str | Initializer = "zeros"
    fans: tuple[int, int] = (1, 1)
    regularizer: str | Regularizer | None = None
    constraint: str | Constraint | None = None

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass_transform(field_specifiers=(field, Field))
class Primitive:
    """One operation that every view of a network knows.  Subclasses are in ``striate.primitives``.

    A subclass is a dataclass by its mere definition.  It is never changed, and equal to another of the same fields.

    Shapes are channels-last and without the batch, as everywhere.

    family     the family of layers that it makes, which gives a diagram its colours
    stateful   whether it becomes a part of the torch module: it has arrays, or does something else in training
    beside     whether it has no arrays and stands beside the parts that have: theirs keep their names
    keras      Keras' name of each array that it may have
    """

    family: ClassVar[str] = "other"
    stateful: ClassVar[bool] = False
    beside: ClassVar[bool] = False
    keras: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls) -> None:
        dataclass(eq=False, repr=False)(cls)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in vars(self).items())})"

    def shape(self, *inputs: Shape) -> Shape:
        """Output shape.  Raises ShapeError where the inputs do not fit.

        inputs   a shape per input
        """
        return inputs[0]

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        """Trainable arrays by name, in torch's names and layouts.

        inputs   a shape per input
        """
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Weight]:
        """Arrays that are saved but not trained, by name.

        inputs   a shape per input
        """
        return {}

    def mults(self, *inputs: Shape) -> int:
        """Multiplications for one input, of convolutions and dense layers: F·F·D·W'·H'·D'.

        inputs   a shape per input

        Raises ShapeError where the inputs do not fit.
        """
        return 0

    def to_keras(self, name: str, array: Any) -> Any:
        """An array of this primitive as Keras lays it out, such as (kh, kw, in, out) for (out, in, kh, kw).

        name    its name in the primitive, such as "weight"
        array   a torch tensor in torch's layout
        """
        return array

    def from_keras(self, name: str, array: Any) -> Any:
        """The inverse of ``to_keras``.

        name    its name in the primitive, such as "weight"
        array   a torch tensor in Keras' layout
        """
        return array

    def frees_output(self, *inputs: Shape) -> bool:
        """Whether its own backward pass can do without its output, so that an activation may overwrite it.

        inputs   a shape per input
        """
        return False


class Identity(Primitive):
    """Nothing: the output is the input.  A layer that does nothing in prediction and training lowers to it."""


_NONE: dict[str, Weight] = {}


@dataclass(eq=False, slots=True)
class Step:
    """A primitive put after values of its layer.  It is never changed.

    primitive          what is done
    inputs, output     numbers of values: the layer's inputs come first, then each step's output
    input_shapes       a shape per input
    shape              of the output
    part               the name that a stateful one has within its layer, "" where it is the only one
    weights, buffers   its arrays by their names in the layer, such as ``weight`` or ``depthwise.weight``
    """

    primitive: Primitive
    inputs: tuple[int, ...]
    output: int
    input_shapes: tuple[Shape, ...]
    shape: Shape
    part: str
    weights: dict[str, Weight]
    buffers: dict[str, Weight]

    def _take_arrays(self) -> None:
        made, x = self.primitive, self.input_shapes
        for what, arrays in (("weights", made.weights(*x)), ("buffers", made.buffers(*x))):
            setattr(self, what, {f"{self.part}.{key}": array for key, array in arrays.items()} if self.part else arrays)

    def keras_names(self) -> tuple[tuple[str, str], ...]:
        """(Keras' name, name in the layer) of its arrays in Keras' order: all that it may have, of a part what it has."""
        own = self.primitive.keras
        if not self.part:
            return tuple((theirs, ours) for ours, theirs in own.items())
        return tuple(
            (f"{self.part}_kernel" if theirs == "kernel" else theirs, f"{self.part}.{ours}")
            for ours, theirs in own.items()
            if f"{self.part}.{ours}" in self.weights | self.buffers
        )


@dataclass(eq=False, slots=True)
class Lowering:
    """A layer's call in primitives.  It is never changed.

    count              how many inputs it has
    steps              in order, each after what it reads
    outputs            numbers of the values that it returns
    shapes             of every value: inputs, then each step's output
    single             whether ``lower`` returned one value and not a list
    readers            how often each value is read, as an output too
    weights, buffers   the arrays of all steps by name
    sliding            the steps that slide a window over positions, with their windows
    """

    count: int
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    shapes: tuple[Shape, ...]
    single: bool
    readers: tuple[int, ...]
    weights: dict[str, Weight]
    buffers: dict[str, Weight]
    sliding: tuple[tuple[Step, Window], ...]

    @property
    def output_shape(self) -> Shape | list[Shape]:
        """The output's shape, or a list where there are several outputs."""
        return self.shapes[self.outputs[0]] if self.single else [self.shapes[i] for i in self.outputs]

    @property
    def mults(self) -> int:
        """Multiplications of all steps, for one input."""
        return sum(step.primitive.mults(*step.input_shapes) for step in self.steps if step.primitive.stateful)

    def maker(self, value: int) -> Step | None:
        """The step that makes a value; None for an input.

        value   its number
        """
        return None if value < self.count else self.steps[value - self.count]

    def of(self, *kinds: type[Primitive]) -> list[Step]:
        """The steps whose primitives are of these classes.

        kinds   classes of ``striate.primitives``
        """
        return [step for step in self.steps if isinstance(step.primitive, kinds)]

    @property
    def window(self) -> Window | None:
        """The window of the first step that slides one."""
        return self.sliding[0][1] if self.sliding else None


def overwrites(reads: int, maker: Step | None) -> bool:
    """Whether an activation may write over its input: nobody else reads it, and its maker's backward does not need it."""
    return reads == 1 and maker is not None and maker.primitive.frees_output(*maker.input_shapes)


class Operand:
    """What Python's operators take though it has no numbers yet: ``x * 2 - 1``, ``x + y``, ``x[:, 0]``.

    Each puts a function of ``striate.ops`` down; ``ops/`` sets what does it.
    """

    __slots__ = ()
    __array_ufunc__ = None  # so that NumPy's arrays leave an operation with them to us
    _operate: ClassVar[Callable[..., Any]]

    def __add__(self, other: Any) -> Any:
        return self._operate("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._operate("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._operate("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._operate("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._operate("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._operate("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._operate("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._operate("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return self._operate("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._operate("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._operate("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._operate("matmul", other, self)

    def __neg__(self) -> Any:
        return self._operate("negative", self)

    def __abs__(self) -> Any:
        return self._operate("absolute", self)

    def __getitem__(self, key: Any) -> Any:
        return self._operate("get_item", self, key)

    def __lt__(self, other: Any) -> Any:
        return self._operate("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self._operate("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self._operate("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return self._operate("greater_equal", self, other)

    def __mod__(self, other: Any) -> Any:
        return self._operate("mod", self, other)

    def __floordiv__(self, other: Any) -> Any:
        return self._operate("floor_divide", self, other)


class Value(Operand):
    """What a layer's ``lower`` is given and returns: no numbers, a shape.

    trace    what is put down while the layer is lowered
    number   which of its values this is
    shape    channels-last and without the batch
    """

    __slots__ = ("_trace", "number", "shape")

    def __init__(self, trace: _Trace, number: int, shape: Shape) -> None:
        self._trace = trace
        self.number = number
        self.shape = shape

    def __repr__(self) -> str:
        return f"<value {self.shape}>"


class _Trace:
    def __init__(self, inputs: tuple[Shape, ...]) -> None:
        self.count = len(inputs)
        self.shapes = list(inputs)
        self.steps: list[Step] = []
        self.prefix = ""  # of the parts of a layer that is called within another's lower()
        self.within: list[Any] = []  # those layers
        self.owner: Any = None  # the outermost layer of a user's own whose call is traced

    def put(self, primitive: Primitive, values: tuple[Value, ...], part: str) -> Value:
        if len(values) == 1:  # nearly always
            (one,) = values
            shapes: tuple[Shape, ...] = (one.shape,)
            numbers: tuple[int, ...] = (one.number,)
        else:
            shapes, numbers = tuple(value.shape for value in values), tuple(value.number for value in values)
        shape, number = primitive.shape(*shapes), len(self.shapes)
        if self.prefix and primitive.stateful:
            part = self._inner(part)
        self.steps.append(Step(primitive, numbers, number, shapes, shape, part, _NONE, _NONE))
        self.shapes.append(shape)
        return Value(self, number, shape)

    def _inner(self, part: str) -> str:
        stem = re.sub(r"\W", "_", f"{self.prefix}_{part}" if part else self.prefix).lower()
        taken = {step.part for step in self.steps}
        return next(p for i in range(len(taken) + 1) if (p := f"{stem}_{i}" if i else stem) not in taken)

    def name_parts(self, stateful: list[Step]) -> None:
        """Name the parts that have no name, where there are several.  Raises ArgumentError for a name given twice."""
        beside = [step for step in stateful if step.primitive.beside and not step.part]
        if len(beside) < len(stateful):
            stateful = [step for step in stateful if step not in beside]
            for i, step in enumerate(beside):
                step.part = f"activity_penalty_{i}" if i else "activity_penalty"
        if len(stateful) < 2:
            return
        taken = [step.part for step in stateful if step.part]
        twice = next((part for part in taken if taken.count(part) > 1), None)
        if twice is not None:
            raise ArgumentError(f'two of its parts are named "{twice}". Give each its own name=.')
        for step in stateful:
            if not step.part:
                stem = type(step.primitive).__name__.lower()
                step.part = next(p for i in range(len(taken) + 1) if (p := f"{stem}_{i}" if i else stem) not in taken)
                taken.append(step.part)


def put(primitive: Primitive, *values: Value, name: str = "") -> Value:
    """Put a primitive after values of one ``lower`` and return its output.

    name   of the part, where a layer has several with weights: the first half of the arrays' names, ``name.weight``

    Raises ArgumentError for anything that is no value of this ``lower``, or a name that Python cannot use, and ShapeError
    where the shapes do not fit.
    """
    for value in values:
        if not isinstance(value, Value) or value._trace is not values[0]._trace:
            raise ArgumentError(
                f"{type(primitive).__name__} takes values that this lower() was given, not {type(value).__name__}."
            )
    if name and not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ArgumentError(f'"{name}" cannot name a part of a layer; use small letters, digits and "_".')
    return values[0]._trace.put(primitive, values, name)


def lowered(lower: Callable[..., Any], inputs: tuple[Shape, ...]) -> Lowering:
    """What `lower` puts after values of these shapes.

    Raises ArgumentError when it returns no value of its own, and ShapeError where it wants channels and is given one number.
    """
    try:
        return _lowered(lower, inputs)
    except (IndexError, ValueError) as error:
        if isinstance(error, StriateError) or all(inputs):
            raise
        raise ShapeError("takes inputs with channels, (…, C); it got one number for each example, ().") from None


def _lowered(lower: Callable[..., Any], inputs: tuple[Shape, ...]) -> Lowering:
    trace = _Trace(inputs)
    result = lower(*(Value(trace, i, shape) for i, shape in enumerate(inputs)))
    single = isinstance(result, Value)
    results = (result,) if single else result
    if (
        not isinstance(results, list | tuple)
        or not results
        or not all(isinstance(value, Value) and value._trace is trace for value in results)
    ):
        raise ArgumentError(f"its lower() must return the values that primitives gave it, not {result!r}.")
    ends: list[int] = []
    for value in results:  # an output is never an input, nor the same output twice
        if value.number < trace.count or value.number in ends:
            value = trace.put(Identity(), (value,), "")
        ends.append(value.number)
    readers = [0] * len(trace.shapes)
    stateful: list[Step] = []
    sliding: tuple[tuple[Step, Window], ...] = ()
    for step in trace.steps:
        for number in step.inputs:
            readers[number] += 1
        if step.primitive.stateful:
            stateful.append(step)
        if (window := getattr(step.primitive, "window", None)) is not None:
            sliding = (*sliding, (step, window))
    for number in ends:
        readers[number] += 1
    trace.name_parts(stateful)
    weights, buffers = _NONE, _NONE
    for step in stateful:
        step._take_arrays()
        weights, buffers = weights | step.weights, buffers | step.buffers
    steps, shapes, read = tuple(trace.steps), tuple(trace.shapes), tuple(readers)
    return Lowering(trace.count, steps, tuple(ends), shapes, single, read, weights, buffers, sliding)
