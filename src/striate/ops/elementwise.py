"""Functions of ``striate.ops`` of one number, and of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from striate.ops.entries import TABLE, alike, entry, floats, pair, tensor


# -- two numbers -------------------------------------------------------------------------------------------------------
def _two(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x1, x2: function(*pair(x1, x2))


_BOTH: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "divide": torch.true_divide,
    "true_divide": torch.true_divide,
    "floor_divide": torch.floor_divide,
    "mod": torch.remainder,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "equal": torch.eq,
    "not_equal": torch.ne,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "power": torch.pow,
    "divide_no_nan": lambda a, b: torch.where(b == 0, torch.zeros_like(a / b), a / torch.where(b == 0, 1, b)),
    "outer": lambda a, b: torch.outer(a.flatten(), b.flatten()),
}
TABLE |= {name: _two(function) for name, function in _BOTH.items()}


def _same_type(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x1, x2: function(*alike(x1, x2))


TABLE |= {name: _same_type(getattr(torch, name)) for name in ("maximum", "minimum", "matmul")}


@entry
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> torch.Tensor:
    return torch.isclose(*alike(x1, x2), rtol, atol, equal_nan)


@entry
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    holds = tensor(condition).bool()
    if x1 is None and x2 is None:
        return tuple(places.to(torch.int32) for places in torch.where(holds))
    return torch.where(holds, *(t.to(holds.device) for t in pair(x1, x2)))


# -- one number --------------------------------------------------------------------------------------------------------
def _one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: function(tensor(x))


def _float(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: function(floats(x))


TABLE |= {name: _one(getattr(torch, name)) for name in ("square", "logical_not", "isnan", "isfinite", "relu")}
TABLE |= {"sign": _one(lambda x: torch.where(x.isnan(), x, x.sign()) if x.is_floating_point() else x.sign())}
TABLE |= {"absolute": _one(torch.abs), "abs": _one(torch.abs), "negative": _one(torch.neg), "ravel": _one(torch.ravel)}
TABLE |= {
    name: _float(getattr(torch, name))
    for names in (
        "sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan",
        "arctan erf floor ceil tanh sigmoid arcsin arccos sinh cosh exp2 trunc",
    )
    for name in names.split()
}
TABLE |= {
    **{name: _float(getattr(F, name)) for name in ("relu6", "selu", "silu", "softplus", "softsign", "mish")},
    "swish": _float(F.silu),
    "log_sigmoid": _float(F.logsigmoid),
    "hard_sigmoid": _float(F.hardsigmoid),
    "hard_silu": _float(F.hardswish),
    "hard_swish": _float(F.hardswish),
    "hard_tanh": _float(F.hardtanh),
    "tanh_shrink": _float(F.tanhshrink),
    "sparse_sigmoid": _float(lambda x: ((x + 1) / 2).clamp(0, 1)),
    "sparse_plus": _float(lambda x: torch.where(x <= -1, 0.0 * x, torch.where(x < 1, (x + 1).square() / 4, x))),
}


@entry
def round_(x: Any, decimals: int = 0) -> torch.Tensor:
    x = tensor(x)
    return torch.round(x, decimals=decimals) if x.is_floating_point() else x


@entry
def clip(x: Any, x_min: Any, x_max: Any) -> torch.Tensor:
    x = tensor(x)
    ends: Any = (one if isinstance(one, int | float) else tensor(one).to(x.device) for one in (x_min, x_max))
    low, high = ends
    return torch.clamp(x, low, high)


TABLE |= {
    "leaky_relu": lambda x, negative_slope=0.2: F.leaky_relu(floats(x), negative_slope),
    "elu": lambda x, alpha=1.0: F.elu(floats(x), alpha),
    "celu": lambda x, alpha=1.0: F.celu(floats(x), alpha),
    "gelu": lambda x, approximate=True: F.gelu(floats(x), approximate="tanh" if approximate else "none"),
    "hard_shrink": lambda x, threshold=0.5: F.hardshrink(floats(x), threshold),
    "soft_shrink": lambda x, threshold=0.5: F.softshrink(floats(x), threshold),
    "squareplus": lambda x, b=4: (floats(x) + (floats(x).square() + b).sqrt()) / 2,
    "softmax": lambda x, axis=-1: _softmax(torch.softmax, floats(x), axis),
    "log_softmax": lambda x, axis=-1: _softmax(torch.log_softmax, floats(x), axis),
    "glu": lambda x, axis=-1: F.glu(floats(x), axis),
    "threshold": lambda x, threshold, default_value: F.threshold(floats(x), threshold, default_value),
}


def _softmax(function: Callable[..., torch.Tensor], x: torch.Tensor, axis: Any) -> torch.Tensor:
    if axis is None:
        return function(x.flatten(), 0).reshape(x.shape)
    if isinstance(axis, tuple | list):
        rest = [i for i in range(x.ndim) if i not in {a % x.ndim for a in axis}]
        order = [*rest, *(a % x.ndim for a in axis)]
        turned = x.permute(order)
        y = function(turned.flatten(len(rest)), -1).reshape(turned.shape)
        return y.permute([order.index(i) for i in range(x.ndim)])
    return function(x, axis)
