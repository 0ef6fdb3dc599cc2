"""What is minimised and what is measured: losses, penalties and metrics of a network's outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from striate.data import Batch
from striate.errors import ArgumentError, DataError
from striate.graph import Graph, Layer, every_layer
from striate.graph.node import distinct
from striate.graph.variable import Variable
from striate.layers import regularizers
from striate.ops.torch_code import inner_layers
from striate.train.callbacks import CallbackList
from striate.train.plan import Plan
from striate.train.targets import aligned


class Objective:
    """The losses and metrics of a plan, for outputs of which some lack their last softmax or sigmoid.

    removed     per output, whether its last activation is left off, so that the loss takes it over: the same function,
                safer numbers

    `constrained` are the weights that must be something after each update.
    """

    def __init__(self, graph: Graph, plan: Plan, removed: Sequence[bool]) -> None:
        self.plan = plan
        self.losses = [loss.with_logits() if gone else loss for loss, gone in zip(plan.losses, removed, strict=True)]
        self.finals = [loss.activation if gone else None for loss, gone in zip(plan.losses, removed, strict=True)]
        self.penalties = _penalties(graph)
        self.activities = _activities(graph)
        self.constrained = _constrained(graph)

    @property
    def left_off(self) -> list[str | None]:
        """The activation that each output lacks, of the outputs that evaluation looks at."""
        return self.finals[: self.plan.judged]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While it lasts, penalties on what passes count outside of training too; what passed before counts nowhere."""
        for part in self.activities:
            part.taken()
            part.listens = True
        try:
            yield
        finally:
            for part in self.activities:
                part.listens = False

    def loss(
        self, outs: list[torch.Tensor], batch: Batch, passed: Iterable[torch.Tensor] = ()
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The weighted sum of the outputs' losses plus the penalties, and the losses one by one.

        passed      penalties on what passed in a call of the model, which has gathered them already

        With fewer outputs than the network has, only the losses of these count.
        """
        if not (self.penalties or self.activities or any(loss.targets != "none" for loss in self.losses)):
            raise ArgumentError("there is no loss: give compile one, such as loss='sparse_categorical_crossentropy'.")
        parts = []
        for i, (loss, y, out) in enumerate(zip(self.losses, batch.ys, columns(outs), strict=False)):
            weights = None if batch.weights is None else batch.weights[i]
            if batch.share is None and (weights is None or weights.ndim > 1 or loss.by_weight):
                parts.append(loss.of_batch(y, out, weights))
                continue
            each = loss.per_sample(y, out)
            if batch.share is not None and batch.others is not None:
                each = torch.lerp(loss.per_sample(batch.others[len(parts)], out), each, batch.share)
            parts.append(loss.gathered(each, weights))
        if len(parts) == 1 and self.plan.loss_weights[0] == 1:
            total = parts[0]
        else:
            weighted = [w * part for w, part in zip(self.plan.loss_weights, parts, strict=False)]
            total = torch.stack(weighted).sum()
        for penalty in self.penalties:
            total = total + penalty()
        for layer in self.activities:
            if (penalty := layer.taken()) is not None:
                total = total + penalty
        for one in passed:
            total = total + one.sum()
        return total, parts

    def reset(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.plan.all_metrics():
            metric.reset_state()

    def update(self, batch: Batch, outs: list[torch.Tensor]) -> None:
        """Hand outputs to the metrics."""
        for i, (lacking, y, out) in enumerate(zip(self.finals, batch.ys, columns(outs), strict=False)):
            for metric in self.plan.metrics[i]:
                metric.update(y, out.detach(), lacking)
            for metric in self.plan.weighted[i]:
                metric.update(y, out.detach(), lacking, None if batch.weights is None else batch.weights[i])

    def totals(self, outputs: int) -> Totals:
        """Sums for the losses of the first outputs, with nothing in them yet."""
        return Totals(self.plan.loss_weights[:outputs], bool(self.penalties or self.activities))

    def counted(self, batch: Batch) -> list[int | torch.Tensor]:
        """How much the batch counts in the mean of each loss."""
        weights = batch.weights or [None] * len(batch.ys)
        return [loss.weight(y, w) for loss, y, w in zip(self.losses, batch.ys, weights, strict=False)]

    def logs(self, totals: Totals, prefix: str = "") -> dict[str, float]:
        """Figures so far under Keras' names: loss, per-output losses where there are several, metrics."""
        figures = {f"{prefix}loss": totals.whole()}
        if len(totals.sums) > 1:
            for i, name in enumerate(self.plan.outputs[: len(totals.sums)]):
                if self.losses[i].targets == "none":
                    continue
                figures[f"{prefix}{name}_loss"] = totals.mean(i)
        several = self.plan.judged > 1
        for told, each in (("", self.plan.metrics), ("weighted_", self.plan.weighted)):
            for name, metrics in zip(self.plan.outputs, each, strict=True):
                where = f"{prefix}{name}_" if several else prefix
                for metric in metrics:
                    for key, value in metric.results().items():
                        taken = f"{where}{key}" in figures  # by the same one without weights, as in Keras
                        figures[f"{where}{told if taken else ''}{key}"] = value
        return figures

    def measured(
        self,
        pairs: Iterable[tuple[Batch, list[torch.Tensor]]],
        prefix: str = "",
        callbacks: CallbackList | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> dict[str, float]:
        """Loss and metrics over batches and the outputs (channels first) that a network or an engine gave for them.

        pairs       made as they are asked for, so that penalties on what passes are those of their batch
        callbacks   told of the evaluation and of each batch
        stopped     whether to look at no further one

        Raises DataError where there is no batch.
        """
        self.reset()
        totals = self.totals(self.plan.judged)
        hooks = callbacks or CallbackList()
        hooks.on_begin("test")
        told = hooks.every(self.plan.together, "test", partial(self.logs, totals))
        with torch.inference_mode(), self.listening():
            for step, (batch, outs) in enumerate(pairs):
                told.begin(step)
                batch = aligned(batch, self.losses)
                judged = outs[: self.plan.judged]
                totals.add(*self.loss(judged, batch), self.counted(batch), batch.size)
                self.update(batch, judged)
                told.end(step)
                if stopped():
                    break
            told.close()
        if not totals.samples:
            raise DataError("there is no batch to evaluate: the data are empty, or a generator has ended.")
        hooks.on_end("test", self.logs(totals))
        return self.logs(totals, prefix)


def columns(outs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Outputs as losses and metrics see them: one number for each sample, (N,), is a column of them, (N, 1)."""
    return [out[:, None] if out.ndim == 1 else out for out in outs]


class Totals:
    """Running sums of the losses over what they count, kept on the device: a mean over batches is that over all data.

    weights     of each output's loss in the whole
    penalised   whether the whole is more than the sum of its parts, by penalties
    """

    def __init__(self, weights: Sequence[float], penalised: bool = False) -> None:
        self.weights, self.penalised = list(weights), penalised
        self.sums: list[Any] = [0.0] * len(self.weights)
        self.counts: list[Any] = [0] * len(self.weights)
        self.penalties: Any = 0.0
        self.samples = 0
        self.last: torch.Tensor | None = None

    def add(self, loss: torch.Tensor, parts: list[torch.Tensor], counted: list[int | torch.Tensor], size: int) -> None:
        """Take in one batch of `size` samples: its whole loss, each output's, and how much it counts in each."""
        self.last = loss.detach()
        self.samples += size
        for i, (part, count) in enumerate(zip(parts, counted, strict=False)):
            self.sums[i] = self.sums[i] + part.detach() * count
            self.counts[i] = self.counts[i] + count
        if self.penalised:
            plain = sum(weight * part.detach() for weight, part in zip(self.weights, parts, strict=False))
            self.penalties = self.penalties + (self.last - plain) * size

    def mean(self, i: int) -> float:
        """The mean of one output's loss."""
        return float(self.sums[i]) / (float(self.counts[i]) or 1.0)

    def whole(self) -> float:
        """The mean of the whole loss."""
        parts = sum(weight * self.mean(i) for i, weight in enumerate(self.weights))
        return parts + float(self.penalties) / max(self.samples, 1)

    def state(self) -> list[Any]:
        """All that was taken in, as numbers or tensors that add up over processes."""
        return [*self.sums, *self.counts, self.penalties, self.samples]

    def load(self, state: Sequence[Any]) -> None:
        """Go on from a ``state``."""
        outputs = len(self.weights)
        self.sums, self.counts = list(state[:outputs]), list(state[outputs : 2 * outputs])
        self.penalties, self.samples = state[-2], int(state[-1])

    def finite(self) -> bool:
        """Whether all losses so far were finite."""
        return math.isfinite(self.whole())

    def last_value(self) -> float:
        """The whole loss of the last batch."""
        return float("nan") if self.last is None else float(self.last)


def _layers(graph: Graph) -> list[Layer]:
    """Every layer, and those that the torch code of a user's own calls."""
    return distinct([one for layer in every_layer(graph) for one in (layer, *inner_layers(layer))])


def _penalties(graph: Graph) -> list[Callable[[], torch.Tensor]]:
    """What gives the penalty of each regularized weight that is trained."""
    penalties: list[Callable[[], torch.Tensor]] = []
    for layer in _layers(graph):
        for name, weight in (layer.built_for or {}).items():
            if weight.regularizer is not None and layer.torch_module is not None:
                penalty, tensor = regularizers.get(weight.regularizer), layer.torch_module.get_parameter(name)
                if not tensor.requires_grad:
                    continue
                if type(penalty) in (regularizers.L1, regularizers.L2, regularizers.L1L2):  # in any layout the same
                    penalties.append(partial(penalty, tensor))
                else:
                    array = next((one.laid_out for one in layer.weights if one.value is tensor), tensor.clone)
                    penalties.append(partial(_penalty, penalty, array))
    return penalties


def _penalty(penalty: Callable[[torch.Tensor], Any], array: Callable[[], torch.Tensor]) -> torch.Tensor:
    """A penalty on an array in Keras' layout.  Raises ArgumentError where it is not one number."""
    value = penalty(array())
    if not isinstance(value, torch.Tensor) or value.ndim:
        shown = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        raise ArgumentError(f"a regularizer gives one number, a torch scalar; {penalty!r} gave {shown}.")
    return value


def _constrained(graph: Graph) -> list[Variable]:
    """The weights that have a constraint."""
    some = (layer for layer in _layers(graph) if any(weight.constraint for weight in (layer.built_for or {}).values()))
    return [one for layer in some for one in layer.weights if one.constraint is not None]


def _activities(graph: Graph) -> list[Any]:
    """The modules that add up a penalty on what passes through them."""
    built = (layer.torch_module for layer in every_layer(graph) if layer.torch_module is not None)
    return [part for module in built for part in module.modules() if hasattr(part, "taken")]
