"""Losses followed as metrics: their mean over the samples, by the loss's own computation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from striate.train import losses
from striate.train.losses import Loss
from striate.train.losses.labels import no_such_class, whole_numbers
from striate.train.metrics.base import activated
from striate.train.metrics.reductions import MeanMetric
from striate.train.tensors import class_numbers, tensor

if TYPE_CHECKING:
    from torch import Tensor


class LossMetric(MeanMetric):
    """A loss followed as a metric: its mean over the samples, by the loss's own computation.

    loss     a Loss, its name, or a function; see ``losses.get``
    name     in the logs; None: the loss's
    dtype    as in every metric

    Raises ArgumentError for a loss that is not known.
    """

    direction = "min"
    _lacks: str | None = None  # the activation that outputs lack, and the loss in training takes over
    _masked = True  # whether a label that the loss ignores is left out of the mean

    def __init__(self, loss: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.loss: Loss = losses.get(loss)
        super().__init__(dtype, name or self.loss.name)
        self._name = name

    def bind(self, loss: Loss, output_shape: tuple[int, ...], activation: str | None = None) -> None:
        self._lacks = loss.activation if loss.from_logits else None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch, `y_true` (N, …) and `y_pred` (N, …, C), with a `sample_weight` (N,) or None."""
        y_pred = tensor(f"y_pred of {self.name}", y_pred, self.loss.dtype)
        self._see(tensor(f"y_true of {self.name}", y_true, like=y_pred), y_pred, self._lacks, sample_weight)

    def update_logits(self, y_true: Tensor, logits: Tensor, activation: str) -> None:
        """Take in `y_true` (N, …) and `logits` (N, …, C) that lack `activation`: by the loss from logits, where it
        has that one.
        """
        self._see(y_true, logits, activation)

    def _see(self, y_true: Tensor, y_pred: Tensor, lacking: str | None, sample_weight: Any = None) -> None:
        import torch

        loss = self.loss
        with torch.no_grad():
            if not loss.from_logits:
                if lacking is not None and lacking == loss.activation:
                    loss = loss.with_logits()  # safer numbers than by way of the probabilities
                else:
                    y_pred = activated(y_pred, lacking)
            if loss.targets == "one_hot" and y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] > 1:
                numbers = whole_numbers(self.name, y_true)
                if ((numbers < 0) | (numbers >= y_pred.shape[-1])).any():
                    raise no_such_class(self.name, numbers, y_pred.shape[-1])
                y_true = torch.nn.functional.one_hot(numbers, y_pred.shape[-1])
            elif loss.targets == "ids":
                y_true = class_numbers(y_true, y_pred)
            y_true, y_pred = loss.seen(y_true, y_pred)
            values = loss.call(y_true, y_pred)
            if values.ndim == 0 and sample_weight is None:
                self.take_sums(values.double() * len(y_true), len(y_true))
                return
            mask = loss.mask(y_true, values)
            if mask is None or (sample_weight is None and not self._masked):
                self.take(values, sample_weight)
            elif sample_weight is None:
                self.take_sums(values.sum(dtype=torch.float64), mask.sum())
            else:
                weights = tensor(f"sample_weight of {self.name}", sample_weight, like=values)
                more = mask.ndim - weights.ndim
                self.take(values, mask * (weights[(...,) + (None,) * more] if more > 0 else weights))

    def config(self) -> dict[str, Any]:
        return {"loss": self.loss, "name": self._name}


class _OfLoss(LossMetric):
    """A loss that has a metric's class of its own in Keras.

    name     in the logs
    dtype    as in every metric
    """

    kind: type[Loss]
    _masked = False  # as in Keras: an ignored label counts as a loss of 0

    def __init__(self, name: str | None = None, dtype: Any = None, **options: Any) -> None:
        super().__init__(self.kind(**options), name, dtype)
        self._options = options

    def config(self) -> dict[str, Any]:
        return {"name": self._name, **self._options}

    def get_config(self) -> dict[str, Any]:
        """The arguments by name, JSON-ready."""
        return {"name": self.name, "dtype": self.dtype, **self._options}


class _Plain(_OfLoss):
    """One without options."""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)


class MeanSquaredError(_Plain):
    """The mean of (p - y)²."""

    kind = losses.MeanSquaredError


class MeanAbsoluteError(_Plain):
    """The mean of |p - y|."""

    kind = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(_Plain):
    """The mean of 100 · |p - y| / |y|, |y| at least 1e-7."""

    kind = losses.MeanAbsolutePercentageError


class MeanSquaredLogarithmicError(_Plain):
    """The mean of (log(1 + p) - log(1 + y))²."""

    kind = losses.MeanSquaredLogarithmicError


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of (p - y)² over all samples."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def _see(self, y_true: Tensor, y_pred: Tensor, lacking: str | None, sample_weight: Any = None) -> None:
        y_true, y_pred = self.loss.fitted(y_true, activated(y_pred, lacking))
        self.take((y_pred - y_true).square(), sample_weight)

    def figure(self) -> Any:
        return math.sqrt(mean) if (mean := super().figure()) >= 0 else mean


class LogCoshError(_Plain):
    """The mean of log cosh(p - y)."""

    kind = losses.LogCosh

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(name, dtype)


class CosineSimilarity(_OfLoss):
    """The mean cosine of the angle between p and y, -1 to 1: the loss of that name with its sign turned round.

    name     in the logs
    dtype    as in every metric
    axis     of the vectors, in channels-last arrays
    """

    direction = "max"
    kind = losses.CosineSimilarity

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1) -> None:
        super().__init__(name, dtype, axis=axis)

    def figure(self) -> Any:
        return -super().figure()


class Hinge(_Plain):
    """The mean of max(0, 1 - y · p)."""

    kind = losses.Hinge


class SquaredHinge(_Plain):
    """The mean of max(0, 1 - y · p)²."""

    kind = losses.SquaredHinge


class CategoricalHinge(_Plain):
    """The mean of max(0, 1 + the highest score of a wrong class - the right one's)."""

    kind = losses.CategoricalHinge


class KLDivergence(_Plain):
    """The mean of Σ_c y_c · log(y_c / p_c)."""

    kind = losses.KLDivergence


class Poisson(_Plain):
    """The mean of p - y · log p."""

    kind = losses.Poisson


class CategoricalCrossentropy(_OfLoss):
    """The categorical cross-entropy, whatever loss is trained.

    name               in the logs
    dtype              as in every metric
    from_logits        whether outputs are scores before the softmax; in ``compile`` it is so where the loss says so
    label_smoothing    as in the loss
    axis               that of the classes
    """

    kind = losses.CategoricalCrossentropy

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class SparseCategoricalCrossentropy(_OfLoss):
    """The sparse categorical cross-entropy, whatever loss is trained.

    name            in the logs
    dtype           as in every metric
    from_logits     whether outputs are scores before the softmax; in ``compile`` it is so where the loss says so
    ignore_class    a label whose loss counts as 0 (in the loss of that name it is left out of the mean)
    axis            that of the classes
    """

    kind = losses.SparseCategoricalCrossentropy

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)


class BinaryCrossentropy(_OfLoss):
    """The binary cross-entropy, whatever loss is trained.

    name               in the logs
    dtype              as in every metric
    from_logits        whether outputs are scores before the sigmoid; in ``compile`` it is so where the loss says so
    label_smoothing    as in the loss
    """

    kind = losses.BinaryCrossentropy

    def __init__(
        self, name: str | None = None, dtype: Any = None, from_logits: bool = False, label_smoothing: float = 0
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)
