"""Annotations as questions: whether a value is what an annotation names, and how that is said to users."""

from __future__ import annotations

import ast
import functools
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from striate.wording import listed


@dataclass(frozen=True)
class Wanted:
    """What an annotation names.

    words   such as "a whole number or None"
    tests   one per alternative; a value fits where one of them holds
    plain   whether all of them are numbers, texts, paths, True and False, or None
    exact   types whose values fit without a further look
    """

    words: str
    tests: tuple[Callable[[Any], bool], ...]
    plain: bool
    exact: frozenset[type]

    def fits(self, value: Any) -> bool:
        """Whether a value is what is wanted.

        value   any
        """
        return any(test(value) for test in self.tests)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, of Python or NumPy; True and False are 1 and 0.

    value   any
    """
    return isinstance(value, Integral)


def is_number(value: Any) -> bool:
    """Whether a value is a number other than nan; arrays and tensors of one number are.

    value   any
    """
    if isinstance(value, Real):
        try:
            return not math.isnan(value)
        except OverflowError:  # a whole number too large for a float
            return True
    return hasattr(value, "__float__") and getattr(value, "shape", None) == ()


def is_yes_or_no(value: Any) -> bool:
    """Whether a value is True or False, of Python or NumPy, or 1 or 0.

    value   any
    """
    return type(value).__name__ in ("bool", "bool_") or (isinstance(value, Integral) and value in (0, 1))


def _sequence(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


# What an annotation names: how it is said, whether a value is it, and types that are it without a further look.
_PLAIN: dict[str, tuple[str, Callable[[Any], bool], tuple[type, ...]]] = {
    "None": ("None", lambda value: value is None, (type(None),)),
    "bool": ("True or False", is_yes_or_no, (bool,)),
    "int": ("a whole number", is_whole, (int, bool)),
    "float": ("a number", is_number, (int, bool)),  # a float may be nan
    "str": ("a text", lambda value: isinstance(value, str), (str,)),
    "Path": ("a path", lambda value: isinstance(value, str | os.PathLike), (str,)),
}
_PATHS = {"os.PathLike[str]", "os.PathLike", "Path", "PathLike[str]", "pathlib.Path", "pathlib._local.Path"}
_CONTAINERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "Sequence": ("a list", _sequence),
    "list": ("a list", _sequence),
    "tuple": ("a tuple", _sequence),
    "Iterable": ("a list", _sequence),
    "dict": ("a dict", lambda value: isinstance(value, Mapping)),
    "Mapping": ("a dict", lambda value: isinstance(value, Mapping)),
    "Callable": ("a function", callable),
    "np.ndarray": ("an array", _array),
    "Tensor": ("a tensor", _array),
    "Shape": ("a shape such as (32, 32, 3)", _sequence),
}
# Classes by their names, since most are imported for annotations alone.
_CLASSES = {
    "Model": "a Model",
    "Dataset": "a Dataset",
    "Graph": "a Graph",
    "Layer": "a layer",
    "Preprocessing": "a Preprocessing",
    "Vocabulary": "a Vocabulary",
    "SymbolicTensor": "a symbolic tensor",
    "Node": "a call of a layer",
    "Window": "a Window",
    "Loss": "a loss",
    "Value": "a value of a lowering",
}


def _alternatives(annotation: str) -> list[str]:
    """``int | None`` as its parts; a bar within brackets is none of its own."""
    parts, depth = [""], 0
    for letter in annotation:
        depth += (letter in "[(") - (letter in "])")
        if letter == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


@functools.cache
def wanted(annotation: str) -> Wanted | None:
    """What an annotation names; None where that is anything, or not known here.

    annotation   as it is written
    """
    annotation = annotation.removeprefix("<class '").removesuffix("'>") if annotation[:1] == "<" else annotation
    words: list[str] = []
    tests: list[Callable[[Any], bool]] = []
    exact: set[type] = set()
    plain = True
    for part in _alternatives(annotation):
        name = "Path" if part in _PATHS else part.removeprefix("collections.abc.").removeprefix("typing.")
        head = name.partition("[")[0]
        if name in _PLAIN:
            said, test, types = _PLAIN[name]
            exact |= {*types}
        elif head == "Literal":
            try:
                options = ast.literal_eval(name.removeprefix("Literal"))
            except (ValueError, SyntaxError):
                return None
            said, test = listed([repr(one) for one in options], "or"), functools.partial(_among, tuple(options))
            plain = False
        elif head in _CONTAINERS:
            said, test = _CONTAINERS[head]
            plain = False
        elif name.rpartition(".")[2] in _CLASSES:
            short = name.rpartition(".")[2]
            said, test = _CLASSES[short], functools.partial(_is_a, short)
            plain = False
        else:
            return None
        if said not in words:
            words.append(said)
        tests.append(test)
    if exact >= {str} and "a path" in words and "a text" in words:
        words.remove("a text")
    return Wanted(listed(words, "or"), tuple(tests), plain, frozenset(exact))


def _among(options: tuple[Any, ...], value: Any) -> bool:
    return any(type(value) is type(one) and value == one for one in options)


def _is_a(name: str, value: Any) -> bool:
    return any(kind.__name__ == name for kind in type(value).__mro__)
