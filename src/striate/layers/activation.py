"""Activations: as layers, and as the ``activation=`` of other layers."""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, unknown
from striate.graph import Constraint, Initializer, Layer, Regularizer, Value
from striate.layers.axes import checked, over, places
from striate.layers.weighted import array, check_arrays

__all__ = [
    "Activation",
    "ELU",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "Softmax",
]

#: Names that ``Activation(...)`` and ``activation=`` take.
NAMES = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "tanh", "scaled_tanh", "sigmoid", "hard_sigmoid"),
    *("hard_silu", "hard_swish", "silu", "swish", "gelu", "mish", "softplus", "softsign", "exponential"),
    *("softmax", "log_softmax"),
)


class _ActivationLayer(Layer):
    """A function of each number (softmax: of each position's channels).  Shape unchanged; no weights."""


class Activation(_ActivationLayer):
    """The named function, such as ``relu``.  Shape unchanged; no weights.

    activation   one of ``layers.activation.NAMES``, such as ``relu``, ``gelu`` or ``softmax``, or an activation layer
    """

    activation: str | Layer

    def __post_init__(self) -> None:
        super().__post_init__()
        self.activation = as_activation(self.activation, "Activation") or "linear"

    def lower(self, x: Value) -> Value:
        return p.activation(x, self.activation)


class ReLU(_ActivationLayer):
    """max(x, 0), cut off at `max_value`; `negative_slope` · (x - threshold) below `threshold`.

    max_value        the largest output; None: no bound
    negative_slope   the slope below the threshold
    threshold        below it the function is not x
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_value is not None and self.max_value < 0:
            raise ArgumentError(f"ReLU: max_value is at least 0, not {self.max_value}.")
        if self.negative_slope < 0 or self.threshold < 0:
            raise ArgumentError("ReLU: negative_slope and threshold are at least 0.")

    def lower(self, x: Value) -> Value:
        if self.threshold or self.negative_slope:
            return p.pointwise(x, "parametric_relu", self.max_value, self.negative_slope, self.threshold)
        return p.pointwise(x, "relu") if self.max_value is None else p.pointwise(x, "clip", 0.0, self.max_value)


class LeakyReLU(_ActivationLayer):
    """x above 0, `negative_slope` · x below.

    negative_slope   the slope below 0
    """

    formerly = {"alpha": "negative_slope="}

    negative_slope: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.negative_slope < 0:
            raise ArgumentError(f"LeakyReLU: negative_slope is at least 0, not {self.negative_slope}.")

    def lower(self, x: Value) -> Value:
        return p.pointwise(x, "leaky_relu", self.negative_slope)


class ELU(_ActivationLayer):
    """x above 0, `alpha` · (exp(x) - 1) below.  Clevert et al. 2015.

    alpha   minus the limit far below 0
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha < 0:
            raise ArgumentError(f"ELU: alpha is at least 0, not {self.alpha}.")

    def lower(self, x: Value) -> Value:
        return p.pointwise(x, "elu", self.alpha)


class PReLU(_ActivationLayer):
    """x above 0, a learnt slope times x below: one slope for each place and channel.  Shape unchanged.

    weight (C, …), 1 along the axes that share a slope.  He et al. 2015, section 2.1.

    alpha_initializer   how the slopes start: a name or an Initializer
    alpha_regularizer   the penalty on them: a name, a Regularizer, or None
    alpha_constraint    what they must be after each update: a name, a Constraint, or None
    shared_axes         axes, as Keras counts them (0 is the batch), all of whose places have one slope: [1, 2] for one
                        slope a map

    Raises ArgumentError for an axis that is not there.
    """

    order = "alpha_initializer alpha_regularizer alpha_constraint shared_axes"
    formerly = {"init": "alpha_initializer="}

    alpha_initializer: str | Initializer = "Zeros"
    alpha_regularizer: str | Regularizer | None = None
    alpha_constraint: str | Constraint | None = None
    shared_axes: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_arrays(self, "alpha")
        if self.shared_axes is not None:
            axes = self.shared_axes if isinstance(self.shared_axes, list | tuple) else (self.shared_axes,)
            self.shared_axes = checked(tuple(axes), "PReLU: shared_axes") if axes else None

    def lower(self, x: Value) -> Value:
        return p.slope(x, array(self, "alpha"), places(self.shared_axes or (), x.shape))


class Softmax(_ActivationLayer):
    """exp(x) divided by its sum over the channels (the last axis), or over other axes.

    axis   as Keras counts: 0 is the batch, -1 the channels; one, or several in a tuple

    Raises ArgumentError for an axis that is not there.
    """

    axis: Any = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axis = checked(self.axis, "Softmax: axis")

    def lower(self, x: Value) -> Value:
        return over(self.axis, x, p.softmax)


def as_activation(value: Any, where: str) -> str | Layer | None:
    """An ``activation=`` argument: None, a known name, or an activation layer.  Raises ArgumentError."""
    if value is None or isinstance(value, _ActivationLayer) or type(value).__name__ in ("Lambda", "OpsLayer"):
        return value
    if isinstance(value, str):
        if value not in NAMES:
            raise unknown("activation", value, NAMES)
        return value
    approximate = getattr(value, "__module__", "") == "striate.ops" and getattr(value, "__name__", "") == "gelu"
    if callable(value) and getattr(value, "__name__", None) in NAMES and not approximate:
        return str(value.__name__)
    if callable(value) and not isinstance(value, type | Layer):
        from striate.layers.own import Lambda

        return Lambda(value)
    raise ArgumentError(
        f"{where}: an activation is a name such as 'relu' or a layer such as layers.LeakyReLU(0.1), not {value!r}; "
        "a network is data, so that it can be saved and exported."
    )
