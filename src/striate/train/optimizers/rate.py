"""The learning rate as a field of an optimizer: given as a number, a schedule or a function, read as the number of now."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from striate.described import number
from striate.errors import ArgumentError
from striate.train.schedules import Schedule, deserialize

if TYPE_CHECKING:
    import numpy as np

    from striate.train.optimizers.base import Optimizer


class RateNow(float):
    """A learning rate that can also be set, and read as Keras' variable is.

    optimizer    whose rate it is
    value        the rate
    """

    optimizer: Optimizer

    def __new__(cls, optimizer: Optimizer, value: float) -> RateNow:
        made = super().__new__(cls, value)
        made.optimizer = optimizer
        return made

    def assign(self, value: float) -> None:
        """Set the rate.

        value    0 or more
        """
        self.optimizer.learning_rate = value  # type: ignore[assignment]

    def numpy(self) -> np.float32:
        """The rate as a NumPy number."""
        import numpy as np

        return np.float32(self)

    @property
    def value(self) -> float:
        """The rate as a plain number."""
        return float(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self),)


class Rate:
    """The field ``learning_rate``: given a number, a Schedule or a function, read as the number that holds now."""

    def __init__(self, default: float) -> None:
        self.default = default

    def __get__(self, optimizer: Optimizer | None, owner: type) -> float:
        return self.default if optimizer is None else RateNow(optimizer, optimizer._current_rate())

    def __set__(self, optimizer: Optimizer, value: Any) -> None:
        optimizer._set_rate(value)


def rate_of(where: str, value: Any) -> Any:
    """A learning rate as it was given: a number of 0 or more, a Schedule, or a function without arguments.

    where    whose it is, for the error

    Raises ArgumentError for anything else.
    """
    if isinstance(value, Mapping):
        return Schedule.from_dict(value) if "class" in value else deserialize(value)
    if isinstance(value, Schedule):
        return value
    if callable(value) and not isinstance(value, float):
        try:
            inspect.signature(value).bind()
        except (TypeError, ValueError):
            raise ArgumentError(
                f"{where}: learning_rate is a number, a schedule from st.optimizers.schedules or a function without "
                f"arguments, not {value!r}."
            ) from None
        return value
    return number(where, "learning_rate", value, 0)
