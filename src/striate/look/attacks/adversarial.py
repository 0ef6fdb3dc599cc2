"""Pictures changed by less than one sees until the network answers otherwise, and how its accuracy falls under attack."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from striate.errors import ArgumentError, DataError
from striate.look.arguments import Progress, Target, labelled
from striate.look.attacks.budget import METHODS, Attack, answers, perturb
from striate.look.pictures import Space, label_of, target_of
from striate.look.result import Look
from striate.look.tap import tapped
from striate.report import figures
from striate.report.tiles import rgba
from striate.weights import atomic_write
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model


@dataclass
class Adversarial(Look):
    """Pictures that fool a network, with what it answered before and after.

    pictures     uint8 (N, H, W, C), or float32 where `attack.integer` is off: what the network is fooled with
    originals    uint8 (N, H, W, C)
    goal         int64 (N,): the class wanted, or without a target the class to get away from
    before, after   int64 (N,): the network's answers;  before_p, after_p: their probabilities
    names        of the classes
    attack       how it was done; distances are in pixel values, 0..255
    """

    anchor: ClassVar[str] = "adversarial"
    title: ClassVar[str] = "Adversarial pictures"

    pictures: np.ndarray
    originals: np.ndarray
    goal: np.ndarray
    before: np.ndarray
    after: np.ndarray
    before_p: np.ndarray
    after_p: np.ndarray
    names: Callable[[int], str]
    attack: Attack
    space: Space

    @property
    def source(self) -> str:  # type: ignore[override]
        return METHODS[self.attack.method]

    @property
    def counted(self) -> np.ndarray:
        """bool (N,): where there was something to do; not where the answer was the wanted one before."""
        return (self.before != self.goal) if self.attack.targeted else (self.before == self.goal)

    @property
    def fooled(self) -> np.ndarray:
        """bool (N,): whether the network now answers as wanted."""
        return (self.after == self.goal) if self.attack.targeted else (self.after != self.goal)

    @property
    def success(self) -> float:
        """The share of fooled ones among the pictures that count; nan if none counts."""
        return float(self.fooled[self.counted].mean()) if self.counted.any() else float("nan")

    @property
    def differences(self) -> np.ndarray:
        """float32 (N, H, W, C), in pixel values."""
        return self.pictures.astype(np.float32) - self.originals

    @property
    def linf(self) -> np.ndarray:
        """(N,): the largest change of a pixel value."""
        return np.abs(self.differences).max(axis=(1, 2, 3))

    @property
    def l2(self) -> np.ndarray:
        """(N,): the root of the sum of squared changes, over all pixel values of a picture."""
        return np.sqrt(np.square(self.differences, dtype=np.float64).sum(axis=(1, 2, 3)))

    def magnified(self, gain: float | None = None) -> np.ndarray:
        """The differences as uint8 pictures around grey, `gain` times as large; None: each to its full range."""
        largest = np.maximum(self.linf, 1e-9)[:, None, None, None]
        factor = 127 / largest if gain is None else gain
        return np.rint(128 + self.differences * factor).clip(0, 255).astype(np.uint8)

    def write(self, folder: str | os.PathLike[str], names: Sequence[str] | None = None) -> list[Path]:
        """Each picture as a PNG file from which the model's own preprocessing reads back the same pixels.

        folder   where to; made if it is not there
        names    of the files, without ending; None: adversarial_000 and so on

        A preprocessing that scales a photo's shorter side and cuts out the middle gets a margin to cut off.  Raises
        ArgumentError for pictures that are not whole numbers.
        """
        if not self.attack.integer:
            raise ArgumentError("these pictures have fractions, which no PNG holds; make them with integer=True.")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for i, picture in enumerate(self.pictures):
            paths.append(folder / f"{names[i] if names else f'adversarial_{i:03d}'}.png")
            atomic_write(paths[-1], figures.png(rgba(self.space.framed(picture))))
        return paths

    def figure(self) -> Figure:
        """Up to eight pictures: as they were, the difference magnified, and as the network is fooled."""
        chosen = [*np.flatnonzero(self.fooled & self.counted), *np.flatnonzero(~(self.fooled & self.counted))][:8]
        shown, captions = [], []
        large, gains = self.magnified(), 127 / np.maximum(self.linf, 1e-9)
        for i in chosen:
            name, now = self.names(int(self.before[i])), self.names(int(self.after[i]))
            shown += [self.originals[i], large[i], np.rint(self.pictures[i]).astype(np.uint8)]
            captions += [
                f"{figures.plain(name, 40)}\n{self.before_p[i]:.1%}",
                f"difference × {gains[i]:.0f}\nL∞ {self.linf[i]:.3g}, L2 {self.l2[i]:.0f}",
                f"{figures.plain(now, 40)}\n{self.after_p[i]:.1%}",
            ]
        return figures.pictures(shown, captions, columns=3 if len(chosen) == 1 else 6)

    def note(self) -> str:
        if not self.counted.any():
            return "No picture was left to fool: all were answered so before."
        wanted = "give the class that was wanted" if self.attack.targeted else "give another class"
        here = self.counted & self.fooled if (self.counted & self.fooled).any() else self.counted
        return (
            f"{int((self.fooled & self.counted).sum())} of {plural(int(self.counted.sum()), 'picture')} make "
            f"the network {wanted} "
            f"({self.success:.1%}), changed by {self.attack}. Largest change of a pixel value: {self.linf[here].max():.3g} "
            f"of 255; mean L2 distance {self.l2[here].mean():.0f}."
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ["before", "probability", "after", "probability after", "Linf", "L2", "fooled"]
        rows = [
            [
                self.names(int(self.before[i])), f"{self.before_p[i]:.1%}", self.names(int(self.after[i])),
                f"{self.after_p[i]:.1%}", f"{self.linf[i]:.3g}", f"{self.l2[i]:.1f}", "yes" if self.fooled[i] else "no",
            ]
            for i in range(len(self.pictures))
        ]  # fmt: skip
        return heads, rows

    def facts(self) -> dict[str, Any]:
        return {
            "method": self.attack.method,
            "norm": self.attack.norm,
            "epsilon": None if self.attack.unlimited else self.attack.epsilon,
            "steps": self.attack.steps,
            "pictures": len(self.pictures),
            "counted": int(self.counted.sum()),
            "success": None if np.isnan(self.success) else round(self.success, 6),
            **super().facts(),
        }


def adversarial(
    model: Model,
    pictures: Any,
    target: Target | None = None,
    *,
    labels: Any = None,
    method: Literal["pgd", "fgsm", "ascent", "noise"] = "pgd",
    norm: Literal["linf", "l2"] | None = None,
    epsilon: float | None = None,
    steps: int | None = None,
    step: float | None = None,
    integer: bool = True,
    random_start: bool = False,
    objective: Literal["cross-entropy", "margin"] = "cross-entropy",
    sure: float = 0.9,
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> Adversarial:
    """Pictures changed a little, so that the network gives another answer.

    model       a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures    files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target      the class to be answered: its number or name, for all pictures or one for each; None: any but `labels`
    labels      the true classes (N,); None: a Dataset's own, else the network's answers
    method      "ascent": gradient ascent on the class's log probability until it is `sure`, with no budget unless one is
                given (Szegedy et al. 2013, section 4, do this with L-BFGS and a penalty on the distance); "fgsm": one step
                along the gradient's sign (Goodfellow et al. 2014, section 4); "pgd": many steps, each projected into the
                budget, the worst of them kept (Madry et al. 2017, section 2.1); "noise": a random change of that size
    norm        of the budget: "linf", the largest change of any pixel value, or "l2", the root of the sum of squares; None:
                l2 for ascent, else linf
    epsilon     the budget in pixel values 0..255; None: 4 for linf, a mean square of 2 per value for l2
    steps       of PGD and ascent; None: 40, of ascent at most 400
    step        how long a step is, in that norm; None: 2.5 · epsilon / steps
    integer     pixels stay whole numbers within the budget, so that a saved PNG still fools; gradients are taken there too
    random_start   PGD begins anywhere in the budget, not at the picture
    objective   "cross-entropy", or "margin" between the logits of the class and the best other one (Carlini & Wagner 2016,
                section 5), whose gradient does not vanish where the network is very sure
    sure        the probability at which ascent stops
    batch_size  pictures at a time
    seed        of the random start and of the noise
    progress    called as progress(done, whole)

    The budget is measured on the pixels that the network's preprocessing made, and these stay within 0..255.  Raises
    ArgumentError for unknown names and numbers that make no sense, DataError for labels that do not fit.
    """
    space = Space.of(model)
    pixels = space.pixels(pictures)
    how = Attack.of(
        method, norm, epsilon, steps, step, pixels[0].size, targeted=target is not None, integer=integer,
        random_start=random_start, objective=objective, sure=sure,
    )  # fmt: skip
    with tapped(model, logits=True) as tap:
        before = answers(tap, space, pixels, batch_size)
        goal = _goal(model, pictures, before, target, labels)
        changed = perturb(tap, space, pixels, goal, how, batch_size, seed, progress)
        after = answers(tap, space, changed, batch_size)
    return Adversarial(
        pictures=changed, originals=pixels, goal=goal, before=before.argmax(1), after=after.argmax(1),
        before_p=before.max(1), after_p=after.max(1), names=lambda k: label_of(model, k), attack=how, space=space,
    )  # fmt: skip


def _goal(model: Model, pictures: Any, before: np.ndarray, target: Any, labels: Any) -> np.ndarray:
    """int64 (N,): the classes wanted, or to get away from."""
    count = len(before)
    if target is not None:
        several = not isinstance(target, str | int | np.integer)
        targets = list(target) if several else [target] * count
        if len(targets) != count:
            raise DataError(
                f"{plural(len(targets), 'target')} for {plural(count, 'picture')}; give one class, or one for each."
            )
        return np.array([target_of(model, _plain(t), before[0]) for t in targets], np.int64)
    labels = labelled(pictures, labels)
    return before.argmax(1) if labels is None else checked_labels(labels, *before.shape)


def _plain(target: Any) -> int | str:
    return int(target) if isinstance(target, np.integer) else target


def checked_labels(labels: Any, count: int, classes: int) -> np.ndarray:
    """Labels as int64 (N,).  Raises DataError for another number of them, or one that is no class."""
    numbers = np.asarray(labels)
    if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
        raise DataError(
            f"labels are {plural(count, 'class number')}, one for each picture, not {numbers.dtype} {numbers.shape}."
        )
    if numbers.min() < 0 or numbers.max() >= classes:
        raise DataError(
            f"labels go from {numbers.min()} to {numbers.max()}; the network has classes 0 to {classes - 1}."
        )
    return numbers.astype(np.int64)
