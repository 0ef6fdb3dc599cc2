"""Torch code of a user's own, as one primitive."""

from __future__ import annotations

from typing import Any, Protocol

from striate.graph import Primitive, Shape, Value, Weight
from striate.graph.lowering import put


class Code(Protocol):
    """What a ``Foreign`` asks of the code: what it would be asked of a primitive, found by running it once."""

    def shape(self, *inputs: Shape) -> Shape:
        """Of the output, channels-last and without the batch, for `inputs` of these shapes."""
        ...

    def arrays(self, trainable: bool, *inputs: Shape) -> dict[str, Weight]:
        """Its `trainable` arrays, or its buffers, by name, for `inputs` of these shapes."""
        ...

    def mults(self, *inputs: Shape) -> int:
        """Multiplications for one sample of `inputs`, of convolutions and matrix products."""
        ...

    def kept(self, training: bool, grads: tuple[bool, ...], *inputs: Shape) -> Any:
        """What its backward pass needs in `training`, `grads` saying which `inputs` need one: ``ops.kept.Saved``."""
        ...

    def ending(self, *inputs: Shape) -> str | int | None:
        """The function that it ends in, for `inputs` of these shapes: "softmax", "log_softmax", "sigmoid", "hard_sigmoid".

        A number: it gives this input as it is; None: something else.
        """
        ...

    def module(self, *inputs: Shape) -> Any:
        """The torch module, (N, C, …) in and out, for `inputs` of these shapes."""
        ...


class Foreign(Primitive):
    """Torch code of a user's own.  Any shapes -> the shape that it gives.

    code   what runs
    """

    family = "other"
    stateful = True

    code: Code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign) and self.code is other.code

    def shape(self, *inputs: Shape) -> Shape:
        return self.code.shape(*inputs)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return self.code.arrays(True, *inputs)

    def buffers(self, *inputs: Shape) -> dict[str, Weight]:
        return self.code.arrays(False, *inputs)

    def mults(self, *inputs: Shape) -> int:
        return self.code.mults(*inputs)


def foreign(code: Code, *values: Value) -> Value:
    """Torch code of a user's own.

    code     what runs
    values   its inputs

    Raises ShapeError where it cannot run on such shapes.
    """
    return put(Foreign(code), *values)
