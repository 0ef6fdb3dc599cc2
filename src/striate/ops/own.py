"""Layers of a user's own as Keras has them: ``build``, ``call`` and ``add_weight``; or as torch has them: ``forward``.

``call`` is traced: functions of ``striate.ops``, arithmetic and other layers put their primitives down, and the layer is at
home in every view.  Where it asks for more, such as a function of torch, the whole call runs as torch code.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from striate.errors import ArgumentError, StriateError
from striate.graph import Layer, Network, Shape, Value
from striate.graph.layer import snake_case
from striate.ops.operation import Traced, bare, wrapped
from striate.ops.variable import RUNNING, TRACING, NeedsTorch, OwnWeight
from striate.primitives.own import foreign


class Training:
    """Stands for ``training`` while a call is traced: what asks for it runs in torch, where it is known."""

    def __bool__(self) -> bool:
        raise NeedsTorch


TRAINING = Training()


def lower_own(layer: Layer, values: tuple[Value, ...]) -> Any:
    """What a layer without ``lower`` does, in primitives.  Raises ArgumentError where it does not say.

    layer    of a user's own
    values   its inputs
    """
    kind = type(layer)
    if hasattr(kind, "forward"):
        return foreign(code_of(layer, last=False), *values)
    if kind.call is Layer.call:
        raise ArgumentError("has no call(self, inputs): say what it does, with striate.ops, other layers or torch.")
    build_once(layer, tuple(value.shape for value in values))
    if not layer.__dict__.get("_runs_in_torch"):
        trace = values[0]._trace
        steps, shapes = len(trace.steps), len(trace.shapes)
        for one in _own_weights(layer):
            one.used = False
        inside, trace.owner = len(trace.within), trace.owner or layer
        TRACING.append(layer)
        try:
            return bare(_result(called(layer, [Traced(value) for value in values], TRAINING)))
        except StriateError:
            raise
        except Exception:  # NeedsTorch, or what code says to something that is no tensor
            del trace.steps[steps:], trace.shapes[shapes:]
            for one in trace.within[inside:]:
                one.__dict__.pop("_inside", None)
            del trace.within[inside:]
            layer._runs_in_torch = True  # type: ignore[attr-defined]
        finally:
            TRACING.pop()
    return foreign(code_of(layer, last=True), *values)


def _result(result: Any) -> Any:
    if isinstance(result, tuple):
        result = list(result)
    flat = result if isinstance(result, list) else [result]
    if not flat or not all(isinstance(one, Traced) for one in flat):
        raise NeedsTorch  # a constant, or a tensor
    return result


def called(layer: Layer, inputs: list[Any], training: Any) -> Any:
    """Run ``call`` as Keras does.

    layer      of a user's own
    inputs     of the call; several are given as one list
    training   what it is told, where it wants to know
    """
    call: Any = layer.call
    parameters = inspect.signature(call).parameters
    wants = "training" in parameters
    names = [name for name, one in parameters.items() if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    spread = any(one.kind is one.VAR_POSITIONAL for one in parameters.values())
    several = (spread or len([name for name in names if name not in ("training", "mask")]) > 1) and len(inputs) > 1
    given = inputs if several else [inputs if len(inputs) > 1 else inputs[0]]
    return call(*given, **({"training": training} if wants else {}))


def _own_weights(layer: Layer) -> list[OwnWeight]:
    return layer.__dict__.setdefault("_own_weights", [])  # type: ignore[no-any-return]


def build_once(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    """Let a layer add its weights, at its first call.

    layer    of a user's own
    shapes   of its inputs, without the batch
    """
    if layer.__dict__.get("_has_been_built"):
        return
    with_batch = [(None, *shape) for shape in shapes]
    try:
        layer.build(with_batch if len(with_batch) > 1 else with_batch[0])
    except StriateError:
        raise
    except Exception as error:
        raise ArgumentError(f"its build({with_batch[0]}) fails: {type(error).__name__}: {error}") from error
    layer._has_been_built = True  # type: ignore[attr-defined]


def add_weight(
    layer: Layer,
    shape: Any = None,
    initializer: Any = None,
    dtype: Any = None,
    trainable: bool = True,
    regularizer: Any = None,
    constraint: Any = None,
    name: str | None = None,
    **others: Any,
) -> OwnWeight:
    """``Layer.add_weight``; its docstring names the arguments."""
    for key in others:
        if key not in ("synchronization", "use_resource", "getter"):
            raise ArgumentError(f'add_weight has no argument "{key}".')
    if isinstance(constraint, str):
        importlib.import_module("striate.layers.constraints").get(constraint)
    if isinstance(shape, str):
        raise ArgumentError(f'add_weight: the name goes by its name, name="{shape}"; the first argument is the shape.')
    if layer in TRACING or layer in RUNNING:
        raise ArgumentError(f"{layer.kind}: weights are added in build or in the constructor, not in call.")
    sizes = () if shape is None else (shape,) if hasattr(shape, "__index__") else tuple(shape)
    if any(isinstance(n, bool) or not hasattr(n, "__index__") or int(n) < 1 for n in sizes):
        raise ArgumentError(f"add_weight: a shape holds whole numbers of at least 1, not {shape}.")
    taken = [one.name for one in _own_weights(layer)]
    stem = re.sub(r"\W", "_", name or "weight").lower().lstrip("_0123456789") or "weight"
    free = next(n for i in range(len(taken) + 1) if (n := f"{stem}_{i}" if i else stem) not in taken)
    number = _dtype(dtype)
    kind = initializer if initializer is not None else "glorot_uniform" if "float" in number else "zeros"
    made = OwnWeight(free, tuple(int(n) for n in sizes), kind, regularizer, bool(trainable), constraint, layer, number)
    _own_weights(layer).append(made)
    return made


def _dtype(dtype: Any) -> str:
    """The name of a weight's type.  Raises ArgumentError for one that is not known."""
    name = dtype if isinstance(dtype, str | None) else getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)
    name = str(name or "float32").removeprefix("torch.")
    name = {"int": "int32", "float": "float32", "bool_": "bool"}.get(name, name)
    if name not in ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"):
        raise ArgumentError(f'add_weight: dtype is one such as "float32" or "int32", not "{name}".')
    return name


# -- a layer called within another's call ------------------------------------------------------------------------------
def inside(layer: Layer, inputs: Any, training: Any = None) -> Any:
    """What a layer puts down when it is called on values of another layer's ``lower`` or ``call``.

    layer      that is called
    inputs     a value, or a list of them
    training   as the call says it: what is not that of the layer around it is known in torch only
    """
    if training is not None and not isinstance(training, Training):
        raise NeedsTorch
    listed = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    values = [bare(one) for one in listed]
    if not all(isinstance(one, Value) for one in values):
        raise NeedsTorch
    result = _put_down(layer, values, layer.name or snake_case(layer.kind))
    return wrapped(result) if any(isinstance(one, Traced) for one in listed) else result


def _put_down(layer: Layer, values: list[Value], part: str) -> Any:
    trace = values[0]._trace
    if layer in trace.within:  # its weights are those of its first call, which one lowering cannot say
        raise NeedsTorch
    if isinstance(layer, Network):
        layer.shape(*(value.shape for value in values))
        return _network(layer, values, part)
    if not layer.trainable or layer.torch_module is not None:  # it has arrays of its own
        raise NeedsTorch
    trace.within.append(layer)
    before, trace.prefix = trace.prefix, f"{trace.prefix}_{part}" if trace.prefix else part
    start = len(trace.steps)
    try:
        result = layer.whole_lower(*values)
    finally:
        trace.prefix = before
    layer.__dict__["_inside"] = trace.owner, tuple(s.part for s in trace.steps[start:] if s.primitive.stateful)
    return result


def _network(layer: Network, values: list[Value], part: str) -> Any:
    graph = layer.graph.check()
    found = {(tensor.node.serial, tensor.index): value for tensor, value in zip(graph.inputs, values, strict=True)}
    for node in graph.nodes:
        if node.inputs:
            given = [found[tensor.node.serial, tensor.index] for tensor in node.inputs]
            result = _put_down(node.layer, given, f"{part}_{graph.name(node.layer)}")
            for index, one in enumerate(result if isinstance(result, list | tuple) else [result]):
                found[node.serial, index] = one
    ends = [found[tensor.node.serial, tensor.index] for tensor in graph.outputs]
    return ends[0] if len(ends) == 1 else ends


# -- torch code --------------------------------------------------------------------------------------------------------
def code_of(layer: Layer, *, last: bool) -> Any:
    """The torch code of a layer; the same at every call.

    layer   of a user's own
    last    whether it takes channels-last tensors, as ``call`` does, not channels-first ones, as ``forward`` does
    """
    if "_code" not in layer.__dict__:
        layer._code = importlib.import_module("striate.ops.torch_code").LayerCode(layer, last)  # type: ignore[attr-defined]
    return layer._code  # type: ignore[attr-defined]


def own_config(layer: Layer) -> dict[str, Any]:
    """The arguments that a layer with a constructor of its own was made with, by name.

    layer   of a user's own
    """
    from_class = {} if type(layer).get_config is Layer.get_config else dict(layer.get_config())
    if type(layer).get_config is Layer.get_config:
        args, kwargs = layer.__dict__.get("_given", ((), {}))
        bound = inspect.signature(type(layer).__init__).bind(layer, *args, **kwargs)
        parameters = inspect.signature(type(layer).__init__).parameters
        for key, value in list(bound.arguments.items())[1:]:
            rest = parameters[key].kind is inspect.Parameter.VAR_KEYWORD
            from_class |= value if rest else {key: value}
    said = {key: value for key, value in from_class.items() if key not in ("name", "trainable", "dtype", "input_shape")}
    return said | ({} if layer.trainable else {"trainable": False})


def add_loss(layer: Layer, loss: Any) -> None:
    """``Layer.add_loss``; its docstring names the arguments."""
    values = loss if isinstance(loss, list | tuple) else [loss]
    if any(isinstance(bare(one), Value) for one in values):
        raise NeedsTorch
    if layer not in RUNNING:
        raise ArgumentError(f"{layer.kind}: add_loss belongs into call(); outside, give compile a loss.")
    layer.__dict__.setdefault("_added", []).extend(values)


Layer._loss_adder = add_loss  # type: ignore[assignment]
Layer._lower_own = lower_own  # type: ignore[assignment]
Layer._weight_adder = add_weight  # type: ignore[assignment]
Layer._put_inside = inside  # type: ignore[assignment]
Layer._own_config = own_config  # type: ignore[assignment]
