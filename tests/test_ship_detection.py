"""Detectors away from training: the same boxes from torch, the engine, the exported file and the saved model."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from onnx import helper
from PIL import Image

import striate as st
from striate import Input, Model, layers
from striate.data import Preprocessing
from striate.data.pictures.decode import upright_size
from striate.errors import ArgumentError
from striate.ship.onnx_graph import ROWS, describe
from striate.ship.suppression import suppress_boxes
from striate.tasks.detector import detector
from striate.tasks.found import Decoding, detections, find

pytestmark = pytest.mark.usefixtures("one_thread")


def session_of(source: Any) -> Any:
    return onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])


def suppressing(places: int, classes: int, decoding: Decoding) -> Any:
    """An ONNX model that does nothing but suppression, of rows (N, places, 4 + classes)."""
    ends = [helper.make_tensor_value_info(name, 1, ["batch", places, 4 + classes]) for name in ("x", "rows")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["rows"])], "graph", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    describe(model, {ROWS: [0]})
    suppress_boxes(model, decoding)
    onnx.checker.check_model(model, full_check=True)
    return session_of(model.SerializeToString())


@settings(deadline=None, max_examples=60)
@given(
    places=some.integers(1, 40),
    classes=some.integers(1, 4),
    pictures=some.integers(1, 3),
    least=some.sampled_from([0.0, 0.05, 0.3, 0.5, 1.0]),
    overlap=some.sampled_from([0.0, 0.3, 0.6, 1.0]),
    most=some.sampled_from([1, 3, 10, 300]),
    considered=some.sampled_from([1, 5, 20, 1000]),
    seed=some.integers(0, 1 << 16),
)
def test_suppression_in_onnx_decides_as_in_numpy(places, classes, pictures, least, overlap, most, considered, seed):
    """Whole numbers as corners and few different scores, so that boxes touch, nest and tie."""
    rng = np.random.default_rng(seed)
    corner, sides = rng.integers(0, 30, (2, pictures, places, 2))
    scores = rng.choice([0.0, 0.1, 0.3, 0.5, 0.7, 0.75, 1.0], (pictures, places, classes))
    rows = np.concatenate([corner, corner + sides, scores], -1).astype(np.float32)
    decoding = Decoding(least=least, overlap=overlap, most=most, considered=considered)
    boxes, sure, labels, numbers = suppressing(places, classes, decoding).run(None, {"x": rows})
    for i, own in enumerate(rows):
        expected = detections(own, **decoding.to_dict())
        np.testing.assert_array_equal(boxes[numbers == i], expected.boxes)
        np.testing.assert_array_equal(sure[numbers == i], expected.scores)
        np.testing.assert_array_equal(labels[numbers == i], expected.classes)


# -- a whole detector --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def model() -> Model:
    """Untrained, but of many opinions: its last weights and biases are spread."""
    st.set_seed(0)
    start = x = Input((64, 96, 3))
    for filters in (8, 16, 24, 32, 40):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    made = detector(Model(start, x), classes=3, width=16)
    rng = np.random.default_rng(0)
    made.set_weights(
        [w + rng.normal(0, 0.2, w.shape) if w.ndim == 4 else np.maximum(w, -1.0) for w in made.get_weights()]
    )
    made.labels, made.preprocessing = ["a", "b", "c"], Preprocessing.pictures((64, 96), 3)
    made.decoding = Decoding(least=0.1, overlap=0.5, most=20)
    return made


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 64, 96, 3), dtype=np.uint8)


def same(found: Any, expected: Any, pixels: float = 0.01) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.classes, other.classes)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=pixels)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


def test_torch_and_the_engine_find_the_same_whatever_the_batches(model, pictures):
    expected = find(model, pictures, engine="torch")
    assert all(0 < len(one.scores) <= 20 for one in expected)
    for size in (1, 2, 32):
        same(find(model, pictures, engine="onnxruntime", batch_size=size), expected)
    engine = model._engine.pick(model, "onnxruntime", 5, model.preprocessing, decoding=model.decoding)
    numbers = engine.predict([pictures], 2)[3]
    assert sorted(set(numbers.tolist())) == [0, 1, 2, 3, 4]  # counted over all of them
    same(
        find(model, pictures, Decoding(least=0.99), engine="onnxruntime"),
        [one._replace(boxes=one.boxes[:0], scores=one.scores[:0], classes=one.classes[:0]) for one in expected],
    )


def test_an_exported_file_gives_detections_and_says_how(model, pictures, tmp_path):
    file = model.export_onnx(tmp_path / "finder.onnx", pixels=True)
    session = session_of(file)
    assert [(o.name, o.type) for o in session.get_outputs()] == [
        ("boxes", "tensor(float)"),
        ("scores", "tensor(float)"),
        ("classes", "tensor(int64)"),
        ("pictures", "tensor(int64)"),
    ]
    said = session.get_modelmeta().custom_metadata_map
    assert said["task"] == "detect"
    assert json.loads(said["labels"]) == ["a", "b", "c"]
    assert json.loads(said["decoding"]) == model.decoding.told()
    assert json.loads(said["preprocessing"])["image_size"] == [64, 96]
    boxes, scores, classes, numbers = session.run(None, {session.get_inputs()[0].name: pictures})
    expected = find(model, pictures, engine="torch")
    same(
        [st.tasks.found.Detections(boxes[numbers == i], scores[numbers == i], classes[numbers == i]) for i in range(5)],
        expected,
    )


def test_rows_come_out_where_they_are_asked_for(model, pictures, tmp_path):
    session = session_of(model.export_onnx(tmp_path / "rows.onnx", pixels=True, suppression=False))
    (rows,) = session.run(None, {session.get_inputs()[0].name: pictures})
    np.testing.assert_allclose(rows, model.predict(pictures, engine="torch"), rtol=1e-4, atol=1e-3)
    plain = st.Sequential([layers.Dense(2, input_shape=(3,))])
    with pytest.raises(ArgumentError, match="networks that answer with boxes"):
        plain.export_onnx(tmp_path / "plain.onnx", suppression=True)
    with pytest.raises(ArgumentError, match=r"tasks\.detector"):
        find(plain, np.zeros((1, 3), np.float32))


def test_a_saved_detector_has_an_engine_for_each_decoding(model, pictures, tmp_path):
    expected = find(model, pictures, engine="torch")
    model.save(tmp_path / "m")
    again = st.models.load_model(tmp_path / "m")
    for _ in range(2):
        same(find(again, pictures, engine="onnxruntime"), expected)
        np.testing.assert_allclose(
            again.predict(pictures, engine="onnxruntime"), model.predict(pictures, engine="torch"), rtol=1e-4, atol=1e-3
        )


# -- photos ------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def others() -> dict[str, Any]:
    """The program of docs/shipping.md, which knows nothing of striate: ``found(session, file)``."""
    page = (Path(__file__).parent.parent / "docs" / "shipping.md").read_text()
    (program,) = (b for b in re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S) if "def fitted" in b)
    space: dict[str, Any] = {}
    exec(program.partition("session = ")[0], space)
    assert not any(name.startswith("striate") for name in (getattr(v, "__module__", "") or "" for v in space.values()))
    return space


def photo(size: tuple[int, int], seed: int = 1) -> Image.Image:
    """Soft colours, (height, width), so that scaling it is no matter of single pixels."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 9, 3), np.uint8))
    return small.resize((size[1], size[0]), Image.Resampling.BICUBIC)


PHOTOS = {
    "landscape.png": (130, 211),
    "portrait.png": (301, 90),
    "turned.jpg": (120, 187),  # as the camera lay; EXIF says that it is to be turned
    "line.png": (1, 60),
    "column.png": (77, 1),
    "whole.png": (64, 96),
}
RECIPES = {
    "stretch": Preprocessing.pictures((64, 96), 3),
    "crop": Preprocessing.pictures((64, 96), 3, resize="crop"),
    "pad": Preprocessing.pictures((64, 96), 3, resize="pad", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)),
    "margin": Preprocessing.pictures((64, 96), 3, resize="crop", shorter_side=110, interpolation="bicubic"),
}


def in_photos(model: Model, files: list[Path], engine: str) -> list[tuple[np.ndarray, np.ndarray, list[str]]]:
    """Boxes in pixels of each photo, scores and names."""
    recipe, names = model.intake.recipe, model.intake.class_names(3)
    places = [recipe.geometry(upright_size(file)) for file in files]
    every = find(model, files, engine=engine)
    return [
        (p.boxes_back(o.boxes), o.scores, [names[k] for k in o.classes]) for p, o in zip(places, every, strict=True)
    ]


@pytest.mark.parametrize("how", RECIPES)
def test_the_same_boxes_of_a_photo_come_from_everywhere(model, others, how, tmp_path):
    """Torch, the engine, the exported file in a program without striate, and the model read again, folder and .keras."""
    model.preprocessing, before = RECIPES[how], model.preprocessing
    try:
        files = []
        for name, size in PHOTOS.items():
            exif = Image.Exif()
            exif[0x0112] = 6 if name == "turned.jpg" else 1
            photo(size).save(tmp_path / name, exif=exif, **({"quality": 95} if name.endswith("jpg") else {}))
            files.append(tmp_path / name)
        expected = in_photos(model, files, "torch")
        model.save(tmp_path / "m")
        model.save(tmp_path / "m.keras")
        session = session_of(model.export_onnx(tmp_path / "m.onnx", pixels=True))
        ways = [in_photos(model, files, "onnxruntime"), [others["found"](session, file) for file in files]]
        for name in ("m", "m.keras"):
            again = st.models.load_model(tmp_path / name)
            ways += [in_photos(again, files, engine) for engine in ("torch", "onnxruntime")]
        for i, file in enumerate(files):
            boxes, scores, names = expected[i]
            assert len(boxes)
            height, width = upright_size(file)
            assert (boxes >= 0).all()
            assert (boxes <= [width, height, width, height]).all()
            for there, sure, labels in (way[i] for way in ways):
                assert labels == names
                np.testing.assert_allclose(there, boxes, atol=0.5)
                np.testing.assert_allclose(sure, scores, atol=1e-3)
    finally:
        model.preprocessing = before


@given(
    some.sampled_from(list(RECIPES)),
    some.tuples(some.integers(1, 400), some.integers(1, 400)),
    some.lists(some.tuples(*[some.floats(0, 1)] * 4), min_size=1, max_size=5),
)
def test_boxes_come_back_as_what_was_to_be_seen_of_them(how, size, shares):
    """There and back a box is what lies of it in the part of the photo that the network saw, whatever the recipe."""
    place = replace(RECIPES[how], image_size=(64, 96)).geometry(size)
    height, width = size
    corners = np.array(shares) * [width, height, width, height]
    boxes = np.concatenate([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1)
    seen = place.boxes_back(np.array([[0, 0, 96, 64]]))[0]  # the network's whole picture
    low, high = np.tile(seen[:2], 2), np.tile(seen[2:], 2)
    np.testing.assert_allclose(
        place.boxes_back(place.boxes(boxes)),
        np.clip(boxes, low, high),
        atol=1e-4 * max(1, *size) / min(1, *place.scale),
    )
