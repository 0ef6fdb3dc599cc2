"""Functions on symbolic tensors (``striate.ops``, Python's operators, slices) in Keras' configurations, both ways.

Keras gives each a class, in which every argument stands that is no tensor; its call takes the tensors, and numbers beside
them.  A slice is written as {"class_name": "__slice__"}, an array as "__numpy__".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from striate.errors import ArgumentError
from striate.graph.layer import Layer
from striate.graph.part import registered

# Where Keras keeps its classes; all others are in ``keras.src.ops.numpy``.
_ROOMS = {
    "nn": "average_pool binary_crossentropy categorical_crossentropy celu conv depth_to_space depthwise_conv elu gelu glu "
    "hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize "
    "one_hot relu relu6 selu separable_conv sigmoid silu soft_shrink softmax softplus softsign space_to_depth "
    "sparse_categorical_crossentropy sparse_plus sparse_sigmoid squareplus tanh_shrink threshold adaptive_average_pool "
    "adaptive_max_pool conv_transpose",
    "math": "erf in_top_k logsumexp rsqrt top_k",
    "core": "cast slice stop_gradient unstack",
    "linalg": "norm",
    "image": "image_crop_images image_extract_patches image_pad_images image_resize image_rgb_to_grayscale",
}
_ROOM = {op: room for room, names in _ROOMS.items() for op in names.split()}
_ALIASES = {"abs": "absolute", "swish": "silu", "hard_swish": "hard_silu"}
# Which Keras has as no class, or as one that other arguments make.
_ABSENT = ("parametric_relu", "mish", "batch_normalization", "layer_normalization", "rms_normalization", "psnr")
# Arguments that a call takes; all others belong to the class.
_CALL = """
    x x1 x2 xs inputs images kernel depthwise_kernel pointwise_kernel condition key indices start_indices target output
    targets predictions variable operands fill_value constant_values rtol atol
"""
_CALLED = frozenset(_CALL.split())
_BY_NAME = ("constant_values",)  # which Keras' call takes by name
_NAMED = {"image_rgb_to_grayscale": "RGB_to_grayscale"}


def _class_of(op: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in _NAMED.get(op, op.removeprefix("image_")).split("_"))


def _operation(layer: Layer) -> str:
    """The function that a layer puts down; "" for any other layer."""
    op = str(getattr(layer, "op", "")) if type(layer).__name__ == "OpsLayer" else ""
    return _ALIASES.get(op, op)


def _parameters(op: str) -> list[str]:
    return list(cast(Any, registered("OpsLayer")).parameters_of(op))


# -- out ----------------------------------------------------------------------------------------------------------------
def operation_in_keras(layer: Layer, name: str) -> dict[str, Any] | None:
    """The entry of a function on tensors, without its calls; None for any other layer.

    layer   any
    name    of the layer

    Raises ArgumentError for a function that Keras has not.
    """
    op = _operation(layer)
    if not op:
        return None
    if op in _ABSENT:
        raise ArgumentError(f'ops.{op} "{name}": Keras has no such operation. A folder holds it.')
    options = dict(cast(Any, layer).options)
    given = {key: _written(value) for key, value in options.items() if key not in _CALLED}
    if given.get("data_format", "") is None:
        given["data_format"] = "channels_last"
    entry = {"module": f"keras.src.ops.{_ROOM.get(op, 'numpy')}", "class_name": _class_of(op)}
    return entry | {"config": {"name": name} | given, "registered_name": _class_of(op)}


def called_in_keras(layer: Layer, tensors: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A call of a function on tensors; None for any other layer.

    layer     any
    tensors   that it takes, as a configuration says them
    """
    op = _operation(layer)
    if not op:
        return None
    operation = cast(Any, layer)
    given: dict[str, Any] = operation.arguments(tuple(tensors))
    for key, value in operation.options:
        if key in _CALLED:
            array = isinstance(value, tuple) and key not in ("key", "start_indices")
            given[key] = _array(value) if array else _written(value, key == "key")
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for key in _parameters(op):
        if key in _BY_NAME and key in given:
            kwargs[key] = given[key]
        elif key in _CALLED and key in given:
            args += given[key] if key == "operands" else [given[key]]
    return {"args": args, "kwargs": kwargs}


def _array(value: Any) -> dict[str, Any]:
    """Nested numbers as Keras writes an array."""
    first = value
    while isinstance(first, tuple) and first:
        first = first[0]
    kind = "bool" if isinstance(first, bool) else "int32" if isinstance(first, int) else "float32"
    return {"class_name": "__numpy__", "config": {"value": _written(value), "dtype": kind}}


def _written(value: Any, index: bool = False) -> Any:
    """A value as Keras writes it.  In an `index` slices are tuples that say so."""
    if isinstance(value, tuple):
        if index and len(value) == 4 and value[0] == "slice":
            return {"class_name": "__slice__", "config": dict(zip(("start", "stop", "step"), value[1:], strict=True))}
        return [_written(one, index) for one in value]
    return {"class_name": "__ellipsis__", "config": {}} if index and value == "..." else value


# -- in -----------------------------------------------------------------------------------------------------------------
def operation_of(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of the ``OpsLayer`` that an entry of Keras' operations stands for; None where it is none.

    entry   of a layer
    """
    module, nodes = str(entry.get("module")), entry.get("inbound_nodes")
    if ".ops." not in module or not isinstance(nodes, list) or len(nodes) != 1:
        return None
    op = _names().get(entry["class_name"])
    node, config = nodes[0], entry.get("config")
    if op is None or not isinstance(node, Mapping) or not isinstance(config, Mapping):
        return None
    names = [key for key in _parameters(op) if key in _CALLED]
    args, kwargs = node.get("args"), node.get("kwargs") or {}
    if not isinstance(args, list) or not isinstance(kwargs, Mapping):
        return None
    if "operands" in names:
        args = [args]
    called = dict(zip(names, args, strict=False)) | {key: value for key, value in kwargs.items() if key in names}
    if len(args) > len(names) or not set(kwargs) <= set(names):
        return None
    takes: list[str] = []
    options: list[tuple[str, Any]] = []
    for key, value in called.items():
        tensors = [_is_tensor(one) for one in (value if isinstance(value, list) else [value])]
        if tensors and all(tensors):
            takes += [key] * len(tensors)
        elif any(tensors):
            return None
        else:
            options.append((key, _read(value)))
    known = set(_parameters(op)) - set(called)
    for key, value in config.items():
        if key in known:
            options.append((key, _read(value)))
        elif key not in ("name", "dtype") and value not in (None, False, 0.0, "constant"):
            return None
    return {"op": op, "takes": tuple(takes), "options": tuple(options)}


def _names() -> dict[str, str]:
    ops = cast(Any, registered("OpsLayer")).names()
    return {_class_of(op): op for op in ops if op not in _ALIASES and op not in _ABSENT}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _read(value: Any) -> Any:
    """A value of Keras as a description here holds it."""
    if isinstance(value, list):
        return tuple(map(_read, value))
    if not isinstance(value, Mapping):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__ellipsis__":
        return "..."
    if kind == "__slice__" and isinstance(config, Mapping):
        return ("slice", *(config.get(key) for key in ("start", "stop", "step")))
    if kind in ("__numpy__", "__tensor__") and isinstance(config, Mapping):
        return _read(config.get("value"))
    raise ArgumentError(f"an operation takes {str(kind or value)[:40]}, which is neither a tensor nor numbers.")
