"""How each primitive runs in torch: one row per primitive.

A row gets the builder, the step and the fx nodes of its inputs, and returns the fx node of its output.  ``windows`` holds
the rows of what slides a window or gathers axes, ``arrays`` those of what multiplies by arrays, ``rows`` the others.
Stateful primitives become a submodule under the layer's name; the rest become plain function calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import fx

from striate.errors import ArgumentError
from striate.graph import Primitive, Step

if TYPE_CHECKING:
    from striate.backend.builder import Builder

Row = Callable[["Builder", Step, list[fx.Node]], fx.Node]
ROWS: dict[type[Primitive], Row] = {}


def row(*kinds: type[Primitive]) -> Callable[[Row], Row]:
    """Register a function as the row of these primitives."""

    def register(function: Row) -> Row:
        for kind in kinds:
            ROWS[kind] = function
        return function

    return register


def row_of(primitive: Primitive) -> Row:
    """The row of a primitive.  Raises ArgumentError for one that striate does not know."""
    if type(primitive) not in ROWS:
        raise ArgumentError(f"the primitive {type(primitive).__name__} is not one of striate.primitives.")
    return ROWS[type(primitive)]
