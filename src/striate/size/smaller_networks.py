"""The same network made smaller: a stride more, a layer less, smaller pictures.  No weights are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from striate.errors import StriateError
from striate.graph import Graph, from_json, to_json
from striate.wording import by

_TRIED = 4  # layers at which a change is tried, before it is said that there is none


def smaller(graph: Graph, kept: Mapping[str, int]) -> Iterator[tuple[str, Graph]]:
    """Networks that need less, each with what was changed, in words; a change that the network does not bear is left out.

    graph   the network
    kept    bytes that each call keeps for the backward pass, by name: the layer that keeps the most is left out
    """
    try:
        description = to_json(graph)
    except StriateError:  # a layer that a description cannot hold
        return
    for change in (_stride, _fewer, _half):
        made = change(description, kept)
        if made is not None:
            yield made


def _first(made: Iterator[tuple[str, dict[str, Any]]]) -> tuple[str, Graph] | None:
    """The first of a few descriptions that is a whole network."""
    for _, (what, description) in zip(range(_TRIED), made, strict=False):
        try:
            return what, from_json(description).check()
        except StriateError:
            continue
    return None


def _stride(description: dict[str, Any], _: Mapping[str, int]) -> tuple[str, Graph] | None:
    """The first convolution with stride 2: all maps behind it are a quarter."""

    def each() -> Iterator[tuple[str, dict[str, Any]]]:
        for i, entry in enumerate(description["layers"]):
            if entry.get("class") == "Conv2D" and set(_pair(entry.get("strides", 1))) == {1}:
                changed = deepcopy(description)
                changed["layers"][i]["strides"] = [2, 2]
                changed["layers"][i]["dilation_rate"] = [1, 1]
                yield f"stride 2 in {entry['name']}", changed

    return _first(each())


def _fewer(description: dict[str, Any], kept: Mapping[str, int]) -> tuple[str, Graph] | None:
    """Without one of the layers that give what they take: the one that keeps the most."""
    entries = description["layers"]
    called = {entry["call"] for entry in entries if "call" in entry}

    def each() -> Iterator[tuple[str, dict[str, Any]]]:
        single = [
            i
            for i, entry in enumerate(entries)
            if i and entry.get("class") == "Conv2D" and entry["name"] not in called | {*description["outputs"]}
        ]
        for i in sorted(single, key=lambda i: -kept.get(entries[i]["name"], 0)):
            yield f"without {entries[i]['name']}", _without(description, i)

    return _first(each())


def _without(description: dict[str, Any], i: int) -> dict[str, Any]:
    """The description without its entry i: who read it reads what it read."""
    changed = deepcopy(description)
    entries = changed["layers"]
    seen: dict[str, int] = {}
    labels = []
    for entry in entries:
        name = entry.get("name") or entry["call"]
        seen[name] = seen.get(name, 0) + 1
        labels.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    for k, entry in enumerate(entries):
        if k and entry.get("class") != "Input" and "inputs" not in entry:
            entry["inputs"] = [labels[k - 1]]
    (before,) = entries[i]["inputs"]
    for entry in entries:
        if "inputs" in entry:
            entry["inputs"] = [before if name == labels[i] else name for name in entry["inputs"]]
    del entries[i]
    return changed


def _half(description: dict[str, Any], _: Mapping[str, int]) -> tuple[str, Graph] | None:
    """Pictures of half the height and width."""
    changed, said = deepcopy(description), []
    for entry in changed["layers"]:
        shape = entry.get("shape")
        if entry.get("class") == "Input" and isinstance(shape, list) and len(shape) == 3 and all(shape):
            entry["shape"] = [max(shape[0] // 2, 1), max(shape[1] // 2, 1), shape[2]]
            said.append(by(entry["shape"]))
    return _first(iter([(f"pictures of {', '.join(said)}", changed)])) if said else None


def _pair(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value, value)
