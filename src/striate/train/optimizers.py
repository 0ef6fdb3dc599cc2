"""Optimizers: Keras 3's names, arguments and defaults, run by ``torch.optim``.

An Optimizer is a description until ``build`` gives it weights; then its ``learning_rate`` acts on the running
``torch.optim`` optimizer.  Training is::

    running = optimizer.build(module.named_parameters())
    optimizer.bind(total_steps)      # for schedules that leave their length open
    for step in range(total_steps):
        loss.backward()
        optimizer.set_rate(step)     # the schedule's learning rate for this step
        optimizer.before_step()      # clip the gradients
        optimizer.decay()            # shrink the weights
        running.step()

Weight decay is decoupled, as in Keras 3 and in Loshchilov & Hutter 2017: w shrinks by lr · weight_decay · w before the
update and the gradient is left alone.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from striate.errors import ArgumentError, TrainingError, unknown
from striate.train import schedules as schedules
from striate.train.config import Settings, number, settings
from striate.train.schedules import Schedule

if TYPE_CHECKING:
    import torch

_REFUSED = {
    "lr": "the name is learning_rate",
    "decay": "Keras 3 removed it; give learning_rate=st.optimizers.schedules.InverseTimeDecay(lr, 1, decay)",
    "jit_compile": "Keras has it; compile the network instead, model.compile(..., jit_compile=...)",
    "use_ema": "Keras has it; striate keeps no moving average of the weights",
    "ema_momentum": "Keras has it; striate keeps no moving average of the weights",
    "ema_overwrite_frequency": "Keras has it; striate keeps no moving average of the weights",
    "loss_scale_factor": "Keras has it; 16-bit training scales the loss itself",
    "gradient_accumulation_steps": "Keras has it; striate's fit() accumulates gradients",
}


class _Rate:
    """The field ``learning_rate``: given a number or a Schedule, read as the number that holds now."""

    def __init__(self, default: float) -> None:
        self.default = default

    def __get__(self, optimizer: Optimizer | None, owner: type) -> float:
        return self.default if optimizer is None else optimizer._current_rate()

    def __set__(self, optimizer: Optimizer, value: float | Schedule) -> None:
        optimizer._set_rate(value)


@settings
class Optimizer(Settings, family="optimizer"):
    """What every optimizer has.

    learning_rate: a number or a Schedule.  A number may be set again while training runs.
    weight_decay: per step, w becomes w - learning_rate · weight_decay · w; None for none.
    clipnorm, clipvalue, global_clipnorm: bound the norm of each gradient, each of its elements, or the norm of all
    gradients together; at most one of them.
    decay_exclude: regular expressions; a weight whose name contains a match does not decay.  ``"1d"`` stands for every
    weight with one axis, that is biases and normalization scales (He et al. 2018, "Bag of tricks", section 3.1).
    """

    refused = _REFUSED

    learning_rate: _Rate = _Rate(0.001)
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
                    f"{where}: decay_exclude {pattern!r} is not a regular expression: {error}."
                ) from None
        for name in ("momentum", "rho", "beta_1", "beta_2"):
            if hasattr(self, name):
                number(where, name, getattr(self, name), 0, 1)
        for name in ("epsilon", "initial_accumulator_value"):
            if hasattr(self, name):
                number(where, name, getattr(self, name), 0)

    # -- the learning rate -----------------------------------------------------------------------------------------
    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0 at the start of the training."""
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

    def bind(self, total_steps: int) -> None:
        """Tell a schedule of open length that the training takes `total_steps` steps."""
        if isinstance(self._rate, Schedule):
            self._bound = self._rate.for_steps(max(1, total_steps))
            self._apply_rate(self.rate(0))

    def set_rate(self, step: int) -> None:
        """Give the running optimizer the learning rate of `step`, where a schedule says it."""
        if isinstance(self._rate, Schedule):
            self._apply_rate(self.rate(step))

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
        if self.schedule is None or self._bound or not self.schedule.is_open:
            self._apply_rate(self.rate(0))
        return self._running

    def _excluded(self, name: str, param: torch.nn.Parameter) -> bool:
        return any(
            (pattern == "1d" and param.ndim <= 1) or (pattern != "1d" and re.search(pattern, name))
            for pattern in self.decay_exclude
        )

    def exclude_from_weight_decay(self, var_list: None = None, var_names: Sequence[str] | None = None) -> None:
        """Keras' way to say `decay_exclude`: regular expressions for the names of weights that do not decay."""
        if var_list is not None:
            raise ArgumentError("exclude_from_weight_decay: name the weights with var_names=['bias', ...].")
        if self._running is not None:
            raise ArgumentError("exclude_from_weight_decay: call it before the training begins.")
        self.decay_exclude = tuple(var_names or ())

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        raise NotImplementedError(f"{type(self).__name__} must define _make(self, params).")

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
            torch._foreach_mul_(grads, [self.clipnorm / norm.clamp(min=self.clipnorm) for norm in norms])

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
        return twin

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the running optimizer's own ``state_dict``; JSON-ready."""
        return {"learning_rate": None if self.schedule else self.learning_rate}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a ``state_dict``, after ``build``."""
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


def _quick(params: list[torch.nn.Parameter]) -> dict[str, bool]:
    """``fused=True`` where torch has one kernel for the whole update; ``foreach`` otherwise."""
    can = all(p.is_floating_point() and p.device.type in ("cpu", "cuda", "mps", "xpu") for p in params)
    return {"fused": True} if can else {"foreach": True}


@settings
class SGD(Optimizer):
    """Stochastic gradient descent: w ← w - lr · v with v ← `momentum` · v + g (Nesterov: g + `momentum` · v for v).

    Fused.  Keras keeps lr inside the velocity (v ← momentum · v - lr · g), torch outside: the same numbers while the
    learning rate stays, and when it drops torch slows at once where Keras' velocity fades with the momentum.
    """

    learning_rate: _Rate = _Rate(0.01)
    momentum: float = 0.0
    nesterov: bool = False

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        nesterov = bool(self.nesterov and self.momentum)
        return torch.optim.SGD(params, lr=0.0, momentum=self.momentum, nesterov=nesterov, **_quick(params))


@settings
class RMSprop(Optimizer):
    """w ← w - lr · g / (√v + `epsilon`) with v the running mean of g² (Tieleman & Hinton 2012, lecture 6.5).

    Keras puts epsilon under the root, √(v + epsilon): its default 1e-7 damps gradients below 3e-4 there, and only those
    below 1e-7 here.  With momentum, Keras keeps lr inside the velocity (see SGD).
    """

    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.RMSprop(
            params,
            lr=0.0,
            alpha=self.rho,
            eps=self.epsilon,
            momentum=self.momentum,
            centered=self.centered,
            foreach=True,
        )


@settings
class Adagrad(Optimizer):
    """w ← w - lr · g / (√s + `epsilon`), s = `initial_accumulator_value` + the sum of g² so far (Duchi et al. 2011).

    Fused.  Keras puts epsilon under the root; with its start of 0.1 the two differ by less than 1e-6 of a step.
    """

    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adagrad(
            params,
            lr=0.0,
            initial_accumulator_value=self.initial_accumulator_value,
            eps=self.epsilon,
            **_quick(params),
        )


@settings
class Adadelta(Optimizer):
    """w ← w - lr · g · √(d + `epsilon`) / √(v + `epsilon`), v and d the running means of g² and steps² (Zeiler 2012).

    Keras' rule exactly, with its default of 0.001; the paper's own learning rate is 1.
    """

    rho: float = 0.95
    epsilon: float = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adadelta(params, lr=0.0, rho=self.rho, eps=self.epsilon, foreach=True)


@settings
class Adam(Optimizer):
    """w ← w - lr · m̂ / (√v̂ + `epsilon`), m̂ and v̂ the bias-corrected running means of g and g² (Kingma & Ba 2014).

    Fused.  `amsgrad` uses the largest v so far (Reddi et al. 2018).  Here epsilon stands as in the paper's algorithm 1;
    Keras adds it to the uncorrected √v ("epsilon hat"), so that at step t its epsilon weighs 1/√(1 - beta_2^t) as much:
    32 times at the first step, the same after a few thousand.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adam(
            params,
            lr=0.0,
            betas=(self.beta_1, self.beta_2),
            eps=self.epsilon,
            amsgrad=self.amsgrad,
            **_quick(params),
        )


@settings
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.004 unless said otherwise (Loshchilov & Hutter 2017).

    Fused, in torch's own AdamW, which decays by the same rule as Keras.  Epsilon: see Adam.
    """

    weight_decay: float | None = 0.004
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        decaying = {id(p) for p in self._decaying}
        kept = {"params": [p for p in params if id(p) not in decaying], "weight_decay": 0.0}
        shrunk = {"params": self._decaying, "weight_decay": self.weight_decay or 0.0}
        self._decaying = []  # torch does it in the same kernel
        return torch.optim.AdamW(
            [group for group in (shrunk, kept) if group["params"]],
            lr=0.0,
            betas=(self.beta_1, self.beta_2),
            eps=self.epsilon,
            amsgrad=self.amsgrad,
            **_quick(params),
        )


@settings
class Adamax(Optimizer):
    """Adam with the largest recent |g| in place of √v̂ (Kingma & Ba 2014, section 7.1).

    u ← max(`beta_2` · u, |g| + `epsilon`); Keras adds epsilon to u afterwards.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        betas = (self.beta_1, self.beta_2)
        return torch.optim.Adamax(params, lr=0.0, betas=betas, eps=self.epsilon, foreach=True)


@settings
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2015).

    Keras' rule exactly: its momentum warms up as 1 - 0.5 · 0.96^t, which is torch's NAdam with ``momentum_decay=1``
    (torch's own default is 0.004).
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        betas = (self.beta_1, self.beta_2)
        return torch.optim.NAdam(params, lr=0.0, betas=betas, eps=self.epsilon, momentum_decay=1.0, foreach=True)


class TorchOptimizer(Optimizer):
    """Any ``torch.optim`` optimizer.

    source: the name of a class in ``torch.optim`` (with its `options`), a function that makes an optimizer from a list
    of parameters, or an optimizer that exists already.  The source decays and clips in its own way.
    learning_rate: a number or a Schedule; None for the source's own.
    """

    def __init__(
        self,
        source: str | Callable[..., Any] | torch.optim.Optimizer,
        options: Mapping[str, Any] | None = None,
        learning_rate: float | Schedule | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(source, str) and "." in source:
            raise ArgumentError(f"the optimizer was {source}, which is not in torch.optim: give it to compile() again.")
        self.source, self.options = source, dict(options or {})
        self._rate: Any = None  # None: the source's own, until a learning rate is set
        self._ratios: list[float] | None = None  # of the groups' learning rates to the first's
        if learning_rate is not None:
            self._set_rate(learning_rate)
        if self._source_name().endswith("LBFGS"):
            raise ArgumentError("LBFGS evaluates the network several times a step, which fit() does not do.")

    @property
    def _exists(self) -> bool:
        return hasattr(self.source, "param_groups")

    def _source_name(self) -> str:
        if isinstance(self.source, str):
            return self.source
        kind: Any = type(self.source) if self._exists else self.source
        if self._exists and kind.__module__.startswith("torch.optim."):
            return kind.__name__
        return f"{kind.__module__}.{getattr(kind, '__qualname__', type(kind).__qualname__)}"

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        if isinstance(self.source, torch.optim.Optimizer):
            ours = {id(p) for p in params}
            if not any(id(p) in ours for group in self.source.param_groups for p in group["params"]):
                raise ArgumentError(
                    f"the {self._source_name()} holds none of this model's trainable weights: "
                    "make it from model.module.parameters()."
                )
            return self.source
        factory: Any = self.source
        if isinstance(factory, str):
            factory = getattr(torch.optim, factory, None)
            if factory is None:
                raise unknown("torch.optim optimizer", str(self.source), _torch_names())
        try:
            made = factory(params, **self.options)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{self._source_name()} cannot be made from a list of parameters: {error}.") from None
        if not isinstance(made, torch.optim.Optimizer):
            raise ArgumentError(f"{self._source_name()} gave {type(made).__name__}, not a torch.optim optimizer.")
        return made

    def rate(self, step: int) -> float:
        return super().rate(step) if self._rate is not None else self._current_rate()

    def _current_rate(self) -> float:
        running: Any = self.source if self._exists and self._rate is None else self._running
        if running is not None:
            return float(running.param_groups[0]["lr"])
        if self._rate is not None:
            return super().rate(0)
        options = {**getattr(self.source, "keywords", {}), **self.options}
        if "lr" not in options:
            raise ArgumentError(f"{self._source_name()}: its learning rate is known once the training has begun.")
        return float(options["lr"])

    def _apply_rate(self, rate: float) -> None:
        """Set the first group's rate, and the others' in proportion."""
        if self._running is not None:
            groups = self._running.param_groups
            if self._ratios is None:
                first = float(groups[0]["lr"])
                self._ratios = [float(group["lr"]) / first if first else 1.0 for group in groups]
            for group, ratio in zip(groups, self._ratios, strict=True):
                group["lr"] = rate * ratio

    def config(self) -> dict[str, Any]:
        options = self.options
        if self._exists:
            known = inspect.signature(type(self.source)).parameters
            group = self.source.param_groups[0]  # type: ignore[union-attr]
            options = {key: value for key, value in group.items() if key in known and key != "params"}
        return {"source": self._source_name(), "options": options, "learning_rate": self._rate}

    def clone(self) -> Self:
        return type(self).from_dict(self.to_dict()) if self._exists else super().clone()


def _torch_names() -> list[str]:
    import torch

    return [name for name in dir(torch.optim) if isinstance(getattr(torch.optim, name), type)]


NAMES: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind for kind in (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam)
}

_KERAS_ONLY = {"adafactor": "torch.optim.Adafactor", "muon": "torch.optim.Muon", "ftrl": "", "lion": "", "lamb": ""}


def get(spec: Any) -> Optimizer:
    """The optimizer of a name such as ``adam``, a description, an Optimizer, or anything that makes a torch optimizer.

    The last is a ``torch.optim`` optimizer, its class, or a function of the parameters such as
    ``functools.partial(torch.optim.SGD, lr=0.1)``.  Raises ArgumentError.
    """
    if isinstance(spec, Optimizer):
        return spec
    if isinstance(spec, str):
        if spec.lower() in _KERAS_ONLY:
            instead = _KERAS_ONLY[spec.lower()] or "a torch.optim class, or a function of the parameters,"
            raise ArgumentError(f'optimizer "{spec}": Keras has it, striate has not; give {instead} instead.')
        if spec.lower() not in NAMES:
            raise unknown("optimizer", spec, NAMES)
        return NAMES[spec.lower()]()
    if isinstance(spec, Mapping):
        return Optimizer.from_dict(spec)
    if isinstance(spec, type) and issubclass(spec, Optimizer):
        return spec()
    if hasattr(spec, "param_groups"):
        return TorchOptimizer(spec)
    if callable(spec):
        return TorchOptimizer(*_recognised(spec))
    raise ArgumentError(f"an optimizer is a name such as 'adam' or an object such as Adam(1e-3), not {spec!r}.")


def _recognised(factory: Callable[..., Any]) -> tuple[Any, dict[str, Any]]:
    """A class of ``torch.optim``, bare or in a partial with plain options, as a name and options; else as it is."""
    kind, options = factory, {}
    if isinstance(factory, functools.partial) and not factory.args:
        kind, options = factory.func, factory.keywords
    try:
        json.dumps(options)
    except TypeError:
        return factory, {}
    if isinstance(kind, type) and kind.__module__.startswith("torch.optim.") and kind.__name__ in _torch_names():
        return kind.__name__, options
    return factory, {}
