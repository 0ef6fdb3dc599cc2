"""The cross-entropies of ``striate.ops``."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from striate.ops.entries import entry, floats, tensor
from striate.ops.probabilities import clipped


@entry
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> torch.Tensor:
    y, p = floats(target), floats(output)
    if from_logits:
        return F.binary_cross_entropy_with_logits(p, y.to(p.dtype), reduction="none")
    return F.binary_cross_entropy(clipped(p, axis=None), y.to(p.dtype), reduction="none")


@entry
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> torch.Tensor:
    y, p = floats(target), floats(output)
    if from_logits:
        return -(y * torch.log_softmax(p, axis)).sum(axis)
    return -(y * clipped(p, axis).log()).sum(axis)


@entry
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> torch.Tensor:
    y, p = tensor(target).long(), floats(output)
    y = y.squeeze(-1) if y.ndim == p.ndim and y.shape[-1] == 1 else y
    scores = torch.log_softmax(p, axis) if from_logits else clipped(p, axis).log()
    return -torch.take_along_dim(scores, y.unsqueeze(axis), axis).squeeze(axis)
