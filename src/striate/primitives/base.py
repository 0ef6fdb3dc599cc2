"""What the primitives share: how arrays start, and how an input's axes are told apart."""

from __future__ import annotations

from dataclasses import dataclass

from striate.errors import ShapeError
from striate.graph import Constraint, Initializer, Regularizer, Shape, Weight

Start = str | Initializer


@dataclass(frozen=True)
class Parameter:
    """How an array of a primitive starts, what it is penalised with, and what it must be.

    initializer   a name such as "glorot_uniform", or an Initializer
    regularizer   a name such as "l2", a Regularizer or None
    constraint    a name such as "non_neg", a Constraint or None
    """

    initializer: Start = "zeros"
    regularizer: str | Regularizer | None = None
    constraint: str | Constraint | None = None

    def weight(self, shape: Shape, fans: tuple[int, int] = (1, 1)) -> Weight:
        """The array.

        shape   in torch's layout
        fans    inputs and outputs per unit, for the scaled initializers
        """
        return Weight(shape, self.initializer, fans, self.regularizer, self.constraint)


def parameter(value: Start | Parameter | None) -> Parameter | None:
    """What a function of primitives was given for an array: a Parameter, an initializer, or None for no array."""
    return value if value is None or isinstance(value, Parameter) else Parameter(value)


def split_shape(x: Shape, rank: int) -> tuple[Shape, int]:
    """An input shape as (sizes, channels).  Raises ShapeError unless it has `rank` axes and channels."""
    if len(x) != rank + 1:
        wants = "(length, channels)" if rank == 1 else "(height, width, channels)"
        hint = ""
        if len(x) == rank:
            hint = f" Add a channel axis: Reshape({(*x, 1)}), or input_shape={(*x, 1)} with array[..., None]."
        raise ShapeError(f"takes {wants}, it got {x}.{hint}")
    return x[:-1], x[-1]
