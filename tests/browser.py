"""The system's Chromium, headless, for tests of pages; what is asked of it is answered by the file alone."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser; the test is skipped where this machine has none, or Playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip(f"no browser is here: none of {', '.join(NAMES)}")
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=as_root)
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page opened from its file without a network.

    page       Playwright's
    faults     what went wrong: errors and warnings on the console, exceptions
    requests   addresses that were asked for, but for the file and what it holds itself
    """

    def __init__(self, browser: Any, file: Path, *, width: int = 1280, colours: str = "light", at: str = "") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, color_scheme=colours)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.faults.append(said.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda one: self.requests.append(one.url))
        self.page.goto(file.as_uri() + at)
        self.page.wait_for_selector("body[data-ready]")

    @property
    def asked(self) -> list[str]:
        """Addresses outside of the file."""
        return [url for url in self.requests[1:] if not url.startswith(("data:", "blob:"))]

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file onto the page, and wait until its answer is there."""
        script = """async ([name, numbers]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(numbers)], name, {type: "image/png"}));
            dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
        }"""
        self.page.evaluate(script, [name, list(content)])
        self.page.wait_for_function(
            "name => document.getElementById('state').textContent.includes(name)", arg=name[-8:]
        )
