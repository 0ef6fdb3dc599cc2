"""What a torch module keeps for its backward pass, found by running it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from striate.graph import Shape

_TYPES = {2: torch.bfloat16, 4: torch.float32, 8: torch.float64}  # by bytes of a number


class Saved(NamedTuple):
    """What a module keeps beside its weights.

    inputs   which of its inputs
    each     further bytes for each sample
    fixed    further bytes whatever the batch
    output   whether its output
    same     whether its output lies in its first input's memory
    last     whether the output's channels stand last in memory
    """

    inputs: tuple[int, ...]
    each: int
    fixed: int
    output: bool
    same: bool
    last: bool


def kept(module: nn.Module, training: bool, grads: tuple[bool, ...], shapes: tuple[Shape, ...], item: int = 4) -> Saved:
    """What is kept for `shapes`, without the batch; the module is left as it was.

    module     (N, C, …) in and out
    training   in which mode
    grads      which inputs a gradient flows back to
    shapes     of the inputs, channels last
    item       bytes of a number
    """
    two, three = (_kept(count, module, training, grads, shapes, item) for count in (2, 3))
    each = three.each - two.each
    return two._replace(each=each, fixed=two.each - 2 * each)


def _kept(
    count: int, module: nn.Module, training: bool, grads: tuple[bool, ...], shapes: tuple[Shape, ...], item: int
) -> Saved:
    modes = [(part, part.training) for part in module.modules()]
    state = {key: value.clone() for key, value in module.state_dict().items()}
    xs = [torch.zeros(count, *shape, dtype=_TYPES[item]).movedim(-1, 1) for shape in shapes]
    mine = {x.untyped_storage()._cdata: i for i, x in enumerate(xs)}
    own = {tensor.untyped_storage()._cdata for tensor in (*module.parameters(), *module.buffers())}
    found: dict[int, Any] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            found[storage._cdata] = storage  # held, so that no other can take its place
        return tensor

    module.train(training)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            given = [x.requires_grad_() if grad else x for x, grad in zip(xs, grads, strict=True)]
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                out = module(*given)
    finally:
        for part, mode in modes:
            part.training = mode
        module.load_state_dict(state)
    needed = tuple(sorted(mine[key] for key in found if key in mine))
    made = out.untyped_storage()._cdata
    each = sum(storage.nbytes() for key, storage in found.items() if key not in mine and key != made)
    last = bool(out.detach().movedim(1, -1).is_contiguous())
    return Saved(needed, each, 0, made in found and made not in mine, made in mine, last)
