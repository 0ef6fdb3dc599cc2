"""What a network says of every pixel of a photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data import Preprocessing
from striate.report.grid import Cell, Grid
from striate.report.marks import class_colours, labels_on
from striate.shown import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LabelMap"]

_SWATCH = 22  # dots of a colour in a legend


@dataclass(frozen=True, eq=False)
class LabelMap(Shown):
    """The class of every pixel of a photo.

    labels    class numbers, int64 (H, W), in the pixels of the upright photo; -1 where the network saw nothing of it
    classes   the names, in the order of the numbers
    """

    labels: np.ndarray
    classes: tuple[str, ...]

    @property
    def shares(self) -> dict[str, float]:
        """What part of the photo each class has, 0 to 1, of those that occur; the largest first."""
        counts = np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes))
        order = np.argsort(-counts, kind="stable")
        return {self.classes[k]: float(counts[k] / self.labels.size) for k in order if counts[k]}

    def overlay(self, picture: Any, share: float = 0.5) -> np.ndarray:
        """uint8 (H, W, 3): the photo with each class's colour over its pixels.

        picture   the photo: a file, bytes, a PIL image or a uint8 array
        share     of the colour, 0 to 1

        Raises DataError for a photo of another size.
        """
        pixels = Preprocessing(channels=3).pixels(picture)
        return labels_on(pixels, self.labels, share=share)

    def legend(self) -> Figure:
        """A figure with the colour, the name and the share of each class that occurs."""
        colours = class_colours(len(self.classes))
        numbers = {name: k for k, name in enumerate(self.classes)}
        cells = [
            [Cell(np.full((_SWATCH, _SWATCH, 3), colours[numbers[name]], np.uint8))] for name, _ in self.shares.items()
        ]
        names = [f"{name}\n{share:.1%}" for name, share in self.shares.items()]
        return Grid(cells, width=_SWATCH, height=_SWATCH, names=names).figure()

    def __str__(self) -> str:
        height, width = self.labels.shape
        listed = ", ".join(f"{name} {share:.1%}" for name, share in self.shares.items())
        return f"label map of {height} x {width}: {listed or 'nothing'}"
