"""DeepDream: a photo changed until the layers of a network answer to it more strongly, from coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from striate.data.pictures.decode import picture as read
from striate.errors import ArgumentError, DataError
from striate.look.arguments import Layers, Progress, listed, part_of
from striate.look.paint.ascend import Range, ascend
from striate.look.paint.transforms import Transforms
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import two_thirds
from striate.look.tap import TappedRun, tapped
from striate.report.grid import Cell, Grid
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.model import Model


@dataclass
class Dream(Look):
    """original, picture: uint8 (H, W, C), RGB, of one size; history: per octave float64 (steps + 1,); left_out: octaves
    that would have been smaller than the network's input.
    """

    original: np.ndarray
    picture: np.ndarray
    layers: list[str]
    sizes: list[tuple[int, int]]
    history: list[np.ndarray]
    left_out: int = 0

    anchor = "dream"
    title = "DeepDream"
    source = "Mordvintsev, Olah & Tyka 2015"

    def note(self) -> str:
        sizes = ", ".join(f"{w}x{h}" for h, w in self.sizes)
        see, count = "sees" if len(self.layers) == 1 else "see", len(self.sizes)
        told = f"What {' and '.join(self.layers)} {see} in the photo, made stronger at {plural(count, 'size')} "
        told += f"({sizes})."
        return told + (f" {self.left_out} smaller ones would be below the network's input." if self.left_out else "")

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("size", "mean square of the activations before", "after")
        return heads, [
            (f"{w}x{h}", f"{each[0]:.4g}", f"{each[-1]:.4g}")
            for (h, w), each in zip(self.sizes, self.history, strict=True)
        ]

    def figure(self) -> Figure:
        """The photo and the dream side by side."""
        high = 420 * self.picture.shape[0] / self.picture.shape[1]
        return Grid([[Cell(self.original), Cell(self.picture)]], width=420, height=high).figure()

    def bitmap(self) -> np.ndarray:
        return self.picture


def dream(
    model: Model,
    pictures: Any,
    layer: Layers | None = None,
    *,
    octaves: int = 4,
    scale: float = 1.4,
    steps: int = 12,
    learning_rate: float = 0.03,
    jitter: int = 32,
    largest: int | None = 768,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dream:
    """DeepDream: a photo of any size, changed so that layers answer to it more strongly.

    model     a network of one input (H, W, 1 or 3)
    pictures  one: a file, a PIL image or an array (H, W, C)
    layer     a layer's name, or several: the mean squares of their activations rise; None: the one with maps at two thirds
              of the network's depth
    octaves   sizes, the last the photo's own; what was dreamt at one is carried to the next.  None is smaller than what the
              network takes
    scale     of a size to the one before
    steps     at each size
    learning_rate   by how much a step changes the contrast (-1 to 1), in the root mean square
    jitter    shift by up to so many pixels, over the edges, before each step, so that the tiles leave no seams
    largest   a photo with a longer side is scaled down to so many pixels, as far as the network's input allows; None: never
    seed      of the shifts
    progress  called as progress(done, whole)

    A picture larger than the network's input is looked at in tiles.  Raises ArgumentError for unknown layers, DataError
    for what is no picture.
    """
    space = Space.of(model)
    if octaves < 1 or scale <= 1:
        raise ArgumentError(f"dream: octaves {octaves} must be at least 1 and scale {scale} above 1.")
    photo = _photo(pictures, space, largest)
    names = listed(layer) or [two_thirds(model)]
    with tapped(model) as tap:
        like = torch.zeros((), dtype=torch.float32, device=tap.device)
        for name in names:
            if name not in tap.names:
                tap.run(like.expand(1, space.shape[2], *space.shape[:2]), keep=[name])  # says which name is near
    span = Range.of(space, like)
    base = span.contrast(space.inputs(photo[None], like))
    height, width = base.shape[2:]
    sizes = [(round(height / scale**k), round(width / scale**k)) for k in reversed(range(octaves))]
    sizes = [size for size in sizes if size[0] >= space.shape[0] and size[1] >= space.shape[1]] or [(height, width)]

    def objective(run: TappedRun) -> torch.Tensor:
        return torch.stack([at.square().flatten(1).mean(1) for at in run.at.values()]).sum(0)

    detail, history = torch.zeros_like(base), []
    for k, size in enumerate(sizes):
        small = F.interpolate(base, size, mode="bilinear", antialias=True, align_corners=False)
        carried = F.interpolate(detail, size, mode="bilinear", antialias=True, align_corners=False)
        made = ascend(
            model,
            objective,
            keep=names,
            start=(small + carried).clamp(-1, 1),
            steps=steps,
            learning_rate=learning_rate,
            rise="gradient",
            transforms=Transforms(jitter=jitter, wrap=True),
            tile=space.shape[:2],
            seed=seed + k,
            progress=part_of(progress, k, len(sizes)),
        )
        detail = made.contrast - small
        history.append(made.history[:, 0])
    return Dream(photo, made.pictures[0], names, sizes, history, octaves - len(sizes))


def _photo(given: Any, space: Space, largest: int | None) -> np.ndarray:
    """The photo at its own size, uint8 (H, W, C), neither smaller than the network's input nor larger than `largest`."""
    from PIL import Image

    several = isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.ndim == 4)
    if several and len(given) != 1:
        raise DataError(f"this looks at one picture, not at {len(given)}.")
    image = read(given[0] if several else given, space.shape[2])
    height, width = image.height, image.width
    factor = 1.0 if largest is None else min(1.0, largest / max(height, width))
    factor = max(factor, space.shape[0] / height, space.shape[1] / width)
    if factor != 1:
        size = (max(space.shape[1], round(width * factor)), max(space.shape[0], round(height * factor)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels
