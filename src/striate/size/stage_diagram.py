"""A network by the size of its maps: the few lines in which papers print their tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from striate.graph import QUIET, Shape, channels_last
from striate.size.table import Row, Size


@dataclass
class MapStage:
    """All calls whose output has the same map size.

    shape            of the last of them: (H, W, C), or (C,) for vectors
    kinds            how many calls of each class of layer
    loud             those of them that a short table names
    weights, mults   of all of them
    receptive_field  of the last one that has one
    """

    shape: Shape
    kinds: dict[str, int]
    weights: int = 0
    mults: int = 0
    receptive_field: tuple[int, ...] | None = None
    loud: set[str] = field(default_factory=set)


def stages(size: Size) -> list[MapStage]:
    """The stages of a network, largest maps first, in the order in which they are reached.

    size   what ``measure`` returns
    """
    by_size: dict[Shape, MapStage] = {}
    for row in size.rows:
        if not isinstance(row.output_shape, tuple):
            continue
        shape = channels_last(row.output_shape, row.channels)
        stage = by_size.setdefault(shape[:-1], MapStage(shape, {}))
        _add(stage, row)
    return list(by_size.values())


def _add(stage: MapStage, row: Row) -> None:
    assert isinstance(row.output_shape, tuple)
    stage.shape = channels_last(row.output_shape, row.channels)
    stage.kinds[row.kind] = stage.kinds.get(row.kind, 0) + 1
    if row.family not in QUIET:
        stage.loud.add(row.kind)
    stage.weights += row.weights
    stage.mults += row.mults
    stage.receptive_field = row.receptive_field or stage.receptive_field


def diagram(size: Size, width: int = 24) -> str:
    """The stages as text: map, layers, weights, multiplications, and a bar for the share of multiplications.

    size    what ``measure`` returns
    width   characters of the longest bar
    """
    rows = stages(size)
    most = max((stage.mults for stage in rows), default=0) or 1
    table = [("map", "layers", "weights", "multiplications", "")]
    for stage in rows:
        loud = {k: n for k, n in stage.kinds.items() if k in stage.loud}
        said = ", ".join(f"{n} {kind}" if n > 1 else kind for kind, n in loud.items()) or ", ".join(stage.kinds)
        bar = "█" * max(round(width * stage.mults / most), 1 if stage.mults else 0)
        shape = "x".join(map(str, stage.shape))
        table.append((shape, said, f"{stage.weights:,}", f"{stage.mults:,}", bar))
    wide = [min(max(len(row[i]) for row in table), 60) for i in range(4)]
    return "\n".join(
        f"{a:<{wide[0]}}  {b if len(b) <= 60 else b[:59] + '…':<{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}  {e}".rstrip()
        for a, b, c, d, e in table
    )
