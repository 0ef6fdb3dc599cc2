"""The callback that saves the model while it is trained.  Keras 3's rules."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from striate.described import described, whole
from striate.errors import ArgumentError
from striate.messages import say
from striate.train.callbacks.base import Logs
from striate.train.callbacks.monitor import MonitorCallback
from striate.wording import inner


@described
class ModelCheckpoint(MonitorCallback):
    """Saves the model after each epoch, or after each epoch that is the best so far.

    The best so far is remembered from one call of ``fit`` to the next.

    filepath                   where to save.  Fields in braces are filled in: the epoch, counted from 1, and any figure of
                               the logs, as in "{epoch:02d}-{val_loss:.2f}".  Without fields each save replaces the one
                               before.  Folders that are missing are made
    monitor                    the figure that says which epoch is best, by its name in the logs; by default "val_loss".
                               Not looked at without `save_best_only`
    verbose                    1: print what is saved, and with `save_best_only` from which value to which the figure went;
                               0, the default: nothing
    save_best_only             True: save only after an epoch whose figure is better than the best so far; False, the
                               default: after every epoch
    save_weights_only          True: one safetensors file of the weights, as ``model.save_weights`` writes it; False, the
                               default: the whole model as a folder, as ``model.save`` writes it
    mode                       "min": less is better; "max": more is better; "auto", the default: less for names that end in
                               loss, else as the metric of that name has it
    save_freq                  when to save: "epoch", the default, or a whole number n: after every n-th batch, with the
                               figures of the epoch so far; {batch} in `filepath` is the batch, counted from 1
    initial_value_threshold    with `save_best_only`, a value to be beaten before anything is saved; None, the default: the
                               first epoch is saved

    Where an epoch does not give the figure, the model is saved all the same, and a note says so.
    Raises ArgumentError for a value out of range; when training begins, for a figure of which it is not known which way is
    better; and after an epoch that does not give a field of `filepath`.
    """

    refused = {"period": ("save_freq counts batches; give so many epochs times the batches of one", 1)}

    filepath: str | os.PathLike[str]
    monitor: str = "val_loss"
    verbose: int = 0
    save_best_only: bool = False
    save_weights_only: bool = False
    mode: str = "auto"
    save_freq: str | int = "epoch"
    initial_value_threshold: float | None = None

    def __post_init__(self) -> None:
        self._check()
        self.filepath = os.fspath(self.filepath)
        self._epoch = self._batches = 0
        if self.save_freq != "epoch":
            self._every = whole("ModelCheckpoint", "save_freq", self.save_freq)
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]
        self.best = self.initial_value_threshold

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.save_best_only:
            super().on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def _after_batch(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self._batches % self._every == 0:
            self._save(self._epoch, logs, batch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After `epoch`, with its figures in `logs`.  Raises ArgumentError for a field of `filepath` that is not there."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Logs, batch: int | None = None) -> None:
        if self.save_best_only:
            value = self._value(logs)
            if value is None and self._awaited():
                return
        if self.save_best_only and value is not None:
            was = "nothing" if self.best is None else f"{self.best:.5f}"
            if math.isnan(value) or not self._is_improvement(value, self.best):
                if self.verbose:
                    say(f"Epoch {epoch + 1}: {self.monitor} did not improve from {was}")
                return
            self.best = value
            if self.verbose:
                say(f"Epoch {epoch + 1}: {self.monitor} improved from {was} to {value:.5f}")
        path = self._path(epoch, logs or {}, batch)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.verbose:
            say(f"Epoch {epoch + 1}: saving model to {path}")
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)

    def _path(self, epoch: int, logs: Mapping[str, float], batch: int | None) -> str:
        known = {**logs, "epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1})}
        try:
            return str(self.filepath).format(**known)
        except (KeyError, IndexError) as error:
            raise ArgumentError(
                f'ModelCheckpoint: "{self.filepath}" names {error}; there are {", ".join(sorted(known))}.'
            ) from None
        except ValueError as error:
            raise ArgumentError(f'ModelCheckpoint: "{self.filepath}" is no format: {inner(error)}.') from None

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best = state["best"]
