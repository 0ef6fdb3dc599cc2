"""An array of a layer as Keras shows it: by Keras' name, in Keras' layout, over the tensor that torch computes with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from striate.errors import ShapeError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from striate.graph.layer import Layer

Turn = Callable[["torch.Tensor"], "torch.Tensor"]


class Variable:
    """One array of a layer.

    name        Keras' name, such as "kernel"
    path        with the layer's: "conv2d/kernel"
    layer       the layer that it is of
    value       the torch tensor that holds the numbers, in torch's layout: kernels (out, in, height, width)
    learns      whether it is one that training changes, where its layer is trainable
    to, back    turn a tensor into Keras' layout, and back
    constraint  what it must be after each update: a function of the array in Keras' layout, or None
    regularizer  what it is penalised with, or None
    """

    __slots__ = ("_back", "_to", "constraint", "layer", "learns", "name", "path", "regularizer", "slot", "value")

    def __init__(
        self,
        name: str,
        path: str,
        layer: Layer,
        value: torch.Tensor,
        learns: bool,
        to: Turn,
        back: Turn,
        constraint: Any = None,
        regularizer: Any = None,
    ) -> None:
        self.name, self.path, self.layer, self.value, self.learns = name, path, layer, value, learns
        self._to, self._back, self.constraint, self.regularizer = to, back, constraint, regularizer
        self.slot: Any = None  # its place in the layer, once there is one

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return self.learns and self.layer.trainable

    @property
    def shape(self) -> tuple[int, ...]:
        """In Keras' layout, such as (3, 3, 64, 128) of a kernel."""
        return tuple(self._to(self.value.detach()).shape)

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.value.shape)

    @property
    def dtype(self) -> str:
        """The type of its numbers, such as "float32"."""
        return str(self.value.dtype).removeprefix("torch.")

    def numpy(self) -> np.ndarray:
        """A copy of the numbers in Keras' layout: kernels (height, width, in, out)."""
        array: np.ndarray = self._to(self.value.detach()).cpu().contiguous().numpy().copy()
        if array.size != 1 or not array.ndim:
            return array
        from striate.graph.one_number import OneNumber

        return array.view(OneNumber)

    def in_keras(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor that goes with this one, such as its gradient, in Keras' layout: kernels (height, width, in, out).

        tensor   in torch's layout, of the shape of ``value``: kernels (out, in, height, width)
        """
        return self._to(tensor.detach())

    def turned(self, tensor: torch.Tensor) -> torch.Tensor:
        """The inverse of ``in_keras``.

        tensor   in Keras' layout: kernels (height, width, in, out)

        Returns it as torch has it, (out, in, height, width), in memory as ``value`` is: fused kernels count on that.
        """
        return self.value.detach().clone().copy_(self._back(tensor).reshape(self.value.shape))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def check(self, array: Any) -> None:
        """Raise ShapeError unless an array has this one's shape, ArgumentError unless it holds numbers.

        array   in Keras' layout
        """
        import numpy as np

        given = tuple(array.shape) if hasattr(array, "shape") else np.shape(array)
        if given != self.shape:
            raise ShapeError(
                f"{self.path} has shape {self.shape}, the array given has {given}. Arrays are in Keras' layout; those of "
                "torch go in with model.module.load_state_dict(...)."
            )

    def assign(self, value: Any) -> Variable:
        """Take the numbers of an array; returns the variable.

        value   in Keras' layout: anything that NumPy makes an array of, or a torch tensor

        Raises ShapeError for another shape.
        """
        import torch

        self.check(value)
        if isinstance(value, Variable):
            value = value.numpy()
        array = value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(_numbers(value))
        with torch.no_grad():
            self.value.copy_(self._back(array).reshape(self.value.shape))
        return self

    def laid_out(self) -> torch.Tensor:
        """The torch tensor itself in Keras' layout, so that a gradient reaches it: kernels (height, width, in, out)."""
        return self._to(self.value)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, trainable={self.trainable}>"


def _numbers(value: Any) -> np.ndarray:
    import numpy as np

    array = np.array(value)  # a copy, since torch warns of arrays that cannot be written to
    return array if array.dtype.kind in "fiub" else array.astype("float32")
