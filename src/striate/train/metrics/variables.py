"""Numbers that a metric of a user's own keeps: tensors that can be assigned, as Keras' variables can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from striate.errors import ArgumentError, unknown
from striate.train.tensors import tensor

DTYPES = {
    name: getattr(torch, name)
    for name in ("float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool")
} | {"int": torch.int32, "float": torch.float32}


class NamedTensor(torch.Tensor):
    """A tensor with a name; what is computed of it is a plain tensor."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    name: str | None = None  # type: ignore[assignment]


def named(value: torch.Tensor, name: str) -> NamedTensor:
    """A tensor under a name."""
    made = value.detach().as_subclass(NamedTensor)
    made.name = name
    return made


class MetricVariable(NamedTensor):
    """A tensor that can be assigned; what is computed of it is a plain tensor."""

    def assign(self, value: Any) -> MetricVariable:
        """Take on `value`, of the same shape or one number for all.

        Raises ArgumentError for another shape.
        """
        given = tensor("what is assigned", value).detach()
        try:
            with torch.no_grad():
                self.copy_(given)
        except RuntimeError:
            raise ArgumentError(
                f"a variable of shape {tuple(self.shape)} cannot take on a value of shape {tuple(given.shape)}."
            ) from None
        return self

    def assign_add(self, value: Any) -> MetricVariable:
        """Add `value`, of the same shape or one number for all."""
        return self.assign(self + tensor("what is added", value, like=self))

    def assign_sub(self, value: Any) -> MetricVariable:
        """Take `value` away, of the same shape or one number for all."""
        return self.assign(self - tensor("what is taken away", value, like=self))

    @property
    def value(self) -> torch.Tensor:
        """Its numbers, a tensor of its shape."""
        return self.as_subclass(torch.Tensor)


def variable(shape: Sequence[int] | int, initializer: Any, dtype: Any, called: str | None = None) -> MetricVariable:
    """A variable of a shape, filled by an initializer or by its name; None: zeros."""
    from striate.layers import initializers

    name = dtype if isinstance(dtype, str) else str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise unknown("dtype", name, DTYPES)
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    values = torch.zeros(sizes)
    if initializer is not None:
        values = tensor("initializer", initializers.get(initializer)(sizes))
    made = values.to(DTYPES[name]).as_subclass(MetricVariable)
    made.name = called or "variable"
    return made
