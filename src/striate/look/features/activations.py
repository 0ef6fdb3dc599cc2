"""What every layer puts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.data import Batches
from striate.data.batches import channels_last
from striate.look.arguments import Layers, Progress, listed
from striate.look.tap import tapped

if TYPE_CHECKING:
    from striate.model import Model


def activations(
    model: Model,
    pictures: Any,
    layer: Layers | None = None,
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """The outputs of layers, in prediction mode: {name: (N, H, W, C), (N, L, C) or (N, C)}.

    model       any network, also one of texts or numbers
    pictures    whatever ``Model.predict`` takes: arrays, files, a Dataset
    layer       the name of a call, or several, as in ``model.size()``: ``conv2d``, ``conv2d#2`` for the second call of a
                shared layer, ``block/conv2d`` inside a nested network, an input's name; None: every layer, nested ones
                opened
    batch_size  examples at a time
    progress    called as progress(done, whole)

    The output of a layer is what follows its own activation function, as in its description, also where a later layer
    overwrites it in memory.  The model stays as it is: mode, weights, device.  Raises ArgumentError for a name that is
    not there, DataError for arrays that do not fit.
    """
    with tapped(model) as tap, torch.no_grad():
        names = listed(layer) or [name for name in tap.names if name not in tap.inputs]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        examples, done = model.intake.examples(pictures), 0
        for batch in Batches(examples, batch_size, shuffle=False, device=tap.device).batches():
            for name, value in tap.run(*batch.xs, keep=names, stop=True).at.items():
                parts[name].append(array(value))
            done += batch.size
            if progress is not None:
                progress(done, len(examples))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def array(value: torch.Tensor) -> np.ndarray:
    """A tensor (N, C, ...) as an array (N, ..., C), 16-bit floats as 32-bit ones."""
    value = channels_last(value.detach()).cpu()
    return (value.float() if value.is_floating_point() and value.element_size() < 4 else value).numpy()
