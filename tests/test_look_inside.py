"""Filters, dead maps, neighbours and patches against slow and simple ways to the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import layers, look
from striate import primitives as p
from striate.data import Dataset
from striate.errors import ArgumentError
from striate.graph import Layer
from striate.look.pictures import Space


def branched(seed: int = 0, **first: Any) -> st.Model:
    """Stride, dilation, padding, a shortcut and a concatenation of two ways."""
    st.set_seed(seed)
    x = inputs = layers.Input((24, 24, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", **first)(x)
    y = layers.Conv2D(6, 3, dilation_rate=2, padding="same", activation="relu")(x)
    z = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    x = layers.Concatenate()([layers.Add()([x, y]), z])
    x = layers.Conv2D(5, 3, activation="relu", name="seen")(x)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return st.Model(inputs, layers.Dense(3, "softmax")(x))


def examples(count: int = 14, seed: int = 2) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (count, 24, 24, 3), dtype=np.uint8)
    return Dataset(x, np.arange(count) % 3, classes=("a", "b", "c"))


# -- patches ---------------------------------------------------------------------------------------------------------
def test_the_strongest_patches_are_those_of_all_activations():
    model, data = branched(), examples()
    found = look.patches(model, data, "seen", maps=[0, 1, 2, 3, 4], k=4, batch_size=5)
    maps = look.activations(model, data.x, ["seen"])["seen"]
    for number, patches in found.maps.items():
        best = maps[..., number].reshape(len(maps), -1).max(axis=1)
        expected = sorted((value for value in best if value > 0), reverse=True)[:4]
        np.testing.assert_allclose([patch.value for patch in patches], expected, rtol=1e-6)
        for patch in patches:
            assert maps[(patch.picture, *patch.cell, number)] == pytest.approx(patch.value, rel=1e-6)


def test_a_unit_sees_its_box_and_nothing_else():
    model, data = branched(), examples()
    space = Space.of(model)
    found = look.patches(model, data, "seen", maps=[0, 2, 4], k=9)
    cells = {(patch.picture, patch.cell, number): patch for number, all_ in found.maps.items() for patch in all_}
    assert any(0 in patch.box[:2] for patch in cells.values())  # at the border too
    for (picture, cell, number), patch in list(cells.items())[:12]:
        top, left, bottom, right = patch.box
        pixels = data.x[picture : picture + 1]
        np.testing.assert_array_equal(patch.crop, pixels[0, top:bottom, left:right])
        outside = np.random.default_rng(1).integers(0, 256, pixels.shape, dtype=np.uint8)
        outside[:, top:bottom, left:right] = pixels[:, top:bottom, left:right]
        values = look.activations(model, np.concatenate([pixels, outside]), ["seen"])["seen"][
            (slice(None), *cell, number)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-6)
        x = space.inputs(pixels).requires_grad_()
        with look.tapped(model) as tap:  # without rectifiers and maxima in the way, every edge of the box counts
            (slope,) = torch.autograd.grad(tap.run(x, keep=["seen"]).at["seen"][(0, number, *cell)], x)
        rest = slope[0].abs().sum(0)
        most = float(rest.max())
        rest[top:bottom, left:right] = 0
        assert float(rest.max()) < 1e-6 * most


def test_reconstructions_are_the_gradients_by_each_rule_cut_at_the_box():
    model, data = branched(), examples()
    (patch,) = look.patches(model, data, "seen", maps=[1], k=1).maps[1]
    top, left, bottom, right = patch.box
    x = Space.of(model).inputs(data.x[patch.picture : patch.picture + 1]).requires_grad_()
    for rule, got in (("deconvnet", patch.deconvnet), ("guided", patch.guided)):
        with look.tapped(model, rule=rule) as tap:  # type: ignore[arg-type]
            (slope,) = torch.autograd.grad(tap.run(x, keep=["seen"]).at["seen"][(0, 1, *patch.cell)], x)
        expected = slope[0].permute(1, 2, 0).numpy()[top:bottom, left:right]
        np.testing.assert_allclose(got, expected, atol=1e-6 * np.abs(expected).max())


# -- dead maps -------------------------------------------------------------------------------------------------------
def test_maps_that_are_zero_everywhere_for_every_picture_are_dead():
    model, data = branched(), examples()
    conv = model.module.get_submodule("seen")
    with torch.no_grad():
        conv.bias[1], conv.bias[3] = -1e6, 1e3
    found = look.dead(model, data, batch_size=4)
    assert found.share["seen"][1] == 1
    assert found.share["seen"][3] == 0
    assert 1 in found.maps["seen"]
    assert 3 not in found.maps["seen"]
    maps = look.activations(model, data.x, ["seen"])["seen"]
    np.testing.assert_allclose(found.share["seen"], (maps == 0).all(axis=(1, 2)).mean(axis=0))


# -- neighbours ------------------------------------------------------------------------------------------------------
def test_neighbours_of_a_file_have_the_rows_that_those_of_a_number_have(tmp_path):
    model, data = branched(), examples()
    Image.fromarray(data.x[3]).save(tmp_path / "3.png")
    by_number, by_file = (look.neighbours(model, data, queries=q, k=2) for q in (3, str(tmp_path / "3.png")))
    assert by_file.rows()[0] == by_number.rows()[0]
    assert [row[:3] for row in by_file.rows()[1]] == [row[:3] for row in by_number.rows()[1]]
    assert {row[3] for row in by_file.rows()[1]} == {"unknown"}
    (found,), (other,) = by_file.facts()["nearest"], by_number.facts()["nearest"]
    assert found.keys() == other.keys()
    assert found["features"] == by_file.features[0].tolist()
    assert found["features"][0] == 3  # of a file the picture itself is a neighbour, the nearest one
    assert found["features"][1] == other["features"][0]
    assert found["feature_distance"][0] == pytest.approx(0, abs=1e-3)


def test_neighbours_are_those_of_all_distances():
    model, data = branched(), examples()
    found = look.neighbours(model, data, k=3)
    features = look.activations(model, data.x, ["pooled"])["pooled"].astype(np.float64)
    flat = data.x.reshape(len(data), -1).astype(np.float64)
    for space, got in ((features, found.features), (flat, found.pixels)):
        distance = np.linalg.norm(space[:, None] - space[None], axis=2)
        np.fill_diagonal(distance, np.inf)
        rows = np.arange(len(data))[:, None]
        np.testing.assert_allclose(distance[rows, got], np.sort(distance, axis=1)[:, :3], rtol=1e-6)
    same = (data.labels[found.features] == data.labels[:, None]).mean()
    assert found.agreement("features") == pytest.approx(same)


def test_a_picture_from_elsewhere_can_be_asked_about(tmp_path):
    model, data = branched(), examples()
    Image.fromarray(data.x[5]).save(tmp_path / "again.png")
    found = look.neighbours(model, data, queries=[str(tmp_path / "again.png")], k=2)
    assert found.features[0, 0] == 5
    assert found.pixels[0, 0] == 5


def test_a_map_of_features_is_repeatable_and_keeps_groups_together():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.integers(0, 60, (15, 24, 24, 3)), rng.integers(190, 256, (15, 24, 24, 3))]).astype(np.uint8)
    data = Dataset(x, np.repeat([0, 1], 15), classes=("dark", "bright"))
    first, second = (look.feature_map(branched(), data, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.at, second.at)
    assert first.kept is not None
    assert first.kept[0] > 0.95


# -- filters and maps ------------------------------------------------------------------------------------------------
def test_filters_of_a_network_that_takes_blue_first_are_shown_red_first():
    model = branched(name="first")
    model.preprocessing = st.data.Preprocessing(image_size=(24, 24), channels=3, order="bgr")
    weight = model.module.get_submodule("first").weight.detach().numpy()
    found = look.filters(model)
    np.testing.assert_array_equal(found.weights, weight.transpose(0, 2, 3, 1)[..., ::-1])


@pytest.mark.parametrize("layer", ["plain", "grouped", "depthwise", "separable", "transposed"])
def test_filters_of_any_convolution_are_shown_by_its_name(layer):
    inputs = st.Input((12, 12, 3))
    x = layers.Conv2D(4, 3, name="plain")(inputs)
    x = layers.Conv2D(4, 3, groups=2, name="grouped")(x)
    x = layers.DepthwiseConv2D(2, name="depthwise")(x)
    x = layers.SeparableConv2D(5, 3, name="separable")(x)
    model = st.Model(inputs, layers.Conv2DTranspose(2, 3, name="transposed")(x))
    kernel = np.asarray(model.get_layer(layer).get_weights()[0])  # (height, width, in, out), as Keras has it
    expected = {
        "depthwise": kernel.transpose(2, 0, 1, 3),
        "separable": kernel.transpose(2, 0, 1, 3),
        "transposed": kernel.transpose(2, 0, 1, 3),
    }.get(layer, kernel.transpose(3, 0, 1, 2))
    found = look.filters(model, layer)
    assert found.layer == layer
    np.testing.assert_array_equal(found.weights, expected)


def test_a_filter_that_is_nothing_but_noise_is_said_and_shown_as_nothing():
    """Two filters, one ten thousand times weaker: grey as if it were zero; with 2 % of the strength it has its colours."""
    model = st.Sequential([layers.Conv2D(2, 3, use_bias=False, input_shape=(8, 8, 1)), layers.Flatten()])
    strong = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)

    def shown(factor: float) -> tuple[np.ndarray, str]:
        model.set_weights([np.stack([strong, factor * strong], -1)[:, :, None]])
        found = look.filters(model)
        return np.asarray(found.figure().axes[0].images[0].get_array())[..., :3], found.note()

    (weak, said), (none, _), (some, unsaid) = shown(1e-4), shown(0), shown(0.02)
    assert "1 is weaker than 1% of the strongest" in said
    assert "weaker than" not in unsaid
    assert np.abs(weak.astype(int) - none.astype(int)).max() <= 2
    assert np.abs(some.astype(int) - none.astype(int)).max() > 100


def test_maps_are_the_layers_activations():
    model, data = branched(), examples(1)
    found = look.maps(model, data.x[0], ["seen"])
    assert found.figure() is not None
    assert found.rows()[1][0][0] == "seen"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m, d: look.filters(m, "pooled"), "pooled"),
        (lambda m, d: look.patches(m, d, "sen"), "seen"),
        (lambda m, d: look.patches(m, d, "seen", maps=[9]), "9"),
        (lambda m, d: look.neighbours(m, d, k=40), "k is a whole number from 1 to 13"),
        (lambda m, d: look.neighbours(m, d, queries=[99]), "pictures 0 to 13"),
        (lambda m, d: look.feature_map(m, d, method="umap"), "tsne"),
        (lambda m, d: look.maps(m, d.x[0], ["dense"]), "no maps"),
    ],
)
def test_wrong_arguments_are_one_line(call, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        call(branched(), examples())
    assert "\n" not in str(caught.value)


# -- what stands within a layer --------------------------------------------------------------------------------------------
class OwnBlock(Layer):
    """A residual block written as one layer: an addition and a ReLU among its operations."""

    def lower(self, x):
        inner = p.pointwise(p.conv(x, x.shape[-1], 1, name="first"), "relu")
        return p.scale(p.combine("add", p.conv(inner, x.shape[-1], 1, name="second"), x), name="last")


def test_what_stands_within_a_layer_of_ones_own_is_said_not_to_be_seen():
    x = st.layers.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    y = layers.Add(name="join")([layers.Conv2D(4, 3, padding="same")(y), y])
    y = OwnBlock(name="block")(y)
    model = st.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    dead, paths = look.dead(model, pictures), look.paths(model, pictures, samples=1)
    assert (list(dead.share), dead.unseen) == (["first"], ["block"])
    assert "not the rectifiers within block." in dead.note()
    assert ([each.join for each in paths.blocks], paths.unseen) == (["join"], ["block"])
    assert "not the additions within block." in paths.note()
    alone = st.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(OwnBlock(name="block")(x))))
    for call, words in ((look.dead, "rectifiers within block"), (look.paths, "additions within block")):
        with pytest.raises(ArgumentError, match=words):
            call(alone, pictures)
    assert "Whole layers" not in look.dead(branched(), examples()).note()
