"""What differs between two networks: layers added, removed and changed, shapes, weights, wiring, totals."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from striate.described import plain
from striate.draw.words import brief, count
from striate.graph import Graph, InputLayer, Layer, Shape

_NO_PART = {"name", "input_shape", "input_length"}  # fields that are no part of what a layer does
_ANY_ORDER = {"Add", "Multiply", "Average", "Maximum", "Minimum"}  # layers whose inputs may change places


@dataclass
class LayerChange:
    """A layer that is not the same in both networks.

    what     ``added``, ``removed``, ``changed`` (its own description), or ``affected`` (only its shape or weight count)
    name_a, name_b   its names; None where it does not exist
    fields   for each difference, by name, its values in a and b: hyper-parameters, and ``kind``, ``name``, ``inputs``
             (names of the layers before it), ``shares weights with``, ``output shape``, ``weights`` (counted at a
             shared layer's first call)

    says    the layer's arguments in few words
    """

    what: str
    name_a: str | None
    name_b: str | None
    says: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The layer's name, or both when it is not the same."""
        known = [name for name in (self.name_a, self.name_b) if name is not None]
        return " → ".join(dict.fromkeys(known))


@dataclass
class Diff:
    """The differences between two networks, in the order of their layers.

    totals   ``layers``, ``weights``, ``buffers``, ``mults`` (multiplications for one input) of a and b
    other    differences that belong to no layer: ``outputs`` (names of the layers that give them), ``fault``

    names       what the table calls the two networks
    changes     a LayerChange each
    unchanged   how many layers are alike
    """

    names: tuple[str, str]
    changes: list[LayerChange]
    unchanged: int
    totals: dict[str, tuple[int, int]]
    other: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether both are the same network: same layers, wiring and names (automatic names do not count)."""
        return not self.changes and not self.other

    def _of(self, what: str) -> list[LayerChange]:
        return [change for change in self.changes if change.what == what]

    @property
    def added(self) -> list[LayerChange]:
        """The layers that only the second has."""
        return self._of("added")

    @property
    def removed(self) -> list[LayerChange]:
        """The layers that only the first has."""
        return self._of("removed")

    @property
    def changed(self) -> list[LayerChange]:
        """The layers that both have, with other arguments."""
        return self._of("changed")

    @property
    def affected(self) -> list[LayerChange]:
        """Layers described alike whose shape or weight count differs because of a layer before them."""
        return self._of("affected")

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-ready.

        All of it, JSON-ready.
        """
        return {
            "names": list(self.names),
            "same": self.same,
            "changes": [
                {
                    "what": change.what,
                    "name_a": change.name_a,
                    "name_b": change.name_b,
                    "layer": change.says,
                    "fields": {key: [plain(a), plain(b)] for key, (a, b) in change.fields.items()},
                }
                for change in self.changes
            ],
            "unchanged": self.unchanged,
            "totals": {key: list(pair) for key, pair in self.totals.items()},
            "other": {key: list(pair) for key, pair in self.other.items()},
        }

    def __str__(self) -> str:
        a, b = self.names
        layers, weights = self.totals["layers"], self.totals["weights"]
        if self.same:
            return f"{a} and {b} are the same network: {layers[0]} layers, {weights[0]:,} weights."
        counts = [
            f"{len(found)} {what}" for what in ("added", "removed", "changed", "affected") if (found := self._of(what))
        ]
        rows = [("", "layer", "what", a, b)]
        for change in self.changes:
            rows += _rows(change)
        for key, (x, y) in self.other.items():
            rows.append(("~", f"({key})", "", _short(x), _short(y)))
        for i, (key, (x, y)) in enumerate(self.totals.items()):
            by = f"{y - x:+,}" if y != x else "the same"
            rows.append(("", "in all" if i == 0 else "", key, f"{x:,}", f"{y:,} ({by})"))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        rule = "-" * max(map(len, table))
        last = len(table) - len(self.totals)
        head = f"{a} → {b}: {', '.join([*counts, f'{self.unchanged} unchanged'])}"
        return "\n".join([head, rule, table[0], rule, *table[1:last], rule, *table[last:]])


def diff(a: Graph, b: Graph, names: tuple[str, str] = ("a", "b")) -> Diff:
    """What turns network `a` into network `b`.

    Nested networks are compared layer by layer.  Layers are paired in order: by name where the user gave names, the
    others by description (a longest common subsequence in which close descriptions count a little less).  `names`
    are what the table calls the two.  ``diff(b, a)`` pairs the same layers.
    """
    left, right = _Side(a), _Side(b)
    if [entry.rank for entry in left.entries] <= [entry.rank for entry in right.entries]:
        pairs = _paired(left.entries, right.entries)
    else:
        pairs = [(i, j) for j, i in _paired(right.entries, left.entries)]
    left.number(pairs, 0)
    right.number(pairs, 1)

    changes: list[LayerChange] = []
    unchanged = done_a = done_b = 0
    for i, j in [*pairs, (len(left.entries), len(right.entries))]:
        changes += [_alone(entry, "removed") for entry in left.entries[done_a:i]]
        changes += [_alone(entry, "added") for entry in right.entries[done_b:j]]
        done_a, done_b = i + 1, j + 1
        if i < len(left.entries):
            change = _compared(left, right, i, j)
            if change is None:
                unchanged += 1
            else:
                changes.append(change)
    other: dict[str, tuple[Any, Any]] = {}
    if left.origins(left.outputs) != right.origins(right.outputs):
        other["outputs"] = left.called(left.outputs), right.called(right.outputs)
    faults = tuple(None if g.fault is None else str(g.fault.error) for g in (a, b))
    if faults[0] != faults[1]:
        other["fault"] = faults[0], faults[1]
    totals = {key: (left.totals[key], right.totals[key]) for key in left.totals}
    return Diff(names, changes, unchanged, totals, other)


@dataclass
class _Entry:
    """A call: what it is and where its inputs come from, as (entry, output) numbers.

    `key` is its description as text, `full` the same with its shape and how far back its inputs are.
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

    @property
    def rank(self) -> tuple[str, str]:
        """Something to sort by, so that the order of the two networks does not matter."""
        return self.full, self.name


class _Side:
    """One of the two networks, opened into calls."""

    def __init__(self, graph: Graph) -> None:
        flat = graph.flat()
        self.entries: list[_Entry] = []
        self.totals = {"layers": 0, "weights": 0, "buffers": 0, "mults": 0}
        made: dict[int, tuple[int, int]] = {}
        first: dict[int, int] = {}
        for tensor, number in zip(graph.inputs, flat.inputs, strict=True):
            made.setdefault(number, (len(self.entries), 0))
            layer = tensor.node.layer
            self._add(graph.name(layer), layer, [], tensor.shape, 0, None)
        for node in flat.nodes:
            made |= {number: (len(self.entries), i) for i, number in enumerate(node.outputs)}
            again = first.get(id(node.layer))
            first.setdefault(id(node.layer), len(self.entries))
            weights = 0 if again is not None else count(node.layer, *node.input_shapes)
            self._add(node.name, node.layer, [made[i] for i in node.inputs], node.shape, weights, again)
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
        self.entries.append(_Entry(name, layer, not layer.auto_named, fields, key, full, inputs, shape, weights, first))

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


def _paired(a: list[_Entry], b: list[_Entry]) -> list[tuple[int, int]]:
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


def _equal(a: _Entry, b: _Entry) -> bool:
    return a.full == b.full and a.given == b.given and (a.name == b.name or not a.given)


def _likeness(a: _Entry, b: _Entry) -> float:
    """From 0 for another kind of layer to 4 for the same description, output shape and wiring."""
    if a.layer.kind != b.layer.kind:
        return 0.0
    if a.full == b.full:
        return 4.0
    if a.key == b.key:
        return 3.0 if a.shape == b.shape else 2.5
    agree = sum(value == b.fields.get(name) for name, value in a.fields.items())
    return 0.5 + 1.5 * agree / max(len(a.fields), 1) + 0.5 * (a.shape == b.shape)


def _alone(entry: _Entry, what: str) -> LayerChange:
    """The change of a layer that only one network has."""
    added = what == "added"
    facts = {"output shape": entry.shape, "weights": entry.weights}
    fields: dict[str, tuple[Any, Any]] = {k: (None, v) if added else (v, None) for k, v in facts.items()}
    return LayerChange(what, None if added else entry.name, entry.name if added else None, brief(entry.layer), fields)


def _compared(left: _Side, right: _Side, i: int, j: int) -> LayerChange | None:
    """The change of a paired layer, or None."""
    a, b = left.entries[i], right.entries[j]
    fields: dict[str, tuple[Any, Any]] = {}
    if a.layer.kind != b.layer.kind:
        fields["kind"] = a.layer.kind, b.layer.kind
    if a.name != b.name and (a.given or b.given):
        fields["name"] = a.name, b.name
    for name, value in a.fields.items():
        if name in b.fields and value != b.fields[name]:
            fields[name] = value, b.fields[name]
    x, y = left.origins(a.inputs), right.origins(b.inputs)
    if a.layer.kind in _ANY_ORDER:
        x, y = sorted(x, key=sorted), sorted(y, key=sorted)
    if x != y:
        fields["inputs"] = left.called(a.inputs), right.called(b.inputs)
    shares = [None if e.first is None else side.pair.get(e.first, -1) for side, e in ((left, a), (right, b))]
    if shares[0] != shares[1]:
        named = [None if e.first is None else side.entries[e.first].name for side, e in ((left, a), (right, b))]
        fields["shares weights with"] = named[0], named[1]
    what = "changed" if fields else "affected"
    if a.shape != b.shape and not isinstance(a.layer, InputLayer):
        fields["output shape"] = a.shape, b.shape
    if a.weights != b.weights:
        fields["weights"] = a.weights, b.weights
    return LayerChange(what, a.name, b.name, brief(b.layer), fields) if fields else None


def _rows(change: LayerChange) -> list[tuple[str, str, str, str, str]]:
    sign = {"added": "+", "removed": "-", "changed": "~", "affected": " "}[change.what]
    name = _short(change.name, 60)
    if change.what in ("added", "removed"):
        side = change.what == "added"
        weights = change.fields["weights"][side]
        shape = _short(change.fields["output shape"][side]) + (f", {weights:,} weights" if weights else "")
        return [(sign, name, _short(change.says), "" if side else shape, shape if side else "")]
    return [
        (sign if k == 0 else "", name if k == 0 else "", key, _short(x), _short(y))
        for k, (key, (x, y)) in enumerate(change.fields.items())
    ]


def _short(value: Any, most: int = 44) -> str:
    """A value in few characters."""
    if value is None:
        text = "none"
    elif isinstance(value, str):
        text = value
    elif isinstance(value, int) and not isinstance(value, bool):
        text = f"{value:,}"
    elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        text = ", ".join(value)
    elif isinstance(value, list):
        text = str(tuple(value))
    elif isinstance(value, dict) and "class" in value:
        inner = ", ".join(f"{k}={_short(v)}" for k, v in value.items() if k != "class")
        text = f"{value['class']}({inner})"
    else:
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
