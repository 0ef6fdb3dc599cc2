"""How each primitive runs in torch: one row per primitive.

A row gets the builder, the step and the fx nodes of its inputs, and returns the fx node of its output.  ``windows`` holds
the rows of what slides a window or gathers axes, ``arrays`` those of what multiplies by arrays, ``rows`` the others.
Stateful primitives become a submodule under the layer's name; the rest become plain function calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import fx

from striate.graph import Rows, Step

if TYPE_CHECKING:
    from striate.backend.builder import Builder

ROWS: Rows[Callable[[Builder, Step, list[fx.Node]], fx.Node]] = Rows()
