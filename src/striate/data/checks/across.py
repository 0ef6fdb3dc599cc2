"""What only shows when all files of a data set are looked at together: shapes, numbers, copies, boxes, labels, masks."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from striate.data.checks.duplicates import near_groups
from striate.data.checks.look import Seen
from striate.data.readers.boxes import MANY, place_boxes, without_example
from striate.data.readers.label_maps import MaskRule
from striate.data.readers.refusals import lacks_class
from striate.data.readers.survey import BOXED, Item, Mark, Survey
from striate.wording import plural

_UNEVEN = 5  # times as many pictures, from which on classes are uneven
_NUMBERED = re.compile(r"(.*?)(\d{1,18})", re.DOTALL)  # a name with a number at its end
_CLOSE, _LINKS = (
    3,
    3,
)  # how far apart alike frames of a film are at most, by their order; how many such steps make a film
_TINY = 8  # pixels: a shorter side below this, or below an eighth of the usual one, is tiny


def shapes(survey: Survey, readable: Sequence[Seen], aspect: float) -> None:
    """Pictures that are tiny or of an odd aspect, measured against the others."""
    if not readable:
        return
    sizes = np.array([one.size for one in readable], float)
    short, ratio = sizes.min(axis=1), sizes.max(axis=1) / sizes.min(axis=1)
    usual, widest = float(np.median(short)), max(aspect, 2 * float(np.median(ratio)))
    for one, side, longer in zip(readable, short, ratio, strict=True):
        if side < min(_TINY, usual) or side < usual / 8:
            survey.add("tiny", one.item.name, f"{by(one.size)} pixels; the usual shorter side is {usual:.0f}")
        if longer > widest:
            survey.add("odd-aspect", one.item.name, f"{by(one.size)} pixels, {longer:.1f} to 1")


def few(survey: Survey, readable: Sequence[Item], few: int) -> None:
    """Classes with too few pictures to learn from, and classes of the training part that another part lacks."""
    parts = {item.part for item in survey.items}
    train = "train" if "train" in parts else "" if "" in parts else None
    folders = {(item.part, item.label): os.path.dirname(item.name) for item in survey.items if item.label is not None}
    names = {label for part, label in folders if part == train} | {
        label for part, label in survey.empty if part == train
    }
    where = " in train" if train else ""
    there = Counter((item.part, item.label) for item in readable)
    for name in sorted(filter(None, names)):
        count = there[train or "", name]
        files = folders.get((train or "", name), name)
        if count == 1 < few:
            survey.add("single", files, f'"{name}": 1 readable picture{where}')
        elif count < few:
            survey.add("few", files, f'"{name}": {plural(count, "readable picture")}{where}, fewer than {few}')
        for part in sorted(parts - {train, ""}):
            if count and not there[part, name]:
                survey.add("few", folders.get((part, name), name), f'"{name}": no readable picture in {part}')


def uneven(survey: Survey, readable: Sequence[Item]) -> None:
    """Classes of the training part of which one has many times as many pictures as another."""
    if survey.kind not in ("classes", "csv") or not survey.items:
        return
    first = survey.parts[0]
    counts = Counter(item.label for item in readable if item.part == first and item.label is not None)
    if len(counts) < 2:
        return
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    (most, many), (least, little) = ranked[0], ranked[-1]
    if many < _UNEVEN * little:
        return
    share = many / sum(counts.values())
    behind = sum(many >= _UNEVEN * count for count in counts.values())
    told = f'"{most}" has {plural(many, "picture")}, "{least}" {little:,}: {many / little:.0f} to 1'
    others = f", and {plural(behind - 1, 'class')} more far behind" if behind > 1 else ""
    folders = {item.label: os.path.dirname(item.name) for item in readable if item.part == first}
    survey.add(
        "uneven", (folders[least], folders[most]), f'{told}{others}; always to answer "{most}" is right for {share:.0%}'
    )


def nested(survey: Survey) -> None:
    """Classes whose pictures lie in folders within the class's own."""
    if survey.kind != "classes":
        return
    within: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for item in survey.items:
        place = survey.places.get(item.part, survey.root)
        top, *below = item.name.removeprefix(f"{place}/").split("/")
        if len(below) > 1:
            within[f"{place}/{top}", str(item.label)].add(below[0])
    for (folder, label), names in sorted(within.items()):
        shown = ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")
        survey.add(
            "nested", folder, f'{plural(len(names), "folder")} in "{label}" ({shown}): all are read as "{label}"'
        )


def learned(survey: Survey, readable: Sequence[Item]) -> list[Item]:
    """The pictures without those whose class the first part cannot teach, which a reader leaves out."""
    if survey.kind not in ("classes", "csv") or survey.numbered or not survey.items:
        return list(readable)
    first = survey.parts[0]
    known = {item.label for item in readable if item.part == first}
    kept = []
    for item in readable:
        reason = lacks_class(item, known) if known else ""
        if reason:
            survey.add("few", item.name, reason)
        else:
            kept.append(item)
    return kept


def same(survey: Survey, readable: Sequence[Seen], near: bool) -> None:
    """Pictures that are there more than once: byte for byte, pixel for pixel, or to the eye."""
    exact: defaultdict[bytes, list[Seen]] = defaultdict(list)
    for one in readable:
        exact[one.pixels].append(one)
    for several in exact.values():
        if len(several) > 1:
            if len({one.item.name for one in several}) == 1:
                continue  # listed twice, of which the survey tells
            how = "the same file" if len({one.file for one in several}) == 1 else "the same pixels in different files"
            _report_same(survey, [one.item for one in several], how)
    if not near:
        return
    ones = [several[0] for several in exact.values() if several[0].fingerprint is not None]
    groups = near_groups([one.fingerprint for one in ones if one.fingerprint is not None])
    taken = films([one.item for one in ones], groups)
    _report_films(survey, [one.item for one in ones], taken)
    following = {id(run) for runs in taken.values() for run in runs}
    for group in groups:
        if id(group) in following:
            continue
        items = [ones[i].item for i in group]
        parts, labels = _parts_and_labels(items)
        detail = ", ".join(f"{by(ones[i].size)}" for i in group[:4]) + (f"; parts {parts}" if parts else "")
        kind = "near-in-two-parts" if parts else "near-duplicate"
        survey.add(kind, [item.name for item in items], detail + (f"; classes {labels}" if labels else ""))


def films(items: Sequence[Item], groups: Sequence[list[int]]) -> dict[tuple[str, str], list[list[int]]]:
    """Of each film, (part, folder and name up to the number), the `groups` of alike pictures that follow each other.

    items    pictures
    groups   of them, by their numbers, as ``near_groups`` gives them

    A film is what has one name up to a number, and where most of what looks alike stands close together by that number.
    Copies that were put among other pictures do not.
    """
    series: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    of: dict[int, tuple[str, str]] = {}
    for i, item in enumerate(items):
        numbered = _NUMBERED.fullmatch(os.path.splitext(item.name)[0])
        if numbered:
            of[i] = (item.part, numbered[1])
            series[of[i]].append((int(numbered[2]), i))
    place = {i: at for each in series.values() for at, (_, i) in enumerate(sorted(each))}
    runs: defaultdict[tuple[str, str], list[list[int]]] = defaultdict(list)
    apart: Counter[tuple[str, str]] = Counter()
    for group in groups:
        names = {of.get(i) for i in group}
        name = next(iter(names))
        if len(names) > 1 or name is None or len({items[i].label for i in group}) > 1:
            apart.update(of[i] for i in group if i in of)
            continue
        places = sorted(place[i] for i in group)
        if all(b - a <= _CLOSE for a, b in pairwise(places)):
            group.sort(key=place.__getitem__)
            runs[name].append(group)
        elif {items[i].part for i in group} == {name[0]}:
            apart[name] += len(group)
    return {
        name: some
        for name, some in runs.items()
        if sum(len(run) - 1 for run in some) >= _LINKS and sum(map(len, some)) >= 3 * apart[name]
    }


def _report_films(survey: Survey, items: Sequence[Item], taken: Mapping[tuple[str, str], Sequence[list[int]]]) -> None:
    """One finding for each part that has frames of films."""
    for part in dict.fromkeys(part for part, _ in taken):
        runs = [run for (where, _), some in taken.items() if where == part for run in some]
        count, longest = sum(map(len, runs)), max(map(len, runs))
        names = [items[i].name for run in runs for i in run]
        told = f"{plural(count, 'picture')} in {plural(len(runs), 'run')} that look alike, the longest of {longest}"
        survey.add("frames", names, told + (f"; part {part}" if part else ""), part=part)


def _report_same(survey: Survey, items: Sequence[Item], how: str) -> None:
    items = list({item.name: item for item in items}.values())
    parts, labels = _parts_and_labels(items)
    names = [item.name for item in items]
    if parts:
        survey.add("in-two-parts", names, f"{how}; parts {parts}")
    if labels:
        survey.add("in-two-classes", names, f"{how}; classes {labels}")
    if not parts and not labels:
        survey.add("duplicate", names, how)


def _parts_and_labels(items: Sequence[Item]) -> tuple[str, str]:
    """The parts, and the labels, that pictures are in, when there are several."""
    parts, labels = {item.part for item in items}, {item.label for item in items}
    return (
        ", ".join(sorted(parts)) if len(parts) > 1 else "",
        ", ".join(sorted(map(str, labels))) if len(labels) > 1 else "",
    )


def boxes(survey: Survey, readable: Sequence[Seen]) -> None:
    """Boxes that a reader leaves out or clips; what it keeps is left in the items."""
    for one in readable:
        assert one.size is not None
        if not one.item.marks:
            continue
        width, height = one.size
        placed = place_boxes(one.item, (height, width), one.turn)
        for mark, name, fault, corners in zip(one.item.marks, placed.names, placed.faults, placed.upright, strict=True):
            if fault is not None:
                told = " ".join(filter(None, (name, _quoted(mark), fault.detail)))
                survey.add(fault.kind, one.item.files, told, box=_in_shares(corners, one.size))
        if placed.odd:
            survey.add("annotation-size", one.item.files, placed.odd)
        elif one.turn.swapped and one.item.size is None:
            survey.add("turned", one.item.files, f"{by(one.size)} when upright")
        if placed.lost:
            survey.add("annotation", one.item.files, placed.lost)
            one.fits = False
        one.item.marks = [mark for mark, sound in zip(one.item.marks, placed.sound, strict=True) if sound]
        for label, count in Counter(mark.label for mark in one.item.marks).items():
            if count > MANY:
                survey.add("crowded", one.item.name, f'{count:,} boxes of "{label}"')
    if survey.kind in BOXED and survey.classes and readable:
        first = survey.parts[0]
        there = {mark.label for one in readable if one.fits and one.item.part == first for mark in one.item.marks}
        bare = [name for name in survey.classes if name not in there]
        if bare:
            survey.add("no-example", survey.places.get(first, survey.root), without_example(bare))


def _in_shares(corners: np.ndarray, size: tuple[int, int]) -> tuple[float, ...] | None:
    """Corners in pixels of a (W, H) picture as shares of it, in order and clipped; None for what is no place."""
    if not np.isfinite(corners).all():
        return None
    shares = np.clip(corners.reshape(2, 2) / size, 0, 1)
    return tuple(round(float(value), 5) for value in (*shares.min(axis=0), *shares.max(axis=0)))


def marks(survey: Survey) -> None:
    """Boxes that are none by what is written in their annotation, found without a look at their pictures."""
    for item in survey.items:
        for mark in item.marks:
            if mark.fault is not None:
                survey.add(mark.fault.kind, item.files, f"{mark.where} {mark.fault.detail}")


def _quoted(mark: Mark) -> str:
    return f'"{mark.label}"' if mark.label else ""


def labels(survey: Survey, readable: Sequence[Seen], classes: int | None) -> None:
    """Class numbers beyond the number of classes, where the survey does not know the classes."""
    if not survey.numbered or classes is None:
        return
    for one in readable:
        if int(one.item.label or 0) >= classes:
            survey.add("label-range", one.item.name, f"label {one.item.label}: there are {plural(classes, 'class')}")


def masks(survey: Survey, seen: Sequence[Seen], classes: int | None) -> None:
    """Masks that a reader leaves out for their values, and values that are probably no classes."""
    with_mask = [one for one in seen if one.mask is not None]
    count = classes if classes is not None else len(survey.classes) if survey.classes else None
    rule = MaskRule.of((one.mask for one in with_mask if one.mask and one.fits), count, survey.ignored)
    if rule.refused:
        survey.add("unusable", survey.root, rule.refused, "stop")
    for one in with_mask:
        assert one.mask is not None
        assert one.item.mask is not None
        pixels = one.mask.pixels
        kind, reason = rule.against(one.mask)
        one.fits = one.fits and not reason
        odd = [value for value in pixels if value in rule.odd]
        unknown = rule.unknown(pixels)
        if one.mask.blurred and not reason:
            kind, reason = "lossy-mask", "is in a format that blurs; it is read as black and white"
        elif unknown and not kind:
            kind, reason = "label-range", f"{unknown}; these pixels count for nothing"
        elif odd and not kind:
            kind, reason = "label-range", f"its mask has the label {', '.join(map(str, odd[:5]))}, after a gap"
        if kind:
            survey.add(kind, (one.item.name, one.item.mask), reason)
        if one.mask.anew:
            survey.add("lossy-mask", (one.item.name, one.item.mask), "is a GIF of colours, which may be numbered anew")
    first = next(iter(survey.parts), "")
    read = [one.mask.pixels for one in with_mask if one.mask and one.fits and one.item.part == first]
    there = {rule.number(value) for pixels in read for value in pixels}
    bare = [name for i, name in enumerate(survey.classes or ()) if i not in there and i != rule.ignored]
    if bare and read:
        survey.add("no-example", survey.places.get(first, survey.root), without_example(bare, "pixel"))


def by(size: Sequence[int] | None) -> str:
    """A size in words."""
    return " x ".join(map(str, size or ()))
