"""Losses and metrics on arrays, standing alone: Keras' numbers, weights, reductions, functions, descriptions, refusals."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles.figures import (
    BITS,
    DATA,
    EACH,
    IDS,
    LOSSES,
    METRICS,
    PROB,
    REDUCTIONS,
    SCORE,
    SHORT,
    A,
    B,
    halves,
    key,
    wave,
)

import striate as st
from striate import losses, metrics
from striate.errors import StriateError

KERAS = json.loads((Path(__file__).parent / "oracles" / "figures.json").read_text())
# Of targets (N,) Keras' loss is one number a batch, and its metric the mean of those of the batches, whatever their size.
BY_BATCH = {f"{kind} {{}} line False" for kind in ("MeanSquaredError", "MeanAbsoluteError", "LogCoshError")}


@pytest.mark.parametrize(
    ("kind", "options", "name", "weighted"),
    [
        (k, o, n, w)
        for w in (False, True)
        for k, o, names in METRICS
        for n in names
        if not (w and o.get("axis") == 0)  # what is reduced along the samples has no weight per sample
    ],
    ids=lambda v: {True: "weighted", False: "plain"}.get(v, str(v)) if isinstance(v, bool) else str(v),
)
def test_a_metric_says_over_two_batches_what_keras_says(
    kind: str, options: dict[str, Any], name: str, weighted: bool
) -> None:
    case = key(kind, options, name, weighted)
    y, p = DATA[name]
    metric = getattr(metrics, kind)(**options)
    for part in halves(y):
        metric.update_state(y[part], p[part], sample_weight=SHORT[name][part] if weighted else None)
    result = metric.result()
    assert result.dtype == torch.float32
    if case in KERAS["metrics"] and case not in BY_BATCH:
        assert np.asarray(result) == pytest.approx(np.asarray(KERAS["metrics"][case]), rel=2e-5, abs=2e-6)
    else:
        assert np.isfinite(np.asarray(result)).all()
    metric.reset_state()
    again = metric(torch.from_numpy(y), torch.from_numpy(p), sample_weight=None)  # one batch, and tensors
    other = metric(y.tolist(), p.tolist())  # the same batch again, as lists
    if kind[:4] not in ("True", "Fals") and "num_regressors" not in options:  # these depend on how much was seen
        assert np.asarray(other) == pytest.approx(np.asarray(again), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "options", "name"), [(k, o, n) for k, o, names in LOSSES for n in names], ids=lambda v: str(v)
)
def test_a_loss_gives_what_keras_gives_by_every_reduction_with_weights(
    kind: str, options: dict[str, Any], name: str
) -> None:
    y, p = DATA[name]
    plain = getattr(losses, kind)(**options)(y, p)
    assert float(plain) == pytest.approx(KERAS["losses"][key(kind, options, name)], rel=2e-5, abs=2e-6)
    for reduction in REDUCTIONS:
        case = key(kind, options, name, reduction)
        if case in KERAS["losses"]:
            value = getattr(losses, kind)(**options, reduction=reduction)(y, p, sample_weight=SHORT[name])
            assert np.asarray(value) == pytest.approx(np.asarray(KERAS["losses"][case]), rel=2e-5, abs=2e-6), reduction


def test_the_cases_cover_every_metric_and_loss_that_keras_has() -> None:
    own = {"LossMetric", "MeanMetric", "MeanMetricWrapper", "Metric", "Mean", "Sum", "ConfusionMatrix", "ClassReport"}
    classes = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)}
    assert classes - own == {kind for kind, _, _ in METRICS}
    own = {"FunctionLoss", "TorchLoss", "Loss", "HalfSumOfSquares", "CTC"}  # CTC: test_losses.py
    own |= {"SegmentationLoss", "SparseDice"}  # test_losses_label_maps.py
    classes = {name for name in losses.__all__ if isinstance(getattr(losses, name), type)}
    assert classes - own == {kind for kind, _, _ in LOSSES}


# -- means and sums of anything ------------------------------------------------------------------------------------------
def test_mean_and_sum_of_values_with_weights() -> None:
    """By hand: (1·1 + 3·1 + 7·0) / 2, and with weights over a matrix the mean of each row."""
    mean, total = metrics.Mean(), metrics.Sum()
    assert float(mean([1, 3, 5, 7])) == 4
    assert float(mean([9], sample_weight=0.5)) == pytest.approx((16 + 4.5) / 4.5)
    mean.reset_state()
    assert float(mean([1, 3, 7], sample_weight=[1, 1, 0])) == 2
    mean.reset_state()
    assert float(mean(np.array([[1, 3], [5, 9]]), sample_weight=[1, 3])) == pytest.approx((2 + 3 * 7) / 4)
    assert (mean.total, mean.count) == (23, 4)
    assert len(mean.variables) == 2
    assert float(total([1, 3, 5])) == 9
    assert float(total(np.ones((2, 3)), sample_weight=[1, 2])) == 9 + 3 + 6
    assert float(metrics.Mean().result()) == 0
    assert float(metrics.Mean()([np.nan])) != 0


def test_a_wrapper_takes_a_function_and_its_arguments() -> None:
    def off(y_true: torch.Tensor, y_pred: torch.Tensor, times: float = 1) -> torch.Tensor:
        return times * (y_true - y_pred).abs().mean(-1)

    metric = metrics.MeanMetricWrapper(fn=off, name="off", times=2)
    assert float(metric(A, B)) == pytest.approx(2 * np.abs(A - B).mean(), rel=1e-5)
    metric.reset_state()
    weighted = (2 * np.abs(A - B).mean(1) * EACH).sum() / EACH.sum()
    assert float(metric(A, B, sample_weight=EACH)) == pytest.approx(weighted, rel=1e-5)


def test_the_adjusted_r2_counts_samples() -> None:
    """1 - (1 - R²) · (n - 1) / (n - p - 1) with n samples, not samples times outputs."""
    plain, n = float(metrics.R2Score()(A, B)), len(A)
    assert float(metrics.R2Score(num_regressors=2)(A, B)) == pytest.approx(
        1 - (1 - plain) * (n - 1) / (n - 3), rel=1e-5
    )
    assert float(metrics.R2Score(num_regressors=50)(A, B)) == pytest.approx(plain)


# -- functions, names, descriptions --------------------------------------------------------------------------------------
FUNCTIONS = {
    "binary_crossentropy": (BITS, SCORE, {"from_logits": False, "label_smoothing": 0.1}),
    "categorical_crossentropy": (*DATA["class logits"], {"from_logits": True}),
    "sparse_categorical_crossentropy": (IDS, PROB, {}),
    "mean_squared_error": (A, B, {}),
    "huber": (A, B, {"delta": 0.4}),
    "tversky": (BITS, SCORE, {"alpha": 0.2, "beta": 0.8, "axis": (1,)}),
    "kl_divergence": (*DATA["classes"], {}),
    "circle": (*DATA["embeddings"], {"gamma": 8.0}),
    "categorical_generalized_cross_entropy": (IDS, PROB, {"q": 0.7}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_the_numbers_of_its_class_one_a_sample(name: str) -> None:
    y, p, options = FUNCTIONS[name]
    values = getattr(losses, name)(y, p, **options)
    assert values.shape == (len(p),)
    made = losses.NAMES[name]
    torch.testing.assert_close(values, made(**options, reduction=None)(y, p) if name != "circle" else values)
    if name != "circle":
        assert getattr(metrics, name, values) is not None
        torch.testing.assert_close(getattr(losses, name)(y, p, *options.values()), values)
    if hasattr(metrics, name):
        assert getattr(metrics, name) is getattr(losses, name)


def test_functions_of_accuracy_say_of_each_sample_whether_it_is_right() -> None:
    onehot, p = DATA["classes"]
    right = (p.argmax(1) == IDS).astype(np.float32)
    assert metrics.categorical_accuracy(onehot, p).tolist() == right.tolist()
    assert metrics.sparse_categorical_accuracy(IDS, p).tolist() == right.tolist()
    assert metrics.binary_accuracy(BITS, SCORE).shape == BITS.shape
    top = (np.argsort(-p, 1)[:, :2] == IDS[:, None]).any(1).astype(np.float32)
    assert metrics.top_k_categorical_accuracy(onehot, p, k=2).tolist() == top.tolist()
    assert metrics.sparse_top_k_categorical_accuracy(IDS, p, k=2).tolist() == top.tolist()
    assert metrics.pearson_correlation(A, B)[0] == pytest.approx(np.corrcoef(A[0], B[0])[0, 1], abs=1e-5)


@pytest.mark.parametrize("room", [losses, metrics], ids=["losses", "metrics"])
def test_names_and_descriptions_give_the_same_object_back(room: Any) -> None:
    assert room.get(None) is None
    for name in room.NAMES:
        made = room.get(name)
        said = json.loads(json.dumps(room.serialize(made)))
        again = room.deserialize(said)
        assert (type(again), again.get_config()) == (type(made), made.get_config())
        assert type(room.get(said)) is type(made)
        assert type(type(made).from_config(made.get_config())) is type(made)
    with pytest.raises(StriateError, match="unknown"):
        room.get("typo")


def test_a_class_of_ones_own_comes_back_by_its_name() -> None:
    class Cubed(losses.Loss):
        """|p - y|³."""

        def call(self, y_true, y_pred):
            return (y_pred - y_true).abs() ** 3

    said = {"class_name": "Theirs", "config": {"name": "c", "reduction": "sum"}}
    again = losses.deserialize(said, custom_objects={"Theirs": Cubed})
    assert float(again(A, B)) == pytest.approx((np.abs(A - B) ** 3).sum(), rel=1e-5)


# -- in a network --------------------------------------------------------------------------------------------------------
NAMED = [
    *("true_positives", "false_negatives", "auc", "precision", "recall", "mape", "msle", "logcosh", "poisson"),
    *("hinge", "r2_score", "binary_accuracy", "binary_iou", "kl_divergence", "pearson_correlation", "huber", "rmse"),
]


def test_every_metric_is_measured_in_a_network_as_on_its_own() -> None:
    x = np.log(SCORE / (1 - SCORE))
    model = st.Sequential([st.layers.Input((3,)), st.layers.Activation("sigmoid")])
    objects = [metrics.PrecisionAtRecall(0.5), metrics.Precision(top_k=2), metrics.AUC(multi_label=True, num_labels=3)]
    model.compile("sgd", "binary_crossentropy", metrics=[*NAMED, *objects])
    told = model.evaluate(x, BITS, return_dict=True, batch_size=5)
    for metric in [*map(metrics.get, NAMED), *objects]:
        metric.reset_state()
        metric.update_state(BITS, SCORE)
        name = {"auc": "auc", "precision": "precision"}.get(metric.name, metric.name)
        assert metric.name in told
        if name not in ("auc", "precision"):
            assert told[metric.name] == pytest.approx(float(metric.result()), rel=1e-4, abs=1e-5), metric.name
    assert {"auc_1", "precision_1"} <= told.keys()


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "sum_over_batch_size"])
def test_training_makes_small_what_the_reduction_says(reduction: str) -> None:
    """One weight, one batch, rate 1: it moves by the slope, of which all samples have their share of weight."""
    x, y, weights = np.ones((4, 1), np.float32), np.zeros((4, 1), np.float32), np.array([1, 2, 0, 1], np.float32)
    model = st.Sequential([st.layers.Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
    model.compile(st.optimizers.SGD(0.01), losses.MeanSquaredError(reduction=reduction))
    model.fit(x, y, batch_size=4, epochs=1, sample_weight=weights, verbose=0)
    slope = {"sum": 2 * 4.0, "mean_with_sample_weight": 2.0, "sum_over_batch_size": 2 * 4 / 4}[reduction]
    assert float(np.ravel(model.get_weights()[0])[0]) == pytest.approx(1 - 0.01 * slope, rel=1e-5)


class Crossings(metrics.Metric):
    """How many outputs lie on the other side of 0 than their targets, and of how many."""

    def __init__(self, name: str = "crossings", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.crossed = self.add_weight(name="crossed", shape=(), initializer="zeros")
        self.seen = self.add_variable(shape=(), initializer="zeros", dtype="int32", name="seen")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.crossed.assign_add(((torch.as_tensor(y_true) > 0) != (torch.as_tensor(y_pred) > 0)).sum())
        self.seen.assign(self.seen + len(y_pred))

    def result(self) -> Any:
        return self.crossed / max(int(self.seen), 1)


def test_a_metric_of_ones_own_keeps_its_numbers_in_variables() -> None:
    metric = Crossings()
    assert len(metric.variables) == 2
    expected = ((A > 0) != (B > 0)).sum() / len(A)
    for part in halves(A):
        metric.update_state(A[part], B[part])
    assert float(metric.result()) == pytest.approx(expected)
    assert int(metric.seen.numpy()) == len(A)
    twin = Crossings()
    twin.load_state_dict({name: 2 * value for name, value in metric.state_dict().items()})  # of two processes
    assert float(twin.result()) == pytest.approx(expected)
    metric.reset_state()
    assert float(metric.result()) == 0
    model = st.Sequential([st.layers.Input((3,)), st.layers.Activation("linear")])
    model.compile("sgd", "mse", metrics=[metric])
    assert model.evaluate(B, A, return_dict=True)["crossings"] == pytest.approx(expected)
    metric.more = {"a": [Crossings()]}
    assert len(metric.variables) == 4


# -- refusals ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda: losses.MeanSquaredError()(A, B[:3]), "do not go with outputs"),
        (lambda: losses.MeanSquaredError()(A, B, sample_weight=[1, 2]), r"sample_weight of shape \(2,\)"),
        (lambda: losses.MeanSquaredError()([["a"]], [["b"]]), "is numbers, not"),
        (lambda: losses.MeanSquaredError()([[1], [1, 2]], [[1], [2]]), "different lengths"),
        (lambda: losses.binary_crossentropy(BITS, SCORE, from_logit=True), 'Did you mean "from_logits"'),
        (lambda: losses.huber(A, B, 1, 2), "huber takes y_true, y_pred and delta"),
        (lambda: losses.SparseCategoricalCrossentropy()(IDS + 3, PROB), "do not go with 4 outputs"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(1.5), "q=1.5"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy()(IDS + 3, PROB), "do not go with 4 outputs"),
        (lambda: losses.Circle()(IDS, PROB[:, 0]), "embeddings"),
        (lambda: losses.Dice(axis=7)(BITS, SCORE), "axis=7"),
        (lambda: losses.CTC()(IDS, PROB), r"class numbers \(N, L\) and logits \(N, T, C\)"),
        (lambda: metrics.Precision()(BITS, SCORE[:, :2]), "do not go with outputs"),
        (lambda: metrics.Precision(class_id=3)(BITS, SCORE), "class_id=3, the classes are 0 to 2"),
        (lambda: metrics.Precision()(BITS, SCORE, sample_weight=[1, 2]), r"sample_weight of shape \(2,\)"),
        (lambda: metrics.CategoricalAccuracy()(IDS, PROB[:5]), "do not go with outputs"),
        (lambda: metrics.Accuracy()([1, 2, 3], [1, 2]), "do not go with outputs"),
        (lambda: metrics.R2Score()(A[:, 0], B[:, 0]), r"\(N, outputs\)"),
        (lambda: metrics.R2Score("mean"), "class_aggregation='mean'"),
        (lambda: metrics.PearsonCorrelation(axis=4)(A, B), "axis=4"),
        (lambda: metrics.AUC(multi_label=True)([0, 1], [0.1, 0.2]), "multi_label is for outputs of shape"),
        (lambda: metrics.AUC(thresholds=[0.1, 2]), "between 0 and 1"),
        (lambda: metrics.SensitivityAtSpecificity(1.5), "specificity=1.5"),
        (lambda: metrics.IoU(3, [0, 3]), r"target_class_ids=\[3\]"),
        (lambda: metrics.MeanMetricWrapper(), "function of your own"),
        (lambda: metrics.get("mean_iou")(IDS, PROB[:2]), "do not go with outputs"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(say: Any, message: str) -> None:
    with pytest.raises(StriateError, match=message):
        say()


def test_a_loss_without_reduction_is_no_loss_to_train_with() -> None:
    model = st.Sequential([st.layers.Dense(1, input_shape=(1,))])
    model.compile("sgd", losses.MeanSquaredError(reduction=None))
    with pytest.raises(StriateError, match="training needs one in all"):
        model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)


def test_the_file_of_answers_is_that_of_the_cases() -> None:
    """Every answer belongs to a case, so that a case that changes is asked again."""
    known = {(kind, str(options)) for kind, options, _ in [*METRICS, *LOSSES]}
    for case in [*KERAS["metrics"], *KERAS["losses"]]:
        kind, rest = case.split(" ", 1)
        end = rest.index("}") + 1
        while True:
            try:
                options = ast.literal_eval(rest[:end])
                break
            except SyntaxError:
                end = rest.index("}", end) + 1
        assert (kind, str(options)) in known, case
    assert wave(3).shape == (3,)
