"""The training loop: one step, an epoch, a fit.

One process or several (``torchrun``), one device or many, 32 or 16 bits: accelerate does the plumbing underneath.
"""

from __future__ import annotations

import atexit
import gc
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import fx, nn

from striate import backend
from striate.errors import ArgumentError, TrainingError
from striate.graph import Graph, every_layer
from striate.layers import CutMix, MixUp, regularizers
from striate.train.callbacks import CallbackList
from striate.train.checkpoint import Checkpoint, Snapshot
from striate.train.feed import Batch, Feed, aligned, mixed
from striate.train.losses import Loss
from striate.train.metrics import Metric
from striate.train.optimizers import Optimizer

PRECISIONS = {"float32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass
class Plan:
    """What ``compile`` decided: the optimizer, and per output a loss, its weight and its metrics.

    auxiliary   how many of the last outputs only help training; evaluation leaves them out
    mix         how the pictures of a training batch are mixed with each other, or None
    """

    optimizer: Optimizer
    losses: list[Loss]
    loss_weights: list[float]
    metrics: list[list[Metric]]
    outputs: list[str]
    auxiliary: int = 0
    precision: str = "float32"
    accumulate: int = 1
    mix: MixUp | CutMix | None = None
    described: dict[str, Any] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """How many outputs evaluation looks at."""
        return len(self.outputs) - self.auxiliary

    def all_metrics(self) -> list[Metric]:
        return [metric for metrics in self.metrics for metric in metrics]


_together: weakref.WeakSet[Trainer] = weakref.WeakSet()


@atexit.register
def _leave_group() -> None:
    """Take this process out of its group, and end the group's threads with it.

    A thread of gloo that still holds a Python tensor when the interpreter goes down aborts the process; it ends when
    nobody refers to its group any more, and the networks wrapped for several processes do.
    """
    for trainer in _together:
        trainer.net = trainer.accelerator.unwrap_model(trainer.net)
        trainer.accelerator.free_memory()
    if _together and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        gc.collect()


class Trainer:
    """Runs a plan on a network.

    graph, module   the network and its torch module; the module's parameters are trained in place
    plan            optimizer, losses, metrics
    trainable       which parameters are trained; with another choice a new trainer is made
    """

    def __init__(
        self,
        graph: Graph,
        module: fx.GraphModule,
        plan: Plan,
        trainable: tuple[bool, ...],
        *,
        device: str | None = None,
    ) -> None:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        backend.keep_memory()
        self.graph, self.module, self.plan, self.trainable = graph, module, plan, trainable
        made = AcceleratorState._shared_state  # accelerate keeps one setting a process; another precision starts anew
        if made and AcceleratorState().mixed_precision != PRECISIONS[plan.precision]:
            AcceleratorState._reset_state()
        self.accelerator = Accelerator(
            cpu=device == "cpu",
            mixed_precision=PRECISIONS[plan.precision],
            gradient_accumulation_steps=plan.accumulate,
        )
        self.device = self.accelerator.device
        if self.accelerator.num_processes > 1:
            _together.add(self)
        module.to(self.device)
        # the softmax or sigmoid that a loss can take over is not run in training: same function, safer numbers
        wanted = [None if loss.from_logits else loss.activation for loss in plan.losses]
        stripped, removed = backend.logits_module(module, wanted)
        self.net: nn.Module = stripped
        self.losses = [loss.with_logits() if gone else loss for loss, gone in zip(plan.losses, removed, strict=True)]
        self.finals = [
            _FINALS[activation] if gone and activation else None
            for activation, gone in zip(wanted, removed, strict=True)
        ]
        self.penalties = _penalties(graph)
        self.optimizer: torch.optim.Optimizer | None = None
        self.good: Snapshot | None = None
        self.step_count = 0

    # -- one step --------------------------------------------------------------------------------------------------
    def outputs(self, xs: list[torch.Tensor]) -> list[torch.Tensor]:
        """The network's outputs, without the final softmax or sigmoid where the loss takes it over."""
        if self.plan.precision == "float32":
            out = self.net(*xs)
        else:
            with self.accelerator.autocast():
                out = self.net(*xs)
        outs = list(out) if isinstance(out, tuple | list) else [out]
        return outs if self.plan.precision == "float32" else [o.float() for o in outs]

    def loss(self, outs: list[torch.Tensor], batch: Batch) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The weighted sum of the outputs' losses plus the penalties, and the losses one by one.

        With fewer outputs than the network has, only the losses of these count.
        """
        parts = []
        for loss, y, out in zip(self.losses, batch.ys, outs, strict=False):
            if batch.weights is None and batch.share is None:
                parts.append(loss(y, out))
                continue
            each = loss.per_sample(y, out)
            if batch.share is not None and batch.others is not None:
                each = torch.lerp(loss.per_sample(batch.others[len(parts)], out), each, batch.share)
            parts.append((each if batch.weights is None else each * batch.weights).mean())
        if len(parts) == 1 and self.plan.loss_weights[0] == 1:
            total = parts[0]
        else:
            weighted = [w * part for w, part in zip(self.plan.loss_weights, parts, strict=False)]
            total = torch.stack(weighted).sum()
        for weight, l1, l2 in self.penalties:
            if l1:
                total = total + l1 * weight.abs().sum()
            if l2:
                total = total + l2 * weight.square().sum()
        return total, parts

    def start(self) -> torch.optim.Optimizer:
        """Make the torch optimizer over what is trainable now."""
        backend.set_mode(self.module, self.graph, True)
        named = [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]
        if not named:
            raise TrainingError("nothing to train: every layer is frozen (trainable = False), or has no weights.")
        optimizer = self.plan.optimizer.build(named)
        self.parameters = [p for _, p in named]
        if self.accelerator.num_processes > 1 or self.plan.precision == "fp16":
            self.net, optimizer = self.accelerator.prepare(self.net, optimizer)
        self.optimizer = optimizer
        return optimizer

    def train_step(self, batch: Batch) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """Forward, backward and, unless gradients are being accumulated, an update.  Returns loss, parts, outputs.

        The update is left out when the loss is not finite; `fit` then stops.
        """
        assert self.optimizer is not None
        outs = self.outputs(batch.xs)
        loss, parts = self.loss(outs, batch)
        if self.device.type == "cpu" and not math.isfinite(loss.item()):
            return loss.detach(), parts, outs
        if self.good is not None:
            self.good.confirm(self.step_count, loss)
        self.accelerator.backward(loss)
        self.step_count += 1
        if self.step_count % self.plan.accumulate == 0:
            self.update()
        return loss.detach(), parts, outs

    def update(self) -> None:
        """Apply the gathered gradients."""
        assert self.optimizer is not None
        config = self.plan.optimizer
        config.set_rate(self.step_count // self.plan.accumulate - 1)
        if config.clips:
            if self.plan.precision == "fp16":
                self.accelerator.unscale_gradients()
            config.before_step(self.parameters)
        config.decay(self.optimizer)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    # -- an epoch -----------------------------------------------------------------------------------------------------
    def metrics_update(self, batch: Batch, outs: list[torch.Tensor]) -> None:
        """Hand outputs (probabilities only where a metric needs them) to the metrics."""
        for metrics, final, y, out in zip(self.plan.metrics, self.finals, batch.ys, outs, strict=False):
            ready = None
            for metric in metrics:
                if final is not None and metric.needs_probabilities:
                    ready = final(out.detach()) if ready is None else ready
                    metric.update(y, ready)
                else:
                    metric.update(y, out.detach())

    def logs(self, totals: Totals, prefix: str = "") -> dict[str, float]:
        """Figures so far under Keras' names: loss, per-output losses where there are several, metrics."""
        found = {f"{prefix}loss": totals.mean(0)}
        if len(totals.sums) > 2:
            for name, i in zip(self.plan.outputs, range(1, len(totals.sums)), strict=False):
                found[f"{prefix}{name}_loss"] = totals.mean(i)
        several = self.plan.judged > 1
        for name, metrics in zip(self.plan.outputs, self.plan.metrics, strict=True):
            for metric in metrics:
                for key, value in metric.results().items():
                    found[f"{prefix}{name}_{key}" if several else f"{prefix}{key}"] = value
        return found

    def evaluate(self, feed: Feed, batch_size: int, prefix: str = "") -> dict[str, float]:
        """Loss and metrics over all of `feed`, in prediction mode."""
        for metric in self.plan.all_metrics():
            metric.reset()
        training = self.module.training
        self.module.eval()
        totals = Totals(1 + self.plan.judged)
        try:
            with torch.inference_mode():
                for batch in feed.batches(batch_size):
                    batch = aligned(batch, self.losses)
                    outs = self.outputs(batch.xs)[: self.plan.judged]
                    loss, parts = self.loss(outs, batch)
                    totals.add(loss, parts, batch.size)
                    self.metrics_update(batch, outs)
        finally:
            if training:
                backend.set_mode(self.module, self.graph, True)
        return self.logs(totals, prefix)

    def fit(
        self,
        feed: Feed,
        *,
        batch_size: int,
        epochs: int,
        initial_epoch: int = 0,
        validation: Feed | None = None,
        validation_batch_size: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        steps_per_epoch: int | None = None,
        callbacks: CallbackList,
        stopped: Callable[[], bool] = lambda: False,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Train for `epochs` passes, from where `checkpoint` stands.

        Raises TrainingError when the loss stops being finite, weights put back.
        """
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        # every process takes the same number of steps, or they would wait for each other forever
        mine = -(-len(feed) // world) if shuffle else len(feed) // world
        steps = -(-mine // batch_size)
        steps = min(steps, steps_per_epoch) if steps_per_epoch else steps
        self.plan.optimizer.bind(epochs * steps // self.plan.accumulate)
        if self.optimizer is None:
            self.start()
        self.step_count = initial_epoch * steps
        totals = Totals(1 + len(self.plan.losses))
        place = None if checkpoint is None else checkpoint.place
        callbacks.on_train_begin()
        if checkpoint is not None and place is None:
            checkpoint.save(self, callbacks, initial_epoch, 0, totals)
        elif checkpoint is not None and place is not None:
            initial_epoch = epochs if place.stopped else place.epoch
            if place.batch:
                callbacks.on_epoch_begin(place.epoch, steps=steps)
            checkpoint.restore(place, self, callbacks, totals)
        self.good = Snapshot(self.module, self.step_count)
        for epoch in range(initial_epoch, epochs):
            backend.set_mode(self.module, self.graph, True)
            done = place.batch if place is not None and epoch == place.epoch else 0
            if not done:
                for metric in self.plan.all_metrics():
                    metric.reset()
                totals = Totals(1 + len(self.plan.losses))
                callbacks.on_epoch_begin(epoch, steps=steps)
            order = feed.order(seed if shuffle else None, epoch, rank, world) if shuffle or world > 1 or done else None
            order = order if order is None or not done else order[done * batch_size :]
            for i, batch in enumerate(feed.batches(batch_size, order), start=done):
                if i == steps:
                    break
                batch = aligned(batch, self.losses)
                if self.plan.mix is not None:
                    batch = mixed(batch, self.plan.mix)
                callbacks.on_train_batch_begin(i)
                loss, parts, outs = self.train_step(batch)
                totals.add(loss, parts, batch.size)
                if self.device.type == "cpu" or i % 50 == 49 or i == steps - 1:
                    self._must_be_finite(totals, epoch, i, steps)
                self.metrics_update(batch, outs)
                callbacks.on_train_batch_end(i, partial(self.logs, totals))
                if stopped():
                    break
                whole = self.step_count % self.plan.accumulate == 0  # no gradients are waiting
                if checkpoint is not None and whole and checkpoint.due:
                    checkpoint.save(self, callbacks, epoch, i + 1, totals)
            if self.step_count % self.plan.accumulate and self.step_count:
                self.update()
            self._pool(totals)
            logs = self.logs(totals)
            if validation is not None:
                logs |= self.evaluate(validation, validation_batch_size or batch_size, "val_")
            callbacks.on_epoch_end(epoch, logs)
            last = stopped() or epoch + 1 == epochs
            if checkpoint is not None and (last or checkpoint.budget.allows()):
                checkpoint.save(self, callbacks, epoch + 1, 0, totals, stopped())
            if stopped():
                break
        self.module.eval()

    def _pool(self, totals: Totals) -> None:
        """Add up what the processes have counted, so that all of them report, and decide on, the same figures."""
        if self.accelerator.num_processes == 1:
            return
        counted = torch.tensor([*map(float, totals.sums), totals.samples], dtype=torch.float64, device=self.device)
        *sums, samples = self.accelerator.reduce(counted, "sum").tolist()
        totals.sums, totals.samples = sums, int(samples)
        for metric in self.plan.all_metrics():
            state = {key: self.accelerator.reduce(value.clone(), "sum") for key, value in metric.state_dict().items()}
            metric.load_state_dict(state)

    def _must_be_finite(self, totals: Totals, epoch: int, i: int, steps: int) -> None:
        if totals.finite():
            return
        step = epoch * steps + i + 1
        assert self.good is not None
        kept = self.good.restore()
        self.module.eval()
        rate = self.optimizer.param_groups[0]["lr"] if self.optimizer else float("nan")
        raise TrainingError(
            f"the loss became {totals.last_value()} at step {step} (epoch {epoch + 1}, batch {i + 1} of {steps}, learning "
            f"rate {rate:g}); the weights were put back to those {kept}, the last known good. Use a lower learning "
            "rate, clip the gradients (clipnorm=1.0), or scale the inputs."
        )


class Totals:
    """Running sums of the loss and its parts over samples, kept on the device."""

    def __init__(self, count: int) -> None:
        self.sums: list[Any] = [0.0] * count
        self.last: torch.Tensor | None = None
        self.samples = 0

    def add(self, loss: torch.Tensor, parts: list[torch.Tensor], size: int) -> None:
        self.last = loss.detach()
        self.sums[0] = self.sums[0] + self.last * size
        if len(parts) > 1:
            for i, part in enumerate(parts):
                self.sums[i + 1] = self.sums[i + 1] + part.detach() * size
        self.samples += size

    def mean(self, i: int) -> float:
        return float(self.sums[i]) / max(self.samples, 1)

    def finite(self) -> bool:
        return math.isfinite(float(self.sums[0]))

    def last_value(self) -> float:
        return float("nan") if self.last is None else float(self.last)


def _softmax(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x, 1)


_FINALS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"softmax": _softmax, "sigmoid": torch.sigmoid}


def _penalties(graph: Graph) -> list[tuple[torch.Tensor, float, float]]:
    """(weight, l1, l2) of every regularized weight."""
    found = []
    for layer in every_layer(graph):
        for name, weight in (layer.built_for or {}).items():
            if weight.regularizer is not None and layer.built is not None:
                penalty = regularizers.get(weight.regularizer)
                tensor = layer.built.get_parameter(name)
                found.append((tensor, getattr(penalty, "l1", 0.0), getattr(penalty, "l2", 0.0)))
    return found


def check_precision(precision: str) -> str:
    """A known precision name; raises ArgumentError."""
    if precision not in PRECISIONS:
        raise ArgumentError(f'unknown precision "{precision}"; use one of {", ".join(PRECISIONS)}.')
    return precision
