"""The updates themselves, as ``torch.optim`` optimizers: Keras' rules, in torch's fused kernels where these can say them.

Where there is no such kernel, an update is a few operations on lists of tensors: all weights at once on a GPU, one after
the other on a CPU, where several passes over all weights took 1.2 to 3.4 times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_SLOW = 1e-12  # the least rate that a velocity is divided by


class SGDUpdate(torch.optim.SGD):
    """v ← momentum · v + lr · g: the velocity keeps the rate at which it was gathered.

    torch keeps lr outside, so a change of the rate would change old steps too; the velocity is scaled to make up for it.
    """

    def __init__(self, params: Iterable[Any], **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group["lr_before"] = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        momenta = [group["momentum"] for group in self.param_groups]
        for group in self.param_groups:
            before = group["lr_before"]
            now = group["lr_before"] = max(float(group["lr"]), _SLOW)
            group["lr"] = now
            if before is None or before == now or not group["momentum"]:
                continue
            if group["nesterov"]:  # its momentum stands in two places of the rule
                held = [self.state[p].get("momentum_buffer") for p in group["params"]]
                torch._foreach_mul_([buffer for buffer in held if buffer is not None], before / now)
            else:
                group["momentum"] *= before / now
        try:
            return super().step(closure)
        finally:
            for group, momentum in zip(self.param_groups, momenta, strict=True):
                group["momentum"] = momentum


class AdamUpdate(torch.optim.Adam):
    """Adam with epsilon beside the uncorrected √v, "epsilon hat" of Kingma & Ba 2014, before section 2.1.

    torch adds its eps to √(v / (1 - beta_2^t)): with eps = epsilon / √(1 - beta_2^t) the two are the same.
    """

    def __init__(self, params: Iterable[Any], *, eps: float, **options: Any) -> None:
        super().__init__(params, eps=eps, **options)
        for group in self.param_groups:
            group["epsilon"], group["updates"] = eps, 0

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["updates"] += 1
            group["eps"] = group["epsilon"] / math.sqrt(1 - group["betas"][1] ** group["updates"])
        return super().step(closure)


class Update(torch.optim.Optimizer):
    """An update in operations on lists of tensors.

    update     called as (weights, gradients, their states, settings of the group)
    start      called with a weight: its state before the first update
    """

    start: Callable[[Tensor, dict[str, Any]], dict[str, Tensor]]
    update: Callable[[list[Tensor], list[Tensor], dict[str, list[Tensor]], dict[str, Any]], None]

    def __init__(self, params: Iterable[Any], lr: float = 0.0, **settings: Any) -> None:
        super().__init__(params, {"lr": lr, **settings, "updates": 0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        kind = type(self)
        for group in self.param_groups:
            group["updates"] += 1
            found = [(p, p.grad, self.state[p] or self._begun(p, group)) for p in group["params"] if p.grad is not None]
            if found and found[0][0].device.type != "cpu":
                params, grads, each = zip(*found, strict=True)
                states = {key: [state[key] for state in each] for key in each[0]}
                kind.update(list(params), list(grads), states, group)
                continue
            for p, grad, state in found:
                kind.update([p], [grad], {key: [value] for key, value in state.items()}, group)

    def _begun(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        self.state[p].update(type(self).start(p, group))
        return self.state[p]


def zeros(*names: str) -> Any:
    """A start with a zero for each number of a weight, under each name."""
    return staticmethod(lambda weight, group: {name: torch.zeros_like(weight) for name in names})


def _means(
    grads: list[Tensor], states: dict[str, list[Tensor]], beta_1: float, beta_2: float
) -> tuple[list[Tensor], list[Tensor]]:
    """The running means of g and of g², brought up to date."""
    m, v = states["m"], states["v"]
    torch._foreach_lerp_(m, grads, 1 - beta_1)
    torch._foreach_mul_(v, beta_2)
    torch._foreach_addcmul_(v, grads, grads, 1 - beta_2)
    return m, v


class RMSpropUpdate(Update):
    """w ← w - lr · g / √(v + epsilon).  Kept is v + epsilon, which takes no pass more than torch's rule."""

    @staticmethod
    def start(weight: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        names = [*(["g"] if group["centered"] else []), *(["velocity"] if group["momentum"] else [])]
        above = torch.full_like(weight, group["epsilon"])
        return {"v": above, **{name: torch.zeros_like(weight) for name in names}}

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        v, rho = states["v"], group["rho"]
        if len(params) == 1:
            _rmsprop(params[0], grads[0], {key: value[0] for key, value in states.items()}, group)
            return
        squares = torch._foreach_mul(grads, grads)
        torch._foreach_add_(squares, group["epsilon"])
        torch._foreach_lerp_(v, squares, 1 - rho)
        if group["centered"]:
            torch._foreach_lerp_(states["g"], grads, 1 - rho)
            root = torch._foreach_addcmul(v, states["g"], states["g"], -1)
            torch._foreach_sqrt_(root)
        else:
            root = torch._foreach_sqrt(v)
        if group["momentum"]:
            torch._foreach_mul_(states["velocity"], group["momentum"])
            torch._foreach_addcdiv_(states["velocity"], grads, root, group["lr"])
            torch._foreach_sub_(params, states["velocity"])
        else:
            torch._foreach_addcdiv_(params, grads, root, -group["lr"])


def _rmsprop(weight: Tensor, grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    """The same of one weight, in fewer passes: 0.6 to 1.0 of the time of torch's rule (64 to 500,000 weights, one core)."""
    v, rho = state["v"], group["rho"]
    root = torch.addcmul(torch.tensor(group["epsilon"], dtype=grad.dtype, device=grad.device), grad, grad)
    v.lerp_(root, 1 - rho)
    if group["centered"]:
        state["g"].lerp_(grad, 1 - rho)
        torch.addcmul(v, state["g"], state["g"], value=-1, out=root).sqrt_()
    else:
        torch.sqrt(v, out=root)
    if group["momentum"]:
        weight.sub_(state["velocity"].mul_(group["momentum"]).addcdiv_(grad, root, value=group["lr"]))
    else:
        weight.addcdiv_(grad, root, value=-group["lr"])


class AdamaxUpdate(Update):
    """u ← max(beta_2 · u, |g|), w ← w - lr · m̂ / (u + epsilon)."""

    start = zeros("m", "u")

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        beta_1, beta_2 = group["betas"]
        m, u = states["m"], states["u"]
        torch._foreach_lerp_(m, grads, 1 - beta_1)
        torch._foreach_mul_(u, beta_2)
        torch._foreach_maximum_(u, torch._foreach_abs(grads))
        over = torch._foreach_add(u, group["epsilon"])
        torch._foreach_addcdiv_(params, m, over, -group["lr"] / (1 - beta_1 ** group["updates"]))


class LionUpdate(Update):
    """w ← w - lr · sign(beta_1 · m + (1 - beta_1) · g), then m ← beta_2 · m + (1 - beta_2) · g."""

    start = zeros("m")

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        beta_1, beta_2 = group["betas"]
        m = states["m"]
        ahead = torch._foreach_lerp(m, grads, 1 - beta_1)
        torch._foreach_sign_(ahead)
        torch._foreach_add_(params, ahead, alpha=-group["lr"])
        torch._foreach_lerp_(m, grads, 1 - beta_2)


class LambUpdate(Update):
    """Adam's step, as long as the weight times lr."""

    start = zeros("m", "v")

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        beta_1, beta_2 = group["betas"]
        m, v = _means(grads, states, beta_1, beta_2)
        root = torch._foreach_div(v, 1 - beta_2 ** group["updates"])
        torch._foreach_sqrt_(root)
        torch._foreach_add_(root, group["epsilon"])
        steps = torch._foreach_div(m, root)
        torch._foreach_div_(steps, 1 - beta_1 ** group["updates"])
        for weight, step in zip(params, steps, strict=True):
            own, its = weight.norm(), step.norm()
            ratio = torch.where((own > 0) & (its > 0), own / its, torch.ones_like(own))
            weight.sub_(step * ratio * group["lr"])


class FtrlUpdate(Update):
    """Follow the regularized leader, with l1, l2 and shrinkage."""

    @staticmethod
    def start(weight: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        gathered = torch.full_like(weight, group["initial_accumulator_value"])
        return {"squares": gathered, "linear": torch.zeros_like(weight)}

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        rate, power, l1 = max(group["lr"], _SLOW), -group["learning_rate_power"], group["l1"]
        l2 = group["l2"] + group["beta"] / (2 * rate)
        for weight, grad, squares, linear in zip(params, grads, states["squares"], states["linear"], strict=True):
            now = squares + grad.square()
            grown = now.pow(power)
            linear.add_(grad + 2 * group["shrinkage"] * weight - (grown - squares.pow(power)) / rate * weight)
            weight.copy_((linear.clamp(-l1, l1) - linear) / (grown / rate + 2 * l2))
            squares.copy_(now)


class AdafactorUpdate(Update):
    """Adam's scale from the means of g² over the rows and the columns of a kernel."""

    @staticmethod
    def start(weight: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        if weight.ndim < 2:
            return {"v": torch.zeros_like(weight)}
        return {"rows": torch.zeros_like(weight[:1]), "columns": torch.zeros_like(weight[:, :1])}

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        for i, (weight, grad) in enumerate(zip(params, grads, strict=True)):
            _adafactor(weight, grad, {key: values[i] for key, values in states.items()}, group)


def _adafactor(weight: Tensor, grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    step = group["updates"]
    rho = min(group["lr"], step**-0.5)
    beta = 1 - step ** group["beta_2_decay"]
    size = weight.square().mean().sqrt().clamp(min=group["epsilon_2"])
    squares = grad.square() + group["epsilon_1"]
    if weight.ndim < 2:  # the axes of outputs and inputs come first in torch, last in Keras
        v = state["v"].mul_(beta).add_(squares, alpha=1 - beta)
    else:
        rows = state["rows"].mul_(beta).add_(squares.mean(0, keepdim=True), alpha=1 - beta)
        columns = state["columns"].mul_(beta).add_(squares.mean(1, keepdim=True), alpha=1 - beta)
        v = rows / rows.mean(1, keepdim=True) * columns
    move = grad / v.sqrt()
    move = move / (move.square().mean().sqrt() / group["clip_threshold"]).clamp(min=1)
    weight.sub_(size * rho * move)


class MuonUpdate(Update):
    """Momentum made orthogonal, of matrices; Adam's step of everything else."""

    @staticmethod
    def start(weight: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {name: torch.zeros_like(weight) for name in (("m",) if group["matrices"] else ("m", "v"))}

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        m, momentum = states["m"], group["momentum"]
        if not group["matrices"]:
            beta_1, beta_2 = group["betas"]
            _, v = _means(grads, states, beta_1, beta_2)
            rate = group["lr"] * group["ratio"] * math.sqrt(1 - beta_2 ** group["updates"])
            root = torch._foreach_sqrt(v)
            torch._foreach_add_(root, group["epsilon"])
            torch._foreach_addcdiv_(params, m, root, -rate / (1 - beta_1 ** group["updates"]))
            return
        torch._foreach_mul_(m, momentum)
        torch._foreach_add_(m, grads)
        for weight, grad, velocity in zip(params, grads, m, strict=True):
            step = orthogonal(
                grad + momentum * velocity if group["nesterov"] else velocity, group["abc"], group["rounds"]
            )
            weight.sub_(step, alpha=group["lr"] * muon_length(weight, group["rms_rate"]))


def muon_length(weight: Any, rms_rate: float | None) -> float:
    """How long the step of a matrix is, by the learning rate (Liu et al. 2025, 2502.16982)."""
    return 1.0 if rms_rate is None else math.sqrt(max(weight.shape)) * rms_rate


def orthogonal(x: Tensor, abc: tuple[float, float, float], rounds: int) -> Tensor:
    """A matrix with its singular values brought near 1: `rounds` steps of Newton and Schulz with a quintic.

    x       (rows, columns)
    abc     the coefficients of the quintic
    rounds  how many steps

    Jordan 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    a, b, c = abc
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class ScheduleFreeUpdate(Update):
    """Plain steps z, their mean, and weights between the two (Defazio et al. 2024, algorithm 1)."""

    def __init__(self, params: Iterable[Any], **settings: Any) -> None:
        super().__init__(params, **settings)
        for group in self.param_groups:
            for p in group["params"]:
                self._begun(p, group)  # z begins where the weights do, before any decay

    @staticmethod
    def start(weight: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"z": weight.detach().clone(), "v": torch.zeros_like(weight)}

    @staticmethod
    def update(params: Any, grads: Any, states: Any, group: dict[str, Any]) -> None:
        beta_1, beta_2 = group["betas"]
        z, v, step = states["z"], states["v"], group["updates"]
        rate = group["lr"] * (min(step / group["warmup"], 1.0) if group["warmup"] else 1.0)
        torch._foreach_mul_(v, beta_2)
        torch._foreach_addcmul_(v, grads, grads, 1 - beta_2)
        root = torch._foreach_div(v, 1 - beta_2**step)
        torch._foreach_sqrt_(root)
        torch._foreach_add_(root, group["epsilon"])
        torch._foreach_lerp_(params, z, 1 - 1 / beta_1)  # the mean x of w = (1 - beta_1) z + beta_1 x
        torch._foreach_addcdiv_(z, grads, root, -rate)
        torch._foreach_lerp_(params, z, 1 - beta_1 * (1 - 1 / step))  # beta_1 (x + (z - x) / t) + (1 - beta_1) z
