"""Optimizers of Keras that torch has not, or has otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from striate.described import described, number, whole
from striate.errors import ArgumentError
from striate.train.optimizers.base import Optimizer
from striate.train.optimizers.rate import Rate
from striate.train.tensors import tensor

if TYPE_CHECKING:
    import torch


@described
class Lion(Optimizer):
    """w ← w - lr · sign(`beta_1` · m + (1 - `beta_1`) · g): steps of one size (Chen et al. 2023).

    beta_1    0 to 1, how much the step goes by the running mean of g
    beta_2    0 to 1, of that mean

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    beta_1: float = 0.9
    beta_2: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta_1 <= 0:
            raise ArgumentError(f"Lion: beta_1={self.beta_1} must be more than 0, or the step is the sign of g alone.")

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        from striate.train.optimizers import kernels

        return kernels.LionUpdate(params, betas=(self.beta_1, self.beta_2))


@described
class Lamb(Optimizer):
    """Adam's step, made as long as the weight and then times lr: for large batches (You et al. 2019, algorithm 2).

    beta_1, beta_2    0 to 1, of the running means of g and g²
    epsilon           added to √v̂

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float | None = 1e-7

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        from striate.train.optimizers import kernels

        return kernels.LambUpdate(params, betas=(self.beta_1, self.beta_2), epsilon=self.epsilon)


@described
class Ftrl(Optimizer):
    """Follow the regularized leader: makes weights exactly 0 under l1 (McMahan et al. 2013).

    learning_rate_power                     0 or less; how the rate falls with the sum of g²
    initial_accumulator_value               the sum of g² to begin with
    l1_regularization_strength              0 or more
    l2_regularization_strength              0 or more
    l2_shrinkage_regularization_strength    0 or more: an l2 that acts on the gradient only
    beta                                    0 or more, of the paper

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    learning_rate_power: float = -0.5
    initial_accumulator_value: float = 0.1
    l1_regularization_strength: float = 0.0
    l2_regularization_strength: float = 0.0
    l2_shrinkage_regularization_strength: float = 0.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.learning_rate_power > 0:
            raise ArgumentError(f"Ftrl: learning_rate_power={self.learning_rate_power} must be 0 or less.")
        for kind in ("l1", "l2", "l2_shrinkage"):
            number("Ftrl", f"{kind}_regularization_strength", getattr(self, f"{kind}_regularization_strength"), 0)

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        from striate.train.optimizers import kernels

        return kernels.FtrlUpdate(
            params,
            learning_rate_power=self.learning_rate_power,
            initial_accumulator_value=self.initial_accumulator_value,
            l1=self.l1_regularization_strength,
            l2=self.l2_regularization_strength,
            shrinkage=self.l2_shrinkage_regularization_strength,
            beta=self.beta,
        )


@described
class Adafactor(Optimizer):
    """Adam's scale from the means of g² over the rows and columns of a kernel: next to no memory (Shazeer & Stern 2018).

    beta_2_decay      the running means have 1 - t^beta_2_decay
    epsilon_1         added to g²
    epsilon_2         the least size of a weight that a step is measured by
    clip_threshold    the most that a step's root mean square may be
    relative_step     the rate is at most 1/√t

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    relative_step: bool = True

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        from striate.train.optimizers import kernels

        return kernels.AdafactorUpdate(
            params,
            beta_2_decay=self.beta_2_decay,
            epsilon_1=self.epsilon_1,
            epsilon_2=self.epsilon_2,
            clip_threshold=self.clip_threshold,
        )


@described
class Muon(Optimizer):
    """Momentum made orthogonal, for the matrices of dense layers; AdamW for everything else (Jordan 2024).

    adam_beta_1, adam_beta_2    0 to 1, of Adam's running means
    adam_weight_decay           of what Adam updates; None: none
    epsilon                     Adam's
    exclude_layers              regular expressions; weights whose names contain one are Adam's, such as the last layer's
    exclude_embeddings          embeddings are Adam's
    muon_a, muon_b, muon_c      the quintic's coefficients
    adam_lr_ratio               Adam's rate, by the learning rate
    momentum                    0 to 1
    ns_steps                    steps of Newton and Schulz
    nesterov                    look ahead with the momentum
    rms_rate                    steps are √(longer side) times this long (Liu et al. 2025, 2502.16982); None: as they are

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    order = (
        f"learning_rate adam_beta_1 adam_beta_2 adam_weight_decay epsilon {Optimizer.behind} exclude_layers "
        "exclude_embeddings muon_a muon_b muon_c adam_lr_ratio momentum ns_steps nesterov rms_rate"
    )

    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_weight_decay: float | None = 0.004
    epsilon: float | None = 1e-7
    weight_decay: float | None = 0.004
    exclude_layers: Sequence[str] | None = None
    exclude_embeddings: bool = True
    muon_a: float = 3.4445
    muon_b: float = -4.7750
    muon_c: float = 2.0315
    adam_lr_ratio: float = 1.0
    momentum: float = 0.95
    ns_steps: int = 5
    nesterov: bool = True
    rms_rate: float | None = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ns_steps = whole("Muon", "ns_steps", self.ns_steps)
        self.exclude_layers = tuple(self.exclude_layers or ())
        self._adams: set[int] | None = None  # the weights that are Adam's, once it is built

    def _should_use_adamw(self, variable: Any, path: str | None = None) -> bool:
        """Whether a weight is Adam's; `path`: its name, where it does not say it."""
        name = path or str(getattr(variable, "path", ""))
        excluded = self.exclude_embeddings and "embedding" in name.lower()
        return variable.ndim != 2 or excluded or any(re.search(p, name) for p in self.exclude_layers or ())

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """A matrix with its singular values brought near 1, a tensor.

        x       (rows, columns)
        steps   of Newton and Schulz

        Raises ArgumentError for what is no matrix.
        """
        from striate.train.optimizers import kernels

        x = tensor("x", x)
        if x.ndim != 2:
            raise ArgumentError(f"Muon: only a matrix is made orthogonal, not an array of shape {tuple(x.shape)}.")
        return kernels.orthogonal(x, (self.muon_a, self.muon_b, self.muon_c), steps)

    def lr_adjust(self, x: Any) -> Any:
        """A step times √(longer side) · `rms_rate`, or as it is where that is None.

        x   (rows, columns)
        """
        from striate.train.optimizers import kernels

        return x if self.rms_rate is None else tensor("x", x) * kernels.muon_length(x, self.rms_rate)

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        from striate.train.optimizers import kernels

        adams = {id(p) for name, p in self._named if self._should_use_adamw(p, name)}
        groups = [
            {"params": [p for p in params if (id(p) not in adams) == matrices], "matrices": matrices}
            for matrices in (True, False)
        ]
        self._adams = adams
        return kernels.MuonUpdate(
            [group for group in groups if group["params"]],
            betas=(self.adam_beta_1, self.adam_beta_2),
            epsilon=self.epsilon,
            ratio=self.adam_lr_ratio,
            abc=(self.muon_a, self.muon_b, self.muon_c),
            momentum=self.momentum,
            rounds=self.ns_steps,
            nesterov=self.nesterov,
            rms_rate=self.rms_rate,
        )

    def _shrink(self, weights: list[Any], rate: float) -> None:
        import torch

        with torch.no_grad():
            for weight in weights:
                adams = id(weight) in self._adams if self._adams is not None else self._should_use_adamw(weight)
                weight.mul_(1 - rate * ((self.adam_weight_decay if adams else self.weight_decay) or 0.0))


@described
class ScheduleFreeAdamW(Optimizer):
    """Adam that needs no schedule: it keeps plain steps z and their mean x, and trains between the two.

    Defazio et al. 2024, "The road less scheduled".

    z ← z - lr · g / (√(v / (1 - `beta_2`^t)) + `epsilon`), x ← x + (z - x) / t, w ← (1 - `beta_1`) · z + `beta_1` · x.

    beta_1          0 to 1, more than 0: how far w is towards the mean
    beta_2          0 to 1, of the running mean of g²
    epsilon         added to the root
    warmup_steps    updates over which the rate rises from 0

    `learning_rate`, `weight_decay`, `clipnorm`, `name` and the other arguments of every optimizer: see Optimizer.
    Raises ArgumentError for a value out of range.
    """

    learning_rate: Rate = Rate(0.0025)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float | None = 1e-8
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.warmup_steps = whole("ScheduleFreeAdamW", "warmup_steps", self.warmup_steps, 0)
        if self.beta_1 <= 0:
            raise ArgumentError(f"ScheduleFreeAdamW: beta_1={self.beta_1} must be more than 0.")

    def _make(self, params: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        from striate.train.optimizers import kernels

        betas = (self.beta_1, self.beta_2)
        return kernels.ScheduleFreeUpdate(params, betas=betas, epsilon=self.epsilon, warmup=self.warmup_steps)
