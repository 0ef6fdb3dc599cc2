"""What lets a reader change the network in the page: its description, its arguments, Python with striate's rules."""

from __future__ import annotations

import gzip
import inspect
import json
import re
from functools import cache
from typing import Any

from striate import layers
from striate.described import plain
from striate.errors import ArgumentError
from striate.graph import Graph, Layer, registered, to_json
from striate.layers.activation import NAMES as ACTIVATIONS
from striate.page.files import web_file
from striate.page.python import carried_modules

_NETWORKS = ("Functional", "Sequential", "Model", "Input")  # of a description: no classes of layers


def editing(graph: Graph) -> dict[str, bytes]:
    """The parts of the page that change its network, packed with gzip.

    graph   the network

    Raises ArgumentError for a network with classes of a user's own, which the page does not have.
    """
    description, modules = to_json(graph), carried_modules()
    for kind in sorted(_classes(description)):
        module = registered(kind).__module__
        if f"{module.replace('.', '/')}.py" not in modules:
            raise ArgumentError(f"{kind} is a class of {module}, which the page does not have.")
    told = {"description": description, "kinds": kinds(), "insertable": insertable()}
    return {
        "editing": _gzipped(told),
        "striate": _gzipped(modules),
        "worker": gzip.compress(web_file("worker.mjs"), 9, mtime=0),
        "pyodide": gzip.compress(web_file("vendored/pyodide.mjs"), 9, mtime=0),
        "pyodide-module": web_file("vendored/pyodide.asm.mjs.gz"),
        "pyodide-wasm": web_file("vendored/pyodide.asm.wasm.gz"),
        "library": web_file("vendored/python_library.zip.gz"),
    }


@cache
def kinds() -> dict[str, list[list[Any]]]:
    """The arguments of every layer by its class: name, usual value, whether it must be given, what it is, its words."""
    return {
        name: [
            [each.name, None if _must(each) else plain(each.default), _must(each), *_said(made, each.name)]
            for each in inspect.signature(made).parameters.values()
            if each.name not in ("name", "input_shape")
        ]
        for name, made in sorted(Layer.classes.items())
        if issubclass(made, Layer) and made is vars(layers).get(name) and not made.is_network
    }


def insertable() -> list[str]:
    """Classes of layers that can stand between two others: those of one input and one output."""
    return [name for name in kinds() if Layer.classes[name].arity == 1]


def _must(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty


def _said(made: type[Layer], argument: str) -> tuple[str, list[str]]:
    """What an argument is, and the words that it can be, where it has some."""
    about = _about(made, argument)
    if argument.endswith("activation"):
        return about, list(ACTIVATIONS)
    if argument == "padding" and hasattr(made, "paddings"):
        return about, list(made.paddings)
    return about, re.findall(r'(?:``|")([a-z]+)(?:``|")', about) if argument in ("padding", "interpolation") else []


def _about(made: type, argument: str) -> str:
    """What the class's documentation says of an argument in its line; "" where it has none."""
    for each in made.__mro__:
        for line in (each.__doc__ or "").splitlines():
            name, _, said = line.strip().partition("  ")
            if argument in name.split(", ") and said:
                return said.strip()
    return ""


def _classes(described: Any) -> set[str]:
    """All classes that a description names, but for networks and inputs."""
    if isinstance(described, list):
        return {name for each in described for name in _classes(each)}
    if not isinstance(described, dict):
        return set()
    found = {name for each in described.values() for name in _classes(each)}
    named = described.get("class")
    return found | {named} if isinstance(named, str) and named not in _NETWORKS else found


def _gzipped(told: Any) -> bytes:
    return gzip.compress(json.dumps(told, separators=(",", ":")).encode(), 9, mtime=0)
