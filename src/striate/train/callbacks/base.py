"""The hooks, and functions as hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from striate.described import Described
from striate.errors import ArgumentError, unknown

Logs = Any  # Mapping[str, float] | None: figures by name; validation's begin with val_


class Callback(Described, family="callback"):
    """Base of all callbacks: derive from it and define the hooks that you need; the others do nothing.

    ``fit`` calls the hooks of training: on_train_begin, then for each epoch on_epoch_begin, for each of its batches
    on_train_batch_begin and on_train_batch_end, and on_epoch_end, last on_train_end.  The hooks of an evaluation and of a
    prediction (on_test_…, on_predict_…) are for a loop of your own that calls them through a CallbackList: ``fit``,
    ``evaluate`` and ``predict`` do not call them.

    In all of them `epoch` counts from 0, and `batch` counts from 0 anew in each epoch.  `logs` maps names of figures to
    floats: ``loss``, the metrics, and those of validation with ``val_`` in front.  What a hook adds to the `logs` of
    on_epoch_end reaches the callbacks after it, the history and the progress bar.

    ``self.model`` is the model that is trained; set ``self.model.stop_training = True`` to end training after this batch.
    ``self.params`` holds ``epochs``, the number of the last epoch, and ``steps``, batches in an epoch; None where unknown.
    """

    model: Any = None
    params: Mapping[str, Any] = {}
    last: bool = False  # called after the others, so that it sees what they add to the logs

    def set_model(self, model: Any) -> None:
        """Called once, before training: keeps the model as ``self.model``.

        model    the Model that is trained
        """
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Called once, before training: keeps how long it is to be as ``self.params``.

        params    ``epochs``, and ``steps``, the batches of an epoch; None where unknown
        """
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called once by ``fit``, before the first epoch.

        logs     empty: nothing has been measured yet
        """

    def on_train_end(self, logs: Logs = None) -> None:
        """Called once by ``fit``, after the last epoch; also when training is stopped or ends in an error.

        logs     empty; the figures of the last epoch are in ``self.model.history``
        """

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called before the first batch of each epoch.

        epoch    counted from 0
        logs     empty: nothing of this epoch has been measured yet
        """

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called after each epoch and its validation.

        epoch    counted from 0
        logs     loss and metrics of the whole epoch, and where there is validation those of it, with ``val_`` in front
        """

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before each batch of training.

        batch    counted from 0 in each epoch
        logs     empty
        """

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after each batch of training and its step.

        batch    counted from 0 in each epoch
        logs     loss and metrics over the batches of this epoch so far; computed when first read, which costs time
        """

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Keras' old name of on_train_batch_begin; called where a callback does not define that.

        batch    counted from 0 in each epoch
        logs     empty
        """

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Keras' old name of on_train_batch_end; called where a callback does not define that.

        batch    counted from 0 in each epoch
        logs     loss and metrics over the batches of this epoch so far; computed when first read, which costs time
        """

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before the first batch of an evaluation, in a loop of your own.

        logs     empty
        """

    def on_test_end(self, logs: Logs = None) -> None:
        """After the last batch of an evaluation, in a loop of your own.

        logs     what the loop hands over: loss and metrics over all batches
        """

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before each batch of an evaluation, in a loop of your own.

        batch    counted from 0
        logs     empty, unless the loop hands figures over
        """

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After each batch of an evaluation, in a loop of your own.

        batch    counted from 0
        logs     what the loop hands over: loss and metrics over the batches so far
        """

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before the first batch of a prediction, in a loop of your own.

        logs     empty
        """

    def on_predict_end(self, logs: Logs = None) -> None:
        """After the last batch of a prediction, in a loop of your own.

        logs     empty, unless the loop hands figures over
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before each batch of a prediction, in a loop of your own.

        batch    counted from 0
        logs     empty, unless the loop hands figures over
        """

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After each batch of a prediction, in a loop of your own.

        batch    counted from 0
        logs     empty, unless the loop hands figures over
        """

    def state_dict(self) -> dict[str, Any]:
        """What the callback must remember for ``fit(resume=...)`` to go on as if training had not been interrupted.

        Numbers, strings, lists and NumPy arrays by name; empty unless a class says otherwise.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where an interrupted training was; called after on_train_begin, which may have reset the callback.

        state    what ``state_dict`` gave when the training was saved
        """


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """A callback made of functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))``.

    on_epoch_begin, on_epoch_end                called as (epoch, logs); None: nothing is called
    on_train_begin, on_train_end                called as (logs)
    on_train_batch_begin, on_train_batch_end    called as (batch, logs)
    hooks                                       functions for further hooks of Callback, by their names; functions of other
                                                names become methods that only your own code calls

    Raises ArgumentError for a name that begins with on_ and is no hook, or what is no function.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any] | None,
    ) -> None:
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in hooks.items():
            if name.startswith("on_") and name not in HOOKS:
                raise unknown("hook", name, HOOKS)
            if function is not None:
                if not callable(function):
                    raise ArgumentError(f"LambdaCallback: {name} is a function, not {function!r}.")
                setattr(self, name, function)
