"""A network in parts that a picture of it can fold: stages of blocks of layers.

A part is a run of calls, one after the other in the network's order.  Where only one value is alive between two calls,
one part can end: a residual block, an Inception module and a dense block all lie between two such places.  What stands
behind a layer with weights and only changes its numbers, a norm or an activation, belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from striate.graph import FlatGraph, FlatNode, family

_LONG = 60  # calls of a part from which on it is cut where only values of earlier cuts go past
_PAST = 3  # values that may go past such a cut, at most
_MANY = 12  # parts from which on those of one map size make a stage
_FOLLOWING = ("norm", "activation", "augment", "other")


@dataclass
class Part:
    """A part of the picture: a call, or a run of parts that can be folded.

    name    what it is called
    call    number of the call, in the network's order; None for one that holds others
    parts   what it holds
    """

    name: str
    call: int | None = None
    parts: list[Part] = field(default_factory=list)

    @property
    def calls(self) -> list[int]:
        """Numbers of all calls in it, in order."""
        return [self.call] if self.call is not None else [call for part in self.parts for call in part.calls]


def parts_of(flat: FlatGraph) -> list[Part]:
    """The parts of a network, in its order: calls alone, blocks of calls, and stages of these.

    flat   the network, nested ones opened
    """
    families = [family(call.layer, *call.input_shapes) for call in flat.nodes]
    blocks = [_block(run, flat.nodes, families) for run in _joined(_runs(flat), families)]
    return _stages(blocks, flat.nodes) if len(blocks) > _MANY else blocks


# -- where a part can end ---------------------------------------------------------------------------------------------
def _runs(flat: FlatGraph) -> list[list[int]]:
    """Calls between the places where one value is alive; long runs cut once more."""
    last = {tensor: i for i, call in enumerate(flat.nodes) for tensor in call.inputs}
    last |= dict.fromkeys(flat.outputs, len(flat.nodes))
    alive, strict = {tensor for tensor in flat.inputs if tensor in last}, list[list[int]]()
    run: list[int] = []
    crossing = []  # per call: what is alive behind it, but for what it gave itself
    for i, call in enumerate(flat.nodes):
        alive = {tensor for tensor in alive if last[tensor] > i}
        crossing.append(set(alive))
        alive |= {tensor for tensor in call.outputs if last.get(tensor, -1) > i}
        run.append(i)
        if len(alive) <= 1:
            strict.append(run)
            run = []
    strict += [run] if run else []
    return [piece for run in strict for piece in _cut(run, flat, crossing, 1)]


def _cut(run: list[int], flat: FlatGraph, crossing: Sequence[set[int]], most: int) -> list[list[int]]:
    """A run in pieces: a long one is cut where at most `most` values go past, all given by earlier pieces as their last."""
    if len(run) <= _LONG or most > _PAST:
        return [run]
    before = set(flat.nodes[run[0]].inputs) | crossing[run[0]]
    pieces: list[list[int]] = [[]]
    for i in run:
        pieces[-1].append(i)
        if len(crossing[i]) <= most and crossing[i] <= before:
            before |= set(flat.nodes[i].outputs)
            pieces.append([])
    return [shorter for piece in pieces if piece for shorter in _cut(piece, flat, crossing, most + 1)]


def _joined(runs: Sequence[list[int]], families: Sequence[str]) -> list[list[int]]:
    """Runs with what follows and only changes their numbers."""
    joined: list[list[int]] = []
    for run in runs:
        follows = len(run) == 1 and families[run[0]] in _FOLLOWING
        weighty = joined and any(families[i] in ("conv", "dense", "merge") for i in joined[-1])
        if follows and weighty:
            joined[-1] = joined[-1] + run
        else:
            joined.append(list(run))
    return joined


# -- names and stages -------------------------------------------------------------------------------------------------
def _block(run: Sequence[int], calls: Sequence[FlatNode], families: Sequence[str]) -> Part:
    parts = [Part(calls[i].name, i) for i in run]
    weighty = [part.name for part in parts if families[part.call or 0] in ("conv", "dense")]
    if len(parts) == 1:
        return parts[0]
    if len(weighty) == 1:
        return Part(weighty[0], None, parts)
    return Part(_common([part.name for part in parts]) or [*weighty, parts[0].name][0], None, parts)


def _common(names: Sequence[str]) -> str:
    """The most words of the first name that at least half of the names begin with; "" where none do."""
    words = names[0].split("_")
    for count in range(len(words) - 1, 0, -1):
        start = "_".join(words[:count])
        if 2 * sum(name.startswith(f"{start}_") for name in names) >= len(names):
            return start
    return ""


def _stages(blocks: Sequence[Part], calls: Sequence[FlatNode]) -> list[Part]:
    """Blocks in stages: those one after the other whose maps have the same size."""
    stages: list[list[Part]] = []
    sizes: list[tuple[int, ...]] = []
    for block in blocks:
        size = calls[block.calls[-1]].shape[:-1]
        if stages and sizes[-1] == size:
            stages[-1].append(block)
        else:
            stages.append([block])
            sizes.append(size)
    return [
        stage[0] if len(stage) == 1 else Part(f"{'×'.join(map(str, size))} maps" if size else "vectors", None, stage)
        for stage, size in zip(stages, sizes, strict=True)
    ]
