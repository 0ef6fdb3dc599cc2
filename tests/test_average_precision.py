"""Average precision: a worked example, two other programs' figures, and the traps of the COCO code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.errors import StriateError
from striate.tasks.average_precision import RECALLS, THRESHOLDS, Detections, Truth, average_precision, matched
from striate.tasks.bootstrap import bootstrap
from striate.tasks.found import detections as detections_in


def truth(*rows):
    return Truth(np.array([r[:4] for r in rows], float).reshape(-1, 4), np.array([r[4] for r in rows], int))


def found(*rows):
    boxes = np.array([r[:4] for r in rows], float).reshape(-1, 4)
    return Detections(boxes, np.array([r[5] for r in rows], float), np.array([r[4] for r in rows], int))


def test_a_worked_example():
    """Three boxes; the detections, surest first: right, wrong, right; the third box is missed.

    Precision is 1, 1/2, 2/3 at recalls 1/3, 1/3, 2/3.  Of COCO's 101 recalls 0, .01 … 1, the 34 up to .33 see precision 1
    and the 33 from .34 to .66 the best of what comes later, 2/3; the other 34 see 0.
    """
    there = [truth((0, 0, 10, 10, 0), (20, 0, 30, 10, 0)), truth((0, 0, 10, 10, 0))]
    seen = [found((0, 0, 10, 10, 0, 0.9), (50, 50, 60, 60, 0, 0.8)), found((0, 0, 10, 10, 0, 0.7))]
    made = average_precision(there, seen, ["cell"])
    wanted = (34 * 1 + 33 * 2 / 3) / 101
    assert made.at50 == pytest.approx(wanted, abs=1e-9)
    assert made.mean == pytest.approx(wanted, abs=1e-9)  # the right ones are right at any overlap
    assert made.curves["cell"].precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert made.curves["cell"].recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert (made.confidence, made.f1) == (0.7, pytest.approx(2 / 3))
    assert (made.precision, made.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert made.counts == {"cell": 3}
    assert "cell" in str(made)
    assert f"{wanted:.3f}" in str(made)


def test_an_overlap_counts_up_to_its_threshold():
    """Two thirds of overlap: right at 0.5, 0.55, 0.6 and 0.65, wrong at the other six."""
    made = average_precision([truth((0, 0, 10, 10, 0))], [found((0, 0, 10, 15, 0, 0.9))], ["cell"])
    assert made.at50 == pytest.approx(1)
    assert made.mean == pytest.approx(0.4)


corner = st.integers(0, 12)
a_box = st.tuples(corner, corner, st.integers(0, 6), st.integers(0, 6)).map(
    lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3])
)
pictures = st.lists(
    st.tuples(
        st.lists(st.tuples(a_box, st.integers(0, 2), st.booleans()), max_size=4),
        st.lists(st.tuples(a_box, st.integers(0, 2)), max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def as_arrays(listed, seed):
    """Scores without equals, since the order of equals is nobody's rule."""
    total = sum(len(seen) for _, seen in listed)
    scores = iter(np.random.default_rng(seed).permutation(total) / max(total, 1))
    there, seen = [], []
    for boxes, detections in listed:
        there.append(
            Truth(
                np.array([b for b, _, _ in boxes], float).reshape(-1, 4),
                np.array([k for _, k, _ in boxes], int),
                np.array([f for _, _, f in boxes], bool),
            )
        )
        seen.append(found(*((*b, k, next(scores)) for b, k in detections)))
    return there, seen


def of_curve(curve):
    """COCO's figure of a curve: the mean over 101 recalls of the best precision at that recall or beyond."""
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    place = np.searchsorted(curve.recall, RECALLS, side="left")
    return np.append(best, 0)[np.minimum(place, len(best))].mean()


@given(pictures, st.integers(0, 99))
def test_the_curves_have_the_area_that_is_given(listed, seed):
    there, seen = as_arrays(listed, seed)
    made = average_precision(there, seen, ["a", "b", "c"])
    for name, value in made.classes.items():
        assert (value is None) == (made.counts[name] == 0)
        if value is not None:
            assert value == pytest.approx(of_curve(made.curves[name]), abs=1e-9)
    counted = [value for value in made.classes.values() if value is not None]
    assert made.at50 == (pytest.approx(np.mean(counted)) if counted else None)


@given(pictures, st.integers(0, 99))
def test_pycocotools_gives_the_same_figures(listed, seed):
    coco, cocoeval = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    there, seen = as_arrays(listed, seed)
    annotations, results = [], []
    for i, (boxes, detections) in enumerate(zip(there, seen, strict=True)):
        for box, label, flag in zip(*boxes, strict=True):
            x, y, right, bottom = box.tolist()
            annotations.append(
                {"id": len(annotations) + 1, "image_id": i, "category_id": int(label), "iscrowd": int(flag)}
                | {"bbox": [x, y, right - x, bottom - y], "area": (right - x) * (bottom - y)}
            )
        for box, score, label in zip(*detections, strict=True):
            x, y, right, bottom = box.tolist()
            results.append({"image_id": i, "category_id": int(label), "score": float(score)})
            results[-1]["bbox"] = [x, y, right - x, bottom - y]
    if not annotations or not results:
        return
    truth_set = coco.COCO()
    truth_set.dataset = {
        "images": [{"id": i} for i in range(len(there))],
        "categories": [{"id": k} for k in range(3)],
        "annotations": annotations,
    }
    truth_set.createIndex()
    judge = cocoeval.COCOeval(truth_set, truth_set.loadRes(results), "bbox")
    judge.evaluate()
    judge.accumulate()
    precision = judge.eval["precision"][:, :, :, :, -1]  # overlaps, recalls, classes, sizes
    made = average_precision(there, seen, ["a", "b", "c"])

    def mean(values):
        counted = values[values > -1]
        return pytest.approx(counted.mean(), abs=1e-9) if counted.size else None

    assert made.mean == mean(precision[:, :, :, 0])
    assert made.at50 == mean(precision[THRESHOLDS.index(0.5), :, :, 0])
    assert list(made.sizes.values()) == [mean(precision[:, :, :, i]) for i in (1, 2, 3)]


def test_the_first_box_of_the_first_picture_can_be_found():
    """The COCO code takes the number 0 for "found nothing"."""
    made = average_precision([truth((0, 0, 4, 4, 0))], [found((0, 0, 4, 4, 0, 0.5))], ["cell"])
    assert made.at50 == pytest.approx(1)


def test_boxes_without_area_count_and_cannot_be_found():
    made = average_precision([truth((3, 3, 3, 3, 0))], [found((3, 3, 3, 3, 0, 0.5))], ["cell"])
    assert made.counts == {"cell": 1}
    assert made.at50 == 0


def test_what_is_ignored_is_neither_found_nor_missed_nor_a_false_alarm():
    there = [Truth(np.array([[0, 0, 10, 10], [20, 0, 30, 10]], float), np.array([0, 0]), np.array([True, False]))]
    made = average_precision(there, [found((0, 0, 10, 10, 0, 0.9), (20, 0, 30, 10, 0, 0.8))], ["cell"])
    assert made.at50 == pytest.approx(1)
    assert made.counts == {"cell": 1}
    which, taken = matched(there[0], found((0, 0, 10, 10, 0, 0.9), (1, 0, 9, 10, 0, 0.7), (20, 0, 30, 10, 0, 0.8)))
    assert which.tolist() == [-2, -2, 1]
    assert taken.tolist() == [False, True]


def test_an_absent_class_counts_for_nothing_and_no_boxes_at_all_are_no_figure():
    made = average_precision([truth((0, 0, 4, 4, 0))], [found((0, 0, 4, 4, 0, 0.5))], ["cell", "plate"])
    assert (made.at50, made.classes["plate"]) == (pytest.approx(1), None)
    empty = average_precision([truth()], [found((0, 0, 4, 4, 0, 0.5))], ["cell"])
    assert (empty.at50, empty.mean, empty.f1) == (None, None, 0.0)
    blind = average_precision([truth((0, 0, 4, 4, 0))], [found()], ["cell"])
    assert (blind.at50, blind.recall) == (0.0, 0.0)


def test_figures_do_not_change_when_pictures_are_stretched():
    there = [truth((0, 0, 10, 10, 0), (20, 0, 30, 10, 1))]
    seen = [found((0, 0, 8, 10, 0, 0.9), (19, 0, 30, 9, 1, 0.8))]
    wide = np.array([3.0, 0.5, 3.0, 0.5])
    stretched = average_precision(
        [t._replace(boxes=t.boxes * wide) for t in there], [f._replace(boxes=f.boxes * wide) for f in seen], ["a", "b"]
    )
    assert average_precision(there, seen, ["a", "b"]).mean == pytest.approx(stretched.mean)


def test_what_does_not_go_together_is_refused():
    one = truth((0, 0, 4, 4, 0))
    for there, seen in (
        ([one], []),
        ([], []),
        ([one], [found((0, 0, 4, 4, 3, 0.5))]),
        ([one], [found((0, 0, np.nan, 4, 0, 0.5))]),
        ([one], [Detections(np.zeros((2, 4)), np.zeros(1), np.zeros(2, int))]),
    ):
        with pytest.raises(StriateError):
            average_precision(there, seen, ["cell"])


@given(pictures, st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_an_interval_holds_the_figures_of_the_pictures_that_were_drawn(listed, seed):
    """The middle of all draws, one by one judged by the other program on the pictures as they were drawn."""
    there, seen = as_arrays(listed, seed)
    drawn = np.random.default_rng(seed).multinomial(len(there), np.full(len(there), 1 / len(there)), size=3)
    made = bootstrap(there, seen, list("abc"), draws=3, level=0, seed=seed)  # level 0: the interval is the median
    judged = []
    for times in drawn:
        which = np.repeat(np.arange(len(there)), times)
        judged.append(average_precision([there[i] for i in which], [seen[i] for i in which], list("abc")))
    for one, wanted in (
        (made.at50, [j.at50 for j in judged]),
        (made.mean, [j.mean for j in judged]),
        *((made.classes[name], [j.classes[name] for j in judged]) for name in list("abc")),
    ):
        wanted = [each for each in wanted if each is not None]
        assert (one is None) == (not wanted)
        if one is not None:
            assert one == pytest.approx((np.median(wanted),) * 2, abs=1e-9)


def test_an_interval_narrows_with_more_pictures_and_is_none_without_boxes():
    rng = np.random.default_rng(0)
    widths = []
    for count in (10, 160):
        there = [truth((0, 0, 10, 10, 0)) for _ in range(count)]
        seen = [
            found((0, 0, 10, 10, 0, 0.5 + rng.random() / 2)) if rng.random() < 0.7 else found() for _ in range(count)
        ]
        made = bootstrap(there, seen, ["cell", "nothing"], draws=200)
        low, high = made.at50
        assert low < average_precision(there, seen, ["cell", "nothing"]).at50 < high
        assert made.classes == {"cell": made.at50, "nothing": None}
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
    assert bootstrap([truth()], [found()], ["cell"], draws=2).at50 is None
    assert "95% of 200 draws" in str(made)
    with pytest.raises(StriateError, match="draws"):
        bootstrap([truth()], [found()], ["cell"], draws=0)
    with pytest.raises(StriateError, match="level"):
        bootstrap([truth()], [found()], ["cell"], level=95)


BOX = [[0, 0, 10, 10]]


@pytest.mark.parametrize(
    ("there", "seen", "settings"),
    [
        (Truth(BOX, [0.7]), Detections(BOX, [0.9], [0]), {}),  # a class that would be cut to 0
        (Truth(BOX, [np.nan]), Detections(BOX, [0.9], [0]), {}),
        (Truth(BOX, ["a"]), Detections(BOX, [0.9], [0]), {}),
        (Truth(np.zeros((4, 3)), [0, 0, 0]), Detections(BOX, [0.9], [0]), {}),  # 12 numbers are not three boxes
        (Truth(BOX, [0]), Detections([[0, 0, 10]], [0.9], [0]), {}),
        (Truth(BOX, [0]), Detections(BOX, [None], [0]), {}),
        (Truth(BOX, [0]), Detections(BOX, [0.9], [0]), {"most": 0}),
        (Truth(BOX, [0]), Detections(BOX, [0.9], [0]), {"most": 1.5}),
        (Truth(BOX, [0]), Detections(BOX, [0.9], [0]), {"names": ["a", "a"]}),
        ((BOX, [0]), Detections(BOX, [0.9], [0]), {}),
    ],
)
def test_what_would_be_counted_wrongly_is_refused(there, seen, settings):
    with pytest.raises(StriateError):
        average_precision([there], [seen], **{"names": ["a", "b"], **settings})


def test_tensors_with_gradients_and_lists_are_counted_as_arrays_are():
    torch = pytest.importorskip("torch")
    seen = Detections(torch.tensor(BOX) * 1.0, torch.tensor([0.9], requires_grad=True), torch.tensor([0]))
    made = average_precision([Truth(BOX, [0])], [seen], ["a"])
    assert made.at50 == 1.0
    assert made.confidence == pytest.approx(0.9)


@pytest.mark.parametrize("wrong", [{"least": float("nan")}, {"most": -3}, {"considered": 0}, {"overlap": 2}], ids=str)
def test_rows_are_cut_by_settings_that_a_model_could_have(wrong):
    with pytest.raises(StriateError, match=next(iter(wrong))):
        detections_in(np.random.default_rng(0).random((9, 6)), **wrong)


@pytest.mark.parametrize("rows", [np.zeros((3, 4)), np.zeros((1, 3, 6)), [1, 2]], ids=str)
def test_rows_of_another_shape_are_refused(rows):
    with pytest.raises(StriateError, match="rows"):
        detections_in(rows)


def test_a_box_larger_than_cocos_largest_counts():
    there, seen = [truth((0, 0, 2e5, 2e5, 0))], [found((0, 0, 2e5, 2e5, 0, 0.9))]
    made = average_precision(there, seen, ["map"])
    assert (made.at50, made.sizes["large"], made.counts) == (pytest.approx(1), pytest.approx(1), {"map": 1})
