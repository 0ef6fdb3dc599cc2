"""Residual networks with blocks deleted or exchanged: what they still get right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.look.arguments import Progress, drawn, labelled
from striate.look.landscape.paths import Block, blocks
from striate.look.model_copy import independent_copy
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.tap import Edit, tapped
from striate.report.style import LIGHT, clean, new_figure, say, settings
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model


@dataclass
class Lesions(Look):
    """What a network still gets right without some of its blocks, or with blocks exchanged.

    whole      its error, 0 to 1
    single     float64 (n,): the error without each block
    several    float64 (n + 1, draws): without k blocks drawn at random
    shuffled   float64 (swaps + 1, draws): with so many random exchanges of two blocks of one shape; empty where no two
               have one
    """

    blocks: list[Block]
    whole: float
    single: np.ndarray
    several: np.ndarray
    shuffled: np.ndarray
    pictures: int

    anchor = "lesions"
    title = "Blocks deleted and exchanged"
    source = "Veit, Wilber & Belongie 2016, section 4"

    def note(self) -> str:
        worst = int(self.single.argmax())
        told = (
            f"Error {self.whole:.1%} on {plural(self.pictures, 'picture')}. Without one block it is "
            f"{np.median(self.single):.1%} in "
            f"the median, {self.single[worst]:.1%} without block {worst + 1} ({self.blocks[worst].join})."
        )
        half = len(self.several) // 2
        return f"{told} Without {plural(half, 'block')} drawn at random: {self.several[half].mean():.1%}."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        return ("block", "added by", "layers with weights", "error without it"), [
            (number, block.join, len(block.layers), f"{error:.1%}")
            for number, (block, error) in enumerate(zip(self.blocks, self.single, strict=True), 1)
        ]

    def figure(self) -> Figure:
        with settings():
            fig = new_figure(9.6, 2.6, LIGHT["ground"])
            titles = ("without one block", "without several", "with blocks exchanged")
            marks = ("which block, from the input on", "how many are deleted", "how many exchanges")
            for i, (title, mark) in enumerate(zip(titles, marks, strict=True)):
                ax = fig.add_axes((0.06 + i * 0.325, 0.2, 0.25, 0.62))
                clean(ax, LIGHT)
                ax.set_ylim(0, 1)
                ax.set_xlabel(mark, color=LIGHT["muted"])
                say(ax, 0, 1.06, f"error {title}", transform=ax.transAxes, color=LIGHT["ink"], weight="bold")
                if i == 0:
                    ax.bar(np.arange(1, len(self.single) + 1), self.single, color=LIGHT["first"])
                else:
                    table = self.several if i == 1 else self.shuffled
                    if len(table):
                        ax.plot(table, ".", color=LIGHT["muted"], markersize=3)
                        ax.plot(table.mean(axis=1), color=LIGHT["first"], linewidth=1.8)
                ax.axhline(self.whole, color=LIGHT["second"], linewidth=1, linestyle="--")
                if i == 0:
                    words = f"-- whole network, {self.whole:.1%}"
                    say(ax, 0.02, 0.94, words, transform=ax.transAxes, color=LIGHT["second"], size=8)
        return fig


def lesions(
    model: Model,
    pictures: Any,
    *,
    labels: Any = None,
    draws: int = 5,
    swaps: int = 8,
    count: int | None = 500,
    batch_size: int = 256,
    seed: int = 0,
    progress: Progress | None = None,
) -> Lesions:
    """What a residual network still gets right without some blocks, or with blocks exchanged.

    model       a residual network of one input (H, W, 1 or 3) that gives one number for each class
    pictures    a Dataset with classes, or uint8 pictures (N, H, W, C) with `labels`
    labels      the true classes (N,); None: the Dataset's own
    draws       random choices for each number of blocks deleted and of exchanges
    swaps       exchanges at most; two blocks can change places when their branches have weights of the same shapes
    count       so many of the pictures, each class with its share; None: all
    batch_size  pictures at a time
    seed        of the pictures taken and of the choices
    progress    called as progress(done, whole)

    A deleted block passes on its shortcut alone.  Exchanges happen in a copy: the model stays as it is.  Raises
    ArgumentError for networks without residual blocks, or data without classes.
    """
    residual = blocks(model)
    n, random = len(residual), np.random.default_rng(seed)
    pictures, labels = drawn(pictures, labels, count, seed)
    pixels, truth = Space.of(model).pixels(pictures), labelled(pictures, labels)
    if truth is None or len(truth) != len(pixels):
        raise ArgumentError("lesions needs the class of each picture: a Dataset with classes, or labels.")
    done, total = 0, n + 1 + (n + 1) * draws + (swaps + 1) * draws

    def error(of: Model, deleted: Sequence[int] = ()) -> float:
        nonlocal done
        with tapped(of, logits=True) as tap, torch.no_grad():
            edit: dict[str, Edit] = {tap.holder(residual[i].branch): torch.zeros_like for i in deleted}
            like, wrong = torch.zeros((), dtype=tap.dtype, device=tap.device), 0
            for start in range(0, len(pixels), batch_size):
                x = Space.of(of).inputs(pixels[start : start + batch_size], like)
                answers = tap.run(x, edit=edit).output.argmax(1).cpu().numpy()
                wrong += int((answers != truth[start : start + batch_size]).sum())
        done += 1
        if progress is not None:
            progress(min(done, total), total)
        return wrong / len(pixels)

    whole = error(model)
    single = np.array([error(model, [i]) for i in range(n)])
    several = np.array(
        [[error(model, random.choice(n, k, replace=False).tolist()) for _ in range(draws)] for k in range(n + 1)]
    )
    return Lesions(
        residual, whole, single, several, _shuffled(model, residual, error, draws, swaps, random), len(pixels)
    )


def _shuffled(
    model: Model, residual: list[Block], error: Any, draws: int, swaps: int, random: np.random.Generator
) -> np.ndarray:
    """The errors after 0 to `swaps` exchanges, (swaps + 1, draws)."""
    copy = independent_copy(model)
    modules = dict(copy.module.named_modules())
    states = [[modules[name].state_dict() for name in block.layers] for block in residual]
    shapes = [tuple(tuple((k, tuple(v.shape)) for k, v in state.items()) for state in each) for each in states]
    pairs = [(i, j) for i in range(len(residual)) for j in range(i) if shapes[i] == shapes[j]]
    if not pairs:
        return np.zeros((0, draws))
    table = np.zeros((swaps + 1, draws))
    for draw in range(draws):
        order = list(range(len(residual)))
        original = [[{k: v.clone() for k, v in state.items()} for state in each] for each in states]
        for count in range(swaps + 1):
            if count:
                i, j = pairs[int(random.integers(len(pairs)))]
                order[i], order[j] = order[j], order[i]
                for place in (i, j):
                    for name, state in zip(residual[place].layers, original[order[place]], strict=True):
                        modules[name].load_state_dict(state)
            table[count, draw] = error(copy)
        for block, each in zip(residual, original, strict=True):
            for name, state in zip(block.layers, each, strict=True):
                modules[name].load_state_dict(state)
    return table
