"""The list that calls the callbacks of a training, and the figures that are computed when a callback reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from striate.errors import ArgumentError
from striate.train.callbacks.base import Callback, Logs


class LazyLogs(MutableMapping[str, float]):
    """The figures of a batch, a dict that is computed when it is first read: a callback that does not look costs nothing.

    compute    a function without arguments that gives {name: float}; called once, at the first look, and never again
    """

    def __init__(self, compute: Callable[[], Mapping[str, float]]) -> None:
        self._compute = compute
        self._figures: dict[str, float] | None = None

    def _read(self) -> dict[str, float]:
        if self._figures is None:
            self._figures = dict(self._compute())
        return self._figures

    def __getitem__(self, key: str) -> float:
        return self._read()[key]

    def __setitem__(self, key: str, value: float) -> None:
        self._read()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def copy(self) -> dict[str, float]:
        """The figures as a plain dict, which later changes of these do not reach."""
        return dict(self._read())


def each_of(callbacks: Any) -> list[Any]:
    """What was given as callbacks, as a list.  Raises ArgumentError for what is neither a callback nor several.

    callbacks   one, several, or None
    """
    if callbacks is None or isinstance(callbacks, Callback):
        return [] if callbacks is None else [callbacks]
    if not isinstance(callbacks, Iterable) or isinstance(callbacks, str):
        raise ArgumentError(f"callbacks is a callback or a list of them, not {callbacks!r}.")
    return list(callbacks)


class CallbackList:
    """Calls each hook of several callbacks, one callback after the other.

    ``fit`` makes one; make one for a loop of your own.  For each batch only the callbacks that define a hook for it are
    called, so that the others cost nothing.

    callbacks    a Callback, or several in the order in which they are called; History and the progress bar are moved behind
                 all others.  None or empty: there are none
    add_history  put a History there where there is none, ``get_history()``
    add_progbar  put a ProgressBar there where there is none
    model        given to every callback as its ``model``; None: ``set_model`` follows
    params       given to every callback as its ``params``, such as epochs=5, steps=469; both are None where not given

    Raises ArgumentError for what is no callback.
    """

    def __init__(
        self,
        callbacks: Iterable[Callback] | Callback | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        from striate.train.callbacks.logs import History
        from striate.train.callbacks.progress import ProgressBar

        given = each_of(callbacks)
        for wanted, kind in ((add_history, History), (add_progbar, ProgressBar)):
            if wanted and not any(isinstance(callback, kind) for callback in given):
                given.append(kind())
        for callback in given:
            if not isinstance(callback, Callback):
                advice = "an object, Name(...), not the class" if isinstance(callback, type) else "LambdaCallback(...)"
                raise ArgumentError(f"callbacks: {callback!r} is not an st.callbacks.Callback; give {advice}.")
        self.callbacks: list[Callback] = sorted(given, key=lambda callback: callback.last)
        self._batch = {
            (when, what): [hook for callback in self.callbacks if (hook := _batch_hook(callback, when, what))]
            for when in ("train", "test", "predict")
            for what in ("begin", "end")
        }
        self._train_begin, self._train_end = self._batch["train", "begin"], self._batch["train", "end"]
        self.params: dict[str, Any] = {}
        self.set_params(params)
        if model is not None:
            self.set_model(model)

    def set_model(self, model: Any) -> None:
        """Give every callback the model.

        model    the Model that is trained
        """
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Give every callback the length of the training.

        params    ``epochs``, and ``steps``, the batches of an epoch; either is None where it is not given
        """
        self.params = {"epochs": None, "steps": None, **params}
        for callback in self.callbacks:
            callback.set_params(self.params)

    @property
    def has_batch_hooks(self) -> bool:
        """Whether any callback has a hook for each batch of training."""
        return bool(self._train_begin or self._train_end)

    @property
    def begin_with(self) -> int:
        """The epoch, from 0, that a callback which has put an interrupted training back goes on with; 0 without one."""
        return max((getattr(callback, "begin_with", 0) for callback in self.callbacks), default=0)

    @property
    def ends_at_nan(self) -> bool:
        """Whether a loss that is no number ends the training without an error, as TerminateOnNaN has it."""
        return any(getattr(callback, "raise_error", True) is False for callback in self.callbacks)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Call every callback's on_train_begin.

        logs     handed on; None: empty
        """
        self._each("on_train_begin", {} if logs is None else logs)

    def on_train_end(self, logs: Logs = None) -> None:
        """Call every callback's on_train_end.

        logs     handed on; None: empty
        """
        self._each("on_train_end", {} if logs is None else logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None, *, steps: int | None = None) -> None:
        """Call every callback's on_epoch_begin.

        epoch    counted from 0
        logs     handed on; None: empty
        steps    batches of this epoch, from now on in ``params``; None: as it was
        """
        if steps is not None:
            self.params["steps"] = steps
        self._each("on_epoch_begin", epoch, {} if logs is None else logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Call every callback's on_epoch_end.

        epoch    counted from 0
        logs     the epoch's figures by name, one dict for all callbacks, which may add to it; None: empty
        """
        self._each("on_epoch_end", epoch, {} if logs is None else logs)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Call on_train_batch_begin of the callbacks that define it.

        batch    counted from 0 in each epoch
        logs     handed on; None: empty
        """
        for hook in self._train_begin:
            hook(batch, {} if logs is None else logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Call on_train_batch_end of the callbacks that define it.

        batch    counted from 0 in each epoch
        logs     figures by name, or a function without arguments that gives them, called only if a callback reads one;
                 None: empty
        """
        if self._train_end:
            logs = LazyLogs(logs) if callable(logs) else {} if logs is None else logs
            for hook in self._train_end:
                hook(batch, logs)

    def on_begin(self, when: str, *, steps: int | None = None) -> None:
        """An evaluation or a prediction begins: call every callback's on_test_begin or on_predict_begin.

        when     "test" or "predict"
        steps    how many batches there will be, from now on in ``params``; None: what stands there stays
        """
        if steps is not None:
            self.params["steps"] = steps
        self._each(f"on_{when}_begin", {})

    def on_batch(self, when: str, what: str, batch: int, logs: Logs = None) -> None:
        """A batch begins or ends: call the hook of the callbacks that define it, such as on_test_batch_end.

        when     "train", "test" or "predict"
        what     "begin" or "end"
        batch    counted from 0
        logs     figures by name, or a function without arguments that gives them, called only if a callback reads one;
                 None: empty
        """
        hooks = self._batch[when, what]
        if hooks:
            logs = LazyLogs(logs) if callable(logs) else {} if logs is None else logs
            for hook in hooks:
                hook(batch, logs)

    def every(self, together: int, when: str, logs: Any = None) -> Together:
        """What calls the hooks once for so many batches.

        together   batches between two calls: ``compile(steps_per_execution=)``
        when       "train", "test" or "predict"
        logs       of the batches so far, as for ``on_batch``
        """
        return Together(self, together, when, logs)

    def on_end(self, when: str, logs: Logs = None) -> None:
        """An evaluation or a prediction has ended: call every callback's on_test_end or on_predict_end.

        when     "test" or "predict"
        logs     handed on; None: empty
        """
        self._each(f"on_{when}_end", {} if logs is None else logs)

    def _each(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def state_dict(self) -> list[tuple[str, dict[str, Any]]]:
        """What the callbacks must remember of an interrupted training: (name of the class, state) of each, in order."""
        return [(type(callback).__name__, callback.state_dict()) for callback in self.callbacks]

    def load_state_dict(self, states: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Hand each state to the first callback of its class that has none yet; what has no partner is left as it is.

        states    what ``state_dict`` gave, for callbacks in the same order
        """
        waiting = list(self.callbacks)
        for kind, state in states:
            for callback in waiting:
                if type(callback).__name__ == kind:
                    callback.load_state_dict(state)
                    waiting.remove(callback)
                    break


class Together:
    """Calls the hooks of batches, each once for several of them: the first one's begin and the last one's end.

    hooks      the callbacks
    together   how many batches
    when       "train", "test" or "predict"
    logs       of the batches so far, as for ``CallbackList.on_batch``
    """

    def __init__(self, hooks: CallbackList, together: int, when: str, logs: Any = None) -> None:
        self._hooks, self._together, self._when, self._logs = hooks, together, when, logs
        self._open: int | None = None  # the last batch of those that have begun

    def begin(self, batch: int) -> None:
        """A batch begins, counted from 0."""
        if batch % self._together == 0 or self._open is None:
            self._open = batch - batch % self._together + self._together - 1
            self._hooks.on_batch(self._when, "begin", batch)

    def end(self, batch: int, logs: Any = None) -> None:
        """A batch has ended; `logs` stand for those of all, where they are given."""
        self._logs = self._logs if logs is None else logs
        if batch == self._open:
            self.close()

    def close(self) -> None:
        """Call the end of what is open, where a loop ends before it."""
        if self._open is not None:
            self._hooks.on_batch(self._when, "end", self._open, self._logs)
            self._open = None


def _batch_hook(callback: Callback, when: str, what: str) -> Callable[[int, Logs], None] | None:
    """The hook if the callback, or its class, defines it; Keras' old name counts for training."""
    names = [f"on_{when}_batch_{what}"] + ([f"on_batch_{what}"] if when == "train" else [])
    for name in names:
        if name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name):
            return getattr(callback, name)
    return None
