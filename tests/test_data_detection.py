"""Boxes from Pascal VOC, COCO and YOLO files: right, faulty and hostile ones."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data import Dataset, Splits, load, read_coco, read_voc, read_yolo, scenes
from striate.errors import DataError
from striate.wording import plural

SCENES = scenes(12, 48, seed=5)
PARTS = {"train": range(6), "val": range(6, 9), "test": range(9, 12)}


def fails(make, *fragments):
    with pytest.raises(DataError) as caught:
        make()
    for fragment in fragments:
        assert fragment in str(caught.value), str(caught.value)


def save(path, i, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(SCENES.x[i]).save(path, **options)
    return path


def same(part, numbers):
    """A part has these scenes, with their boxes and classes."""
    assert part.classes == ("circle", "square", "triangle")
    assert [str(path).rsplit("_", 1)[1][:2] for path in part.paths] == [f"{i:02}" for i in numbers]
    for x, boxes, labels, i in zip(part.x, part.boxes, part.box_labels, numbers, strict=True):
        assert np.array_equal(x, SCENES.x[i])
        assert np.allclose(boxes, SCENES.boxes[i], atol=1e-3)
        assert labels.tolist() == SCENES.box_labels[i].tolist()


# VOC


def voc_xml(objects, size=(48, 48), head=""):
    boxes = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, (x1, y1, x2, y2), difficult in objects
    )
    return f"{head}<annotation><size><width>{size[1]}</width><height>{size[0]}</height></size>{boxes}</annotation>"


def objects(i):
    """In VOC's numbers: from 1, both ends included."""
    rows = zip(SCENES.boxes[i].astype(int).tolist(), SCENES.box_labels[i], strict=True)
    return [(SCENES.classes[label], (b[0] + 1, b[1] + 1, b[2], b[3]), 0) for b, label in rows]


@pytest.fixture
def voc(tmp_path):
    for i in range(12):
        save(tmp_path / "JPEGImages" / f"cell_{i:02}.png", i)
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "Annotations" / f"cell_{i:02}.xml").write_text(voc_xml(objects(i)))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for part, numbers in PARTS.items():
        (lists / f"{part}.txt").write_text("".join(f"cell_{i:02}\n" for i in numbers))
    return tmp_path


def test_voc_boxes_count_from_one_and_include_their_ends(voc):
    parts = read_voc(voc)
    assert isinstance(parts, Splits)
    for part, numbers in zip(parts, PARTS.values(), strict=True):
        same(part, numbers)
        assert part.skipped == ()
        assert part.notes == ()
        assert part.box_ignored is None


def test_voc_without_lists_or_with_trainval_only(voc):
    lists = voc / "ImageSets" / "Main"
    for part in ("train", "val"):
        (lists / f"{part}.txt").unlink()
    (lists / "trainval.txt").write_text("cell_03  1\ncell_01 -1\n")  # lists of one class have a second column
    parts = read_voc(voc)
    assert parts.validation is None
    same(parts.train, [3, 1])
    same(parts.test, PARTS["test"])
    (lists / "test.txt").unlink()
    whole = read_voc(voc)
    assert isinstance(whole, Dataset)
    same(whole, range(12))


def test_voc_boxes_follow_a_resize(voc):
    data = read_voc(voc, image_size=(24, 96)).train
    for boxes, i in zip(data.boxes, PARTS["train"], strict=True):
        assert np.allclose(boxes, SCENES.boxes[i] * [2, 0.5, 2, 0.5])
    corner = ("circle", (1, 1, 8, 6), 0)
    (voc / "Annotations" / "cell_00.xml").write_text(voc_xml([*objects(0), corner]))
    cut = read_voc(voc, image_size=(20, 40), resize="crop").train  # scaled to 40 x 40, the middle 20 rows kept
    moved = [boxes for each in cut.boxes for boxes in each]
    assert all(0 <= y1 < y2 <= 20 for _, y1, _, y2 in moved)
    full = sum(len(SCENES.boxes[i]) for i in PARTS["train"]) + 1
    assert len(moved) < full
    assert plural(full - len(moved), "box", "lies") + " in margins" in cut.notes[-1]


def test_difficult_boxes_are_flagged_and_classes_can_be_chosen(voc):
    file = voc / "Annotations" / "cell_00.xml"
    file.write_text(voc_xml([("square", (1, 1, 9, 9), 1), ("circle", (2, 2, 48, 48), 0), ("blob", (2, 2, 9, 9), 0)]))
    train = read_voc(voc, classes=["square", "circle", "triangle"]).train
    assert train.classes == ("square", "circle", "triangle")
    assert train.boxes[0].tolist() == [[0, 0, 9, 9], [1, 1, 48, 48]]
    assert train.box_labels[0].tolist() == [0, 1]
    assert train.box_ignored[0].tolist() == [True, False]
    assert '1 box of "blob" left out' in train.notes[0]


def test_faults_of_voc_files_are_named_and_the_rest_is_read(voc):
    notes = voc / "Annotations"
    (notes / "cell_00.xml").write_text("<annotation><object>")
    (notes / "cell_01.xml").write_text(voc_xml(objects(1), size=(40, 64)))
    (notes / "cell_02.xml").unlink()
    (voc / "JPEGImages" / "cell_03.png").unlink()
    (voc / "JPEGImages" / "cell_04.png").write_bytes(b"no picture")
    bad = [("circle", (5, 5, 4, 9), 0), ("circle", (50, 5, 60, 9), 0), ("circle", ("x", 5, 6, 9), 0)]
    (notes / "cell_05.xml").write_text(voc_xml([*bad, ("square", (40, 40, 70, 48), 0)], size=(0, 0)))
    train = read_voc(voc).train
    assert len(train) == 2
    assert np.array_equal(train.boxes[0], SCENES.boxes[1])
    assert train.boxes[1].tolist() == [[39, 39, 48, 48]]
    reasons = {s.path.rsplit("/", 1)[1]: s.reason for s in train.skipped}
    assert "broken XML" in reasons["cell_00.xml"]
    assert "no such annotation" in reasons["cell_02.xml"]
    assert "no picture" in reasons["cell_03.xml"]
    assert "not a picture" in reasons["cell_04.png"]
    assert len(reasons) == 4
    total, bare, other_size, left_out, clipped = train.notes
    assert bare.endswith(': 1 class has no box: "circle"')
    assert "3 boxes left out (1 not of numbers, 1 empty, 1 outside), 1 box clipped" in total
    assert "says 64 x 40, the picture is 48 x 48" in other_size
    assert "3 boxes left out: object 1, 0 wide" in left_out
    assert "object 2, 49 4 60 9 is outside; the picture is 48 x 48" in left_out
    assert "object 3, xmin is 'x', no number" in left_out
    assert "1 box clipped: object 4" in clipped


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE annotation SYSTEM "http://127.0.0.1/a.dtd">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_and_never_resolved(voc, head, encoding):
    xml = voc_xml([("&x;" if "SYSTEM" in head else "&b;", (1, 1, 9, 9), 0)], head=head)
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{xml}'
    (voc / "Annotations" / "cell_00.xml").write_bytes(declared.encode(encoding))
    train = read_voc(voc).train
    assert len(train) == 5
    assert "not resolved" in train.skipped[0].reason
    assert not any("root" in name for name in train.classes)


def test_exif_turns_the_picture_and_boxes_that_were_drawn_on_the_stored_one_with_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    boxes = {"upright": (1, 1, 20, 30), "stored": (1, 1, 30, 5), "other": (1, 1, 20, 30)}
    for name, size in (("upright", (30, 20)), ("stored", (20, 30)), ("other", (20, 30))):
        place = tmp_path / "JPEGImages" / f"{name}.jpg"
        place.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), "red").save(place, exif=exif)  # 20 x 30 as stored, 30 x 20 upright
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "Annotations" / f"{name}.xml").write_text(voc_xml([("a", boxes[name], 0)], size))
    data = read_voc(tmp_path)
    assert data.shape == (30, 20, 3)
    found = {Path(path).stem: boxes.tolist() for path, boxes in zip(data.paths, data.boxes, strict=True)}
    # orientation 6 turns clockwise: the five upper rows of what is stored are the right columns
    assert found == {"upright": [[0, 0, 20, 30]], "stored": [[15, 0, 20, 30]], "other": [[0, 0, 20, 30]]}
    other, stored = data.notes
    assert "stored.jpg: the annotation says 30 x 20, the picture is 20 x 30; its boxes were turned" in stored
    assert "only fit the upright one" in other


def test_no_annotations_or_no_boxes_is_said(tmp_path):
    fails(lambda: read_voc(tmp_path), "no annotations", "Annotations/*.xml")
    fails(lambda: read_voc(tmp_path / "none"), "no such folder")
    (tmp_path / "a.xml").write_text("<annotation/>")
    fails(lambda: read_voc(tmp_path), "no box in 1 annotation.")


# COCO


def instances(numbers, ids=(7, 90, 3), shuffled=False):
    """Scenes as COCO has them; the categories have the ids (circle 7, square 90, triangle 3)."""
    boxes = [
        {
            "id": 100 * i + k,
            "image_id": 1000 + i,
            "category_id": ids[label],
            "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]],
            "iscrowd": 0,
        }
        for i in numbers
        for k, (b, label) in enumerate(zip(SCENES.boxes[i].tolist(), SCENES.box_labels[i], strict=True))
    ]
    return {
        "images": [{"id": 1000 + i, "file_name": f"s_{i:02}.png", "width": 48, "height": 48} for i in numbers],
        "annotations": boxes[::-1] if shuffled else boxes,
        "categories": [{"id": ids[k], "name": name} for k, name in enumerate(SCENES.classes)],
    }


def write_coco(root, ids=(3, 7, 90)):
    for part, numbers in PARTS.items():
        for i in numbers:
            save(root / f"{part}2017" / f"s_{i:02}.png", i)
        file = root / "annotations" / f"instances_{part}2017.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(instances(numbers, ids)))
    return root


def test_coco_parts_are_read_with_ids_that_have_gaps(tmp_path):
    parts = read_coco(write_coco(tmp_path))
    for part, numbers in zip(parts, PARTS.values(), strict=True):
        same(part, numbers)
        assert part.skipped == ()
        assert part.notes == ()


def test_coco_classes_stand_in_the_order_of_the_ids_or_in_the_given_one(tmp_path):
    write_coco(tmp_path, ids=(7, 90, 3))
    train = read_coco(tmp_path).train
    assert train.classes == ("triangle", "circle", "square")
    assert train.box_labels[0].tolist() == [(c + 1) % 3 for c in SCENES.box_labels[0].tolist()]
    same(read_coco(tmp_path, classes=SCENES.classes).train, PARTS["train"])


def test_one_coco_file_finds_its_pictures(tmp_path):
    write_coco(tmp_path)
    file = tmp_path / "annotations" / "instances_val2017.json"
    same(read_coco(file), PARTS["val"])
    lonely = tmp_path / "elsewhere.json"
    lonely.write_text(file.read_text())
    same(read_coco(lonely, pictures=tmp_path / "val2017"), PARTS["val"])


def test_crowds_are_flagged_and_faults_are_named(tmp_path):
    content = instances([0, 1], ids=(1, 2, 3))
    content["annotations"] = [
        {"image_id": 1000, "category_id": 1, "bbox": [1, 2, 10, 10], "iscrowd": 1},
        {"image_id": 1000, "category_id": 2, "bbox": [1, 2, 30, 20]},
        {"image_id": 1000, "category_id": 2, "bbox": [1, 2, 0, 20]},
        {"image_id": 1000, "category_id": 2, "bbox": [1, 2, float("nan"), 20]},
        {"image_id": 1000, "category_id": 9, "bbox": [1, 2, 5, 20]},
        {"image_id": 5, "category_id": 2, "bbox": [1, 2, 5, 20]},
        {"image_id": 1000, "category_id": 2, "bbox": [1, 2, 5]},
        {"image_id": 1000, "category_id": 2, "caption": "a square"},
        "nonsense",
    ]
    content["images"] += [
        {"id": 1, "file_name": "../secret.png"},
        {"id": 2, "file_name": "/etc/passwd"},
        {"id": 3, "file_name": "gone.png"},
        {"id": 4},
    ]
    save(tmp_path / "secret.png", 0)
    for i in (0, 1):
        save(tmp_path / "set" / f"s_{i:02}.png", i)
    file = tmp_path / "set" / "boxes.json"
    file.write_text(json.dumps(content))
    data = read_coco(file)
    assert len(data) == 2
    assert data.boxes[0].tolist() == [[1, 2, 11, 12], [1, 2, 31, 22]]
    assert data.boxes[1].shape == (0, 4)
    assert data.box_ignored[0].tolist() == [True, False]
    reasons = {s.path.rsplit("/", 1)[-1]: s.reason for s in data.skipped}
    assert "out of the folder" in reasons["secret.png"]
    assert "out of the folder" in reasons["passwd"]
    assert "no such file" in reasons["gone.png"]
    assert "image 5 lacks" in reasons["boxes.json"]
    said = "\n".join(data.notes)
    for fragment in (
        "annotation 4, category_id 9 is not listed",
        "1 box of pictures that are not listed (image_id 5)",
        "1 annotation that is no object of JSON",
        "5 boxes left out (3 not of numbers, 1 of no known class, 1 empty)",
        "annotation 2, 0 wide and 20 high",
        "annotation 6, its bbox is [1, 2, 5]; x, y, width and height were expected",
        "annotation 7, it has no bbox",
    ):
        assert fragment in said


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("{", "not a JSON file"),
        ("[" * 100_000, "brackets more than 100 deep"),
        ("[]", "no instances file"),
        ('{"images": [], "annotations": []}', "categories"),
        ('{"images": [], "annotations": [], "categories": []}', "no categories"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', "lacks its id or name"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}', '"a"'),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}', "no picture"),
    ],
)
def test_what_is_no_instances_file_is_said(tmp_path, content, fragment):
    (tmp_path / "a.json").write_text(content)
    fails(lambda: read_coco(tmp_path / "a.json"), fragment)


# YOLO


def yolo_lines(i):
    rows = zip(SCENES.boxes[i].tolist(), SCENES.box_labels[i], strict=True)
    shares = [
        (label, (b[0] + b[2]) / 96, (b[1] + b[3]) / 96, (b[2] - b[0]) / 48, (b[3] - b[1]) / 48) for b, label in rows
    ]
    return "".join(f"{label} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n" for label, cx, cy, w, h in shares)


LAYOUTS = ["images/{part}", "{part}/images", "{part}"]


def write_yolo(root, layout):
    for part, numbers in PARTS.items():
        for i in numbers:
            picture = save(root / layout.format(part=part) / f"s_{i:02}.png", i)
            labels = layout.format(part=part).replace("images", "labels")
            file = root / labels / f"{picture.stem}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yolo_lines(i))
    return root


@pytest.mark.parametrize("layout", LAYOUTS)
def test_yolo_layouts_with_names_in_a_text_file(tmp_path, layout):
    write_yolo(tmp_path, layout)
    (tmp_path / "classes.txt").write_text("circle\nsquare\ntriangle\n")
    for part, numbers in zip(read_yolo(tmp_path), PARTS.values(), strict=True):
        same(part, numbers)
        assert part.notes == ()


CONFIGS = {
    "list": "names: ['circle', \"square\", triangle]  # in order\n",
    "lines": "nc: 3\nnames:\n- circle\n- square\n- triangle\n",
    "numbered": "names:\n  0: circle\n  1: square\n  2: 'triangle'\n",
    "inline map": "names: {0: circle, 1: square, 2: triangle}\n",
    "long list": "names: [circle,\n  square,\n  triangle]\n",
}


@pytest.mark.parametrize("names", CONFIGS)
@pytest.mark.parametrize("up", ["", "../"])
def test_yolo_config_files(tmp_path, names, up):
    write_yolo(tmp_path / "set", "images/{part}")
    (tmp_path / "set" / "data.yaml").write_text(
        f"# a set\n---\ntrain: {up}images/train\nval: {up}images/val\ntest: {up}images/test\n{CONFIGS[names]}"
    )
    for place in (tmp_path / "set", tmp_path / "set" / "data.yaml"):
        for part, numbers in zip(read_yolo(place), PARTS.values(), strict=True):
            same(part, numbers)


def test_a_config_may_list_pictures_and_have_its_own_root(tmp_path):
    write_yolo(tmp_path / "set", "images/{part}")
    (tmp_path / "set" / "some.txt").write_text("./images/train/s_02.png\nimages/train/s_00.png\n")
    file = tmp_path / "mine.yaml"
    file.write_text(
        "path: set\ntrain: some.txt\nval:\n  - images/val\n  - images/test\nnames: [circle, square, triangle]"
    )
    parts = read_yolo(file)
    same(parts.train, [2, 0])
    same(parts.validation, range(6, 12))
    file.write_text("path: set\ntrain: nowhere\nnames: [a]\n")
    fails(lambda: read_yolo(file), "nowhere")
    file.write_text("train\n")
    fails(lambda: read_yolo(file), "line 1", "not understood")


def test_faulty_lines_are_left_out_and_pictures_without_a_file_have_no_boxes(tmp_path):
    for i in range(4):
        save(tmp_path / "images" / f"s_{i:02}.png", i)
    labels = tmp_path / "labels"
    labels.mkdir()
    lines = ["0 0.5 0.5 0.5 0.5", "1 0.5 0.5 0.5", "x 1 1 1 1", "0.5 1 1 1 1", "-1 .5 .5 .1 .1", "7 0.5 0.5 0.1 0.1"]
    lines += ["0 0.5 0.5 0 0.1", "0 nan 0.5 0.1 0.1", "1 0.25 0.25 0.75 0.25 0.5 0.5", "", "0 1.0 0.5 0.5 0.25"]
    (labels / "s_00.txt").write_text("\n".join(lines))
    (labels / "s_01.txt").write_text("")
    (labels / "s_03.txt").write_text("2 0.5 0.5 1 1")
    data = read_yolo(tmp_path, classes=("a", "b", "c"))
    assert data.boxes[0].tolist() == [[12, 12, 36, 36], [12, 12, 36, 24], [36, 18, 48, 30]]
    assert data.box_labels[0].tolist() == [0, 1, 0]
    assert [len(each) for each in data.boxes] == [3, 0, 0, 1]
    assert data.boxes[3].tolist() == [[0, 0, 48, 48]]
    said = "\n".join(data.notes)
    for number in (2, 3, 4, 5):
        assert f"line {number}, " in said
    assert "line 6, class 7 is beyond the 3 classes" in said
    assert "7 boxes left out (5 not of numbers, 1 of no known class, 1 empty), 1 box clipped" in said
    unnamed = read_yolo(tmp_path)
    assert unnamed.classes == tuple("01234567")


def test_no_labels_or_no_pictures_is_said(tmp_path):
    fails(lambda: read_yolo(tmp_path), "no pictures")
    save(tmp_path / "images" / "a.png", 0)
    fails(lambda: read_yolo(tmp_path), "none of its pictures has a text file")
    fails(lambda: read_yolo(tmp_path / "none"), "no such folder")


# by path


def test_load_finds_out_what_a_path_is(tmp_path, voc):
    same(load(voc).train, PARTS["train"])
    coco = write_coco(tmp_path / "coco") if (tmp_path / "coco").mkdir() is None else None
    same(load(coco).train, PARTS["train"])
    same(load(coco / "annotations" / "instances_test2017.json").train, PARTS["test"])
    yolo = write_yolo(tmp_path / "yolo", "{part}/images")
    (yolo / "classes.txt").write_text("circle\nsquare\ntriangle\n")
    same(load(yolo).train, PARTS["train"])
    fails(lambda: load(tmp_path / "none.json"), "none.json")


def test_parts_never_share_a_picture(voc):
    parts = [set(part.paths) for part in read_voc(voc)]
    assert not any(one & other for one, other in pairwise([*parts, parts[0]]))
