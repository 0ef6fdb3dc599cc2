"""Learning rates along cosines, which may rise first or start again, and the warm-up before any schedule."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

from striate.described import described, number, whole
from striate.errors import unknown
from striate.train.schedules.base import Schedule, positive, rate


@described
class CosineDecay(Schedule):
    """Half a cosine from `initial_learning_rate` to `alpha` times it in `decay_steps` steps.

    With `warmup_target`: first a straight line from `initial_learning_rate` to `warmup_target` in `warmup_steps`
    steps, then the cosine from there in `decay_steps` more.  `decay_steps` None: what the whole training leaves after
    the warm-up.  Source: Loshchilov & Hutter 2016, "SGDR", equation 5.

    name    Keras' argument; it is not used

    Raises ArgumentError for a value out of range.
    """

    open_length = "decay_steps"
    initial_learning_rate: float
    decay_steps: float | None = None
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        rate(self, "initial_learning_rate")
        number("CosineDecay", "alpha", self.alpha, 0)
        self.warmup_steps = whole("CosineDecay", "warmup_steps", self.warmup_steps, 0)
        if self.warmup_target is not None:
            rate(self, "warmup_target")
        if self.decay_steps is not None:
            positive(self, "decay_steps")

    def for_steps(self, total: int) -> Self:
        return super().for_steps(max(1, total - self._warming()))

    def _warming(self) -> int:
        return 0 if self.warmup_target is None else self.warmup_steps

    def __call__(self, step: float) -> float:
        length, warming = self._length(), self._warming()
        top = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        if step < warming:
            return self.initial_learning_rate + (top - self.initial_learning_rate) * step / warming
        p = min(step - warming, length) / length
        return top * ((1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * p)) + self.alpha)


@described
class CosineDecayRestarts(Schedule):
    """Cosines one after another, the first `first_decay_steps` long, each `t_mul` times as long and `m_mul` times as
    high as the one before, above a floor of `alpha` times `initial_learning_rate`.

    Source: Loshchilov & Hutter 2016, "SGDR".

    name    Keras' argument; it is not used

    Raises ArgumentError for a value out of range.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def __post_init__(self) -> None:
        rate(self, "initial_learning_rate")
        positive(self, "first_decay_steps")
        number("CosineDecayRestarts", "t_mul", self.t_mul, 1)
        number("CosineDecayRestarts", "m_mul", self.m_mul, 0)
        number("CosineDecayRestarts", "alpha", self.alpha, 0)

    def __call__(self, step: float) -> float:
        start, length, height = 0.0, float(self.first_decay_steps), 1.0
        if self.t_mul == 1:
            restarts = step // self.first_decay_steps
            start, height = restarts * length, self.m_mul**restarts
        else:
            while step >= start + length:
                start, length, height = start + length, length * self.t_mul, height * self.m_mul
        cosine = 0.5 * height * (1 + math.cos(math.pi * (step - start) / length))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


@described
class OneCycle(Schedule):
    """Up from `max_lr` / `div` to `max_lr` in the first `pct_start` of `total_steps`, then down to
    `max_lr` / (`div` · `final_div`), both along half a cosine (``anneal="cos"``) or a line (``"linear"``).

    `total_steps` None: the whole training.  The same numbers as torch's ``OneCycleLR``.
    Source: Smith & Topin 2017, "Super-convergence"; the cosine is fast.ai's.

    Raises ArgumentError for a value out of range.
    """

    open_length = "total_steps"
    max_lr: float
    total_steps: int | None = None
    pct_start: float = 0.3
    div: float = 25.0
    final_div: float = 1e4
    anneal: str = "cos"

    def __post_init__(self) -> None:
        rate(self, "max_lr")
        positive(self, "div")
        positive(self, "final_div")
        number("OneCycle", "pct_start", self.pct_start, 0, 1)
        if self.anneal not in ("cos", "linear"):
            raise unknown("OneCycle anneal", self.anneal, ("cos", "linear"))
        if self.total_steps is not None:
            self.total_steps = whole("OneCycle", "total_steps", self.total_steps)

    def __call__(self, step: float) -> float:
        length = self._length()
        first, last = self.max_lr / self.div, self.max_lr / (self.div * self.final_div)
        peak = self.pct_start * length - 1  # the step that runs at max_lr
        if step <= peak and peak > 0:
            return self._between(first, self.max_lr, step / peak)
        peak = max(peak, 0)
        return self._between(self.max_lr, last, min(1.0, (step - peak) / max(length - 1 - peak, 1e-9)))

    def _between(self, start: float, end: float, p: float) -> float:
        if self.anneal == "cos":
            return end + (start - end) / 2 * (1 + math.cos(math.pi * p))
        return start + (end - start) * p


@described
class Warmup(Schedule):
    """A line from `start` up to where `schedule` begins, for `steps` steps; then `schedule` from its own step 0.

    `schedule` is a schedule or a number, which then stays.  Step k < `steps` runs at
    `start` + (schedule(0) - `start`) · (k + 1) / (`steps` + 1), so that no step is lost at a rate of 0.
    Source: Goyal et al. 2017, section 2.2, "gradual warmup".

    Raises ArgumentError for a value out of range.
    """

    schedule: Any
    steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.schedule, dict):
            self.schedule = Schedule.from_dict(self.schedule)
        if not isinstance(self.schedule, Schedule):
            self.schedule = number("Warmup", "schedule (or a constant learning rate)", self.schedule, 0)
        self.steps = whole("Warmup", "steps", self.steps)
        rate(self, "start")

    @property
    def is_open(self) -> bool:
        return isinstance(self.schedule, Schedule) and self.schedule.is_open

    def for_steps(self, total: int) -> Self:
        if not self.is_open:
            return self
        bound = copy.copy(self)
        bound.schedule = self.schedule.for_steps(max(1, total - self.steps))
        return bound

    def __call__(self, step: float) -> float:
        after = self.schedule if isinstance(self.schedule, Schedule) else lambda _: self.schedule
        if step >= self.steps:
            return after(step - self.steps)
        return self.start + (after(0) - self.start) * (step + 1) / (self.steps + 1)
