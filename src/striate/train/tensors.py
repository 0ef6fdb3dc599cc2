"""Targets, outputs and weights as users hand them over: arrays, lists or tensors, brought to tensors that go together.

Everything here is channels-last, as users see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.errors import ArgumentError, TrainingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DTYPES = ("float16", "bfloat16", "float32", "float64")
WHOLE = ("int8", "uint8", "int16", "int32", "int64")


def dtype_name(where: str, dtype: Any, whole: bool = False) -> str | None:
    """The name of a type of numbers: of its name, of a NumPy or torch type, or of what has one as ``compute_dtype``.

    where    what the message names
    whole    whether types of whole numbers will do as well

    Raises ArgumentError for any other.
    """
    if dtype is None:
        return None
    said = getattr(dtype, "compute_dtype", dtype)
    name = said if isinstance(said, str) else getattr(said, "__name__", None) or str(said).removeprefix("torch.")
    if name not in DTYPES and not (whole and name in WHOLE):
        raise ArgumentError(f"{where}: dtype={dtype!r}; use one of {', '.join(DTYPES)}, or leave it out.")
    return name


def tensor(what: str, value: Any, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """Numbers as a torch tensor: arrays and lists in 32 bits, tensors as they are.

    what     the message names it, such as "y_true of accuracy"
    value    an array, a list, a number or a tensor, of any shape
    dtype    a floating type by name; None: that of `value`, but no float64 of an array
    like     its device, and its type where `value` is floating and has none of its own

    Raises ArgumentError for what is not numbers.
    """
    import torch

    wanted = None if dtype is None else getattr(torch, dtype)
    if not isinstance(value, torch.Tensor):
        value = _of_array(what, value)
    if like is not None and value.device != like.device:
        value = value.to(like.device)
    return value if wanted is None or value.dtype == wanted else value.to(wanted)


def _of_array(what: str, value: Any) -> Tensor:
    import numpy as np
    import torch

    held = getattr(value, "value", value)  # of a variable
    if isinstance(held, torch.Tensor):
        return held
    try:
        if isinstance(value, list | tuple) and any(isinstance(part, torch.Tensor) for part in value):
            value = [part.detach().cpu().numpy() if isinstance(part, torch.Tensor) else part for part in value]
        array = np.asarray(value)
    except ValueError:
        raise ArgumentError(f"{what} is a list of parts of different lengths; give one array.") from None
    if array.dtype.kind == "f":
        array = array.astype(np.float32) if array.itemsize != 2 else array
    elif array.dtype.kind in "iu":
        array = array.astype(np.int64)
    elif array.dtype.kind != "b":
        shown = f" such as {array.flat[0]!r}" if array.size else ""
        raise ArgumentError(f"{what} is numbers, not {array.dtype} values{shown}.")
    return torch.tensor(array)


def same_rank(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Both with as many axes: (N,) goes with (N, 1), (N, H, W) with (N, H, W, 1)."""
    if one.ndim == other.ndim + 1 and one.shape[-1] == 1:
        return (one, other.unsqueeze(-1)) if other.ndim == 1 else (one.squeeze(-1), other)
    if other.ndim == one.ndim + 1 and other.shape[-1] == 1:
        return (one.unsqueeze(-1), other) if one.ndim == 1 else (one, other.squeeze(-1))
    return one, other


def together(name: str | None, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Targets and outputs of one shape, in the outputs' type.

    name    of the loss or metric, for the message

    Raises TrainingError where their shapes do not go together: nothing is broadcast.
    """
    if not y_pred.is_floating_point():
        y_pred = y_pred.to(y_true.dtype if y_true.is_floating_point() else _float32())
    y_true, y_pred = same_rank(y_true.to(y_pred.dtype), y_pred)
    if y_true.shape != y_pred.shape:
        raise apart(name, y_true, y_pred)
    return y_true, y_pred


def apart(name: str | None, y_true: Tensor, y_pred: Tensor, advice: str = "") -> TrainingError:
    """The error for targets whose shape does not go with that of the outputs."""
    truth, out = tuple(y_true.shape), tuple(y_pred.shape)
    return TrainingError(f"{name}: targets of shape {truth} do not go with outputs of shape {out}.{advice}")


def weights_for(name: str | None, sample_weight: Any, values: Tensor) -> Tensor:
    """`sample_weight` as a tensor that multiplies `values`: one for all, one a sample, or one a value.

    name    of the loss or metric, for the message

    Raises ArgumentError where its shape fits none of these.
    """
    import torch

    weights = tensor(f"sample_weight of {name}", sample_weight, like=values).to(values.dtype)
    shape, start = tuple(values.shape), tuple(values.shape)[: weights.ndim]
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = weights.squeeze(-1)
    elif weights.ndim < values.ndim and tuple(weights.shape) == start:
        weights = weights[(...,) + (None,) * (values.ndim - weights.ndim)]
    try:
        torch.broadcast_shapes(weights.shape, shape)
    except RuntimeError:
        raise ArgumentError(
            f"{name}: sample_weight of shape {tuple(weights.shape)} does not go with {shape}; give one weight per sample."
        ) from None
    return weights


def class_numbers(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Targets for scores (N, …, C) as class numbers (N, …), whether they are class numbers or one-hot."""
    if y_true.ndim == y_pred.ndim:
        return y_true.squeeze(-1) if y_true.shape[-1] == 1 else y_true.argmax(-1)
    return y_true


def _float32() -> torch.dtype:
    import torch

    return torch.float32
