"""Steps of a training as Keras has them, for a model whose class says one of them anew: ``train_step`` and its like.

The loop, its callbacks and its batches are those of every model; what happens with a batch is the model's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from striate import backend
from striate.data import Batch, Batches
from striate.data.batches import channels_first, channels_last
from striate.errors import ArgumentError, DataError
from striate.graph.nested import flat, packed
from striate.train.callbacks import CallbackList
from striate.train.feed import unpacked
from striate.train.loop import Feed, Trainer
from striate.train.objective import Objective, Totals
from striate.train.targets import aligned
from striate.wording import plural


def given(batch: Batch) -> Any:
    """A batch as a step takes it: x, (x, y) or (x, y, sample_weight), channels-last, nested as the data are."""
    x_shape, y_shape, w_shape = batch.nested or (None, None, None)
    xs = [channels_last(x) for x in batch.xs]
    x = packed(x_shape, xs) if x_shape is not None else xs[0] if len(xs) == 1 else xs
    if y_shape is None:
        return x
    y = packed(y_shape, list(batch.ys))
    if batch.weights is None:
        return x, y
    return x, y, packed(w_shape, list(batch.weights)) if w_shape is not None else batch.weights[0]


# -- what a step does unless the class says it ------------------------------------------------------------------------------
def loss_of(model: Any, objective: Objective, y: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor:
    """The loss that was compiled, with the penalties; ``Model.compute_loss``.

    objective   of outputs that lack nothing
    """
    batch = _batch(model, objective, y, sample_weight)
    passed = model.__dict__.get("_activity", ())  # in the latest call
    return objective.loss([channels_first(_tensor(one)) for one in flat(y_pred)], batch, passed)[0]


def judge(model: Any, objective: Objective, y: Any, y_pred: Any, sample_weight: Any) -> None:
    """Hand outputs to the metrics that were compiled; ``loss_of`` names the arguments."""
    batch = _batch(model, objective, y, sample_weight)
    objective.update(batch, [channels_first(_tensor(one)) for one in flat(y_pred)])


def _batch(model: Any, objective: Objective, y: Any, sample_weight: Any) -> Batch:
    names = objective.plan.outputs
    ys = [y.get(name) for name in names] if isinstance(y, Mapping) and set(names) & set(y) else flat(y)
    if len(ys) == 1 and ys[0] is None:
        ys = [torch.zeros(1)] * len(names)
    if len(ys) != len(names):
        raise DataError(f"compute_loss: {plural(len(names), 'output')} but {plural(len(ys), 'target')}.")
    made = []
    for one, loss, shape in zip(ys, objective.losses, model.graph.output_shapes, strict=True):
        target = _tensor(torch.zeros(1) if one is None else one)
        if loss.sparse:
            target = target.long()
            target = target[..., 0] if target.ndim == len(shape) + 1 and target.shape[-1] == 1 else target
        elif target.ndim == 1 and tuple(shape) == (1,):
            target = target[:, None]
        made.append(target if loss.sparse else target.float())
    weights: Any = None
    if sample_weight is not None:
        each = flat(sample_weight)
        weights = [_tensor(one).float() for one in (each if len(each) == len(names) else each * len(names))]
    return aligned(Batch([], made, weights, len(made[0])), objective.losses)


def _tensor(value: Any) -> torch.Tensor:
    return torch.Tensor.as_subclass(value, torch.Tensor) if isinstance(value, torch.Tensor) else torch.as_tensor(value)


def learn(model: Any, data: Any) -> dict[str, Any]:
    """One update on a batch; ``Model.train_step``."""
    x, y, weights = unpacked(data)
    y_pred = model(x, training=True)
    model.zero_grad()
    loss = _loss(model, x, y, y_pred, weights, True)
    learnt = model.trainable_weights
    if learnt and loss.requires_grad:
        loss.backward()
        model.optimizer.apply([one.value.grad for one in learnt], learnt)
    return dict(model.compute_metrics(x, y, y_pred, weights))


def look(model: Any, data: Any) -> dict[str, Any]:
    """The figures of a batch; ``Model.test_step``."""
    x, y, weights = unpacked(data)
    y_pred = model(x, training=False)
    _loss(model, x, y, y_pred, weights, False)
    return dict(model.compute_metrics(x, y, y_pred, weights))


def _loss(model: Any, x: Any, y: Any, y_pred: Any, weights: Any, training: bool) -> torch.Tensor:
    taken = inspect.signature(model.compute_loss).parameters
    wants = "training" in taken or any(one.kind is one.VAR_KEYWORD for one in taken.values())
    loss = model.compute_loss(
        x=x, y=y, y_pred=y_pred, sample_weight=weights, **({"training": training} if wants else {})
    )
    if not isinstance(loss, torch.Tensor) or loss.ndim:
        raise ArgumentError(
            f"{type(model).__name__}.compute_loss gives one number, a torch scalar, not {type(loss).__name__}"
            f"{tuple(loss.shape) if isinstance(loss, torch.Tensor) else ''}."
        )
    model._loss_tracker.update_state(loss.detach(), sample_weight=len(flat(x)[0]))
    return loss


def told(what: str, logs: Any) -> dict[str, float]:
    """The figures that a step returned, as numbers.  Raises ArgumentError for what is no dict of numbers.

    what   the step
    """
    if not isinstance(logs, Mapping):
        raise ArgumentError(f"{what} returns a dict of figures by name, not {type(logs).__name__}.")
    made: dict[str, float] = {}
    for key, value in logs.items():
        if isinstance(value, Mapping):
            made |= told(what, value)
            continue
        try:
            made[str(key)] = float(value.detach() if isinstance(value, torch.Tensor) else value)
        except (TypeError, ValueError, RuntimeError):
            raise ArgumentError(f'{what}: the figure "{key}" is no number: {value!r}.') from None
    return made


# -- the loop -------------------------------------------------------------------------------------------------------------
class Latest:
    """What stands in the loop for the losses and metrics of a plan: the figures of the model's latest step.

    model   whose
    whole   its objective
    """

    left_off: tuple[()] = ()

    def __init__(self, model: Any, whole: Objective) -> None:
        self.model, self.plan, self.constrained = model, whole.plan, whole.constrained
        self.losses: list[Any] = []
        self.latest: dict[str, float] = {}

    def reset(self) -> None:
        """Forget what the metrics have seen."""
        self.latest = {}
        self.model.reset_metrics()

    def totals(self, outputs: int) -> Totals:
        """Sums of nothing."""
        return Totals([])

    def counted(self, batch: Batch) -> list[Any]:
        """Nothing is counted."""
        return []

    def update(self, batch: Batch, outs: list[torch.Tensor]) -> None:
        """Nothing is left to do."""

    def logs(self, totals: Totals, prefix: str = "") -> dict[str, float]:
        """The figures of the latest step by name."""
        latest = self.latest or told("metrics", self.model.get_metrics_result())
        return {f"{prefix}{key}": value for key, value in latest.items()}


class StepTrainer(Trainer):
    """Runs a model's own steps in the loop of every training.  ``Trainer`` names the arguments.

    Raises ArgumentError for what only the loop's own step does: 16 bits, accumulated gradients, pictures that are changed
    or mixed, several processes or devices.
    """

    objective: Any
    by_engine = False

    def __init__(self, model: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan = self.plan
        for name, asked in (
            ("precision", plan.precision != "float32"),
            ("accumulate", plan.accumulate > 1 and not plan.optimizer.gradient_accumulation_steps),
            ("mix", plan.mix is not None),
            ("augment", plan.augment is not None),
        ):
            if asked:
                raise ArgumentError(
                    f"{type(model).__name__} has steps of its own ({', '.join(sorted(model.own_steps))}): compile({name}=) "
                    "is not for it; write that in the step."
                )
        if self.accelerator.num_processes > 1 or self.split is not None:
            raise ArgumentError(
                f"{type(model).__name__} has steps of its own: it trains in one process, on one device."
            )
        self.model = model
        self.objective = Latest(model, self.whole)

    def prepared(self, batch: Batch) -> Batch:
        return batch

    def train_step(self, batch: Batch) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """The model's ``train_step``; its figures are what the loop tells."""
        if batch.xs:
            self.objective.latest = told("train_step", self.model.train_step(given(batch)))
        self.step_count += 1
        return torch.tensor(self.objective.latest.get("loss", 0.0)), [], []

    def end_epoch(self) -> None:
        """Nothing: what the model's own steps have gathered waits on, as in Keras."""

    def evaluate(
        self,
        feed: Feed | Batches,
        prefix: str = "",
        steps: int | None = None,
        callbacks: CallbackList | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> dict[str, float]:
        """The figures of the model's ``test_step`` over all batches, or the first `steps`."""
        self.objective.reset()
        hooks, seen = callbacks or CallbackList(), 0
        hooks.on_begin("test")
        hears = hooks.every(self.plan.together, "test", lambda: self.objective.logs(Totals([])))
        with self.judging(feed, steps) as batches:
            for seen, batch in enumerate(batches, start=1):
                hears.begin(seen - 1)
                with torch.no_grad():
                    self.objective.latest = told("test_step", self.model.test_step(given(batch)))
                hears.end(seen - 1)
                if stopped():
                    break
        hears.close()
        if not seen:
            raise DataError("there is no batch to evaluate: the data are empty, or a generator has ended.")
        hooks.on_end("test", self.objective.logs(Totals([])))
        return self.objective.logs(Totals([]), prefix)  # type: ignore[no-any-return]

    def on_batch(self, batch: Batch, learn: bool) -> dict[str, float]:
        """The model's ``train_step`` or ``test_step`` on one batch."""
        self.objective.reset()
        if not learn:
            with torch.no_grad():
                self.objective.latest = told("test_step", self.model.test_step(given(batch)))
            return dict(self.objective.latest)
        if self.optimizer is None:
            self.start()
            if not self.plan.optimizer.bound:
                self.plan.optimizer.bind(1)
        backend.set_mode(self.module, self.graph, True)
        try:
            self.train_step(batch)
        finally:
            self.module.eval()
        return dict(self.objective.latest)
