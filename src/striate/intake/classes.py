"""What the classes of a data set are to a model: matched by name, never by chance, and no number is ever shifted."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from striate.data import Dataset, imagenet_labels, imagenet_synsets
from striate.data.readers.names import class_name, whole_number
from striate.errors import ArgumentError, DataError, nearest, unknown
from striate.graph import Graph
from striate.intake.outputs import Outputs
from striate.wording import plural

_SYNSET = re.compile(r"n\d{8}(?!\d)")
_NAMED_SYNSET = re.compile(r"(n\d{8})(?:[\s_-]+[^\W\d].*)?")  # alone, or as in n02085620-Chihuahua
_COUNTED = re.compile(r"(?:\d+\s*[._-]+\s*|\d{3,}\s+)(?=[^\W\d_])")  # as in 001.Black_footed_Albatross
_SHOWN = 5


class Names:
    """The names by which each class of a model can be meant: its label, the synonyms in it, its WordNet id."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self.ids = _synsets_of(labels)
        self._exact = _places((class_name(label), i) for i, label in enumerate(labels))
        self._words = _places((word, i) for i, label in enumerate(labels) for word in _synonyms(label))
        plain = ((_plain(word), i) for i, label in enumerate(labels) for word in _synonyms(label))
        self._synonyms = _places(dict.fromkeys(plain))

    def candidates(self, name: str) -> list[int]:
        """Every class that a name may stand for; that alone of which it is the very label, or the very synonym.

        Cardigan is a dog and cardigan a jacket; CARDIGAN may be either.
        """
        name = class_name(name)
        said = _NAMED_SYNSET.fullmatch(name)
        if said is not None and said[1] in self.ids:
            return [self.ids[said[1]]]
        very = (known[name] for known in (self._exact, self._words) if len(known.get(name, ())) == 1)
        return next(very, None) or self._alike(name)

    def place(self, name: str, hint: int | None = None) -> int | None:
        """The class of a name; None where no class, or more than one, has it.

        hint    a class that the pictures' own file names speak for; it counts where it has the name too
        """
        if hint is not None and hint in self._alike(name):
            return hint
        candidates = self.candidates(name)
        return candidates[0] if len(candidates) == 1 else None

    def _alike(self, name: str) -> list[int]:
        """Every class that has a synonym of this name, or where none has of what follows a number in front of it."""
        counted = _COUNTED.match(class_name(name))
        forms = (name, class_name(name)[counted.end() :]) if counted else (name,)
        return next((self._synonyms[key] for key in map(_plain, forms) if key in self._synonyms), [])

    def everything(self) -> list[str]:
        """All that may be written for a class."""
        return list(dict.fromkeys((*self._exact, *self._synonyms)))


@lru_cache(maxsize=8)
def names_of(labels: tuple[str, ...]) -> Names:
    """The names of a model's classes, made once for the same labels."""
    return Names(labels)


def numbered_as(data: Dataset, labels: Sequence[str] | None) -> Dataset:
    """The data with its classes numbered as a model's outputs are.

    data      a Dataset; where it has no names of classes its numbers are taken as they are
    labels    the names of the model's classes, in the order of its outputs; None: numbers are taken as they are

    A class is found by its label, by one of the synonyms in it ("tench, Tinca tinca"), whatever their case, with blanks,
    hyphens or underscores, behind a number ("001.Ant"), and for ImageNet's classes by its WordNet id.  The data
    may lack some of the model's classes.
    Raises DataError for a class that the model does not know, for a name that two of its classes have, and for
    nameless numbers where the model's class 0 is "background": whether they count it, only their owner knows.
    """
    if not labels:
        return data
    if not data.classes:
        _must_count_background(data, labels)
        _must_not_be_names(data, labels)
        return data
    if list(data.classes) == list(labels) or data.classes == distinct(labels):
        return data
    return _renumbered(data, _numbers(data, names_of(tuple(labels))), labels)


def _numbers(data: Dataset, names: Names) -> np.ndarray:
    """The model's number of each of the data's classes, int64 (classes,)."""
    assert data.classes is not None
    hints = _hints(data, names)
    places = [names.place(name, hints.get(i)) for i, name in enumerate(data.classes)]
    foreign = [name for name, place in zip(data.classes, places, strict=True) if place is None]
    if foreign:
        raise DataError(_refusal(data, foreign, names))
    twice = [name for name, place in zip(data.classes, places, strict=True) if places.count(place) > 1]
    if twice:
        raise DataError(f'{data.name}: its classes "{twice[0]}" and "{twice[1]}" are one class of the model.')
    return np.array(places, np.int64)


def _refusal(data: Dataset, foreign: list[str], names: Names) -> str:
    first = foreign[0]
    several = names.candidates(first)
    if len(several) > 1:
        ids = {place: synset for synset, place in names.ids.items()}
        said = " and ".join(f"{i} ({ids[i]})" if i in ids else str(i) for i in several)
        ways = ["its whole label"] if len({names.labels[i] for i in several}) == len(several) else []
        ways += ["its WordNet id"] if ids else []
        return (
            f'{data.name}: "{first}" is the name of the model\'s classes {said}. Name the class by {" or ".join(ways)}.'
        )
    counted = all(whole_number(name) is not None for name in data.classes or ())
    how = (
        " Where they are numbers of its outputs: `striate evaluate --shift 0`, or by how much more." if counted else ""
    )
    shown = "; ".join(names.labels[:_SHOWN]) + ("; …" if len(names.labels) > _SHOWN else "")
    theirs = "; ".join((data.classes or ())[:_SHOWN]) + ("; …" if len(data.classes or ()) > _SHOWN else "")
    return (
        f'{data.name} has a class "{first}" that the model does not know.{nearest(first, names.everything())} '
        f"Its classes: {shown}. Those of the data: {theirs}.{how} To train it on other classes, give it a new head or set "
        "model.labels = None."
    )


def _must_count_background(data: Dataset, labels: Sequence[str]) -> None:
    y = data.labels
    if labels[0].lower() != "background" or y is None or y.max() >= len(labels) - 1:
        return
    raise DataError(
        f'{data.name} has class numbers {y.min()} to {y.max()} without names, and the model\'s class 0 is "background": '
        "whether the numbers count it cannot be seen. Name the data's classes (a CSV file: label_column= of a column "
        "with names), or say how they count: `striate evaluate --shift 1`, evaluate(data, data.y + 1) where they do not, "
        "`--shift 0` where they do."
    )


def _must_not_be_names(data: Dataset, labels: Sequence[str]) -> None:
    """Raise DataError for numbers from files where the model's classes are named by numbers that are not their places."""
    named = [whole_number(label) for label in labels]
    if data.labels is None or data.paths is None or None in named or named == list(range(len(named))):
        return
    raise DataError(
        f"{data.name} has class numbers without names, and the model's classes are named by numbers that are not their "
        f"places ({', '.join(labels[:_SHOWN])}{', …' if len(labels) > _SHOWN else ''}): whether the data's 1 is a name or a "
        "place cannot be seen. Read the data with classes=model.labels where they are names."
    )


def _renumbered(data: Dataset, numbers: np.ndarray, labels: Sequence[str]) -> Dataset:
    """The data with class i become numbers[i], whatever its targets are: numbers, columns, label maps or boxes."""
    y, ignored = data.y, data.ignored
    if y is not None and y.dtype != np.int64 and y.shape[1:] == numbers.shape:  # a column for each class
        columns = np.zeros((len(y), len(labels)), y.dtype)
        columns[:, numbers] = y
        y = columns
    elif y is not None and y.dtype == np.int64:
        ignored = ignored if ignored is None or ignored >= len(labels) else len(labels)
        counts = y != data.ignored if data.ignored is not None else np.ones(y.shape, bool)
        y = np.where(counts, numbers[np.where(counts, y, 0)], ignored if ignored is not None else 0)
    made = copy.copy(data)  # what was checked once is not checked again
    made.y, made.ignored, made.classes = y, ignored, distinct(labels)
    made.box_labels = None if data.box_labels is None else tuple(numbers[each] for each in data.box_labels)
    return made


def checked_labels(labels: Any, graph: Graph | None) -> list[str]:
    """The names of a model's classes as a list: the one rule for every way in which they are set.

    labels   texts, each of them once
    graph    whose classes they are; None: it is not known yet

    Raises ArgumentError for what are no texts, for a name that is there twice (but for ImageNet's own, see `distinct`),
    and for another number of names than the output has classes.
    """
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise ArgumentError(f"labels are a list of texts, one for each class, not {labels!r}.")
    names = list(labels)
    strange = [(i, name) for i, name in enumerate(names) if not isinstance(name, str) or not name.strip()]
    if strange or not names:
        told = f"{strange[0][1]!r} at place {strange[0][0]}" if strange else "an empty list"
        raise ArgumentError(f"labels are texts, one for each class, not {told}. None: the classes are numbers.")
    names = [str(name) for name in names]
    if graph is not None:
        classes = Outputs.of(graph.check()).classes
        if len(names) != classes:
            raise ArgumentError(
                f"{plural(len(names), 'label')} for a network of {plural(classes, 'class')}: give one for each output, in "
                "their order (for a single yes/no output two, that of no first)."
            )
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None and names != imagenet_labels(len(names)):
        places = [i for i, name in enumerate(names) if name == twice]
        raise ArgumentError(
            f'labels: "{twice}" is the name of the classes {places[0]} and {places[1]}; each has its own.'
        )
    return names


def distinct(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels of which none is twice: ImageNet has two classes "crane", which get their numbers behind them."""
    twice = {
        label for label, places in _places((label, i) for i, label in enumerate(labels)).items() if len(places) > 1
    }
    return tuple(f"{label} ({i})" if label in twice else label for i, label in enumerate(labels))


def class_number(labels: Sequence[str] | None, target: int | str, count: int) -> int:
    """The number of a class: of a number, of a label, of one of its synonyms, or of its WordNet id.

    Raises ArgumentError for a class that is not there, and for a name that several have.
    """
    if isinstance(target, str):
        names = names_of(tuple(labels or ()))
        places = names.candidates(target.strip())
        if len(places) == 1:
            return places[0]
        if len(places) > 1:
            raise ArgumentError(f'"{target}" is a name of classes {" and ".join(map(str, places))}; give the number.')
        if not target.strip().isdigit():
            raise unknown("class", target, list(labels or ()))
        target = int(target)
    if not 0 <= target < count:
        raise ArgumentError(f"there are classes 0 to {count - 1}, not {target}.")
    return int(target)


# -- names --------------------------------------------------------------------------------------------------------------
def _plain(name: str) -> str:
    """In lower case, with single blanks for hyphens and underscores too."""
    return " ".join(re.split(r"[\s_-]+", class_name(name).lower()))


def _synonyms(label: str) -> list[str]:
    """The names in a label: the whole, what stands between its commas, and what follows a number in front of it."""
    counted = _COUNTED.match(label)
    words = (label, *label.split(","), *([label[counted.end() :]] if counted else []))
    return list(dict.fromkeys(map(class_name, words)))


def _places(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for name, place in pairs:
        places.setdefault(name, []).append(place)
    return places


def _synsets_of(labels: tuple[str, ...]) -> dict[str, int]:
    """{WordNet id: class} where the labels are ImageNet's, with a background class or without."""
    plain = imagenet_labels() or []
    start = len(labels) - len(plain)
    if start not in (0, 1) or list(labels[start:]) != plain:
        return {}
    return {synset: i for i, synset in enumerate(imagenet_synsets(), start=start)}


def _hints(data: Dataset, names: Names) -> dict[int, int]:
    """{class of the data: class of the model} where all of a class's pictures are named after one WordNet id."""
    y = data.labels
    if not names.ids or data.paths is None or y is None:
        return {}
    named_after: dict[int, set[int | None]] = {}
    for number, path in zip(y.tolist(), data.paths, strict=True):
        said = _SYNSET.match(Path(path).name)
        named_after.setdefault(number, set()).add(names.ids.get(said[0]) if said else None)
    one = {number: next(iter(places)) for number, places in named_after.items() if len(places) == 1}
    return {number: place for number, place in one.items() if place is not None}
