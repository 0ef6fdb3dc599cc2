"""Layers that change pictures, called on numbers: one picture alone, and training where nobody says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import striate as st
from striate import layers

X = np.random.default_rng(0).integers(0, 256, (2, 6, 5, 3)).astype(np.float32)
SHIFT = {"height_factor": (0.5, 0.5), "width_factor": (0, 0), "fill_mode": "constant"}
DOWN = np.concatenate([np.zeros_like(X[:, :3]), X[:, :3]], 1)


@pytest.mark.parametrize(
    "layer",
    [
        *(layers.Resizing(3, 4), layers.CenterCrop(2, 3), layers.AutoContrast(), layers.RandomCrop(2, 3)),
        *(layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomBrightness(0.2), layers.RandAugment()),
    ],
    ids=lambda layer: layer.kind,
)
def test_one_picture_is_changed_as_in_a_batch(layer: layers.Layer) -> None:
    st.set_seed(0)
    alone = layer(X[0])
    st.set_seed(0)
    assert alone.ndim == 3
    np.testing.assert_allclose(alone, layer(X[:1])[0])
    np.testing.assert_allclose(layer(X[0], training=False), layer(X, training=False)[0])


def test_pictures_are_augmented_where_nobody_says_whether_it_is_training() -> None:
    layer = layers.RandomTranslation(**SHIFT)

    class Own(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.shift = layer

        def call(self, inputs: object) -> object:
            return torch.abs(self.shift(inputs))

    inputs = st.Input(X.shape[1:])
    around = [layer, st.Sequential([layer]), st.Model(inputs, layer(inputs)), Own()]
    for one in (*around, *around):  # twice: no call leaves its mode behind
        np.testing.assert_allclose(one(X), DOWN, atol=1e-4)
        np.testing.assert_allclose(one(X, training=True), DOWN, atol=1e-4)
        np.testing.assert_allclose(one(X, training=False), X)
    np.testing.assert_allclose(around[2].predict(X), X)


def test_dropout_alone_does_nothing_where_nobody_says() -> None:
    np.testing.assert_allclose(layers.Dropout(0.5)(X), X)
    assert (np.asarray(layers.Dropout(0.5)(X, training=True)) == 0).any()


def test_whole_numbers_stay_whole_where_keras_keeps_them() -> None:
    whole = X.astype(np.uint8)  # Keras 3.15 on torch: uint8 of Resizing and RandomBrightness, float32 of the others
    for layer in (layers.Resizing(3, 3), layers.RandomBrightness(0.2)):
        assert layer(whole).dtype == torch.uint8
        assert layer(X).dtype == torch.float32
    for layer in (layers.CenterCrop(3, 3), layers.RandomFlip(), layers.AutoContrast(), layers.Equalization()):
        assert layer(whole).dtype == torch.float32
    steep = np.repeat([[[[0.0]], [[255.0]]]], 3, 2).astype(np.uint8)  # where cubic curves leave 0 to 255
    assert np.asarray(layers.Resizing(9, 3, "bicubic")(steep))[0, :, 0, 0].tolist()[-2:] == [255, 255]
    np.testing.assert_array_equal(layers.Resizing(3, 5)(whole), np.round((X[:, ::2] + X[:, 1::2]) / 2))


def test_a_crop_larger_than_the_picture_enlarges_its_middle_as_keras_does() -> None:
    x = np.arange(48, dtype=np.float32).reshape(1, 8, 6, 1)  # the numbers are Keras 3.15's, on torch
    for size, total, first, last in (((10, 4), 940, 1, 46), ((4, 9), 1062, 18, 41), ((12, 12), 3816, 6, 47)):
        inputs = st.Input(x.shape[1:])
        model = st.Model(inputs, layers.RandomCrop(*size)(inputs))
        for y in (model(x, training=True), model.predict(x)):
            y = np.asarray(y)
            assert y.shape == (1, *size, 1)
            np.testing.assert_allclose([y.sum(), y[0, 0, 0, 0], y[0, -1, -1, 0]], [total, first, last], rtol=1e-5)


def test_factors_may_be_given_the_other_way_round_and_no_change_may_be_drawn() -> None:
    assert layers.RandomZoom((-0.4, -0.5)).height_factor == (-0.5, -0.4)
    np.testing.assert_array_equal(layers.RandAugment(num_ops=0)(X), X)
