"""DeepDream: a photo changed until the layers of a network answer to it more strongly, from coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from striate.data.pictures.decode import picture as read
from striate.errors import ArgumentError
from striate.look.paint.ascend import Progress, Range, Transforms, ascend
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.tap import Run, tapped
from striate.report import figures

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
        told = f"What {' and '.join(self.layers)} {see} in the photo, made stronger at {count} size{'s' * (count > 1)} "
        told += f"({sizes})."
        return told + (f" {self.left_out} smaller ones would be below the network's input." if self.left_out else "")

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        heads = ("size", "mean square of the activations before", "after")
        return heads, [
            (f"{w}x{h}", f"{each[0]:.4g}", f"{each[-1]:.4g}")
            for (h, w), each in zip(self.sizes, self.history, strict=True)
        ]

    def figure(self) -> Figure:
        from striate.report.style import LIGHT, new_figure, settings

        height, width = self.picture.shape[:2]
        wide = 4.2
        tall = wide * height / width
        with settings():
            fig = new_figure(2 * wide + 0.1, tall, LIGHT["ground"])
            for i, each in enumerate((self.original, self.picture)):
                ax = fig.add_axes((i * (wide + 0.1) / (2 * wide + 0.1), 0, wide / (2 * wide + 0.1), 1))
                shown = each[..., 0] if each.shape[-1] == 1 else each
                ax.imshow(shown, cmap="gray", vmin=0, vmax=255, aspect="auto")
                ax.set_axis_off()
        return fig

    def save(self, path: Any) -> Any:
        """A .png is the dream itself, whole; an .svg both pictures side by side."""
        if str(path).lower().endswith(".png"):
            from pathlib import Path

            from striate.report.tiles import rgba
            from striate.weights import atomic_write

            atomic_write(path, figures.png(rgba(self.picture)))
            return Path(path)
        return super().save(path)


def dream(
    model: Model,
    picture: Any,
    layers: str | Sequence[str] | None = None,
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
    """A photo of any size, changed so that the mean squares of the activations of `layers` rise.

    layers    names; None: one at about two thirds of the network's depth
    octaves   sizes, each `scale` times the one before, the last the photo's own; what was dreamt at one is carried to the
              next.  None is smaller than what the network takes
    steps, learning_rate   at each size: a step changes the contrast (-1 to 1) by so much in the root mean square
    jitter    up to so many pixels, over the edges, at random before each step, so that the tiles leave no seams
    largest   a photo with a longer side is scaled down to it, as far as the network's input allows; None: never

    A picture larger than the network's input is looked at in tiles.  Raises ArgumentError for unknown layers, DataError
    for what is no picture.
    """
    space = Space.of(model)
    if octaves < 1 or scale <= 1:
        raise ArgumentError(f"dream: octaves {octaves} must be at least 1 and scale {scale} above 1.")
    photo = _photo(picture, space, largest)
    with tapped(model) as tap:
        names = (
            [layers]
            if isinstance(layers, str)
            else list(layers)
            if layers is not None
            else [_two_thirds(tap.names, model)]
        )
        like = torch.zeros((), dtype=torch.float32, device=tap.device)
        for name in names:
            if name not in tap.names:
                tap.run(like.expand(1, space.shape[2], *space.shape[:2]), keep=[name])  # says which name is near
    span = Range.of(space, like)
    base = span.contrast(space.inputs(photo[None], like))
    height, width = base.shape[2:]
    sizes = [(round(height / scale**k), round(width / scale**k)) for k in reversed(range(octaves))]
    sizes = [size for size in sizes if size[0] >= space.shape[0] and size[1] >= space.shape[1]] or [(height, width)]

    def objective(run: Run) -> torch.Tensor:
        return torch.stack([at.square().flatten(1).mean(1) for at in run.at.values()]).sum(0)

    detail, history = torch.zeros_like(base), []
    for k, size in enumerate(sizes):
        small = F.interpolate(base, size, mode="bilinear", antialias=True, align_corners=False)
        carried = F.interpolate(detail, size, mode="bilinear", antialias=True, align_corners=False)
        found = ascend(
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
            progress=None if progress is None else _part(progress, k, len(sizes)),
        )
        detail = found.contrast - small
        history.append(found.history[:, 0])
    return Dream(photo, found.pictures[0], names, sizes, history, octaves - len(sizes))


def _photo(given: Any, space: Space, largest: int | None) -> np.ndarray:
    """The photo at its own size, uint8 (H, W, C), neither smaller than the network's input nor larger than `largest`."""
    from PIL import Image

    image = read(given, space.shape[2])
    height, width = image.height, image.width
    factor = 1.0 if largest is None else min(1.0, largest / max(height, width))
    factor = max(factor, space.shape[0] / height, space.shape[1] / width)
    if factor != 1:
        size = (max(space.shape[1], round(width * factor)), max(space.shape[0], round(height * factor)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _two_thirds(names: Sequence[str], model: Model) -> str:
    """A layer with maps at two thirds of the depth."""
    nodes = [node for node in model.graph.check().flat().nodes if len(node.shape) == 3 and max(node.shape[:2]) > 1]
    there = [node.name for node in nodes if node.name in names]
    if not there:
        raise ArgumentError("this network has no layer with maps to dream of.")
    return there[2 * len(there) // 3]


def _part(progress: Progress, k: int, parts: int) -> Progress:
    return lambda done, whole: progress(int(1000 * (k + done / whole) / parts), 1000)
