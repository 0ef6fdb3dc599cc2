"""``check``: what is wrong with the pictures, labels, boxes and masks of a data set, found in one pass over its files."""

from __future__ import annotations

import io
import os
import shlex
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from striate.data.checks import across
from striate.data.checks.findings import KINDS, CheckReport, Finding
from striate.data.checks.look import at_a_glance, look_at_all
from striate.data.pictures.decode import picture
from striate.data.readers.class_folders import scan_zip
from striate.data.readers.files import is_picture
from striate.data.readers.name_lists import check_ignored
from striate.data.readers.names import PARTS
from striate.data.readers.refusals import refusals
from striate.data.readers.scan import format_at, scan
from striate.data.readers.survey import Item, Survey
from striate.data.sets.catalog import files_of
from striate.doors import budgets
from striate.errors import ArgumentError, DataError, Note, StriateError
from striate.visible import visible
from striate.wording import plural

FEW = 10
ASPECT = 4.0
_TOLD, _MOST_TOLD = ("single", "nested", "uneven", "few"), 4  # the kinds whose details a first look tells


def check(
    path: str | os.PathLike[str],
    *,
    near: bool = True,
    few: int = FEW,
    aspect: float = ASPECT,
    classes: int | Sequence[str] | None = None,
    ignored: int | None = None,
    model: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Everything that is wrong, or odd, with a folder, zip, CSV or COCO file of pictures: a `CheckReport` of findings.

    path      a folder for each class (or for each part, and in it for each class), Pascal VOC, YOLO, ``images`` with
              ``masks``, COCO, a CSV of files and labels, a zip of class folders, or a folder of pictures; or the name of a
              data set, as ``load`` takes it
    near      look for pictures that only look the same, too: see ``duplicates.near_groups``
    few       a class with fewer readable pictures to train on is reported
    aspect    a picture whose longer side is more than this many times its shorter one is odd
    classes   the classes' names, or how many there are, for masks, YOLO and CSV files that do not say
    ignored   the label of masks that counts for nothing, as for ``read_masks``
    model     a trained model with preprocessing: labels that its features speak against are reported as suspects
    progress  called with (files looked at, files in all)

    Each file is read and decoded once, in threads.  What is found is never an error here; raises DataError when there
    is no such path or nothing in it, ArgumentError for arguments out of range.
    """
    if few < 0 or aspect <= 1 or (isinstance(classes, int) and not 0 < classes <= budgets.LABELS):
        raise ArgumentError(
            f"few={few}, aspect={aspect}, classes={classes}: few is 0 or more, aspect above 1, "
            f"classes above 0 and at most {budgets.LABELS:,}."
        )
    check_ignored(ignored)
    suspects = None
    if model is not None:
        from striate.data.checks.suspects import Suspects

        suspects = Suspects(model)
    path, known = files_of(path)
    classes = known.get("classes") if classes is None else classes
    ignored = known.get("ignored") if ignored is None else ignored
    count = len(classes) if classes is not None and not isinstance(classes, int) else classes
    with warnings.catch_warnings(), scan(path, classes, ignored) as survey:
        seen = []
        warnings.simplefilter("ignore", Note)  # what is noted elsewhere is a finding here
        for one in look_at_all(survey, near, suspects.prepare if suspects else None):
            if suspects and one.size is not None:
                suspects.add(one)
                one.prepared = None
            seen.append(one)
            if progress is not None:
                progress(len(seen), len(survey.items))
    readable = [one for one in seen if one.size is not None]
    findings = [Finding(kind, (one.item.name,), detail) for one in seen for kind, detail in one.problems]
    across.shapes(survey, readable, aspect)
    across.few(survey, [one.item for one in readable], few)
    across.uneven(survey, [one.item for one in readable])
    across.nested(survey)
    kept = across.learned(survey, [one.item for one in readable])
    across.same(survey, readable, near)
    across.boxes(survey, readable)
    across.labels(survey, readable, count)
    across.masks(survey, seen, count if isinstance(classes, int) else None)
    if suspects:
        findings += suspects.findings()
    fit = {id(one.item) for one in readable if one.fits}
    return _report(path, survey, [item for item in kept if id(item) in fit], findings)


def quick(path: str | os.PathLike[str], *, few: int = FEW) -> CheckReport:
    """The part of ``check`` that decodes nothing: files of zero bytes, files that are no picture by their first bytes,
    classes with too few pictures or far fewer than others, folders within classes.

    Reads 16 bytes of each file (a zip's table of contents only); takes milliseconds.
    """
    with scan(Path(path)) as survey:
        usable = []
        for item in survey.items:
            kind, detail = at_a_glance(item.name) if survey.fetch is Path else ("", "")
            if kind:
                survey.add(kind, item.name, detail)
            else:
                usable.append(item)
        across.few(survey, usable, few)
        across.uneven(survey, usable)
        across.nested(survey)
        across.marks(survey)
    return _report(path, survey, across.learned(survey, usable), [])


def first_look(path: str | os.PathLike[str], *, aloud: bool = True) -> str | None:
    """What ``quick`` finds, as one line for the report of a run, and on standard error with `aloud`; None for nothing.

    Never raises: what is wrong with the path itself is for the reader to say.
    """
    try:
        report = quick(path)
    except (StriateError, OSError):
        return None
    if not report.serious:
        return None
    if report.of("unusable"):
        return None  # the reader says the same at once
    told = [finding.detail for finding in report.of(*_TOLD)]
    rest = [f"{n:,} {kind}" for kind, n in report.kinds.items() if kind not in _TOLD and KINDS[kind].severity != "note"]
    told = told[:_MOST_TOLD] + ([f"{plural(len(told) - _MOST_TOLD, 'more remark')}"] if len(told) > _MOST_TOLD else [])
    line = "; ".join([*told, *([", ".join(rest)] if rest else [])])
    if aloud:
        print(visible(f"data check: {line}. More: striate data check {shlex.quote(os.fspath(path))}"), file=sys.stderr)
    return line


def _report(
    path: str | os.PathLike[str], survey: Survey, readable: Sequence[Item], findings: Sequence[Finding]
) -> CheckReport:
    parts = {item.part for item in readable}
    counts: dict[str, dict[str, int]] = {part: {} for part in (*PARTS, "") if part in parts}
    for item in readable:
        part = counts[item.part]
        for label in [item.label] if item.label is not None else sorted({mark.label for mark in item.marks}):
            part[label] = part.get(label, 0) + 1
    told = [Finding(each.kind, each.files, each.detail, box=each.box) for each in survey.remarks]
    told += [Finding(each.kind, each.files, each.detail) for each in refusals(survey, readable)]
    files = len({item.name for item in survey.items})
    kept = Counter(item.part for item in readable)
    usable = {part: kept[part] for part in survey.parts}
    return CheckReport(str(path), survey.kind, files, counts, list(dict.fromkeys((*told, *findings))), usable)


def pictures_of(report: CheckReport, names: Sequence[str], side: int = 112) -> dict[str, bytes]:
    """Small JPEG files, at most `side` pixels a side, of those of `names` that can be decoded."""
    small = {}
    with scan_zip(report.path) if format_at(report.path) == "zip" else Survey(report.path, report.layout) as survey:
        for name in names:
            try:
                if is_picture(name) or not Path(name).suffix:
                    image = picture(survey.read(name))
                    image.thumbnail((side, side))
                    data = io.BytesIO()
                    image.save(data, "JPEG", quality=80)
                    small[name] = data.getvalue()
            except (DataError, OSError, KeyError):
                continue
    return small
