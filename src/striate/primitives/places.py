"""Numbers that say where, counted from the cell of a grid that they belong to, as places in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate.errors import ArgumentError, ShapeError
from striate.graph import Primitive, Shape, Value
from striate.graph.lowering import put
from striate.primitives.arguments import number, whole


@dataclass(frozen=True)
class Cells:
    """Cells that cover a picture, row after row.

    rows, columns   how many
    down, across    how many pixels a cell is high and wide
    """

    rows: int
    columns: int
    down: float
    across: float


class Locate(Primitive):
    """Rows of numbers, each scaled by its cell's sides and counted from its cell.  (P, K) -> (P, K).

    grids     their cells in order are the rows
    factors   what each of the K numbers is multiplied by, in cells; the first, third … are across, the others down
    anchor    where in its cell a number is counted from: 0 the left upper corner, 0.5 the middle
    each      how many rows of a cell stand one after the other
    """

    family = "reshape"

    grids: tuple[Cells, ...]
    factors: tuple[float, ...]
    anchor: float = 0.5
    each: int = 1

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.each * sum(grid.rows * grid.columns for grid in self.grids)

    def shape(self, *inputs: Shape) -> Shape:
        if inputs[0] != (self.rows, len(self.factors)):
            raise ShapeError(f"takes ({self.rows}, {len(self.factors)}), a row for each cell; it got {inputs[0]}.")
        return inputs[0]


def locate(x: Value, grids: tuple[Cells, ...], factors: tuple[float, ...], anchor: float = 0.5, each: int = 1) -> Value:
    """Rows of numbers, each scaled by its cell's sides and counted from its cell.  Shape unchanged.

    x         (P, K)
    grids     whose cells are the rows, in order
    factors   of each of the K numbers, in cells; the first, third … are across, the others down
    anchor    where in its cell a number is counted from, 0 to 1
    each      how many rows of a cell stand one after the other, at least 1

    Raises ShapeError for another number of rows or columns, ArgumentError for values out of range.
    """
    if not grids or not all(isinstance(grid, Cells) for grid in grids):
        raise ArgumentError(f"locate: grids are Cells objects, one or more, not {grids!r}.")
    listed: list[Any] = [number(factor, "locate: a factor", -float("inf")) for factor in factors]
    return put(
        Locate(tuple(grids), tuple(listed), number(anchor, "locate: anchor", 0, 1), whole(each, "locate: each")), x
    )
