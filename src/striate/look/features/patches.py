"""What the maps of a layer answer to most: the strongest patches of a data set, and what in them made the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.data import Dataset
from striate.errors import ArgumentError, unknown
from striate.look.arguments import Progress, drawn
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import shapes, spread_maps
from striate.look.tap import Rule, tapped
from striate.report import tiles
from striate.report.grid import Cell, Grid
from striate.report.style import plain
from striate.size.receptive_field import Receptive, receptive
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model

Box = tuple[int, int, int, int]
_MAPS = 8  # looked at when none are named
_TILE = 58  # dots of a patch's side in the figure
_AT_ONCE = 3  # pictures whose gradients are asked for together


@dataclass
class Patch:
    """One of the strongest activations of a map.

    map, value   which map, and the activation
    picture      the number of the picture in the data set
    cell         (row, column) in the map; () of a layer without positions
    box          (top, left, bottom, right) in the picture as the network sees it: all that the activation depends on
    crop         uint8 (h, w, C), RGB
    deconvnet, guided   float32 (h, w, C), RGB: the reconstructions of this one activation, cropped at the same place;
                 what they are outside the box is exactly 0
    """

    map: int
    value: float
    picture: int
    cell: tuple[int, ...]
    box: Box
    crop: np.ndarray
    deconvnet: np.ndarray
    guided: np.ndarray


@dataclass
class Patches(Look):
    """The strongest activations of some maps of a layer over a data set.

    maps    {map: its patches, the strongest first}; fewer than k, or none, where a map answers to fewer pictures
    field   cells of the input that one activation sees, (height, width), not clipped at the border
    count   how many pictures there were
    """

    layer: str
    k: int
    field: tuple[int, ...]
    count: int
    maps: dict[int, list[Patch]]
    classes: tuple[str, ...] | None = None
    labels: np.ndarray | None = None

    anchor = "patches"
    title = "Strongest patches"
    source = "Zeiler & Fergus 2014, section 2.1 and figure 2; Springenberg et al. 2014, figure 3"

    def note(self) -> str:
        size = "x".join(map(str, self.field))
        seen = f"What {plural(len(self.maps), 'map')} of {self.layer} answered to most among {plural(self.count, 'picture')}"
        seen += ", one patch a picture"
        seen += f", cut out where the activation looks ({size}, clipped at the border). Beside the patches what a deconvnet "
        seen += "and guided backpropagation make of that one activation; middle grey is 0."
        silent = [str(number) for number, patches in self.maps.items() if not patches]
        return seen + (f" Maps that answered to nothing: {', '.join(silent)}." if silent else "")

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ["map", "patches", "strongest", "weakest of them", "pictures"]
        table: list[list[Any]] = []
        for number, patches in self.maps.items():
            values = [patch.value for patch in patches]
            told = (f"{values[0]:.4g}", f"{values[-1]:.4g}") if values else ("0", "0")
            table.append([number, len(patches), *told, ", ".join(str(patch.picture) for patch in patches)])
            if self.labels is not None:
                table[-1].append(self._commonest([int(self.labels[patch.picture]) for patch in patches]))
        return [*heads, *(["commonest class"] if self.labels is not None else [])], table

    def _commonest(self, labels: list[int]) -> str:
        if not labels:
            return ""
        best = max(labels, key=labels.count)
        name = self.classes[best] if self.classes else f"class {best}"
        return f"{name} {labels.count(best)} of {len(labels)}"

    def facts(self) -> dict[str, Any]:
        listed = {
            str(number): [
                {"picture": p.picture, "value": p.value, "cell": list(p.cell), "box": list(p.box)} for p in patches
            ]
            for number, patches in self.maps.items()
        }
        return {"layer": self.layer, "field": list(self.field), "pictures": self.count, "maps": listed}

    def figure(self) -> Figure:
        """Two maps in a row, each as three blocks of k tiles: patches, deconvnet, guided backpropagation."""
        across = int(np.ceil(np.sqrt(self.k)))
        down = -(-self.k // across)
        rows: list[list[Cell | None]] = []
        for i, (number, patches) in enumerate(self.maps.items()):
            if i % 2 == 0:
                rows.append([])
            for name, pictures in (
                (f"map {number}", [patch.crop for patch in patches]),
                ("deconvnet", [_visible(patch.deconvnet) for patch in patches]),
                ("guided", [_visible(patch.guided) for patch in patches]),
            ):
                pieces = [_fitted(picture, _TILE) for picture in pictures]
                pieces += [np.zeros((_TILE, _TILE, 4), np.uint8)] * (across * down - len(pieces))
                rows[-1].append(Cell(tiles.mosaic(pieces, across, 2), head=name))
        size = "x".join(map(str, self.field))
        title = f"{plain(self.layer, 40)}: what its maps answer to most, cut out at the receptive field of {size}"
        wide, high = (n * (_TILE + 2) - 2 for n in (across, down))
        return Grid(rows, width=wide, height=high, gap=12, title=title, before={3: 22}).figure()


def patches(
    model: Model,
    pictures: Any,
    layer: str | None = None,
    *,
    maps: Sequence[int] | None = None,
    k: int = 9,
    count: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
) -> Patches:
    """The k strongest activations of each map over a data set, one per picture, and where in the pictures they come from.

    model       a network of one input (H, W, 1 or 3)
    pictures    a Dataset, an array uint8 (N, H, W, C), or files; only the strongest of the activations are kept
    layer       its name, nested ones as ``block/conv2d``; of a vector each number is a map without positions.  None: the
                one with maps at half of the network's depth
    maps        numbers of maps; None: eight at equal steps among those that answer to anything
    k           how many patches of each map
    count       so many of the pictures, each class with its share; None: all
    batch_size  pictures at a time
    seed        of the pictures taken
    progress    called as progress(done, whole)

    Only activations above 0 count, which are all there are after a ReLU; of equal ones that of the earlier picture and cell
    comes first.  The crop is the receptive field, clipped at the border (``size/receptive_field.py``), of the picture as the
    network saw it.  Beside it stand the deconvnet (Zeiler & Fergus 2014, section 2.1) and the guided-backpropagation
    reconstruction (Springenberg et al. 2014, section 3) of that one activation: its gradient to the input with the ReLU rule
    of each.

    Raises ArgumentError for an unknown layer, map numbers that are not there, and k below 1, DataError for what are no
    pictures.
    """
    if layer is None:
        mapped = spread_maps(model)
        layer = mapped[len(mapped) // 2]
    pictures, _ = drawn(pictures, None, count, seed)
    if isinstance(k, bool) or k < 1:
        raise ArgumentError(f"patches: k is a whole number of at least 1, not {k}.")
    space, views = Space.of(model), receptive(model.graph.check())
    there = shapes(model)
    if layer not in there:
        raise unknown("layer name", layer, there)
    if len(there[layer]) not in (1, 3):
        raise ArgumentError(
            f'"{layer}" gives {there[layer]} numbers; patches takes layers with maps (H, W, C) or (C,).'
        )
    channels = there[layer][-1]
    wrong = [number for number in maps or () if not 0 <= number < channels]
    if wrong:
        raise ArgumentError(f'"{layer}" has maps 0 to {channels - 1}, not {wrong[0]}.')
    pixels = space.pixels(pictures)
    value, picture, cell = strongest(model, pixels, layer, k, batch_size=batch_size, progress=progress)
    if maps is None:
        alive = np.flatnonzero(value[:, 0] > 0)
        if not len(alive):
            raise ArgumentError(f'no map of "{layer}" is above 0 for any of {plural(len(pixels), "picture")}.')
        maps = [int(alive[i]) for i in np.unique(np.rint(np.linspace(0, len(alive) - 1, _MAPS)).astype(int))]
    by_map = {int(number): _patches(number, value, picture, cell, there[layer], layer, views) for number in maps}
    flat = [patch for each in by_map.values() for patch in each]
    _reconstruct(model, space, pixels, layer, flat)
    told = pictures if isinstance(pictures, Dataset) else None
    classes, labels = (None, None) if told is None else (told.classes, told.labels)
    return Patches(layer, k, views.field(layer).size, len(pixels), by_map, classes, labels)


def strongest(
    model: Model,
    pixels: np.ndarray,
    layer: str,
    k: int,
    *,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each map of a layer the k strongest activations over pictures uint8 (N, H, W, C), one per picture.

    Returns values float32, numbers of pictures int64 and cells int64 (row * W + column), each (maps, min(k, N)), the
    strongest first.
    """
    space = Space.of(model)
    best: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None
    with tapped(model) as tap, torch.no_grad():
        for start in range(0, len(pixels), batch_size):
            inputs = space.inputs(pixels[start : start + batch_size]).to(tap.device, tap.dtype)
            at = tap.run(inputs, keep=[layer], stop=True).at[layer].float()
            at = at.flatten(2) if at.ndim > 2 else at[..., None]
            value, cell = _first_largest(at)  # (n, C)
            number = torch.arange(start, start + len(at), device=at.device)[:, None].expand_as(cell)
            new = (value.T, number.T, cell.T)
            merged = new if best is None else tuple(torch.cat(pair, dim=1) for pair in zip(best, new, strict=True))
            order = merged[0].argsort(dim=1, descending=True, stable=True)[:, :k]
            best = (merged[0].gather(1, order), merged[1].gather(1, order), merged[2].gather(1, order))
            if progress is not None:
                progress(min(start + batch_size, len(pixels)), len(pixels))
    assert best is not None
    return tuple(each.cpu().numpy() for each in best)  # type: ignore[return-value]


def _first_largest(at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest of the last axis and where it is; of equal ones the first."""
    value = at.amax(-1)
    return value, (at == value[..., None]).to(torch.uint8).argmax(-1)


def _patches(
    number: int,
    value: np.ndarray,
    picture: np.ndarray,
    cell: np.ndarray,
    shape: tuple[int, ...],
    layer: str,
    views: Receptive,
) -> list[Patch]:
    """The patches of a map, without their pixels."""
    patches = []
    empty = np.zeros((0, 0, 1), np.float32)
    for v, p, c in zip(value[number], picture[number], cell[number], strict=True):
        if not v > 0:
            continue
        where = (int(c) // shape[1], int(c) % shape[1]) if len(shape) == 3 else ()
        (top, bottom), (left, right) = views.crop(layer, where)
        patches.append(Patch(int(number), float(v), int(p), where, (top, left, bottom, right), empty, empty, empty))
    return patches


def _reconstruct(model: Model, space: Space, pixels: np.ndarray, layer: str, patches: Sequence[Patch]) -> None:
    """Fill in the crops and the two reconstructions of patches."""
    rules: tuple[tuple[Rule, str], ...] = (("deconvnet", "deconvnet"), ("guided", "guided"))
    for patch in patches:
        top, left, bottom, right = patch.box
        patch.crop = np.array(pixels[patch.picture][top:bottom, left:right])
    for rule, name in rules:
        with tapped(model, rule=rule) as tap:
            for start in range(0, len(patches), _AT_ONCE):
                some = patches[start : start + _AT_ONCE]
                x = space.inputs(np.stack([pixels[patch.picture] for patch in some])).to(tap.device, tap.dtype)
                x.requires_grad_()
                at = tap.run(x, keep=[layer], stop=True).at[layer]
                chosen = [at[(i, patch.map, *patch.cell)] for i, patch in enumerate(some)]
                (gradient,) = torch.autograd.grad(torch.stack(chosen).sum(), x)
                back = gradient.movedim(1, -1).float().cpu().numpy() * space.factor.astype(np.float32)
                back = back[..., ::-1] if space.bgr else back
                for patch, whole in zip(some, back, strict=True):
                    top, left, bottom, right = patch.box
                    setattr(patch, name, whole[top:bottom, left:right].copy())


# -- figure -------------------------------------------------------------------------------------------------------------
def _visible(gradient: np.ndarray) -> np.ndarray:
    """A reconstruction as a uint8 picture, middle grey 0; the range is that of all but its largest half percent."""
    largest = float(np.quantile(np.abs(gradient), 0.995)) or float(np.abs(gradient).max()) or 1.0
    return np.rint((gradient / (2 * largest) + 0.5).clip(0, 1) * 255).astype(np.uint8)


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture (h, w, C) as a tile (side, side, 4): its longer side fills the tile, the rest is transparent."""
    from PIL import Image

    height, width = picture.shape[:2]
    if not height or not width:
        return np.zeros((side, side, 4), np.uint8)
    size = max(1, round(side * width / max(height, width))), max(1, round(side * height / max(height, width)))
    how = Image.Resampling.BOX if max(height, width) > side else Image.Resampling.NEAREST
    scaled = np.asarray(Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).resize(size, how))
    tile = np.zeros((side, side, 4), np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = tiles.rgba(scaled)
    return tile
