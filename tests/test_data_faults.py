"""Every fault that annotations have, in every format that can have it: the check names it, a reader leaves out only the
faulty box and says so, and an epoch goes through."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from striate import Input, Model, data, layers
from striate.data.readers.coco import scan_coco
from striate.data.readers.names import real_number
from striate.data.readers.voc import scan_voc
from striate.data.readers.yolo import scan_yolo
from striate.errors import DataError
from striate.tasks.detection_loss import DetectionLoss
from striate.tasks.detector import detector

WIDTH, HEIGHT = 60, 40
SOUND = (10, 10, 30, 30)


def voc(x1, y1, x2, y2, name="<name>cat</name>", more=""):
    edges = f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
    return f"<object>{name}<bndbox>{edges}</bndbox>{more}</object>"


def coco(*box, **others):
    return {"category_id": 0, "bbox": list(box)} | others


def yolo(*numbers):
    return " ".join(map(str, numbers))


SOUND_ONE = {
    "voc": voc(11, 11, 30, 30),
    "coco": coco(10, 10, 20, 20),
    "yolo": yolo(0, 1 / 3, 0.5, 1 / 3, 0.5),
    "boxes": "cat,10,10,30,30",
}
POLYGON = {"category_id": 0, "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]]}
RLE = {"category_id": 0, "segmentation": {"counts": [5, 9], "size": [HEIGHT, WIDTH]}}
# what is wrong: the kind of finding, what becomes of a picture with this box alone, the box in each format.
#   "lost"   the picture is left out: something is in it, and nothing says where
#   "bare"   it stays as a picture without a box
#   a box    it stays with this one; where the kind is None the box is sound
FAULTS = {
    "no class": (
        "label-range",
        "lost",
        {
            "voc": voc(11, 11, 30, 30, ""),
            "coco": {"bbox": [10, 10, 20, 20]},
            "boxes": ",10,10,30,30",
        },
    ),
    "a class that is not there": (
        "label-range",
        "lost",
        {"coco": coco(10, 10, 20, 20, category_id=9), "yolo": yolo(7, 0.5, 0.5, 0.2, 0.2)},
    ),
    "outside": (
        "box-outside",
        "lost",
        {
            "voc": voc(71, 11, 90, 30),
            "coco": coco(70, 10, 20, 20),
            "yolo": yolo(0, 1.4, 0.5, 0.2, 0.2),
            "boxes": "cat,70,10,90,30",
        },
    ),
    "reaching out": (
        "box-outside",
        (50, 10, 60, 30),
        {
            "voc": voc(51, 11, 90, 30),
            "coco": coco(50, 10, 40, 20),
            "yolo": yolo(0, 7 / 6, 0.5, 2 / 3, 0.5),
            "boxes": "cat,50,10,90,30",
        },
    ),
    "below zero": (
        "box-outside",
        (0, 10, 10, 30),
        {"voc": voc(-19, 11, 10, 30), "coco": coco(-20, 10, 30, 20), "boxes": "cat,-20,10,10,30"},
    ),
    "no area": (
        "box-empty",
        "lost",
        {
            "voc": voc(11, 11, 10, 30),
            "coco": coco(10, 10, 0, 20),
            "yolo": yolo(0, 0.5, 0.5, 0, 0.2),
            "boxes": "cat,10,10,10,30",
        },
    ),
    "exchanged corners": (
        "box-swapped",
        "lost",
        {
            "voc": voc(30, 30, 10, 10),
            "coco": coco(30, 10, -20, 20),
            "yolo": yolo(0, 0.5, 0.5, -0.2, 0.2),
            "boxes": "cat,30,10,10,30",
        },
    ),
    "NaN": (
        "box-broken",
        "lost",
        {
            "voc": voc("nan", 11, 30, 30),
            "coco": coco(float("nan"), 10, 20, 20),
            "yolo": yolo(0, "nan", 0.5, 0.2, 0.2),
            "boxes": "cat,NaN,10,30,30",
        },
    ),
    "infinite": (
        "box-broken",
        "lost",
        {
            "voc": voc(11, 11, "inf", 30),
            "coco": coco(10, 10, 10**400, 20),
            "yolo": yolo(0, 0.5, 0.5, "1e999", 0.2),
            "boxes": "cat,10,-inf,30,30",
        },
    ),
    "huge": (
        "box-outside",
        "lost",
        {
            "voc": voc("1e300", 11, "1.1e300", 30),
            "coco": coco(10**300, 10, 1e300, 20),
            "yolo": yolo(0, 1e300, 0.5, 1e299, 0.2),
            "boxes": "cat,1e300,10,2e300,30",
        },
    ),
    "a text for a number": (
        "box-broken",
        "lost",
        {
            "voc": voc("left", 11, 30, 30),
            "coco": coco("10", 10, 20, 20),
            "yolo": yolo(0, "half", 0.5, 0.2, 0.2),
            "boxes": "cat,left,10,30,30",
        },
    ),
    "true for a number": ("box-broken", "lost", {"coco": coco(True, 10, 20, 20)}),
    "a number is missing": (
        "box-broken",
        "lost",
        {
            "voc": voc(11, 11, 30, 30).replace("<xmin>11</xmin>", ""),
            "coco": coco(10, 10, 20),
            "yolo": yolo(0, 0.5, 0.5, 0.2),
            "boxes": "cat,10,,30,30",
        },
    ),
    "no box": (
        "box-broken",
        "lost",
        {
            "voc": "<object><name>cat</name><polygon><x1>3</x1></polygon></object>",
            "coco": {"category_id": 0, "keypoints": [10, 10, 2], "num_keypoints": 1},
            "yolo": "0",
        },
    ),
    "a mask of runs only": ("box-broken", "lost", {"coco": RLE}),
    "pixels for shares": ("box-outside", "lost", {"yolo": yolo(0, 20, 20, 20, 20)}),
    "one pixel": (
        "box-tiny",
        "bare",
        {
            "voc": voc(21, 21, 21, 21),
            "coco": coco(20, 20, 1, 1),
            "yolo": yolo(0, 0.5, 0.5, 1 / 60, 1 / 40),
            "boxes": "cat,20,20,21,21",
        },
    ),
    "there twice": ("box-repeated", SOUND, SOUND_ONE),
    "none: polygons in place of a box": (
        None,
        SOUND,
        {"coco": POLYGON, "yolo": "0 .16667 .25 .5 .25 .5 .75 .16667 .75"},
    ),
    "none: a crowd": (
        None,
        SOUND,
        {"coco": coco(10, 10, 20, 20, iscrowd=1), "voc": voc(11, 11, 30, 30, more="<difficult>1</difficult>")},
    ),
    "none: with a score": (None, SOUND, {"yolo": yolo(0, 1 / 3, 0.5, 1 / 3, 0.5, 0.93)}),
}
CASES = [(fault, form) for fault, (_, _, forms) in FAULTS.items() for form in forms]


def put(root, form, pictures, sizes=None, encode=str.encode, end="\n"):
    """A data set of a format: pictures[i] has these entries; what is called None has no annotation."""
    (root / "images").mkdir(parents=True)
    names = {"voc": "JPEGImages", "coco": "images", "yolo": "images", "boxes": "images"}
    if form == "voc":
        (root / "images").rename(root / "JPEGImages")
    for folder in {"voc": ["Annotations"], "yolo": ["labels"]}.get(form, []):
        (root / folder).mkdir()
    images, annotations, rows = [], [], ["file,label,xmin,ymin,xmax,ymax"]
    for i, entries in enumerate(pictures):
        shade = np.full((HEIGHT, WIDTH, 3), 40 + i, np.uint8)
        shade[:5, :5] = i * 7 % 256
        Image.fromarray(shade).save(root / names[form] / f"{i}.png")
        width, height = (sizes or {}).get(i, (WIDTH, HEIGHT))
        if form == "voc":
            size = f"<size><width>{width}</width><height>{height}</height></size>"
            text = f"<annotation>{end}{size}{''.join(entries)}{end}</annotation>"
            (root / "Annotations" / f"{i}.xml").write_bytes(encode(text))
        if form == "yolo":
            (root / "labels" / f"{i}.txt").write_bytes(encode(end.join(entries)))
        images.append({"id": i, "file_name": f"{i}.png", "width": width, "height": height})
        annotations += [
            each | {"image_id": i, "id": len(annotations) + k} for k, each in enumerate(entries) if form == "coco"
        ]
        rows += [f"images/{i}.png,{entry}" for entry in entries] if form == "boxes" else []
    if form == "coco":
        told = {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "cat"}]}
        (root / "instances.json").write_bytes(encode(json.dumps(told)))
    if form == "yolo":
        (root / "classes.txt").write_text("cat\n")
    if form == "boxes":
        (root / "boxes.csv").write_bytes(encode(end.join(rows)))
    return root / {"coco": "instances.json", "boxes": "boxes.csv"}.get(form, "")


def load(path, **options):
    read = data.load(path, cache=False, **options)
    return read if isinstance(read, data.Dataset) else read.train


def boxes_of(read):
    rows = zip(read.paths, read.boxes, strict=True)
    return {Path(path).stem: [tuple(np.round(box, 2).tolist()) for box in boxes] for path, boxes in rows}


@pytest.mark.parametrize(("fault", "form"), CASES)
def test_of_a_faulty_box_only_the_box_is_left_out_and_it_is_named(tmp_path, fault, form):
    kind, alone, forms = FAULTS[fault]
    sound, faulty = SOUND_ONE[form], forms[form]
    path = put(tmp_path, form, [[sound], [sound, faulty], [faulty]])
    report, read = data.check(path, near=False, few=0), load(path)
    kept, there = [alone] if isinstance(alone, tuple) else [], boxes_of(read)
    assert there["0"] == [SOUND]
    crowd = fault == "none: a crowd"  # a region and no thing, so no repeat of the sound one
    assert there["1"] == ([SOUND, *kept] if kind == "box-outside" or crowd else [SOUND])
    assert there.get("2") == (None if alone == "lost" else kept)
    where = {"voc": "object 2", "coco": "annotation with id 2", "yolo": "line 2", "boxes": "row 4"}[form]
    found = {(each.kind, Path(each.files[0]).stem): each.detail for each in report}
    if kind is None:
        assert list(found) == ([] if crowd else [("box-repeated", "1")])  # beside the sound one it is that one again
        assert (read.box_ignored is not None) == crowd
    else:
        assert found.pop((kind, "1")).startswith(where)
        assert any(
            f"1.png: 1 box {'clipped' if kept and kind == 'box-outside' else 'left out'}: {where}" in note
            for note in read.notes
        )
        if kind != "box-repeated":
            assert found.pop((kind, "2"))
        if alone == "lost":
            [(_, reason)] = read.skipped
            assert reason == found.pop(("annotation", "2"))
            assert reason.startswith("none of its 1 box can be used: ")
        else:
            assert not read.skipped
        assert not found


@pytest.mark.parametrize("form", SOUND_ONE)
def test_an_epoch_goes_through_all_faults_at_once(tmp_path, form):
    bad = [forms[form] for _, _, forms in FAULTS.values() if form in forms]
    path = put(
        tmp_path,
        form,
        [
            [SOUND_ONE[form], *bad],
            [SOUND_ONE[form]],
            [],
            bad,
            *([each] for each in bad),
            [MANY[form](i) for i in range(500)],
        ],
    )
    read = load(path, image_size=(64, 64))
    assert max(map(len, read.boxes)) == 500
    start = x = Input((64, 64, 3))
    for filters in (4, 4, 8, 8, 8):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    model = detector(Model(start, x), classes=1, width=8)
    model.compile("adam", DetectionLoss(model.layers[-1]))
    assert np.isfinite(model.fit(read, epochs=1, batch_size=8, verbose=0).history["loss"]).all()


MANY = {  # 500 different boxes of 4 x 4 pixels
    "voc": lambda i: voc(1 + i % 50, 1 + i // 50, 4 + i % 50, 4 + i // 50),
    "coco": lambda i: coco(i % 50, i // 50, 4, 4),
    "yolo": lambda i: yolo(0, (i % 50 + 2) / WIDTH, (i // 50 + 2) / HEIGHT, 4 / WIDTH, 4 / HEIGHT),
    "boxes": lambda i: f"cat,{i % 50},{i // 50},{i % 50 + 4},{i // 50 + 4}",
}


@pytest.mark.parametrize("form", SOUND_ONE)
def test_five_hundred_boxes_are_read_and_said_to_be_more_than_cocos_measure_looks_at(tmp_path, form):
    path = put(tmp_path, form, [[MANY[form](i) for i in range(500)], [SOUND_ONE[form]]])
    [found] = data.check(path, near=False, few=0)
    assert (found.kind, found.severity, found.detail) == ("crowded", "note", '500 boxes of "cat"')
    read = load(path)
    assert [len(each) for each in read.boxes] == [500, 1]
    assert not read.notes


SIZES = {  # the size that is stated, the box that is then written, and where it is in the picture of 60 x 40
    "twice as large": ((120, 80), (20, 20, 60, 60), SOUND, "scaled by 0.5"),
    "half as large": ((30, 20), (5, 5, 15, 15), SOUND, "scaled by 2"),
    "in no proportion": ((100, 40), (10, 10, 30, 30), SOUND, "taken as they are"),
    "sides exchanged": ((40, 60), (10, 10, 30, 30), SOUND, "taken as they are"),
    "twice as large, and the box speaks against it": (
        (30, 20),
        (10, 10, 50, 30),
        (10, 10, 50, 30),
        "taken as they are",
    ),
}


@pytest.mark.parametrize("form", ["voc", "coco"])
@pytest.mark.parametrize("what", SIZES)
def test_boxes_for_a_picture_of_another_size_are_kept_and_said(tmp_path, form, what):
    size, (x1, y1, x2, y2), expected, told = SIZES[what]
    box = voc(x1 + 1, y1 + 1, x2, y2) if form == "voc" else coco(x1, y1, x2 - x1, y2 - y1)
    path = put(tmp_path, form, [[box], [SOUND_ONE[form]]], sizes={0: size})
    read, report = load(path), data.check(path, near=False, few=0)
    assert boxes_of(read) == {"0": [expected], "1": [SOUND]}
    [found] = report
    assert (found.kind, Path(found.files[0]).stem) == ("annotation-size", "0")
    assert found.detail.startswith(f"says {size[0]} x {size[1]}, the picture is 60 x 40; its boxes were ")
    assert told in found.detail
    assert any(found.detail in note for note in read.notes)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["voc", "coco", "yolo"])
def test_a_box_lies_on_its_thing_whichever_way_exif_turns_the_picture(tmp_path, form, orientation):
    """A red thing on blue, drawn on the stored pixels; where nothing tells, the box is taken for the upright picture."""
    stored = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    stored[..., 2], stored[5:15, 20:50] = 200, (250, 0, 0)
    box = {"voc": voc(21, 6, 50, 15), "coco": coco(20, 5, 30, 10)}.get(form)
    if form == "yolo":  # shares of the upright picture
        with Image.fromarray(stored) as image:
            image.getexif()[0x0112] = orientation
            upright = np.asarray(ImageOps.exif_transpose(image))
        down, across = np.nonzero(upright[..., 0])
        (h, w), (x1, y1, x2, y2) = upright.shape[:2], (across.min(), down.min(), across.max() + 1, down.max() + 1)
        box = yolo(0, (x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h)
    path = put(tmp_path, form, [[box]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(next(tmp_path.rglob("0.png")), exif=exif)
    read, report = load(path), data.check(path, near=False, few=0)
    inside = np.zeros(read.shape[:2], bool)
    x1, y1, x2, y2 = np.round(read.boxes[0][0]).astype(int)
    inside[y1:y2, x1:x2] = True
    if form == "yolo" or orientation in (1, 5, 6, 7, 8):  # 2, 3 and 4 keep the size, so that nothing tells
        assert np.array_equal(inside, read.x[0, ..., 0] > 100)
    kind = [] if orientation < 5 else ["turned"] if form == "yolo" else ["annotation-size"]
    assert list(report.kinds) == kind
    assert len([note for note in read.notes if "turned with the picture as EXIF says" in note]) == (
        kind == ["annotation-size"]
    )


def test_what_cannot_be_read_is_left_out_with_its_picture_and_what_is_empty_is_a_picture_without_boxes(tmp_path):
    for form, broken, empty in (
        ("voc", b"<annotation><object>", b"<annotation></annotation>"),
        ("yolo", b"\x89PNG\xff\xfe\x00", b""),
    ):
        path = put(tmp_path / form, form, [[SOUND_ONE[form]]] * 3)
        folder, ending = ("Annotations", "xml") if form == "voc" else ("labels", "txt")
        (path / folder / f"1.{ending}").write_bytes(broken)
        (path / folder / f"2.{ending}").write_bytes(empty)
        (path / folder / f"9.{ending}").write_bytes((path / folder / f"0.{ending}").read_bytes())
        read, report = load(path), data.check(path, near=False, few=0)
        assert boxes_of(read) == {"0": [SOUND], "2": []}
        named = {kind: {Path(file).stem for found in report.of(kind) for file in found.files} for kind in report.kinds}
        assert named == ({"annotation": {"1"}, "unreadable": {"9"}} if form == "voc" else {"annotation": {"1", "9"}})
        assert {Path(each.path).stem for each in read.skipped} == {"1", "9"}
    path = put(tmp_path / "coco", "coco", [[SOUND_ONE["coco"]]] * 2)
    told = json.loads(path.read_text())
    told["images"].append({"id": 7, "file_name": "gone.png"})
    told["annotations"].append(coco(1, 1, 5, 5, image_id=7))
    told["annotations"].append(coco(1, 1, 5, 5, image_id=99))
    path.write_text(json.dumps(told))
    read, report = load(path), data.check(path, near=False, few=0)
    assert boxes_of(read) == {"0": [SOUND], "1": [SOUND]}
    assert [found.kind for found in report] == ["annotation", "unreadable"]
    assert "1 box of pictures that are not listed (image_id 99)" in report.of("annotation")[0].detail
    path.write_text(path.read_text()[:-9])
    with pytest.raises(DataError, match=r"not a JSON file .*line 1 column"):
        load(path)
    assert "not a JSON file" in data.check(path).of("unusable")[0].detail


ENCODINGS = {
    "a mark at the start": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
}


@pytest.mark.parametrize("form", SOUND_ONE)
@pytest.mark.parametrize("how", ENCODINGS)
def test_files_from_windows_are_read_as_others(tmp_path, form, how):
    if form == "coco" and how == "UTF-16":  # JSON is UTF-8 (RFC 8259, section 8.1)
        return
    path = put(tmp_path, form, [[SOUND_ONE[form]], [SOUND_ONE[form]]], encode=ENCODINGS[how], end="\r\n")
    assert boxes_of(load(path)) == {"0": [SOUND], "1": [SOUND]}
    assert not list(data.check(path, near=False, few=0))


@pytest.mark.parametrize("form", ["voc", "coco", "yolo", "boxes"])
def test_a_class_without_boxes_is_named(tmp_path, form):
    path = put(tmp_path, form, [[SOUND_ONE[form]], [SOUND_ONE[form]]])
    if form == "coco":
        path.write_text(path.read_text().replace('"categories": [', '"categories": [{"id": 5, "name": "dog"}, '))
    if form == "yolo":
        (path / "classes.txt").write_text("cat\ndog\n")
    options = {} if form in ("coco", "yolo") else {"classes": ("cat", "dog")}
    read = load(path, **options)
    assert read.classes == ("cat", "dog")
    assert read.notes == (f'{path}: 1 class has no box: "dog"',)
    if not options:
        [found] = data.check(path, near=False, few=0)
        assert (found.kind, found.detail) == ("no-example", '1 class has no box: "dog"')


# parsers: whatever stands there, a survey is made or a DataError is raised

words = st.sampled_from(
    ["", "0", "-1", "1.5", "nan", "inf", "-1e999", "1_0", "x", "9" * 400, "\u0663", " 7 ", "true", "0x1", "1,5"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | words,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["id", "bbox", "name", "size"]), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        "id",
        "image_id",
        "category_id",
        "bbox",
        "segmentation",
        "iscrowd",
        "ignore",
        "file_name",
        "name",
        "width",
        "height",
    ]
)
entries = st.lists(
    st.dictionaries(keys, json_values | st.sampled_from([0, 1, "0.png", [1, 1, 9, 9]]), max_size=6) | json_values,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(entries, entries, entries)
def test_no_instances_file_brings_the_reader_down(tmp_path_factory, images, annotations, categories):
    root = tmp_path_factory.getbasetemp()
    (root / "any.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    try:
        survey = scan_coco(root / "any.json")
    except DataError:
        return
    for item in survey.items:
        for mark in item.marks:
            assert mark.fault is not None or (mark.label in survey.classes and len(mark.corners) == 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(words, min_size=1, max_size=10).map(" ".join), max_size=5), st.sampled_from([None, ("a",), 3]))
def test_no_text_of_yolo_brings_the_reader_down(tmp_path_factory, lines, classes):
    root = tmp_path_factory.getbasetemp() / "yolo"
    if not root.exists():
        put(root, "yolo", [[SOUND_ONE["yolo"]]])
        (root / "classes.txt").unlink()
    (root / "labels" / "0.txt").write_text("\n".join(lines), encoding="utf-8")
    [item] = scan_yolo(root, classes).items
    assert len(item.marks) == sum(bool(line.strip()) for line in lines)
    assert all(
        mark.where == f"line {i}"
        for mark, i in zip(item.marks, (i for i, line in enumerate(lines, 1) if line.strip()), strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(words, words, words, words, st.sampled_from(["", "cat", " cat ", "\u00a0"])), max_size=4),
    words,
    words,
)
def test_no_annotation_of_voc_brings_the_reader_down(tmp_path_factory, things, width, height):
    root = tmp_path_factory.getbasetemp() / "voc"
    if not root.exists():
        put(root, "voc", [[SOUND_ONE["voc"]], []])
    entries = [voc(*edges, name=f"<name>{name}</name>") for *edges, name in things]
    size = f"<size><width>{width}</width><height>{height}</height></size>"
    (root / "Annotations" / "1.xml").write_text(f"<annotation>{size}{''.join(entries)}</annotation>", encoding="utf-8")
    item = next(item for item in scan_voc(root).items if item.name.endswith("1.png"))
    assert len(item.marks) == len(things)
    for mark, (*edges, name) in zip(item.marks, things, strict=True):
        readable = all(real_number(edge) is not None for edge in edges) and name.strip()
        assert (mark.fault is None) is bool(readable)


def test_numbers_are_those_that_files_mean():
    assert [real_number(value) for value in ("1e3", " 2 ", 3, 4.5, True, "1_0", "x", None, [])] == [1000, 2, 3, 4.5] + [
        None
    ] * 5
    assert [real_number(value) for value in (10**400, -(10**400), "1e999")] == [np.inf, -np.inf, np.inf]


@pytest.mark.parametrize("form", ["coco", "csv", "labels"])
@pytest.mark.parametrize("name", ["x" * 3000, "é" * 200, "a/" * 3000, "0.png/x", "."], ids=lambda name: name[:8])
def test_a_name_that_can_be_no_files_costs_its_own_picture_and_no_other(tmp_path, form, name):
    for i in range(3):
        Image.new("RGB", (WIDTH, HEIGHT), (80 * i, 0, 0)).save(tmp_path / f"{i}.png")
    names = ["0.png", name, "1.png", "2.png"]
    table = {"csv": "file,label,left,top,right,bottom\n", "labels": "file,label\n"}.get(form, "")
    if form == "coco":
        things = [{"id": i, "image_id": i, **coco(10, 10, 20, 20)} for i in range(4)]
        images = [{"id": i, "file_name": each} for i, each in enumerate(names)]
        told = {"images": images, "annotations": things, "categories": [{"id": 0, "name": "cat"}]}
        (tmp_path / "told.json").write_text(json.dumps(told))
    else:
        rest = ",10,10,30,30" if form == "csv" else ""
        rows = [f"{each},{'cat' if i % 2 else 'dog'}{rest}\n" for i, each in enumerate(names)]
        (tmp_path / "told.csv").write_text(table + "".join(rows))
    place = tmp_path / ("told.json" if form == "coco" else "told.csv")
    assert len(data.load(place, image_size=16).train) == 3
    assert any(each.kind == "unreadable" for each in data.check(place).findings)


@pytest.mark.parametrize("form", ["yolo", "masks", "coco"])
def test_what_a_reader_refuses_for_its_classes_names_the_check_says_too(tmp_path, form):
    for folder in ("images", "masks", "labels"):
        if folder == "images" or (folder == "masks") is (form == "masks"):
            (tmp_path / folder).mkdir()
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    picture.save(tmp_path / "images" / "0.png")
    if form == "masks":
        picture.convert("L").save(tmp_path / "masks" / "0.png")
        (tmp_path / "classes.txt").write_text("cat\ncat\n")
    elif form == "yolo":
        (tmp_path / "labels" / "0.txt").write_text(SOUND_ONE["yolo"])
        (tmp_path / "data.yaml").write_text("train: images\nnames: [cat, cat]\n")
    else:
        told = {"images": [{"id": 0, "file_name": "0.png"}], "annotations": [{"image_id": 0, **SOUND_ONE["coco"]}]}
        categories = [{"id": 0, "name": "cat"}, {"id": 1, "name": "cat"}]
        (tmp_path / "told.json").write_text(json.dumps(told | {"categories": categories}))
    with pytest.raises(DataError, match="named"):
        data.load(tmp_path, image_size=16)
    (said,) = [each for each in data.check(tmp_path).findings if each.kind == "unusable"]
    assert "named" in said.detail
