"""YOLO's first version: its networks by the paper's table, its loss where cells are shared, a network that learns."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import striate as st
from striate import Input, Model, data, layers
from striate.data.box_targets import box_targets
from striate.errors import StriateError
from striate.tasks.average_precision import Truth, average_precision
from striate.tasks.detection_metric import MeanAveragePrecision
from striate.tasks.found import detections
from striate.tasks.yolo import yolo, yolo_v1, yolo_v1_fast
from striate.tasks.yolo_loss import YoloLoss


def convolutions(rows, channels=3):
    """Weights and biases of convolutions (side, maps), one after the other."""
    total = 0
    for side, maps in rows:
        total, channels = total + side * side * channels * maps + maps, maps
    return total


def dense(*sizes):
    """Weights and biases of dense layers between vectors of these sizes."""
    return sum(a * b + b for a, b in pairwise(sizes))


# Redmon et al. 2016, figure 3, as it is printed
PRINTED = [(7, 64), (3, 192), (1, 128), (3, 256), (1, 256), (3, 512), *[(1, 256), (3, 512)] * 4, (1, 512), (3, 1024)]
PRINTED += [*[(1, 512), (3, 1024)] * 2, *[(3, 1024)] * 4]


def test_the_papers_network_has_its_layers_sizes_and_weights():
    model = yolo_v1()
    kernels = [layer for layer in model.layers if layer.kind == "Conv2D"]
    assert [(layer.kernel_size[0], layer.filters) for layer in kernels] == PRINTED
    assert len(kernels) == 24
    size = model.size()
    assert size.weights == convolutions(PRINTED) + dense(7 * 7 * 1024, 4096, 7 * 7 * 30) == 271_703_550
    shapes = [size.row(f"pool{i}").output_shape for i in (1, 2, 3, 4)]
    assert shapes == [(112, 112, 64), (56, 56, 192), (28, 28, 512), (14, 14, 1024)]  # printed beside the boxes
    assert size.row("conv24").output_shape == (7, 7, 1024)
    assert model.graph.output_shapes == [(7 * 7 * 2, 4 + 20)]
    assert [layer.negative_slope for layer in model.layers if layer.kind == "LeakyReLU"] == [0.1] * 25
    assert [layer.rate for layer in model.layers if layer.kind == "Dropout"] == [0.5]


def test_the_fast_network_has_nine_convolutions():
    size = yolo_v1_fast().size()
    rows = [(3, maps) for maps in (16, 32, 64, 128, 256, 512, 1024, 1024, 1024)]
    assert size.weights == convolutions(rows) + dense(7 * 7 * 1024, 256, 4096, 7 * 7 * 30)
    assert size.row("pool6").output_shape == (7, 7, 512)
    other = yolo_v1_fast(3, (128, 192, 3), boxes=1).graph
    assert other.output_shapes == [(2 * 3, 4 + 3)]


def small(shape=(64, 64, 3)):
    start = x = Input(shape)
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    return Model(start, x)


def test_a_head_stands_on_any_base_with_a_grid_of_its_own():
    assert yolo(small(), 3).graph.output_shapes == [(8 * 8 * 2, 7)]
    model = yolo(small(), 3, grid=(4, 2), boxes=3)
    assert model.graph.output_shapes == [(4 * 2 * 3, 7)]
    assert model.layers[-1].size == (64, 64)
    base = st.zoo.create("mobilenet", include_top=False, input_shape=(96, 128, 3))
    assert yolo(base, 3).layers[-1].grid == (3, 4)


def test_what_is_no_base_or_no_size_is_refused():
    flat = Input((4,))
    for wrong, said in (
        (lambda: yolo(Model(flat, layers.Dense(2)(flat)), 2), "include_top=False"),
        (lambda: yolo(small(), 0), "classes=0 must be a whole number of at least 1"),
        (lambda: yolo(small(), 2, boxes=0), "boxes=0 must be"),
        (lambda: yolo(small(), 2, grid=0), "grid"),
        (lambda: yolo(small(), 2, units=0), "units"),
        (lambda: yolo(small(), 2, dropout=1.0), "dropout"),
        (lambda: yolo_v1(20, (450, 448, 3)), "multiples of 64"),
        (lambda: yolo_v1(20, (448,)), "multiples of 64"),
    ):
        with pytest.raises(StriateError, match=said):
            wrong()


# -- loss -------------------------------------------------------------------------------------------------------------
def targets(*boxes):
    """One picture with boxes (left, top, right, bottom, class)."""
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    return torch.tensor(box_targets([rows[:, :4]], [rows[:, 4].astype(int)]))


def test_the_two_lambdas_multiply_their_terms_and_no_other():
    """4 terms by hand: where (0.2^2), root of the width (0.1^2), confidences, classes; one cell, one box, 100 pixels."""
    out = torch.zeros(1, 1, 2, 6)
    out[0, 0, 0] = torch.tensor([0.7, 0.5, 0.4, 0.5, 0.6, 0.9])  # says x 0.7 of its cell, width 0.4^2, height 0.5^2
    out[0, 0, 1, 4] = 0.2  # nothing is there
    layer = layers.YoloBoxes((1, 2), 1, 100)
    y = targets((12.5, 37.5, 37.5, 62.5, 0))  # the middle of the left cell; 25 x 25, roots 0.5
    where, size, right, empty, classes = 0.2**2, 0.1**2, (0.6 - 1) ** 2, 0.2**2, 0.1**2
    for coord, noobj in ((5, 0.5), (1, 1), (0, 0), (2, 3)):
        loss = YoloLoss(layer, coord=coord, noobj=noobj, rescore=False)
        wanted = coord * (where + size) + right + noobj * empty + classes
        assert float(loss(y, out)) == pytest.approx(wanted, rel=1e-5)


def test_roots_make_an_error_count_more_in_a_small_box():
    """Section 2.2: off by 4 pixels of 100 in width, at 9 and at 64 pixels; (0.3 - 0.36055)^2 and (0.8 - 0.82462)^2."""
    layer = layers.YoloBoxes(1, 1, 100)
    loss = YoloLoss(layer, coord=1, rescore=False)
    found = []
    for width in (9, 64):
        out = torch.tensor([[[[0.5, 0.5, ((width + 4) / 100) ** 0.5, 0.5, 1.0, 1.0]]]])
        found.append(float(loss(targets((50 - width / 2, 37.5, 50 + width / 2, 62.5, 0)), out)))
    assert found == pytest.approx([(0.3 - 0.13**0.5) ** 2, (0.8 - 0.68**0.5) ** 2], rel=1e-3)
    assert found[0] > 5 * found[1]


def test_a_cell_with_two_things_learns_the_first_of_them():
    """One class and one set of boxes a cell is YOLO's limit; the other thing costs nothing and is not punished twice."""
    layer = layers.YoloBoxes(2, 2, 100)
    loss = YoloLoss(layer)
    out = torch.rand(1, 2, 2, 12, generator=torch.Generator().manual_seed(0))
    one, other = (10, 10, 30, 30, 0), (15, 12, 33, 36, 1)
    assert float(loss(targets(one, other), out)) == pytest.approx(float(loss(targets(one), out)))
    assert float(loss(targets(other, one), out)) == pytest.approx(float(loss(targets(other), out)))
    assert float(loss(targets(one), out)) != pytest.approx(float(loss(targets(other), out)))
    apart = (70, 70, 90, 90, 1)  # in a cell of its own it counts
    assert float(loss(targets(one, apart), out)) != pytest.approx(float(loss(targets(one), out)))


def test_only_one_of_a_cells_boxes_is_responsible_and_the_other_learns_that_it_saw_nothing():
    layer = layers.YoloBoxes(1, 2, 100)
    out = torch.tensor([[[[0.5, 0.5, 0.45, 0.45, 0.3, 0.5, 0.5, 0.9, 0.9, 0.4, 1.0]]]])
    y = targets((40, 40, 60, 60, 0))  # 0.2025 of the side is nearest to 0.2: the first box; its overlap is 0.4 / 0.41
    overlap = 0.2**2 / (0.2025**2)
    wanted = 5 * 2 * (0.45 - 0.2**0.5) ** 2 + (0.3 - overlap) ** 2 + 0.5 * 0.4**2
    assert float(YoloLoss(layer)(y, out)) == pytest.approx(wanted, rel=1e-4)


# -- networks ---------------------------------------------------------------------------------------------------------
def test_the_same_boxes_from_torch_the_engine_and_the_saved_model(tmp_path):
    model = yolo(small(), 3, maps=16, units=32)
    x = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    rows = model.predict(x, engine="torch")
    np.testing.assert_allclose(model.predict(x, engine="onnxruntime"), rows, atol=1e-3)
    model.save(tmp_path / "model")
    np.testing.assert_allclose(st.models.load_model(tmp_path / "model").predict(x, engine="torch"), rows, atol=1e-5)


@pytest.mark.parametrize("flat", [True, False])
def test_a_network_trains_whether_its_cells_are_a_vector_or_a_map(flat):
    """The loss and the metric in training are those of the numbers by hand, one batch or several."""
    pictures = data.load("scenes").train.subset(range(3))
    base = small()
    if flat:
        model = yolo(base, 3, maps=8, units=16, dropout=0.0)
    else:
        grid = layers.Conv2D(5 * 2 + 3, 1)(base.outputs[0])
        model = Model(base.inputs, layers.YoloBoxes(8, 2, 64)(grid))
    box = model.layers[-1]
    model.compile(st.optimizers.SGD(0.0), YoloLoss(box), metrics=[MeanAveragePrecision(box, least=0.5)])
    model.fit(pictures, epochs=1, batch_size=2, verbose=0)
    said = model.evaluate(pictures, batch_size=2, return_dict=True, verbose=0)
    before = Model(model.inputs, model.layers[-1].node.inputs[0])
    y = torch.tensor(box_targets(pictures.boxes, pictures.box_labels))
    wanted = float(YoloLoss(box)(y, torch.tensor(before.predict(pictures.x / np.float32(255)))))
    assert said["loss"] == pytest.approx(wanted, rel=1e-4)
    truth = [Truth(*each) for each in zip(pictures.boxes, pictures.box_labels, strict=True)]
    found = [detections(row, least=0.5) for row in model.predict(pictures)]
    assert said["map50"] == pytest.approx(average_precision(truth, found, pictures.classes).at50, abs=1e-3)


@pytest.mark.slow
def test_yolo_learns_to_find_drawn_shapes_and_pictures_without_any_do_no_harm():
    st.set_seed(0)
    pictures = data.load("scenes").train.subset(range(48))
    pictures.boxes = (np.zeros((0, 4), np.float32), *pictures.boxes[1:])
    pictures.box_labels = (np.zeros(0, np.int64), *pictures.box_labels[1:])
    model = yolo(small(), 3, maps=64, units=256, dropout=0.0)
    model.compile(st.optimizers.Adam(1e-3), YoloLoss(model.layers[-1]))
    model.fit(pictures, epochs=40, batch_size=16, verbose=0, seed=0)
    rows = model.predict(pictures)
    truth = [Truth(*each) for each in zip(pictures.boxes, pictures.box_labels, strict=True)]
    found = [detections(row, overlap=0.5) for row in rows]
    assert average_precision(truth, found, pictures.classes).at50 > 0.5
