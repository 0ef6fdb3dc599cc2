"""Accuracies: shares of right answers, at a few µs per update."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from striate.described import described, number, whole
from striate.errors import ArgumentError, TrainingError, undefined
from striate.train.losses import Loss
from striate.train.metrics.base import activated
from striate.train.metrics.reductions import MeanMetric
from striate.train.tensors import apart, class_numbers, same_rank, tensor, together
from striate.wording import plural

if TYPE_CHECKING:
    from torch import Tensor


class _Accuracy(MeanMetric):
    """Base of accuracies: ``right`` says of each answer whether it is right."""

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Whether each answer is right, (N, …) bool.

        y_true, y_pred    (N, …) and (N, …, C)

        Raises TrainingError when their shapes do not go together.
        """
        raise undefined(self, "right(self, y_true, y_pred)")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = tensor(f"y_pred of {self.name}", y_pred)
        self._see(tensor(f"y_true of {self.name}", y_true, like=y_pred), y_pred, sample_weight)

    def _see(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any) -> None:
        self.take(self.right(y_true, y_pred), sample_weight)


@described
class Accuracy(_Accuracy):
    """The share of outputs that equal their targets, number by number: for answers, not for scores.

    The name "accuracy" in ``compile`` is not this class: it is BinaryAccuracy for one output and CategoricalAccuracy for
    several, as in Keras.

    name     in the logs
    dtype    as in every metric
    """

    name: str | None = "accuracy"
    dtype: Any = None

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        truth, said = same_rank(y_true, y_pred)
        if truth.shape != said.shape:
            raise apart(self.name, y_true, y_pred)
        return truth == said


@described
class BinaryAccuracy(_Accuracy):
    """The share of outputs on the right side of `threshold`; several outputs count one by one.

    name           in the logs
    dtype          as in every metric
    threshold      a probability, 0 to 1; an output above it is a yes
    from_logits    whether outputs are scores before the sigmoid; Keras has no such argument, and compares them as they are

    Raises ArgumentError for a threshold out of range.
    """

    name: str | None = "binary_accuracy"
    dtype: Any = None
    threshold: float = 0.5
    from_logits: bool = dataclasses.field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        number("BinaryAccuracy", "threshold", self.threshold, 0, 1)

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if self.from_logits:
            y_pred = activated(y_pred, "sigmoid")
        truth, said = same_rank(y_true, y_pred)
        if truth.shape != said.shape:
            raise apart(self.name, y_true, y_pred)
        return (said > self.threshold) == truth


class _OfClasses(_Accuracy):
    """Base of accuracies of one class of several."""

    needs_probabilities = False
    ignore_class: int | None = None

    def _see(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any) -> None:
        truth = classes_for(self.name, y_true, y_pred)
        right = self.right(truth, y_pred)
        if self.ignore_class is None:
            self.take(right, sample_weight)
            return
        counts = truth != self.ignore_class
        if sample_weight is None:
            self.take_sums((right & counts).sum(), counts.sum())
            return
        weights = tensor(f"sample_weight of {self.name}", sample_weight, like=y_pred)
        more = counts.ndim - weights.ndim
        self.take(right, counts * (weights[(...,) + (None,) * more] if more > 0 else weights))


def classes_for(name: str | None, y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Targets as class numbers (N, …) for scores (N, …, C).  Raises TrainingError when the shapes do not go together."""
    if y_pred.ndim == 0:
        raise TrainingError(f"{name}: the outputs are one number; give scores of shape (N, classes).")
    truth = class_numbers(y_true, y_pred)
    if truth.shape != y_pred.shape[:-1]:
        raise apart(name, y_true, y_pred)
    return truth


@described
class CategoricalAccuracy(_OfClasses):
    """The share of samples (or pixels) whose highest score is the true class; targets one-hot or class numbers.

    name            in the logs
    dtype           as in every metric
    ignore_class    a label that is left out; Keras has no such argument, and counts every label
    """

    name: str | None = "categorical_accuracy"
    dtype: Any = None
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred.argmax(-1) == y_true


@described
class SparseCategoricalAccuracy(CategoricalAccuracy):
    """The share of samples (or pixels) whose highest score is the true class; targets class numbers or one-hot.

    `name`, `dtype` and `ignore_class` are CategoricalAccuracy's.
    """

    name: str | None = "sparse_categorical_accuracy"


@described
class TopKCategoricalAccuracy(_OfClasses):
    """The share of samples whose true class is among the `k` highest scores; targets one-hot or class numbers.

    As in Keras, all of several equal scores at the edge count, so a network whose outputs are all alike has 100 %; where a
    score is no finite number the answer is wrong, and so it is for a class that no output stands for.

    k               at least 1
    name            in the logs
    dtype           as in every metric
    ignore_class    as in CategoricalAccuracy

    Raises ArgumentError for a `k` of less than 1, or, in ``compile``, more than the classes.
    """

    k: int = 5
    name: str | None = "top_k_categorical_accuracy"
    dtype: Any = None
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.k = whole(type(self).__name__, "k", self.k)

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        """Learn what the outputs mean, of `loss`, `output_shape` and `activation`.  Raises ArgumentError for
        more than there are
        classes.
        """
        if self.k > output_shape[-1]:
            raise ArgumentError(
                f"{self.name}: the best {self.k} of {plural(output_shape[-1], 'class')}; give k less than that."
            )

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        from striate.ops.over_axes import in_top_k

        return in_top_k(y_true, y_pred, self.k)  # type: ignore[no-any-return]


@described
class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """The share of samples whose true class is among the `k` highest scores; targets class numbers or one-hot.

    k, name, dtype, ignore_class    TopKCategoricalAccuracy's
    from_sorted_ids                 whether outputs are class numbers (N, M), the best first, and not scores

    Raises ArgumentError for a `k` of less than 1, or, in ``compile``, more than the classes.
    """

    k: int = 5
    name: str | None = "sparse_top_k_categorical_accuracy"
    dtype: Any = None
    from_sorted_ids: bool = False
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)

    def right(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if self.from_sorted_ids:
            return (y_pred[..., : self.k] == y_true.unsqueeze(-1)).any(-1)
        return super().right(y_true, y_pred)


# -- as functions --------------------------------------------------------------------------------------------------------
def _values(metric: Any, y_true: Any, y_pred: Any) -> Tensor:
    y_pred = tensor(f"y_pred of {metric.name}", y_pred)
    y_true = tensor(f"y_true of {metric.name}", y_true, like=y_pred)
    return metric.right(classes_for(metric.name, y_true, y_pred), y_pred).float()  # type: ignore[no-any-return]


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """Whether each output is on the right side of the threshold, as 0 or 1, in the shape of the outputs.

    y_true       targets, 0 or 1, (N, …)
    y_pred       outputs, (N, …)
    threshold    an output above it is a yes

    Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
    """
    y_pred = tensor("y_pred of binary_accuracy", y_pred)
    truth, said = together("binary_accuracy", tensor("y_true of binary_accuracy", y_true, like=y_pred), y_pred)
    return ((said > threshold) == truth).float()


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Whether the highest score is the true class, as 0 or 1, (N, …).

    y_true    targets, one-hot (N, …, C) or class numbers (N, …)
    y_pred    scores, (N, …, C)

    Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
    """
    return _values(CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """Whether the highest score is the true class, as 0 or 1, (N, …).

    y_true    targets, class numbers (N, …) or one-hot (N, …, C)
    y_pred    scores, (N, …, C)

    Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
    """
    return _values(SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """Whether the true class is among the highest scores, as 0 or 1, (N, …).

    y_true    targets, one-hot (N, …, C) or class numbers (N, …)
    y_pred    scores, (N, …, C)
    k         how many scores count

    Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
    """
    return _values(TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    """Whether the true class is among the highest scores, as 0 or 1, (N, …).

    y_true             targets, class numbers (N, …) or one-hot (N, …, C)
    y_pred             scores, (N, …, C)
    k                  how many scores count
    from_sorted_ids    whether `y_pred` is class numbers (N, M), the best first

    Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers.
    """
    return _values(SparseTopKCategoricalAccuracy(k, from_sorted_ids=from_sorted_ids), y_true, y_pred)
