"""The classic summary table, as Keras printed it up to version 2.

Source: ``print_summary`` in keras/utils/layer_utils.py of keras-team/keras 2.3.  Param # counts weights and
buffers.  A layer has one line however often it is called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from striate.errors import ArgumentError, unknown
from striate.graph import FlatGraph, Graph, InputLayer, Layer, Network, Shape, keras_layers

_CHAIN = (29, 55, 65)  # ends of the columns: .45, .85 and 1 of 65
_FUNCTIONAL = (32, 53, 65, 98)  # .33, .55, .67 and 1 of 98


def summary(
    graph: Graph,
    name: str,
    *,
    sequential: bool = False,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """The table of a network, without a line break at its end.

    graph            the network, ``model.graph``
    name             what the table calls it
    sequential       a Sequential model: its input has no line.  A functional model with branches gets the wide table with
                     the column "Connected to"
    line_length      characters of a line; None: 65, or 98 with that column
    positions        where the columns end: parts of the line up to 1, or characters
    expand_nested    the layers of nested networks below them
    show_trainable   a column that says Y where training changes a layer, N where it does not
    layer_range      the first and the last layer to show, names or regular expressions

    A network that breaks off is shown up to there, then the layer at fault and why, then the totals so far.  Raises
    ArgumentError for a range that is not there, or positions that are not one for each column.
    """
    chain = sequential or (graph.is_sequential and len(graph.nodes) == len(graph.layers))
    ends = _ends(_CHAIN if chain else _FUNCTIONAL, line_length, positions, show_trainable)
    width = ends[-1]
    head = ["Layer (type)", "Output Shape", "Param #", "Connected to"][: len(ends) - show_trainable]
    head += ["Trainable"] if show_trainable else []
    lines = [f'Model: "{name}"', "_" * width, _line(head, ends), "=" * width]
    layers = [layer for layer in keras_layers(graph) if not (sequential and isinstance(layer, InputLayer))]
    first, last = _range([graph.name(layer) for layer in layers], layer_range)
    shown, table = layers[first:last], _Facts(graph)
    for i, layer in enumerate(shown):
        lines += table.rows(layer, ends, chain, show_trainable)
        if expand_nested and isinstance(layer, Network):
            lines += _nested(layer, ends, chain, show_trainable, 1)
        lines.append(("=" if i == len(shown) - 1 and graph.fault is None else "_") * width)
    so_far = ""
    if graph.fault is not None:
        fields = [f"{graph.fault.name} ({graph.fault.kind})", "does not fit", *[""] * (len(ends) - 2)]
        lines.append(_line(fields, ends))
        lines += ["=" * width, str(graph.fault.error), "_" * width]
        so_far = " so far"
    trainable, frozen = _trainable(graph)
    lines.append(f"Total params{so_far}: {trainable + frozen:,}")
    lines.append(f"Trainable params{so_far}: {trainable:,}")
    lines.append(f"Non-trainable params{so_far}: {frozen:,}")
    lines.append("_" * width)
    return "\n".join(lines)


def _ends(
    usual: tuple[int, ...], length: int | None, positions: Sequence[float] | None, trainable: bool
) -> tuple[int, ...]:
    """Where the columns end, in characters."""
    width = usual[-1] if length is None else length
    if width < 20:
        raise ArgumentError(f"summary: line_length is at least 20, not {length!r}.")
    parts: Sequence[float] = positions or [end / usual[-1] for end in usual]
    count = len(usual) + trainable
    if trainable and len(parts) == len(usual):
        parts = [
            *(part * (width - 12) / width if part <= 1 else part for part in parts),
            1.0 if max(parts) <= 1 else width,
        ]
    if len(parts) != count:
        raise ArgumentError(f"summary: positions are {count} numbers, one for each column, not {len(parts)}.")
    return tuple(int(part * width + 1e-6) if max(parts) <= 1 else int(part) for part in parts)


def _range(names: Sequence[str], wanted: Sequence[str] | None) -> tuple[int, int]:
    """The places of the first shown layer and of the one after the last."""
    if wanted is None:
        return 0, len(names)
    if len(wanted) != 2 or not all(isinstance(each, str) for each in wanted):
        raise ArgumentError(f"summary: layer_range is (first, last), two names, not {wanted!r}.")
    places = [[i for i, name in enumerate(names) if re.match(each, name)] for each in wanted]
    for each, found in zip(wanted, places, strict=True):
        if not found:
            raise unknown("layer name", each, names)
    (low, high) = places if min(places[0]) <= max(places[1]) else places[::-1]
    return min(low), max(high) + 1


class _Facts:
    """What the lines of a network's layers say."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.counts, self.shapes, self.sources = _counts(graph), _shapes(graph), _connections(graph)

    def rows(self, layer: Layer, ends: tuple[int, ...], chain: bool, trainable: bool, mark: str = "") -> list[str]:
        """The line of a layer, and further ones for further inputs."""
        key = id(layer)
        sources = [] if chain else self.sources[key] or [""]
        learns = ["Y" if layer.trainable else "N"] if trainable else []
        label = f"{mark}{self.graph.name(layer)} ({layer.kind})"
        fields = [label, self.shapes[key], str(sum(self.counts[key])), *sources[:1], *learns]
        more = [_line(["", "", "", source, *[""] * trainable], ends) for source in sources[1:]]
        return [_line(fields, ends), *more]


def _nested(network: Network, ends: tuple[int, ...], chain: bool, trainable: bool, depth: int) -> list[str]:
    lines, table = [], _Facts(network.graph)
    for layer in keras_layers(network.graph):
        if isinstance(layer, InputLayer) and network.kind == "Sequential":
            continue
        lines += table.rows(layer, ends, chain, trainable, "|" * depth + " ")
        if isinstance(layer, Network):
            lines += _nested(layer, ends, chain, trainable, depth + 1)
    return lines


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
        batched = [_batched(tensor.sizes) for tensor in node.outputs]
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
            trainable += weights if call.trainable else 0
            frozen += 0 if call.trainable else weights
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
