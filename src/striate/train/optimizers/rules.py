"""Keras' optimizers, each with its rule and where that differs from Keras'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.described import described
from striate.train.optimizers.base import Optimizer, Rate

if TYPE_CHECKING:
    import torch


def _quick(params: list[torch.nn.Parameter]) -> dict[str, bool]:
    """``fused=True`` where torch has one kernel for the whole update.

    The others are left to torch: over all weights at once (foreach) on a GPU, one by one on a CPU, where foreach took
    1.2 to 3.4 times as long (0.7 and 7 million weights, 2 cores).
    """
    can = all(p.is_floating_point() and p.device.type in ("cpu", "cuda", "mps", "xpu") for p in params)
    return {"fused": True} if can else {}


@described
class SGD(Optimizer):
    """Stochastic gradient descent: w ← w - lr · v with v ← `momentum` · v + g (Nesterov: g + `momentum` · v for v).

    Fused.  Keras keeps lr inside the velocity (v ← momentum · v - lr · g), torch outside: the same numbers while the
    learning rate stays, and when it drops torch slows at once where Keras' velocity fades with the momentum.

    momentum    0 to 1
    nesterov    look ahead with the momentum (Nesterov 1983)

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
    """

    learning_rate: Rate = Rate(0.01)
    momentum: float = 0.0
    nesterov: bool = False

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        nesterov = bool(self.nesterov and self.momentum)
        return torch.optim.SGD(params, lr=0.0, momentum=self.momentum, nesterov=nesterov, **_quick(params))


@described
class RMSprop(Optimizer):
    """w ← w - lr · g / (√v + `epsilon`) with v the running mean of g² (Tieleman & Hinton 2012, lecture 6.5).

    Keras puts epsilon under the root, √(v + epsilon): its default 1e-7 damps gradients below 3e-4 there, and only those
    below 1e-7 here.  With momentum, Keras keeps lr inside the velocity (see SGD).

    rho         0 to 1, of the running mean of g²
    momentum    0 to 1
    epsilon     added to the root
    centered    also take off the squared running mean of g

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
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
        )


@described
class Adagrad(Optimizer):
    """w ← w - lr · g / (√s + `epsilon`), s = `initial_accumulator_value` + the sum of g² so far (Duchi et al. 2011).

    Fused.  Keras puts epsilon under the root; with its start of 0.1 the two differ by less than 1e-6 of a step.

    initial_accumulator_value    the sum of g² to begin with
    epsilon                      added to the root

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
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


@described
class Adadelta(Optimizer):
    """w ← w - lr · g · √(d + `epsilon`) / √(v + `epsilon`), v and d the running means of g² and steps² (Zeiler 2012).

    Keras' rule exactly, with its default of 0.001; the paper's own learning rate is 1.

    rho        0 to 1, of the running means
    epsilon    added to them

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
    """

    rho: float = 0.95
    epsilon: float = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adadelta(params, lr=0.0, rho=self.rho, eps=self.epsilon)


@described
class Adam(Optimizer):
    """w ← w - lr · m̂ / (√v̂ + `epsilon`), m̂ and v̂ the bias-corrected running means of g and g² (Kingma & Ba 2014).

    Fused.  `amsgrad` uses the largest v so far (Reddi et al. 2018).  Here epsilon stands as in the paper's algorithm 1;
    Keras adds it to the uncorrected √v ("epsilon hat"), so that at step t its epsilon weighs 1/√(1 - beta_2^t) as much:
    32 times at the first step, the same after a few thousand.

    beta_1, beta_2    0 to 1, of the running means of g and g²

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
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


@described
class AdamW(Adam):
    """Adam with decoupled weight decay, 0.004 unless said otherwise (Loshchilov & Hutter 2017).

    Fused, in torch's own AdamW, which decays by the same rule as Keras.  Epsilon: see Adam.

    beta_1, beta_2, epsilon, amsgrad    Adam's

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
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


@described
class Adamax(Optimizer):
    """Adam with the largest recent |g| in place of √v̂ (Kingma & Ba 2014, section 7.1).

    u ← max(`beta_2` · u, |g| + `epsilon`); Keras adds epsilon to u afterwards.

    beta_1    0 to 1, of the running mean of g

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        betas = (self.beta_1, self.beta_2)
        return torch.optim.Adamax(params, lr=0.0, betas=betas, eps=self.epsilon)


@described
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2015).

    Keras' rule exactly: its momentum warms up as 1 - 0.5 · 0.96^t, which is torch's NAdam with ``momentum_decay=1``
    (torch's own default is 0.004).

    beta_1, beta_2, epsilon    Adam's

    `learning_rate`, `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` and `decay_exclude` are
    every optimizer's: see Optimizer.  Raises ArgumentError for a value out of range.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        betas = (self.beta_1, self.beta_2)
        return torch.optim.NAdam(params, lr=0.0, betas=betas, eps=self.epsilon, momentum_decay=1.0)
