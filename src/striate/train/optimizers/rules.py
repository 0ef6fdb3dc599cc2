"""Keras' optimizers, each with its rule; where torch's differs, `rule="torch"` is torch's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from striate.described import described
from striate.errors import ArgumentError
from striate.train.optimizers.base import Optimizer
from striate.train.optimizers.rate import Rate

if TYPE_CHECKING:
    import torch


def _quick(params: list[torch.nn.Parameter]) -> dict[str, Any]:
    """``fused=True`` where torch has one kernel for the whole update.

    The others are left to torch: over all weights at once (foreach) on a GPU, one by one on a CPU, where foreach took
    1.2 to 3.4 times as long (0.7 and 7 million weights, 2 cores).
    """
    can = all(p.is_floating_point() and p.device.type in ("cpu", "cuda", "mps", "xpu") for p in params)
    return {"fused": True} if can else {}


def _rule() -> Any:
    return dataclasses.field(default="keras", kw_only=True)


@described
class SGD(Optimizer):
    """Stochastic gradient descent: v ← `momentum` · v + lr · g, w ← w - v (Nesterov: lr · g + `momentum` · v for v).

    Fused.  torch keeps lr outside, w ← w - lr · v: the same numbers while the learning rate stays; when it drops, torch
    slows at once where Keras' velocity fades with the momentum.

    momentum    0 to 1
    nesterov    look ahead with the momentum (Nesterov 1983)
    rule        "keras", or "torch": lr outside the velocity

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    learning_rate: Rate = Rate(0.01)
    momentum: float = 0.0
    nesterov: bool = False
    rule: str = _rule()

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        from striate.train.optimizers import kernels

        kind = kernels.SGDUpdate if self.rule == "keras" and self.momentum else torch.optim.SGD
        nesterov = bool(self.nesterov and self.momentum)
        return kind(params, lr=0.0, momentum=self.momentum, nesterov=nesterov, **_quick(params))


@described
class RMSprop(Optimizer):
    """w ← w - lr · g / √(v + `epsilon`) with v the running mean of g² (Tieleman & Hinton 2012, lecture 6.5).

    torch puts epsilon beside the root, √v + epsilon: the default of 1e-7 damps gradients below 3e-4 in Keras' rule, and
    only those below 1e-7 in torch's.

    rho         0 to 1, of the running mean of g²
    momentum    0 to 1; the velocity keeps the rate at which it was gathered, as in SGD
    epsilon     added to v
    centered    also take off the squared running mean of g
    rule        "keras", or "torch": epsilon beside the root, lr outside the velocity

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float | None = 1e-7
    centered: bool = False
    rule: str = _rule()

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        from striate.train.optimizers import kernels

        shared = {"lr": 0.0, "momentum": self.momentum, "centered": self.centered}
        if self.rule == "torch":
            return torch.optim.RMSprop(params, alpha=self.rho, eps=_epsilon(self), **shared)  # type: ignore[arg-type]
        return kernels.RMSpropUpdate(params, rho=self.rho, epsilon=self.epsilon, **shared)


@described
class Adagrad(Optimizer):
    """w ← w - lr · g / √(s + `epsilon`), s = `initial_accumulator_value` + the sum of g² so far (Duchi et al. 2011).

    Fused: the sum begins with epsilon in it.  torch puts epsilon beside the root.

    initial_accumulator_value    the sum of g² to begin with
    epsilon                      added to the sum
    rule                         "keras", or "torch": epsilon beside the root

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    initial_accumulator_value: float = 0.1
    epsilon: float | None = 1e-7
    rule: str = _rule()

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        start, beside = self.initial_accumulator_value, _epsilon(self)
        if self.rule == "keras":
            start, beside = start + beside, 0.0
        return torch.optim.Adagrad(params, lr=0.0, initial_accumulator_value=start, eps=beside, **_quick(params))


@described
class Adadelta(Optimizer):
    """w ← w - lr · g · √(d + `epsilon`) / √(v + `epsilon`), v and d the running means of g² and steps² (Zeiler 2012).

    Keras' default rate is 0.001; the paper's own is 1.

    rho        0 to 1, of the running means
    epsilon    added to them

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    rho: float = 0.95
    epsilon: float | None = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adadelta(params, lr=0.0, rho=self.rho, eps=_epsilon(self))


@described
class Adam(Optimizer):
    """w ← w - lr · √(1 - `beta_2`^t) / (1 - `beta_1`^t) · m / (√v + `epsilon`), m and v the running means of g and g².

    Kingma & Ba 2014, before section 2.1 ("epsilon hat").  torch adds epsilon to the corrected √(v / (1 - beta_2^t)), as
    in algorithm 1 of the paper: at step t it weighs √(1 - beta_2^t) as much as here, a 32nd at the first step, the same
    after a few thousand.  Fused in both.

    beta_1, beta_2    0 to 1, of the running means of g and g²
    epsilon           added to √v
    amsgrad           use the largest v so far (Reddi et al. 2018)
    rule              "keras", or "torch": epsilon as in the paper's algorithm 1

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float | None = 1e-7
    amsgrad: bool = False
    rule: str = _rule()

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        return self._adam(params, _quick(params))

    def _adam(self, groups: list[Any], options: dict[str, Any]) -> torch.optim.Optimizer:
        import torch

        from striate.train.optimizers import kernels

        kind = kernels.AdamUpdate if self.rule == "keras" else torch.optim.Adam
        betas = (self.beta_1, self.beta_2)
        return kind(groups, lr=0.0, betas=betas, eps=_epsilon(self), amsgrad=self.amsgrad, **options)


@described
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.004 unless said otherwise (Loshchilov & Hutter 2017).

    Fused, decay and all.

    beta_1, beta_2, epsilon, amsgrad, rule    Adam's

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    weight_decay: float | None = 0.004
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float | None = 1e-7
    amsgrad: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay is None:
            raise ArgumentError("AdamW: weight_decay=None is Adam; give a number.")

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        decaying = {id(p) for p in self._decaying}
        kept = {"params": [p for p in params if id(p) not in decaying], "weight_decay": 0.0}
        shrunk = {"params": self._decaying, "weight_decay": self.weight_decay or 0.0}
        self._decaying = []  # torch does it in the same kernel
        groups = [group for group in (shrunk, kept) if group["params"]]
        return self._adam(groups, {"decoupled_weight_decay": True, **_quick(params)})


@described
class Adamax(Optimizer):
    """Adam with the largest recent |g| in place of √v: u ← max(`beta_2` · u, |g|) (Kingma & Ba 2014, section 7.1).

    w ← w - lr · m̂ / (u + `epsilon`); torch adds epsilon to |g| within the maximum.

    beta_1    0 to 1, of the running mean of g
    beta_2    0 to 1, by which the largest |g| fades
    epsilon   added to u
    rule      "keras", or "torch"

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float | None = 1e-7
    rule: str = _rule()

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        from striate.train.optimizers import kernels

        betas = (self.beta_1, self.beta_2)
        if self.rule == "torch":
            return torch.optim.Adamax(params, lr=0.0, betas=betas, eps=_epsilon(self))
        return kernels.AdamaxUpdate(params, betas=betas, epsilon=self.epsilon)


@described
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2015), which warms up as 1 - 0.5 · 0.96^(t · `momentum_decay`).

    beta_1, beta_2, epsilon    as torch's Adam has them, which is Keras' rule here
    momentum_decay             Keras has it fixed at 1; Keras 2 and torch have 0.004 as default

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float | None = 1e-7
    momentum_decay: float = dataclasses.field(default=1.0, kw_only=True)

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        betas = (self.beta_1, self.beta_2)
        return torch.optim.NAdam(params, lr=0.0, betas=betas, eps=_epsilon(self), momentum_decay=self.momentum_decay)


def _epsilon(optimizer: Any) -> float:
    return float(optimizer.epsilon)
