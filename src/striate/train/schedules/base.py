"""What every schedule is: a function of the step, which may leave its length open."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from striate import configs
from striate.described import Described, number, whole
from striate.errors import ArgumentError, undefined


class Schedule(Described, family="schedule"):
    """Base class: a schedule is called with the number of steps done so far and returns the learning rate.

    A schedule of your own derives from it and defines ``__call__(self, step)``.
    """

    keras_room = "schedules"
    open_length: ClassVar[str] = ""  # the field that may be None: how many steps the whole training takes

    def __call__(self, step: float) -> float:
        raise undefined(self, "__call__(self, step)")

    def for_steps(self, total: int) -> Self:
        """This schedule, or, when it leaves its length open, a copy of it for `total` steps.

        Raises ArgumentError for a length of less than 1.
        """
        if not self.is_open:
            return self
        bound = copy.copy(self)
        setattr(bound, self.open_length, whole(type(self).__name__, "total", total))
        return bound

    @property
    def is_open(self) -> bool:
        """Whether the length has still to be filled in with ``for_steps``."""
        return bool(self.open_length) and getattr(self, self.open_length) is None

    def _length(self) -> int:
        length = getattr(self, self.open_length)
        if length is None:
            raise ArgumentError(
                f"{type(self).__name__} does not know its length: give {self.open_length}, or let fit() fill it in."
            )
        return length


def serialize(learning_rate_schedule: Schedule) -> dict[str, Any]:
    """A schedule as Keras describes it: its class and its arguments.

    learning_rate_schedule    such as ``CosineDecay(0.1, 1000)``

    Raises ArgumentError for arguments that a description cannot hold.
    """
    return configs.serialize(learning_rate_schedule)  # type: ignore[no-any-return]


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Schedule:
    """The schedule of a ``serialize``.

    config            with the class's name under "class_name" and its arguments under "config"
    custom_objects    classes of one's own by name

    Raises ArgumentError for a class that is not known.
    """
    return configs.deserialize(config, custom_objects, "schedules")  # type: ignore[no-any-return]


def rate(schedule: Schedule, name: str) -> None:
    """The field `name` of a schedule as a learning rate, 0 or more.  Raises ArgumentError for others."""
    setattr(schedule, name, number(type(schedule).__name__, name, getattr(schedule, name), 0))


def positive(schedule: Schedule, name: str) -> None:
    """Raises ArgumentError where the field `name` of a schedule is not above 0."""
    if number(type(schedule).__name__, name, getattr(schedule, name)) <= 0:
        raise ArgumentError(f"{type(schedule).__name__}: {name}={getattr(schedule, name):g} must be more than 0.")
