"""Pictures in bytes get the same answers from every engine, whatever preprocessing the weights want."""

import numpy as np
import onnxruntime
import pytest
import torch

import striate as st
from striate import layers
from striate.data import Preprocessing

HOW = {
    "torch": Preprocessing.pictures(None, 3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "caffe": Preprocessing(channels=3, mean=(103.939, 116.779, 123.68), order="bgr"),
    "tf": Preprocessing(channels=3, scale=1 / 127.5, mean=1.0),
    "raw": Preprocessing(channels=3),
    "bgr alone": Preprocessing(channels=3, order="bgr"),
}
X = np.random.default_rng(0).integers(0, 256, (5, 9, 7, 3), dtype=np.uint8)


def make(how: str) -> st.Model:
    model = st.Sequential(
        [
            layers.Input((9, 7, 3)),
            layers.Conv2D(6, 3, padding="same", activation="tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.preprocessing = HOW[how]
    return model


@pytest.mark.parametrize("how", HOW)
def test_engines_agree_on_pictures(how):
    model = make(how)
    expected = model.predict(HOW[how].normalise(X), engine="torch")
    np.testing.assert_allclose(model.predict(X, engine="torch"), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, engine="onnxruntime"), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(torch.from_numpy(X)), expected, rtol=1e-4, atol=1e-5)
    model.quantize(X)
    assert np.abs(model.predict(X, engine="int8") - expected).max() < 0.1


@pytest.mark.parametrize("how", HOW)
def test_an_exported_file_that_takes_bytes_agrees(how, tmp_path):
    model = make(how)
    model.export_onnx(tmp_path / "net.onnx", pixels=True)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(answers, model.predict(X, engine="torch"), rtol=1e-4, atol=1e-5)


def test_the_order_of_channels_is_part_of_what_an_engine_is_kept_for(tmp_path):
    """The same scale and mean, another order: another engine, also from a saved model's folder."""
    model = make("raw")
    model.save(tmp_path / "m")
    for how in ("raw", "bgr alone", "raw"):
        for loaded in (model, st.models.load_model(tmp_path / "m")):
            loaded.preprocessing = HOW[how]
            expected = loaded.predict(HOW[how].normalise(X), engine="torch")
            np.testing.assert_allclose(loaded.predict(X, engine="onnxruntime"), expected, rtol=1e-4, atol=1e-5)
