"""What every layer puts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.data import Batches
from striate.data.batches import channels_last
from striate.look.tap import tapped

if TYPE_CHECKING:
    from striate.model import Model

_BATCH = 64


def activations(model: Model, x: Any, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The outputs of layers for the examples `x`, in prediction mode: {name: (N, H, W, C), (N, L, C) or (N, C)}.

    x       whatever ``Model.predict`` takes: arrays, files, a Dataset
    names   the calls wanted, named as in ``model.size()``: ``conv2d``, ``conv2d#2`` for the second call of a shared
            layer, ``block/conv2d`` inside a nested network, an input's name; None: every layer, nested ones opened

    The output of a layer is what follows its own activation function, as in its description, also where a later layer
    overwrites it in memory.  The model stays as it is: mode, weights, device.  Raises ArgumentError for a name that is
    not there, DataError for arrays that do not fit.
    """
    with tapped(model) as tap, torch.no_grad():
        if names is None:
            names = [name for name in tap.names if name not in tap.inputs]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for batch in Batches(model.intake.examples(x), _BATCH, shuffle=False, device=tap.device).batches():
            found = tap.run(*batch.xs, keep=names, stop=True)
            for name, value in found.at.items():
                parts[name].append(array(value))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def array(value: torch.Tensor) -> np.ndarray:
    """A tensor (N, C, ...) as an array (N, ..., C), 16-bit floats as 32-bit ones."""
    value = channels_last(value.detach()).cpu()
    return (value.float() if value.is_floating_point() and value.element_size() < 4 else value).numpy()
