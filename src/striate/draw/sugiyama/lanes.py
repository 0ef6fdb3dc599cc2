"""Places across: lanes of points that stand exactly below each other, as near to their neighbours as gaps allow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from striate.draw.sugiyama.grid import RankGrid, Segment

#: Room between neighbours on a rank, by whether each is a node.
APART = {(True, True): 26.0, (True, False): 16.0, (False, True): 16.0, (False, False): 13.0}
TURNS = 30  # rounds of moving lanes at most
LIGHT = 0.02  # how much a long edge moves a node, where a node moves it by 1

Gaps = list[list[tuple[int, float]]]  # for each lane: lanes to the left of it, and how far away they stay at least


@dataclass
class _Lanes:
    """`lane` of each point, and its `shift` from the lane's place; `number` of lanes."""

    lane: list[int]
    shift: list[float]
    number: int


def places(grid: RankGrid) -> list[float]:
    """Place across of every point's middle, in the order that the ranks have."""
    lanes = _lanes(grid)
    gaps = _gaps(grid, lanes)
    order = _sorted(gaps)
    held = {}  # a point that is alone on its rank stands on the axis, so that the network has a straight spine
    for points in reversed(grid.ranks):
        if len(points) == 1 and points[0] < grid.real:
            held[lanes.lane[points[0]]] = -lanes.shift[points[0]]
    weight = [0.01] * lanes.number
    for point in range(grid.real):
        weight[lanes.lane[point]] = 1.0
    for lane in held:
        weight[lane] = 1e6
    pulls = _pulls(grid, lanes)

    place = [0.0] * lanes.number
    for lane in order:
        place[lane] = max((place[a] + gap for a, gap in gaps[lane]), default=0.0)
    for _ in range(TURNS):
        wanted = []
        for lane, of_lane in enumerate(pulls):
            total = sum(w for _, _, w in of_lane)
            mean = sum(w * (place[a] + away) for a, away, w in of_lane) / total if total else place[lane]
            wanted.append(held.get(lane, (place[lane] + mean) / 2))
        before, place = place, _separated(wanted, weight, gaps, order)
        if max(abs(x - y) for x, y in zip(before, place, strict=True)) < 0.05:
            break
    return [round(place[lane]) + shift for lane, shift in zip(lanes.lane, lanes.shift, strict=True)]


def _lanes(grid: RankGrid) -> _Lanes:
    """Chains of points joined by steps that should be straight; where two such steps cross, the longer edge's is."""
    straight: dict[int, Segment] = {}  # by its lower end
    for steps in grid.steps:
        kept: list[tuple[int, int]] = []
        for step in sorted(_straight(grid, steps), key=lambda s: (s.upper < grid.real) + (s.lower < grid.real)):
            a, b = grid.at[step.upper], grid.at[step.lower]
            if all((a < x) == (b < y) and a != x and b != y for x, y in kept):
                kept.append((a, b))
                straight[step.lower] = step
    lane, shift, number = [-1] * len(grid.rank), [0.0] * len(grid.rank), 0
    for points in grid.ranks:
        for point in points:
            if point in straight:
                step = straight[point]
                lane[point] = lane[step.upper]
                shift[point] = shift[step.upper] + grid.offset(step)
            else:
                lane[point] = number
                number += 1
    return _Lanes(lane, shift, number)


def _straight(grid: RankGrid, steps: list[Segment]) -> list[Segment]:
    """The steps of one rank that should be straight: those from a point's main follower to its main source."""
    down: dict[int, list[Segment]] = {}
    up: dict[int, list[Segment]] = {}
    for step in steps:
        down.setdefault(step.upper, []).append(step)
        up.setdefault(step.lower, []).append(step)
    follower = {}
    for point, leaving in down.items():
        onward = (
            [s for s in leaving if s.lower >= grid.real] if point >= grid.real else []
        )  # a line goes on, it has one way
        follower[point] = onward[0] if onward else _main(grid, leaving, [s.lower for s in leaving])
    source = {point: _main(grid, entering, [s.upper for s in entering]) for point, entering in up.items()}
    return [s for s in steps if follower[s.upper] is s and source[s.lower] is s]


def _main(grid: RankGrid, steps: list[Segment], ends: list[int]) -> Segment | None:
    """The step to the only node among `ends`; else to the middle one of an odd number."""
    nodes = [i for i, end in enumerate(ends) if end < grid.real]
    if len(nodes) != 1:
        nodes = sorted(range(len(ends)), key=lambda i: (grid.at[ends[i]], grid.offset(steps[i])))
    return steps[nodes[len(nodes) // 2]] if len(nodes) % 2 else None


def _gaps(grid: RankGrid, lanes: _Lanes) -> Gaps:
    """How far lanes stay apart because of neighbours on a rank."""
    least: dict[tuple[int, int], float] = {}
    for points in grid.ranks:
        for a, b in pairwise(points):
            apart = APART[a < grid.real, b < grid.real] + grid.half[a] + grid.half[b]
            key = lanes.lane[a], lanes.lane[b]
            least[key] = max(least.get(key, -1e9), apart + lanes.shift[a] - lanes.shift[b])
    gaps: Gaps = [[] for _ in range(lanes.number)]
    for (a, b), gap in least.items():
        gaps[b].append((a, gap))
    return gaps


def _pulls(grid: RankGrid, lanes: _Lanes) -> list[list[tuple[int, float, float]]]:
    """For each lane, the lanes it is joined to: (lane, where it wants to be from there, how much)."""
    pulls: list[list[tuple[int, float, float]]] = [[] for _ in range(lanes.number)]
    for steps in grid.steps:
        for step in steps:
            a, b = lanes.lane[step.upper], lanes.lane[step.lower]
            if a != b:
                above, below = step.upper < grid.real, step.lower < grid.real
                away = lanes.shift[step.upper] - lanes.shift[step.lower] + grid.offset(step)
                pulls[b].append((a, away, LIGHT if below and not above else 1.0))
                pulls[a].append((b, -away, LIGHT if above and not below else 1.0))
    return pulls


def _sorted(gaps: Gaps) -> list[int]:
    """Lanes, each after those to the left of it."""
    after: list[list[int]] = [[] for _ in gaps]
    waits = [len(neighbours) for neighbours in gaps]
    for b, neighbours in enumerate(gaps):
        for a, _ in neighbours:
            after[a].append(b)
    ready = [lane for lane, count in enumerate(waits) if count == 0]
    for a in ready:
        for b in after[a]:
            waits[b] -= 1
            if waits[b] == 0:
                ready.append(b)
    return ready


def _separated(wanted: list[float], weight: list[float], gaps: Gaps, order: list[int]) -> list[float]:
    """Places near to `wanted` (by weight) with place[b] >= place[a] + gap for each (a, gap) in ``gaps[b]``.

    Each lane starts as a block of its own; a block that comes too near to another is joined to it, to move as one.
    Dwyer, Marriott & Stuckey 2006, "Fast node overlap removal", procedure satisfy_VPSC.
    """
    block = list(range(len(wanted)))
    offset = [0.0] * len(wanted)  # of a lane in its block
    members = [[lane] for lane in block]
    mass = list(weight)
    moment = [w * x for w, x in zip(weight, wanted, strict=True)]
    for b in order:
        while True:
            worst, join = 1e-7, None
            base = moment[b] / mass[b]
            for m in members[b]:
                for a, gap in gaps[m]:
                    other = block[a]
                    if other != b:
                        lack = moment[other] / mass[other] + offset[a] + gap - base - offset[m]
                        if lack > worst:
                            worst, join = lack, (other, offset[a] + gap - offset[m])
            if join is None:
                break
            other, by = join
            for m in members[b]:
                offset[m] += by
                block[m] = other
            moment[other] += moment[b] - mass[b] * by
            mass[other] += mass[b]
            members[other] += members[b]
            b = other  # the joined block may now be too near to one further left
    return [moment[b] / mass[b] + off for b, off in zip(block, offset, strict=True)]
