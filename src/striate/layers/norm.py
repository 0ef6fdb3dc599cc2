"""Normalization of activations."""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Constraint, Initializer, Layer, Regularizer, Value
from striate.layers.axes import checked, over, places
from striate.layers.weighted import array, check_arrays
from striate.wording import plural

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "LocalResponseNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


_SHIFT = "center scale beta_initializer gamma_initializer "
_PENALTIES = "beta_regularizer gamma_regularizer beta_constraint gamma_constraint"
_ORDER = _SHIFT + _PENALTIES


class BatchNormalization(Layer):
    """Each channel to mean 0, variance 1 over the batch, then scaled and shifted.  Shape unchanged.

    weight = gamma (C,), bias = beta (C,); buffers running_mean (C,), running_var (C,).  In prediction, and when
    ``trainable = False``, the running averages are used and left alone.  Ioffe & Szegedy 2015, algorithms 1, 2.

    axis                          which one is normalized, as Keras counts: 0 is the batch, -1 the channels
    momentum                      Keras': 0.99 keeps 99 % of an average in each step; torch writes 0.01
    epsilon                       added to the variance
    center                        whether there is a beta
    scale                         whether there is a gamma
    beta_initializer              how beta starts: a name or an Initializer
    gamma_initializer             how gamma starts
    moving_mean_initializer       how the running mean starts
    moving_variance_initializer   how the running variance starts
    beta_regularizer, gamma_regularizer   the penalties on them: names, Regularizers, or None
    beta_constraint, gamma_constraint   what they must be after each update: names, Constraints, or None
    unbiased                      True: the running variance takes n / (n - 1) of a batch's variance, as torch's does
    """

    order = (
        f"axis momentum epsilon {_SHIFT} moving_mean_initializer moving_variance_initializer {_PENALTIES} "
        "renorm renorm_clipping renorm_momentum synchronized"
    )
    refused = {"mode": ("there is one, each channel over the batch", 0)}
    formerly = {"beta_init": "beta_initializer=", "gamma_init": "gamma_initializer="}

    axis: Any = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str | Initializer = "zeros"
    gamma_initializer: str | Initializer = "ones"
    moving_mean_initializer: str | Initializer = "zeros"
    moving_variance_initializer: str | Initializer = "ones"
    beta_regularizer: str | Regularizer | None = None
    gamma_regularizer: str | Regularizer | None = None
    beta_constraint: str | Constraint | None = None
    gamma_constraint: str | Constraint | None = None
    unbiased: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axis = checked(self.axis, "BatchNormalization: axis")
        if isinstance(self.axis, tuple):
            raise ArgumentError(f"BatchNormalization: axis is one axis, not {self.axis}.")
        if not 0 <= self.momentum <= 1:
            raise ArgumentError(f"BatchNormalization: momentum is from 0 to 1, not {self.momentum}.")
        if self.epsilon <= 0:
            raise ArgumentError(f"BatchNormalization: epsilon is above 0, not {self.epsilon}.")
        check_arrays(self, "beta", "gamma", "moving_mean", "moving_variance")

    def lower(self, x: Value) -> Value:
        return over(self.axis, x, self._normalized)

    def _normalized(self, x: Value) -> Value:
        return p.batch_norm(
            x,
            self.epsilon,
            self.momentum,
            gamma=array(self, "gamma") if self.scale else None,
            beta=array(self, "beta") if self.center else None,
            mean=self.moving_mean_initializer,
            variance=self.moving_variance_initializer,
            unbiased=self.unbiased,
        )


class LayerNormalization(Layer):
    """Each position's channels to mean 0, variance 1, then scaled and shifted.  Shape unchanged.

    weight = gamma (C,), bias = beta (C,); over several axes they have a number for each of their places.  Ba et al. 2016.

    axis                which are normalized, as Keras counts: 0 is the batch, -1 the channels; one, or several in a tuple
    epsilon             added to the variance
    center              whether there is a beta
    scale               whether there is a gamma
    beta_initializer    how beta starts: a name or an Initializer
    gamma_initializer   how gamma starts
    beta_regularizer, gamma_regularizer   the penalties on them: names, Regularizers, or None
    beta_constraint, gamma_constraint   what they must be after each update: names, Constraints, or None
    rms_scaling         True: nothing is taken away and nothing added, x is divided by its deviation alone.  Old files of
                        Keras have it; what divides by the root mean square is ``RMSNormalization``
    """

    order = f"axis epsilon {_ORDER}"

    axis: Any = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str | Initializer = "zeros"
    gamma_initializer: str | Initializer = "ones"
    beta_regularizer: str | Regularizer | None = None
    gamma_regularizer: str | Regularizer | None = None
    beta_constraint: str | Constraint | None = None
    gamma_constraint: str | Constraint | None = None
    rms_scaling: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axis = checked(self.axis, "LayerNormalization: axis")
        check_arrays(self, "beta", "gamma")

    def lower(self, x: Value) -> Value:
        if self.rms_scaling:
            return over(self.axis, x, self._divided)
        gamma = array(self, "gamma") if self.scale else None
        beta = array(self, "beta") if self.center else None
        return over(self.axis, x, lambda y: p.layer_norm(y, self.epsilon, gamma=gamma, beta=beta))

    def _divided(self, x: Value) -> Value:
        away = p.combine("subtract", x, p.reduce(x, "mean", (-1,), keepdims=True))
        variance = p.reduce(p.pointwise(away, "square"), "mean", (-1,), keepdims=True)
        y = p.combine("multiply", x, p.pointwise(p.affine(variance, addend=self.epsilon), "rsqrt"))
        return p.scale(y, array(self, "gamma"))


class RMSNormalization(Layer):
    """Each position's channels divided by the root of their mean square, times a learnt factor.  Shape unchanged.

    weight (C,); over several axes a number for each of their places.  Zhang & Sennrich 2019.

    axis      which are normalized, as Keras counts: 0 is the batch, -1 the channels; one, or several in a tuple
    epsilon   added to the mean square; above 0

    Raises ArgumentError for other values.
    """

    axis: Any = -1
    epsilon: float = 1e-6

    drawn_as = "norm"

    @property
    def scale(self) -> Any:
        """The learnt factors, a variable (C,), once the layer has been called."""
        if not self.weights:
            raise AttributeError("RMSNormalization has no scale yet: call it first.")
        return self.weights[0]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axis = checked(self.axis, "RMSNormalization: axis")
        if self.epsilon <= 0:
            raise ArgumentError(f"RMSNormalization: epsilon is above 0, not {self.epsilon}.")

    def lower(self, x: Value) -> Value:
        return over(self.axis, x, self._divided)

    def _divided(self, x: Value) -> Value:
        mean = p.reduce(p.pointwise(x, "square"), "mean", (-1,), keepdims=True)
        return p.scale(p.combine("multiply", x, p.pointwise(p.affine(mean, addend=self.epsilon), "rsqrt")), "ones")


class UnitNormalization(Layer):
    """Divided by its length (its L2 norm), so that it is 1.  Shape unchanged; no weights.

    axis   along which lengths are taken, as Keras counts: 0 is the batch, -1 the channels; one, or several in a tuple

    Raises ArgumentError for other values.
    """

    axis: Any = -1

    drawn_as = "norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.axis = checked(self.axis, "UnitNormalization: axis")

    def lower(self, x: Value) -> Value:
        return normalized(x, places(self.axis, x.shape))


def normalized(x: Value, axes: tuple[int, ...]) -> Value:
    """`x` divided by its length along axes, from 0; what is shorter than 1e-12 by that.

    x      of any shape
    axes   from 0, the channels last
    """
    squares = p.reduce(p.pointwise(x, "square"), "sum", axes, keepdims=True)
    return p.combine("multiply", x, p.pointwise(p.pointwise(squares, "clip", 1e-24, 3e38), "rsqrt"))


class GroupNormalization(Layer):
    """Groups of channels to mean 0, variance 1 over all positions, then scaled and shifted.  Shape unchanged.

    weight = gamma (C,), bias = beta (C,).  It does the same in training and prediction, whatever the batch size.
    Wu & He 2018, equation 7.

    groups              of neighbouring channels; -1: each channel by itself (instance normalization)
    axis                whose places are grouped, as Keras counts: 0 is the batch, -1 the channels
    epsilon             added to the variance; above 0
    center, scale       whether there is a shift, and a factor
    beta_initializer    how the shift starts
    gamma_initializer   how the factor starts
    beta_regularizer, gamma_regularizer   the penalties on them: names, Regularizers, or None
    beta_constraint, gamma_constraint   what they must be after each update: names, Constraints, or None

    Raises ArgumentError for other values, and ShapeError where the channels cannot be split into the groups.
    """

    order = f"groups axis epsilon {_ORDER}"

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str | Initializer = "zeros"
    gamma_initializer: str | Initializer = "ones"
    beta_regularizer: str | Regularizer | None = None
    gamma_regularizer: str | Regularizer | None = None
    beta_constraint: str | Constraint | None = None
    gamma_constraint: str | Constraint | None = None

    drawn_as = "norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        checked(self.axis, "GroupNormalization: axis")
        if self.groups < 1 and self.groups != -1:
            raise ArgumentError(
                f"GroupNormalization: groups is a whole number of at least 1, or -1, not {self.groups}."
            )
        if self.epsilon <= 0:
            raise ArgumentError(f"GroupNormalization: epsilon is above 0, not {self.epsilon}.")
        check_arrays(self, "beta", "gamma")

    def lower(self, x: Value) -> Value:
        return over(self.axis, x, self._normalized)

    def _normalized(self, x: Value) -> Value:
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
        gamma = array(self, "gamma") if self.scale else None
        beta = array(self, "beta") if self.center else None
        return p.scale(p.reshape(y, x.shape), gamma, beta)


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

    formerly = {"depth_radius": "radius=", "bias": "k="}

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
