"""Penalties on weights, added to the loss while training.  ``train/`` adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from striate import primitives as p
from striate.described import from_keras_config, from_spec, number, to_keras_config
from striate.errors import ArgumentError, ShapeError
from striate.graph import Layer, Regularizer, Value
from striate.guard import guard


def as_tensor(x: Any, who: str = "a regularizer") -> Any:
    """Numbers as a floating torch tensor.  Raises ArgumentError for what has none.

    x     a tensor, an array, lists of numbers or a variable
    who   is called on it, for the message
    """
    import numpy as np
    import torch

    if not isinstance(x, torch.Tensor):
        held = getattr(x, "value", x)
        try:
            x = held if isinstance(held, torch.Tensor) else torch.from_numpy(np.array(held, np.float32))
        except (TypeError, ValueError):
            raise ArgumentError(f"{who} is called on an array of numbers, not {x!r}.") from None
    return x if x.is_floating_point() else x.float()


class L1(Regularizer):
    """A penalty of `l1` · sum |w|.

    l1   the factor, at least 0; None: 0.01

    Raises ArgumentError for a factor below 0.
    """

    l1: float | None = 0.01

    def __post_init__(self) -> None:
        self.l1 = _factor(self, "l1", 0.01)

    def __call__(self, x: Any) -> Any:
        return (self.l1 or 0) * as_tensor(x).abs().sum()


class L2(Regularizer):
    """A penalty of `l2` · sum w².

    l2   the factor, at least 0; None: 0.01

    Raises ArgumentError for a factor below 0.
    """

    l2: float | None = 0.01

    def __post_init__(self) -> None:
        self.l2 = _factor(self, "l2", 0.01)

    def __call__(self, x: Any) -> Any:
        return (self.l2 or 0) * as_tensor(x).square().sum()


class L1L2(Regularizer):
    """A penalty of `l1` · sum |w| + `l2` · sum w².

    l1, l2   the factors, at least 0; None is 0

    Raises ArgumentError for a factor below 0.
    """

    l1: float | None = 0.0
    l2: float | None = 0.0

    def __post_init__(self) -> None:
        self.l1, self.l2 = _factor(self, "l1", 0.0), _factor(self, "l2", 0.0)

    def __call__(self, x: Any) -> Any:
        x = as_tensor(x)
        return (self.l1 or 0) * x.abs().sum() + (self.l2 or 0) * x.square().sum()


class OrthogonalRegularizer(Regularizer):
    """A penalty of `factor` · the mean over all pairs of |cos| of the angle between them: it drives them apart.

    factor   at least 0
    mode     "rows" or "columns": what is compared of a matrix (in, out)

    Source: Brock et al. 2016, "Neural photo editing", section 3.3, with the absolute value in place of the square.
    Raises ArgumentError for a factor below 0 or another mode, ShapeError for a weight that is no matrix.
    """

    factor: float | None = 0.01
    mode: str = "rows"

    def __post_init__(self) -> None:
        self.factor = _factor(self, "factor", 0.01)
        if self.mode not in ("rows", "columns"):
            raise ArgumentError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={self.mode}'
            )

    def __call__(self, x: Any) -> Any:
        """The penalty, a scalar, of a matrix `x` (in, out).  Raises ShapeError for other shapes."""
        from torch.nn.functional import normalize

        x = as_tensor(x)
        if x.ndim != 2:
            raise ShapeError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(x.shape)}"
            )
        lines = normalize(x if self.mode == "rows" else x.T, dim=1, eps=1e-7)
        many = len(lines)
        cosines = (lines @ lines.T).abs().sum() - (lines * lines).sum(1).abs().sum()
        return (self.factor or 0) * 0.5 * cosines / max(many * (many - 1) / 2, 1)


def validate_float_arg(value: Any, name: str, where: str = "a regularizer") -> float:
    """The factor of a penalty as a float.

    value   finite, at least 0
    name    of the argument, for the message
    where   it is one of, for the message

    Raises ArgumentError for anything else.
    """
    return number(where, name, value, 0)


def penalised(penalty: Any, x: Value) -> Value:
    """A value that adds a penalty to the loss in training, the mean over the batch.

    penalty   what ``get`` gives
    x         the value
    """
    if type(penalty) in (L1, L2, L1L2):
        return p.penalty(x, getattr(penalty, "l1", 0.0) or 0.0, getattr(penalty, "l2", 0.0) or 0.0)
    return p.penalty(x, regularizer=penalty)


def _factor(penalty: Any, name: str, otherwise: float) -> float:
    value = getattr(penalty, name)
    return otherwise if value is None else validate_float_arg(value, name, type(penalty).__name__)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

NAMES: dict[str, type[Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}
_ALSO = {"l1l2": "l1_l2", **{kind.__name__: name for name, kind in NAMES.items()}}  # Keras' further spellings


def get(identifier: Any) -> Any:
    """The regularizer of a name, a class or a description, or the object itself.  None stays None.

    identifier   a name such as ``l2``, a Regularizer or its class, what ``serialize`` gives, or a function of an array

    Raises ArgumentError, naming the nearest.
    """
    return from_spec(identifier, Regularizer, NAMES, "l2", deserialize, _ALSO)


Layer._penalised, Layer._regularizer = staticmethod(penalised), staticmethod(get)


def serialize(regularizer: Any) -> dict[str, Any]:
    """A JSON-ready description of a regularizer: its class's name under "class_name", its arguments under "config".

    regularizer    what ``get`` takes

    Raises ArgumentError for a function, whose code no description holds.
    """
    return to_keras_config(get(regularizer), Regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer of a description.

    config            what ``serialize`` made, or a name
    custom_objects    classes and functions of your own by their names

    Raises ArgumentError for one that is not known.
    """
    return from_keras_config(Regularizer, get, config, custom_objects)


guard(__name__)
