"""Losses followed as metrics: from logits or probabilities, with labels that do not count."""

import numpy as np
import pytest
import torch
from measured import BINARY, LOGITS, ONEHOT, measured, softmax

from striate.train import losses
from striate.train import metrics as m


def test_the_cosine_is_a_metric_and_more_of_it_is_better() -> None:
    y, p = np.array([[1, 2], [4, 3]], np.float32), np.array([[1, 2], [3, 4]], np.float32)
    metric = m.resolve("cosine_similarity", losses.get("mse"), (2,))
    assert measured(metric, y, p) == pytest.approx((1 + 24 / 25) / 2)
    assert measured(losses_as_metric := m.get(losses.CosineSimilarity()), y, p) == pytest.approx(-0.98), (
        losses_as_metric
    )
    assert m.direction("val_cosine_similarity") == metric.direction == "max"


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_an_ignored_label_counts_as_no_loss_in_the_metric_and_not_at_all_in_the_loss(batch: int) -> None:
    """-log p of the two labels that count, over three labels in Keras' metric, over two in the loss of that name."""
    truth, p = np.array([0, 1, 255]), np.array([[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]], np.float32)
    total = -(np.log(0.5) + np.log(0.9))
    assert measured(m.SparseCategoricalCrossentropy(ignore_class=255), truth, p, batch) == pytest.approx(total / 3)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    assert measured(m.get(loss), truth, p, batch) == pytest.approx(total / 2)
    if batch == 3:
        assert float(loss(truth, p)) == pytest.approx(total / 2)


def test_the_metric_with_an_ignored_class_has_keras_numbers() -> None:
    """Keras 3.15.1, keras/src/metrics/probabilistic_metrics_test.py's case; with weights 1.5, 2, 1: labels that count."""
    truth, p = np.array([1, 2, 0]), np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    metric = m.SparseCategoricalCrossentropy(ignore_class=0)
    assert float(metric(truth, p)) == pytest.approx(-(np.log(0.95) + np.log(0.1)) / 3, rel=1e-5)
    metric.reset_state()
    expected = -(1.5 * np.log(0.95) + 2 * np.log(0.1)) / 3.5
    assert float(metric(truth, p, sample_weight=[1.5, 2, 1])) == pytest.approx(expected, rel=1e-5)


def test_a_cross_entropy_as_a_metric_is_computed_from_logits_where_the_loss_is() -> None:
    """log(1 + e^30) and log(1 + e^-3); by way of probabilities the first would be cut at 16."""
    logits, truth = torch.tensor([[30.0], [-3.0]]), torch.zeros(2, 1)
    expected = (np.logaddexp(0, 30) + np.logaddexp(0, -3)) / 2
    trained_without_sigmoid = m.resolve("binary_crossentropy", BINARY, (1,))
    trained_without_sigmoid.update(truth, logits, "sigmoid")
    given_logits = m.resolve("binary_crossentropy", losses.BinaryCrossentropy(from_logits=True), (1,))
    given_logits.update(truth, logits)
    alone = m.BinaryCrossentropy(from_logits=True)
    alone.update_state(truth, logits)
    for metric in (trained_without_sigmoid, given_logits, alone):
        assert metric.figure() == pytest.approx(expected)


def test_a_loss_is_followed_as_a_metric_whatever_the_targets() -> None:
    p = softmax(LOGITS)
    expected = -np.log(p[np.arange(40), ONEHOT.argmax(1)]).mean()
    for name in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        for y in (ONEHOT, ONEHOT.argmax(1)):
            assert measured(m.get(name), y, p) == pytest.approx(expected, rel=1e-5)
    assert measured(m.get(losses.MeanAbsoluteError()), ONEHOT, p) == pytest.approx(np.abs(ONEHOT - p).mean())
    assert m.MeanAbsoluteError(name="off").name == "off"
