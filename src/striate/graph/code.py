"""A graph as the Python that makes it."""

from __future__ import annotations

import json
import keyword
import math
import re
from typing import Any

from striate.graph.graph import Graph
from striate.graph.network import Network
from striate.graph.node import Node, SymbolicTensor
from striate.graph.part import registered
from striate.graph.text import to_json

_WIDE = 100  # letters of a line from which on a call is written over several


def to_code(graph: Graph) -> str:
    """Python that makes the same network, with new weights, as ``model``.

    graph   the network; nested ones are written before they are called

    Raises ArgumentError for a layer that a description cannot hold, and the graph's own error where it has a fault.
    """
    script = _Script()
    script.network(graph.check(), "model")
    return "\n".join(["import striate as st", "", *script.lines, ""])


class _Script:
    """Lines of Python, and the names that are taken in them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.taken = {"st", "model"}

    def network(self, graph: Graph, variable: str, called: str | None = None) -> None:
        """Write a network into a variable; `called` is its name, where it stands in another."""
        entries = {entry["name"]: entry for entry in to_json(graph)["layers"] if "name" in entry}
        calls = [graph.name(node.layer) for node in graph.nodes]
        made: dict[tuple[int, int], str] = {}  # tensors by their names here
        layers: dict[str, str] = {}  # layers that are called more than once, or are networks
        for node, name in zip(graph.nodes, calls, strict=True):
            if name not in layers and isinstance(node.layer, Network):
                layers[name] = self.free(f"{name}_network")
                self.network(node.layer.graph, layers[name], name)
            elif name not in layers and calls.count(name) > 1:
                layers[name] = self.free(f"{name}_layer")
                self.lines.append(f"{layers[name]} = {_call(entries[name])}")
            result = self.free(graph.label(node))
            self.lines.append(f"{result} = {layers.get(name) or _call(entries[name])}{_applied(node, made)}")
            several = len(node.outputs) > 1
            made |= {_key(each): f"{result}[{each.index}]" if several else result for each in node.outputs}
        outputs = [made[_key(each)] for each in graph.outputs]
        main = outputs[: len(outputs) - len(graph.auxiliary)]
        also = ", ".join(
            f"({each}, {weight})" for each, weight in zip(outputs[len(main) :], graph.auxiliary, strict=True)
        )
        inputs = _nested([made[_key(each)] for each in graph.inputs], graph.nested[0])
        given = f"{inputs}, {_nested(main, graph.nested[1])}" + (f", auxiliary=[{also}]" if also else "")
        self.lines.append(f"{variable} = st.Model({given}{'' if called is None else f', name={_value(called)}'})")

    def free(self, label: str) -> str:
        """A name that is not taken yet, after a label."""
        stem = re.sub(r"\W", "_", label, flags=re.ASCII)
        stem = f"layer_{stem}" if not stem.isidentifier() or keyword.iskeyword(stem) else stem
        name, number = stem, 2
        while name in self.taken:
            name, number = f"{stem}_{number}", number + 1
        self.taken.add(name)
        return name


def _key(tensor: SymbolicTensor) -> tuple[int, int]:
    return tensor.node.serial, tensor.index


def _applied(node: Node, made: dict[tuple[int, int], str]) -> str:
    """What a layer is called on; nothing for an input."""
    if not node.inputs:
        return ""
    inputs = _nested([made[_key(each)] for each in node.inputs], None)
    return f"({inputs}{'' if node.training is None else f', training={node.training}'})"


def _nested(names: list[str], structure: Any) -> str:
    """Names as they are nested: a dict or a list of them, or one alone; a structure holds their places."""
    if structure is None:
        return names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{_value(key)}: {_nested(names, each)}" for key, each in structure.items()) + "}"
    if isinstance(structure, list | tuple):
        return f"[{', '.join(_nested(names, each) for each in structure)}]"
    return names[structure]


def _call(entry: dict[str, Any]) -> str:
    """A layer of a description as the call that makes it, its name last."""
    given = {key: value for key, value in entry.items() if key not in ("name", "inputs", "call_training")}
    return _made("layers", given | {"name": entry["name"]})


def _made(room: str, described: dict[str, Any]) -> str:
    given = [f"{key}={_value(value)}" for key, value in described.items() if key != "class"]
    line = f"st.{room}.{described['class']}({', '.join(given)})"
    if len(line) <= _WIDE:
        return line
    return f"st.{room}.{described['class']}(\n" + "".join(f"    {each},\n" for each in given) + ")"


def _value(value: Any) -> str:
    """A value of a description: lists are tuples, what has a class is made of it."""
    if isinstance(value, list):
        return f"({', '.join(map(_value, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict) and isinstance(value.get("class"), str):
        return _made(registered(value["class"]).keras_room, value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
