"""A function's arguments, read from its source: names, types, defaults and what its docstring says of each.

The source is read and not imported, so that a command's help needs no torch.  A test compares what stands here with what
Python says of the imported function.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from striate.doors.reading import read_text

SOURCE = Path(__file__).parent.parent
_SCALARS: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool, "bytes": bytes}
_SEVERAL = ("Sequence", "list")


@dataclass
class ValueKind:
    """What an annotation allows, as far as a command line can say it.

    scalars   of str, int, float, bool and bytes, those that one value may be
    several   of these, those that the values of a list may be
    pair      the types of a pair of values; () where none is taken
    choices   the words of a Literal
    dataset   whether a Dataset is taken
    none      whether None is taken
    """

    scalars: set[type] = field(default_factory=set)
    several: set[type] = field(default_factory=set)
    pair: tuple[type, ...] = ()
    choices: tuple[str, ...] = ()
    dataset: bool = False
    none: bool = False

    def __bool__(self) -> bool:
        return bool(self.scalars or self.several or self.pair or self.choices)


@dataclass
class Argument:
    """An argument of a function.

    name     its name
    kind     what it may be
    required whether it has no default
    default  its default; None where it has none
    help     what the docstring says of it, on one line
    """

    name: str
    kind: ValueKind
    required: bool
    default: Any
    help: str


@dataclass
class Signature:
    """A function's arguments and the first paragraph of its docstring, on one line."""

    arguments: list[Argument]
    summary: str


def signature(module: str, function: str) -> Signature:
    """Of a function in a module of striate.

    module    its dotted name
    function  the function's name

    Raises KeyError when there is no such function.
    """
    names = _names(module)
    node = names[function]
    assert isinstance(node, ast.FunctionDef)
    said = explained(ast.get_docstring(node) or "")
    arguments = []
    given = node.args
    defaults = [None] * (len(given.args) - len(given.defaults)) + list(given.defaults)
    pairs = [*zip(given.args, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    for argument, default in pairs:
        kind = ValueKind()
        if argument.annotation is not None:
            _read(argument.annotation, module, kind)
        value = None if default is None else _value(default, module)
        arguments.append(Argument(argument.arg, kind, default is None, value, said.get(argument.arg, "")))
    summary = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    return Signature(arguments, summary)


def explained(docstring: str) -> dict[str, str]:
    """{argument: what a docstring says of it}, from lines such as ``steps, rate   how many, and how fast``."""
    said: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(docstring).splitlines():
        entry = re.match(r"^((?:\w+)(?:, \w+)*) {2,}(\S.*)$", line)
        if entry:
            names = entry[1].split(", ")
            said |= dict.fromkeys(names, entry[2])
        elif names and line.startswith("    ") and line.strip():
            said |= {name: f"{said[name]} {line.strip()}" for name in names}
        else:
            names = []
    return said


# -- reading ------------------------------------------------------------------------------------------------------------
@cache
def _names(module: str) -> dict[str, ast.AST]:
    """What is bound at the top of a module: functions, values of assignments, imports of striate."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    bound: dict[str, ast.AST] = {}
    for node in ast.parse(read_text(file)).body:
        if isinstance(node, ast.FunctionDef):
            bound[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            bound[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            bound[node.target.id] = node.value
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("striate."):
            bound |= {alias.asname or alias.name: node for alias in node.names}
    return bound


def _resolved(name: str, module: str) -> tuple[ast.AST, str] | None:
    """What a name stands for, and the module in which it is written; None for what is not striate's."""
    node = _names(module).get(name)
    if isinstance(node, ast.ImportFrom):
        (original,) = (alias.name for alias in node.names if (alias.asname or alias.name) == name)
        return _resolved(original, str(node.module))
    return None if node is None else (node, module)


def _value(node: ast.expr, module: str) -> Any:
    """A default: a literal, or the name of one."""
    if isinstance(node, ast.Name):
        target = _resolved(node.id, module)
        assert target is not None, node.id
        return ast.literal_eval(target[0])  # type: ignore[arg-type]
    return ast.literal_eval(node)


def _read(node: ast.AST, module: str, kind: ValueKind, several: bool = False) -> None:
    """Put what an annotation allows into `kind`."""
    if isinstance(node, ast.BinOp):
        for side in (node.left, node.right):
            _read(side, module, kind, several)
    elif isinstance(node, ast.Constant) and node.value is None:
        kind.none = True
    elif isinstance(node, ast.Name):
        if node.id in _SCALARS:
            (kind.several if several else kind.scalars).add(_SCALARS[node.id])
        elif node.id == "Dataset":
            kind.dataset = True
        elif (target := _resolved(node.id, module)) is not None and isinstance(target[0], ast.expr):
            _read(*target, kind, several)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id == "Literal":
            kind.choices += tuple(e.value for e in inner if isinstance(e, ast.Constant) and isinstance(e.value, str))
            kind.none = kind.none or any(isinstance(e, ast.Constant) and e.value is None for e in inner)
        elif node.value.id in _SEVERAL and not several:
            _read(inner[0], module, kind, several=True)
        elif node.value.id == "tuple" and not several:
            types = tuple(_SCALARS.get(e.id) for e in inner if isinstance(e, ast.Name))
            if len(types) == len(inner) and None not in types:
                kind.pair = types  # type: ignore[assignment]
