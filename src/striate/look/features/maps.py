"""Activation maps: what each layer makes of a picture, and which maps never answer to anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.data import Dataset
from striate.errors import ArgumentError, DataError
from striate.look.features.activations import activations
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.tap import tapped
from striate.report import figures, tiles
from striate.report.figures import LIGHT, new_figure, say, settings
from striate.report.html import Section, image, table
from striate.report.style import DPI

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.graph import FlatNode
    from striate.model import Model

_LAYERS, _MAPS = 12, 12  # of the overview


# -- of one picture -----------------------------------------------------------------------------------------------------
@dataclass
class Maps(Look):
    """The activation maps of layers for one picture.

    picture      uint8 (H, W, C), RGB, as the network saw it
    at           {layer: (H, W, C)}, what follows the layer's own activation function, in the order of the run
    rectified    layers of `at` that end in a rectifier: those whose maps can be dead
    """

    picture: np.ndarray
    at: dict[str, np.ndarray]
    rectified: tuple[str, ...]

    anchor = "maps"
    title = "Activation maps"

    def note(self) -> str:
        dead = {name: int((~self.at[name].any(axis=(0, 1))).sum()) for name in self.rectified}
        whole = sum(self.at[name].shape[-1] for name in self.rectified)
        seen = (
            f"The maps of {len(self.at)} layers for one picture. Dark is 0, bright each map's largest value; where a "
        )
        seen += "layer has negative values, blue is negative, white 0, red positive. A crossed-out map is 0 everywhere"
        return f"{seen}: {sum(dead.values())} of {whole} maps after rectifiers are." if whole else f"{seen}."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("layer", "size", "maps", "zero for this picture", "mean", "largest")
        return heads, [
            (name, f"{a.shape[0]}x{a.shape[1]}", a.shape[2], int((~a.any(axis=(0, 1))).sum()), *_short(a))
            for name, a in self.at.items()
        ]

    def chosen(self) -> list[str]:
        """The layers of the overview: at most 12, at equal steps; those with rectifiers where there are enough."""
        names = list(self.rectified) if len(self.rectified) >= 4 else list(self.at)
        picked = np.unique(np.rint(np.linspace(0, len(names) - 1, min(_LAYERS, len(names)))).astype(int))
        return [names[i] for i in picked]

    def figure(self) -> Figure:
        """The picture, and below it a row of maps for each of at most 12 layers."""
        chosen = self.chosen()
        side, gap, left, top = tiles.TILE, tiles.GAP, 190, 12
        across = min(_MAPS, max(self.at[name].shape[-1] for name in chosen))
        head = 2 * side
        wide = left + across * (side + gap) + top
        tall = top + head + 14 + len(chosen) * (side + gap) + top
        with settings():
            fig = new_figure(wide / DPI, tall / DPI, LIGHT["ground"])
            shown = tiles.rgba(self.picture)
            ax = fig.add_axes((left / wide, 1 - (top + head) / tall, head * _aspect(shown) / wide, head / tall))
            ax.imshow(shown, interpolation="antialiased", aspect="auto")
            ax.set_axis_off()
            say(fig, (left - 12) / wide, 1 - (top + 9) / tall, "the picture", size=9, color=LIGHT["ink"], ha="right")
            for row, name in enumerate(chosen):
                y = top + head + 14 + row * (side + gap)
                values = self.at[name]
                plate = tiles.mosaic(_tiles(values[..., _spread(values, across)], side), across)
                ax = fig.add_axes((left / wide, 1 - (y + side) / tall, plate.shape[1] / wide, side / tall))
                ax.imshow(plate, interpolation="nearest", aspect="auto")
                ax.set_axis_off()
                size = f"{values.shape[0]}x{values.shape[1]}, {min(across, values.shape[2])} of {values.shape[2]} maps"
                where = (left - 12) / wide
                middle = y + side / 2
                said = figures.plain(name, 28)
                say(fig, where, 1 - (middle - 3) / tall, said, size=9, color=LIGHT["ink"], ha="right")
                say(fig, where, 1 - (middle + 12) / tall, size, size=8, color=LIGHT["muted"], ha="right")
        return fig

    def layer(self, name: str, *, shared: bool = False, limit: int = 64) -> Figure:
        """The maps of one layer in a grid.  Raises ArgumentError for a layer that is not there."""
        from striate.errors import unknown

        if name not in self.at:
            raise unknown("layer name", name, self.at)
        return figures.maps(self.at[name], shared=shared, limit=limit)

    def section(self) -> Section:
        """Every layer with its first 32 maps."""
        section = Section(self.anchor, self.title, self.note(), table(*self.rows()))
        whole = figures.plate(tiles.rgba(self.picture))
        section.pictures = [("the picture", image(figures.to_png(whole), "image/png", "the picture"))]
        for name, values in self.at.items():
            height, width, count = values.shape
            drawn = figures.to_png(self.layer(name, limit=32))
            section.pictures.append((f"{name}: {height}x{width}, {count} maps", image(drawn, "image/png", name)))
        return section


def maps(model: Model, picture: Any, layers: Sequence[str] | None = None) -> Maps:
    """The activation maps of every layer for one picture, in prediction mode.

    picture   a file, a PIL image or an array (H, W, C); it goes through the preprocessing
    layers    names, as ``model.size()`` prints them, nested ones as ``block/conv2d``; None: every layer that gives maps

    Raises ArgumentError for a name that is not there or a layer whose output is no maps, DataError for what is no picture.
    """
    space = Space.of(model)
    pixels = space.pixels(picture)
    if len(pixels) != 1:
        raise DataError(f"maps looks at one picture, not at {len(pixels)}.")
    shapes = _shapes(model)
    names = [name for name, shape in shapes.items() if len(shape) == 3] if layers is None else list(layers)
    for name in names:
        if name in shapes and len(shapes[name]) != 3:
            raise ArgumentError(f'"{name}" gives {shapes[name]} numbers and no maps; layers with (H, W, C) have maps.')
    if not names:
        raise ArgumentError("maps: no layer was named." if layers is not None else "maps: no layer gives maps.")
    found = activations(model, Dataset(pixels, preprocessing=space.preprocessing), names)
    at = {name: value[0] for name, value in found.items()}
    ends = _rectifying(model)
    return Maps(pixels[0], at, tuple(name for name in at if name in ends))


# -- over a data set ----------------------------------------------------------------------------------------------------
@dataclass
class Dead(Look):
    """For how much of a data set each map is zero everywhere.

    share   {layer: float64 (C,)}: the share of the pictures for which the map has no number but 0
    count   how many pictures there were
    """

    share: dict[str, np.ndarray]
    count: int

    anchor = "dead"
    title = "Dead maps"

    @property
    def maps(self) -> dict[str, list[int]]:
        """The numbers of the maps that are zero everywhere for every picture, by layer; layers without any left out."""
        found = {name: np.flatnonzero(share == 1).tolist() for name, share in self.share.items()}
        return {name: numbers for name, numbers in found.items() if numbers}

    def note(self) -> str:
        dead, whole = sum(map(len, self.maps.values())), sum(map(len, self.share.values()))
        rarely = sum(int(((share >= 0.99) & (share < 1)).sum()) for share in self.share.values())
        pictures = f"{self.count:,} picture{'s' * (self.count != 1)}"
        found = f"{dead} of {whole} maps are dead: zero everywhere for each of {pictures}"
        found += f", in {len(self.maps)} of {len(self.share)} layers" if dead else ""
        return f"{found}. {rarely} more answer to at most one picture in a hundred."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("layer", "maps", "dead", "zero for 99 % or more", "mean share of zero", "numbers of the dead")
        found = []
        for name, share in self.share.items():
            dead = self.maps.get(name, [])
            listed = ", ".join(map(str, dead[:12])) + (", …" if len(dead) > 12 else "")
            found.append((name, len(share), len(dead), int((share >= 0.99).sum()), f"{share.mean():.4f}", listed))
        return heads, found

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
            title = f"for what share of {self.count:,} pictures each map is zero everywhere"
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
    data: Any,
    layers: Sequence[str] | None = None,
    *,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> Dead:
    """For what share of a data set each map is zero everywhere; no activation is kept.

    data     a Dataset of pictures, an array uint8 (N, H, W, C), or files; they go through the preprocessing
    layers   names; None: all whose output a rectifier ends (ReLU, ReLU6; as a layer or fused), dense ones too, whose
             "maps" are single numbers

    Raises ArgumentError for unknown names and for a network without rectifiers, DataError for what are no pictures.
    """
    space = Space.of(model)
    pixels = space.pixels(data)
    names = _rectifying(model) if layers is None else list(layers)
    if not names:
        raise ArgumentError("dead: the network has no rectifier, so no map of it can be dead; name layers to look at.")
    zero: dict[str, torch.Tensor] = {}

    def counted(name: str, value: torch.Tensor) -> torch.Tensor:
        alone = (value.detach() == 0).flatten(2).all(2) if value.ndim > 2 else value.detach() == 0
        zero[name] = zero.get(name, 0) + alone.sum(0, dtype=torch.int64)
        return value

    with tapped(model) as tap, torch.no_grad():
        edit = {name: partial(counted, name) for name in names}
        for start in range(0, len(pixels), batch_size):
            tap.run(space.inputs(pixels[start : start + batch_size]).to(tap.device, tap.dtype), edit=edit)
            if progress is not None:
                progress(min(start + batch_size, len(pixels)), len(pixels))
    return Dead({name: zero[name].double().cpu().numpy() / len(pixels) for name in names}, len(pixels))


# -- layers -------------------------------------------------------------------------------------------------------------
def _shapes(model: Model) -> dict[str, tuple[int, ...]]:
    return {node.name: node.shape for node in model.graph.check().flat().nodes}


def _rectifying(model: Model) -> list[str]:
    """The calls whose output is never below 0 and exactly 0 for a range of inputs: those that a ReLU ends."""
    return [node.name for node in model.graph.check().flat().nodes if _is_rectifier(node)]


def _is_rectifier(node: FlatNode) -> bool:
    from striate.layers import ReLU

    found = node.layer if isinstance(node.layer, ReLU) else getattr(node.layer, "activation", None)
    return (
        found in ("relu", "relu6") if isinstance(found, str) else isinstance(found, ReLU) and not found.negative_slope
    )


def _spread(values: np.ndarray, count: int) -> np.ndarray:
    """The numbers of `count` maps at equal steps."""
    return np.unique(np.rint(np.linspace(0, values.shape[-1] - 1, min(count, values.shape[-1]))).astype(int))


def _tiles(values: np.ndarray, side: int) -> list[np.ndarray]:
    """Maps as tiles of one size, enlarged without smoothing to fill it."""
    found = []
    for tile in tiles.map_tiles(values):
        height, width = tile.shape[:2]
        across = np.arange(side) * width // side
        found.append(tile[np.arange(side) * height // side][:, across])
    return found


def _aspect(picture: np.ndarray) -> float:
    return min(picture.shape[1] / picture.shape[0], 3.0)


def _short(values: np.ndarray) -> tuple[str, str]:
    return f"{values.mean():.4g}", f"{values.max():.4g}"
