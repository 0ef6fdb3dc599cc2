"""RandomAffine on blobs: by how much it turns, shifts, zooms and slants, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from striate import layers
from striate.backend import build
from striate.errors import ArgumentError, ShapeError
from striate.graph import Graph, Input

HEIGHT, WIDTH = 60, 100


def blobs(*places: tuple[float, float]) -> torch.Tensor:
    """A picture for each place (down, right of the centre, in pixels), dark but for one soft spot there."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    y, x = y - (HEIGHT - 1) / 2, x - (WIDTH - 1) / 2
    spots = [np.exp(-((y - down) ** 2 + (x - right) ** 2) / 18) for down, right in places]
    return torch.tensor(np.array(spots), dtype=torch.float32)[:, None]


def centres(pictures: torch.Tensor) -> np.ndarray:
    """Where the spot of each picture is: (down, right of the centre)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    light = pictures[:, 0].numpy()
    weights = light / light.sum((1, 2), keepdims=True)
    return np.stack([(weights * (axis - axis.mean())).sum((1, 2)) for axis in (y, x)], 1)


def augmented(pictures: torch.Tensor, **amounts: float) -> torch.Tensor:
    start = Input((HEIGHT, WIDTH, pictures.shape[1]))
    return build(Graph([start], [layers.RandomAffine(**amounts)(start)])).train()(pictures)


def test_no_amounts_change_nothing() -> None:
    pictures = torch.rand(3, 2, HEIGHT, WIDTH)
    torch.testing.assert_close(augmented(pictures), pictures, rtol=1e-4, atol=1e-4)


def test_turning_keeps_every_distance_from_the_centre_in_oblong_pictures_too() -> None:
    places = [(0.0, 20.0), (20.0, 0.0), (12.0, -16.0)] * 20
    turned = centres(augmented(blobs(*places), rotation=180))
    np.testing.assert_allclose(np.hypot(*turned.T), 20, atol=0.2)
    angles = np.arctan2(*turned.T)
    assert np.ptp(angles) > 4  # and all around


def test_turning_stays_within_its_degrees() -> None:
    turned = centres(augmented(blobs(*[(0.0, 20.0)] * 60), rotation=30))
    angles = np.degrees(np.arctan2(*turned.T))
    assert 20 < np.abs(angles).max() < 30.5
    assert angles.min() < 0 < angles.max()


def test_shifting_stays_within_its_part_of_each_side() -> None:
    moved = centres(augmented(blobs(*[(0.0, 0.0)] * 60), translation=0.1))
    assert 0.7 * 6 < np.abs(moved[:, 0]).max() < 6.1
    assert 0.7 * 10 < np.abs(moved[:, 1]).max() < 10.1


def test_zooming_stays_within_its_factor() -> None:
    grown = centres(augmented(blobs(*[(0.0, 20.0)] * 60), zoom=0.2))
    np.testing.assert_allclose(grown[:, 0], 0, atol=0.1)
    assert 16 - 0.2 < grown[:, 1].min() < 17
    assert 23 < grown[:, 1].max() < 24 + 0.2


def test_slanting_moves_rows_sideways_only() -> None:
    slanted = centres(augmented(blobs(*[(15.0, 0.0)] * 60), shear=30))
    np.testing.assert_allclose(slanted[:, 0], 15, atol=0.1)
    most = 15 * np.tan(np.radians(30))
    assert 0.7 * most < np.abs(slanted[:, 1]).max() < most + 0.2


def test_all_channels_of_a_picture_move_together_and_pictures_apart() -> None:
    picture = torch.rand(1, 1, HEIGHT, WIDTH)
    given = picture.expand(4, 3, -1, -1)
    out = augmented(given, rotation=20, translation=0.1, zoom=0.1, shear=5)
    assert torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 0], out[:, 2])
    assert not torch.allclose(out[0], out[1])
    assert (out == 0).any()  # what comes in from outside


def test_the_same_seed_gives_the_same_changes() -> None:
    pictures = torch.rand(4, 1, HEIGHT, WIDTH)
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(augmented(pictures, rotation=20))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_impossible_amounts_and_shapes_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"RandomAffine: zoom is from 0 to 0.99, not 1.0"):
        layers.RandomAffine(zoom=1)
    with pytest.raises(ShapeError, match=r"takes \(height, width, channels\), it got \(5, 2\)"):
        layers.RandomAffine(rotation=5)(Input((5, 2)))
