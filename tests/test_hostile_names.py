"""Names of files and classes that would steer a terminal, a page or a card: wherever they are shown they are text."""

from __future__ import annotations

import csv
import html.parser
import json
import re
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from striate import layers, models
from striate.cli.main import main
from striate.runs import train_run
from striate.visible import visible

CLASSES = (
    "<img src=x onerror=alert(1)>",
    "'\"><script>alert(1)<",
    "[a](javascript:alert(1)) ![b](x) | `c` |",
    "red\x1b[31m\rforged\nstriate: all is well\u202e",
)
RUNNING = {
    "script",
    "iframe",
    "object",
    "embed",
    "link",
    "form",
    "base",
    "foreignobject",
    "animate",
    "set",
    "use",
    "video",
}


class Looked(html.parser.HTMLParser):
    """The tags of a page, and what in them could run."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.harmful, self.text = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            address = name in ("src", "href") and not str(value).startswith(("data:image/", "#"))
            if name.startswith("on") or address:
                self.harmful.append((tag, name, value))

    def handle_data(self, data):
        self.text.append(data)


def harmless(page):
    """The text of a page in which nothing runs, nothing is fetched and nothing steers a terminal."""
    looked = Looked(page)
    assert not looked.tags & RUNNING
    assert not looked.harmful
    assert visible(page, lines=True) == page
    return " ".join(looked.text)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run over classes and files of such names."""
    place = tmp_path_factory.mktemp("names")
    rng = np.random.default_rng(0)
    for name in CLASSES:
        folder = place / "set" / name
        folder.mkdir(parents=True)
        for i in range(4):
            picture = Image.fromarray(rng.integers(0, 255, (12, 12, 3), np.uint8))
            picture.save(folder / f"{i} {name[:60]}.png")
        shutil.copy(folder / f"0 {name[:60]}.png", folder / f"again {name[:60]}.png")
        (folder / f"broken {name[:60]}.png").write_bytes(b"no picture")
    network = models.Sequential([layers.Input((12, 12, 3)), layers.Flatten(), layers.Dense(4, activation="softmax")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that some are broken
        train_run(str(place / "set"), folder=place / "run", epochs=1, image_size=(12, 12), model=network, verbose=0)
    return place


def test_a_report_and_the_page_of_a_check_show_names_as_text(run, capsys):
    text = harmless((run / "run" / "report.html").read_text("utf-8"))
    assert "<img src=x onerror=alert(1)>" in text
    with pytest.raises(SystemExit):
        main(["data", "check", str(run / "set"), "--html", str(run / "page.html")])
    said = capsys.readouterr()
    assert visible(said.out + said.err, lines=True) == said.out + said.err
    assert "onerror" in harmless((run / "page.html").read_text("utf-8"))


def test_a_model_card_shows_names_as_text(run):
    card = (run / "run" / "README.md").read_text("utf-8")
    assert visible(card, lines=True) == card
    outside = re.sub(r"(?ms)^```.*?^```", "", card)
    assert "onerror=alert" in outside
    assert not re.search(r"<\w", outside)
    assert not re.search(r"(?<!\\)\](?:\(|\[|:)", outside)
    (row,) = [line for line in outside.splitlines() if "onerror" in line and not line.startswith("|")]
    assert not re.search(r"(?<!\\)[`|]", row)


def test_a_command_prints_no_name_that_steers_a_terminal(run, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for more in ([], ["--json"], ["-o", str(run / "answers.csv")]):
        with pytest.raises(SystemExit) as ended:
            main(["predict", str(run / "run"), str(run / "set"), "--engine", "torch", *more])
        assert ended.value.code == 2  # some files are broken
        said = capsys.readouterr()
        assert visible(said.out, lines=True) == said.out
        assert not [line for line in said.out.splitlines() if line.startswith("striate: all")]
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.err).replace("\r", "")  # the bar's own
        assert visible(shown, lines=True) == shown
        assert not [line for line in shown.splitlines() if line.startswith("striate: all")]
        if more == ["--json"]:
            assert len(json.loads(said.out)) == 6 * len(CLASSES)
    with open(run / "answers.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len({len(row) for row in rows}) == 1
    assert len(rows) == 1 + 6 * len(CLASSES)


def test_a_bar_of_a_download_shows_the_name_of_the_file_as_text(monkeypatch, capsys):
    from striate.doors import downloads

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with downloads._bar("[red]a\x1b[2J\n[/nope]b.zip", 10) as advance:
        advance(10)
    said = capsys.readouterr().err
    assert "\x1b[2J" not in said
    assert "[red]a" in said
