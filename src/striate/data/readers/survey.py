"""Which pictures a path holds, with part, class, boxes and mask, for the check of a data set: faults do not stop it."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from striate.data.checks.findings import Finding
from striate.data.pictures.cache import file_stamp
from striate.data.pictures.formats import EXTENSIONS
from striate.data.readers.annotated import below
from striate.data.readers.class_folders import PARTS, _parts, _Tree, _walk, _zip_tree
from striate.data.readers.csv_table import _LABELS, _PATHS, _column, _rows
from striate.data.readers.voc import parse_xml
from striate.errors import DataError

PICTURES = frozenset({".tga"}.union(*EXTENSIONS.values()))
_MASKS = ("masks", "mask", "labels", "annotations")
_MOST = 1 << 30  # bytes of a file that will be read into memory


class Box(NamedTuple):
    """Corners of a box in pixels (or, with `relative`, in parts of the picture) and what it is a box of."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    relative: bool = False


@dataclass
class Item:
    """A picture file of a data set: its name, part, class, boxes, the file of its mask, the (W, H) it is said to have."""

    name: str
    part: str = ""
    label: str | None = None
    boxes: list[Box] = field(default_factory=list)
    mask: str | None = None
    size: tuple[int, int] | None = None


@dataclass
class Survey:
    """The pictures of a path and how they are arranged; `read` gives a file's bytes or raises DataError."""

    root: str
    kind: str
    items: list[Item]
    read: Callable[[str], bytes]
    findings: list[Finding] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)  # (part, class) whose folders hold no file

    def add(self, kind: str, files: str | Sequence[str], detail: str = "") -> None:
        """Note a finding."""
        self.findings.append(Finding(kind, (files,) if isinstance(files, str) else tuple(files), detail))


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Survey]:
    """The layout of a folder, a zip, a CSV or a COCO JSON file; its `read` works until the end of the block.

    Raises DataError when there is no such path, or nothing in it that could be pictures.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder.")
    if path.is_file() and suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                tree = _zip_tree(archive, path, None, None)
                yield _some(_folders(tree, tree.fetch))
        except zipfile.BadZipFile as error:
            raise DataError(f"{path}: not a zip file, or one that is cut off ({error}).") from None
    elif path.is_dir():
        yield _some(_folder(path))
    elif suffix == ".csv":
        yield _some(_csv(path))
    elif suffix == ".json":
        layout = Survey(str(path.parent), "coco", [], read_bytes)
        _coco(layout, [path], _index(path.parent))
        yield _some(layout)
    else:
        raise DataError(
            f"{path}: is no folder, and no .zip, .csv or .json file. Give the folder that holds the pictures."
        )


def read_bytes(name: str) -> bytes:
    """The bytes of a file.  Raises DataError for what is missing, no file, or above 1 GiB."""
    path = Path(name)
    try:
        if not path.is_file():  # also keeps away from pipes and devices, which could block for ever
            raise DataError(f"{name}: {'is not a file' if path.exists() else 'there is no such file'}.")
        if path.stat().st_size > _MOST:
            raise DataError(f"{name}: {path.stat().st_size:,} bytes, the limit is {_MOST:,}.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be opened: {error.strerror or error}.") from None


def _some(layout: Survey) -> Survey:
    if not layout.items and not layout.findings:
        raise DataError(f"{layout.root}: there are no pictures in it.")
    return layout


def _folder(path: Path) -> Survey:
    """What kind of data set lies in a folder."""
    files, skipped = _walk(path)
    root = str(path)
    layout = Survey(root, "pictures", [], read_bytes, [Finding("stray", (s.path,), s.reason) for s in skipped])
    annotations = [f for f in files if f[-1].lower().endswith(".xml") and len(f) > 1]
    tables = [path / f[0] for f in files if len(f) == 1 and f[0].lower().endswith(".csv")]
    if annotations and (path / "Annotations").is_dir():
        _voc(layout, path, files)
        return layout
    coco = [path.joinpath(*f) for f in files if f[-1].lower().endswith(".json") and f[0] in ("annotations", f[-1])]
    if coco := [file for file in coco if _is_coco(file)]:
        _coco(layout, coco, _index(path))
        return layout
    if any("images" in f[:-1] for f in files) and _beside(layout, path, files):
        return layout
    pictures = [f for f in files if Path(f[-1]).suffix.lower() in PICTURES]
    if len(tables) == 1 and pictures and all(len(f) == 1 for f in pictures):
        return _csv(tables[0])
    found = _folders(_Tree(root, files, read_bytes, [], file_stamp, None, None), read_bytes)
    found.findings += layout.findings
    found.empty += _empty_folders(path)
    return found


def _folders(tree: _Tree, fetch: Callable[[str], Any]) -> Survey:
    """A folder for each class, or for each part and in it for each class; else a folder of pictures."""
    try:
        parts = _parts(tree)
    except DataError:  # val without train: they are parts all the same
        parts = {PARTS[top.lower()]: top for top in tree.folders}
    layout = Survey(tree.root, "classes" if tree.folders else "pictures", [], fetch)
    if parts is None:
        _classes(layout, tree, "")
        return layout
    known: set[str] | None = None
    for part in ("train", "validation", "test"):
        if part not in parts:
            continue
        below = tree.below(parts[part])
        _classes(layout, below, part)
        if known is not None:
            for name in sorted(set(below.folders) - known):
                layout.add("unknown-class", f"{below.root}/{name}", f'"{name}" is in {part}, train has no such class')
        known = known or set(below.folders)
    for parts_ in tree.files:
        if len(parts_) == 1 or parts_[0] not in parts.values():
            layout.add("stray", "/".join((tree.root, *parts_)), "in no part's folder")
    return layout


def _classes(layout: Survey, tree: _Tree, part: str) -> None:
    for parts in tree.files:
        name = "/".join((tree.root, *parts))
        if len(parts) > 1:
            layout.items.append(Item(name, part, parts[0]))
        elif tree.folders or Path(name).suffix.lower() not in PICTURES:
            layout.add("stray", name, "in no class's folder")
        else:
            layout.items.append(Item(name, part))


def _empty_folders(path: Path) -> list[tuple[str, str]]:
    """(part, class) of folders that hold no file at all."""
    found = []
    for top in sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")):
        part = PARTS.get(top.name.lower(), "")
        for place in sorted(p for p in top.iterdir() if p.is_dir()) if part else [top]:
            if not any(files for _, _, files in os.walk(place)):
                found.append((part, place.name))
    return found


def _csv(path: Path) -> Survey:
    header, rows = _rows(path)
    files, labels = (
        _column(path, header, None, _PATHS, "file_column"),
        _column(path, header, None, _LABELS, "label_column"),
    )
    layout = Survey(str(path), "csv", [], read_bytes)
    whole = [re.fullmatch(r"\s*[+-]?\d+\s*", row[labels]) is not None for row in rows]
    numbers = sum(whole) > len(rows) / 2
    listed: dict[str, list[str]] = {}
    for line, (row, number) in enumerate(zip(rows, whole, strict=True), start=2):
        name, label = str(path.parent / row[files]), row[labels].strip()
        listed.setdefault(name, []).append(label)
        if (numbers and (not number or int(label) < 0)) or not label:
            why = "is empty" if not label else "is below 0" if number else "is no number, the others are"
            layout.add("label-range", name, f'row {line}: label "{label}" {why}')
    for name, given in listed.items():
        layout.items.append(Item(name, "", given[0]))
        if len(given) > 1:
            kind = "duplicate" if len(set(given)) == 1 else "in-two-classes"
            layout.add(kind, name, f"in {len(given)} rows, with {', '.join(sorted(set(given)))}")
    return layout


def _voc(layout: Survey, path: Path, files: list[tuple[str, ...]]) -> None:
    layout.kind = "voc"
    pictures = {Path(f[-1]).stem: "/".join((layout.root, *f)) for f in files if Path(f[-1]).suffix.lower() in PICTURES}
    listed: dict[str, list[str]] = {}
    for name in ("train", "val", "test"):
        file = path / "ImageSets" / "Main" / f"{name}.txt"
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else ():
            if line.split():
                listed.setdefault(line.split()[0], []).append(PARTS[name])
    for stem, parts in listed.items():
        if len(set(parts)) > 1:
            layout.add("in-two-parts", pictures.get(stem, stem), f"listed in {', '.join(dict.fromkeys(parts))}")
    for file in sorted((path / "Annotations").glob("*.xml")):
        item = Item(
            pictures.pop(file.stem, f"{layout.root}/JPEGImages/{file.stem}.jpg"), (listed.get(file.stem) or [""])[0]
        )
        layout.items.append(item)
        try:
            root = parse_xml(file)
            width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
            item.size = (width, height) if width and height else None
            for thing in root.iter("object"):
                x1, y1, x2, y2 = (
                    float(thing.findtext(f"bndbox/{c}") or "nan") for c in ("xmin", "ymin", "xmax", "ymax")
                )
                item.boxes.append(Box(x1, y1, x2, y2, (thing.findtext("name") or "").strip()))
        except (DataError, ValueError) as error:
            layout.add("annotation", (str(file), item.name), f"not VOC XML: {error}")
    for stem, name in pictures.items():
        layout.items.append(Item(name, (listed.get(stem) or [""])[0]))
        layout.add("unannotated", name, "has no file in Annotations")
    _rare_labels(layout)


def _rare_labels(layout: Survey) -> None:
    """Names of boxes that differ from a much more frequent one in case or blanks only."""
    counts = Counter(box.label for item in layout.items for box in item.boxes)
    first: dict[str, str] = {}
    for label, _ in counts.most_common():
        usual = first.setdefault(label.strip().lower(), label)
        if usual != label or not label:
            files = [item.name for item in layout.items if any(box.label == label for box in item.boxes)]
            layout.add("label-range", files, f'boxes of "{label}"' + (f', the others say "{usual}"' if label else ""))


def _is_coco(file: Path) -> bool:
    try:
        with file.open("rb") as opened_:
            head = opened_.read(1 << 16)
        return any(f'"{key}"'.encode() in head for key in ("images", "annotations", "categories"))
    except OSError:
        return False


def _index(path: Path) -> dict[str, str]:
    """Where each file lies, by its path below the folder and by its bare name."""
    files, _ = _walk(path)
    found: dict[str, str] = {}
    for parts in files:
        for i in range(len(parts)):
            found.setdefault("/".join(parts[i:]), "/".join((str(path), *parts)))
    return found


def _inside(root: str, name: str) -> str:
    """Where a file that a foreign list names would lie; of a name that leads out of the folder only its end counts."""
    return str(below(Path(root), name) or Path(root, Path(name).name))


def _coco(layout: Survey, files: Sequence[Path], where: dict[str, str]) -> None:
    layout.kind = "coco"
    for file in files:
        words = re.split(r"[^a-z]+", file.stem.lower())
        part = next((PARTS[word] for word in words if word in PARTS), "")
        try:
            told = json.loads(file.read_bytes())
            categories = {c["id"]: str(c["name"]) for c in told.get("categories", [])}
            items = {
                image["id"]: Item(
                    where.get(image["file_name"]) or _inside(layout.root, image["file_name"]),
                    part,
                    size=(int(image["width"]), int(image["height"]))
                    if image.get("width") and image.get("height")
                    else None,
                )
                for image in told["images"]
            }
            for note in told.get("annotations", []):
                item = items.get(note["image_id"])
                if item is None:
                    layout.add(
                        "annotation",
                        str(file),
                        f"annotation {note.get('id')} is of image {note['image_id']}, not listed",
                    )
                    continue
                if note["category_id"] not in categories:
                    layout.add("label-range", item.name, f"category {note['category_id']} is not among the categories")
                if "bbox" in note:
                    x, y, w, h = map(float, note["bbox"])
                    item.boxes.append(Box(x, y, x + w, y + h, categories.get(note["category_id"], "")))
            layout.items += items.values()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            layout.add("annotation", str(file), f"not COCO JSON: {type(error).__name__} {error}")


def _beside(layout: Survey, path: Path, files: list[tuple[str, ...]]) -> bool:
    """Pictures under ``images`` with YOLO text files under ``labels`` or masks beside it; False when there are none."""
    there = {"/".join((*f[:-1], Path(f[-1]).stem)): f for f in files if "images" not in f[:-1]}
    beside = {
        name
        for name in _MASKS
        if any(name in f[:-1] and Path(f[-1]).suffix.lower() in (".txt", *PICTURES) for f in there.values())
    }
    if not beside:
        return False
    used = set()
    bare = []
    limit = _yolo_classes(path)
    for f in (f for f in files if "images" in f[:-1]):
        at = max(i for i, part in enumerate(f[:-1]) if part == "images")
        item = Item("/".join((layout.root, *f)), next((PARTS[p.lower()] for p in f[:-1] if p.lower() in PARTS), ""))
        layout.items.append(item)
        stems = ["/".join((*f[:at], name, *f[at + 1 : -1], Path(f[-1]).stem)) for name in sorted(beside)]
        stem = next((s for s in stems if s in there), None)
        if stem is None:
            bare.append(item.name)
            continue
        used.add(stem)
        mine = "/".join((layout.root, *there[stem]))
        if mine.lower().endswith(".txt"):
            layout.kind = "yolo"
            _yolo(layout, item, mine, limit)
        else:
            layout.kind = "masks"
            item.mask = mine
    for name in bare:
        kind = "annotation" if layout.kind == "masks" else "unannotated"
        layout.add(kind, name, f"nothing in {' or '.join(sorted(beside))} belongs to it")
    for stem, f in there.items():
        if stem not in used and any(name in f[:-1] for name in beside):
            layout.add("annotation", "/".join((layout.root, *f)), "there is no picture that it belongs to")
    return layout.kind != "pictures"


def _yolo(layout: Survey, item: Item, file: str, limit: int | None) -> None:
    text = Path(file).read_text(encoding="utf-8", errors="replace")
    for line, row in enumerate(text.splitlines(), start=1):
        try:
            if not row.split():
                continue
            number, (x, y, w, h) = int(row.split()[0]), map(float, row.split()[1:5])
            item.boxes.append(Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, str(number), relative=True))
        except ValueError:
            layout.add("annotation", (file, item.name), f'line {line}: "{row[:60]}" is not: class x y width height')
            continue
        if number < 0 or (limit is not None and number >= limit):
            layout.add(
                "label-range", (item.name, file), f"line {line}: class {number}, there are {limit or 'no negative'}"
            )


def _yolo_classes(path: Path) -> int | None:
    """How many classes ``classes.txt`` or a YAML file beside the pictures names; None when neither does."""
    for name in ("classes.txt", "obj.names"):
        if (path / name).is_file():
            lines = (path / name).read_text(encoding="utf-8", errors="replace").splitlines()
            return sum(bool(line.strip()) for line in lines)
    for file in sorted((*path.glob("*.yaml"), *path.glob("*.yml"))):
        text = file.read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^nc:\s*(\d+)", text, re.M):
            return int(found[1])
        if found := re.search(r"^names:\s*\[([^\]]*)\]", text, re.M):
            return len([name for name in found[1].split(",") if name.strip()])
        if found := re.search(r"^names:\s*\n((?:[ \t]*(?:-|\d+:).*\n?)+)", text, re.M):
            return len(found[1].strip().splitlines())
    return None
