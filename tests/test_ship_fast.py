"""Engines beside ONNX Runtime, and which of them is the fastest."""

import contextlib
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
from engine_nets import X, measured, net
from engine_nets import units as units  # every test measures 16 bits, and for a moment

import striate as st
from striate import layers
from striate.backend.processor import processor
from striate.cli.common import engine_of
from striate.cli.main import main
from striate.data import Dataset
from striate.data.sets.scenes import scenes
from striate.errors import ArgumentError, BundleError, DataError, Note
from striate.inference import trials, tune_engine
from striate.models import load_model
from striate.runs import train_run
from striate.ship import ENGINES, Engine, choose, runtimes
from striate.ship.quantization_report import AnswersBeside
from striate.tasks.detection import detect

pytest.importorskip("openvino")


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_openvino_answers_as_torch_does(floats, count):
    model = net()
    x = X[:count].astype(np.float32) / 255 if floats else X[:count]
    np.testing.assert_allclose(model.predict(x, engine="openvino"), model.predict(x, engine="torch"), atol=1e-4)
    np.testing.assert_allclose(model.predict(x, 7, engine="openvino"), model.predict(x, engine="openvino"), atol=1e-6)


def test_openvino_reads_an_array_that_may_not_be_written():
    model, x = net(), X[:2].copy()
    x.flags.writeable = False
    np.testing.assert_array_equal(model.predict(x, engine="openvino"), model.predict(X[:2], engine="openvino"))


def test_an_answer_stays_what_it_was_when_the_next_is_asked_for():
    model = net()
    first = model.predict(X[:2], engine="openvino")
    kept = first.copy()
    model.predict(X[2:4], engine="openvino")
    np.testing.assert_array_equal(first, kept)


def test_openvino_is_never_stale_and_judges():
    model = net()
    model.predict(X, engine="openvino")
    model.set_weights([2 * w for w in model.get_weights()])
    np.testing.assert_allclose(model.predict(X, engine="openvino"), model.predict(X, engine="torch"), atol=1e-4)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    y = np.arange(40) % 4
    here, there = (model.evaluate(X, y, verbose=0, engine=engine) for engine in ("openvino", "torch"))
    np.testing.assert_allclose(here, there, rtol=1e-4)


def test_16_bits_are_near_and_8_bits_run_in_both_runtimes():
    model = net()
    exact = model.predict(X, engine="torch")
    assert np.abs(model.predict(X, engine="openvino-bf16") - exact).max() < 0.05
    with pytest.raises(ArgumentError, match="no int8 engine yet"):
        model.predict(X, engine="openvino-int8")
    model.quantize(X)
    for engine in ("int8", "openvino-int8"):
        assert np.abs(model.predict(X, engine=engine) - exact).max() < 0.1


@pytest.mark.parametrize("floats", [False, True])
def test_torch_in_16_bits_is_near_and_judges(floats):
    model = net()
    x = X.astype(np.float32) / 255 if floats else X
    exact, given = (model.predict(x, engine=engine) for engine in ("torch", "torch-bf16"))
    assert given.dtype == np.float32
    assert 0 < np.abs(given - exact).max() < 0.05
    np.testing.assert_allclose(model.predict(x, 7, engine="torch-bf16"), given, atol=0.05)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    here, there = (model.evaluate(x, np.arange(40) % 4, verbose=0, engine=e) for e in ("torch-bf16", "torch"))
    np.testing.assert_allclose(here, there, rtol=0.05)
    assert not model.module.training


def test_torch_in_16_bits_that_is_the_fastest_answers_until_weights_change():
    model = net()
    exact = model.predict(X, engine="torch")
    model._engine.choose(model, "torch-bf16", 4)
    assert 0 < np.abs(model.predict(X, engine="fast") - exact).max() < 0.05
    model.set_weights([1.01 * w for w in model.get_weights()])
    with pytest.warns(Note, match="was not measured"):
        found = model.predict(X, engine="fast")
    np.testing.assert_allclose(found, model.predict(X, engine="torch"), atol=1e-4)


def test_torch_in_16_bits_answers_again_nothing_and_needs_units(monkeypatch):
    monkeypatch.setattr(trials, "bfloat16_units", lambda: False)
    table = tune_engine(net(), X, engines=["torch", "torch-bf16"], rounds=1)
    assert [row.missing for row in table.rows][1].startswith("this processor has no units for 16 bits")


def test_openvino_thins_boxes_out_as_onnx_runtime_does():
    how = {"task": "detect", "count": 8, "size": 32, "epochs": 1, "verbose": 0, "report": False, "folder": None}
    model, pictures = train_run("scenes", **how).model, list(scenes(3, size=32, seed=4).x)
    both = (detect(model, pictures, engine=engine, least=0.0, overlap=1.0) for engine in ("openvino", "torch"))
    for one, other in zip(*both, strict=True):
        assert len(one) == len(other) > 0
        np.testing.assert_allclose([b.score for b in one], [b.score for b in other], atol=1e-4)
    narrow = detect(model, pictures, engine="torch-bf16", least=0.0, overlap=1.0)
    assert [len(each) for each in narrow] == [len(each) for each in detect(model, pictures, least=0.0, overlap=1.0)]


def test_an_engine_that_is_not_installed_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(ArgumentError, match=r"pip install 'striate\[openvino\]'"):
        net().predict(X, engine="openvino")


def test_what_openvino_cannot_read_is_one_error():
    with pytest.raises(BundleError, match="OpenVINO cannot use this model"):
        runtimes.OpenVino(b"none", 1)


def test_a_signal_after_engines_that_ended_in_any_order_ends_nothing():
    script = (
        "import gc, itertools, signal\nimport onnx\nfrom onnx import helper\nfrom striate.ship.runtimes import OpenVino\n"
        "ends = [helper.make_tensor_value_info(name, 1, [1, 4]) for name in 'xy']\n"
        "graph = helper.make_graph([helper.make_node('Relu', ['x'], ['y'])], 'g', ends[:1], ends[1:])\n"
        "model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid('', 20)]).SerializeToString()\n"
        "came = []\nsignal.signal(signal.SIGINT, lambda *_: came.append(1))\n"
        "for order in itertools.permutations(range(3)):\n"
        "    made = {i: OpenVino(model, 1) for i in range(3)}\n"
        "    for i in order:\n"
        "        del made[i]\n"
        "        gc.collect()\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "assert len(came) == 18"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# -- the fastest -----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_engines_are_measured_and_the_fastest_is_kept_with_the_model(tmp_path, capsys):
    model = net()
    y = model.predict(X, engine="torch").argmax(-1)
    model.quantize(X)
    seen = []
    table = model.tune_engine(X, y, rounds=2, agreement=0, points=100, progress=lambda *told: seen.append(told))
    assert seen == [(1, 2), (2, 2)]
    assert [row.name for row in table.rows] == list(trials.CANDIDATES)
    assert all(row.rate_1 > 0 and row.rate_16 > 0 and row.start > 0 and not row.missing for row in table.rows)
    assert {row.engine: row.accuracy for row in table.rows}["openvino"] == 1.0
    assert table.checked == 40
    best = max(table.rows, key=lambda row: row.rate_1 * row.rate_16)
    assert table.fastest == best.name
    assert f"{table.fastest} *" in str(table)
    json.dumps(table.to_dict())
    model.save(tmp_path / "net")
    again = load_model(tmp_path / "net")
    fast, named = (again.predict(X, engine=engine) for engine in ("fast", table.fastest))
    np.testing.assert_allclose(fast, named, atol=1e-6)
    st.utils.save_img(tmp_path / "a.png", X[0])
    with contextlib.suppress(SystemExit):
        main(["predict", str(tmp_path / "net"), str(tmp_path / "a.png")])
    assert f"engine: {table.fastest}, the fastest" in capsys.readouterr().err
    again.set_weights([2 * w for w in again.get_weights()])
    assert again._engine.measured(again.graph) is None


def test_an_engine_that_costs_too_much_is_not_chosen(monkeypatch):
    model = net()
    measured(monkeypatch, onnxruntime=10, openvino=9, torch=3, **{"openvino-bf16": 50})
    answers = model.predict(X, engine="torch").argmax(-1)
    costs = iter([0, 0.3, 0] * 2 + [0.3])

    def beside(*_):
        return AnswersBeside(40, (1.0, 1.0 - next(costs) / 100), 1.0, 0.0)

    monkeypatch.setattr(trials, "beside", beside)
    monkeypatch.setattr(trials, "deciding", lambda graph: None)
    three = ["onnxruntime", "openvino-bf16", "torch"]
    table = tune_engine(model, X, answers, engines=three)
    assert table.fastest == "onnxruntime"
    assert "openvino-bf16 (costs too much)" in str(table)
    assert tune_engine(model, X, answers, points=0.4, engines=three).fastest == "openvino-bf16"
    with pytest.raises(ArgumentError, match="no engine stays inside the allowance"):
        tune_engine(model, X, answers, engines=["openvino-bf16"])


def test_what_was_measured_and_is_not_installed_is_named(monkeypatch, capsys):
    model = net()
    model._engine.choose(model, "openvino-bf16", 16)
    monkeypatch.setattr(choose, "installed", lambda name: name != "openvino")
    with pytest.warns(
        Note, match=r'engine="fast" is openvino-bf16 .* openvino is not installed: "auto" answers\. pip inst'
    ):
        found = model.predict(X, engine="fast")
    np.testing.assert_allclose(found, model.predict(X, engine="torch"), atol=1e-4)
    assert engine_of(model, None) == ("auto", "auto")
    monkeypatch.undo()
    assert engine_of(model, "fast") == ("fast", "openvino-bf16")
    assert "engine: openvino-bf16, the fastest" in capsys.readouterr().err


def test_layers_have_no_maps_in_8_bits():
    model = net()
    exact = model.extract(X, "conv2d")
    model.quantize(X)
    with pytest.raises(ArgumentError, match='engine="int8" gives a network\'s answers, not the maps of its layers'):
        model.extract(X, "conv2d", engine="int8")
    model._engine.choose(model, "int8", 16)
    with pytest.warns(Note, match='"auto" gives the maps of its layers'):
        np.testing.assert_allclose(model.extract(X, "conv2d", engine="fast"), exact, atol=1e-4)
    model._engine.choose(model, "openvino-bf16", 16)
    assert 0 < np.abs(model.extract(X, "conv2d", engine="fast") - exact).max() < 0.1


# -- what engines are compared by ------------------------------------------------------------------------------------------
def test_numbers_agree_where_they_are_near_as_their_spread_goes():
    st.set_seed(0)
    model = st.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).random((40, 8, 8, 1)).astype(np.float32)
    exact = model.predict(x, engine="torch")
    report = model.quantize(x * 0.01, check=(x, exact))
    near = np.abs(model.predict(x, engine="int8") - exact) <= 0.1 * exact.std()
    assert report.accuracy is None
    assert report.agreement == near.mean() < 0.995
    assert tune_engine(model, x, exact, engines=["torch", "int8"], rounds=1).fastest == "torch"
    assert tune_engine(model, x, exact, engines=["torch", "int8"], calibration=x, agreement=0, rounds=1).rows[1].allowed


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([str(i) for i in range(40)], "the label '0' is no class of the model: its classes begin with a, b, c and d"),
        ([i + 100 for i in range(40)], "the label 100 is no class: the network's have the numbers 0 to 3"),
        ([-1] * 40, "the label -1 is no class"),
        ([0.5] * 40, "the label 0.5 is no class"),
        ([None, *range(39)], "the label 'None' is no class of the model"),
        ([[0], [1, 2]], "the labels are no array: their rows have different lengths"),
    ],
)
def test_labels_that_no_class_has_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        tune_engine(net(), X, labels, engines=["torch"], rounds=1)
    with pytest.raises(DataError, match=message):
        net().quantize(X, labels=labels)


def test_labels_may_be_names():
    model = net()
    model.labels = ["a", "b", "c", "d"]
    answers = model.predict(X).argmax(1)
    table = tune_engine(model, X, [model.labels[k] for k in answers], engines=["torch"], rounds=1)
    assert table.rows[0].accuracy == 1
    with pytest.raises(DataError, match="'e' is no class of the model: its classes begin with a, b, c and d"):
        tune_engine(model, X, ["e"] * 40, engines=["torch"], rounds=1)


def test_few_pictures_are_said_to_be_few_and_a_percentage_is_refused():
    assert "compared on 40, which are few: one is 2.5% of them" in str(
        tune_engine(net(), X, engines=["torch"], rounds=1)
    )
    with pytest.raises(ArgumentError, match=r"agreement=99.5 is a part of 1, such as 0.995"):
        tune_engine(net(), X, agreement=99.5)


def test_pictures_that_are_all_the_same_one_are_said_to_say_nothing(monkeypatch):
    measured(monkeypatch, onnxruntime=10, int8=20)
    for pictures, alike in ((X[[0] * 12], True), (X, False), (X[:1], False)):
        table = tune_engine(net(), pictures, engines=["onnxruntime", "int8"], agreement=0)
        assert table.alike is alike
        assert ("all these pictures are the same one, so this says nothing of others" in str(table)) is alike


def test_features_agree_where_they_are_near(monkeypatch):
    whole = net()
    model = st.Model(whole.input, whole.layers[-2].output)
    truth = model.predict(X, engine="onnxruntime")
    model.quantize(X)
    measured(monkeypatch, onnxruntime=10, int8=30)
    table = tune_engine(model, X, np.arange(40) % 4, engines=["onnxruntime", "int8"])
    far = np.linalg.norm(model.predict(X, engine="int8") - truth, axis=1) / np.linalg.norm(truth, axis=1)
    assert [row.agreement for row in table.rows] == [1.0, np.mean(far <= 0.1)]
    assert [row.accuracy for row in table.rows] == [None, None]
    assert model.quantize(X, np.arange(40) % 4).accuracy is None


def test_a_twin_is_made_where_there_is_none_and_kept_only_in_the_fastest(monkeypatch):
    model = net()
    measured(monkeypatch, onnxruntime=10, int8=30)
    table = tune_engine(model, X, engines=["int8", "onnxruntime"], agreement=0)
    assert table.fastest == "int8"
    report_ = model._engine.quantized(model.graph).report
    assert (report_.checked, report_.seen, report_.agreement) == (40, True, table.rows[0].agreement)
    model = net()
    measured(monkeypatch, onnxruntime=40, int8=30)
    assert tune_engine(model, X, calibration=X[:5], engines=["int8", "onnxruntime"], agreement=0).rows[0].rate_1 == 30
    assert model._engine.saved_int8(model.graph) is None
    monkeypatch.setattr(trials, "_inside", lambda *_: False)
    with pytest.raises(ArgumentError, match=r"no engine stays inside .*int8: costs too much, the same answer to"):
        tune_engine(model, X, engines=["int8"])
    assert model._engine.saved_int8(model.graph) is None


def test_no_more_are_compared_than_is_said_and_labels_go_with_their_pictures(monkeypatch):
    model = net()
    measured(monkeypatch, onnxruntime=10, torch=3)
    monkeypatch.setattr(trials, "_CHECKED", 10)
    right = model.predict(X, engine="torch").argmax(-1)
    for pictures, labels in [(X, right), (Dataset(X, right, model.labels), None), (list(X), right.tolist())]:
        table = tune_engine(model, pictures, labels, engines=["onnxruntime", "torch"])
        assert (table.checked, [row.accuracy for row in table.rows]) == (10, [1.0, 1.0])
    with pytest.raises(DataError, match="labels of shape"):
        tune_engine(model, X, right[:3], engines=["onnxruntime"])


def test_what_was_measured_of_other_weights_is_forgotten(monkeypatch):
    model = net()
    measured(monkeypatch, onnxruntime=10, openvino=30)
    tune_engine(model, X, engines=["onnxruntime", "openvino"])
    assert model._engine.measured(model.graph) == {"engine": "openvino", "batch": 4}
    np.testing.assert_allclose(model.predict(X, engine="fast"), model.predict(X, engine="torch"), atol=1e-4)
    model.set_weights([2 * w for w in model.get_weights()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a note, said once in a process
        answers = model.predict(X, engine="fast")
    np.testing.assert_allclose(answers, model.predict(X, engine="torch"), atol=1e-4)
    assert model._engine.saved_choices(model.graph) is None


def test_an_engine_of_a_file_knows_what_the_file_says(tmp_path):
    model = net()
    file = model.export_onnx(tmp_path / "net.onnx", pixels=True)
    engines = [Engine(source, runtime="openvino") for source in (str(file), file.read_bytes())]
    assert engines[0]._session.metadata == engines[1]._session.metadata != {}
    np.testing.assert_allclose(engines[0].predict([X])[0], model.predict(X, engine="torch"), atol=1e-4)


def test_fast_without_a_measurement_is_auto_and_says_so(monkeypatch):
    model = net()
    with pytest.warns(Note, match="was not measured"):
        assert model.predict(X[:1], engine="fast").shape == (1, 4)


def test_what_is_not_there_is_a_row_with_the_reason(monkeypatch):
    model = net()
    measured(monkeypatch, onnxruntime=10)
    monkeypatch.setattr(trials, "installed", lambda name: name != "openvino")
    table = tune_engine(model, X, engines=["onnxruntime", "openvino", "int8"])
    said = {row.engine: row.missing for row in table.rows}
    assert "pip install 'striate[openvino]'" in said["openvino"]
    assert table.fastest == "onnxruntime"
    with pytest.raises(ArgumentError, match="unknown engine"):
        tune_engine(model, X, engines=["gpu"])


@pytest.mark.parametrize(
    "damaged",
    [
        5,
        {"x": 3},
        *(
            {"KIND": {"engine": engine, "batch": batch, **more}}
            for engine, batch, more in [
                ("none", 4, {}),
                ("torch", -1, {}),
                ("torch", True, {}),
                (["int8"], 4, {}),
                ("int8", 4, {"unsure": -0.5}),
                ("int8", 4, {"unsure": "1"}),
                ("int8", 4, {"unsure": 1e999}),
                ("openvino", 4, {"unsure": 0.5}),
            ]
        ),
    ],
)
def test_a_strangers_choice_of_engine_is_looked_at(tmp_path, damaged):
    model = net()
    model.save(tmp_path / "net")
    place = tmp_path / "net" / "model.json"
    told = json.loads(place.read_text())
    told["engines"] = json.loads(json.dumps(damaged).replace("KIND", processor()))
    place.write_text(json.dumps(told))
    if damaged == 5:
        with pytest.raises(BundleError, match="its engines is no object"):
            load_model(tmp_path / "net")
        return
    loaded = load_model(tmp_path / "net")
    assert loaded._engine.saved_choices(loaded.graph) is None


def test_engine_names_are_one_list():
    assert set(ENGINES) == {"auto", "fast", *trials.CANDIDATES}


def test_a_layer_of_ones_own_is_named_where_engines_cannot_be_measured():
    stack = [layers.Lambda(lambda x: 2 * x), layers.Flatten(), layers.Dense(2, activation="softmax")]
    model = st.Sequential([layers.Input((4, 4, 1)), *stack])
    with pytest.raises(ArgumentError) as told:
        tune_engine(model, np.ones((3, 4, 4, 1), np.float32), engines=["onnxruntime", "torch"], rounds=1)
    said = str(told.value)
    assert "has none of your layers: its model cannot be built: a Lambda" in said
    assert 'answers by engine="auto"' in said
    assert "/" not in said


def test_a_cascade_is_measured_with_the_engine_that_it_helps():
    with pytest.raises(ArgumentError, match=r'"int8\+float32" is measured with "int8"'):
        tune_engine(net(), X, engines=["int8+float32"])


def test_only_of_fewer_bits_it_is_said_that_others_answer_to_the_last_digit(capsys):
    model = net()
    for name, said in {"onnxruntime": False, "torch-bf16": True}.items():
        model._engine.choose(model, name, 16)
        engine_of(model, None)
        assert ("last digit" in capsys.readouterr().err) == said


def test_a_network_of_open_size_is_measured_and_its_twin_is_of_one_size(tmp_path):
    stack = [
        layers.Conv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]
    x = np.random.default_rng(0).random((12, 9, 8, 3), dtype=np.float32)
    model = st.Sequential([layers.Input((None, None, 3)), *stack])
    model.quantize(x)
    model.save(tmp_path / "net")
    with pytest.warns(Note, match="is for inputs of one size, and the network's are open"):
        again = load_model(tmp_path / "net")
    np.testing.assert_allclose(again.predict(x), model.predict(x), atol=1e-5)
    fresh = st.Sequential([layers.Input((None, None, 3)), *stack])
    assert fresh.tune_engine(x, engines=["onnxruntime"], rounds=1).fastest == "onnxruntime"
