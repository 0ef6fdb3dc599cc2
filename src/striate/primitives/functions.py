"""What treats each number, or each position's channels, by itself; and what joins several inputs number by number."""

from __future__ import annotations

from typing import Literal, get_args

from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Primitive, Shape, Value
from striate.graph.lowering import put
from striate.primitives.arguments import choice, numbers, shape_of
from striate.wording import plural

#: Functions of one number, with what they compute.  Those up to "exponential" are Keras' activations.
FUNCTIONS = {
    "relu": "max(x, 0)",
    "relu6": "min(max(x, 0), 6)",
    "leaky_relu": "x if x > 0 else slope x",
    "elu": "x if x > 0 else alpha (exp(x) - 1)",
    "selu": "1.0507 (x if x > 0 else 1.6733 (exp(x) - 1))",
    "tanh": "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
    "scaled_tanh": "1.7159 tanh(2/3 x)",
    "sigmoid": "1 / (1 + exp(-x))",
    "hard_sigmoid": "min(max(x / 6 + 1/2, 0), 1)",
    "hard_silu": "x hard_sigmoid(x)",
    "silu": "x sigmoid(x)",
    "gelu": "x P(N(0, 1) < x)",
    "mish": "x tanh(softplus(x))",
    "softplus": "log(1 + exp(x))",
    "softsign": "x / (1 + |x|)",
    "exponential": "exp(x)",
    "clip": "min(max(x, low), high)",
    "parametric_relu": "min(x, most) if x > threshold else slope (x - threshold)",
    "negative": "-x",
    "absolute": "|x|",
    "square": "x²",
    "sqrt": "√x; its slope at 0 is taken as 0",
    "rsqrt": "1 / √x",
    "log": "log(x)",
    "power": "x to the power p",
    "sin": "sin(x)",
    "cos": "cos(x)",
    "erf": "the error function of x",
    "floor": "the largest whole number up to x",
    "ceil": "the smallest whole number from x",
    "round": "the nearest whole number, of two the even one",
    "sign": "-1, 0 or 1",
}
#: Those of them that no network has for an activation.
ARITHMETIC = (
    *("negative", "absolute", "square", "sqrt", "rsqrt", "log", "power"),
    *("sin", "cos", "erf", "floor", "ceil", "round", "sign"),
)
SYNONYMS = {"hard_swish": "hard_silu", "swish": "silu"}
DEFAULTS: dict[str, tuple[float | None, ...]] = {"leaky_relu": (0.2,), "elu": (1.0,)}

#: How many numbers the functions take that take any.
PARAMETERS = {"leaky_relu": 1, "elu": 1, "clip": 2, "parametric_relu": 3, "power": 1}

CombineHow = Literal["add", "subtract", "multiply", "divide", "average", "maximum", "minimum"]


class Pointwise(Primitive):
    """A function of each number.  Shape unchanged.

    function     a name of ``FUNCTIONS``
    parameters   of the function, as ``pointwise`` takes them
    """

    family = "activation"

    function: str
    parameters: tuple[float | None, ...] = ()


class Softmax(Primitive):
    """exp(x) divided by its sum over the channels.  Shape unchanged.

    log   the logarithm of that
    """

    family = "activation"

    log: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise ShapeError("softmax is over channels, (…, C); it got one number for each example, ().")
        return inputs[0]


class Combine(Primitive):
    """Inputs joined number by number.  Axes of size 1, and axes missing at the front, are repeated (NumPy's rule).

    how   as in ``combine``
    """

    family = "merge"

    how: CombineHow

    def shape(self, *inputs: Shape) -> Shape:
        if inputs.count(inputs[0]) == len(inputs):
            return inputs[0]
        rank = max(map(len, inputs))
        axes = zip(*((1,) * (rank - len(x)) + x for x in inputs), strict=True)
        sizes = [{size for size in axis if size != 1} for axis in axes]
        if any(len(axis) > 1 for axis in sizes):
            raise ShapeError(f"joins inputs of one shape, it got {' and '.join(map(str, inputs))}.")
        return tuple(axis.pop() if axis else 1 for axis in sizes)

    def frees_output(self, *inputs: Shape) -> bool:
        return self.how == "add"

    @property
    def commutes(self) -> bool:
        """Whether inputs may change places."""
        return self.how not in ("subtract", "divide")


def pointwise(x: Value, function: str, *parameters: float | None) -> Value:
    """A function of each number.  Shape unchanged.

    x            of any shape
    function     a name of ``FUNCTIONS``, such as "square"
    parameters   slope (leaky_relu), alpha (elu), low and high (clip), p (power), or most, slope and
                 threshold (parametric_relu)

    Raises ArgumentError, naming the nearest, for an unknown function.
    """
    shape_of(x, "pointwise")
    function = SYNONYMS.get(function, function) if isinstance(function, str) else function
    choice(function, "function", FUNCTIONS)
    given, count = parameters or DEFAULTS.get(function, ()), PARAMETERS.get(function, 0)
    if len(given) != count or not all(
        v is None or isinstance(numbers(v, f"{function}: a parameter"), float) for v in given
    ):
        raise ArgumentError(
            f"pointwise: {function} takes {plural(count, 'number')} after its name ({FUNCTIONS[function]}), not {given}."
        )
    return put(Pointwise(function, given), x)


def softmax(x: Value, log: bool = False) -> Value:
    """exp(x) divided by its sum over the channels.  Shape unchanged.

    x     of any shape
    log   the logarithm of that

    Raises ArgumentError for anything but a value.
    """
    return put(Softmax(log), x)


def activation(x: Value, function: str | Layer | None) -> Value:
    """An activation as layers take it.  Shape unchanged.

    x          of any shape
    function   a name such as "relu" or "softmax", an activation layer, or None and "linear" for none

    Raises ArgumentError, naming the nearest, for an unknown name.
    """
    if function is None or function == "linear":
        return x
    if isinstance(function, Layer):
        after = function.lower(x)
        if not isinstance(after, Value):
            raise ArgumentError(f"an activation gives one output, {function!r} gives {len(after)}.")
        return after
    if not isinstance(function, str):
        raise ArgumentError(f"an activation is a name such as 'relu' or a layer, not {function!r}.")
    if function in ("softmax", "log_softmax"):
        return softmax(x, function == "log_softmax")
    return pointwise(x, function)


def combine(how: CombineHow, *values: Value) -> Value:
    """Values joined number by number, one after the other.

    how      "add", "subtract", "multiply", "divide", "average", "maximum" or "minimum"
    values   of one shape; axes of size 1, and axes missing at the front, are repeated: (C,) meets every pixel of (H, W, C)

    Raises ShapeError for shapes that do not go together, and ArgumentError for other values.
    """
    choice(how, "combine: how", get_args(CombineHow))
    if len(values) < 2:
        raise ArgumentError(f"combine joins two or more values, not {len(values)}: combine({how!r}, a, b).")
    return put(Combine(how), *values)
