"""How a picture is changed within a budget: the steps of FGSM, PGD and plain ascent, on pixel values.

The budget is measured on pixels, and with whole numbers every gradient is taken at the rounded picture, so what is found
is what a PNG file holds.  The loop is its own and not the one that draws pictures from nothing (``ascend``): each picture
of a batch keeps its own worst change, and every step ends in a projection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from striate.errors import ArgumentError, unknown
from striate.look.arguments import Progress
from striate.wording import plural

if TYPE_CHECKING:
    from striate.look.pictures import Space
    from striate.look.tap import Tap

METHODS = {
    "ascent": "Szegedy et al. 2013, section 4",
    "fgsm": "Goodfellow et al. 2014, section 4",
    "pgd": "Madry et al. 2017, section 2.1",
    "noise": "",
}
NORMS = ("linf", "l2")
OBJECTIVES = ("cross-entropy", "margin")


@dataclass(frozen=True)
class Attack:
    """A method with its numbers; distances in pixel values 0..255.  ``str`` says it in words."""

    method: str
    norm: str
    epsilon: float
    steps: int
    step: float
    targeted: bool
    integer: bool = True
    random_start: bool = False
    objective: str = "cross-entropy"
    sure: float = 0.9

    @classmethod
    def of(
        cls,
        method: str,
        norm: str | None,
        epsilon: float | None,
        steps: int | None,
        step: float | None,
        size: int,
        *,
        targeted: bool,
        integer: bool = True,
        random_start: bool = False,
        objective: str = "cross-entropy",
        sure: float = 0.9,
    ) -> Attack:
        """With defaults for pictures of `size` values.  Raises ArgumentError for what makes no sense."""
        for what, name, known in (
            ("method", method, tuple(METHODS)),
            ("norm", norm or "linf", NORMS),
            ("objective", objective, OBJECTIVES),
        ):
            if name not in known:
                raise unknown(what, str(name), known)
        norm = norm or ("l2" if method == "ascent" else "linf")
        root = math.sqrt(size)
        if epsilon is None:
            epsilon = math.inf if method == "ascent" else 4.0 if norm == "linf" else math.sqrt(2) * root
        if not epsilon >= 0 or (math.isinf(epsilon) and method != "ascent"):
            raise ArgumentError(f"epsilon is a distance in pixel values, 0 to 255 for linf, not {epsilon!r}.")
        if integer and 0 < epsilon < 1:
            raise ArgumentError(
                f"no change of whole pixel values is as small as {epsilon:g}; use epsilon >= 1 or integer=False."
            )
        single = method in ("fgsm", "noise")
        steps = steps if steps is not None else 400 if method == "ascent" else 40
        steps = 1 if single else steps
        if not isinstance(steps, int) or steps < 1:
            raise ArgumentError(f"an attack takes 1 or more steps, not {steps!r}.")
        if step is None:
            free = root / 4 if norm == "l2" else 0.5  # a change that no eye sees
            step = epsilon if single else free if math.isinf(epsilon) else 2.5 * epsilon / steps
        if not 0 <= step < math.inf or (step == 0 and epsilon > 0):
            raise ArgumentError(f"step is a distance above 0, not {step!r}.")
        if not 0 < sure < 1:
            raise ArgumentError(f"sure is a probability between 0 and 1, not {sure!r}.")
        if random_start and method != "pgd":
            raise ArgumentError("a random start goes with method pgd.")
        return cls(
            method, norm, float(epsilon), steps, float(step), targeted, integer, random_start, objective, float(sure)
        )

    @property
    def unlimited(self) -> bool:
        return math.isinf(self.epsilon)

    def __str__(self) -> str:
        name = {"ascent": "gradient ascent", "noise": "random noise"}.get(self.method, self.method.upper())
        steps = f", {'at most ' * (self.method == 'ascent')}{plural(self.steps, 'step')}" if self.steps > 1 else ""
        budget = "" if self.unlimited else f" within {'L∞' if self.norm == 'linf' else 'L2'} {self.epsilon:.4g}/255"
        return f"{name}{budget}{steps}"


# -- answers -------------------------------------------------------------------------------------------------------------
def answers(tap: Tap, space: Space, pixels: np.ndarray, batch_size: int) -> np.ndarray:
    """The probabilities (N, classes), float32, of pictures (N, H, W, C) in pixel values."""
    with torch.no_grad():
        whole = (
            torch.from_numpy(np.ascontiguousarray(pixels[i : i + batch_size]))
            for i in range(0, len(pixels), batch_size)
        )
        parts = [likely(tap, logits_of(tap, space, some.to(tap.device)).float()) for some in whole]
    return torch.cat(parts).cpu().numpy()


def likely(tap: Tap, logits: torch.Tensor) -> torch.Tensor:
    """The probabilities of what ``logits_of`` gives, by what the network's outputs are."""
    return tap.model.answers.of_logits(logits)  # type: ignore[no-any-return]


def logits_of(tap: Tap, space: Space, pixels: torch.Tensor) -> torch.Tensor:
    """(N, classes) of pixel values (N, H, W, C), through the preprocessing; one yes/no output stands for two classes."""
    inputs = space.preprocessing.normalise(pixels).movedim(-1, 1).to(tap.dtype)
    logits = tap(inputs)
    if logits.ndim != 2:
        raise ArgumentError(
            f"only a network with one output per class can be fooled, not one of {tuple(logits.shape[1:])}."
        )
    return logits


# -- the attack ----------------------------------------------------------------------------------------------------------
def perturb(
    tap: Tap,
    space: Space,
    pixels: np.ndarray,
    goal: np.ndarray,
    how: Attack,
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> np.ndarray:
    """The changed pictures (N, H, W, C), uint8 or float32, for uint8 `pixels` and the classes `goal` (N,)."""
    generator = torch.Generator().manual_seed(seed)
    starts = range(0, len(pixels), batch_size)
    total, parts = len(starts) * how.steps, []
    for number, i in enumerate(starts):
        x0 = torch.from_numpy(pixels[i : i + batch_size].astype(np.float32)).to(tap.device)
        classes = torch.from_numpy(goal[i : i + batch_size]).to(tap.device)

        def told(done: int, before: int = number * how.steps) -> None:
            if progress is not None:
                progress(before + done, total)

        parts.append(_batch(tap, space, x0, classes, how, generator, told).cpu())
        told(how.steps)
    changed = torch.cat(parts).numpy()
    return np.rint(changed).astype(np.uint8) if how.integer else changed


def _batch(
    tap: Tap,
    space: Space,
    x0: torch.Tensor,
    classes: torch.Tensor,
    how: Attack,
    generator: torch.Generator,
    told: Callable[[int], None],
) -> torch.Tensor:
    if how.method == "noise":
        noise = _normal(x0, generator)
        noise = noise.sign() if how.norm == "linf" else noise / length(noise)
        return landed(x0, x0 + how.epsilon * noise, how)
    x, best = x0, x0
    if how.random_start:
        x = within(x0, x0 + _anywhere(x0, how, generator), how)
    most = torch.full((len(x0),), -math.inf, device=x0.device)
    for k in range(how.steps + 1):
        here = landed(x0, x, how)
        margin, sure, gradient = _look(tap, space, here, classes, how, gradient=k < how.steps)
        if how.method == "fgsm":
            best = here  # one step, whatever came of it
            moving = torch.ones_like(margin, dtype=torch.bool)
        else:
            best = torch.where(_wide(margin > most), here, best)
            most = torch.maximum(margin, most)
            moving = sure < how.sure if how.method == "ascent" else torch.ones_like(margin, dtype=torch.bool)
        if k == how.steps or not moving.any():
            break
        way = gradient.sign() if how.norm == "linf" else gradient / length(gradient)
        x = torch.where(_wide(moving), within(x0, x + how.step * way, how), x)
        told(k + 1)
    return best


def _look(
    tap: Tap, space: Space, pixels: torch.Tensor, classes: torch.Tensor, how: Attack, gradient: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How far the answer is as wanted (logits, (N,)), its probability (N,), and where in pixel space it gets more so."""
    with torch.enable_grad():
        leaf = pixels.detach().clone().requires_grad_(gradient)
        logits = logits_of(tap, space, leaf)
        if int(classes.max()) >= logits.shape[1]:
            raise ArgumentError(f"there are classes 0 to {logits.shape[1] - 1}, not {int(classes.max())}.")
        own = F.one_hot(classes, logits.shape[1]).bool()
        chosen, other = logits[own], logits.masked_fill(own, -math.inf).amax(1)
        sign = 1 if how.targeted else -1
        margin = sign * (chosen - other)
        wanted = margin if how.objective == "margin" else sign * F.log_softmax(logits, 1)[own]
        slope = torch.autograd.grad(wanted.sum(), leaf)[0] if gradient else torch.zeros_like(pixels)
    p = likely(tap, logits.detach())[own]
    return margin.detach(), p if how.targeted else 1 - p, slope


def _wide(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1)


def length(x: torch.Tensor) -> torch.Tensor:
    """The L2 length of each picture (N, 1, 1, 1); never 0."""
    return x.flatten(1).norm(dim=1).clamp_min(1e-30).view(-1, 1, 1, 1)


# -- budgets -------------------------------------------------------------------------------------------------------------
def within(x0: torch.Tensor, x: torch.Tensor, how: Attack) -> torch.Tensor:
    """The nearest picture to `x` that is within the budget around `x0`; then within 0..255, which is nearer still."""
    change = x - x0
    if how.norm == "linf":
        change = change.clamp(-how.epsilon, how.epsilon)
    elif not how.unlimited:
        change = change * (how.epsilon / length(change)).clamp_max(1)
    return (x0 + change).clamp(0, 255)


def landed(x0: torch.Tensor, x: torch.Tensor, how: Attack) -> torch.Tensor:
    """`x` within the budget, and of whole numbers where that is asked; `x0` is whole."""
    x = within(x0, x, how)
    return x0 + whole(x - x0, how) if how.integer else x


def whole(change: torch.Tensor, how: Attack) -> torch.Tensor:
    """A change rounded to whole numbers that does not leave the budget.

    linf: rounded, at most the whole part of the budget.  l2: rounded, and where that is too long, the values rounded
    away from 0 by most are rounded towards it instead, as few as will do.
    """
    near = change.round()
    if how.unlimited:
        return near
    if how.norm == "linf":
        bound = math.floor(how.epsilon)
        return near.clamp(-bound, bound)
    flat, given = near.flatten(1).clone(), change.flatten(1)
    excess = flat.double().square().sum(1) - how.epsilon**2
    for i in torch.nonzero(excess > 0).flatten().tolist():
        gained = flat[i].abs() - given[i].abs()  # above 0 where rounding made the change larger
        order = gained.argsort(descending=True)[: int((gained > 0).sum())]
        saved = (2 * flat[i][order].abs() - 1).double().cumsum(0)
        count = min(int((saved < excess[i]).sum()) + 1, len(order))
        few = order[:count]
        flat[i, few] -= flat[i, few].sign()
    return flat.view_as(change)


def _normal(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(like.shape, generator=generator).to(like)


def _anywhere(x0: torch.Tensor, how: Attack, generator: torch.Generator) -> torch.Tensor:
    """A change drawn evenly from the budget."""
    if how.norm == "linf":
        return (2 * torch.rand(x0.shape, generator=generator).to(x0) - 1) * how.epsilon
    way = _normal(x0, generator)
    far = torch.rand(len(x0), generator=generator).to(x0) ** (1 / x0[0].numel())
    return way / length(way) * _wide(far) * how.epsilon
