"""Functions of ``striate.ops`` that have no primitives, as the torch code of a layer: what an ``OpsLayer`` then runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from striate.ops import eager
from striate.ops.signatures import SIGNATURES
from striate.ops.torch_code import LayerCode, channels_first, channels_last


class FunctionModule(nn.Module):
    """A function on channels-first tensors.

    layer    the ``OpsLayer`` that says which, with which arguments
    output   which of its results, None where it gives one
    """

    def __init__(self, layer: Any, output: int | None) -> None:
        super().__init__()
        self.op, self.output = layer.op, output
        self.takes, self.constants = layer.takes, dict(layer.options)
        self.arguments = layer.arguments
        for name, value in self.constants.items():
            if isinstance(value, tuple) and name != "key" and _numbers(value):
                self.constants[name] = np.array(value, "float32")

    def __deepcopy__(self, memo: dict[int, Any]) -> FunctionModule:
        return self  # it has no arrays

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        given = {**self.arguments(tuple(channels_last(x) for x in xs)), **self.constants}
        given |= {"key": self.arguments(tuple(xs))["key"]} if "key" in given else {}
        spread = [name for name, one in SIGNATURES[self.op][0].parameters.items() if one.kind is one.VAR_POSITIONAL]
        args = [value for name in spread for value in given.pop(name)]
        first = [given.pop(name) for name in SIGNATURES[self.op][0].parameters if spread and name in given]
        result = eager.run(self.op, *first, *args, **given)
        result = result if self.output is None else result[self.output]
        result = result if result.is_floating_point() else result.float()
        return channels_first(result)


def _numbers(value: Any) -> bool:
    """Whether nested tuples hold nothing but floats: an array, not an axis or a size."""
    if isinstance(value, tuple):
        return bool(value) and all(map(_numbers, value))
    return isinstance(value, float)


class FunctionCode(LayerCode):
    """The torch code of a function, as the primitive ``Foreign`` asks of it.

    layer    the ``OpsLayer``
    output   which of its results, None where it gives one
    """

    def __init__(self, layer: Any, output: int | None) -> None:
        super().__init__(layer, True)
        self.op, self.output = str(layer.op), output

    def _new(self) -> Any:
        return FunctionModule(self.layer, self.output)

    def _said(self) -> str:
        return f"ops.{self.op}"
