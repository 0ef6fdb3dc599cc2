import numpy as np
import pytest

from striate.data import load, scenes
from striate.data.sets.scenes import KINDS
from striate.errors import StriateError


def test_a_picture_depends_on_seed_and_number_alone():
    few, many = scenes(5, 32, seed=7), scenes(40, 32, seed=7)
    assert np.array_equal(few.x, many.x[:5])
    assert np.array_equal(few.y, many.y[:5])
    for a, b in zip(few.boxes, many.boxes[:5], strict=True):
        assert np.array_equal(a, b)
    assert not np.array_equal(few.x, scenes(5, 32, seed=8).x)


def test_the_bits_are_those_of_every_machine():
    assert int(scenes(20, 48, seed=3).x.astype(np.int64).sum()) == 17704841


@pytest.mark.parametrize("size", [16, 64, 97])
def test_boxes_labels_and_masks_agree_with_each_other_and_with_the_pixels(size):
    kinds = tuple(KINDS)
    plain = scenes(60, size, kinds=kinds)
    data = scenes(60, size, kinds=kinds, target="masks")
    clean = scenes(60, size, kinds=kinds, noise=0)
    assert data.classes == ("background", *kinds)
    assert plain.classes == kinds
    assert np.array_equal(plain.x, data.x)
    for i in range(60):
        assert np.array_equal(plain.boxes[i], data.boxes[i])
        assert np.array_equal(plain.box_labels[i] + 1, data.box_labels[i])
        shown = np.zeros((size, size), bool)
        for box, label in zip(data.boxes[i].astype(int), data.box_labels[i], strict=True):
            inside = data.y[i][box[1] : box[3], box[0] : box[2]] == label
            assert inside[0].any()
            assert inside[-1].any()
            assert inside[:, 0].any()
            assert inside[:, -1].any()
            shown[box[1] : box[3], box[0] : box[2]] = True
        assert not data.y[i][~shown].any()
        assert set(np.unique(data.y[i])) - {0} == set(data.box_labels[i].tolist())
        # Without noise a shape is of one colour and the ground of a slope, so neighbours differ only where shapes end.
        step = np.abs(np.diff(clean.x[i].astype(int), axis=1)).max(-1) > 20
        assert not (step & (data.y[i][:, 1:] == 0) & (data.y[i][:, :-1] == 0)).any()


def test_the_class_is_that_of_the_largest_shape():
    plain, masks = scenes(200, 48, shapes=(1, 1)), scenes(200, 48, shapes=(1, 1), target="masks")
    assert [int(each[0]) for each in plain.box_labels] == plain.y.tolist()
    for y, labels in zip(masks.y, plain.y, strict=True):
        assert np.bincount(y.ravel(), minlength=4)[1:].argmax() == labels
    kinds = ("circle", "square")
    several, maps = scenes(200, 48, kinds=kinds), scenes(200, 48, kinds=kinds, target="masks")
    for y, label, boxes, names in zip(maps.y, several.y, several.boxes, several.box_labels, strict=True):
        if len(set(names.tolist())) == len(names):  # one shape of a kind, so pixels of a kind are those of a shape
            counts = np.bincount(y.ravel(), minlength=3)[1:]
            assert counts[label] == counts.max()
        assert len(boxes) <= 4


def test_colour_says_nothing_about_the_class():
    data = scenes(1500, 32, shapes=(1, 1), noise=0)
    middle = [((b[0, 1] + b[0, 3]) // 2, (b[0, 0] + b[0, 2]) // 2) for b in data.boxes]
    centre = np.array([x[int(row), int(column)] for x, (row, column) in zip(data.x, middle, strict=True)])
    means = np.array([centre[data.y == c].mean(axis=0) for c in range(3)])
    assert np.ptp(means, axis=0).max() < 20  # three standard errors of a mean of 500 colours


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"count": 0}, "count 0"),
        ({"size": 8}, "size 8"),
        ({"kinds": ("circl",)}, "circle"),
        ({"kinds": "circle"}, "kinds"),
        ({"kinds": ()}, "kinds"),
        ({"shapes": (0, 2)}, "shapes"),
        ({"shapes": (3, 2)}, "shapes"),
        ({"target": "boxes"}, "boxes"),
        ({"channels": 2}, "channels 2"),
        ({"noise": 101}, "noise 101"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, fragment):
    with pytest.raises(StriateError, match=fragment):
        scenes(**{"count": 2} | options)


def test_scenes_load_by_name_in_parts_that_differ():
    parts = load("scenes", count=40, size=32, seed=1)
    assert [len(part) for part in parts] == [40, 10, 10]
    assert not np.array_equal(parts.validation.x, parts.test.x)
    assert not np.array_equal(parts.train.x[:10], parts.validation.x)
    with pytest.raises(StriateError, match="sise"):
        load("scenes", sise=3)
    assert load("scenes", count=4, channels=1, target="masks").train.y.shape == (4, 64, 64)
