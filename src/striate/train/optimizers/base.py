"""The base of every optimizer: its settings, its learning rate while it runs, clipping and decay."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from striate import configs
from striate.described import Described, described, number, whole
from striate.errors import ArgumentError, ShapeError, TrainingError, note, undefined, unknown
from striate.graph.layer import snake_case
from striate.train.optimizer_state import carried, resume, set_variables
from striate.train.optimizers.averaging import Averaging
from striate.train.optimizers.gathering import Gathering
from striate.train.optimizers.rate import Rate, RateNow, rate_of
from striate.train.optimizers.spelling import today
from striate.train.schedules import Schedule
from striate.wording import inner, plural

if TYPE_CHECKING:
    import torch

_REFUSED = {
    "dtype": "train in 16 bits with compile(precision='bf16')",
    "jit_compile": "compile the network instead, torch.compile(model.module)",
    "is_legacy_optimizer": "there is one kind of optimizer",
}


RULES = ("keras", "torch")
OURS = ("rule", "decay_exclude", "momentum_decay")  # arguments that Keras has not


@described
class Optimizer(Averaging, Gathering, Described, family="optimizer"):
    """What every optimizer has.

    learning_rate                   a number, a Schedule, or a function without arguments.  A number may be set again while
                                    training runs.  Where a schedule sets it, a callback reads the rate of the batch that
                                    begins or has ended; Keras says the next one's at a batch's end
    weight_decay                    per step, w becomes w - learning_rate · weight_decay · w; None for none
    clipnorm                        the most that the norm of each gradient may be
    clipvalue                       the most that each number of a gradient may be
    global_clipnorm                 the most that the norm of all gradients together may be; at most one of the three
    use_ema                         keep a moving average of the weights (Polyak & Juditsky 1992); training ends with it.
                                    What batch norms gather is averaged alike, as it goes with the weights; Keras leaves
                                    that of the last batches
    ema_momentum                    0 to 1, of that average
    ema_overwrite_frequency         updates after which the weights become their average; None: only at the end
    loss_scale_factor               what ``scale_loss`` multiplies by and ``apply`` divides gradients by; None: 1
    gradient_accumulation_steps     batches whose mean gradient makes one update; None: one.  Schedules count batches, and
                                    the update has the rate of the last, as in Keras
    name                            Keras' argument; None: the class's, in snake_case
    decay_exclude                   regular expressions; a weight whose name contains a match does not decay.  ``"1d"``
                                    stands for every weight with one axis, that is biases and normalization scales (He et
                                    al. 2018, "Bag of tricks", section 3.1)

    The spellings of Keras 2, ``lr``, ``decay``, ``schedule_decay`` and ``epsilon=None``, work and are said once to be
    called otherwise now.  Raises ArgumentError for a value out of range, more than one way to clip, or a bad regular
    expression.
    """

    keras_room = "optimizers"
    refused = _REFUSED
    behind = (
        "weight_decay clipnorm clipvalue global_clipnorm use_ema ema_momentum ema_overwrite_frequency loss_scale_factor "
        "gradient_accumulation_steps name"
    )

    learning_rate: Rate = Rate(0.001)
    weight_decay: float | None = dataclasses.field(default=None, kw_only=True)
    clipnorm: float | None = dataclasses.field(default=None, kw_only=True)
    clipvalue: float | None = dataclasses.field(default=None, kw_only=True)
    global_clipnorm: float | None = dataclasses.field(default=None, kw_only=True)
    use_ema: bool = dataclasses.field(default=False, kw_only=True)
    ema_momentum: float = dataclasses.field(default=0.99, kw_only=True)
    ema_overwrite_frequency: int | None = dataclasses.field(default=None, kw_only=True)
    loss_scale_factor: float | None = dataclasses.field(default=None, kw_only=True)
    gradient_accumulation_steps: int | None = dataclasses.field(default=None, kw_only=True)
    name: str | None = dataclasses.field(default=None, kw_only=True)
    decay_exclude: Sequence[str] = dataclasses.field(default=(), kw_only=True)

    _running: torch.optim.Optimizer | None = dataclasses.field(default=None, init=False)
    _rate: Any = dataclasses.field(default=0.001, init=False)  # a number, a Schedule, a function without arguments

    def __post_init__(self) -> None:
        where = type(self).__name__
        if self.name is None:
            self.name = snake_case(where)
        self._bound: Schedule | None = None  # the schedule with its length filled in
        self._length: int | None = None  # that was filled in
        self.iterations = 0  # updates made since the running optimizer was built
        self.waiting = 0  # batches whose gradients have been gathered since the latest of them
        self.together = self.gradient_accumulation_steps or 1  # batches that make one
        self._begun = 0  # the update at which the schedule's step 0 was
        self.saved_state: Any = None  # of a file, for the first ``build``
        self._params: list[torch.nn.Parameter] = []
        self._decaying: list[torch.nn.Parameter] = []
        self._model_variables_moving_average: list[torch.Tensor] = []
        self._followed: list[torch.Tensor] = []  # that are averaged as the weights are
        self._accumulated_gradients: list[torch.Tensor] | None = None  # gradients that ``apply`` adds up, or of a file
        self._named: list[tuple[str, torch.nn.Parameter]] = []
        self._never: set[int] = set()
        self._parts: list[float] = []  # of the rate, for each group of the running optimizer
        self._constrained: list[Any] = []
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
        for name in ("momentum", "rho", "beta_1", "beta_2", "ema_momentum"):
            if hasattr(self, name):
                number(where, name, getattr(self, name), 0, 1)
        for name in ("ema_overwrite_frequency", "gradient_accumulation_steps"):
            if getattr(self, name) is not None:
                whole(where, name, getattr(self, name))
        if self.loss_scale_factor is not None:
            number(where, "loss_scale_factor", self.loss_scale_factor, 0)
        if getattr(self, "epsilon", 0) is None:
            note("An optimizer's epsilon=None is written epsilon=1e-7 now.")
            self.__dict__["epsilon"] = 1e-7
        for name in ("epsilon", "initial_accumulator_value"):
            if hasattr(self, name):
                number(where, name, getattr(self, name), 0)
        if getattr(self, "rule", "keras") not in RULES:
            raise unknown(f"rule of {where}", str(self.rule), RULES)  # type: ignore[attr-defined]

    # -- the learning rate -----------------------------------------------------------------------------------------
    def rate(self, step: int) -> float:
        """The learning rate of `step`, counted from 0 at the start of the schedule."""
        if isinstance(self._rate, Schedule):
            return float((self._bound or self._rate)(step))
        return float(self._rate()) if callable(self._rate) else self._rate

    def _current_rate(self) -> float:
        if self._running is None:
            return self.rate(self._position(self.waiting))
        return float(self._running.param_groups[0]["lr"]) / self._parts[0]

    def _set_rate(self, value: Any) -> None:
        if not isinstance(value, Schedule | Mapping) and isinstance(self.__dict__.get("_rate"), Schedule):
            raise ArgumentError(
                f"{type(self).__name__}: the learning rate follows {self._rate!r} and cannot be set to {value!r} as well. "
                "Give the optimizer a number, or leave out the callback that sets it."
            )
        self._rate = rate_of(type(self).__name__, value)
        if isinstance(self._rate, Schedule):
            self._bound = None
        elif not callable(self._rate):
            self._apply_rate(self._rate)

    def _apply_rate(self, rate: float) -> None:
        if self._running is not None:
            for group, part in zip(self._running.param_groups, self._parts, strict=True):
                group["lr"] = rate * part

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
            self._bind(max(1, total_steps) * (self.gradient_accumulation_steps or 1))
            self._begun = self.iterations - done if self._rate.is_open else 0
            self._apply_rate(self.rate(self._position(self.waiting)))

    def _bind(self, length: int | None) -> None:
        if isinstance(self._rate, Schedule) and length is not None:
            self._bound, self._length = self._rate.for_steps(length), length if self._rate.is_open else None

    @property
    def bound(self) -> bool:
        """Whether it knows its learning rate at every step."""
        return not isinstance(self._rate, Schedule) or not self._rate.is_open or self._bound is not None

    def _position(self, waiting: int) -> int:
        """The step of the schedule for a batch before which `waiting` are gathered: Keras counts what ``apply`` is given."""
        steps = self.gradient_accumulation_steps or 1
        return (self.iterations - self._begun) * steps + waiting * steps // self.together

    def set_rate(self, waiting: int | None = None) -> None:
        """Give the running optimizer the learning rate of a batch, where a schedule says it.

        waiting   batches that are gathered before it; None: those that are now
        """
        if isinstance(self._rate, Schedule) or callable(self._rate):
            self._apply_rate(self.rate(self._position(self.waiting if waiting is None else waiting)))

    @property
    def lr(self) -> RateNow:
        """What Keras 2 called ``learning_rate``."""
        note("An optimizer's lr is called learning_rate now.")
        return RateNow(self, self._current_rate())

    @lr.setter
    def lr(self, value: Any) -> None:
        note("An optimizer's lr is called learning_rate now.")
        self._set_rate(value)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """An optimizer of this class.

        config           arguments by name, as ``get_config`` gives them
        custom_objects   classes and functions of your own by name, such as a schedule's

        Raises ArgumentError for arguments that the class does not take.
        """
        with configs.CustomObjectScope(custom_objects):
            return super().from_config(config)

    # -- running ---------------------------------------------------------------------------------------------------
    def build(
        self,
        variables: Iterable[Any],
        constrained: Iterable[Any] = (),
        parts: Mapping[int, float] | None = None,
        together: int | None = None,
    ) -> torch.optim.Optimizer:
        """A ``torch.optim`` optimizer over `variables`: parameters, variables of layers, or (name, parameter) pairs.

        constrained    variables that are kept to their constraint, as those of `variables` are that have one
        parts          by the ``id`` of a parameter the part of the learning rate at which it learns; None: all at the whole
        together       batches that make one update; None: ``gradient_accumulation_steps``

        What was kept for a weight that it had before goes on, and with it the schedule; for others it begins.  Frozen
        parameters are left out.  Raises TrainingError when nothing is left, ArgumentError for a class with an
        ``update_step`` of its own.
        """
        if any("update_step" in vars(kind) for kind in type(self).__mro__[: type(self).__mro__.index(Optimizer)]):
            raise ArgumentError(
                f"{type(self).__name__}: an update_step of your own is not called, since torch's optimizers update all "
                "weights at once. Write it as a torch.optim.Optimizer, and give compile its class."
            )
        params = list(variables)
        named = named_parameters(params)
        if not named:
            raise TrainingError(
                "there is nothing to train: every weight is frozen. Set trainable = True on a layer or the model."
            )
        before, together = self._running, together or self.gradient_accumulation_steps or 1
        count, held = len(self._params), self._model_variables_moving_average
        averages, followed = dict(zip(map(id, self._params), held[:count], strict=False)), held[count:]
        if self.waiting and (together != self.together or [id(p) for _, p in named] != list(map(id, self._params))):
            self.drop_gradients()
        self.together = together
        self._named, self._params = named, [p for _, p in named]
        given = [f"^{re.escape(name)}$" for name, p in named if id(p) in self._never]
        self.decay_exclude, self._never = (
            (*self.decay_exclude, *given),
            set(),
        )  # by names they are known in files and copies
        self._decaying = [p for name, p in named if not self._excluded(name, p)] if self.weight_decay else []
        self._running = self._make(self._params)
        self._parts = parted(self._running, parts or {})
        built = {id(p) for p in self._params}
        kept = (one for one in (*params, *constrained) if getattr(one, "constraint", None) is not None)
        self._constrained = [one for one in kept if id(_tensor(one)) in built]
        self._model_variables_moving_average = []
        if not carried(before, self._running):
            self.iterations, self._begun, self._followed = 0, 0, []
        elif averages:
            kept_now = [averages.get(id(one), one.detach()).to(one.device, copy=True) for one in self._params]
            self._model_variables_moving_average = [*kept_now, *followed]
        if self.bound:
            self._apply_rate(self.rate(self._position(self.waiting)))
        if self.saved_state is not None:
            state, self.saved_state = self.saved_state, None
            resume(self, self._running, state)
        return self._running

    def _excluded(self, name: str, param: torch.nn.Parameter) -> bool:
        return id(param) in self._never or any(
            (pattern == "1d" and param.ndim <= 1) or (pattern != "1d" and re.search(pattern, name))
            for pattern in self.decay_exclude
        )

    def exclude_from_weight_decay(
        self, var_list: Iterable[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Keras' way to say `decay_exclude`.

        var_list     weights that do not decay
        var_names    regular expressions for the names of weights that do not decay

        Raises ArgumentError once the training has begun.
        """
        if self._running is not None:
            raise ArgumentError("exclude_from_weight_decay: call it before the training begins.")
        self._never = {id(_tensor(weight)) for weight in var_list or ()}
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

    def _clip_gradients(self, grads: Iterable[Any]) -> list[Any]:
        """Gradients clipped, as others of the same shapes; Keras' name."""
        import torch

        clipped = [torch.as_tensor(grad).clone() for grad in grads]
        self._clip(clipped)
        return clipped

    @property
    def built(self) -> bool:
        """Whether it has weights to train."""
        return self._running is not None

    @property
    def variables(self) -> list[Any]:
        """What it keeps: how many gradients it was given, the rate where no schedule says it, and its tensors.

        First the averages of the weights and the gradients that wait, where there are some, then those of each weight.
        """
        rate = [] if self.schedule is not None or callable(self._rate) else [self.learning_rate]
        held = [] if self._running is None else [self._running.state[p] for p in self._params]
        beside = [*self._model_variables_moving_average, *(self._accumulated_gradients or ())]
        return [self._iterations, *rate, *beside, *(value for state in held for value in state.values())]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Make ``variables`` what another optimizer's are, so that both go on alike.

        weights    of each variable, in their order

        Raises ArgumentError before ``build``, and for values that do not go with the variables.
        """
        set_variables(self, weights)

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
        if running is None:
            running = self._running
        due = {id(p) for p in self._decaying if p.grad is not None}
        for group in running.param_groups:
            self._shrink([p for p in group["params"] if id(p) in due], group["lr"])

    def _apply_weight_decay(self, variables: Iterable[Any]) -> None:
        """Shrink weights as an update does; Keras' name."""
        kept = [p for name, p in named_parameters(variables) if not self._excluded(name, p)]
        self._shrink(kept, float(self.learning_rate))

    def _shrink(self, weights: list[Any], rate: float) -> None:
        import torch

        if weights and self.weight_decay:
            with torch.no_grad():
                torch._foreach_mul_(weights, 1 - rate * self.weight_decay)

    # -- constraints -----------------------------------------------------------------------------------------------
    def constrain(self) -> None:
        """Make the weights that have a constraint what it says, after an update.

        Raises ShapeError for a constraint that gives another shape.
        """
        if not self._constrained:
            return
        import torch

        with torch.no_grad():
            for one in self._constrained:
                before = one.laid_out() if hasattr(one, "laid_out") else _tensor(one)
                after = torch.as_tensor(one.constraint(before))
                if after.shape != before.shape:
                    raise ShapeError(
                        f"a constraint gives an array of its weight's shape {tuple(before.shape)}; {one.constraint!r} "
                        f"gave {tuple(after.shape)}."
                    )
                one.assign(after) if hasattr(one, "laid_out") else before.copy_(after)

    # -- by hand ---------------------------------------------------------------------------------------------------
    def scale_loss(self, loss: Any) -> Any:
        """A loss times `loss_scale_factor`.

        loss    a number or a tensor
        """
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def apply(self, grads: Sequence[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """One update from gradients of one's own: clipped, with decay, at the rate that holds.

        grads                   a tensor of each weight's shape for each weight, or None for one that stays
        trainable_variables     the weights; None: those that the optimizer was built with

        Raises ArgumentError for gradients that do not go with the weights, TrainingError when there are none.
        """
        import torch

        trainable_variables = None if trainable_variables is None else list(trainable_variables)
        params = self._params if trainable_variables is None else [_tensor(one) for one in trainable_variables]
        if self._running is None:
            if trainable_variables is None:
                raise ArgumentError("apply: the optimizer has no weights yet: give trainable_variables, or call build.")
            self.build(trainable_variables)
        if self.together > 1 and self._accumulated_gradients is None:
            self._accumulated_gradients = self.gathered() or [torch.zeros_like(p) for p in self._params]
        known = {id(p) for p in self._params}
        if any(id(p) not in known for p in params):
            raise ArgumentError("apply: a weight is unknown: the optimizer was built with others; make a new one.")
        if len(grads) != len(params):
            raise ArgumentError(
                f"apply: {plural(len(grads), 'gradient')} for {plural(len(params), 'weight')}; give one for each."
            )
        if all(grad is None for grad in grads):
            raise TrainingError("No gradients provided for any variable.")
        if any(grad is None for grad in grads):
            note("apply: some weights have no gradient; they stay as they are.")
        given: dict[int, Any] = {id(p): grad for p, grad in zip(params, grads, strict=True)}
        for p in self._params:
            grad = given.get(id(p))
            if grad is not None:
                grad = torch.as_tensor(grad, dtype=p.dtype, device=p.device).detach().clone()
                if grad.numel() != p.numel():
                    raise ArgumentError(
                        f"apply: a gradient of shape {tuple(grad.shape)} does not go with a weight of {tuple(p.shape)}."
                    )
                grad = grad.reshape(p.shape)
            p.grad = grad
        if self.loss_scale_factor is not None:
            torch._foreach_div_([p.grad for p in self._params if p.grad is not None], self.loss_scale_factor)
        if self._gathers():
            self.average()
            return
        self.set_rate(self.together - 1)
        self.before_step()
        self.decay()
        assert self._running is not None
        self._running.step()
        self.iterations += 1
        self.average()
        self.constrain()
        self._running.zero_grad(set_to_none=True)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight; all others stay as they are.

        gradient        a tensor or an array of its shape
        variable        the weight, one of those that the optimizer was built with
        learning_rate   of this update

        Nothing is clipped and nothing decays.  Raises ArgumentError for a weight that it was not built with.
        """
        import torch

        weight = _tensor(variable)
        if self._running is None or id(weight) not in {id(p) for p in self._params}:
            raise ArgumentError("update_step: the optimizer does not know this weight; call build([…]) with it first.")
        groups = self._running.param_groups
        before = [(group["lr"], group.get("weight_decay")) for group in groups]
        self._apply_rate(float(learning_rate))
        for group in groups:  # where the decay is in the kernel
            group["weight_decay"] = 0.0
        self._running.zero_grad(set_to_none=True)
        weight.grad = torch.as_tensor(gradient, dtype=weight.dtype, device=weight.device).reshape(weight.shape)
        self._running.step()
        self._running.zero_grad(set_to_none=True)
        for group, (rate, decay) in zip(groups, before, strict=True):
            group["lr"], group["weight_decay"] = rate, decay

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
        """``apply`` of (gradient, weight) pairs; returns the updates made so far.

        grads_and_vars    such as ``zip(grads, weights)``

        Raises ArgumentError and TrainingError where ``apply`` does.
        """
        pairs = list(grads_and_vars)
        self.apply([grad for grad, _ in pairs], [weight for _, weight in pairs])
        return self.iterations

    # -- saving ----------------------------------------------------------------------------------------------------
    def _setting(self, name: str) -> Any:
        return self._rate if name == "learning_rate" else super()._setting(name)

    def config(self) -> dict[str, Any]:
        said = super().config()
        if said.get("name") == snake_case(type(self).__name__):
            del said["name"]
        return said

    def get_config(self) -> dict[str, Any]:
        """All arguments by name, JSON-ready, as Keras has it; those that Keras has not only where they differ."""
        said, ours = super().get_config(), self.config()
        return {name: value for name, value in said.items() if name not in OURS or name in ours}

    @classmethod
    def today(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Arguments in today's spelling: `given` may have those of Keras 2.  Raises ArgumentError where both are given."""
        return today(cls, given)

    def clone(self) -> Self:
        """A copy with the same settings that has not trained anything yet."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._running, twin._bound, twin._params, twin._decaying, twin._named = None, None, [], [], []
        twin._followed = []
        twin._model_variables_moving_average, twin._accumulated_gradients, twin._constrained = [], None, []
        twin.iterations = twin._begun = twin.waiting = 0
        twin._length = None
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Of a copy that goes on from here once it is built for weights of its own."""
        from striate.train.optimizer_state import optimizer_state

        state = optimizer_state(self)
        if state is None:
            state = self.saved_state
        kept = ("iterations", "_begun", "waiting", "_bound", "_length")
        begun = {} if state is None else {name: getattr(self, name) for name in kept}
        return {**self.clone().__dict__, **begun, "saved_state": state}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the running optimizer's own ``state_dict``; JSON-ready but for averages."""
        rate = None if self.schedule or callable(self._rate) else float(self.learning_rate)
        state = {"learning_rate": rate, "iterations": self.iterations, "begun": self._begun, "length": self._length}
        tensors = {"averages": self._model_variables_moving_average, "gathered": self.gathered()}
        return {
            **state,
            "waiting": self.waiting,
            **{name: [one.clone() for one in held] for name, held in tensors.items() if held},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`, a ``state_dict``, after ``build``."""
        self.iterations, self._begun, self.waiting = state["iterations"], state["begun"], state.get("waiting", 0)
        self._model_variables_moving_average = [average.clone() for average in state.get("averages", ())]
        self._accumulated_gradients = [held.clone() for held in state.get("gathered", ())] or None
        self._bind(state.get("length"))
        if state["learning_rate"] is not None:
            self.learning_rate = state["learning_rate"]


def _tensor(weight: Any) -> Any:
    """The tensor of a weight: itself, or what a layer's variable holds."""
    return weight if hasattr(weight, "requires_grad") else getattr(weight, "value", weight)


def parted(running: torch.optim.Optimizer, parts: Mapping[int, float]) -> list[float]:
    """Cut the groups of a new torch optimizer, so that each learns at one part of the rate; the parts, group by group.

    running   torch's
    parts     by the ``id`` of a parameter; those that are not there learn at the whole rate
    """
    groups: list[Any] = []
    found: list[float] = []
    for group in running.param_groups:
        for part in dict.fromkeys(parts.get(id(p), 1.0) for p in group["params"]):
            params = [p for p in group["params"] if parts.get(id(p), 1.0) == part]
            groups.append({**group, "params": params, "lr": group["lr"] * part})
            found.append(part)
    if len(groups) != len(running.param_groups):  # else an optimizer of a user's own keeps the groups that it has
        running.param_groups[:] = groups
    elif set(found) != {1.0}:
        for group, made in zip(running.param_groups, groups, strict=True):
            group["lr"] = made["lr"]
    return found


def named_parameters(params: Iterable[Any]) -> list[tuple[str, torch.nn.Parameter]]:
    """The trainable ones among parameters or (name, parameter) pairs, each once."""
    named: list[tuple[str, torch.nn.Parameter]] = []
    seen = set()
    for i, entry in enumerate(params):
        name = getattr(entry, "path", None) or getattr(entry, "name", None) or str(i)
        name, param = entry if isinstance(entry, tuple) else (name, _tensor(entry))
        if param.requires_grad and id(param) not in seen:
            seen.add(id(param))
            named.append((name, param))
    return named
