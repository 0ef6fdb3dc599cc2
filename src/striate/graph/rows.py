"""A view of a network as a table: one row per primitive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from striate.errors import ArgumentError
from striate.graph.lowering import Primitive

Row = TypeVar("Row", bound=Callable[..., object])


class Rows(dict[type[Primitive], Row], Generic[Row]):
    """The rows of a view by the class of their primitive; a row is a function, and what it takes is the view's own."""

    def row(self, *kinds: type[Primitive]) -> Callable[[Row], Row]:
        """Register a function as the row of these primitives.

        kinds   classes of ``striate.primitives``
        """

        def register(function: Row) -> Row:
            self.update(dict.fromkeys(kinds, function))
            return function

        return register

    def of(self, primitive: Primitive) -> Row:
        """The row of a primitive.  Raises ArgumentError for one that striate does not know.

        primitive   of a step
        """
        try:
            return self[type(primitive)]
        except KeyError:
            raise ArgumentError(
                f"the primitive {type(primitive).__name__} is not one of striate.primitives; a layer is made of those."
            ) from None
