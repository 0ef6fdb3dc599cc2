"""The page about a check of a data set: every finding, with its pictures."""

from __future__ import annotations

import html
import os
from pathlib import Path

from striate.data.checks.check import pictures_of
from striate.data.checks.findings import KINDS, SEVERITIES, CheckReport, Finding
from striate.report.html import Section, image, table, write_page

SHOWN = 60  # findings of a kind that are shown with pictures; the rest is listed
SAME = 6  # pictures of one finding


def write_data_report(path: str | os.PathLike[str], report: CheckReport, *, title: str | None = None) -> Path:
    """Write a page about what ``striate.data.check`` says, and return its path.

    path    where to
    report  what ``striate.data.check`` gave
    title   of the page; None: by the path that was checked

    The pictures are read again for it, small; the page loads nothing.
    """
    shown = [finding for kind in report.kinds for finding in report.of(kind)[:SHOWN]]
    pictures = pictures_of(report, sorted({file for finding in shown for file in finding.files[:SAME]}))
    headline = [("pictures", f"{report.files:,}")]
    for severity in SEVERITIES:
        headline.append((f"{severity}s", f"{sum(finding.severity == severity for finding in report):,}"))
    sections = [_overview(report)]
    for kind, count in report.kinds.items():
        findings = report.of(kind)
        meaning = KINDS[kind].meaning
        note = f"{KINDS[kind].severity}: {meaning}. {count:,} found."
        section = Section(kind, kind, note)
        section.body = (
            f'<div class="findings">{"".join(_card(report, one, pictures) for one in findings[:SHOWN])}</div>'
        )
        if count > SHOWN:
            rows = [(", ".join(one.files), one.detail) for one in findings[SHOWN:]]
            section.body += table(["files", "detail"], rows)
        sections.append(section)
    if any(report.counts.values()):
        sections.append(_counts(report))
    return write_page(path, title or f"Data check: {report.path}", headline, sections)


def _overview(report: CheckReport) -> Section:
    section = Section("findings", "Findings", report.headline[:1].upper() + report.headline[1:] + ".")
    if report.findings:
        rows = [(KINDS[kind].severity, kind, f"{n:,}", KINDS[kind].meaning) for kind, n in report.kinds.items()]
        section.body = table(["severity", "kind", "found", "what it is"], rows)
    return section


def _counts(report: CheckReport) -> Section:
    parts = list(report.counts)
    names = sorted({name for part in report.counts.values() for name in part})
    rows = [(name, *(f"{report.counts[part].get(name, 0):,}" for part in parts)) for name in names]
    note = "Readable pictures of each class."
    return Section("classes", "Classes", note, table(["class", *(part or "pictures" for part in parts)], rows))


def _marked(picture: str, box: tuple[float, ...] | None) -> str:
    """A picture with a frame around a box of it, wide enough to be seen around a single pixel."""
    if box is None:
        return picture
    left, top, right, bottom = (100 * value for value in box)
    sides = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    style = "".join(
        f"{side}:calc({v:.2f}% {'- 5' if side in ('left', 'top') else '+ 10'}px);" for side, v in sides.items()
    )
    return f'<span class="marked">{picture}<i style="{style}"></i></span>'


def _card(report: CheckReport, finding: Finding, pictures: dict[str, bytes]) -> str:
    shown = [file for file in finding.files[:SAME] if file in pictures]
    images = "".join(
        _marked(image(pictures[file], "image/jpeg", file), finding.box if file == finding.files[0] else None)
        for file in shown
    )
    names = [file.removeprefix(f"{report.path}/") for file in finding.files[:SAME]]
    names += [f"and {len(finding.files) - SAME} more"] if len(finding.files) > SAME else []
    lines = "<br>".join(html.escape(name) for name in names)
    return f"<figure>{images}<figcaption>{lines}<br><b>{html.escape(finding.detail)}</b></figcaption></figure>"
