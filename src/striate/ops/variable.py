"""A weight that a layer of a user's own adds: an array in torch, nothing but a shape while the layer is lowered."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from typing import Any

from striate.graph import Initializer, Operand, Shape

#: Layers of a user's own whose torch code runs now: the layers that they call are theirs.
RUNNING: list[Any] = []

#: Layers of a user's own whose ``call`` is traced now: weights have no numbers then.
TRACING: list[Any] = []


class NeedsTorch(Exception):  # noqa: N818  it is no error
    """What is traced asks for numbers, or for a function of torch: it runs as torch code."""


class NotLowered(Exception):  # noqa: N818  it is no error
    """A function with these arguments has no primitives."""


class OwnWeight:
    """What ``add_weight`` gives; it can be used like a torch tensor in ``call``.

    name          in the layer
    shape         as it was given
    initializer   how it starts
    regularizer   what it is penalised with
    trainable     whether training changes it
    constraint    what it must be after each update
    layer         that has it
    dtype         of its numbers
    """

    def __init__(
        self,
        name: str,
        shape: Shape,
        initializer: Any,
        regularizer: Any,
        trainable: bool,
        constraint: Any = None,
        layer: Any = None,
        dtype: str = "float32",
    ) -> None:
        self.name = name
        self.shape = shape
        self.initializer = initializer
        self.regularizer = regularizer
        self.constraint = constraint
        self.trainable = trainable
        self.tensor: Any = None  # while the layer's module runs
        self.used = False  # while the layer is traced
        self.layer, self.dtype = layer, dtype
        self.held: Any = None  # its numbers, where they were asked for before the layer was called

    def __repr__(self) -> str:
        return f"<weight {self.name} {self.shape}>"

    @property
    def value(self) -> Any:
        """The array, a torch tensor: that of the layer's module, before a call one that the module will begin with."""
        if self.tensor is not None:
            return self.tensor
        if TRACING:
            raise NeedsTorch
        return importlib.import_module("striate.ops.holding").tensor_of(self)

    def numpy(self) -> Any:
        """A copy of the numbers."""
        return self.value.detach().cpu().numpy().copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def assign(self, value: Any) -> None:
        """Give it other numbers.

        value   a tensor or an array of its shape
        """
        import torch

        with torch.no_grad():
            self.value.copy_(torch.as_tensor(value))

    def assign_add(self, value: Any) -> None:
        """Add to it.

        value   a tensor, an array or a number
        """
        self.assign(self.value.detach() + value)

    def assign_sub(self, value: Any) -> None:
        """Take from it.

        value   a tensor, an array or a number
        """
        self.assign(self.value.detach() - value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.value, name)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def bare(one: Any) -> Any:
            if isinstance(one, list | tuple):
                return type(one)(map(bare, one))
            return one.value if isinstance(one, OwnWeight) else one

        return function(*map(bare, args), **{key: bare(one) for key, one in (kwargs or {}).items()})

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __neg__(self) -> Any:
        return -self.value


class StartsWith(Initializer):
    """The numbers that a weight has been given before its layer was called.

    weight   whose they are
    """

    abstract = True

    def __init__(self, weight: OwnWeight) -> None:
        self.weight = weight

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return self.weight.held.detach().reshape(tuple(shape))


def _operator(name: str, function: Callable[[Any, Any], Any]) -> None:
    names = {"sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power"}

    def forward(self: OwnWeight, other: Any) -> Any:
        if isinstance(other, Operand):
            return other._operate(names.get(name, name), self, other)
        return function(self.value, other.value if isinstance(other, OwnWeight) else other)

    def backward(self: OwnWeight, other: Any) -> Any:
        if isinstance(other, Operand):
            return other._operate(names.get(name, name), other, self)
        return function(other, self.value)

    setattr(OwnWeight, f"__{name}__", forward)
    setattr(OwnWeight, f"__r{name}__", backward)


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    _operator(_name, getattr(operator, _name))
