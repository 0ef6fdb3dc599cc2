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


def write_data_report(path: str | os.PathLike[str], found: CheckReport, *, title: str | None = None) -> Path:
    """Write a page about what ``striate.data.check`` found to `path` and return it.

    The pictures are read again for it, small; the page loads nothing.
    """
    shown = [finding for kind in found.kinds for finding in found.of(kind)[:SHOWN]]
    pictures = pictures_of(found, sorted({file for finding in shown for file in finding.files[:SAME]}))
    headline = [("pictures", f"{found.files:,}")]
    for severity in SEVERITIES:
        headline.append((f"{severity}s", f"{sum(finding.severity == severity for finding in found):,}"))
    sections = [_overview(found)]
    for kind, count in found.kinds.items():
        findings = found.of(kind)
        meaning = KINDS[kind].meaning
        note = f"{KINDS[kind].severity}: {meaning}. {count:,} found."
        section = Section(kind, kind, note)
        section.body = f'<div class="found">{"".join(_card(found, one, pictures) for one in findings[:SHOWN])}</div>'
        if count > SHOWN:
            rows = [(", ".join(one.files), one.detail) for one in findings[SHOWN:]]
            section.body += table(["files", "detail"], rows)
        sections.append(section)
    if any(found.counts.values()):
        sections.append(_counts(found))
    return write_page(path, title or f"Data check: {found.path}", headline, sections)


def _overview(found: CheckReport) -> Section:
    section = Section("findings", "Findings", found.headline[:1].upper() + found.headline[1:] + ".")
    if found.findings:
        rows = [(KINDS[kind].severity, kind, f"{n:,}", KINDS[kind].meaning) for kind, n in found.kinds.items()]
        section.body = table(["severity", "kind", "found", "what it is"], rows)
    return section


def _counts(found: CheckReport) -> Section:
    parts = list(found.counts)
    names = sorted({name for part in found.counts.values() for name in part})
    rows = [(name, *(f"{found.counts[part].get(name, 0):,}" for part in parts)) for name in names]
    note = "Readable pictures of each class."
    return Section("classes", "Classes", note, table(["class", *(part or "pictures" for part in parts)], rows))


def _card(found: CheckReport, finding: Finding, pictures: dict[str, bytes]) -> str:
    images = "".join(image(pictures[file], "image/jpeg", file) for file in finding.files[:SAME] if file in pictures)
    names = [file.removeprefix(f"{found.path}/") for file in finding.files[:SAME]]
    names += [f"and {len(finding.files) - SAME} more"] if len(finding.files) > SAME else []
    lines = "<br>".join(html.escape(name) for name in names)
    return f"<figure>{images}<figcaption>{lines}<br><b>{html.escape(finding.detail)}</b></figcaption></figure>"
