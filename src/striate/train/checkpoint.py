"""Exact resume: all that a training which was broken off needs to end at the weights of an unbroken one.

One file, ``training.pt``, replaced as a whole: weights and buffers, the optimizer's state, the place (epoch and batch), the
running sums of loss and metrics, the callbacks' memory, torch's random state and the seed of the shuffling.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from striate.doors.arrays import read_state, write_state
from striate.errors import ArgumentError, BundleError, StriateError
from striate.graph import to_json
from striate.wording import inner

if TYPE_CHECKING:
    from striate.data import Examples
    from striate.train.callbacks import CallbackList
    from striate.train.loop import Trainer
    from striate.train.objective import Totals

FILE, FORMAT, VERSION = "training.pt", "striate-training", 2
ANEW = "Delete it to begin the training anew."
EVERY = 30.0  # seconds between two saves within an epoch
SHARE = 0.02  # of the time that saving may take; a save that is dearer than that waits
_WHOLE = 1 << 30  # bytes of an array that are compared one by one; of a larger one, evenly spaced samples


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    """A state that is whole and yet does not hold what a state holds: what comes of it as a BundleError about its file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        if isinstance(error, StriateError):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise BundleError(f"{file} is damaged, or of another training ({inner(said)}). {ANEW}") from None


class Budget:
    """Allows something costly as often as it takes at most `share` of the time."""

    def __init__(self, share: float | None = None) -> None:
        self.share = SHARE if share is None else share
        self.last = self.free = time.perf_counter()

    def allows(self, every: float = 0.0) -> bool:
        """Whether it may be done now, at least `every` seconds after the last time."""
        return time.perf_counter() >= max(self.free, self.last + every)

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.last = time.perf_counter()
        self.free = self.last + (self.last - self._started) / self.share


@dataclass(frozen=True)
class Place:
    """Where a saved training stands: `batch` batches of `epoch` (from 0) are done; `stopped` by a callback."""

    epoch: int
    batch: int
    stopped: bool
    state: dict[str, Any]


class Checkpoint:
    """Keeps the state of one training in ``folder/training.pt``.

    place       what an earlier process left there, or None; ``restore`` puts it into a trainer
    signature   what must be the same for the training to go on

    ``save`` replaces the state; at every moment the file is whole: the old one or the new one.  Raises BundleError for a
    file that is damaged or foreign.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.file = Path(folder) / FILE
        self.place = self._read()
        self.signature: dict[str, Any] = {}
        self.seed = 0
        self.budget = Budget()
        self._before = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long the training has taken, in all processes that had a part in it and up to their last save."""
        return self._before + time.perf_counter() - self._started

    @property
    def precision(self) -> Any:
        """The numbers in which the training that is gone on with began, as its state says; None where there is none."""
        was = None if self.place is None else self.place.state.get("signature")
        return was.get("precision") if isinstance(was, dict) else None

    @property
    def due(self) -> bool:
        """Whether it is time to save within an epoch."""
        return self.budget.allows(EVERY)

    # -- reading ---------------------------------------------------------------------------------------------------
    def _read(self) -> Place | None:
        """The saved state, or None.  Raises BundleError for a damaged or foreign file."""
        if not os.path.lexists(self.file):
            return None
        if self.file.is_symlink():
            raise BundleError(
                f"{self.file} is a link, which no state of a training is. Delete it to begin the training anew."
            )
        state = read_state(self.file, advice=ANEW)
        if not isinstance(state, dict) or state.get("format") != FORMAT or state.get("version") != VERSION:
            raise BundleError(f"{self.file} is not the state of a training that this striate can go on with.")
        with damaged(self.file):
            return Place(int(state["epoch"]), int(state["batch"]), bool(state["stopped"]), state)

    def check(self) -> None:
        """Raise ArgumentError, naming what has changed, unless the saved training is the one at hand."""
        was = self.signature if self.place is None else self.place.state.get("signature")
        if not isinstance(was, dict):
            raise BundleError(f"{self.file} is damaged (it does not say of which training it is). {ANEW}")
        for key, value in self.signature.items():
            if was.get(key) != value:
                shown = f": {was.get(key)} then, {value} now" if key not in _DIGESTS else ""
                raise ArgumentError(
                    f"{self.file} cannot go on: its {key} {'are' if key.endswith('data') else 'is'} not the same{shown}. "
                    "Run it as it was started, or choose another folder for a new training."
                )

    def restore(self, place: Place, trainer: Trainer, callbacks: CallbackList, totals: Totals) -> None:
        """Put a saved state into a trainer that has just been started.  Raises BundleError for what does not fit into it."""
        with damaged(self.file):
            self._restore(place, trainer, callbacks, totals)

    def _restore(self, place: Place, trainer: Trainer, callbacks: CallbackList, totals: Totals) -> None:
        state = place.state
        trainer.module.load_state_dict(state["weights"])
        assert trainer.optimizer is not None
        trainer.plan.optimizer.load_state_dict(state["settings"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"] is not None and trainer.accelerator.scaler is not None:
            trainer.accelerator.scaler.load_state_dict(state["scaler"])
        trainer.step_count = state["step"]
        if place.batch:
            for metric, saved in zip(trainer.plan.all_metrics(), state["metrics"], strict=True):
                metric.load_state_dict({key: value.to(trainer.device) for key, value in saved.items()})
            totals.load([value.to(trainer.device) if torch.is_tensor(value) else value for value in state["totals"]])
        callbacks.load_state_dict(_opened(state["callbacks"]))
        torch.set_rng_state(state["random"])
        if trainer.device.type == "cuda" and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"], trainer.device)
        self._before, self._started = state["seconds"], time.perf_counter()

    # -- writing ---------------------------------------------------------------------------------------------------
    def save(
        self, trainer: Trainer, callbacks: CallbackList, epoch: int, batch: int, totals: Totals, stopped: bool = False
    ) -> None:
        """Replace the saved state by the present one: `batch` batches of `epoch` are done.

        Raises BundleError where it cannot be written; what was saved before then stays.
        """
        with self.budget:
            state = self._state(trainer, callbacks, epoch, batch, totals, stopped)
            write_state(self.file, state, advice="What was saved before stays; free some space and resume.")

    def _state(
        self, trainer: Trainer, callbacks: CallbackList, epoch: int, batch: int, totals: Totals, stopped: bool
    ) -> dict[str, Any]:
        assert trainer.optimizer is not None
        scaler = trainer.accelerator.scaler
        return {
            "format": FORMAT,
            "version": VERSION,
            "signature": self.signature,
            "seed": self.seed,
            "seconds": self.seconds,
            "epoch": epoch,
            "batch": batch,
            "stopped": stopped,
            "step": trainer.step_count,
            "weights": dict(trainer.module.state_dict()),
            "settings": trainer.plan.optimizer.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "metrics": [metric.state_dict() for metric in trainer.plan.all_metrics()] if batch else [],
            "totals": totals.state(),
            "callbacks": _plain(callbacks.state_dict()),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(trainer.device) if trainer.device.type == "cuda" else None,
        }


def signature(
    trainer: Trainer, examples: Examples, validation: Examples | None, seed: int, epochs: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """What must be the same when a training goes on, by name; long things as their SHA-256."""
    from striate.version import __version__

    network = json.dumps([to_json(trainer.graph), trainer.trainable, trainer.plan.loss_weights])
    schedule = trainer.plan.optimizer.schedule
    return {
        "version of striate": __version__,
        "version of torch": str(torch.__version__),
        "network": hashlib.sha256(network.encode()).hexdigest(),
        **{key: re.sub(r" at 0x[0-9a-f]+", "", str(value)) for key, value in trainer.plan.described.items()},
        **settings,
        # a schedule as long as the run fixes its length; otherwise a training may be made longer
        **({"number of epochs": epochs} if schedule is not None and schedule.is_open else {}),
        "seed": seed,
        "training data": _digest(examples),
        "validation data": None if validation is None else _digest(validation),
    }


_DIGESTS = ("network", "training data", "validation data")


def _digest(examples: Examples) -> str:
    """SHA-256 of the arrays, and of how they become inputs."""
    digest = hashlib.sha256(repr(examples.preprocessing).encode())
    weights = [array for array in examples.weights or () if array is not None]
    for array in (*examples.xs, *examples.ys, *weights):
        digest.update(f"{array.shape} {array.dtype}".encode())
        step = max(1, math.ceil(array.nbytes / _WHOLE))
        digest.update(np.ascontiguousarray(array[::step]).data if array.size else b"")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """A copy that ``torch.load(weights_only=True)`` reads: arrays become marked tensors."""
    if isinstance(value, np.ndarray):
        return {"__array__": torch.from_numpy(np.ascontiguousarray(value).copy()), "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(part) for part in value)
    return value


def _opened(value: Any) -> Any:
    """The inverse of ``_plain``."""
    if isinstance(value, dict):
        if "__array__" in value:
            return value["__array__"].numpy().reshape(value["shape"])
        return {key: _opened(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_opened(part) for part in value)
    return value


class Snapshot:
    """A copy of weights that are known to give a finite loss, renewed so seldom that it costs under one percent."""

    def __init__(self, module: nn.Module, step: int = 0) -> None:
        self.live = [*module.parameters(), *module.buffers()]
        self.step = step
        self._copy()

    def _copy(self) -> None:
        started = time.perf_counter()
        with torch.no_grad():
            self.held = [tensor.detach().clone() for tensor in self.live]
        now = time.perf_counter()
        self.due = now + 200 * (now - started)

    def confirm(self, step: int, loss: torch.Tensor) -> None:
        """The weights as they are before update `step` gave `loss`; hold them if it is time and the loss is finite."""
        if time.perf_counter() > self.due and math.isfinite(loss.item()):
            self._copy()
            self.step = step

    def restore(self) -> str:
        """Put the held weights back; returns which they are."""
        with torch.no_grad():
            for tensor, held in zip(self.live, self.held, strict=True):
                tensor.copy_(held)
        return f"after step {self.step}" if self.step else "before the first step"
