"""What differs between two networks: layers added, removed and changed, shapes, weights, wiring, totals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from striate.described import plain
from striate.draw.pairing import Entry, Side, paired
from striate.draw.words import brief
from striate.graph import Graph, InputLayer
from striate.shown import Shown
from striate.wording import plural


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
class Diff(Shown):
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
            return f"{a} and {b} are the same network: {plural(layers[0], 'layer')}, {plural(weights[0], 'weight')}."
        counts = [
            f"{len(of_that)} {what}"
            for what in ("added", "removed", "changed", "affected")
            if (of_that := self._of(what))
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
    left, right = Side(a), Side(b)
    if [entry.rank for entry in left.entries] <= [entry.rank for entry in right.entries]:
        pairs = paired(left.entries, right.entries)
    else:
        pairs = [(i, j) for j, i in paired(right.entries, left.entries)]
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


def _alone(entry: Entry, what: str) -> LayerChange:
    """The change of a layer that only one network has."""
    added = what == "added"
    facts = {"output shape": entry.shape, "weights": entry.weights}
    fields: dict[str, tuple[Any, Any]] = {k: (None, v) if added else (v, None) for k, v in facts.items()}
    return LayerChange(what, None if added else entry.name, entry.name if added else None, brief(entry.layer), fields)


def _compared(left: Side, right: Side, i: int, j: int) -> LayerChange | None:
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
    if a.commutes and b.commutes:
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
        shape = _short(change.fields["output shape"][side]) + (f", {plural(weights, 'weight')}" if weights else "")
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
