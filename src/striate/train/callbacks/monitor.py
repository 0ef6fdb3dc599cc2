"""Callbacks that watch a figure: stop, save, or change the learning rate.  Keras 3's rules."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from striate.described import described, number, whole
from striate.errors import ArgumentError, nearest, unknown
from striate.train.callbacks.base import Callback, Logs, say


class _Monitor(Callback):
    """Base of callbacks that watch a figure of the logs.

    mode: ``min`` or ``max``, which way is better; ``auto`` knows it for losses and for metrics by their usual names.
    """

    monitor: str = "val_loss"
    mode: str = "auto"
    min_delta: float = 0.0
    best: float | None = None
    _sign: int = 0  # 1 when more is better, -1 when less is

    def _check(self) -> None:
        if self.mode not in ("auto", "min", "max"):
            raise unknown(f"{type(self).__name__} mode", self.mode, ("auto", "min", "max"))
        self.min_delta = abs(number(type(self).__name__, "min_delta", self.min_delta))

    def on_train_begin(self, logs: Logs = None) -> None:
        from striate.train import metrics

        mode = metrics.direction(self.monitor) if self.mode == "auto" else self.mode
        if mode is None:
            raise ArgumentError(
                f'{type(self).__name__}: is more or less "{self.monitor}" better? Give mode="max" or mode="min".'
            )
        self._sign = 1 if mode == "max" else -1

    def _better(self, value: float, than: float | None) -> bool:
        return than is None or self._sign * (value - than) > self.min_delta

    def _value(self, logs: Logs, epoch: int) -> float | None:
        """The watched figure; None in an epoch without validation.  Raises ArgumentError when it will never come."""
        logs = logs or {}
        if self.monitor in logs:
            return float(logs[self.monitor])
        if self.monitor.startswith("val_") and (self.params.get("validation_freq") or 1) != 1:
            return None
        advice = nearest(self.monitor, logs)
        if self.monitor.startswith("val_") and not any(key.startswith("val_") for key in logs):
            advice = " Give fit() validation_data or validation_split."
        raise ArgumentError(
            f'{type(self).__name__} watches "{self.monitor}", but epoch {epoch + 1} gave only '
            f"{', '.join(sorted(logs)) or 'nothing'}.{advice}"
        )


@described
class EarlyStopping(_Monitor):
    """Stop when `monitor` has not got better for `patience` epochs.

    min_delta: less than this is not better.  baseline: what it must get better than for the waiting to begin anew.
    restore_best_weights: end with the weights of the best epoch.  start_from_epoch: epochs that are not watched.

    monitor                    the figure that is watched
    mode                       "min", "max", or "auto": told by the figure's name
    min_delta                  less than this is no improvement
    verbose                    1: say when it stops
    baseline                   what has to be beaten from the start; None: nothing
    restore_best_weights       put back the weights of the best epoch
    start_from_epoch           epochs that are not judged

    Raises ArgumentError for a value out of range, or a figure of which it is not known which way is better.
    """

    monitor: str = "val_loss"
    min_delta: float = 0.0
    patience: int = 0
    verbose: int = 0
    mode: str = "auto"
    baseline: float | None = None
    restore_best_weights: bool = False
    start_from_epoch: int = 0

    def __post_init__(self) -> None:
        self._check()
        self.patience = whole("EarlyStopping", "patience", self.patience, 0)
        self._reset()

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After `epoch`, with its figures in `logs`.  Raises ArgumentError when the watched figure is not among them."""
        value = self._value(logs, epoch)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._better(value, self.best) and not math.isnan(value):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("wait", "best", "best_epoch", "best_weights", "stopped_epoch")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)


@described
class ModelCheckpoint(_Monitor):
    """Save the model after each epoch, or after each that is the best so far.

    filepath: may name the epoch (from 1) and any figure, ``"{epoch:02d}-{val_loss:.2f}"``; else it is written over.
    save_weights_only: ``model.save_weights`` instead of ``model.save``.
    initial_value_threshold: save only what is better than this.

    filepath                   where to, with fields such as {epoch:02d} and {val_loss:.2f}
    monitor                    the figure that is watched
    mode                       "min", "max", or "auto": told by the figure's name
    verbose                    1: say what is saved
    save_best_only             only when the figure is better than ever
    save_weights_only          without the rest of the model
    save_freq                  "epoch", the only one there is
    initial_value_threshold    what has to be beaten from the start; None: nothing

    Raises ArgumentError for a field that is not there, or a value out of range.
    """

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
        if self.save_freq != "epoch":
            raise ArgumentError(f"ModelCheckpoint: save_freq={self.save_freq!r}; only after epochs, save_freq='epoch'.")
        self.best = self.initial_value_threshold

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.save_best_only:
            super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After `epoch`, with its figures in `logs`.  Raises ArgumentError when the watched figure is not among them."""
        if self.save_best_only:
            value = self._value(logs, epoch)
            if value is None:
                return
            was = "nothing" if self.best is None else f"{self.best:.5f}"
            if math.isnan(value) or not self._better(value, self.best):
                if self.verbose:
                    say(f"Epoch {epoch + 1}: {self.monitor} did not improve from {was}")
                return
            self.best = value
            if self.verbose:
                say(f"Epoch {epoch + 1}: {self.monitor} improved from {was} to {value:.5f}")
        path = self._path(epoch, logs or {})
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.verbose:
            say(f"Epoch {epoch + 1}: saving model to {path}")
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)

    def _path(self, epoch: int, logs: Mapping[str, float]) -> str:
        known = {**logs, "epoch": epoch + 1}
        try:
            return str(self.filepath).format(**known)
        except (KeyError, IndexError) as error:
            raise ArgumentError(
                f'ModelCheckpoint: "{self.filepath}" names {error}; there are {", ".join(sorted(known))}.'
            ) from None
        except ValueError as error:
            raise ArgumentError(f'ModelCheckpoint: "{self.filepath}" is no format: {error}.') from None

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best = state["best"]


@described
class ReduceLROnPlateau(_Monitor):
    """Multiply the learning rate by `factor` when `monitor` has not got better for `patience` epochs.

    ``factor=0.1`` divides by 10, the rule of AlexNet, VGG and ResNet (Krizhevsky et al. 2012, section 5).
    min_delta: less than this is not better.  cooldown: epochs to wait after a cut.  min_lr: go no lower.

    monitor                    the figure that is watched
    mode                       "min", "max", or "auto": told by the figure's name
    min_delta                  less than this is no improvement
    verbose                    1: say when the rate changes
    cooldown                   epochs after a change that are not judged
    min_lr                     the rate is never set below

    Raises ArgumentError for a value out of range.
    """

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    verbose: int = 0
    mode: str = "auto"
    min_delta: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        self._check()
        if number("ReduceLROnPlateau", "factor", self.factor, 0) >= 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor={self.factor} must be less than 1.")
        self.patience = whole("ReduceLROnPlateau", "patience", self.patience, 0)
        self.cooldown = whole("ReduceLROnPlateau", "cooldown", self.cooldown, 0)
        number("ReduceLROnPlateau", "min_lr", self.min_lr, 0)
        self._reset()

    def _reset(self) -> None:
        self.wait = self.cooldown_counter = 0
        self.best = None

    def on_train_begin(self, logs: Logs = None) -> None:
        super().on_train_begin(logs)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After `epoch`, with its figures in `logs`.  Raises ArgumentError when the watched figure is not among them."""
        value = self._value(logs, epoch)
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._better(value, self.best) and not math.isnan(value):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose:
                    say(f"Epoch {epoch + 1}: reducing learning rate to {optimizer.learning_rate:g}.")

    def state_dict(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("wait", "best", "cooldown_counter")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)


@described
class LearningRateScheduler(Callback):
    """Set the learning rate at the start of each epoch to ``schedule(epoch, learning_rate)`` or ``schedule(epoch)``.

    schedule    called as (epoch) or (epoch, rate)
    verbose     1: say the rate of each epoch

    Raises ArgumentError for what is no such function, or gives no number.
    """

    schedule: Callable[..., float]
    verbose: int = 0

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            raise ArgumentError(f"LearningRateScheduler: schedule is a function of the epoch, not {self.schedule!r}.")
        try:
            inspect.signature(self.schedule).bind(0, 0.1)
            self._takes_rate = True
        except (TypeError, ValueError):
            self._takes_rate = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before `epoch`; `logs` is not read.  Raises ArgumentError when the function gives no number."""
        optimizer = self.model.optimizer
        rate: Any = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
        optimizer.learning_rate = number("LearningRateScheduler", f"schedule({epoch})", rate, 0)
        if self.verbose:
            say(f"Epoch {epoch + 1}: setting learning rate to {rate:g}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class TerminateOnNaN(Callback):
    """Stop when the loss is no longer a number.  Training always does, and says so; this is for code from Keras."""
