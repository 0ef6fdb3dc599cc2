"""A griffe extension: the lists of arguments in our docstrings become tables on the site.

A docstring is short plain sentences, then a list, a line each, longer ones indented::

    name       what it is
    x, y       what both are,
               on a second line

What a list names is an argument, or an attribute of a class; any other list becomes a plain table.  A class also shows the
arguments that it takes over from its bases.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import operator
import re
from dataclasses import dataclass
from typing import Any

import griffe

from striate.graph import Layer

ITEM = re.compile(r"^(\*{0,2}[A-Za-z_]\w*(?:, \*{0,2}[A-Za-z_]\w*)*) {2,}(\S.*)$")
ERROR = re.compile(
    r"(?<![\w.`\[])(StriateError|ShapeError|ArgumentError|DataError|BundleError|TrainingError)\b(?![`\]])"
)


@dataclass
class Item:
    names: list[str]
    text: str


def parts(text: str) -> list[str | list[Item]]:
    """A docstring as pieces of prose and lists, in order."""
    pieces: list[str | list[Item]] = []
    prose: list[str] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        match = None if fenced else ITEM.match(line)
        if match:
            if prose or not pieces:
                pieces.append("\n".join(prose))
                prose = []
            if isinstance(pieces[-1], str):
                pieces.append([])
            pieces[-1].append(Item(match[1].replace("*", "").split(", "), match[2]))  # type: ignore[union-attr]
        elif line.startswith("  ") and pieces and not prose and isinstance(pieces[-1], list):
            pieces[-1][-1].text += " " + line.strip()
        elif line or prose:
            prose.append(line)
    return [*pieces, "\n".join(prose)] if prose else pieces


def living(thing: Any) -> Any:
    """The Python object itself."""
    module = thing.module.path
    if thing.is_module:
        return importlib.import_module(module)
    return operator.attrgetter(thing.path.removeprefix(f"{module}."))(importlib.import_module(module))


def parameters(thing: Any) -> list[str]:
    """What a function, or the making of a class, takes; nothing for a result, whose list names its attributes."""
    target = living(thing)
    result = dataclasses.is_dataclass(target) and not issubclass(target, Layer)  # type: ignore[arg-type]
    if result or not callable(target):
        return []
    try:
        return [name for name in inspect.signature(target).parameters if name not in ("self", "cls")]
    except ValueError:
        return []


def section(title: str, items: list[tuple[str, str]]) -> str:
    return "\n".join([f"{title}:", *(f"    {name}: {text}" for name, text in items), ""])


def table(items: list[Item]) -> str:
    rows = [f"| `{', '.join(item.names)}` | {item.text.replace('|', chr(92) + '|')} |" for item in items]
    return "\n".join(["| | |", "| --- | --- |", *rows, ""])


def rewritten(thing: Any) -> str:
    """The docstring in the style that griffe's parser reads."""
    pieces = parts(thing.docstring.value)
    known = parameters(thing) if thing.is_class or any(isinstance(piece, list) for piece in pieces) else []
    out: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            out.append(piece + "\n")
            continue
        arguments = [(name, item.text) for item in piece for name in item.names if name in known]
        others = [item for item in piece if not set(item.names) & set(known)]
        if arguments:
            out.append(section("Args", arguments))
        if others and thing.is_class:
            out.append(section("Attributes", [(name, item.text) for item in others for name in item.names]))
        elif others:
            out.append(table(others))
    if known and thing.is_class and (more := taken_over(thing, known)):
        out.append(section("Other Parameters", more))
    return ERROR.sub(r"[\1][striate.errors.\1]", "\n".join(out))


def taken_over(thing: Any, known: list[str]) -> list[tuple[str, str]]:
    """The arguments of a class that the docstrings of its bases describe."""
    kind = living(thing)
    described: dict[str, str] = {}
    for one in kind.__mro__:
        for piece in parts(inspect.cleandoc(one.__doc__ or "")) if one.__module__.startswith("striate.") else []:
            for item in piece if isinstance(piece, list) else []:
                described |= {name: "" if one is kind else item.text for name in item.names if name not in described}
    return [(name, text) for name, text in described.items() if text and name in known]


class Docstrings(griffe.Extension):
    """Rewrites every docstring of the package once all of it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        everything = list(self._below(pkg))
        texts = [(thing, rewritten(thing)) for thing in everything if thing.docstring]
        for thing, text in texts:
            thing.docstring.value = text

    def _below(self, thing: Any) -> Any:
        for member in thing.members.values():
            if not member.is_alias:
                yield member
                yield from self._below(member)
