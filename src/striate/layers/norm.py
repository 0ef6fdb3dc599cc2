"""Normalization of activations and of inputs."""

from __future__ import annotations

from dataclasses import field
from math import isfinite, prod
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Initializer, Layer, Shape, Value
from striate.layers import initializers
from striate.wording import plural

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "LocalResponseNormalization",
    "Normalization",
    "Rescaling",
]


class BatchNormalization(Layer):
    """Each channel to mean 0, variance 1 over the batch, then scaled and shifted.  Shape unchanged.

    weight = gamma (C,), bias = beta (C,); buffers running_mean (C,), running_var (C,).  In prediction, and when
    ``trainable = False``, the running averages are used and left alone.  The running variance takes torch's n / (n - 1)
    correction.  Ioffe & Szegedy 2015, algorithms 1, 2.

    axis                          the channels, -1
    momentum                      Keras': 0.99 keeps 99 % of an average in each step; torch writes 0.01
    epsilon                       added to the variance
    center                        whether there is a beta
    scale                         whether there is a gamma
    beta_initializer              how beta starts: a name or an Initializer
    gamma_initializer             how gamma starts
    moving_mean_initializer       how the running mean starts
    moving_variance_initializer   how the running variance starts
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str | Initializer = "zeros"
    gamma_initializer: str | Initializer = "ones"
    moving_mean_initializer: str | Initializer = "zeros"
    moving_variance_initializer: str | Initializer = "ones"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis != -1:
            raise ArgumentError("BatchNormalization: arrays are channels-last here, so axis is -1.")
        if not 0 <= self.momentum <= 1:
            raise ArgumentError(f"BatchNormalization: momentum is from 0 to 1, not {self.momentum}.")
        if self.epsilon <= 0:
            raise ArgumentError(f"BatchNormalization: epsilon is above 0, not {self.epsilon}.")
        for key in ("beta", "gamma", "moving_mean", "moving_variance"):
            initializers.get(getattr(self, f"{key}_initializer"))

    def lower(self, x: Value) -> Value:
        return p.batch_norm(
            x,
            self.epsilon,
            self.momentum,
            gamma=self.gamma_initializer if self.scale else None,
            beta=self.beta_initializer if self.center else None,
            mean=self.moving_mean_initializer,
            variance=self.moving_variance_initializer,
        )


class LayerNormalization(Layer):
    """Each position's channels to mean 0, variance 1, then scaled and shifted.  Shape unchanged.

    weight = gamma (C,), bias = beta (C,).  Ba et al. 2016.

    axis                the channels, -1
    epsilon             added to the variance
    center              whether there is a beta
    scale               whether there is a gamma
    beta_initializer    how beta starts: a name or an Initializer
    gamma_initializer   how gamma starts
    """

    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str | Initializer = "zeros"
    gamma_initializer: str | Initializer = "ones"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis != -1:
            raise ArgumentError("LayerNormalization runs over the channels, axis=-1.")
        initializers.get(self.beta_initializer), initializers.get(self.gamma_initializer)

    def lower(self, x: Value) -> Value:
        gamma, beta = self.gamma_initializer, self.beta_initializer
        return p.layer_norm(x, self.epsilon, gamma=gamma if self.scale else None, beta=beta if self.center else None)


class GroupNormalization(Layer):
    """Groups of channels to mean 0, variance 1 over all positions, then scaled and shifted.  Shape unchanged.

    weight = gamma (C,), bias = beta (C,).  It does the same in training and prediction, whatever the batch size.
    Wu & He 2018, equation 7.

    groups              of neighbouring channels; -1: each channel by itself (instance normalization)
    axis                -1, the channels
    epsilon             added to the variance; above 0
    center, scale       whether there is a shift, and a factor
    beta_initializer    how the shift starts
    gamma_initializer   how the factor starts

    Raises ArgumentError for other values, and ShapeError where the channels cannot be split into the groups.
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str | Initializer = "zeros"
    gamma_initializer: str | Initializer = "ones"

    drawn_as = "norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis != -1:
            raise ArgumentError("GroupNormalization: arrays are channels-last here, so axis is -1.")
        if self.groups < 1 and self.groups != -1:
            raise ArgumentError(
                f"GroupNormalization: groups is a whole number of at least 1, or -1, not {self.groups}."
            )
        if self.epsilon <= 0:
            raise ArgumentError(f"GroupNormalization: epsilon is above 0, not {self.epsilon}.")
        initializers.get(self.beta_initializer), initializers.get(self.gamma_initializer)

    def lower(self, x: Value) -> Value:
        *sizes, channels = x.shape
        groups = channels if self.groups == -1 else self.groups
        if channels % groups:
            raise ShapeError(
                f"{plural(channels, 'channel')} cannot be split into {plural(groups, 'group')}. Use groups that divide them."
            )
        y = p.reshape(x, (prod(sizes), groups, channels // groups))
        y = p.combine("subtract", y, p.reduce(y, "mean", (0, 2), keepdims=True))
        variance = p.reduce(p.pointwise(y, "square"), "mean", (0, 2), keepdims=True)
        y = p.combine("multiply", y, p.pointwise(p.affine(variance, addend=self.epsilon), "rsqrt"))
        gamma, beta = self.gamma_initializer, self.beta_initializer
        return p.scale(p.reshape(y, x.shape), gamma if self.scale else None, beta if self.center else None)


class LocalResponseNormalization(Layer):
    """b = a / (k + alpha · sum a²)^beta, the sum over channels within `radius` of each.  Shape unchanged; no weights.

    radius       channels on either side
    k            keeps the divisor from 0
    alpha        the weight of the sum
    beta         the power
    convention   ``tf``: the papers' and TensorFlow's, where `alpha` multiplies the *sum*; ``torch``: torch's and Caffe's,
                 which divide alpha by the number of channels n = 2 · radius + 1

    AlexNet's paper: k 2, alpha 1e-4, beta 0.75, radius 2 (n 5).  Krizhevsky et al. 2012, section 3.3.
    """

    radius: int = 2
    k: float = 2.0
    alpha: float = 1e-4
    beta: float = 0.75
    convention: str = field(default="tf", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.convention not in ("tf", "torch"):
            raise ArgumentError(f'LocalResponseNormalization: convention is "tf" or "torch", not {self.convention!r}.')
        if not 0 <= self.radius < 1 << 31:
            raise ArgumentError(f"LocalResponseNormalization: radius is a whole number from 0, not {self.radius!r}.")

    def lower(self, x: Value) -> Value:
        alpha = self.alpha / (2 * self.radius + 1 if self.convention == "torch" else 1)
        return p.channel_norm(x, self.radius, self.k, alpha, self.beta)


class Rescaling(Layer):
    """x · scale + offset, with one number or one per channel.  Shape unchanged; no weights.

    scale    one number, or one per channel
    offset   one number, or one per channel
    """

    scale: Any
    offset: Any = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.scale, self.offset = _numbers(self.scale, "Rescaling: scale"), _numbers(self.offset, "Rescaling: offset")

    def lower(self, x: Value) -> Value:
        _per_channel(x.shape, scale=self.scale, offset=self.offset)
        return p.affine(x, self.scale, self.offset)


class Normalization(Layer):
    """(x - mean) / sqrt(variance), with one number or one per channel.  Shape unchanged; no weights.

    axis       the channels, -1
    mean       one number, or one per channel; None: ``adapt`` computes it
    variance   one number, or one per channel; None: ``adapt`` computes it

    Raises ArgumentError when it is called before it has both.
    """

    axis: int = -1
    mean: Any = None
    variance: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis != -1:
            raise ArgumentError("Normalization runs per channel, axis=-1.")
        if (self.mean is None) != (self.variance is None):
            raise ArgumentError("Normalization: give both mean and variance, or neither and call adapt(array).")
        self.mean = None if self.mean is None else _numbers(self.mean, "Normalization: mean")
        self.variance = None if self.variance is None else _numbers(self.variance, "Normalization: variance")
        if self.variance is not None and min(_several(self.variance)) < 0:
            raise ArgumentError(f"Normalization: variance is at least 0, not {self.variance}.")

    def adapt(self, data: Any) -> None:
        """Take mean and variance, per channel, from data.

        data   an array (N, …, C)
        """
        axes = tuple(range(data.ndim - 1))
        self.mean, self.variance = tuple(data.mean(axes).tolist()), tuple(data.var(axes).tolist())

    def lower(self, x: Value) -> Value:
        if self.mean is None:
            raise ArgumentError("has no mean and variance yet: give them, or call adapt(array) first.")
        _per_channel(x.shape, mean=self.mean, variance=self.variance)
        means, variances = _several(self.mean), _several(self.variance)
        factors = tuple(1 / max(v**0.5, 1e-7) for v in variances)  # Keras' guard against a constant channel
        width = max(len(means), len(factors))
        addends = tuple(-means[i % len(means)] * factors[i % len(factors)] for i in range(width))
        return p.affine(x, factors, addends)


def _numbers(value: Any, where: str) -> float | tuple[float, ...]:
    values = value.tolist() if hasattr(value, "tolist") else value
    try:
        numbers = tuple(float(v) for v in _several(values) if isinstance(v, int | float))
    except OverflowError:
        numbers = ()
    if not numbers or len(numbers) < len(_several(values)) or not all(map(isfinite, numbers)):
        raise ArgumentError(f"{where} is a number, or one per channel, not {value!r}.")
    return numbers if isinstance(values, list | tuple) else numbers[0]


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _per_channel(x: Shape, **values: float | tuple[float, ...]) -> None:
    for what, value in values.items():
        if isinstance(value, tuple) and len(value) not in (1, x[-1]):
            raise ShapeError(
                f"has {plural(len(value), 'value')} of {what} for an input of {plural(x[-1], 'channel')}, {x}."
            )
