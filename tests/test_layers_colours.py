"""Changes of colours and noise, each against its definition in NumPy; seeds; and what is said of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from striate import data, layers
from striate.backend import build, to_source
from striate.errors import ArgumentError
from striate.graph import Graph, Input

X = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3)).astype(np.float32)


def trained(layer: layers.Layer, x: np.ndarray = X, module: Any = None) -> np.ndarray:
    """What a layer makes of pictures (N, H, W, C) in training."""
    start = Input(x.shape[1:])
    module = build(Graph([start], [layer(start)])).train() if module is None else module
    with torch.no_grad():
        return np.moveaxis(module(torch.from_numpy(np.moveaxis(x, -1, 1))).numpy(), 1, -1)


def grey(x: np.ndarray) -> np.ndarray:
    return x @ np.array([0.2989, 0.587, 0.114])[:, None] * np.ones(3)


def neighbours(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    height, width = (side // 2 for side in kernel.shape)
    wide = np.pad(x, ((0, 0), (height, height), (width, width), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, kernel.shape, (1, 2))
    return np.einsum("nhwcij,ij->nhwc", windows, kernel)


def normal(count: int, sigma: float) -> np.ndarray:
    weights = np.exp(-0.5 * ((np.arange(count) - (count - 1) / 2) / sigma) ** 2)
    return weights / weights.sum()


def equalized(x: np.ndarray, bins: int) -> np.ndarray:
    y = x.copy()
    for channel in range(x.shape[-1]):
        binned = (x[..., channel] * (bins - 1) / 255).astype(int)
        below = np.bincount(binned.ravel(), minlength=bins).cumsum()
        first = below[below > 0][0]
        y[..., channel] = np.round((below - first) * 255 / (below[-1] - first))[binned]
    return y


SHARP = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
CASES = {
    "grey": (layers.RandomGrayscale(1.0), grey(X)),
    "degeneration": (layers.RandomColorDegeneration((0.4, 0.4)), 0.6 * X + 0.4 * grey(X)),
    "inverted": (layers.RandomInvert((1, 1)), 255 - X),
    "posterized": (layers.RandomPosterization((3, 3)), X // 32 * 32),
    "posterized, from 0 to 1": (layers.RandomPosterization((3, 3), (0, 1)), X // 32 * 32),
    "solarized": (layers.Solarization(0.0, (0.5, 0.5)), np.where(X < 127.5, X, 255 - X)),
    "added and solarized": (
        layers.Solarization((0.25, 0.25), (0.5, 0.5)),
        np.where(X + 63.75 < 127.5, X + 63.75, 255 - np.minimum(X + 63.75, 255)),
    ),
    "sharpened": (layers.RandomSharpness((0.9, 0.9)), np.clip(X - 0.8 * (neighbours(X, SHARP) - X), 0, 255)),
    "softened": (layers.RandomSharpness((0.2, 0.2)), np.clip(X + 0.6 * (neighbours(X, SHARP) - X), 0, 255)),
    "blurred": (
        layers.RandomGaussianBlur((1, 1), (3, 5), (0.8, 0.8)),
        neighbours(X, np.outer(normal(5, 0.8), normal(3, 0.8))),
    ),
    "equalized": (layers.Equalization(), equalized(X, 256)),
    "equalized in 64 bins": (layers.Equalization(bins=64), equalized(X, 64)),
    "stretched": (layers.AutoContrast(), (X - X.min((1, 2), keepdims=True)) / np.ptp(X, (1, 2), keepdims=True) * 255),
    "jittered": (layers.RandomColorJitter(brightness_factor=(0.1, 0.1)), np.minimum(X + 25.5, 255)),
}


@pytest.mark.parametrize("name", CASES)
def test_colours_are_what_the_definition_says(name: str) -> None:
    layer, expected = CASES[name]
    low, high = getattr(layer, "value_range", (0, 255))
    if (low, high) == (0, 1):
        np.testing.assert_allclose(trained(layer, X / 255) * 255, expected, atol=1e-3)
    else:
        np.testing.assert_allclose(trained(layer), expected, atol=1e-3)


def test_a_channel_of_one_value_is_neither_stretched_nor_equalized() -> None:
    flat = np.full((1, 4, 4, 1), 70, np.float32)
    for layer in (layers.AutoContrast(), layers.Equalization()):
        assert (trained(layer, flat) == 70).all()


def test_a_shear_shifts_rows_by_how_far_down_they_are() -> None:
    x = np.zeros((8, 9, 9, 1), np.float32)
    x[:, :, 4] = 1  # an upright line
    y = trained(layers.RandomShear((1.0, 1.0), fill_mode="constant"), x)
    for picture in y:
        places = picture[:4, :, 0].argmax(1)
        assert places.tolist() in ([4, 3, 2, 1], [4, 5, 6, 7])


def test_a_perspective_keeps_its_upper_left_corner_and_leaves_other_pictures_alone() -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).uniform(0, 255, (40, 12, 10, 3)).astype(np.float32)
    y = trained(layers.RandomPerspective((0.5, 0.5), 0.5), x)
    moved = np.array([not np.array_equal(a, b) for a, b in zip(x, y, strict=True)])
    assert 8 < moved.sum() < 32
    np.testing.assert_allclose(y[moved][:, 0, 0], x[moved][:, 0, 0], atol=0.3)
    np.testing.assert_allclose(trained(layers.RandomPerspective((1, 1), 0.0), x), x, atol=0.05)


def test_an_elastic_transform_moves_neighbours_alike() -> None:
    torch.manual_seed(0)
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32)[None, None, :, None] * 5, (4, 30, 40, 1)).copy()
    y = trained(layers.RandomElasticTransform((1, 1), (1, 1), fill_mode="nearest"), ramp)
    moves = (y - ramp) / 5
    assert np.abs(moves).max() > 0.05
    steps = np.abs(np.diff(moves[:, 5:-5, 5:-5], axis=1)).max()
    assert steps < 0.5 * np.abs(moves).max()
    np.testing.assert_array_equal(trained(layers.RandomElasticTransform((1, 1), (0, 0)), ramp), ramp)


@pytest.mark.parametrize(
    "layer", [layers.RandAugment(num_ops=3, seed=4), layers.AugMix(seed=4), layers.AugMix(all_ops=False)]
)
def test_mixtures_of_changes_stay_in_the_value_range_and_change_something(layer: layers.Layer) -> None:
    torch.manual_seed(1)
    y = trained(layer)
    assert y.shape == X.shape
    assert y.min() >= -1e-3
    assert y.max() <= 255 + 1e-3
    assert not np.allclose(y, X)


SEEDED: dict[str, layers.Layer] = {
    "dropout": layers.Dropout(0.5, seed=7),
    "maps": layers.SpatialDropout2D(0.5, seed=7),
    "noise": layers.GaussianNoise(1.0, seed=7),
    "factors": layers.GaussianDropout(0.5, seed=7),
    "flip": layers.RandomFlip(seed=7),
    "rotation": layers.RandomRotation(0.3, seed=7),
    "brightness": layers.RandomBrightness(0.3, seed=7),
    "hue": layers.RandomHue(0.3, seed=7),
    "shear": layers.RandomShear(0.3, 0.3, seed=7),
    "erasing": layers.RandomErasing((1, 1), seed=7),
    "several": layers.RandAugment(seed=7),
    "chain": layers.Augmentation([layers.RandomFlip(seed=7), layers.RandomBrightness(0.3, seed=8)]),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_of_its_own_draws_the_same_whatever_else_is_drawn(name: str) -> None:
    layer = SEEDED[name]
    again = type(layer)(**{key: value for key, value in layer.config().items() if key != "name"})
    start, other = Input(X.shape[1:]), Input(X.shape[1:])
    module, copy = (build(Graph([i], [one(i)])).train() for i, one in ((start, layer), (other, again)))
    torch.manual_seed(1)
    first, second = (trained(layer, X, module) for _ in range(2))
    drawn = torch.rand(1)
    torch.manual_seed(2)
    torch.rand(5)
    for expected in (first, second):
        np.testing.assert_array_equal(trained(again, X, copy), expected)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)  # the run's own draws are left alone
    if name not in ("flip", "several"):
        assert not np.array_equal(first, second)
    space: dict[str, Any] = {"__name__": "printed"}
    exec(compile(to_source(module), "printed.py", "exec"), space)
    np.testing.assert_array_equal(trained(layer, X, space["Network"]().train()), first)


def test_spatial_dropout_takes_away_whole_maps() -> None:
    x = np.ones((50, 3, 4, 20), np.float32)
    for layer in (layers.SpatialDropout2D(0.25), layers.Dropout(0.25, (None, 1, 1, None))):
        maps = trained(layer, x).reshape(50, 12, 20)
        assert (maps == maps[:, :1]).all()
        assert set(np.unique(maps).round(4)) == {0, np.float32(1.3333)}
        assert 0.65 < (maps > 0).mean() < 0.85


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    torch.manual_seed(0)
    x = np.full((4, 50, 50, 3), 2, np.float32)
    added, scaled = trained(layers.GaussianNoise(0.5), x) - 2, trained(layers.GaussianDropout(0.2), x) / 2
    assert added.std() == pytest.approx(0.5, rel=0.02)
    assert abs(added.mean()) < 0.02
    assert scaled.std() == pytest.approx(0.5, rel=0.02)  # sqrt(0.2 / 0.8)
    assert scaled.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("scale", "values", "better"), [(1, (0, 255), "(0, 1)"), (255, (0, 1), "(0, 255)")])
def test_pixels_of_another_range_are_said_once(scale: int, values: tuple[float, float], better: str) -> None:
    start = Input(X.shape[1:])
    module = build(Graph([start], [layers.RandomBrightness(0.1, values)(start)])).train()
    x = X / 255 * scale
    with pytest.warns(
        UserWarning, match="RandomBrightness: pixels go from 0 to .*value_range=" + better[:4].replace("(", r"\(")
    ):
        trained(layers.RandomBrightness(0.1), x, module)
    trained(layers.RandomBrightness(0.1), x, module)


def test_boxes_and_masks_cannot_follow_what_bends_a_picture() -> None:
    for layer in (layers.RandomPerspective(), layers.RandomElasticTransform(), layers.RandAugment(), layers.AugMix()):
        with pytest.raises(ArgumentError, match=f"augment: boxes and masks cannot follow {layer.kind}"):
            data.augment(X.astype(np.uint8), masks=np.zeros((2, 5, 6), int), layers=[layers.RandomFlip(), layer])
        assert data.augment(X.astype(np.uint8), layers=layer).pictures.shape == X.shape
