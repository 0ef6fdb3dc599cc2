"""The public surface is documented: every export says what it does, what goes in, what comes out and what can go wrong.

A docstring is short plain sentences, then a list of the arguments, a line each: ``name    what it is``.  An argument may
also be named in the sentences, as `name`.  An error is said as "Raises ArgumentError when …".
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import striate as st
from striate import errors

ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
ROOMS = [name for name in st.__all__ if isinstance(getattr(st, name), types.ModuleType)]
# Rooms whose docstrings are still to be completed.  It only ever gets shorter.
NOT_YET: set[str] = set()
CONSTRUCTORS = ("__post_init__", "__init__")


@dataclasses.dataclass
class Entry:
    """Something exported: a function, a class, a method or a property."""

    name: str
    room: str
    function: Callable[..., Any] | None  # what its signature and its errors are read from; None: nothing to call
    doc: str
    owner: type | None = None
    is_property: bool = False

    @property
    def said(self) -> str:
        """The docstrings that speak of it: a class's arguments may stand in the docstring of the base that has them."""
        if self.owner is None or self.function is None or self.function.__name__ not in CONSTRUCTORS:
            return self.doc
        return "\n".join([self.doc, *(inspect.getdoc(base) or "" for base in ours(self.owner)[1:])])

    @property
    def parameters(self) -> list[inspect.Parameter]:
        made = self.owner is not None and self.function is not None and self.function.__name__ in CONSTRUCTORS
        target: Any = self.owner if made else self.function
        return list(inspect.signature(target).parameters.values())

    @property
    def arguments(self) -> list[str]:
        if self.function is None or self.is_property:
            return []
        plain = [p.name for p in self.parameters if not (p.kind is p.VAR_KEYWORD and p.name == "kwargs")]
        return [name for name in plain if name not in ("self", "cls") and not name.startswith("_")]


def ours(kind: type) -> list[type]:
    """The classes of this package that a class is made of, itself first."""
    return [base for base in kind.__mro__ if base.__module__.startswith("striate")]


def constructor(kind: type) -> Callable[..., Any] | None:
    if issubclass(kind, Exception) or "Protocol" in [base.__name__ for base in kind.__bases__]:
        return None
    for name in CONSTRUCTORS:
        method = getattr(kind, name, None)
        if (
            isinstance(method, types.FunctionType)
            and method.__module__
            and name in {n for b in ours(kind) for n in vars(b)}
        ):
            return method
    return None


def of_class(room: str, path: str, kind: type) -> Iterator[Entry]:
    yield Entry(path, room, constructor(kind), inspect.getdoc(kind) or "", kind)
    seen: set[str] = set()
    for base in ours(kind):
        for name, value in vars(base).items():
            if name.startswith("_") or name in seen:
                continue
            seen.add(name)
            value = inspect.unwrap(value) if callable(value) else value
            doc = inspect.getdoc(getattr(kind, name, None)) or ""
            where = f"{path}.{name}"
            if isinstance(value, types.FunctionType) and value.__doc__ is None and doc:
                continue  # the base's docstring speaks of it, in the base's words
            if isinstance(value, property):
                yield Entry(where, room, value.fget, inspect.getdoc(value) or doc, kind, is_property=True)
            elif isinstance(value, (staticmethod, classmethod)):
                yield Entry(where, room, value.__func__, doc, kind)
            elif isinstance(value, types.FunctionType):
                yield Entry(where, room, value, doc, kind)


def of_module(room: str, module: types.ModuleType, path: str) -> Iterator[Entry]:
    names = getattr(module, "__all__", None)
    if names is None:  # a module that a room exports: what it defines itself
        names = [
            n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__ and n[0] != "_"
        ]
    for name in names:
        value = getattr(module, name)
        where = f"{path}.{name}"
        if isinstance(value, types.ModuleType):
            if name not in ROOMS:
                yield from of_module(room, value, where)
        elif isinstance(value, type):
            yield from of_class(room, where, value)
        elif callable(value) and hasattr(value, "__module__"):
            bare = inspect.unwrap(value)
            yield Entry(
                where, room, bare if isinstance(bare, types.FunctionType) else None, inspect.getdoc(value) or ""
            )


def everything() -> list[Entry]:
    """Every export once, where it is met first: a method that many classes inherit is one thing to document."""
    entries = [Entry("st.set_seed", "models", inspect.unwrap(st.set_seed), inspect.getdoc(st.set_seed) or "")]
    for room in ROOMS:
        entries += of_module(room, getattr(st, room), f"st.{room}")
    once: dict[Any, Entry] = {}
    for entry in entries:
        own = entry.function is not None and not entry.function.__name__.startswith("__")
        once.setdefault(entry.function.__code__ if own else entry.owner or entry.name, entry)  # type: ignore[union-attr]
    return list(once.values())


# -- what is missing ---------------------------------------------------------------------------------------------------
LISTED = r"^\s*(?:[*\w.]+, *)*\**{name}(?:, *[*\w.]+)*(?:  +\S|$)"  # a line of the list of arguments
QUOTED = r"`\**{name}(?:=[^`]*)?`"


def unnamed_arguments(entry: Entry) -> list[str]:
    def named(name: str) -> bool:
        return any(re.search(p.format(name=re.escape(name)), entry.said, re.M) for p in (LISTED, QUOTED))

    return [name for name in entry.arguments if not named(name)]


def tree_of(function: Callable[..., Any]) -> ast.AST | None:
    if getattr(function, "of_fields", False):  # the one constructor of all that are described by their fields
        return None
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):
        return None


def raised(function: Callable[..., Any]) -> set[str]:
    """Names of our errors that stand after `raise` in a function's own body."""
    tree = tree_of(function)
    if tree is None:
        return set()
    names = {
        node.func.id if isinstance(node.func, ast.Name) else ""
        for node in (r.exc for r in ast.walk(tree) if isinstance(r, ast.Raise))
        if isinstance(node, ast.Call)
    }
    return {"ArgumentError" if name == "unknown" else name for name in names if name in ERRORS | {"unknown"}}


def called(function: Callable[..., Any], owner: type | None) -> Iterator[Callable[..., Any]]:
    """The functions and methods of this package that a function calls itself, but for those whose errors it catches."""
    tree = tree_of(function)
    if tree is None:
        return
    names: dict[str, Any] = dict(function.__globals__)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("striate"):
            module = importlib.import_module(node.module or "")
            names |= {a.asname or a.name: getattr(module, a.name, None) for a in node.names}
    tried = [step for node in ast.walk(tree) if isinstance(node, ast.Try) and node.handlers for step in node.body]
    caught = {node for step in tried for node in ast.walk(step)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node in caught:
            continue
        callee: Any = None
        if isinstance(node.func, ast.Name):
            callee = names.get(node.func.id)
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            base = node.func.value.id
            callee = getattr(owner if base in ("self", "cls") else names.get(base), node.func.attr, None)
        callee = getattr(callee, "__func__", callee)
        if isinstance(callee, types.FunctionType) and callee.__module__.startswith("striate"):
            yield callee


def unsaid_errors(entry: Entry) -> list[str]:
    if entry.function is None:
        return []
    own = raised(entry.function)
    if own:
        return [name for name in sorted(own) if not re.search(rf"[Rr]aise.*\b{name}\b", entry.said, re.S)]
    passed_on = set().union(*(raised(f) for f in called(entry.function, entry.owner)), set())
    said = re.search(rf"[Rr]aise.*\b({'|'.join(ERRORS)})\b", entry.said, re.S)
    return [] if said else [f"one of {sorted(passed_on)}"] if passed_on else []


ARRAYS = re.compile(r"ndarray|Tensor\b")
SHAPES = re.compile(
    r"\([A-Z]'?[\d', A-Z*/+-…]*\)|\bshapes?\b|\bsize\b|\b[A-Z] x [A-Z]\b|height|one number|a number|scalar|\bN\b"
)


def unsaid_shapes(entry: Entry) -> list[str]:
    """Annotations that speak of arrays where the docstring speaks of no shape."""
    if entry.function is None:
        return []
    notes = {p.name: str(p.annotation) for p in entry.parameters if not p.name.startswith("_")}
    notes["return"] = str(inspect.get_annotations(entry.function).get("return", ""))
    arrays = [name for name, note in notes.items() if ARRAYS.search(note) and "Symbolic" not in note]
    return arrays if arrays and not SHAPES.search(entry.said) else []


def faults(entry: Entry) -> list[str]:
    if len(entry.doc.split()) < 3 or entry.doc.startswith(f"{entry.name.split('.')[-1]}("):
        return [f"{entry.name}: no docstring"]
    parts = {
        "does not name the arguments": unnamed_arguments(entry),
        "does not say that it raises": unsaid_errors(entry),
        "says no shape of": unsaid_shapes(entry),
    }
    return [f"{entry.name}: {what} {', '.join(names)}" for what, names in parts.items() if names]


ALL = everything()


@pytest.mark.parametrize("room", ROOMS)
def test_every_export_of_a_room_is_documented(room):
    missing = [fault for entry in ALL if entry.room == room for fault in faults(entry)]
    if room in NOT_YET:
        assert missing, f"{room} is complete: take it out of NOT_YET"
    else:
        assert not missing, "\n".join(missing)
