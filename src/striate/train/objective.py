"""What is minimised and what is measured: losses, penalties and metrics of a network's outputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from striate.data import Batch
from striate.graph import Graph, every_layer
from striate.intake.outputs import activate
from striate.layers import regularizers
from striate.train.plan import Plan
from striate.train.targets import aligned


class Objective:
    """The losses and metrics of a plan, for outputs of which some lack their last softmax or sigmoid.

    removed     per output, whether its last activation is left off, so that the loss takes it over: the same function,
                safer numbers
    """

    def __init__(self, graph: Graph, plan: Plan, removed: Sequence[bool]) -> None:
        self.plan = plan
        self.losses = [loss.with_logits() if gone else loss for loss, gone in zip(plan.losses, removed, strict=True)]
        self.finals = [loss.activation if gone else None for loss, gone in zip(plan.losses, removed, strict=True)]
        self.penalties = _penalties(graph)

    @property
    def left_off(self) -> list[str | None]:
        """The activation that each output lacks, of the outputs that evaluation looks at."""
        return self.finals[: self.plan.judged]

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

    def reset(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.plan.all_metrics():
            metric.reset()

    def update(self, batch: Batch, outs: list[torch.Tensor]) -> None:
        """Hand outputs (probabilities only where a metric needs them) to the metrics."""
        for metrics, final, y, out in zip(self.plan.metrics, self.finals, batch.ys, outs, strict=False):
            ready = None
            for metric in metrics:
                if final is not None and metric.needs_probabilities:
                    ready = activate(out.detach(), final) if ready is None else ready
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

    def measured(self, pairs: Iterable[tuple[Batch, list[torch.Tensor]]], prefix: str = "") -> dict[str, float]:
        """Loss and metrics over batches and the outputs (channels first) that a network or an engine gave for them."""
        self.reset()
        totals = Totals(1 + self.plan.judged)
        with torch.inference_mode():
            for batch, outs in pairs:
                batch = aligned(batch, self.losses)
                judged = outs[: self.plan.judged]
                totals.add(*self.loss(judged, batch), batch.size)
                self.update(batch, judged)
        return self.logs(totals, prefix)


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
