"""A function of ``striate.ops`` as a layer, and what stands for a tensor while a layer of one's own is lowered."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from striate.errors import ArgumentError, ShapeError, StriateError, unknown
from striate.graph import Layer, Operand, SymbolicTensor, Value
from striate.ops.variable import NeedsTorch, NotLowered, OwnWeight
from striate.ops.weighted import with_weight
from striate.primitives.own import foreign

_MOST = 100_000  # numbers of a constant that a description holds


class Traced(Operand):
    """A value as ``call`` sees it: of Keras' shape, with the batch in front.

    value   what a ``lower`` would be given
    """

    __slots__ = ("value",)
    dtype = "float32"

    def __init__(self, value: Value) -> None:
        self.value = value

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Channels-last, the batch in front as None."""
        return (None, *self.value.shape)

    @property
    def ndim(self) -> int:
        """How many axes it has, the batch counted."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<tensor {self.shape}>"

    def __bool__(self) -> bool:
        raise NeedsTorch

    def __iter__(self) -> Any:
        raise NeedsTorch

    def _compared(self, other: Any) -> Any:
        raise NeedsTorch

    __lt__ = __le__ = __gt__ = __ge__ = _compared

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NeedsTorch  # such as x.permute(…)

    @classmethod
    def __torch_function__(cls, *called: Any, **more: Any) -> Any:
        raise NeedsTorch


def wrapped(result: Any) -> Any:
    """Values, also in lists, as ``call`` sees them."""
    if isinstance(result, Value):
        return Traced(result)
    return [wrapped(one) for one in result] if isinstance(result, list | tuple) else result


def bare(given: Any) -> Any:
    """What ``wrapped`` wrapped."""
    if isinstance(given, Traced):
        return given.value
    return [bare(one) for one in given] if isinstance(given, list) else given


class OpsLayer(Layer):
    """A function of ``striate.ops``, put on symbolic tensors: it has no name of its own, and no weights.

    op        the function
    takes     the argument that each input is; one that stands there several times is a list
    options   (name, value) of the other arguments that were given

    Raises ArgumentError for a function or an argument that is not there.
    """

    op: str
    takes: tuple[str, ...] = ("x",)
    options: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        from striate.ops.signatures import SIGNATURES

        super().__post_init__()
        if self.op not in SIGNATURES:
            raise unknown("operation", str(self.op), SIGNATURES)
        pairs = isinstance(self.options, tuple) and all(isinstance(o, tuple) and len(o) == 2 for o in self.options)
        names = [
            *(self.takes if isinstance(self.takes, tuple) else ()),
            *(o[0] for o in (self.options if pairs else ())),
        ]
        known = [*SIGNATURES[self.op][0].parameters]
        if not pairs or not self.takes or any(not isinstance(name, str) or name not in known for name in names):
            raise ArgumentError(f"{self.op} takes {', '.join(known)}, not {self.takes} and {self.options}.")

    @staticmethod
    def names() -> list[str]:
        """All functions."""
        from striate.ops.signatures import SIGNATURES

        return [*SIGNATURES]

    @staticmethod
    def parameters_of(op: str) -> list[str]:
        """The arguments of a function, in order.

        op   its name
        """
        from striate.ops.signatures import SIGNATURES

        return [*SIGNATURES[op][0].parameters]

    @property
    def arity(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return len(self.takes)

    @property
    def kind(self) -> str:
        """The function as tables name a layer: ``GetItem``."""
        return "".join(part.title() for part in self.op.split("_"))

    def arguments(self, inputs: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments of the function.

        inputs   of the layer
        """
        found: dict[str, Any] = {}
        for name, value in zip(self.takes, inputs, strict=True):
            if name in _LISTS.get(self.op, ()):
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found | {name: decoded(value) if name == "key" else value for name, value in self.options}

    def lower(self, *inputs: Value) -> Any:
        arguments = self.arguments(inputs)
        try:
            return in_primitives(self.op, arguments)
        except NotLowered:
            return self._in_torch(arguments, inputs)

    def _in_torch(self, arguments: Mapping[str, Any], inputs: tuple[Value, ...]) -> Any:
        """The function as torch code: it has no primitives."""
        check_batch(self.op, arguments, inputs[0])
        codes = self.__dict__.setdefault("_codes", {})
        if not codes:
            kind = importlib.import_module("striate.ops.function_code").FunctionCode
            count = _RESULTS.get(self.op)
            codes.update({i: kind(self, i) for i in (range(count) if count else (None,))})
        results = [foreign(code, *inputs) for code in codes.values()]
        return results if len(results) > 1 else results[0]


_LISTS = {"concatenate": ("xs",), "stack": ("x",), "einsum": ("operands",)}
_RESULTS = {"top_k": 2}  # how many results functions have that have several
_NEW_AXIS = ("one_hot",)  # whose axis is one of the result's


def check_batch(op: str, arguments: Mapping[str, Any], x: Value) -> None:
    """Raise ArgumentError for an axis that takes the batch: samples are never mixed.

    op          name of the function
    arguments   of it, by name
    x           the first of its inputs
    """
    from striate.ops.lower import axes_of, axis_of
    from striate.ops.signatures import SIGNATURES

    for name, parameter in SIGNATURES[op][0].parameters.items():
        if name in ("axis", "axes") and op not in ("tensordot", "transpose"):
            given = arguments.get(name, parameter.default)
            if op in _NEW_AXIS:
                axis_of(x, given, op, 1)
            else:
                axes_of(x, given, op)


def in_primitives(op: str, arguments: Mapping[str, Any]) -> Any:
    """A function put on values, in primitives.  Raises NotLowered where it has none, ArgumentError where it cannot be.

    op          its name
    arguments   of it, by name
    """
    from striate.ops.lower import TABLE

    if op not in TABLE:
        raise NotLowered
    try:
        return TABLE[op](**arguments)
    except StriateError:
        raise
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        said = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if not isinstance(value, Value | list))
        raise ArgumentError(f"{op} cannot take {said or 'these inputs'}: {error}") from None


def lowered_by(op: str, arguments: Mapping[str, Any]) -> Any:
    """The same; raises ArgumentError where it has none.

    op          its name
    arguments   of it, by name
    """
    try:
        return in_primitives(op, arguments)
    except NotLowered:
        raise ArgumentError(
            f"ops.{op}({', '.join(arguments)}) with these arguments has no primitives, which a lower() is made of. Use it "
            "in a call, which then runs in torch."
        ) from None


# -- calls -------------------------------------------------------------------------------------------------------------
def symbolic(op: str, arguments: Mapping[str, Any]) -> Any:
    """A function called on symbolic tensors, or on values of a layer that is being lowered.

    op          its name
    arguments   of it, by name

    Raises ArgumentError where it cannot be put down.
    """
    tensors = [(name, one) for name, value in arguments.items() for one in _each(value) if isinstance(one, Operand)]
    if not any(isinstance(one, SymbolicTensor) for _, one in tensors):
        return _on_values(op, arguments)
    options = []
    for name, value in arguments.items():
        if not any(isinstance(one, Operand) for one in _each(value)):
            options.append((name, encoded(value, f"{op}: {name}")))
        elif not all(isinstance(one, SymbolicTensor) for one in _each(value)):
            raise ArgumentError(f"{op}: {name} joins symbolic tensors with others; all of them are to be symbolic.")
    layer = OpsLayer(op, tuple(name for name, _ in tensors), tuple(options))
    return layer([one for _, one in tensors] if len(tensors) > 1 else tensors[0][1])


def _on_values(op: str, arguments: Mapping[str, Any]) -> Any:
    traced = any(isinstance(one, Traced) for value in arguments.values() for one in _each(value))
    if any(isinstance(one, OwnWeight) for value in arguments.values() for one in _each(value)):
        result = with_weight(op, {name: bare(value) for name, value in arguments.items()})
        return wrapped(result) if traced else result
    plain = {
        name: bare(list(value) if name in _LISTS.get(op, ()) else value)
        if any(isinstance(one, Operand) for one in _each(value))
        else decoded(encoded(value, f"{op}: {name}"))
        for name, value in arguments.items()
    }
    if not traced:
        return lowered_by(op, plain)
    try:
        return wrapped(lowered_by(op, plain))
    except ShapeError:
        raise
    except ArgumentError:  # torch may still do it
        raise NeedsTorch from None


def _each(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def encoded(value: Any, where: str) -> Any:
    """An argument as a description holds it: numbers, texts and tuples.  Raises ArgumentError for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, slice):
        return ("slice", *(encoded(part, where) for part in (value.start, value.stop, value.step)))
    if value is Ellipsis:
        return "..."
    if isinstance(value, list | tuple):
        return tuple(encoded(one, where) for one in value)
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        count = 1
        for size in value.shape:
            count *= size
        if count > _MOST:
            raise ArgumentError(f"{where} is a constant of {count} numbers; {_MOST} is the most. Make it a weight.")
        return encoded((value.detach() if hasattr(value, "detach") else value).tolist(), where)
    if isinstance(value, type) or hasattr(value, "name") or type(value).__name__ == "dtype":  # a dtype
        return str(getattr(value, "name", None) or getattr(value, "__name__", value)).removeprefix("torch.")
    raise ArgumentError(f"{where} is {value!r}, which a network's description cannot hold.")


def decoded(value: Any) -> Any:
    """The inverse of ``encoded``, slices and ... included."""
    if isinstance(value, tuple):
        if len(value) == 4 and value[0] == "slice":
            return slice(*value[1:])
        return tuple(decoded(one) for one in value)
    return Ellipsis if value == "..." else value


def _operate(name: str, *arguments: Any) -> Any:
    """What an operator of Python puts down."""
    names = ("x",) if len(arguments) == 1 else ("x", "key") if name == "get_item" else ("x1", "x2")
    if any(hasattr(type(one), "backward") and one.requires_grad for one in arguments):  # something that learns
        raise NeedsTorch
    return symbolic(name, dict(zip(names, arguments, strict=True)))


def _operator(self: Any, name: str, *arguments: Any) -> Any:
    return _operate(name, *arguments)


Operand._operate = _operator  # type: ignore[assignment]
