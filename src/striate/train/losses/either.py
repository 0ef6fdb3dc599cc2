"""The loss named "crossentropy": class numbers or one-hot, whichever the targets turn out to be."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from striate.train.losses.base import Loss
from striate.train.losses.cross_entropy import CategoricalCrossentropy, SparseCategoricalCrossentropy


class _OfTargets(Loss):
    """The cross-entropy of several classes that goes with the targets, as Keras chooses it by their shape.

    Targets without the axis of the classes, or with one of 1, are class numbers; all others are one-hot.
    """

    abstract = True
    activation = "softmax"

    def __init__(self, name: str = "crossentropy") -> None:
        super().__init__(name)
        self._kinds: tuple[Loss, Loss] = CategoricalCrossentropy(name=name), SparseCategoricalCrossentropy(name=name)
        self._seen: dict[str, bool] = {}  # one for this loss and its twins

    @property
    def _now(self) -> Loss:
        return self._kinds[self._seen.get("numbers", False)]

    def _look(self, shape: tuple[int, ...], rank: int) -> None:
        self._seen["numbers"] = len(shape) < rank or shape[-1] == 1

    @property
    def targets(self) -> Any:  # type: ignore[override]
        return self._now.targets

    def check(self, y: Any, output_shape: tuple[int, ...]) -> None:
        self._look(np.shape(y), len(output_shape) + 1)
        self._now.check(y, output_shape)

    def with_logits(self) -> Self:
        twin = type(self)(self.name)
        twin.from_logits, twin._seen = True, self._seen
        twin._kinds = self._kinds[0].with_logits(), self._kinds[1].with_logits()
        return twin

    def fitted(self, y_true: Any, y_pred: Any) -> Any:
        self._look(tuple(y_true.shape), y_pred.ndim)
        return self._now.fitted(y_true, y_pred)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._now.call(y_true, y_pred)

    def mean(self, y_true: Any, y_pred: Any) -> Any:
        return self._now.mean(y_true, y_pred)

    def mask(self, y_true: Any, values: Any) -> Any:
        return self._now.mask(y_true, values)

    def weight(self, y_true: Any, weights: Any = None) -> Any:
        return self._now.weight(y_true, weights)


def crossentropy(name: str, classes: int) -> Loss:
    """What the name "crossentropy", or "ce", stands for where an output has so many numbers.

    name      as it was given
    classes   the last size of the output: 1 is a yes or no
    """
    from striate.train.losses.cross_entropy import BinaryCrossentropy

    return BinaryCrossentropy(name=name) if classes == 1 else _OfTargets(name)
