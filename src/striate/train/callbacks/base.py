"""The hooks, and functions as hooks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from striate.described import Described
from striate.errors import ArgumentError, unknown

Logs = Any  # Mapping[str, float] | None: figures by name; validation's begin with val_


class Callback(Described, family="callback"):
    """Base class: define the hooks you need.

    `epoch` and `batch` count from 0.  `logs` are the figures so far, by name; those of a batch are computed when first
    read.  ``params`` holds ``epochs`` and ``steps`` (per epoch, None when unknown).
    """

    model: Any = None
    params: Mapping[str, Any] = {}
    last: bool = False  # called after the others, so that it sees what they add to the logs

    def set_model(self, model: Any) -> None:
        """The model that is trained.

        model    a Model
        """
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """What the training is told beforehand.

        params    ``epochs`` and ``steps`` (per epoch)
        """
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch.

        logs     the figures so far, by name
        """

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch, and after an error.

        logs     the figures so far, by name
        """

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch's first batch.

        epoch    counted from 0
        logs     the figures so far, by name
        """

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch and its validation, with the figures of both.

        epoch    counted from 0
        logs     the figures so far, by name
        """

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch, with the figures of the epoch so far.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Keras' old name of on_train_batch_begin.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Keras' old name of on_train_batch_end.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before an evaluation.

        logs     the figures so far, by name
        """

    def on_test_end(self, logs: Logs = None) -> None:
        """After an evaluation.

        logs     the figures so far, by name
        """

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of an evaluation.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of an evaluation.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before a prediction.

        logs     the figures so far, by name
        """

    def on_predict_end(self, logs: Logs = None) -> None:
        """After a prediction.

        logs     the figures so far, by name
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of a prediction.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of a prediction.

        batch    counted from 0
        logs     the figures so far, by name
        """

    def state_dict(self) -> dict[str, Any]:
        """What it must remember when a training is interrupted: numbers, strings, lists, NumPy arrays."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``; called after on_train_begin.

        state    what ``state_dict`` gave
        """


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Functions as hooks: ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs["loss"]))``.

    Takes the name of every hook; each function gets what the hook gets.

    hooks    functions by the name of the hook, such as on_epoch_end=print

    Raises ArgumentError for a hook that is not there, or what is no function.
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise unknown("hook", name, HOOKS)
            if function is not None:
                if not callable(function):
                    raise ArgumentError(f"LambdaCallback: {name} is a function, not {function!r}.")
                setattr(self, name, function)


def say(message: str) -> None:
    """Print a line, over an unfinished progress bar if there is one."""
    clear = "\r\x1b[K" if sys.stdout.isatty() else ""
    print(f"{clear}{message}", flush=True)
