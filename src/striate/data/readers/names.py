"""One rule each for the names that data sets use: of parts, of classes, and numbers that stand for classes."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from striate.doors import budgets
from striate.visible import visible

PARTS = ("train", "validation", "test")
_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# A year on either side, as in train2017 and 2007_test, and what folders of parts are called besides: training_set.
_PART = re.compile(
    rf"(?:(?:19|20)\d\d[ _-]?)?({'|'.join(_WORDS)})(?:[ _-]?(?:set|data|split|part))?(?:[ _-]?(?:19|20)\d\d)?", re.I
)
_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0*)?")  # not int(): that also takes 1_1 for 11, and digits of other scripts
_FRACTION = re.compile(r"[+-]?[0-9]*\.[0-9]*[1-9][0-9]*")
_PADDED = re.compile(r"[+-]?0[0-9]")


def part_of(name: str) -> str | None:
    """Which part a folder or file of this name holds: "train", "validation" or "test"; None: it is not named so."""
    matched = _PART.fullmatch(name.strip())
    return _WORDS[matched[1].lower()] if matched else None


def class_name(text: str) -> str:
    """A class's name as it is compared: without blanks around it, one plain blank between words, accents in one piece.

    Folders that were made on a Mac have the accents apart, what is typed into a list has not (Unicode's forms D and C); what
    is copied from a page or a table may have blanks that do not break.  What cannot be seen is written out, such as control
    characters.
    """
    return visible(unicodedata.normalize("NFC", " ".join(text.split())))


def class_name_in_json(value: Any) -> str:
    """The class's name that a value of JSON is, a text or a number; "" for all others, true and false too."""
    return class_name(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def no_class(name: str) -> str:
    """Why the name of a class, as ``class_name`` gives it, is none; "" where it is one."""
    if not name:
        return "it has no class"
    return f"its class has {len(name):,} letters, the limit is {budgets.NAME}" if len(name) > budgets.NAME else ""


def spelled(path: Path) -> Path:
    """The path as it is on disk, its accents in one piece or apart; as it is given where neither is there."""
    if str(path).isascii() or os.path.exists(path):
        return path
    forms = (Path(unicodedata.normalize(form, str(path))) for form in ("NFC", "NFD"))
    return next((form for form in forms if os.path.exists(form)), path)


def whole_number(text: str) -> int | None:
    """The whole number that a text is, also 3.0 as tables write it; None for everything else, 1_1 and 1e3 too."""
    text = text.strip()
    return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) and len(text) < 20 else None


def real_number(value: Any) -> float | None:
    """The number that a value of an annotation is, a text or what JSON has; None where it is none.

    NaN and infinity are what they are; what is beyond all floats is infinite; true and 1_1 are none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float) or (isinstance(value, str) and "_" in value):
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError:  # a whole number of JSON with some hundred digits
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]


def are_numbers(labels: Sequence[str], classes: Sequence[str] | None) -> bool:
    """Whether labels are class numbers and not names.

    They are names where half of them or more stand in `classes`, where one is a fraction or starts with a 0 that a
    number would not have (007), and where most are no whole numbers.
    """
    known = set(classes or ())
    if labels and 2 * sum(label in known for label in labels) >= len(labels):
        return False
    if any(_FRACTION.fullmatch(label) or _PADDED.match(label) for label in labels):
        return False
    return 2 * sum(whole_number(label) is not None for label in labels) > len(labels)
