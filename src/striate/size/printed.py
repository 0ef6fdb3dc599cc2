"""A Size as a readable table."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from striate.graph import channels_last
from striate.size.memory import slots
from striate.wording import aligned, by, listed, memory, plural

if TYPE_CHECKING:
    from striate.size.table import Row, Size

_HEAD = ("layer", "kind", "output", "weights", "buffers", "multiplications", "sees", "unused")
_RIGHT = (False, False, True, True, True, True, True, False)


def printed(size: Size) -> str:
    """The table: a line per call, totals, memory, and what does not fit with its remedies."""
    columns = [i for i, name in enumerate(_HEAD) if name not in ("buffers", "unused") or _used(size, name)]
    cells = [_cells(row) for row in size.rows]
    rows = [[line[i] for i in columns] for line in (_HEAD, *cells)]
    lines = aligned(rows, [_RIGHT[i] for i in columns])
    width = max(map(len, lines))
    title = [size.name] if size.name else []
    body = [lines[0], "-" * width, *lines[1:], "-" * width]
    return "\n".join([*title, *body, totals(size)])


def totals(size: Size) -> str:
    """What stands below the table: totals, memory, and what does not fit with its remedies."""
    return "\n".join([*_totals(size), *_memory(size), *_notes(size), *_advice(size)])


def _used(size: Size, column: str) -> bool:
    return any(any(row.unused or ()) if column == "unused" else row.buffers for row in size.rows)


def _cells(row: Row) -> tuple[str, ...]:
    if row.output_shape is None:
        return (row.name, row.kind, "does not fit", "", "", "", "", "")
    shapes = row.output_shape if isinstance(row.output_shape, list) else [row.output_shape]
    return (
        row.name,
        row.kind,
        ", ".join(map(by, shapes)),
        f"{row.weights:,}",
        f"{row.buffers:,}",
        f"{row.mults:,}",
        by(row.receptive_field or ()),
        lost(row.unused or ()),
    )


def lost(unused: tuple[int, ...]) -> str:
    """``1 row, 2 columns``; ``3 steps`` of a sequence; ``1 channel``."""
    names = ("step",) if len(unused) == 1 else ("row", "column", "channel")
    return ", ".join(plural(count, what) for count, what in zip(unused, names, strict=False) if count)


def _totals(size: Size) -> list[str]:
    if size.fault is not None:
        so_far = f"{size.so_far('weights'):,} weights, {size.so_far('mults'):,} multiplications"
        return [f"up to here: {so_far}", str(size.fault.error)]
    frozen = size.weights - size.trainable
    parts = f"{size.trainable:,} trainable, {frozen:,} frozen" if frozen else "all trainable"
    parts = parts if size.weights else "nothing to train"
    total = f" + {plural(size.buffers, 'buffer')} = {size.total:,}" if size.buffers else ""
    return [
        f"weights          {size.weights:,} ({parts}){total}",
        f"multiplications  {size.mults:,} for one input",
    ]


def _memory(size: Size) -> list[str]:
    if size.fault is not None:
        return []
    m = size.memory
    batch = "1 input" if size.batch_size == 1 else f"a batch of {size.batch_size:,}"
    state = ""
    if size.optimizer is not None:
        per = slots(size.optimizer)
        state = f" + {size.optimizer} {memory(m.optimizer_bytes)} ({plural(per, 'number')} a weight)"
    return [
        f"memory           {size.dtype}, {batch}",
        f"  to predict     {memory(m.inference_bytes)} = weights {memory(m.weight_bytes)} + maps alive at once "
        f"{memory(m.live_bytes)} (at {m.peak})",
        f"  to train       {memory(m.training_bytes)} = weights {memory(m.training_weights)} + gradients "
        f"{memory(m.gradient_bytes)}{state} + kept for the backward pass {memory(m.kept_bytes)}"
        + (f" + output {memory(m.output_bytes)}" if m.output_bytes else ""),
    ]


_SHOWN = 2  # misfits that are told at length


def _notes(size: Size) -> list[str]:
    lines = [f"does not fit     {name}: {text}" for name, text in size.notes[:_SHOWN]]
    if (more := len(size.notes) - _SHOWN) > 0:
        names = ", ".join(name for name, _ in size.notes[_SHOWN : 2 * _SHOWN]) + (", …" if more > _SHOWN else "")
        lines.append(f"                 so do {more} more: {names}")
    return lines


def _advice(size: Size) -> list[str]:
    """What a smaller network would leave out: the Flatten before a Dense layer that holds most of the weights."""
    if size.fault is not None or not size.weights:
        return []
    by_name = {row.name: row for row in size.rows}
    largest = max(size.rows, key=lambda row: row.weights)
    before = by_name.get(largest.connected_to[0]) if len(largest.connected_to) == 1 else None
    if before is None or before.kind != "Flatten" or largest.kind != "Dense" or largest.weights * 2 < size.weights:
        return []
    maps = by_name.get(before.connected_to[0])
    if maps is None or not isinstance(maps.output_shape, tuple) or len(maps.output_shape) < 2:
        return []
    (units,) = largest.output_shape if isinstance(largest.output_shape, tuple) else (0,)
    *positions, depth = channels_last(maps.output_shape, maps.channels)
    area = prod(positions)
    bias = largest.weights - area * depth * units
    if area == 1 or size.weights - largest.weights == 0:
        return []
    pooled = depth * units + bias
    names = listed([f"Global{kind}Pooling{len(maps.output_shape) - 1}D" for kind in ("Max", "Average")], "or")
    return [
        f"most weights     {largest.name} holds {largest.weights / size.weights:.0%}. {names} instead of "
        f"{before.name} makes it {plural(pooled, 'weight')}, {size.weights - largest.weights + pooled:,} in all."
    ]
