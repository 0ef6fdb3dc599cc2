"""Whole networks beside each other: what each costs and sees, a column a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from striate.errors import ArgumentError
from striate.graph import Graph
from striate.shown import Shown
from striate.size.table import Size, measure
from striate.wording import aligned, by, memory, plural


@dataclass(frozen=True)
class Beside(Shown):
    """Networks beside each other.  ``str`` prints a table with a column for each.

    names     of the networks
    shapes    (of its inputs, of its outputs) each, as texts
    sizes     a Size each
    measured  further figures, by what they are: a text for each network
    notes     sentences below the table
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[str, str], ...]
    sizes: tuple[Size, ...]
    measured: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, ...]]:
        """What is compared, and the text for each network."""
        first = self.sizes[0]

        def row(what: str, *texts: str) -> tuple[str, ...]:
            return (what, *texts)

        def counted(what: str, counts: Sequence[int]) -> tuple[str, ...]:
            return row(what, *(f"{n:,}{_times(n, counts[0])}" if i else f"{n:,}" for i, n in enumerate(counts)))

        def held(what: str, counts: Sequence[int]) -> tuple[str, ...]:
            return row(what, *(memory(n) + (_times(n, counts[0]) if i else "") for i, n in enumerate(counts)))

        batch = plural(first.memory.batch_size, "sample")
        return [
            row("input", *(into for into, _ in self.shapes)),
            row("output", *(out for _, out in self.shapes)),
            counted("layers", [len(size.rows) for size in self.sizes]),
            counted("weights", [size.weights for size in self.sizes]),
            counted("multiplications", [size.mults for size in self.sizes]),
            row("sees", *(_seen(size) for size in self.sizes)),
            held(f"prediction, {batch}", [size.inference_bytes for size in self.sizes]),
            held(f"training, {batch}", [size.training_bytes for size in self.sizes]),
            *(row(what, *texts) for what, texts in self.measured.items()),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        sizes = {name: size.to_dict() for name, size in zip(self.names, self.sizes, strict=True)}
        return {
            "networks": list(self.names),
            "sizes": {name: {k: v for k, v in size.items() if k != "rows"} for name, size in sizes.items()},
            "measured": {what: list(texts) for what, texts in self.measured.items()},
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = aligned([("", *self.names), *self.rows()], [False] + [True] * len(self.names))
        return "\n".join([*lines, "(0.5x): half as much as the first", *self.notes])


def beside(graphs: Mapping[str, Graph], *, batch_size: int = 1, optimizer: str | None = "adam") -> Beside:
    """What networks cost and see, beside each other; how many times as much as the first stands behind each number.

    graphs       the networks by name, two at least
    batch_size   samples in memory at once
    optimizer    whose state training keeps

    Raises ArgumentError for fewer than two networks, and the fault of a network that has one.
    """
    if len(graphs) < 2:
        raise ArgumentError(f"there is nothing to compare {next(iter(graphs), 'nothing')} with: name two networks.")
    sizes = tuple(measure(g.check(), batch_size=batch_size, optimizer=optimizer, name=n) for n, g in graphs.items())
    shapes = tuple((_shapes(graph.input_shapes), _shapes(graph.output_shapes)) for graph in graphs.values())
    return Beside(tuple(graphs), shapes, sizes)


def _times(count: int, first: int) -> str:
    return f" ({count / first:.2f}x)" if first else ""


def _shapes(shapes: Sequence[Any]) -> str:
    return ", ".join(by(shape) for shape in shapes)


def _seen(size: Size) -> str:
    """The receptive field of the last layer that has one."""
    fields = [row.receptive_field for row in size.rows if isinstance(row.receptive_field, tuple)]
    return by(fields[-1]) if fields else "all"
