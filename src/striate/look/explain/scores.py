"""Deletion and insertion: does the answer hang on the pixels that a map calls important?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F

from striate.errors import ArgumentError
from striate.look.arguments import Progress, Target, parts
from striate.look.explain.explanation import Explanation, Question, background, classes
from striate.look.result import Look
from striate.look.tap import tapped
from striate.report.style import LIGHT, clean, new_figure, settings
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

RANDOM, CENTRED = "random map", "centred map"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#5b6875")


@dataclass
class Scores(Look):
    """Deletion and insertion curves of maps, all of the same pictures.

    deletion    {method: float32 (N, steps + 1)}: the class's probability after so many equal parts of the pixels, the most
                important first, were replaced by the baseline
    insertion   {method: float32 (N, steps + 1)}: after so many were put into the blurred picture
    """

    deletion: dict[str, np.ndarray]
    insertion: dict[str, np.ndarray]

    anchor: ClassVar[str] = "scores"
    title: ClassVar[str] = "Deletion and insertion"
    source: ClassVar[str] = "Petsiuk et al. 2018, section 3.2"

    def areas(self, curves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """{method: float64 (N,)}: the area under each curve, over 0..1 of the pixels."""
        return {method: area(curve) for method, curve in curves.items()}

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        """A row a method, the best insertion first; ± is the standard error of the mean over the pictures."""
        gone, come = self.areas(self.deletion), self.areas(self.insertion)
        order = sorted(come, key=lambda method: -come[method].mean())
        return ("map", "deletion (low is good)", "insertion (high is good)"), [
            (method, _mean(gone[method]), _mean(come[method])) for method in order
        ]

    def note(self) -> str:
        count = len(next(iter(self.deletion.values())))
        return (
            f"Area under the class's probability for {plural(count, 'picture')}, while the pixels that a map calls "
            "most important are deleted, or put into the blurred picture, first. The random and the centred map know "
            "nothing of the network: a map that does no better than they by one of the scores has, by that score, not "
            "found what the answer hangs on."
        )

    def figure(self) -> Figure:
        """The mean curves, deletion left, insertion right."""
        with settings():
            fig = new_figure(8.4, 3.3, LIGHT["ground"])
            for k, (title, curves) in enumerate((("deletion", self.deletion), ("insertion", self.insertion))):
                ax = fig.add_axes((0.06 + 0.4 * k, 0.15, 0.345, 0.73))
                clean(ax, LIGHT)
                for i, (method, curve) in enumerate(curves.items()):
                    plain = method in (RANDOM, CENTRED)
                    ax.plot(
                        np.linspace(0, 100, curve.shape[1]),
                        curve.mean(0),
                        color=LIGHT["muted"] if plain else _COLOURS[i % len(_COLOURS)],
                        linestyle={RANDOM: ":", CENTRED: "--"}.get(method, "-"),
                        linewidth=1.4,
                        label=method,
                    )
                ax.set_title(title, loc="left", size=9, color=LIGHT["ink"])
                ax.set_xlim(0, 100)
                ax.set_ylim(0, 1)
                ax.grid(axis="y", color=LIGHT["line"], linewidth=0.6)
                ax.set_xlabel(f"% of the pixels {'gone' if k == 0 else 'there'}", color=LIGHT["muted"], size=8)
                if k == 0:
                    ax.set_ylabel("probability of the class", color=LIGHT["muted"], size=8)
            handles, names = ax.get_legend_handles_labels()
            fig.legend(handles, names, loc="center left", bbox_to_anchor=(0.825, 0.52), frameon=False, fontsize=8)
        return fig


def area(curve: np.ndarray) -> np.ndarray:
    """The area under curves (N, points) over 0..1, by trapezoids."""
    wide = curve.astype(np.float64)
    return (wide[:, 1:] + wide[:, :-1]).mean(1) / 2


def _mean(values: np.ndarray) -> str:
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    return f"{values.mean():.3f}" + (f" ± {error:.3f}" if error is not None else "")


def scores(
    model: Model,
    pictures: Any,
    target: Target | None = None,
    *,
    maps: Mapping[str, Any] | Sequence[Explanation],
    steps: int = 32,
    baseline: str | float | np.ndarray = "grey",
    blur: float | None = None,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
) -> Scores:
    """Deletion and insertion curves of maps of importance, beside a random map and a centred one.

    model      a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures   files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target     a class: its number or name, for all pictures or one for each; None: the network's answer
    maps       {name: (N, H, W), the larger the more important}, or explanations of these pictures
    steps      into how many equal parts the pixels are cut
    baseline   what deleted pixels become: "grey", "black", "white", a pixel value 0..255, a picture
    blur       the deviation, in pixels, of the Gaussian that hides the picture before insertion; None: a 22nd of its
               height (10 at 224; Petsiuk et al. blur with 5, after which networks of today still see much)
    batch_size   pictures at a time
    seed       of the random map, and of the order of pixels with equal importance
    progress   called as progress(done, whole)

    Source: Petsiuk et al. 2018, section 3.2.
    Each map costs 2 * steps runs of the network for each picture.  The model stays as it is.  Raises ArgumentError for
    maps of another shape.
    """
    asked = Question.of(model, pictures, target, batch_size)
    height, width = asked.space.shape[:2]
    given = dict(maps) if isinstance(maps, Mapping) else {one.title: one for one in maps}
    ranked = {
        name: np.asarray(m.importance(m.at_input) if isinstance(m, Explanation) else m, np.float64)
        for name, m in given.items()
    }
    for name, values in ranked.items():
        if values.shape != (len(asked), height, width) or not np.isfinite(values).all():
            raise ArgumentError(
                f'the map "{name}" has shape {values.shape}; finite ones of {(len(asked), height, width)} fit.'
            )
    if not 1 <= steps <= height * width:
        raise ArgumentError(f"steps are 1 to the {height * width} pixels, not {steps}.")
    rng = np.random.default_rng(seed)
    noise = rng.random((len(asked), height, width))
    ranked |= {RANDOM: rng.random(noise.shape), CENTRED: np.broadcast_to(centred(height, width), noise.shape)}
    empty = background(asked.space, baseline, asked.inputs)
    curves: dict[str, dict[str, list[np.ndarray]]] = {kind: {name: [] for name in ranked} for kind in ("gone", "come")}
    done = 0
    with tapped(model, logits=True) as tap, torch.no_grad():
        hidden = blurred(asked.inputs, height / 22.4 if blur is None else blur)
        for i, number in enumerate(asked.targets):
            real, nothing = asked.inputs[i], empty[i if len(empty) > 1 else 0]
            for name, values in ranked.items():
                order = np.lexsort((noise[i].ravel(), -values[i].ravel()))
                rank = np.empty(len(order), np.int64)
                rank[order] = np.arange(len(order))
                place = torch.from_numpy(rank.reshape(height, width)).to(real.device)
                for kind, before, after in (("gone", real, nothing), ("come", hidden[i], real)):
                    curves[kind][name].append(_curve(tap, number, before, after, place, steps, batch_size))
                done += 1
                if progress is not None:
                    progress(done, len(asked) * len(ranked))
    deletion, insertion = ({name: np.stack(each) for name, each in curves[kind].items()} for kind in ("gone", "come"))
    return Scores(deletion, insertion)


def _curve(
    tap: Any, number: int, before: torch.Tensor, after: torch.Tensor, rank: torch.Tensor, steps: int, batch_size: int
) -> np.ndarray:
    """float32 (steps + 1,): the class's probability while `before` becomes `after`, pixels of low rank first."""
    limits = torch.linspace(0, rank.numel(), steps + 1, dtype=torch.float64).round().long().to(rank.device)
    chances = []
    for part in parts(steps + 1, batch_size):
        x = torch.where((rank < limits[part, None, None])[:, None], after, before)
        out = classes(tap, x.contiguous(memory_format=torch.channels_last))
        chances.append(tap.model.answers.of_logits(out.double())[:, number].float().cpu().numpy())
    return np.concatenate(chances)


def centred(height: int, width: int) -> np.ndarray:
    """(H, W): the nearer to the middle, the more important; the network has no part in it."""
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    return -(y**2 + x**2)


def blurred(x: torch.Tensor, deviation: float) -> torch.Tensor:
    """Pictures (N, C, H, W) under a Gaussian, their edges continued."""
    if deviation <= 0:
        raise ArgumentError(f"the blur is a deviation above 0, not {deviation}.")
    for axis in (2, 3):
        reach = min(int(3 * deviation + 0.5) or 1, x.shape[axis] - 1)
        steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
        weights = torch.exp(-(steps**2) / (2 * deviation**2))
        kernel = (weights / weights.sum()).to(x).view(1, 1, *((-1, 1) if axis == 2 else (1, -1)))
        pads = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
        padded = F.pad(x, pads, mode="replicate")
        x = F.conv2d(padded, kernel.expand(x.shape[1], -1, -1, -1), groups=x.shape[1])
    return x
