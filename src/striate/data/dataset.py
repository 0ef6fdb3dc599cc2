"""Examples in memory: pictures, sequences or token ids, with their labels and how they become a network's input."""

from __future__ import annotations

import copy
import operator
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from striate.data.pictures.cache import rows
from striate.data.pictures.preprocess import Preprocessing
from striate.data.splits import by_group, held_out_shares, hold_out, line_up
from striate.data.validate import boxes as checked_boxes
from striate.data.validate import check_x, class_names, targets
from striate.errors import DataError
from striate.wording import many, plural, verb


class Skipped(NamedTuple):
    """A file that could not be used, and why."""

    path: str
    reason: str


@dataclass(eq=False, repr=False)
class Dataset:
    """Examples `x` with targets `y`, checked when made; ``DataError`` says what does not fit.

    x              uint8 (N, H, W, C) pictures, float32 (N, ...) of any kind, or int64 (N, L) token ids
    y              int64 (N,) class numbers, float32 (N,) or (N, K) targets, int64 (N, H, W) label maps, or None
    classes        the name of each class number, or None
    preprocessing  how `x` becomes the network's float32 input; training, prediction and the saved bundle share it
    paths          where each example came from, or None
    skipped        files that could not be read, with the reason
    boxes          for each picture float32 (n, 4): x1, y1, x2, y2 in its pixels, x to the right, y down, x2 and y2 just
                   beyond the box; n may be 0.  What reaches out of the picture is clipped, with a note.
    box_labels     for each picture int64 (n,), the class number of each box
    box_ignored    for each picture bool (n,): boxes that count neither as found nor as missed (VOC's difficult ones,
                   COCO's crowds); None where there are none
    ignored        a label in label maps that counts for nothing, such as CamVid's 11, or None; not one of `classes`
    notes          what was mended or left out when the data were read

    ``arrays`` makes one from whatever NumPy can read and converts types; this class only takes the types above.

    name           for messages

    Raises DataError for values, labels, boxes or paths that do not fit together.
    """

    x: np.ndarray
    y: np.ndarray | None = None
    classes: tuple[str, ...] | None = None
    name: str = "data"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    paths: tuple[str | Path, ...] | None = None
    skipped: tuple[Skipped, ...] = ()
    boxes: tuple[np.ndarray, ...] | None = None
    box_labels: tuple[np.ndarray, ...] | None = None
    box_ignored: tuple[np.ndarray, ...] | None = None
    ignored: int | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_x(self.x, self.name)
        if self.classes is not None:
            self.classes = class_names(self.classes, self.name)
        if self.y is not None:
            self.y = targets(self.y, self.classes, self.name, self.ignored)
            if len(self.y) != len(self.x):
                what = "labels" if self.y.dtype == np.int64 else "targets"
                raise DataError(
                    f"{self.name}: x has {self.counted}, y has {len(self.y)} {what}. "
                    "Give one for each, in the same order."
                )
        if self.paths is not None:
            self.paths = tuple(self.paths)
            if len(self.paths) != len(self.x):
                raise DataError(
                    f"{self.name}: {self.counted}, but {plural(len(self.paths), 'path')}. Give one for each."
                )

        self._check_boxes()

    def _check_boxes(self) -> None:
        if self.boxes is None:
            if self.box_labels is not None or self.box_ignored is not None:
                raise DataError(f"{self.name}: box_labels or box_ignored without boxes.")
            return
        self.boxes, self.box_labels, note = checked_boxes(self.boxes, self.box_labels, self.x, self.classes, self.name)
        self.notes = (*self.notes, note) if note else self.notes
        if self.box_ignored is not None:
            flags = tuple(np.asarray(each, bool).reshape(-1) for each in self.box_ignored)
            if [len(each) for each in flags] != [len(each) for each in self.boxes]:
                raise DataError(f"{self.name}: box_ignored must have one True or False for each box.")
            self.box_ignored = flags

    @property
    def kind(self) -> str:
        """What the examples are called: pictures, texts or examples."""
        return many(self.noun)

    @property
    def counted(self) -> str:
        """How many examples there are, and what they are called: ``1 picture``, ``1,797 pictures``."""
        return plural(len(self.x), self.noun)

    @property
    def noun(self) -> str:
        """What an example is called: picture, text or example."""
        return {"uint8": "picture", "int64": "text"}.get(self.x.dtype.name, "example")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example, (H, W, C) for pictures."""
        return self.x.shape[1:]

    @property
    def labels(self) -> np.ndarray | None:
        """The class number of each example, int64 (N,), also from one-hot targets; None where there are no classes."""
        if self.y is None:
            return None
        if self.y.dtype == np.int64:
            return self.y if self.y.ndim == 1 else None
        if self.y.ndim == 2 and self.y.shape[1] > 1:
            one_hot = bool(((self.y == 0) | (self.y == 1)).all()) and bool((self.y.sum(axis=1) == 1).all())
            return self.y.argmax(axis=1) if one_hot else None
        return None

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: Any) -> Any:
        """``ds[3]`` is (x, y) of one example as stored; ``ds[:100]`` and ``ds[[1, 5]]`` are data sets."""
        if isinstance(i, slice):
            return self._part(i)
        if isinstance(i, Sequence | np.ndarray):
            return self.subset(i)
        i = operator.index(i)
        if not -len(self) <= i < len(self):
            raise IndexError(f"{self.name}: example {i} of {len(self)}.")  # the protocol of indexing asks for this type
        return self.x[i], None if self.y is None else self.y[i]

    def __iter__(self) -> Iterator[tuple[np.ndarray, Any]]:
        return (self[i] for i in range(len(self)))

    def subset(self, indices: Sequence[int] | np.ndarray) -> Dataset:
        """The examples with these numbers, in this order; a mask of length N chooses where it is True.

        indices   whole numbers, or a mask of bool (N,)

        Raises DataError for numbers outside, an empty choice, and a mask of another length.
        """
        chosen = np.asarray(indices)
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise DataError(f"{self.name}: a mask of shape {chosen.shape} for {self.counted}.")
            chosen = np.flatnonzero(chosen)
        if chosen.ndim != 1 or not len(chosen) or not np.issubdtype(chosen.dtype, np.integer):
            raise DataError(f"{self.name}: a subset takes a list of whole numbers with at least one in it.")
        outside = (chosen < -len(self)) | (chosen >= len(self))
        if outside.any():
            raise DataError(
                f"{self.name}: {outside.sum()} of {plural(len(chosen), 'number')} {verb(outside.sum(), 'is')} "
                f"outside 0..{len(self) - 1}, "
                f"the first is {chosen[outside][0]}."
            )
        return self._part(chosen)

    def _part(self, which: slice | np.ndarray, name: str | None = None) -> Dataset:
        part = copy.copy(self)  # what was checked once is not checked again
        part.x, part.name = rows(self.x, which), name or self.name
        if not len(part.x):
            raise DataError(f"{self.name}: {which} chooses none of its {self.counted}.")
        part.y = None if self.y is None else self.y[which]
        chosen = np.arange(len(self))[which]
        for each in ("paths", "boxes", "box_labels", "box_ignored"):
            values = getattr(self, each)
            if values is not None:
                setattr(part, each, tuple(values[i] for i in chosen))
        return part

    def take(self, count: int, seed: int = 0, stratify: bool = True) -> Dataset:
        """A random sample of `count` examples, each class with its share; the same ones for the same seed.

        seed      of the choice
        stratify  give each class its share

        Raises DataError when `count` is not from 1 to N.
        """
        if not 1 <= count <= len(self):
            raise DataError(f"{self.name}: cannot take {count} of {self.counted}. Take 1 to {len(self)}.")
        labels = self.labels if stratify else None
        return self._part(np.sort(hold_out(line_up(len(self), labels, seed), labels, count)[1]))

    def split(
        self,
        fraction: float | Sequence[float] = 0.2,
        seed: int = 0,
        stratify: bool = True,
        groups: Sequence[Hashable] | np.ndarray | None = None,
    ) -> Splits:
        """Part the examples at random, each in exactly one part, every part in the original order.

        `fraction` is the validation part, or (train, validation) or (train, validation, test) that add up to 1.  With
        `stratify` each class has its share in every part to within a rounding, and the only example of a class stays in
        train; without classes (regression) it has no effect.  The same seed gives the same parts on every machine.

        `groups` names what each example belongs to (a patient, a video, a house): all of a group go to one part, and
        the parts come as near to their sizes and shares of the classes as whole groups allow.

        seed      of the choice

        `groups` has the shape (N,).  Raises DataError for fractions that do not add up or leave a part empty, and for
        groups that are not N.
        """
        shares = held_out_shares(fraction, self.name)
        sizes = [int(len(self) * share + 0.5) for share in shares]
        if min(sizes[0], len(self) - sum(sizes), *sizes) < 1:
            raise DataError(
                f"{self.name}: {self.counted} split as {fraction} leave a part without any. "
                "Use other fractions or more data."
            )
        labels = self.labels if stratify else None
        if groups is not None:
            owner = by_group(self._groups(groups), labels, [1 - sum(shares), *shares], seed, self.name)
            numbers = [np.flatnonzero(owner == i) for i in range(len(shares) + 1)]
        else:
            rest, parts = line_up(len(self), labels, seed), []
            for size in reversed(sizes):
                rest, part = hold_out(rest, labels, size)
                parts.append(part)
            numbers = [rest, *reversed(parts)]
        names = ("train", "validation", "test")
        return Splits(
            *(self._part(np.sort(part), f"{self.name} {name}") for part, name in zip(numbers, names, strict=False))
        )

    def _groups(self, groups: Sequence[Hashable] | np.ndarray) -> np.ndarray:
        """The number of each example's group, int64 (N,), in the order in which the groups appear."""
        if len(groups) != len(self):
            raise DataError(f"{self.name}: {self.counted}, but {plural(len(groups), 'group')}. Name one for each.")
        number: dict[Hashable, int] = {}
        return np.array([number.setdefault(group, len(number)) for group in np.asarray(groups, object).tolist()])

    def folds(
        self, k: int = 5, seed: int = 0, stratify: bool = True, groups: Sequence[Hashable] | np.ndarray | None = None
    ) -> Iterator[tuple[Dataset, Dataset]]:
        """k pairs (train, validation) for cross-validation: every example is in exactly one validation part.

        `stratify` and `groups` are those of ``split``.

        k       how many
        seed    of the choice

        `groups` has the shape (N,).  Raises DataError when `k` is not from 2 to N, or groups are not N.
        """
        if not 2 <= k <= len(self):
            raise DataError(f"{self.name}: {k} folds of {self.counted}. Use 2 to {len(self)}.")
        labels = self.labels if stratify else None
        if groups is not None:
            return self._folds(by_group(self._groups(groups), labels, [1 / k] * k, seed, self.name), k)
        fold = np.empty(len(self), np.int64)
        fold[line_up(len(self), labels, seed)] = np.arange(len(self)) % k
        return self._folds(fold, k)

    def _folds(self, fold: np.ndarray, k: int) -> Iterator[tuple[Dataset, Dataset]]:
        for i in range(k):
            yield (
                self._part(fold != i, f"{self.name} train {i + 1}/{k}"),
                self._part(fold == i, f"{self.name} validation {i + 1}/{k}"),
            )

    def class_counts(self) -> dict[str, int]:
        """How many examples each class has, in class order; a class without any counts 0.

        Raises DataError where there are no class labels.
        """
        labels = self.labels
        if labels is None:
            raise DataError(f"{self.name}: has no class labels to count.")
        size = len(self.classes) if self.classes else self.y.shape[1] if self.y is not None and self.y.ndim == 2 else 0
        names = self.classes or tuple(str(i) for i in range(max(size, int(labels.max()) + 1)))
        return dict(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))

    def summary(self) -> str:
        """A few lines of text: how many of what, in which range, the classes, what was skipped.

        Raises DataError for labels that cannot be counted.
        """
        # pixels on disk are not read for this: they may be many, and their range is known
        span = "" if isinstance(self.x, np.memmap) else f" {self.x.min():.6g} to {self.x.max():.6g}"
        size = " x ".join(map(str, self.shape))
        lines = [f"{self.name}: {self.counted} of {size}, {self.x.dtype}{span}"]
        if self.labels is not None:
            counts = self.class_counts()
            listed = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:12])
            lines.append(f"{plural(len(counts), 'class')}: {listed}{', …' if len(counts) > 12 else ''}")
        elif self.y is not None and self.y.dtype == np.int64:
            void = f"; {self.ignored} counts for nothing" if self.ignored is not None else ""
            lines.append(
                f"label maps, {self.y.min()} to {self.y.max()}: {', '.join(self.classes or ('no names',))}{void}"
            )
        elif self.y is not None:
            targets = " x ".join(map(str, self.y.shape[1:])) or "one number"
            lines.append(f"targets: {targets}, {self.y.dtype} {self.y.min():.6g} to {self.y.max():.6g}")
        elif self.boxes is None:
            lines.append("no targets")
        if self.boxes is not None and self.box_labels is not None:
            lines.append(self._boxes_line(self.boxes, self.box_labels))
        lines.append(f"preprocessing: {self.preprocessing}")
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)}:")
            lines += [f"  {path}: {reason}" for path, reason in self.skipped[:10]]
            lines += [f"  … and {len(self.skipped) - 10} more"] if len(self.skipped) > 10 else []
        lines += [f"note: {note}" for note in self.notes[:10]]
        lines += [f"… and {len(self.notes) - 10} more notes"] if len(self.notes) > 10 else []
        return "\n".join(lines)

    def _boxes_line(self, boxes: tuple[np.ndarray, ...], labels: tuple[np.ndarray, ...]) -> str:
        every = np.concatenate(labels)
        names = self.classes or tuple(str(i) for i in range(int(every.max(initial=-1)) + 1))
        counts = np.bincount(every, minlength=len(names))
        listed = ", ".join(f"{name} {count:,}" for name, count in list(zip(names, counts, strict=True))[:12])
        without = sum(not len(each) for each in boxes)
        bare = f"; {plural(without, self.noun)} without any" if without else ""
        return f"{plural(len(every), 'box')}: {listed}{', …' if len(names) > 12 else ''}{bare}"

    def __repr__(self) -> str:
        classes = f", {plural(len(self.classes), 'class')}" if self.classes else ""
        return f"<{self.name}: {self.counted} of {' x '.join(map(str, self.shape))}{classes}>"


class Splits(NamedTuple):
    """The parts of a data set; a part that a source does not have is None."""

    train: Dataset
    validation: Dataset | None = None
    test: Dataset | None = None


class Tested(Splits):
    """The parts of a data set that has test data, as type checkers know it: `test` is never None."""

    test: Dataset
