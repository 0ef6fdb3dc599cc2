"""Figures from counts per class, and their averages: precision, recall, F-scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from striate.described import described, number, whole
from striate.errors import ArgumentError, undefined, unknown
from striate.train.losses import Loss
from striate.train.metrics import shares
from striate.train.metrics.base import activated, in_range
from striate.train.metrics.gathered import Gathered
from striate.train.metrics.thresholds import _Listed
from striate.train.tensors import apart, class_numbers, tensor, weights_for

if TYPE_CHECKING:
    from torch import Tensor

SEPARATE = ("sigmoid", "hard_sigmoid")  # activations that make every output an answer of its own


class PerClass(Gathered):
    """Base of figures that exist per class and are averaged.

    average         None: one figure per class; "macro", "present", "micro", "weighted": see ``shares.averaged``
    threshold       each output above it is an answer; None: of each sample the highest is
    class_id        of this class only
    ignore_class    a label that is left out, and is no class where it is a class's number; by default that of the loss
    from_logits     whether outputs are scores before the sigmoid; they are compared with the threshold after it
    """

    abstract = True
    average: str | None = None
    threshold: float | None = None
    class_id: int | None = None
    ignore_class: int | None = None
    from_logits: bool = False
    ties = False  # whether of equal highest outputs all are answers

    _counts: Any = None  # (3, C): how often each class was rightly said, said at all, and true

    def share(self, counts: shares.ClassCounts) -> Any:
        """The figure of each class: one of the functions of ``shares``.

        counts    (C,) each
        """
        raise undefined(self, "share(self, counts)")

    @property
    def kind(self) -> str:
        """The class that messages name."""
        return type(self).__name__

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = self.kind
        if self.average not in shares.AVERAGES:
            raise unknown(f"{kind} average", str(self.average), [str(a) for a in shares.AVERAGES])
        if self.threshold is not None:
            self.threshold = in_range(kind, "threshold", self.threshold)
            if self.threshold == 0:
                raise ArgumentError(f"{kind}: threshold=0 calls every output an answer; give one above 0, up to 1.")
        if self.class_id is not None:
            self.class_id = whole(kind, "class_id", self.class_id, 0)
        self._limit, self._void = self.threshold, self.ignore_class
        self.needs_probabilities = self._limit is not None
        self.reset_state()

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        """Learn what the outputs mean, of `loss`, `output_shape` and `activation`.  Raises ArgumentError for
        a class that the
        network has not.
        """
        self._void = getattr(loss, "ignore_class", None) if self.ignore_class is None else self.ignore_class
        if self.threshold is None and output_shape[-1] == 1:
            self._limit = 0.5
        self.needs_probabilities = self._limit is not None
        if self.class_id is not None and self.class_id >= output_shape[-1]:
            raise ArgumentError(f"{self.name}: class_id={self.class_id}, the classes are 0 to {output_shape[-1] - 1}.")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch: `y_true` class numbers (N, …) or one-hot, `y_pred` (N, …, C), with a `sample_weight` (N,) or
        None.  Raises TrainingError when their shapes do not go together.
        """
        p = tensor(f"y_pred of {self.name}", y_pred).detach()
        truth = tensor(f"y_true of {self.name}", y_true, like=p)
        if p.ndim == 0 or (truth.shape != p.shape and class_numbers(truth, p).shape != p.shape[:-1]):
            raise apart(self.name, truth, p)
        if p.ndim == 1:
            truth, p = truth.unsqueeze(-1), p.unsqueeze(-1)
        self.gather(truth, p, sample_weight)

    def see(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        import torch

        truth, p = y_true, y_pred
        if self._limit is not None:
            said = (activated(p, "sigmoid") if self.from_logits else p) > self._limit
        elif self.ties:
            said = (p >= p.amax(-1, keepdim=True)) & (p.abs() > 1e-9)
        else:
            said = torch.zeros_like(p, dtype=torch.bool).scatter_(-1, p.argmax(-1, keepdim=True), True)
        weights = None if sample_weight is None else weights_for(self.name, sample_weight, p.double()).expand(p.shape)
        if truth.shape != p.shape:
            numbers = class_numbers(truth, p)
            truth = numbers.unsqueeze(-1) == torch.arange(p.shape[-1], device=p.device)
            counts = (numbers >= 0) & (numbers < p.shape[-1])
            if self._void is not None:
                counts &= numbers != self._void
            said = said & counts.unsqueeze(-1)
            truth = truth & counts.unsqueeze(-1)
        over = tuple(range(p.ndim - 1))
        real = truth.double()
        both, said = said * real, said.double()
        if weights is not None:
            both, said, real = both * weights, said * weights, real * weights
        sums = torch.stack([both.sum(over), said.sum(over), real.sum(over)])
        self._counts = sums if self._counts is None else self._counts + sums

    def figure(self) -> Any:
        """A number, or an array (C,) with one per class; 0 before any batch.  Raises ArgumentError for an average that is
        not known.
        """
        self.counted()
        if self._counts is None:
            return 0.0
        counts = shares.ClassCounts(*self._counts.cpu().numpy())
        each = self.share(counts)
        if self.class_id is not None:
            return float(each[self.class_id])
        if len(each) == 1 and self._limit is not None:
            return float(each[0])
        return each if self.average is None else shares.averaged(self.share, counts, self.average, self._void)

    def reset_state(self) -> None:
        self._counts = self._waiting = None

    def state_dict(self) -> dict[str, Tensor]:
        """How often each class was rightly said, said at all, and true so far, of shape (3, C)."""
        self.counted()
        return {} if self._counts is None else {"counts": self._counts}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._counts, self._waiting = state.get("counts"), None


@described
class FBetaScore(PerClass):
    """(1 + β²) · P · R / (β² · P + R) of precision P and recall R, 0 to 1; 0 when both are 0.

    average         None: one figure per class; "macro": the mean over all classes, one that never occurs being 0, as in
                    Keras and Keras' peers with all classes named; "present": over those that occur in targets or answers,
                    as scikit-learn and torchmetrics have it; "micro": of all counts together; "weighted": by how often a
                    class is true
    beta            how much recall weighs against precision; more than 0
    threshold       each output above it is an answer; None: of each sample the highest is
    name            in the logs
    dtype           as in every metric
    class_id        of this class only
    ignore_class    a label that is left out; by default that of the loss
    from_logits     whether outputs are scores before the sigmoid

    In a network with one output an answer is above 0.5, where Keras without a threshold always says yes.
    Raises ArgumentError for an unknown average, a beta of 0 or less, or a class that the network has not.
    """

    ties = True
    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    name: str | None = "fbeta_score"
    dtype: Any = None
    class_id: int | None = dataclasses.field(default=None, kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)
    from_logits: bool = dataclasses.field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if number(type(self).__name__, "beta", self.beta) <= 0:
            raise ArgumentError(f"{type(self).__name__}: beta={self.beta} must be more than 0.")

    def share(self, counts: shares.ClassCounts) -> Any:
        return shares.f_score(counts, float(self.beta))


@described
class F1Score(PerClass):
    """The harmonic mean of precision and recall, 2 · TP / (2 · TP + FP + FN), 0 to 1; 0 when there are none.

    average, threshold, name, dtype, class_id, ignore_class, from_logits    FBetaScore's

    Raises ArgumentError for an unknown average, or a class that the network has not.
    """

    ties = True
    average: str | None = None
    threshold: float | None = None
    name: str | None = "f1_score"
    dtype: Any = None
    class_id: int | None = dataclasses.field(default=None, kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)
    from_logits: bool = dataclasses.field(default=False, kw_only=True)

    def share(self, counts: shares.ClassCounts) -> Any:
        return shares.f_score(counts)


class _ClassShare(PerClass):
    """A precision or recall per class, where an average is asked for."""

    def __init__(self, of: Precision) -> None:
        self.name, self.average, self.class_id, self.ignore_class = of.name, of.average, of.class_id, of.ignore_class
        self.from_logits, self._kind = of.from_logits, type(of).__name__
        limit = of.thresholds
        if isinstance(limit, list | tuple):
            raise ArgumentError(
                f"{type(of).__name__}: with an average give one threshold, and one metric per threshold."
            )
        self.threshold = limit  # type: ignore[assignment]
        self.share = of.share  # type: ignore[method-assign]
        self.__post_init__()

    @property
    def kind(self) -> str:
        return self._kind

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        super().bind(loss, output_shape, activation)
        if self.threshold is None and (loss.separate or activation in SEPARATE):
            self._limit, self.needs_probabilities = 0.5, True


@described
class Precision(_Listed):
    """Of the answers yes, the share that is right: TP / (TP + FP), 0 to 1; 0 when there are none.

    Every output is an answer.

    thresholds      from 0 to 1, one or a list, which gives a figure each: an output above it is a yes; None: 0.5
    top_k           of each sample only the `top_k` highest outputs can be a yes (without `thresholds`: all of them are)
    class_id        of this class only
    name            in the logs
    dtype           as in every metric
    average         "auto": of all outputs pooled, as in Keras.  Any other is of answers per class: the highest output of
                    a sample is the answer (where every output is a yes or no of its own, each above 0.5), and None is one
                    figure per class; "macro" the mean over all classes; "present" over those that occur in targets or
                    answers; "weighted" by how often a class is true; "micro" of all classes' counts together
    ignore_class    with such an average: a label that is left out; by default that of the loss
    from_logits     whether outputs are scores before the sigmoid; Keras has no such argument, and compares them as they are

    Raises ArgumentError for an unknown average, a threshold out of range, or a class that the network has not.
    """

    kept: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives")
    thresholds: float | Sequence[float] | None = None
    top_k: int | None = None
    class_id: int | None = None
    name: str | None = "precision"
    dtype: Any = None
    average: str | None = dataclasses.field(default="auto", kw_only=True)
    ignore_class: int | None = dataclasses.field(default=None, kw_only=True)
    from_logits: bool = dataclasses.field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._classes: _ClassShare | None = None if self.average == "auto" else _ClassShare(self)
        if self._classes is not None:
            self.needs_probabilities = self._classes.needs_probabilities

    def share(self, counts: shares.ClassCounts) -> Any:
        """The figure of each class.

        counts    (C,) each
        """
        return shares.precision(counts)

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        super().bind(loss, output_shape, activation)
        if self._classes is not None:
            self._classes.bind(loss, output_shape, activation)
            self.needs_probabilities = self._classes.needs_probabilities

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self._classes is None:
            super().update_state(y_true, y_pred, sample_weight)
        else:
            self._classes.update_state(y_true, y_pred, sample_weight)

    def figure(self) -> Any:
        if self._classes is not None:
            return self._classes.figure()
        tp, fp, _, fn = (each[0] for each in self.counts())
        return self.in_order(self.share(shares.ClassCounts(*(each.cpu().numpy() for each in (tp, tp + fp, tp + fn)))))

    def reset_state(self) -> None:
        super().reset_state()
        if self.__dict__.get("_classes") is not None:
            self._classes.reset_state()  # type: ignore[union-attr]

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far, by class or by threshold, of shape (3, C) or (1, 2, thresholds + 1)."""
        return super().state_dict() if self._classes is None else self._classes.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        if self._classes is None:
            super().load_state_dict(state)
        else:
            self._classes.load_state_dict(state)


@described
class Recall(Precision):
    """Of the targets 1, the share that was answered yes: TP / (TP + FN), 0 to 1; 0 when there are none.

    `thresholds`, `top_k`, `class_id`, `name`, `dtype`, `average`, `ignore_class` and `from_logits` are Precision's.
    Raises ArgumentError as Precision does.
    """

    kept: ClassVar[tuple[str, ...]] = ("true_positives", "false_negatives")
    name: str | None = "recall"

    def share(self, counts: shares.ClassCounts) -> Any:
        return shares.recall(counts)
