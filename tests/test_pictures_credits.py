"""Every picture in the repository is credited in docs/pictures/CREDITS.md, is shown by a page, and may be given away."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from docs import credits, figures, photos  # noqa: E402

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
FOLDERS = ("docs", "src", "tests", "bench")
# How files of pictures begin: PNG, JPEG, GIF, TIFF, JPEG 2000 and AVIF, and by their ending those without such a mark.
STARTS = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\x00|MM\x00\*|RIFF....WEBP|....ftyp(avif|heic|mif1)|\x00\x00\x00\x0cjP", re.S
)
ENDINGS = {
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".svg",
    ".ppm",
    ".pgm",
    ".ico",
    ".avif",
    ".heic",
}


def is_picture(path: Path) -> bool:
    if path.suffix.lower() in ENDINGS:
        return True
    with path.open("rb") as file:
        return bool(STARTS.match(file.read(16)))


def pictures(root: Path) -> set[str]:
    """The pictures under a folder, by their first bytes or their ending, as paths from it."""
    found = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(root).as_posix() for path in found if is_picture(path)}


def credited(page: str) -> dict[str, list[str]]:
    """The table rows of CREDITS.md that name a file: its path from docs, and the other cells."""
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", page, flags=re.M)
    places = {(DOCS / "pictures" / file).resolve().relative_to(DOCS).as_posix(): cells for file, cells in rows}
    assert len(places) == len(rows), "a file stands twice"
    return {place: cells.split(" | ") for place, cells in places.items()}


def differences(there: set[str], listed: set[str]) -> list[str]:
    return [f"{file}: no credit in CREDITS.md" for file in sorted(there - listed)] + [
        f"{file}: in CREDITS.md, but there is no such picture" for file in sorted(listed - there)
    ]


CREDITS = credited((DOCS / "pictures" / "CREDITS.md").read_text())


def test_every_picture_of_the_docs_has_its_credit_and_every_credit_its_picture():
    assert differences(pictures(DOCS), set(CREDITS)) == []


def test_what_is_missing_or_too_much_is_named():
    assert differences({"pictures/new.png", "pictures/a.png"}, {"pictures/a.png", "pictures/gone.jpg"}) == [
        "pictures/new.png: no credit in CREDITS.md",
        "pictures/gone.jpg: in CREDITS.md, but there is no such picture",
    ]


def test_a_picture_is_found_whatever_its_name(tmp_path):
    (tmp_path / "data.bin").write_bytes(b"\xff\xd8\xff\xe0 a photo under another name")
    (tmp_path / "b.TIF").write_bytes(b"")
    (tmp_path / "words.txt").write_text("no picture")
    assert pictures(tmp_path) == {"data.bin", "b.TIF"}


def test_no_picture_lies_anywhere_else():
    top = {path.name for path in ROOT.iterdir() if path.is_file() and is_picture(path)}
    assert top == set()
    assert {folder: pictures(ROOT / folder) for folder in FOLDERS if folder != "docs"} == {
        "src": set(),
        "tests": set(),
        "bench": set(),
    }


def test_each_credit_says_what_is_seen_who_made_it_and_under_which_licence():
    for file, cells in CREDITS.items():
        assert all(cell.strip() for cell in cells), file
        assert re.search(r"CC0 1\.0|CC BY [24]\.0|public domain|Apache 2\.0", " ".join(cells)), file


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_show_local_pictures_with_a_credit(page):
    text = page.read_text()
    assert "data:image" not in text
    shown = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text) + re.findall(r"<img[^>]+src=[\"']([^\"']+)", text)
    for target in shown:
        assert "//" not in target, target
        assert (page.parent / target).resolve().relative_to(DOCS).as_posix() in CREDITS, target


def test_every_figure_is_shown_by_a_page():
    text = "\n".join(page.read_text() for page in PAGES if page.name != "CREDITS.md")
    unused = [file for file in CREDITS if "photos/" not in file and f"pictures/{Path(file).name})" not in text]
    assert not unused


def test_the_credits_are_up_to_date():
    assert (DOCS / "pictures" / "CREDITS.md").read_text() == credits.page(), "run `make docs`"


def test_figures_are_made_of_free_photos_digits_and_drawn_scenes_only():
    assert {name for figure in figures.FIGURES.values() for name in figure.of} <= {*photos.PHOTOS, *credits.DRAWN}
    for name in photos.PHOTOS:
        assert photos.path(name).is_file(), name


def test_a_pool_of_crops_is_square_and_the_same_for_a_seed():
    pool = photos.crops(2, 16, names=("cat", "flower"), seed=3)
    assert pool.x.shape == (4, 16, 16, 3)
    assert list(pool.y) == [0, 0, 1, 1]
    assert pool.classes == ("cat", "flower")
    assert (pool.x == photos.crops(2, 16, names=("cat", "flower"), seed=3).x).all()
    assert photos.square("rocket", 16).shape == (16, 16, 3)


def test_a_figure_whose_weights_are_not_there_is_left_as_it_is_and_said(monkeypatch, capsys):
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    before = (figures.PICTURES / "look_maps.png").read_bytes()
    figures.main(["look_maps"])
    assert f"look_maps.png: left as it is; this machine has no {figures.MOBILENET}." in capsys.readouterr().out
    assert (figures.PICTURES / "look_maps.png").read_bytes() == before
    with pytest.raises(SystemExit, match=r"no figure look_nothing\. There are look_filters, look_maps"):
        figures.main(["look_nothing"])
