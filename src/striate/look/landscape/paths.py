"""Residual networks as ensembles of paths: how many there are of each length, and what gradient they carry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.graph import Node, SymbolicTensor
from striate.look.arguments import Progress
from striate.look.pictures import Space, target_of
from striate.look.result import Look
from striate.look.structure import additions_within, is_addition, not_seen
from striate.look.tap import Edit, Tap, tapped
from striate.report.style import LIGHT, clean, new_figure, say, settings
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

_WIDE = 30  # largest over smallest from which an axis is logarithmic


@dataclass(frozen=True)
class Block:
    """A residual block: `join` adds what `branch` and `shortcut` put out (names of calls, as in ``model.size()``).

    layers   names of the branch's layers with weights, in the order of their calls
    """

    join: str
    branch: str
    shortcut: str
    layers: tuple[str, ...]


def blocks(model: Model) -> list[Block]:
    """The residual blocks of a network, from the input on.

    A block is an addition of two tensors that come of one: the branch is the way there with more weights, the shortcut the
    other, which may be nothing at all or a projection.  Raises ArgumentError for a network without any.
    """
    graph = model.graph.check()
    listed = []
    for node in graph.nodes:
        if not is_addition(node):
            continue
        sides = [_before(tensor) for tensor in node.inputs]
        shared = sides[0].keys() & sides[1].keys()
        ways = [[n for serial, n in side.items() if serial not in shared] for side in sides]
        if not shared or not any(ways):
            continue
        weights = [sum(_weights(n) for n in way) for way in ways]
        k = int(weights[1] > weights[0])
        own = sorted(ways[k], key=lambda n: n.serial)
        listed.append(
            Block(
                graph.label(node),
                graph.label(node.inputs[k].node),
                graph.label(node.inputs[1 - k].node),
                tuple(graph.label(n) for n in own if _weights(n)),
            )
        )
    if not listed:
        raise ArgumentError(
            f"{model.name or 'this network'} has no residual blocks: no addition joins a branch and a shortcut of one "
            f"tensor.{not_seen('additions', additions_within(model))}"
        )
    return listed


def _before(tensor: SymbolicTensor) -> dict[int, Node]:
    """All calls that a tensor hangs on, itself included, by serial number."""
    earlier: dict[int, Node] = {}
    waiting = [tensor.node]
    while waiting:
        node = waiting.pop()
        if node.serial not in earlier:
            earlier[node.serial] = node
            waiting += [t.node for t in node.inputs]
    return earlier


def _weights(node: Node) -> int:
    return sum(math.prod(weight.shape) for weight in node.layer.parameters(*node.input_shapes).values())


# -- one way through ------------------------------------------------------------------------------------------------------
def routed(tap: Tap, residual: Sequence[Block], through: Sequence[bool], x: torch.Tensor) -> torch.Tensor:
    """The network's output, whose gradient goes through the branch of each block where `through` is true, else through
    its shortcut only.  The numbers are those of the whole network; the gradients of all 2^n choices add up to the full one.
    """
    held: dict[str, torch.Tensor] = {}
    edit: dict[str, Edit] = {}

    def keep(name: str) -> Edit:
        before = edit.get(name)

        def hold(value: torch.Tensor) -> torch.Tensor:
            value = value if before is None else before(value)
            held[name] = value
            return value

        return hold

    for block, branch in zip(residual, through, strict=True):
        # the shortcut of one block is often the sum of the one before: its edit is put around that one
        edit[tap.holder(block.shortcut)] = keep(tap.holder(block.shortcut))
        edit[tap.holder(block.branch)] = keep(tap.holder(block.branch))
        own = tap.holder(block.branch if branch else block.shortcut)
        other = tap.holder(block.shortcut if branch else block.branch)

        def join(value: torch.Tensor, own: str = own, other: str = other) -> torch.Tensor:
            return held[own] + held[other].detach()

        edit[block.join] = join
    return tap.run(x, edit=edit).output


# -- gradients ------------------------------------------------------------------------------------------------------------
@dataclass
class Paths(Look):
    """Paths through n blocks, by the number of branches that they take.

    counts     of the paths of each length 0..n: n over k
    gradients  float64 (n + 1,): the mean L2 norm, at the network's input, of the gradient along one path of that length
    samples    paths of each length that were drawn
    unseen     the layers that have additions within them, which make no block: a block is of whole layers
    """

    blocks: list[Block]
    counts: list[int]
    gradients: np.ndarray
    samples: list[int]
    unseen: list[str] = field(default_factory=list)

    anchor = "paths"
    title = "Paths through the residual blocks"
    source = "Veit, Wilber & Belongie 2016, section 5"

    @property
    def shares(self) -> np.ndarray:
        """float64 (n + 1,): of each length, its part of the sum over all paths of the gradients' norms."""
        whole = np.array([float(count) for count in self.counts]) * self.gradients
        return whole / whole.sum()

    def note(self) -> str:
        n = len(self.blocks)
        lengths = np.arange(n + 1)
        mean = float((self.shares * lengths).sum())
        within = np.cumsum(self.shares)
        low, high = int(np.searchsorted(within, 0.025)), int(np.searchsorted(within, 0.975))
        return (
            f"{plural(n, 'block', 'makes')} 2^{n} = {2**n:,} paths; drawn blindly one takes {n / 2:g} branches. "
            "95 % of the gradient goes "
            f"along paths of {low} to {high} branches, {mean:.1f} on "
            f"average{self._drawn()}.{not_seen('additions', self.unseen)}"
        )

    def _drawn(self) -> str:
        least = min((s for s, c in zip(self.samples, self.counts, strict=True) if s < c), default=None)
        return (
            ""
            if least is None
            else f" (from {plural(least, 'path')} drawn of each length that has more: rough when these are few)"
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        return ("branches", "paths", "gradient of one", "share of all gradient"), [
            (k, f"{count:,}", f"{size:.3g}", f"{share:.2%}")
            for k, (count, size, share) in enumerate(zip(self.counts, self.gradients, self.shares, strict=True))
        ]

    def figure(self) -> Figure:
        from matplotlib.ticker import NullFormatter

        lengths = np.arange(len(self.counts))
        total = sum(self.counts)
        panels: tuple[tuple[str, np.ndarray, bool], ...] = (
            ("paths of each length", np.array([count / total for count in self.counts]), False),
            ("gradient along one path", self.gradients, bool(self.gradients.max() > _WIDE * self.gradients.min())),
            ("share of all gradient", self.shares, False),
        )
        with settings():
            fig = new_figure(9.6, 2.6, LIGHT["ground"])
            for i, (title, values, log) in enumerate(panels):
                ax = fig.add_axes((0.06 + i * 0.325, 0.2, 0.25, 0.62))
                clean(ax, LIGHT)
                if log:
                    ax.semilogy(
                        lengths, np.where(values > 0, values, np.nan), color=LIGHT["first"], marker="o", markersize=3
                    )
                    ax.yaxis.set_minor_formatter(NullFormatter())
                    ax.tick_params(which="minor", length=0)
                elif i == 1:
                    ax.plot(lengths, values, color=LIGHT["first"], marker="o", markersize=3)
                    ax.set_ylim(0)
                else:
                    ax.bar(lengths, values, color=LIGHT["first"])
                ax.set_xlabel("branches taken", color=LIGHT["muted"])
                say(ax, 0, 1.06, title, transform=ax.transAxes, color=LIGHT["ink"], weight="bold")
        return fig


def paths(
    model: Model,
    pictures: Any,
    target: int | str | None = None,
    *,
    samples: int = 8,
    seed: int = 0,
    progress: Progress | None = None,
) -> Paths:
    """Paths through residual blocks: how many there are of each length, and the gradient that they carry to the input.

    model     a residual network of one input (H, W, 1 or 3)
    pictures  over which norms are averaged; a few are enough: files, PIL images, uint8 arrays, or a Dataset
    target    the class whose logit is followed: its number or name; None: each picture's answer
    samples   paths drawn of each length; fewer where there are fewer
    seed      of the paths drawn
    progress  called as progress(done, whole)

    The forward pass is that of the whole network; backward, the gradient goes through the branches of the path alone and
    through the shortcuts of the other blocks, as in the paper.  Raises ArgumentError for networks without residual blocks.
    """
    through_which = blocks(model)
    n = len(through_which)
    random = np.random.default_rng(seed)
    counts = [math.comb(n, k) for k in range(n + 1)]
    norms = np.zeros(n + 1)
    drawn = []
    with tapped(model, logits=True) as tap, torch.enable_grad():
        space = Space.of(model)
        x = space.inputs(space.pixels(pictures), torch.zeros((), dtype=tap.dtype, device=tap.device)).requires_grad_()
        with torch.no_grad():
            logits = tap(x)
        wanted = logits.argmax(1) if target is None else logits.new_full(
            (len(x),), target_of(model, target, logits[0].cpu().numpy()), dtype=torch.int64
        )  # fmt: skip
        for k in range(n + 1):
            ways = _draw(n, k, min(samples, counts[k]), random)
            drawn.append(len(ways))
            for through in ways:
                output = routed(tap, through_which, through, x)
                (slope,) = torch.autograd.grad(output.gather(1, wanted[:, None]).sum(), x)
                norms[k] += float(slope.double().flatten(1).norm(dim=1).mean()) / len(
                    ways
                )  # squares of 1e-23 are 0 in float32
            if progress is not None:
                progress(k + 1, n + 1)
    return Paths(through_which, counts, norms, drawn, additions_within(model))


def _draw(n: int, k: int, count: int, random: np.random.Generator) -> list[list[bool]]:
    """`count` different choices of k blocks of n."""
    seen: dict[tuple[int, ...], None] = {}
    while len(seen) < count:
        seen[tuple(sorted(random.choice(n, k, replace=False).tolist()))] = None
    return [[i in chosen for i in range(n)] for chosen in seen]
