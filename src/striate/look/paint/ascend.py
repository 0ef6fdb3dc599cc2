"""The one loop that changes a picture until a network says what is wanted.

Maximised classes, DeepDream, inversion and adversarial pictures are all this: a number for each picture, taken from a run
of the network, is made larger by gradient steps on the picture.

The picture is held as its contrast, a tensor (N, C, H, W) in the order of channels that the network sees: -1 is black, 0
the middle grey, 1 white, whatever the network's preprocessing.  One level of 255 is 2/255.  So one learning rate and one
regularizer mean the same for every network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from striate.errors import ArgumentError, unknown
from striate.look.arguments import Progress
from striate.look.paint.parametrisation import Fourier, Pixels
from striate.look.paint.regularizers import blurred
from striate.look.paint.transforms import Transforms
from striate.look.pictures import Space
from striate.look.tap import Rule, TappedRun, tapped

if TYPE_CHECKING:
    from striate.model import Model

Objective = Callable[[TappedRun], torch.Tensor]
Rise = Literal["adam", "gradient", "sign"]
RISES: tuple[Rise, ...] = ("adam", "gradient", "sign")
NOISE = 0.05  # deviation of a start from noise, in contrast


# -- the loop ------------------------------------------------------------------------------------------------------------
@dataclass
class Ascent:
    """What the loop came to.

    pictures    uint8 (N, H, W, C), RGB
    contrast    float32 (N, C, H, W), -1 black, 1 white, in the network's order of channels; not rounded
    inputs      the same as network inputs (N, C, H, W)
    history     float64 (steps + 1, N): the objective, without regularizers; at each step of the picture as it was moved
                then, in the last row of the final picture, not moved
    """

    pictures: np.ndarray
    contrast: torch.Tensor
    inputs: torch.Tensor
    history: np.ndarray


@dataclass
class Range:
    """Between contrast and the inputs of a network."""

    space: Space
    middle: torch.Tensor  # (1, C, 1, 1), the input of the middle grey
    half: torch.Tensor  # (1, C, 1, 1), from there to that of white

    @classmethod
    def of(cls, space: Space, like: torch.Tensor) -> Range:
        middle = space.per_channel(space.offset + 127.5 * space.factor, like)
        return cls(space, middle, space.per_channel(127.5 * space.factor, like))

    def inputs(self, contrast: torch.Tensor) -> torch.Tensor:
        return contrast * self.half + self.middle

    def contrast(self, inputs: torch.Tensor) -> torch.Tensor:
        return (inputs - self.middle) / self.half


def ascend(
    model: Model,
    objective: Objective,
    *,
    keep: Sequence[str] = (),
    to_end: bool = False,
    start: Any = "zero",
    count: int = 1,
    size: tuple[int, int] | None = None,
    steps: int = 256,
    learning_rate: float = 0.05,
    decay: float = 1.0,
    rise: Rise = "adam",
    fourier: bool = False,
    decorrelate: bool = True,
    regularizers: Sequence[Callable[[torch.Tensor], torch.Tensor]] = (),
    blur: tuple[int, float] | None = None,
    transforms: Transforms | None = None,
    within: bool = True,
    project: Callable[[torch.Tensor], torch.Tensor] | None = None,
    tile: tuple[int, int] | None = None,
    rule: Rule = "backprop",
    logits: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Ascent:
    """Change pictures so that `objective` of a run of the network rises.  The model is left as it was.

    objective   given a ``TappedRun`` (``run.output`` (N, classes), ``run.at[name]`` of what `keep` names), a number for each
                picture, (N,); to make something smaller, its negative
    keep        names of layers; the network runs no further than the last of them.  None named: to the end
    to_end      run to the end also where layers are named, for an objective of `run.output` and layers
    start       "zero": middle grey; "noise": normal, deviation 0.05 around it (in Fourier coefficients with `fourier`);
                uint8 pictures (N, H, W, C) RGB; or a float tensor of contrast (N, C, H, W)
    count       how many pictures, from "zero" or "noise"; the first is the same whatever the count
    size        (H, W), with "zero" or "noise"; None: as the network takes
    steps, learning_rate, decay   the rate falls along half a cosine to `decay` times itself at the last step
    rise        "adam" (Kingma & Ba 2014); "gradient": a step has the root mean square `learning_rate` in each picture;
                "sign": every number moves by exactly that (pixels only, for L∞ attacks)
    fourier     optimise Fourier coefficients, each divided by its frequency, squashed to the range of pictures by tanh;
                with `decorrelate` in colours decorrelated over ImageNet (Olah, Mordvintsev & Schubert 2017)
    regularizers   functions of contrast that give (N,), subtracted from the objective: ``alpha_norm(weight, alpha)``,
                ``total_variation(weight, beta)``
    blur        (n, sigma): every n steps a Gaussian blur of `sigma` pixels (Yosinski et al. 2015, section 3)
    transforms  how the picture is moved before each look at it
    within      keep contrast between -1 and 1, what a picture can be (with `fourier` it always is, when True)
    project     applied to contrast after each step, before `within`: a budget around another picture, say
    tile        (H, W): the network sees tiles of this size, evenly laid so that they cover the picture; the gradient
                where they overlap is their mean, the objective the mean of theirs.  For pictures of any size
    rule        how gradients pass rectifiers, see ``tapped``
    logits      `run.output` before the softmax or sigmoid that the network ends in
    progress    called as progress(done, steps)

    Raises ArgumentError for unknown names and values out of range, and when the objective is no longer a number.
    """
    _check(steps, learning_rate, rise, count, fourier, blur)
    random = torch.Generator().manual_seed(seed)
    moved = transforms or Transforms()
    with tapped(model, rule=rule, logits=logits) as tap, torch.enable_grad():
        dtype = tap.dtype if tap.dtype == torch.float64 else torch.float32
        like = torch.zeros((), dtype=dtype, device=tap.device)
        span = Range.of(Space.of(model), like)
        channels = span.space.shape[2]
        shape = (count, channels, *(size or span.space.shape[:2]))
        image: Pixels | Fourier
        if fourier:
            image = Fourier(shape, like, colours=decorrelate and channels == 3, within=within, bgr=span.space.bgr)
        else:
            image = Pixels(shape, like, within)
        if isinstance(start, str):
            if start not in ("zero", "noise"):
                raise unknown("start", start, ("zero", "noise"))
            if start == "noise":
                image.scatter(random, NOISE)
        else:
            image.put(_contrast(start, span, like))
        adam = torch.optim.Adam([image.values], lr=learning_rate) if rise == "adam" else None

        def look(contrast: torch.Tensor) -> torch.Tensor:
            run = tap.run(span.inputs(contrast).to(tap.dtype), keep=keep, stop=bool(keep) and not to_end)
            values = objective(run).to(dtype)
            if values.shape != (len(contrast),):
                raise ArgumentError(f"an objective gives one number a picture, ({len(contrast)},), not {values.shape}.")
            return values

        history = []
        for step in range(steps):
            contrast = image.contrast()
            value, gradient = _slope(look, moved(contrast, random), contrast, tile)
            if regularizers:
                penalty = torch.stack([each(contrast).sum() for each in regularizers]).sum()
                gradient = gradient - torch.autograd.grad(penalty, contrast, retain_graph=True)[0]
            (slope,) = torch.autograd.grad(contrast, image.values, gradient)
            history.append(_finite(value, step))
            part = step / max(steps - 1, 1)
            rate = learning_rate * (decay + (1 - decay) * (1 + math.cos(math.pi * part)) / 2)
            with torch.no_grad():
                if adam is not None:
                    adam.param_groups[0]["lr"] = rate
                    image.values.grad = -slope
                    adam.step()
                else:
                    image.values += rate * (slope.sign() if rise == "sign" else _unit(slope))
                if blur is not None and (step + 1) % blur[0] == 0:
                    image.put(blurred(image.contrast(), blur[1]))
                if project is not None:
                    image.put(project(image.contrast()))
                image.clip()
            if progress is not None:
                progress(step + 1, steps)
        final = image.contrast().detach()
        with torch.no_grad():
            history.append(_finite(_value(look, final, tile), steps))
        inputs = span.inputs(final)
        return Ascent(span.space.shown(inputs), final, inputs, np.stack(history))


def _check(steps: int, rate: float, rise: str, count: int, fourier: bool, blur: tuple[int, float] | None) -> None:
    if rise not in RISES:
        raise unknown("way to rise", str(rise), RISES)
    if steps < 0 or count < 1 or not rate > 0:
        raise ArgumentError(f"steps {steps} must be 0 or more, count {count} at least 1, learning_rate {rate} above 0.")
    if blur is not None and (blur[0] < 1 or blur[1] <= 0):
        raise ArgumentError(f"blur is (every how many steps, sigma in pixels), both above 0, not {blur}.")
    if fourier and rise == "sign":
        raise ArgumentError('rise="sign" moves pixels; it does not go with Fourier coefficients.')


def _contrast(start: Any, span: Range, like: torch.Tensor) -> torch.Tensor:
    """The contrast of a start: pictures, or contrast already."""
    channels = span.space.shape[2]
    if isinstance(start, torch.Tensor) and start.is_floating_point() and start.ndim == 4 and start.shape[1] == channels:
        return start.detach().to(like.device, like.dtype)
    array = np.asarray(start)
    if array.dtype == np.uint8 and array.ndim == 4 and array.shape[-1] == channels:
        return span.contrast(span.space.inputs(array, like))
    raise ArgumentError(
        f"a start is uint8 pictures (N, H, W, {channels}) or a float tensor of contrast (N, {channels}, H, W), not "
        f"{array.dtype} {array.shape}."
    )


def _unit(slope: torch.Tensor) -> torch.Tensor:
    """Each picture's gradient divided by its root mean square; one that is 0 everywhere stays."""
    size = slope.flatten(1).square().mean(1).sqrt().view(-1, *[1] * (slope.ndim - 1))
    return slope / size.clamp_min(torch.finfo(slope.dtype).tiny)


def _finite(value: torch.Tensor, step: int) -> np.ndarray:
    values = value.detach().double().cpu().numpy()
    if not np.isfinite(values).all():
        raise ArgumentError(
            f"the objective became {values[~np.isfinite(values)][0]} at step {step}: a smaller learning rate?"
        )
    return values


# -- tiles ---------------------------------------------------------------------------------------------------------------
def places(length: int, tile: int) -> list[int]:
    """Where tiles begin that cover `length`: as few as do, evenly laid, the first at 0, the last at the end."""
    if tile >= length:
        return [0]
    number = -(-length // tile)
    return [round(i * (length - tile) / (number - 1)) for i in range(number)]


def _tiles(x: torch.Tensor, tile: tuple[int, int] | None) -> list[tuple[slice, slice]]:
    if tile is None:
        return [(slice(None), slice(None))]
    rows, columns = places(x.shape[2], tile[0]), places(x.shape[3], tile[1])
    return [(slice(y, y + tile[0]), slice(x, x + tile[1])) for y in rows for x in columns]


def _slope(
    look: Objective | Callable[[torch.Tensor], torch.Tensor],
    seen: torch.Tensor,
    contrast: torch.Tensor,
    tile: tuple[int, int] | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The value (N,) and its gradient for the contrast, of which `seen` was made; tile by tile."""
    gradient, seen_by = torch.zeros_like(seen), torch.zeros_like(seen)
    values = []
    for area in _tiles(seen, tile):
        part = seen[:, :, *area].detach().requires_grad_()
        value = look(part)  # type: ignore[arg-type]
        gradient[:, :, *area] += torch.autograd.grad(value.sum(), part)[0]
        seen_by[:, :, *area] += 1
        values.append(value.detach())
    (slope,) = torch.autograd.grad(seen, contrast, gradient / seen_by, retain_graph=True)
    return torch.stack(values).mean(0), slope


def _value(look: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, tile: tuple[int, int] | None) -> torch.Tensor:
    return torch.stack([look(x[:, :, *area]) for area in _tiles(x, tile)]).mean(0)
