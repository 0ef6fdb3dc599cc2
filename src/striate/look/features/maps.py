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
from striate.report.grid import Cell, Grid
from striate.report.html import Section, image, table
from striate.report.style import plain
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

_LAYERS, _MAPS = 12, 12  # of the overview
_BYTES = 150_000  # of one layer's maps on a page


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
            f"The maps of {plural(len(self.at), 'layer')} for one picture. Dark is 0, bright each map's "
            "largest value; where a "
        )
        seen += "layer has negative values, blue is negative, white 0, red positive. A crossed-out map is 0 everywhere"
        return f"{seen}: {dead} of {plural(whole, 'map')} after rectifiers are." if whole else f"{seen}."

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
        chosen, side = self.chosen(), tiles.TILE
        across = min(_MAPS, max(self.at[name].shape[-1] for name in chosen))
        rows, names = [[Cell(self.picture)]], ["the picture"]
        for name in chosen:
            values = self.at[name]
            some = values[..., _spread(values, across)]
            rows.append([Cell(tiles.mosaic(_tiles(some, side), some.shape[-1]))])
            names.append(f"{plain(name, 28)}\n{_size(values)}, {some.shape[-1]} of {plural(values.shape[2], 'map')}")
        wide = across * (side + tiles.GAP) - tiles.GAP
        return Grid(rows, width=wide, height=[2 * side, *[side] * len(chosen)], gap=tiles.GAP, names=names).figure()

    def layer(self, name: str, *, shared: bool = False, limit: int = 64) -> np.ndarray:
        """The first `limit` maps of one layer in a grid, uint8 (H, W, 4): what ``figures.png`` makes a file of.

        shared   one range for all maps; else each has its own

        Raises ArgumentError for a layer that is not there.
        """
        if name not in self.at:
            raise unknown("layer name", name, self.at)
        values = self.at[name][..., :limit]
        columns = min(8 if values.shape[-1] <= 8 else 16, values.shape[-1])  # so that grids of several layers line up
        return tiles.mosaic(tiles.map_tiles(values, shared=shared), columns)

    def section(self) -> Section:
        """The chosen layers with their first 64 maps, fewer where these would be large files."""
        section = Section(self.anchor, self.title, self.note(), table(*self.rows()))
        seen = figures.png(tiles.rgba(tiles.resized(tiles.squeezed(self.picture), 128)))
        section.pictures = [("the picture", image(seen, "image/png", "the picture"))]
        for name in self.chosen():
            limit = 64
            drawn = figures.png(self.layer(name, limit=limit))
            while len(drawn) > _BYTES and limit > 4:
                limit //= 2
                drawn = figures.png(self.layer(name, limit=limit))
            values = self.at[name]
            some = f", the first {limit}" if values.shape[-1] > limit else ""
            caption = f"{name}: {_size(values)}, {plural(values.shape[-1], 'map')}{some}"
            section.pictures.append((caption, image(drawn, "image/png", f"maps of {name}")))
        return section


def maps(model: Model, pictures: Any, layer: Layers | None = None) -> Maps:
    """The activation maps of every layer for one picture, in prediction mode.

    model     a network of one input (H, W, 1 or 3)
    pictures  one: a file, a PIL image, an array (H, W, C) or (1, H, W, C); it goes through the preprocessing.  Floats of a
              Dataset go in as they are
    layer     its name as ``model.size()`` prints it, nested ones as ``block/conv2d``, or several; None: every layer that
              gives maps

    Raises ArgumentError for a name that is not there or a layer whose output is no maps, DataError for what is no picture
    or for several.
    """
    space = Space.of(model)
    if isinstance(pictures, Dataset) and pictures.x.dtype != np.uint8 and len(pictures) == 1:
        example, picture = pictures, tiles.as_picture(pictures.x[0])  # floats go in as they are
        picture = np.zeros((*space.shape[:2], 1), np.uint8) if picture is None else picture
    else:
        picture = one_picture(space, pictures)[0]
        example = Dataset(picture[None], preprocessing=space.preprocessing)
    there, names = shapes(model), listed(layer)
    names = [name for name, shape in there.items() if len(shape) == 3] if names is None else names
    for name in names:
        if name in there and len(there[name]) != 3:
            raise ArgumentError(f'"{name}" gives {there[name]} numbers and no maps; layers with (H, W, C) have maps.')
    if not names:
        raise ArgumentError("maps: no layer was named." if layer is not None else "maps: no layer gives maps.")
    outputs = activations(model, example, names)
    at = {name: value[0] for name, value in outputs.items()}
    ends = set(rectified(model))
    return Maps(picture, at, tuple(name for name in at if name in ends))


def _spread(values: np.ndarray, count: int) -> np.ndarray:
    """The numbers of `count` maps at equal steps."""
    return np.unique(np.rint(np.linspace(0, values.shape[-1] - 1, min(count, values.shape[-1]))).astype(int))


def _tiles(values: np.ndarray, side: int) -> list[np.ndarray]:
    """Maps as tiles of one size, enlarged without smoothing to fill it."""
    enlarged = []
    for tile in tiles.map_tiles(values):
        height, width = tile.shape[:2]
        across = np.arange(side) * width // side
        enlarged.append(tile[np.arange(side) * height // side][:, across])
    return enlarged


def _size(values: np.ndarray) -> str:
    return f"{values.shape[0]}x{values.shape[1]}"


def _short(values: np.ndarray) -> tuple[str, str]:
    return f"{values.mean():.4g}", f"{values.max():.4g}"
