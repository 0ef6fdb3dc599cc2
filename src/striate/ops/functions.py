"""The functions of ``striate.ops``, made from their rows in ``table``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from striate.data_format import checked
from striate.described import bound
from striate.errors import ArgumentError
from striate.graph import Operand, Value
from striate.ops.operation import symbolic
from striate.ops.signatures import SIGNATURES
from striate.ops.table import ARGUMENTS

#: What answers at once, whatever it is asked about.
_FACTS = ("shape", "ndim", "size", "dtype", "is_tensor")
#: Arguments that Keras has for kinds of tensors that are not here.
_OTHER_KINDS = {
    "sparse": "give an array",
    "ragged": "pad to one length",
    "synchronized": "each process counts its own batch",
}


def _has_operand(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_operand, value))
    return isinstance(value, Operand)


def made(row: str, name: str | None = None) -> Callable[..., Any]:
    """The function of a row.

    row    of the table
    name   of the function; None: the row's
    """
    signature, about = SIGNATURES[row]
    name = name or row
    others = [key for key in _OTHER_KINDS if key in signature.parameters]

    def function(*args: Any, **kwargs: Any) -> Any:
        if others:
            said = bound(f"ops.{name}", signature, args, kwargs).arguments
            for key in others:
                if said.get(key):
                    raise ArgumentError(f"ops.{name}: {key}={said[key]!r} is not supported: {_OTHER_KINDS[key]}.")
        if "data_format" in signature.parameters:
            kwargs, args = dict(bound(f"ops.{name}", signature, args, kwargs).arguments), ()
            where = checked(kwargs.pop("data_format", None), f"ops.{name} data_format")
            if where == "channels_first":
                return _turned(function, kwargs)
        if not any(map(_has_operand, args)) and not any(map(_has_operand, kwargs.values())):
            return importlib.import_module("striate.ops.eager").run(row, *args, **kwargs)
        given = bound(f"ops.{name}", signature, args, kwargs).arguments
        if row in _FACTS:
            return _fact(row, given["x"])
        return symbolic(row, given)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "striate.ops"
    function.__signature__ = signature  # type: ignore[attr-defined]
    lines = [f"{key:<{_wide(signature)}}   {ARGUMENTS[key]}" for key in signature.parameters]
    function.__doc__ = "\n".join(
        [f"{about[0].upper()}{about[1:]}.", "", *lines, "", "Raises ArgumentError for arguments that it does not take."]
    )
    return function


def _turned(function: Callable[..., Any], given: dict[str, Any]) -> Any:
    """What a function that knows only channels at the end makes of a first argument that has them first."""
    first, x = next(iter(given.items()))
    axis = 1 if isinstance(x, Operand) or np.ndim(x) != 3 or "kernel" in given or "pool_size" in given else 0
    x = FUNCTIONS["moveaxis"](x, axis, -1)
    return FUNCTIONS["moveaxis"](function(**given | {first: x, "data_format": "channels_last"}), -1, axis)


def _wide(signature: inspect.Signature) -> int:
    return max(map(len, signature.parameters))


def _fact(row: str, x: Any) -> Any:
    shape = (None, *x.shape) if isinstance(x, Value) else x.shape
    return {
        "shape": shape,
        "ndim": len(shape),
        "dtype": getattr(x, "dtype", "float32"),
        "is_tensor": True,
        "size": None,
    }[row]


FUNCTIONS = {name: made(name) for name in SIGNATURES if not name.startswith("image_")}
