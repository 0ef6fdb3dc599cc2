"""Layered drawing of a directed acyclic graph: ranks, orders and places, with no edge through a node.

The method of Sugiyama, Tagawa & Toda 1981, "Methods for visual understanding of hierarchical system structures", with
later parts where they are better:
  grid.py       ranks: longest path from the sources; what is needed late sinks down.  An edge over several ranks gets a
                dummy point on each rank in between, so that room is kept for it
  crossings.py  orders within the ranks: barycentres, swept down and up; the order with the fewest crossings stays
  lanes.py      places across: points that should stand exactly below each other form lanes, and the lanes go as near to
                their neighbours as the gaps between them allow
  ways.py       places along, the ways of the edges, and columns: a drawing that is far too long is cut where few run

"Along" is the direction in which the network runs and "across" the other one; the caller turns them into x and y.
"""

from __future__ import annotations

from collections.abc import Sequence

from striate.draw.sugiyama.crossings import order
from striate.draw.sugiyama.grid import DrawnNode, Edge, Point, RankGrid
from striate.draw.sugiyama.lanes import places
from striate.draw.sugiyama.ways import Placement, clean, placed

__all__ = ["Edge", "DrawnNode", "Placement", "Point", "arrange", "clean"]


def arrange(nodes: Sequence[DrawnNode], edges: Sequence[Edge], *, long: float, aspect: float) -> Placement:
    """Places for `nodes` and ways for `edges`.  Edges lead from lower to higher numbers.  Same input, same drawing.

    A drawing of more than `long` pixels along is cut into columns so that across : along comes near to `aspect`.
    """
    if not nodes:
        return Placement()
    grid = RankGrid(nodes, edges)
    order(grid)
    return placed(grid, places(grid), long, aspect)
