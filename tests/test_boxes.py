"""Boxes against brute force: pixels that are counted, and suppression written down as it is told."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from striate.errors import StriateError
from striate.layers.pictures import BOX_FORMATS
from striate.tasks import boxes as b

whole = st.integers(0, 7)
box = st.tuples(whole, whole, whole, whole).map(
    lambda t: (min(t[0], t[2]), min(t[1], t[3]), max(t[0], t[2]), max(t[1], t[3]))
)
several = st.lists(box, min_size=0, max_size=6)


def pixels(one):
    return {(x, y) for x in range(one[0], one[2]) for y in range(one[1], one[3])}


def counted(one, two):
    """The overlap by counting pixels; 0 where there is none."""
    either = pixels(one) | pixels(two)
    return Fraction(len(pixels(one) & pixels(two)), len(either)) if either else Fraction(0)


def array(listed):
    return np.array(listed, np.float64).reshape(-1, 4)


@given(several, several)
def test_overlaps_are_those_that_counting_pixels_gives(first, second):
    wanted = np.array([[float(counted(one, two)) for two in second] for one in first]).reshape(len(first), len(second))
    np.testing.assert_array_equal(b.iou_matrix(array(first), array(second)), wanted)
    tensors = b.iou_matrix(torch.tensor(array(first)), torch.tensor(array(second)))
    np.testing.assert_array_equal(tensors.numpy(), wanted)
    np.testing.assert_array_equal(b.area(array(first)), [len(pixels(one)) for one in first])


@given(box, box)
def test_the_other_overlaps_are_their_definitions(one, two):
    first, second = array([one])[0], array([two])[0]
    plain = float(counted(one, two))
    left, top = min(one[0], two[0]), min(one[1], two[1])
    width, height = max(one[2], two[2]) - left, max(one[3], two[3]) - top
    around = width * height
    either = len(pixels(one) | pixels(two))
    giou = plain - ((around - either) / around if around else 0)
    assert b.iou(first, second, "giou") == pytest.approx(giou, abs=1e-12)
    middle = [(one[i] + one[i + 2] - two[i] - two[i + 2]) / 2 for i in (0, 1)]
    diagonal = width**2 + height**2
    diou = plain - (sum(m * m for m in middle) / diagonal if diagonal else 0)
    assert b.iou(first, second, "diou") == pytest.approx(diou, abs=1e-12)
    for kind in ("iou", "giou", "diou", "ciou"):
        value = float(b.iou(first, second, kind))
        assert value == pytest.approx(float(b.iou(second, first, kind)), abs=1e-12)  # the same from either side
        assert -1.5 <= value <= 1
        if one == two and pixels(one):
            assert value == pytest.approx(1)
    if len(pixels(one)) and len(pixels(two)):
        ratios = [np.arctan((e[2] - e[0]) / (e[3] - e[1])) for e in (one, two)]
        v = 4 / np.pi**2 * (ratios[0] - ratios[1]) ** 2
        alpha = v / (1 - plain + v) if 1 - plain + v else 0
        assert b.iou(first, second, "ciou") == pytest.approx(diou - alpha * v, abs=1e-6)


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
@given(box, box)
def test_gradients_are_finite_for_touching_nested_and_empty_boxes(kind, one, two):
    first = torch.tensor(array([one])[0], requires_grad=True)
    b.iou(first, torch.tensor(array([two])[0]), kind).backward()
    assert torch.isfinite(first.grad).all()


def told(boxes, scores, classes, overlap):
    """Suppression in the words of a textbook: take the best, throw away what overlaps it, go on."""
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if classes[i] != classes[best] or counted(boxes[i], boxes[best]) <= overlap]
    return kept


@given(
    st.lists(st.tuples(box, st.integers(0, 5), st.integers(0, 2)), max_size=12),
    st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(1)]),
)
def test_suppression_is_what_it_is_told_to_be(rows, overlap):
    corners, scores, classes = [r[0] for r in rows], [r[1] / 5 for r in rows], [r[2] for r in rows]
    made = b.suppress(array(corners), np.array(scores), np.array(classes, int), overlap=float(overlap))
    wanted = told(corners, scores, classes, overlap)
    assert made.kept.tolist() == wanted
    assert made.scores.tolist() == [scores[i] for i in wanted]
    few = b.suppress(array(corners), np.array(scores), np.array(classes, int), overlap=float(overlap), most=2)
    assert few.kept.tolist() == wanted[:2]
    moved = array(corners) + 1e7  # far from the corner, and classes far apart: nothing is lost to rounding
    far = b.suppress(moved, np.array(scores), np.array(classes, int) * 10**9, overlap=float(overlap))
    assert far.kept.tolist() == wanted


def test_soft_suppression_lowers_scores_as_the_paper_says():
    corners = array([(0, 0, 10, 10), (0, 0, 10, 5), (20, 20, 30, 30)])
    scores = np.array([0.9, 0.8, 0.7])
    gauss = b.soft_suppress(corners, scores, sigma=0.5)
    assert gauss.kept.tolist() == [0, 2, 1]
    np.testing.assert_allclose(gauss.scores, [0.9, 0.7, 0.8 * np.exp(-(0.5**2) / 0.5)])
    linear = b.soft_suppress(corners, scores, sigma=None, overlap=0.3)
    np.testing.assert_allclose(linear.scores, [0.9, 0.7, 0.8 * 0.5])
    apart = b.soft_suppress(corners, scores, [0, 1, 0], sigma=0.5)
    np.testing.assert_allclose(apart.scores, [0.9, 0.8, 0.7])
    assert b.soft_suppress(corners, scores, sigma=0.5, least=0.6).kept.tolist() == [0, 2]


@given(several, st.sampled_from(BOX_FORMATS), st.sampled_from(BOX_FORMATS), st.integers(1, 9), st.integers(1, 9))
def test_formats_lead_back(listed, source, target, height, width):
    given_ = array(listed)
    there = b.convert(b.convert(given_, "xyxy", source, (height, width)), source, target, (height, width))
    back = b.convert(there, target, "xyxy", (height, width))
    np.testing.assert_allclose(back, given_, atol=1e-9)
    tensors = b.convert(torch.tensor(given_), "xyxy", target, (height, width))
    np.testing.assert_allclose(tensors.numpy(), b.convert(given_, "xyxy", target, (height, width)), atol=1e-9)


@given(several)
def test_clipped_boxes_lie_in_the_picture_and_their_pixels_are_those_that_it_shows(listed):
    made = b.clip(array(listed), (4, 5))
    for before, after in zip(listed, made.astype(int).tolist(), strict=True):
        shown = {(x, y) for x, y in pixels(before) if x < 5 and y < 4}
        assert pixels(after) == shown


def test_what_cannot_be_is_refused_in_words():
    some = np.zeros((2, 4))
    for call in (
        lambda: b.suppress(np.zeros((2, 5)), [1, 2]),
        lambda: b.suppress(some, [1]),
        lambda: b.suppress(some, [1, np.nan]),
        lambda: b.suppress(some, [1, 2], [1]),
        lambda: b.suppress(some, [1, 2], overlap=2),
        lambda: b.soft_suppress(some, [1, 2], sigma=0),
        lambda: b.convert(some, "xyxy", "rel_xyxy"),
        lambda: b.convert(some, "xyxy", "corners"),
        lambda: b.iou(some, some, "jaccard"),
    ):
        with pytest.raises(StriateError):
            call()
    assert b.suppress([], []).kept.tolist() == []


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
@pytest.mark.parametrize(("times", "small"), [(10, "uint8"), (40_000, "int32"), (256, "float16")])
def test_overlaps_of_small_types_are_those_of_large_ones(kind, times, small):
    corners = np.array([[0, 0, 10, 10], [10, 0, 20, 10], [2, 2, 8, 8], [5, 5, 5, 5]]) * times
    wanted = b.iou_matrix(corners.astype(np.float64), corners.astype(np.float64), kind)
    given = corners.astype(small)
    np.testing.assert_allclose(b.iou_matrix(given, given, kind), wanted, atol=2e-6)
    np.testing.assert_allclose(b.iou_matrix(torch.tensor(given), torch.tensor(given), kind), wanted, atol=2e-6)
    np.testing.assert_allclose(b.iou_matrix(given.tolist(), torch.tensor(given), kind), wanted, atol=2e-6)
    np.testing.assert_allclose(b.area(given), b.area(corners), rtol=1e-6)


NONE = [None, "ab", [["1", "2", "3", "4"]], [[1, 2, 3, 4], [1, 2]], np.zeros((2, 3)), [[None] * 4]]


@pytest.mark.parametrize("given", NONE, ids=str)
@pytest.mark.parametrize(
    "call",
    [
        b.area,
        lambda given: b.clip(given, (5, 5)),
        lambda given: b.iou(given, given),
        lambda given: b.iou_matrix([[0, 0, 1, 1]], given),
        lambda given: b.convert(given, "xyxy", "xywh"),
        lambda given: b.suppress(given, [1.0, 0.5]),
        lambda given: b.soft_suppress(given, [1.0, 0.5]),
    ],
)
def test_what_is_no_boxes_is_said_in_words(given, call):
    with pytest.raises(StriateError):
        call(given)


@pytest.mark.parametrize(
    "wrong",
    [{"overlap": None}, {"overlap": "a"}, {"most": -1}, {"most": 1.5}, {"classes": [0]}, {"kind": "x"}],
    ids=str,
)
def test_settings_that_are_none_are_said_in_words(wrong):
    with pytest.raises(StriateError):
        b.suppress([[0, 0, 1, 1], [0, 0, 1, 1]], [1.0, 0.5], **wrong)


@pytest.mark.parametrize("size", [(0, 0), (-1, 5), (float("nan"), 5), 5, "ab"], ids=str)
def test_a_size_that_is_none_is_refused(size):
    for call in (lambda: b.clip([[0, 0, 1, 1]], size), lambda: b.convert([[0, 0, 1, 1]], "xyxy", "rel_xyxy", size)):
        with pytest.raises(StriateError, match="size is"):
            call()


corners = st.tuples(*[st.integers(-5, 5)] * 4)


@given(corners, corners, st.sampled_from(["iou", "giou", "diou"]))
def test_every_overlap_keeps_its_range_also_of_swapped_sides_and_points(one, two, kind):
    value = float(b.iou(np.array(one, float), np.array(two, float), kind))
    assert (0 if kind == "iou" else -1) <= value <= 1
    assert value == pytest.approx(float(b.iou(torch.tensor(one), torch.tensor(two), kind)))


def test_small_and_short_types_are_clipped_converted_and_thinned_out_like_any_other():
    for kind in (np.uint8, np.int8, np.int64):
        given_ = np.array([[3, 4, 100, 90]], kind)
        for boxes in (given_, torch.tensor(given_)):
            made = b.clip(boxes, (300, 400))
            assert made.dtype == boxes.dtype
            assert made.tolist() == [[3, 4, 100, 90]]
            assert b.clip(boxes, (50, 60)).tolist() == [[3, 4, 60, 50]]
    short = torch.tensor([[0, 0, 2, 2], [0, 0, 2, 2.5]], dtype=torch.bfloat16)
    assert b.suppress(short, torch.tensor([0.5, 0.75], dtype=torch.bfloat16)).kept.tolist() == [1]
    with pytest.raises(StriateError, match="four numbers"):
        b.convert([1, 2, 3], "xyxy", "xyxy")
    with pytest.raises(StriateError, match="most=True must be a whole number"):
        b.suppress([[0, 0, 2, 2]], [0.5], most=True)
