"""Callbacks that watch a figure: the base of all of them, and those that stop a training.  Keras 3's rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from striate.described import described, number, whole
from striate.errors import ArgumentError, nearest, note
from striate.messages import say
from striate.train.callbacks.base import Callback, Logs

MODES = ("auto", "min", "max")


class MonitorCallback(Callback):
    """Base of callbacks that watch a figure of the logs: which way is better, and whether a value is.

    monitor      the figure that is watched, by its name in the logs; by default "val_loss", which needs validation data
    mode         "min": less is better; "max": more is better; "auto", the default: less for names that end in loss, else as
                 the metric of that name has it.  Another one is taken as "auto", and a note says so
    baseline     the best value to begin with; None, the default: the first one that comes
    min_delta    a change of this size or less, in the figure's own unit, is no improvement; by default 0

    ``best`` is the best value so far.  ``monitor_op`` is ``ops.less`` or ``ops.greater`` once it is known which way is
    better: when training begins, or an epoch ends.

    Raises ArgumentError for a `min_delta` that is no number, and when training begins, or an epoch ends, for a figure of
    which it is not known which way is better.
    """

    monitor: str = "val_loss"
    mode: str = "auto"
    min_delta: float = 0.0
    best: float | None = None
    monitor_op: Any = None
    _more: bool = False  # whether more is better

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        self.monitor, self.mode, self.best, self.min_delta = monitor, mode, baseline, min_delta
        self._check()

    def _check(self) -> None:
        kind = type(self).__name__
        if self.mode not in MODES:
            note(f'{kind} mode {self.mode!r} is unknown, and taken as "auto"; there are {", ".join(MODES)}.')
            self.mode = "auto"
        self.min_delta = abs(number(kind, "min_delta", self.min_delta))

    def on_train_begin(self, logs: Logs = None) -> None:
        self._set_monitor_op()

    def _set_monitor_op(self) -> None:
        from striate import ops

        mode = self._direction() if self.mode == "auto" else self.mode
        if mode is None:
            raise ArgumentError(
                f'{type(self).__name__}: is more or less "{self.monitor}" better? Give mode="max" or mode="min".'
            )
        self._more = mode == "max"
        self.monitor_op = ops.greater if self._more else ops.less

    def _direction(self) -> str | None:
        """Which way is better: as the model's metric of that name has it, else as the name says."""
        from striate.train import metrics

        plan = getattr(self.model, "_plan", None)
        for metric in [] if plan is None else plan.all_metrics():
            ours = type(metric).__module__.startswith("striate.")  # a class of a user's own says nothing
            if ours and metric.name == self.monitor.removeprefix("val_"):
                return metric.direction  # type: ignore[no-any-return]
        return metrics.direction(self.monitor)

    def _is_improvement(self, value: float, than: float | None) -> bool:
        if self.monitor_op is None:
            self._set_monitor_op()
        return than is None or (value - than if self._more else than - value) > self.min_delta

    def _value(self, logs: Logs) -> float | None:
        """The watched figure; None where an epoch has not given it, which a note says unless it is yet to come."""
        logs = logs or {}
        if self.monitor in logs:
            return float(logs[self.monitor])
        if not self._awaited():
            advice = nearest(self.monitor, logs)
            if self.monitor.startswith("val_") and not any(key.startswith("val_") for key in logs):
                advice = " Give fit() validation_data or validation_split."
            note(
                f'{type(self).__name__} watches "{self.monitor}", but an epoch gave only '
                f"{', '.join(sorted(logs)) or 'nothing'}, so that it does nothing.{advice}"
            )
        return None

    def _awaited(self) -> bool:
        """Whether the figure comes only in epochs with a validation, which not all have."""
        return self.monitor.startswith("val_") and (self.params.get("validation_freq") or 1) != 1


@described
class EarlyStopping(MonitorCallback):
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
    An epoch that does not give the figure changes nothing, and a note says so.
    Raises ArgumentError for a value out of range, and when training begins, for a figure of which it is not known which way
    is better.
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
        """After `epoch`, with its figures in `logs`; a note says when the watched figure is not among them."""
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._is_improvement(value, self.best) and not math.isnan(value):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(value, self.baseline):
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
class TerminateOnNaN(Callback):
    """Lets a training whose loss becomes NaN or infinite end without an error: the history is returned, this epoch in it.

    The last good weights are put back, as ``fit`` does without it too, and a line says in which batch it was.

    raise_error    True: TrainingError is raised all the same, as without this callback; False, the default: not
    """

    raise_error: bool = False
