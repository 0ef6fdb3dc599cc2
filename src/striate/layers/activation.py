"""Activations: as layers, and as the ``activation=`` of other layers."""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, unknown
from striate.graph import Layer, Value

__all__ = [
    "Activation",
    "ELU",
    "LeakyReLU",
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


class Softmax(_ActivationLayer):
    """exp(x) divided by its sum over the channels (the last axis).

    axis   the last, -1; others are an ArgumentError
    """

    axis: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis != -1:
            raise ArgumentError("Softmax runs over the channels, axis=-1; put a Reshape before it for another axis.")

    def lower(self, x: Value) -> Value:
        return p.softmax(x)


def as_activation(value: Any, where: str) -> str | Layer | None:
    """An ``activation=`` argument: None, a known name, or an activation layer.  Raises ArgumentError."""
    if value is None or isinstance(value, _ActivationLayer):
        return value
    if isinstance(value, str):
        if value not in NAMES:
            raise unknown("activation", value, NAMES)
        return value
    if callable(value) and getattr(value, "__name__", None) in NAMES:
        return str(value.__name__)
    raise ArgumentError(
        f"{where}: an activation is a name such as 'relu' or a layer such as layers.LeakyReLU(0.1), not {value!r}; "
        "a network is data, so that it can be saved and exported."
    )
