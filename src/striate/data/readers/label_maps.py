"""What the values of masks mean: decided once for all masks of a data set, for the readers and for the check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from striate.data.pictures.decode import has_one_bit, header, labels_of_pixels, numbers_anew
from striate.data.pictures.formats import HEAD, format_of
from striate.data.pictures.lossy import blurs
from striate.data.readers.frames import turned_map
from striate.data.readers.survey import Item
from striate.doors.reading import read_bytes
from striate.errors import DataError, without_name
from striate.wording import plural

# In a black and white mask that a format has blurred, values near edges are up to some 60 off, and few are further.  A flat
# place, 3 x 3 pixels within 16 of each other, was never 32 off in 21 such masks of blobs, lines and letters, as JPEG of
# quality 10 to 95, WebP and AVIF: where one is, it is a third grey.
_NEAR, _FEW = 64, 0.05
_FLAT, _OFF = 16, 32
_WHITE = 255
_LARGEST = 65535
_AT_A_TIME = 1 << 22  # pixels that are counted at a time
_SPARSE = 10  # numbers to a label that occurs, beyond 255, from which on labels are levels of grey and no classes


class MaskFacts(NamedTuple):
    """What decides on how a mask is read, along with those of the others."""

    pixels: dict[int, int]  # how many of each value, the lowest first
    blurred: bool  # by its format
    two_tone: bool  # nothing but about 0 and about 255, or of 1 bit a pixel
    anew: bool  # a GIF of colours, whose numbers the program that wrote it may have chosen


class MaskValues(NamedTuple):
    """The values of a mask, whole numbers (H, W), and what is to be known of them."""

    labels: np.ndarray
    facts: MaskFacts


def read_mask(path: str | Path) -> MaskValues:
    """The values of a mask file.  Raises DataError for what is no picture of numbers."""
    data = read_bytes(path)
    blurred = blurs(data)
    labels = labels_of_pixels(path, blurred)
    if labels.min() < 0 or labels.max() > _LARGEST:
        raise DataError(f"{path}: has values {labels.min()} to {labels.max()}; class numbers are 0 to {_LARGEST}.")
    pixels = _counted(labels)
    two_tone = set(pixels) <= {0, _WHITE} or (blurred and _black_and_white(labels))
    if blurred and two_tone:
        labels = np.where(labels > _WHITE // 2, np.uint8(_WHITE), np.uint8(0))
        pixels = _counted(labels)
    two_tone = two_tone or (max(pixels) == 1 and has_one_bit(path))
    anew = format_of(data[:HEAD]) == "GIF" and numbers_anew(path)
    return MaskValues(labels, MaskFacts(pixels, blurred, two_tone, anew))


def _black_and_white(blurred: np.ndarray) -> bool:
    """Whether a mask (H, W) was black and white before its format blurred it."""
    middling = (blurred > _NEAR) & (blurred < _WHITE - _NEAR)
    if blurred.max() <= _WHITE - _NEAR or middling.mean() >= _FEW:
        return False
    highest, lowest = blurred.astype(np.int16), blurred.astype(np.int16)
    for axis in (0, 1):
        if blurred.shape[axis] >= 3:
            highest, lowest = (
                extreme(np.lib.stride_tricks.sliding_window_view(values, 3, axis), axis=-1)
                for extreme, values in ((np.max, highest), (np.min, lowest))
            )
    third_grey = (highest - lowest <= _FLAT) & (lowest > _OFF) & (highest < _WHITE - _OFF)
    return not bool(third_grey.any())


def _counted(labels: np.ndarray) -> dict[int, int]:
    counts = np.zeros(int(labels.max()) + 1, np.int64)
    values = labels.reshape(-1)
    for start in range(0, len(values), _AT_A_TIME):  # counted as numbers of 8 bytes
        counts += np.bincount(values[start : start + _AT_A_TIME], minlength=len(counts))
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def mask_of(item: Item) -> tuple[MaskValues | None, tuple[int, int] | None, str, str]:
    """(mask, upright (H, W) of its picture, kind of finding, why the mask cannot be the picture's); "" where it can.

    The kind "" with a reason says that it is the picture that cannot be read.
    """
    assert item.mask is not None
    try:
        size, turn = header(item.name)
    except DataError as error:
        return None, None, "", f"its picture cannot be read: {without_name(error, item.name)}"
    try:
        mask = read_mask(item.mask)
    except DataError as error:
        return None, size, "annotation", without_name(error, item.mask)
    if mask.labels.shape != size and turn.swapped and mask.labels.shape == size[::-1]:
        mask = mask._replace(labels=turned_map(mask.labels, turn))
    wrong = other_shape(mask.labels.shape, size)
    return mask, size, "mask-size" if wrong else "", wrong or ""


def other_shape(mask: tuple[int, ...], picture: tuple[int, int]) -> str | None:
    """Why a mask of this shape cannot be the picture's, both (H, W); None where it can."""
    return None if mask == picture else f"is {mask[0]} x {mask[1]}, its picture {picture[0]} x {picture[1]}"


@dataclass(frozen=True)
class MaskRule:
    """How the values of all masks of a data set are read.

    two_tone  0 and 255 are the classes 0 and 1, as 0 and 1 are in masks of 1 bit a pixel
    classes   how many classes there are, or None where nobody says
    ignored   the value that counts for nothing, or None
    void      `ignored` was not given: 255 is, as in Pascal VOC, because it stands apart from the classes
    odd       {value: in how many masks}, of those that are probably no class: after the first gap, where nobody says
    beyond    {value: in how many masks}, of those that are no class of `classes`; their pixels count for nothing
    levels    values that lie so far apart that they are no numbers of classes, but just as many as there are classes: in
              their order they are the classes
    refused   why nothing can be read: values lie so far apart, and nobody says how many classes there are
    """

    two_tone: bool
    classes: int | None
    ignored: int | None
    void: bool
    odd: dict[int, int]
    beyond: dict[int, int] = field(default_factory=dict)
    levels: tuple[int, ...] = ()
    refused: str = ""

    @classmethod
    def of(cls, masks: Iterable[MaskFacts], classes: int | None, ignored: int | None) -> MaskRule:
        """From the masks of all parts, in any order."""
        masks = list(masks)
        shown = [
            (_WHITE if mask.two_tone and v == 1 else int(v))
            for mask in masks
            if mask.two_tone or not mask.blurred
            for v in mask.pixels
        ]
        counts = Counter(shown)
        two_tone = ignored is None and classes in (None, 2) and _WHITE in counts and set(counts) <= {0, _WHITE}
        if two_tone:
            return cls(True, classes, None, False, {})
        counts = Counter(int(v) for mask in masks if not mask.blurred for v in mask.pixels)
        apart = _WHITE - 1 not in counts if classes is None else classes <= _WHITE
        void = ignored is None and _WHITE in counts and len(counts) > 1 and apart
        ignored = _WHITE if void else ignored
        odd: dict[int, int] = {}
        counted = set(counts) - {ignored}
        apart_far = bool(counted) and max(counted) > _WHITE and _SPARSE * len(counted) <= max(counted)
        plain = [v for v in counted if 0 < v < (classes or 0)]
        if apart_far and len(counted) == classes and not plain and (ignored is None or ignored >= classes):
            return cls(False, classes, ignored, void, {}, levels=tuple(sorted(counted)))
        if classes is None:
            lowest = 1 if ignored == 0 else 0
            first = next(v for v in range(lowest, len(counted) + 2) if v not in counted)
            gap = first > lowest or counted == {_WHITE}
            odd = {v: counts[v] for v in sorted(counted) if v > first} if gap else {}
        beyond = {v: counts[v] for v in sorted(counts) if classes is not None and v >= classes and v != ignored}
        if beyond and ignored is None:
            ignored = max(_WHITE, classes or 0)
        return cls(
            False,
            classes,
            ignored,
            void,
            odd,
            beyond,
            refused=_too_sparse(counts, counted) if odd and apart_far else "",
        )

    def against(self, mask: MaskFacts) -> tuple[str, str]:
        """(kind of finding, why a mask is left out), or two empty texts where it is read."""
        if mask.blurred and not (self.two_tone and mask.two_tone):
            return "lossy-mask", "is in a format that blurs, so its values are no class numbers. Save masks as PNG"
        if self.two_tone:
            return "", ""
        pixels = mask.pixels
        if 2 * sum(pixels[value] for value in self._unknown(pixels)) > sum(pixels.values()):
            return "label-range", f"most of its mask is of no class: {self.unknown(pixels)}"
        return "", ""

    def unknown(self, pixels: Mapping[int, int]) -> str:
        """What is said of labels of a mask that no class has, whose pixels count for nothing; "" where there are none."""
        unknown = self._unknown(pixels)
        if not unknown:
            return ""
        told = ", ".join(f"{value} on {plural(pixels[value], 'pixel')}" for value in unknown[:5])
        return f"its mask has the label {told}, beyond the {plural(self.classes or 0, 'class')}"

    def _unknown(self, pixels: Mapping[int, int]) -> list[int]:
        return [value for value in pixels if value in self.beyond]

    def number(self, value: int) -> int:
        """The class number of a value."""
        return int(self.numbers(np.array([value]))[0])

    def numbers(self, labels: np.ndarray, outside: int = -1) -> np.ndarray:
        """Class numbers of the shape of `labels`; where that is `outside`, which is no value, the ignored one or 0."""
        if self.two_tone:
            return np.asarray((labels > 0) & (labels != outside))
        if self.levels:
            known = np.isin(labels, self.levels)
            labels = np.where(known, np.searchsorted(self.levels, labels), labels.astype(np.int64))
        if self.beyond:
            labels = np.where(np.isin(labels, list(self.beyond)), self.ignored or 0, labels.astype(np.int64))
        return np.where(labels == outside, self.ignored or 0, labels) if outside < 0 else labels

    def notes(self, where: str, masks: Iterable[MaskFacts]) -> list[str]:
        """What a reader says of the masks that it takes of a part."""
        said = []
        counts = Counter(name for mask in masks for name in ("blurred", "anew") if getattr(mask, name))
        if counts["blurred"]:
            said.append(
                f"{where}: {plural(counts['blurred'], 'mask', 'is')} in a format that blurs (such as JPEG), read as black "
                "and white. PNG keeps the exact values"
            )
        if counts["anew"]:
            said.append(
                f"{where}: {plural(counts['anew'], 'mask', 'is')} a GIF of colours, read by their numbers. Programs that "
                "write GIF number colours anew, so these may be no classes. PNG keeps the exact values"
            )
        if self.void:
            said.append(f"{where}: the label 255 counts for nothing, as in Pascal VOC. Say ignored= for another one")
        if self.levels:
            said.append(
                f"{where}: the labels {_some(self.levels)} are the classes 0 to {len(self.levels) - 1}, in this order"
            )
        if self.odd:
            listed = ", ".join(f"{value} (in {count})" for value, count in list(self.odd.items())[:5])
            said.append(f"{where}: labels after a gap, which may be no classes: {listed}")
        return said


def _some(values: Iterable[int]) -> str:
    listed = [str(value) for value in values]
    return ", ".join(listed[:5]) + (", …" if len(listed) > 5 else "")


def _too_sparse(masks: Mapping[int, int], counted: set[int]) -> str:
    """What is said of labels that lie too far apart; `masks` says in how many masks each is."""
    ordered = sorted(counted)
    return (
        f"its masks have {plural(len(ordered), 'label')} of {ordered[-1] + 1:,} numbers: {_some(ordered)}, the highest in "
        f"{plural(masks[ordered[-1]], 'mask')}. Those are no numbers of classes. Write masks with 0, 1, 2 …, or say the "
        "names of all classes: as many as there are labels are taken in the order of these"
    )
