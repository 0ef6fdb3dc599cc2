"""Pascal VOC: an XML file with boxes for each picture (Everingham et al. 2010; the VOC2012 development kit)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from xml.parsers import expat

from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.data.readers.annotated import Marked, assemble, listing, need_folder
from striate.errors import DataError

_LARGEST = 1 << 24  # bytes of one annotation; a picture with a thousand boxes has 300 kB
_LISTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}


class _Object(NamedTuple):
    name: str
    box: tuple[float, float, float, float]
    difficult: bool


class _Annotation(NamedTuple):
    size: tuple[int, int] | None
    objects: list[_Object]


def read_voc(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    classes: Sequence[str] | None = None,
    resize: Resize = "stretch",
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
) -> Dataset | Splits:
    """Pictures with boxes from a folder with Annotations/*.xml and JPEGImages/; Splits where ImageSets/Main lists parts.

    Coordinates in the files are pixel numbers from 1, both ends included: xmin 1, xmax W is the whole width and becomes
    x1 = 0, x2 = W.  Boxes marked as difficult are flagged in ``box_ignored``.  Classes are numbered in the order of
    their sorted names, the same in every part, or in that of `classes`, and boxes of other classes are left out, with a
    note.  An annotation without its picture, or one that cannot be read, is named in ``.skipped``.  Entities and
    document types in the XML are refused, never resolved.  `preprocessing` takes the place of image_size, channels and
    resize.
    """
    root = need_folder(path)
    folders = [root / each for each in ("Annotations", "annotations", ".") if any((root / each).glob("*.xml"))]
    if not folders:
        raise DataError(f"{root}: no annotations. Expected Annotations/*.xml and the pictures in JPEGImages/.")
    found = {file.stem: file for file in sorted(folders[0].glob("*.xml"))}
    places = [root / each for each in ("JPEGImages", "images") if (root / each).is_dir()]
    pictures = {file.stem: file for file in listing(places[0] if places else root)}
    read, broken = _read_all(found)
    names = tuple(classes) if classes is not None else tuple(sorted({o.name for a in read.values() for o in a.objects}))
    if not names:
        raise DataError(f"{root}: none of its {len(found)} annotations has a box.")
    preprocessing = preprocessing or Preprocessing.pictures(image_size, channels, resize=resize)

    def part(stems: Sequence[str], title: str) -> Dataset:
        skipped, marked = [], []
        left_out: Counter[str] = Counter()
        for stem in stems:
            if stem in broken:
                skipped.append(broken[stem])
            elif stem not in read:
                skipped.append(Skipped(str(folders[0] / f"{stem}.xml"), "there is no such annotation"))
            elif stem not in pictures:
                skipped.append(Skipped(str(found[stem]), "there is no picture of this name"))
            else:
                each = Marked(pictures[stem], size=read[stem].size)
                for o in read[stem].objects:
                    if o.name in names:
                        each.add(o.box, names.index(o.name), o.difficult)
                    else:
                        left_out[o.name] += 1
                marked.append(each)
        notes = [f'{count} boxes of "{other}" left out, which is not in classes' for other, count in left_out.items()]
        return assemble(marked, names, preprocessing, title, str(root), skipped, notes)

    title = name or root.resolve().name
    lists = _lists(root)
    if not lists:
        return part(list(found), title)
    parts = {which: part(stems, f"{title} {which}") for which, stems in lists.items()}
    return Splits(parts["train"], parts.get("validation"), parts.get("test"))


def _lists(root: Path) -> dict[str, list[str]]:
    """The stems of each part, where there is one to train on and another; VOC's trainval serves when train is not there."""
    main = root / "ImageSets" / "Main"
    files = {part: main / file for part, file in _LISTS.items() if (main / file).is_file()}
    if "train" not in files and (main / "trainval.txt").is_file():
        files = {"train": main / "trainval.txt"} | {part: file for part, file in files.items() if part == "test"}
    if "train" not in files or len(files) < 2:
        return {}
    found = {}
    for part, file in files.items():
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise DataError(f"{file}: not text in UTF-8. Expected the name of a picture in each line.") from None
        found[part] = [line.split()[0] for line in lines if line.strip()]
    return found


def _read_all(files: dict[str, Path]) -> tuple[dict[str, _Annotation], dict[str, Skipped]]:
    read, broken = {}, {}
    for stem, file in files.items():
        try:
            read[stem] = _annotation(file)
        except DataError as error:
            broken[stem] = Skipped(str(file), str(error))
    return read, broken


def _annotation(file: Path) -> _Annotation:
    tree = parse_xml(file)
    width, height = (_number(tree.findtext(f"size/{side}")) for side in ("width", "height"))
    size = (int(height), int(width)) if width and height else None  # some tools leave 0
    objects = []
    for i, each in enumerate(tree.iter("object"), start=1):
        label = (each.findtext("name") or "").strip()
        edges = [_number(each.findtext(f"bndbox/{edge}")) for edge in ("xmin", "ymin", "xmax", "ymax")]
        x1, y1, x2, y2 = (float("nan") if edge is None else edge for edge in edges)
        if not label:
            raise DataError(f"object {i} has no name")
        objects.append(_Object(label, (x1 - 1, y1 - 1, x2, y2), (each.findtext("difficult") or "0").strip() == "1"))
    return _Annotation(size, objects)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def parse_xml(file: Path) -> ET.Element:
    """The root of an XML file.  Raises DataError for broken XML and for any document type, so no entity is resolved."""
    try:
        data = file.read_bytes() if file.stat().st_size <= _LARGEST else None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from None
    if data is None:
        raise DataError(f"more than {_LARGEST:,} bytes, which no annotation of one picture has")
    parser, builder = expat.ParserCreate(), ET.TreeBuilder()

    def refuse(*_: Any) -> NoReturn:
        raise DataError("has a document type or an entity, which annotations do not need and which is not resolved")

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"broken XML: {error}") from None
