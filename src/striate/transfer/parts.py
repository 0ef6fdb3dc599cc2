"""The parts of a data set, every picture as a base wants it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from striate.data import Dataset, Splits, load
from striate.errors import DataError
from striate.intake import Intake
from striate.model import Model
from striate.wording import plural


class Parts(NamedTuple):
    """Pictures to learn from, to choose by, and, where there are any, that neither had a part in."""

    train: Dataset
    held: Dataset
    test: Dataset | None


def read(data: str | os.PathLike[str] | Dataset | Splits, base: Model) -> tuple[Splits, str]:
    """The data and their name; photos in files become pictures as the base's preprocessing says."""
    if isinstance(data, Dataset | Splits):
        splits = data if isinstance(data, Splits) else Splits(data)
        return splits, splits.train.name.split()[0]
    path = Path(data)
    if path.exists():
        return load(path, preprocessing=base.preprocessing), path.resolve().name
    return load(str(data)), str(data)


def parts(splits: Splits, base: Model, validation: float, seed: int) -> Parts:
    """The parts for a base, a validation part held out where there is none.

    Raises DataError without classes, with one only, or with fewer than two pictures of one to train on.
    """
    first = splits.train
    if first.labels is None:
        raise DataError(f"{first.name}: has no class of each picture, so there is nothing to learn.")
    counts = first.class_counts()
    if sum(count > 0 for count in counts.values()) < 2:
        raise DataError(f"{first.name}: pictures of one class only. A classifier needs two.")
    intake = replace(base.intake, labels=list(counts))
    train, held = _labelled(first, intake), splits.validation
    if held is None:
        if not 0 < validation < 1:
            raise DataError(f"{train.name}: has no validation part; hold one out with validation between 0 and 1.")
        train, held, _ = train.split(validation, seed=seed)
    assert held is not None
    few = {name: count for name, count in train.class_counts().items() if count < 2}
    if few:
        name, count = next(iter(few.items()))
        raise DataError(
            f'{train.name}: the class "{name}" has {plural(count, "picture")} to train on, and cross-validation '
            "needs 2 of each. Add some, or take the class out."
        )
    return Parts(train, _labelled(held, intake), None if splits.test is None else _labelled(splits.test, intake))


def _labelled(part: Dataset, intake: Intake) -> Dataset:
    """Pictures as the base wants them, each with the number of its class among those of the training part."""
    if part.labels is None:
        raise DataError(f"{part.name}: has no class of each picture.")
    if part.x.dtype != np.uint8 or part.x.ndim != 4:
        raise DataError(f"{part.name}: has {part.kind} of shape {part.shape}; a base takes uint8 pictures (H, W, C).")
    data = intake.dataset(part)
    return replace(data, y=data.labels, classes=tuple(intake.labels or ()))


def right_of_each(net: Model, judged: Dataset) -> dict[str, list[int]]:
    """Of each class how many of the pictures judged on are right, and how many there are."""
    said, truth = net.predict(judged, verbose=0).argmax(-1), np.asarray(judged.labels)
    names = net.labels or [str(i) for i in range(int(truth.max()) + 1)]
    counts = {str(name): [int((said[truth == i] == i).sum()), int((truth == i).sum())] for i, name in enumerate(names)}
    return {name: each for name, each in counts.items() if each[1]}
