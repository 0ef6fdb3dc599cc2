"""What training makes small.  Keras 3's names, arguments and values; torch tensors, channels first.

    loss = losses.get("sparse_categorical_crossentropy")
    loss(y_true, y_pred)              the mean, one number to call backward() on
    loss.per_sample(y_true, y_pred)   (N,), for class and sample weights; its mean is the number above
    loss.with_logits()                the same loss for a network without its last softmax or sigmoid
    loss.check(y, output_shape)       the labels of a whole set, looked at once before training

`y_pred` is (N, C) or (N, C, …) with the classes on axis 1.  `y_true` is like it, or holds class numbers and lacks that
axis; (N,) goes with (N, 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate.errors import ArgumentError, unknown
from striate.intake.outputs import Outputs
from striate.train.losses.base import FunctionLoss, Loss, TorchLoss
from striate.train.losses.cross_entropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from striate.train.losses.hinges import CategoricalHinge, Hinge, SquaredHinge
from striate.train.losses.overlap import Dice, Tversky
from striate.train.losses.values import (
    CosineSimilarity,
    HalfSumOfSquares,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "FunctionLoss",
    "HalfSumOfSquares",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "NAMES",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "TorchLoss",
    "Tversky",
    "fitting",
    "get",
]

NAMES: dict[str, type[Loss]] = {
    "binary_crossentropy": BinaryCrossentropy,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "categorical_hinge": CategoricalHinge,
    "cosine_similarity": CosineSimilarity,
    "dice": Dice,
    "half_sum_of_squares": HalfSumOfSquares,
    "hinge": Hinge,
    "huber": Huber,
    "kl_divergence": KLDivergence,
    "log_cosh": LogCosh,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mean_squared_error": MeanSquaredError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "poisson": Poisson,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "squared_hinge": SquaredHinge,
    "tversky": Tversky,
}

_SHORT = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}

_KERAS_ONLY = ("circle", "ctc", "categorical_generalized_cross_entropy")


def find(name: str) -> type[Loss] | None:
    """The class of a loss' name, in any of its spellings; None when there is none."""
    snake = _SHORT.get(name.lower(), name)
    return NAMES.get(snake) or Loss.classes.get(name)


def get(spec: Any) -> Loss:
    """The loss of a name such as ``categorical_crossentropy``, a description, a Loss, a torch loss, or a function.

    A function is called as ``(y_true, y_pred)`` with torch tensors, channels first, and returns one number, one per
    sample, or more per sample (then averaged).  A ``torch.nn`` loss is called torch's way round, ``(y_pred, y_true)``.
    Raises ArgumentError.

    spec    one of these
    """
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, str):
        kind = find(spec)
        if kind is None and spec.lower() in _KERAS_ONLY:
            raise ArgumentError(f'loss "{spec}": Keras has it, striate has not; give a function (y_true, y_pred).')
        if kind is None:
            raise unknown("loss", spec, NAMES)
        return kind()
    if isinstance(spec, Mapping):
        return Loss.from_dict(spec)
    if isinstance(spec, type) and issubclass(spec, Loss):
        return spec()
    if hasattr(spec, "register_forward_hook"):
        return TorchLoss(spec)
    if callable(spec) and not isinstance(spec, type):
        return FunctionLoss(spec)
    raise ArgumentError(f"a loss is a name such as 'mse', an object such as Huber(), or a function, not {spec!r}.")


def fitting(outputs: Outputs, y: Any = None) -> Loss:
    """The cross-entropy that fits what a network ends in, from logits where that is no probability.

    outputs    what the network's output is: ``model.answers``
    y          the targets; where each output is a yes or no of its own, floats (N, C) are answers to each of them
    """
    logits = outputs.activation in (None, "log_softmax")
    several = getattr(y, "ndim", 1) == 2 and getattr(y, "dtype", None) is not None and y.dtype.kind == "f"
    if outputs.count == 1 or (outputs.separate and several):
        return BinaryCrossentropy(from_logits=logits)
    if several:
        return CategoricalCrossentropy(from_logits=logits)
    return SparseCategoricalCrossentropy(from_logits=logits)
