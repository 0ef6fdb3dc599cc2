"""The arithmetic of one layer, with its numbers put in, step by step."""

from __future__ import annotations

import re
from fractions import Fraction
from math import prod
from typing import Any

from striate.errors import unknown
from striate.graph import FlatNode, Graph, InputLayer, Network, Node, Shape, channels_last
from striate.shown import Text
from striate.size.arithmetic import MULTS, WEIGHTS, formula, meaning
from striate.size.compare import as_dense
from striate.size.memory import run
from striate.size.opened import Opened
from striate.size.outputs import output_lines
from striate.size.receptive_field import Field, Receptive
from striate.size.storage import ITEM
from striate.size.table import misfit
from striate.wording import by, dot, listed, memory, number, plural

Section = tuple[str, list[str]]


def explain(graph: Graph, layer: str) -> Text:
    """How the output size, weights, multiplications, receptive field and memory of one layer come about.

    graph   the network, ``model.graph``
    layer   a layer, a later call of a shared one (``conv2d#2``), or a layer in a nested network (``base/conv2d``)

    Memory is for one input in float32.  The layer at which a network breaks off is explained by its error.  Raises
    ArgumentError, naming the nearest, for an unknown name.
    """
    if graph.fault is not None and layer == graph.fault.name:
        return Text(graph.fault.error)
    opened = Opened(graph)
    for call in opened.flat.nodes:
        if call.name == layer:
            return Text(_explained(opened, Receptive(graph, opened), call, _kept(opened)))
    for node in graph.nodes:
        if graph.label(node) == layer:
            return Text(_input(node, layer) if isinstance(node.layer, InputLayer) else _network(opened, node, layer))
    known = [*(call.name for call in opened.flat.nodes), *(graph.label(node) for node in graph.nodes)]
    raise unknown("layer name", layer, [*known, *([graph.fault.name] if graph.fault is not None else [])])


def explain_every(graph: Graph) -> dict[str, Text]:
    """What ``explain`` says of each layer, nested networks opened, by its name.

    graph   the network, ``model.graph``, without a fault
    """
    opened = Opened(graph.check())
    fields, kept = Receptive(graph, opened), _kept(opened)
    return {call.name: Text(_explained(opened, fields, call, kept)) for call in opened.flat.nodes}


def _kept(opened: Opened) -> dict[str, int]:
    """Bytes that each call keeps for the backward pass, by its name."""
    return run(opened)[0].kept_each()


def _text(title: str, about: str, sections: list[Section]) -> str:
    lines = [title, f"  {about}"] if about else [title]
    for heading, body in sections:
        lines += ["", heading, *(f"  {line}" for line in body)]
    return "\n".join(lines)


def _about(layer: Any) -> str:
    """The first sentence of the layer class's own description."""
    words = " ".join((type(layer).__doc__ or "").replace("`", "").split())
    return re.split(r"(?<=[.:]) |:$", words)[0].rstrip(".:") + "." if words else ""


def _input(node: Node, name: str) -> str:
    shape = node.shape
    return _text(
        f'InputLayer "{name}": {by(shape)}',
        _about(node.layer),
        [("Memory", [f"{dot(shape)} = {prod(shape):,} numbers for one input"])],
    )


def _network(opened: Opened, node: Node, name: str) -> str:
    calls = opened.calls[name]
    weights = sum(_count(call, "parameters") for call in calls if call.first)
    buffers = sum(_count(call, "buffers") for call in calls if call.first)
    mults = sum(call.layer.mults(*call.input_shapes) for call in calls)
    assert isinstance(node.layer, Network)
    shapes = f"{listed([by(s) for s in node.input_shapes])} -> {listed([by(t.sizes) for t in node.outputs])}"
    inside = [f"{plural(len(calls), 'call')}: {', '.join(call.name.partition('/')[2] for call in calls[:8])}"]
    if len(calls) > 8:
        inside[0] += " …"
    return _text(
        f'{node.layer.kind} "{name}": {shapes}',
        "A network used as one layer.",
        [
            ("Inside", [*inside, f'explain one of them by its path, such as "{calls[0].name}"'] if calls else inside),
            ("Weights", [f"{weights:,} in all" + (f", and {plural(buffers, 'buffer')}" if buffers else "")]),
            ("Multiplications", [f"{mults:,} in all"]),
        ],
    )


def _count(call: FlatNode, what: str) -> int:
    return sum(weight.size for weight in getattr(call.layer, what)(*call.input_shapes).values())


def _explained(opened: Opened, fields: Receptive, call: FlatNode, kept: dict[str, int]) -> str:
    shapes = listed([by(shape) for shape in call.input_shapes])
    size = output_lines(call)
    if (text := misfit(call)) is not None:
        size.append(f"Careful: {text}")
    sections = [
        ("Output size", size),
        ("Weights", _weights(call)),
        ("Multiplications", _mults(call)),
        ("Receptive field", _field(opened, fields, call)),
        ("Memory, float32", _memory(call, kept[call.name])),
    ]
    if call.lowering.window is not None and formula(MULTS, call) is not None:
        sections.append(("A dense layer doing the same job", _dense(call)))
    title = f'{call.layer.kind} "{call.name}": {shapes} -> {by(call.shape)}'
    return _text(title, _about(call.layer), sections)


def _weights(call: FlatNode) -> list[str]:
    count, buffers = _count(call, "parameters"), _count(call, "buffers")
    sums = formula(WEIGHTS, call)
    lines = [f"{sums[0]} = {sums[1]} = {count:,}"] if count and sums else [f"{count:,}" if count else "none"]
    if buffers:
        lines.append(f"buffers: {' + '.join(dot(b.shape) for b in _arrays(call))} = {buffers:,}")
    if said := meaning(call):
        lines.append(said)
    if not call.first:
        lines.append("shared with the layer's first call, so they are counted there")
    if count and not call.trainable:
        lines.append("frozen: training leaves them as they are")
    return lines


def _arrays(call: FlatNode) -> list[Any]:
    return list(call.layer.buffers(*call.input_shapes).values())


def _mults(call: FlatNode) -> list[str]:
    count, sums = call.layer.mults(*call.input_shapes), formula(MULTS, call)
    if not count:
        return ["none are counted: only convolutions and dense layers multiply by weights worth counting"]
    return [f"{sums[0]} = {sums[1]} = {count:,}" if sums else f"{count:,}"]


# -- receptive field --------------------------------------------------------------------------------------------------
def _field(opened: Opened, fields: Receptive, call: FlatNode) -> list[str]:
    lines = []
    for label in fields.sees(call.name):
        after = fields.field(call.name, label)
        many = f' of "{label}"' if len(fields.inputs) > 1 else ""
        lines.append(f"each output position sees {by(after.size)}{many}")
        if after.whole:
            lines[-1] += ", everything that the layers before it look at"
            continue
        lines += _steps(opened, fields, call, label, after)
        jumps = listed([str(jump) for jump in dict.fromkeys(after.jump)], "and")
        lines.append(f"neighbours look {jumps} apart; the first position looks at {_point(after.centre)} and around it")
    return lines or ["sees no input"]


def _point(centre: tuple[float, ...]) -> str:
    return f"({', '.join(number(c) for c in centre)})"


def _steps(opened: Opened, fields: Receptive, call: FlatNode, label: str, after: Field) -> list[str]:
    """The recurrence r' = r + (F - 1)·j, j' = j·S, where it is what happened."""
    window = call.lowering.window
    source = _named(opened, call.inputs[0])
    if window is None or window.transposed or source is None or label not in fields.sees(source):
        if len(call.inputs) > 1:
            names = [name for tensor in call.inputs if (name := _named(opened, tensor)) and label in fields.sees(name)]
            return [f"the union of {listed([f'{by(fields.field(n, label).size)} ({n})' for n in names])}"]
        return []
    before = fields.field(source, label)
    if before.whole or len(before.size) != len(window.span):
        return []
    lines = []
    for axis, r, f, s, j, new, jump in zip(
        ("height", "width") if len(window.span) == 2 else ("length",),
        *(before.size, window.span, window.strides, before.jump, after.size, after.jump),
        strict=True,
    ):
        if r + (f - 1) * j == new and j * s == jump:
            size = f"r + (F - 1)·j = {r} + ({f} - 1)·{_frac(j)} = {new}"
            lines.append(f"{axis:<7} {size}; jump j·S = {_frac(j)}·{s} = {_frac(jump)}")
    return lines


def _frac(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"({value})"


def _named(opened: Opened, tensor: int) -> str | None:
    return next((name for name, other in opened.tensors.items() if other == tensor), None)


# -- memory and the dense layer ---------------------------------------------------------------------------------------
def _bytes(count: int) -> str:
    return f"{count:,} bytes" + (f" ({memory(count)})" if count >= 1024 else "")


def _memory(call: FlatNode, kept: int) -> list[str]:
    item = ITEM["float32"]
    lines = [f"output   {dot(call.shape)} · {item} = {_bytes(prod(call.shape) * item)} for one input"]
    count = _count(call, "parameters") + _count(call, "buffers")
    if count:
        lines.append(f"weights  {count}·{item} = {_bytes(count * item)}")
    what = _bytes(kept) if kept else "nothing more"
    lines.append(f"kept for the backward pass, beyond what earlier layers keep: {what}")
    return lines


def _dense(call: FlatNode) -> list[str]:
    axis = 0 if getattr(call.layer, "data_format", None) == "channels_first" else -1
    x, out = channels_last(call.input_shapes[0], axis), channels_last(call.shape, axis)
    dense = as_dense(x, out)
    per_map = f"{dot(x)} · {dot(out[:-1])}"
    if x[:-1] == out[:-1] and len(x) == 3:
        per_map += f" = {_powers(x)}"
    own, mults = _count(call, "parameters"), call.layer.mults(*call.input_shapes)
    return [
        f"every number of the output would see every number of the input: {dense.inputs:,} in, {dense.outputs:,} out",
        f"one map  {per_map} = {plural(dense.weights_per_map, 'weight')}",
        f"all      {dot(x)} · {dot(out)} = {plural(dense.mults, 'weight')}, as many multiplications, "
        f"{dense.outputs:,} biases",
        f"that is {dense.weights / max(own, 1):,.0f} times the weights and {dense.mults / max(mults, 1):,.0f} times "
        "the multiplications of this layer",
    ]


def _powers(x: Shape) -> str:
    return f"{x[0]}²·{x[1]}²·{x[2]}"
