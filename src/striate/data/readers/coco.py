"""COCO: one JSON file with the boxes of all pictures (cocodataset.org/#format-data, "object detection")."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.data.readers.annotated import Marked, assemble, below, part_of
from striate.errors import DataError


def read_coco(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    pictures: str | Path | None = None,
    classes: Sequence[str] | None = None,
    resize: Resize = "stretch",
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
) -> Dataset | Splits:
    """Pictures with boxes from an instances file, or from a folder with annotations/instances_train*.json and so on.

    A file gives a Dataset; its pictures are in `pictures`, or else are looked for beside it, in images/, and in folders
    named as the part is (train2017/).  A folder gives Splits where it has several parts.  Categories, whatever their
    ids, are numbered from 0 in the order of the ids, or in that of `classes`; annotations of other categories are left
    out, with a note.  Crowds (iscrowd 1) are flagged in ``box_ignored``.  Pictures that are not there or cannot be read
    are named in ``.skipped``.  `preprocessing` takes the place of image_size, channels and resize.
    """
    place = Path(path)
    preprocessing = preprocessing or Preprocessing.pictures(image_size, channels, resize=resize)
    title = name or place.resolve().stem
    if place.is_file():
        return _dataset(place, _load(place), pictures, classes, preprocessing, title)
    if not place.is_dir():
        raise DataError(f"{place}: there is no such file or folder.")
    files = _files(place)
    if pictures is not None and len(files) > 1:
        raise DataError(f"{place}: has {len(files)} parts; pictures= goes with one JSON file.")
    if "train" not in files:
        file = next(iter(files.values()))
        return _dataset(file, _load(file), pictures, classes, preprocessing, title)
    content = _load(files["train"])
    names = tuple(classes) if classes is not None else tuple(_categories(content, files["train"]).values())
    train = _dataset(files["train"], content, pictures, names, preprocessing, f"{title} train")
    if len(files) == 1:
        return train
    others = {
        part: _dataset(file, _load(file), None, names, train.preprocessing, f"{title} {part}")
        for part, file in files.items()
        if part != "train"
    }
    return Splits(train, others.get("validation"), others.get("test"))


def _files(root: Path) -> dict[str, Path]:
    """{part: its file} in annotations/, in the folder itself, or in a folder for each part."""
    candidates = [*(root / "annotations").glob("instances_*.json"), *root.glob("*.json")]
    candidates += [*(root / "annotations").glob("*.json")] if not candidates else []
    candidates += root.glob("*/_annotations.coco.json")
    found: dict[str, Path] = {}
    for file in sorted(candidates):
        beside = file.parent.name if file.name == "_annotations.coco.json" else file.stem.removeprefix("instances_")
        part = part_of(beside) or file.stem
        if part in found:
            raise DataError(f"{root}: both {found[part].name} and {file.name} would be the {part} part. Give one file.")
        found[part] = file
    if not found:
        raise DataError(f"{root}: no instances file. Expected annotations/instances_train.json or a JSON file.")
    parts = {part: file for part, file in found.items() if part in ("train", "validation", "test")}
    if not parts and len(found) > 1:
        names = ", ".join(file.name for file in found.values())
        raise DataError(f"{root}: which file to read? It has {names}. Give the path of one.")
    return parts or found


def _load(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: not a JSON file ({type(error).__name__}: {error}).") from None
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
    ):
        raise DataError(f"{file}: no instances file; it must have the lists images, annotations and categories.")
    return content


def _categories(content: Mapping[str, Any], file: Path) -> dict[Any, str]:
    """{id: name} in the order of the ids."""
    try:
        found = {each["id"]: str(each["name"]) for each in content["categories"]}
        ordered = {key: found[key] for key in sorted(found)}
    except (KeyError, TypeError):
        raise DataError(f"{file}: a category lacks its id or name, or its id is no number.") from None
    twice = [label for label in ordered.values() if list(ordered.values()).count(label) > 1]
    if twice or not ordered:
        raise DataError(f"{file}: " + (f'two categories are named "{twice[0]}".' if twice else "has no categories."))
    return ordered


def _dataset(
    file: Path,
    content: Mapping[str, Any],
    pictures: str | Path | None,
    classes: Sequence[str] | None,
    preprocessing: Preprocessing,
    title: str,
) -> Dataset:
    categories = _categories(content, file)
    names = tuple(classes) if classes is not None else tuple(categories.values())
    number = {key: names.index(label) for key, label in categories.items() if label in names}
    marked, skipped = _images(content["images"], file, pictures)
    counts = {
        "with a category that is not in classes": 0,
        "of pictures that are not listed": 0,
        "without four numbers": 0,
    }
    strange, homeless, broken = counts
    for each in content["annotations"]:
        box = each.get("bbox") if isinstance(each, dict) else None
        if box is None and isinstance(each, dict) and "bbox" not in each:
            continue  # a caption or key points
        if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, int | float) for v in box):
            counts[broken] += 1
        elif each.get("image_id") not in marked:
            counts[homeless] += 1
        elif each.get("category_id") not in number:
            counts[strange] += 1
        else:
            x, y, width, height = map(float, box)
            crowd = bool(each.get("iscrowd", 0))
            marked[each["image_id"]].add((x, y, x + width, y + height), number[each["category_id"]], crowd)
    notes = [f"{file}: {count} boxes {what} left out" for what, count in counts.items() if count]
    return assemble(marked.values(), names, preprocessing, title, str(file), skipped, notes)


def _images(images: Sequence[Any], file: Path, pictures: str | Path | None) -> tuple[dict[Any, Marked], list[Skipped]]:
    roots = [Path(pictures)] if pictures is not None else _roots(file)
    marked: dict[Any, Marked] = {}
    skipped = []
    for i, each in enumerate(images):
        if not isinstance(each, dict) or "id" not in each or not isinstance(each.get("file_name"), str):
            skipped.append(Skipped(str(file), f"image {i} lacks its id or file_name"))
            continue
        paths = [below(root, each["file_name"]) for root in roots]
        path = next((p for p in paths if p is not None and p.is_file()), paths[0])
        if path is None:
            skipped.append(Skipped(each["file_name"], "leads out of the folder of the pictures"))
            continue
        height, width = each.get("height"), each.get("width")
        known = isinstance(height, int) and isinstance(width, int) and min(height, width) > 0
        marked[each["id"]] = Marked(path, size=(int(height), int(width)) if known else None)  # type: ignore[arg-type]
    return marked, skipped


def _roots(file: Path) -> list[Path]:
    """Where the pictures of an instances file may be."""
    part = file.stem.removeprefix("instances_")
    homes = [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]
    places = [home / folder for home in homes for folder in (f"images/{part}", part, "images", ".")]
    return [place for place in places if place.is_dir()]
