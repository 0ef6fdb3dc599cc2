"""The site builds without a warning, needs no other host, its links lead somewhere, and every export stands on it."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from test_api import ALL

ROOT = Path(__file__).parent.parent


class Page(HTMLParser):
    """The links, the sources and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.sources: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.anchors |= {given[key] or "" for key in ("id", "name") if key in given}
        if tag == "a" and given.get("href"):
            self.links.add(given["href"] or "")
        elif tag in ("script", "img", "iframe", "source") and given.get("src"):
            self.sources.add(given["src"] or "")
        elif tag == "link" and given.get("href") and given.get("rel") not in ("canonical", "prev", "next"):
            self.sources.add(given["href"] or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(folder, file: its Page)."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, {file: Page(file.read_text()) for file in folder.rglob("*.html")}


@pytest.mark.slow
def test_links_of_the_site_lead_to_pages_and_places_that_are_there(site):
    folder, pages = site
    broken = []
    for file, page in pages.items():
        if file.name == "404.html":  # its links are those of a server's root
            continue
        for link in sorted(page.links | page.sources):
            target, anchor = urldefrag(unquote(link))
            if "://" in target or target.startswith(("mailto:", "data:")):
                continue
            goal = (file.parent / target).resolve() if target else file
            goal = goal / "index.html" if goal.is_dir() else goal
            if not goal.exists() or (anchor and goal.suffix == ".html" and anchor not in pages[goal].anchors):
                broken.append(f"{file.relative_to(folder)}: {link}")
    assert not broken


@pytest.mark.slow
def test_the_site_loads_nothing_from_another_host(site):
    _, pages = site
    assert not [source for page in pages.values() for source in page.sources if "//" in source]


@pytest.mark.slow
def test_every_export_stands_in_the_reference(site):
    folder, pages = site
    anchors = {a for file, page in pages.items() if file.parent == folder / "api" for a in page.anchors}
    names = {anchor.split(".")[-1] for anchor in anchors if anchor.startswith("striate.")}
    exports = {entry.name for entry in ALL if entry.owner is None or entry.name.split(".")[-1] == entry.owner.__name__}
    assert not {name for name in exports if name.split(".")[-1] not in names}
