"""Boxes as files of other tools: Pascal VOC, COCO, YOLO, CSV and JSON lines; our readers give the same boxes back."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

from striate.data.readers.box_lines import line_of
from striate.data.writers.records import (
    BoxedPicture,
    FileNames,
    Pictures,
    WrittenBox,
    as_seen_from,
    bring,
    check_pictures,
    checked,
    class_list,
)
from striate.doors.writing import json_text, new_folder, put, written
from striate.errors import ArgumentError, DataError, unknown
from striate.visible import visible

BoxFormat = Literal["voc", "coco", "yolo", "csv", "jsonl", "coco-results"]
_BY_ENDING = {".csv": "csv", ".jsonl": "jsonl", ".json": "coco"}
COLUMNS = ("file", "width", "height", "label", "score", "left", "top", "right", "bottom", "ignored")


def write_boxes(
    path: str | os.PathLike[str],
    answers: Iterable[Any],
    classes: Sequence[str],
    *,
    format: BoxFormat | None = None,
    pictures: Pictures = "link",
    scores: bool = False,
    like: str | os.PathLike[str] | None = None,
) -> int:
    """Write the boxes of pictures; returns of how many pictures.

    path       a file, or a folder that is not there yet
    answers    of each picture (picture, (height, width), boxes): its file, its size when upright, and its boxes, each
               (label, score, (left, top, right, bottom)) in pixels, as `Detection` and `Localized` are
    classes    the names of all classes, in the order of their numbers
    format     "voc", "yolo"   a folder as labelling tools export it
               "coco"          an instances file; with its pictures where `path` is a folder
               "csv", "jsonl"  a row for each box; an object for each picture
               "coco-results"  the list that COCO's evaluation takes, with the ids of `like`
               None: by the ending of `path`, .csv, .jsonl or .json (COCO)
    pictures   into a folder: "link" puts links to the pictures there, "copy" copies, "none" neither
    scores     YOLO: a sixth number is the score; tools for labelling refuse it, ``read_yolo`` passes it by
    like       "coco-results": the instances file with the truth

    Boxes are clipped to their picture.  VOC's are whole pixels, the other formats' to a thousandth.  VOC, COCO, CSV and
    JSON lines keep the scores.  All is there or nothing; a folder that is there is never written into.  Raises
    ArgumentError for an unknown format and answers of another form, DataError for a class that is not listed, BundleError
    where it cannot be written.
    """
    place, names = Path(path), class_list(classes)
    kind = format or _BY_ENDING.get(place.suffix.lower())
    if kind is None or kind not in get_args(BoxFormat):
        if kind is None:
            raise ArgumentError(f"{place}: format= says what to write there: {', '.join(get_args(BoxFormat))}.")
        raise unknown("format of boxes", str(kind), get_args(BoxFormat))
    check_pictures(pictures)
    if (like is None) is (kind == "coco-results"):
        raise ArgumentError('like= and format="coco-results" go together: the ids are those of the instances file.')
    every = checked(answers, names)
    if kind in ("voc", "yolo") or (kind == "coco" and place.suffix.lower() != ".json"):
        write = {"voc": _voc, "yolo": _yolo, "coco": _coco_folder}[kind]
        with new_folder(place) as folder:
            return write(folder, every, names, pictures, scores)
    counted = _Counted(every)
    lines: Callable[[Any], None] = {
        "csv": lambda file: _csv(file, counted, place.parent),
        "jsonl": lambda file: _jsonl(file, counted, place.parent),
        "coco": lambda file: file.write(json_text(_instances(list(counted), names, place))),
        "coco-results": lambda file: file.write(json_text(_results(counted, Path(like or ""), names))),
    }[kind]

    with written(place, newline="") as file:
        lines(file)
    return counted.count


class _Counted:
    def __init__(self, every: Iterator[BoxedPicture]) -> None:
        self.every, self.count = every, 0

    def __iter__(self) -> Iterator[BoxedPicture]:
        for each in self.every:
            self.count += 1
            yield each


def _short(value: float) -> float:
    return round(float(value), 3)


def _csv(file: Any, every: Iterable[BoxedPicture], home: Path) -> None:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for picture, (height, width), boxes in every:
        name = as_seen_from(home, picture)
        some: list[WrittenBox | None] = [*boxes]
        for one in some or [None]:
            cells: list[Any] = ["", "", "", "", "", "", ""]
            if one is not None:
                cells = [
                    one.label,
                    "" if one.score is None else f"{one.score:.6g}",
                    *map(_short, one.box),
                    int(one.ignored),
                ]
            rows.writerow([name, width, height, *cells])


def _jsonl(file: Any, every: Iterable[BoxedPicture], home: Path) -> None:
    for picture, (height, width), boxes in every:
        rows = [
            {"label": one.label, "score": one.score, "box": [_short(value) for value in one.box]}
            | ({"ignored": True} if one.ignored else {})
            for one in boxes
        ]
        file.write(line_of(as_seen_from(home, picture), (height, width), rows))


def _instances(
    every: Sequence[BoxedPicture], names: Sequence[str], place: Path, files: Sequence[str] | None = None
) -> dict[str, Any]:
    """An instances file at `place`; `files` are the names of the pictures, else they are relative to what holds them all."""
    if files is None:
        whole = [as_seen_from(place.parent, each.picture) for each in every]
        outside = any(os.path.isabs(name) for name in whole)
        if outside:
            whole = [os.path.abspath(each.picture) for each in every]
            home = os.path.commonpath([os.path.dirname(name) for name in whole])
            whole = [Path(name).relative_to(home).as_posix() for name in whole]
        files = whole
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, (each, name) in enumerate(zip(every, files, strict=True), start=1):
        height, width = each.size
        images.append({"id": i, "file_name": name, "width": width, "height": height})
        for one in each.boxes:
            annotations.append(_annotation(one, i, len(annotations) + 1, names))
    categories = [{"id": k, "name": name, "supercategory": ""} for k, name in enumerate(names, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotation(one: WrittenBox, image: int, number: int, names: Sequence[str]) -> dict[str, Any]:
    left, top, right, bottom = one.box
    box = [_short(left), _short(top), _short(right - left), _short(bottom - top)]
    told = {"id": number, "image_id": image, "category_id": names.index(one.label) + 1, "bbox": box}
    told |= {"area": _short(box[2] * box[3]), "iscrowd": int(one.ignored), "segmentation": []}
    return told if one.score is None else told | {"score": round(float(one.score), 6)}


def _results(every: Iterable[BoxedPicture], like: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """A list of found boxes with the ids of an instances file, whose pictures are found by the ends of their paths."""
    from striate.data.readers.coco import load_instances

    content = load_instances(like)
    ids = {str(each.get("name")): each.get("id") for each in content["categories"] if isinstance(each, dict)}
    images: dict[str, Any] = {}
    for each in content["images"]:
        if isinstance(each, dict) and isinstance(each.get("file_name"), str):
            images[each["file_name"]] = each.get("id")
    bare = {os.path.basename(name): key for name, key in images.items()}
    strange = [name for name in names if name not in ids]
    if strange:
        raise DataError(f'{like}: has no category "{strange[0]}". It has {", ".join(ids)}.')
    rows = []
    for picture, _, boxes in every:
        whole = Path(os.path.abspath(picture)).as_posix()
        key = next(
            (key for name, key in images.items() if whole.endswith(f"/{name}")), bare.get(os.path.basename(whole))
        )
        if key is None:
            raise DataError(f"{picture}: is not among the pictures of {like}.")
        for one in boxes:
            left, top, right, bottom = one.box
            box = [_short(left), _short(top), _short(right - left), _short(bottom - top)]
            score = 1.0 if one.score is None else round(float(one.score), 6)
            rows.append({"image_id": key, "category_id": ids[one.label], "bbox": box, "score": score})
    return rows


def _coco_folder(folder: Path, every: Iterable[BoxedPicture], names: Sequence[str], how: Pictures, _: bool) -> int:
    taken, pictures, files = FileNames(), [], []
    (folder / "images").mkdir()
    for each in every:
        files.append("".join(taken.of(each.picture)))
        bring(each.picture, folder / "images" / files[-1], how)
        pictures.append(each)
    (folder / "annotations").mkdir()
    told = _instances(pictures, names, folder, files)
    put(folder / "annotations" / "instances.json", json_text(told))
    return len(pictures)


def _yolo(folder: Path, every: Iterable[BoxedPicture], names: Sequence[str], how: Pictures, scores: bool) -> int:
    taken, count = FileNames(), 0
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for picture, (height, width), boxes in every:
        name, ending = taken.of(picture)
        bring(picture, folder / "images" / f"{name}{ending}", how)
        lines = []
        for one in boxes:
            left, top, right, bottom = one.box
            shares = [
                (left + right) / 2 / width,
                (top + bottom) / 2 / height,
                (right - left) / width,
                (bottom - top) / height,
            ]
            score = [f"{one.score:.6f}"] if scores and one.score is not None else []
            lines.append(" ".join([str(names.index(one.label)), *(f"{share:.8f}" for share in shares), *score]) + "\n")
        put(folder / "labels" / f"{name}.txt", "".join(lines))
        count += 1
    listed = "".join(f"  {i}: {json_text(name)}\n" for i, name in enumerate(names))
    put(folder / "data.yaml", f"train: images\nnc: {len(names)}\nnames:\n{listed}")
    put(folder / "labels" / "classes.txt", "".join(f"{name}\n" for name in names))
    return count


def _voc(folder: Path, every: Iterable[BoxedPicture], names: Sequence[str], how: Pictures, _: bool) -> int:
    taken, stems = FileNames(), []
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    for each in every:
        name, ending = taken.of(each.picture)
        bring(each.picture, folder / "JPEGImages" / f"{name}{ending}", how)
        text = _xml(each, f"{name}{ending}")
        put(folder / "Annotations" / f"{name}.xml", text)
        stems.append(f"{name}\n")
    put(folder / "ImageSets" / "Main" / "default.txt", "".join(stems))
    return len(stems)


def _xml(each: BoxedPicture, name: str) -> str:
    height, width = each.size
    lines = ["<annotation>", "  <folder>JPEGImages</folder>", f"  <filename>{_text(name)}</filename>"]
    lines += [
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
        "  <segmented>0</segmented>",
    ]
    for one in each.boxes:
        left, top, right, bottom = _whole(one.box, each.size)
        edges = f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
        sure = "" if one.score is None else f"<confidence>{one.score:.6g}</confidence>"
        lines += [
            "  <object>",
            f"    <name>{_text(one.label)}</name>",
            f"    <pose>Unspecified</pose><truncated>0</truncated><difficult>{int(one.ignored)}</difficult>{sure}",
            f"    <bndbox>{edges}</bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


def _text(name: str) -> str:
    """A name as it stands in XML, which has no control characters."""
    return escape(visible(name), quote=False)


def _whole(box: Sequence[float], size: tuple[int, int]) -> list[int]:
    """The nearest box of whole pixels, at least one wide and high."""
    low = [min(round(box[i]), size[1 - i] - 1) for i in (0, 1)]
    high = [min(max(round(box[i + 2]), low[i] + 1), size[1 - i]) for i in (0, 1)]
    return low + high
