"""Augmentation in training: what may change, by how much, and what must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import data, layers, report
from striate.backend import build, to_source
from striate.errors import ArgumentError, ShapeError, StriateError
from striate.graph import Graph, Input
from striate.report import figures

HEIGHT, WIDTH = 60, 100


# -- the whole family: pictures, boxes and masks ----------------------------------------------------------------------
MOVES = [
    layers.RandomFlip("horizontal"),
    layers.RandomFlip("vertical"),
    layers.RandomFlip(),
    layers.RandomRotation(0.5, fill_mode="constant"),
    layers.RandomZoom((-0.4, 0.6), fill_mode="constant"),
    layers.RandomZoom(0.3, (0.1, 0.5), fill_mode="constant", interpolation="nearest"),
    layers.RandomTranslation(0.3, 0.2, fill_mode="constant"),
    layers.RandomAffine(30, 0.1, 0.2, 15),
    layers.RandomCrop(40, 61),
    layers.Augmentation(
        [
            layers.RandomFlip(),
            layers.RandomRotation(0.1, fill_mode="constant"),
            layers.RandomBrightness((0.0, 0.05), (0, 1)),
            layers.RandomCrop(45, 70),
            layers.RandomZoom(0.2, fill_mode="constant"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
        ]
    ),
]


def rectangles(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Dark pictures with one bright rectangle each, and its box."""
    rng = np.random.default_rng(seed)
    boxes = np.stack([rng.integers(2, 60, count), rng.integers(2, 30, count)] * 2, 1)
    boxes[:, 2:] += rng.integers(8, 30, (count, 2))
    pictures = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
    for picture, (x1, y1, x2, y2) in zip(pictures, boxes, strict=True):
        picture[y1:y2, x1:x2] = 200
    return pictures, boxes.astype(np.float32)


@pytest.mark.parametrize("move", MOVES, ids=lambda layer: layer.kind)
def test_boxes_and_masks_stand_where_the_pixels_stand(move: layers.Layer) -> None:
    pictures, boxes = rectangles(120)
    out = data.augment(
        pictures, boxes[:, None], np.arange(120)[:, None], pictures[..., 0] // 200 * 7, layers=move, seed=4, least=0.0
    )
    assert out.boxes is not None
    assert out.box_labels is not None
    assert out.masks is not None
    assert (out.pictures != np.zeros(1)).any((1, 2, 3)).sum() > 100
    seen = 0
    for i, (picture, mask) in enumerate(zip(out.pictures, out.masks, strict=True)):
        bright = picture[..., 0] > 100
        assert set(np.unique(mask)) <= {0, 7}
        assert ((mask == 7) != bright).mean() < 0.012  # they may differ along the rectangle's edge alone
        if not len(out.boxes[i]):
            assert bright.sum() <= 2
            continue
        assert out.box_labels[i].tolist() == [i]
        ys, xs = np.nonzero(bright)
        if len(ys) > 30:
            seen += 1
            hull = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            turned = max(np.abs(hull - out.boxes[i][0]))
            assert turned < 2.5, (hull, out.boxes[i])
    assert seen > 80


@pytest.mark.parametrize("move", [layers.RandomFlip(), layers.RandomCrop(40, 61)], ids=lambda layer: layer.kind)
def test_flips_and_crops_move_whole_pixels_and_boxes_to_the_last_bit(move: layers.Layer) -> None:
    pictures, boxes = rectangles(80, 1)
    noise = np.random.default_rng(0).integers(0, 256, pictures.shape, np.uint8)
    shown = np.where(pictures > 0, 255, noise // 2)
    out = data.augment(shown, boxes[:, None], layers=move, least=0.0)
    assert out.boxes is not None
    for picture, box in zip(out.pictures, out.boxes, strict=True):
        ys, xs = np.nonzero((picture == 255).all(-1))
        hull = [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]] if len(ys) else []
        assert box.tolist() == hull
    rows = {row.tobytes() for picture in shown for row in (*picture, *picture[:, ::-1])}
    if isinstance(move, layers.RandomFlip):
        assert all(row.tobytes() in rows for picture in out.pictures for row in picture)


def test_boxes_that_leave_the_picture_are_dropped_with_their_labels() -> None:
    pictures = np.zeros((1, 10, 10, 1), np.uint8)
    boxes, labels = [[[0, 0, 4, 4], [5, 5, 9, 9], [2, 2, 8, 8], [3, 3, 3, 3]]], [[5, 6, 7, 8]]
    right = layers.RandomTranslation((0.3, 0.3), (0.3, 0.3), fill_mode="constant")
    out = data.augment(pictures, boxes, labels, layers=right, least=0.3)
    assert out.boxes is not None
    assert out.boxes[0].tolist() == [[3, 3, 7, 7], [5, 5, 10, 10]]  # the second keeps 4 of 16, the third 25 of 36
    assert out.box_labels is not None
    assert out.box_labels[0].tolist() == [5, 7]
    assert out.kept is not None
    assert out.kept[0].tolist() == [0, 2]


def test_a_data_set_moves_with_all_it_has() -> None:
    pictures, boxes = rectangles(6)
    labels = tuple(np.array([i % 2]) for i in range(6))
    given = data.Dataset(pictures, classes=("a", "b"), boxes=tuple(boxes[:, None]), box_labels=labels)
    out = data.augmented(given, layers.RandomFlip("horizontal"), seed=1)
    assert out.classes == ("a", "b")
    assert out.boxes is not None
    expected = data.augment(pictures, boxes[:, None], layers=layers.RandomFlip("horizontal"), seed=1)
    np.testing.assert_array_equal(out.x, expected.pictures)
    np.testing.assert_array_equal(np.concatenate(out.boxes), np.concatenate(expected.boxes or ()))
    maps = data.Dataset(pictures, pictures[..., 0].astype(np.int64) // 200)
    turned = data.augmented(maps, layers.RandomFlip("vertical"), seed=1)
    assert turned.y is not None
    np.testing.assert_array_equal(turned.y, turned.x[..., 0] // 200)
    assert not np.array_equal(turned.y, maps.y)


class InBatches(torch.utils.data.Dataset):
    """Batches changed where they are loaded, each with a seed of its own number."""

    def __init__(self) -> None:
        self.pictures, self.boxes = rectangles(40)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> tuple[np.ndarray, list[np.ndarray]]:
        part = slice(5 * i, 5 * i + 5)
        out = data.augment(self.pictures[part], self.boxes[part, None], layers=MOVES[-1], seed=100 + i)
        assert out.boxes is not None
        return out.pictures, list(out.boxes)


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker")
def test_the_same_seed_gives_the_same_in_0_1_and_3_workers() -> None:
    runs = []
    for workers in (0, 1, 3):
        torch.manual_seed(workers)
        loader = torch.utils.data.DataLoader(InBatches(), batch_size=None, num_workers=workers)
        runs.append([(torch.as_tensor(x), boxes) for x, boxes in loader])
    for others in runs[1:]:
        for (x, boxes), (other, theirs) in zip(runs[0], others, strict=True):
            assert torch.equal(x, other)
            assert all(np.array_equal(a, b) for a, b in zip(boxes, theirs, strict=True))
    assert not torch.equal(runs[0][0][0], runs[0][1][0])


def test_drawing_leaves_torchs_own_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    data.augment(np.zeros((1, 4, 4, 1)), layers=layers.RandomErasing(), seed=9)
    assert torch.equal(torch.rand(3), expected)


# -- one by one ---------------------------------------------------------------------------------------------------------
def trained(layer: layers.Layer, x: torch.Tensor) -> torch.Tensor:
    """What a layer does to (N, C, H, W) in training, within a network."""
    start = Input((*x.shape[2:], x.shape[1]))
    return build(Graph([start], [layer(start)])).train()(x)


def test_turning_is_counter_clockwise_by_parts_of_a_turn() -> None:
    quarter = layers.RandomRotation((0.25, 0.25), fill_mode="constant")
    x = torch.rand(2, 3, 7, 7)
    torch.testing.assert_close(trained(quarter, x), torch.rot90(x, 1, (2, 3)), rtol=1e-4, atol=1e-4)


def test_zooming_out_shows_more_and_shifting_down_is_positive() -> None:
    x = torch.rand(1, 1, 7, 9)
    out = trained(layers.RandomZoom((1.0, 1.0), fill_mode="constant", fill_value=5.0, interpolation="nearest"), x)
    torch.testing.assert_close(out[:, :, 2:5, 2:7], x[:, :, 1:7:2, 0:9:2])  # every second pixel, about the middle
    assert (out != 5).sum() == 3 * 5
    x = torch.rand(1, 1, 6, 8)
    down = trained(layers.RandomTranslation((0.5, 0.5), (0.25, 0.25), fill_mode="wrap"), x)
    torch.testing.assert_close(down, x.roll((3, 2), (2, 3)), rtol=1e-4, atol=1e-4)
    same = layers.RandomTranslation((0.5, 0.5), (0, 0), fill_mode="reflect")
    torch.testing.assert_close(trained(same, x)[:, :, :3], x[:, :, :3].flip(2), rtol=1e-4, atol=1e-4)
    near = layers.RandomTranslation((-0.5, -0.5), (0, 0), fill_mode="nearest")
    torch.testing.assert_close(trained(near, x)[:, :, 3:], x[:, :, 5:].expand(-1, -1, 3, -1), rtol=1e-4, atol=1e-4)


def test_steps_that_move_are_one_resampling() -> None:
    """Turned and turned back nothing is lost; one after the other each blurs, and the corners are gone."""
    there = layers.RandomRotation((0.1, 0.1), fill_mode="constant")
    back = layers.RandomRotation((-0.1, -0.1), fill_mode="constant")
    x = torch.rand(2, 3, 21, 30)
    torch.testing.assert_close(trained(layers.Augmentation([there, back]), x), x, rtol=1e-3, atol=1e-3)
    assert (trained(back, trained(there, x)) - x).abs().max() > 0.3
    apart = layers.Augmentation([there, layers.RandomBrightness((0, 0), (0, 1)), back])
    torch.testing.assert_close(trained(apart, x), trained(back, trained(there, x)))


def test_crops_are_at_places_of_their_own_and_prediction_takes_the_middle() -> None:
    x = torch.arange(40 * 7 * 9.0).view(40, 1, 7, 9)
    start = Input((7, 9, 1))
    module = build(Graph([start], [layers.RandomCrop(3, 4)(start)])).train()
    corners = (module(x)[:, 0, 0, 0] - x[:, 0, 0, 0]).long()
    assert {(int(c) // 9, int(c) % 9) for c in corners} > {(0, 0)} or len(set(corners.tolist())) > 15
    assert (corners // 9).max() == 4
    assert (corners % 9).max() == 5
    assert torch.equal(module.eval()(x), x[:, :, 2:5, 2:6])


def hsv(x: torch.Tensor) -> np.ndarray:
    import colorsys

    return np.array([colorsys.rgb_to_hsv(*map(float, pixel)) for pixel in x.movedim(1, -1).reshape(-1, 3)])


def test_colours_change_as_hsv_says() -> None:
    x = torch.rand(1, 3, 5, 6)
    before = hsv(x)
    torch.manual_seed(0)
    moved = hsv(trained(layers.RandomHue((0.5, 0.5), (0, 1)), x))
    np.testing.assert_allclose(moved[:, 1:], before[:, 1:], atol=1e-5)
    turn = (moved[:, 0] - before[:, 0]) % 1
    assert np.allclose(turn, 0.25, atol=1e-5) or np.allclose(turn, 0.75, atol=1e-5)
    grey = trained(layers.RandomSaturation((0.0, 0.0), (0, 1)), x)
    torch.testing.assert_close(grey, x.amax(1, keepdim=True).expand_as(x))
    torch.testing.assert_close(trained(layers.RandomSaturation((0.5, 0.5), (0, 1)), x), x, rtol=1e-4, atol=1e-5)
    strong = hsv(trained(layers.RandomSaturation((0.6, 0.6), (0, 1)), x))
    np.testing.assert_allclose(strong[:, 1], np.minimum(before[:, 1] * 1.5, 1), atol=1e-4)
    np.testing.assert_allclose(strong[:, [0, 2]], before[:, [0, 2]], atol=1e-4)


@pytest.mark.parametrize(
    "kind", [layers.RandomBrightness, layers.RandomContrast, layers.RandomSaturation, layers.RandomHue]
)
def test_another_value_range_gives_the_same_picture(kind: type[layers.Layer]) -> None:
    x = torch.rand(4, 3, 5, 6)
    outs = []
    for low, high in ((0, 1), (0, 255), (-1, 1)):
        torch.manual_seed(2)
        outs.append((trained(kind(0.4, value_range=(low, high)), x * (high - low) + low) - low) / (high - low))
    torch.testing.assert_close(outs[0], outs[1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(outs[0], outs[2], rtol=1e-4, atol=1e-4)
    assert (outs[0] - x).abs().amax((1, 2, 3)).min() > 1e-4
    assert outs[0].min() >= -1e-6
    assert outs[0].max() <= 1 + 1e-6


def test_brightness_and_contrast_are_keras_sums() -> None:
    x = torch.rand(2, 4, 5, 6) * 0.5 + 0.2
    torch.testing.assert_close(trained(layers.RandomBrightness((0.1, 0.1), (0, 1)), x), x + 0.1)
    flat = trained(layers.RandomContrast((1.0, 0.0), (0, 1)), x)
    ratio = (flat - x.mean((2, 3), keepdim=True)) / (x - x.mean((2, 3), keepdim=True))
    assert torch.allclose(ratio, ratio[:, :1, :1, :1], atol=1e-2)
    assert 0 <= ratio.min() < ratio.max() <= 1.01


def test_lighting_adds_one_colour_along_the_components() -> None:
    x = torch.zeros(20000, 3, 1, 1)
    out = trained(layers.RandomLighting(0.1, (0, 1)), x)[:, :, 0, 0]
    basis = np.array(layers.RandomLighting().components) * np.array(layers.RandomLighting().deviations)
    np.testing.assert_allclose(np.cov(out.T.numpy()), 0.01 * basis @ basis.T, rtol=0.1, atol=1e-6)
    one = trained(layers.RandomLighting(), torch.zeros(1, 3, 4, 4))
    assert torch.equal(one, one[..., :1, :1].expand(-1, -1, 4, 4))


def test_erasing_paints_rectangles_as_often_and_as_large_as_said() -> None:
    x = torch.zeros(400, 2, 20, 30)
    out = trained(layers.RandomErasing((0.5, 0.5), (0.16, 0.25), 0.9, (0, 1)), x)
    painted = out == torch.tensor(0.9)
    assert torch.equal(painted[:, 0], painted[:, 1])
    chosen = painted.flatten(1).any(1)
    assert 0.4 < chosen.float().mean() < 0.6
    high, wide = painted[chosen, 0].any(2).sum(1), painted[chosen, 0].any(1).sum(1)
    assert torch.equal(high * wide, painted[chosen, 0].sum((1, 2)))  # a rectangle
    assert 7 <= high.min() < high.max() <= 11
    assert 11 <= wide.min() < wide.max() <= 16
    noise = trained(layers.RandomErasing((1, 1), value_range=(0, 1)), x)
    assert ((noise > 0) & (noise < 1)).any()
    assert noise.max() <= 1


ONE = {"value_range": (0, 1)}
EVERY = [*MOVES, layers.RandomBrightness(0.3, **ONE), layers.RandomContrast(0.3, **ONE),
         layers.RandomSaturation((0.1, 0.9), **ONE), layers.RandomHue(0.3, **ONE), layers.RandomLighting(**ONE),
         layers.RandomErasing((1, 1), **ONE)]  # fmt: skip


@pytest.mark.parametrize("layer", EVERY, ids=lambda layer: layer.kind)
def test_finite_gradients_half_precision_and_channels_last_memory(layer: layers.Layer) -> None:
    x = torch.rand(3, 3, 61, 75).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = trained(layer, x)
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.manual_seed(0)
    half = trained(layer, x.detach().bfloat16())
    assert half.dtype == torch.bfloat16
    torch.manual_seed(0)
    if not isinstance(layer, layers.RandomHue | layers.RandomErasing):
        torch.testing.assert_close(half.float(), trained(layer, x.detach().bfloat16().float()), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiny_and_grey_pictures_stay_finite_and_within_range(size: tuple[int, int], channels: int) -> None:
    x = np.random.default_rng(0).integers(0, 256, (9, *size, channels), np.uint8)
    for layer in EVERY:
        if isinstance(layer, layers.RandomCrop | layers.Augmentation):
            continue
        for mode in ("reflect", "wrap", "nearest", "constant"):
            if hasattr(layer, "fill_mode"):
                layer = type(layer)(**(layer.config() | {"fill_mode": mode}))
            if channels == 1 and layer.colours:
                with pytest.raises(ShapeError, match=r"takes red, green and blue, .* it got"):
                    data.augment(x, layers=layer)
                continue
            out = data.augment(x, layers=layer).pictures
            assert out.shape == x.shape
            assert out.dtype == np.uint8
            floats = data.augment(x / 255.0, layers=layer).pictures
            assert np.isfinite(floats).all()


def test_uint8_pictures_meet_the_layers_in_their_value_range() -> None:
    x = np.full((2, 3, 3, 3), 100, np.uint8)
    for pair in ((0, 1), (0, 255), (-1, 1)):
        out = data.augment(x, layers=layers.RandomBrightness((0.2, 0.2), pair)).pictures
        assert set(out.ravel().tolist()) == {151}
    several = [layers.RandomBrightness(0.1, (0, 1)), layers.RandomContrast(0.1)]
    with pytest.raises(ArgumentError, match=r"uint8 pictures have one value range, the layers have several: RandomBri"):
        data.augment(x, layers=several)


def test_a_network_with_uint8_input_gets_floats() -> None:
    start = Input((4, 4, 3), dtype="uint8")
    chain = layers.Augmentation([layers.RandomFlip(), layers.RandomBrightness(0.1, (0, 255))])
    module = build(Graph([start], [chain(start)]))
    x = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    assert module.train()(x).dtype == torch.float32
    assert torch.equal(module.eval()(x), x.float())


def test_printed_source_alone_trains_the_same() -> None:
    start = Input((61, 75, 3))
    y = start
    for layer in EVERY[:8] + EVERY[9:]:
        y = layer(y)
    module = build(Graph([start], [y])).train()
    space: dict = {"__name__": "printed"}
    exec(compile(to_source(module), "printed.py", "exec"), space)
    again = space["Network"]().train()
    x = torch.rand(2, 3, 61, 75)
    outs = []
    for each in (module, again):
        torch.manual_seed(5)
        outs.append(each(x))
    assert torch.equal(*outs)
    assert not torch.equal(outs[0], x[:, :, :45, :70])


def test_training_draws_anew_and_prediction_does_not() -> None:
    st.set_seed(0)
    model = st.Sequential(
        [layers.Input((8, 8, 1)), layers.RandomFlip(), layers.RandomCrop(6, 6), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", loss="mse")
    x = np.random.default_rng(0).random((16, 8, 8, 1), dtype=np.float32)
    before = model.predict(x)
    np.testing.assert_array_equal(before, model.predict(x))
    model.fit(x, np.zeros((16, 2), np.float32), epochs=1, batch_size=8, verbose=0)
    assert not np.array_equal(before, model.predict(x))


# -- pairs --------------------------------------------------------------------------------------------------------------
def test_mixup_is_a_mean_of_two_pictures_and_of_their_targets() -> None:
    x, y = torch.rand(64, 3, 5, 4), torch.eye(64)
    mixed = data.mix(x, layers.MixUp(0.4), torch.Generator().manual_seed(1))
    targets = mixed.targets(y)
    torch.testing.assert_close(mixed.x, torch.einsum("nk,kchw->nchw", targets, x))
    torch.testing.assert_close(targets.sum(1), torch.ones(64))
    again = data.mix(x, layers.MixUp(0.4), torch.Generator().manual_seed(1))
    assert torch.equal(mixed.x, again.x)
    weights = data.mix(torch.zeros(20000, 1, 1, 1), layers.MixUp(0.4)).weight
    assert weights.mean().item() == pytest.approx(0.5, abs=0.02)
    assert weights.var().item() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)  # of Beta(a, a)


def test_cutmix_puts_a_rectangle_of_another_picture_in_and_counts_its_pixels() -> None:
    x = torch.arange(64.0).view(64, 1, 1, 1).expand(64, 2, 12, 16)
    mixed = data.mix(x, layers.CutMix(), torch.Generator().manual_seed(1))
    own = (mixed.x == x).float().mean((1, 2, 3))
    moved = mixed.partner != torch.arange(64)
    torch.testing.assert_close(own[moved], mixed.weight[moved])
    theirs = (mixed.x == mixed.partner.view(-1, 1, 1, 1)) & moved.view(-1, 1, 1, 1)
    assert ((mixed.x == x) | theirs).all()
    area = theirs[:, 0].any(1).sum(1) * theirs[:, 0].any(2).sum(1)
    assert torch.equal(area, theirs[:, 0].sum((1, 2)))
    torch.testing.assert_close(mixed.targets(torch.eye(64)).sum(1), torch.ones(64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomFlip("sideways"), 'unknown RandomFlip mode "sideways"'),
        (lambda: layers.RandomRotation(2), "RandomRotation: factor is a number or (lowest, highest), from -1 to 1, not 2."),
        (lambda: layers.RandomRotation((1.2, 0.1)), "factor is a number or (lowest, highest), from -1 to 1, not (1.2, 0.1)"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), 'unknown RandomRotation fill_mode "mirror"'),
        (lambda: layers.RandomRotation(0.1, interpolation="cubic"), 'unknown RandomRotation interpolation "cubic"'),
        (lambda: layers.RandomZoom(-1), "RandomZoom: height_factor is a number or (lowest, highest), from -0.99 to 1"),
        (lambda: layers.RandomZoom(1.0), "RandomZoom: 1 stands for (-1, 1), and -0.99 is least."),
        (lambda: layers.RandomCrop(0, 3), "RandomCrop: height is a whole number of at least 1, not 0."),
        (lambda: layers.RandomContrast(1.5), "RandomContrast: factor is a number or (how much less, how much more)"),
        (lambda: layers.RandomHue(0.1, (1, 0)), "RandomHue: value_range is (lowest, highest), the values of black and"),
        (lambda: layers.RandomSaturation("much"), "RandomSaturation: factor is a number or (lowest, highest), from 0 to 1"),
        (lambda: layers.RandomLighting(components=[[1]]), "RandomLighting: components is 3 rows of 3 numbers, not [[1]]."),
        (lambda: layers.Augmentation([]), "Augmentation: layers is a list of augmentation layers, not []."),
        (lambda: layers.Augmentation([layers.ReLU()]), "holds augmentation layers such as RandomFlip, not ReLU"),
        (lambda: layers.MixUp(0), "MixUp: alpha is above 0, not 0.0."),
        (lambda: layers.CutMix(-1), "CutMix: factor is above 0, or (lowest, highest), not -1."),
        (lambda: layers.Augmentation([layers.RandomCrop(9, 9)])(Input((8, 9, 1))), "cannot cut 9x9 out of 8x9. Cut less"),
        (lambda: layers.Augmentation([layers.RandomHue(0.1)])(Input((8, 9, 1))), "its RandomHue changes colours and so"),
        (lambda: layers.RandomFlip(seed="a"), "RandomFlip: seed is a whole number or None, not 'a'."),
        (lambda: data.augment(np.zeros((4, 4, 3)), layers=layers.RandomFlip()), "takes pictures (N, H, W, C), uint8 or"),
        (lambda: data.augment(np.zeros((1, 4, 4, 3)), [], layers=layers.RandomFlip()), "for each of 1 picture; it got 0"),
        (lambda: data.augment(np.zeros((1, 4, 4, 3)), None, [[1]], layers=layers.RandomFlip()), "box_labels without boxes"),
        (lambda: data.augment(np.zeros((1, 4, 4, 3)), masks=np.zeros((1, 4, 5), int), layers=layers.RandomFlip()), "masks "),
        (lambda: data.augment(np.zeros((1, 4, 4, 3)), layers=layers.RandomFlip(), least=2), "from 0 to 1, not 2."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_that_says_why(make: Any, message: str) -> None:
    with pytest.raises(StriateError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# -- the figure ---------------------------------------------------------------------------------------------------------
def test_the_figure_has_a_row_a_layer_with_its_words_and_boxes() -> None:
    pictures, boxes = rectangles(1)
    rows = [layers.RandomFlip("horizontal"), layers.Augmentation([layers.RandomCrop(40, 61), layers.RandomHue(0.1)])]
    fig = report.augmentations(rows, pictures[0], boxes=boxes, columns=4, seed=1)
    said = [text.get_text() for text in fig.texts]
    assert said[:3] == ["the picture", "RandomFlip", "mode='horizontal'"]
    assert said[3:] == ["Augmentation", "crop, hue"]
    assert len(fig.axes) == 1 + 4 + 4
    out = data.augment(np.repeat(pictures, 4, 0), [boxes] * 4, layers=rows[0], seed=1)
    assert out.boxes is not None
    for ax, box in zip(fig.axes[1:5], out.boxes, strict=True):
        x1, y1, x2, y2 = box[0]
        assert [patch.get_bbox().bounds for patch in ax.patches] == [(x1, y1, x2 - x1, y2 - y1)] * 2
    assert figures.to_png(fig) == figures.to_png(
        report.augmentations(rows, pictures[0], boxes=boxes, columns=4, seed=1)
    )
    with pytest.raises(ArgumentError, match=r"a picture is .*not \(2, 2, 2\)"):
        report.augmentations(rows, np.zeros((2, 2, 2)))
    with pytest.raises(ArgumentError, match=r"at least one layer and one column, not 0 and 6"):
        report.augmentations([], pictures[0])
