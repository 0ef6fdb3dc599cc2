"""Activations: as layers, and as the ``activation=`` of other layers."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, unknown
from striate.graph import Layer

#: Names that ``Activation(...)`` and ``activation=`` take, with what they compute.
NAMES = {
    "linear": "x",
    "relu": "max(x, 0)",
    "relu6": "min(max(x, 0), 6)",
    "leaky_relu": "x if x > 0 else 0.2 x",
    "elu": "x if x > 0 else exp(x) - 1",
    "selu": "1.0507 (x if x > 0 else 1.6733 (exp(x) - 1))",
    "tanh": "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
    "scaled_tanh": "1.7159 tanh(2/3 x)",
    "sigmoid": "1 / (1 + exp(-x))",
    "hard_sigmoid": "min(max(x / 6 + 1/2, 0), 1)",
    "hard_silu": "x hard_sigmoid(x)",
    "hard_swish": "x hard_sigmoid(x)",
    "silu": "x sigmoid(x)",
    "swish": "x sigmoid(x)",
    "gelu": "x P(N(0, 1) < x)",
    "mish": "x tanh(softplus(x))",
    "softplus": "log(1 + exp(x))",
    "softsign": "x / (1 + |x|)",
    "exponential": "exp(x)",
    "softmax": "exp(x) / sum over channels of exp(x)",
    "log_softmax": "x - log sum over channels of exp(x)",
}


class _ActivationLayer(Layer):
    """A function of each number (softmax: of each position's channels).  Shape unchanged; no weights."""


class Activation(_ActivationLayer):
    """The named function, such as ``relu``.  Shape unchanged; no weights."""

    activation: str | Layer

    def __post_init__(self) -> None:
        super().__post_init__()
        self.activation = as_activation(self.activation, "Activation") or "linear"


class ReLU(_ActivationLayer):
    """max(x, 0), cut off at `max_value`; `negative_slope` · (x - threshold) below `threshold`."""

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_value is not None and self.max_value < 0:
            raise ArgumentError(f"ReLU: max_value is at least 0, not {self.max_value}.")
        if self.negative_slope < 0 or self.threshold < 0:
            raise ArgumentError("ReLU: negative_slope and threshold are at least 0.")


class LeakyReLU(_ActivationLayer):
    """x above 0, `negative_slope` · x below."""

    negative_slope: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.negative_slope < 0:
            raise ArgumentError(f"LeakyReLU: negative_slope is at least 0, not {self.negative_slope}.")


class ELU(_ActivationLayer):
    """x above 0, `alpha` · (exp(x) - 1) below.  Clevert et al. 2015."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha < 0:
            raise ArgumentError(f"ELU: alpha is at least 0, not {self.alpha}.")


class Softmax(_ActivationLayer):
    """exp(x) divided by its sum over the channels (the last axis)."""

    axis: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis != -1:
            raise ArgumentError("Softmax runs over the channels, axis=-1; put a Reshape before it for another axis.")


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
