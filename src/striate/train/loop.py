"""The training loop: one step, an epoch, a fit.

One process or several (``torchrun``), one device or many, 32 or 16 bits: ``processes.py`` says what does the plumbing.
"""

from __future__ import annotations

import atexit
import gc
import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from itertools import islice

import torch
from torch import fx, nn

from striate import backend
from striate.backend.quick import quick
from striate.data import Batch, Batches
from striate.errors import ArgumentError, TrainingError, note
from striate.graph import Graph
from striate.layers import Mosaic
from striate.messages import say
from striate.size.memory import OPTIMIZERS
from striate.size.splitting import loads
from striate.train.callbacks import CallbackList
from striate.train.checkpoint import Checkpoint, Snapshot
from striate.train.feed import ArrayFeed, StreamFeed
from striate.train.mosaic import mosaic
from striate.train.objective import Objective, Totals
from striate.train.plan import Plan
from striate.train.processes import accelerator, devices
from striate.train.rates import weight_rates
from striate.train.targets import aligned, mixed, moved

Feed = ArrayFeed | StreamFeed
_USUAL_BATCH = 32  # by which weights and what is kept are set against each other where layers are split over devices

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
    device          "cpu", None: an accelerator where there is one; or several devices, over which the layers are split
    """

    def __init__(
        self,
        graph: Graph,
        module: fx.GraphModule,
        plan: Plan,
        trainable: tuple[bool, ...],
        *,
        device: str | Sequence[str] | None = None,
    ) -> None:
        backend.keep_memory()
        self.graph, self.module, self.plan, self.trainable = graph, module, plan, trainable
        self.asked = device
        several = None if device is None or isinstance(device, str) else devices(device)
        self.accelerator = accelerator(plan, device if isinstance(device, str) else "cpu" if several else None)
        self.device = several[0] if several else self.accelerator.device
        if self.accelerator.num_processes > 1:
            _together.add(self)
        if several is None:
            module.to(self.device)
        # the softmax or sigmoid that a loss can take over is not run in training: same function, safer numbers
        wanted = [None if loss.from_logits else loss.activation for loss in plan.losses]
        stripped, removed = backend.logits_module(module, wanted)
        for loss, gone in zip(plan.losses, removed, strict=True):
            if loss.boxes and not gone:
                raise TrainingError(
                    f"{loss.name} learns the numbers before a layer that makes boxes, and the network does not end in one "
                    "(in a nested model it cannot be seen)."
                )
        self.net: nn.Module = quick(stripped) if several is None and self.device.type == "cpu" else stripped
        self.split = None
        if several is not None:
            if self.accelerator.num_processes > 1 or plan.precision == "fp16":
                raise ArgumentError("device: layers are split over devices in one process, in 32 bits or bfloat16.")
            kind = type(plan.optimizer).__name__.lower()
            held = loads(graph, _USUAL_BATCH, kind if kind in OPTIMIZERS else "momentum")
            self.split = backend.Split(stripped, several, held)
            self.net = self.split.net
        self.objective = Objective(graph, plan, removed)
        self.optimizer: torch.optim.Optimizer | None = None
        self.good: Snapshot | None = None
        self.step_count = 0

    @contextmanager
    def placed(self) -> Iterator[None]:
        """While it lasts, the arrays of a network that is split lie on its devices; afterwards on the processor again."""
        if self.split is None or self.split.placed:
            yield
            return
        self.split.place()
        try:
            yield
        finally:
            self.split.bring_back()

    @cached_property
    def whole(self) -> Objective:
        """The losses and metrics of outputs that lack nothing."""
        return Objective(self.graph, self.plan, [False] * len(self.plan.losses))

    @property
    def by_engine(self) -> bool:
        """Whether an engine's outputs suffice to evaluate: on the processor, with no penalty on what passes within."""
        plain = not self.whole.activities and not any(loss.boxes for loss in self.plan.losses)
        return self.device.type == "cpu" and plain

    def prepared(self, batch: Batch) -> Batch:
        """A batch of the feed as a step takes it."""
        return aligned(batch, self.objective.losses)

    # -- one step --------------------------------------------------------------------------------------------------
    def outputs(self, xs: list[torch.Tensor], learn: bool = False) -> list[torch.Tensor]:
        """The network's outputs, without the final softmax or sigmoid where the loss takes it over.

        xs      inputs of a batch
        learn   in the precision of the training; else in 32 bits, in which the network is used
        """
        narrow = learn and self.plan.precision != "float32"
        with self.accelerator.autocast() if narrow else nullcontext():
            out = self.net(*xs)
        outs = list(out) if isinstance(out, tuple | list) else [out]
        return [o.float() for o in outs] if narrow else outs

    def start(self) -> torch.optim.Optimizer:
        """Make the torch optimizer over what is trainable now."""
        backend.set_mode(self.module, self.graph, True)
        named = [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in named]
        if not named:
            note("There is nothing to train: every layer is frozen (trainable = False), or has no weights.")
            named = [("nothing", nn.Parameter(torch.zeros(1, device=self.device)))]  # that no loss reaches
        parts = weight_rates(self.plan.rates, self.graph)
        optimizer = self.plan.optimizer.build(named, self.objective.constrained, parts, self.plan.accumulate)
        self.plan.optimizer.follow(backend.moving(self.module))
        if self.accelerator.num_processes > 1 or self.plan.precision == "fp16":
            self.net, optimizer = self.accelerator.prepare(self.net, optimizer)
        self.optimizer = optimizer
        return optimizer

    def train_step(self, batch: Batch) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """Forward, backward and, unless gradients are being accumulated, an update.  Returns loss, parts, outputs.

        The update is left out when the loss is not finite; `fit` then stops.
        """
        assert self.optimizer is not None
        config = self.plan.optimizer
        config.hand_out_gradients()
        outs = self.outputs(batch.xs, learn=True)
        loss, parts = self.objective.loss(outs, batch)
        if self.device.type == "cpu" and not math.isfinite(loss.item()):
            return loss.detach(), parts, outs
        if self.good is not None:
            self.good.confirm(self.step_count, loss)
        if loss.requires_grad:
            self.accelerator.backward(loss)
        self.step_count += 1
        config.waiting += 1
        if config.waiting == self.plan.accumulate:
            self.update()
        elif (
            config.waiting % (self.plan.accumulate // (config.gradient_accumulation_steps or self.plan.accumulate)) == 0
        ):
            config.average()
        return loss.detach(), parts, outs

    def update(self) -> None:
        """Apply the gathered gradients: their mean, also where fewer batches than usual are left of an epoch."""
        assert self.optimizer is not None
        config = self.plan.optimizer
        config.set_rate(config.waiting - 1)
        if config.waiting < self.plan.accumulate:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            torch._foreach_mul_(gradients, self.plan.accumulate / config.waiting)
        config.waiting = 0
        if config.clips:
            if self.plan.precision == "fp16":
                self.accelerator.unscale_gradients()
            config.before_step(self.parameters)
        config.decay(self.optimizer)
        self.optimizer.step()
        config.iterations += 1
        config.average()
        config.constrain()
        self.optimizer.zero_grad(set_to_none=True)

    def end_epoch(self) -> None:
        """Apply what was gathered and waits, so that an epoch has learnt from all its batches."""
        if self.plan.optimizer.waiting:
            self.update()

    # -- an epoch -----------------------------------------------------------------------------------------------------
    def evaluate(
        self,
        feed: Feed | Batches,
        prefix: str = "",
        steps: int | None = None,
        callbacks: CallbackList | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> dict[str, float]:
        """Loss and metrics over all batches, or the first `steps`, in prediction mode."""
        with self.judging(feed, steps) as batches:
            return self.objective.measured(((b, self.outputs(b.xs)) for b in batches), prefix, callbacks, stopped)

    @contextmanager
    def judging(self, feed: Feed | Batches, steps: int | None) -> Iterator[Iterable[Batch]]:
        """The batches of an evaluation, all or the first `steps`; the network is in prediction mode inside."""
        training = self.module.training
        self.module.eval()
        try:
            with self.placed():
                yield feed.batches(0) if steps is None else islice(feed.batches(0), steps)
        finally:
            if training:
                backend.set_mode(self.module, self.graph, True)

    def fit(
        self,
        feed: Feed,
        *,
        epochs: int,
        initial_epoch: int = 0,
        validation: Feed | None = None,
        validation_steps: int | None = None,
        validate: Callable[[int], bool] = lambda epoch: True,
        callbacks: CallbackList,
        stopped: Callable[[], bool] = lambda: False,
        checkpoint: Checkpoint | None = None,
    ) -> dict[str, float]:
        """Train for `epochs` passes, from where `checkpoint` stands; returns the last epoch's figures.

        Raises TrainingError when the loss stops being finite, weights put back, and ArgumentError for a schedule as long as
        a training whose length is not known.
        """
        if self.optimizer is None:
            self.start()
        self._bind(feed, epochs, initial_epoch)
        self.step_count = feed.before(initial_epoch)
        totals = self.objective.totals(len(self.plan.losses))
        place = None if checkpoint is None else checkpoint.place
        callbacks.on_train_begin()
        if checkpoint is not None and place is None:
            checkpoint.save(self, callbacks, initial_epoch, 0, totals)
        elif checkpoint is not None and place is not None:
            initial_epoch = epochs if place.stopped else place.epoch
            if place.batch:
                callbacks.on_epoch_begin(place.epoch, steps=feed.steps(place.epoch))
            checkpoint.restore(place, self, callbacks, totals)
        self.good = Snapshot(self.module, self.step_count)
        initial_epoch = max(initial_epoch, callbacks.begin_with)
        logs: dict[str, float] = {}
        lost = False  # the loss is no number any more
        for epoch in range(initial_epoch, epochs):
            backend.set_mode(self.module, self.graph, True)
            done = place.batch if place is not None and epoch == place.epoch else 0
            steps = feed.steps(epoch)
            if not done:
                self.objective.reset()
                totals = self.objective.totals(len(self.plan.losses))
                callbacks.on_epoch_begin(epoch, steps=steps)
            i = done - 1
            told = callbacks.every(self.plan.together, "train", partial(self.objective.logs, totals))
            for i, batch in enumerate(feed.batches(epoch, done), start=done):
                batch = self.prepared(batch)
                if self.plan.augment is not None:
                    batch = moved(batch, self.plan.augment, self.objective.losses)
                if isinstance(self.plan.mix, Mosaic):
                    if epoch < self.plan.mix.until * epochs:
                        batch = mosaic(batch, self.plan.mix, self.objective.losses)
                elif self.plan.mix is not None:
                    batch = mixed(batch, self.plan.mix)
                if self.plan.optimizer.schedule is not None:
                    self.plan.optimizer.set_rate()  # so that callbacks see the rate of the batch that is to come
                told.begin(i)
                loss, parts, outs = self.train_step(batch)
                totals.add(loss, parts, self.objective.counted(batch), batch.size)
                if self.device.type == "cpu" or i % 50 == 49 or i + 1 == steps:
                    lost = self._must_be_finite(totals, epoch, i, steps, callbacks.ends_at_nan)
                    if lost:
                        break
                self.objective.update(batch, outs)
                told.end(i)
                if stopped():
                    break
                if checkpoint is not None and not self.plan.optimizer.waiting and checkpoint.due:
                    checkpoint.save(self, callbacks, epoch, i + 1, totals)
            told.close()
            if i < 0:
                note("The data ran out: the generator gave no batch for another epoch, so the training ended there.")
                break
            self.end_epoch()
            self._pool(totals)
            logs = self.objective.logs(totals)
            if validation is not None and validate(epoch) and not lost:
                logs |= self.evaluate(validation, "val_", validation_steps, callbacks)
            callbacks.on_epoch_end(epoch, logs)
            if lost:
                break
            last = stopped() or epoch + 1 == epochs
            if checkpoint is not None and (last or checkpoint.budget.allows()):
                checkpoint.save(self, callbacks, epoch + 1, 0, totals, stopped())
            if stopped():
                break
        if epochs > initial_epoch:
            self.plan.optimizer.finalize_variable_values()
        self.module.eval()
        return logs

    def _bind(self, feed: Feed, epochs: int, initial_epoch: int) -> None:
        """Begin the schedule: how many updates there will be, where that is known."""
        config, together = self.plan.optimizer, self.plan.accumulate
        total = feed.total(0, initial_epoch, together), feed.total(initial_epoch, epochs, together)
        if None in total and config.schedule is not None and config.schedule.is_open:
            raise ArgumentError(
                f"{config.schedule!r} is as long as the training, and how long a generator is is not known: give "
                "steps_per_epoch, or the schedule its length."
            )
        done, coming = (count or 0 for count in total)
        config.bind(done + coming, done)

    # -- one batch ----------------------------------------------------------------------------------------------------
    def on_batch(self, batch: Batch, learn: bool) -> dict[str, float]:
        """Train on a batch, or only look at it; its figures."""
        with self.placed():
            return self._on_batch(batch, learn)

    def _on_batch(self, batch: Batch, learn: bool) -> dict[str, float]:
        self.objective.reset()
        totals = self.objective.totals(len(self.plan.losses) if learn else self.plan.judged)
        batch = aligned(batch, self.objective.losses)
        if learn:
            if self.optimizer is None:
                self.start()
                if not self.plan.optimizer.bound:
                    self.plan.optimizer.bind(1)
            backend.set_mode(self.module, self.graph, True)
            try:
                loss, parts, outs = self.train_step(batch)
            finally:
                self.module.eval()
            totals.add(loss, parts, self.objective.counted(batch), batch.size)
            if not math.isfinite(float(loss)):
                raise TrainingError(
                    f"train_on_batch: the loss became {float(loss)}; the weights were left as they are."
                )
            self.objective.update(batch, outs)
        else:
            self.module.eval()
            with torch.inference_mode(), self.objective.listening():
                outs = self.outputs(batch.xs)[: len(totals.weights)]
                totals.add(*self.objective.loss(outs, batch), self.objective.counted(batch), batch.size)
                self.objective.update(batch, outs)
        return self.objective.logs(totals)

    def _pool(self, totals: Totals) -> None:
        """Add up what the processes have counted, so that all of them report, and decide on, the same figures."""
        if self.accelerator.num_processes == 1:
            return
        counted = torch.tensor([*map(float, totals.state())], dtype=torch.float64, device=self.device)
        totals.load(self.accelerator.reduce(counted, "sum").tolist())
        for metric in self.plan.all_metrics():
            state = {key: self.accelerator.reduce(value.clone(), "sum") for key, value in metric.state_dict().items()}
            metric.load_state_dict(state)

    def _must_be_finite(self, totals: Totals, epoch: int, i: int, steps: int | None, quiet: bool) -> bool:
        """Whether the loss is no number any more, and the training ends quietly.  Raises TrainingError where it does not."""
        if totals.finite():
            return False
        step = epoch * (steps or 0) + i + 1
        of = "" if steps is None else f" of {steps}"
        assert self.good is not None
        kept = self.good.restore()
        self.plan.optimizer.drop_gradients()
        self.module.eval()
        rate = self.optimizer.param_groups[0]["lr"] if self.optimizer else float("nan")
        error = TrainingError(
            f"the loss became {totals.last_value()} at step {step} (epoch {epoch + 1}, batch {i + 1}{of}, learning "
            f"rate {rate:g}); the weights were put back to those {kept}, the last known good. Use a lower learning "
            "rate, clip the gradients (clipnorm=1.0), or scale the inputs."
        )
        if not quiet:
            raise error
        say(f"Training ends: {error}")
        return True
