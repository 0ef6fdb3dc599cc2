"""Learning rates that only fall: by a factor, in steps, along a power."""

from __future__ import annotations

import math
from collections.abc import Sequence

from striate.described import described, number, whole
from striate.errors import ArgumentError
from striate.train.schedules.base import Schedule, positive, rate
from striate.wording import plural


class _Decay(Schedule):
    """What falls with step / `decay_steps`, or in stairs."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        rate(self, "initial_learning_rate")
        positive(self, "decay_steps")
        number(type(self).__name__, "decay_rate", self.decay_rate, 0)

    def _periods(self, step: float) -> float:
        periods = step / self.decay_steps
        return math.floor(periods) if self.staircase else periods


@described
class ExponentialDecay(_Decay):
    """`initial_learning_rate` · `decay_rate` ^ (step / `decay_steps`); in stairs with `staircase`.

    name    Keras' argument; it is not used

    Raises ArgumentError for a value out of range.
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def __call__(self, step: float) -> float:
        return self.initial_learning_rate * self.decay_rate ** self._periods(step)


@described
class InverseTimeDecay(_Decay):
    """`initial_learning_rate` / (1 + `decay_rate` · step / `decay_steps`); in stairs with `staircase`.

    What the argument ``decay`` of old Keras did: ``SGD(lr, decay=d)`` is ``SGD(InverseTimeDecay(lr, 1, d))``.

    name    Keras' argument; it is not used

    Raises ArgumentError for a value out of range.
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def __call__(self, step: float) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._periods(step))


@described
class PiecewiseConstantDecay(Schedule):
    """`values[i]` for the steps up to and including `boundaries[i]`, the last value after them.

    boundaries    steps, rising
    values        learning rates, one more
    name          Keras' argument; it is not used

    Raises ArgumentError when they do not go together.
    """

    boundaries: Sequence[int]
    values: Sequence[float]
    name: str = "PiecewiseConstant"

    def __post_init__(self) -> None:
        self.boundaries, self.values = tuple(self.boundaries), tuple(self.values)
        if len(self.boundaries) != len(self.values) - 1:
            raise ArgumentError(
                f"PiecewiseConstantDecay: {len(self.boundaries)} boundaries need "
                f"{plural(len(self.boundaries) + 1, 'value')}, "
                f"{len(self.values)} were given."
            )
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ArgumentError(f"PiecewiseConstantDecay: boundaries {list(self.boundaries)} must rise.")
        for value in self.values:
            number("PiecewiseConstantDecay", "a value", value, 0)

    def __call__(self, step: float) -> float:
        return self.values[sum(step > boundary for boundary in self.boundaries)]


@described
class StepDecay(Schedule):
    """`initial_learning_rate`, divided by `divide_by` after every `step_size` steps.

    Raises ArgumentError for a value out of range.
    """

    initial_learning_rate: float
    step_size: int
    divide_by: float = 10.0

    def __post_init__(self) -> None:
        rate(self, "initial_learning_rate")
        self.step_size = whole("StepDecay", "step_size", self.step_size)
        positive(self, "divide_by")

    def __call__(self, step: float) -> float:
        return self.initial_learning_rate / self.divide_by ** (step // self.step_size)


@described
class PolynomialDecay(Schedule):
    """From `initial_learning_rate` to `end_learning_rate` along (1 - step / `decay_steps`) ^ `power`.

    `cycle` stretches `decay_steps` to its next multiple each time it is passed; otherwise the end value stays.
    `decay_steps` None: the whole training.

    name    Keras' argument; it is not used

    Raises ArgumentError for a value out of range.
    """

    open_length = "decay_steps"
    initial_learning_rate: float
    decay_steps: float | None = None
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def __post_init__(self) -> None:
        rate(self, "initial_learning_rate")
        rate(self, "end_learning_rate")
        positive(self, "power")
        if self.decay_steps is not None:
            positive(self, "decay_steps")

    def __call__(self, step: float) -> float:
        length: float = self._length()
        if self.cycle:
            length *= max(1, math.ceil(step / length))
        p = min(step, length) / length
        return (self.initial_learning_rate - self.end_learning_rate) * (1 - p) ** self.power + self.end_learning_rate
