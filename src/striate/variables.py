"""``Variable``: an array that training changes, outside of any layer, as Keras has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.guard import guard, guarded
from striate.ops.entries import dtype_of, tensor

__all__ = ["Variable"]


class FreeVariable(torch.nn.Parameter):
    """Numbers that can be assigned and learnt.  It is a torch Parameter: torch, ``striate.ops`` and optimizers take it.

    initializer   numbers, or an initializer (a name or an object) with a shape
    shape         of the array, where an initializer makes it
    dtype         None: "float32", or as the numbers are
    trainable     whether gradients are computed for it
    autocast      taken as Keras has it
    aggregation   taken as Keras has it
    synchronization   taken as Keras has it
    name          None: "variable"
    layout        taken as Keras has it

    Raises ArgumentError for an initializer without a shape.
    """

    trainable: bool
    path: str

    @guarded
    def __new__(
        cls,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: Any = None,
    ) -> FreeVariable:
        if isinstance(initializer, str) or callable(initializer):
            if shape is None:
                raise ArgumentError(f"Variable: {initializer!r} makes an array of a shape; give shape=.")
            from striate.layers import initializers

            made = initializers.get(initializer) if isinstance(initializer, str) else initializer
            values = tensor(made(tuple(shape), dtype=dtype or "float32"))  # type: ignore[misc, operator]
        else:
            values = tensor(initializer, dtype_of(dtype)).detach().clone()
            values = values.float() if values.dtype == torch.float64 and dtype is None else values
            values = values if shape is None else values.broadcast_to(tuple(shape)).clone()
        learns = trainable and values.is_floating_point()
        self = super().__new__(cls, values, learns)
        self.trainable = trainable
        self.path = name or "variable"
        return self

    def __init__(self, initializer: Any, *args: Any, **kwargs: Any) -> None: ...

    @property
    def value(self) -> torch.Tensor:
        """The tensor, which is itself, of its shape."""
        return self

    @property
    def constraint(self) -> None:
        """None: nothing is done to it after an update."""

    def assign(self, value: Any) -> FreeVariable:
        """Take other numbers; returns the variable.

        value   of its shape

        Raises ArgumentError for another shape.
        """
        given = tensor(value)
        if given.shape != self.shape:
            raise ArgumentError(f'Variable "{self.path}" has shape {tuple(self.shape)}, not {tuple(given.shape)}.')
        with torch.no_grad():
            self.copy_(given)
        return self

    def assign_add(self, value: Any) -> FreeVariable:
        """Add to it; returns the variable.

        value   a tensor, an array or a number

        Raises ArgumentError for what does not go with its shape.
        """
        return self.assign((self.detach() + tensor(value)).expand(self.shape))

    def assign_sub(self, value: Any) -> FreeVariable:
        """Take from it; returns the variable.

        value   a tensor, an array or a number

        Raises ArgumentError for what does not go with its shape.
        """
        return self.assign((self.detach() - tensor(value)).expand(self.shape))

    def numpy(self) -> np.ndarray:  # type: ignore[override]
        """A copy of the numbers, an array of its shape."""
        return self.detach().cpu().clone().numpy()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"<Variable path={self.path}, shape={tuple(self.shape)}, trainable={self.trainable}>"


Variable = FreeVariable  # Keras' name; ``graph`` has that of a layer's array

guard(__name__)
