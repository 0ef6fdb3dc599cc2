"""8-bit models: close to the 32-bit ones, quick to make, saved with the model, never of other weights."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError, BundleError, DataError, Note
from striate.intake import Decoding
from striate.ship import quantize
from striate.tasks.detector import detector

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def digits() -> Any:
    return st.data.load("digits").train


@pytest.fixture(scope="module")
def trained(digits: Any) -> st.Model:
    """A small network of everything that MobileNets are made of, trained on digits."""
    st.set_seed(0)
    start = layers.Input(digits.x.shape[1:])
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(start)
    x = y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Add()([y, layers.BatchNormalization(momentum=0.9)(layers.Conv2D(16, 1, use_bias=False)(x))])
    x = layers.Concatenate()([layers.MaxPooling2D()(x), layers.AveragePooling2D()(x)])
    x = layers.Dense(32, activation="relu")(layers.GlobalAveragePooling2D()(layers.Conv2D(32, 3, activation="relu")(x)))
    model = st.Model(start, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model.fit(digits, epochs=5, verbose=0, seed=0)
    torch.set_num_threads(threads)
    return model


@pytest.fixture(scope="module")
def report(trained: st.Model, digits: Any) -> Any:
    return trained.quantize(digits)


def test_the_report_says_what_it_cost(trained: st.Model, digits: Any, report: Any) -> None:
    x, y = digits.x, digits.y
    floats, whole = (trained.predict(x, engine=engine) for engine in ("onnxruntime", "int8"))
    assert report.accuracy == pytest.approx((floats.argmax(1) == y).mean())
    assert report.accuracy_int8 == pytest.approx((whole.argmax(1) == y).mean())
    assert report.agreement == pytest.approx((floats.argmax(1) == whole.argmax(1)).mean())
    assert report.difference == pytest.approx(np.abs(floats - whole).max())
    assert (report.samples, report.checked) == (128, len(x))
    assert 0 < report.difference < 0.5
    assert report.accuracy > 0.9
    assert report.accuracy - report.accuracy_int8 < 0.01
    assert report.bytes_int8 < report.bytes
    assert f"{report.accuracy:.2%} -> {report.accuracy_int8:.2%}" in str(report)


def test_weights_are_8_bit_whole_numbers(trained: st.Model, report: Any) -> None:
    twin = trained._engine.quantized(trained.graph)
    model = onnx.load_model_from_string(twin.content)
    onnx.checker.check_model(model)
    made = {node.output[0]: node for node in model.graph.node}
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    convs = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    assert len(convs) == 6
    for node in convs:
        source = made[node.input[1]]
        assert source.op_type == "DequantizeLinear"
        assert kinds[source.input[0]] == onnx.TensorProto.INT8


def test_floats_pixels_and_evaluate_answer_alike(trained: st.Model, digits: Any, report: Any) -> None:
    x = digits.x[:100]
    expected = trained.predict(x, engine="int8")
    floats = trained.preprocessing.normalise(x)
    np.testing.assert_allclose(trained.predict(floats, engine="int8"), expected, atol=1e-6)
    figures = trained.evaluate(x, digits.y[:100], engine="int8", return_dict=True)
    assert figures["accuracy"] == pytest.approx((expected.argmax(1) == digits.y[:100]).mean())
    wanted = -np.log(expected[np.arange(100), digits.y[:100]]).mean()
    assert figures["loss"] == pytest.approx(wanted, rel=1e-3)


def test_rounding_shifts_no_map(trained: st.Model, digits: Any) -> None:
    """Biases take up what rounding the weights adds: outputs are not to one side of the 32-bit ones."""
    trained.quantize(digits)
    floats, whole = (trained.predict(digits.x, engine=engine).mean(0) for engine in ("torch", "int8"))
    np.testing.assert_allclose(floats, whole, atol=0.01)


def test_it_is_saved_with_the_model(trained: st.Model, digits: Any, report: Any, tmp_path: Path) -> None:
    expected = trained.predict(digits.x, engine="int8")
    trained.save(tmp_path)
    again = st.models.load_model(tmp_path)
    np.testing.assert_array_equal(again.predict(digits.x, engine="int8"), expected)
    assert again._engine.quantized(again.graph).report == trained._engine.quantized(trained.graph).report
    again.save(tmp_path)
    assert len(list(tmp_path.glob("int8-*.onnx"))) == 1
    again.set_weights([w * 1.01 for w in again.get_weights()])
    with pytest.raises(ArgumentError, match="weights have changed"):
        again.predict(digits.x, engine="int8")
    again.save(tmp_path)
    assert not list(tmp_path.glob("int8-*.onnx"))
    with pytest.raises(ArgumentError, match="call quantize"):
        st.models.load_model(tmp_path).predict(digits.x, engine="int8")


def test_a_damaged_twin_is_named_and_the_model_answers_without(
    trained: st.Model, digits: Any, report: Any, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    (file,) = tmp_path.glob("int8-*.onnx")
    file.write_bytes(file.read_bytes()[:-1])
    for says in (r"int8-.*checksum differs", r"int8-.* are missing"):
        with pytest.warns(Note, match=says + r".*left out.*striate quantize MODEL, makes it anew"):
            again = st.models.load_model(tmp_path)
        np.testing.assert_allclose(again.predict(digits.x[:4]), trained.predict(digits.x[:4]), atol=1e-5)
        with pytest.raises(ArgumentError, match=says + r".*striate quantize MODEL, makes it anew"):
            again.predict(digits.x[:4], engine="int8")
        file.unlink(missing_ok=True)
    again.quantize(digits.take(20))
    assert again.predict(digits.x[:4], engine="int8").shape == (4, 10)
    described = json.loads((tmp_path / "model.json").read_text())
    del described["int8"]["sha256"]
    (tmp_path / "model.json").write_text(json.dumps(described))
    with pytest.raises(BundleError, match=r"model.json is damaged"):
        st.models.load_model(tmp_path)


def test_without_labels_the_report_tells_agreement(digits: Any) -> None:
    model = st.zoo.create("cifar_net", input_shape=(32, 32, 3))
    x = np.random.default_rng(0).random((20, 32, 32, 3), dtype=np.float32)
    found = model.quantize(x)
    assert found.accuracy is None
    assert found.samples == found.checked == 20
    assert "accuracy" not in str(found)
    checked = model.quantize(x, check=(x[:10], np.zeros(10, int)))
    assert checked.checked == 10
    assert checked.accuracy is not None
    with pytest.raises(DataError, match=r"labels of shape \(19,\)"):
        model.quantize(x, np.zeros(19, int))
    with pytest.raises(ArgumentError, match='not "max"'):
        quantize(model, x, method="max")


def test_a_dataset_to_check_on_brings_its_own_labels(trained: st.Model, digits: Any) -> None:
    test = digits.take(60)
    by_set = trained.quantize(digits, check=test)
    whole = trained.predict(test.x, engine="int8")
    assert by_set.checked == 60
    assert not by_set.seen
    assert by_set.accuracy_int8 == pytest.approx((whole.argmax(1) == test.y).mean())
    assert by_set == trained.quantize(digits, check=(test.x, test.y))
    assert trained.quantize(digits.x, samples=7).samples == 7
    with pytest.raises(ArgumentError, match=r"samples=.* must be a whole number"):
        trained.quantize(digits.x, samples=0)


@pytest.mark.parametrize("pixels", [False, True])
def test_the_twin_as_a_file_answers_as_the_twin_does(
    trained: st.Model, digits: Any, tmp_path: Path, pixels: bool
) -> None:
    import onnxruntime

    trained.quantize(digits)
    trained.preprocessing, trained.labels = digits.preprocessing, list(digits.classes)
    file = trained.export_onnx(tmp_path / "eight.onnx", pixels=pixels, int8=True)
    session = onnxruntime.InferenceSession(file)
    (entry,) = session.get_inputs()
    given = digits.x[:20] if pixels else digits.preprocessing.normalise(digits.x[:20])
    out = session.run(None, {entry.name: given})[0]
    np.testing.assert_allclose(out, trained.predict(digits.x[:20], engine="int8"), atol=1e-5)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in onnx.load(file).graph.node}
    assert json.loads(session.get_modelmeta().custom_metadata_map["labels"]) == list(digits.classes)
    trained.set_weights([w + 0.1 for w in trained.get_weights()])
    with pytest.raises(ArgumentError, match="call quantize again"):
        trained.export_onnx(file, int8=True)
    trained.set_weights([w - 0.1 for w in trained.get_weights()])


def test_nothing_of_the_quantizer_leaks(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    level = logging.getLogger().level
    for method in ("minmax", "percentile"):
        quantize(st.zoo.create("linear"), np.ones((3, 32, 32, 3), np.float32), method=method)
    out = capfd.readouterr()
    assert out.out + out.err == ""
    assert not caplog.records
    assert logging.getLogger().level == level
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif("STRIATE_DATA" not in os.environ, reason="needs the folder STRIATE_DATA with photos and weights")
@pytest.mark.parametrize(
    ("name", "file", "right"),
    [
        ("mobilenet", "mobilenet_1_0_224_imagenet1001_keras_legacy.h5", 432),
        ("mobilenet_v2", "mobilenetv2_1_0_224_imagenet1001.weights.h5", 446),
    ],
)
def test_mobilenets_lose_less_than_a_point_on_photos(name: str, file: str, right: int) -> None:
    import csv

    folder = Path(os.environ["STRIATE_DATA"])
    model = st.zoo.create(name, weights=str(folder / "weights" / file))
    rows = list(csv.DictReader((folder / "imagenet-samples" / "labels.csv").read_text().splitlines()))
    assert model.preprocessing is not None
    x = np.stack([model.preprocessing.pixels(folder / "imagenet-samples" / row["file"]) for row in rows])
    y = np.array([int(row["class_index"]) + 1 for row in rows])
    found = model.quantize(x, y)
    assert found.accuracy is not None
    assert found.accuracy_int8 is not None
    assert abs(found.accuracy * 500 - right) <= 2
    assert found.accuracy - found.accuracy_int8 <= 0.01


@pytest.mark.parametrize("declared", ["int32", "int64", "uint8", "float32"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_ids_of_any_whole_type_set_the_ranges_of_a_network_that_takes_any(declared, dtype):
    st.set_seed(0)
    ids = np.random.default_rng(0).integers(0, 50, (20, 12)).astype(dtype)
    stack = [layers.Embedding(50, 8), layers.Conv1D(4, 3, activation="relu"), layers.GlobalMaxPooling1D()]
    model = st.Sequential([layers.Input((12,), dtype=declared), *stack, layers.Dense(1, activation="sigmoid")])
    model.quantize(ids)
    np.testing.assert_allclose(model.predict(ids, engine="int8"), model.predict(ids, engine="torch"), atol=0.02)


@pytest.mark.parametrize("method", ["entropy", "percentile"])
@pytest.mark.parametrize("samples", [7, 10, 13])
def test_any_number_of_samples_sets_the_ranges(method, samples, digits):
    model = st.Sequential(
        [layers.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(10)]
    )
    assert model.quantize(digits.take(40), method=method, samples=samples).samples == samples


def test_what_is_measured_on_is_inputs_with_labels(trained, digits):
    with pytest.raises(ArgumentError, match="check is \\(inputs, labels\\) or a Dataset, not 1 of them"):
        trained.quantize(digits.take(8), check=(digits.x[:8],))


# -- what an agreement says --------------------------------------------------------------------------------------------
def small() -> st.Model:
    st.set_seed(0)
    head = [layers.Flatten(), layers.Dense(3, activation="softmax")]
    return st.Sequential([layers.Input((6, 6, 1)), layers.Conv2D(4, 3, activation="relu"), *head])


SOME = np.random.default_rng(0).random((8, 6, 6, 1), np.float32)


@pytest.mark.parametrize("one", [np.zeros((6, 6, 1), np.float32), np.full((6, 6, 1), 0.5, np.float32), SOME[0]])
def test_pictures_that_are_all_the_same_one_are_said_to_say_nothing(one: np.ndarray) -> None:
    same = np.stack([one] * 8)
    report = small().quantize(same)
    assert (report.alike, report.samples_alike) == (True, True)
    assert "8 samples, all the same one, whose ranges others may leave;" in str(report)
    assert "all these pictures are the same one, so this says nothing of others" in str(report)
    report = small().quantize(SOME, check=(same, [0] * 8))
    assert (report.alike, report.samples_alike) == (True, False)
    report = small().quantize(same, check=(SOME, [0] * 8))
    assert (report.alike, report.samples_alike) == (False, True)


@pytest.mark.parametrize("pictures", [SOME, SOME[:1], np.concatenate([SOME[[0] * 7], SOME[1:2]])])
def test_pictures_of_which_one_is_another_or_that_are_one_are_not(pictures: np.ndarray) -> None:
    report = small().quantize(pictures)
    assert not report.alike
    assert not report.samples_alike
    assert "same one" not in str(report)


def test_what_is_said_of_the_pictures_is_saved_with_the_twin(tmp_path: Path) -> None:
    model = small()
    report = model.quantize(np.zeros((4, 6, 6, 1), np.float32))
    model.save(tmp_path / "net")
    again = st.models.load_model(tmp_path / "net")
    assert again._engine.quantized(again.graph).report == report


def test_a_detector_that_finds_nothing_in_either_is_said_to_say_nothing() -> None:
    trunk = [layers.Conv2D(4, 3, strides=2, padding="same", activation="relu") for _ in range(5)]
    boxes = detector(st.Sequential([layers.Input((32, 32, 3)), *trunk]), 2, width=4)
    boxes.decoding = Decoding(least=0.99)
    report = boxes.quantize(np.random.default_rng(0).random((4, 32, 32, 3), np.float32))
    assert report.silent
    assert "nothing was found in any of these pictures, so this says nothing of others" in str(report)


def test_where_the_twin_is_lost_that_was_the_fastest_auto_answers_and_says_why(tmp_path: Path) -> None:
    model = small()
    model.quantize(SOME)
    model._engine.choose(model, "int8", 8)
    model.save(tmp_path / "net")
    (file,) = (tmp_path / "net").glob("int8-*")
    file.write_bytes(b"another one's")
    with pytest.warns(Note, match="It is left out"):
        again = st.models.load_model(tmp_path / "net")
    with pytest.warns(Note, match=rf'engine="fast" is int8 here, and .*{file.name}.*makes it anew\. Until then "auto"'):
        answers = again.predict(SOME, engine="fast")
    np.testing.assert_allclose(answers, model.predict(SOME, engine="torch"), atol=1e-6)
    with pytest.raises(ArgumentError, match=file.name):
        again.export_onnx(tmp_path / "net.onnx", int8=True)
