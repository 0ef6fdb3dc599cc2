"""What is written of a picture with boxes, the names that files get, and how pictures come beside their annotations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from striate.data.readers.files import is_picture
from striate.data.readers.names import class_name
from striate.doors.writing import copied
from striate.errors import ArgumentError, DataError, unknown

Pictures = Literal["link", "copy", "none"]


class WrittenBox(NamedTuple):
    """A box as it is written.

    label     of the class
    score     how sure the network is, 0 to 1; None: a person drew it
    box       left, top, right and bottom in pixels of the picture
    ignored   it counts for nothing: VOC's difficult, COCO's crowd
    """

    label: str
    score: float | None
    box: tuple[float, float, float, float]
    ignored: bool = False


class BoxedPicture(NamedTuple):
    """A picture with its boxes.

    picture   its file, or its pixels, uint8 (H, W, C)
    size      (height, width) when upright
    boxes     what is in it; none is an answer, too
    """

    picture: Any
    size: tuple[int, int]
    boxes: list[WrittenBox]


def checked(answers: Iterable[Any], classes: Sequence[str]) -> Iterator[BoxedPicture]:
    """Each (picture, (height, width), boxes), its boxes clipped to the picture.

    answers   triples; a box is (label, score, (left, top, right, bottom)), also with a fourth, whether it is ignored
    classes   the names that there are

    Raises ArgumentError for what is no such triple, DataError for a class that is not listed and for numbers that are none.
    """
    known = set(classes)
    for each in answers:
        try:
            picture, (height, width), boxes = each
            rows = [_box(one) for one in boxes]
            size = int(height), int(width)
            corners = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
        except (TypeError, ValueError, IndexError):
            raise ArgumentError(
                "an answer is (picture, (height, width), boxes) and a box (label, score, (left, top, right, bottom)); "
                f"got {str(each)[:80]}."
            ) from None
        name = picture if isinstance(picture, str | os.PathLike) else "a picture"
        if size[0] < 1 or size[1] < 1:
            raise DataError(f"{name}: {size[0]} x {size[1]} pixels is no size of a picture.")
        scores = [row.score for row in rows if row.score is not None]
        if not np.isfinite(corners).all() or not np.isfinite(np.array(scores, float)).all():
            raise DataError(f"{name}: a box or a score is NaN or infinite.")
        strange = next((row.label for row in rows if row.label not in known), None)
        if strange is not None:
            raise DataError(f'{name}: a box of "{strange}", which is not in classes: {", ".join(classes)}.')
        inside = np.clip(corners, 0, [size[1], size[0], size[1], size[0]])
        clipped = [row._replace(box=tuple(box)) for row, box in zip(rows, inside.tolist(), strict=True)]
        yield BoxedPicture(picture, size, clipped)


def _box(one: Any) -> WrittenBox:
    left, top, right, bottom = map(float, one[2])
    score = None if one[1] is None else float(one[1])
    return WrittenBox(class_name(str(one[0])), score, (left, top, right, bottom), *map(bool, one[3:4]))


def class_list(classes: Sequence[str]) -> tuple[str, ...]:
    """The names as they are written and read again: blanks and accents as every reader takes them.

    Raises ArgumentError for no names, empty ones, two that are one, and characters that no text file holds.
    """
    names = tuple(class_name(str(name)) for name in ([] if isinstance(classes, str) else classes))
    wrong = next((name for name in names if not name or not name.isprintable()), None)
    if not names or wrong is not None:
        raise ArgumentError(
            f"classes: {'names are wanted' if wrong is None else f'{wrong!r} is no name to be written'}."
        )
    if len(set(names)) < len(names):
        raise ArgumentError(f'classes: two are named "{next(name for name in names if names.count(name) > 1)}".')
    return names


class FileNames:
    """A name of its own for each picture: that of its file, with a number where another file has it already."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, picture: Any) -> tuple[str, str]:
        """(name, ending) for a picture's file, or for pixels that get one."""
        file = isinstance(picture, str | os.PathLike)
        path = Path(picture) if file else Path(f"{len(self._taken) + 1:06}.png")
        plain = "".join(sign if sign.isprintable() else "_" for sign in path.stem).strip().lstrip(".") or "picture"
        name, number = plain, 2
        while name.lower() in self._taken:
            name, number = f"{plain}_{number}", number + 1
        self._taken.add(name.lower())
        return name, path.suffix if is_picture(path) else ".jpg"


def bring(picture: Any, target: Path, how: Pictures) -> None:
    """Put a picture at `target`: as a link to its file, as a copy, or not at all; pixels are always written.

    Raises DataError for a file that is not there.
    """
    if not isinstance(picture, str | os.PathLike):
        from PIL import Image

        values = np.asarray(picture)
        Image.fromarray(values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values).save(target)
        return
    if how == "none":
        return
    source = os.path.abspath(picture)
    if not os.path.isfile(source):
        raise DataError(f'{picture}: there is no such file to {how}. pictures="none" writes annotations only.')
    if how == "link":
        for link in (os.symlink, os.link):
            try:
                link(source, target)
                return
            except OSError:  # a system that has none, or allows none: Windows without the right to
                continue
    copied(source, target)


def check_pictures(how: str) -> None:
    """Raises ArgumentError where it is none of the ways in which pictures come along."""
    if how not in get_args(Pictures):
        raise unknown("pictures of what is written", str(how), get_args(Pictures))


def as_seen_from(folder: Path, picture: Any) -> str:
    """How a table in a folder names a picture: relative where it lies below, else by its whole path.

    Raises ArgumentError for pixels without a file.
    """
    if not isinstance(picture, str | os.PathLike):
        raise ArgumentError('pictures without a file go into a folder, as format="voc", "yolo" or "coco".')
    whole = Path(os.path.abspath(picture))
    home = Path(os.path.abspath(folder))
    return whole.relative_to(home).as_posix() if whole.is_relative_to(home) else whole.as_posix()
