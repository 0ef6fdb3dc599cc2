"""Targets looked at once before training, so that a mistake is one clear line and not a strange loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import DataError, TrainingError, note
from striate.wording import plural, verb

if TYPE_CHECKING:
    from striate.train.losses.base import Loss

Shape = tuple[int, ...]


def as_array(name: str, y: Any) -> np.ndarray:
    """Targets as a NumPy array of numbers.  Raises TrainingError for text and ragged lists."""
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    try:
        array = np.asarray(y)
    except ValueError:
        raise TrainingError(f"{name}: the targets are lists of different lengths; give one array.") from None
    if array.dtype.kind not in "biuf":
        shown = f" such as {array.flat[0]!r}" if array.size else ""
        raise TrainingError(f"{name}: the targets are {array.dtype} values{shown}; give numbers, classes from 0 on.")
    return array


def check(loss: Loss, y: Any, output_shape: Shape) -> None:
    """Raise TrainingError or DataError when `loss` cannot take the targets `y`; see ``Loss.check``."""
    array = as_array(loss.name, y)
    if array.ndim == 0 or not len(array):
        raise TrainingError(f"{loss.name}: there are no targets.")
    if array.dtype.kind == "f":
        _must_be_finite(loss.name, array)
    output_shape = tuple(output_shape)
    if loss.targets == "ids":
        _check_ids(loss, array, output_shape)
    elif loss.targets != "any":
        _check_dense(loss, array, output_shape)


def some_must_count(loss: Loss, y: np.ndarray) -> None:
    """Raise TrainingError when `loss` ignores every label of `y`.

    loss   of an output
    y      all targets of it that there are, (N, …); a batch of them may well have nothing that counts
    """
    ignored = getattr(loss, "ignore_class", None)
    if loss.sparse and ignored is not None and (y == ignored).all():
        raise TrainingError(f"{loss.name}: every label is the ignored class {ignored}.")


def _must_be_finite(name: str, array: np.ndarray) -> None:
    good = np.isfinite(array)
    if good.all():
        return
    where = np.argwhere(~good)
    raise DataError(
        f"{name}: {len(where)} of {plural(array.size, 'target')} {verb(len(where), 'is')} not finite numbers; "
        f"the first is {array[tuple(where[0])]} in sample {where[0][0]}."
    )


def _check_ids(loss: Loss, y: np.ndarray, output_shape: Shape) -> None:
    classes, positions = output_shape[-1], output_shape[:-1]
    if classes == 1:
        raise TrainingError(f"{loss.name} needs one output per class, the network has 1: use binary_crossentropy.")
    if y.shape[1:] == output_shape:
        raise TrainingError(
            f"{loss.name} takes class numbers, of shape {_shown(positions)}; these targets, of shape "
            f"{_shown(y.shape[1:])}, look one-hot: use categorical_crossentropy, or y.argmax(-1)."
        )
    if y.shape[1:] not in (positions, (*positions, 1)):
        raise TrainingError(
            f"{loss.name}: targets of shape {_shown(y.shape[1:])} do not go with outputs of shape "
            f"{_shown(output_shape)}; class numbers for them have shape {_shown(positions)}."
        )
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        odd = y[y != np.floor(y)][0]
        raise TrainingError(f"{loss.name} takes whole class numbers; {odd:g} is not one. For numbers use mse.")
    ignored = getattr(loss, "ignore_class", None)
    counted = y if ignored is None else y[y != ignored]
    if not counted.size:
        return
    low, high = int(counted.min()), int(counted.max())
    if low >= 0 and high < classes:
        return
    advice = "Give the last layer one unit per class, or renumber the labels."
    if low == 1 and high == classes:
        advice = "They start at 1: use y - 1."
    elif low < 0:
        advice = "To leave a label out, use SparseCategoricalCrossentropy(ignore_class=...)."
    elif high == 255 and ignored is None:
        advice = "To leave unmarked pixels out, use SparseCategoricalCrossentropy(ignore_class=255)."
    raise TrainingError(
        f"{loss.name}: labels run from {low} to {high}, the network has {plural(classes, 'output')}, classes 0 to "
        f"{classes - 1}. {advice}"
    )


def _check_dense(loss: Loss, y: np.ndarray, output_shape: Shape) -> None:
    shape = y.shape[1:]
    same = shape == output_shape or (output_shape[-1] == 1 and shape == output_shape[:-1])
    if not same:
        advice = ""
        if y.dtype.kind in "iub" and shape in (output_shape[:-1], (*output_shape[:-1], 1)):
            advice = " They look like class numbers: use sparse_categorical_crossentropy."
            if loss.targets == "values":
                advice = f" They look like class numbers: use np.eye({output_shape[-1]})[y], or another loss."
        elif loss.targets == "one_hot" and len(shape) == len(output_shape):
            advice = f" The last layer has {output_shape[-1]} units for {plural(shape[-1], 'class')}."
        raise TrainingError(
            f"{loss.name}: targets of shape {_shown(shape)} do not go with outputs of shape {_shown(output_shape)}."
            f"{advice}"
        )
    if loss.targets == "one_hot":
        _check_distributions(loss, y, output_shape)
    elif loss.targets == "binary":
        yes_or_no(loss.name, y)


def yes_or_no(name: str | None, y: Any) -> None:
    """Raise TrainingError for targets of a yes or no that do not lie in 0 to 1.

    name    of the loss or metric
    y       an array or a tensor, of any shape
    """
    if ((y >= 0) & (y <= 1)).all():
        return
    low, high = float(y.min()), float(y.max())
    advice = "For labels -1 and 1 use hinge, or (y + 1) / 2." if (low, high) == (-1, 1) else "Give 0 or 1."
    raise TrainingError(f"{name}: targets run from {low:g} to {high:g}, they must lie in 0 to 1. {advice}")


def whole_numbers(name: str | None, y: Any) -> Any:
    """Class numbers as 64-bit integers.  Raises TrainingError for NaN and infinity.

    name   of the loss
    y      a tensor of them
    """
    if y.is_floating_point() and not y.isfinite().all():
        raise TrainingError(f"{name}: a class number is no number (NaN or infinity).")
    return y.long()


def no_such_class(name: str | None, y: Any, outputs: int) -> TrainingError:
    """The error for class numbers of which some are none of the network's.

    name       of the loss
    y          a tensor of them
    outputs    how many classes there are
    """
    return TrainingError(
        f"{name}: labels from {int(y.min())} to {int(y.max())} do not go with {plural(outputs, 'output')}, which are "
        f"classes 0 to {outputs - 1}."
    )


def _check_distributions(loss: Loss, y: np.ndarray, output_shape: Shape) -> None:
    if output_shape[-1] == 1:
        raise TrainingError(f"{loss.name} needs one output per class, the network has 1: use binary_crossentropy.")
    if y.min() < 0:
        raise TrainingError(f"{loss.name}: a target is {y.min():g}; one-hot targets are 0 or 1.")
    sums = y.sum(-1, dtype=np.float64)
    if sums.max() > 1 + 1e-3:
        sample = np.unravel_index(int(sums.argmax()), sums.shape)[0]
        note(
            f"{loss.name}: the targets of sample {sample} add up to {sums.max():g}, one-hot ones add up to 1. "
            "For several classes at once use sigmoid outputs and binary_crossentropy."
        )


def _shown(shape: Shape) -> str:
    """A shape per sample, with the batch: (N, 10)."""
    return f"({', '.join(['N', *map(str, shape)])}{'' if shape else ','})"
