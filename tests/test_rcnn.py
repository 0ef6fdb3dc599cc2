"""R-CNN: regions warped as the paper says, its regression turned round, a network that finds, files that hold it."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import striate as st
from striate import Input, Model, layers
from striate.data import Dataset
from striate.errors import StriateError
from striate.tasks.boxes import iou_matrix
from striate.tasks.found import Decoding
from striate.tasks.proposals import proposed, selective_search, sliding_windows
from striate.tasks.rcnn import RCNN
from striate.tasks.regions import crops, offsets, shifted


# -- proposals --------------------------------------------------------------------------------------------------------
@given(some.integers(1, 90), some.integers(1, 90))
def test_windows_lie_within_the_picture_and_reach_its_sides(height, width):
    boxes = sliding_windows(np.zeros((height, width, 3), np.uint8))
    assert (boxes >= 0).all()
    assert (boxes <= np.array([width, height] * 2) + 1e-3).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    np.testing.assert_allclose([boxes[:, 0].min(), boxes[:, 1].min()], 0, atol=1e-3)
    np.testing.assert_allclose([boxes[:, 2].max(), boxes[:, 3].max()], [width, height], rtol=1e-4)


def test_selective_search_finds_what_differs_in_colour_and_says_the_same_again():
    pytest.importorskip("cv2")
    picture = np.full((60, 80, 3), 200, np.uint8)
    picture[10:30, 20:50] = (220, 20, 20)
    boxes = selective_search(picture, width=160)
    assert iou_matrix(boxes.astype(float), np.array([[20.0, 10, 50, 30]])).max() > 0.8
    np.testing.assert_array_equal(selective_search(picture, width=160), boxes)
    assert len(selective_search(picture, width=160, most=2)) <= 2
    assert selective_search(np.zeros((1, 7), np.uint8)).tolist() == [[0, 0, 7, 1]]


def test_proposals_are_cut_to_the_picture_and_refused_where_they_are_no_boxes(monkeypatch):
    picture = np.zeros((10, 20, 3), np.uint8)
    kept = proposed(lambda _: [[-5, -5, 8, 8], [3, 3, 3, 9], [15, 0, 40, 10]], picture)
    assert kept.tolist() == [[0, 0, 8, 8], [15, 0, 20, 10]]
    assert proposed(lambda _: [], picture).shape == (0, 4)
    for wrong in (lambda _: np.zeros((2, 3)), lambda _: [[0, 0, np.nan, 1]]):
        with pytest.raises(StriateError, match="finite numbers"):
            proposed(wrong, picture)
    with pytest.raises(StriateError, match="above 0"):
        sliding_windows(picture, step=0)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(StriateError, match=r"striate\[rcnn\]"):
        selective_search(picture)


# -- regions ----------------------------------------------------------------------------------------------------------
def test_a_region_is_warped_with_its_context_and_the_mean_beyond_the_picture():
    """By hand: 10 x 10 pixels at the left edge go to the middle 8 of 16; 4 columns to their left are beyond it."""
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:] = (10, 20, 30)
    picture[15:25, 0:10] = (250, 250, 250)
    made = crops(picture, np.array([[0, 15, 10, 25]]), (16, 16), 4, (100, 110, 120))[0]
    assert made.shape == (16, 16, 3)
    assert made[8, 1].tolist() == [100, 110, 120]
    assert made[8, 8].tolist() == [250, 250, 250]
    assert made[1, 8].tolist() == [10, 20, 30]
    assert made[8, 14].tolist() == [10, 20, 30]
    whole = crops(picture[..., :1], np.array([[0, 0, 40, 40]]), (40, 40), 0, (0,))[0]
    np.testing.assert_array_equal(whole, picture[..., :1])


def test_offsets_are_those_of_the_paper():
    """Appendix C: P = (middle 10, 20; sides 10, 20), G = (middle 12, 15; sides 20, 10)."""
    moves = offsets(np.array([[5.0, 10, 15, 30]]), np.array([[2.0, 10, 22, 20]]))
    np.testing.assert_allclose(moves, [[0.2, -0.25, np.log(2), np.log(0.5)]])


corner = some.floats(0, 60)
side = some.floats(1, 40)


@given(some.tuples(corner, corner, side, side), some.tuples(corner, corner, side, side))
def test_shifting_by_offsets_gives_the_box(region, box):
    one, two = (np.array([[x, y, x + w, y + h]]) for x, y, w, h in (region, box))
    np.testing.assert_allclose(shifted(one, offsets(one, two), (100, 100)), two, atol=1e-6)


# -- a network --------------------------------------------------------------------------------------------------------
def arrays(model, pictures):
    """What a model finds in each picture with a score of at least 0.5, as arrays."""
    return [model.find(one, decoding=replace(model.decoding, least=0.5)) for one in pictures]


def squares(count, seed=0):
    """Red and blue squares on grey, up to two in a picture; the first picture has none."""
    rng = np.random.default_rng(seed)
    x = np.full((count, 32, 32, 3), 128, np.uint8) + rng.integers(0, 9, (count, 32, 32, 3), dtype=np.uint8)
    boxes, labels = [], []
    for i in range(count):
        own, kinds = [], []
        for half in range(0 if i == 0 else int(rng.integers(1, 3))):
            side, kind = int(rng.integers(7, 13)), int(rng.integers(2))
            left, top = int(rng.integers(0, 16 - side)) + 16 * half, int(rng.integers(0, 32 - side))
            x[i, top : top + side, left : left + side] = ((230, 30, 30), (30, 30, 230))[kind]
            own.append([left, top, left + side, top + side])
            kinds.append(kind)
        boxes.append(np.array(own, np.float32).reshape(-1, 4))
        labels.append(np.array(kinds, np.int64))
    return Dataset(x, None, ("red", "blue"), "squares", boxes=tuple(boxes), box_labels=tuple(labels))


def base(side=12, channels=3):
    start = Input((side, side, channels))
    return Model(start, layers.Conv2D(12, 3, padding="same", activation="relu")(start))


def windows(picture):
    return sliding_windows(picture, shares=(0.25, 0.33), ratios=(1.0,), step=0.25)


@pytest.mark.parametrize("classifier", ["svm", "softmax"])
def test_it_learns_to_find_squares_and_is_the_same_once_loaded(classifier, tmp_path):
    pytest.importorskip("faster_coco_eval")
    st.set_seed(0)
    told = []
    model = RCNN(base(), ("red", "blue"), proposals=windows, classifier=classifier, decoding=Decoding(least=0.2))
    with pytest.raises(StriateError, match="not learnt yet"):
        model.detect(squares(1).x)
    model.fit(squares(16), regions=32, decay=10.0, progress=lambda *said: told.append(said))
    assert ("regions", 16, 16) in told
    test = squares(8, seed=1)
    figures = model.judge(test)
    assert figures.at50 > 0.8
    found = arrays(model, test.x)
    assert [len(one.boxes) > 0 for one in found] == [len(boxes) > 0 for boxes in test.boxes]
    best = iou_matrix(test.boxes[1].astype(float), found[1].boxes[:1]).argmax()
    assert found[1].classes[0] == test.box_labels[1][best]
    model.save(tmp_path / "rcnn")
    with pytest.raises(StriateError, match="a function of your own"):
        RCNN.load(tmp_path / "rcnn")
    again = RCNN.load(tmp_path / "rcnn", proposals=windows)
    for one, other in zip(found, arrays(again, test.x), strict=True):
        np.testing.assert_array_equal(one.classes, other.classes)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)


def test_the_regression_brings_boxes_nearer():
    st.set_seed(0)
    data = squares(16)
    coarse = RCNN(base(), ("red", "blue"), proposals=windows)
    coarse.fit(data, regions=32, decay=1e9, near=0.5)  # so large that boxes stay nearly as they were proposed
    fine = RCNN(base(), ("red", "blue"), proposals=windows)
    fine.fit(data, regions=32, decay=1.0, near=0.5)

    def overlap(model):
        found = arrays(model, data.x)
        pairs = [
            iou_matrix(one.boxes, boxes.astype(float)).max(0)
            for one, boxes in zip(found, data.boxes, strict=True)
            if len(one.boxes) and len(boxes)
        ]
        return float(np.concatenate(pairs).mean())

    assert overlap(fine) > overlap(coarse)


def test_the_base_can_be_tuned_and_pictures_of_any_size_are_looked_at(tmp_path):
    st.set_seed(0)
    data = squares(8)
    before = base()
    old = [weight.copy() for weight in before.get_weights()]
    model = RCNN(before, ("red", "blue"), proposals=windows).fit(data, regions=16, epochs=1, rate=0.01)
    assert any((a != b).any() for a, b in zip(old, before.get_weights(), strict=True))
    large = np.kron(data.x[1], np.ones((3, 2, 1), np.uint8))  # 96 x 64
    for _, _, (left, top, right, bottom) in model.detect([large], least=0.0, most=5)[0]:
        assert 0 <= left < right <= 64
        assert 0 <= top < bottom <= 96
    grey = RCNN(base(12, 1), ("red",), proposals="sliding_windows", most=50)
    assert grey.network.intake.shape == (12, 12, 1)
    assert grey.context == round(16 * 12 / 227)


def test_mistakes_are_said(tmp_path):
    flat = Input((4,))
    data = squares(3)
    model = RCNN(base(), ("red", "blue"), proposals="sliding_windows")
    none = Dataset(
        data.x, None, ("red", "blue"), boxes=(np.zeros((0, 4)),) * 3, box_labels=(np.zeros(0, np.int64),) * 3
    )
    for wrong, said in (
        (lambda: RCNN(Model(flat, layers.Dense(2)(flat)), ("a",)), "include_top=False"),
        (lambda: RCNN(base(), ()), "at least one"),
        (lambda: RCNN(base(), ("a", "a")), "different names"),
        (lambda: RCNN(base(), ("a",), proposals="guesses"), "proposals"),
        (lambda: RCNN(base(), ("a",), classifier="tree"), '"svm" or "softmax"'),
        (lambda: RCNN(base(), ("a",), context=6), "half of the network's 12 pixels"),
        (lambda: RCNN(base(), ("a",), most=0), "at least 1"),
        (lambda: RCNN(base(), ("a",), most=True), "most=True must be a whole number"),
        (lambda: RCNN(base(), ("a",), decoding=5), "decoding is a tasks.found.Decoding, .* not 5"),
        (lambda: setattr(model, "decoding", {"least": 0.1}), "decoding is a tasks.found.Decoding"),
        (lambda: model.fit(Dataset(data.x, np.zeros(3, np.int64))), "has no boxes"),
        (lambda: model.fit(none), "none of its 3 pictures"),
        (lambda: RCNN(base(), ("a", "b")).fit(data), "classes are red, blue"),
        (lambda: model.fit(data, positive=1.5), "overlaps"),
        (lambda: model.fit(data, decay=0), "above 0"),
        (lambda: RCNN(base(12, 1), ("red", "blue")).fit(data), "3 channels"),
        (lambda: model.save(tmp_path / "x") and RCNN.load(tmp_path / "x").detect(data.x), "not learnt yet"),
        (lambda: RCNN.load(tmp_path / "absent"), "holds no R-CNN"),
    ):
        with pytest.raises(StriateError, match=said):
            wrong()
    (tmp_path / "x" / "rcnn.json").write_text("{")
    with pytest.raises(StriateError, match="holds no R-CNN"):
        RCNN.load(tmp_path / "x")


@pytest.mark.parametrize("name", ["classes", "classifier", "context", "most", "decoding", "fill", "fitted"])
def test_a_folder_that_was_changed_is_refused_when_it_is_loaded(name, tmp_path):
    RCNN(base(), ("red", "blue"), proposals="sliding_windows").save(tmp_path)
    file = tmp_path / "rcnn.json"
    facts = json.loads(file.read_text())
    good = facts.pop(name)
    file.write_text(json.dumps({**facts, name: good}))
    assert RCNN.load(tmp_path).classes == ("red", "blue")
    wrong = [None, -1, 1e308, 0.5, "a", [], ["a", "a"], [1, 2], ["red"], {"least": 2}]
    for value in wrong:
        file.write_text(json.dumps({**facts, name: value}))
        with pytest.raises(StriateError, match="holds no R-CNN that can be read"):
            RCNN.load(tmp_path)
    file.write_text(json.dumps(facts))
    with pytest.raises(StriateError, match="holds no R-CNN that can be read"):
        RCNN.load(tmp_path)
    if name == "classifier":  # another number of scores
        file.write_text(json.dumps({**facts, name: "softmax"}))
        with pytest.raises(StriateError, match="the network has"):
            RCNN.load(tmp_path)
