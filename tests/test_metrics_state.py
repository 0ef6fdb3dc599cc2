"""What a metric keeps between batches: states add up, batches may be overwritten, and an update costs little."""

import json
import time
from typing import Any

import numpy as np
import pytest
import torch
from measured import DENSE, LOGITS, ONEHOT, SPARSE, measured, softmax

from striate import configs
from striate.errors import ArgumentError
from striate.train import metrics as m

ALL = ["accuracy", "top2", "precision", "f1", "f1_score", "auc", "mean_iou", "confusion_matrix", "mse", "rmse"]


@pytest.mark.parametrize("name", [*ALL, "categorical_crossentropy"])
def test_states_add_up_over_processes_and_reset_forgets(name: str) -> None:
    y, p = ONEHOT, softmax(LOGITS)
    whole = measured(m.resolve(name, DENSE, (4,)), y, p)
    parts = [m.resolve(name, DENSE, (4,)) for _ in range(2)]
    measured(parts[0], y[:15], p[:15])
    measured(parts[1], y[15:], p[15:])
    states = [part.state_dict() for part in parts]
    total = m.resolve(name, DENSE, (4,))
    total.load_state_dict({key: states[0][key] + states[1][key] for key in states[0]})
    assert np.asarray(total.result()) == pytest.approx(np.asarray(whole), rel=1e-6)
    total.reset_state()
    again = measured(total, y, p)
    assert np.asarray(again) == pytest.approx(np.asarray(whole), rel=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_evaluation_and_training_may_share_a_metric(name: str) -> None:
    """One runs in inference mode, the other does not; tensors of one must not stop the other."""
    metric = m.resolve(name, DENSE, (4,))
    y, p = torch.from_numpy(ONEHOT), torch.from_numpy(softmax(LOGITS))
    with torch.inference_mode():
        metric.update_state(y.clone(), p.clone())
        metric.result()
        metric.update_state(y.clone(), p.clone())
    metric.update_state(y, p)
    once = m.resolve(name, DENSE, (4,))
    once.update_state(y, p)
    if name != "confusion_matrix":
        assert np.asarray(metric.result()) == pytest.approx(np.asarray(once.result()))


@pytest.mark.parametrize("name", ["precision", "auc"])
def test_a_batch_may_be_overwritten_after_its_update(name: str) -> None:
    metric, expected = (m.resolve(name, SPARSE, (4,)) for _ in range(2))
    y, p = torch.arange(40) % 3, torch.from_numpy(softmax(LOGITS))
    expected.update_state(y.clone(), p.clone())
    metric.update_state(y, p)
    y.zero_()
    p.zero_()
    assert metric.result() == expected.result()


def test_many_small_batches_are_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("striate.train.metrics.gathered.PIECE", 10)
    for name in ("precision", "auc", "f1"):
        metric = m.resolve(name, DENSE, (4,))
        pieced = measured(metric, ONEHOT, softmax(LOGITS), batch=3)
        whole = measured(m.resolve(name, DENSE, (4,)), ONEHOT, softmax(LOGITS), batch=100)
        assert np.asarray(pieced) == pytest.approx(np.asarray(whole))


def test_nothing_seen_is_0_as_in_keras() -> None:
    for name in ("accuracy", "precision", "auc", "mse", "f1", "mean_iou", "true_positives"):
        assert float(m.resolve(name, DENSE, (4,)).result()) == 0


@pytest.mark.parametrize("name", ["accuracy", "top5", "precision", "recall", "f1", "auc", "mse"])
def test_an_update_costs_little(name: str) -> None:
    """The mean over an epoch of 400 batches of (128, 10).  On 2 cores: 6 to 17 µs; a step takes some 10,000."""
    y, p = torch.arange(128) % 10, torch.rand(128, 10).softmax(1)
    metric = m.resolve(name, SPARSE, (10,))
    targets = torch.nn.functional.one_hot(y, 10).float() if name == "mse" else y
    costs = []
    for _ in range(5):
        metric.reset_state()
        begin = time.thread_time()
        for _ in range(400):
            metric.update_state(targets, p)
        costs.append((time.thread_time() - begin) / 400)
    assert min(costs) < 150e-6  # far above, for slow machines


def test_what_a_metric_keeps_has_names_and_its_type_is_said_as_keras_says_it() -> None:
    precision = m.Precision(thresholds=[0.4, 0.9])
    assert [one.name for one in precision.variables] == ["true_positives", "false_positives"]
    assert [one.name for one in m.Mean().variables] == ["total", "count"]
    own = m.Metric()
    assert (own.add_variable((), name="seen").name, own.add_weight(()).name) == ("seen", "variable")
    assert (m.AUC()._dtype, m.Hinge(dtype="int32")._dtype) == ("float32", "int32")


@pytest.mark.parametrize(
    ("metric", "config"),
    [
        (m.Precision(), {"thresholds": None, "top_k": None, "class_id": None, "name": "precision"}),
        (m.F1Score(), {"average": None, "threshold": None, "name": "f1_score"}),
        (m.BinaryAccuracy(), {"name": "binary_accuracy", "threshold": 0.5}),
        (m.CategoricalAccuracy(), {"name": "categorical_accuracy"}),
    ],
)
def test_a_configuration_holds_what_keras_has_and_ours_only_where_it_says_something(metric: Any, config: Any) -> None:
    assert metric.get_config() == {**config, "dtype": "float32"}  # Keras 3.15.1
    assert "dtype" not in metric.to_dict()
    logits = m.BinaryAccuracy(from_logits=True)
    assert logits.get_config()["from_logits"] is True
    assert m.BinaryAccuracy.from_config(logits.get_config()).from_logits


def test_intersections_over_unions_keep_a_matrix() -> None:
    iou = m.MeanIoU(num_classes=3)
    assert [(one.name, tuple(one.shape)) for one in iou.variables] == [("total_confusion_matrix", (3, 3))]
    iou.update_state([0, 1, 1, 2], [0, 1, 2, 2])
    assert iou.total_cm.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    iou.total_cm = np.full((3, 3), 2.0)
    iou.update_state([0], [1])
    assert iou.total_cm.tolist() == [[2, 3, 2], [2, 2, 2], [2, 2, 2]]


def test_an_area_says_all_its_thresholds_and_keeps_those_that_it_was_given() -> None:
    auc = m.AUC(num_thresholds=None, thresholds=[0.5, 0.3])
    assert auc.num_thresholds == 4
    assert auc.thresholds == pytest.approx([0, 0.3, 0.5, 1], abs=1e-6)
    config = json.loads(json.dumps(auc.get_config()))
    assert config["thresholds"] == [0.3, 0.5]
    assert m.AUC.from_config(config).thresholds == auc.thresholds
    assert json.loads(json.dumps(auc.to_dict()))["thresholds"] == [0.3, 0.5]
    even = m.AUC(num_thresholds=5)
    assert "thresholds" not in even.get_config()
    assert even.thresholds == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-6)
    with pytest.raises(ArgumentError, match="num_thresholds"):
        m.AUC(num_thresholds=None)


def test_an_area_of_each_label_still_has_its_labels_after_a_reset() -> None:
    auc = m.AUC(num_thresholds=5, multi_label=True)
    auc.update_state(np.eye(2), np.array([[0.9, 0.2], [0.3, 0.8]]))
    auc.reset_state()
    assert tuple(auc.true_positives.shape) == (5, 2)
    assert not auc.true_positives.any()
    assert tuple(m.AUC(multi_label=True, num_labels=3).true_positives.shape) == (200, 3)


def squares(y_true: Any, y_pred: Any) -> Any:
    return (y_true - y_pred) ** 2


def test_a_function_as_a_metric_goes_through_a_configuration_by_its_name() -> None:
    configs.register_keras_serializable("here")(squares)
    config = json.loads(json.dumps(m.MeanMetricWrapper(squares, name="mse").get_config()))
    again = m.MeanMetricWrapper.from_config(config)
    assert float(again(np.zeros((2, 1)), np.array([[1.0], [3.0]]))) == pytest.approx(5)


def test_a_threshold_of_an_f_score_is_above_0() -> None:
    with pytest.raises(ArgumentError, match="above 0"):
        m.F1Score(threshold=0.0)
