"""Rows of the torch table: functions of each number, shapes, merging, and what does something in training only."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from striate import primitives as p
from striate.backend import augment, colours, modules
from striate.backend.axes import channels_first, channels_last, torch_axis
from striate.backend.penalty import OtherPenalty
from striate.backend.table import ROWS
from striate.graph import Step

if TYPE_CHECKING:
    from striate.backend.builder import Builder

_IN_PLACE: dict[str, tuple[Any, tuple[str, ...]]] = {
    "relu": (F.relu, ()),
    "leaky_relu": (F.leaky_relu, ("negative_slope",)),
    "elu": (F.elu, ("alpha",)),
}
_SIMPLE: dict[str, Callable[..., torch.Tensor]] = {
    "tanh": torch.tanh,
    "scaled_tanh": modules.scaled_tanh,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "selu": F.selu,
    "silu": F.silu,
    "gelu": F.gelu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "exponential": torch.exp,
    "parametric_relu": modules.parametric_relu,
    "negative": operator.neg,
    "absolute": torch.abs,
    "square": torch.square,
    "sqrt": modules.guarded_sqrt,
    "rsqrt": torch.rsqrt,
    "log": torch.log,
    "power": torch.pow,
    "sin": torch.sin,
    "cos": torch.cos,
    "erf": torch.erf,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "sign": torch.sign,
}


@ROWS.row(p.Identity)
def _identity(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    return xs[0]


# -- functions of each number -----------------------------------------------------------------------------------------
@ROWS.row(p.Pointwise)
def _pointwise(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    name, parameters = step.primitive.function, step.primitive.parameters  # type: ignore[attr-defined]
    if name in _IN_PLACE:
        function, names = _IN_PLACE[name]
        inplace = {"inplace": True} if b.may_overwrite(step) else {}
        return b.call(function, xs[0], **dict(zip(names, parameters, strict=True)), **inplace)
    if name in ("relu6", "clip"):  # in place torch's copy their input for the gradient; ``quick`` has one that need not
        low, high = parameters or (0, 6)
        made = b.call(F.hardtanh, xs[0], min_val=float(low), max_val=float(high))
        made.meta["overwrites"] = b.may_overwrite(step)
        return made
    return b.call(_SIMPLE[name], xs[0], *parameters)


@ROWS.row(p.Softmax)
def _softmax(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    return b.call(F.log_softmax if step.primitive.log else F.softmax, xs[0], dim=1)  # type: ignore[attr-defined]


_COMBINE: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "average": operator.add,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}


@ROWS.row(p.Combine)
def _combine(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    how, rank = step.primitive.how, len(step.shape)  # type: ignore[attr-defined]
    y, *rest = (_wider(b, x, len(shape), rank) for x, shape in zip(xs, step.input_shapes, strict=True))
    for x in rest:
        y = b.call(_COMBINE[how], y, x)
    return b.call(operator.truediv, y, len(xs)) if how == "average" else y


def _wider(b: Builder, x: fx.Node, have: int, want: int) -> fx.Node:
    """(N, C) as (N, C, 1, 1), so that it meets every position; axes are added in front of those that are there."""
    if have == want:
        return x
    return b.prepare(operator.getitem, x, (slice(None), slice(None), *(None,) * (want - have)))


# -- shapes -----------------------------------------------------------------------------------------------------------
@ROWS.row(p.Flatten)
def _flatten(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    axes = len(step.input_shapes[0])
    if axes == 0:
        return b.call(torch.unsqueeze, xs[0], 1)
    return xs[0] if axes == 1 else b.call(torch.flatten, channels_last(b, xs[0], axes), 1)


@ROWS.row(p.Reshape)
def _reshape(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    x = channels_last(b, xs[0], len(step.input_shapes[0]))
    return channels_first(b, b.call(torch.reshape, x, (-1, *step.shape)), len(step.shape))


@ROWS.row(p.Pad)
def _pad(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    *positions, channels = step.primitive.sides  # type: ignore[attr-defined]
    sides = [*reversed(positions), *([channels] if any(channels) or not positions else [])]
    return b.call(F.pad, xs[0], [side for pad in sides for side in pad])


@ROWS.row(p.Crop)
def _crop(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    cut = (slice(a, a + n) for (a, _), n in zip(step.primitive.sides, step.shape[:-1], strict=True))  # type: ignore[attr-defined]
    return b.call(operator.getitem, xs[0], (slice(None), slice(None), *cut))


@ROWS.row(p.Slice)
def _slice(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    made: Any = step.primitive
    x = step.input_shapes[0]
    cuts = [slice(None) if made.whole(x, i) else slice(*part) for i, part in enumerate(made.parts)]
    *positions, channels = (slice(c.start, c.stop) if c.step == 1 else c for c in cuts)
    return b.call(operator.getitem, xs[0], (slice(None), channels, *positions))


@ROWS.row(p.Gather)
def _gather(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    made: Any = step.primitive
    return b.call(modules.gather, xs[0], torch_axis(made.axis, len(step.shape)), list(made.places))


@ROWS.row(p.Resize)
def _resize(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    times, how = step.primitive.times, step.primitive.how  # type: ignore[attr-defined]
    if len(times) == 1 and how == "nearest":
        return b.call(torch.repeat_interleave, xs[0], times[0], dim=2)
    size = {"size": list(step.shape[:-1])}
    x = b.prepare(torch.Tensor.float, xs[0]) if xs[0] in b.whole else xs[0]
    if how == "nearest":
        return b.call(F.interpolate, x, mode="nearest", **size)
    return b.call(F.interpolate, x, mode="linear" if len(times) == 1 else "bilinear", align_corners=False, **size)


@ROWS.row(p.Interpolate)
def _interpolate(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    made: Any = step.primitive
    x = b.prepare(torch.Tensor.float, xs[0]) if xs[0] in b.whole else xs[0]
    if made.how == "nearest":
        return b.call(F.interpolate, x, size=list(made.size), mode="nearest-exact")
    smooth = {"antialias": True} if made.antialias else {}
    return b.call(F.interpolate, x, size=list(made.size), mode=made.how, align_corners=False, **smooth)


@ROWS.row(p.Permute)
def _permute(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    """Where it undoes the one that the layer before it ends in, as between layers with channels first, neither is done."""
    made: Any = step.primitive
    source, before = b.turned.get(xs[0], (xs[0], ()))
    if made.undoes(before):
        source.meta["turned"], xs[0].meta["copy"] = xs[0].args[1], True
        return source
    *positions, channels = (torch_axis(axis, len(step.shape)) for axis in made.order)
    y = b.call(modules.permuted, xs[0], [0, channels, *positions])
    if step.inputs[0] >= len(b.node.inputs):
        b.turned[y] = xs[0], made.order
    if xs[0] in b.whole:
        b.whole.add(y)
    return y


@ROWS.row(p.Concatenate)
def _concatenate(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    return b.call(torch.cat, xs, torch_axis(step.primitive.axis, len(step.shape)))  # type: ignore[attr-defined]


@ROWS.row(p.Foreign)
def _foreign(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    return b.adopt(step, step.primitive.code.module(*step.input_shapes), xs)  # type: ignore[attr-defined]


# -- in training only -------------------------------------------------------------------------------------------------
@ROWS.row(p.Dropout)
def _dropout(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    dropout: Any = step.primitive
    axes = [torch_axis(axis, len(step.shape)) for axis in dropout.together]

    def make() -> nn.Module:
        if dropout.whole:
            return modules.DropPath(dropout.rate).seeded(dropout.seed)
        if dropout.alpha:
            return modules.AlphaDropout(dropout.rate, axes).seeded(dropout.seed)
        if axes or dropout.seed is not None:
            return modules.Dropout(dropout.rate, axes).seeded(dropout.seed)
        return nn.Dropout(dropout.rate)

    return b.module(step, make, xs[0])


@ROWS.row(p.Noise)
def _noise(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    noise: Any = step.primitive
    return b.module(step, lambda: modules.Noise(noise.deviation, noise.multiplied).seeded(noise.seed), xs[0])


@ROWS.row(p.Penalty)
def _penalty(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    penalty: Any = step.primitive
    if penalty.regularizer is not None:
        return b.module(step, lambda: OtherPenalty(penalty.regularizer), xs[0])
    return b.module(step, lambda: modules.ActivityPenalty(penalty.l1, penalty.l2), xs[0])


def augmentation(change: p.Augment) -> Any:
    """The torch module of a change of pictures; (N, C, H, W) in and out.

    change   what an augmentation layer's ``change()`` says
    """
    steps = map(augmentation, change.steps)
    room = augment if hasattr(augment, change.torch_class) else colours
    return getattr(room, change.torch_class)(*change.arguments, *steps).seeded(change.seed)


@ROWS.row(p.Augment)
def _augment(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    change: Any = step.primitive
    x = b.prepare(torch.Tensor.float, xs[0]) if xs[0] in b.whole else xs[0]
    return b.module(step, lambda: augmentation(change), x)


@ROWS.row(p.Locate)
def _locate(b: Builder, step: Step, xs: list[fx.Node]) -> fx.Node:
    made: Any = step.primitive
    grids = [(g.rows, g.columns, float(g.down), float(g.across)) for g in made.grids]
    return b.call(modules.located, xs[0], grids, [*made.factors], made.anchor, made.each)
