"""What multiplies by arrays without a window: dense layers, look-up tables, scales and norms."""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Any

from striate.errors import ArgumentError, ShapeError
from striate.graph import Primitive, Shape, Value, Weight
from striate.graph.lowering import put
from striate.primitives.arguments import axis_of, number, numbers, shape_of, whole
from striate.primitives.base import Parameter, Start, parameter
from striate.wording import plural

Numbers = float | tuple[float, ...]

_NORM_NAMES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


class Linear(Primitive):
    """Each unit a weighted sum of all channels plus a bias, at every position alike.  (…, C) -> (…, units).

    units          how many sums
    kernel, bias   how they start; bias None: none
    """

    family = "dense"
    stateful = True
    keras = {"weight": "kernel", "bias": "bias"}

    units: int
    kernel: Parameter = field(default_factory=lambda: Parameter("glorot_uniform"))
    bias: Parameter | None = field(default_factory=Parameter)

    def shape(self, *inputs: Shape) -> Shape:
        return (*inputs[0][:-1], self.units)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        fans = (inputs[0][-1], self.units)
        arrays = {"weight": self.kernel.weight((self.units, inputs[0][-1]), fans)}
        return arrays | ({"bias": self.bias.weight((self.units,), fans)} if self.bias else {})

    def mults(self, *inputs: Shape) -> int:
        return prod(inputs[0]) * self.units

    def frees_output(self, *inputs: Shape) -> bool:
        return len(inputs[0]) == 1

    def to_keras(self, name: str, array: Any) -> Any:
        return array.T if name == "weight" else array

    def from_keras(self, name: str, array: Any) -> Any:
        if name != "weight" or array.ndim < 2:
            return array
        return array.reshape(-1, array.shape[-1]).T  # of a convolution over the whole map, row by row


class Lookup(Primitive):
    """A row of a table for each whole number.  () -> (width,), (L,) -> (L, width); weight (rows, width).

    rows, width   of the table
    table         how it starts
    """

    family = "dense"
    stateful = True
    keras = {"weight": "embeddings"}

    rows: int
    width: int
    table: Parameter = field(default_factory=lambda: Parameter("uniform"))

    def shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) > 1:
            raise ShapeError(f"takes a whole number or a sequence of them, () or (length,), it got {inputs[0]}.")
        return (*inputs[0], self.width)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        return {"weight": self.table.weight((self.rows, self.width), (self.rows, self.width))}


class Distance(Primitive):
    """Squared distance to each of fixed prototypes: y_k = sum_i (x_i - w_ki)².  (C,) -> (units,); weight (units, C).

    units        how many prototypes
    prototypes   what they are
    """

    family = "dense"
    stateful = True
    keras = {"weight": "kernel"}

    units: int
    prototypes: Parameter

    def shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise ShapeError(f"takes a vector, (channels,), it got {inputs[0]}. Put Flatten before it.")
        return (self.units,)

    def buffers(self, *inputs: Shape) -> dict[str, Weight]:
        return {"weight": self.prototypes.weight((self.units, inputs[0][0]))}

    def mults(self, *inputs: Shape) -> int:
        return inputs[0][0] * self.units


class Scale(Primitive):
    """Each channel times a learnt factor, plus a learnt addend.  Shape unchanged; weight (C,), bias (C,).

    factor, addend   how they start; None: none
    """

    family = "other"
    stateful = True
    keras = {"weight": "gamma", "bias": "beta"}

    factor: Parameter | None
    addend: Parameter | None

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        pairs = (("weight", self.factor), ("bias", self.addend))
        return {name: array.weight(inputs[0][-1:]) for name, array in pairs if array}

    def frees_output(self, *inputs: Shape) -> bool:
        return True


class Slope(Primitive):
    """x above 0, a learnt slope times x below.  Shape unchanged; weight (C, …), 1 along the axes that share a slope.

    slopes   how they start
    shared   axes, from 0, all of whose places have one slope
    """

    family = "activation"
    stateful = True
    keras = {"weight": "alpha"}

    slopes: Parameter
    shared: tuple[int, ...] = ()

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        *positions, channels = (1 if axis in self.shared else size for axis, size in enumerate(inputs[0]))
        return {"weight": self.slopes.weight((channels, *positions))}

    def to_keras(self, name: str, array: Any) -> Any:
        return array.movedim(0, -1)

    def from_keras(self, name: str, array: Any) -> Any:
        return array.movedim(-1, 0)


class Affine(Primitive):
    """Each number, or each channel, times a fixed factor plus a fixed addend.  Shape unchanged.

    factor, addend   a number, or a tuple with one per channel
    """

    family = "other"

    factor: Numbers
    addend: Numbers

    def shape(self, *inputs: Shape) -> Shape:
        for what, value in (("factors", self.factor), ("addends", self.addend)):
            if isinstance(value, tuple) and len(value) not in (1, inputs[0][-1]):
                raise ShapeError(
                    f"has {len(value)} {what} for an input of {plural(inputs[0][-1], 'channel')}, {inputs[0]}."
                )
        return inputs[0]


class BatchNorm(Primitive):
    """Each channel to mean 0, variance 1 over the batch, scaled and shifted; in prediction by its running averages.

    epsilon          added to the variance
    momentum         what of the running averages stays at each step
    gamma, beta      how scale and shift start; None: none
    mean, variance   how the running averages start
    unbiased         whether the running variance takes n / (n - 1) of a batch's
    """

    family = "norm"
    stateful = True
    keras = _NORM_NAMES

    epsilon: float
    momentum: float
    gamma: Parameter | None
    beta: Parameter | None
    mean: Parameter
    variance: Parameter
    unbiased: bool = False

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        pairs = (("weight", self.gamma), ("bias", self.beta))
        return {name: array.weight(inputs[0][-1:]) for name, array in pairs if array}

    def buffers(self, *inputs: Shape) -> dict[str, Weight]:
        shape = inputs[0][-1:]
        return {"running_mean": self.mean.weight(shape), "running_var": self.variance.weight(shape)}

    def frees_output(self, *inputs: Shape) -> bool:
        return True


class LayerNorm(Primitive):
    """Each position's channels to mean 0, variance 1, scaled and shifted.

    epsilon       added to the variance
    gamma, beta   how scale and shift start; None: none
    """

    family = "norm"
    stateful = True
    keras = _NORM_NAMES

    epsilon: float
    gamma: Parameter | None
    beta: Parameter | None

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        pairs = (("weight", self.gamma), ("bias", self.beta))
        return {name: array.weight(inputs[0][-1:]) for name, array in pairs if array}


class ChannelNorm(Primitive):
    """a / (k + alpha · sum a²)^beta, the sum over channels within `radius` of each.  Krizhevsky et al. 2012, section 3.3.

    k, alpha, beta   numbers of the formula
    """

    family = "norm"

    radius: int
    k: float
    alpha: float
    beta: float

    def shape(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) < 2:
            raise ShapeError(f"takes (length, channels) or (height, width, channels), it got {inputs[0]}.")
        return inputs[0]


def linear(
    x: Value,
    units: int,
    *,
    kernel: Start | Parameter = "glorot_uniform",
    bias: Start | Parameter | None = "zeros",
    name: str = "",
) -> Value:
    """Weighted sums of the channels, at every position alike.  (…, C) -> (…, units); weight (units, C), bias (units,).

    x              of any shape
    units          how many sums
    kernel, bias   how they start: an initializer, or a Parameter; bias None: none
    name           of this part, where the layer has several

    Raises ArgumentError for anything but a value.
    """
    made = parameter(kernel) or Parameter("glorot_uniform")
    return put(Linear(whole(units, "linear: units"), made, parameter(bias)), x, name=name)


def lookup(x: Value, rows: int, width: int, table: Start | Parameter = "uniform", *, name: str = "") -> Value:
    """A learnt row for each whole number from 0 to rows - 1.  () -> (width,), (L,) -> (L, width); weight (rows, width).

    x       whole numbers, () or (L,)
    rows    of the table
    width   numbers in a row
    table   how it starts: an initializer, or a Parameter
    name    of this part, where the layer has several

    Raises ShapeError for anything else.
    """
    size = whole(rows, "lookup: rows"), whole(width, "lookup: width")
    return put(Lookup(*size, parameter(table) or Parameter("uniform")), x, name=name)


def distance(x: Value, units: int, prototypes: Start | Parameter, *, name: str = "") -> Value:
    """Squared distance to each of fixed prototypes.  (C,) -> (units,); buffer weight (units, C).  LeCun et al. 1998, eq. 7.

    x            a vector
    units        how many prototypes
    prototypes   what they are: an initializer, or a Parameter
    name         of this part, where the layer has several

    Raises ShapeError for anything but a vector.
    """
    return put(Distance(whole(units, "distance: units"), parameter(prototypes) or Parameter()), x, name=name)


def scale(
    x: Value, factor: Start | Parameter | None = "ones", addend: Start | Parameter | None = None, *, name: str = ""
) -> Value:
    """Each channel times a learnt factor, plus a learnt addend.  Shape unchanged; weight (C,), bias (C,).

    x        of any shape
    factor   how the factors start: an initializer, or a Parameter; None: no factors
    addend   the same for the addends
    name     of this part, where the layer has several

    Raises ArgumentError for anything but a value.
    """
    return (
        put(Scale(parameter(factor), parameter(addend)), x, name=name)
        if factor is not None or addend is not None
        else x
    )


def slope(x: Value, slopes: Start | Parameter = "zeros", shared: tuple[int, ...] = (), *, name: str = "") -> Value:
    """x above 0, a learnt slope times x below.  He et al. 2015, section 2.1.  Shape unchanged.

    x        of any shape
    slopes   how they start: an initializer, or a Parameter; weight (C, …), 1 along the shared axes
    shared   axes, from 0 with the channels last, all of whose places have one slope
    name     of this part, where the layer has several

    Raises ArgumentError for other values, and ShapeError for an axis that is not there.
    """
    shape = shape_of(x, "slope")
    if not isinstance(shared, list | tuple):
        raise ArgumentError(f"slope: shared is a tuple of axes, not {shared!r}.")
    axes = sorted({axis_of(axis, shape, "slope") for axis in shared})
    return put(Slope(parameter(slopes) or Parameter(), tuple(axes)), x, name=name)


def affine(x: Value, factor: Numbers = 1.0, addend: Numbers = 0.0) -> Value:
    """Each number times a fixed factor plus a fixed addend: one for all, or one per channel.  Shape unchanged.

    x                of any shape
    factor, addend   a number, or a tuple with one per channel

    Raises ShapeError for another number of them than there are channels.
    """
    return put(Affine(numbers(factor, "affine: factor"), numbers(addend, "affine: addend")), x)


def batch_norm(
    x: Value,
    epsilon: float = 1e-3,
    momentum: float = 0.99,
    *,
    gamma: Start | Parameter | None = "ones",
    beta: Start | Parameter | None = "zeros",
    mean: Start | Parameter = "zeros",
    variance: Start | Parameter = "ones",
    unbiased: bool = False,
    name: str = "",
) -> Value:
    """Each channel to mean 0, variance 1 over the batch.  Ioffe & Szegedy 2015, algorithms 1 and 2.  Shape unchanged.

    x                of any shape
    epsilon          added to the variance
    momentum         what of the running averages stays at each step (Keras': 0.99)
    gamma, beta      how scale and shift start; None: none.  weight (C,), bias (C,)
    mean, variance   how the running averages start.  buffers running_mean (C,), running_var (C,)
    unbiased         whether the running variance takes n / (n - 1) of a batch's variance, as torch's does
    name             of this part, where the layer has several

    Raises ArgumentError for anything but a value.
    """
    epsilon = number(epsilon, "batch_norm: epsilon", 0, open_ends="low")
    momentum = number(momentum, "batch_norm: momentum", 0, 1)
    averages = parameter(mean) or Parameter(), parameter(variance) or Parameter("ones")
    return put(BatchNorm(epsilon, momentum, parameter(gamma), parameter(beta), *averages, bool(unbiased)), x, name=name)


def layer_norm(
    x: Value,
    epsilon: float = 1e-3,
    *,
    gamma: Start | Parameter | None = "ones",
    beta: Start | Parameter | None = "zeros",
    name: str = "",
) -> Value:
    """Each position's channels to mean 0, variance 1.  Ba et al. 2016.  Shape unchanged.

    x             of any shape
    epsilon       added to the variance
    gamma, beta   how scale and shift start; None: none.  weight (C,), bias (C,)
    name          of this part, where the layer has several

    Raises ArgumentError for anything but a value.
    """
    epsilon = number(epsilon, "layer_norm: epsilon", 0, open_ends="low")
    return put(LayerNorm(epsilon, parameter(gamma), parameter(beta)), x, name=name)


def channel_norm(x: Value, radius: int, k: float, alpha: float, beta: float) -> Value:
    """a / (k + alpha · sum a²)^beta over neighbouring channels.  Shape unchanged.  Krizhevsky et al. 2012, section 3.3.

    x                 (length, C) or (height, width, C)
    radius            channels to each side that count
    k, alpha, beta    numbers of the formula; `alpha` multiplies the sum

    Raises ShapeError for a vector.
    """
    return put(ChannelNorm(whole(radius, "channel_norm: radius", 0), k, alpha, beta), x)
