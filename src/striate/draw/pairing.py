"""Which layers of two networks belong together, and where each comes from."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from striate.described import plain
from striate.draw.words import count
from striate.graph import Graph, InputLayer, Layer, Shape
from striate.primitives import Combine

_NO_PART = {"name", "input_shape", "input_length"}  # fields that are no part of what a layer does


@dataclass
class Entry:
    """A call: what it is and where its inputs come from, as (entry, output) numbers.

    `key` is its description as text, `full` the same with its shape and how far back its inputs are.  Where it `commutes`,
    its inputs may change places.
    """

    name: str
    layer: Layer
    given: bool  # the user named it
    fields: dict[str, Any]
    key: str
    full: str
    inputs: list[tuple[int, int]]
    shape: Shape
    weights: int
    first: int | None  # the entry of the layer's first call, if this is a later one
    commutes: bool = False

    @property
    def rank(self) -> tuple[str, str]:
        """Something to sort by, so that the order of the two networks does not matter."""
        return self.full, self.name


class Side:
    """One of the two networks, opened into calls."""

    def __init__(self, graph: Graph) -> None:
        flat = graph.flat()
        self.entries: list[Entry] = []
        self.totals = {"layers": 0, "weights": 0, "buffers": 0, "mults": 0}
        made: dict[int, tuple[int, int]] = {}
        first: dict[int, int] = {}
        for tensor, number in zip(graph.inputs, flat.inputs, strict=True):
            made.setdefault(number, (len(self.entries), 0))
            layer = tensor.node.layer
            self._add(graph.name(layer), layer, [], tensor.sizes, 0, None)
        for node in flat.nodes:
            made |= {number: (len(self.entries), i) for i, number in enumerate(node.outputs)}
            again = first.get(id(node.layer))
            first.setdefault(id(node.layer), len(self.entries))
            weights = 0 if again is not None else count(node.layer, *node.input_shapes)
            self._add(node.name, node.layer, [made[i] for i in node.inputs], node.shape, weights, again)
            joins = [step.primitive for step in node.lowering.steps]
            self.entries[-1].commutes = len(joins) == 1 and isinstance(joins[0], Combine) and joins[0].commutes
            self.totals["mults"] += node.layer.mults(*node.input_shapes)
            if again is None:
                self.totals["layers"] += 1
                self.totals["weights"] += weights
                self.totals["buffers"] += sum(w.size for w in node.layer.buffers(*node.input_shapes).values())
        self.outputs = [made[i] for i in flat.outputs]
        self.pair: dict[int, int] = {}

    def _add(
        self, name: str, layer: Layer, inputs: list[tuple[int, int]], shape: Shape, weights: int, first: int | None
    ) -> None:
        fields = {f.name: _canonical(layer, f.name) for f in dataclasses.fields(layer) if f.init}
        for name_or_shape in _NO_PART:
            fields.pop(name_or_shape, None)
        if isinstance(layer, InputLayer):
            fields["shape"] = plain(shape)
        key = json.dumps([layer.kind, fields], default=repr, sort_keys=True)
        back = [len(self.entries) - source for source, _ in inputs]
        full = f"{key} {shape} {back}"
        self.entries.append(Entry(name, layer, not layer.auto_named, fields, key, full, inputs, shape, weights, first))

    def number(self, pairs: list[tuple[int, int]], side: int) -> None:
        """Give every paired entry its pair's number."""
        self.pair = {pair[side]: k for k, pair in enumerate(pairs)}
        self._origin: dict[int, frozenset[tuple[int, int]]] = {}
        for i, entry in enumerate(self.entries):  # what an unpaired entry passes on: what it was made of
            self._origin[i] = frozenset[tuple[int, int]]().union(*(self._from(tensor) for tensor in entry.inputs))

    def _from(self, tensor: tuple[int, int]) -> frozenset[tuple[int, int]]:
        entry, out = tensor
        return frozenset({(self.pair[entry], out)}) if entry in self.pair else self._origin[entry]

    def origins(self, tensors: list[tuple[int, int]]) -> list[frozenset[tuple[int, int]]]:
        """For each tensor the paired layers that it comes from, through layers that only one network has."""
        return [self._from(tensor) for tensor in tensors]

    def called(self, tensors: list[tuple[int, int]]) -> list[str]:
        return [self.entries[entry].name + (f":{out}" if out else "") for entry, out in tensors]


def _canonical(layer: Layer, name: str) -> Any:
    """A field's value for comparing; values that mean the same come out the same."""
    value = getattr(layer, name)
    if name == "strides" and value is None:
        value = getattr(layer, "pool_size", None)
    if name == "activation" and value == "linear" and layer.kind != "Activation":
        value = None
    return plain(value)


def paired(a: list[Entry], b: list[Entry]) -> list[tuple[int, int]]:
    """Entries that belong together, in order: the alignment of highest likeness (Needleman & Wunsch 1970)."""
    start = 0
    while start < min(len(a), len(b)) and _equal(a[start], b[start]):
        start += 1
    stop = 0
    while stop < min(len(a), len(b)) - start and _equal(a[-1 - stop], b[-1 - stop]):
        stop += 1
    n, m = len(a) - start - stop, len(b) - start - stop
    likeness: dict[tuple[str, str], float] = {}
    best = [[0.0] * (m + 1)]
    for i in range(1, n + 1):
        one, above, row = a[start + i - 1], best[-1], [0.0] * (m + 1)
        for j in range(1, m + 1):
            two = b[start + j - 1]
            key = one.full, two.full
            like = likeness.get(key)
            if like is None:
                like = likeness[key] = _likeness(one, two)
            if one.given and two.given:
                like = like + 8 if one.name == two.name else like - 1
            elif like > 0 and one.name == two.name:
                like += 0.05
            most = row[j - 1] if row[j - 1] > above[j] else above[j]
            row[j] = above[j - 1] + like if like > 0 and above[j - 1] + like > most else most
        best.append(row)
    pairs = []
    i, j = n, m
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((start + i, start + j))
    head = [(i, i) for i in range(start)]
    tail = [(len(a) - stop + i, len(b) - stop + i) for i in range(stop)]
    return [*head, *reversed(pairs), *tail]


def _equal(a: Entry, b: Entry) -> bool:
    return a.full == b.full and a.given == b.given and (a.name == b.name or not a.given)


def _likeness(a: Entry, b: Entry) -> float:
    """From 0 for another kind of layer to 4 for the same description, output shape and wiring."""
    if a.layer.kind != b.layer.kind:
        return 0.0
    if a.full == b.full:
        return 4.0
    if a.key == b.key:
        return 3.0 if a.shape == b.shape else 2.5
    agree = sum(value == b.fields.get(name) for name, value in a.fields.items())
    return 0.5 + 1.5 * agree / max(len(a.fields), 1) + 0.5 * (a.shape == b.shape)
