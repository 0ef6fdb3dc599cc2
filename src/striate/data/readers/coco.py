"""COCO: one JSON file with the boxes of all pictures (cocodataset.org/#format-data, "object detection")."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from striate.data.dataset import Dataset, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.files import below
from striate.data.readers.names import PARTS, class_name, class_name_in_json, no_class, part_of, real_number
from striate.data.readers.survey import BoxFault, Item, Mark, Survey
from striate.doors.parsing import read_json
from striate.doors.reading import opened
from striate.errors import DataError
from striate.guard import shown
from striate.wording import plural

_LISTS = ("images", "annotations", "categories")


@reader
def read_coco(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    pictures: str | Path | None = None,
    **options: Unpack[Options],
) -> Dataset | Splits:
    """Pictures with boxes from an instances file, or from a folder with annotations/instances_train*.json and so on.

    A file gives a Dataset, a folder Splits where it has several parts.  Categories, whatever their ids, are numbered
    from 0 in the order of the ids, or in that of `classes`; those of validation and test are matched to train's by name.
    Annotations of other categories and those without a box are left out, with a note that counts them.  Crowds (iscrowd
    1) and what has ``"ignore": 1`` are flagged in ``box_ignored``.  An annotation without a box that has polygons gets
    the box around them.  A faulty box is left out with a note, and not its picture.

    path           of the JSON file, or of the folder
    pictures       the folder of the pictures of one JSON file; None: beside it, in images/, or in a folder named as the
                   part is (train2017/)
    """
    survey = scan_coco(path, options.get("classes"), pictures)
    return assemble(survey, image_size, channels, Path(path).resolve().stem, options)


def scan_coco(path: str | Path, classes: Sequence[str] | None = None, pictures: str | Path | None = None) -> Survey:
    """The survey of a JSON file or a folder with some.  Raises DataError for what is no instances file."""
    place = Path(path)
    if place.is_file():
        files = {"": place}
    elif place.is_dir():
        files = instance_files(place)
    else:
        raise DataError(f"{place}: there is no such file or folder.")
    if pictures is not None and len(files) > 1:
        raise DataError(f"{place}: has {plural(len(files), 'part')}; pictures= goes with one JSON file.")
    survey = Survey(str(place), "coco")
    survey.classes = None if classes is None else tuple(class_name(str(name)) for name in classes)
    for part in [part for part in (*PARTS, "") if part in files]:
        survey.places[part] = str(files[part])
        _scan(survey, part, files[part], _roots(files[part]) if pictures is None else [Path(pictures)])
    survey.leave_out_others()
    survey.note_repeats()
    return survey


def instance_files(root: Path) -> dict[str, Path]:
    """{part: its file} in annotations/, in the folder itself, or in a folder for each part; one file has the part "".

    Raises DataError where there is none, or where it is not clear which to read.
    """
    candidates = [*(root / "annotations").glob("instances_*.json"), *root.glob("*.json")]
    candidates += [*(root / "annotations").glob("*.json")] if not candidates else []
    candidates += root.glob("*/_annotations.coco.json")
    files: dict[str, Path] = {}
    for file in sorted(filter(is_instances, candidates)):
        beside = file.parent.name if file.name == "_annotations.coco.json" else file.stem.removeprefix("instances_")
        part = part_of(beside) or file.stem
        if part in files:
            raise DataError(f"{root}: both {files[part].name} and {file.name} would be the {part} part. Give one file.")
        files[part] = file
    if not files:
        raise DataError(f"{root}: no instances file. Expected annotations/instances_train.json or a JSON file.")
    parts = {part: file for part, file in files.items() if part in PARTS}
    if not parts and len(files) > 1:
        names = ", ".join(file.name for file in files.values())
        raise DataError(f"{root}: which file to read? It has {names}. Give the path of one.")
    chosen = parts or files
    return chosen if len(chosen) > 1 or "train" in chosen else {"": next(iter(chosen.values()))}


def is_instances(file: Path) -> bool:
    """Whether a JSON file looks like an instances file by its start."""
    try:
        with opened(file) as content:
            head = content.read(1 << 16)
    except DataError:
        return False
    return any(f'"{key}"'.encode() in head for key in _LISTS)


def _scan(survey: Survey, part: str, file: Path, roots: Sequence[Path]) -> None:
    """The items of one file."""
    content = load_instances(file)
    categories = _categories(survey, content, file, part)
    if survey.classes is None:
        survey.classes = tuple(categories.values())
    items = _images(survey, content["images"], file, roots, part)
    left_out: Counter[tuple[str, str, str, str]] = Counter()
    lost = {_key(each.get("id")) for each in content["images"] if isinstance(each, dict)} - items.keys() - {None}
    strange: dict[Any, int] = {}
    for i, each in enumerate(content["annotations"]):
        if not isinstance(each, dict):
            left_out["annotation", str(file), "annotation", "that is no object of JSON"] += 1
            continue
        item = items.get(_key(each.get("image_id")))
        if item is not None and ("category_id" in each or "bbox" in each):
            item.marks.append(_mark(each, i, categories))
        elif item is not None:
            left_out["annotation", str(file), "annotation", "without a box"] += 1
        elif _key(each.get("image_id")) not in lost:  # of the others it was told why they are left out
            key = _key(each.get("image_id"))
            strange[key] = strange.get(key, 0) + 1
    if strange:
        some = f"{', '.join(str(key)[:60] for key in list(strange)[:5])}{', …' if len(strange) > 5 else ''}"
        left_out["annotation", str(file), "box", f"of pictures that are not listed (image_id {some})"] = sum(
            strange.values()
        )
    survey.items += items.values()
    for (kind, about, what, fault), count in left_out.items():
        survey.add(kind, about, f"{plural(count, what)} {fault} left out", "note", part)


def _key(value: Any) -> Any:
    """An id as it can be looked up; 3.0 is 3 in Python, too."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> float | None:
    """A number of JSON; a text is none, whatever it says."""
    return None if isinstance(value, str) else real_number(value)


def _mark(annotation: Mapping[str, Any], i: int, categories: Mapping[Any, str]) -> Mark:
    """The box of the annotation that is the `i`-th of its file, from 0."""
    number = _key(annotation.get("id"))
    where = f"annotation {i}" if number is None else f"annotation with id {str(number)[:60]}"
    box = _box(annotation)
    if isinstance(box, str):
        return Mark.broken(where, "box-broken", box)
    category = _key(annotation.get("category_id"))
    if category not in categories:
        told = "it has no category_id" if category is None else f"category_id {str(category)[:60]} is not listed"
        return Mark.broken(where, "label-range", told)
    x, y, width, height = box
    fault = None
    if width < 0 or height < 0:
        fault = BoxFault("box-swapped", f"its width is {width:.6g} and its height {height:.6g}")
    ignored = any(real_number(annotation.get(key)) == 1 or annotation.get(key) is True for key in ("iscrowd", "ignore"))
    return Mark((x, y, x + width, y + height), categories[category], ignored, where, fault)


def _box(annotation: Mapping[str, Any]) -> tuple[float, float, float, float] | str:
    """x, y, width, height, from the polygons where there is no box; or why there is none."""
    box = annotation.get("bbox")
    polygons = annotation.get("segmentation")
    if box in (None, []) and isinstance(polygons, list) and polygons:
        points = [_number(value) for each in polygons if isinstance(each, list) for value in each]
        numbers = [value for value in points if value is not None]
        if len(numbers) < 6 or len(numbers) < len(points):
            return "it has no bbox, and its polygons are no lists of three points or more"
        across, down = numbers[0::2], numbers[1::2]
        return min(across), min(down), max(across) - min(across), max(down) - min(down)
    if box in (None, []):
        others = [key for key in ("segmentation", "keypoints") if annotation.get(key)]
        return f"it has no bbox{', only ' + ' and '.join(others) if others else ''}"
    found = [_number(value) for value in box] if isinstance(box, list) else []
    sides = [value for value in found if value is not None]
    if len(found) != 4 or len(sides) != 4:
        return f"its bbox is {shown(box)}; x, y, width and height were expected"
    return sides[0], sides[1], sides[2], sides[3]


def load_instances(file: Path) -> Mapping[str, Any]:
    """What an instances file holds.  Raises DataError for what is none."""
    content = read_json(file)
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in _LISTS):
        raise DataError(f"{file}: no instances file; it must have the lists images, annotations and categories.")
    return content


def _categories(survey: Survey, content: Mapping[str, Any], file: Path, part: str) -> dict[Any, str]:
    """{id: name} in the order of the ids, numbers before texts; categories without an id or a name are left out."""
    listed: dict[Any, str] = {}
    faults: list[str] = []
    for i, each in enumerate(content["categories"]):
        key = _key(each.get("id")) if isinstance(each, dict) else None
        name = "" if key is None else class_name_in_json(each.get("name"))
        wrong = "lacks its id or name" if key is None or not name else no_class(name)
        if wrong:
            faults.append(wrong)
            survey.add("annotation", str(file), f"category {i}: {wrong}", "skip", part)
        else:
            listed[key] = name
    if not listed and content["categories"]:  # each was said already; the first is the reason
        survey.add("unusable", str(file), f"has no categories: the first {faults[0]}.", "stop", part)
        return {}
    ordered = {key: listed[key] for key in sorted(listed, key=lambda key: (isinstance(key, str), key))}
    twice = [label for label, count in Counter(ordered.values()).items() if count > 1]
    if twice or not ordered:
        fault = f'two categories are named "{twice[0]}".' if twice else "has no categories."
        survey.add("unusable", str(file), fault, "stop", part)
    return ordered


def _images(survey: Survey, images: Sequence[Any], file: Path, roots: Sequence[Path], part: str) -> dict[Any, Item]:
    """{id: item} of the pictures that are listed."""
    items: dict[Any, Item] = {}
    for i, each in enumerate(images):
        key = _key(each.get("id")) if isinstance(each, dict) else None
        if key is None or not isinstance(each.get("file_name"), str):
            survey.add("annotation", str(file), f"image {i} lacks its id or file_name", "skip", part)
            continue
        places = [below(root, each["file_name"]) for root in roots]
        path = next((p for p in places if p is not None and os.path.isfile(p)), places[0])
        if path is None:
            told = "leads out of the folder of the pictures"
            survey.add("unreadable", each["file_name"], told, "skip", part)
        elif key in items:
            survey.add("annotation", str(path), f"has the id {str(key)[:60]}, as {items[key].name} has", "skip", part)
        else:
            sides = [_number(each.get(side)) for side in ("height", "width")]
            whole = [int(side) for side in sides if side is not None and 1 <= side < 1 << 31]
            items[key] = Item(str(path), part, size=(whole[0], whole[1]) if len(whole) == 2 else None)
    return items


def _roots(file: Path) -> list[Path]:
    """Where the pictures of an instances file may be."""
    part = file.stem.removeprefix("instances_")
    homes = [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]
    places = [home / folder for home in homes for folder in (f"images/{part}", part, "images", ".")]
    return [place for place in places if place.is_dir()]
