"""Accuracies and errors: running means, at a few µs per update."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from striate.errors import ArgumentError
from striate.train import losses
from striate.train.config import number, settings, whole
from striate.train.losses import Loss
from striate.train.metrics.base import MeanMetric, class_numbers, probabilities

if TYPE_CHECKING:
    from torch import Tensor


class _Right(MeanMetric):
    """Base of accuracies: the share of right answers."""

    ignore_class: int | None = None

    def bind(self, loss: Loss, output_shape: tuple[int, ...]) -> None:
        if self.ignore_class is None:
            self.ignore_class = getattr(loss, "ignore_class", None)

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Whether each answer is right, (N, …) bool, for class numbers y_true."""
        return y_pred.argmax(1) == y_true

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        truth = class_numbers(y_true, y_pred)
        right = self.right(truth, y_pred)
        if self.ignore_class is None:
            return right.sum(), right.numel()
        valid = truth != self.ignore_class
        return (right & valid).sum(), valid.sum()


@settings
class CategoricalAccuracy(_Right):
    """The share of samples (or pixels) whose highest score is the true class; targets one-hot or class numbers.

    ignore_class: a label that is left out; by default that of the loss.
    """

    name: str = "categorical_accuracy"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)


@settings
class SparseCategoricalAccuracy(CategoricalAccuracy):
    """The share of samples (or pixels) whose highest score is the true class; targets class numbers or one-hot."""

    name: str = "sparse_categorical_accuracy"


@settings
class TopKCategoricalAccuracy(_Right):
    """The share of samples whose true class is among the `k` highest scores; targets one-hot or class numbers.

    Of equal scores at the edge only `k` in all count; Keras counts all of them, which gives a network whose outputs are
    all alike 100 %.
    """

    k: int = 5
    name: str = "top_k_categorical_accuracy"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.k = whole(type(self).__name__, "k", self.k)

    def bind(self, loss: Loss, output_shape: tuple[int, ...]) -> None:
        super().bind(loss, output_shape)
        if self.k > output_shape[-1]:
            raise ArgumentError(f"{self.name}: the best {self.k} of {output_shape[-1]} classes; give k less than that.")

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        best = y_pred.topk(self.k, 1, sorted=False).indices
        return (best == y_true.unsqueeze(1)).any(1)


@settings
class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """The share of samples whose true class is among the `k` highest scores; targets class numbers or one-hot."""

    name: str = "sparse_top_k_categorical_accuracy"


@settings
class BinaryAccuracy(MeanMetric):
    """The share of outputs on the right side of `threshold`; several outputs count one by one."""

    needs_probabilities = True
    name: str = "binary_accuracy"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        number("BinaryAccuracy", "threshold", self.threshold, 0, 1)

    def bind(self, loss: Loss, output_shape: tuple[int, ...]) -> None:
        self._final = loss.activation if loss.from_logits else None

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        said = probabilities(y_pred, self._final) > self.threshold
        right = said == y_true.view(said.shape)
        return right.sum(), right.numel()


@settings
class Accuracy(_Right):
    """The share of right answers: of the highest score, or, with one output or a sigmoid loss, above one half.

    What the name ``"accuracy"`` stands for.  Keras' class Accuracy instead asks y_true == y_pred of the raw outputs.
    """

    name: str = "accuracy"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self._binary: BinaryAccuracy | None = None

    def bind(self, loss: Loss, output_shape: tuple[int, ...]) -> None:
        super().bind(loss, output_shape)
        self._binary = None
        if loss.separate or output_shape[-1] == 1:
            self._binary = BinaryAccuracy()
            self._binary.bind(loss, output_shape)
        self.needs_probabilities = self._binary is not None

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        if self._binary is None and y_pred.shape[1] == 1:
            self._binary = BinaryAccuracy()
        return super().sums(y_true, y_pred) if self._binary is None else self._binary.sums(y_true, y_pred)


class LossMetric(MeanMetric):
    """A loss followed as a metric: its mean over the samples."""

    direction = "min"
    needs_probabilities = True

    def __init__(self, loss: Any = None, name: str | None = None) -> None:
        self.loss: Loss = losses.get(loss)
        super().__init__(name or self.loss.name)
        self._name = name
        self.needs_probabilities = not self.loss.from_logits

    def bind(self, loss: Loss, output_shape: tuple[int, ...]) -> None:
        self._final = loss.activation if loss.from_logits and not self.loss.from_logits else None

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        import torch

        with torch.no_grad():
            y_pred = probabilities(y_pred, self._final)
            if self.loss.targets == "one_hot" and y_true.ndim == y_pred.ndim - 1:
                y_true = torch.nn.functional.one_hot(y_true.long(), y_pred.shape[1]).movedim(-1, 1)
            elif self.loss.targets == "ids":
                y_true = class_numbers(y_true, y_pred)
            values = self.loss.call(*self.loss.aligned(y_true, y_pred))
        if values.ndim == 0:  # a loss of whole batches
            return values * len(y_pred), len(y_pred)
        return values.flatten(1).mean(1).sum() if values.ndim > 1 else values.sum(), len(y_pred)

    def config(self) -> dict[str, Any]:
        return {"loss": self.loss, "name": self._name}


class _OfLoss(LossMetric):
    """A loss that has a metric's class of its own in Keras."""

    kind: type[Loss]

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(self.kind(**options), name)
        self._options = options

    def config(self) -> dict[str, Any]:
        return {"name": self._name, **self._options}


class MeanSquaredError(_OfLoss):
    """The mean of (p - y)²."""

    kind = losses.MeanSquaredError


class MeanAbsoluteError(_OfLoss):
    """The mean of |p - y|."""

    kind = losses.MeanAbsoluteError


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of (p - y)² over all samples."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.name = name or "root_mean_squared_error"

    def result(self) -> Any:
        return math.sqrt(mean) if (mean := super().result()) >= 0 else mean


class CategoricalCrossentropy(_OfLoss):
    """The categorical cross-entropy, whatever loss is trained; takes its arguments."""

    kind = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(_OfLoss):
    """The sparse categorical cross-entropy, whatever loss is trained; takes its arguments."""

    kind = losses.SparseCategoricalCrossentropy


class BinaryCrossentropy(_OfLoss):
    """The binary cross-entropy, whatever loss is trained; takes its arguments."""

    kind = losses.BinaryCrossentropy
