"""``striate.activations``: Keras' activations as functions of symbolic tensors, torch tensors, arrays and numbers.

Each is also what ``activation=`` and ``layers.Activation`` take: ``activation=activations.relu`` is ``activation="relu"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from striate.errors import unknown
from striate.guard import guard
from striate.ops import operation

__all__ = ["NAMES", "deserialize", "gelu", "get", "linear", "relu", "serialize", "softmax"]

#: Names of the activations that are functions of ``striate.ops`` under the same name, argument for argument.
_OF_OPS = (
    *("celu", "elu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu"),
    *("log_sigmoid", "log_softmax", "mish", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softplus", "softsign"),
    *("sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink", "threshold"),
)
NAMES = (*_OF_OPS, "exponential", "gelu", "linear", "relu", "softmax")


def _ops() -> Any:
    from striate import ops

    return ops


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """max(x, 0), cut off at `max_value`; `negative_slope` · (x - threshold) below `threshold`.

    x                a tensor, an array or numbers
    negative_slope   the slope below the threshold
    max_value        the largest output; None: no bound
    threshold        above it the function is x

    Raises ArgumentError for arguments that it does not take.
    """
    ops = _ops()
    if not (negative_slope or threshold or max_value is not None):
        return ops.relu(x)
    if isinstance(x, operation.Operand):
        return ops.parametric_relu(x, max_value, negative_slope, threshold)
    x = ops.convert_to_tensor(x)
    y = ops.where(x > threshold, x, negative_slope * (x - threshold)) if negative_slope or threshold else ops.relu(x)
    return y if max_value is None else ops.minimum(y, max_value)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the share of a normal distribution that lies below x.  Hendrycks & Gimpel 2016.

    x             a tensor, an array or numbers
    approximate   by a tanh

    Raises ArgumentError for arguments that it does not take.
    """
    return _ops().gelu(x, approximate)


def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """exp(x) divided by its sum over an axis, or over several together.

    x      a tensor, an array or numbers
    axis   which; -1 are the channels

    Raises ArgumentError for arguments that it does not take.
    """
    return _ops().softmax(x, axis)


def linear(x: Any) -> Any:
    """The numbers themselves: no activation.

    x   a tensor, an array or numbers
    """
    return x


def exponential(x: Any) -> Any:
    """e to the power `x`.  Raises ArgumentError for what holds no numbers."""
    return _ops().exp(x)


def get(identifier: Any) -> Callable[..., Any]:
    """The function of a name such as "relu"; a function itself; None: ``linear``.

    identifier   one of these

    Raises ArgumentError, naming the nearest.
    """
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier  # type: ignore[no-any-return]
    if not isinstance(identifier, str) or identifier not in NAMES:
        raise unknown("activation", str(identifier), NAMES)
    return globals().get(identifier) or __getattr__(identifier)  # type: ignore[no-any-return]


def serialize(activation: Callable[..., Any]) -> str:
    """The name of an activation.

    activation   a function of this module
    """
    return str(getattr(activation, "__name__", activation))


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """The activation of a name.

    config           the name
    custom_objects   functions of your own by name

    Raises ArgumentError, naming the nearest.
    """
    own = (custom_objects or {}).get(config) if isinstance(config, str) else None
    return get(config if own is None else own)


def __getattr__(name: str) -> Any:
    """Those that are functions of ``striate.ops``."""
    if name in _OF_OPS:
        return getattr(_ops(), name)
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, NAMES)
    raise AttributeError(f"module 'striate.activations' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *NAMES})


guard(__name__)
