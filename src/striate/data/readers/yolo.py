"""YOLO txt: for each picture a text file with a line for each box, class and centre and size as shares (Darknet's)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from striate.data.dataset import Dataset, Splits
from striate.data.pictures.preprocess import Preprocessing, Resize
from striate.data.readers.annotated import SUFFIXES, Marked, assemble, listing, need_folder, part_of
from striate.errors import DataError

_PARTS = ("train", "validation", "test")
_NAMES = ("classes.txt", "obj.names", "names.txt", "labels/classes.txt", "labels.txt")
_CONFIGS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def read_yolo(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    classes: Sequence[str] | None = None,
    resize: Resize = "stretch",
    preprocessing: Preprocessing | None = None,
    name: str | None = None,
) -> Dataset | Splits:
    """Pictures with boxes from text files `class cx cy width height`, shares of the upright picture's width and height.

    `path` is a data.yaml (names, and where train, val and test are) or a folder with one; or a folder with the class
    names in classes.txt and pictures in images/ or in images/train, images/val …, or train/images, ….  The text file of
    images/a.jpg is labels/a.txt, else a.txt beside it.  A line with more numbers is a polygon, of which the box is
    taken.  A picture without a text file or with an empty one has no boxes.  A faulty line is left out, with a note; a
    picture that cannot be read is named in ``.skipped``.  `classes` gives the names in the order of the numbers when no
    file does; `preprocessing` takes the place of image_size, channels and resize.
    """
    place = Path(path)
    config = place if place.is_file() else next((place / c for c in _CONFIGS if (place / c).is_file()), None)
    if config is not None:
        found = _yaml(config)
        names = _names(found.get("names"), config)
        parts = _configured(found, config)
    else:
        root = need_folder(place)
        listed = next((root / each for each in _NAMES if (root / each).is_file()), None)
        names = tuple(line.strip() for line in _lines(listed) if line.strip()) if listed else None
        parts = _laid_out(root)
    names = tuple(classes) if classes is not None else names
    title = name or place.resolve().stem
    if not any(_label_file(picture).is_file() for pictures in parts.values() for picture in pictures):
        raise DataError(
            f"{place}: none of its pictures has a text file with boxes; the one of images/a.jpg is labels/a.txt."
        )
    marked = {part: [_marked(picture) for picture in pictures] for part, pictures in parts.items()}
    if names is None:
        highest = max((n for each in marked.values() for one, _ in each for n in one.labels), default=0)
        names = tuple(map(str, range(highest + 1)))
    preprocessing = preprocessing or Preprocessing.pictures(image_size, channels, resize=resize)
    read: dict[str, Dataset] = {}
    for part, each in marked.items():
        notes = [note for one, said in each for note in (*said, *_beyond(one, len(names)))]
        title_of = f"{title} {part}" if len(marked) > 1 else title
        read[part] = assemble([one for one, _ in each], names, preprocessing, title_of, str(place), (), notes)
        preprocessing = read[part].preprocessing
    if len(read) == 1:
        return next(iter(read.values()))
    if "train" not in read:
        raise DataError(f"{place}: has {' and '.join(read)}, but no train. Add the part to train on.")
    return Splits(read["train"], read.get("validation"), read.get("test"))


def _marked(picture: Path) -> tuple[Marked, list[str]]:
    """A picture with its boxes, and what is wrong with its text file."""
    each, said = Marked(picture, relative=True), []
    file = _label_file(picture)
    for i, line in enumerate(_lines(file) if file.is_file() else [], start=1):
        if not line.strip():
            continue
        try:
            numbers = [float(cell) for cell in line.split()]
        except ValueError:
            numbers = []
        polygon = len(numbers) >= 7 and len(numbers) % 2 == 1
        whole = bool(numbers) and numbers[0] >= 0 and numbers[0] == math.floor(numbers[0]) < 1 << 31
        if not whole or not (len(numbers) == 5 or polygon):
            said.append(
                f"{file}, line {i} left out: expected a class number and four shares, got {line.strip()[:60]!r}"
            )
        elif polygon:
            across, down = numbers[1::2], numbers[2::2]
            each.add((min(across), min(down), max(across), max(down)), int(numbers[0]))
        else:
            cx, cy, width, height = numbers[1:]
            each.add((cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2), int(numbers[0]))
    return each, said


def _beyond(each: Marked, count: int) -> list[str]:
    """Take away the boxes whose class number has no name, and say so."""
    wrong = [i for i, label in enumerate(each.labels) if label >= count]
    if not wrong:
        return []
    first = each.labels[wrong[0]]
    for i in reversed(wrong):
        del each.boxes[i], each.labels[i], each.ignored[i]
    return [f"{each.path}: {len(wrong)} boxes left out, class {first} is beyond the {count} classes"]


def _label_file(picture: Path) -> Path:
    """labels/…/a.txt for images/…/a.jpg, by the last folder of that name; else a.txt beside the picture."""
    parts = list(picture.parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i].lower() == "images":
            other = Path(*parts[:i], "labels", *parts[i + 1 :]).with_suffix(".txt")
            return other if other.parent.is_dir() else picture.with_suffix(".txt")
    return picture.with_suffix(".txt")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as text in UTF-8 ({type(error).__name__}).") from None


def _laid_out(root: Path) -> dict[str, list[Path]]:
    """{part: its pictures} by the names of folders; one part, "all", where no folder is a part."""
    found: dict[str, list[Path]] = {}
    for base, within in ((root / "images", "."), (root, "images"), (root, ".")):
        for folder in sorted(base.iterdir()) if base.is_dir() else []:
            part = part_of(folder.name) if folder.is_dir() else None
            pictures = listing(folder / within) if part and (folder / within).is_dir() else []
            if part and pictures:
                found[part] = [*found.get(part, []), *pictures]
        if "train" in found:
            return {part: found[part] for part in _PARTS if part in found}
        found = {}
    pictures = listing(root / "images" if (root / "images").is_dir() else root)
    if not pictures:
        raise DataError(f"{root}: no pictures. Expected images/ and labels/ in it, or a data.yaml.")
    return {"all": pictures}


def _configured(config: dict[str, Any], file: Path) -> dict[str, list[Path]]:
    base = file.parent / str(config.get("path") or ".")
    base = base if base.is_dir() else file.parent
    found: dict[str, list[Path]] = {}
    for key in ("train", "val", "valid", "test"):
        given = config.get(key)
        pictures: list[Path] = []
        for each in [given] if isinstance(given, str) else given if isinstance(given, list) else []:
            place = base / each
            if not place.exists() and each.startswith("../"):  # some exports mean their own folder by ..
                place = base / each.removeprefix("../")
            if place.is_dir():
                pictures += listing(place)
            elif place.is_file() and place.suffix == ".txt":
                pictures += [place.parent / line.strip() for line in _lines(place) if line.strip()]
            elif key != "test":
                raise DataError(f"{file}: {key} is {each}, and there is no {place}.")
        pictures = [picture for picture in pictures if picture.suffix.lower() in SUFFIXES]
        if pictures:
            found[part_of(key) or key] = pictures
    if not found:
        raise DataError(f"{file}: says of no train, val or test where its pictures are.")
    return found


def _names(given: Any, file: Path) -> tuple[str, ...] | None:
    """From a list, or from {number: name}, in which missing numbers are named by themselves."""
    if isinstance(given, dict) and given:
        try:
            numbered = {int(key): str(value) for key, value in given.items()}
        except ValueError:
            raise DataError(f"{file}: names has a key that is no class number.") from None
        if min(numbered) < 0 or max(numbered) > 1 << 16:
            raise DataError(f"{file}: names has the class numbers {min(numbered)} to {max(numbered)}.")
        return tuple(numbered.get(i, str(i)) for i in range(max(numbered) + 1))
    return tuple(map(str, given)) if isinstance(given, list) and given else None


def _yaml(file: Path) -> dict[str, Any]:
    """The part of YAML that such files use: `key: value`, and lists and maps of plain values, inline or indented."""
    found: dict[str, Any] = {}
    key, pending = "", ""
    for i, raw in enumerate(_lines(file), start=1):
        line = re.sub(r"(^|\s)#.*", "", raw).rstrip()
        if pending:  # an inline list or map that goes on
            pending += " " + line.strip()
            if pending[-1] in "]}":
                found[key], pending = _value(pending), ""
            continue
        item = re.fullmatch(r"\s*-\s+(.*)", line)
        pair = re.fullmatch(r"(\s*)([^:]+?)\s*:(?:\s+(.*))?", line)
        if not line.strip() or line.strip() == "---":
            continue
        if item and key:
            found[key] = [*(found[key] if isinstance(found[key], list) else []), _plain(item[1])]
        elif pair and pair[1] and key:
            found[key] = {
                **(found[key] if isinstance(found[key], dict) else {}),
                _plain(pair[2]): _plain(pair[3] or ""),
            }
        elif pair and not pair[1]:
            key, value = _plain(pair[2]), (pair[3] or "").strip()
            if value[:1] in ("[", "{") and value[-1] not in "]}":
                pending = value
            else:
                found[key] = _value(value)
        else:
            raise DataError(f"{file}, line {i}: not understood: {raw.strip()[:60]!r}. Expected key: value.")
    return found


def _value(text: str) -> Any:
    cells = re.findall(r"""(?:"[^"]*"|'[^']*'|[^,"'])+""", text[1:-1])
    if text.startswith("["):
        return [_plain(cell) for cell in cells if cell.strip()]
    if text.startswith("{"):
        return {_plain(k): _plain(v) for k, _, v in (cell.partition(":") for cell in cells if cell.strip())}
    return _plain(text)


def _plain(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
