"""Which boxes of a picture count, and where they are in it: decided once, for the readers and for the check."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from striate.data.pictures.geometry import visible
from striate.data.readers.survey import Item
from striate.wording import plural, verb

_ROUNDING = 1.0  # pixels by which a box may reach out of its picture: tools count from 0 or 1, and round


class PlacedBoxes(NamedTuple):
    """The boxes of a picture, as float64 (n, 4) in its pixels, and what is wrong with each, as bool (n,).

    given     as the annotation has them
    inside    clipped to the picture
    empty     without width or height, or not finite
    outside   wholly outside the picture
    reaching  more than a rounding of it reaches out of the picture; it is clipped
    """

    given: np.ndarray
    inside: np.ndarray
    empty: np.ndarray
    outside: np.ndarray
    reaching: np.ndarray

    @property
    def sound(self) -> np.ndarray:
        """Which of them a reader keeps, bool (n,)."""
        return np.asarray(~(self.empty | self.outside))

    def notes(self, size: tuple[int, int]) -> list[str]:
        """What a reader says about the boxes that it left out or clipped; boxes are counted from 1."""
        said = []
        if not self.sound.all():
            which = ", ".join(str(i + 1) for i in np.flatnonzero(~self.sound)[:5])
            count = int((~self.sound).sum())
            said.append(f"{plural(count, 'box')} left out, empty or outside the {size[0]} x {size[1]} picture: {which}")
        if self.reaching.any():
            count = int(self.reaching.sum())
            said.append(
                f"{plural(count, 'box')} reached out of the {size[0]} x {size[1]} picture and {verb(count, 'was')} clipped"
            )
        return said


def place_boxes(item: Item, size: tuple[int, int]) -> PlacedBoxes:
    """The boxes of an item whose picture is upright (H, W)."""
    height, width = size
    given = np.array([mark.corners for mark in item.marks], np.float64).reshape(-1, 4)
    if item.relative:
        given = given * [width, height, width, height]
    finite = np.asarray(np.isfinite(given).all(axis=1))
    numbers = np.where(finite[:, None], given, 0)
    inside = np.clip(numbers, 0, [width, height, width, height])
    empty = ~(finite & visible(numbers))
    outside = ~empty & ~visible(inside)
    reaching = ~empty & ~outside & (np.abs(inside - numbers) > _ROUNDING).any(axis=1)
    return PlacedBoxes(given, inside, empty, outside, reaching)


def other_size(item: Item, size: tuple[int, int]) -> str | None:
    """Why a picture of this upright (H, W) cannot have an item's annotation; None where it can."""
    if item.size in (None, size):
        return None
    drawn, own = (f"{h} x {w}" for h, w in (item.size or size, size))
    return f"is {own} when upright, its boxes are for {drawn}"
