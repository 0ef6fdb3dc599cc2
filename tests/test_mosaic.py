"""Mosaics, quarter turns, and what comes in from outside: boxes and label maps lie where their pictures' things lie."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

import striate as st
from striate import Input, Model, data, layers
from striate.data import Batch
from striate.data.box_targets import CLASS, box_targets, mirror_images
from striate.errors import ArgumentError
from striate.tasks.detection_loss import DetectionLoss
from striate.train.losses import SparseCategoricalCrossentropy
from striate.train.mosaic import mosaic
from striate.train.targets import moved

LEVELS = ((5, 7, 8),)
HEIGHT, WIDTH = 40, 56


def painted(seed: int, count: int = 6) -> tuple[torch.Tensor, np.ndarray]:
    """Pictures (N, 1, H, W) of 0 with a rectangle of 1, 2 … each, its class, and the boxes."""
    rng = np.random.default_rng(seed)
    x, boxes = torch.zeros(count, 1, HEIGHT, WIDTH), []
    for i in range(count):
        left, top = rng.integers(0, WIDTH - 16), rng.integers(0, HEIGHT - 16)
        wide, high = rng.integers(8, 16, 2)
        x[i, :, top : top + high, left : left + wide] = i + 1
        boxes.append(np.array([[left, top, left + wide, top + high]], np.float32))
    return x, box_targets(boxes, [np.array([i]) for i in range(count)])


@given(some.integers(0, 50), some.sampled_from([(0.5, 1.0), (0.3, 0.4), (1.0, 1.0)]))
@settings(max_examples=20, deadline=None)
def test_boxes_and_label_maps_of_a_mosaic_lie_where_its_things_lie(seed, scale):
    x, rows = painted(seed)
    how = layers.Mosaic(scale=scale, least=0)
    losses = [DetectionLoss(layers.DistanceBoxes(LEVELS)), SparseCategoricalCrossentropy()]
    torch.manual_seed(seed)
    batch = Batch([x], [torch.tensor(rows).movedim(-1, 1), x[:, 0].long()], None, len(x))
    made = mosaic(batch, how, losses)
    assert made.xs[0].shape == x.shape
    for picture, boxes, labels in zip(made.xs[0][:, 0], made.ys[0].movedim(1, -1), made.ys[1], strict=True):
        whole = picture == picture.round()  # pixels that no edge goes through
        assert (labels[whole] == picture[whole]).float().mean() > 0.99
        rest = picture.clone()
        for left, top, right, bottom, label, _ in boxes[boxes[:, CLASS] >= 0].tolist():
            down, across = ((max(0, int(a) - 1), int(np.ceil(b)) + 1) for a, b in ((top, bottom), (left, right)))
            inner = picture[down[0] + 3 : max(0, down[1] - 3), across[0] + 3 : max(0, across[1] - 3)]
            assert inner.numel() == 0 or (inner - (label + 1)).abs().max() < 1e-3
            rest[slice(*down), slice(*across)] = 0
        assert rest.abs().max() < 1e-3  # nothing is shown that has no box


def test_each_of_the_four_is_a_corner_and_what_none_of_them_has_is_filled():
    x = torch.arange(1.0, 9.0)[:, None, None, None].expand(8, 1, HEIGHT, WIDTH).clone()
    losses = [SparseCategoricalCrossentropy(ignore_class=255)]
    how = layers.Mosaic(scale=(0.25, 0.25), centre=(0.5, 0.5), fill_value=-1)
    made = mosaic(Batch([x], [x[:, 0].long()], None, 8), how, losses)
    picture, labels = made.xs[0][0, 0], made.ys[0][0]
    assert torch.equal(picture[10:30, 14:42], labels[10:30, 14:42].float())
    for part in (picture[10:20, 14:28], picture[10:20, 28:42], picture[20:30, 14:28], picture[20:30, 28:42]):
        assert part.min() == part.max() >= 1
    assert (picture == -1).sum() == (labels == 255).sum() == HEIGHT * WIDTH - 20 * 28


def test_a_training_sees_mosaics_until_its_last_part(monkeypatch):
    from striate.train import loop

    seen = []
    monkeypatch.setattr(
        loop, "mosaic", lambda batch, how, losses: seen.append(batch.size) or mosaic(batch, how, losses)
    )
    start = Input((8, 8, 1))
    model = Model(start, layers.Conv2D(3, 3, padding="same", activation="softmax")(start))
    model.compile("sgd", "sparse_categorical_crossentropy", mix=layers.Mosaic(until=0.5))
    x = np.random.default_rng(0).random((6, 8, 8, 1)).astype("float32")
    model.fit(x, (x[..., 0] * 3).astype(int), epochs=4, batch_size=3, verbose=0)
    assert seen == [3] * 4


def test_a_mosaic_is_for_boxes_and_label_maps_and_its_numbers_are_in_range():
    dense = st.Sequential([layers.Flatten(input_shape=(8, 8, 3)), layers.Dense(2, "softmax")])
    with pytest.raises(ArgumentError, match="boxes and label maps"):
        dense.compile("sgd", "sparse_categorical_crossentropy", mix="mosaic")
    for given_, said in (
        ({"scale": (0, 1)}, "above 0"),
        ({"scale": 0.5}, "lowest, highest"),
        ({"centre": (0.5, 1.5)}, "0 to 1"),
        ({"until": 2}, "until"),
        ({"least": -1}, "least"),
    ):
        with pytest.raises(ArgumentError, match=said):
            layers.Mosaic(**given_)


def test_quarter_turns_are_exact_and_boxes_follow():
    x = np.random.default_rng(1).random((40, 9, 9, 2)).astype("float32")
    turned = data.augment(x, layers=layers.RandomQuarterTurn()).pictures
    seen = set()
    for before, after in zip(x, turned, strict=True):
        apart = [np.abs(np.rot90(before, k) - after).max() for k in range(4)]
        seen.add(int(np.argmin(apart)))
        assert min(apart) < 1e-4
    assert seen == {0, 1, 2, 3}
    pictures, rows = painted(2, 12)
    boxes, labels = [row[:1, :4] for row in rows], [row[:1, CLASS].astype(int) for row in rows]
    made = data.augment(
        pictures.movedim(1, -1).numpy(), boxes, labels, layers=layers.RandomQuarterTurn(interpolation="nearest")
    )
    assert [len(b) for b in made.boxes] == [1] * 12  # nothing leaves the picture
    for picture, (box,), (label,), before in zip(made.pictures, made.boxes, made.box_labels, boxes, strict=True):
        left, top, right, bottom = box
        inner = picture[int(np.ceil(top)) : int(bottom), int(np.ceil(left)) : int(right), 0]
        assert (inner == label + 1).all()
        assert (picture == label + 1).sum() <= (int(right) - int(left) + 2) * (int(bottom) - int(top) + 2)
        sides, old = (right - left, bottom - top), (before[0, 2:] - before[0, :2])
        assert sides == pytest.approx(tuple(old), abs=1e-3) or sides == pytest.approx(
            tuple(old[::-1] * HEIGHT / WIDTH), abs=1e-3
        )


def test_things_that_are_mirrored_in_have_no_box_and_that_is_said():
    start = x = Input((64, 64, 3))
    x = layers.Reshape((64, 3 + 32))(layers.Conv2D(35, 8, 8)(x))
    model = Model(start, layers.DistanceBoxes(((8, 8, 8),))(x))
    loss = DetectionLoss(model.layers[-1])
    said, shift = "second has no box", layers.RandomTranslation
    with pytest.warns(match=said):
        model.compile("sgd", loss, augment=shift(0.1, 0.1, fill_mode="wrap"))
    with pytest.warns(match=said):
        model.compile("sgd", loss, augment=[shift(0.1, 0.1), layers.RandomBrightness(0.1), shift(0.1, 0.1)])
    model.compile("sgd", loss, augment=shift(0.1, 0.1, fill_mode="constant"))
    model.compile("sgd", loss, augment=[layers.RandomFlip(), shift(0.1, 0.1), layers.RandomZoom(0.1)])


@given(some.integers(0, 200))
@settings(max_examples=25, deadline=None)
def test_what_is_mirrored_in_has_boxes_too(seed):
    """Every thing that a moved picture shows lies in a box of its class, and every box shows its thing."""
    x, rows = painted(seed)
    torch.manual_seed(seed)
    chain = [
        layers.RandomFlip(),
        layers.RandomZoom((0.2, 0.6), fill_mode="reflect", interpolation="nearest"),
        layers.RandomTranslation(0.4, 0.4, fill_mode="reflect", interpolation="nearest"),
    ]
    losses = [DetectionLoss(layers.DistanceBoxes(LEVELS))]
    batch = Batch([x], [torch.tensor(rows).movedim(-1, 1)], None, len(x))
    made = moved(batch, layers.Augmentation(chain), losses)
    twice = 0
    for picture, boxes in zip(made.xs[0][:, 0], made.ys[0].movedim(1, -1), strict=True):
        rest = picture.clone()
        boxes = boxes[boxes[:, CLASS] >= 0].tolist()
        twice += len(boxes) > 1
        for left, top, right, bottom, label, _ in boxes:
            inner = picture[
                int(np.ceil(top)) + 1 : max(0, int(bottom) - 1), int(np.ceil(left)) + 1 : max(0, int(right) - 1)
            ]
            assert inner.numel() == 0 or (inner == label + 1).float().mean() > 0.8  # a pixel may lie before the edge
            rest[max(0, int(top) - 1) : int(bottom) + 2, max(0, int(left) - 1) : int(right) + 2] = 0
        strips = rest[1:-1, 1:-1]  # of what is shown by less than a quarter nothing is left to learn
        assert (strips > 0).sum() <= 0.25 * 2 * 32 * 32
    assert twice


def test_a_thing_that_the_edge_cuts_is_one_with_its_mirror_image():
    row = np.array([[0, 10, 6, 20, 1, 0]], np.float32)
    images = {tuple(each[:4].tolist()) for each in mirror_images(row, (30, 40))}
    assert images >= {(-6, 10, 6, 20), (-6, -20, 6, -10), (-6, 40, 6, 50), (74, 10, 86, 20)}
    assert len(images) == 6
