"""Pictures that a class, a map or a single unit answers to most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.data import Dataset
from striate.errors import ArgumentError, DataError
from striate.look.arguments import Progress
from striate.look.paint.ascend import Ascent, ascend
from striate.look.paint.regularizers import alpha_norm, total_variation
from striate.look.paint.transforms import Transforms
from striate.look.pictures import Space, label_of, target_of
from striate.look.result import Look
from striate.look.tap import Tap, TappedRun, tapped
from striate.report import figures
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

Unit = int | str | tuple[Any, ...]


@dataclass
class Maximised(Look):
    """What the wanted numbers are largest for.

    pictures       uint8 (N, H, W, C), RGB
    names          of what was maximised
    values         float64 (N,): it, of the picture rounded to whole pixel values: a logit, a mean over a map, an activation
    probabilities  float64 (N,): for classes that of the rounded picture, else nan
    history        float64 (steps + 1, N), see ``Ascent``
    """

    pictures: np.ndarray
    names: list[str]
    values: np.ndarray
    probabilities: np.ndarray
    history: np.ndarray

    anchor = "maximised"
    title = "Pictures that maximise an answer"
    source = "Simonyan, Vedaldi & Zisserman 2013, section 2; Yosinski et al. 2015; Olah, Mordvintsev & Schubert 2017"

    def note(self) -> str:
        told = f"{plural(len(self.names), 'picture')}, each made so that the network answers to it most."
        sure = self.probabilities[np.isfinite(self.probabilities)]
        if len(sure):
            told += (
                f" Shown to the network again they are of the wanted class with probability {sure.min():.4f} or more."
            )
        return told

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        return ("of", "at first", "at last", "probability"), [
            (name, f"{first:.4g}", f"{value:.4g}", f"{p:.4f}" if np.isfinite(p) else "")
            for name, first, value, p in zip(self.names, self.history[0], self.values, self.probabilities, strict=True)
        ]

    def figure(self) -> Figure:
        captions = [
            f"{name}\n{p:.2%}" if np.isfinite(p) else f"{name}\n{value:.3g}"
            for name, value, p in zip(self.names, self.values, self.probabilities, strict=True)
        ]
        columns = min(6, len(captions)) if len(captions) != 4 else 4
        return figures.pictures(list(self.pictures), captions, columns=columns)


def maximise(
    model: Model,
    target: Unit | Sequence[Unit] | Mapping[Unit, float] | Sequence[Mapping[Unit, float]],
    *,
    start: str | np.ndarray | torch.Tensor | Dataset = "zero",
    steps: int = 256,
    learning_rate: float = 0.05,
    fourier: bool = True,
    l2: float = 0.0,
    tv: float = 0.0,
    blur: tuple[int, float] | None = None,
    jitter: int | None = None,
    rotate: float = 5.0,
    scale: float = 1.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Maximised:
    """Pictures that classes, maps or single units answer to most.

    model    a network of one input (H, W, 1 or 3)
    target   a class (number or name): its logit; (layer, map) or "layer:map": the mean over that map, or the number of a
             vector; (layer, map, y, x) or "layer:map:y:x": one unit; {any of these: weight}: their weighted sum; a list of
             these: a picture each
    start    what the picture is at first: "zero" (middle grey), "noise"; a Dataset: the mean picture of each class wanted;
             or uint8 pictures (N, H, W, C)
    steps    of the optimisation
    learning_rate   of Adam
    fourier  optimise Fourier coefficients in decorrelated colours, which spreads the picture over all frequencies; else
             pixels
    l2       weight of the L2 norm of the contrast
    tv       weight of the total variation of the contrast, which keeps the picture smooth
    blur     (n, sigma): every n steps a Gaussian blur of `sigma` pixels; None: never
    jitter   shift by up to so many pixels before each step; None: a sixteenth of the side
    rotate   turn by up to so many degrees before each step
    scale    scale by up to such a factor before each step
    seed     of all that is drawn at random
    progress   called as progress(done, whole)

    The model is left as it was.  Raises ArgumentError for classes, layers, maps and places that are not there, DataError
    for a Dataset without pictures of the class.
    """
    targets: Any = [target] if isinstance(target, int | str | np.integer | tuple | Mapping) else target
    wanted = [dict(each) if isinstance(each, Mapping) else {each: 1.0} for each in targets]
    if not wanted or not all(wanted):
        raise ArgumentError("maximise: which target? A class, (layer, map), (layer, map, y, x), or a list of these.")
    with tapped(model, logits=True) as tap, torch.no_grad():
        space = Space.of(model)
        blank = torch.zeros((1, space.shape[2], *space.shape[:2]), dtype=tap.dtype, device=tap.device)
        there = tap.run(blank, keep=tap.names)
        parsed = [[(_place(model, tap, there, unit), float(w)) for unit, w in each.items()] for each in wanted]
    names = [" + ".join(_words(model, unit, w, len(each)) for unit, w in each) for each in parsed]
    keep = list(dict.fromkeys(unit[0] for each in parsed for unit, _ in each if unit[0] is not None))

    def objective(run: TappedRun) -> torch.Tensor:
        return torch.stack([sum(_value(run, i, unit) * w for unit, w in each) for i, each in enumerate(parsed)])  # type: ignore[misc]

    made: Ascent = ascend(
        model,
        objective,
        keep=keep,
        to_end=any(unit[0] is None for each in parsed for unit, _ in each),
        start=_mean_pictures(model, space, start, parsed) if isinstance(start, Dataset) else start,
        count=len(parsed),
        steps=steps,
        learning_rate=learning_rate,
        decay=0.1,
        fourier=fourier,
        regularizers=[*([alpha_norm(l2)] if l2 else []), *([total_variation(tv)] if tv else [])],
        blur=blur,
        transforms=Transforms(
            jitter=max(space.shape[:2]) // 16 if jitter is None else jitter, rotate=rotate, scale=scale
        ),
        seed=seed,
        progress=progress,
    )
    with tapped(model, logits=True) as tap, torch.no_grad():
        run = tap.run(space.inputs(made.pictures, blank), keep=keep)
        values = objective(run).double().cpu().numpy()
        sure = np.full(len(parsed), np.nan)
        for i, each in enumerate(parsed):
            if len(each) == 1 and each[0][0][0] is None:
                logits = run.output[i].double()
                p = model.answers.of_logits(logits[None])[0, each[0][0][1]]
                sure[i] = float(p)
    return Maximised(made.pictures, names, values, sure, made.history)


def _place(model: Model, tap: Tap, there: TappedRun, unit: Unit) -> tuple[Any, ...]:
    """(None, class), (layer, map) or (layer, map, y, x) of a unit, checked; a number of the last layer is its class."""
    unit = _split(unit, model.labels or ())
    if isinstance(unit, int | str | np.integer):
        if there.output.ndim != 2:
            raise ArgumentError(f"{unit!r} is a class, and this network's output has no classes; name (layer, map).")
        logits = there.output[0].cpu().numpy()
        return None, target_of(model, int(unit) if isinstance(unit, np.integer) else unit, logits)
    if len(unit) not in (2, 4) or unit[0] not in there.at:
        if unit and unit[0] not in there.at:
            tap.run(next(iter(there.at.values())), keep=[str(unit[0])])  # says which name is near
        raise ArgumentError(f"maximise: (layer, map) or (layer, map, y, x), not {unit!r}.")
    shape = tuple(there.at[unit[0]].shape[1:])
    if len(unit) == 4 and len(shape) != 3:
        raise ArgumentError(
            f'"{unit[0]}" is a vector of {plural(shape[0], "number")}; (layer, number) names one of them.'
        )
    for index, size, of in zip(unit[1:], shape, ("maps", "rows", "columns"), strict=False):
        if not isinstance(index, int | np.integer) or not 0 <= index < size:
            raise ArgumentError(f'"{unit[0]}" has {of} 0 to {size - 1}, not {index!r}.')
    head = model.graph.label(model.graph.outputs[0].node)
    as_class = unit[0] == head and there.output.ndim == 2 and there.output.shape[1:] == shape
    return (None if as_class else str(unit[0]), *(int(index) for index in unit[1:]))


def _split(unit: Unit, labels: Sequence[str]) -> Unit:
    """ "layer:map" and "layer:map:y:x" as tuples; a class's name may have colons too."""
    if not isinstance(unit, str) or unit in labels:
        return unit
    name, *numbers = unit.split(":")
    return (name, *map(int, numbers)) if numbers and all(n.isdigit() for n in numbers) else unit


def _value(run: TappedRun, i: int, unit: tuple[Any, ...]) -> torch.Tensor:
    if unit[0] is None:
        return run.output[i, unit[1]]
    at = run.at[unit[0]][i]
    return at[unit[1:]] if len(unit) == 4 else at[unit[1]].mean()


def _words(model: Model, unit: tuple[Any, ...], weight: float, count: int) -> str:
    if unit[0] is None:
        name = label_of(model, unit[1]).split(",")[0]
    else:
        name = f"{unit[0]}: {unit[1]}" + (f" at {unit[2]}, {unit[3]}" if len(unit) == 4 else "")
    return name if count == 1 and weight == 1 else f"{weight:g} x {name}"


def _mean_pictures(model: Model, space: Space, data: Dataset, parsed: list[Any]) -> np.ndarray:
    """uint8 (N, H, W, C): the mean of all pictures of the class that each picture is to be of."""
    labels, pixels = data.labels, space.pixels(data)
    if labels is None:
        raise DataError(f"{data.name}: has no classes, so there is no mean picture of one.")
    names, means = list(data.classes or ()), []
    for each in parsed:
        number = each[0][0][1]
        wanted = label_of(model, number)
        number = names.index(wanted) if wanted in names else number
        if each[0][0][0] is not None or not (labels == number).any():
            raise DataError(f'{data.name}: has no pictures of the class "{wanted}" to start from.')
        means.append(np.rint(pixels[labels == number].mean(axis=0)))
    return np.stack(means).astype(np.uint8)
