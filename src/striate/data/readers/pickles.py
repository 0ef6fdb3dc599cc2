"""Arrays out of Python pickles without executing them.

A pickle is a program: it may name any function and call it.  This reader knows the few names that a pickle of NumPy
arrays uses, and gives its own small classes for them, so neither NumPy's nor anyone else's code runs.  Any other name
is refused with a DataError that says it.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from striate.doors import budgets
from striate.doors.reading import opened
from striate.errors import DataError
from striate.wording import inner

_PLAIN = (np.ndarray, str, bytes, int, float, type(None))
_FLAT = {str, bytes, int, float, bool, type(None)}
_CODES = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f2", "f4", "f8", "b1"}


class _Inert:
    """What a pickle gets for a name.  Being its own ``__setstate__``, it leaves no way to set attributes."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError(f"a {type(self).__name__[1:].lower()} with a state")


class _Dtype(_Inert):
    """``numpy.dtype(code, align, copy)``, then a state of which only the byte order matters."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.dtype = np.dtype(_code(code))

    def __setstate__(self, state: Any) -> None:
        order: Any = _text(state[1])
        if state[3] is not None or state[4] is not None or order not in "<>|=":
            raise pickle.UnpicklingError("a structured array")
        self.dtype = self.dtype.newbyteorder(order) if order in "<>" else self.dtype


class _Array(_Inert):
    """``numpy._reconstruct(ndarray, (0,), b"b")``, then a state (version, shape, dtype, fortran, values)."""

    def __init__(self, *_: Any) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, values = state
        self.fill(values, dtype, shape, "F" if fortran else "C")

    def fill(self, values: Any, dtype: Any, shape: Any, order: str) -> None:
        if isinstance(values, str):
            values = values.encode("latin1")
        if not isinstance(dtype, _Dtype) or not isinstance(values, bytes | bytearray):
            raise pickle.UnpicklingError("an array of objects")
        self.value = np.frombuffer(bytearray(values), dtype.dtype).reshape(shape, order=order)  # type: ignore[call-overload]


class _FromBuffer(_Inert):
    """``numpy._frombuffer(values, dtype, shape, order)``, as protocol 5 has it."""

    def __new__(cls, values: Any, dtype: Any, shape: Any, order: Any) -> Any:
        array = _Array()
        array.fill(bytes(values), dtype, shape, "F" if _text(order) == "F" else "C")
        return array


class _Encoded(_Inert):
    """``_codecs.encode(text, "latin1")`` and ``bytes()``: bytes and no bytes, as Python 3 writes up to protocol 2."""

    def __new__(cls, text: str = "", codec: str = "latin1") -> Any:
        if codec not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError(f"text in {_text(codec)}")
        return text.encode("latin1")


_NAMES = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Encoded,
    ("__builtin__", "bytes"): _Encoded,
    ("builtins", "bytes"): _Encoded,
} | {
    (f"numpy.{core}.{module}", name): stand_in
    for core in ("core", "_core")
    for module, name, stand_in in (("multiarray", "_reconstruct", _Array), ("numeric", "_frombuffer", _FromBuffer))
}


class _PlainUnpickler(pickle._Unpickler):
    """Python's own unpickler in Python: the one in C takes 34 GB for the number of a memo that a file of 20 bytes names."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f'it asks for "{module}.{name}"')
        return _NAMES[module, name]


def _with_plain_keys(load: Any, first: int, step: int) -> Any:
    """An opcode whose keys, on the stack, are looked at before: tuples in tuples would take a hash for ever."""

    def checked(unpickler: Any) -> None:
        if not all(isinstance(key, str | bytes | int | float | None) for key in unpickler.stack[first::step]):
            raise pickle.UnpicklingError("a key that is no text")
        load(unpickler)

    return checked


for _opcode, _first, _step in ((b"s", -2, 2), (b"u", 0, 2), (b"d", 0, 2), (b"\x90", 0, 1), (b"\x91", 0, 1)):
    _PlainUnpickler.dispatch[_opcode[0]] = _with_plain_keys(_PlainUnpickler.dispatch[_opcode[0]], _first, _step)


def read_pickle(path: str | Path) -> dict[str, Any]:
    """The dictionary in a pickle of plain values and NumPy arrays, of Python 2 or 3, with text for keys.

    Nothing in the file is executed.  Raises DataError for a name it does not know, a damaged file, anything but a
    dictionary.
    """
    with opened(path, budgets.FILE) as file:
        try:
            tree = _PlainUnpickler(file, encoding="bytes").load()
        except pickle.UnpicklingError as error:
            raise DataError(
                f"{path}: refused or damaged pickle, {inner(error)}. Only arrays and plain values are read."
            ) from None
        except Exception as error:  # the opcodes of a damaged pickle fail in many ways
            raise DataError(
                f"{path}: damaged pickle ({type(error).__name__}: {error}). Fetch the file again."
            ) from None
    if not isinstance(tree, dict):
        raise DataError(f"{path}: the pickle holds a {type(tree).__name__}, expected a dictionary of arrays.")
    named = {_text(key): value.value if isinstance(value, _Array) else value for key, value in tree.items()}
    for key, value in named.items():  # lists in lists may say of themselves what no walk comes to the end of
        if not isinstance(value, _PLAIN) and not (isinstance(value, list | tuple) and {*map(type, value)} <= _FLAT):
            raise DataError(
                f'{path}: "{key}" in the pickle is a {type(value).__name__} of other things than plain values.'
            )
    return named


def _code(value: Any) -> str:
    code = _text(value)
    if code not in _CODES:
        raise pickle.UnpicklingError(f'an array of type "{code}"')
    return code


def _text(value: Any) -> str:
    if not isinstance(value, str | bytes | int):  # a message would write out all that stands in it
        raise pickle.UnpicklingError(f"a {type(value).__name__} where a text stands")
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
