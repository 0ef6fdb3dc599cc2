"""Networks that find things: their layers of boxes, their losses against hand-worked cases, training that finds."""

import numpy as np
import pytest
import torch

import striate as st
from striate import Input, Model, data, layers
from striate.data.box_targets import box_targets, moved_targets
from striate.errors import StriateError
from striate.tasks.average_precision import Truth, average_precision
from striate.tasks.boxes import iou
from striate.tasks.detection_loss import DetectionLoss
from striate.tasks.detection_metric import MeanAveragePrecision
from striate.tasks.detection_recipe import DetectionRecipe
from striate.tasks.detector import detector
from striate.tasks.found import detections
from striate.tasks.kinds import DetectTask
from striate.tasks.pyramid import pyramid
from striate.tasks.yolo_loss import YoloLoss

LEVELS = ((4, 6, 8), (2, 3, 16))


def targets(*pictures):
    """Boxes of pictures, each (left, top, right, bottom, class), as a training takes them."""
    boxes = [np.array([row[:4] for row in rows], np.float32).reshape(-1, 4) for rows in pictures]
    return torch.tensor(box_targets(boxes, [np.array([row[4] for row in rows], int) for rows in pictures]))


# -- layers -----------------------------------------------------------------------------------------------------------
def test_distances_become_boxes_around_their_cells():
    """One place of the second level, by hand: distances 1, 2, 0 and 1 steps of 16 pixels from the middle of its cell."""
    layer = layers.DistanceBoxes(LEVELS, bins=4)
    rows = np.zeros((1, 30, 2 + 16), np.float32)
    place = 24 + 1 * 3 + 2  # second row, third column of the second level; its middle is x 40, y 24
    for side, step in enumerate((1, 2, 0, 1)):
        rows[0, place, 2 + 4 * side + step] = 50.0  # as good as certain
    rows[0, place, 1] = 2.0
    x = Input((30, 18))
    made = Model(x, layer(x)).predict(rows)
    np.testing.assert_allclose(made[0, place, :4], [40 - 16, 24 - 32, 40, 24 + 16], atol=1e-4)
    np.testing.assert_allclose(made[0, place, 4:], [0.5, 1 / (1 + np.exp(-2))], atol=1e-6)
    np.testing.assert_allclose(made[0, 0, :4], [4 - 12, 4 - 12, 4 + 12, 4 + 12], atol=1e-4)  # all alike: 1.5 steps of 8
    assert Model(x, layer(x)).answers.classes == 2


def test_the_papers_grid_becomes_boxes():
    """7 x 7 x 30: the cell in row 3, column 2, its second box; by hand in a picture of 448 x 448."""
    x = Input((7, 7, 30))
    model = Model(x, layers.YoloBoxes()(x))
    rows = np.zeros((1, 7, 7, 30), np.float32)
    rows[0, 3, 2, 5:10] = [0.5, 0.25, 0.5, 1.0, 0.8]  # middle in the cell, roots of width and height, confidence
    rows[0, 3, 2, 10 + 7] = 0.5
    made = model.predict(rows)
    assert made.shape == (1, 98, 24)
    at = (3 * 7 + 2) * 2 + 1
    np.testing.assert_allclose(made[0, at, :4], [160 - 56, 208 - 224, 160 + 56, 208 + 224], atol=1e-4)
    np.testing.assert_allclose(made[0, at, 4 + 7], 0.8 * 0.5, atol=1e-6)
    flat = Input((7 * 7 * 30,))
    np.testing.assert_array_equal(Model(flat, layers.YoloBoxes()(flat)).predict(rows.reshape(1, -1)), made)


def test_layers_of_boxes_refuse_what_is_no_grid():
    for wrong in (
        lambda: layers.DistanceBoxes(()),
        lambda: layers.DistanceBoxes(LEVELS, bins=1),
        lambda: layers.DistanceBoxes(LEVELS)(Input((29, 40))),
        lambda: layers.DistanceBoxes(LEVELS)(Input((30, 32))),
        lambda: layers.YoloBoxes(boxes=0),
        lambda: layers.YoloBoxes()(Input((7, 7, 10))),
        lambda: layers.YoloBoxes()(Input((6, 7, 30))),
    ):
        with pytest.raises(StriateError):
            wrong()


# -- losses -----------------------------------------------------------------------------------------------------------
def test_yolos_loss_by_hand():
    """One picture of 2 x 2 cells, one box each, two classes, 100 x 100 pixels.

    The box 20, 60, 40, 100 of class 1 has its middle (30, 80) in row 1, column 0: x (30 / 50 - 0) = 0.6, y 0.6; its width
    is 0.2 and its height 0.4 of the picture.
    """
    layer = layers.YoloBoxes(2, 1, 100)
    loss = YoloLoss(layer)
    out = torch.zeros(1, 2, 2, 7)
    out[0, 1, 0] = torch.tensor([0.5, 0.6, 0.5, 0.6, 0.7, 0.1, 0.8])
    out[0, 0, 1, 4] = 0.3  # a confidence where there is nothing
    made = torch.tensor([25 - 12.5, 80 - 18.0, 25 + 12.5, 80 + 18.0])  # what the cell says: 25 x 36 around (25, 80)
    overlap = float(iou(made, torch.tensor([20.0, 60.0, 40.0, 100.0])))
    assert overlap == pytest.approx(17.5 * 36 / (25 * 36 + 20 * 40 - 17.5 * 36))
    wanted = (
        5 * ((0.5 - 0.6) ** 2 + (0.6 - 0.6) ** 2)
        + 5 * ((0.5 - 0.2**0.5) ** 2 + (0.6 - 0.4**0.5) ** 2)
        + (0.7 - overlap) ** 2
        + 0.5 * 0.3**2
        + (0.1 - 0) ** 2
        + (0.8 - 1) ** 2
    )
    y = targets([(20, 60, 40, 100, 1)])
    assert float(loss(y, out)) == pytest.approx(wanted, rel=1e-5)
    once = wanted - (0.7 - overlap) ** 2 + (0.7 - 1) ** 2
    assert float(YoloLoss(layer, rescore=False)(y, out)) == pytest.approx(once, rel=1e-5)
    assert float(loss(targets([]), out)) == pytest.approx(0.5 * (0.3**2 + 0.7**2), rel=1e-5)  # nothing there


def test_of_two_boxes_of_a_cell_the_nearer_one_learns():
    loss = YoloLoss(layers.YoloBoxes(1, 2, 100))
    out = torch.zeros(1, 1, 1, 11)
    out[0, 0, 0, :10] = torch.tensor([0.5, 0.5, 0.9, 0.9, 0.0, 0.5, 0.5, 0.5, 0.5, 0.0])
    out.requires_grad_()
    loss(targets([(40, 40, 60, 60, 0)]), out).backward()
    assert (out.grad[0, 0, 0, :5] == 0).all()
    assert (out.grad[0, 0, 0, 7:9] != 0).all()


def test_a_detectors_loss_is_nothing_where_it_is_right_and_does_not_depend_on_the_batches():
    layer = layers.DistanceBoxes(LEVELS, bins=4)
    loss = DetectionLoss(layer)
    generator = torch.Generator().manual_seed(0)
    out = torch.randn(4, 30, 2 + 16, generator=generator)
    y = targets([(3, 3, 13, 21, 0), (20, 8, 44, 30, 1)], [], [(0, 0, 48, 32, 1)], [(8, 8, 9, 9, 0)])
    values = [float(loss(y[i : i + 1], out[i : i + 1])) for i in range(4)]
    counts = [float(loss.weight(y[i : i + 1].movedim(1, -1))) for i in range(4)]
    assert counts == [3, 1, 2, 2]  # boxes and the picture
    together = float(loss(y, out))
    assert together == pytest.approx(sum(v * c for v, c in zip(values, counts, strict=True)) / sum(counts), rel=1e-5)
    right = torch.full((1, 30, 18), -30.0)
    place = 24 + 1 * 3 + 2  # as above: the middle is x 40, y 24
    right[0, place, 1] = 30.0
    for side, step in enumerate((1, 1, 1, 1)):
        right[0, place, 2 + 4 * side + step] = 30.0
    exact = targets([(24, 8, 56, 40, 1)])
    alone = DetectionLoss(layer, most=1)
    assert float(alone(exact, right)) < 1e-4
    wrong = right.clone()
    wrong[0, place, 1] = -30.0
    assert float(alone(exact, wrong)) > 1


def test_every_box_has_a_place_that_answers_for_it():
    layer = layers.DistanceBoxes(LEVELS, bins=4)
    loss = DetectionLoss(layer)
    out = torch.randn(1, 30, 18, generator=torch.Generator().manual_seed(1))
    y = targets([(3, 3, 13, 21, 0), (20, 8, 44, 30, 1), (9, 9, 10, 10, 1)])
    rows = layer(out)
    given = loss.assign(y, rows[..., 4:], rows[..., :4])
    for box in range(3):
        assert ((given.box[0] == box) & (given.share[0] > 0)).any()
    assert given.share.max() <= 1
    assert (given.quality <= given.share).all()
    out.requires_grad_()
    loss(y, out).backward()
    assert torch.isfinite(out.grad).all()


def test_boxes_that_are_ignored_are_neither_learnt_nor_punished():
    layer = layers.DistanceBoxes(LEVELS, bins=4)
    loss = DetectionLoss(layer)
    out = torch.zeros(1, 30, 18)
    y = targets([(0, 0, 48, 32, 1)])
    y[0, 0, 5] = 1
    assert float(loss(y, out)) == 0
    assert float(loss(targets([]), out)) > 0


def test_losses_of_boxes_and_networks_go_together():
    x = Input((30, 18))
    layer = layers.DistanceBoxes(LEVELS, bins=4)
    boxes = Model(x, layer(x))
    boxes.compile("adam", "mse")
    with pytest.raises(StriateError, match="boxes"):
        boxes.fit(np.zeros((2, 30, 18), np.float32), np.zeros((2, 30, 6), np.float32), verbose=0)
    plain = Model(x, layers.Dense(6)(x))
    plain.compile("adam", DetectionLoss(layer))
    with pytest.raises(StriateError, match="boxes"):
        plain.fit(np.zeros((2, 30, 18), np.float32), np.zeros((2, 1, 6), np.float32), verbose=0)
    with pytest.raises(StriateError):
        DetectionLoss(layers.Dense(2))
    with pytest.raises(StriateError):
        YoloLoss(layer)


# -- moving -----------------------------------------------------------------------------------------------------------
def test_targets_move_with_their_pictures_and_those_that_leave_are_none():
    rows = targets([(0, 0, 10, 10, 2), (30, 30, 40, 40, 1)], []).numpy()
    left = np.array([[1.0, 0, -20], [0, 1, 0], [0, 0, 1]])
    moved = moved_targets(rows, np.stack([left, left]), (40, 40))
    assert moved[0, 0].tolist() == [10, 30, 20, 40, 1, 0]
    assert moved[0, 1, 4] == -1
    assert moved[1, 0, 4] == -1


# -- a network --------------------------------------------------------------------------------------------------------
def small(shape=(64, 64, 3)):
    start = x = Input(shape)
    for filters in (8, 16, 24, 32, 40):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    return Model(start, x)


def test_a_pyramid_has_the_last_map_of_each_stride_or_says_which_there_are():
    base = small()
    assert [t.sizes for t in pyramid(base)] == [(8, 8, 24), (4, 4, 32), (2, 2, 40)]
    with pytest.raises(StriateError, match=r"no map has stride 64.*32 x 32"):
        pyramid(base, (64,))
    with pytest.raises(StriateError, match="multiples of 32, not 70 x 64; 64 x 64 is near"):
        detector(small((70, 64, 3)), 2)


@pytest.mark.slow
def test_a_detector_learns_to_find_and_answers_alike_everywhere(tmp_path):
    st.set_seed(1)
    parts = data.load("scenes").train.subset(range(32))
    model = detector(small(), 3, width=32)
    box = model.layers[-1]
    model.compile(
        st.optimizers.AdamW(3e-3),
        DetectionLoss(box),
        metrics=[MeanAveragePrecision(box)],
        augment=layers.RandomFlip("horizontal"),
    )
    model.fit(parts, epochs=60, batch_size=16, verbose=0, seed=1)
    figures = model.evaluate(parts, return_dict=True, verbose=0)
    assert figures["map50"] > 0.5
    rows = model.predict(parts)
    truth = [Truth(*each) for each in zip(parts.boxes, parts.box_labels, strict=True)]
    again = average_precision(truth, [detections(row) for row in rows], parts.classes)
    assert figures["map50"] == pytest.approx(again.at50, abs=1e-3)  # by the engine and by torch
    model.save(tmp_path / "run")
    other = st.models.load_model(tmp_path / "run")
    np.testing.assert_allclose(other.predict(parts), rows, atol=1e-3)
    assert other.evaluate(parts, return_dict=True, verbose=0) == pytest.approx(figures, abs=1e-3)
    with torch.inference_mode():
        module = model.module(torch.tensor(parts.x / 255.0).float().movedim(-1, 1)).movedim(1, -1)
    np.testing.assert_allclose(module.numpy(), rows, atol=1e-2)


def test_a_base_with_weights_and_one_from_nothing_learn_by_different_numbers():
    """From nothing more places share each box and all scores count; what was learnt is averaged only with weights."""
    start = x = Input((32, 32, 3))
    for maps in (4, 4, 4, 4, 4):
        x = layers.Conv2D(maps, 3, strides=2, padding="same")(x)
    base = Model(start, x)
    for learnt in (True, False):
        model = detector(base, 2, width=4)
        DetectionRecipe().compile(model, base if learnt else None, updates=1000)
        plan = model._compiled()
        given = DetectTask().learning(model, None, learnt=learnt)["loss"]
        assert (given.alpha, given.beta, given.gamma) == ((1.0, 6.0, 2.0) if learnt else (0.5, 2.0, 0.0))
        assert (plan.losses[0].alpha, plan.losses[0].gamma) == (given.alpha, given.gamma)
        assert plan.optimizer.use_ema is learnt
