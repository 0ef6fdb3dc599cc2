"""What is found, drawn on pictures."""

import numpy as np
import pytest

from striate.errors import StriateError
from striate.report.marks import boxes_on, class_colours, label_map_on, labels_on, text_on


def test_a_class_keeps_its_colour_and_no_two_of_many_share_one():
    many = class_colours(60)
    assert (class_colours(7) == many[:7]).all()
    assert len({tuple(c) for c in many.tolist()}) == 60
    assert class_colours(0).shape == (0, 3)


def test_a_frame_lies_on_the_pixels_of_its_box_and_the_picture_stays_as_it_was():
    picture = np.full((40, 60), 100, np.uint8)
    drawn = boxes_on(picture, np.array([[10, 20, 30, 35]]), numbers=[2])
    changed = (drawn != 100).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 34, 10, 29)
    assert not changed[22:33, 12:28].any()
    assert (drawn[20, 10] == class_colours(3)[2]).all()
    assert (picture == 100).all()
    dashed = boxes_on(picture, np.array([[10, 20, 30, 35]]), dashed=True)
    assert 0 < (dashed != 100).any(axis=2).sum() < changed.sum()


@pytest.mark.parametrize("box", [(0, 0, 60, 40), (0, 0, 0.2, 0.2), (59, 39, 60, 40), (-5, -9, 70, 60), (30, 0, 31, 40)])
def test_words_stay_in_the_picture(box):
    drawn = boxes_on(np.zeros((40, 60, 3), np.uint8), np.array([box]), ["a cell with a long, long name of its own"])
    assert drawn.shape == (40, 60, 3)
    assert drawn.any()


def test_label_maps_colour_classes_and_leave_ignored_pixels():
    picture = np.full((2, 3, 3), 200, np.uint8)
    drawn = labels_on(picture, np.array([[0, 1, 9], [-1, 1, 0]]), share=1.0, ignored=9)
    colours = class_colours(2)
    assert (drawn[0, 0] == colours[0]).all()
    assert (drawn[1, 1] == colours[1]).all()
    assert (drawn[0, 2] == 200).all()
    assert (drawn[1, 0] == 200).all()
    with pytest.raises(StriateError, match="does not go with"):
        labels_on(picture, np.zeros((3, 3), int))


def test_what_cannot_be_drawn_is_refused():
    for wrong in (np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(StriateError, match="a picture to draw on"):
            text_on(wrong, "x")
    with pytest.raises(StriateError, match="2 boxes to draw"):
        boxes_on(np.zeros((9, 9, 3), np.uint8), np.zeros((2, 4)), ["one"])
    assert text_on(np.zeros((30, 90, 1), np.uint8), "24.0 pictures a second").any()


def test_a_label_map_has_borders_and_names_and_leaves_the_background():
    picture = np.full((120, 160, 3), 128, np.uint8)
    labels = np.zeros((120, 160), np.uint8)
    labels[30:90, 40:120] = 1
    labels[2:5, 2:5] = 2  # too few pixels for a word
    labels = np.where(np.arange(160) < 155, labels.astype(np.int64), -1)
    drawn = label_map_on(picture, labels, ("background", "cell", "speck"))
    colours = class_colours(3)
    np.testing.assert_array_equal(drawn[:28, 10:150], picture[:28, 10:150])
    np.testing.assert_array_equal(drawn[30, 40:120], np.broadcast_to(colours[1], (80, 3)))  # the border
    inside = np.rint(128 * 0.55 + 0.45 * colours[1].astype(float))
    np.testing.assert_array_equal(drawn[33, 50], inside)
    word = (drawn[40:80, 60:100] == colours[1]).all(-1)
    assert word.any()  # the ground of the word, in the midst
    assert (drawn[2:5, 2:5] == colours[2]).all(-1).any()
    np.testing.assert_array_equal(drawn[:, 156:], picture[:, 156:])
    for size in ((1, 1), (1, 7), (3, 2)):
        assert label_map_on(picture[: size[0], : size[1]], np.zeros(size, int), ("tree",)).shape == (*size, 3)
    with pytest.raises(StriateError):
        label_map_on(picture, labels[1:], ("background", "cell"))
