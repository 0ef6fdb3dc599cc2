"""What training makes small.  Keras 3's names, arguments and values; arrays and tensors, channels-last.

    loss = losses.SparseCategoricalCrossentropy()
    loss(y_true, y_pred, sample_weight)              one number to call backward() on
    losses.mean_squared_error(y_true, y_pred)        the functions: one number a sample
    losses.get(…), serialize(loss), deserialize(…)   names and descriptions

`y_pred` is (N, C) or (N, …, C).  `y_true` is like it, or holds class numbers and lacks the last axis; (N,) goes with
(N, 1).  The training loop, whose tensors are channels first, calls ``of_batch``, ``per_sample``, ``gathered`` (the samples'
losses with their weights, as one number), ``with_logits`` (for a network without its last softmax or sigmoid) and
``check`` (the labels of a whole set, looked at once before training).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate import configs
from striate.described import from_keras_config
from striate.errors import ArgumentError, unknown
from striate.guard import guard
from striate.intake.outputs import Outputs
from striate.train.losses.base import Loss
from striate.train.losses.cross_entropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from striate.train.losses.foreign import FunctionLoss, TorchLoss
from striate.train.losses.functional import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    cosine_similarity,
    ctc,
    dice,
    half_sum_of_squares,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
)
from striate.train.losses.hinges import CategoricalHinge, Hinge, SquaredHinge
from striate.train.losses.label_maps import SegmentationLoss, SparseDice
from striate.train.losses.overlap import Dice, Tversky
from striate.train.losses.pairs import Circle, circle
from striate.train.losses.sequences import CTC
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
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
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
    "SegmentationLoss",
    "SparseCategoricalCrossentropy",
    "SparseDice",
    "SquaredHinge",
    "TorchLoss",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "fitting",
    "get",
    "half_sum_of_squares",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

NAMES: dict[str, type[Loss]] = {
    "binary_crossentropy": BinaryCrossentropy,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "categorical_generalized_cross_entropy": CategoricalGeneralizedCrossEntropy,
    "categorical_hinge": CategoricalHinge,
    "circle": Circle,
    "cosine_similarity": CosineSimilarity,
    "ctc": CTC,
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
    "segmentation_loss": SegmentationLoss,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "sparse_dice": SparseDice,
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


def find(name: str) -> type[Loss] | None:
    """The class of a loss' name, in any of its spellings; None when there is none."""
    snake = _SHORT.get(name.lower(), name)
    return NAMES.get(snake) or Loss.classes.get(name)


def get(identifier: Any) -> Any:
    """The loss of a name such as ``categorical_crossentropy``, a description, a Loss, a torch loss, or a function.

    A function is called as ``(y_true, y_pred)`` with torch tensors, channels-last, and returns one number, one per
    sample, or more per sample (then averaged).  A ``torch.nn`` loss is called torch's way round, ``(y_pred, y_true)``,
    channels first.  None stays None.  Raises ArgumentError.

    identifier   one of these
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str):
        kind = find(identifier)
        if kind is None:
            raise unknown("loss", identifier, NAMES)
        return kind()
    if isinstance(identifier, Mapping):
        return Loss.from_dict(identifier) if "class" in identifier else deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(getattr(identifier, "loss", None), type) and issubclass(
        identifier.loss, Loss
    ):  # one of our own functions
        return identifier.loss()  # type: ignore[no-any-return]
    if hasattr(identifier, "register_forward_hook"):
        return TorchLoss(identifier)
    if callable(identifier) and not isinstance(identifier, type):
        return FunctionLoss(identifier)
    raise ArgumentError(
        f"a loss is a name such as 'mse', an object such as Huber(), or a function, not {identifier!r}."
    )


def serialize(loss: Any) -> dict[str, Any]:
    """A JSON-ready description of a loss: its class's name under "class_name", its arguments under "config".

    loss    what ``get`` takes

    Raises ArgumentError for what is no loss.
    """
    return configs.serialize(get(loss))  # type: ignore[no-any-return]


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """The loss of a description.

    name              what ``serialize`` made, or a name
    custom_objects    classes and functions of your own by their names

    Raises ArgumentError for one that is not known.
    """
    return from_keras_config(Loss, get, name, custom_objects)  # type: ignore[no-any-return]


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


guard(__name__)
