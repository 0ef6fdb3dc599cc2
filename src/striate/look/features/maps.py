"""Activation maps: what each layer makes of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Dataset
from striate.errors import ArgumentError, unknown
from striate.look.arguments import Layers, listed, one_picture
from striate.look.features.activations import activations
from striate.look.features.dead import zero_maps
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import rectified, shapes
from striate.report import figures, tiles
from striate.report.figures import LIGHT, new_figure, say, settings
from striate.report.html import Section, image, table
from striate.report.style import DPI

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

_LAYERS, _MAPS = 12, 12  # of the overview


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

    @property
    def dead(self) -> dict[str, list[int]]:
        """The numbers of the maps that are zero everywhere, of layers that end in a rectifier; layers without left out."""
        numbers = {name: np.flatnonzero(zero_maps(self.at[name])).tolist() for name in self.rectified}
        return {name: some for name, some in numbers.items() if some}

    def note(self) -> str:
        dead = sum(len(numbers) for numbers in self.dead.values())
        whole = sum(self.at[name].shape[-1] for name in self.rectified)
        seen = (
            f"The maps of {len(self.at)} layers for one picture. Dark is 0, bright each map's largest value; where a "
        )
        seen += "layer has negative values, blue is negative, white 0, red positive. A crossed-out map is 0 everywhere"
        return f"{seen}: {dead} of {whole} maps after rectifiers are." if whole else f"{seen}."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("layer", "size", "maps", "zero for this picture", "mean", "largest")
        return heads, [
            (name, f"{a.shape[0]}x{a.shape[1]}", a.shape[2], int(zero_maps(a).sum()), *_short(a))
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


def maps(model: Model, pictures: Any, layer: Layers | None = None) -> Maps:
    """The activation maps of every layer for one picture, in prediction mode.

    model     a network of one input (H, W, 1 or 3)
    pictures  one: a file, a PIL image, an array (H, W, C) or (1, H, W, C); it goes through the preprocessing
    layer     its name as ``model.size()`` prints it, nested ones as ``block/conv2d``, or several; None: every layer that
              gives maps

    Raises ArgumentError for a name that is not there or a layer whose output is no maps, DataError for what is no picture
    or for several.
    """
    space = Space.of(model)
    pixels = one_picture(space, pictures)
    there, names = shapes(model), listed(layer)
    names = [name for name, shape in there.items() if len(shape) == 3] if names is None else names
    for name in names:
        if name in there and len(there[name]) != 3:
            raise ArgumentError(f'"{name}" gives {there[name]} numbers and no maps; layers with (H, W, C) have maps.')
    if not names:
        raise ArgumentError("maps: no layer was named." if layer is not None else "maps: no layer gives maps.")
    outputs = activations(model, Dataset(pixels, preprocessing=space.preprocessing), names)
    at = {name: value[0] for name, value in outputs.items()}
    ends = set(rectified(model))
    return Maps(pixels[0], at, tuple(name for name in at if name in ends))


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
