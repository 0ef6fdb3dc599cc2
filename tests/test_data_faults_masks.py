"""Faults of masks: the check names them, of an unknown label only the pixels are left out, and an epoch goes through."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate import Input, Model, data, layers
from striate.tasks.average_precision import Detections, Truth, average_precision
from striate.train.losses import SparseCategoricalCrossentropy

LABELS = np.zeros((40, 60), np.uint8)
LABELS[10:30, 10:30], LABELS[20:38, 40:55] = 1, 2
STRAY = LABELS.copy()
STRAY[0, :3] = 9


def palette(labels):
    image = Image.fromarray(labels)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    return image


def sixteen(labels):
    return Image.frombytes("I;16", labels.shape[::-1], labels.astype("<u2").tobytes())


# what a mask is: its picture, the finding, what the reader makes of it (None: the picture is left out)
MASKS = {
    "palette": (palette(LABELS), None, LABELS),
    "grey in three channels": (Image.fromarray(np.repeat(LABELS[..., None], 3, 2)), None, LABELS),
    "16 bits": (sixteen(LABELS), None, LABELS),
    "an unknown label": (Image.fromarray(STRAY), "label-range", np.where(STRAY == 9, 255, STRAY)),
    "an unknown label in 16 bits": (
        sixteen(np.where(STRAY == 9, 40_000, STRAY)),
        "label-range",
        np.where(STRAY == 9, 255, STRAY),
    ),
    "mostly unknown labels": (Image.fromarray(LABELS + 7), "label-range", None),
    "colours": (Image.fromarray(np.dstack([LABELS * 90, LABELS, LABELS])), "annotation", None),
    "another size": (Image.fromarray(LABELS[::2, ::2]), "mask-size", None),
    "on its side": (Image.fromarray(LABELS.T.copy()), "mask-size", None),
}


def put(root, masks):
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("ground\ncat\ndog\n")
    for i, mask in enumerate(masks):
        shade = np.full((40, 60, 3), 60 + 3 * i, np.uint8)
        shade[LABELS == 1] = 200, 0, i
        Image.fromarray(shade).save(root / "images" / f"{i}.png")
        mask.save(root / "masks" / f"{i}.png")
    return root


def load(path, **options):
    read = data.load(path, cache=False, **options)
    return read if isinstance(read, data.Dataset) else read.train


@pytest.mark.parametrize("what", MASKS)
def test_a_fault_of_a_mask_is_named_and_what_is_sound_is_read(tmp_path, what):
    mask, kind, expected = MASKS[what]
    root = put(tmp_path, [Image.fromarray(LABELS), mask])
    read, report = load(root), data.check(root, near=False, few=0)
    assert read.classes == ("ground", "cat", "dog")
    assert np.array_equal(read.y[0], LABELS)
    assert list(report.kinds) == ([kind] if kind else [])
    if expected is None:
        assert len(read) == 1
        assert {Path(each.path).stem for each in read.skipped} == {"1"}
    else:
        assert np.array_equal(read.y[1], expected)
        assert not read.skipped
    if kind == "label-range" and expected is not None:
        assert read.ignored == 255
        assert "on 3 pixels, beyond the 3 classes; these pixels count for nothing" in report.of(kind)[0].detail
        assert any(report.of(kind)[0].detail in note for note in read.notes)


def test_a_mask_that_was_drawn_on_the_stored_picture_is_turned_with_it(tmp_path):
    root = put(tmp_path, [Image.fromarray(LABELS), Image.fromarray(LABELS)])
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(root / "images" / "1.png") as image:
        image.load()
    image.save(root / "images" / "1.png", exif=exif)
    read = load(root, image_size=(60, 60))
    assert np.array_equal(read.y[1][read.x[1][..., 0] == 200], np.ones((read.x[1][..., 0] == 200).sum()))
    assert not read.skipped
    assert not list(data.check(root, near=False, few=0))


def test_a_class_without_a_pixel_is_named(tmp_path):
    root = put(tmp_path, [Image.fromarray(np.minimum(LABELS, 1))] * 2)
    [found] = [each for each in data.check(root, near=False, few=0) if each.kind != "duplicate"]
    assert (found.kind, found.detail) == ("no-example", '1 class has no pixel: "dog"')
    assert any('1 class has no pixel: "dog"' in note for note in load(root).notes)


def test_an_epoch_goes_through_all_masks_at_once(tmp_path):
    read = load(put(tmp_path, [Image.fromarray(LABELS), *(mask for mask, _, _ in MASKS.values())]), image_size=(32, 32))
    assert read.ignored == 255
    assert (read.y == 255).any()
    start = Input((32, 32, 3))
    model = Model(start, layers.Conv2D(3, 3, padding="same", activation="softmax")(start))
    model.compile("adam", SparseCategoricalCrossentropy(ignore_class=read.ignored))
    assert np.isfinite(model.fit(read, epochs=1, verbose=0).history["loss"]).all()


def test_the_traps_of_cocos_code_through_a_file(tmp_path):
    """Ids that start at 0, no iscrowd, area 0, `ignore` beside `iscrowd`: known to give other figures than meant."""
    for i in range(2):
        Image.new("RGB", (60, 40), (i * 90, 40, 40)).save(tmp_path / f"{i}.png")
    boxes = [
        (0, [0, 0, 20, 20], {}),
        (0, [30, 10, 20, 20], {"ignore": 1, "iscrowd": 0}),
        (1, [5, 5, 30, 30], {"area": 0}),
    ]
    boxes += [(1, [38, 5, 20, 30], {"iscrowd": "0"})]
    told = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(2)],
        "annotations": [
            {"id": k, "image_id": i, "category_id": 0, "bbox": box} | more for k, (i, box, more) in enumerate(boxes)
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 4, "name": "dog"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(told))
    read = load(tmp_path / "instances.json")
    assert [each.tolist() for each in read.box_ignored] == [[False, True], [False, False]]
    truth = [Truth(*each) for each in zip(read.boxes, read.box_labels, read.box_ignored, strict=True)]
    everything = [Detections(each.boxes, np.full(len(each.boxes), 0.9), each.classes) for each in truth]
    whole = average_precision(truth, everything, read.classes)
    assert whole.counts == {"cat": 3, "dog": 0}  # what is ignored counts neither as found nor as missed
    assert whole.classes == {"cat": 1.0, "dog": None}
    assert (whole.at50, whole.mean) == (1.0, 1.0)
    # without the ignored one, and without the one with the annotation id 0, which COCO's code takes for "not found"
    fewer = [Detections(*(part[:1] for part in everything[0])), Detections(*(part[:0] for part in everything[1]))]
    assert average_precision(truth, fewer, read.classes).at50 == pytest.approx(34 / 101)  # a third of the recalls
