"""Normalization of activations and of inputs."""

from __future__ import annotations

from dataclasses import field
from math import isfinite, prod
from numbers import Real
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Constraint, Initializer, Layer, Regularizer, Shape, Value
from striate.layers.axes import checked, over, places
from striate.layers.weighted import array, check_arrays
from striate.wording import plural

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "LocalResponseNormalization",
    "Normalization",
    "RMSNormalization",
    "Rescaling",
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

    axis       which has numbers of its own for each place, as Keras counts: 0 is the batch, -1 the channels; one, several
               in a tuple, or None: one mean and variance for all
    mean       one number, or one per place; None: ``adapt`` computes it
    variance   one number, or one per place; None: ``adapt`` computes it
    invert     True: x · sqrt(variance) + mean, the way back

    Raises ArgumentError when it is called before it has both.
    """

    axis: Any = -1
    mean: Any = None
    variance: Any = None
    invert: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis is not None and not (isinstance(self.axis, list | tuple) and not self.axis):
            self.axis = checked(self.axis, "Normalization: axis")
        if (self.mean is None) != (self.variance is None):
            raise ArgumentError("Normalization: give both mean and variance, or neither and call adapt(array).")
        self.mean = None if self.mean is None else _numbers(self.mean, "Normalization: mean")
        self.variance = None if self.variance is None else _numbers(self.variance, "Normalization: variance")
        if self.variance is not None and min(_several(self.variance)) < 0:
            raise ArgumentError(f"Normalization: variance is at least 0, not {self.variance}.")

    def adapt(self, data: Any) -> None:
        """Take mean and variance from data: the mean of squared distances from the mean, over all but `axis`.

        data   an array (N, …, C) or a torch tensor of that shape, a list of numbers, a data set, or anything that gives
               batches of such arrays, or (batch, targets), one after the other

        Raises ArgumentError for what has no numbers, or an axis that is not there.
        """
        import numpy as np

        count, mean, total = 0, np.zeros(()), np.zeros(())  # Chan, Golub & LeVeque 1979: batches joined
        for batch in _batches(data):
            array = np.asarray(batch, np.float64)
            kept = {i + 1 for i in places(self.axis, array.shape[1:])} if self.axis else set()
            axes = tuple(i for i in range(array.ndim) if i not in kept)
            more = int(np.prod([array.shape[i] for i in axes]))
            if not more:
                continue
            middle = array.mean(axes)
            away = middle - mean
            total = total + array.var(axes) * more + away**2 * (count * more / (count + more))
            mean, count = mean + away * (more / (count + more)), count + more
        if not count:
            raise ArgumentError("Normalization: adapt() was given no numbers.")
        for name, value in (("mean", mean), ("variance", total / count)):
            setattr(self, name, float(value) if not value.ndim else tuple(value.reshape(-1).tolist()))

    def lower(self, x: Value) -> Value:
        if self.mean is None:
            raise ArgumentError("has no mean and variance yet: give them, or call adapt(array) first.")
        return over(self.axis or -1, x, self._moved)

    def _moved(self, x: Value) -> Value:
        _per_channel(x.shape, mean=self.mean, variance=self.variance)
        means, variances = _several(self.mean), _several(self.variance)
        width = max(len(means), len(variances))
        means, deviations = means * (width // len(means)), [max(v**0.5, 1e-7) for v in variances]  # 1e-7: Keras' guard
        deviations = deviations * (width // len(deviations))
        if self.invert:
            return p.affine(x, tuple(deviations), means)
        pairs = zip(means, deviations, strict=True)
        return p.affine(x, tuple(1 / d for d in deviations), tuple(-m / d for m, d in pairs))


def _batches(data: Any) -> Any:
    """The arrays that ``adapt`` goes through."""
    if hasattr(data, "x") and not hasattr(data, "ndim"):  # a data set
        data = data.x
    if hasattr(data, "detach"):  # a torch tensor
        data = data.detach().cpu()
    if hasattr(data, "ndim"):
        return [data]
    if isinstance(data, list | tuple) and data and all(isinstance(v, Real) for v in _first(data)):
        return [data]
    if not hasattr(data, "__iter__"):
        raise ArgumentError(f"Normalization: adapt() takes arrays, not {type(data).__name__}.")
    return ((batch[0] if isinstance(batch, list | tuple) else batch) for batch in data)


def _first(data: Any) -> list[Any]:
    """Some of the numbers of nested lists; what else is in them, where it is something else."""
    while isinstance(data, list | tuple) and data and isinstance(data[0], list | tuple):
        data = data[0]
    return list(data)


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
