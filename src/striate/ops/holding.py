"""The numbers of a weight that ``add_weight`` made, before and after its layer is called."""

from __future__ import annotations

from typing import Any

from torch import nn

from striate.ops.torch_code import started


def tensor_of(weight: Any) -> Any:
    """The torch tensor of a weight: that of the module of its layer, or one that the module will begin with.

    weight   of a layer of a user's own
    """
    layer = weight.layer
    root, parts = layer.__dict__.get("_inside", (layer, None))
    if root is not None and root.node is not None:
        for one in root.weights:  # makes the module
            part, _, last = one.slot.name.rpartition(".")
            mine = one.slot.step.part in parts if parts is not None else True
            if mine and (last == weight.name or part == weight.name or part.endswith(f"_{weight.name}")):
                laid = one.laid_out() if part else one.value
                return laid if tuple(laid.shape) == weight.shape else laid.reshape(weight.shape)
    if weight.held is None:
        tensor = started(weight)
        weight.held = nn.Parameter(tensor) if weight.trainable else tensor
    return weight.held
