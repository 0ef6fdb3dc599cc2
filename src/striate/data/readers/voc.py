"""Pascal VOC: an XML file with boxes for each picture (Everingham et al. 2010; the VOC2012 development kit)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from striate.data.dataset import Dataset, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.files import listing, subfolder
from striate.data.readers.names import PARTS, class_name, no_class, real_number
from striate.data.readers.survey import Item, Mark, Survey
from striate.data.readers.xml import annotation
from striate.doors.reading import need_folder, read_lines
from striate.errors import DataError
from striate.wording import plural

_EDGES = ("xmin", "ymin", "xmax", "ymax")
_LISTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}


class _Annotation(NamedTuple):
    size: tuple[int, int] | None
    marks: list[Mark]


@reader
def read_voc(
    path: str | Path, image_size: Any = None, channels: int | None = 3, **options: Unpack[Options]
) -> Dataset | Splits:
    """Pictures with boxes from a folder with Annotations/*.xml and JPEGImages/; Splits where ImageSets/Main lists parts.

    Coordinates in the files are pixel numbers from 1, both ends included: xmin 1, xmax W is the whole width and becomes
    x1 = 0, x2 = W.  Boxes marked as difficult are flagged in ``box_ignored``.  Classes are numbered in the order of
    their sorted names, the same in every part, or in that of `classes`, and boxes of other classes are left out, with a
    note.  An annotation without its picture, a picture without annotation, and an annotation that cannot be read are
    left out; of a faulty box only the box is, with a note.  Boxes of an annotation that states another size than the
    picture's are turned and scaled with it where that explains the size.  Entities and document types in the XML are
    refused, never resolved.

    path           of the folder
    """
    survey = scan_voc(path, options.get("classes"))
    return assemble(survey, image_size, channels, Path(path).resolve().name, options)


def scan_voc(path: str | Path, classes: Sequence[str] | None = None) -> Survey:
    """The survey of a VOC folder.  Raises DataError where there is no annotation with a box."""
    root = need_folder(path)
    named = subfolder(root, "Annotations")
    folder = named if named and any(named.glob("*.xml")) else root
    files = {file.stem: file for file in sorted(folder.glob("*.xml"))}
    if not files:
        raise DataError(f"{root}: no annotations. Expected Annotations/*.xml and the pictures in JPEGImages/.")
    survey = Survey(str(root), "voc")
    pictures: dict[str, Path] = {}
    for file in listing(subfolder(root, "JPEGImages", "images") or root):
        first = pictures.setdefault(file.stem, file)
        if first is not file:
            survey.add("unannotated", str(file), f"the annotation is that of {first.name}", "skip")
    read = _read(survey, files, pictures)
    found_names = {mark.label for each in read.values() for mark in each.marks if mark.label}
    names = tuple(sorted(found_names) if classes is None else (class_name(str(name)) for name in classes))
    survey.classes = names
    if not names:
        raise DataError(f"{root}: no box in {plural(len(files), 'annotation')}.")
    lists = _lists(root)
    _odd_names(survey, read, pictures)
    listed = {stem for stems in lists.values() for stem in stems} if lists else set(files)
    unlisted = [stem for stem in files if stem not in listed]
    _items(survey, read, files, pictures, {**lists, "": unlisted} if lists else {"": list(files)})
    alone = [str(pictures[stem]) for stem in unlisted if stem in pictures]
    if alone:
        survey.add(
            "unlisted", alone, f"in no list of ImageSets/Main, as {plural(len(alone) - 1, 'other')}; left out", "note"
        )
    for stem in sorted(pictures.keys() - files.keys() - listed):
        survey.add("unannotated", str(pictures[stem]), f"has no file in {folder.name}", "skip")
    parts = {stem: part for part, stems in reversed(lists.items()) for stem in stems}
    for stem in sorted(listed - files.keys()):
        survey.add("annotation", str(folder / f"{stem}.xml"), "there is no such annotation", "skip", parts[stem])
    return survey


def _read(survey: Survey, files: Mapping[str, Path], pictures: Mapping[str, Path]) -> dict[str, _Annotation]:
    """The annotations that can be read; remarks about the others."""
    read = {}
    for stem, file in files.items():
        about = (str(file), str(pictures[stem])) if stem in pictures else (str(file),)
        try:
            read[stem] = _annotation(file)
        except DataError as error:
            survey.add("annotation", about, str(error), "skip")
    return read


def _items(
    survey: Survey,
    read: Mapping[str, _Annotation],
    files: Mapping[str, Path],
    pictures: Mapping[str, Path],
    lists: Mapping[str, Sequence[str]],
) -> None:
    """An item for each picture of each part, with the boxes of known classes."""
    for part, stems in lists.items():
        for stem in stems:
            if stem not in read:
                continue
            if stem not in pictures:
                survey.add("unreadable", str(files[stem]), "there is no picture of this name", "skip", part)
                continue
            name = str(pictures[stem])
            marks = list(read[stem].marks)
            survey.items.append(Item(name, part, marks=marks, size=read[stem].size, source=str(files[stem])))
    survey.leave_out_others()
    survey.note_repeats()


def _lists(root: Path) -> dict[str, list[str]]:
    """The stems of each part, where there is one to train on and another; VOC's trainval serves when train is not there."""
    main = root / "ImageSets" / "Main"
    files = {part: main / file for part, file in _LISTS.items() if (main / file).is_file()}
    if "train" not in files and (main / "trainval.txt").is_file():
        files = {"train": main / "trainval.txt"} | {part: file for part, file in files.items() if part == "test"}
    if "train" not in files or len(files) < 2:
        return {}
    lists = {part: [line.split()[0] for line in read_lines(file) if line] for part, file in files.items()}
    return {part: lists[part] for part in PARTS if part in lists}


def _annotation(file: Path) -> _Annotation:
    tree = annotation(file)
    width, height = (real_number(tree.findtext(f"size/{side}")) for side in ("width", "height"))
    sides = [int(side) for side in (height, width) if side is not None and 1 <= side < 1 << 31]  # some tools leave 0
    size = (sides[0], sides[1]) if len(sides) == 2 else None
    return _Annotation(size, [_mark(each, i) for i, each in enumerate(tree.iter("object"), start=1)])


def _mark(thing: ET.Element, number: int) -> Mark:
    """The box of an <object>, the `number`-th of its file."""
    label, where = class_name(thing.findtext("name") or ""), f"object {number}"
    if thing.find("bndbox") is None:
        return Mark.broken(where, "box-broken", "it has no bndbox")
    texts = [thing.findtext(f"bndbox/{edge}") for edge in _EDGES]
    edges = [real_number(text) for text in texts]
    for edge, text, value in zip(_EDGES, texts, edges, strict=True):
        if value is None:
            told = f"it has no {edge}" if text is None else f"{edge} is {text.strip()[:40]!r}, no number"
            return Mark.broken(where, "box-broken", told)
    if wrong := no_class(label):
        return Mark.broken(where, "label-range", wrong)
    x1, y1, x2, y2 = (edge or 0.0 for edge in edges)
    ignored = (thing.findtext("difficult") or "0").strip() == "1"
    return Mark((x1 - 1, y1 - 1, x2, y2), label, ignored, where)


def _odd_names(survey: Survey, read: Mapping[str, _Annotation], pictures: Mapping[str, Path]) -> None:
    """Names of boxes that differ from a much more frequent one in capitals only."""
    counts = Counter(mark.label for each in read.values() for mark in each.marks if mark.fault is None)
    first: dict[str, str] = {}
    for label, _ in counts.most_common():
        usual = first.setdefault(label.lower(), label)
        if usual != label:
            stems = [stem for stem, each in read.items() if any(mark.label == label for mark in each.marks)]
            files = [str(pictures.get(stem, stem)) for stem in stems]
            survey.add("label-range", files, f'boxes of "{label}", the others say "{usual}"', "note")
