"""``model(x)``: the outputs as torch tensors through which gradients go, for loops of a user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from striate import backend
from striate.data import Batches
from striate.data.batches import channels_first, channels_last
from striate.errors import DataError
from striate.graph.nested import flat, laid
from striate.inference.predict import arranged
from striate.intake.arrays import ranked
from striate.wording import plural


class Answer(torch.Tensor):
    """A tensor that also becomes a NumPy array while gradients go through it."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # what is computed from it is a plain tensor

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The numbers as a NumPy array of the same shape.

        force    torch's argument; from wherever they are in any case
        """
        return torch.Tensor.numpy(self.detach().cpu())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        made = self.numpy()
        return made if dtype is None else made.astype(dtype)


def called(model: Any, inputs: Any, training: bool | None) -> Any:
    """The outputs (N, …), channels last, of arrays or tensors; a tensor, or a list of them.

    model       that is called
    inputs      whatever ``Model.predict`` takes as arrays; or torch tensors (N, …), channels last
    training    whether dropout, augmentation and batch norms do what they do in training; None: augmentation alone does

    Raises DataError for what does not fit the network.
    """
    module = model.module
    weight = next(module.parameters(), None)
    device = "cpu" if weight is None else weight.device
    xs = _tensors(model, inputs, device)
    if xs is None:
        examples = model.intake.examples(inputs)
        xs = next(Batches(examples, len(examples), shuffle=False, device=device).batches()).xs
    before = module.training
    backend.set_mode(module, model.graph, training)
    try:
        out = module(*xs)
    finally:
        if before:
            backend.set_mode(module, model.graph, True)
        else:
            module.eval()
    made = [channels_last(one).as_subclass(Answer) for one in (out if isinstance(out, tuple | list) else [out])]
    return arranged(model.graph, made)


def _tensors(model: Any, inputs: Any, device: Any) -> list[torch.Tensor] | None:
    """Floating tensors as they are, so that gradients reach them; None for anything else."""
    graph = model.graph.check()
    shapes = graph.input_shapes
    given = flat(inputs)
    if not all(isinstance(one, torch.Tensor) and one.is_floating_point() for one in given):
        return None
    if isinstance(inputs, dict) or (len(given) > 1 and len(shapes) > 1):
        given = laid(inputs, graph.nested[0], graph.input_names)
    given = (
        [ranked(one, shape) for one, shape in zip(given, shapes, strict=False)] if len(given) == len(shapes) else given
    )
    if len(given) != len(shapes):
        raise DataError(f"the network has {plural(len(shapes), 'input')}; it got {plural(len(given), 'tensor')}.")
    for one, shape in zip(given, shapes, strict=True):
        fits = one.ndim == len(shape) + 1 and all(b in (None, a) for a, b in zip(one.shape[1:], shape, strict=True))
        if not fits:
            raise DataError(f"the network takes (N, {', '.join(map(str, shape))}), it got {tuple(one.shape)}.")
    return [channels_first(one.to(device, torch.float32)) for one in given]
