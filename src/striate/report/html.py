"""A page that is one file: sections, pictures within the text, tables."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from striate.doors.writing import atomic_write
from striate.visible import visible


@dataclass
class Section:
    """A part of the page: a heading, an explanation and ready HTML (escaped where it must be)."""

    anchor: str
    title: str
    note: str = ""
    body: str = ""
    pictures: list[tuple[str, str]] = field(default_factory=list)  # (caption, HTML)


def write_page(
    path: str | os.PathLike[str], title: str, headline: Sequence[tuple[str, str]], sections: Sequence[Section]
) -> Path:
    """Write a page of sections, empty ones left out; it loads nothing and can be mailed, printed, read without a network.

    headline   (what, figure) that stand large at the top
    """
    import jinja2

    source = (resources.files("striate.report") / "page.html").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    shown = [section for section in sections if section.body or section.pictures or section.note]
    page = template.render(title=title, headline=headline, sections=shown)
    atomic_write(path, visible(page, lines=True))
    return Path(path)


def image(data: bytes, kind: str, about: str) -> str:
    encoded = base64.b64encode(data).decode()
    return f'<img alt="{html.escape(about)}" src="data:{kind};base64,{encoded}">'


def both(light: bytes, dark: bytes, about: str) -> str:
    """A drawing in two versions; the page shows the one that suits the reader's colours."""
    kinds = (("light", light), ("dark", dark))
    return "".join(
        image(data, "image/svg+xml", about).replace("<img", f'<img class="{kind}-only"') for kind, data in kinds
    )


def side_by_side(cards: Sequence[tuple[str, Sequence[str]]], kind: str) -> str:
    """Pictures with lines below each, as many in a row as the window has room for.

    cards   (HTML of the picture, its lines; the first stands out)
    kind    what they are: the class of the whole
    """
    shown = []
    for picture, (first, *lines) in cards:
        said = "".join(f"<br>{html.escape(line)}" for line in lines)
        shown.append(f"<figure>{picture}<figcaption><strong>{html.escape(first)}</strong>{said}</figcaption></figure>")
    return f'<div class="{kind}">{"".join(shown)}</div>'


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
