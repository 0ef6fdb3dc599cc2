"""What a path holds, as its format says it: pictures with part, class, boxes and mask, for readers and the check alike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from striate.data.pictures.cache import file_stamp
from striate.data.readers.names import PARTS
from striate.doors.reading import read_bytes
from striate.wording import plural

BOXED = ("voc", "coco", "yolo", "boxes", "lines")  # kinds of survey whose items have boxes

Effect = Literal["", "note", "skip", "stop"]


class BoxFault(NamedTuple):
    """What is wrong with a box.

    kind     one of ``checks.findings.KINDS``
    detail   in numbers
    kept     a reader keeps the box all the same
    """

    kind: str
    detail: str
    kept: bool = False


class Mark(NamedTuple):
    """A box of a picture, as its annotation has it.

    corners   x1, y1, x2, y2 from 0, y down, ends beyond it
    label     the class that it is a box of
    ignored   it counts for nothing
    where     what it is called in the annotation: "object 3", "line 7"
    fault     why what is written there is no box, or of no class; None where it is one
    """

    corners: tuple[float, float, float, float]
    label: str
    ignored: bool = False
    where: str = ""
    fault: BoxFault | None = None

    @classmethod
    def broken(cls, where: str, kind: str, detail: str) -> Mark:
        """One that is left out for what is written there, such as "xmin is no number"."""
        return cls((math.nan,) * 4, "", where=where, fault=BoxFault(kind, detail))


@dataclass(slots=True)
class Item:
    """A picture file of a data set.

    name      what the survey's `read` and `fetch` take
    part      "train", "validation" or "test"; "" where the data set has no parts
    label     the class, or None
    marks     the boxes, in pixels of the upright picture; in shares of its width and height with `relative`
    mask      the file with the label of each pixel, or None
    size      (H, W) that the annotation says the picture has, or None
    source    the file of its own that its annotation is in, or None
    """

    name: str
    part: str = ""
    label: str | None = None
    marks: list[Mark] = field(default_factory=list)
    relative: bool = False
    mask: str | None = None
    size: tuple[int, int] | None = None
    source: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The picture, and the file of its annotation where it has one of its own."""
        return (self.name,) if self.source is None else (self.name, self.source)


class Remark(NamedTuple):
    """Something that is wrong or odd, found before a picture was opened.

    kind      one of ``checks.findings.KINDS``
    files     what it is about; the first is what a reader names
    detail    what is wrong
    effect    what a reader does: "skip" leaves the file out and names it, "note" mends it and says so, "stop" refuses the
              data set, "" goes on
    part      the part that it is in
    box       where in the first file it is, as left, top, right, bottom in shares of its upright picture; None: nowhere
    """

    kind: str
    files: tuple[str, ...]
    detail: str
    effect: Effect = ""
    part: str = ""
    box: tuple[float, ...] | None = None


@dataclass
class Survey:
    """The pictures of a path and how they are arranged.

    root      the path, or the folder in a zip
    kind      classes, csv, voc, coco, yolo, boxes, lines, masks or pictures
    items     the pictures that a reader would open
    fetch     name -> what ``decode`` takes: a path, or bytes
    stamp     name -> what changes when the file does
    classes   the classes' names in the order of their numbers, or None
    numbered  the labels are class numbers
    remarks   what is wrong or odd
    empty     (part, class) whose folders hold no file
    places    {part: its folder}, where a part has one of its own
    ignored   the label of masks that counts for nothing, or None where nobody says
    close     to be called when nothing is read any more
    """

    root: str
    kind: str
    items: list[Item] = field(default_factory=list)
    fetch: Callable[[str], Any] = Path
    stamp: Callable[[str], str] = file_stamp
    classes: tuple[str, ...] | None = None
    numbered: bool = False
    remarks: list[Remark] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    ignored: int | None = None
    close: Callable[[], None] = lambda: None

    def __enter__(self) -> Survey:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        kind: str,
        files: str | Sequence[str],
        detail: str,
        effect: Effect = "",
        part: str = "",
        box: tuple[float, ...] | None = None,
    ) -> None:
        """Note a remark."""
        named = (files,) if isinstance(files, str) else tuple(files)
        self.remarks.append(Remark(kind, named, detail, effect, part, box))

    def note_repeats(self, left_out: Sequence[Item] = ()) -> None:
        """Note the pictures that are listed more than once: in two parts, with two classes, or as the same twice.

        left_out   what the data set lists besides, though a reader leaves it out
        """
        listed: dict[str, list[Item]] = {}
        parts = self.parts
        for item in (*self.items, *left_out):
            if item.part in parts:
                listed.setdefault(item.name, []).append(item)
        for name, several in listed.items():
            if len(several) == 1:
                continue
            within = [part for part in parts if any(item.part == part for item in several)]
            labels = sorted({item.label for item in several if item.label is not None})
            part, times = several[-1].part, f"listed {len(several)} times"
            if len(within) > 1:
                self.add("in-two-parts", name, f"listed in {', '.join(within)}", "note", part)
            if len(labels) > 1:
                told = ", ".join(f'"{label}"' for label in labels)
                self.add("in-two-classes", name, f"{times}, with the classes {told}", "note", part)
            if len(within) == 1 and len(labels) < 2:
                self.add("duplicate", name, times, "note", part)

    def leave_out_others(self) -> None:
        """Take boxes out whose class is not in `classes`, which was chosen, and note how many of each part and class."""
        known, left_out = set(self.classes or ()), Counter[tuple[str, str]]()
        for item in self.items:
            left_out.update(
                (item.part, mark.label) for mark in item.marks if mark.fault is None and mark.label not in known
            )
            item.marks = [mark for mark in item.marks if mark.fault is not None or mark.label in known]
        for (part, label), count in left_out.items():
            told = f'{plural(count, "box")} of "{label}" left out, which is not in classes'
            self.add("label-range", self.places.get(part, self.root), told, "note", part)

    def read(self, name: str) -> bytes:
        """The bytes of a file.  Raises DataError for what is missing, is no file, or is too large."""
        source = self.fetch(name)
        return source if isinstance(source, bytes) else read_bytes(str(source))

    @property
    def parts(self) -> list[str]:
        """The parts that there are, train first; [""] for a data set without parts.

        Beside parts, a picture of the part "" is in none of them: the check looks at it, a reader leaves it out.
        """
        there = {item.part for item in self.items} | set(self.places)
        return [part for part in PARTS if part in there] or ([""] if there else [])

    @property
    def lacking(self) -> str:
        """What is said where there are parts but none to train on; "" where there is nothing to say."""
        parts = self.parts
        return (
            f"has {' and '.join(parts)}, but no train. Add the part to train on."
            if len(parts) > 1 > parts.count("train")
            else ""
        )

    def of(self, part: str) -> list[Item]:
        """The pictures of a part."""
        return [item for item in self.items if item.part == part]

    def told(self, effect: Effect, part: str) -> list[Remark]:
        """The remarks of this effect that a part's data set names; what is in no part is named with the first."""
        first = next(iter(self.parts), "")
        return [each for each in self.remarks if each.effect == effect and (each.part or first) == part]
