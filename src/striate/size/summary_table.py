"""The classic summary table, as Keras printed it up to version 2.

Source: ``print_summary`` in keras/utils/layer_utils.py of keras-team/keras 2.3.  Param # counts weights and
buffers.  A layer has one line however often it is called.
"""

from __future__ import annotations

from striate.graph import FlatGraph, Graph, InputLayer, Shape

_CHAIN = (29, 55, 65)  # ends of the columns: .45, .85 and 1 of 65
_FUNCTIONAL = (32, 53, 65, 98)  # .33, .55, .67 and 1 of 98


def summary(graph: Graph, name: str, *, sequential: bool = False) -> str:
    """The table of a network, without a line break at its end.

    graph        the network, ``model.graph``
    name         what the table calls it
    sequential   a Sequential model: its input has no line.  A functional model with branches gets the wide table with
                 the column "Connected to"

    A network that breaks off is shown up to there, then the layer at fault and why, then the totals so far.
    """
    chain = sequential or (graph.is_sequential and len(graph.nodes) == len(graph.layers))
    ends = _CHAIN if chain else _FUNCTIONAL
    width = ends[-1]
    counts, shapes = _counts(graph), _shapes(graph)
    shown = [layer for layer in graph.layers if not (sequential and isinstance(layer, InputLayer))]
    connections = _connections(graph)
    head = ["Layer (type)", "Output Shape", "Param #", "Connected to"]
    lines = [f'Model: "{name}"', "_" * width, _line(head[: len(ends)], ends), "=" * width]
    for i, layer in enumerate(shown):
        label = f"{graph.name(layer)} ({layer.kind})"
        sources = connections[id(layer)] or [""]
        fields = [label, shapes[id(layer)], str(sum(counts[id(layer)])), sources[0]]
        lines.append(_line(fields[: len(ends)], ends))
        if not chain:
            lines += [_line(["", "", "", source], ends) for source in sources[1:]]
        lines.append(("=" if i == len(shown) - 1 and graph.fault is None else "_") * width)
    so_far = ""
    if graph.fault is not None:
        lines.append(_line([f"{graph.fault.name} ({graph.fault.kind})", "does not fit", "", ""][: len(ends)], ends))
        lines += ["=" * width, str(graph.fault.error), "_" * width]
        so_far = " so far"
    trainable, frozen = _trainable(graph)
    lines.append(f"Total params{so_far}: {trainable + frozen:,}")
    lines.append(f"Trainable params{so_far}: {trainable:,}")
    lines.append(f"Non-trainable params{so_far}: {frozen:,}")
    lines.append("_" * width)
    return "\n".join(lines)


def _line(fields: list[str], ends: tuple[int, ...]) -> str:
    """Fields in columns; a longer one is cut, and its last character makes room for a space."""
    line = ""
    for i, (text, end) in enumerate(zip(fields, ends, strict=True)):
        line = line[:-1] + " " if i else line
        line = (line + text)[:end].ljust(end)
    return line


def _shapes(graph: Graph) -> dict[int, str]:
    """By id of a layer: its output shape with the batch in front; "multiple" where its calls differ, as in Keras."""
    shapes: dict[int, str] = {}
    for node in graph.nodes:
        batched = [_batched(tensor.shape) for tensor in node.outputs]
        text = batched[0] if len(batched) == 1 else f"[{', '.join(batched)}]"
        shapes[id(node.layer)] = text if shapes.get(id(node.layer), text) == text else "multiple"
    return shapes


def _batched(shape: Shape) -> str:
    return str((None, *shape))


def _counts(graph: Graph) -> dict[int, tuple[int, int]]:
    """Weights and buffers of each layer at its first call, by id; a nested network's are those of the layers in it."""
    counts = {}
    for node in graph.nodes:
        if graph.first_call(node):
            weights = sum(w.size for w in node.layer.parameters(*node.input_shapes).values())
            counts[id(node.layer)] = weights, sum(w.size for w in node.layer.buffers(*node.input_shapes).values())
    return counts


def _trainable(graph: Graph) -> tuple[int, int]:
    """Weights that training changes, and all other numbers: weights of frozen layers, and buffers."""
    trainable = frozen = 0
    for call in FlatGraph(graph).nodes:
        if call.first:
            weights = sum(w.size for w in call.layer.parameters(*call.input_shapes).values())
            trainable += weights if call.layer.trainable else 0
            frozen += 0 if call.layer.trainable else weights
            frozen += sum(w.size for w in call.layer.buffers(*call.input_shapes).values())
    return trainable, frozen


def _connections(graph: Graph) -> dict[int, list[str]]:
    """By id of a layer: where each input of each call comes from, as ``layer[call][output]``."""
    calls: dict[int, int] = {}
    number = {}
    for node in graph.nodes:
        number[node.serial] = calls.get(id(node.layer), 0)
        calls[id(node.layer)] = number[node.serial] + 1
    sources: dict[int, list[str]] = {id(layer): [] for layer in graph.layers}
    for node in graph.nodes:
        for tensor in node.inputs:
            source = tensor.node
            sources[id(node.layer)].append(f"{graph.name(source.layer)}[{number[source.serial]}][{tensor.index}]")
    return sources
