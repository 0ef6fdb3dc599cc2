"""A folder (or a zip of one) with pictures: a subfolder for each class, or for each part and in it for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from striate.data.dataset import Dataset, Skipped, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.files import Tree, is_picture, tree_of_folder, tree_of_zip
from striate.data.readers.names import PARTS, class_name, part_of
from striate.data.readers.survey import Item, Survey
from striate.doors.packed import opened_zip
from striate.doors.reading import need_folder
from striate.wording import plural


@reader
def folder(
    path: str | Path, image_size: Any = None, channels: int | None = 3, **options: Unpack[Options]
) -> Dataset | Splits:
    """Pictures ``path/<class>/...`` as a Dataset; ``path/train|val|test/<class>/...`` as Splits.

    Every picture becomes uint8 (H, W, C) of `image_size` and `channels`.  Classes are numbered in the order of their
    sorted names; or in that of `classes`, some of which may have no folder then.  Blanks around a folder's name do not
    count.  Validation and test are matched to train by the classes' names.  One folder around all is looked through.  Hidden
    files are ignored; a file that is no readable picture is left out, as is a class without any.

    path           of the folder
    """
    survey = scan_folder(path, options.get("classes"))
    return assemble(survey, image_size, channels, need_folder(path).resolve().name, options)


@reader
def read_zip(
    path: str | Path, image_size: Any = None, channels: int | None = 3, **options: Unpack[Options]
) -> Dataset | Splits:
    """As ``folder``, straight from a zip file: nothing is unpacked to disk.

    path           of the zip
    """
    with scan_zip(path, options.get("classes")) as survey:
        return assemble(survey, image_size, channels, Path(path).stem, options)


def scan_folder(path: str | Path, classes: Sequence[str] | None = None) -> Survey:
    """The survey of a folder.  Raises DataError where there is none."""
    return _scan(tree_of_folder(need_folder(path)), classes)


def scan_zip(path: str | Path, classes: Sequence[str] | None = None) -> Survey:
    """The survey of a zip, open until it is closed.  Raises DataError for what is no zip."""
    path = Path(path)
    with ExitStack() as held:
        archive = held.enter_context(opened_zip(path, str(path)))
        survey = _scan(tree_of_zip(archive, path), classes)
        survey.close = held.pop_all().close
    return survey


def _scan(whole: Tree, classes: Sequence[str] | None) -> Survey:
    tree = _looked_through(whole)
    survey = Survey(tree.root, "classes" if tree.folders else "pictures", fetch=tree.fetch, stamp=tree.stamp)
    for path, reason in tree.skipped:
        survey.add("stray", path, reason, "skip")
    parts = _parts(tree)
    if not parts:
        _classes(survey, tree, "")
    for part in [part for part in PARTS if part in parts]:
        for top in parts[part]:
            below = tree.below(top)
            survey.places[part] = below.root
            _classes(survey, below, part)
            if not below.folders:
                what = f"{plural(len(below.files), 'file')} but no folder with a class's pictures"
                survey.add("unusable", below.root, f"has {what}. Expected <class>/<picture> in it.", "stop", part)
        if len(parts[part]) > 1:
            both = " and ".join(parts[part])
            survey.add("unusable", tree.root, f"both {both} would be the {part} part. Keep one.", "stop")
    tops = {top for each in parts.values() for top in each}
    for each in tree.files:
        if parts and (len(each) == 1 or each[0] not in tops):
            survey.add("stray", tree.name(each), "in no part's folder", "skip")
    first = survey.parts[0] if survey.items else ""
    there = sorted({item.label for item in survey.of(first) if item.label is not None})
    survey.classes = tuple(there if classes is None else [class_name(str(name)) for name in classes]) or None
    if not survey.lacking:
        _strange(survey, first, given=classes is not None)
    return survey


def _looked_through(tree: Tree) -> Tree:
    """What is in the one folder around all, unless it is a part's or holds pictures itself; files beside it are left out."""
    while len(tree.folders) == 1 and not part_of(tree.folders[0]) and not _empty_folders(tree, ""):
        below = tree.below(tree.folders[0])
        beside = [each for each in tree.files if len(each) == 1]
        if any(is_picture(each[0]) for each in (*beside, *below.files) if len(each) == 1) or not below.folders:
            break
        aside = [Skipped(tree.name(each), "not in a class's folder") for each in beside]
        tree = replace(below, skipped=(*tree.skipped, *aside))
    return tree


def _strange(survey: Survey, first: str, given: bool) -> None:
    """Refuse classes of other parts that the first does not have, and all that are not in the given ones."""
    known, told = set(survey.classes or ()), set()
    for item in survey.items:
        if item.label is None or item.label in known or (item.part, item.label) in told:
            continue
        told.add((item.part, item.label))
        where = survey.places.get(item.part, survey.root)
        top = f"{where}/{item.name.removeprefix(f'{where}/').split('/')[0]}"
        lacking = "classes= has none of this name" if given else f"{first} has no such class"
        survey.add(
            "unknown-class", top, f'"{item.label}" is in {item.part or survey.root}, {lacking}', "stop", item.part
        )


def _parts(tree: Tree) -> dict[str, list[str]]:
    """{part: its folders} when the folders are parts and not classes."""
    parts: dict[str, list[str]] = {}
    for top in tree.folders:
        part = part_of(top)
        if part:
            parts.setdefault(part, []).append(top)
    count = sum(map(len, parts.values()))
    if "train" in parts and (len(parts) > 1 or count == len(tree.folders)):
        return parts
    return parts if len(parts) > 1 and count == len(tree.folders) else {}


def _classes(survey: Survey, tree: Tree, part: str) -> None:
    """The pictures of a part, whose folders are the classes."""
    names = {top: class_name(top) for top in tree.folders}
    tops: dict[str, list[str]] = {}
    for top, name in names.items():
        tops.setdefault(name, []).append(top)
    for _, several in sorted(tops.items()):
        if len(several) > 1:
            listed = ", ".join(f'"{top}"' for top in several)
            survey.add("same-class", f"{tree.root}/{several[0]}", f"folders of one class: {listed}", "note", part)
    for parts in tree.files:
        if len(parts) > 1:
            survey.items.append(Item("/".join((tree.root, *parts)), part, names[parts[0]]))
        elif tree.folders or not is_picture(parts[0]):
            survey.add("stray", tree.name(parts), "not in a class's folder", "skip", part)
        else:
            survey.items.append(Item(tree.name(parts), part))
    survey.empty += _empty_folders(tree, part)


def _empty_folders(tree: Tree, part: str) -> list[tuple[str, str]]:
    """(part, class) of folders that hold no file at all; a zip has no such folders."""
    place = Path(tree.root)
    if not place.is_dir():
        return []
    tops = [each for each in sorted(place.iterdir()) if each.is_dir() and not each.name.startswith(".")]
    return [(part, class_name(each.name)) for each in tops if not any(files for _, _, files in os.walk(each))]
