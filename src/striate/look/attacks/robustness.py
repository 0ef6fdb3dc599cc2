"""How a network's accuracy falls as pictures may be changed by more and more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from striate.errors import ArgumentError, DataError
from striate.look.arguments import Progress, drawn, labelled
from striate.look.attacks.adversarial import checked_labels
from striate.look.attacks.budget import Attack, answers, perturb
from striate.look.pictures import Space, label_of
from striate.look.result import Look
from striate.look.tap import tapped
from striate.report import figures
from striate.report.style import DPI
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

_SHOWN = 3  # pictures in the figure
_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")  # Okabe & Ito 2008
_NAMES = {"fgsm": "FGSM", "pgd": "PGD", "noise": "random noise"}


@dataclass
class Robustness(Look):
    """Accuracy under attack at several budgets.

    methods    as ``adversarial`` names them
    epsilons   (E,): budgets in pixel values 0..255 in that norm, 0 first
    accuracy   {method: float64 (E,)}: the share of all pictures still answered rightly
    count      how many pictures
    shown      uint8 (E, K, H, W, C): K pictures attacked by the last method at each budget, `said` (E, K) the answers
    """

    anchor: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Accuracy under attack"
    source: ClassVar[str] = "Goodfellow et al. 2014; Madry et al. 2017"

    methods: tuple[str, ...]
    epsilons: np.ndarray
    accuracy: dict[str, np.ndarray]
    norm: str
    steps: int
    count: int
    shown: np.ndarray
    said: list[list[str]]

    def figure(self) -> Figure:
        """Accuracy against the budget; beside it the same few pictures at each budget, with the answers."""
        grid, left = self._pictures(), 430.0
        width, height = (left + grid.width + 15) / DPI, max(320.0, grid.height + 40) / DPI
        with figures.settings():
            fig = figures.new_figure(width, height, figures.LIGHT["ground"])
            ax = fig.add_axes((0.62 / width, 0.55 / height, (left / DPI - 1.1) / width, (height - 0.85) / height))
            places = np.arange(len(self.epsilons))
            for colour, method in zip(_COLOURS, self.methods, strict=False):
                ax.plot(places, 100 * self.accuracy[method], "o-", ms=4, lw=1.6, color=colour, label=_NAMES[method])
            ax.set_xticks(places, [f"{e:g}" for e in self.epsilons])
            ax.set_ylim(-2, 102)
            ax.set_xlabel(f"largest change of a pixel value, of 255 ({_norm(self.norm)})" if self.norm == "linf"
                          else "L2 distance in pixel values", color=figures.LIGHT["muted"])  # fmt: skip
            ax.set_ylabel("accuracy, %", color=figures.LIGHT["muted"])
            ax.grid(color=figures.LIGHT["line"])
            ax.set_axisbelow(True)
            ax.tick_params(length=0, labelcolor=figures.LIGHT["muted"])
            for spine in ax.spines.values():
                spine.set_visible(False)
            if len(self.methods) > 1:
                ax.legend(frameon=False, loc="lower left")
            grid.draw(fig, left, 20)
        return fig

    def _pictures(self) -> figures.Grid:
        """The same few pictures at each budget, a column each, with the answers; those that changed in orange."""
        rows = []
        for r in range(self.shown.shape[1]):
            row = []
            for c, epsilon in enumerate(self.epsilons):
                answer, first = self.said[c][r], self.said[0][r]
                colour = figures.LIGHT["ink" if answer == first else "second"]
                head = f"{epsilon:g}" if r == 0 else ""
                row.append(figures.Cell(self.shown[c, r], head=head, words=figures.plain(answer, 15), colour=colour))
            rows.append(row)
        return figures.Grid(rows, width=95, height=95 * self.shown.shape[2] / self.shown.shape[3])

    def note(self) -> str:
        worst = self.methods[-1]
        said = ", ".join(f"{_NAMES[m]} {self.accuracy[m][-1]:.1%}" for m in self.methods)
        half = np.flatnonzero(self.accuracy[worst] < 0.5 * self.accuracy[worst][0])
        falls = (
            f" Under {_NAMES[worst]} it is below half of that from {_norm(self.norm)} {self.epsilons[half[0]]:g} on."
            if len(half) else ""
        )  # fmt: skip
        return (
            f"Of {plural(self.count, 'picture')} {self.accuracy[worst][0]:.1%} are answered rightly as they are; at "
            f"{_norm(self.norm)} {self.epsilons[-1]:g}/255: {said}.{falls} Answers that changed are in orange."
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = [f"{_norm(self.norm)} of 255", *(_NAMES[m] for m in self.methods)]
        return heads, [
            [f"{e:g}", *(f"{self.accuracy[m][i]:.2%}" for m in self.methods)] for i, e in enumerate(self.epsilons)
        ]

    def facts(self) -> dict[str, Any]:
        return {
            "norm": self.norm,
            "steps": self.steps,
            "pictures": self.count,
            "epsilons": self.epsilons.tolist(),
            "accuracy": {m: [round(float(a), 6) for a in self.accuracy[m]] for m in self.methods},
        }


def _norm(norm: str) -> str:
    return "L∞" if norm == "linf" else "L2"


def robustness(
    model: Model,
    pictures: Any,
    *,
    labels: Any = None,
    method: str | Sequence[str] = ("noise", "fgsm", "pgd"),
    epsilon: float | Sequence[float] | None = None,
    norm: Literal["linf", "l2"] = "linf",
    steps: int = 40,
    integer: bool = True,
    objective: Literal["cross-entropy", "margin"] = "cross-entropy",
    count: int | None = 500,
    batch_size: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
) -> Robustness:
    """Accuracy on pictures that are changed for the worse, by budget.

    model       a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures    a Dataset with labels, or pictures with `labels`
    labels      the true classes (N,); None: the Dataset's own
    method      "noise", "fgsm" or "pgd", or several of them: as ``adversarial`` does them, untargeted
    epsilon     a budget in pixel values 0..255, or several; None: 0, 1, 2, 4, 8, 16 and 32 for linf, these times the root of
                the number of pixel values, over 4, for l2
    norm        of the budgets: "linf", the largest change of any pixel value, or "l2", the root of the sum of squares
    steps       of PGD
    integer     pixels stay whole numbers within the budget
    objective   "cross-entropy", or "margin" between the logits of the class and the best other one
    count       so many of the pictures, each class with its share; None: all
    batch_size  pictures at a time
    seed        of the pictures taken and of the noise
    progress    called as progress(done, whole)

    A picture that is answered wrongly as it is counts as wrong.  Whatever fools the network within a budget does so within
    a larger one, so PGD goes on with the pictures that are still answered rightly; FGSM's one step is tried on all, and
    may overshoot.  Raises DataError for missing labels, ArgumentError for unknown names.
    """
    methods = (method,) if isinstance(method, str) else tuple(method)
    if not methods or len(set(methods)) < len(methods) or "ascent" in methods:
        raise ArgumentError(f"robustness takes different methods of noise, fgsm and pgd, not {', '.join(methods)}.")
    space = Space.of(model)
    pictures, labels = drawn(pictures, labels, count, seed)
    pixels, labels = space.pixels(pictures), labelled(pictures, labels)
    if labels is None:
        raise DataError("accuracy under attack needs labels: a Dataset that has them, or labels=.")
    unit = 1.0 if norm == "linf" else np.sqrt(pixels[0].size) / 4
    usual = [round(unit * e, 1) for e in (0, 1, 2, 4, 8, 16, 32)]
    given = usual if epsilon is None else [epsilon] if isinstance(epsilon, int | float) else list(epsilon)
    budgets = np.array(sorted({0.0, *map(float, given)}))
    if len(budgets) < 2 or budgets[0] < 0:
        raise ArgumentError(f"epsilon is a distance above 0, or several, not {given}.")

    def attack(name: str, epsilon: float) -> Attack:
        return Attack.of(
            name, norm, epsilon, steps, None, pixels[0].size, targeted=False, integer=integer, objective=objective
        )

    hows = [(name, [attack(name, e) for e in budgets[1:]]) for name in methods]
    with tapped(model, logits=True) as tap:
        before = answers(tap, space, pixels, batch_size)
        truth = checked_labels(labels, *before.shape)
        right = before.argmax(1) == truth
        total, done = len(hows) * (len(budgets) - 1), 0
        accuracy = {}
        for name, attacks in hows:
            held, shares = right.copy(), [right.mean()]
            for how in attacks:
                tried = np.flatnonzero(held if name == "pgd" else right)
                if len(tried):
                    changed = perturb(tap, space, pixels[tried], truth[tried], how, batch_size, seed)
                    held = np.zeros_like(right)
                    held[tried] = answers(tap, space, changed, batch_size).argmax(1) == truth[tried]
                shares.append(held.mean())
                done += 1
                if progress is not None:
                    progress(done, total)
            accuracy[name] = np.array(shares)
        some = _different(truth, right)
        shown, said = [pixels[some]], [before[some].argmax(1)]
        for how in hows[-1][1]:
            changed = perturb(tap, space, pixels[some], truth[some], how, batch_size, seed)
            shown.append(np.rint(changed).astype(np.uint8))
            said.append(answers(tap, space, changed, batch_size).argmax(1))
    return Robustness(
        methods=methods, epsilons=budgets, accuracy=accuracy, norm=norm, steps=steps, count=len(pixels),
        shown=np.stack(shown), said=[[label_of(model, int(k)) for k in row] for row in said],
    )  # fmt: skip


def _different(truth: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The first rightly answered pictures of different classes, or whatever there is."""
    order = np.concatenate([np.flatnonzero(right), np.flatnonzero(~right)])
    _, first = np.unique(truth[order], return_index=True)
    chosen = order[np.sort(first)][:_SHOWN]
    return chosen if len(chosen) == min(_SHOWN, len(order)) else order[:_SHOWN]
