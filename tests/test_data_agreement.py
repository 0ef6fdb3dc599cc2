"""The check says of a data set what the reader makes of it, format by format, over legal, odd and faulty entries."""

import json
import re
import shutil
import struct
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from striate import data
from striate.data.readers.boxes import FAULTS
from striate.data.readers.names import part_of, whole_number
from striate.data.readers.survey import BOXED
from striate.errors import DataError

FEWER = settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate))
SUFFIXES = ["png", "PNG", "jpg", "JPEG", "jfif", "jpe", "mpo", "bmp", "tif", "TIFF", "webp", "gif", "ppm"]
TRAIN, VALIDATION = ["train", "Training", "train2017", "training_set"], ["val", "valid", "Validation", "VAL2012", "dev"]
# Findings about files that a reader leaves out, whatever the format.
LEFT_OUT = {"empty-file", "not-a-picture", "broken", "too-large", "unreadable", "mask-size", "stray"}
KINDS_OF_FILE = ["sound", "sound", "sound", "empty", "text", "gone"]


def paint(path, number, size=(20, 10), kind="sound"):
    """A picture file (W, H) = size, or what is called like one; every number another colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "sound":
        suffix = path.suffix.lower()[1:]
        fmt = {"jpg": "JPEG", "jfif": "JPEG", "jpe": "JPEG", "mpo": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
        colour = (40 + number * 7 % 200, number * 31 % 256, 90)
        Image.new("RGB", size, colour).save(path, fmt)
    elif kind != "gone":
        path.write_bytes(b"" if kind == "empty" else b"<html>no picture</html>")
    return path


def parts_of(read):
    if isinstance(read, data.Dataset):
        return {"": read}
    return {part: each for part, each in read._asdict().items() if each is not None}


def agree(path, **options):
    """(the reader's parts, the check's report), after what one says was held against the other; None: both refuse."""
    report = data.check(path, near=False, few=0)
    refused = report.of("unusable", "unknown-class")
    assert refused or 0 not in (report.usable or {"": 0}).values()
    if refused:
        with pytest.raises(DataError):
            data.load(path, image_size=(10, 20), cache=False, **options)
        return None, report
    splits = data.load(path, image_size=(10, 20), cache=False, **options)
    parts = parts_of(splits)
    if len(report.usable) == 1:
        parts = {next(iter(report.usable)): parts.pop("train")}
    assert report.usable == {part: len(each) for part, each in parts.items()}
    named = {file for finding in report for file in finding.files}
    left_out = {finding.files[0] for finding in report if finding.kind in LEFT_OUT}
    for part, each in parts.items():
        assert {skipped.path for skipped in each.skipped if not Path(skipped.path).is_dir()} <= named
        assert not left_out & set(map(str, each.paths))
        counts = report.counts.get(part, {})
        if each.boxes is not None:
            rows = [{each.classes[i] for i in labels} for labels in each.box_labels]
            names = {name for row in rows for name in row}
            assert counts == {name: sum(name in row for row in rows) for name in names}
        elif each.labels is not None:
            names = each.classes or [str(i) for i in range(100)]
            assert counts == {str(names[i]): n for i, n in enumerate(np.bincount(each.y)) if n}
    kept = {path for each in parts.values() for path in map(str, each.paths)}
    faulty = sum(finding.files[0] in kept for finding in report.of(*FAULTS)) if report.layout in BOXED else 0
    said = "\n".join(note for each in parts.values() for note in each.notes)
    assert faulty == sum(map(int, re.findall(r"(\d+) box(?:es)? (?:left out \(|clipped to)", said)))
    return parts, report


@pytest.fixture
def place(tmp_path_factory):
    """Makes empty folders, since hypothesis draws many examples in one test."""
    root = tmp_path_factory.mktemp("sets")

    def fresh():
        shutil.rmtree(root)
        root.mkdir()
        return root / "set"

    return fresh


# -- class folders ------------------------------------------------------------------------------------------------------
files = st.lists(st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(KINDS_OF_FILE)), min_size=1, max_size=4)
classes = st.dictionaries(st.sampled_from(["ant", " bee", "cat ", "10", "2", "Käfer"]), files, min_size=2, max_size=4)


@FEWER
@given(classes, st.none() | classes, st.sampled_from(TRAIN), st.sampled_from(VALIDATION))
def test_class_folders(place, train, validation, first, second):
    root, number = place(), 0
    for part, held in ((first, train), (second, validation)):
        for name, entries in (held or {}).items():
            for suffix, kind in entries:
                number += 1
                folder = root / part / name if validation else root / name
                paint(folder / f"{number}.{suffix}", number, kind=kind)
    if not root.exists():
        return
    (root / "notes.txt").write_text("x")
    parts, _ = agree(root)
    if parts is None:
        return
    expected = sorted({name.strip() for name, e in train.items() if any(kind == "sound" for _, kind in e)})
    assert parts["train" if validation else ""].classes == tuple(expected)
    for part in parts.values():
        assert [part.classes[y] for y in part.y] == [Path(path).parent.name.strip() for path in part.paths]


def test_names_that_differ_in_blanks_or_in_how_accents_are_written_are_one_class(tmp_path):
    for part, name in (("train", "Käfer"), ("train", " ant"), ("train", "ant"), ("val", "ant "), ("val", "Käfer")):
        name = unicodedata.normalize("NFD" if part == "val" else "NFC", name)
        paint(tmp_path / part / name / "1.png", len(part + name))
    parts, report = agree(tmp_path)
    assert parts["train"].classes == parts["validation"].classes == ("Käfer", "ant")
    assert report.kinds.keys() >= {"same-class"}
    assert "one class" in parts["train"].notes[0]


@pytest.mark.parametrize("name", [*TRAIN, *VALIDATION, "2007_test", "Testing"])
def test_every_reader_knows_the_same_names_of_parts(tmp_path, name):
    part = part_of(name)
    other = "validation" if part == "train" else "train"
    for folder in (name, other):
        for kind in ("ant", "bee"):
            paint(tmp_path / "folders" / folder / kind / "1.png", len(folder + kind))
        paint(tmp_path / "yolo" / "images" / folder / "1.png", 1)
        (tmp_path / "yolo" / "labels" / folder).mkdir(parents=True)
        (tmp_path / "yolo" / "labels" / folder / "1.txt").write_text("0 .5 .5 .5 .5")
        paint(tmp_path / "masks" / folder / "images" / "1.png", 1)
        (tmp_path / "masks" / folder / "masks").mkdir(parents=True)
        Image.new("L", (20, 10)).save(tmp_path / "masks" / folder / "masks" / "1.png")
    for kind in ("folders", "yolo", "masks"):
        parts, _ = agree(tmp_path / kind)
        assert set(parts) == {part, other}
    assert part_of("train 1") is part_of("detest") is part_of("tests") is None


def refused(path, *words):
    """Both refuse it, in the same words: the check as an error, which names no picture that a reader would keep."""
    parts, report = agree(path)
    assert parts is None
    assert report.serious
    for word in words:
        assert any(word in finding.detail for finding in report.of("unusable"))
        with pytest.raises(DataError, match=re.escape(word)):
            data.load(path, image_size=(10, 20), cache=False)


def test_what_a_reader_refuses_as_a_whole_is_an_error_of_the_check(tmp_path):
    for i in range(6):
        paint(tmp_path / "flat" / f"{i}.png", i)
        paint(tmp_path / "told" / f"{i}.png", i)
        paint(tmp_path / "one" / "ant" / f"{i}.png", i)
        paint(tmp_path / "g" / "train" / "x" / f"{i}.png", i)
        paint(tmp_path / "bare" / "ant" / f"{i}.png", i)
        paint(tmp_path / "hollow" / "train" / ("ant", "bee")[i % 2] / f"{i}.png", i)
        paint(tmp_path / "hollow" / "val" / ("ant", "bee")[i % 2] / f"{i}.png", i, kind="text")
        paint(tmp_path / "masks" / "images" / f"{i}.png", i)
        mask(tmp_path / "masks" / "masks" / f"{i}.png", "jpeg of numbers")
    (tmp_path / "told" / "about.json").write_text('{"made": "by hand"}')
    paint(tmp_path / "bare" / "bee" / "0.png", 0, kind="text")
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as archive:
        for i in range(4):
            entry = zipfile.ZipInfo("x")
            entry.filename = f"set\\{('ant', 'bee')[i % 2]}\\{i}.png"
            archive.writestr(entry, (tmp_path / "flat" / f"{i}.png").read_bytes())
    refused(tmp_path / "flat", "has 6 files but no folder with a class's pictures")
    refused(tmp_path / "told", "has 7 files but no folder with a class's pictures")
    refused(tmp_path / "windows.zip", "no folder with a class's pictures")
    refused(tmp_path / "one", 'one class only, "ant"')
    refused(tmp_path / "g", 'one class only, "x"')
    refused(tmp_path / "bare", 'one class only, "ant"', "bee has no readable picture")
    refused(tmp_path / "hollow")
    refused(tmp_path / "masks", "has no picture with a mask that can be read")


def test_a_class_of_which_train_has_no_readable_picture_counts_in_no_part(tmp_path):
    for part, kind in (("train", "text"), ("val", "sound")):
        for i, name in enumerate(("ant", "bee", "cat")):
            paint(tmp_path / part / name / f"{i}.png", i + 9 * (part == "val"), kind="sound" if i else kind)
    parts, report = agree(tmp_path)
    assert parts["validation"].classes == ("bee", "cat")
    assert report.usable == {"train": 2, "validation": 2}
    shutil.rmtree(tmp_path / "val" / "bee")
    shutil.rmtree(tmp_path / "val" / "cat")
    refused(tmp_path, "has no picture in a class's folder that can be read")


# -- CSV ----------------------------------------------------------------------------------------------------------------
labels = st.sampled_from(["0", "1", "2", "10", " 1", "3.0", "1_1", "007", "", "cat", "cat ", "-1", "1.5"])


@FEWER
@given(st.lists(st.tuples(labels, st.sampled_from(KINDS_OF_FILE)), min_size=1, max_size=8), st.sampled_from(",;\t"))
def test_csv(place, rows, mark):
    root = place()
    lines = [mark.join(("File", "Label"))]
    for i, (label, kind) in enumerate(rows):
        paint(root / "p" / f"{i}.jfif", i, kind=kind)
        lines.append(mark.join((f"p\\{i}.jfif" if i % 2 else f"p/{i}.jfif", label)))
    (root / "list.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")
    parts, report = agree(root / "list.csv")
    if parts is None:
        return
    given_ = [label.strip() for label, _ in rows]
    plain = [bool(re.fullmatch(r"[+-]?\d+(\.0)?", label)) for label in given_]
    numbers = sum(plain) * 2 > len(plain) and "007" not in given_ and "1.5" not in given_
    part = parts[""]
    assert (part.classes is None) == numbers
    for path, y in zip(part.paths, part.y, strict=True):
        label = given_[int(Path(path).stem)]
        assert (y == int(float(label))) if numbers else part.classes[y] == label
    assert len(report.of("label-range")) == sum(
        not label or (numbers and (not plain[i] or label.startswith("-"))) for i, label in enumerate(given_)
    )


@FEWER
@given(
    st.lists(
        st.tuples(st.sampled_from([*TRAIN, *VALIDATION, "test", "holdout", ""]), st.sampled_from("abc")),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["split", "Subset", "partition"]),
)
def test_a_column_of_a_table_that_says_the_part_is_read_and_other_words_are_told(place, rows, column):
    root = place()
    lines = [f"file,label,{column}"]
    for i, (word, label) in enumerate(rows):
        paint(root / "p" / f"{i}.png", i)
        lines.append(f"p/{i}.png,{label},{word}")
    (root / "list.csv").write_text("\n".join(lines))
    parts, report = agree(root / "list.csv")
    found = [part_of(word) for word, _ in rows]
    if parts is None:
        learned = {label for (_, label), part in zip(rows, found, strict=True) if part == "train"}
        kept = {part for (_, label), part in zip(rows, found, strict=True) if label in learned}
        assert "train" not in found or kept < {part for part in found if part}
        return
    told = report.of("unlisted")
    notes = "\n".join(note for part in parts.values() for note in part.notes)
    if not any(found):
        assert len(told) == 1
        assert f'the column "{column}" names no part' in told[0].detail
        assert told[0].detail in notes
        assert sum(map(len, parts.values())) == len(rows)
        return
    assert {Path(file).stem for each in told for file in each.files} == {str(i) for i, p in enumerate(found) if not p}
    assert all(each.detail in notes for each in told)
    for name, part in parts.items():
        assert {Path(path).stem for path in part.paths} <= {str(i) for i, p in enumerate(found) if p == name}


def test_a_picture_that_is_listed_twice_is_told_by_the_check_and_by_the_reader_whatever_the_format(tmp_path):
    for i in range(2):
        paint(tmp_path / f"{i}.png", i)
    (tmp_path / "same.csv").write_text("file,label\n0.png,a\n0.png,a \n1.png,b\n")
    (tmp_path / "number.csv").write_text("file,label\n0.png,3\n./0.png,3.0\n1.png,4\n")
    (tmp_path / "other.csv").write_text("file,label\n0.png,a\n0.png,b\n1.png,b\n")
    (tmp_path / "bad.csv").write_text("file,label\n0.png,a\n0.png,\n1.png,b\n")
    (tmp_path / "parts.csv").write_text("file,label,split\n0.png,a,train\n0.png,a,val\n1.png,b,train\n1.png,b,val\n")
    images = [{"id": i, "file_name": "0.png"} for i in (0, 1)]
    boxes = [{"image_id": i, "category_id": 1, "bbox": [1, 1, 5, 5]} for i in (0, 1)]
    (tmp_path / "coco.json").write_text(
        json.dumps({"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "a"}]})
    )
    wanted = {
        "same.csv": ("duplicate", 1),
        "number.csv": ("duplicate", 1),
        "other.csv": ("in-two-classes", 1),
        "bad.csv": ("in-two-classes", 1),
        "parts.csv": ("in-two-parts", 2),
        "coco.json": ("duplicate", 1),
    }
    for name, (kind, count) in wanted.items():
        parts, report = agree(tmp_path / name)
        told = report.of("duplicate", "in-two-classes", "in-two-parts")
        assert [each.kind for each in told] == [kind] * count, name
        notes = [note for part in parts.values() for note in part.notes if "listed" in note]
        assert len(notes) == count


def test_numbers_that_are_names_are_matched_by_name_and_others_are_numbers(tmp_path):
    names = sorted(map(str, range(11)))
    for name in names:
        paint(tmp_path / "set" / name / "0.png", int(name))
    (tmp_path / "l.csv").write_text("file,label\n" + "".join(f"set/{k}/0.png,{k}\n" for k in range(11)))
    by_folder, by_name = data.folder(tmp_path / "set"), data.read_csv(tmp_path / "l.csv", classes=names)
    assert [by_name.classes[y] for y in by_name.y] == [Path(path).parent.name for path in by_name.paths]
    assert by_name.classes == by_folder.classes
    assert data.read_csv(tmp_path / "l.csv").y.tolist() == list(range(11))
    assert [whole_number(text) for text in ("3", " 3.0 ", "1_1", "٣", "1e3", "nan")] == [3, 3, None, None, None, None]


# -- VOC ----------------------------------------------------------------------------------------------------------------
BOXES = [(1, 1, 20, 10), (3, 2, 9, 8), (0, 0, 20, 10), (5, 5, 4, 8), (15, 2, 40, 9), (30, 2, 40, 9), ("x", 1, 5, 5)]
objects = st.lists(st.tuples(st.sampled_from(["cat", " cat", "dog"]), st.sampled_from(BOXES)), max_size=4)
notes_of_voc = st.tuples(
    st.sampled_from(SUFFIXES),
    st.sampled_from(KINDS_OF_FILE),
    objects,
    st.sampled_from(["sound", "sound", "none", "broken", "entity", "other size", "nameless"]),
    st.sampled_from(["train", "val", "no list"]),
)


@FEWER
@given(st.lists(notes_of_voc, min_size=1, max_size=6), st.booleans())
def test_voc(place, entries, listed):
    root = place()
    (root / "Annotations").mkdir(parents=True)
    parts = {"train": ["first"], "val": ["second"]}
    first = ("png", "sound", [("cat", BOXES[0])], "sound", "train"), ("png", "sound", [], "sound", "val")
    for i, (suffix, kind, things, how, part) in enumerate([*first, *entries]):
        stem = ("first", "second")[i] if i < 2 else f"p{i}"
        paint(root / "JPEGImages" / f"{stem}.{suffix}", i, kind=kind)
        if i > 1 and part in parts:
            parts[part].append(stem)
        width = 30 if how == "other size" else 20
        text = "".join(
            f"<object><name>{'' if how == 'nameless' else name}</name><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
            f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
            for name, b in things
        )
        text = f"<annotation><size><width>{width}</width><height>10</height></size>{text}</annotation>"
        text = {"broken": text[:-5], "entity": f'<!DOCTYPE a [<!ENTITY x "y">]>{text}'}.get(how, text)
        if how != "none":
            (root / "Annotations" / f"{stem}.xml").write_text(text)
    if listed:
        (root / "ImageSets" / "Main").mkdir(parents=True)
        for part, stems in parts.items():
            (root / "ImageSets" / "Main" / f"{part}.txt").write_text("\n".join(stems))
    agree(root)


# -- COCO ---------------------------------------------------------------------------------------------------------------
coco_boxes = st.sampled_from(
    [[0, 0, 20, 10], [2, 2, 5, 5], [5, 5, 0, 3], [15, 2, 40, 3], [30, 2, 5, 5], [1, 2, 3], None, ["1", 2, 3, 4]]
)
annotations = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 2, 9]), coco_boxes), max_size=8)


@FEWER
@given(st.lists(st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(KINDS_OF_FILE)), max_size=4), annotations)
def test_coco(place, pictures, notes):
    root = place()
    paint(root / "images" / "0.png", 0)
    listed = [{"id": 0, "file_name": "0.png", "width": 20, "height": 10.0}]
    for i, (suffix, kind) in enumerate(pictures, start=1):
        paint(root / "images" / f"{i}.{suffix}", i, kind=kind)
        listed.append({"id": i, "file_name": f"{i}.{suffix}", "width": 20, "height": 10 + (i == 3)})
    listed += [{"id": 0, "file_name": "images/0.png"}, {"id": 7, "file_name": "../secret.png"}, {"file_name": "x.png"}]
    told = {
        "images": listed,
        "categories": [{"id": 2, "name": " dog"}, {"id": 1, "name": "cat"}],
        "annotations": [{"id": n, "image_id": i, "category_id": c, "bbox": b} for n, (i, c, b) in enumerate(notes)],
    }
    (root / "instances.json").write_text(json.dumps(told), encoding="utf-8-sig")
    parts, report = agree(root)
    assert parts[""].classes == ("cat", "dog")
    assert len(report.of("unreadable")) >= 1


# -- lines --------------------------------------------------------------------------------------------------------------
@FEWER
@given(st.lists(st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(KINDS_OF_FILE), st.lists(coco_boxes)), max_size=5))
def test_box_lines(place, entries):
    root = place()
    lines = []
    for i, (suffix, kind, boxes) in enumerate([("png", "sound", [[1, 1, 9, 9]]), *entries]):
        paint(root / f"{i}.{suffix}", i, kind=kind)
        told = [{"label": "ab"[n % 2], "box": box, "ignored": n == 2} for n, box in enumerate(boxes)]
        lines.append(json.dumps({"source": f"{i}.{suffix}", "width": 20, "height": 10, "boxes": told}))
    (root / "boxes.jsonl").write_text("\n".join([*lines, "{", "[]"]))
    parts, report = agree(root / "boxes.jsonl")
    assert parts is None or "a" in parts[""].classes
    assert sum(each.files == (str(root / "boxes.jsonl"),) for each in report.of("annotation")) == 2


# -- YOLO ---------------------------------------------------------------------------------------------------------------
LINES = {  # a line, and the box of it in a picture of 20 x 10, or None where it is left out
    "0 .5 .5 .5 .4": (5, 3, 15, 7),
    "1.0 .25 .5 .5 1": (0, 0, 10, 10),
    "0 .1 .1 .9 .1 .9 .9 .1 .9": (2, 1, 18, 9),
    "0\t.5 .5 1 1": (0, 0, 20, 10),
    "0 .9 .5 .4 .4": (14, 3, 20, 7),
    "0 .5 .5 0 .4": None,
    "0 1.5 .5 .2 .2": None,
    "0.5 .5 .5 .5 .5": None,
    "1_0 .5 .5 .5 .5": None,
    "-1 .5 .5 .5 .5": None,
    "7 .5 .5 .5 .5": None,
    "0 .5 .5": None,
    "cat .5 .5 .5 .5": None,
    "0 nan .5 .5 .5": None,
    "": None,
}
texts = st.none() | st.lists(st.sampled_from(list(LINES)), max_size=5)
NAMES = {
    "data.yaml": "nc: 2\nnames: [no, 1_1]\ntrain: images\n",
    "data.yml": "names:\n  0: no\n  1: '1_1'\ntrain: ./images\nval:\n",
    "classes.txt": "no \r\n1_1\r\n",
}


@FEWER
@given(
    st.lists(st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(KINDS_OF_FILE), texts), max_size=5),
    st.sampled_from(list(NAMES)),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig"]),
    st.sampled_from([("images", "labels"), ("images", "Labels")]),
)
def test_yolo(place, entries, config, end, encoding, folders):
    root, expected = place(), {}
    entries = [("png", "sound", ["0 .5 .5 .5 .4"]), *entries]
    (root / folders[1]).mkdir(parents=True)
    (root / config).write_bytes(NAMES[config].encode())
    for i, (suffix, kind, lines) in enumerate(entries):
        picture = paint(root / folders[0] / f"{i}.{suffix}", i, kind=kind)
        expected[str(picture)] = [LINES[line] for line in lines or () if LINES[line]]
        if lines is not None:
            (root / folders[1] / f"{i}.txt").write_bytes(end.join(lines).encode(encoding))
    parts, _ = agree(root)
    (part,) = parts.values()
    assert part.classes == ("no", "1_1")
    for path, boxes in zip(part.paths, part.boxes, strict=True):
        assert np.allclose(boxes, np.reshape(expected[str(path)], (-1, 4)), atol=1e-4)


def test_key_points_after_a_box_are_no_polygon_where_the_yaml_tells_of_them(tmp_path):
    paint(tmp_path / "images" / "a.png", 1)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .5 .4 .1 .1 2 .9 .9 2\n")
    (tmp_path / "data.yaml").write_text("names: [man]\nkpt_shape: [2, 3]\ntrain: images\n")
    parts, _ = agree(tmp_path)
    assert np.allclose(next(iter(parts.values())).boxes[0], [[5, 3, 15, 7]])


# -- masks --------------------------------------------------------------------------------------------------------------
masks = st.sampled_from(
    ["0/1", "0/255", "255", "void", "jpeg", "jpeg of numbers", "colours", "other size", "none", "cut"]
)


def mask(path, kind):
    values = np.zeros((10, 20), np.uint8)
    values[2:8, 4:16] = 1
    image = Image.fromarray(values * np.uint8(255 if kind in ("0/255", "jpeg") else 1))
    if kind == "255":
        image = Image.fromarray(np.full_like(values, 255))
    if kind == "void":
        values[:2] = 255
        image = Image.fromarray(values)
    if kind == "jpeg of numbers":
        image = Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20) // 20)
    image = image.convert("RGB").resize((20, 10)) if kind == "colours" else image
    if kind == "colours":
        image.putpixel((0, 0), (1, 2, 3))
    image = image.resize((10, 10)) if kind == "other size" else image
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind != "none":
        image.save(path.with_suffix(".jpg" if kind.startswith("jpeg") else ".PNG"))
    if kind == "cut":
        path.with_suffix(".PNG").write_bytes(path.with_suffix(".PNG").read_bytes()[:50])


@FEWER
@given(
    st.lists(st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(KINDS_OF_FILE), masks), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(KINDS_OF_FILE), masks), min_size=1, max_size=4),
)
def test_masks(place, train, validation):
    root = place()
    kinds = set()
    for part, entries in (("train", [("png", "sound", "0/255"), *train]), ("val", validation)):
        for i, (suffix, kind, how) in enumerate(entries):
            paint(root / part / "Images" / f"{i}.{suffix}", i, kind=kind)
            mask(root / part / "masks" / f"{i}.png", how)
            kinds |= {how} if kind == "sound" else set()
    parts, _ = agree(root)
    if parts is None:
        return
    ids = {part: set(np.unique(each.y).tolist()) for part, each in parts.items()}
    if not kinds & {"0/1", "void"}:  # nothing but black and white in both parts: one rule for both
        assert set().union(*ids.values()) <= {0, 1}
        assert ids["train"] == {0, 1}
    else:
        assert parts["train"].ignored == 255
        assert {0, 255} <= ids["train"] <= {0, 1, 255}


def test_one_rule_for_the_masks_of_all_parts(tmp_path):
    for part, kinds in (("train", ["0/255"]), ("val", ["255"])):
        for i, kind in enumerate(kinds):
            paint(tmp_path / part / "images" / f"{i}.png", i)
            mask(tmp_path / part / "masks" / f"{i}.png", kind)
    for classes_ in (None, ("ground", "thing")):
        read = data.read_masks(tmp_path, classes=classes_)
        assert np.unique(read.train.y).tolist() == [0, 1]
        assert np.unique(read.validation.y).tolist() == [1]


def test_a_mask_that_was_saved_as_jpeg_is_black_and_white_or_left_out_and_said(tmp_path):
    for name, kind in (("a", "jpeg"), ("b", "jpeg of numbers")):
        paint(tmp_path / name / "images" / "1.png", 1)
        mask(tmp_path / name / "masks" / "1.png", kind)
    parts, report = agree(tmp_path / "a")
    truth = np.zeros((10, 20), int)
    truth[2:8, 4:16] = 1
    assert (parts[""].y[0] == truth).mean() > 0.97
    assert "JPEG" in parts[""].notes[0]
    assert report.of("lossy-mask")
    parts, report = agree(tmp_path / "b")
    assert parts is None
    assert report.of("lossy-mask")
    with pytest.raises(DataError, match="Save masks as PNG"):
        data.read_masks(tmp_path / "b")


# -- pictures -----------------------------------------------------------------------------------------------------------
def tiff(bits, photometric, raw, width=2, order="<"):
    """An uncompressed grey TIFF of one row (TIFF 6.0, section 4)."""
    tags = [(256, width), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8 + 2 + 9 * 12 + 4), (277, 1)]
    tags += [(278, 1), (279, len(raw))]
    body = b"".join(struct.pack(f"{order}HHIH2x", tag, 3, 1, value) for tag, value in tags)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + body + struct.pack(f"{order}I", 0) + raw


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_tiff_is_read_by_its_bits_and_by_which_end_is_white(order):
    def values(*arguments):
        return data.Preprocessing.pictures(None, 1).pixels(tiff(*arguments, order=order)).ravel().tolist()

    sixteen = struct.pack(f"{order}2H", 0, 65535)
    assert values(8, 1, bytes([0, 255])) == [0, 255]
    assert values(8, 0, bytes([0, 255])) == [255, 0]
    assert values(16, 1, sixteen) == [0, 255]
    if order == "<":  # Pillow names the others as no picture
        assert values(16, 0, sixteen) == [255, 0]
        assert values(12, 1, bytes([0x80, 0x0F, 0xFF])) == [128, 255]  # 2048 and 4095 of 4095
