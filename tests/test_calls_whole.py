"""Layers called on whole numbers: what computes takes them as floats, what moves them leaves them as they are."""

import numpy as np
import pytest
import torch

from striate import layers
from striate.errors import StriateError

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3))
COMPUTE = [
    layers.Conv2D(2, 3, kernel_initializer="ones"),
    layers.Dense(2, kernel_initializer="ones"),
    layers.DepthwiseConv2D(3, depthwise_initializer="ones"),
    layers.GlobalMaxPooling2D(),
    layers.GlobalAveragePooling2D(),
    layers.AveragePooling2D(),
    layers.MaxPooling2D(),
    layers.BatchNormalization(),
    layers.LayerNormalization(),
    layers.UnitNormalization(),
    layers.Softmax(),
    layers.ELU(),
    layers.LeakyReLU(),
]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("layer", COMPUTE, ids=lambda layer: layer.kind)
def test_what_computes_takes_whole_numbers_as_floats(layer, dtype):
    answer = layer(PICTURES.astype(dtype))
    assert answer.dtype == torch.float32
    np.testing.assert_array_equal(answer.detach(), layer(PICTURES.astype("float32")).detach())


def test_what_moves_numbers_leaves_them_as_they_are():
    for layer in (layers.Flatten(), layers.Permute((2, 1, 3)), layers.ZeroPadding2D(1)):
        assert layer(PICTURES.astype("int32")).dtype == torch.int32


def test_an_embedding_reads_whole_numbers_of_any_type_and_refuses_those_that_it_has_no_row_for():
    layer = layers.Embedding(4, 2)
    assert layer(np.array([[0, 3]], "uint8")).shape == (1, 2, 2)
    with pytest.raises(StriateError, match="whole numbers from 0 to 3; it got 0 to 4"):
        layer(np.array([[0, 4]]))


def test_a_layer_of_pictures_says_what_it_takes():
    with pytest.raises(StriateError, match=r"takes \(height, width, channels\)"):
        layers.RandomColorJitter()(np.zeros((2, 6)))


def test_a_weight_with_its_name_first_says_how_it_is_written():
    with pytest.raises(StriateError, match="name is a keyword argument, add_weight"):
        layers.Layer().add_weight("scale", shape=(3,))
