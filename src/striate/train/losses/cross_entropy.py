"""Cross-entropies and their kin: of one class of many (softmax), or of several at once (sigmoid)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from striate.described import described, number, whole
from striate.errors import ArgumentError, TrainingError
from striate.train.losses.base import EPSILON, Loss
from striate.wording import plural

if TYPE_CHECKING:
    from torch import Tensor


class _Classes(Loss):
    """What the cross-entropies share: their arguments, and probabilities that are kept off 0 and 1."""

    label_smoothing: float = 0.0
    axis: int = -1

    def __post_init__(self) -> None:
        number(type(self).__name__, "label_smoothing", self.label_smoothing, 0, 1)
        if self.axis != -1:
            raise ArgumentError(f"{type(self).__name__}: axis={self.axis}; the classes are the last axis, -1.")

    def log_probabilities(self, y_pred: Tensor) -> Tensor:
        """log softmax of logits; of probabilities the log, first made to add up to 1 and clipped, as in Keras.

        y_pred    (N, C, …); so is the result
        """
        if self.from_logits:
            return y_pred.log_softmax(1)
        return clipped(y_pred).log()

    def smoothed(self, y_true: Tensor, classes: int) -> Tensor:
        """Targets y moved to y · (1 - s) + s / `classes` by a label smoothing of s; (N, C, …), as they were.

        y_true     targets, (N, C, …)
        classes    how many the smoothing is spread over; 2 for a yes or no
        """
        s = self.label_smoothing
        return y_true * (1 - s) + s / classes if s else y_true


def clipped(p: Tensor) -> Tensor:
    """Probabilities (N, C, …) made to add up to 1, and kept off 0 and 1."""
    return (p / p.sum(1, keepdim=True)).clamp(EPSILON, 1 - EPSILON)


class _Quick(_Classes):
    """A cross-entropy that torch computes with its mean in one kernel: ``_of`` with the reduction "none" or "mean"."""

    @abstractmethod
    def _of(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        """The losses (N, …), or their mean."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._of(y_true, y_pred, "none")

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._of(y_true, y_pred, "mean")


@described
class CategoricalCrossentropy(_Quick):
    """-Σ_c y_c · log p_c for one-hot (or soft) targets (N, C, …).

    label_smoothing: s moves the targets to y · (1 - s) + s / C (Szegedy et al. 2015, section 7).

    from_logits        whether outputs are scores before the softmax, not probabilities
    label_smoothing    0 to 1, as above
    axis               -1, the only one there is
    name               in the logs

    Raises ArgumentError for a value out of range, or another axis.
    """

    activation = "softmax"
    targets = "one_hot"
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    name: str = "categorical_crossentropy"

    def _of(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        from torch.nn import functional as F

        if self.from_logits:
            smoothing = float(self.label_smoothing)
            return F.cross_entropy(y_pred, y_true, reduction=reduction, label_smoothing=smoothing)
        values = -(self.smoothed(y_true, y_true.shape[1]) * self.log_probabilities(y_pred)).sum(1)
        return values.mean() if reduction == "mean" else values


@described
class SparseCategoricalCrossentropy(_Classes):
    """-log p_y for class numbers y, (N,) or (N, …).

    ignore_class: a label, such as 255 for unmarked pixels, that counts neither in the sum nor in the mean.

    from_logits        whether outputs are scores before the softmax, not probabilities
    axis               -1, the only one there is
    name               in the logs

    Raises ArgumentError for an `ignore_class` that is no whole number, or another axis.
    """

    activation = "softmax"
    targets = "ids"
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1
    name: str = "sparse_categorical_crossentropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ignore_class is not None:
            self.ignore_class = whole(type(self).__name__, "ignore_class", self.ignore_class, -(2**31))

    def _of(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        from torch.nn import functional as F

        ignore = -(2**62) if self.ignore_class is None else self.ignore_class
        try:
            if self.from_logits:
                return F.cross_entropy(y_pred, y_true, reduction=reduction, ignore_index=ignore)
            return F.nll_loss(self.log_probabilities(y_pred), y_true, reduction=reduction, ignore_index=ignore)
        except IndexError:
            raise TrainingError(
                f"{self.name}: labels from {int(y_true.min())} to {int(y_true.max())} do not go with "
                f"{plural(y_pred.shape[1], 'output')}, which are classes 0 to {y_pred.shape[1] - 1}."
            ) from None

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Losses (N, …) of class numbers `y_true` (N, …) and outputs `y_pred` (N, C, …).  Raises TrainingError for a label
        that no output stands for.
        """
        values = self._of(y_true, y_pred, "none")
        if self.ignore_class is None:
            return values
        # Keras weighs what counts by total / valid, so that the mean over all is the mean over the valid ones.
        valid = (y_true != self.ignore_class).sum().clamp(min=1)
        return values * (y_true.numel() / valid)

    def weight(self, y_true: Tensor) -> int | Tensor:
        return len(y_true) if self.ignore_class is None else (y_true != self.ignore_class).sum()

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean over the labels that count, a scalar, of `y_true` (N, …) and `y_pred` (N, C, …).  Raises TrainingError
        for a label that no output stands for.
        """
        if self.ignore_class is None:
            return self._of(y_true, y_pred, "mean")
        return self.call(y_true, y_pred).mean()


@described
class BinaryCrossentropy(_Quick):
    """-y · log p - (1 - y) · log(1 - p), the mean over the outputs: one yes or no each.

    label_smoothing: s moves the targets to y · (1 - s) + s / 2.

    from_logits        whether outputs are scores before the sigmoid, not probabilities
    label_smoothing    0 to 1, as above
    axis               -1, the only one there is
    name               in the logs

    Raises ArgumentError for a value out of range, or another axis.
    """

    activation = "sigmoid"
    separate = True
    targets = "binary"
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    name: str = "binary_crossentropy"

    def _of(self, y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
        from torch.nn import functional as F

        y_true = self.smoothed(y_true, 2)
        if self.from_logits:
            return F.binary_cross_entropy_with_logits(y_pred, y_true, reduction=reduction)
        return F.binary_cross_entropy(y_pred.clamp(EPSILON, 1 - EPSILON), y_true, reduction=reduction)


@described
class BinaryFocalCrossentropy(_Classes):
    """Binary cross-entropy times (1 - p_t) ^ `gamma`, p_t the probability given to the truth: easy samples fade.

    apply_class_balancing: also times `alpha` where y = 1 and 1 - `alpha` where y = 0.
    Source: Lin et al. 2017, "Focal loss for dense object detection", equation 5.

    from_logits        whether outputs are scores before the sigmoid, not probabilities
    label_smoothing    0 to 1: s moves the targets to y · (1 - s) + s / 2
    alpha, gamma       as above; alpha 0 to 1, gamma at least 0
    axis               -1, the only one there is
    name               in the logs

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
    name: str = "binary_focal_crossentropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        number(type(self).__name__, "alpha", self.alpha, 0, 1)
        number(type(self).__name__, "gamma", self.gamma, 0)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        plain = BinaryCrossentropy(self.from_logits).call
        y_true = self.smoothed(y_true, 2)
        p = y_pred.sigmoid() if self.from_logits else y_pred
        values = (1 - (y_true * p + (1 - y_true) * (1 - p))) ** self.gamma * plain(y_true, y_pred)
        if self.apply_class_balancing:
            values = values * (y_true * self.alpha + (1 - y_true) * (1 - self.alpha))
        return values


@described
class CategoricalFocalCrossentropy(_Classes):
    """Σ_c `alpha` · (1 - p_c) ^ `gamma` · -y_c · log p_c for one-hot targets; `alpha` a number or one per class.

    Source: Lin et al. 2017, equation 5, over several classes.

    from_logits        whether outputs are scores before the softmax, not probabilities
    label_smoothing    0 to 1: s moves the targets to y · (1 - s) + s / C
    axis               -1, the only one there is
    name               in the logs

    Raises ArgumentError for a value out of range, or another axis.
    """

    activation = "softmax"
    targets = "one_hot"
    alpha: float | Sequence[float] = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    name: str = "categorical_focal_crossentropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        number(type(self).__name__, "gamma", self.gamma, 0)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Focal losses (N, …) of targets `y_true` and outputs `y_pred` (N, C, …).  Raises ArgumentError when `alpha` has
        not one number per class.
        """
        y_true = self.smoothed(y_true, y_true.shape[1])
        if self.from_logits:
            y_pred = y_pred.softmax(1)
        p = clipped(y_pred)  # of logits as well, as in Keras
        values = -y_true * p.log() * (1 - p) ** self.gamma
        if isinstance(self.alpha, Sequence):
            if len(self.alpha) != y_true.shape[1]:
                raise ArgumentError(
                    f"{self.name}: {plural(len(self.alpha), 'value')} of alpha for {plural(y_true.shape[1], 'class')}; "
                    "give one per class."
                )
            alpha = y_true.new_tensor(self.alpha).view(-1, *[1] * (y_true.ndim - 2))
            return (alpha * values).sum(1)
        return self.alpha * values.sum(1)


@described
class KLDivergence(Loss):
    """Σ_c y_c · log(y_c / p_c), both clipped to [1e-7, 1]: how far the distribution p is from y.

    name    in the logs
    """

    targets = "one_hot"
    name: str = "kl_divergence"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true, y_pred = y_true.clamp(EPSILON, 1), y_pred.clamp(EPSILON, 1)
        return (y_true * (y_true / y_pred).log()).sum(1)
