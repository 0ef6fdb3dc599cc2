"""What pictures are to be learned by: class numbers, boxes or label maps, from the items of a survey."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from striate.data.dataset import Skipped
from striate.data.pictures.decode import header
from striate.data.pictures.geometry import visible
from striate.data.pictures.preprocess import Preprocessing
from striate.data.readers.boxes import PlacedBoxes, place_boxes, total, without_example
from striate.data.readers.label_maps import MaskRule, MaskValues, mask_of
from striate.data.readers.refusals import bare_folders, lacks_class
from striate.data.readers.survey import Item, Survey
from striate.errors import DataError, without_name
from striate.wording import plural


@dataclass
class PartOfSurvey:
    """A part while it is read.

    where     its folder
    part      its name
    items     the pictures that are still in it
    skipped   those that are not, with the reason
    notes     what was mended
    """

    where: str
    part: str
    items: list[Item]
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Targets(Protocol):
    """What pictures are learned by."""

    def usable(self, part: PartOfSurvey) -> None:
        """Take out, before they are decoded, the pictures that cannot be learned from."""

    def fields(self, part: PartOfSurvey, made: Preprocessing) -> dict[str, Any]:
        """Fields of a `Dataset` for the pictures that were decoded, `classes` among them."""


@dataclass
class ClassNumbers:
    """A class for each picture.  One without a readable picture in the first part is left out, unless `given`."""

    survey: Survey
    classes: tuple[str, ...] | None
    given: bool

    def usable(self, part: PartOfSurvey) -> None:
        """All are."""

    def fields(self, part: PartOfSurvey, made: Preprocessing) -> dict[str, Any]:
        """`y`, int64 (N,), and `classes`; `chosen` where only these of the pictures have a class."""
        if self.survey.numbered:
            y = np.array([int(item.label or 0) for item in part.items], np.int64)
            return {"y": y, "classes": self.classes}
        there = {item.label for item in part.items}
        if not self.given:
            self.classes, self.given = tuple(name for name in self.classes or () if name in there), True
        if self.survey.kind == "classes":
            bare = bare_folders(self.survey, part.part, part.items)
            part.skipped += [Skipped(path, "no readable picture in it") for path in bare]
        number = {name: i for i, name in enumerate(self.classes or ())}
        y = np.array([number.get(str(item.label), -1) for item in part.items], np.int64)
        fields = {"y": y, "classes": self.classes}
        if (y < 0).any():
            for i in np.flatnonzero(y < 0):
                part.skipped.append(Skipped(part.items[i].name, lacks_class(part.items[i], number)))
            chosen = np.flatnonzero(y >= 0)
            part.items = [part.items[i] for i in chosen]
            fields |= {"y": y[chosen], "chosen": chosen}
        return fields


@dataclass
class Boxes:
    """Boxes in each picture, moved along with it."""

    classes: tuple[str, ...]
    first: str
    placed: dict[int, tuple[tuple[int, int], PlacedBoxes]] = field(default_factory=dict)

    def usable(self, part: PartOfSurvey) -> None:
        """Pictures whose header can be read, and of whose boxes one is sound, where they have any."""
        items, part.items = part.items, []
        for item in items:
            try:
                size, turn = header(item.name)
            except DataError as error:
                part.skipped.append(Skipped(item.name, without_name(error, item.name)))
                continue
            placed = place_boxes(item, size, turn)
            self.placed[id(item)] = size, placed
            if placed.lost:
                part.skipped.append(Skipped(item.name, placed.lost))
            else:
                part.items.append(item)

    def fields(self, part: PartOfSurvey, made: Preprocessing) -> dict[str, Any]:
        """`boxes`, `box_labels`, `box_ignored`, `classes`; notes say which boxes were left out or clipped."""
        number = {name: i for i, name in enumerate(self.classes)}
        boxes, labels, ignored, cut, thin = [], [], [], 0, 0
        notes: list[str] = []
        for item in part.items:
            size, placed = self.placed[id(item)]
            moved = made.geometry(size).boxes(placed.inside)
            seen = visible(moved)
            chosen = np.flatnonzero(placed.sound & seen)
            cut += int((placed.sound & ~seen).sum())
            thin += int(((moved[chosen, 2:] - moved[chosen, :2]).min(axis=1) < 1).sum())
            boxes.append(moved[chosen])
            labels.append(np.array([number[item.marks[i].label] for i in chosen], np.int64))
            ignored.append(np.array([item.marks[i].ignored for i in chosen], bool))
            notes += [f"{item.name}: {text}" for text in placed.notes()]
        counted = total(self.placed[id(item)][1] for item in part.items)
        part.notes += [f"{part.where}: {counted}"] if counted else []
        if cut:
            part.notes.append(f"{part.where}: {plural(cut, 'box', 'lies')} in margins that are cut away")
        if thin:
            told = f"{plural(thin, 'box', 'is')} narrower than a pixel at this size, too small to be learnt"
            part.notes.append(f"{part.where}: {told}. A larger image_size shows more of them")
        there = {int(each) for some in labels for each in some.tolist()}
        bare = [name for i, name in enumerate(self.classes) if i not in there]
        if bare and part.part == self.first:
            part.notes.append(f"{part.where}: {without_example(bare)}")
        part.notes += notes
        flags = tuple(ignored) if any(each.any() for each in ignored) else None
        return {"boxes": tuple(boxes), "box_labels": tuple(labels), "box_ignored": flags, "classes": self.classes}


class LabelMaps:
    """The label of each pixel.  All masks are read before the first part is made, since one rule holds for all of them."""

    def __init__(self, survey: Survey, preprocessing: Preprocessing) -> None:
        self.preprocessing, self.classes, self.first = preprocessing, survey.classes, next(iter(survey.parts), "")
        self._outside = -1 if preprocessing.resize == "pad" else 0  # where a padded picture has no label
        self.masks: dict[str, MaskValues] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.broken: dict[str, str] = {}
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for item, result in zip(survey.items, pool.map(self._read, survey.items), strict=True):
                if isinstance(result, str):
                    self.broken[item.name] = result
                else:
                    self.masks[item.name], self.sizes[item.name] = result
        facts = (mask.facts for mask in self.masks.values())
        self.rule = MaskRule.of(facts, None if self.classes is None else len(self.classes), survey.ignored)
        if self.rule.refused:
            raise DataError(f"{survey.root}: {self.rule.refused}.")

    def _read(self, item: Item) -> tuple[MaskValues, tuple[int, int]] | str:
        """A mask, as small as it can be kept, and the picture's size; or why there is none."""
        mask, size, _, wrong = mask_of(item)
        if mask is None or size is None or wrong:
            return wrong
        labels = mask.labels.astype(np.uint8 if max(mask.facts.pixels) < 256 and not self._outside else np.int32)
        return mask._replace(labels=self.preprocessing.geometry(size).label_map(labels, self._outside)), size

    def usable(self, part: PartOfSurvey) -> None:
        """Pictures whose mask can be read, is of their size and has labels of classes only."""
        items, part.items = part.items, []
        for item in items:
            mask = self.masks.get(item.name)
            _, reason = self.rule.against(mask.facts) if mask else ("", self.broken[item.name])
            if reason:
                part.skipped.append(
                    Skipped(item.name if mask or reason.startswith("its picture") else str(item.mask), reason)
                )
            else:
                part.items.append(item)

    def fields(self, part: PartOfSurvey, made: Preprocessing) -> dict[str, Any]:
        """`y`, int64 (N, H, W), `ignored` and `classes`; notes say what was decided."""
        assert made.image_size is not None
        y = np.empty((len(part.items), *made.image_size), np.int64)
        for row, item in zip(y, part.items, strict=True):
            labels = self.masks[item.name].labels
            if labels.shape != made.image_size:  # it was not given, the first part has fixed it
                labels = made.geometry(self.sizes[item.name]).label_map(labels, self._outside)
            row[...] = self.rule.numbers(labels, self._outside)
        facts = {item.name: self.masks[item.name].facts for item in part.items}
        part.notes += self.rule.notes(part.where, facts.values())
        strange = [(name, told) for name, mask in facts.items() if (told := self.rule.unknown(mask.pixels))]
        part.notes += [f"{name}: {told}; these pixels count for nothing" for name, told in strange]
        bare = [name for i, name in enumerate(self.classes or ()) if i != self.rule.ignored and not (y == i).any()]
        if bare and part.part == self.first:
            part.notes.append(f"{part.where}: {without_example(bare, 'pixel')}")
        return {"y": y, "ignored": self.rule.ignored, "classes": self.classes}
