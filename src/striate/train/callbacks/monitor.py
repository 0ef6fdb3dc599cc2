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
from striate.wording import inner


class _Monitor(Callback):
    """Base of callbacks that watch a figure of the logs of each epoch."""

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
    """Stops training when a figure has not got better for some epochs in a row.

    The figure is looked at after each epoch.  It is better when it beats the best so far by more than `min_delta`; NaN never
    is.  Each new call of ``fit`` begins without a best.

    monitor                 the figure that is watched, by its name in the logs; by default "val_loss", which needs
                            validation data
    min_delta               a change of this size or less, in the figure's own unit, is no improvement; by default 0
    patience                how many epochs in a row may pass without improvement: training stops after the last of them.
                            0, the default, and 1 both stop after the first
    verbose                 1: print in which epoch training stopped, and which weights were put back; 0, the default:
                            nothing
    mode                    "min": less is better; "max": more is better; "auto", the default: less for names that end in
                            loss, else as the metric of that name has it
    baseline                a value to be beaten: an epoch that is better than the ones before, but not than this, does not
                            start the waiting anew.  None, the default: there is none
    restore_best_weights    True: when training ends, stopped or not, put back the weights of the epoch with the best
                            figure, kept in memory until then.  False, the default: leave those of the last epoch
    start_from_epoch        how many epochs at the beginning are not looked at; by default 0

    ``stopped_epoch`` and ``best_epoch`` say which epochs they were, counted from 0; ``stopped_epoch`` is 0 where nothing
    was stopped.
    Raises ArgumentError for a value out of range; when training begins, for a figure of which it is not known which way is
    better; and after an epoch that does not give the figure.
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

    Raises ArgumentError for a value out of range; when training begins, for a figure of which it is not known which way is
    better; and after an epoch that does not give the figure, or a field of `filepath`.
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
        """After `epoch`, with its figures in `logs`.  Raises ArgumentError when the watched figure is not among them."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Logs, batch: int | None = None) -> None:
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


@described
class ReduceLROnPlateau(_Monitor):
    """Lowers the learning rate when a figure has not got better for some epochs in a row.

    Dividing by 10 when the validation error stands still is the rule of AlexNet, VGG and ResNet (Krizhevsky et al. 2012,
    section 5).  The figure is looked at after each epoch.  It is better when it beats the best so far by more than
    `min_delta`; NaN never is.  Each new call of ``fit`` begins without a best.  The rate that an epoch was trained with is
    added to its logs as ``learning_rate``.

    monitor      the figure that is watched, by its name in the logs; by default "val_loss", which needs validation data
    factor       what the rate is multiplied by, from 0 up to (not including) 1; by default 0.1
    patience     how many epochs in a row may pass without improvement: the rate is lowered after the last of them, and the
                 counting begins anew.  By default 10; 0 and 1 both lower it after the first
    verbose      1: print each new rate; 0, the default: nothing
    mode         "min": less is better; "max": more is better; "auto", the default: less for names that end in loss, else
                 as the metric of that name has it
    min_delta    a change of this size or less, in the figure's own unit, is no improvement; by default 0.0001
    cooldown     how many epochs to wait after each cut, so that the new rate can show its effect; by default 0.  As in Keras
                 the last of them is counted, so 1 is as 0
    min_lr       the rate is never set below this; by default 0

    Raises ArgumentError for a value out of range; when training begins, for a figure of which it is not known which way is
    better; after an epoch that does not give the figure; and when the optimizer's rate follows a schedule, which cannot be
    lowered as well.
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
    """Sets the learning rate before each epoch to what a function of the epoch says.

    The rate is added to the logs of the epoch as ``learning_rate``.

    schedule    a function that gives the new rate, a number of at least 0.  It is called as schedule(epoch, rate), with the
                epoch, counted from 0, and the rate as it stands; or as schedule(epoch), if it takes one argument only
    verbose     1: print the rate of each epoch; 0, the default: nothing

    Raises ArgumentError for what is no function; and before an epoch for which it gives no such number, or when the
    optimizer's rate follows a schedule of its own.
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


@described
class TerminateOnNaN(Callback):
    """Lets a training whose loss becomes NaN or infinite end without an error: the history is returned, this epoch in it.

    The last good weights are put back, as ``fit`` does without it too, and a line says in which batch it was.

    raise_error    True: TrainingError is raised all the same, as without this callback; False, the default: not
    """

    raise_error: bool = False
