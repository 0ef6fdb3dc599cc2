"""Callbacks that change the learning rate between epochs.  Keras 3's rules."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from striate.described import described, number, whole
from striate.errors import ArgumentError
from striate.messages import say
from striate.train.callbacks.base import Callback, Logs
from striate.train.callbacks.monitor import MonitorCallback


@described
class ReduceLROnPlateau(MonitorCallback):
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

    An epoch that does not give the figure changes nothing, and a note says so.
    Raises ArgumentError for a value out of range; when training begins, for a figure of which it is not known which way is
    better; and when the optimizer's rate follows a schedule, which cannot be lowered as well.
    """

    refused = {"baseline": "the figure is compared with its best, not with a number; EarlyStopping has a baseline"}

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
        """After `epoch`, with its figures in `logs`; a note says when the watched figure is not among them."""
        value = self._value(logs)
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(value, self.best) and not math.isnan(value):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                lower = max(
                    float(f"{rate * self.factor:.9g}"), self.min_lr
                )  # 0.1 x 0.1 is 0.01, not 0.010000000000000002
                optimizer.learning_rate = lower
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose:
                    say(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {lower}.")

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
            say(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
