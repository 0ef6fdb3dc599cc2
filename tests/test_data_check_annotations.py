"""``data.check`` on annotations: boxes of VOC, COCO and YOLO, masks, and files that reach outside."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from soft_pictures import drawn

from striate import data
from striate.report import write_data_report


def voc(root, name, boxes, size=(96, 80)):
    things = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for label, a, b, c, d in boxes
    )
    width, height = size
    text = f"<annotation><size><width>{width}</width><height>{height}</height></size>{things}</annotation>"
    (root / "Annotations" / f"{name}.xml").write_text(text)


def test_boxes_of_voc_that_leave_the_picture_or_are_empty(tmp_path):
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (tmp_path / folder).mkdir(parents=True)
    for i in range(8):
        drawn(i).save(tmp_path / "JPEGImages" / f"{i}.jpg")
    for i in range(4):
        voc(tmp_path, i, [("cat", 1, 1, 96, 80), ("dog", 10, 10, 30, 30)])
    voc(tmp_path, 4, [("cat", 10, 10, 120, 40)])
    voc(tmp_path, 5, [("cat", 10, 10, 9, 40), ("Cat", 1, 1, 5, 5), ("cat", 30, 10, 20, 40)])
    voc(tmp_path, 6, [("cat", 1, 1, 5, 5)], size=(80, 96))
    (tmp_path / "Annotations" / "gone.xml").write_text("<annotation></annotation>")
    (tmp_path / "Annotations" / "7.xml").write_text("<annotation>")
    (tmp_path / "ImageSets/Main/train.txt").write_text("0\n1\n2\n")
    (tmp_path / "ImageSets/Main/test.txt").write_text("3\n2\n")
    report = data.check(tmp_path)
    stems = {kind: sorted(Path(f.files[-1]).stem for f in report.of(kind)) for kind in report.kinds}
    assert report.layout == "voc"
    assert stems == {
        "unreadable": ["gone"],
        "in-two-parts": ["2"],
        "label-range": ["5"],
        "annotation": ["7"],
        "annotation-size": ["6"],
        "box-outside": ["4"],
        "box-swapped": ["5"],
        "box-empty": ["5"],
        "no-example": [tmp_path.stem],
        "unlisted": ["7"],
    }
    (unlisted,) = report.of("unlisted")
    assert sorted(Path(file).stem for file in unlisted.files) == ["4", "5", "6", "7"]


def test_boxes_of_coco(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").mkdir()
    for i in range(4):
        drawn(i).save(tmp_path / "images" / f"{i}.png")
    notes = [
        (0, 1, [0, 0, 96, 80]),
        (1, 1, [50, 10, 60, 10]),
        (2, 1, [5, 5, 0, 10]),
        (3, 9, [1, 1, 5, 5]),
        (77, 1, [1, 1, 2, 2]),
    ]
    told = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 96, "height": 80} for i in range(5)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": n, "image_id": i, "category_id": c, "bbox": b} for n, (i, c, b) in enumerate(notes)],
    }
    (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(told))
    report = data.check(tmp_path)
    assert (report.layout, report.files) == ("coco", 5)
    stems = {kind: [Path(f.files[0]).stem for f in report.of(kind)] for kind in report.kinds}
    assert stems == {
        "unreadable": ["4"],
        "label-range": ["3"],
        "annotation": ["instances_train", "2", "3"],
        "box-outside": ["1"],
        "box-empty": ["2"],
    }


def test_boxes_of_yolo(tmp_path):
    for folder in ("images/train", "labels/train"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("train: images/train\nnames:\n  0: cat\n  1: dog\n")
    lines = ["0 0.5 0.5 1 1", "1 0.9 0.5 0.4 0.2", "1 0.5 0.5 0 0.1", "2 0.5 0.5 0.1 0.1", "0 half 0.5 1 1", None]
    for i, line in enumerate(lines):
        drawn(i).save(tmp_path / "images" / "train" / f"{i}.jpg")
        if line is not None:
            (tmp_path / "labels" / "train" / f"{i}.txt").write_text(line + "\n")
    report = data.check(tmp_path)
    stems = {kind: [Path(f.files[0]).stem for f in report.of(kind)] for kind in report.kinds}
    assert report.layout == "yolo"
    assert stems == {
        "label-range": ["3"],
        "annotation": ["2", "3", "4"],
        "box-broken": ["4"],
        "box-outside": ["1"],
        "box-empty": ["2"],
        "unannotated": ["5"],
    }


def test_masks_of_another_size_and_labels_that_no_class_has(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for i in range(6):
        drawn(i).save(tmp_path / "images" / f"{i}.jpg")
        values = np.random.RandomState(i).randint(0, 4, (80, 96)).astype(np.uint8)
        values[0, 0] = {1: 9, 2: 255}.get(i, 0)
        mask = Image.fromarray(values)
        if i != 5:
            (mask.resize((48, 40), Image.Resampling.NEAREST) if i == 3 else mask).save(tmp_path / "masks" / f"{i}.png")
    Image.fromarray(values).save(tmp_path / "masks" / "alone.png")
    report = data.check(tmp_path)
    stems = {kind: [Path(f.files[0]).stem for f in report.of(kind)] for kind in report.kinds}
    assert stems == {"label-range": ["1"], "mask-size": ["3"], "annotation": ["5", "alone"]}
    assert len(data.check(tmp_path, classes=2).of("label-range")) == 5
    assert not data.check(tmp_path, classes=10).of("label-range")


def test_annotations_from_strangers_resolve_no_entity_and_reach_no_file_outside(tmp_path):
    """An entity in the XML is a finding, and a list's name that leads out of the folder opens nothing there."""
    set_ = tmp_path / "voc"
    for folder in ("Annotations", "JPEGImages"):
        (set_ / folder).mkdir(parents=True)
    for i in range(3):
        drawn(i).save(set_ / "JPEGImages" / f"{i}.jpg")
        voc(set_, i, [("cat", 1, 1, 96, 80)])
    text = (set_ / "Annotations" / "2.xml").read_text().replace(">cat<", ">&pet;<")
    (set_ / "Annotations" / "2.xml").write_text(f'<!DOCTYPE a [<!ENTITY pet "cat">]>{text}')
    found = data.check(set_).of("annotation")
    assert [Path(finding.files[0]).stem for finding in found] == ["2"]
    assert "document type" in found[0].detail

    other, inside = tmp_path / "other.png", tmp_path / "coco"
    drawn(0).save(tmp_path / "secret.png")
    drawn(2).save(other)
    inside.mkdir()
    drawn(1).save(inside / "1.png")
    images = [
        {"id": 0, "file_name": "../secret.png"},
        {"id": 1, "file_name": "1.png"},
        {"id": 2, "file_name": str(other)},
    ]
    (inside / "instances_train.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    report = data.check(inside / "instances_train.json")
    assert len(report.of("unreadable")) == 2


def test_a_faulty_box_is_marked_on_its_picture_whatever_the_format(tmp_path):
    """The page frames the box in shares of the upright picture, here turned by EXIF; a box of one pixel can be seen, too."""
    pixels = np.random.RandomState(0).randint(0, 256, (40, 80, 3)).astype(np.uint8)
    for form in ("yolo", "voc"):
        root = tmp_path / form
        (root / "images").mkdir(parents=True)
        (root / ("labels" if form == "yolo" else "Annotations")).mkdir()
        turned = Image.Exif()
        turned[0x0112] = 6  # 40 x 80 as it is stored, 80 high and 40 wide when upright
        Image.fromarray(pixels).save(root / "images" / "a.jpg", exif=turned)
    (tmp_path / "yolo" / "classes.txt").write_text("cat\n")
    (tmp_path / "yolo" / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n0 0.5125 0.25625 0.025 0.0125\n")
    objects = "".join(
        f"<object><name>cat</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in ((11, 21, 30, 60), (21, 21, 21, 21))
    )
    size = "<size><width>40</width><height>80</height><depth>3</depth></size>"
    (tmp_path / "voc" / "images").rename(tmp_path / "voc" / "JPEGImages")
    (tmp_path / "voc" / "Annotations" / "a.xml").write_text(
        f"<annotation><filename>a.jpg</filename>{size}{objects}</annotation>"
    )
    for form in ("yolo", "voc"):
        report = data.check(tmp_path / form)
        (tiny,) = report.of("box-tiny")
        assert tiny.box == pytest.approx((0.5, 0.25, 0.525, 0.2625), abs=1e-4)
        assert tiny.to_dict()["box"] == list(tiny.box)
        page = write_data_report(tmp_path / f"{form}.html", report).read_text()
        (style,) = re.findall(r'<span class="marked"><img [^>]*><i style="([^"]*)">', page)
        assert (
            style
            == "left:calc(50.00% - 5px);top:calc(25.00% - 5px);width:calc(2.50% + 10px);height:calc(1.25% + 10px);"
        )
