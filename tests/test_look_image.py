"""Pictures made by a network: maximised answers, dreams, inversion and codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import data, layers, look
from striate.errors import ArgumentError, DataError
from striate.look.paint.ascend import ascend, places
from striate.look.paint.invert import psnr
from striate.look.paint.regularizers import alpha_norm, total_variation
from striate.look.paint.transforms import Transforms


@pytest.fixture(scope="module")
def digits() -> st.Model:
    """A small network that knows digits, trained in a second or two."""
    splits = data.load("digits")
    st.set_seed(0)
    model = st.Sequential(
        [
            layers.Conv2D(16, 3, padding="same", activation="relu", input_shape=(8, 8, 1)),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile(st.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(splits.train, epochs=25, batch_size=64, seed=0, verbose=0)
    assert model.evaluate(splits.test, return_dict=True)["accuracy"] > 0.95
    return model


@pytest.mark.parametrize("fourier", [True, False])
def test_maximised_classes_are_of_these_classes_for_the_network(digits, fourier):
    found = look.maximise(digits, list(range(10)), steps=150, fourier=fourier, jitter=1, rotate=0, scale=1)
    again = digits.predict(found.pictures)  # whole pixel values, through the model's own preprocessing
    assert again.argmax(1).tolist() == list(range(10))
    assert again.max(1).min() >= 0.99
    np.testing.assert_allclose(found.probabilities, again.max(1), atol=1e-4)


def test_a_map_a_unit_and_a_sum_are_maximised_as_they_say(digits):
    wanted = [("second", 3), ("second", 3, 1, 2), {("second", 3): 1.0, 7: -0.5}]
    found = look.maximise(digits, wanted, start="noise", steps=40)
    maps = look.activations(digits, found.pictures, ["second"])["second"]
    assert found.values[0] == pytest.approx(maps[0, ..., 3].mean(), rel=1e-4)
    assert found.values[1] == pytest.approx(maps[1, 1, 2, 3], rel=1e-4)
    assert found.values[0] > found.history[0, 0]
    assert found.values[2] > found.history[0, 2]
    assert found.names[2] == "1 x second: 3 + -0.5 x 7"


def test_a_start_from_the_mean_of_a_class_is_that_mean(digits):
    train = data.load("digits").train
    found = look.maximise(digits, [3, 5], start=train, steps=0, fourier=False)
    for picture, number in zip(found.pictures, (3, 5), strict=True):
        mean = np.rint(train.x[train.labels == number].mean(axis=0))
        np.testing.assert_allclose(picture, mean * (255 / train.x.max() if train.x.max() < 17 else 1), atol=16)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (12, "classes 0 to 9"),
        (("second", 40), "maps 0 to 31"),
        (("secnd", 1), "second"),
        (("second", 1, 9, 9), "rows 0 to"),
        ([], "target"),
    ],
)
def test_what_is_not_there_is_one_line(digits, what, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        look.maximise(digits, what, steps=1)
    assert "\n" not in str(caught.value)


def test_inversion_gets_nearer_along_the_way_and_is_worse_for_deeper_layers(digits):
    picture = data.load("digits").test.x[0]
    found = look.invert(digits, picture, ["conv2d", "second", "dense"], steps=150)
    assert (found.errors[:, -1] < found.errors[:, 0]).all()
    assert found.errors[0, -1] < found.errors[1, -1]
    assert found.psnr[0] > found.psnr[1] > found.psnr[2]
    assert "more steps" not in found.note()
    assert "Not there yet: second" in look.invert(digits, picture, ["second"], steps=1).note()
    assert found.errors[2, -1] < 0.1  # ten logits are easily met, by a picture that looks like nothing
    at = look.activations(digits, np.stack([picture, found.pictures[0]]), ["conv2d"])["conv2d"]
    own = np.linalg.norm(at[1] - at[0]) / np.linalg.norm(at[0])
    assert own == pytest.approx(found.errors[0, -1], abs=0.01)  # but for the rounding to whole pixels


def test_a_code_is_decoded_to_the_picture_and_damage_is_said(digits):
    picture = data.load("digits").test.x[1]
    code = look.encode(digits, picture, "conv2d")
    decoded = look.decode(digits, code, steps=150)
    made, errors = decoded.picture, decoded.errors
    assert psnr(picture, made) > 25
    assert errors[-1] < 0.1
    for broken in (code[:40], b"x" + code, code[:-20], b""):
        with pytest.raises(DataError, match="no picture in code"):
            look.decode(digits, broken)
    other = st.Sequential([layers.Conv2D(3, 3, name="conv2d", input_shape=(8, 8, 1))])
    with pytest.raises(DataError, match="this network's"):
        look.decode(other, code, steps=1)


def test_psnr_is_that_of_the_mean_square():
    a = np.zeros((4, 4, 1), np.uint8)
    assert psnr(a, a) == float("inf")
    assert psnr(a, a + 5) == pytest.approx(10 * np.log10(255**2 / 25))


def test_a_dream_has_the_photos_size_and_stronger_activations(digits, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 31), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    found = look.dream(digits, tmp_path / "p.png", "second", octaves=3, steps=4, jitter=4)
    assert found.picture.shape == (20, 31, 1)
    assert found.sizes == [(10, 16), (14, 22), (20, 31)]
    assert all(each[-1] > each[0] for each in found.history)
    found = look.dream(digits, tmp_path / "p.png", "second", octaves=9, steps=0)
    assert len(found.sizes) == 3
    assert "6 smaller ones" in found.note()


# -- the loop --------------------------------------------------------------------------------------------------------
def linear() -> st.Model:
    model = st.Sequential([layers.Flatten(input_shape=(4, 4, 1)), layers.Dense(1, use_bias=False)])
    with torch.no_grad():
        model.module.get_submodule("dense").weight.copy_(torch.linspace(-1, 1, 16)[None])
    return model


def test_ascent_on_a_linear_score_goes_to_the_corners_of_the_range():
    found = ascend(linear(), lambda run: run.output[:, 1], steps=60, learning_rate=0.1, decay=1.0)
    assert set(found.pictures.reshape(-1)[:7]) == {0}
    assert set(found.pictures.reshape(-1)[-7:]) == {255}


def test_a_plain_gradient_step_has_the_length_that_is_asked():
    found = ascend(linear(), lambda run: run.output[:, 1], steps=1, learning_rate=0.01, rise="gradient")
    assert float(found.contrast.square().mean().sqrt()) == pytest.approx(0.01, rel=1e-5)
    direction = found.contrast.flatten() / found.contrast.norm()
    weight = torch.linspace(-1, 1, 16)
    torch.testing.assert_close(direction, weight / weight.norm(), atol=1e-5, rtol=1e-4)


def test_penalties_by_hand():
    x = torch.tensor([[[[0.0, 1.0], [0.5, 0.0]]]])
    assert alpha_norm(2.0, 3.0)(x).item() == pytest.approx(2 * (1 + 0.125) / 4)
    assert total_variation(4.0)(x).item() == pytest.approx(4 * (1.0**2 + 0.5**2))


def test_the_same_seed_gives_the_same_picture_and_another_one_another():
    moved = Transforms(jitter=1)
    runs = [
        ascend(linear(), lambda run: run.output[:, 1].tanh(), start="noise", steps=3, seed=seed, transforms=moved)
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0].contrast, runs[1].contrast)
    assert not torch.equal(runs[0].contrast, runs[2].contrast)


@pytest.mark.parametrize(("length", "tile"), [(10, 10), (7, 10), (21, 10), (100, 7)])
def test_tiles_cover_everything_from_end_to_end(length, tile):
    begin = places(length, tile)
    covered = {i for b in begin for i in range(b, min(b + tile, length))}
    assert covered == set(range(length))
    assert begin[0] == 0
    assert begin[-1] == max(0, length - tile)
