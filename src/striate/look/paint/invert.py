"""What a layer still knows of a picture: the picture made again from the layer's activations alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.look.arguments import Layers, Progress, listed, one_picture, part_of
from striate.look.paint.ascend import ascend
from striate.look.paint.regularizers import alpha_norm, total_variation
from striate.look.paint.transforms import Transforms
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import spread
from striate.look.tap import TappedRun, tapped
from striate.report import figures
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

SMOOTH = 0.05  # weight of the total variation


@dataclass
class Inversion(Look):
    """A picture made again from layers.

    original   uint8 (H, W, C), as the network saw it
    pictures   uint8 (L, H, W, C), one a layer
    errors     float64 (L, steps + 1): |activations - wanted| / |wanted| along the optimisation
    psnr       float64 (L,): of the pixels against the original, in dB
    """

    original: np.ndarray
    pictures: np.ndarray
    layers: list[str]
    errors: np.ndarray
    psnr: np.ndarray

    anchor = "inversion"
    title = "The picture, made again from each layer"
    source = "Mahendran & Vedaldi 2015"

    def note(self) -> str:
        worst = int(self.errors[:, -1].argmax())
        told = "Each picture was changed until that layer answered as to the original: where the relative error is near 0, "
        told += f"what differs is what the layer does not tell apart. It is {self.errors[worst, -1]:.3f} at most, at "
        told += f"{self.layers[worst]}, after {plural(self.errors.shape[1] - 1, 'step')}."
        far = [name for name, error in zip(self.layers, self.errors[:, -1], strict=True) if error > 0.5]
        return told + (f" Not there yet: {', '.join(far)}; take more steps." if far else "")

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        return ("layer", "relative error at first", "at last", "PSNR in dB"), [
            (name, f"{error[0]:.3f}", f"{error[-1]:.3f}", f"{psnr:.1f}")
            for name, error, psnr in zip(self.layers, self.errors, self.psnr, strict=True)
        ]

    def figure(self) -> Figure:
        words = [
            f"{name}\n{e:.3f}, {p:.1f} dB"
            for name, e, p in zip(self.layers, self.errors[:, -1], self.psnr, strict=True)
        ]
        return figures.pictures([self.original, *self.pictures], ["original", *words], columns=min(7, len(words) + 1))


def invert(
    model: Model,
    pictures: Any,
    layer: Layers | None = None,
    *,
    steps: int = 300,
    learning_rate: float = 0.05,
    alpha: float = 6.0,
    alpha_weight: float = 1e-3,
    tv_beta: float = 2.0,
    tv: float = SMOOTH,
    fourier: bool = True,
    jitter: int = 0,
    start: str | np.ndarray | torch.Tensor = "zero",
    seed: int = 0,
    progress: Progress | None = None,
) -> Inversion:
    """A picture made again from the activations of each layer: what the layer still knows of it.

    model      a network of one input (H, W, 1 or 3)
    pictures   one: a file, a PIL image, an array (H, W, C) or (1, H, W, C)
    layer      a layer's name, or several; None: six at equal steps of the network's depth
    steps      of the optimisation
    learning_rate   of Adam
    alpha      exponent of the norm that keeps the contrast within bounds
    alpha_weight   its weight
    tv_beta    exponent of the total variation
    tv         weight of the total variation, which keeps the picture smooth
    fourier    optimise Fourier coefficients in decorrelated colours, which finds large shapes too; else pixels, as the
               paper does
    jitter     shift by up to so many pixels before each step
    start      what the picture is at first: "zero" (middle grey), "noise", or a uint8 picture (1, H, W, C)
    seed       of all that is drawn at random
    progress   called as progress(done, whole)

    The loss is the squared distance of the activations over that of the wanted ones, as in equation 2 of the paper.  Raises
    ArgumentError for layers that are not there or answer nothing at all.  Of an output layer its logits are meant.
    """
    space = Space.of(model)
    pixels = one_picture(space, pictures)
    names = listed(layer) or spread(model)
    wanted = features(model, pixels, names)
    remakes, errors = [], []
    for k, name in enumerate(names):
        made, history = remade(
            model,
            name,
            wanted[name],
            steps=steps,
            learning_rate=learning_rate,
            regularizers=[alpha_norm(alpha_weight, alpha), total_variation(tv, tv_beta)],
            fourier=fourier,
            jitter=jitter,
            start=start,
            seed=seed,
            progress=part_of(progress, k, len(names)),
        )
        remakes.append(made)
        errors.append(history)
    return Inversion(
        pixels[0], np.stack(remakes), names, np.stack(errors), np.array([psnr(pixels[0], each) for each in remakes])
    )


def remade(
    model: Model,
    name: str,
    wanted: torch.Tensor,
    *,
    steps: int,
    learning_rate: float,
    regularizers: Sequence[Any],
    fourier: bool = True,
    jitter: int,
    start: Any,
    seed: int,
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray]:
    """A picture uint8 (H, W, C) whose activations (1, C, ...) are near `wanted`, and the relative errors (steps + 1,): the
    last of the picture itself, rounded."""
    size = wanted.square().sum()
    if not float(size):
        raise ArgumentError(f'"{name}" is 0 everywhere for this picture, so nothing can be made from it.')

    def objective(run: TappedRun) -> torch.Tensor:
        return -(run.at[name] - wanted).square().flatten(1).sum(1) / size

    made = ascend(
        model,
        objective,
        keep=[name],
        start=start,
        steps=steps,
        learning_rate=learning_rate,
        decay=0.05,
        fourier=fourier,
        within=not fourier,  # its tanh does not let a picture be quite black or white
        regularizers=regularizers,
        transforms=Transforms(jitter=jitter),
        seed=seed,
        progress=progress,
    )
    errors = np.sqrt(np.maximum(-made.history[:, 0], 0))
    (there,) = features(model, made.pictures, [name]).values()
    errors[-1] = float(((there - wanted).square().sum() / size).sqrt())
    return made.pictures[0], errors


def features(model: Model, pixels: np.ndarray, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """The activations of layers for uint8 pictures (N, H, W, C), channels first; of the output before its softmax."""
    with tapped(model, logits=True) as tap, torch.no_grad():
        like = torch.zeros((), dtype=tap.dtype, device=tap.device)
        return tap.run(Space.of(model).inputs(pixels, like), keep=names, stop=True).at


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal to noise ratio of uint8 pictures, in dB: 10 log10(255² / mean square error); infinite when equal."""
    error = float(np.square(a.astype(np.float64) - b).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
