"""Networks that answer for every pixel: what they compute, at every size, and in every view."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import striate as st
from striate import Model, layers
from striate.errors import ArgumentError
from striate.tasks.segmenter import fcn, lraspp, plain_unet, uafm, unet

CLASSES = 3


def base(shape: tuple[int | None, ...] = (40, 56, 3)) -> Model:
    start = x = st.Input(shape)
    for filters in (4, 6, 8, 10, 12):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return Model(start, x)


HEADS: dict[str, Callable[[Model], Model]] = {
    "fcn": lambda b: fcn(b, CLASSES),
    "fcn32": lambda b: fcn(b, CLASSES, strides=(32,)),
    "unet": lambda b: unet(b, CLASSES, widths=(8, 6, 4, 4)),
    "lraspp": lambda b: lraspp(b, CLASSES, width=6),
    "uafm": lambda b: uafm(b, CLASSES, width=6),
}


@pytest.mark.parametrize("name", HEADS)
def test_every_pixel_has_probabilities_whatever_the_sides_are(name):
    for shape in ((32, 32, 3), (37, 53, 3), (1, 1, 3)):
        st.set_seed(0)
        model = HEADS[name](base(shape))
        x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
        found = model.predict(x, engine="torch")
        assert found.shape == (2, *shape[:2], CLASSES)
        assert np.allclose(found.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_an_open_network_computes_at_a_size_what_one_of_that_size_does(name):
    st.set_seed(0)
    model = HEADS[name](base((None, None, 3)))
    assert model.output_shape == (None, None, None, CLASSES)
    x = np.random.default_rng(0).normal(size=(1, 45, 31, 3)).astype(np.float32)
    closed = HEADS[name](base((45, 31, 3)))
    closed.set_weights(model.get_weights())
    np.testing.assert_allclose(
        model.predict(x, engine="torch"), closed.predict(x, engine="torch"), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("name", ["unet", "lraspp", "uafm"])
def test_files_and_onnx_give_the_same_scores(name, tmp_path):
    st.set_seed(0)
    model = HEADS[name](base())
    x = np.random.default_rng(0).normal(size=(2, 40, 56, 3)).astype(np.float32)
    expected = model.predict(x, engine="torch")
    np.testing.assert_allclose(model.predict(x, engine="onnxruntime"), expected, rtol=1e-3, atol=1e-5)
    for where in ("folder", "net.keras", "net.h5"):
        model.save(tmp_path / where)
        again = st.models.load_model(tmp_path / where)
        np.testing.assert_allclose(again.predict(x, engine="torch"), expected, rtol=1e-5, atol=1e-6)


def test_fcn_adds_the_scores_of_its_strides():
    st.set_seed(0)
    model = fcn(base((32, 64, 3)), CLASSES, strides=(8, 16))
    x = np.random.default_rng(0).normal(size=(1, 32, 64, 3)).astype(np.float32)
    scored = [layer for layer in model.layers if layer.kind == "Conv2D"][-2:]
    maps = {layer.name: torch.from_numpy(model.extract(x, layer.name)).permute(0, 3, 1, 2) for layer in scored}
    fine, coarse = sorted(maps.values(), key=lambda m: -m.shape[2])

    def enlarged(m: torch.Tensor, times: int) -> torch.Tensor:
        return torch.nn.functional.interpolate(m, scale_factor=times, mode="bilinear", align_corners=False)

    expected = enlarged(fine + enlarged(coarse, 2), 8).softmax(1).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(model.predict(x, engine="torch"), expected, rtol=1e-4, atol=1e-6)


def test_the_u_net_of_the_paper_has_its_maps():
    model = plain_unet((64, 64, 1), 2)
    maps = [layer.filters for layer in model.layers if layer.kind == "Conv2D"]
    assert maps == [64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024, 512, 512, 256, 256, 128, 128, 64, 64, 2]
    assert model.output_shape == (None, 64, 64, 2)
    small = plain_unet((13, 7, 3), 2, filters=2, depth=2)
    assert small.predict(np.zeros((1, 13, 7, 3), np.float32)).shape == (1, 13, 7, 2)


def test_the_picture_is_shown_whole_whatever_the_base_cut_off():
    own = base((64, 64, 3))
    own.preprocessing = st.data.Preprocessing(
        image_size=(64, 64), channels=3, resize="crop", shorter_side=72, scale=1 / 127.5
    )
    made = fcn(own, CLASSES).preprocessing
    assert made is not None
    assert (made.resize, made.shorter_side, made.image_size, made.scale) == ("stretch", None, (64, 64), 1 / 127.5)


def test_what_is_no_head_is_refused_in_words():
    for call, words in (
        (lambda: fcn(base(), 0), "classes=0 must be a whole number of at least 1"),
        (lambda: fcn(base(), 2, strides=(16, 8)), "powers of 2, rising"),
        (lambda: fcn(base(), 2, strides=(3,)), "powers of 2, rising"),
        (lambda: unet(base(), 2, widths=(8,)), "give 4"),
        (lambda: lraspp(base(), 2, width=0), "width=0 must be a whole number of at least 1"),
        (lambda: uafm(base(), 2, strides=(64,)), "no map has stride 64"),
        (lambda: plain_unet((8, 8, 1), 2, depth=0), "at least 1"),
    ):
        with pytest.raises(ArgumentError, match=words):
            call()
