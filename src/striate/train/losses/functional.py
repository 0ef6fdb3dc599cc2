"""The losses as functions ``(y_true, y_pred, …)`` that give one number per sample, as in Keras."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from striate.errors import ArgumentError
from striate.train.losses import cross_entropy, hinges, overlap, sequences, values
from striate.train.losses.base import Loss

_COMMON = ("reduction", "name", "dtype")  # arguments of the class that a function has not


def function_of(kind: type[Loss], name: str) -> Callable[..., Any]:
    """The function of a loss: its numbers (N, …) before they are brought to one, by the class's own computation."""
    fields = [f for f in dataclasses.fields(kind) if f.init and f.name not in _COMMON]  # type: ignore[arg-type]
    names = [f.name for f in fields]

    def function(y_true: Any, y_pred: Any, *args: Any, **options: Any) -> Any:
        positional = dict(zip(names, args, strict=False))
        if len(args) > len(names):
            raise ArgumentError(f"{name} takes y_true, y_pred and {', '.join(names) or 'nothing else'}.")
        if twice := positional.keys() & options.keys():
            raise ArgumentError(f'{name}: "{min(twice)}" was given twice.')
        return kind(name=name, **positional, **options).values(y_true, y_pred)

    parameter = inspect.Parameter
    both = [parameter(n, parameter.POSITIONAL_OR_KEYWORD) for n in ("y_true", "y_pred")]
    own = [parameter(f.name, parameter.POSITIONAL_OR_KEYWORD, default=f.default, annotation=f.type) for f in fields]
    function.__signature__ = inspect.Signature([*both, *own])  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    options = f"\n{', '.join(names)}    as in the class" if names else ""
    function.__doc__ = (
        f"The losses (N, …) of the class ``{kind.__name__}``, one number a sample.\n\n"
        "y_true    targets, (N, …, C) or, for class numbers, (N, …): arrays or tensors, channels-last\n"
        f"y_pred    outputs, (N, …, C){options}\n\n"
        "Raises TrainingError when the shapes do not go together, ArgumentError for what is not numbers."
    )
    function.loss = kind  # type: ignore[attr-defined]
    return function


binary_crossentropy = function_of(cross_entropy.BinaryCrossentropy, "binary_crossentropy")
binary_focal_crossentropy = function_of(cross_entropy.BinaryFocalCrossentropy, "binary_focal_crossentropy")
categorical_crossentropy = function_of(cross_entropy.CategoricalCrossentropy, "categorical_crossentropy")
categorical_focal_crossentropy = function_of(
    cross_entropy.CategoricalFocalCrossentropy, "categorical_focal_crossentropy"
)
categorical_generalized_cross_entropy = function_of(
    cross_entropy.CategoricalGeneralizedCrossEntropy, "categorical_generalized_cross_entropy"
)
categorical_hinge = function_of(hinges.CategoricalHinge, "categorical_hinge")
cosine_similarity = function_of(values.CosineSimilarity, "cosine_similarity")
ctc = function_of(sequences.CTC, "ctc")
dice = function_of(overlap.Dice, "dice")
half_sum_of_squares = function_of(values.HalfSumOfSquares, "half_sum_of_squares")
hinge = function_of(hinges.Hinge, "hinge")
huber = function_of(values.Huber, "huber")
kl_divergence = function_of(cross_entropy.KLDivergence, "kl_divergence")
log_cosh = function_of(values.LogCosh, "log_cosh")
mean_absolute_error = function_of(values.MeanAbsoluteError, "mean_absolute_error")
mean_absolute_percentage_error = function_of(values.MeanAbsolutePercentageError, "mean_absolute_percentage_error")
mean_squared_error = function_of(values.MeanSquaredError, "mean_squared_error")
mean_squared_logarithmic_error = function_of(values.MeanSquaredLogarithmicError, "mean_squared_logarithmic_error")
poisson = function_of(values.Poisson, "poisson")
sparse_categorical_crossentropy = function_of(
    cross_entropy.SparseCategoricalCrossentropy, "sparse_categorical_crossentropy"
)
squared_hinge = function_of(hinges.SquaredHinge, "squared_hinge")
tversky = function_of(overlap.Tversky, "tversky")
