"""Losses of label maps against sums written out: ignored places, class weights, the hardest places, Dice of many classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, losses
from striate.errors import ArgumentError
from striate.train.losses import SegmentationLoss, SparseDice

VOID = 9


def some(seed: int = 0, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.random((2, 5, 6, classes)).astype(np.float32) + 0.05
    truth = rng.integers(0, classes, (2, 5, 6))
    truth[rng.random(truth.shape) < 0.3] = VOID
    return truth, p / p.sum(-1, keepdims=True)


def test_dice_is_the_mean_over_classes_that_are_marked_and_leaves_ignored_places_out():
    truth, p = some()
    truth[truth == 2] = VOID  # class 2 is marked nowhere: what is said of it counts for nothing by itself
    counts, each = truth != VOID, []
    for k in (0, 1, 3):
        y = (truth == k) & counts
        each.append(1 - 2 * p[..., k][y].sum() / (y.sum() + p[..., k][counts].sum()))
    assert float(SparseDice(VOID)(truth, p)) == pytest.approx(np.mean(each), rel=1e-5)
    logits = np.log(p)
    assert float(SparseDice(VOID, from_logits=True)(truth, logits)) == pytest.approx(np.mean(each), rel=1e-5)


def test_dice_of_a_right_answer_is_0_and_where_nothing_counts_nothing_is_lost():
    truth = np.array([[[0, 1], [2, VOID]]])
    p = np.eye(3, dtype=np.float32)[np.minimum(truth, 2)]
    assert float(SparseDice(VOID)(truth, p)) == pytest.approx(0, abs=1e-6)
    assert float(SparseDice(VOID)(np.full((1, 2, 2), VOID), p)) == 0


def test_cross_entropy_is_weighed_by_class_over_the_weights_of_what_counts():
    truth, p = some()
    weights = (1.0, 0.5, 3.0, 0.0)
    counts = truth != VOID
    labels = truth[counts]
    own = -np.log(p[counts][np.arange(len(labels)), labels])
    w = np.array(weights)[labels]
    assert float(SegmentationLoss(VOID, weights)(truth, p)) == pytest.approx((w * own).sum() / w.sum(), rel=1e-5)
    plain = losses.SparseCategoricalCrossentropy(ignore_class=VOID)(truth, p)
    assert float(SegmentationLoss(VOID)(truth, p)) == pytest.approx(float(plain), rel=1e-5)


def test_only_the_hardest_share_of_the_places_that_count_is_kept():
    truth, p = some()
    counts = truth != VOID
    labels = truth[counts]
    own = np.sort(-np.log(p[counts][np.arange(len(labels)), labels]))[::-1]
    kept = own[: int(0.25 * len(own))].mean()
    assert float(SegmentationLoss(VOID, keep=0.25)(truth, p)) == pytest.approx(kept, rel=1e-5)
    both = kept + 0.5 * float(SparseDice(VOID)(truth, p))
    assert float(SegmentationLoss(VOID, keep=0.25, dice=0.5)(truth, p)) == pytest.approx(both, rel=1e-5)


def test_a_batch_in_which_nothing_counts_has_no_loss_and_a_gradient_of_0():
    logits = torch.zeros(1, 3, 3, 4, requires_grad=True)
    loss = SegmentationLoss(VOID, (1.0,) * 4, 0.5, 1.0, from_logits=True)(np.full((1, 3, 3), VOID), logits)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_a_network_trains_with_it_by_name_and_from_its_file(tmp_path):
    st.set_seed(0)
    start = st.Input((6, 6, 3))
    model = st.Model(start, layers.Softmax()(layers.Conv2D(3, 1)(start)))
    x = np.random.default_rng(0).random((8, 6, 6, 3)).astype(np.float32)
    y = x.argmax(-1)
    y[:, 0] = VOID
    model.compile(st.optimizers.Adam(0.1), SegmentationLoss(VOID, (1.0, 2.0, 1.0), 0.5, 0.5))
    history = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    model.save(tmp_path / "net")
    again = st.models.load_model(tmp_path / "net")
    assert again.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)


def test_what_does_not_go_together_is_refused():
    truth, p = some()
    for make, words in (
        (lambda: SegmentationLoss(keep=0.0), "above 0, up to 1"),
        (lambda: SegmentationLoss(dice=-1.0), "dice"),
        (lambda: SegmentationLoss(VOID, (1.0, 2.0))(truth, p), "2 class weights for 4 classes"),
        (lambda: SparseDice(0.5), "ignore_class"),
    ):
        with pytest.raises(ArgumentError, match=words):
            make()
