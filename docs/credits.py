"""Write docs/pictures/CREDITS.md: every picture of the docs with what it shows, its source, author and licence.

``make docs`` runs it; tests/test_pictures_credits.py fails when the page is out of date, or a picture is not on it.
"""

from __future__ import annotations

from pathlib import Path

from docs.figures import CHARTS, FIGURES
from docs.photos import LICENCES, PHOTOS, path

FOLDER = Path(__file__).parent / "pictures"
OURS = "striate, Apache 2.0"
# Data that come with a package or are drawn, by the name that a Figure has them under.
DRAWN = {
    "digits": "scikit-learn's digits: E. Alpaydin and C. Kaynak, "
    "[UCI](https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits), [CC BY 4.0]",
    "scenes": f"drawn scenes: {OURS}",
}


def source(name: str) -> str:
    """The author and the licence of what is in a figure."""
    if name in DRAWN:
        return DRAWN[name]
    photo = PHOTOS[name]
    return f"{name}: {photo.author}, {photo.licence}"


def drawn(command: str) -> str:
    return f"`python -m {command}`"


def page() -> str:
    lines = [
        "# Credits of the pictures",
        "",
        "Made by `make docs`. Every picture file of the docs stands here, and nothing else may be among them. Photos are",
        "free ones that Python packages ship; no picture of a research data set is in a figure, whole or in part.",
        "Numbers measured on such sets are in tables and charts. `make figures` draws the figures again.",
        "",
        "## Photos",
        "",
        "Made smaller, to 300 pixels on the shorter side, and saved as JPEG. The licences are what the packages state:",
        "scikit-image 0.26.0 in the docstrings of `skimage/data/_fetchers.py`, scikit-learn 1.9.1 in",
        "`sklearn/datasets/images/README.txt` (its entry for `flower.jpg` names the photographer of `china.jpg` beside the",
        "address of vultilion's photo). Files of scikit-learn are read from the package and are not here.",
        "",
        "| file | name | what it shows | author | licence | package and file | it is from |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, photo in PHOTOS.items():
        file = f"`photos/{name}.jpg`" if path(name).parent == FOLDER / "photos" else ""
        cells = [file, name, photo.what, photo.author, photo.licence, photo.package, photo.source]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "## Figures",
        "",
        "Drawn by striate, and as free as it is (Apache 2.0) but for what is in them: the photos by their names above, cut,",
        "scaled and changed as the figure shows.",
        "",
        "| file | what it shows | made of: author, licence | drawn by |",
        "| --- | --- | --- | --- |",
    ]
    rows = {
        file: [one.shows, "; ".join(map(source, one.of)) or OURS, drawn(f"docs.figures {Path(file).stem}")]
        for file, one in FIGURES.items()
    }
    rows |= {file: [shows, OURS, drawn(command)] for file, (command, shows) in CHARTS.items()}
    # tests/test_docs.py holds these folders against what docs/zoo_pages.py and docs/layer_pages.py draw
    zoo = sorted((FOLDER.parent / "zoo" / "pictures").glob("*.svg"))
    rows |= {f"../zoo/pictures/{one.name}": [f"the activations of `{one.stem}`", OURS, "`make docs`"] for one in zoo}
    drawings = sorted((FOLDER.parent / "every_layer" / "pictures").glob("*.svg"))
    rows |= {
        f"../every_layer/pictures/{one.name}": [f"the layer `{one.stem}`", OURS, "`make docs`"] for one in drawings
    }
    lines += ["| " + " | ".join([f"`{file}`", *rows[file]]) + " |" for file in sorted(rows)]
    links = [f"[{name}]: {address}" for name, address in LICENCES.items()]
    return "\n".join([*lines, "", *links, ""])


if __name__ == "__main__":
    (FOLDER / "CREDITS.md").write_text(page())
    print(f"wrote {FOLDER / 'CREDITS.md'}")
