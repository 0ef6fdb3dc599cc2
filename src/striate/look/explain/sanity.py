"""The sanity check: does a map still look the same when what the network learnt is gone?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.look.arguments import Progress, Target, part_of, telling
from striate.look.explain.explanation import Explanation, Question, over, sheet
from striate.look.model_copy import independent_copy
from striate.look.result import Look
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

Method = Callable[..., Explanation]

STAGES = (0, 0.25, 0.5, 0.75, 1)  # the last layer, a quarter of the layers, …
ENOUGH = 8  # pictures for a verdict
KEPT = 0.5  # a rank correlation from which on a map has "not changed"


@dataclass
class Sanity(Look):
    """How much maps still resemble the first ones while the network's layers are randomised, from the top down.

    layers     of each stage: how many layers with weights are random by then, the last one first
    total      layers with weights in all
    names      of each stage: the lowest layer that is random
    spearman   {method: float64 (N, stages)}: rank correlation of the importance of the pixels with that of the whole network
    ssim       {method: float64 (N, stages)}: structural similarity of the two maps
    picture    uint8 (H, W, C), the first one
    maps       of that picture, {method: [float32 (H, W) of the whole network, of each stage]}
    """

    layers: list[int]
    total: int
    names: list[str]
    spearman: dict[str, np.ndarray]
    ssim: dict[str, np.ndarray]
    picture: np.ndarray
    maps: dict[str, list[np.ndarray]]

    anchor: ClassVar[str] = "sanity"
    title: ClassVar[str] = "Parameter randomisation"
    source: ClassVar[str] = "Adebayo et al. 2018, section 3.1"

    def judged(self) -> int:
        """The stage that the verdicts are about: the last with at most half of the layers random, or the first."""
        return max((i for i, n in enumerate(self.layers) if n <= round(self.total / 2)), default=0)

    def passes(self, method: str) -> bool:
        """Whether a method's maps change, as explanations must."""
        return bool(self.spearman[method][:, self.judged()].mean() < KEPT)

    def verdict(self, method: str) -> str:
        """What the numbers say about a method, in a sentence."""
        stage = self.judged()
        alike, form = self.spearman[method][:, stage].mean(), self.ssim[method][:, stage].mean()
        count = self.layers[stage]
        numbers = (
            f"(rank correlation {_beside(alike)}, where {KEPT} or more fails; SSIM {form:.2f}, which is not judged; "
            f"with the top {count} of {plural(self.total, 'layer')} random)"
        )
        verb, advice = (
            ("changes", "as an explanation must")
            if self.passes(method)
            else ("hardly changes", "do not use it to explain decisions")
        )
        return (
            f"Sanity check of {method}: the map {verb} when the top layers are randomised {numbers}"
            f"{',' if self.passes(method) else ':'} {advice}."
        )

    def note(self) -> str:
        return " ".join(self.verdict(method) for method in self.spearman)

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        """A row a method: rank correlation / SSIM at each stage."""

        def pairs(method: str) -> Any:
            return zip(self.spearman[method].T, self.ssim[method].T, strict=True)

        heads = ("map", *(f"top {n}" if n < self.total else f"all {n}" for n in self.layers), "verdict")
        return heads, [
            (
                method,
                *(f"{_beside(a.mean())} / {b.mean():.2f}" for a, b in pairs(method)),
                "changes: passes" if self.passes(method) else "unchanged: fails",
            )
            for method in self.spearman
        ]

    def figure(self) -> Figure:
        """A row a method: the picture's map, and how it looks at each stage."""
        heads = ["trained network", *(f"top {n} random" if n < self.total else f"all {n} random" for n in self.layers)]
        rows = [[over(self.picture, each) for each in maps] for maps in self.maps.values()]
        return sheet(rows, heads, list(self.maps))

    def facts(self) -> dict[str, Any]:
        return {
            **super().facts(),
            "layers": self.layers,
            "names": self.names,
            "verdicts": {method: self.verdict(method) for method in self.spearman},
        }


def _beside(alike: float) -> str:
    """A rank correlation in as many digits as tell it from the limit, two at least."""
    texts = (f"{alike:.{digits}f}" for digits in range(2, 17))
    return next((text for text in texts if (float(text) < KEPT) == (alike < KEPT)), f"{alike}")


def sanity(
    model: Model,
    pictures: Any,
    target: Target | None = None,
    *,
    method: Mapping[str, Method],
    stages: Sequence[float] = STAGES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Sanity:
    """Whether maps change while layer after layer of a copy of the network loses what it learnt, the last one first.

    model      a network of one input (H, W, 1 or 3) that gives one number for each class
    pictures   files, PIL images, uint8 arrays (H, W, C) or (N, H, W, C), or a Dataset
    target     a class: its number or name, for all pictures or one for each; None: the trained network's answer
    method     {name: function (model, pictures, target) -> Explanation}; each explains the same class of the same pictures
               at every stage
    stages     parts of the layers with weights, 0..1: how many are random when it is looked; one layer at least
    seed       of the randomisation
    progress   called as progress(done, whole)

    Source: the cascading randomisation of Adebayo et al. 2018, section 3.1.
    A layer loses what it learnt by a shuffle of each of its weight arrays, so that sizes stay as they were and the signal
    neither dies nor explodes (the paper draws from the initialisation); running means and variances stay.  A map that
    hardly changes cannot say what the network learnt.  The model itself is not touched.  Raises ArgumentError for stages
    outside of 0..1, no method, and a network without weights.
    """
    if not stages or not method or not all(0 <= part <= 1 for part in stages):
        raise ArgumentError(f"a sanity check takes a method or more, and stages of 0 to 1, not {list(stages)}.")
    asked = Question.of(model, pictures, target)
    copy = independent_copy(model)
    order = weighted(copy)
    if not order:
        raise ArgumentError("this network has no layer with weights, so there is nothing to randomise.")
    depths = sorted({max(1, round(part * len(order))) for part in stages})
    whole, done = (1 + len(depths)) * len(method), 0
    first = {}
    for name, explain in method.items():
        first[name] = telling(explain, part_of(progress, done, whole))(model, asked.pixels, asked.targets)
        done += 1
    generator = torch.Generator().manual_seed(seed)
    rank: dict[str, list[np.ndarray]] = {name: [] for name in method}
    form: dict[str, list[np.ndarray]] = {name: [] for name in method}
    maps = {name: [one.map[0]] for name, one in first.items()}
    random = 0
    for depth in depths:
        for _, parameters in order[random:depth]:
            shuffle(parameters, generator)
        random = depth
        for name, explain in method.items():
            now = telling(explain, part_of(progress, done, whole))(copy, asked.pixels, asked.targets).map
            pairs = list(zip(first[name].map, now, strict=True))
            rank[name].append(np.array([spearman(a, b) for a, b in pairs]))
            form[name].append(np.array([ssim(a, b) for a, b in pairs]))
            maps[name].append(now[0])
            done += 1
            if progress is not None:
                progress(1000 * done // whole, 1000)
    return Sanity(
        depths,
        len(order),
        [order[depth - 1][0] for depth in depths],
        {name: np.stack(each, 1) for name, each in rank.items()},
        {name: np.stack(each, 1) for name, each in form.items()},
        asked.pixels[0],
        maps,
    )


def checked(
    model: Model, made: Explanation, method: Method, *, seed: int = 0, progress: Progress | None = None
) -> None:
    """Give an explanation its verdict: whether the maps of its pictures (the first 8) change when the top half of the
    layers is randomised.

    method   as for ``sanity``; a coarser setting than that of `made` will do
    """
    few = slice(0, ENOUGH)
    check = sanity(
        model,
        made.pictures[few],
        made.targets[few],
        method={made.title: method},
        stages=(0.5,),
        seed=seed,
        progress=progress,
    )
    made.verdict = check.verdict(made.title)


# -- its layers --------------------------------------------------------------------------------------------------------
def weighted(model: Model) -> list[tuple[str, list[torch.nn.Parameter]]]:
    """The layers with a kernel and their weights, the last first; a normalisation counts with the layer before it."""
    groups: list[tuple[str, list[torch.nn.Parameter]]] = []
    seen: set[int] = set()
    assert model.module is not None  # asking for it makes the weights
    for node in model.graph.flat().nodes:
        built = node.layer.torch_module
        own = [] if built is None else [p for p in built.parameters() if id(p) not in seen]
        seen |= {id(p) for p in own}
        if not own:
            continue
        if any(p.ndim > 1 for p in own) or not groups:
            groups.append((node.name, own))
        else:
            groups[-1][1].extend(own)
    return groups[::-1]


def shuffle(parameters: Sequence[torch.Tensor], generator: torch.Generator) -> None:
    """Put the numbers of each array in another order."""
    with torch.no_grad():
        for each in parameters:
            order = torch.randperm(each.numel(), generator=generator).to(each.device)
            each.copy_(each.reshape(-1)[order].view_as(each))


# -- likeness -----------------------------------------------------------------------------------------------------------
def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """The rank correlation of two maps, -1..1; equal values share their mean rank; 0 where one is the same everywhere."""
    from scipy.stats import spearmanr

    if not (np.ptp(a) and np.ptp(b)):
        return 0.0
    return float(spearmanr(a, b, axis=None).statistic)


def ssim(a: np.ndarray, b: np.ndarray, window: int = 7) -> float:
    """The structural similarity of two maps, each scaled to 0..1: the mean over windows of 7x7 (Wang et al. 2004).

    Windows that reach over the edge do not count.  torchmetrics mirrors the map there, which gives another number for small
    maps, and takes no window of an even side.
    """
    from numpy.lib.stride_tricks import sliding_window_view

    x, y = _scaled(a), _scaled(b)
    size = min(window, *x.shape)
    u, v = (sliding_window_view(each, (size, size)) for each in (x, y))
    mu, mv = u.mean((2, 3)), v.mean((2, 3))
    su, sv = (u**2).mean((2, 3)) - mu**2, (v**2).mean((2, 3)) - mv**2
    both = (u * v).mean((2, 3)) - mu * mv
    c1, c2 = 0.01**2, 0.03**2
    return float(((2 * mu * mv + c1) * (2 * both + c2) / ((mu**2 + mv**2 + c1) * (su + sv + c2))).mean())


def _scaled(a: np.ndarray) -> np.ndarray:
    wide = a.astype(np.float64)
    span = wide.max() - wide.min()
    return (wide - wide.min()) / span if span > 0 else np.zeros_like(wide)
