"""Templates of dense layers and fixed filters: what is shown is what the numbers say."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import layers, look
from striate.errors import ArgumentError, DataError
from striate.look.features.fixed_filters import FILTERS


def linear(shape=(2, 3, 1), units=2, *between) -> st.Model:
    return st.Sequential([layers.Input(shape), *between, layers.Flatten(), layers.Dense(units, "softmax")])


def test_a_template_is_what_each_pixel_is_multiplied_by():
    model = linear()
    weights = np.arange(12, dtype=np.float32).reshape(6, 2) - 5
    model.set_weights([weights, np.array([3, 4], np.float32)])
    found = look.templates(model)
    # unit 1 multiplies the pixel in row 1, column 0 by the weight of input 3
    assert found.weights[1, 1, 0, 0] == weights[3, 1]
    x = np.random.default_rng(0).random((1, 2, 3, 1), np.float32)
    scores = (found.weights * x).sum(axis=(1, 2, 3)) + found.bias
    np.testing.assert_allclose(np.exp(scores) / np.exp(scores).sum(), model.predict(x, verbose=0)[0], rtol=1e-5)


def test_red_is_negative_and_blue_positive():
    model = linear((1, 2, 1), 1)
    model.set_weights([np.array([[-2], [2]], np.float32), np.zeros(1, np.float32)])
    cell = look.templates(model).figure().axes[0].images[0].get_array()
    red, blue = cell[0, 0, :3].astype(int), cell[0, -1, :3].astype(int)
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50


def test_units_of_the_classifier_are_called_as_its_classes_and_rescaling_is_passed_by():
    model = linear((4, 4, 3), 2, layers.Rescaling(1 / 255))
    model.labels = ["cat", "dog"]
    assert [row[0] for row in look.templates(model).rows()[1]] == ["cat", "dog"]


def test_a_vector_of_a_square_number_of_inputs_is_a_square_picture():
    model = st.Sequential([layers.Input((49,)), layers.Dense(5, "relu"), layers.Dense(2)])
    found = look.templates(model)
    assert (found.layer, found.weights.shape, found.names) == ("dense", (5, 7, 7, 1), ["0", "1", "2", "3", "4"])


@pytest.mark.parametrize(
    ("model", "layer", "words"),
    [
        (linear((6, 6, 1), 2, layers.Conv2D(1, 3)), None, "does not read the pixels of the picture itself"),
        (linear((6, 6, 1), 2, layers.MaxPooling2D(2)), None, "look.maximise"),
        (linear(), "flatten", 'Flatten "flatten" is no dense layer. The first dense layer is "dense"'),
        (linear(), "dens", 'unknown layer name "dens". Did you mean "dense"?'),
        (st.Sequential([layers.Input((4, 4, 1)), layers.Conv2D(1, 3)]), None, "has no dense layer"),
    ],
)
def test_weights_that_are_no_picture_are_refused(model, layer, words):
    with pytest.raises(ArgumentError) as raised:
        look.templates(model, layer)
    assert words in str(raised.value)


def test_filters_of_a_dense_layer_say_where_its_weights_are_shown():
    for layer in ("dense", None):
        with pytest.raises(ArgumentError, match=r"`striate look templates`\) shows the weights of a dense layer"):
            look.filters(linear(), layer)


# -- fixed filters ----------------------------------------------------------------------------------------------------
def photo(height=20, width=33) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_every_map_is_as_high_and_as_wide_as_its_photo():
    found = look.fixed_filters([photo(), photo(40, 12)])
    assert set(found.kernels) == set(FILTERS)
    for i, (height, width) in enumerate([(20, 33), (40, 12)]):
        assert {found.shown(i, name).shape[:2] for name in FILTERS} == {(height, width)}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_the_sum_of_the_products_under_it(name):
    """At a place well inside, by NumPy; filters that add up to 0 look at the photo in grey."""
    kernel, pixels = FILTERS[name], photo().astype(np.float64)
    if abs(kernel.sum()) < 1e-5:
        pixels = pixels @ [0.299, 0.587, 0.114]
        kernel = kernel.astype(np.float64)
    else:
        kernel = kernel.astype(np.float64)[..., None]
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
    high, wide = kernel.shape[0] // 2, kernel.shape[1] // 2
    under = pixels[10 - high : 11 + high, 15 - wide : 16 + wide]
    expected = (under * kernel).sum(axis=(0, 1))
    np.testing.assert_allclose(look.fixed_filters(photo(), filter=name).maps[0][name][10, 15], expected, atol=1e-3)


def test_an_even_photo_has_no_edges_and_stays_as_it_is():
    even = np.full((9, 9, 3), 100, np.uint8)
    for name, values in look.fixed_filters(even).maps[0].items():
        wanted = 0 if abs(FILTERS[name].sum()) < 1e-5 else 100
        np.testing.assert_allclose(values, wanted, atol=1e-3, err_msg=name)


def test_a_line_answers_most_to_its_own_angle():
    rows, columns = np.mgrid[:21, :21]
    lines = {0: rows == 10, 45: rows + columns == 20, 90: columns == 10, 135: rows == columns}
    for angle, line in lines.items():
        drawn = np.repeat((line * 255).astype(np.uint8)[..., None], 3, axis=2)
        maps = look.fixed_filters(drawn).maps[0]
        assert max(lines, key=lambda other: maps[f"ridge {other}"][10, 10]) == angle


def test_maps_are_written_as_large_as_the_photo(tmp_path):
    look.fixed_filters(photo(), filter=["emboss", "sobel x"]).write(tmp_path / "maps", ["p"])
    with Image.open(tmp_path / "maps" / "p_sobel_x.png") as image:
        assert image.size == (33, 20)
    assert sorted(file.name for file in (tmp_path / "maps").iterdir()) == ["p_emboss.png", "p_sobel_x.png"]


def test_what_is_no_filter_or_no_photo_is_said():
    with pytest.raises(ArgumentError, match=r'unknown filter "sobel"\. Did you mean'):
        look.fixed_filters(photo(), filter="sobel")
    with pytest.raises(DataError):
        look.fixed_filters("nothing.png")
    with pytest.raises(ArgumentError, match="no filter was named"):
        look.fixed_filters(photo(), filter=[])
