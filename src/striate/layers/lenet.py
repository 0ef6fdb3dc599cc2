"""The parts that only LeNet-5 has.  LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning", section II.B."""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Initializer, Layer, Value, Window
from striate.graph.window import as_tuple
from striate.layers import initializers
from striate.layers.activation import as_activation
from striate.wording import plural

__all__ = [
    "EuclideanRBF",
    "LENET5_C3",
    "PartialConv2D",
    "TrainableSubsampling2D",
]


class TrainableSubsampling2D(Layer):
    """Mean of each window times a learnt coefficient plus a learnt bias, per map.  (H, W, C) -> (H', W', C).

    weight (C,), bias (C,): two numbers a map.  The paper adds the four inputs; the coefficient takes up the factor 4.

    pool_size            height and width of the window, or one number for both; windows do not overlap
    activation           what each output goes through: a name such as ``tanh``, an activation layer, or None
    kernel_initializer   how the coefficients start: a name or an Initializer
    bias_initializer     how the biases start
    """

    pool_size: Any = 2
    activation: Any = "tanh"
    kernel_initializer: str | Initializer = "ones"
    bias_initializer: str | Initializer = "zeros"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pool_size = as_tuple(self.pool_size, 2, f"{self.kind}: pool_size")
        self.activation = as_activation(self.activation, self.kind)
        initializers.get(self.kernel_initializer), initializers.get(self.bias_initializer)

    def window(self) -> Window:
        """The window that slides over the input."""
        return Window(self.pool_size, self.pool_size)

    def lower(self, x: Value) -> Value:
        y = p.pool(x, self.window(), "average")
        return p.activation(p.scale(y, self.kernel_initializer, self.bias_initializer), self.activation)


class PartialConv2D(Layer):
    """A valid convolution in which map k sees only the input maps listed in ``connections[k]``.

    (H, W, C) -> (H', W', maps).  weight (connections, kh, kw): one kernel for each connection, map after map, inputs in
    the order listed; bias (maps,).

    connections          for each map of the output, the numbers of the input maps that it sees; LeNet-5's table I is
                         ``LENET5_C3``
    kernel_size          height and width of the window, or one number for both
    activation           what each output goes through: a name such as ``tanh``, an activation layer, or None
    kernel_initializer   how the weight starts: a name or an Initializer
    bias_initializer     how the bias starts

    Raises ShapeError where the window is larger than the input or a map is not there.
    """

    connections: Any
    kernel_size: Any = 5
    activation: Any = None
    kernel_initializer: str | Initializer = "glorot_uniform"
    bias_initializer: str | Initializer = "zeros"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kernel_size = as_tuple(self.kernel_size, 2, f"{self.kind}: kernel_size")
        self.activation = as_activation(self.activation, self.kind)
        try:
            self.connections = tuple(tuple(int(i) for i in row) for row in self.connections)
        except (TypeError, ValueError):
            raise ArgumentError(
                "PartialConv2D: connections is a list, for each map, of the input maps it sees, such as [[0, 1], [1]]."
            ) from None
        if not self.connections or any(not row or len(set(row)) < len(row) or min(row) < 0 for row in self.connections):
            raise ArgumentError("PartialConv2D: each map needs at least one input map, each only once, from 0.")
        initializers.get(self.kernel_initializer), initializers.get(self.bias_initializer)

    def window(self) -> Window:
        """The window that slides over the input."""
        return Window(self.kernel_size, (1, 1))

    def lower(self, x: Value) -> Value:
        start, bias = self.kernel_initializer, self.bias_initializer
        y = p.partial_conv(x, self.connections, self.window(), kernel=start, bias=bias)
        return p.activation(y, self.activation)


class EuclideanRBF(Layer):
    """Squared distance to a fixed prototype per class: y_k = sum_i (x_i - w_ki)².  (C,) -> (units,).

    No weights; buffer weight (units, C), fixed.  The smallest output is the answer.

    units        classes
    prototypes   an array (units, C) of ±1, or None for random signs drawn once; LeNet-5's are 7x12 pictures of the
                 digits, in ``zoo.lenet``
    """

    units: int
    prototypes: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.units < 1:
            raise ArgumentError(f"EuclideanRBF: units is a whole number of at least 1, not {self.units!r}.")
        if self.prototypes is not None:
            rows = self.prototypes.tolist() if hasattr(self.prototypes, "tolist") else self.prototypes
            try:
                self.prototypes = tuple(tuple(float(v) for v in row) for row in rows)
            except (TypeError, ValueError):
                self.prototypes = ()
            if len(self.prototypes) != self.units or len({len(row) for row in self.prototypes}) != 1:
                raise ArgumentError(
                    f"EuclideanRBF: prototypes is {plural(self.units, 'row')} of numbers, of one length."
                )

    def lower(self, x: Value) -> Value:
        if self.prototypes is not None and len(x.shape) == 1 and len(self.prototypes[0]) != x.shape[0]:
            raise ShapeError(
                f"has prototypes of {plural(len(self.prototypes[0]), 'number')}, the input has {x.shape[0]}."
            )
        start: str | Initializer = "random_signs" if self.prototypes is None else initializers.Constant(self.prototypes)
        return p.distance(x, self.units, start)


# Table I: the input maps (of S2, 0-5) that each of C3's 16 maps sees.
LENET5_C3 = (
    *(tuple(sorted((i + j) % 6 for j in range(3))) for i in range(6)),  # 0-5: three contiguous
    *(tuple(sorted((i + j) % 6 for j in range(4))) for i in range(6)),  # 6-11: four contiguous
    *(tuple(sorted({i, (i + 1) % 6, (i + 3) % 6, (i + 4) % 6})) for i in range(3)),  # 12-14: two and two
    tuple(range(6)),  # 15: all
)
