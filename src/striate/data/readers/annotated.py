"""Pictures with boxes, as annotation files have them, into one data set: what all formats of boxes share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from striate.data.dataset import Dataset, Skipped
from striate.data.pictures.decode import upright_size
from striate.data.pictures.decode_all import decode_all
from striate.data.pictures.geometry import Geometry, visible
from striate.data.pictures.preprocess import Preprocessing
from striate.data.readers.class_folders import PARTS
from striate.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif")


@dataclass
class Marked:
    """One picture and its boxes, as its annotation has them.

    path      of the picture
    boxes     x1, y1, x2, y2 of each, in pixels of the upright picture; as shares of its width and height if `relative`
    labels    the class number of each
    ignored   whether each is one that counts for nothing in an evaluation
    size      (H, W) of the picture that the annotation was made on, where it says so
    """

    path: Path
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    ignored: list[bool] = field(default_factory=list)
    size: tuple[int, int] | None = None
    relative: bool = False

    def add(self, box: tuple[float, float, float, float], label: int, ignored: bool = False) -> None:
        self.boxes.append(box)
        self.labels.append(label)
        self.ignored.append(ignored)


def assemble(
    pictures: Iterable[Marked],
    classes: Sequence[str],
    preprocessing: Preprocessing,
    name: str,
    where: str,
    skipped: Sequence[Skipped] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    """Decode the pictures and move their boxes along.

    A picture that cannot be read, or whose size is not that of its annotation, is skipped; a box that is not finite,
    empty or outside its picture is left out, with a note.
    """
    left_out, kept_notes = list(skipped), list(notes)
    known: list[tuple[Marked, tuple[int, int]]] = []
    for each in pictures:
        try:
            size = upright_size(each.path)
        except DataError as error:
            left_out.append(Skipped(str(each.path), str(error).removeprefix(f"{each.path}: ")))
            continue
        if each.size not in (None, size):
            drawn, own = (f"{h} x {w}" for h, w in (each.size or size, size))
            left_out.append(Skipped(str(each.path), f"is {own} when upright, its boxes are for {drawn}"))
            continue
        known.append((each, size))
    if not known:
        first = f" The first, {left_out[0].path}: {left_out[0].reason}." if left_out else ""
        raise DataError(f"{where}: has no picture with boxes that can be read.{first}")
    x, kept, unread, made = decode_all([str(each.path) for each, _ in known], Path, preprocessing, where)
    boxes, labels, ignored, cut = [], [], [], 0
    for each, size in (known[i] for i in kept):
        moved, chosen, outside, said = _moved(each, preprocessing.geometry(size), size)
        boxes.append(moved)
        labels.append(np.array(each.labels, np.int64)[chosen])
        ignored.append(np.array(each.ignored, bool)[chosen])
        cut += outside
        kept_notes += [f"{each.path}: {text}" for text in said]
    if cut:
        kept_notes.append(f"{where}: {cut} boxes lie in margins that are cut away")
    return Dataset(
        x,
        None,
        tuple(classes),
        name,
        made,
        tuple(str(known[i][0].path) for i in kept),
        (*left_out, *unread),
        tuple(boxes),
        tuple(labels),
        tuple(ignored) if any(flags.any() for flags in ignored) else None,
        notes=tuple(kept_notes),
    )


def _moved(each: Marked, place: Geometry, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, int, list[str]]:
    """(boxes in the result, which of the picture's they are, how many were cut away with the margin, what is wrong)."""
    given = np.array(each.boxes, np.float64).reshape(-1, 4)
    if each.relative:
        given = given * [size[1], size[0], size[1], size[0]]
    finite = np.asarray(np.isfinite(given).all(axis=1))
    inside = np.clip(np.where(finite[:, None], given, 0), 0, [size[1], size[0], size[1], size[0]])
    sound = finite & visible(inside)
    said = []
    if not sound.all():
        which = ", ".join(str(i + 1) for i in np.flatnonzero(~sound)[:5])
        said.append(
            f"{int((~sound).sum())} boxes left out, empty or outside the {size[0]} x {size[1]} picture: {which}"
        )
    reaching = int((np.abs(inside - given)[sound] > 1).any(axis=1).sum())  # up to a pixel is rounding
    if reaching:
        said.append(f"{reaching} boxes reached out of the {size[0]} x {size[1]} picture and were clipped")
    moved = place.boxes(inside)
    seen = visible(moved)
    chosen = np.flatnonzero(sound & seen)
    return moved[chosen], chosen, int((sound & ~seen).sum()), said


def listing(folder: Path) -> list[Path]:
    """The picture files in a folder and those below, by their suffix, sorted; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def part_of(name: str) -> str | None:
    """Which part a folder or file of this name is: "train", "validation", "test", also with a year (train2017)."""
    return PARTS.get(name.lower().rstrip("0123456789").rstrip("_-"))


def below(root: Path, name: str) -> Path | None:
    """The file `name` in `root`; None for a name that leads out of it, which a foreign file may hold."""
    parts = Path(name.replace("\\", "/")).parts
    return None if not parts or Path(name).is_absolute() or ".." in parts else root.joinpath(*parts)


def need_folder(path: str | Path) -> Path:
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"{root}: {'is not a folder' if root.exists() else 'there is no such folder'}.")
    return root
