"""Accuracies and errors: running means, at a few µs per update."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from striate.described import described, number, whole
from striate.errors import ArgumentError
from striate.train import losses
from striate.train.losses import Loss
from striate.train.metrics.base import MeanMetric, class_numbers, probabilities
from striate.wording import plural

if TYPE_CHECKING:
    from torch import Tensor


SEPARATE = ("sigmoid", "hard_sigmoid")  # activations that make every output an answer of its own


class _Right(MeanMetric):
    """Base of accuracies: the share of right answers."""

    ignore_class: int | None = None

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        if self.ignore_class is None:
            self.ignore_class = getattr(loss, "ignore_class", None)

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Whether each answer is right, (N, …) bool, for class numbers y_true.

        y_true, y_pred    (N, …) and (N, C, …)
        """
        return y_pred.argmax(1) == y_true

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        """The right answers, and how many there are, of `y_true` (N, …) and `y_pred` (N, C, …)."""
        truth = class_numbers(y_true, y_pred)
        right = self.right(truth, y_pred)
        if self.ignore_class is None:
            return right.sum(), right.numel()
        valid = truth != self.ignore_class
        return (right & valid).sum(), valid.sum()


@described
class CategoricalAccuracy(_Right):
    """The share of samples (or pixels) whose highest score is the true class; targets one-hot or class numbers.

    name            in the logs
    ignore_class    a label that is left out; by default that of the loss
    """

    name: str = "categorical_accuracy"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)


@described
class SparseCategoricalAccuracy(CategoricalAccuracy):
    """The share of samples (or pixels) whose highest score is the true class; targets class numbers or one-hot.

    `name` and `ignore_class` are CategoricalAccuracy's.
    """

    name: str = "sparse_categorical_accuracy"


@described
class TopKCategoricalAccuracy(_Right):
    """The share of samples whose true class is among the `k` highest scores; targets one-hot or class numbers.

    Of equal scores at the edge only `k` in all count; Keras counts all of them, which gives a network whose outputs are
    all alike 100 %.

    `name`, `ignore_class` as for CategoricalAccuracy.  Raises ArgumentError for a `k` of less than 1, or more
    than the classes.
    """

    k: int = 5
    name: str = "top_k_categorical_accuracy"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.k = whole(type(self).__name__, "k", self.k)

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        """Learn what the outputs mean, of `loss`, `output_shape` and `activation`.  Raises ArgumentError for
        more than there are
        classes.
        """
        super().bind(loss, output_shape, activation)
        if self.k > output_shape[-1]:
            raise ArgumentError(
                f"{self.name}: the best {self.k} of {plural(output_shape[-1], 'class')}; give k less than that."
            )

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        best = y_pred.topk(self.k, 1, sorted=False).indices
        return (best == y_true.unsqueeze(1)).any(1)


@described
class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """The share of samples whose true class is among the `k` highest scores; targets class numbers or one-hot.

    `k`, `name` and `ignore_class` are TopKCategoricalAccuracy's.  Raises ArgumentError for more than there are classes.
    """

    name: str = "sparse_top_k_categorical_accuracy"


@described
class BinaryAccuracy(MeanMetric):
    """The share of outputs on the right side of `threshold`; several outputs count one by one.

    name         in the logs
    threshold    a probability, 0 to 1; an output above it is a yes

    Raises ArgumentError for a threshold out of range.
    """

    needs_probabilities = True
    name: str = "binary_accuracy"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        number("BinaryAccuracy", "threshold", self.threshold, 0, 1)

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        self._lacks = loss.activation if loss.from_logits else None

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        """The right answers, and how many there are, of `y_true` and `y_pred` (N, C, …)."""
        said = probabilities(y_pred, self._lacks) > self.threshold
        right = said == y_true.view(said.shape)
        return right.sum(), right.numel()


@described
class Accuracy(_Right):
    """The share of right answers: of the highest score, or, with one output or a sigmoid loss, above one half.

    What the name ``"accuracy"`` stands for.  Keras' class Accuracy instead asks y_true == y_pred of the raw outputs.

    name            in the logs
    ignore_class    a label that is left out; by default that of the loss
    """

    name: str = "accuracy"
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self._binary: BinaryAccuracy | None = None

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        super().bind(loss, output_shape, activation)
        self._binary = None
        if loss.separate or output_shape[-1] == 1 or activation in SEPARATE:
            self._binary = BinaryAccuracy()
            self._binary.bind(loss, output_shape, activation)
        self.needs_probabilities = self._binary is not None

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        """The right answers, and how many there are, of `y_true` (N, …) and `y_pred` (N, C, …)."""
        if self._binary is None and y_pred.shape[1] == 1:
            self._binary = BinaryAccuracy()
        return super().sums(y_true, y_pred) if self._binary is None else self._binary.sums(y_true, y_pred)


class LossMetric(MeanMetric):
    """A loss followed as a metric: its mean over the samples, by the loss's own computation.

    loss    a Loss, its name, or a function; see ``losses.get``
    name    in the logs; None: the loss's

    Raises ArgumentError for a loss that is not known.
    """

    direction = "min"
    needs_probabilities = True

    def __init__(self, loss: Any = None, name: str | None = None) -> None:
        self.loss: Loss = losses.get(loss)
        super().__init__(name or self.loss.name)
        self._name = name
        self.needs_probabilities = not self.loss.from_logits

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        self._lacks = loss.activation if loss.from_logits else None

    def update_logits(self, y_true: Tensor, logits: Tensor, activation: str) -> None:
        """Take in `y_true` (N, …) and `logits` (N, C, …) that lack `activation`: by the loss from logits, where it
        has that one.
        """
        self._take(*self._terms(y_true, logits, activation))

    def sums(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, int | Tensor]:
        """The sum of the losses and its weight, of `y_true` (N, …) and `y_pred` (N, C, …)."""
        return self._terms(y_true, y_pred, self._lacks)

    def _terms(self, y_true: Tensor, y_pred: Tensor, lacking: str | None) -> tuple[Tensor, int | Tensor]:
        """The sum over a batch and its weight, of outputs that lack an activation or none."""
        import torch

        loss = self.loss
        with torch.no_grad():
            if lacking is not None and lacking == loss.activation:
                loss = loss.with_logits()  # safer numbers than by way of the probabilities
            elif not loss.from_logits:
                y_pred = probabilities(y_pred, lacking)
            if loss.targets == "one_hot" and y_true.ndim == y_pred.ndim - 1:
                y_true = torch.nn.functional.one_hot(y_true.long(), y_pred.shape[1]).movedim(-1, 1)
            elif loss.targets == "ids":
                y_true = class_numbers(y_true, y_pred)
            weight = loss.weight(y_true)
            return loss(y_true, y_pred) * weight, weight

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
    """The mean of (p - y)².  `name` is that in the logs.

    It takes no `options`.
    """

    kind = losses.MeanSquaredError


class MeanAbsoluteError(_OfLoss):
    """The mean of |p - y|.  `name` is that in the logs.

    It takes no `options`.
    """

    kind = losses.MeanAbsoluteError


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of (p - y)² over all samples.  `name` is that in the logs."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name or "root_mean_squared_error")

    def result(self) -> Any:
        return math.sqrt(mean) if (mean := super().result()) >= 0 else mean


class CosineSimilarity(_OfLoss):
    """The mean cosine of the angle between p and y, -1 to 1: the loss of that name with its sign turned round.

    `name` is that in the logs; `options`: ``axis``, -1.
    """

    direction = "max"
    kind = losses.CosineSimilarity

    def result(self) -> Any:
        return -super().result()


class CategoricalCrossentropy(_OfLoss):
    """The categorical cross-entropy, whatever loss is trained.

    `name` is that in the logs; `options` are the loss's: ``from_logits``, ``label_smoothing``, ``axis``.
    """

    kind = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(_OfLoss):
    """The sparse categorical cross-entropy, whatever loss is trained.

    `name` is that in the logs; `options` are the loss's: ``from_logits``, ``ignore_class``, ``axis``.
    """

    kind = losses.SparseCategoricalCrossentropy


class BinaryCrossentropy(_OfLoss):
    """The binary cross-entropy, whatever loss is trained.

    `name` is that in the logs; `options` are the loss's: ``from_logits``, ``label_smoothing``, ``axis``.
    """

    kind = losses.BinaryCrossentropy
