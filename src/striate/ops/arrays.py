"""Functions of ``striate.ops`` that move numbers: shapes, slices, and products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from striate.errors import ShapeError
from striate.ops.entries import TABLE, alike, dtype_of, entry, tensor
from striate.ops.over_axes import axes_of


# -- shapes ------------------------------------------------------------------------------------------------------------
def _order(x: torch.Tensor, axes: Any) -> Any:
    return range(x.ndim - 1, -1, -1) if axes is None else axes


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(-1 if size is None else int(size) for size in ((shape,) if isinstance(shape, int) else shape))


@entry
def squeeze(x: Any, axis: Any = None) -> torch.Tensor:
    x = tensor(x)
    gone = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else axes_of(x, axis)
    if any(x.shape[i] != 1 for i in gone):
        raise ShapeError(f"squeeze: axis {axis} of {tuple(x.shape)} is not of size 1.")
    return torch.squeeze(x, gone)


@entry
def expand_dims(x: Any, axis: Any) -> torch.Tensor:
    x = tensor(x)
    for one in axis if isinstance(axis, list | tuple) else (axis,):
        x = x.unsqueeze(one)
    return x


@entry
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[torch.Tensor]:
    x, where = tensor(x), indices_or_sections
    if isinstance(where, int) and (where < 1 or x.shape[axis] % where):
        raise ShapeError(f"split: {x.shape[axis]} cells of axis {axis} cannot be split into {where} equal parts.")
    return list(torch.tensor_split(x, where if isinstance(where, int) else tuple(where), axis))


def _key(key: Any) -> Any:
    return tensor(key) if isinstance(key, np.ndarray) else key


@entry
def get_item(x: Any, key: Any) -> torch.Tensor:
    x, keys = tensor(x), list(key) if isinstance(key, tuple) else [key]
    back = [i for i, one in enumerate(keys) if isinstance(one, slice) and (one.step or 1) < 0]
    if not back:
        return x[tuple(map(_key, keys))] if isinstance(key, tuple) else x[_key(key)]
    return tensor(x.detach().cpu().numpy()[key].copy()) if not x.requires_grad else _turned(x, keys, back)


def _turned(x: torch.Tensor, keys: list[Any], back: list[int]) -> torch.Tensor:
    """Slices that run backwards, which torch has not."""
    at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    missing = x.ndim - sum(one is not None and one is not Ellipsis for one in keys)
    keys[at : at + 1] = [slice(None)] * missing
    axis = 0
    for i, one in enumerate(keys):
        if isinstance(one, slice) and (one.step or 1) < 0:
            x = x.index_select(axis, torch.tensor([*range(*one.indices(x.shape[axis]))], device=x.device))
            keys[i] = slice(None)
        axis += one is not None
    return x[tuple(keys)]


@entry
def take(x: Any, indices: Any, axis: int | None = None) -> torch.Tensor:
    x, where = tensor(x), tensor(indices).long()
    x, axis = (x.flatten(), 0) if axis is None else (x, axis % x.ndim)
    where = torch.where(where < 0, where + x.shape[axis], where).to(x.device)
    y = x.index_select(axis, where.flatten())
    return y.reshape(*x.shape[:axis], *where.shape, *x.shape[axis + 1 :])


@entry
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> torch.Tensor:
    x, where = tensor(x), tensor(indices).long()
    return torch.take_along_dim(x, torch.where(where < 0, where + x.shape[axis or 0], where), axis)


@entry
def slice_(inputs: Any, start_indices: Any, shape: Any) -> torch.Tensor:
    return tensor(inputs)[tuple(slice(int(a), int(a) + int(n)) for a, n in zip(start_indices, shape, strict=True))]


@entry
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> torch.Tensor:
    x = tensor(x)
    sides: Any = ((pad_width, pad_width),) * x.ndim if isinstance(pad_width, int) else tuple(pad_width)
    if sides and isinstance(sides[0], int):
        sides = (tuple(sides) * (2 if len(sides) == 1 else 1),) * x.ndim
    sides = sides * x.ndim if len(sides) == 1 else sides
    if mode == "constant":
        return F.pad(x, [int(side) for both in reversed(sides) for side in both], value=constant_values or 0)
    places = [np.pad(np.arange(n), tuple(map(int, s)), mode) for n, s in zip(x.shape, sides, strict=True)]  # type: ignore[call-overload]
    for axis, at in enumerate(places):
        x = x.index_select(axis, torch.from_numpy(at).to(x.device))
    return x


@entry
def repeat(x: Any, repeats: Any, axis: int | None = None) -> torch.Tensor:
    often = repeats if isinstance(repeats, int) else tensor(repeats).long()
    return torch.repeat_interleave(tensor(x), often, axis)


@entry
def tile(x: Any, repeats: Any) -> torch.Tensor:
    return torch.tile(tensor(x), (repeats,) if isinstance(repeats, int) else tuple(int(n) for n in repeats))


@entry
def stop_gradient(variable: Any) -> torch.Tensor:
    return tensor(variable).detach()


TABLE |= {
    "reshape": lambda x, newshape: torch.reshape(tensor(x), _sizes(newshape)),
    "transpose": lambda x, axes=None: torch.permute(tensor(x), tuple(_order(tensor(x), axes))),
    "swapaxes": lambda x, axis1, axis2: torch.swapaxes(tensor(x), axis1, axis2),
    "moveaxis": lambda x, source, destination: torch.moveaxis(tensor(x), source, destination),
    "broadcast_to": lambda x, shape: torch.broadcast_to(tensor(x), tuple(shape)),
    "concatenate": lambda xs, axis=0: torch.cat([tensor(one) for one in xs], axis),
    "stack": lambda x, axis=0: torch.stack([tensor(one) for one in x], axis),
    "unstack": lambda x, num=None, axis=0: list(torch.unbind(tensor(x), axis)),
    "flip": lambda x, axis=None: torch.flip(tensor(x), axes_of(tensor(x), axis)),
    "roll": lambda x, shift, axis=None: torch.roll(tensor(x), shift, axis),
    "cast": lambda x, dtype: tensor(x).to(dtype_of(dtype)),
}


# -- products ----------------------------------------------------------------------------------------------------------
@entry
def dot(x1: Any, x2: Any) -> torch.Tensor:
    a, b = alike(x1, x2)
    if not a.ndim or not b.ndim:
        return a * b
    return torch.tensordot(a, b, dims=([a.ndim - 1], [max(b.ndim - 2, 0)]))


@entry
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> torch.Tensor:
    dims = axes if isinstance(axes, int) else tuple([one] if isinstance(one, int) else list(one) for one in axes)
    return torch.tensordot(*alike(x1, x2), dims=dims)


@entry
def einsum(subscripts: str, *operands: Any) -> torch.Tensor:
    return torch.einsum(subscripts, *(tensor(one) for one in operands))


@entry
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> torch.Tensor:
    classes = tensor(x).long()
    inside = (classes >= 0) & (classes < num_classes)
    y = F.one_hot(torch.where(inside, classes, 0), num_classes) * inside[..., None]
    return torch.movedim(y, -1, axis).to(dtype_of(dtype) or torch.float32)


@entry
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> torch.Tensor:
    classes = tensor(inputs).long()
    y = one_hot(classes, int(classes.max()) + 1 if num_classes is None else num_classes, dtype=dtype)
    return torch.amax(y, classes.ndim - 1 if classes.ndim > 1 else 0)
