"""Cross-entropies and their kin: of one class of many (softmax), or of several at once (sigmoid)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from striate.described import described, number, whole
from striate.errors import ArgumentError, note
from striate.ops.probabilities import EPSILON, clipped
from striate.train.losses.base import Loss
from striate.train.losses.labels import no_such_class, yes_or_no
from striate.train.tensors import weights_for
from striate.wording import plural

if TYPE_CHECKING:
    from torch import Tensor


class _Classes(Loss):
    """What the cross-entropies share: their arguments, and probabilities that are kept off 0 and 1."""

    label_smoothing: float = 0.0
    axis: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        number(type(self).__name__, "label_smoothing", self.label_smoothing, 0, 1)

    def log_probabilities(self, y_pred: Tensor) -> Tensor:
        """log softmax of logits; of probabilities the log, first made to add up to 1 and clipped, as in Keras.

        y_pred    (N, …, C); so is the result
        """
        if self.from_logits:
            return y_pred.log_softmax(self.axis)
        return clipped(y_pred, self.axis).log()

    def smoothed(self, y_true: Tensor, classes: int) -> Tensor:
        """Targets y moved to y · (1 - s) + s / `classes` by a label smoothing of s; (N, …, C), as they were.

        y_true     targets, (N, …, C)
        classes    how many the smoothing is spread over; 2 for a yes or no
        """
        s = self.label_smoothing
        return y_true * (1 - s) + s / classes if s else y_true

    def fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Both of one shape, see ``Loss``: `y_true` and `y_pred` are (N, …, C).  Raises ArgumentError for an `axis` that
        is not there.
        """
        axis = self._class_axis(y_pred)
        if self.targets == "one_hot" and y_pred.ndim and y_pred.shape[axis] == 1:
            note(
                f"In loss {self.name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1; it is "
                f"{tuple(y_pred.shape)}. Use binary_crossentropy for one yes or no.",
                SyntaxWarning,
            )
        return super().fitted(y_true, y_pred)

    def seen(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Both as ``fitted`` gives them: `y_true` and `y_pred` are (N, …, C).  Raises TrainingError also for a yes or no
        outside of 0 to 1.
        """
        y_true, y_pred = self.fitted(y_true, y_pred)
        if self.targets == "binary":  # of logits too, where torch would take it: a figure is the same by both ways
            yes_or_no(self.name, y_true)
        return y_true, y_pred


@described
class CategoricalCrossentropy(_Classes):
    """-Σ_c y_c · log p_c for one-hot (or soft) targets (N, …, C).

    label_smoothing: s moves the targets to y · (1 - s) + s / C (Szegedy et al. 2015, section 7).

    from_logits        whether outputs are scores before the softmax, not probabilities
    label_smoothing    0 to 1, as above
    axis               that of the classes
    reduction          as in every loss
    name               in the logs
    dtype              as in every loss

    Raises ArgumentError for a value out of range, or another axis.
    """

    activation = "softmax"
    targets = "one_hot"
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "categorical_crossentropy"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._of(y_true, y_pred, "none")

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._of(y_true, y_pred, "mean")

    def _of(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        from torch.nn import functional as F

        if self.from_logits and y_pred.ndim > 1:
            y_true, y_pred = y_true.movedim(self.axis, 1), y_pred.movedim(self.axis, 1)
            smoothing = float(self.label_smoothing)
            return F.cross_entropy(y_pred, y_true, reduction=reduction, label_smoothing=smoothing)
        values = -(self.smoothed(y_true, y_true.shape[self.axis]) * self.log_probabilities(y_pred)).sum(self.axis)
        return values.mean() if reduction == "mean" else values


class OfLabels(Loss):
    """What losses of class numbers share: a label that counts for nothing, and how much the others count.

    ignore_class    that label, a whole number, or None; else ArgumentError is raised
    """

    activation = "softmax"
    targets = "ids"
    ignore_class: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ignore_class is not None:
            self.ignore_class = whole(type(self).__name__, "ignore_class", self.ignore_class, -(2**31))

    def counted(self, y_true: Tensor) -> Tensor:
        """Which places count, bool (N, …).

        y_true    class numbers (N, …)
        """
        return y_true == y_true if self.ignore_class is None else y_true != self.ignore_class

    def weight(self, y_true: Tensor, weights: Tensor | None = None) -> int | Tensor:
        if self.ignore_class is None:
            return super().weight(y_true, weights)
        counts = self.counted(y_true)
        if weights is None or not self.by_weight:
            return counts.sum()
        return (counts * weights_for(self.name, weights, counts.float())).sum()


@described
class SparseCategoricalCrossentropy(_Classes, OfLabels):
    """-log p_y for class numbers y, (N,) or (N, …).

    ignore_class: a label, such as 255 for unmarked pixels, that counts neither in the sum nor in the mean.

    from_logits    whether outputs are scores before the softmax, not probabilities
    axis           that of the classes
    reduction      as in every loss
    name           in the logs
    dtype          as in every loss

    Raises ArgumentError for an `ignore_class` that is no whole number, or another axis.
    """

    from_logits: bool = False
    ignore_class: int | None = None
    reduction: str | None = "sum_over_batch_size"
    axis: int = -1
    name: str | None = "sparse_categorical_crossentropy"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Losses (N, …) of class numbers `y_true` (N, …) and outputs `y_pred` (N, …, C), 0 for the ignored class.  Raises
        TrainingError for a label that no output stands for.
        """
        return self._of(y_true, y_pred, "none")

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean over the labels that count, a scalar, of `y_true` (N, …) and `y_pred` (N, …, C).  Raises TrainingError
        for a label that no output stands for.
        """
        return self._of(y_true, y_pred, "mean") if self.ignore_class is None else super().mean(y_true, y_pred)

    def _of(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        from torch.nn import functional as F

        ignore = -(2**62) if self.ignore_class is None else self.ignore_class
        logs = y_pred if self.from_logits else self.log_probabilities(y_pred)
        loss = F.cross_entropy if self.from_logits else F.nll_loss
        try:
            return loss(
                logs.movedim(self.axis, min(1, logs.ndim - 1)), y_true, reduction=reduction, ignore_index=ignore
            )
        except (IndexError, RuntimeError):
            raise no_such_class(self.name, y_true, y_pred.shape[self.axis]) from None

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        return None if self.ignore_class is None else self.counted(y_true)


@described
class BinaryCrossentropy(_Classes):
    """-y · log p - (1 - y) · log(1 - p), the mean over the outputs: one yes or no each.

    label_smoothing: s moves the targets to y · (1 - s) + s / 2.

    from_logits        whether outputs are scores before the sigmoid, not probabilities
    label_smoothing    0 to 1, as above
    axis               that of the classes
    reduction          as in every loss
    name               in the logs
    dtype              as in every loss

    Raises ArgumentError for a value out of range, or another axis.
    """

    activation = "sigmoid"
    separate = True
    targets = "binary"
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "binary_crossentropy"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.each(y_true, y_pred, "none").mean(self.axis)

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self.each(y_true, y_pred, "mean")

    def each(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        """The losses of every output, (N, …, C), or their mean, a scalar.

        y_true, y_pred    (N, …, C)
        reduction         "none" or "mean"

        An output that is NaN has a loss of NaN.  Raises TrainingError for a target outside of 0 to 1.
        """
        from torch.nn import functional as F

        y_true = self.smoothed(y_true, 2)
        if self.from_logits:
            return F.binary_cross_entropy_with_logits(y_pred, y_true, reduction=reduction)
        p = clipped(y_pred, axis=None)
        try:
            return F.binary_cross_entropy(p, y_true, reduction=reduction)
        except RuntimeError:  # torch takes no NaN
            yes_or_no(self.name, y_true)
            values = -y_true * p.log() - (1 - y_true) * (1 - p).log()
            return values.mean() if reduction == "mean" else values


def _faded(missed: Tensor, gamma: float) -> Tensor:
    """missed ^ `gamma`, of a slope that is a number also at 0.

    missed    the probability that the truth was not given, 0 to 1, any shape
    gamma     at least 0
    """
    return missed.clamp_min(1e-38) ** gamma


@described
class BinaryFocalCrossentropy(_Classes):
    """Binary cross-entropy times (1 - p_t) ^ `gamma`, p_t the probability given to the truth: easy samples fade.

    apply_class_balancing: also times `alpha` where y = 1 and 1 - `alpha` where y = 0.
    Source: Lin et al. 2017, "Focal loss for dense object detection", equation 5.

    from_logits        whether outputs are scores before the sigmoid, not probabilities
    label_smoothing    0 to 1: s moves the targets to y · (1 - s) + s / 2
    alpha, gamma       as above; alpha 0 to 1, gamma at least 0
    axis               that of the classes
    reduction          as in every loss
    name               in the logs
    dtype              as in every loss

    apply_class_balancing    see above

    Raises ArgumentError for a value out of range, or another axis.
    """

    activation = "sigmoid"
    separate = True
    targets = "binary"
    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "binary_focal_crossentropy"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        number(type(self).__name__, "alpha", self.alpha, 0, 1)
        number(type(self).__name__, "gamma", self.gamma, 0)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true = self.smoothed(y_true, 2)
        p = y_pred.sigmoid() if self.from_logits else y_pred
        q = (-y_pred).sigmoid() if self.from_logits else 1 - y_pred
        plain = BinaryCrossentropy(self.from_logits).each(y_true, y_pred, "none")
        values = _faded(y_true * q + (1 - y_true) * p, self.gamma) * plain
        if self.apply_class_balancing:
            values = values * (y_true * self.alpha + (1 - y_true) * (1 - self.alpha))
        return values.mean(self.axis)


@described
class CategoricalFocalCrossentropy(_Classes):
    """Σ_c `alpha` · (1 - p_c) ^ `gamma` · -y_c · log p_c for one-hot targets; `alpha` a number or one per class.

    Source: Lin et al. 2017, equation 5, over several classes.

    from_logits        whether outputs are scores before the softmax, not probabilities
    label_smoothing    0 to 1: s moves the targets to y · (1 - s) + s / C
    axis               that of the classes
    reduction          as in every loss
    name               in the logs
    dtype              as in every loss

    Raises ArgumentError for a value out of range, or another axis.
    """

    activation = "softmax"
    targets = "one_hot"
    alpha: float | Sequence[float] = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "categorical_focal_crossentropy"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        number(type(self).__name__, "gamma", self.gamma, 0)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Focal losses (N, …) of targets `y_true` and outputs `y_pred` (N, …, C).  Raises ArgumentError when `alpha` has
        not one number per class.
        """
        classes = y_true.shape[self.axis]
        y_true = self.smoothed(y_true, classes)
        if self.from_logits:
            y_pred = y_pred.softmax(self.axis)
        p = clipped(y_pred, self.axis)  # of logits as well, as in Keras
        values = -y_true * p.log() * _faded(1 - p, self.gamma)
        alpha = self.alpha
        if not isinstance(alpha, int | float):
            if len(alpha) != classes:
                raise ArgumentError(
                    f"{self.name}: {plural(len(alpha), 'value')} of alpha for {plural(classes, 'class')}; "
                    "give one per class."
                )
            shape = [classes if axis == self.axis % y_true.ndim else 1 for axis in range(y_true.ndim)]
            return (y_true.new_tensor(alpha).view(shape) * values).sum(self.axis)
        return alpha * values.sum(self.axis)


@described
class KLDivergence(Loss):
    """Σ_c y_c · log(y_c / p_c), both clipped to [1e-7, 1]: how far the distribution p is from y.

    reduction    as in every loss
    name         in the logs
    dtype        as in every loss
    """

    targets = "one_hot"
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "kl_divergence"
    dtype: Any = None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true, y_pred = y_true.clamp(EPSILON, 1), y_pred.clamp(EPSILON, 1)
        return (y_true * (y_true / y_pred).log()).sum(-1)


@described
class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - p_y ^ q) / q for class numbers y and probabilities p: between cross-entropy (q near 0) and mean absolute error.

    Source: Zhang & Sabuncu 2018, "Generalized cross entropy loss for training deep neural networks with noisy labels",
    equation 6.

    q            more than 0, less than 1; the nearer to 1, the less wrong labels matter
    reduction    as in every loss
    name         in the logs
    dtype        as in every loss

    Raises ArgumentError for a `q` out of range.
    """

    targets = "ids"
    q: float = 0.5
    reduction: str | None = "sum_over_batch_size"
    name: str | None = "categorical_generalized_cross_entropy"
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.q < 1:
            raise ArgumentError(f"{type(self).__name__}: q={self.q} must be more than 0 and less than 1.")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Losses (N, …) of class numbers `y_true` (N, …) and probabilities `y_pred` (N, …, C).  Raises TrainingError for a
        label that no output stands for.
        """
        if ((y_true < 0) | (y_true >= y_pred.shape[-1])).any():
            raise no_such_class(self.name, y_true, y_pred.shape[-1])
        p = y_pred.gather(-1, y_true.unsqueeze(-1)).squeeze(-1)
        return (1 - p**self.q) / self.q
