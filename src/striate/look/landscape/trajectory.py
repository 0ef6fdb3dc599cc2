"""The path that the weights take in training: snapshots after each epoch, and the plane in which most of it lies."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.errors import ArgumentError, BundleError, unknown
from striate.train.callbacks import Callback
from striate.weights import load_state, save_state

if TYPE_CHECKING:
    from striate.model import Model

State = dict[str, torch.Tensor]


class Trajectory(Callback):
    """Keeps the weights (and the norms' running statistics) before the first epoch and after each.

    folder   where a file ``epoch-000.safetensors`` goes for each; None: in memory, as many times the network's size

    Give it to ``fit(callbacks=[...])`` and then to ``look.surface(model, ..., directions="pca", trajectory=...)``; of a
    folder, ``Trajectory.read(folder)`` gets it back.  Raises ArgumentError for a folder that holds another training.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = None if folder is None else pathlib.Path(folder)
        self.epochs: list[int] = []  # of the snapshots; 0 is before the first
        self._kept: list[State] = []

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Trajectory:
        """The snapshots in a `folder` of files ``epoch-000.safetensors`` …  Raises BundleError when there are none."""
        trajectory = cls(folder)
        trajectory.epochs = _numbers(pathlib.Path(folder))
        if not trajectory.epochs:
            raise BundleError(f"{folder}: there are no snapshots epoch-000.safetensors … of a Trajectory here.")
        return trajectory

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, i: int) -> State:
        """The state after ``epochs[i]``: {name: tensor}, named as in ``model.module.state_dict()``."""
        return load_state(self._file(self.epochs[i])) if self.folder is not None else self._kept[i]

    def keep(self, model: Model, epoch: int) -> None:
        """Take a snapshot of the weights of a `model` as they are now, after so many epochs: `epoch`."""
        state = {key: t.detach().cpu().clone() for key, t in model.module.state_dict().items() if t.is_floating_point()}
        if self.folder is None:
            self._kept.append(state)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_state(self._file(epoch), state, {"layout": "striate"})
        self.epochs.append(epoch)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before the first `epoch` a snapshot; `logs` are not looked at.  Raises ArgumentError for another's folder."""
        if self.epochs:
            return
        if self.folder is not None and _numbers(self.folder):
            raise ArgumentError(f"{self.folder} holds the snapshots of another training; name an empty folder.")
        self.keep(self.model, epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After each `epoch` a snapshot; `logs` are not looked at."""
        self.keep(self.model, epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        arrays = [{key: t.numpy() for key, t in state.items()} for state in self._kept]
        return {"epochs": list(self.epochs), "kept": arrays}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the snapshots of a `state`, as ``state_dict`` gives it."""
        self.epochs = [int(epoch) for epoch in state["epochs"]]
        self._kept = [{key: torch.as_tensor(a) for key, a in kept.items()} for kept in state["kept"]]

    def _file(self, epoch: int) -> pathlib.Path:
        assert self.folder is not None
        return self.folder / f"epoch-{epoch:03d}.safetensors"


def _numbers(folder: pathlib.Path) -> list[int]:
    return sorted(int(file.stem.removeprefix("epoch-")) for file in folder.glob("epoch-*.safetensors"))


# -- the plane of a path ------------------------------------------------------------------------------------------------
@dataclass
class Path:
    """A training's path on the plane of its first two principal components; the last point is the origin.

    points   float64 (n, 2), in the length of the weights' vector
    share    float64 (2,): each component's share of the variance, 0 to 1
    off      float64 (n,): distance of each snapshot from the plane
    epochs   of the snapshots, 0 before the first
    """

    points: np.ndarray
    share: np.ndarray
    off: np.ndarray
    epochs: list[int]

    def facts(self) -> dict[str, Any]:
        return {"share of variance": self.share.tolist(), "path": self.points.tolist(), "epochs": self.epochs}


def principal(
    model: Model, trajectory: Trajectory | Sequence[Mapping[str, Any]], ignore: str | None = "biasbn"
) -> tuple[State, State, Path]:
    """The two directions along which the snapshots' weights vary most, orthogonal and of length 1, and the path on them.

    The principal components of the differences to the last snapshot, which are the origin; Li et al. 2018, section 7.2.

    trajectory   at least three snapshots, the last of them of the model's weights as they are
    ignore       "biasbn": arrays of less than two axes do not count; None: all parameters do

    Raises ArgumentError.
    """
    if ignore not in ("biasbn", None):
        raise unknown("what to ignore", str(ignore), ("biasbn",))
    mine = {name: p.detach().cpu().float() for name, p in model.module.named_parameters()}
    names = [name for name, p in mine.items() if p.ndim >= 2 or ignore is None]
    count = len(trajectory)
    if count < 3:
        raise ArgumentError(f"a plane takes at least three snapshots, there are {count}: train for two epochs or more.")
    rows = [_flat(trajectory[i], mine, names) for i in range(count)]
    own = torch.cat([mine[name].reshape(-1) for name in names])
    away = float((rows[-1] - own).norm())
    if not away <= 1e-6 * float(own.norm()):
        raise ArgumentError(
            f"the trajectory ends at other weights than the model's, {away:.3g} away; give the model as the training left "
            "it, or trajectory[...] with the snapshot it has last."
        )
    matrix = torch.stack([row - rows[-1] for row in rows]).numpy()
    centred = matrix - matrix.mean(0)
    gram = np.zeros((count, count))
    for start in range(0, matrix.shape[1], 1 << 20):
        part = centred[:, start : start + (1 << 20)].astype(np.float64)
        gram += part @ part.T
    values, vectors = np.linalg.eigh(gram)
    values = values.clip(0)[::-1]
    if not values[1] > 1e-12 * values[0]:
        raise ArgumentError("the snapshots lie on one line, so they span no plane.")
    axes = centred.T.astype(np.float64) @ vectors[:, ::-1][:, :2] / np.sqrt(values[:2])
    points = matrix @ axes
    axes *= np.where(points[0] < 0, -1, 1)  # the start is to the upper right, whatever signs the solver chose
    points = matrix @ axes
    off = np.sqrt((np.square(matrix, dtype=np.float64).sum(1) - np.square(points).sum(1)).clip(0))
    epochs = list(trajectory.epochs) if isinstance(trajectory, Trajectory) else list(range(count))
    sizes = [mine[name].numel() for name in names]
    first, second = (
        {
            name: part.reshape(mine[name].shape)
            for name, part in zip(names, torch.from_numpy(axes[:, i].astype(np.float32)).split(sizes), strict=True)
        }
        for i in (0, 1)
    )
    return first, second, Path(points, values[:2] / values.sum(), off, epochs)


def _flat(state: Mapping[str, Any], mine: State, names: list[str]) -> torch.Tensor:
    """The named arrays of a snapshot as one vector."""
    for name in names:
        if name not in state or tuple(state[name].shape) != tuple(mine[name].shape):
            have = f"{tuple(state[name].shape)}" if name in state else "none"
            raise ArgumentError(
                f'a snapshot is of another network: "{name}" is {tuple(mine[name].shape)} here, {have} there.'
            )
    return torch.cat([torch.as_tensor(state[name]).float().reshape(-1) for name in names])
