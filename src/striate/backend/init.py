"""Draw the first values of weights: one row per initializer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from striate.errors import ArgumentError, ShapeError, StriateError, undefined
from striate.graph import Initializer, Primitive, Weight
from striate.layers import initializers as kinds

_CUT = 0.87962566103423978  # standard deviation of a normal cut at two of its own


def fill(tensor: torch.Tensor, weight: Weight, owner: Primitive | None = None, name: str = "") -> None:
    """Fill `tensor` in place as `weight` says, from torch's global generator or the initializer's own seed.

    owner, name   the primitive that has the array, and its name there: they know how Keras lays it out
    """
    spec = kinds.get(weight.initializer)
    if isinstance(spec, kinds.Constant):
        with torch.no_grad():
            _constant(tensor, spec, owner or Primitive(), name)
        return
    if type(spec) not in _ROWS:
        with torch.no_grad():
            _own(tensor, spec, owner or Primitive(), name)
        return
    seed = getattr(spec, "seed", None)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    with torch.no_grad():
        whole = tensor if owner is None else owner.to_keras(name, tensor)
        if owner is not None and isinstance(spec, kinds.Orthogonal) and whole.shape != tensor.shape:
            matrix = tensor.new_empty(whole.numel() // whole.shape[-1], whole.shape[-1])  # as Keras flattens it
            _ROWS[type(spec)](matrix, spec, weight.fans, generator)
            tensor.copy_(owner.from_keras(name, matrix.view(whole.shape)))
            return
        _ROWS[type(spec)](tensor, spec, weight.fans, generator)


def copy_into(tensor: torch.Tensor, value: torch.Tensor) -> None:
    """Fill `tensor` in place with numbers that somebody else has.

    value   of the same shape; its last axis may be in several, as a map is before it is flattened
    """
    with torch.no_grad():
        tensor.view(value.shape).copy_(value)


def drawn(spec: Initializer, shape: Any, dtype: Any = None) -> torch.Tensor:
    """What an initializer gives when it is called: numbers in Keras' layout, (…, in, out).

    Raises ShapeError for a shape that it cannot fill, ArgumentError for a dtype that is not known.
    """
    sizes = _sizes(type(spec).__name__, shape)
    kind = _dtype(type(spec).__name__, dtype)
    if type(spec) not in _ROWS and not isinstance(spec, kinds.Constant):
        raise undefined(spec, "__call__(self, shape, dtype=None)")
    if isinstance(spec, kinds.Constant):
        value = _numbers(spec)
        try:
            return value.to(kind).expand(sizes).clone()
        except RuntimeError:
            raise ShapeError(
                f"Constant: an array of shape {tuple(value.shape)} for a shape of {sizes}. Expected `shape` to be that."
            ) from None
    ins, outs = getattr(spec, "input_axes", None), getattr(spec, "output_axes", None)
    fans = kinds.compute_fans(sizes, ins, outs, type(spec).__name__)
    whole = torch.empty(sizes)
    # of what lies flat, the last axis is the outputs: Keras' matrix, whose rows and columns may change places
    fill(
        whole.view(-1, sizes[-1]) if isinstance(spec, kinds.Orthogonal) and len(sizes) > 2 else whole,
        Weight(sizes, spec, fans),
    )
    return whole.to(kind)


def _sizes(where: str, shape: Any) -> tuple[int, ...]:
    given = (shape,) if hasattr(shape, "__index__") else shape
    try:
        sizes = tuple(int(size) for size in given)
    except (TypeError, ValueError):
        raise ShapeError(f"{where}: a shape is a tuple of whole numbers, not {shape!r}.") from None
    if any(size < 0 for size in sizes):
        raise ShapeError(f"{where}: a shape of {sizes}; sizes are at least 0.")
    return sizes


def _dtype(where: str, dtype: Any) -> torch.dtype:
    name = (
        "float32"
        if dtype is None
        else dtype
        if isinstance(dtype, str)
        else getattr(dtype, "__name__", str(dtype).removeprefix("torch."))
    )
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise ArgumentError(f'{where}: unknown dtype "{name}"; use one such as float32.')
    return found


def _numbers(spec: Any) -> torch.Tensor:
    try:
        return torch.as_tensor(spec.value)
    except (TypeError, ValueError, RuntimeError):
        raise ArgumentError(f"Constant: value is a number or an array of numbers, not {spec.value!r}.") from None


def _own(tensor: torch.Tensor, spec: Any, owner: Primitive, name: str) -> None:
    """Fill by an initializer of a user's own, which gives an array in Keras' layout."""
    wanted = tuple(owner.to_keras(name, tensor).shape)
    kind = type(spec).__name__
    try:
        value = torch.as_tensor(spec(wanted)).to(tensor.dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, StriateError):
            raise
        raise ArgumentError(f"{kind}: called as {kind}(shape={wanted}) it gave no array of numbers: {error}") from error
    if tuple(value.shape) != wanted:
        raise ShapeError(f"{kind} gave an array of shape {tuple(value.shape)} for a weight of {wanted}.")
    tensor.copy_(owner.from_keras(name, value))


def _constant(tensor: torch.Tensor, spec: Any, owner: Primitive, name: str) -> None:
    value = _numbers(spec).to(tensor.dtype)
    wanted = owner.to_keras(name, tensor).shape
    if value.ndim and value.shape != wanted:
        raise ShapeError(
            f"Constant: an array of shape {tuple(value.shape)} for a weight of {tuple(wanted)}. Arrays are in Keras' "
            "layout: kernels (height, width, in, out), dense ones (in, out)."
        )
    tensor.copy_(owner.from_keras(name, value) if value.ndim else value)


def _scaled(
    scale: float, mode: str, distribution: str
) -> Callable[[torch.Tensor, Any, tuple[int, int], torch.Generator | None], None]:
    def draw(tensor: torch.Tensor, spec: Any, fans: tuple[int, int], generator: torch.Generator | None) -> None:
        _variance(tensor, scale, mode, distribution, fans, generator)

    return draw


def _variance(
    tensor: torch.Tensor, scale: float, mode: str, distribution: str, fans: tuple[int, int], generator: Any
) -> None:
    n = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[mode]
    variance = scale / max(1.0, n)
    if distribution == "uniform":
        limit = math.sqrt(3 * variance)
        tensor.uniform_(-limit, limit, generator=generator)
    elif distribution == "untruncated_normal":
        tensor.normal_(0, math.sqrt(variance), generator=generator)
    else:
        _truncated(tensor, 0.0, math.sqrt(variance) / _CUT, generator)


def _truncated(tensor: torch.Tensor, mean: float, deviation: float, generator: Any) -> None:
    if deviation == 0:
        tensor.fill_(mean)
        return
    torch.nn.init.trunc_normal_(
        tensor, mean, deviation, mean - 2 * deviation, mean + 2 * deviation, generator=generator
    )


def _matrix(tensor: torch.Tensor, what: str, most: int = 9) -> torch.Tensor:
    if not 2 <= tensor.ndim <= most:
        raise ShapeError(f"{what} needs a matrix, it cannot fill a weight of shape {tuple(tensor.shape)}.")
    return tensor


_ROWS: dict[type[Initializer], Callable[[torch.Tensor, Any, tuple[int, int], Any], Any]] = {
    kinds.Zeros: lambda t, s, f, g: t.zero_(),
    kinds.Ones: lambda t, s, f, g: t.fill_(1.0),
    kinds.RandomNormal: lambda t, s, f, g: t.normal_(s.mean, s.stddev, generator=g),
    kinds.TruncatedNormal: lambda t, s, f, g: _truncated(t, s.mean, s.stddev, g),
    kinds.RandomUniform: lambda t, s, f, g: t.uniform_(s.minval, s.maxval, generator=g),
    kinds.RandomSigns: lambda t, s, f, g: t.bernoulli_(0.5, generator=g).mul_(2).sub_(1),
    kinds.VarianceScaling: lambda t, s, f, g: _variance(t, s.scale, s.mode, s.distribution, f, g),
    kinds.GlorotUniform: _scaled(1.0, "fan_avg", "uniform"),
    kinds.GlorotNormal: _scaled(1.0, "fan_avg", "truncated_normal"),
    kinds.HeUniform: _scaled(2.0, "fan_in", "uniform"),
    kinds.HeNormal: _scaled(2.0, "fan_in", "truncated_normal"),
    kinds.LecunUniform: _scaled(1.0, "fan_in", "uniform"),
    kinds.LecunNormal: _scaled(1.0, "fan_in", "truncated_normal"),
    kinds.Orthogonal: lambda t, s, f, g: torch.nn.init.orthogonal_(_matrix(t, "Orthogonal"), s.gain, generator=g),
    kinds.IdentityInitializer: lambda t, s, f, g: torch.nn.init.eye_(_matrix(t, "Identity", most=2)).mul_(s.gain),
}
