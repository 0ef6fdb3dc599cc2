"""What the first filters were through a training: kept after each epoch, for the page to go back and forth in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.described import described
from striate.doors.arrays import read_safetensors, safetensors_bytes
from striate.doors.writing import atomic_write
from striate.errors import BundleError
from striate.look.structure import convolution
from striate.page.held_out import FilterHistory
from striate.train.callbacks import Callback

if TYPE_CHECKING:
    from striate.graph import FlatNode
    from striate.model import Model

MOST = 64  # epochs that are kept; of a longer training every second, every fourth …


@described
class FirstFilters(Callback):
    """Keeps the filters of a network's first convolution after each epoch, in 16 bits, and writes them in the end.

    file   a safetensors file
    """

    file: str | os.PathLike[str]

    def __post_init__(self) -> None:
        self.epochs: list[int] = []
        self.kept: list[list[np.ndarray]] = []
        self.step = 1

    def on_train_begin(self, logs: Any = None) -> None:
        """Keep the filters before the first epoch; `logs` is not read."""
        if not self.epochs:
            self._keep(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the filters after an epoch; `logs` is not read.

        epoch   counted from 0
        """
        if (epoch + 1) % self.step == 0:
            self._keep(epoch + 1)

    def on_train_end(self, logs: Any = None) -> None:
        """Write the file; `logs` is not read.  Raises BundleError where it cannot be written."""
        if self.epochs:
            import torch

            arrays = [torch.from_numpy(np.stack(each)) for each in zip(*self.kept, strict=True)]
            named = dict(zip(("kernel", "bias"), arrays, strict=False)) | {"epochs": torch.tensor(self.epochs)}
            atomic_write(self.file, safetensors_bytes(named, checked=True))

    def _keep(self, after: int) -> None:
        found = first_convolution(self.model)
        if found is None:
            return
        self.epochs.append(after)
        with np.errstate(over="ignore"):  # of a training that goes astray
            self.kept.append([array.astype(np.float16) for array in found.layer.get_weights()])
        if len(self.epochs) > MOST:
            self.epochs, self.kept, self.step = self.epochs[::2], self.kept[::2], 2 * self.step

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "kept": self.kept, "step": self.step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the epochs that were kept.

        state   what ``state_dict`` gave
        """
        self.epochs, self.kept, self.step = list(state["epochs"]), list(state["kept"]), state["step"]


def first_convolution(model: Model) -> FlatNode | None:
    """The call of the first layer with weights, where that is a convolution over the picture; else None.

    model   the network
    """
    first = next((node for node in model.graph.flat().nodes if node.lowering.weights), None)
    step = None if first is None else convolution(first)
    plain = step is not None and step.primitive.groups == 1  # type: ignore[attr-defined]
    return first if plain and len(first.layer.get_weights()) <= 2 else None  # type: ignore[union-attr]


def filters_in(file: Path, model: Model) -> FilterHistory | None:
    """What ``FirstFilters`` wrote; None where there is no such file, or the network begins otherwise.

    file    the file
    model   the network

    Raises BundleError for a file that is damaged, or of another network.
    """
    found = first_convolution(model)
    if found is None or not file.is_file():
        return None
    arrays = {name: tensor.numpy() for name, tensor in read_safetensors(file).items()}
    shapes = [list(array.shape) for array in found.layer.get_weights()]
    given = [arrays[name] for name in ("kernel", "bias") if name in arrays]
    epochs = arrays.get("epochs")
    if (
        epochs is None
        or epochs.dtype != np.int64
        or epochs.ndim != 1
        or [[len(epochs), *shape] for shape in shapes] != [list(array.shape) for array in given]
    ):
        raise BundleError(f"{file} is damaged: it has not the filters of this network. Delete it.")
    kernel = np.moveaxis(given[0], (-1, -2), (1, 2))  # (epochs, out, in, height, width)
    return FilterHistory(found.name, [int(each) for each in epochs], kernel, given[1] if len(given) > 1 else None)
