"""Dead maps: those that answer to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.errors import ArgumentError
from striate.look.arguments import Layers, Progress, drawn, listed, parts
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import not_seen, rectified, rectifiers_within
from striate.look.tap import tapped
from striate.report import figures
from striate.report.figures import LIGHT, new_figure, say, settings
from striate.report.style import DPI
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model


def zero_maps(at: Any) -> Any:
    """bool (C,): which maps of an array (H, W, C) are 0 everywhere; of a tensor (N, C, ...) bool (N, C).

    This is the one rule by which a map counts as zero: every number of it is exactly 0.
    """
    if isinstance(at, torch.Tensor):
        return (at == 0).flatten(2).all(2) if at.ndim > 2 else at == 0
    return (at == 0).all(axis=tuple(range(at.ndim - 1)))


@dataclass
class Dead(Look):
    """For how much of a data set each map is zero everywhere.

    share   {layer: float64 (C,)}: the share of the pictures for which the map has no number but 0
    count   how many pictures there were
    unseen  the layers that have rectifiers within them, whose maps are no layer's output and are not counted
    """

    share: dict[str, np.ndarray]
    count: int
    unseen: list[str] = field(default_factory=list)

    anchor = "dead"
    title = "Dead maps"

    @property
    def maps(self) -> dict[str, list[int]]:
        """The numbers of the maps that are zero everywhere for every picture, by layer; layers without any left out."""
        silent = {name: np.flatnonzero(share == 1).tolist() for name, share in self.share.items()}
        return {name: numbers for name, numbers in silent.items() if numbers}

    def note(self) -> str:
        dead, whole = sum(map(len, self.maps.values())), sum(map(len, self.share.values()))
        rarely = sum(int(((share >= 0.99) & (share < 1)).sum()) for share in self.share.values())
        pictures = f"{plural(self.count, 'picture')}"
        text = f"{dead} of {plural(whole, 'map')} are dead: zero everywhere for each of {pictures}"
        text += f", in {len(self.maps)} of {plural(len(self.share), 'layer')}" if dead else ""
        return f"{text}. {rarely} more answer to at most one picture in a hundred.{not_seen('rectifiers', self.unseen)}"

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("layer", "maps", "dead", "zero for 99 % or more", "mean share of zero", "numbers of the dead")
        rows = []
        for name, share in self.share.items():
            dead = self.maps.get(name, [])
            listed = ", ".join(map(str, dead[:12])) + (", …" if len(dead) > 12 else "")
            rows.append((name, len(share), len(dead), int((share >= 0.99).sum()), f"{share.mean():.4f}", listed))
        return heads, rows

    def facts(self) -> dict[str, Any]:
        return {"pictures": self.count, "dead": self.maps, **super().facts()}

    def figure(self) -> Figure:
        """A bar for each layer: its maps side by side, those that answer least at the right, the dead ones in orange."""
        from matplotlib.colors import to_rgb

        from striate.report.style import blues

        left, right, high, step, wide = 190, 110, 14, 19, 860
        tall = 58 + len(self.share) * step + 34
        colours = blues(False)
        orange = to_rgb(LIGHT["second"])
        with settings():
            fig = new_figure(wide / DPI, tall / DPI, LIGHT["ground"])
            title = f"for what share of {plural(self.count, 'picture')} each map is zero everywhere"
            say(fig, left / wide, 1 - 20 / tall, title, size=9.5, color=LIGHT["ink"])
            for i, (name, share) in enumerate(self.share.items()):
                y = 36 + i * step
                ordered = np.sort(share)
                bar = colours(1 - ordered)[None, :, :3]
                bar[0, ordered == 1] = orange
                ax = fig.add_axes((left / wide, 1 - (y + high) / tall, (wide - left - right) / wide, high / tall))
                ax.imshow(bar, interpolation="nearest", aspect="auto")
                ax.set_axis_off()
                middle = 1 - (y + high / 2) / tall
                said = figures.plain(name, 28)
                say(fig, (left - 10) / wide, middle, said, size=8.5, color=LIGHT["ink"], ha="right", va="center")
                dead = int((share == 1).sum())
                colour = LIGHT["second"] if dead else LIGHT["muted"]
                words = f"{dead} of {len(share)} dead"
                say(fig, (wide - right + 10) / wide, middle, words, size=8.5, color=colour, va="center")
            self._legend(fig, colours, orange, left, wide, tall)
        return fig

    @staticmethod
    def _legend(fig: Figure, colours: Any, orange: Any, left: int, wide: int, tall: int) -> None:
        ax = fig.add_axes((left / wide, 16 / tall, 160 / wide, 9 / tall))
        ax.imshow(colours(np.linspace(1, 0, 160))[None], interpolation="nearest", aspect="auto")
        ax.set_axis_off()
        dot = fig.add_axes(((left + 330) / wide, 16 / tall, 12 / wide, 9 / tall))
        dot.imshow(np.array([[orange]]), aspect="auto")
        dot.set_axis_off()
        say(fig, (left - 10) / wide, 17 / tall, "answers to all", size=8, color=LIGHT["muted"], ha="right")
        say(fig, (left + 168) / wide, 17 / tall, "answers to few", size=8, color=LIGHT["muted"])
        say(fig, (left + 350) / wide, 17 / tall, "answers to none: dead", size=8, color=LIGHT["muted"])


def dead(
    model: Model,
    pictures: Any,
    layer: Layers | None = None,
    *,
    count: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dead:
    """Which maps are zero everywhere, and for what share of a data set; no activation is kept.

    model       a network of one input (H, W, 1 or 3)
    pictures    a Dataset, an array uint8 (N, H, W, C), or files; they go through the preprocessing
    layer       a layer's name, or several; None: all whose output a rectifier ends (ReLU, ReLU6; as a layer or fused),
                dense ones too, whose "maps" are single numbers
    count       so many of the pictures, each class with its share; None: all
    batch_size  pictures at a time
    seed        of the pictures taken
    progress    called as progress(done, whole)

    Raises ArgumentError for unknown names and for a network without rectifiers, DataError for what are no pictures.
    """
    space = Space.of(model)
    pictures, _ = drawn(pictures, None, count, seed)
    pixels = space.pixels(pictures)
    names = listed(layer) or rectified(model)
    within = [] if layer is not None else rectifiers_within(model)
    if not names:
        raise ArgumentError(
            "dead: no layer of the network ends in a rectifier, so no map of its layers can be dead; name layers to look at."
            f"{not_seen('rectifiers', within)}"
        )
    zero: dict[str, torch.Tensor] = {}

    def counted(name: str, value: torch.Tensor) -> torch.Tensor:
        zero[name] = zero.get(name, 0) + zero_maps(value.detach()).sum(0, dtype=torch.int64)
        return value

    with tapped(model) as tap, torch.no_grad():
        edit = {name: partial(counted, name) for name in names}
        for part in parts(len(pixels), batch_size):
            tap.run(space.inputs(pixels[part]).to(tap.device, tap.dtype), edit=edit)
            if progress is not None:
                progress(part.stop, len(pixels))
    return Dead({name: zero[name].double().cpu().numpy() / len(pixels) for name in names}, len(pixels), within)
