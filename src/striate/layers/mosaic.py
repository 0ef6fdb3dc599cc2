"""Four pictures in one: the description of it.  Boxes and label maps go along, so it is no layer of a network."""

from __future__ import annotations

from striate.errors import ArgumentError
from striate.graph.part import NetworkPart
from striate.layers.augment import numbers

__all__ = ["Mosaic"]


class Mosaic(NetworkPart):
    """Four pictures of a batch in one, each in a corner: ``compile(mix=Mosaic())``, where boxes or label maps are learnt.

    Bochkovskiy et al. 2020, "YOLOv4", section 3.3.  The four meet at a place that is drawn for a batch; each picture is made
    smaller by a factor that is drawn for it, and stands with its inner corner at that place.

    scale        (smallest, largest) factor, above 0 and at most 1
    centre       (nearest, farthest) where the four meet, as a part of either side, 0 to 1
    until        the part of the training after which pictures stay whole, 0 to 1: the last passes see what prediction sees
    fill_value   of pixels that none of the four has, as the network takes them
    least        the part of a box that must be left, 0 to 1

    Raises ArgumentError for values out of range.
    """

    scale: tuple[float, float] = (0.5, 1.0)
    centre: tuple[float, float] = (0.3, 0.7)
    until: float = 0.8
    fill_value: float = 0.0
    least: float = 0.25

    def __post_init__(self) -> None:
        self.scale = _range(self.scale, "scale")
        self.centre = _range(self.centre, "centre")
        if self.scale[0] <= 0:
            raise ArgumentError(f"Mosaic: scale is above 0, not {self.scale}.")
        for what, value in (("until", self.until), ("least", self.least)):
            if not 0 <= value <= 1:
                raise ArgumentError(f"Mosaic: {what} is from 0 to 1, not {value}.")


def _range(given: object, what: str) -> tuple[float, float]:
    low, high = numbers(given, 2, f"Mosaic: {what}", "(lowest, highest), from 0 to 1")
    if not 0 <= low <= high <= 1:
        raise ArgumentError(f"Mosaic: {what} is (lowest, highest), from 0 to 1, not {given!r}.")
    return low, high
