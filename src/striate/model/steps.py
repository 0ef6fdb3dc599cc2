"""The part of ``Model`` that says what happens with a batch, as Keras has it, for classes of a user's own to say anew."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from striate.errors import ArgumentError
from striate.graph.nested import nests

STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
_NEVER = ("make_train_function", "make_test_function", "make_predict_function")


class Steps:
    """``train_step`` and its like: what a class derived from ``Model`` defines of them is called by fit and evaluate."""

    @property
    def own_steps(self) -> frozenset[str]:
        """Which of the steps the class, or one of its bases, defines anew."""
        return frozenset(name for name in STEPS if getattr(type(self), name) is not getattr(Steps, name))

    def _refuse_own_functions(self) -> None:
        """Raise ArgumentError for what Keras compiles steps with, which would not be called."""
        for name in _NEVER:
            if hasattr(type(self), name):
                raise ArgumentError(
                    f"{type(self).__name__}.{name} would not be called: define train_step, test_step or predict_step."
                )

    # -- a batch -------------------------------------------------------------------------------------------------------
    def train_step(self, data: Any) -> dict[str, Any]:
        """What ``fit`` does with a batch: an update, and the figures so far by name.  Define it anew for one of your own.

        data   x, (x, y) or (x, y, sample_weight): torch tensors, channels-last, nested as the data are

        Raises ArgumentError before ``compile``.
        """
        from striate.train.steps import learn

        return learn(self, data)

    def test_step(self, data: Any) -> dict[str, Any]:
        """What ``evaluate`` does with a batch: the figures so far by name.

        data   as ``train_step`` takes it

        Raises ArgumentError before ``compile``.
        """
        from striate.train.steps import look

        return look(self, data)

    def predict_step(self, data: Any) -> Any:
        """What ``predict`` does with a batch: the answers.

        data   x: torch tensors, channels-last, nested as the data are
        """
        return self(data, training=False)  # type: ignore[operator]

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of a batch, a torch scalar: that of ``compile``, and the penalties on weights and activations.

        x               the inputs
        y               the targets
        y_pred          the outputs, channels-last
        sample_weight   of each sample, or None
        training        whether it is to be minimised

        Raises ArgumentError before ``compile``, DataError for targets that do not go with the outputs.
        """
        from striate.train.fit import trainer_of
        from striate.train.steps import loss_of

        return loss_of(self, trainer_of(self).whole, y, y_pred, sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the metrics of ``compile``; all figures so far by name.

        x               the inputs
        y               the targets
        y_pred          the outputs, channels-last
        sample_weight   of each sample, or None

        Raises ArgumentError before ``compile``.
        """
        from striate.train.fit import trainer_of
        from striate.train.steps import judge

        judge(self, trainer_of(self).whole, y, y_pred, sample_weight)
        return self.get_metrics_result()

    # -- metrics -------------------------------------------------------------------------------------------------------
    @cached_property
    def _loss_tracker(self) -> Any:
        from striate.train.metrics import Mean

        return Mean(name="loss")

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss, the metrics in attributes of the model, and those of ``compile``.

        Raises ArgumentError where what ``compile`` was given does not go with the network.
        """
        from striate.train.metrics import Metric

        ours: Any = getattr(self, "_ours", frozenset())
        own = [value for key, value in self.__dict__.items() if key not in ours and key != "_loss_tracker"]
        held = [one for value in own for one in _within(value) if isinstance(one, Metric)]
        compiled = self._compiled().all_metrics() if getattr(self, "_compile_args", None) is not None else []  # type: ignore[attr-defined]
        tracker = [self._loss_tracker] if compiled or getattr(self, "_compile_args", None) is not None else []
        listed: list[Any] = []
        for one in [*tracker, *held, *compiled]:
            if not any(one is other for other in listed):
                listed.append(one)
        return listed

    def get_metrics_result(self) -> dict[str, Any]:
        """What each of ``metrics`` says so far, by name.  Raises ArgumentError where ``metrics`` does."""
        said: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            said |= value if isinstance(value, dict) else {metric.name: value}
        return said

    def reset_metrics(self) -> None:
        """Forget what the metrics have gathered; ``fit``, ``evaluate`` and the methods of one batch do so themselves."""
        for metric in self.metrics:
            metric.reset_state()

    def zero_grad(self) -> None:
        """Forget the gradients of all weights, before those of a batch are computed."""
        self.module.zero_grad(set_to_none=True)  # type: ignore[attr-defined]


def _within(value: Any) -> list[Any]:
    if not nests(value):
        return [value]
    return [one for part in (value.values() if isinstance(value, dict) else value) for one in _within(part)]
