"""Places along, the ways of the edges, and the columns of a drawing that would be far too long."""

from __future__ import annotations

from dataclasses import dataclass, field

from striate.draw.sugiyama.grid import Point, RankGrid, Segment

GAP = 16.0  # along, between ranks that only straight edges join
BEND = 26.0  # along, the least room for an edge to change its place across
CORNER = 14.0  # of a node's side that edges leave free at each end
FAN = 40.0  # between edges of a node that go different ways
TRACK = 9.0  # between parallel connectors of two columns
GUTTER = 22.0  # from a column to the nearest connector beside it
COLUMN = 0.15  # cost of another column, against the squared excess of a column's length
CROSSING = 1.2  # cost of another edge that has to go to the next column


@dataclass
class Placement:
    """Middle of each node and the way of each edge, as (across, along), in a drawing from (0, 0) to (across, along).

    Between two neighbouring points of a way that differ in both coordinates runs an S-curve inside their rectangle.
    """

    middles: list[Point] = field(default_factory=list)
    ways: list[list[Point]] = field(default_factory=list)
    across: float = 0.0
    along: float = 0.0


def placed(grid: RankGrid, place: list[float], long: float, aspect: float) -> Placement:
    """Where everything stands, given the points' places across."""
    return _Ways(grid, place).placement(long, aspect)


class _Ways:
    """leaves, enters: where each step leaves its upper and enters its lower end; tensors: what runs below each rank."""

    def __init__(self, grid: RankGrid, place: list[float]) -> None:
        self.grid, self.place = grid, place
        self.leaves: dict[Segment, float] = {}
        self.enters: dict[Segment, float] = {}
        self._ports()
        self.size = [max((grid.nodes[p].along for p in ps if p < grid.real), default=0.0) for ps in grid.ranks]
        self.gaps = [self._gap(r) for r in range(len(grid.ranks) - 1)]
        self.tensors = [
            sorted({(step.upper, step.out) for step in steps}, key=lambda t: (grid.at[t[0]], t[1]))
            for steps in grid.steps
        ]

    def _ports(self) -> None:
        grid, place = self.grid, self.place
        down: dict[int, dict[Segment, None]] = {}
        up: dict[int, dict[Segment, None]] = {}
        for steps in grid.steps:
            for step in steps:
                down.setdefault(step.upper, {})[step] = None
                up.setdefault(step.lower, {})[step] = None
        for point, leaving in down.items():
            outs = grid.outs(point)
            if outs is None:
                aims = {s: place[s.lower] + (ins[s.slot] if (ins := grid.ins(s.lower)) else 0.0) for s in leaving}
                self.leaves |= _fanned(aims, place[point], grid.half[point])
            else:
                self.leaves |= {step: place[point] + outs[step.out] for step in leaving}
        for point, entering in up.items():
            ins = grid.ins(point)
            if ins is None:
                self.enters |= _fanned({s: self.leaves[s] for s in entering}, place[point], grid.half[point])
            else:
                self.enters |= {step: place[point] + ins[step.slot] for step in entering}

    def _gap(self, r: int) -> float:
        """Room along below rank `r`: more when its edges go far aside."""
        aside = max((abs(self.leaves[s] - self.enters[s]) for s in self.grid.steps[r]), default=0.0)
        return GAP if aside < 1 else BEND + min(34.0, aside / 9)

    def _columns(self, long: float, aspect: float) -> list[tuple[int, int]]:
        """First and last rank of each column: one column up to `long`; else columns that make about `aspect` in all."""
        size, gaps = self.size, self.gaps
        total = sum(size) + sum(gaps)
        if total <= long:
            return [(0, len(size) - 1)]
        left = min(x - half for x, half in zip(self.place, self.grid.half, strict=True))
        right = max(x + half for x, half in zip(self.place, self.grid.half, strict=True))
        target = max(total / max(1.0, (aspect * total / (right - left + 2 * GUTTER)) ** 0.5), long)
        starts = [0.0]
        for length, gap in zip(size, gaps, strict=False):
            starts.append(starts[-1] + length + gap)
        best, came = [0.0] + [float("inf")] * len(size), [0] * (len(size) + 1)
        for stop in range(1, len(size) + 1):
            cut = self._cut(stop - 1) if stop < len(size) else 0.0
            for first in range(stop - 1, -1, -1):
                off = (starts[stop - 1] + size[stop - 1] - starts[first]) / target - 1
                excess = off * off * (3.0 if off > 0 else 1.0)
                if off > 0 and excess > best[stop]:
                    break
                cost = best[first] + COLUMN + excess + cut
                if cost < best[stop]:
                    best[stop], came[stop] = cost, first
        columns: list[tuple[int, int]] = []
        stop = len(size)
        while stop:
            columns.append((came[stop], stop - 1))
            stop = came[stop]
        return columns[::-1]

    def _cut(self, r: int) -> float:
        """Cost of a cut below rank `r`: dear where several tensors run, a little less where a block begins."""
        tensors = self.tensors[r]
        if not tensors or len(tensors) > 4:
            return 1e6
        fork = len(set(self.grid.steps[r])) > len(tensors)
        return CROSSING * (len(tensors) - 1) + (0.0 if fork else COLUMN)

    def _gather(self, r: int) -> None:
        """Let the edges of one tensor go to the next column together; they part there."""
        for step in self.grid.steps[r]:
            if self.grid.outs(step.upper) is None:
                outs = [tensor for tensor in self.tensors[r] if tensor[0] == step.upper]
                spread = _spread(self.grid.half[step.upper], [1e3] * len(outs))
                self.leaves[step] = self.place[step.upper] + spread[outs.index((step.upper, step.out))]
        self.gaps[r] = self._gap(r)

    def placement(self, long: float, aspect: float) -> Placement:
        grid, size = self.grid, self.size
        columns = self._columns(long, aspect)
        for _, last in columns[:-1]:
            self._gather(last)
        head = max((len(self.tensors[last]) * TRACK + 6 for _, last in columns[:-1]), default=0.0)
        starts, aside, column = [0.0] * len(size), [0.0] * len(size), [0] * len(size)
        ends, gutters = [], []  # of each column: where its last rank ends; the connector nearest to its right
        right = bottom = 0.0
        for i, (first, last) in enumerate(columns):
            low, high = self._extent(first, last)
            along = head + (self.gaps[first - 1] if first else 0.0)
            for r in range(first, last + 1):
                aside[r], starts[r], column[r] = right - low, along, i
                along += size[r] + (self.gaps[r] if r < last else 0.0)
            ends.append(along)
            right += high - low
            gutters.append(right + GUTTER)
            if last < len(size) - 1:
                right += 2 * GUTTER + (len(self.tensors[last]) - 1) * TRACK
                along += len(self.tensors[last]) * TRACK + 6
            bottom = max(bottom, along)

        middle = [start + length / 2 for start, length in zip(starts, size, strict=True)]
        ways = []
        for way in grid.ways:
            points: list[Point] = []
            for step in way:
                r = grid.rank[step.upper]
                leave, enter = self.leaves[step] + aside[r], self.enters[step] + aside[r + 1]
                if step.upper < grid.real:
                    points.append((leave, middle[r] + grid.nodes[step.upper].along / 2))
                points.append((leave, starts[r] + size[r]))
                if column[r] != column[r + 1]:  # below the column, up beside it, over the next: nested, so none cross
                    track = self.tensors[r].index((step.upper, step.out))
                    outer = (len(self.tensors[r]) - track) * TRACK
                    under, beside = ends[column[r]] + outer + 3, gutters[column[r]] + outer - TRACK
                    over, back = head - 3 - (track + 1) * TRACK, self.leaves[step] + aside[r + 1]
                    points += [(leave, under), (beside, under), (beside, over), (back, over), (back, head)]
                points.append((enter, starts[r + 1]))
                if step.lower < grid.real:
                    points.append((enter, middle[r + 1] - grid.nodes[step.lower].along / 2))
            ways.append(clean(points))
        middles = [(self.place[p] + aside[grid.rank[p]], middle[grid.rank[p]]) for p in range(grid.real)]
        return Placement(middles, ways, right, bottom)

    def _extent(self, first: int, last: int) -> Point:
        """Leftmost and rightmost place across of the ranks from `first` to `last`, with the edges that come in."""
        points = [p for ps in self.grid.ranks[first : last + 1] for p in ps]
        entering = [self.leaves[step] for step in self.grid.steps[first - 1]] if first else []
        left = min([self.place[p] - self.grid.half[p] for p in points] + entering)
        return left, max([self.place[p] + self.grid.half[p] for p in points] + entering)


def _fanned(aims: dict[Segment, float], middle: float, half: float) -> dict[Segment, float]:
    """Where steps that aim at these places leave a point, in the order of their aims."""
    steps = sorted(aims, key=lambda step: (aims[step], step.slot))
    offsets = _spread(half, [aims[step] - middle for step in steps])
    return {step: middle + offset for step, offset in zip(steps, offsets, strict=True)}


def _spread(half: float, aims: list[float]) -> list[float]:
    """Where edges that aim at `aims` (in order, from a node's middle) leave a node of that half width.

    A single edge straight below leaves there and the others beside it; else they fan out from the middle.
    """
    room = max(half - CORNER, 0.0)
    straight = [i for i, aim in enumerate(aims) if abs(aim) < 4 and abs(aim) <= room]
    if len(straight) == 1:
        main = straight[0]
        left = [max(-room * (main - i) / main, aims[i]) for i in range(main)]
        beside = len(aims) - 1 - main
        right = [min(room * (i - main) / beside, aims[i]) for i in range(main + 1, len(aims))]
        return [*left, aims[main], *right]
    step = min(2 * room / max(len(aims) - 1, 1), FAN)
    return [(i - (len(aims) - 1) / 2) * step for i in range(len(aims))]


def clean(points: list[Point]) -> list[Point]:
    """`points` without repetitions and without points in the middle of a straight line along the network."""
    kept: list[Point] = []
    for point in ((round(a, 2), round(b, 2)) for a, b in points):
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and kept[-2][0] == kept[-1][0] == point[0] and kept[-2][1] <= kept[-1][1] <= point[1]:
            kept.pop()
        kept.append(point)
    return kept
