"""Why this photo: the place, the words and the numbers, on networks that are known to look at one corner."""

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import layers, look
from striate.data import Preprocessing
from striate.errors import ArgumentError, DataError
from striate.tasks import classify


def corner(outputs=2):
    """White pixels in the upper left quarter speak for "there"; the rest of the picture counts for nothing."""
    model = st.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(2, 1, use_bias=False, name="seen"),
            layers.AveragePooling2D(4, name="cells"),
            layers.Flatten(),
            layers.Dense(outputs, "softmax" if outputs == 2 else "sigmoid"),
        ]
    )
    weight = np.zeros((4, 4, 2, outputs), np.float32)
    weight[:2, :2, 0, -1] = 8.0
    kernel = np.zeros((1, 1, 1, 2), np.float32)
    kernel[..., 0] = 1
    bias = np.array([0.0, -3.0][-outputs:], np.float32)
    model.set_weights([kernel, weight.reshape(32, outputs), bias])
    model.labels = ["away", "there"]
    model.preprocessing = Preprocessing(image_size=(16, 16), channels=1, scale=1 / 255)
    return model


def photo(path=None):
    """320 x 160, a white patch in the upper left quarter."""
    pixels = np.zeros((160, 320), np.uint8)
    pixels[20:60, 40:120] = 255
    if path is not None:
        Image.fromarray(pixels).save(path)
    return pixels


@pytest.mark.parametrize("outputs", [1, 2])
def test_it_names_the_answer_the_corner_and_what_covering_it_does(tmp_path, outputs):
    model, pixels = corner(outputs), photo(tmp_path / "p.png")
    seen = look.why(model, tmp_path / "p.png", layer="seen", check=False)
    ((best, sure), _) = classify(model, [tmp_path / "p.png"])[0]
    assert (seen.label, best) == ("there", "there")
    assert seen.probability == pytest.approx(sure, abs=1e-5)
    assert seen.ranking[0] == ("there", pytest.approx(sure, abs=1e-5))
    assert seen.picture.shape[:2] == seen.map.shape == pixels.shape
    row, column = seen.peak
    assert pixels[row, column] == 255
    assert seen.where() == "the upper left"
    marked = seen.map >= seen.map.max() / 2
    assert seen.extent == pytest.approx(marked.mean())
    assert (pixels[marked] == 255).mean() > 0.8
    assert seen.covered < 0.5 * seen.probability
    assert seen.elsewhere == pytest.approx(seen.probability, abs=0.02)
    assert "there, " in seen.note()
    assert "the answer comes from there." in seen.note()
    assert seen.bitmap().shape == (160, 320, 3)


def test_a_class_that_is_asked_about_is_told_from_the_answer(tmp_path):
    photo(tmp_path / "p.png")
    seen = look.why(corner(), tmp_path / "p.png", "away", layer="seen", check=False)
    assert seen.note().startswith("The answer is there, ")
    assert "asked about is away" in seen.note()
    assert "Nothing in the maps of seen speaks for it" in seen.note()  # its weights are all 0
    with pytest.raises(ArgumentError):
        look.why(corner(), tmp_path / "p.png", "nowhere")
    with pytest.raises(DataError, match="one picture, not at 2"):
        look.why(corner(), [tmp_path / "p.png"] * 2)


def test_where_grad_cam_has_nothing_to_show_windows_are_covered(tmp_path):
    """Half of the weights of a map are negative, so that its mean slope is 0 and below: Grad-CAM shows nothing."""
    model = corner()
    kernel, weight, bias = model.get_weights()
    weight = weight.reshape(4, 4, 2, 2)
    weight[2:, :, 0, 1] = -8.0
    model.set_weights([kernel, weight.reshape(32, 2), bias])
    photo(tmp_path / "p.png")
    assert not look.gradcam(model, tmp_path / "p.png").values.any()
    seen = look.why(model, tmp_path / "p.png", check=False)
    assert seen.method == "occlusion"
    assert seen.where() == "the upper left"
    assert "so the map is of occlusion" in seen.note()
    assert "the answer comes from there." in seen.note()


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (slice(0, 3), slice(0, 3), "the upper left"),
        (slice(4, 6), slice(4, 6), "the middle"),
        (slice(7, 9), slice(4, 6), "the lower part"),
        (slice(4, 6), slice(8, 10), "the right part"),
        (slice(0, 10), slice(0, 8), "most of the photo"),
    ],
)
def test_places_in_words(rows, columns, words):
    heat = np.zeros((10, 10), np.float32)
    heat[rows, columns] = 1
    seen = look.why(corner(), np.zeros((16, 16, 1), np.uint8), check=False)
    seen.map, seen.extent = heat, float(heat.mean())
    assert seen.where() == words


@pytest.mark.parametrize(
    ("covered", "elsewhere", "words"),
    [
        (0.1, 0.9, "the answer comes from there"),
        (0.5, 0.7, "there in part"),
        (0.75, 0.75, "no more than on others"),
        (0.85, 0.85, "neither changes much"),
        (0.95, 0.9, "neither changes much"),
        (0.897, 0.904, "neither changes much"),
        (0.062, 0.075, "no more than on others"),
    ],
)
def test_the_verdict_follows_from_the_numbers(covered, elsewhere, words):
    seen = look.why(corner(), np.zeros((16, 16, 1), np.uint8), check=False)
    seen.probability, seen.covered, seen.elsewhere = 0.9, covered, elsewhere
    assert words in seen.judgement()


def test_it_says_when_the_network_sees_a_crop_only(tmp_path):
    photo(tmp_path / "p.png")
    model = corner()
    model.preprocessing = Preprocessing(image_size=(16, 16), channels=1, scale=1 / 255, resize="crop")
    seen = look.why(model, tmp_path / "p.png", layer="seen", check=False)
    assert seen.seen == pytest.approx(0.5)
    assert "The network sees 50% of the photo: its preprocessing cuts off the rest." in seen.note()
    assert not seen.map[:, :70].any()


def test_the_check_by_randomised_layers_is_in_the_verdict():
    seen = look.why(corner(), photo()[None, ::10, ::20, None].astype(np.uint8))
    assert "Sanity check of Grad-CAM" in seen.note()
    assert seen.facts()["verdict"] == seen.note()
