"""Metrics: against scikit-learn and Keras, whatever the batches; logits and probabilities."""

import itertools
import json
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from measured import BINARY, DENSE, LOGITS, ONEHOT, SPARSE, measured, sigmoid, softmax, wave

from striate import ops
from striate.errors import ArgumentError, DataError, StriateError
from striate.train import losses
from striate.train import metrics as m
from striate.train.metrics import Metric


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers (N,) and scores (N, C) without ties."""
    n, classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    truth = draw(hnp.arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return truth, rng.permutation(n * classes).reshape(n, classes).astype(np.float32) / (n * classes)


# -- against scikit-learn ----------------------------------------------------------------------------------------------
@given(answers(), st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_accuracies_are_scikit_learns_whatever_the_batches(data: tuple[np.ndarray, np.ndarray], batch: int) -> None:
    truth, scores = data
    classes = scores.shape[1]
    onehot = np.eye(classes, dtype=np.float32)[truth]
    expected = sk.accuracy_score(truth, scores.argmax(1))
    for name, loss, y in itertools.product(("accuracy", "acc"), (SPARSE, DENSE), (truth, onehot)):
        assert measured(m.resolve(name, loss, (classes,)), y, scores, batch) == pytest.approx(expected)
    for k in range(1, classes):
        expected = sk.top_k_accuracy_score(truth, scores, k=k, labels=range(classes)) if classes > 2 else None
        for y in (truth, onehot):
            ours = measured(m.TopKCategoricalAccuracy(k), y, scores, batch)
            if expected is not None:
                assert ours == pytest.approx(expected)


@given(answers(), st.integers(1, 50), st.sampled_from(["macro", "present", "micro", "weighted", None]))
@settings(max_examples=40, deadline=None)
def test_precision_recall_f1_are_scikit_learns(
    data: tuple[np.ndarray, np.ndarray], batch: int, average: str | None
) -> None:
    truth, scores = data
    classes = scores.shape[1]
    said = scores.argmax(1)
    labels = list(range(classes)) if average in (None, "macro") else None  # else over the classes that occur
    theirs_average = "macro" if average == "present" else average
    for kind, theirs in ((m.Precision, sk.precision_score), (m.Recall, sk.recall_score), (m.F1Score, sk.f1_score)):
        metric = kind(average=average)
        metric.bind(SPARSE, (classes,))
        expected = theirs(truth, said, average=theirs_average, labels=labels, zero_division=0)
        assert measured(metric, truth, scores, batch) == pytest.approx(
            expected if average else expected.tolist(), abs=1e-6
        )
    beta = m.FBetaScore(average=average, beta=2.0)
    beta.bind(SPARSE, (classes,))
    expected = sk.fbeta_score(truth, said, beta=2, average=theirs_average, labels=labels, zero_division=0)
    assert measured(beta, truth, scores, batch) == pytest.approx(expected if average else expected.tolist(), abs=1e-6)


@given(answers())
@settings(max_examples=40, deadline=None)
def test_iou_and_confusion_matrix_are_scikit_learns(data: tuple[np.ndarray, np.ndarray]) -> None:
    truth, scores = data
    classes = scores.shape[1]
    matrix = sk.confusion_matrix(truth, scores.argmax(1), labels=range(classes))
    assert (measured(m.resolve("confusion_matrix", SPARSE, (classes,)), truth, scores) == matrix).all()
    assert (m.confusion_matrix(truth, scores, classes) == matrix).all()
    expected = sk.jaccard_score(truth, scores.argmax(1), average="macro", zero_division=0)
    assert measured(m.resolve("mean_iou", SPARSE, (classes,)), truth, scores) == pytest.approx(expected, abs=1e-6)


@given(answers())
@settings(max_examples=40, deadline=None)
def test_the_report_is_scikit_learns(data: tuple[np.ndarray, np.ndarray]) -> None:
    truth, scores = data
    said = scores.argmax(1)
    ours = m.per_class_report(truth, said, names=[f"c{i}" for i in range(scores.shape[1])])
    theirs = sk.classification_report(truth, said, output_dict=True, zero_division=0)
    for i, name in enumerate(ours.names):
        row = theirs.get(str(i), {"precision": 0, "recall": 0, "f1-score": 0, "support": 0})
        figures = (ours.precision[i], ours.recall[i], ours.f1[i], ours.support[i])
        assert figures == pytest.approx(tuple(row.values())), name
    for kind in ("macro", "weighted"):
        row = theirs[f"{kind} avg"]
        assert getattr(ours, kind) == pytest.approx((row["precision"], row["recall"], row["f1-score"]))
    assert ours.accuracy == ours.micro[2] == pytest.approx(theirs["accuracy"])
    assert json.loads(json.dumps(ours.to_dict()))["classes"][0]["name"] == "c0"
    assert str(ours).count("\n") == len(ours.names) + 3


@given(st.integers(2, 199), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_auc_is_scikit_learns_to_its_steps(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    p = rng.permutation(199)[:n] / 199 + 0.002  # each in the middle of its own step
    metric = m.AUC()
    ours = measured(metric, truth, p[:, None].astype(np.float32))
    if truth.min() == truth.max():
        assert ours == 0  # one of the rates is a share of nothing, which is 0 as in Keras
    else:
        assert ours == pytest.approx(sk.roc_auc_score(truth, p), abs=1e-6)
        pr = m.AUC(curve="PR")
        assert measured(pr, truth, p[:, None].astype(np.float32)) == pytest.approx(under_precision(truth, p), abs=1e-4)


def under_precision(truth: np.ndarray, p: np.ndarray) -> float:
    """The area under precision over recall, summed in small steps between the samples in the order of p."""
    right = np.concatenate([[0], truth[np.argsort(-p)].cumsum()])
    said = np.arange(len(right))
    fine = np.linspace(0, len(truth), 20_001)
    right_there = np.interp(fine, said, right)
    middle = (right_there[1:] + right_there[:-1]) / 2 / ((fine[1:] + fine[:-1]) / 2)
    return float((middle * np.diff(right_there)).sum() / truth.sum())


def test_auc_of_several_classes_pools_them_or_is_the_mean_of_each_as_in_keras() -> None:
    truth, p = np.arange(300) % 3, softmax(wave(300, 4, step=0.37) + np.eye(4, dtype=np.float32)[np.arange(300) % 3])
    onehot = np.eye(4)[truth]
    each = [sk.roc_auc_score(truth == c, p[:, c]) for c in range(3)]
    for y in (truth, onehot):
        assert measured(m.resolve("auc", SPARSE, (4,)), y, p) == pytest.approx(
            sk.roc_auc_score(onehot.ravel(), p.ravel()), abs=2e-3
        )
        assert measured(m.AUC(multi_label=True), y, p) == pytest.approx(
            (sum(each) + 0) / 4, abs=2e-3
        )  # one never occurs
    weighted = m.AUC(multi_label=True, label_weights=[1.0, 2.0, 1.0, 0.0])
    assert measured(weighted, onehot, p) == pytest.approx((each[0] + 2 * each[1] + each[2]) / 4, abs=2e-3)


# -- against Keras -----------------------------------------------------------------------------------------------------
BITS = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
PROB = sigmoid(wave(6, 3, step=0.9, scale=4.0))
PROB[0] = [0, 1, 0.5]
SCORE, TRUTH = sigmoid(wave(60, step=1.3))[:, None], (wave(60, step=1.3) + wave(60, step=2.1) > 0).astype(np.float32)

# Keras 3.15.1: update_state(y_true, y_pred) once with these arrays, result().
KERAS = [
    (m.AUC(), BINARY, TRUTH, SCORE, 0.8580247),
    (m.Precision(thresholds=0.5), DENSE, ONEHOT, softmax(LOGITS), 1.0),
    (m.Recall(thresholds=0.5), DENSE, ONEHOT, softmax(LOGITS), 0.475),
    (m.F1Score(), DENSE, ONEHOT, softmax(LOGITS), [0.6923076, 0.9166666, 0.8695651, 0.0]),
    (m.F1Score(average="micro"), DENSE, ONEHOT, softmax(LOGITS), 0.75),
    (m.F1Score(average="weighted"), DENSE, ONEHOT, softmax(LOGITS), 0.822833),
    (m.FBetaScore(average="micro", beta=2.0, threshold=0.4), DENSE, ONEHOT, softmax(LOGITS), 0.7291668),
    (m.BinaryAccuracy(), BINARY, BITS, PROB, 0.5),
    (m.Precision(), BINARY, TRUTH, SCORE, 0.71875),
    (m.Recall(), BINARY, TRUTH, SCORE, 0.8518518),
    (m.TopKCategoricalAccuracy(2), DENSE, ONEHOT, LOGITS, 0.95),
    (m.CategoricalAccuracy(), DENSE, ONEHOT, LOGITS, 0.75),
    (m.MeanIoU(), DENSE, ONEHOT, LOGITS, 0.5361991),
    (m.RootMeanSquaredError(), losses.get("mse"), wave(6, 3, step=2.3), wave(6, 3, step=0.7), 2.0310917),
]


@pytest.mark.parametrize(("metric", "loss", "y_true", "y_pred", "keras"), KERAS, ids=lambda v: getattr(v, "name", ""))
def test_the_figures_are_keras(metric: Metric, loss: Any, y_true: np.ndarray, y_pred: np.ndarray, keras: Any) -> None:
    metric.bind(loss, y_pred.shape[1:])
    assert measured(metric, y_true, y_pred) == pytest.approx(keras, abs=1e-6)


def logits_of(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_threshold_is_no_answer_above_it_and_the_area_is_by_hand() -> None:
    """Three thresholds, of which only 0.5 cuts: 1 of 2 is right above it, 0 of 2 wrong; the trapezoids are 0.75."""
    truth, p = np.array([0, 0, 1, 1]), np.array([[0.0], [0.5], [0.3], [0.9]], np.float32)
    assert measured(m.AUC(num_thresholds=3), truth, p) == pytest.approx(0.75)


def test_a_threshold_of_0_is_a_threshold() -> None:
    truth, p = np.array([[1], [0], [0], [0]]), np.array([[0.9], [0.1], [0.2], [0.3]], np.float32)
    for threshold in (0.0, 0.001):
        metric = m.resolve(m.Precision(thresholds=threshold), BINARY, (1,))
        assert measured(metric, truth, p) == pytest.approx(0.25)


def test_a_class_that_never_occurs_counts_in_the_macro_mean_as_in_keras_and_not_among_those_present() -> None:
    """Classes 0 and 1 have F1 2/3 each, class 2 none at all."""
    truth, scores = np.array([0, 0, 1, 1, 0, 1]), np.eye(3, dtype=np.float32)[[0, 1, 1, 0, 0, 1]]
    for kind in (m.F1Score, m.FBetaScore):
        macro, present = (
            measured(m.resolve(kind(average=a), SPARSE, (3,)), truth, scores) for a in ("macro", "present")
        )
        assert (macro, present) == (pytest.approx(4 / 9), pytest.approx(2 / 3))


def test_a_target_row_of_zeros_is_no_class() -> None:
    """Both are answered with a class, one wrongly: class 0 has no truth, class 1 is right."""
    truth, scores = np.array([[0, 0, 0], [0, 1, 0]], np.float32), np.eye(3, dtype=np.float32)[[0, 1]]
    assert measured(m.resolve(m.F1Score(), DENSE, (3,)), truth, scores) == [0, 1, 0]


@pytest.mark.parametrize("loss", ["dice", "binary_crossentropy", "mse"])
def test_the_last_sigmoid_makes_every_output_an_answer_whatever_the_loss(loss: str) -> None:
    """Of 4 answers above one half 3 are right; all 3 that are true are among them."""
    truth, p = np.array([[1, 1, 0], [0, 0, 1]], np.float32), sigmoid(logits_of([2, 2, -2], [-2, 2, 2]))
    for name, expected in (("precision", 0.75), ("recall", 1.0)):
        assert measured(m.resolve(name, losses.get(loss), (3,), "sigmoid"), truth, p) == pytest.approx(expected)
    assert measured(m.BinaryAccuracy(), truth, p) == pytest.approx(5 / 6)
    f1 = m.resolve("f1_micro", losses.get(loss), (3,), "sigmoid")
    assert measured(f1, truth, p) == pytest.approx(2 * 3 / (4 + 3))


def test_the_ignored_class_is_in_no_mean() -> None:
    """Class 0: both right, IoU 1; class 1: one of two, called 2: IoU 1/2; class 2 is no class."""
    truth, said = np.array([[0, 0, 1, 1, 2, 2]]), np.array([0, 0, 1, 2, 1, 0])
    scores = np.eye(3, dtype=np.float32)[said][None]
    for average in ("present", "macro"):
        metric = m.MeanIoU(ignore_class=2, average=average)
        assert measured(metric, truth, scores) == pytest.approx(0.75)
    keras = m.MeanIoU(3, ignore_class=2)  # in Keras the class is in the mean, with the answers that name it
    assert measured(keras, truth, said[None]) == pytest.approx((1 + 0.5 + 0) / 3)
    binary = m.resolve(m.Precision(thresholds=0.5, ignore_class=255, average="micro"), SPARSE, (3,))
    assert measured(binary, np.where(truth == 2, 255, truth), scores) == pytest.approx(3 / 4)


def test_metrics_of_one_name_are_told_apart() -> None:
    metrics = [m.AUC(), m.AUC(curve="PR"), m.get("accuracy"), m.AUC(name="auc_1"), m.AUC()]
    m.name_apart(metrics)
    assert [metric.name for metric in metrics] == ["auc", "auc_1", "accuracy", "auc_1_1", "auc_2"]
    m.name_apart(metrics)  # a second compile
    assert [metric.name for metric in metrics] == ["auc", "auc_1", "accuracy", "auc_1_1", "auc_2"]


# -- what the outputs mean ---------------------------------------------------------------------------------------------
def test_accuracy_with_one_output_is_above_one_half() -> None:
    metric = m.resolve("accuracy", BINARY, (1,))
    assert metric.needs_probabilities
    assert measured(metric, np.array([1, 0, 1, 0]), np.array([[0.9], [0.2], [0.3], [0.5]], np.float32)) == 0.75
    assert not m.resolve("accuracy", SPARSE, (10,)).needs_probabilities
    assert not m.resolve("f1", SPARSE, (10,)).needs_probabilities
    assert m.resolve("precision", SPARSE, (10,)).needs_probabilities
    assert m.resolve("auc", SPARSE, (10,)).needs_probabilities


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 2 / 4),  # 0.3 is not above 0.5, though its sigmoid is
        ("binary_accuracy", 2 / 4),
        ("precision", 1 / 1),
        ("recall", 1 / 3),
        ("true_positives", 1),
        ("auc", 5 / 6),  # all that is below 0 is as good as 0
    ],
)
def test_logits_are_compared_as_they_are_as_in_keras_unless_they_are_said_to_be_logits(
    name: str, expected: float
) -> None:
    """Keras 3.15.1: the class of that name, update_state([1, 1, 0, 1], [[2], [0.3], [-1], [-0.5]]), result()."""
    truth, logits = np.array([1, 1, 0, 1]), np.array([[2.0], [0.3], [-1.0], [-0.5]], np.float32)
    from_logits = losses.BinaryCrossentropy(from_logits=True)
    assert measured(m.resolve(name, from_logits, (1,)), truth, logits) == pytest.approx(expected, abs=1e-6)
    right = {"accuracy": 3 / 4, "binary_accuracy": 3 / 4, "precision": 1.0, "recall": 2 / 3, "auc": 1.0}
    if name in right:
        kind = m.BinaryAccuracy if name == "accuracy" else type(m.get(name))
        assert measured(kind(from_logits=True), truth, logits) == pytest.approx(right[name], abs=1e-6)


@pytest.mark.parametrize("loss", ["binary_crossentropy", "dice", "mse"])
def test_accuracy_of_several_sigmoid_outputs_is_that_of_the_highest_as_in_keras(loss: str) -> None:
    """The highest of the targets, the first of equals, against the highest of the outputs; one by one: 9 of 18."""
    metric = m.resolve("accuracy", losses.get(loss), (3,), "sigmoid")
    assert measured(metric, BITS, PROB) == pytest.approx((BITS.argmax(1) == PROB.argmax(1)).mean())
    assert measured(m.BinaryAccuracy(), BITS, PROB) == pytest.approx(0.5)
    ours = measured(m.resolve("precision", losses.get(loss), (3,)), BITS, PROB)
    assert ours == pytest.approx(sk.precision_score(BITS, PROB > 0.5, average="micro"), abs=1e-6)


def test_accuracy_counts_the_label_that_the_loss_ignores_as_keras_does_unless_it_is_told_not_to() -> None:
    scores, truth = wave(2, 4, 5, 3, step=1.1), np.arange(40).reshape(2, 4, 5) % 3
    truth[0, 0] = 255
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    valid, said = truth != 255, scores.argmax(-1)
    for name in ("accuracy", "sparse_categorical_accuracy", "top1"):
        assert measured(m.resolve(name, loss, (4, 5, 3)), truth, scores, batch=1) == pytest.approx(
            (said == truth).mean()
        )
    own = m.resolve(m.SparseCategoricalAccuracy(ignore_class=255), loss, (4, 5, 3))
    assert measured(own, truth, scores, batch=1) == pytest.approx((said == truth)[valid].mean())


def test_maps_are_measured_by_pixel_and_ignore_what_the_loss_ignores_where_keras_has_no_such_figure() -> None:
    scores, truth = wave(2, 4, 5, 3, step=1.1), np.arange(40).reshape(2, 4, 5) % 3
    truth[0, 0] = 255
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    valid, said = truth != 255, scores.argmax(-1)
    present = m.Precision(average="present")
    expected = {
        present: sk.precision_score(truth[valid], said[valid], average="macro", zero_division=0),
        "mean_iou": sk.jaccard_score(truth[valid], said[valid], average="macro"),
        "f1_micro": sk.f1_score(truth[valid], said[valid], average="micro"),
    }
    for name, value in expected.items():
        metric = m.resolve(name, loss, (4, 5, 3))
        assert measured(metric, truth, scores, batch=1) == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("kind", [m.TopKCategoricalAccuracy, m.SparseTopKCategoricalAccuracy])
@pytest.mark.parametrize(
    ("truth", "scores", "right"),
    [
        (0, [3, 3, 3, 3], True),  # as in Keras 3.15: all of several equal scores at the edge
        (1, [3, 2, 2, 1], True),
        (2, [3, 2, 2, 1], True),
        (3, [3, 2, 2, 1], False),
        (0, [np.nan, 2, 2, 1], False),  # what is no finite number is nothing to go by, as in TensorFlow's in_top_k
        (1, [np.nan, 2, 1, 1], False),
        (0, [np.inf, 2, 1, 1], False),
        (1, [-np.inf, 2, 1, 1], False),
        (-1, [3, 2, 2, 1], False),  # no output stands for it
        (4, [3, 2, 2, 1], False),
        (10**9, [3, 2, 2, 1], False),
    ],
)
def test_who_is_among_the_best(kind: Any, truth: int, scores: list[float], right: bool) -> None:
    assert measured(kind(2), np.array([truth]), np.float32([scores])) == right
    assert ops.in_top_k(np.array([truth]), np.float32([scores]), 2).item() is right
    maps = measured(kind(2), np.full((1, 2, 3), truth), np.broadcast_to(np.float32(scores), (1, 2, 3, 4)))
    assert maps == right


@pytest.mark.parametrize("name", ["accuracy", "categorical_accuracy", "sparse_categorical_accuracy"])
def test_of_equal_scores_the_first_is_the_answer_and_one_that_is_nan_is_it(name: str) -> None:
    """As NumPy's and Keras' argmax have it."""
    metric = m.resolve(name, losses.SparseCategoricalCrossentropy(), (3,))
    scores = np.float32([[1, 1, 0], [0, 1, 1], [1, np.nan, 2], [1, np.inf, 2]])
    assert measured(metric, np.array([0, 1, 1, 1]), scores) == 1
    metric.reset_state()
    assert measured(metric, np.array([1, 2, 2, 3]), scores) == 0


def test_one_class_of_several() -> None:
    metric = m.Recall(class_id=1, average=None)
    metric.bind(DENSE, (4,))
    truth, said = ONEHOT.argmax(1), LOGITS.argmax(1)
    expected = sk.recall_score(truth, said, labels=[1], average=None)[0]
    assert measured(metric, ONEHOT, LOGITS) == pytest.approx(expected, abs=1e-6)
    above = sk.recall_score(truth == 1, softmax(LOGITS)[:, 1] > 0.5)  # in Keras an answer of its own
    assert measured(m.Recall(class_id=1), ONEHOT, softmax(LOGITS)) == pytest.approx(above, abs=1e-6)


def test_results_are_flat_for_the_logs() -> None:
    metric = m.F1Score()
    assert list(measured(metric, ONEHOT, LOGITS)) == list(metric.results().values())
    assert list(metric.results()) == ["f1_score_0", "f1_score_1", "f1_score_2", "f1_score_3"]
    assert m.resolve("confusion_matrix", DENSE, (4,)).results() == {}
    assert m.resolve("acc", DENSE, (4,)).name == "acc"


# -- names, functions, mistakes ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*m.NAMES, "top5", "mse", "mae", "hinge"])
def test_json_gives_the_same_metric_back(name: str) -> None:
    metric = m.get(name)
    again = m.get(json.loads(json.dumps(metric.to_dict())))
    assert (type(again), again.name) == (type(metric), metric.name)
    assert again.to_dict() == metric.to_dict()


def test_a_function_is_a_mean_over_samples() -> None:
    def far(y_true, y_pred):
        return (y_true - y_pred).abs().amax(1)

    y, p = wave(20, 3, step=2.3), wave(20, 3, step=0.7)
    expected = np.abs(y - p).max(1).mean()
    metric = m.get(far)
    assert metric.name == "far"
    assert measured(metric, y, p, batch=6) == pytest.approx(expected, rel=1e-6)
    assert measured(m.get(lambda t, q: float(far(t, q).mean())), y, p, batch=6) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ArgumentError, match="return one number, or one per sample"):
        measured(m.get(lambda t, q: q[:2, 0]), y, p)
    with pytest.raises(ArgumentError, match='"far" was a function of your own'):
        m.get(metric.to_dict())


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("loss", "min"),
        ("val_loss", "min"),
        ("head_loss", "min"),
        ("val_accuracy", "max"),
        ("head_accuracy", "max"),
        ("val_head_out_top5", "max"),
        ("f1_score_3", "max"),
        ("val_mse", "min"),
        ("mean_squared_error", "min"),
        ("auc", "max"),
        ("fuzz", None),
    ],
)
def test_which_way_is_better(name: str, way: str | None) -> None:
    assert m.direction(name) == way


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: m.get("acuracy"), 'Did you mean "accuracy"'),
        (lambda: m.get(3), "a metric is a name"),
        (lambda: m.Precision(top_k=0), "at least 1"),
        (lambda: m.Precision(thresholds=[0.1, 1.5]), "between 0 and 1"),
        (lambda: m.Precision(thresholds=[0.1, 0.5], average="macro"), "one metric per threshold"),
        (lambda: m.Precision(average="median"), "unknown Precision average"),
        (lambda: m.F1Score(threshold=2.0), "between 0 and 1"),
        (lambda: m.AUC(curve="rock"), 'unknown AUC curve "rock"'),
        (lambda: m.AUC(num_labels=3), "multi_label=True"),
        (lambda: m.IoU(2, [2]), r"target_class_ids=\[2\], the classes are 0 to 1"),
        (lambda: m.MeanIoU(3).update_state([0, 1], np.eye(3)[:2]), "sparse_y_pred=False"),
        (lambda: m.Accuracy(dtype="text"), "dtype='text'"),
        (lambda: m.Mean()([[1, 2], [3]]), "different lengths"),
        (lambda: m.Mean()(["a"]), "numbers, not <U1"),
        (lambda: m.Mean()([1, 2, 3], sample_weight=[1, 2]), r"sample_weight of shape \(2,\) does not go with \(3,\)"),
        (lambda: m.resolve("top5", SPARSE, (3,)), "the best 5 of 3 classes"),
        (lambda: m.resolve(m.Recall(class_id=7), SPARSE, (3,)), "class_id=7, the classes are 0 to 2"),
        (lambda: m.TopKCategoricalAccuracy(0), "at least 1"),
    ],
)
def test_a_mistake_is_one_clear_line(make: Any, message: str) -> None:
    with pytest.raises(StriateError, match=message):
        make()


@pytest.mark.parametrize(
    ("y_true", "y_pred", "n", "message"),
    [
        ([0, 1], [0], None, "2 targets and 1 prediction"),
        ([0, 5], [0, 1], 3, "from 0 to 5, 3 classes are 0 to 2"),
        ([0, -1], [0, 1], None, "from -1 to 1"),
        ([0.5], [1], None, "whole numbers"),
    ],
)
def test_a_confusion_matrix_of_nonsense_is_refused(y_true: Any, y_pred: Any, n: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        m.confusion_matrix(y_true, y_pred, n)


def test_torchmetrics_says_nothing_about_absent_classes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("precision", "f1", "auc", "mean_iou"):
            measured(m.resolve(name, SPARSE, (4,)), np.zeros(5, np.int64), softmax(LOGITS)[:5])
