"""Orders within the ranks that make edges cross seldom."""

from __future__ import annotations

from bisect import bisect_right, insort

from striate.draw.sugiyama.grid import RankGrid

TURNS = 16  # sweeps at most
STALE = 4  # sweeps without progress before giving up


def order(grid: RankGrid) -> None:
    """Order the points of every rank.  Blocks between ranks of a single point do not affect each other."""
    work = _Order(grid)
    first = 0
    for r, points in enumerate(grid.ranks):
        if len(points) == 1 or r == len(grid.ranks) - 1:
            if r > first:
                work.sweep(first, r)
            first = r


class _Order:
    def __init__(self, grid: RankGrid) -> None:
        self.grid = grid
        self.above: list[list[int]] = [[] for _ in grid.rank]
        self.below: list[list[int]] = [[] for _ in grid.rank]
        for steps in grid.steps:
            for step in steps:
                self.below[step.upper].append(step.lower)
                self.above[step.lower].append(step.upper)

    def sweep(self, first: int, last: int) -> None:
        """Sort the ranks from `first` to `last` by the mean place of what their points are joined to, down and up."""
        grid = self.grid
        best, fewest, stale = [list(points) for points in grid.ranks[first : last + 1]], self._crossings(first, last), 0
        for turn in range(TURNS):
            if fewest == 0 or stale > STALE:
                break
            down = turn % 2 == 0
            near = self.above if down else self.below
            for r in range(first + 1, last + 1) if down else range(last - 1, first - 1, -1):
                points = grid.ranks[r]
                mean = {p: sum(grid.at[q] for q in near[p]) / len(near[p]) if near[p] else grid.at[p] for p in points}
                points.sort(key=mean.__getitem__)
                grid.number(points)
            self._swap(first, last)
            crossings = self._crossings(first, last)
            stale += 1
            if crossings < fewest:
                best, fewest, stale = [list(points) for points in grid.ranks[first : last + 1]], crossings, 0
        for r, points in zip(range(first, last + 1), best, strict=True):
            grid.ranks[r] = points
            grid.number(points)

    def _crossings(self, first: int, last: int) -> int:
        """Crossings between neighbouring ranks (Barth, Jünger & Mutzel 2002, "Simple and efficient bilayer cross
        counting"): inversions among the lower ends of the edges, taken from left to right."""
        total = 0
        for r in range(first, last):
            seen: list[int] = []
            for point in self.grid.ranks[r]:
                ends = [self.grid.at[p] for p in self.below[point]]
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def _swap(self, first: int, last: int) -> None:
        """Swap neighbours where that saves crossings (Gansner et al. 1993, "A technique for drawing directed graphs",
        section 3)."""
        at = self.grid.at
        for points in self.grid.ranks[first : last + 1]:
            for i in range(len(points) - 1):
                left, right = points[i], points[i + 1]
                saved = 0
                for near in (self.above, self.below):
                    for x in (at[p] for p in near[left]):
                        for y in (at[p] for p in near[right]):
                            saved += (x > y) - (x < y)
                if saved > 0:
                    points[i], points[i + 1] = right, left
                    at[left], at[right] = i + 1, i
