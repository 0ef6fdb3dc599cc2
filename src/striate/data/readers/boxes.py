"""Which boxes of a picture count, and where they are in it: decided once, for the readers and for the check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from striate.data.pictures.geometry import visible
from striate.data.pictures.upright import Turn
from striate.data.readers.frames import by, for_upright, reaches
from striate.data.readers.survey import BoxFault, Item
from striate.wording import plural

TINY = 1.5  # pixels: a box both of whose sides are below is a click and no thing; a pixel, and what rounding adds
MANY = 100  # boxes of a class in a picture: COCO's measure looks at the 100 surest answers
_TOLD = 5  # boxes of a picture that are named; the others are counted

#: What is said of the boxes of each kind of fault: how many "are …".
FAULTS = {
    "box-broken": "not of numbers",
    "label-range": "of no known class",
    "box-swapped": "with exchanged corners",
    "box-empty": "empty",
    "box-outside": "outside",
    "box-tiny": "of a pixel",
    "box-repeated": "there twice",
}


class PlacedBoxes(NamedTuple):
    """The boxes of a picture, and what is wrong with each.

    inside   float64 (n, 4), in pixels of the upright picture and clipped to it; 0 where a box is left out
    faults   of each the fault, or None
    names    of each what it is called
    upright  float64 (n, 4), in pixels of the upright picture, as they are written, sound or not
    odd      what is odd about the size that the annotation states, or ""
    """

    inside: np.ndarray
    faults: tuple[BoxFault | None, ...]
    names: tuple[str, ...]
    odd: str
    upright: np.ndarray

    @property
    def sound(self) -> np.ndarray:
        """Which of them a reader keeps, bool (n,)."""
        return np.array([fault is None or fault.kept for fault in self.faults], bool)

    @property
    def lost(self) -> str:
        """Why the picture is left out: there is something in it, and no box says where; "" where it is not.

        To keep it would teach that nothing is there.  A box of a pixel is no thing, so it keeps no picture away.
        """
        left_out = [fault for fault in self.faults if fault is not None and not fault.kept and fault.kind != "box-tiny"]
        if not left_out or self.sound.any():
            return ""
        return f"none of its {plural(len(self.faults), 'box')} can be used: {self._told(kept=False)}"

    def notes(self) -> list[str]:
        """What a reader says about the boxes that it left out, clipped or moved."""
        said = [f"the annotation {self.odd}"] if self.odd else []
        for kept, what in ((False, "left out"), (True, "clipped")):
            count = sum(fault is not None and fault.kept is kept for fault in self.faults)
            if count:
                said.append(f"{plural(count, 'box')} {what}: {self._told(kept)}")
        return said

    def _told(self, kept: bool) -> str:
        pairs = zip(self.names, self.faults, strict=True)
        told = [f"{name}, {fault.detail}" for name, fault in pairs if fault is not None and fault.kept is kept]
        more = [f"{len(told) - _TOLD:,} more"] if len(told) > _TOLD else []
        return "; ".join(told[:_TOLD] + more)


def place_boxes(item: Item, size: tuple[int, int], turn: Turn) -> PlacedBoxes:
    """The boxes of an item.

    size   (H, W) of its upright picture
    turn   that makes the picture upright
    """
    height, width = size
    given = np.array([mark.corners for mark in item.marks], np.float64).reshape(-1, 4)
    if item.relative:
        with np.errstate(over="ignore", invalid="ignore"):
            given = given * [width, height, width, height]
    boxes, odd = for_upright(given, None if item.relative else item.size, size, turn)
    with np.errstate(invalid="ignore", over="ignore"):
        inside = np.clip(boxes, 0, [width, height, width, height])
        plain = visible(boxes) & visible(inside) & ~reaches(boxes, size) & ~_tiny(inside)
    faults: list[BoxFault | None] = []
    seen: dict[tuple[object, ...], str] = {}
    names = [mark.where or f"box {i + 1}" for i, mark in enumerate(item.marks)]
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.round(boxes, 3).tolist()
    for i, (mark, name, box) in enumerate(zip(item.marks, names, boxes, strict=True)):
        fault = mark.fault or (None if plain[i] else _fault(box, inside[i], size))
        if fault is None or fault.kept:
            same = seen.setdefault((mark.label, mark.ignored, *rounded[i]), name)
            if same is not name:
                fault = BoxFault("box-repeated", f'is {same} again, a "{mark.label}" at {_at(box)}')
        faults.append(fault)
    keep = np.array([fault is None or fault.kept for fault in faults], bool)
    return PlacedBoxes(np.where(keep[:, None], inside, 0), tuple(faults), tuple(names), odd, boxes)


def _fault(box: np.ndarray, inside: np.ndarray, size: tuple[int, int]) -> BoxFault | None:
    """What is wrong with the corners of a box in the upright (H, W) picture, of which `inside` lies within."""
    if not np.isfinite(box).all():
        return BoxFault("box-broken", f"its corners are {_at(box)}")
    x1, y1, x2, y2 = box.tolist()
    if not visible(box[None])[0]:
        if x2 < x1 or y2 < y1:
            sides = [
                f"{side} edge {a:.6g} beyond {b:.6g}" for side, a, b in (("left", x1, x2), ("upper", y1, y2)) if a > b
            ]
            return BoxFault("box-swapped", f"{' and '.join(sides)}")
        return BoxFault("box-empty", f"{x2 - x1:.3g} wide and {y2 - y1:.3g} high, at {_at(box)}")
    picture = f"the picture is {by(size)}"
    if not visible(inside[None])[0]:
        return BoxFault("box-outside", f"{_at(box)} is outside; {picture}")
    if _tiny(inside[None])[0]:
        across, down = inside[2:] - inside[:2]
        return BoxFault("box-tiny", f"{across:.3g} x {down:.3g} pixels at {_at(inside)}")
    if reaches(box[None], size)[0]:
        return BoxFault("box-outside", f"{_at(box)} reaches out; {picture}", kept=True)
    return None


def _tiny(boxes: np.ndarray) -> np.ndarray:
    return np.asarray((boxes[:, 2:] - boxes[:, :2] < TINY).all(axis=1))


def _at(box: np.ndarray) -> str:
    return " ".join(f"{value:.6g}" for value in box.tolist())


def without_example(classes: Sequence[str], what: str = "box") -> str:
    """What is said of classes of which the training part has no box, or no pixel."""
    named = ", ".join(f'"{name}"' for name in classes[:5]) + (", …" if len(classes) > 5 else "")
    return f"{plural(len(classes), 'class', 'has')} no {what}: {named}"


def total(every: Iterable[PlacedBoxes]) -> str:
    """How many boxes of a part were left out for what, and how many clipped; "" for none."""
    counts = Counter((fault.kind, fault.kept) for placed in every for fault in placed.faults if fault is not None)
    out = {kind: counts[kind, False] for kind in FAULTS if counts[kind, False]}
    said = []
    if out:
        listed = ", ".join(f"{count:,} {FAULTS[kind]}" for kind, count in out.items())
        said.append(f"{plural(sum(out.values()), 'box')} left out ({listed})")
    clipped = sum(count for (_, kept), count in counts.items() if kept)
    if clipped:
        said.append(f"{plural(clipped, 'box')} clipped to the picture")
    return ", ".join(said)
