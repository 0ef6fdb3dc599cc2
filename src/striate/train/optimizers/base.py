"""The base of every optimizer: its settings, its learning rate while it runs, clipping and decay."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from striate.described import Described, described, number
from striate.errors import ArgumentError, TrainingError, undefined
from striate.train.optimizer_state import resume
from striate.train.schedules import Schedule
from striate.wording import inner

if TYPE_CHECKING:
    import torch

_REFUSED = {
    "dtype": "train in 16 bits with compile(precision='bf16')",
    "lr": "the name is learning_rate",
    "decay": "Keras 3 has not any more; give learning_rate=st.optimizers.schedules.InverseTimeDecay(lr, 1, decay)",
    "jit_compile": "compile the network instead, model.compile(..., jit_compile=...)",
    "use_ema": "striate keeps no moving average of the weights",
    "ema_momentum": "striate keeps no moving average of the weights",
    "ema_overwrite_frequency": "striate keeps no moving average of the weights",
    "loss_scale_factor": "16-bit training scales the loss itself",
    "gradient_accumulation_steps": "striate's fit() accumulates gradients",
}


class Rate:
    """The field ``learning_rate``: given a number or a Schedule, read as the number that holds now."""

    def __init__(self, default: float) -> None:
        self.default = default

    def __get__(self, optimizer: Optimizer | None, owner: type) -> float:
        return self.default if optimizer is None else optimizer._current_rate()

    def __set__(self, optimizer: Optimizer, value: float | Schedule) -> None:
        optimizer._set_rate(value)


@described
class Optimizer(Described, family="optimizer"):
    """What every optimizer has.

    learning_rate: a number or a Schedule.  A number may be set again while training runs.
    weight_decay: per step, w becomes w - learning_rate · weight_decay · w; None for none.
    clipnorm, clipvalue, global_clipnorm: bound the norm of each gradient, each of its elements, or the norm of all
    gradients together; at most one of them.
    decay_exclude: regular expressions; a weight whose name contains a match does not decay.  ``"1d"`` stands for every
    weight with one axis, that is biases and normalization scales (He et al. 2018, "Bag of tricks", section 3.1).

    learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, decay_exclude    as above
    name                                                    Keras' argument; it is not used

    Raises ArgumentError for a value out of range, more than one way to clip, or a bad regular expression.
    """

    keras_room = "optimizers"
    refused = _REFUSED

    learning_rate: Rate = Rate(0.001)
    weight_decay: float | None = dataclasses.field(default=None, kw_only=True)
    clipnorm: float | None = dataclasses.field(default=None, kw_only=True)
    clipvalue: float | None = dataclasses.field(default=None, kw_only=True)
    global_clipnorm: float | None = dataclasses.field(default=None, kw_only=True)
    name: str | None = dataclasses.field(default=None, kw_only=True)
    decay_exclude: Sequence[str] = dataclasses.field(default=(), kw_only=True)

    _running: torch.optim.Optimizer | None = dataclasses.field(default=None, init=False)
    _rate: float | Schedule = dataclasses.field(default=0.001, init=False)

    def __post_init__(self) -> None:
        where = type(self).__name__
        self._bound: Schedule | None = None  # the schedule with its length filled in
        self.iterations = 0  # updates made since the running optimizer was built
        self._begun = 0  # the update at which the schedule's step 0 was
        self.saved_state: Any = None  # of a file, for the first ``build``
        self._params: list[torch.nn.Parameter] = []
        self._decaying: list[torch.nn.Parameter] = []
        clips = {name: getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")}
        given = [name for name, value in clips.items() if value is not None]
        if len(given) > 1:
            raise ArgumentError(f"{where}: give one of {' and '.join(given)}, not {len(given)}.")
        for name in (*given, *(["weight_decay"] if self.weight_decay is not None else [])):
            number(where, name, getattr(self, name), 0)
        if isinstance(self.decay_exclude, str):
            self.decay_exclude = (self.decay_exclude,)
        self.decay_exclude = tuple(self.decay_exclude)
        for pattern in self.decay_exclude:
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise ArgumentError(
                    f"{where}: decay_exclude {pattern!r} is not a regular expression: {inner(error)}."
                ) from None
        for name in ("momentum", "rho", "beta_1", "beta_2"):
            if hasattr(self, name):
                number(where, name, getattr(self, name), 0, 1)
        for name in ("epsilon", "initial_accumulator_value"):
            if hasattr(self, name):
                number(where, name, getattr(self, name), 0)

    # -- the learning rate -----------------------------------------------------------------------------------------
    def rate(self, step: int) -> float:
        """The learning rate of `step`, counted from 0 at the start of the schedule."""
        if isinstance(self._rate, Schedule):
            return float((self._bound or self._rate)(step))
        return self._rate

    def _current_rate(self) -> float:
        return self.rate(0) if self._running is None else float(self._running.param_groups[0]["lr"])

    def _set_rate(self, value: Any) -> None:
        where = type(self).__name__
        if isinstance(value, Mapping):
            value = Schedule.from_dict(value)
        if isinstance(value, Schedule):
            self._rate, self._bound = value, None
            return
        if isinstance(self.__dict__.get("_rate"), Schedule):
            raise ArgumentError(
                f"{where}: the learning rate follows {self._rate!r} and cannot be set to {value!r} as well. "
                "Give the optimizer a number, or leave out the callback that sets it."
            )
        if callable(value):
            raise ArgumentError(
                f"{where}: learning_rate is a number or a schedule from st.optimizers.schedules, not {value!r}."
            )
        self._rate = number(where, "learning_rate", value, 0)
        self._apply_rate(self._rate)

    def _apply_rate(self, rate: float) -> None:
        if self._running is not None:
            for group in self._running.param_groups:
                group["lr"] = rate

    @property
    def schedule(self) -> Schedule | None:
        """The schedule that the learning rate follows, if it follows one."""
        return self._rate if isinstance(self._rate, Schedule) else None

    def bind(self, total_steps: int, done: int = 0) -> None:
        """Begin a training; a schedule of open length gets its length.

        total_steps   updates that the training takes
        done          of them, those that are behind already

        A schedule of open length runs once through this training; any other goes on from the updates made so far.
        """
        if isinstance(self._rate, Schedule):
            self._bound = self._rate.for_steps(max(1, total_steps))
            self._begun = self.iterations - done if self._rate.is_open else 0
            self._apply_rate(self.rate(self.iterations - self._begun))

    def set_rate(self) -> None:
        """Give the running optimizer the learning rate of the coming update, where a schedule says it."""
        if isinstance(self._rate, Schedule):
            self._apply_rate(self.rate(self.iterations - self._begun))

    # -- running ---------------------------------------------------------------------------------------------------
    def build(self, params: Iterable[Any]) -> torch.optim.Optimizer:
        """A fresh ``torch.optim`` optimizer over `params`: parameters, or (name, parameter) pairs.

        Frozen parameters are left out.  Raises TrainingError when nothing is left.
        """
        named = named_parameters(params)
        if not named:
            raise TrainingError(
                "there is nothing to train: every weight is frozen. Set trainable = True on a layer or the model."
            )
        self._params = [p for _, p in named]
        self._decaying = [p for name, p in named if not self._excluded(name, p)] if self.weight_decay else []
        self._running = self._make(self._params)
        self.iterations = self._begun = 0
        if self.schedule is None or self._bound or not self.schedule.is_open:
            self._apply_rate(self.rate(0))
        if self.saved_state is not None:
            state, self.saved_state = self.saved_state, None
            resume(self, self._running, state)
        return self._running

    def _excluded(self, name: str, param: torch.nn.Parameter) -> bool:
        return any(
            (pattern == "1d" and param.ndim <= 1) or (pattern != "1d" and re.search(pattern, name))
            for pattern in self.decay_exclude
        )

    def exclude_from_weight_decay(self, var_list: None = None, var_names: Sequence[str] | None = None) -> None:
        """Keras' way to say `decay_exclude`: regular expressions for the names of weights that do not decay.

        var_list     Keras' argument; None, the only value
        var_names    regular expressions

        Raises ArgumentError once the training has begun.
        """
        if var_list is not None:
            raise ArgumentError("exclude_from_weight_decay: name the weights with var_names=['bias', ...].")
        if self._running is not None:
            raise ArgumentError("exclude_from_weight_decay: call it before the training begins.")
        self.decay_exclude = tuple(var_names or ())

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        raise undefined(self, "_make(self, params)")

    def before_step(self, params: Iterable[Any] | None = None) -> None:
        """Clip the gradients of `params` (of all that were built), in place; they must not be scaled."""
        if not self.clips:
            return
        some = self._params if params is None else [p for _, p in named_parameters(params)]
        grads = [p.grad for p in some if p.grad is not None]
        if grads:
            self._clip(grads)

    @property
    def clips(self) -> bool:
        """Whether gradients are clipped (a loss that is scaled for 16 bits must then be unscaled first)."""
        return bool(self.clipnorm or self.clipvalue or self.global_clipnorm)

    def _clip(self, grads: list[torch.Tensor]) -> None:
        import torch

        if self.clipvalue:
            torch._foreach_clamp_min_(grads, -self.clipvalue)
            torch._foreach_clamp_max_(grads, self.clipvalue)
        elif self.global_clipnorm:
            norm = torch.nn.utils.get_total_norm(grads)
            torch._foreach_mul_(grads, self.global_clipnorm / norm.clamp(min=self.global_clipnorm))
        elif self.clipnorm:
            norms = torch._foreach_norm(grads)
            torch._foreach_clamp_min_(norms, self.clipnorm)
            torch._foreach_reciprocal_(norms)
            torch._foreach_mul_(norms, self.clipnorm)
            torch._foreach_mul_(grads, norms)

    def decay(self, running: Any = None) -> None:
        """Shrink the weights that have a gradient by the learning rate of the `running` optimizer · weight_decay."""
        if not self.weight_decay or not self._decaying:
            return
        import torch

        if running is None:
            running = self._running
        rate = running.param_groups[0]["lr"]
        decaying: list[torch.Tensor] = [p for p in self._decaying if p.grad is not None]
        if decaying:
            with torch.no_grad():
                torch._foreach_mul_(decaying, 1 - rate * self.weight_decay)

    # -- saving ----------------------------------------------------------------------------------------------------
    def _setting(self, name: str) -> Any:
        return self._rate if name == "learning_rate" else super()._setting(name)

    def clone(self) -> Self:
        """A copy with the same settings that has not trained anything yet."""
        twin = copy.copy(self)
        twin._running, twin._bound, twin._params, twin._decaying = None, None, [], []
        twin.iterations = twin._begun = 0
        return twin

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the running optimizer's own ``state_dict``; JSON-ready."""
        rate = None if self.schedule else self.learning_rate
        return {"learning_rate": rate, "iterations": self.iterations, "begun": self._begun}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`, a ``state_dict``, after ``build``."""
        self.iterations, self._begun = state["iterations"], state["begun"]
        if state["learning_rate"] is not None:
            self.learning_rate = state["learning_rate"]


def named_parameters(params: Iterable[Any]) -> list[tuple[str, torch.nn.Parameter]]:
    """The trainable ones among parameters or (name, parameter) pairs, each once."""
    named: list[tuple[str, torch.nn.Parameter]] = []
    seen = set()
    for i, entry in enumerate(params):
        name, param = entry if isinstance(entry, tuple) else (str(i), entry)
        if param.requires_grad and id(param) not in seen:
            seen.add(id(param))
            named.append((name, param))
    return named
