"""Boxes and label maps written for other tools: our readers give the same ones back, and nothing is half written."""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from striate import data
from striate.data.writers.records import WrittenBox
from striate.errors import ArgumentError, BundleError, DataError
from striate.tasks.writing import write_boxes, write_label_maps

WIDTH, HEIGHT = 61, 47  # primes, so that no share is a round number
CLASSES = ("Käfer", 'a "b" & <c>', "no", "1: x, y")
FOLDERS, FILES = ("voc", "yolo", "coco"), ("answers.csv", "answers.json", "answers.jsonl")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of two names in two folders, one of them lying on its side as stored."""
    root, files = tmp_path_factory.mktemp("photos"), []
    exif = Image.Exif()
    exif[0x0112] = 6
    for i, (name, turned) in enumerate((("a/one.png", False), ("a/two.png", False), ("b/one.jpg", True))):
        (root / name).parent.mkdir(exist_ok=True)
        size = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
        Image.new("RGB", size, (40 * i + 40, 90, 10)).save(root / name, **({"exif": exif} if turned else {}))
        files.append(str(root / name))
    return files


side = st.floats(0, 1, allow_subnormal=False)
score = st.none() | st.floats(0, 1)


@st.composite
def box(draw):
    """One of at least two pixels, whose edges are anywhere between those of the picture."""
    left, top = draw(side) * (WIDTH - 2), draw(side) * (HEIGHT - 2)
    return left, top, left + 2 + draw(side) * (WIDTH - 2 - left), top + 2 + draw(side) * (HEIGHT - 2 - top)


boxes = st.lists(st.tuples(st.sampled_from(CLASSES), score, box()), max_size=4)


def answers(photos, drawn):
    return [(path, (HEIGHT, WIDTH), rows) for path, rows in zip(photos, drawn, strict=True)]


def same(read, photos, drawn, tolerance):
    """A data set has these photos, each with these boxes and their classes."""
    assert tuple(read.classes) == CLASSES or set(read.classes) <= set(CLASSES)
    assert len(read) == len(photos)
    colours = {tuple(np.asarray(Image.open(path).convert("RGB"))[0, 0].tolist()): i for i, path in enumerate(photos)}
    for x, corners, labels in zip(read.x, read.boxes, read.box_labels, strict=True):
        rows = drawn[min(colours.items(), key=lambda each: np.abs(np.array(each[0]) - x[0, 0]).sum())[1]]
        found = sorted((read.classes[k], *box) for k, box in zip(labels, corners.tolist(), strict=True))
        expected = sorted((label, *box) for label, _, box in rows)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert one[0] == other[0]
        order = [sorted(row[1:] for row in rows if row[0] == name) for rows in (found, expected) for name in CLASSES]
        for one, other in zip(order[: len(CLASSES)], order[len(CLASSES) :], strict=True):
            assert np.allclose(sorted(map(sum, one)), sorted(map(sum, other)), atol=4 * tolerance)
            assert all(min(np.abs(np.subtract(a, b)).max() for b in other) <= tolerance for a in one)


@settings(max_examples=6, deadline=None)
@given(
    st.tuples(boxes, boxes, boxes).filter(any), st.sampled_from([*FOLDERS, *FILES]), st.sampled_from(["link", "copy"])
)
def test_what_is_written_is_read_again_to_the_same_boxes(tmp_path_factory, photos, drawn, how, pictures):
    # the same box twice would be left out as a repeat, also where rounding makes two of one
    drawn = [
        [
            row
            for i, row in enumerate(rows)
            if all(row[0] != other[0] or np.abs(np.subtract(row[2], other[2])).max() > 2 for other in rows[:i])
        ]
        for rows in drawn
    ]
    place = tmp_path_factory.mktemp("written")
    if how in FOLDERS:
        path = place / "set"
        count = write_boxes(path, answers(photos, drawn), CLASSES, format=how, pictures=pictures, scores=True)
        assert all(each.is_symlink() is (pictures == "link") for each in path.rglob("*.png"))
        read = data.load(path, cache=False)
    else:
        path = place / how
        count = write_boxes(path, answers(photos, drawn), CLASSES)
        home = os.path.commonpath(photos)
        read = data.load(path, cache=False, **({"pictures": home} if how.endswith("json") else {}))
    assert count == 3
    read = read if isinstance(read, data.Dataset) else read.train
    assert not read.skipped
    same(read, photos, drawn, 0.5 + 1e-3 if how == "voc" else 2e-3)
    if how in ("yolo", "coco", "answers.json"):
        assert read.classes == CLASSES
    if how != "voc" or any(drawn):
        assert not [note for note in read.notes if "left out" in note or "clipped" in note]
    assert [each.name for each in place.iterdir()] == [path.name]


def test_scores_stay_where_the_format_has_room(tmp_path, photos):
    told = [(photos[0], (HEIGHT, WIDTH), [("no", 0.87654321, (1, 2, 30, 40)), ("Käfer", None, (5, 5, 9, 9))])]
    write_boxes(tmp_path / "a.csv", told, CLASSES)
    write_boxes(tmp_path / "a.jsonl", told, CLASSES)
    write_boxes(tmp_path / "a.json", told, CLASSES)
    write_boxes(tmp_path / "voc", told, CLASSES, format="voc")
    write_boxes(tmp_path / "yolo", told, CLASSES, format="yolo")
    write_boxes(tmp_path / "sure", told, CLASSES, format="yolo", scores=True)
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["score"] for row in rows] == ["0.876543", ""]
    assert rows[0]["file"] == Path(os.path.abspath(photos[0])).as_posix()
    [line] = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["boxes"][0] == {"label": "no", "score": 0.87654321, "box": [1, 2, 30, 40]}
    first, second = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["annotations"]
    assert (first["score"], first["bbox"], first["area"], first["iscrowd"]) == (0.876543, [1, 2, 29, 38], 29 * 38, 0)
    assert "score" not in second
    assert "<confidence>0.876543</confidence>" in (tmp_path / "voc/Annotations/one.xml").read_text(encoding="utf-8")
    assert [len(line.split()) for line in (tmp_path / "yolo/labels/one.txt").read_text().splitlines()] == [5, 5]
    assert [len(line.split()) for line in (tmp_path / "sure/labels/one.txt").read_text().splitlines()] == [6, 5]


@pytest.mark.parametrize(
    "name", [" ends .png", "a\u2028b.png", "back\\slash.png", b"\xff\xfe.png", "Käfer/ü.png", 'a,"b.png']
)
def test_pictures_of_any_name_come_back_from_lines(tmp_path, name):
    place = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), os.fsencode(name))))
    place.parent.mkdir(exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), (9, 90, 10)).save(place)
    write_boxes(tmp_path / "a.jsonl", [(str(place), (HEIGHT, WIDTH), [("no", 0.5, (1, 2, 30, 40))])], CLASSES)
    read = data.load(tmp_path / "a.jsonl", cache=False).train
    assert read.paths == (str(place),)
    np.testing.assert_allclose(read.boxes[0], [[1, 2, 30, 40]])


def test_a_faulty_line_is_named_and_only_it_is_left_out(tmp_path, photos):
    """Lines that are no pictures with boxes, as the table of a segmenter or a classifier has them; boxes that are none."""
    shutil.copy(photos[0], tmp_path / "a.png")
    shutil.copy(photos[1], tmp_path / "b.png")
    lines = [
        '{"source": "a.png", "boxes": [{"label": "x", "box": [1, 2, 30, 40]}, {"label": "x", "box": [1, 2, 30]}, 7]}',
        '{"source": "b.png", "boxes": [], "width": "wide"}',
        '{"source": "a.png", "boxes": [{"label": "", "box": [1, 2, 9, 9]}, {"label": "x", "box": [1, "a", 9, 9]}]}',
        '{"source": "a.png", "boxes": [{"label": "x", "box": [5, 5, NaN, 9]}]}',
        "no JSON",
        "[" * 100_000,
        "[1]",
        '{"boxes": []}',
        '{"source": "c.png", "error": "is broken"}',
        '{"source": "b.png", "top": [{"label": "x", "probability": 0.5}]}',
        "",
    ]
    (tmp_path / "found.jsonl").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    read = data.load(tmp_path / "found.jsonl", image_size=(HEIGHT, WIDTH), cache=False).train
    assert [Path(path).name for path in read.paths] == ["a.png", "b.png"]
    assert [len(each) for each in read.boxes] == [1, 0]
    said = "\n".join(f"{each.path}: {each.reason}" for each in read.skipped)
    faults = ["is no object"] * 3 + ['names no picture as "source"', "could not be read", "has no list"]
    for number, words in enumerate(faults, start=5):
        assert re.search(rf"line {number}: .*{words}", said), said
    noted = "\n".join(read.notes)
    for words in ("line 1, box 2", "line 1, box 3", "line 3, box 1", "line 3, box 2", "line 4, box 1"):
        assert words in noted
    report = data.check(tmp_path / "found.jsonl", near=False, few=0)
    assert len(report.of("annotation")) == 6
    (tmp_path / "none.jsonl").write_text("\n".join(lines[4:]))
    with pytest.raises(DataError, match=r"no box in 6 lines. A line is such as"):
        data.load(tmp_path / "none.jsonl")


def test_a_number_is_a_name_in_lines_and_categories_as_it_is_in_a_table(tmp_path):
    Image.new("RGB", (WIDTH, HEIGHT), (9, 90, 10)).save(tmp_path / "a.png")
    boxes = [{"label": label, "box": [1, 2, 9, 9 + i]} for i, label in enumerate((3, "7", 1.5, True, None))]
    (tmp_path / "a.jsonl").write_text(json.dumps({"source": "a.png", "boxes": boxes}))
    (tmp_path / "a.csv").write_text(
        "file,label,xmin,ymin,xmax,ymax\n"
        + "".join(f"a.png,{n},1,2,9,{9 + i}\n" for i, n in enumerate(("3", "7", "1.5")))
    )
    coco = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": i, "name": name} for i, name in enumerate((1.5, 3, "7", True))],
        "annotations": [{"id": k, "image_id": 1, "category_id": k, "bbox": [1, 2, 8, 7]} for k in range(3)],
    }
    (tmp_path / "a.json").write_text(json.dumps(coco))
    for file in ("a.jsonl", "a.csv", "a.json"):
        read = data.load(tmp_path / file, cache=False).train
        assert read.classes == ("1.5", "3", "7"), file
        assert len(read.boxes[0]) == 3


def test_cocos_results_have_the_ids_of_the_truth(tmp_path, photos):
    images = [
        {"id": 40 + i, "file_name": os.path.relpath(path, os.path.commonpath(photos))} for i, path in enumerate(photos)
    ]
    categories = [{"id": 3, "name": "no"}, {"id": 0, "name": "Käfer"}]
    (tmp_path / "truth.json").write_text(json.dumps({"images": images, "annotations": [], "categories": categories}))
    told = [(photos[2], (HEIGHT, WIDTH), [("Käfer", 0.5, (1, 2, 30, 40))]), (photos[0], (HEIGHT, WIDTH), [])]
    write_boxes(tmp_path / "r.json", told, ("no", "Käfer"), format="coco-results", like=tmp_path / "truth.json")
    expected = [{"image_id": 42, "category_id": 0, "bbox": [1, 2, 29, 38], "score": 0.5}]
    assert json.loads((tmp_path / "r.json").read_text()) == expected
    with pytest.raises(DataError, match='no category "cat"'):
        write_boxes(tmp_path / "s.json", told, ("cat", "Käfer"), format="coco-results", like=tmp_path / "truth.json")
    with pytest.raises(ArgumentError, match="go together"):
        write_boxes(tmp_path / "s.json", told, ("no", "Käfer"), format="coco-results")


def test_a_folder_that_is_there_is_never_written_into_and_nothing_is_half_written(tmp_path, photos):
    told = answers(photos, [[("no", 0.5, (1, 2, 30, 40))]] * 3)
    write_boxes(tmp_path / "set", told, CLASSES, format="voc")
    before = {file: file.read_bytes() for file in (tmp_path / "set").rglob("*.xml")}
    with pytest.raises(DataError, match="may hold what you corrected"):
        write_boxes(tmp_path / "set", told, CLASSES, format="yolo")
    assert before == {file: file.read_bytes() for file in (tmp_path / "set").rglob("*.xml")}

    def breaks_off():
        yield told[0]
        raise DataError("the third photo is broken")

    (tmp_path / "old.csv").write_text("mine")
    for name, how in (("new", "coco"), ("new", "yolo"), ("old.csv", None)):
        with pytest.raises(DataError, match="third photo"):
            write_boxes(tmp_path / name, breaks_off(), CLASSES, format=how)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["old.csv", "set"]
    assert (tmp_path / "old.csv").read_text() == "mine"
    (tmp_path / "file").write_text("x")
    with pytest.raises(BundleError, match="could not write"):
        write_boxes(tmp_path / "file" / "set", told, CLASSES, format="voc")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (("{0}", (10, 10), [("cat", 0.5, (1, 1, 2, 2))]), 'a box of "cat", which is not in classes'),
        (("{0}", (10, 10), [("no", 0.5, (1, 1, float("nan"), 2))]), "NaN or infinite"),
        (("{0}", (10, 10), [("no", float("inf"), (1, 1, 2, 2))]), "NaN or infinite"),
        (("{0}", (0, 10), []), "no size of a picture"),
        (("{0}", (10, 10), [("no", 0.5)]), "an answer is"),
        (("{0}", (10, 10), [("no", "sure", (1, 1, 2, 2))]), "an answer is"),
        (("{0}", 10, []), "an answer is"),
        (("gone.png", (10, 10), []), "no such file to link"),
    ],
)
def test_wrong_answers_are_named(tmp_path, photos, answer, message):
    given_ = (answer[0].format(photos[0]), *answer[1:])
    with pytest.raises((ArgumentError, DataError), match=message):
        write_boxes(tmp_path / "set", [given_], CLASSES, format="voc")
    assert not list(tmp_path.iterdir())


def test_formats_and_names_are_checked(tmp_path):
    for path, options, message in (
        ("set", {}, "format= says what to write"),
        ("set", {"format": "pascal"}, "pascal"),
        ("a.csv", {"pictures": "move"}, "move"),
    ):
        with pytest.raises(ArgumentError, match=message):
            write_boxes(tmp_path / path, [], CLASSES, **options)
    for classes in ((), ("a", " a"), ("",)):
        with pytest.raises(ArgumentError, match="classes"):
            write_boxes(tmp_path / "a.csv", [], classes)
    with pytest.raises(ArgumentError, match="go into a folder"):
        write_boxes(tmp_path / "a.csv", [(np.zeros((4, 4, 3), np.uint8), (4, 4), [])], ("a",))


@pytest.mark.parametrize("how", FOLDERS)
def test_a_data_set_goes_into_each_format_and_comes_back(tmp_path, how):
    scenes = data.scenes(5, 48, seed=2)
    scenes.box_ignored = tuple(np.arange(len(each)) == 0 for each in scenes.boxes)
    assert data.write(scenes, tmp_path / "set", format=how) == 5
    read = data.load(tmp_path / "set", cache=False)
    read = read if isinstance(read, data.Dataset) else read.train
    assert read.classes == scenes.classes
    assert np.array_equal(read.x, scenes.x)
    for i in range(5):
        assert np.allclose(read.boxes[i], scenes.boxes[i], atol=1e-3)
        assert np.array_equal(read.box_labels[i], scenes.box_labels[i])
        if how != "yolo":  # which has no room for it
            assert np.array_equal(read.box_ignored[i], scenes.box_ignored[i])
    # what was read at another size is written for the photos themselves
    small = data.load(tmp_path / "set", image_size=(24, 30), cache=False)
    data.write(
        small if isinstance(small, data.Dataset) else small.train, tmp_path / "again", format=how, pictures="copy"
    )
    again = data.load(tmp_path / "again", cache=False)
    again = again if isinstance(again, data.Dataset) else again.train
    assert all(np.allclose(one, other, atol=2e-3) for one, other in zip(again.boxes, scenes.boxes, strict=True))


def test_label_maps_go_into_pictures_of_numbers_and_come_back_with_their_names(tmp_path):
    scenes = data.scenes(4, 48, seed=2, target="masks")
    scenes.y[0][:5] = 255
    scenes.ignored = 255
    assert data.write(scenes, tmp_path / "set", format="masks") == 4
    read = data.load(tmp_path / "set", cache=False)
    read = read if isinstance(read, data.Dataset) else read.train
    assert read.classes == scenes.classes
    assert read.ignored == 255
    assert np.array_equal(read.y, scenes.y)
    assert np.array_equal(read.x, scenes.x)
    with Image.open(next((tmp_path / "set" / "masks").glob("*.png"))) as mask:
        assert mask.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
    assert not data.check(tmp_path / "set", near=False).of("label-range", "mask-size", "annotation", "no-example")


def test_shares_are_of_the_pixels_that_count(tmp_path, photos):
    labels = np.zeros((HEIGHT, WIDTH), int)
    labels[:10], labels[10:15] = 2, 7
    assert write_label_maps(tmp_path / "s.csv", [(photos[0], labels)], ("a", "b", "c"), ignored=7) == 1
    [row] = csv.DictReader((tmp_path / "s.csv").read_text().splitlines())
    assert [float(row[name]) for name in "abc"] == pytest.approx(
        [1 - 10 / (HEIGHT - 5), 0, 10 / (HEIGHT - 5)], abs=1e-6
    )
    with pytest.raises(DataError, match="has the label 7"):
        write_label_maps(tmp_path / "t.csv", [(photos[0], labels)], ("a", "b", "c"))
    for wrong in (labels.astype(float), labels[0]):
        with pytest.raises(ArgumentError, match="whole numbers"):
            write_label_maps(tmp_path / "set", [(photos[0], wrong)], ("a", "b", "c"))
    assert [each.name for each in tmp_path.iterdir()] == ["s.csv"]


def test_written_boxes_may_be_named():
    assert WrittenBox("a", 0.5, (1, 2, 3, 4)).ignored is False
