"""A network in kernels that train faster on a processor; outputs and gradients are the very same numbers.

What is after a maximum of windows is cheaper than what is before it, and a ReLU may stand on either side.  torch's ReLU and
max pooling turn each bfloat16 number into a float32 one and back; the order of numbers from 0 up is that of their bits, so
whole numbers of 16 bits do as well.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import fx
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_BITS = torch.int16
_LEAST = -128  # the bits of minus infinity as a whole number: those of negative numbers are below, those of NaN above
_MAXIMA = (F.max_pool1d, F.max_pool2d, F.adaptive_max_pool1d, F.adaptive_max_pool2d)


def quick(module: fx.GraphModule) -> fx.GraphModule:
    """A copy in quicker kernels, which shares all submodules but nested networks.

    module   what ``build`` makes
    """
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    made = fx.GraphModule(module, graph, "Network")
    for node in list(graph.nodes):
        if node.op == "call_module" and isinstance(within := module.get_submodule(str(node.target)), fx.GraphModule):
            made.set_submodule(str(node.target), quick(within))
        if node.target in _MAXIMA and _is_relu(before := node.args[0]) and len(before.users) == 1:
            _exchange(graph, before, node)
    for node in graph.nodes:
        if _is_relu(node):
            node.target = relu
        elif node.target is F.hardtanh and "overwrites" in node.meta:
            node.target, node.kwargs = clip, node.kwargs | {"inplace": node.meta["overwrites"]}
    made.recompile()
    return made


def _is_relu(node: Any) -> bool:
    return isinstance(node, fx.Node) and node.target is F.relu


def _exchange(graph: fx.Graph, before: fx.Node, pool: fx.Node) -> None:
    """Put a ReLU after the maximum that it stands before, or both into one call where there is a kernel for both."""
    with graph.inserting_after(pool):
        x, inplace = before.args[0], bool(before.kwargs.get("inplace"))
        if pool.target is F.max_pool2d and pool.args[1] == pool.args[2] and not pool.kwargs:
            after = graph.call_function(relu_max_pool2d, (x, pool.args[1], inplace))
        else:
            made = graph.call_function(pool.target, (x, *pool.args[1:]), pool.kwargs)  # type: ignore[arg-type]
            with graph.inserting_after(made):
                after = graph.call_function(F.relu, (made,), {"inplace": True})
    pool.replace_all_uses_with(after)
    graph.erase_node(pool)
    graph.erase_node(before)


# -- kernels ------------------------------------------------------------------------------------------------------------
def relu(x: torch.Tensor, inplace: bool = False) -> torch.Tensor:
    """``F.relu``.

    x         any numbers
    inplace   write over them
    """
    return _ReLU.apply(x, inplace) if _narrow(x) else F.relu(x, inplace)  # type: ignore[no-any-return, no-untyped-call]


def clip(x: torch.Tensor, min_val: float, max_val: float, inplace: bool = False) -> torch.Tensor:
    """``F.hardtanh``, which keeps its output for the gradient in the place of its input; ReLU6 is one.

    x         any numbers
    min_val   the least
    max_val   the largest
    inplace   write over them
    """
    if _narrow(x):  # where torch's own is as fast
        return F.hardtanh(x, min_val, max_val)
    return _Clip.apply(x, min_val, max_val, inplace)  # type: ignore[no-any-return, no-untyped-call]


def relu_max_pool2d(x: torch.Tensor, kernel: list[int], inplace: bool = False) -> torch.Tensor:
    """The maximum of the ReLU in windows that do not overlap.

    x         any numbers
    kernel    height and width of a window
    inplace   whether they may be written over
    """
    if _narrow(x):
        return _ReLUMaxPool.apply(x, inplace, *kernel)  # type: ignore[no-any-return, no-untyped-call]
    return F.relu(F.max_pool2d(x, kernel), inplace=True)


def _narrow(x: torch.Tensor) -> bool:
    return x.dtype is torch.bfloat16 and x.device.type == "cpu"


class _ReLU(Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, inplace: bool) -> torch.Tensor:  # type: ignore[override]
        y = _positive(x, inplace)
        if inplace:
            ctx.mark_dirty(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        (y,) = ctx.saved_tensors
        return _where_positive(g, y.view(_BITS)), None


class _Clip(Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, low: float, high: float, inplace: bool) -> torch.Tensor:  # type: ignore[override]
        y = x.clamp_(low, high) if inplace else x.clamp(low, high)
        if inplace:
            ctx.mark_dirty(x)
        ctx.save_for_backward(y)
        ctx.bounds = low, high
        return y

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:  # type: ignore[override]
        (y,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(g, y, *ctx.bounds), None, None, None


def _positive(x: torch.Tensor, inplace: bool) -> torch.Tensor:
    """`x` where it is above 0 or NaN, else 0."""
    if inplace:
        torch.threshold_(x.view(_BITS), _LEAST, 0)
        return x
    return torch.threshold(x.view(_BITS), _LEAST, 0).view(x.dtype)


def _where_positive(g: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """`g` where `bits` are above 0, else 0."""
    return torch.ops.aten.threshold_backward(g.view(_BITS), bits, 0).view(g.dtype)  # type: ignore[no-any-return]


class _ReLUMaxPool(Function):
    """The maximum of the ReLU in windows that do not overlap: along each row, then over the rows.

    Of equal numbers in a window the first gets the gradient, as torch has it.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, inplace: bool, high: int, wide: int) -> torch.Tensor:  # type: ignore[override]
        x = _positive(x, inplace).permute(0, 2, 3, 1)
        across = _highest(_cells(x, 2, wide))
        ctx.window = high, wide
        ctx.save_for_backward(x, across)
        return _highest(_cells(across, 1, high)).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:  # type: ignore[override]
        x, across = ctx.saved_tensors
        high, wide = ctx.window
        y = _highest(_cells(across, 1, high))  # anew: what was given back may have been written over
        g = _where_positive(g.permute(0, 2, 3, 1), y.view(_BITS))
        g = _dealt(_dealt(g, y, across, 1, high), across, x, 2, wide)
        return g.permute(0, 3, 1, 2), None, None, None


def _cells(x: torch.Tensor, axis: int, count: int) -> list[torch.Tensor]:
    """The first cell of each window along an axis, the second, …; what is left over at the end is in none."""
    whole = x.narrow(axis, 0, x.shape[axis] // count * count)
    return list(whole.unflatten(axis, (-1, count)).unbind(axis + 1))


def _highest(cells: list[torch.Tensor]) -> torch.Tensor:
    y = cells[0]
    for cell in cells[1:]:
        y = torch.maximum(y, cell)
    return y


def _dealt(g: torch.Tensor, highest: torch.Tensor, x: torch.Tensor, axis: int, count: int) -> torch.Tensor:
    """The gradient of `highest`, of windows along an axis of `x` ≥ 0, each number at the first cell that is as high."""
    parts = []
    for cell in _cells(x, axis, count)[:-1]:
        rest = _where_positive(g, highest.view(_BITS) - cell.view(_BITS))
        parts.append(torch.bitwise_xor(g.view(_BITS), rest.view(_BITS)).view(g.dtype))  # one of the two is 0
        g = rest
    made = torch.stack([*parts, g], axis + 1).flatten(axis, axis + 1)
    over = x.shape[axis] % count
    return torch.cat([made, torch.zeros_like(x.narrow(axis, 0, over))], axis) if over else made
