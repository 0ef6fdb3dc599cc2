"""Nodes and edges put on ranks, with dummy points where an edge passes a rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass
class DrawnNode:
    """Something with a size.  `fixed` puts it on the ``first`` or the ``last`` rank.

    `outs`, `ins`: where its edges leave and enter, across, from its middle; None: wherever is best.
    """

    across: float
    along: float
    fixed: str = ""
    outs: Sequence[float] | None = None
    ins: Sequence[float] | None = None


@dataclass(frozen=True)
class Edge:
    """From output `out` of node `tail` to input `slot` of node `head`; nodes are numbered, `tail` below `head`."""

    tail: int
    head: int
    out: int = 0
    slot: int = 0


@dataclass(frozen=True)
class Segment:
    """A piece of an edge, from a point on one rank to a point on the next."""

    upper: int
    lower: int
    out: int = 0
    slot: int = 0


class RankGrid:
    """Points on ranks.  Points below `real` are nodes, the others dummies.

    rank    rank of each point
    ranks   points of each rank, from left to right
    at      place of each point in its rank
    half    half of each point's size across
    reach   of a dummy: the last rank that its line goes to
    steps   pieces of edges, by the rank they start from
    ways    the steps of each edge
    """

    def __init__(self, nodes: Sequence[DrawnNode], edges: Sequence[Edge]) -> None:
        self.nodes, self.edges = nodes, edges
        self.real = len(nodes)
        self.half = [node.across / 2 for node in nodes]
        self.rank = _ranks(nodes, edges)
        self.reach: dict[int, int] = {}
        self.steps: list[list[Segment]] = [[] for _ in range(max(self.rank) + 1)]
        self.ways = self._ways()
        self.ranks: list[list[int]] = [[] for _ in self.steps]
        for point, rank in enumerate(self.rank):
            self.ranks[rank].append(point)
        for points in self.ranks:  # to begin with: nodes as they were written down, then edges, the longest outermost
            points.sort(key=lambda p: (p >= self.real, self.reach.get(p, 0), p))
        self.at = [0] * len(self.rank)
        for points in self.ranks:
            self.number(points)

    def number(self, points: list[int]) -> None:
        """Note the places of a rank's points."""
        for i, point in enumerate(points):
            self.at[point] = i

    def outs(self, point: int) -> Sequence[float] | None:
        """Where a point says that its edges leave it; None where it does not care."""
        return self.nodes[point].outs if point < self.real else None

    def ins(self, point: int) -> Sequence[float] | None:
        return self.nodes[point].ins if point < self.real else None

    def offset(self, step: Segment) -> float:
        """How far a straight step moves a point's middle across, because of where it has to leave and enter."""
        outs, ins = self.outs(step.upper), self.ins(step.lower)
        return (outs[step.out] if outs else 0.0) - (ins[step.slot] if ins else 0.0)

    def _ways(self) -> list[list[Segment]]:
        """Dummies, one line of them for all edges of a tensor; the steps of every edge."""
        groups: dict[tuple[int, int], list[Edge]] = {}
        for edge in self.edges:
            groups.setdefault((edge.tail, edge.out), []).append(edge)
        lines: dict[tuple[int, int], list[Segment]] = {}
        for (tail, out), group in groups.items():
            start, stop = self.rank[tail] + 1, max(self.rank[edge.head] for edge in group)
            dummies = list(range(len(self.rank), len(self.rank) + max(stop - start, 0)))
            self.rank += range(start, stop)
            self.half += [0.0] * len(dummies)
            self.reach |= dict.fromkeys(dummies, stop)
            line = [Segment(a, b, out if a == tail else 0) for a, b in zip([tail, *dummies], dummies, strict=False)]
            lines[tail, out] = line
            for step in line:
                self.steps[self.rank[step.upper]].append(step)
        ways = []
        for edge in self.edges:
            way = lines[edge.tail, edge.out][: self.rank[edge.head] - self.rank[edge.tail] - 1]
            last = (
                Segment(way[-1].lower, edge.head, 0, edge.slot)
                if way
                else Segment(edge.tail, edge.head, edge.out, edge.slot)
            )
            self.steps[self.rank[last.upper]].append(last)
            ways.append([*way, last])
        return ways


def _ranks(nodes: Sequence[DrawnNode], edges: Sequence[Edge]) -> list[int]:
    """Longest path from the sources; then whatever feeds more edges than it takes sinks to where it is needed."""
    above: list[list[int]] = [[] for _ in nodes]
    below: list[list[int]] = [[] for _ in nodes]
    for edge in edges:
        above[edge.head].append(edge.tail)
        below[edge.tail].append(edge.head)
    ported = any(node.fixed == "first" for node in nodes)
    rank = [0] * len(nodes)
    for v, node in enumerate(nodes):
        rank[v] = max((rank[u] + 1 for u in above[v]), default=int(ported and node.fixed != "first"))
    bottom = max((r + 1 for r, node in zip(rank, nodes, strict=True) if node.fixed != "last"), default=0)
    rank = [bottom if node.fixed == "last" else r for r, node in zip(rank, nodes, strict=True)]
    late = list(rank)  # the last rank that a node can stand on
    for v in reversed(range(len(nodes))):
        if below[v] and nodes[v].fixed != "first":
            late[v] = min(late[w] for w in below[v]) - 1
    _sink(rank, late, above, below)
    used = {r: i for i, r in enumerate(sorted(set(rank)))}
    return [used[r] for r in rank]


def _sink(rank: list[int], late: list[int], above: list[list[int]], below: list[list[int]]) -> None:
    """Move nodes down, each with the followers that stand right below it, where that makes the edges shorter in all.

    Where it makes no difference, a node moves only if its followers did, so that a chain stays together.
    """
    sunk = [False] * len(rank)
    for v in reversed(range(len(rank))):
        group = _movable(v, rank, late, below)
        if not group:
            continue
        leaving = [rank[w] - rank[u] - 1 for u in group for w in below[u] if w not in group]
        gain = len(leaving) - sum(u not in group for w in group for u in above[w])
        if gain > 0 or (gain == 0 and all(sunk[w] for w in below[v])):
            by = min(leaving)
            for u in group:
                rank[u] += by
                sunk[u] = True


def _movable(v: int, rank: list[int], late: list[int], below: list[list[int]]) -> set[int]:
    """DrawnNode `v` with all that must move if it moves down; nothing if one of them cannot."""
    group, stack = {v}, [v]
    while stack:
        u = stack.pop()
        if rank[u] == late[u]:
            return set()
        for w in below[u]:
            if rank[w] == rank[u] + 1 and w not in group:
                group.add(w)
                stack.append(w)
    return group
