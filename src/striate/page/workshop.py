"""What becomes of a network when it is changed: in the page as in Python, by the same rules of ``graph`` and ``size``.

The page runs this module in the reader's browser.  Everything goes in and comes out as JSON.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from striate.doors.parsing import parse_json
from striate.errors import ArgumentError, StriateError
from striate.graph import Graph, from_json, to_json
from striate.graph.code import to_code
from striate.graph.layer import snake_case
from striate.page.placing import HEIGHT, WIDTH
from striate.page.told import shown, told_inputs, told_of
from striate.wording import listed

_SAME = ("inputs", "name", "class", "call", "network")  # of an entry: no arguments


def changed(description: str, edit: str) -> str:
    """The network after a change, as JSON: ``description``, ``told``, ``fault``, ``lost``; or ``refused``, why it cannot be.

    description   the network before
    edit          as JSON, one of: {"do": "set", "layer", "argument", "value"}, without "value" for the usual one;
                  {"do": "insert", "after", "class", "arguments"}; {"do": "remove", "layer"}

    A network that breaks off is told up to there, with the layer's error as its ``misfit``; then ``fault`` is its name.
    ``lost`` says what went with a layer that was taken out: what it joined, and what nothing reads any more.
    """
    try:
        before, change = _read(description), _read(edit)
        after = edited(before, change)
        return json.dumps(_after(after) | {"lost": shown(lost(before, after, change))})
    except StriateError as error:
        return json.dumps({"refused": shown(str(error))})


def code(description: str) -> str:
    """The network as the Python that makes it.  Raises its error where it has a fault.

    description   as JSON
    """
    return to_code(from_json(description))


def _read(text: str) -> Any:
    return parse_json(text, "what the page says", ArgumentError)


# -- edits ------------------------------------------------------------------------------------------------------------
def edited(description: dict[str, Any], edit: dict[str, Any]) -> dict[str, Any]:
    """A description after a change.

    description   the network before; it stays as it is
    edit          as ``changed`` takes it

    Raises ArgumentError for a layer that is not there, or a change that leaves no network.
    """
    network = copy.deepcopy(description)
    *path, name = _path(str(edit["after" if edit["do"] == "insert" else "layer"]))
    inside = _inside(network, path)
    _connected(inside)
    if edit["do"] == "set":
        _set(_entry(inside, name), edit)
    elif edit["do"] == "insert":
        _insert(inside, name, edit["class"], edit["arguments"])
    else:
        _remove(inside, name)
    return network


def lost(before: dict[str, Any], after: dict[str, Any], edit: dict[str, Any]) -> str:
    """What went with a layer that was taken out, in words; "" where nothing did.

    before, after   the network as ``edited`` takes and gives it
    edit            what was done

    Raises ArgumentError for a layer that is not there.
    """
    if edit["do"] != "remove":
        return ""
    *path, name = _path(edit["layer"])
    before, after = (_inside(copy.deepcopy(each), path) for each in (before, after))
    _connected(before)
    calls = [entry["inputs"] for entry in before["layers"] if name in (entry.get("name"), entry.get("call"))]
    inputs = max((list(dict.fromkeys(each)) for each in calls), key=len)
    if len(inputs) < 2:
        return ""
    first, *others = (f'"{each}"' for each in inputs)
    gone = [f'"{each}"' for each in _read_by_the_outputs(before) if each not in {name, *_read_by_the_outputs(after)}]
    said = f'"{name}" joined {listed([first, *others])}: what read it reads {first} alone.'
    return said + (f" Nothing reads {listed(gone, 'or')} any more." if gone else "")


def _read_by_the_outputs(network: dict[str, Any]) -> list[str]:
    """Names of the layers and inputs that the outputs depend on, in order."""
    wanted = {each.split(":")[0].split("#")[0] for each in network["outputs"]}
    for entry in reversed(network["layers"]):
        if entry.get("name", entry.get("call")) in wanted:
            wanted |= {each.split(":")[0].split("#")[0] for each in entry.get("inputs", ())}
    return [entry["name"] for entry in network["layers"] if entry.get("name") in wanted]


def _path(label: str) -> list[str]:
    """The names of the networks around a layer, and its own, by what the page calls it."""
    return [each.split("#")[0] for each in label.split("/")]


def _inside(network: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """The network within others."""
    for outer in path:
        network = _entry(network, outer)["network"]
    return network


def _entry(network: dict[str, Any], name: str) -> dict[str, Any]:
    for entry in network["layers"]:
        if entry.get("name") == name:
            return entry  # type: ignore[no-any-return]
    raise ArgumentError(f'no layer here is called "{name}".')


def _connected(network: dict[str, Any]) -> None:
    """Say of every entry what goes in, also where it is what stands before it."""
    counts: dict[str, int] = {}
    last = ""
    for entry in network["layers"]:
        name = entry.get("name", entry.get("call"))
        counts[name] = counts.get(name, 0) + 1
        if entry.get("class") != "Input":
            entry.setdefault("inputs", [last])
        last = name if counts[name] == 1 else f"{name}#{counts[name]}"


def _set(entry: dict[str, Any], edit: dict[str, Any]) -> None:
    argument = edit["argument"]
    if argument in _SAME:
        raise ArgumentError(f'"{argument}" cannot be changed.')
    entry.pop(argument, None)
    if "value" in edit:
        entry[argument] = edit["value"]


def _insert(network: dict[str, Any], after: str, kind: str, arguments: dict[str, Any]) -> None:
    """Put a layer behind the first call of another; whatever reads that reads the new one."""
    calls = network["layers"]
    place = next(i for i, entry in enumerate(calls) if entry.get("name") == after)
    taken = {entry.get("name") for entry in calls}
    stem = f"new_{snake_case(kind)}"
    name = next(each for n in range(1, len(calls) + 2) if (each := stem if n == 1 else f"{stem}_{n}") not in taken)
    _renamed(network, {after: name})
    given = {key: value for key, value in arguments.items() if key not in _SAME}
    calls.insert(place + 1, {"class": kind, "name": name, **given, "inputs": [after]})


def _remove(network: dict[str, Any], name: str) -> None:
    """Take a layer out, all its calls; what reads it reads its first input."""
    if _entry(network, name).get("class") == "Input":
        raise ArgumentError(f'"{name}" is an input of the network, which cannot do without it.')
    kept, instead = [], dict[str, str]()
    count = 0
    for entry in network["layers"]:
        if name not in (entry.get("name"), entry.get("call")):
            kept.append(entry)
            continue
        count += 1
        first = entry["inputs"][0]
        instead[name if count == 1 else f"{name}#{count}"] = instead.get(first, first)
    network["layers"] = kept
    _renamed(network, instead)
    if not any(entry.get("class") != "Input" for entry in kept):
        raise ArgumentError(f'"{name}" is the only layer that is left; a network has at least one.')


def _renamed(network: dict[str, Any], instead: dict[str, str]) -> None:
    """Read other values; those of a layer that gives several are read as its first."""

    def one(reference: str) -> str:
        whole = reference.split(":")[0]
        return instead.get(reference, instead.get(whole, reference))

    for entry in network["layers"]:
        if "inputs" in entry:
            entry["inputs"] = [one(each) for each in entry["inputs"]]
    network["outputs"] = [one(each) for each in network["outputs"]]


# -- what the page is told --------------------------------------------------------------------------------------------
def _after(description: dict[str, Any]) -> dict[str, Any]:
    graph = from_json(description)
    if graph.fault is None:
        return {"description": to_json(graph), "told": told_of(graph), "fault": None}
    return {"description": description, "told": _told_so_far(graph, description), "fault": graph.fault.name}


def _told_so_far(graph: Graph, description: dict[str, Any]) -> dict[str, Any]:
    """The network up to its fault as ``told_of`` tells it; a box for the layer there, and one for each behind it."""
    assert graph.fault is not None
    reached = len(graph.nodes) > len(graph.inputs)
    told = told_of(Graph(graph.inputs, graph.outputs)) if reached else _nothing(graph)
    entries = description["layers"]
    begin = next(i for i, entry in enumerate(entries) if graph.fault.name in (entry.get("name"), entry.get("call")))
    known = {each["name"]: each["tensor"] for each in told["inputs"]}
    known |= {
        part: layer["output"] for layer in told["layers"] for part in (layer["name"], layer["name"].split("/")[0])
    }
    rest: list[dict[str, Any]] = []
    for entry in entries[begin:]:
        stem = name = entry.get("name", entry.get("call"))
        number = 1
        while name in known:
            name, number = f"{stem}#{number + 1}", number + 1
        inputs = [known[each] for each in (whole.split(":")[0] for whole in entry.get("inputs", [])) if each in known]
        known[name] = len(told["tensors"])
        told["tensors"].append(None)
        misfit = str(graph.fault.error) if not rest else None
        rest.append(_unknown(name, entry.get("class", "call"), inputs, known[name], misfit))
    first = len(told["layers"])
    told["layers"] += rest
    behind = [{"call": first + 1 + i} for i in range(len(rest) - 1)]
    folded = [{"name": "not computed", "parts": behind, "skip": False}] if len(behind) > 1 else behind
    told["parts"] += [{"call": first}, *folded]
    return shown(told)  # type: ignore[no-any-return]


def _unknown(name: str, kind: str, inputs: list[int], output: int, misfit: str | None) -> dict[str, Any]:
    """A layer whose sizes are not known, since one before it, or it itself, does not fit."""
    nothing = dict.fromkeys(("weights", "buffers", "mults", "bytes"), 0)
    said = {"name": name, "kind": kind, "family": "other", "says": kind, "shape": None, "field": None, "shared": False}
    return said | nothing | {"inputs": inputs, "output": output, "misfit": misfit, "explain": ""}


def _nothing(graph: Graph) -> dict[str, Any]:
    """What is told where not even the first layer fits."""
    totals = dict.fromkeys(("weights", "buffers", "mults", "inference_bytes", "training_bytes"), 0)
    inputs = told_inputs(graph, range(len(graph.inputs)))
    empty: dict[str, Any] = {key: [] for key in ("layers", "operations", "parts", "outputs")}
    shapes = [list(shape) for shape in graph.input_shapes]
    return {"totals": totals, "inputs": inputs, "tensors": shapes, "box": [WIDTH, HEIGHT], **empty}
