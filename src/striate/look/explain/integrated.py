"""Integrated gradients: the way from a baseline to the picture, gradient by gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.look.arguments import Progress, Target, part_of, parts
from striate.look.explain.explanation import Explanation, Question, background, classes
from striate.look.explain.saliency import gradient, rgb
from striate.look.explain.sanity import ENOUGH, checked
from striate.look.tap import tapped
from striate.wording import plural

if TYPE_CHECKING:
    from striate.model import Model

QUICK = 16  # steps that are enough for the sanity check


@dataclass
class IntegratedGradients(Explanation):
    """What each input adds to the class's logit on the straight way from the baseline to the picture.

    values   float32 (N, H, W, C), RGB; their sum is about the logit of the picture minus that of the baseline
    gap      float64 (N,): by how much it is not, values.sum() - (logit - logit of the baseline)
    change   float64 (N,): that difference of logits
    steps    points on the way
    """

    gap: np.ndarray
    change: np.ndarray
    steps: int

    anchor: ClassVar[str] = "integrated"
    title: ClassVar[str] = "Integrated gradients"
    source: ClassVar[str] = "Sundararajan et al. 2017, section 3"
    method: ClassVar[str] = "integrated"

    @property
    def relative_gap(self) -> np.ndarray:
        """float64 (N,): the absolute gap as a part of the change of the logit."""
        return np.abs(self.gap) / np.maximum(np.abs(self.change), 1e-12)

    def reading(self) -> str:
        return (
            "Red pixels raised the logit on the way from the baseline, blue ones lowered it. They add up to its change but "
            f"for {self.relative_gap.max():.1%} at most, with {plural(self.steps, 'step')}."
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]] | None:
        return ("class", "logit", "change from baseline", "sum of values", "gap"), [
            (label, round(float(score), 3), round(float(change), 3), round(float(change + gap), 3), f"{part:.2%}")
            for label, score, change, gap, part in zip(
                self.labels, self.scores, self.change, self.gap, self.relative_gap, strict=True
            )
        ]


def integrated(
    model: Model,
    pictures: Any,
    target: Target | None = None,
    *,
    steps: int = 64,
    baseline: str | float | np.ndarray = "black",
    check: bool = False,
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> IntegratedGradients:
    """Integrated gradients: what each pixel adds to an answer on the way from a baseline to the picture.

    That is (picture - baseline) times the mean of the logit's gradients at the middles of `steps` equal pieces of the way
    between the two (Sundararajan et al. 2017, equation 3, by the midpoint rule).

    model      a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures   files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target     a class: its number or name, for all pictures or one for each; None: the network's answer
    steps      points on the way
    baseline   what says nothing: "black", "white", "grey", a pixel value 0..255, a picture for all or one for each
    check      whether to say in ``verdict`` and ``note()`` if the map changes when the top half of the layers is
               randomised (``look.sanity``); three times the work, with 16 steps at most
    batch_size   points at a time
    seed       of the randomised layers, where `check` asks for them
    progress   called as progress(done, whole)

    Completeness (proposition 1) holds up to the gap that the result reports; more steps make it smaller.  The model stays
    as it is.  Raises ArgumentError for less than 1 step or an unknown baseline.
    """
    if steps < 1:
        raise ArgumentError(f"integrated gradients take 1 step or more, not {steps}.")
    asked = Question.of(model, pictures, target, batch_size)
    going = part_of(progress, 0, 2) if check else progress
    start = background(asked.space, baseline, asked.inputs)
    if len(start) not in (1, len(asked)):
        raise ArgumentError(
            f"{plural(len(start), 'baseline')} for {plural(len(asked), 'picture')}: give one, or one for each."
        )
    alone, start = len(start) == 1, start.expand_as(asked.inputs)
    gains, before = [], []
    with tapped(model, logits=True) as tap:
        places = ((torch.arange(steps, dtype=torch.float64) + 0.5) / steps).to(asked.inputs)
        for i, number in enumerate(asked.targets):
            way = asked.inputs[i : i + 1] - start[i : i + 1]
            total = torch.zeros_like(way, dtype=torch.float64)
            for part in parts(steps, batch_size):
                x = start[i : i + 1] + places[part].view(-1, 1, 1, 1) * way
                x = x.contiguous(memory_format=torch.channels_last).requires_grad_(True)
                total += gradient(classes(tap, x)[:, number].sum(), x).double().sum(0, keepdim=True)
                if going is not None:
                    going(i * steps + part.stop, len(asked) * steps)
            gains.append((total / steps * way.double()).detach())
            with torch.no_grad():
                before.append(float(classes(tap, start[i : i + 1])[0, number]))
    change = asked.values - np.asarray(before)
    gap = np.asarray([float(each.sum()) for each in gains]) - change
    made = IntegratedGradients(
        asked.pixels, rgb(asked.space, gains), asked.targets, asked.labels, asked.values, gap, change, steps
    )
    if check:
        few = baseline if alone else asked.space.pixels(baseline)[:ENOUGH]
        again = partial(integrated, steps=min(steps, QUICK), baseline=few)
        checked(model, made, again, seed=seed, progress=part_of(progress, 1, 2))
    return asked.on_photos(made)
