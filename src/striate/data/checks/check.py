"""``check``: what is wrong with the pictures, labels, boxes and masks of a data set, found in one pass over its files."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.checks.duplicates import Fingerprint, fingerprint, near_groups
from striate.data.checks.findings import KINDS, CheckReport, Finding
from striate.data.pictures.decode import picture
from striate.data.pictures.formats import EXTENSIONS, HEAD, format_of, whole
from striate.data.readers.class_folders import PARTS
from striate.data.readers.survey import PICTURES, Item, Survey, opened
from striate.errors import ArgumentError, DataError, StriateError

FEW = 10
ASPECT = 4.0
_TINY = 8  # pixels: a shorter side below this, or below an eighth of the usual one, is tiny
_CHUNK = 16
_ROUNDING = 0.51  # pixels by which a box may reach outside: annotations are rounded


@dataclass
class _Seen:
    """What one file told: its problems, and when it could be read its size and fingerprints."""

    item: Item
    problems: list[tuple[str, str]] = field(default_factory=list)
    size: tuple[int, int] | None = None  # (W, H), upright
    file: bytes = b""
    pixels: bytes = b""
    fingerprint: Fingerprint | None = None
    values: np.ndarray | None = None  # of the mask
    prepared: np.ndarray | None = None


def check(
    path: str | os.PathLike[str],
    *,
    near: bool = True,
    few: int = FEW,
    aspect: float = ASPECT,
    classes: int | None = None,
    model: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Everything that is wrong, or odd, with a folder, zip, CSV or COCO file of pictures: a `CheckReport` of findings.

    path      a folder for each class (or for each part, and in it for each class), Pascal VOC, YOLO, ``images`` with
              ``masks``, COCO, a CSV of files and labels, a zip of class folders, or a folder of pictures
    near      look for pictures that only look the same, too: see ``duplicates.near_groups``
    few       a class with fewer readable pictures to train on is reported
    aspect    a picture whose longer side is more than this many times its shorter one is odd
    classes   how many classes there are, for labels out of range in masks, YOLO and CSV files that do not say
    model     a trained model with preprocessing: labels that it contradicts are reported as suspects
    progress  called with (files looked at, files in all)

    Each file is read and decoded once, in threads.  What is found is never an error here; raises DataError when there
    is no such path or nothing in it, ArgumentError for arguments out of range.
    """
    if few < 0 or aspect <= 1 or (classes is not None and classes < 1):
        raise ArgumentError(
            f"few={few}, aspect={aspect}, classes={classes}: few is 0 or more, aspect above 1, classes above 0."
        )
    suspects = None
    if model is not None:
        from striate.data.checks.suspects import Suspects

        suspects = Suspects(model)
    with opened(path) as layout:
        seen = []
        for one in _pass(layout, near, suspects.prepare if suspects else None):
            if suspects and one.prepared is not None:
                suspects.add(one.item, one.prepared)
                one.prepared = None
            seen.append(one)
            if progress is not None:
                progress(len(seen), len(layout.items))
    readable = [one for one in seen if one.size is not None]
    for one in seen:
        layout.findings += [Finding(kind, (one.item.name,), detail) for kind, detail in one.problems]
    _shapes(layout, readable, aspect)
    _few(layout, [one.item for one in readable], few)
    _same(layout, readable, near)
    _boxes(layout, readable, classes)
    _values(layout, readable, classes)
    if suspects:
        layout.findings += suspects.findings()
    return _report(path, layout, [one.item for one in readable])


def quick(path: str | os.PathLike[str], *, few: int = FEW) -> CheckReport:
    """The part of ``check`` that decodes nothing: files of zero bytes, files that are no picture by their first bytes,
    classes with too few pictures.  Reads 16 bytes of each file (a zip's table of contents only); takes milliseconds.
    """
    with opened(path) as layout:
        usable = []
        archive = Path(path).is_file() and Path(path).suffix.lower() == ".zip"
        for item in layout.items:
            kind, detail = ("", "") if archive else _at_a_glance(item.name)
            if kind:
                layout.add(kind, item.name, detail)
            else:
                usable.append(item)
        _few(layout, usable, few)
    return _report(path, layout, usable)


def first_look(path: str | os.PathLike[str], *, aloud: bool = True) -> str | None:
    """What ``quick`` finds, as one line for the report of a run, and on standard error with `aloud`; None for nothing.

    Never raises: what is wrong with the path itself is for the reader to say.
    """
    try:
        found = quick(path)
    except (StriateError, OSError):
        return None
    if not found.serious:
        return None
    told = ", ".join(f"{kind} {n}" for kind, n in found.kinds.items() if KINDS[kind].severity != "note")
    few = [finding.detail for finding in found.of("few")]
    told += f" ({'; '.join(few[:3])}{'; …' if len(few) > 3 else ''})" if few else ""
    if aloud:
        print(f"data check: {told}. `striate data check {path}` says more.", file=sys.stderr)
    return told


def _report(path: str | os.PathLike[str], layout: Survey, readable: Sequence[Item]) -> CheckReport:
    parts = {item.part for item in readable}
    counts: dict[str, dict[str, int]] = {part: {} for part in (*dict.fromkeys(PARTS.values()), "") if part in parts}
    for item in readable:
        part = counts[item.part]
        for label in [item.label] if item.label is not None else sorted({box.label for box in item.boxes}):
            part[label] = part.get(label, 0) + 1
    return CheckReport(str(path), layout.kind, len(layout.items), counts, list(dict.fromkeys(layout.findings)))


# -- one file -----------------------------------------------------------------------------------------------------------
def _pass(layout: Survey, near: bool, prepare: Callable[[Any], np.ndarray] | None) -> Iterator[_Seen]:
    """Look at every file, in threads; in the order of the items, with only a few waiting in memory."""

    def several(items: Sequence[Item]) -> list[_Seen]:
        return [_look_at(item, layout.read, near, prepare) for item in items]

    chunks = iter([layout.items[i : i + _CHUNK] for i in range(0, len(layout.items), _CHUNK)])
    workers = min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers)
    try:
        waiting = [pool.submit(several, chunk) for chunk in islice(chunks, 2 * workers)]
        while waiting:
            yield from waiting.pop(0).result()
            waiting += [pool.submit(several, chunk) for chunk in islice(chunks, 1)]
    finally:
        pool.shutdown(cancel_futures=True)


def _look_at(
    item: Item, read: Callable[[str], bytes], near: bool, prepare: Callable[[Any], np.ndarray] | None
) -> _Seen:
    seen = _Seen(item)
    try:
        data = _bytes(read(item.name))
    except DataError as error:
        reason = _reason(error, item.name)
        seen.problems.append(("too-large" if "the limit is" in reason else "unreadable", reason))
        return seen
    if not data:
        seen.problems.append(("empty-file", "0 bytes"))
        return seen
    kind = format_of(data[:HEAD])
    try:
        image = picture(data)
    except DataError as error:
        reason = _reason(error, f"picture of {len(data):,} bytes")
        seen.problems.append((_kind_of_fault(data, kind, reason), reason))
        return seen
    seen.size = image.size
    seen.file = hashlib.blake2b(data, digest_size=16).digest()
    pixels = np.asarray(image)
    seen.pixels = hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).digest()
    if not whole(data):
        seen.problems.append(("truncated", "the end is missing, though it can be decoded"))
    suffix = os.path.splitext(item.name)[1].lower()
    if kind is not None and suffix not in EXTENSIONS[kind]:
        seen.problems.append(("wrong-extension", f"is {kind}, the name says {suffix or 'nothing'}"))
    if pixels.size > 3 and (pixels == pixels[0, 0]).all():
        seen.problems.append(("plain", f"every pixel is {', '.join(map(str, pixels[0, 0]))}"))
    elif near:
        seen.fingerprint = fingerprint(image)
    if item.size is not None and item.size != image.size:
        seen.problems.append(("annotation", f"said to be {_by(item.size)}, is {_by(image.size)}"))
    if item.mask is not None:
        _look_at_mask(seen, read)
    if prepare is not None:
        seen.prepared = prepare(image)
    return seen


def _look_at_mask(seen: _Seen, read: Callable[[str], bytes]) -> None:
    from PIL import Image

    assert seen.item.mask is not None
    try:
        with Image.open(io.BytesIO(read(seen.item.mask))) as mask:
            if mask.size != seen.size:
                seen.problems.append(("mask-size", f"the mask is {_by(mask.size)}, the picture {_by(seen.size)}"))
            if mask.mode in ("1", "L", "P", "I", "I;16"):
                pixels = np.asarray(mask).astype(np.int64)
                seen.values = np.unique(pixels) if pixels.max() > 255 else np.flatnonzero(np.bincount(pixels.ravel()))
            else:
                mask.load()
    except Exception as error:  # decoders raise a dozen types for broken files
        seen.problems.append(("annotation", f"the mask {seen.item.mask} cannot be read: {error}"))


def _bytes(source: Any) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def _reason(error: DataError, name: str) -> str:
    return str(error).removeprefix(f"{name}: ")


def _by(size: Sequence[int] | None) -> str:
    return " x ".join(map(str, size or ()))


def _kind_of_fault(data: bytes, kind: str | None, reason: str) -> str:
    if "the limit is" in reason:
        return "too-large"
    if kind is None:
        return "not-a-picture"
    return "truncated" if not whole(data) or "truncated" in reason else "broken"


def _at_a_glance(name: str) -> tuple[str, str]:
    """(kind, detail) of what a file's size and first bytes give away, or ("", "")."""
    try:
        if not os.path.isfile(name):
            return "unreadable", "there is no such file"
        with open(name, "rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        return "unreadable", f"cannot be opened: {error.strerror or error}"
    if not head:
        return "empty-file", "0 bytes"
    if format_of(head) is None and not name.lower().endswith(".tga"):
        return "not-a-picture", f"starts with {head[:8]!r}"
    return "", ""


# -- all files ----------------------------------------------------------------------------------------------------------
def _shapes(layout: Survey, readable: Sequence[_Seen], aspect: float) -> None:
    """Pictures that are tiny or of an odd aspect, measured against the others."""
    if not readable:
        return
    sizes = np.array([one.size for one in readable], float)
    short, ratio = sizes.min(axis=1), sizes.max(axis=1) / sizes.min(axis=1)
    usual, widest = float(np.median(short)), max(aspect, 2 * float(np.median(ratio)))
    for one, side, longer in zip(readable, short, ratio, strict=True):
        if side < min(_TINY, usual) or side < usual / 8:
            layout.add("tiny", one.item.name, f"{_by(one.size)} pixels; the usual shorter side is {usual:.0f}")
        if longer > widest:
            layout.add("odd-aspect", one.item.name, f"{_by(one.size)} pixels, {longer:.1f} to 1")


def _few(layout: Survey, readable: Sequence[Item], few: int) -> None:
    """Classes with too few pictures to learn from, and classes of the training part that another part lacks."""
    parts = {item.part for item in layout.items}
    train = "train" if "train" in parts else "" if "" in parts else None
    folders = {(item.part, item.label): os.path.dirname(item.name) for item in layout.items if item.label is not None}
    names = {label for part, label in folders if part == train} | {
        label for part, label in layout.empty if part == train
    }
    where = " in train" if train else ""
    for name in sorted(filter(None, names)):
        count = sum(item.label == name and item.part == train for item in readable)
        if count < few:
            files = folders.get((train or "", name), name)
            layout.add("few", files, f'"{name}": {count} readable picture{"s" * (count != 1)}{where}, fewer than {few}')
        for part in sorted(parts - {train, ""}):
            there = {item.label for item in readable if item.part == part}
            if count and name not in there:
                layout.add("few", folders.get((part, name), name), f'"{name}": no readable picture in {part}')


def _same(layout: Survey, readable: Sequence[_Seen], near: bool) -> None:
    """Pictures that are there more than once: byte for byte, pixel for pixel, or to the eye."""
    exact: defaultdict[bytes, list[_Seen]] = defaultdict(list)
    for one in readable:
        exact[one.pixels].append(one)
    for several in exact.values():
        if len(several) > 1:
            how = "the same file" if len({one.file for one in several}) == 1 else "the same pixels in different files"
            _report_same(layout, [one.item for one in several], how)
    if not near:
        return
    ones = [several[0] for several in exact.values() if several[0].fingerprint is not None]
    for group in near_groups([one.fingerprint for one in ones if one.fingerprint is not None]):
        items = [ones[i].item for i in group]
        parts, labels = _parts_and_labels(items)
        detail = ", ".join(f"{_by(ones[i].size)}" for i in group[:4]) + (f"; parts {parts}" if parts else "")
        kind = "near-in-two-parts" if parts else "near-duplicate"
        layout.add(kind, [item.name for item in items], detail + (f"; classes {labels}" if labels else ""))


def _report_same(layout: Survey, items: Sequence[Item], how: str) -> None:
    parts, labels = _parts_and_labels(items)
    names = [item.name for item in items]
    if parts:
        layout.add("in-two-parts", names, f"{how}; parts {parts}")
    if labels:
        layout.add("in-two-classes", names, f"{how}; classes {labels}")
    if not parts and not labels:
        layout.add("duplicate", names, how)


def _parts_and_labels(items: Sequence[Item]) -> tuple[str, str]:
    """The parts, and the labels, that pictures are in, when there are several."""
    parts, labels = {item.part for item in items}, {item.label for item in items}
    return (
        ", ".join(sorted(parts)) if len(parts) > 1 else "",
        ", ".join(sorted(map(str, labels))) if len(labels) > 1 else "",
    )


def _boxes(layout: Survey, readable: Sequence[_Seen], classes: int | None) -> None:
    for one in readable:
        assert one.size is not None
        width, height = one.size
        for i, box in enumerate(one.item.boxes):
            scale = (width, height) if box.relative else (1, 1)
            x1, y1, x2, y2 = box.x1 * scale[0], box.y1 * scale[1], box.x2 * scale[0], box.y2 * scale[1]
            what = f'box {i} "{box.label}", {x1:.0f} {y1:.0f} {x2:.0f} {y2:.0f}'
            if not (x2 > x1 and y2 > y1):  # also when one is not a number
                layout.add("box-empty", one.item.name, what)
            elif min(x1, y1) < -_ROUNDING or x2 > width + _ROUNDING or y2 > height + _ROUNDING:
                layout.add("box-outside", one.item.name, f"{what}; the picture is {width} x {height}")
            if layout.kind == "yolo" and classes is not None and int(box.label) >= classes:
                layout.add("label-range", one.item.name, f"{what}: there are {classes} classes")
    if layout.kind == "csv" and classes is not None:
        for one in readable:
            label = one.item.label or ""
            if label.lstrip("+-").isdigit() and int(label) >= classes:
                layout.add("label-range", one.item.name, f"label {label}: there are {classes} classes")


def _values(layout: Survey, readable: Sequence[_Seen], classes: int | None) -> None:
    """Labels in masks that no class has.  Unless `classes` says how many there are, those after the first gap in the
    values of all masks, 255 aside, which usually means that a pixel counts for nothing.
    """
    masks = [one for one in readable if one.values is not None]
    if not masks:
        return
    files = Counter(int(v) for one in masks if one.values is not None for v in one.values)
    if classes is None:
        classes = next(v for v in range(len(files) + 1) if v not in files)
        if set(files) <= {0, 255} or not classes:
            return
    for one in masks:
        assert one.values is not None
        assert one.item.mask is not None
        wrong = [int(v) for v in one.values if (v >= classes and v != 255) or v < 0]
        if wrong:
            detail = f"the mask has {', '.join(map(str, wrong[:5]))}; classes are 0..{classes - 1}"
            layout.add("label-range", (one.item.name, one.item.mask), detail)


def pictures_of(report: CheckReport, names: Sequence[str], side: int = 112) -> dict[str, bytes]:
    """Small JPEG files, at most `side` pixels a side, of those of `names` that can be decoded."""
    found = {}
    with opened(report.path) as layout:
        for name in names:
            try:
                if Path(name).suffix.lower() in PICTURES or not Path(name).suffix:
                    image = picture(_bytes(layout.read(name)))
                    image.thumbnail((side, side))
                    data = io.BytesIO()
                    image.save(data, "JPEG", quality=80)
                    found[name] = data.getvalue()
            except (DataError, OSError, KeyError):
                continue
    return found
