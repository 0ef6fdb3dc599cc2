"""What a weight must be: functions of it that training applies after each update.  ``train/`` calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate.described import from_keras_config, from_spec, number, to_keras_config
from striate.errors import ArgumentError, ShapeError
from striate.graph import Constraint
from striate.guard import guard
from striate.layers.regularizers import as_tensor

_EPSILON = 1e-7  # keeps lengths off 0, as Keras has it


class MaxNorm(Constraint):
    """Lengths of at most `max_value`: what is longer is shortened.

    max_value   the most that a length may be, at least 0
    axis        over which a length is taken, in Keras' layout: one, or several in a list.  0 is for dense weights
                (in, out), [0, 1, 2] for kernels (height, width, in, out)

    Source: Srivastava et al. 2014, "Dropout", section 5.1.  Raises ArgumentError for other values, and ShapeError for an
    axis that the weight does not have.
    """

    max_value: float = 2.0
    axis: Any = 0

    def __post_init__(self) -> None:
        self.max_value, self.axis = number("MaxNorm", "max_value", self.max_value, 0), _axis(self)

    def __call__(self, w: Any) -> Any:
        w = as_tensor(w, "a constraint")
        lengths = _lengths(self, w)
        return w * (lengths.clamp(0, self.max_value) / (_EPSILON + lengths))


class NonNeg(Constraint):
    """Numbers of at least 0: what is below becomes 0."""

    def __call__(self, w: Any) -> Any:
        w = as_tensor(w, "a constraint")
        return w * (w >= 0)


class UnitNorm(Constraint):
    """Lengths of 1.

    axis   over which a length is taken, in Keras' layout: one, or several in a list.  0 is for dense weights (in, out),
           [0, 1, 2] for kernels (height, width, in, out)

    Raises ArgumentError for what is no axis, and ShapeError for one that the weight does not have.
    """

    axis: Any = 0

    def __post_init__(self) -> None:
        self.axis = _axis(self)

    def __call__(self, w: Any) -> Any:
        w = as_tensor(w, "a constraint")
        return w / (_EPSILON + _lengths(self, w))


class MinMaxNorm(Constraint):
    """Lengths from `min_value` to `max_value`.

    min_value   the least that a length may be, at least 0
    max_value   the most
    rate        0 to 1: how much of the way to the nearest such length an update goes; 1 all of it
    axis        over which a length is taken, in Keras' layout: one, or several in a list.  0 is for dense weights
                (in, out), [0, 1, 2] for kernels (height, width, in, out)

    Raises ArgumentError for other values, and ShapeError for an axis that the weight does not have.
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Any = 0

    def __post_init__(self) -> None:
        self.min_value = number("MinMaxNorm", "min_value", self.min_value, 0)
        self.max_value = number("MinMaxNorm", "max_value", self.max_value, self.min_value)
        self.rate, self.axis = number("MinMaxNorm", "rate", self.rate, 0, 1), _axis(self)

    def __call__(self, w: Any) -> Any:
        w = as_tensor(w, "a constraint")
        lengths = _lengths(self, w)
        wanted = self.rate * lengths.clamp(self.min_value, self.max_value) + (1 - self.rate) * lengths
        return w * (wanted / (_EPSILON + lengths))


def _axis(constraint: Any) -> int | tuple[int, ...]:
    """The axis or axes as they were given.  Raises ArgumentError for what is none."""
    axis = constraint.axis
    several = isinstance(axis, list | tuple)
    axes = tuple(axis) if several else (axis,)
    if not axes or any(isinstance(one, bool) or not hasattr(one, "__index__") for one in axes):
        raise ArgumentError(f"{type(constraint).__name__}: axis is a whole number or a list of them, not {axis!r}.")
    whole = tuple(int(one) for one in axes)
    return whole if several else whole[0]


def _lengths(constraint: Any, w: Any) -> Any:
    """The roots of sums of squares over the constraint's axes, which stay as 1.  Raises ShapeError without such an axis."""
    axes = constraint.axis if isinstance(constraint.axis, tuple) else (constraint.axis,)
    if any(not -w.ndim <= axis < w.ndim for axis in axes):
        raise ShapeError(
            f"{type(constraint).__name__}: axis {constraint.axis} is none of a weight of shape {tuple(w.shape)}."
        )
    return w.square().sum(axes, keepdim=True).sqrt()


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

NAMES: dict[str, type[Constraint]] = {
    "max_norm": MaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}
_ALSO = {kind.__name__: name for name, kind in NAMES.items()} | {"nonneg": "non_neg"}


def get(identifier: Any) -> Any:
    """The constraint of a name, a class or a description, or the object itself.  None stays None.

    identifier   a name such as ``max_norm``, a Constraint or its class, what ``serialize`` gives, or a function of an array

    Raises ArgumentError, naming the nearest.
    """
    return from_spec(identifier, Constraint, NAMES, "max_norm", deserialize, _ALSO)


def serialize(constraint: Any) -> dict[str, Any]:
    """A JSON-ready description of a constraint: its class's name under "class_name", its arguments under "config".

    constraint    what ``get`` takes

    Raises ArgumentError for a function, whose code no description holds.
    """
    return to_keras_config(get(constraint), Constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint of a description.

    config            what ``serialize`` made, or a name
    custom_objects    classes and functions of your own by their names

    Raises ArgumentError for one that is not known.
    """
    return from_keras_config(Constraint, get, config, custom_objects)


guard(__name__)
