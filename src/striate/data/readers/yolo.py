"""YOLO txt: for each picture a text file with a line for each box, class and centre and size as shares (Darknet's)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from striate.data.dataset import Dataset, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.files import folders_in, listing, subfolder
from striate.data.readers.name_lists import LISTS, names_beside
from striate.data.readers.names import PARTS, class_name, part_of, real_number, whole_number
from striate.data.readers.survey import BoxFault, Item, Mark, Survey
from striate.data.readers.yolo_config import Config, read_config
from striate.doors import budgets
from striate.doors.reading import need_folder, read_lines
from striate.errors import DataError, without_name
from striate.wording import plural

_FAR = 8.0  # shares: what lies so many pictures away was meant in pixels
_CONFIGS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


@reader
def read_yolo(
    path: str | Path, image_size: Any = None, channels: int | None = 3, **options: Unpack[Options]
) -> Dataset | Splits:
    """Pictures with boxes from text files `class cx cy width height`, shares of the upright picture's width and height.

    The class names are those of the data.yaml or of classes.txt, else `classes`, else the numbers.  Pictures are where
    the data.yaml says, else in images/, in images/train, images/val … or in train/images, ….  The text file of
    images/a.jpg is labels/a.txt, else a.txt beside it.  A line with more numbers is a polygon, of which the box is
    taken, or has key points, which are left aside where the data.yaml tells their kpt_shape; a sixth number is how sure a
    network was, and is left aside too.  A picture without a text file or with an empty one has no boxes; one whose text
    file cannot be read is left out.  A faulty line is left out, with a note.

    path           of the data.yaml, or of a folder
    """
    survey = scan_yolo(path, options.get("classes"))
    return assemble(survey, image_size, channels, Path(path).resolve().stem, options)


def scan_yolo(path: str | Path, classes: Sequence[str] | int | None = None) -> Survey:
    """The survey of a YOLO folder or data.yaml; `classes` may also be how many there are, where no file says.

    Raises DataError where there are no pictures, none of them has a text file, or the data.yaml is faulty.
    """
    place = Path(path)
    config = _config(place)
    parts = _laid_out(need_folder(place)) if config is None else config.pictures
    survey = Survey(str(place if config is None else config.folder), "yolo")
    names = names_beside(place, place / "labels") if config is None else config.names
    if config is not None and config.remark:
        survey.add("annotation", str(config.file), config.remark, "note")
    if classes is not None and not isinstance(classes, int):
        names = tuple(class_name(str(name)) for name in classes)
    files = {picture: label_file(picture) for pictures in parts.values() for picture in pictures}
    if not any(file.is_file() for file in files.values()):
        raise DataError(
            f"{place}: none of its pictures has a text file with boxes; the one of images/a.jpg is labels/a.txt."
        )
    keypoints = config.keypoints if config else 0
    for part, pictures in parts.items():
        for picture in pictures:
            file = files[picture]
            try:
                marks = _read(file, keypoints) if file.is_file() else []
            except DataError as error:
                survey.add("annotation", (str(picture), str(file)), f"its {_said(error, file)}", "skip", part)
                continue
            source = str(file) if file.is_file() else None
            survey.items.append(Item(str(picture), part, marks=marks, relative=True, source=source))
            if source is None:
                survey.add("unannotated", str(picture), f"has no {file.name}, so it has no boxes", "", part)
    if names is None:
        highest = max(
            (int(mark.label) for item in survey.items for mark in item.marks if mark.fault is None), default=0
        )
        names = tuple(map(str, range(classes if isinstance(classes, int) else highest + 1)))
    survey.classes = names
    for item in survey.items:
        item.marks = [_named(mark, names) for mark in item.marks]
    survey.note_repeats()
    _lonely(survey, set(files.values()))
    return survey


def _lonely(survey: Survey, used: set[Path]) -> None:
    """Text files in the folders of labels that belong to no picture."""
    for folder in sorted(
        {file.parent for file in used if file.parent.name.lower() == "labels" or "labels" in file.parts}
    ):
        for file in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
            if file not in used and file.name not in LISTS:
                survey.add("annotation", str(file), "there is no picture that it belongs to", "skip")


def _said(error: DataError, file: Path) -> str:
    return f"{file.name} {without_name(error, file)}"


def _read(file: Path, keypoints: int) -> list[Mark]:
    """The lines of a text file, each a box whose class is still a number.  Raises DataError for what is no text."""
    return [_line(line, i, keypoints) for i, line in enumerate(read_lines(file), start=1) if line]


def _line(line: str, i: int, keypoints: int) -> Mark:
    """A line as a box in shares."""
    where, cells = f"line {i}", line.split()
    number, found = whole_number(cells[0]), [real_number(cell) for cell in cells[1:]]
    numbers = [value for value in found if value is not None]
    if len(numbers) < len(found) or number is None or number < 0:
        return Mark.broken(where, "box-broken", f"a class number and four shares were expected, not {line[:60]!r}")
    if number >= budgets.LABELS:
        return Mark.broken(where, "label-range", f"class {number}; a data set has at most {budgets.LABELS:,} classes")
    label = str(number)
    if len(numbers) in (4, 5) or (keypoints and len(numbers) == 4 + keypoints):
        cx, cy, width, height = numbers[:4]
        corners = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        if all(map(math.isfinite, corners)) and max(map(abs, corners)) > _FAR:
            told = (
                f"its numbers are {' '.join(cells[1:5])}; shares of the picture go from 0 to 1, these look like pixels"
            )
            return Mark.broken(where, "box-outside", told)
        return Mark(corners, label, where=where)
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        across, down = numbers[0::2], numbers[1::2]
        return Mark((min(across), min(down), max(across), max(down)), label, where=where)
    return Mark.broken(
        where, "box-broken", f"{plural(len(numbers), 'number')} after the class; a box has 4: {line[:60]!r}"
    )


def _named(mark: Mark, names: Sequence[str]) -> Mark:
    """A box with the name of its class in place of the number."""
    if mark.fault is not None:
        return mark
    number = int(mark.label)
    if number < len(names):
        return mark._replace(label=names[number])
    told = f"class {number} is beyond the {plural(len(names), 'class')}, which are numbered from 0"
    return mark._replace(label="", fault=BoxFault("label-range", told))


def label_file(picture: Path) -> Path:
    """labels/…/a.txt for images/…/a.jpg, by the last folder of that name; else a.txt beside the picture."""
    parts = picture.parts
    for i in range(len(parts) - 2, -1, -1):
        if parts[i].lower() == "images":
            labels = subfolder(Path(*parts[:i]), "labels")
            other = None if labels is None else labels.joinpath(*parts[i + 1 :]).with_suffix(".txt")
            return other if other is not None and other.parent.is_dir() else picture.with_suffix(".txt")
    return picture.with_suffix(".txt")


def _config(place: Path) -> Config | None:
    file = place if place.is_file() else next((place / c for c in _CONFIGS if (place / c).is_file()), None)
    return None if file is None else read_config(file)


def _laid_out(root: Path) -> dict[str, list[Path]]:
    """{part: its pictures} by the names of folders; one part, "", where no folder is a part."""
    images = subfolder(root, "images")
    for base, within in ((images, ""), (root, "images"), (root, "")):
        parts: dict[str, list[Path]] = {}
        for name in folders_in(base) if base is not None else []:
            part = part_of(name)
            inner = subfolder(base / name, within) if part and within and base else (base or root) / name
            if part and inner is not None:
                parts[part] = [*parts.get(part, []), *listing(inner)]
        if "train" in parts:
            return {part: parts[part] for part in PARTS if parts.get(part)}
    pictures = listing(images or root)
    if not pictures:
        raise DataError(f"{root}: no pictures. Expected images/ and labels/ in it, or a data.yaml.")
    return {"": pictures}
