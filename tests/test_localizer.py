"""One thing in a picture: what it is and where."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import Input, Model, layers
from striate.data import Batch, Dataset
from striate.data.box_targets import largest_boxes
from striate.data.sets.scenes import scenes
from striate.errors import StriateError
from striate.layers import Augmentation
from striate.tasks.boxes import iou
from striate.tasks.localizer import BoxIoU, BoxLoss, localize, localizer
from striate.train.losses import SparseCategoricalCrossentropy
from striate.train.targets import moved


def base(shape=(32, 32, 3)):
    start = x = Input(shape)
    for filters in (16, 32, 48):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(2)(layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x)))
    return Model(start, x)


def test_losses_of_boxes_are_their_definitions():
    one, two = torch.tensor([[0.1, 0.2, 0.5, 0.6]]), torch.tensor([[0.2, 0.2, 0.5, 0.8]])
    assert float(BoxLoss()(one, two)) == pytest.approx(0.1**2 + 0.2**2)
    small, large = 0.5 * 0.05**2 / 0.1, 0.2 - 0.05
    near = torch.tensor([[0.15, 0.2, 0.5, 0.8]])
    assert float(BoxLoss("smooth_l1")(one, near)) == pytest.approx(small + large)
    for kind in ("iou", "giou", "diou", "ciou"):
        assert float(BoxLoss(kind)(one, two)) == pytest.approx(1 - float(iou(one, two, kind)[0]))
        assert float(BoxLoss(kind)(one, one)) == pytest.approx(0, abs=1e-6)
    metric = BoxIoU()
    metric.update_state(one, one)
    metric.update_state(one, two)
    assert metric.figure() == pytest.approx((1 + float(iou(one, two)[0])) / 2)
    for wrong in (lambda: BoxLoss("l3"), lambda: BoxLoss(beta=0)):
        with pytest.raises(StriateError):
            wrong()


def test_the_largest_box_that_counts_is_the_one_of_its_picture():
    x = np.zeros((3, 10, 20, 3), np.uint8)
    boxes = (
        np.array([[0, 0, 2, 2], [0, 0, 10, 5], [0, 0, 20, 10]], np.float32),
        np.zeros((0, 4), np.float32),
    )
    boxes = (*boxes, np.array([[5, 5, 15, 10]], np.float32))
    labels = (np.array([0, 1, 0]), np.zeros(0, np.int64), np.array([0]))
    ignored = (np.array([False, False, True]), np.zeros(0, bool), np.array([False]))
    data = Dataset(x, None, ("a", "b"), boxes=boxes, box_labels=labels, box_ignored=ignored)
    some, classes, corners = largest_boxes(data)
    assert len(some) == 2
    assert classes.tolist() == [1, 0]
    np.testing.assert_allclose(corners, [[0, 0, 0.5, 0.5], [0.25, 0.5, 0.75, 1]])
    with pytest.raises(StriateError, match="no boxes"):
        largest_boxes(Dataset(x, np.zeros(3, np.int64)))
    with pytest.raises(StriateError, match="none of its 3 pictures"):
        largest_boxes(Dataset(x, None, ("a",), boxes=(boxes[1],) * 3, box_labels=(labels[1],) * 3))


def test_boxes_of_a_localizer_move_with_their_pictures_and_what_has_left_weighs_nothing():
    corners = torch.tensor([[0.0, 0.0, 0.25, 0.5], [0.5, 0.5, 1.0, 1.0]])
    batch = Batch([torch.rand(2, 3, 8, 16)], [torch.tensor([0, 1]), corners], None, 2)
    losses = [SparseCategoricalCrossentropy(), BoxLoss()]
    right = moved(batch, Augmentation([layers.RandomFlip("horizontal", seed=1)]), losses)
    for i in range(2):
        turned = [1 - corners[i][2], corners[i][1], 1 - corners[i][0], corners[i][3]]
        flipped = bool((right.xs[0][i] == batch.xs[0][i].flip(-1)).all())
        np.testing.assert_allclose(right.ys[1][i], turned if flipped else corners[i], atol=1e-6)
    assert right.weights is None
    gone = moved(batch, Augmentation([layers.RandomTranslation((0.6, 0.6), 0.0)]), losses)  # the second leaves below
    assert [w.tolist() for w in gone.weights] == [[1.0, 0.0]] * 2


def test_what_is_no_localizer_is_refused():
    flat = Input((4,))
    with pytest.raises(StriateError, match="include_top=False"):
        localizer(Model(flat, layers.Dense(2)(flat)), 2)
    with pytest.raises(StriateError, match=r"tasks\.localizer"):
        localize(base(), np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.slow
def test_a_localizer_finds_drawn_shapes_and_says_where_in_the_photos_own_pixels(tmp_path):
    st.set_seed(0)
    pictures = scenes(1200, size=32, shapes=(1, 1))
    train, test = pictures.subset(range(1000)), pictures.subset(range(1000, 1200))
    model = localizer(base(), 3, maps=32, units=64)
    model.preprocessing = train.preprocessing
    model.compile(
        st.optimizers.AdamW(2e-3),
        {"label": "sparse_categorical_crossentropy", "box": BoxLoss("giou")},
        loss_weights={"label": 0.5, "box": 1.0},
        metrics={"label": "accuracy", "box": BoxIoU()},
    )
    model.fit(train, epochs=20, batch_size=32, verbose=0)
    held = test
    figures = model.evaluate(held, return_dict=True, verbose=0)
    assert figures["box_iou"] > 0.6
    photo = np.repeat(np.repeat(held.x[0], 3, 0), 2, 1)  # 96 x 64
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    from_file, from_array = localize(model, [str(path)])[0], localize(model, photo[None])[0]
    assert from_file == from_array
    said = model.predict([str(path)])
    np.testing.assert_allclose(from_file.box, said["box"][0] * [64, 96, 64, 96], rtol=1e-5)  # stretched to 32 x 32
    assert from_file.probability == pytest.approx(float(said["label"].max()))
    model.preprocessing = replace(train.preprocessing, resize="pad")  # 32 x 21 in the middle: 5 and 6 columns of black
    padded = model.predict([str(path)])["box"][0] * 32
    wanted = [(padded[0] - 5) * 64 / 21, padded[1] * 3, (padded[2] - 5) * 64 / 21, padded[3] * 3]
    np.testing.assert_allclose(localize(model, str(path))[0].box, np.clip(wanted, 0, [64, 96, 64, 96]), atol=0.1)
