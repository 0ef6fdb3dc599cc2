"""What a check of a data set found: findings, and the report that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from striate.shown import Shown
from striate.visible import visible
from striate.wording import plural

SEVERITIES = ("error", "warning", "note")
_COPIES = ("in-two-parts", "in-two-classes", "near-in-two-parts", "near-duplicate", "duplicate")


class FindingKind(NamedTuple):
    """A kind of finding: how bad it is, whether it is exact or a suspicion, and what it means."""

    severity: str
    exact: bool
    meaning: str


#: Every kind that ``check`` can report: errors, warnings, notes, in each first what costs most accuracy.
KINDS = {
    "unusable": FindingKind("error", True, "what keeps the whole data set from being read; mend it first"),
    "in-two-parts": FindingKind(
        "error", True, "the same picture in two parts of the data: the scores there are too good"
    ),
    "in-two-classes": FindingKind("error", True, "the same picture with two labels: at least one is wrong"),
    "unknown-class": FindingKind("error", True, "a class that the training part does not have"),
    "label-range": FindingKind("error", True, "labels that no class has"),
    "annotation": FindingKind("error", True, "annotations that are missing, or that cannot be read"),
    "mask-size": FindingKind("error", True, "masks of another size than their picture"),
    "box-broken": FindingKind(
        "error", True, "boxes whose numbers are missing, are none, or are NaN or infinite; left out"
    ),
    "box-outside": FindingKind(
        "error", True, "boxes that reach out of their picture, which are clipped, or lie outside, which are left out"
    ),
    "box-swapped": FindingKind(
        "error", True, "boxes whose right edge is left of the left one, or the lower above the upper; left out"
    ),
    "box-empty": FindingKind("error", True, "boxes without width or height; left out"),
    "box-tiny": FindingKind("error", True, "boxes of a single pixel, clicks rather than things; left out"),
    "truncated": FindingKind("error", True, "files whose end is missing, as after a download that stopped"),
    "broken": FindingKind("error", True, "pictures that cannot be decoded; training leaves them out"),
    "empty-file": FindingKind("error", True, "files of zero bytes; training leaves them out"),
    "not-a-picture": FindingKind(
        "error", True, "files that are no picture, whatever they are called; training leaves them out"
    ),
    "too-large": FindingKind("error", True, "more pixels or bytes than will be decoded; training leaves them out"),
    "unreadable": FindingKind("error", True, "files that are missing or cannot be opened"),
    "suspect-label": FindingKind(
        "warning", False, "a suspicion, not a fault: labels that the model's features speak against. Look at them"
    ),
    "annotation-size": FindingKind(
        "warning", True, "annotations that state another size than their picture has; look whether the boxes fit"
    ),
    "box-repeated": FindingKind(
        "warning", True, "boxes that stand twice for one thing; the second is left out, or it would count as missed"
    ),
    "near-in-two-parts": FindingKind("warning", False, "pictures that look the same, in two parts of the data"),
    "nested": FindingKind(
        "warning", True, "folders within the folder of a class: if they are classes, give the folder that holds them"
    ),
    "single": FindingKind(
        "warning", True, "classes with one picture: none is left to judge by; `transfer` refuses them"
    ),
    "uneven": FindingKind("warning", True, "classes of very different sizes: a network learns to answer the largest"),
    "few": FindingKind("warning", True, "classes with too few pictures to learn from"),
    "no-example": FindingKind("warning", True, "classes that are named and of which the training part shows none"),
    "lossy-mask": FindingKind(
        "warning", True, "masks in a format that changes values: JPEG blurs, GIF numbers colours anew; PNG keeps them"
    ),
    "near-duplicate": FindingKind(
        "warning", False, "pictures that look the same: resized, re-encoded, mirrored or cropped"
    ),
    "duplicate": FindingKind("warning", True, "the same picture more than once"),
    "tiny": FindingKind("warning", True, "pictures far smaller than the others"),
    "odd-aspect": FindingKind("warning", True, "pictures far longer than high, or higher than long"),
    "plain": FindingKind("warning", True, "pictures of one colour"),
    "dark": FindingKind(
        "warning",
        True,
        "16-bit pictures without a value in the upper three quarters: 12 bits of a camera in a file of 16 look black. "
        "Multiply their values, for 12 bits by 16",
    ),
    "unannotated": FindingKind(
        "note",
        True,
        "pictures without annotation; in YOLO they count as pictures without a box, else they are left out",
    ),
    "turned": FindingKind(
        "note",
        True,
        "pictures that EXIF turns: their boxes are taken for the upright picture, which is what tools show",
    ),
    "crowded": FindingKind(
        "note", True, "pictures with more boxes of a class than COCO's measure looks at, the 100 surest answers"
    ),
    "frames": FindingKind(
        "note",
        False,
        "pictures that look alike and follow each other, as frames of a film: no fault, but a part drawn from them at "
        "random is too easy; give validation films of its own",
    ),
    "unlisted": FindingKind("note", True, "pictures that are in no part of those that the data set names"),
    "same-class": FindingKind("note", True, "folders whose names differ in blanks only; they are one class"),
    "pages": FindingKind("note", True, "files of several pages or frames, of which the first is read"),
    "wrong-extension": FindingKind(
        "note", True, "pictures of another format than their name says; they are read all the same"
    ),
    "stray": FindingKind("note", True, "files and folders that belong to no class; training leaves them out"),
}


@dataclass(frozen=True)
class Finding:
    """One thing to look at: a kind of ``KINDS``, the files it is about, and what is wrong in numbers.

    kind     one of ``KINDS``
    files    what it is about
    detail   what is wrong, in numbers
    rank     where the finding stands among those of its kind, the smallest first
    box      what it is about in the first file: left, top, right, bottom in shares of the upright picture's width and
             height; None: no box
    """

    kind: str
    files: tuple[str, ...]
    detail: str = ""
    rank: float = 0.0
    box: tuple[float, ...] | None = None

    @property
    def severity(self) -> str:
        """error, warning or note."""
        return KINDS[self.kind].severity

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain values for JSON."""
        told = {"kind": self.kind, "severity": self.severity, "files": list(self.files), "detail": self.detail}
        return told if self.box is None else told | {"box": list(self.box)}


@dataclass
class CheckReport(Shown):
    """What ``check`` found at a path.

    layout     how the pictures are arranged: classes, csv, voc, coco, yolo, boxes, masks or pictures
    counts     {part: {class: readable pictures}}; the part is "" where the data has none
    files      how many picture files were looked at
    findings   in the order of ``KINDS``
    usable     {part: pictures that a reader keeps}

    path       what was looked at
    """

    path: str
    layout: str
    files: int
    counts: dict[str, dict[str, int]]
    findings: list[Finding] = field(default_factory=list)
    usable: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        order = {kind: i for i, kind in enumerate(KINDS)}
        self.findings.sort(key=lambda finding: (order[finding.kind], finding.rank, finding.files, finding.detail))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def of(self, *kinds: str) -> list[Finding]:
        """The findings of these kinds.

        kinds   of ``KINDS``
        """
        return [finding for finding in self.findings if finding.kind in kinds]

    @property
    def kinds(self) -> dict[str, int]:
        """How many findings there are of each kind that there is."""
        tally: dict[str, int] = {}
        for finding in self.findings:
            tally[finding.kind] = tally.get(finding.kind, 0) + 1
        return tally

    @property
    def serious(self) -> bool:
        """Whether there is an error or a warning."""
        return any(finding.severity != "note" for finding in self.findings)

    @property
    def headline(self) -> str:
        """One line: what was looked at, and how much was found."""
        parts = [part for part in self.counts if part]
        classes = {name for part in self.counts.values() for name in part}
        facts = [f"{plural(self.files, 'picture')}"]
        facts += [f"{plural(len(parts), 'part')} ({', '.join(parts)})"] if parts else []
        facts += [f"{plural(len(classes), 'class')}"] if classes else []
        tally = [
            f"{plural(n, severity)}"
            for severity in SEVERITIES
            if (n := sum(finding.severity == severity for finding in self.findings))
        ]
        return f"{', '.join(facts)}: {', '.join(tally) or 'nothing found'}"

    def table(self, shown: int = 5) -> str:
        """The findings as text: a row for each kind, and below it the first `shown` of them with their files."""
        lines = [f"{visible(self.path)}  {self.headline}"]
        if not self.findings:
            return lines[0]
        width = max(len(kind) for kind in self.kinds)
        lines += ["", f"{'severity':8}  {'kind':{width}}  {'found':>6}  what it is"]
        lines += [
            f"{KINDS[kind].severity:8}  {kind:{width}}  {n:6,}  {KINDS[kind].meaning}" for kind, n in self.kinds.items()
        ]
        for kind, n in self.kinds.items():
            lines += ["", kind]
            between = " = " if kind in _COPIES else ", "
            for finding in self.of(kind)[:shown]:
                files = [file.removeprefix(f"{self.path}/") for file in finding.files]
                more = f" and {len(files) - 4} more" if len(files) > 4 else ""
                lines.append(visible("  " + "  ".join(filter(None, (between.join(files[:4]) + more, finding.detail)))))
            if n > shown:
                lines.append(f"  … and {n - shown:,} more (--json and --html name all)")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON."""
        return {
            "path": self.path,
            "layout": self.layout,
            "files": self.files,
            "counts": self.counts,
            "usable": self.usable,
            "kinds": self.kinds,
            "findings": [finding.to_dict() for finding in self.findings],
        }
