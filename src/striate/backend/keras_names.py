"""Keras-2's backend functions, as custom losses and metrics write them: ``from striate import backend as K``; ``K.mean(x)``.

They are the functions of ``striate.ops`` with Keras-2's arguments; what is new to code of today is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate import ops
from striate.data_format import image_data_format as image_data_format
from striate.data_format import set_image_data_format as set_image_data_format
from striate.described import bound
from striate.errors import ArgumentError
from striate.ops.probabilities import EPSILON
from striate.ops.signatures import signature_of
from striate.ops.table import ARGUMENTS

_ROWS = """
abs(x)                                    absolute
all(x, axis=None, keepdims=False)         all
any(x, axis=None, keepdims=False)         any
arange(start, stop=None, step=1, dtype="int32")     arange
argmax(x, axis=-1)                        argmax
argmin(x, axis=-1)                        argmin
cast(x, dtype)                            cast
clip(x, min_value, max_value)             clip
concatenate(tensors, axis=-1)             concatenate
cos(x)                                    cos
cumsum(x, axis=0)                         cumsum
dot(x, y)                                 dot
elu(x, alpha=1.0)                         elu
equal(x, y)                               equal
exp(x)                                    exp
expand_dims(x, axis=-1)                   expand_dims
eye(size, dtype=None)                     identity
gather(reference, indices)                take
greater(x, y)                             greater
greater_equal(x, y)                       greater_equal
less(x, y)                                less
less_equal(x, y)                          less_equal
log(x)                                    log
max(x, axis=None, keepdims=False)         max
maximum(x, y)                             maximum
mean(x, axis=None, keepdims=False)        mean
min(x, axis=None, keepdims=False)         min
minimum(x, y)                             minimum
ndim(x)                                   ndim
not_equal(x, y)                           not_equal
one_hot(indices, num_classes)             one_hot
ones(shape, dtype=None)                   ones
ones_like(x, dtype=None)                  ones_like
permute_dimensions(x, pattern)            transpose
pow(x, a)                                 power
prod(x, axis=None, keepdims=False)        prod
repeat_elements(x, rep, axis)             repeat
reshape(x, shape)                         reshape
reverse(x, axes)                          flip
round(x)                                  round
sigmoid(x)                                sigmoid
sign(x)                                   sign
sin(x)                                    sin
softmax(x, axis=-1)                       softmax
softplus(x)                               softplus
softsign(x)                               softsign
square(x)                                 square
squeeze(x, axis)                          squeeze
stack(x, axis=0)                          stack
std(x, axis=None, keepdims=False)         std
stop_gradient(variables)                  stop_gradient
sum(x, axis=None, keepdims=False)         sum
tanh(x)                                   tanh
tile(x, n)                                tile
transpose(x)                              transpose
var(x, axis=None, keepdims=False)         var
zeros(shape, dtype=None)                  zeros
zeros_like(x, dtype=None)                 zeros_like
binary_crossentropy(target, output, from_logits=False)      binary_crossentropy
categorical_crossentropy(target, output, from_logits=False, axis=-1)        categorical_crossentropy
sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1) sparse_categorical_crossentropy
is_tensor(x)                              is_tensor
"""
_ARGUMENTS = {
    "y": "a tensor, an array or a number",
    "a": "the power",
    "min_value": "the least",
    "max_value": "the most",
    "tensors": "that agree in their other sizes",
    "size": "rows and columns",
    "reference": "a tensor",
    "pattern": "the new order of the axes",
    "rep": "how often",
    "variables": "a tensor",
    "n": "how often along each axis",
}


def _named(line: str) -> tuple[str, Callable[..., Any]]:
    name, signature, target = signature_of(line)
    function = getattr(ops, target)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = bound(f"backend.{name}", signature, args, kwargs)
        given.apply_defaults()
        return function(*given.arguments.values())

    call.__name__ = call.__qualname__ = name
    call.__module__ = "striate.backend"
    call.__signature__ = signature  # type: ignore[attr-defined]
    lines = "\n".join(f"{key:<12}   {_ARGUMENTS.get(key) or ARGUMENTS[key]}" for key in signature.parameters)
    call.__doc__ = f"Keras-2's name of ``ops.{target}``.\n\n{lines}\n\nRaises ArgumentError for other arguments."
    return name, call


NAMED = dict(_named(line) for line in _ROWS.strip().splitlines())
globals().update(NAMED)
_state: dict[str, Any] = {"epsilon": EPSILON, "floatx": "float32"}


def epsilon() -> float:
    """The small number that keeps from dividing by 0: 1e-7."""
    return float(_state["epsilon"])


def set_epsilon(value: float) -> None:
    """Choose what ``epsilon()`` gives to code of one's own.

    value   above 0
    """
    _state["epsilon"] = value


def floatx() -> str:
    """The type of weights and activations: "float32"."""
    return "float32"


def set_floatx(value: str) -> None:
    """Nothing but "float32" is there.

    value   "float32"

    Raises ArgumentError for another type, and says what to do instead.
    """
    if value != "float32":
        raise ArgumentError(f'weights are float32, not "{value}"; train in 16 bits with compile(precision="bf16").')


def clear_session(free_memory: bool = True) -> None:
    """Keras forgets its global graph here; there is none, so nothing is done.

    free_memory   taken as Keras has it
    """


def backend() -> str:
    """What computes: "torch"."""
    return "torch"


def sqrt(x: Any) -> Any:
    """√x, 0 for numbers below 0.

    x   a tensor, an array or numbers

    Raises ArgumentError for what holds no numbers.
    """
    return ops.sqrt(ops.maximum(x, 0.0))


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """max(x, 0), cut off at `max_value`; `alpha` · (x - threshold) below `threshold`.

    x           a tensor, an array or numbers
    alpha       the slope below the threshold
    max_value   the largest output; None: no bound
    threshold   below it the function is not x

    Raises ArgumentError for what holds no numbers.
    """
    from striate import activations

    return activations.relu(x, alpha, max_value, threshold)


def hard_sigmoid(x: Any) -> Any:
    """min(max(x / 5 + 1/2, 0), 1), the slope that Keras 2 had.

    x   a tensor, an array or numbers

    Raises ArgumentError for what holds no numbers.
    """
    return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


def flatten(x: Any) -> Any:
    """All numbers as one vector, the batch too.

    x   a tensor, an array or numbers

    Raises ArgumentError for a symbolic tensor, whose batch stays.
    """
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """Each sample as one vector, (N, …) -> (N, D).

    x   a tensor or an array

    Raises ArgumentError for what holds no numbers.
    """
    return ops.reshape(x, (-1, _product(ops.shape(x)[1:])))


def _product(sizes: tuple[int, ...]) -> int:
    found = 1
    for size in sizes:
        found *= int(size)
    return found


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """Vectors divided by their length.

    x      a tensor or an array
    axis   that they lie along; None: all

    Raises ArgumentError for what holds no numbers.
    """
    return ops.normalize(x, axis=axis, order=2)


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether the target is among the k largest predictions, (N,).

    predictions   scores, (N, classes)
    targets       class numbers, (N,)
    k             how many

    Raises ArgumentError for what does not go together.
    """
    return ops.in_top_k(targets, predictions, k)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape; the batch of a symbolic tensor is None.

    x   a tensor or an array

    Raises ArgumentError for what holds no numbers.
    """
    return tuple(ops.shape(x))


shape = int_shape


def constant(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """A tensor of these numbers.

    value   a number, or what holds them
    dtype   such as "float32"
    shape   of one number repeated; None: as it is

    Raises ArgumentError for what holds no numbers.
    """
    return ops.convert_to_tensor(value, dtype) if shape is None else ops.full(shape, value, dtype)


def eval(x: Any) -> Any:
    """The numbers of a tensor, as an array.

    x   a tensor or an array

    Raises ArgumentError for what holds no numbers.
    """
    return ops.convert_to_numpy(x)


get_value = eval
variable = constant


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One or the other; functions are called.

    condition         true or false, or one for each number
    then_expression   a tensor, or a function that gives it
    else_expression   the same

    Raises ArgumentError for what does not go together.
    """
    one, other = (e() if callable(e) else e for e in (then_expression, else_expression))
    return ops.where(condition, one, other)


__all__ = [
    *NAMED,
    *("backend", "batch_flatten", "clear_session", "constant", "epsilon", "eval", "flatten", "floatx", "get_value"),
    *(
        "hard_sigmoid",
        "image_data_format",
        "in_top_k",
        "int_shape",
        "l2_normalize",
        "relu",
        "set_epsilon",
        "set_floatx",
    ),
    *("set_image_data_format", "shape", "sqrt", "switch", "variable"),
]
