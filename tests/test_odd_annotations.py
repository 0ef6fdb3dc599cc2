"""Whatever stands in one annotation, the others are read: it is left out and named, by the reader and by the check."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from striate.data import check
from striate.data.readers.scan import read
from striate.errors import StriateError

_TOKENS = [
    *(
        "inf",
        "-inf",
        "nan",
        "NaN",
        "1e999",
        "-1e999",
        "1e400",
        "9" * 5_000,
        "-" + "9" * 400,
        "0x10",
        "1_1",
        "٣",
        "",
        " ",
    ),
    *("true", "null", "None", "-1", "0", "2147483647", "2147483648", "1000000000", "9223372036854775808", "3.0", "007"),
    *(
        "x" * 300,
        "x" * 5_000,
        "\x1b[2J\x1b[31m",
        "a\nb",
        "a\rb",
        "\u202eabc",
        "‮",
        "\0",
        '"',
        "'",
        "<b>",
        "&",
        "../../x",
        "/etc",
    ),
    *("a,b", "a;b", "\t", "=1+1", "\ud800", "\udcff", "con.jpg", "a/" * 2_000),
]
TOKENS = st.sampled_from(_TOKENS)
_NUMBERS = [
    float("inf"),
    float("-inf"),
    float("nan"),
    10**400,
    -(10**400),
    10**18,
    1e308,
    -1,
    0,
    0.5,
    2**31,
    2**63,
    True,
    None,
]
VALUES = st.recursive(
    st.one_of(TOKENS, st.sampled_from(_NUMBERS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["a", "bbox"]), inner, max_size=2)
    ),
    max_leaves=6,
)
FEW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GOOD = ("a", "b", "c")


def pictures(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate((*GOOD, "odd")):
        values = np.random.default_rng(i).integers(0, 255, (24, 32, 3), np.uint8)
        Image.fromarray(values).save(folder / f"{name}.png")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def holds(place: Path, good: int = 3) -> None:
    """The good pictures are read; and the check names the file that holds what is odd, or finds nothing wrong at all."""
    try:
        data = read(place, image_size=8)
    except StriateError:  # a file that is no text at all
        assert check(place, near=False).of("unusable")
        return
    data = getattr(data, "train", data)
    names = {Path(path).name for path in data.paths}
    assert len(names & {f"{name}.png" for name in GOOD}) == good
    report = check(place, near=False, few=0)
    table = report.table(shown=100)
    assert not set(table) & {"\x1b", "\u202e", "\ud800", "\0"}
    json.dumps(report.to_dict()).encode()
    if data.skipped or any("left out" in note for note in data.notes):
        assert any(finding.severity in ("error", "note") for finding in report)
    assert not report.of("unusable")


def coco(odd: object, where: str) -> str:
    images = [{"id": i, "file_name": f"{name}.png", "width": 32, "height": 24} for i, name in enumerate((*GOOD, "odd"))]
    marks = [{"id": i, "image_id": i, "category_id": 1, "bbox": [2, 2, 9, 9]} for i in range(4)]
    content = {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "cat"}]}
    place, key = where.split(".")
    if key == "whole":
        content[place].append(odd)
    elif place == "categories":
        content[place].append({"id": 7, "name": "dog"} | {key: odd})
    else:
        content[place][3][key] = odd
    return json.dumps(content)


@pytest.mark.parametrize(
    "where",
    [
        *("images.id", "images.file_name", "images.width", "images.whole", "annotations.id", "annotations.image_id"),
        *("annotations.category_id", "annotations.bbox", "annotations.segmentation", "annotations.iscrowd"),
        *("annotations.whole", "categories.id", "categories.name", "categories.whole"),
    ],
)
def test_coco(where, tmp_path):
    pictures(tmp_path)

    @FEW
    @given(VALUES)
    def run(odd):
        if where == "categories.name" and str(odd).strip() == "cat":
            return
        holds(write(tmp_path / "a.json", coco(odd, where)))

    run()


def test_boxes_in_coco_of_four_odd_numbers(tmp_path):
    pictures(tmp_path)

    @FEW
    @given(st.lists(st.sampled_from(_NUMBERS), min_size=4, max_size=4))
    def run(odd):
        holds(write(tmp_path / "a.json", coco(odd, "annotations.bbox")))

    run()


def test_voc(tmp_path):
    pictures(tmp_path / "JPEGImages")
    box = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
    for name in GOOD:
        told = f"<object><name>cat</name>{box.format(3, 3, 20, 20)}</object>"
        write(tmp_path / "Annotations" / f"{name}.xml", f"<annotation>{told}</annotation>")

    @FEW
    @given(st.lists(TOKENS, min_size=7, max_size=7), st.booleans())
    def run(odd, plain):
        name, left, top, right, bottom, width, flag = odd if plain else map(escape, odd)
        told = (
            f"<object><name>{name}</name>{box.format(left, top, right, bottom)}<difficult>{flag}</difficult></object>"
        )
        size = f"<size><width>{width}</width><height>{width}</height></size>"
        write(tmp_path / "Annotations" / "odd.xml", f"<annotation>{size}{told}</annotation>")
        holds(tmp_path)

    run()


@pytest.mark.parametrize("named", [True, False])
def test_yolo(named, tmp_path):
    pictures(tmp_path / "images")
    for name in GOOD:
        write(tmp_path / "labels" / f"{name}.txt", "0 0.5 0.5 0.5 0.5\n")
    if named:
        write(tmp_path / "data.yaml", "train: images\nnames: [cat, dog]\n")

    @FEW
    @given(st.lists(TOKENS, min_size=1, max_size=9))
    def run(odd):
        write(tmp_path / "labels" / "odd.txt", " ".join(odd) + "\n")
        holds(tmp_path)

    run()


def test_a_yaml_of_odd_values_is_read_or_refused(tmp_path):
    pictures(tmp_path / "images")
    for name in GOOD:
        write(tmp_path / "labels" / f"{name}.txt", "0 0.5 0.5 0.5 0.5\n")

    @FEW
    @given(st.sampled_from(["train", "names", "nc", "path", "kpt_shape", "test"]), VALUES)
    def run(key, odd):
        told = {"train": "images", "names": ["cat", "dog"]} | {key: odd}
        write(tmp_path / "data.yaml", json.dumps(told))
        holds(tmp_path)

    run()


@pytest.mark.parametrize("labels", [("cat", "dog", "cat"), ("0", "1", "0")])
def test_csv(labels, tmp_path):
    pictures(tmp_path)
    rows = [f"{name}.png,{label}" for name, label in zip(GOOD, labels, strict=True)]

    @FEW
    @given(TOKENS, TOKENS, st.booleans())
    def run(file, label, known):
        odd = f"{'odd.png' if known else file},{label}"
        holds(write(tmp_path / "a.csv", "\n".join(["file,label", *rows, odd]) + "\n"))

    run()


def test_csv_of_boxes(tmp_path):
    pictures(tmp_path)
    rows = [f"{name}.png,cat,2,2,20,20" for name in GOOD]

    @FEW
    @given(st.lists(TOKENS, min_size=6, max_size=6), st.booleans())
    def run(cells, known):
        odd = ["odd.png", *cells[1:]] if known else cells
        text = "\n".join(["file,label,left,top,right,bottom", *rows, ",".join(odd)]) + "\n"
        holds(write(tmp_path / "a.csv", text))

    run()


def test_json_lines(tmp_path):
    pictures(tmp_path)
    rows = [json.dumps({"source": f"{name}.png", "boxes": [{"label": "cat", "box": [2, 2, 20, 20]}]}) for name in GOOD]

    @FEW
    @given(st.sampled_from(["source", "width", "boxes", "label", "box", "whole", "error"]), VALUES)
    def run(key, odd):
        box = {"label": "cat", "box": [2, 2, 20, 20]}
        told = {"source": "odd.png", "boxes": [{**box, key: odd} if key in box else box]}
        told = odd if key == "whole" else told if key in box else told | {key: odd}
        holds(write(tmp_path / "a.jsonl", "\n".join([*rows, json.dumps(told)]) + "\n"))

    run()


@pytest.mark.parametrize(
    "kind", ["negative", "huge", "colours", "text", "empty", "eps", "clear", "cut", "large", "size"]
)
def test_masks(kind, tmp_path):
    pictures(tmp_path / "images")
    (tmp_path / "masks").mkdir()
    for name in (*GOOD, "odd"):
        values = np.random.default_rng(5).integers(0, 3, (24, 32), np.uint8)
        Image.fromarray(values).save(tmp_path / "masks" / f"{name}.png")
    odd = tmp_path / "masks" / "odd.png"
    whole = odd.read_bytes()
    odd.unlink()
    match kind:
        case "negative" | "huge":
            odd = odd.with_suffix(".tif")
            values = np.full((24, 32), -1 if kind == "negative" else 2**31 - 1, np.int32)
            Image.fromarray(values).save(odd)
        case "colours":
            Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)).save(odd)
        case "clear":
            Image.fromarray(np.zeros((24, 32, 2), np.uint8), "LA").save(odd)
        case "size":
            Image.new("L", (3, 3)).save(odd)
        case "large":
            Image.new("1", (20_000, 20_000)).save(odd)
        case _:
            told = {"text": b"text", "empty": b"", "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}
            odd.write_bytes(told.get(kind, whole[:-40]))
    holds(tmp_path)
    data = read(tmp_path, image_size=8)
    assert len(data) == 3 + (kind in ("clear",))
    assert any("odd" in skipped.path for skipped in data.skipped) is (kind != "clear")


@pytest.mark.parametrize("profile", [b"", b"x", b"\0" * 128, b"acsp" * 99])
def test_a_broken_colour_profile_costs_no_picture(profile, tmp_path):
    for part in ("a", "b"):
        pictures(tmp_path / part)
        Image.new("RGB", (9, 9), "red").save(tmp_path / part / "odd.png", icc_profile=profile)
        Image.new("CMYK", (9, 9)).save(tmp_path / part / "odd.jpg", icc_profile=profile)
    data = read(tmp_path, image_size=8)
    assert len(data) == 10
    assert not data.skipped
