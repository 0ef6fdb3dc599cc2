"""Explanations of answers: agreement with captum, scores and the sanity check on cases whose answer is known."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, look
from striate.data import Preprocessing
from striate.errors import ArgumentError
from striate.look.explain.sanity import Sanity
from striate.look.pictures import Space

sys.path.insert(0, str(Path(__file__).parent / "oracles"))
import captum_oracle as oracle

CAPTUM = json.loads(oracle.FILE.read_text())


def ours(model: st.Model, layer: str, target: int = oracle.CLASS) -> dict[str, np.ndarray]:
    """Every method's answer as the oracle gives it: channels first."""
    x = oracle.picture(Space.of(model).shape)
    found: dict[str, Any] = {
        "saliency": look.saliency(model, x, target),
        "deconvnet": look.saliency(model, x, target, rule="deconvnet"),
        "guided": look.saliency(model, x, target, rule="guided"),
        "integrated": look.integrated(model, x, target, steps=16),
        "occlusion": look.occlusion(model, x, target, window=8, stride=8, fill="black"),
    }
    channels = x.shape[-1]
    values = {
        name: np.broadcast_to(one.values[0], (*one.values[0].shape[:2], channels)).transpose(2, 0, 1)
        for name, one in found.items()
    }
    return values | {"gradcam": look.gradcam(model, x, target, layer).coarse[0][None]}


@pytest.mark.parametrize("name", oracle.NETS)
def test_every_method_gives_what_captum_gives(name):
    model = oracle.network(name)
    for method, found in ours(model, oracle.NETS[name][2]).items():
        told = CAPTUM[name][method]
        at = np.linspace(0, found.size - 1, oracle.PLACES).astype(int)
        assert told["largest"] > 0
        error = np.abs(found.reshape(-1)[at] - told["values"]).max() / told["largest"]
        assert error < 1e-5, (method, error)
        assert np.abs(found).max() == pytest.approx(told["largest"], rel=1e-5)


def corner() -> st.Model:
    """A network whose first logit is the sum of the upper left quarter of the picture, and whose second is 0."""
    model = st.Sequential([layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(2, "softmax")])
    weight = np.zeros((2, 8, 8), np.float32)
    weight[0, :4, :4] = 1
    with torch.no_grad():
        model.module.get_submodule("dense").weight.copy_(torch.from_numpy(weight.reshape(2, -1)))
        model.module.get_submodule("dense").bias.zero_()
    model.preprocessing = Preprocessing(image_size=(8, 8), channels=1, scale=1 / 255)
    return model


def bright() -> np.ndarray:
    return np.full((1, 8, 8, 1), 200, np.uint8)


def test_integrated_gradients_of_a_linear_network_are_input_times_weight_and_add_up():
    found = look.integrated(corner(), bright(), 0, steps=3)
    expected = np.zeros((8, 8, 1), np.float32)
    expected[:4, :4] = 200 / 255
    np.testing.assert_allclose(found.values[0], expected, atol=1e-6)
    assert abs(found.gap[0]) < 1e-5
    assert found.change[0] == pytest.approx(16 * 200 / 255, rel=1e-5)


def test_occlusion_falls_just_where_the_answer_comes_from():
    found = look.occlusion(corner(), bright(), 0, window=4, stride=4, fill="black")
    assert found.values[0, :4, :4].min() == pytest.approx(16 * 200 / 255, rel=1e-5)
    # elsewhere nothing but the rounding of sums in another order
    assert np.abs(found.values[0, 4:]).max() < 1e-6 * found.values.max()


def test_deletion_is_quick_and_insertion_too_for_the_map_that_is_right():
    model, wrong = corner(), np.zeros((1, 8, 8), np.float32)
    right = wrong.copy()
    right[:, :4, :4], wrong[:, 4:, 4:] = 1, 1
    with torch.no_grad():
        model.module.get_submodule("dense").weight.mul_(0.1)
    x = np.random.default_rng(0).integers(0, 100, (1, 8, 8, 1), dtype=np.uint8)
    x[:, :4, :4] = 250
    told = look.scores(model, x, 0, maps={"right": _as(right), "wrong": _as(wrong)}, steps=8)
    rows = {row[0]: [float(str(v).split()[0]) for v in row[1:3]] for row in told.rows()[1]}
    assert rows["right"][0] < rows["wrong"][0]  # deletion: lower is better
    assert rows["right"][1] > rows["wrong"][1]  # insertion: higher is better


def _as(values: np.ndarray) -> Any:
    explained = look.saliency(corner(), bright(), 0)
    return type(explained)(
        explained.pictures, values[..., None], explained.targets, explained.labels, explained.scores, rule="backprop"
    )


def test_the_sanity_check_tells_a_map_of_the_picture_from_one_of_the_network():
    st.set_seed(1)
    model = st.Sequential(
        [
            layers.Conv2D(8, 3, activation="relu", input_shape=(12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, "softmax"),
        ]
    )
    x = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 1), dtype=np.uint8)

    def edges(model: Any, pictures: Any, target: Any) -> Any:
        """A map that does not ask the network at all."""
        found = look.saliency(model, pictures, target)
        found.values = np.abs(np.gradient(x.astype(np.float32), axis=1))
        return found

    told = look.sanity(model, x, method={"edges": edges, "saliency": look.saliency})
    assert "do not use it" in told.verdict("edges")
    assert "do not use it" not in told.verdict("saliency")


@pytest.mark.parametrize(
    ("alike", "text"), [(0.4962, "0.496"), (0.499996, "0.499996"), (0.5, "0.50"), (0.5004, "0.50")]
)
def test_a_verdict_says_its_limit_and_a_number_that_is_on_its_side_of_it(alike, text):
    numbers = {"map": np.full((2, 1), alike)}
    told = Sanity([1], 2, ["dense"], numbers, {"map": np.full((2, 1), 0.3)}, np.zeros((4, 4), np.uint8), {"map": []})
    assert f"(rank correlation {text}, where 0.5 or more fails; SSIM 0.30, which is not judged; " in told.verdict("map")
    assert told.passes("map") == (float(text) < 0.5) == (alike < 0.5) == ("do not use it" not in told.verdict("map"))
    assert told.rows()[1][0][1:] == (f"{text} / 0.30", "changes: passes" if alike < 0.5 else "unchanged: fails")


def test_wrong_arguments_are_one_line():
    model = corner()
    for call, says in (
        (lambda: look.attributions(model, bright(), method="salience"), 'Did you mean "saliency"'),
        (lambda: look.gradcam(model, bright()), "maps larger than 1x1"),
        (lambda: look.occlusion(model, bright(), window=9), "does not fit"),
        (lambda: look.integrated(model, bright(), steps=0), "1 step or more"),
        (lambda: look.saliency(model, bright(), 7), "classes 0 to 1"),
    ):
        with pytest.raises(ArgumentError, match=says) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["stretch", "crop", "margin", "pad"])
@pytest.mark.parametrize("size", [(50, 80), (80, 50), (10, 14)])
def test_a_map_lies_over_the_photo_in_its_own_size_where_the_network_saw_it(how, size):
    """The sum of a square of the picture, so that the gradient is 1 there and 0 elsewhere."""
    options = {"resize": "crop", "shorter_side": 20} if how == "margin" else {"resize": how}
    model = st.Sequential([layers.Input((16, 16, 1)), layers.Flatten(), layers.Dense(2)])
    weight = model.module.get_submodule("dense").weight
    square = np.zeros((16, 16), np.float32)
    square[4:8, 6:12] = 1
    with torch.no_grad():
        weight.copy_(torch.from_numpy(np.stack([square.ravel(), 0 * square.ravel()])))
    model.preprocessing = Preprocessing.pictures((16, 16), 1, **options)
    photo = np.zeros((*size, 1), np.uint8)
    found = look.saliency(model, photo, 0)
    assert found.values.shape == (1, *size, 1)
    assert found.pictures.shape == (1, *size, 1)
    np.testing.assert_allclose(found.at_input[0, ..., 0], square)
    place = model.preprocessing.geometry(size)
    x1, y1, x2, y2 = place.boxes_back(np.array([[6, 4, 12, 8]]))[0]
    rows, columns = np.mgrid[: size[0], : size[1]]
    heat = found.map[0]
    assert (heat * (rows + 0.5)).sum() / heat.sum() == pytest.approx((y1 + y2) / 2, abs=0.5)
    assert (heat * (columns + 0.5)).sum() / heat.sum() == pytest.approx((x1 + x2) / 2, abs=0.5)
    assert heat.sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=0.15)


def test_photos_of_different_sizes_keep_the_size_of_the_networks_input():
    model = corner()
    found = look.saliency(model, [np.zeros((20, 30, 3), np.uint8), np.zeros((9, 9, 3), np.uint8)], 0)
    assert found.values.shape[:3] == (2, 8, 8)
