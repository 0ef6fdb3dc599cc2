"""Networks that localize, segment and detect through every door: engines, files, eight bits, saved models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import striate as st
from striate import Input, Model, layers
from striate.data import Preprocessing
from striate.tasks.detector import detector
from striate.tasks.found import find
from striate.tasks.localizer import localize, localizer

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (64, 96)


def base() -> Model:
    start = x = Input((*SIZE, 3))
    for filters in (8, 16, 24, 32, 40):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    return Model(start, x)


def segmenter() -> Model:
    start = x = Input((*SIZE, 3))
    x = skip = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(16, 3, strides=4, padding="same", activation="relu")(x)
    x = layers.UpSampling2D(4, interpolation="bilinear")(x)
    return Model(start, layers.Conv2D(5, 1, activation="softmax")(layers.Concatenate()([skip, x])))


NETWORKS = {
    "detect": lambda: detector(base(), 3, width=16),
    "localize": lambda: localizer(base(), 4),
    "segment": segmenter,
}


@pytest.fixture(scope="module", params=NETWORKS)
def model(request: Any) -> Model:
    """Untrained, with weights that make a difference."""
    st.set_seed(0)
    made = NETWORKS[request.param]()
    rng = np.random.default_rng(0)
    made.set_weights([np.maximum(w, -1.0) + rng.normal(0, 0.1, w.shape) * (w.ndim > 1) for w in made.get_weights()])
    made.preprocessing = Preprocessing.pictures(SIZE, 3, resize="pad")
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory: Any) -> list[Path]:
    """Photos of different sizes."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(1)
    made = []
    for i, size in enumerate([(90, 60), (64, 96), (33, 200), (1, 5)]):
        Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8)).resize(size[::-1]).save(folder / f"{i}.png")
        made.append(folder / f"{i}.png")
    return made


def near(one: Any, other: Any, part: float = 1e-4) -> None:
    pairs = [(one[name], other[name]) for name in other] if isinstance(other, dict) else [(one, other)]
    for a, b in pairs:
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= part * max(1, np.abs(b).max())


def test_engines_and_saved_models_answer_alike(model, files, tmp_path):
    expected = model.predict(files, engine="torch")
    near(model.predict(files, engine="onnxruntime"), expected)
    near(model.predict(files, batch_size=1, engine="onnxruntime"), expected)
    for name in ("folder", "m.keras", "m.h5"):
        model.save(tmp_path / name)
        again = st.models.load_model(tmp_path / name)
        assert again.preprocessing == model.preprocessing
        for engine in ("torch", "onnxruntime"):
            near(again.predict(files, engine=engine), expected)


def ran(file: Path, pixels: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The outputs of an ONNX file by name, and its metadata."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {session.get_inputs()[0].name: pixels})
    return dict(zip(names, values, strict=True)), session.get_modelmeta().custom_metadata_map


def test_an_exported_file_has_every_output(model, files, tmp_path):
    pixels = np.stack([model.intake.one(file) for file in files])
    options = {} if model.answers.activation != "boxes" else {"suppression": False}
    outputs, said = ran(model.export_onnx(tmp_path / "m.onnx", pixels=True, **options), pixels)
    expected = model.predict(files, engine="torch")
    near(outputs if isinstance(expected, dict) else next(iter(outputs.values())), expected)
    assert json.loads(said["preprocessing"])["image_size"] == list(SIZE)


def test_eight_bits_come_close_are_kept_and_exported(model, files, tmp_path):
    expected = model.predict(files, engine="torch")
    report = model.quantize(files)
    assert report.agreement > 0.8
    eight = model.predict(files, engine="int8")
    near(eight, expected, 0.05)
    if model.answers.activation == "boxes":  # scores stand beside pixels: they have not been rounded to these
        assert np.abs(eight[..., 4:] - expected[..., 4:]).max() < 0.03
        assert [len(one.scores) > 0 for one in find(model, files, engine="int8")] == [True] * len(files)
    model.save(tmp_path / "m")
    near(st.models.load_model(tmp_path / "m").predict(files, engine="int8"), eight)
    pixels = np.stack([model.intake.one(file) for file in files])
    outputs, _ = ran(model.export_onnx(tmp_path / "m.onnx", pixels=True, int8=True), pixels)
    if model.answers.activation == "boxes":
        for i, one in enumerate(find(model, files, engine="int8")):
            np.testing.assert_allclose(outputs["boxes"][outputs["pictures"] == i], one.boxes, atol=1e-3)
    else:
        near(outputs if isinstance(eight, dict) else next(iter(outputs.values())), eight)


def test_pixels_of_label_maps_that_are_ignored_do_not_count_in_eight_bits(files):
    model = segmenter()
    model.preprocessing = Preprocessing.pictures(SIZE, 3)
    x = np.stack([model.intake.one(file) for file in files])
    likely = model.predict(x, engine="onnxruntime").argmax(-1)
    y = likely.copy()
    y[:, :32] = 255
    data = st.data.Dataset(x, y, classes=tuple("abcde"), preprocessing=model.preprocessing, ignored=255)
    assert model.quantize(data).accuracy == 1.0


def test_a_localizer_says_the_same_through_every_engine(files):
    st.set_seed(0)
    model = localizer(base(), 4)
    model.preprocessing = Preprocessing.pictures(SIZE, 3, resize="crop")
    expected = localize(model, [str(file) for file in files])
    found = model.predict([str(file) for file in files], engine="onnxruntime")
    assert [one.label for one in expected] == [str(k) for k in found["label"].argmax(1)]
