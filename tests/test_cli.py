"""The command line: each command's output, its JSON, and one clear line for every mistake."""

import csv
import json
import os
import shutil
from pathlib import Path

import engine_nets
import numpy as np
import pytest
import typer
from PIL import Image

import striate as st
from striate import layers
from striate.cli.common import SETS, say
from striate.cli.main import app

COMMANDS = ("advise", "bench", "compare", "data", "demo", "draw", "evaluate", "explain", "export", "look", "models")
COMMANDS += ("page", "predict", "quantize", "size", "train", "transfer", "localize", "segment", "detect")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder with a small model, trained for a moment on the digits."""
    from striate.runs import train_run

    folder = tmp_path_factory.mktemp("runs") / "digits"
    train_run("digits", folder=folder, epochs=2, verbose=0, recipe="digits", report=False)
    return folder


def test_every_command_has_help_and_every_option_says_what_it_does():
    import typer.main

    group = typer.main.get_command(app)
    assert sorted(group.commands) == sorted(COMMANDS)
    for name, command in group.commands.items():
        assert command.help, name
        for within in getattr(command, "commands", {name: command}).values():
            assert within.help, f"{name} {within.name}"
            for parameter in within.params:
                assert getattr(parameter, "help", None), f"{name} {within.name} {parameter.name}"
            assert any(p.name == "json" for p in within.params), f"{name} {within.name}"


def test_the_help_of_what_takes_data_lists_every_data_set_that_has_a_name():
    listed = [each.strip() for each in SETS.replace(" or ", ",").split(",")]
    assert sorted(listed) == sorted(st.data.names())
    for name in ("train", "evaluate", "data check"):
        command = typer.main.get_command(app)
        for word in name.split():
            command = command.commands[word]
        (data,) = (each for each in command.params if each.name in ("data", "path"))
        assert SETS in data.help, name


def test_size_prints_the_table_and_the_same_as_json(run):
    code, text, _ = run("size", "cifar_net_gmp")
    assert code == 0
    assert "179,306" in text
    code, text, _ = run("size", "cifar_net_gmp", "--json")
    assert json.loads(text)["weights"] == 179_306
    code, text, _ = run("size", "cifar_net", "--input-shape", "64x64x1", "--classes", "3", "--json")
    assert json.loads(text)["rows"][-1]["output_shape"] == [3]
    code, text, _ = run("size", "cifar_net_gmp", "--classic")
    assert 'Model: "cifar_net_gmp"' in text


def test_a_description_with_an_error_in_the_middle_prints_its_table_up_to_it(run, tmp_path):
    file = tmp_path / "net.json"
    entries = [
        {"class": "Input", "shape": [32, 32, 3]},
        {"class": "Conv2D", "filters": 8, "kernel_size": 3},
        {"class": "MaxPooling2D", "pool_size": 40},
        {"class": "Dense", "units": 3},
    ]
    file.write_text(json.dumps({"layers": entries}))
    code, text, _ = run("size", file)
    assert code == 2
    assert "conv2d " in text
    assert "40x40 window is larger than its 30x30 input" in text
    assert "dense" not in text
    code, text, _ = run("size", file, "--json")
    assert code == 2
    assert "40x40" in json.dumps(json.loads(text))


def test_strict_makes_a_misfit_an_error(run, tmp_path):
    file = tmp_path / "net.json"
    file.write_text(
        json.dumps(
            {
                "layers": [
                    {"class": "Input", "shape": [7, 7, 1]},
                    {"class": "Conv2D", "filters": 1, "kernel_size": 3, "strides": 3},
                ]
            }
        )
    )
    code, text, _ = run("size", file)
    assert code == 0
    assert "unused" in text
    code, _, error = run("size", file, "--strict")
    assert code == 2
    assert "2.33" in error
    assert "stride 1, 2 or 4" in error


def test_models_lists_finds_and_shows(run):
    _, text, _ = run("models")
    assert all(name in text for name in st.zoo.names())
    _, text, _ = run("models", "--find", "lenet5", "--json")
    assert [row["name"] for row in json.loads(text)] == ["lenet5", "lenet5_1998"]
    _, text, _ = run("models", "lenet5_1998")
    assert "LeCun" in text
    assert "60,000" in text


def test_models_filters_and_sorts(run):
    def listed(*options):
        code, text, _ = run("models", "--json", *options)
        assert code == 0
        return json.loads(text)

    everything = listed()
    assert [row["name"] for row in everything] == st.zoo.names()
    assert {row["family"] for row in listed("--family", "resnet")} == {"resnet"}
    years = [row["year"] for row in listed("--sort", "year")]
    assert years == sorted(years)
    weights = [row["weights"] for row in listed("--sort", "weights", "--max-weights", "5")]
    assert weights == sorted(weights)
    assert 1_000_000 < weights[-1] <= 5_000_000
    assert listed("--sort", "top1", "--published")[0]["name"] in ("nasnet_large", "convnext_tiny")
    five = [row["name"] for row in listed("--sort", "weights", "--min-top1", "70")][:3]
    assert five == ["mobilenet_v2", "mobilenet", "efficientnet_b0"]
    assert all(row["sources"] for row in listed("--published"))


def test_models_shows_card_diagram_and_size_of_one(run, tmp_path):
    _, text, _ = run("models", "mobilenet", "--variant", "alpha=0.5", "-o", tmp_path / "m.svg")
    for part in ("Howard", "keras: MobileNet", "alpha=1.0", "112x112", "█", "1,331,592 weights"):
        assert part in text
    assert (tmp_path / "m.svg").read_text().lstrip().startswith("<svg")
    _, text, _ = run("models", "mobilenet", "--table")
    assert "conv_dw_13" in text
    _, text, _ = run("models", "mobilenet", "--json")
    facts = json.loads(text)
    assert facts["weights"] == 4_231_976
    assert facts["sources"][0]["library"] == "keras"
    assert len(facts["rows"]) > 50


def test_size_explain_and_draw_take_variants(run, tmp_path):
    one = json.loads(run("size", "mobilenet", "--json")[1])
    half = json.loads(run("size", "mobilenet", "--variant", "alpha=0.5", "--json")[1])
    assert one["weights"] > 3 * half["weights"]
    assert "16·3·3·3" in (text := run("explain", "mobilenet", "conv1", "--variant", "alpha=0.5")[1]) or "432" in text
    code, _, error = run("size", "mobilenet", "--variant", "alfa=0.5")
    assert code == 2
    assert 'Did you mean "alpha"' in error
    code, _, error = run("size", "mobilenet", "--variant", "alpha")
    assert code == 2
    assert "NAME=VALUE" in error


def test_data_of_other_class_order_is_judged_by_name(run, trained, tmp_path):
    """A folder's classes are numbered by name; the model's labels decide which output each one means."""
    test = st.data.load("digits").test
    for k in (7, 3):
        (tmp_path / "photos" / str(k)).mkdir(parents=True)
        for i in np.flatnonzero(test.y == k)[:10]:
            Image.fromarray(test.x[i, ..., 0]).save(tmp_path / "photos" / str(k) / f"{i}.png")
    scores = json.loads(run("evaluate", trained, tmp_path / "photos", "--json")[1])
    model = st.models.load_model(trained)
    chosen = np.concatenate([np.flatnonzero(test.y == k)[:10] for k in (3, 7)])
    right = (model.predict(test.x[chosen]).argmax(1) == test.y[chosen]).mean()
    assert scores["accuracy"] == pytest.approx(right)
    assert scores["samples"] == 20
    (tmp_path / "photos" / "7").rename(tmp_path / "photos" / "seven")
    code, _, error = run("evaluate", trained, tmp_path / "photos")
    assert code == 2
    assert 'a class "seven" that the model does not know' in error


def test_explain_and_draw(run, tmp_path):
    _, text, _ = run("explain", "cifar_net", "conv2d_1")
    assert "9,248" in text
    target = tmp_path / "net.svg"
    code, _, _ = run("draw", "cifar_net", "-o", target)
    assert code == 0
    assert target.read_text().lstrip().startswith("<svg")
    _, text, _ = run("draw", "cifar_net", "--diff", "cifar_net_gmp")
    assert "global_max_pooling2d" in text
    _, text, _ = run("draw", "lenet5", "--source")
    compile(text, "net.py", "exec")
    assert "nn.Conv2d(1, 6" in text


def test_train_evaluate_predict_and_size_a_run(run, trained, tmp_path):
    assert st.models.load_model(trained).labels == [str(i) for i in range(10)]
    _, text, _ = run("evaluate", trained, "--json")
    scores = json.loads(text)
    assert scores["accuracy"] == pytest.approx(st.models.load_model(trained).scores["accuracy"])
    test = st.data.load("digits").test
    files = []
    for i in range(3):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(test.x[i, ..., 0]).save(files[-1])
    code, text, _ = run("predict", trained, *files, "--top", "2", "--json")
    assert code == 0
    tops = [entry["top"] for entry in json.loads(text)]
    expected = st.models.load_model(trained).predict(test.x[:3])
    for top, row in zip(tops, expected, strict=True):
        assert len(top) == 2
        assert top[0]["label"] == str(row.argmax())
        assert top[0]["probability"] == pytest.approx(row.max(), rel=1e-5)
    with open(trained / "metrics.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    code, text, _ = run("size", trained)
    assert code == 0
    assert "conv2d" in text


def test_predict_goes_on_after_a_broken_picture_and_says_so(run, trained, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    good = tmp_path / "good.png"
    Image.new("L", (20, 30)).save(good)
    code, text, _ = run("predict", trained, bad, good)
    assert code == 2
    assert "bad.png" in text
    assert "%" in text


def test_train_on_a_folder_of_pictures(run, tmp_path):
    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(12):
            pixels = rng.integers(level - 30, level + 30, (20, 24, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    (tmp_path / "photos" / "dark" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    arguments = ("--image-size", "32", "--epochs", "1", "--validation", "0.25", "--folder", tmp_path / "run", "--json")
    code, text, _ = run("train", tmp_path / "photos", *arguments)
    assert code == 0
    assert set(json.loads(text)["scores"]) == {"loss", "accuracy"}
    page = (tmp_path / "run" / "report.html").read_text()
    assert "broken.jpg" in page
    assert page.count("broken.jpg") == 1
    code, text, _ = run("predict", tmp_path / "run", tmp_path / "photos" / "light" / "3.png")
    assert code == 0
    assert "light" in text
    judged = json.loads(run("evaluate", tmp_path / "run", "--json")[1])
    model = st.models.load_model(tmp_path / "run")
    assert judged["samples"] == 6
    assert judged["loss"] == pytest.approx(model.scores["loss"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["size", "cifarnet"], 'Did you mean "cifar_net"'),
        (["size", "lenet5", "--input-shape", "big"], "32x32x3"),
        (["size", "lenet5", "--optimizer", "adm"], "adam"),
        (["sise", "lenet5"], "size"),
        (["size"], "Missing argument"),
        (["models", "lenet"], 'Did you mean "lenet5"'),
        (["explain", "lenet5", "conv"], 'Did you mean "conv2d"'),
        (["train", "mnst"], 'Did you mean "mnist"'),
        (["data", "check", "mnst"], 'Did you mean "mnist"'),
        (["data", "check", "scenes"], "no picture files"),
        (["data", "check", ".", "--classes", "nowhere.txt"], "no such file"),
        (["train", "digits", "--recipe", "fst"], 'Did you mean "fast"'),
        (["train", "digits", "--optimizer", "adm"], 'Did you mean "adam"'),
        (["train", "digits", "--model", "lenet5_1998"], "larger than its"),
        (["predict", "nowhere", "x.png"], "does not exist"),
        (["predict", "."], "at least one picture"),
        (["evaluate", "nowhere"], "does not exist"),
        (["train", "digits", "--batch-size", "0"], "batch_size=0 must be a whole number of at least 1"),
        (["predict", "lenet5", "x.png"], "add --weights"),
        (["predict", "lenet5", "x.png", "--weights", "nowhere.h5"], "nowhere.h5"),
        (["predict", "lenet5", "x.png", "--weights", "keras"], "keras"),
        (["evaluate", "lenet5"], "add --weights"),
        (["models", "--family", "resnt"], 'Did you mean "resnet"'),
        (["models", "--table"], "name of one architecture"),
        (["draw", "lenet5", "--diff", "cifar_net", "-o", "d.svg"], "--output goes with"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, arguments, says):
    code, out, error = run(*arguments)
    assert code == 2
    assert says in error
    assert error.startswith("striate: ")
    assert len(error.strip().splitlines()) == 1
    assert "Traceback" not in out + error


def test_resume_goes_on_with_what_a_run_was_asked_for_and_takes_nothing_else(run, tmp_path):
    arguments = ("--epochs", "1", "--no-report", "--json", "--folder", tmp_path / "r", "--model", "linear")
    code, text, error = run("train", "digits", *arguments)
    assert code == 0, error
    weights = st.models.load_model(tmp_path / "r").get_weights()
    code, again, error = run("train", "--resume", tmp_path / "r", "--json")
    assert code == 0, error
    assert json.loads(again)["scores"] == json.loads(text)["scores"]
    assert all((a == b).all() for a, b in zip(weights, st.models.load_model(tmp_path / "r").get_weights(), strict=True))
    for wrong, said in (
        (("--resume", tmp_path / "r", "--epochs", "2"), "leave out epochs"),
        (("digits", "--resume", tmp_path / "r"), "leave out data"),
        (("--resume", tmp_path), "holds no run"),
        (("--resume", tmp_path / "nowhere"), "is no folder"),
        ((), "name the data"),
    ):
        code, _, error = run("train", *wrong)
        assert code == 2
        assert said in error
    (tmp_path / "r" / "run.json").write_text("{}")
    code, _, error = run("train", "--resume", tmp_path / "r")
    assert code == 2
    assert "is damaged" in error


def test_a_run_on_reviews_keeps_the_vocabulary_and_needs_the_reviews_no_more(run, tmp_path, monkeypatch):
    import shutil

    reviews = tmp_path / "data" / "imdb"
    reviews.mkdir(parents=True)
    rows = [f"{i % 2},{'a fine, moving film' if i % 2 else 'dull and far too long'} number {i}" for i in range(40)]
    rows = [row.replace(",", ',"', 1) + '"' for row in rows]
    for part in ("train", "test"):
        (reviews / f"{part}.csv").write_text("\n".join(["label,text", *rows]) + "\n")
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path / "data"))
    code, _, error = run("train", "imdb", "--epochs", "2", "--folder", tmp_path / "r", "--no-report", "--json")
    assert code == 0, error
    model = st.models.load_model(tmp_path / "r")
    assert model.facts["recipe"] == "imdb"
    assert "moving" in model.preprocessing.vocabulary.words
    code, before, error = run("predict", tmp_path / "r", "--text", "a moving film", "--json")
    assert code == 0, error
    shutil.rmtree(reviews)
    shutil.move(tmp_path / "r", tmp_path / "elsewhere")
    assert run("predict", tmp_path / "elsewhere", "--text", "a moving film", "--json")[1] == before
    assert {guess["label"] for guess in json.loads(before)[0]["top"]} == {"negative", "positive"}


def test_a_folder_without_pictures_and_a_full_run_folder_are_named(run, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, error = run("train", tmp_path / "empty")
    assert code == 2
    assert "empty" in error
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    code, _, error = run("train", "digits", "--folder", tmp_path / "mine", "--epochs", "1")
    assert code == 2
    assert "not empty" in error


def test_json_descriptions_of_your_own_can_be_trained(run, tmp_path):
    net = st.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])
    (tmp_path / "net.json").write_text(json.dumps(net.description()))
    arguments = ("--epochs", "5", "--learning-rate", "0.01", "--folder", tmp_path / "r", "--no-report", "--json")
    code, text, _ = run("train", "digits", "--model", tmp_path / "net.json", *arguments)
    assert code == 0
    assert json.loads(text)["scores"]["accuracy"] > 0.3


def test_a_faulty_description_is_drawn_and_the_fault_said(run, tmp_path):
    entries = [{"class": "Input", "shape": [4, 4, 1]}, {"class": "Conv2d", "filters": 1, "kernel_size": 3}]
    (tmp_path / "net.json").write_text(json.dumps({"layers": entries}))
    code, _, error = run("draw", tmp_path / "net.json", "-o", tmp_path / "net.svg")
    assert code == 2
    assert 'Did you mean "Conv2D"' in error
    assert (tmp_path / "net.svg").exists()


def test_text_for_a_picture_model_and_a_run_that_is_a_file_are_refused(run, trained, tmp_path):
    code, _, error = run("predict", trained, "--text", "hello")
    assert code == 2
    assert "trained on pictures" in error
    (tmp_path / "file").write_text("")
    code, _, error = run("train", "digits", "--folder", tmp_path / "file", "--epochs", "1")
    assert code == 2
    assert "is a file" in error


def test_a_learning_rate_replaces_the_recipes_schedule(run, tmp_path):
    arguments = ("--learning-rate", "0.003", "--epochs", "1", "--no-report", "--json", "--folder", tmp_path / "r")
    code, _, error = run("train", "digits", *arguments)
    assert code == 0, error


REAL = Path(os.environ.get("STRIATE_DATA", "nowhere"))
needs_real_weights = pytest.mark.skipif(
    not (REAL / "weights").is_dir(), reason="no weights in the folder that STRIATE_DATA names"
)


@needs_real_weights
def test_predict_with_a_weights_file_prints_five_english_labels(run):
    weights = REAL / "weights" / "mobilenet_1_0_224_imagenet1001_keras_legacy.h5"
    photo = REAL / "imagenet-samples" / "n01491361.jpg"
    code, text, error = run("predict", "mobilenet", "--weights", weights, photo)
    assert code == 0, error
    lines = text.splitlines()
    assert len(lines) == 6
    assert "tiger shark" in lines[1]
    assert all(line.split()[0].endswith("%") for line in lines[1:])
    code, _, error = run("predict", "mobilenet", "--weights", weights, "--variant", "alpha=0.5", photo)
    assert code == 2
    assert len(error.strip().splitlines()) == 1
    assert "Nothing was changed" in error


@needs_real_weights
@pytest.mark.slow
def test_evaluate_with_a_weights_file_gives_the_published_networks_accuracy(run):
    """81.0 % on the JPEG copy of CIFAR-10 (91.7 % on the original)."""
    weights = REAL / "weights" / "cifar10_resnet20_torch.th"
    code, text, error = run("evaluate", "cifar_resnet20", REAL / "cifar10-jpeg.zip", "--weights", weights, "--json")
    assert code == 0, error
    scores = json.loads(text)
    assert scores["samples"] == 10_000
    assert scores["accuracy"] == pytest.approx(0.810, abs=0.002)


# -- shipping --------------------------------------------------------------------------------------------------------
def test_quantize_measures_on_held_out_pictures_and_keeps_the_twin(run, trained, tmp_path):
    folder = tmp_path / "eight"
    code, out, _ = run("quantize", trained, "-o", folder, "--samples", "30", "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["samples"], facts["checked"], facts["seen"]) == (30, 359, False)
    test = st.data.load("digits").test
    model = st.models.load_model(folder)
    right = (model.predict(test, engine="int8").argmax(1) == test.y).mean()
    assert facts["accuracy_int8"] == pytest.approx(right)
    code, out, _ = run("export", folder, "-o", tmp_path / "eight.onnx", "--int8", "--pixels", "--json")
    assert json.loads(out)["inputs"] == [{"name": model.graph.inputs[0].name, "dtype": "uint8", "shape": "Nx8x8x1"}]
    code, out, _ = run("quantize", trained, "-o", tmp_path / "again.onnx", "--samples", "30", "--pixels")
    assert f"wrote {tmp_path / 'again.onnx'}" in out


@pytest.mark.parametrize("name", ["net.onnx", "net.keras", "net.h5", "net.safetensors", "net.weights.h5"])
def test_export_writes_what_the_ending_says(run, trained, tmp_path, name):
    code, out, _ = run("export", trained, "-o", tmp_path / name)
    assert code == 0
    assert f"wrote {tmp_path / name}" in out
    model, x = st.models.load_model(trained), st.data.load("digits").test.take(5)
    expected = model.predict(x)
    if name == "net.onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(tmp_path / name)
        floats = x.preprocessing.normalise(x.x)
        answers = session.run(None, {session.get_inputs()[0].name: floats})[0]
    elif name in ("net.keras", "net.h5"):
        answers = st.models.load_model(tmp_path / name).predict(x)
    else:
        model.set_weights([w * 0 for w in model.get_weights()])
        model.load_weights(tmp_path / name)
        answers = model.predict(x)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_json_names_the_engine_that_answered(run, trained, tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(photo)
    (tmp_path / "none.png").write_bytes(b"no picture")
    model = st.models.load_model(trained)
    model._engine.choose(model, "onnxruntime", 16)
    model.save(tmp_path / "net")
    good, broken = json.loads(run("predict", tmp_path / "net", photo, tmp_path / "none.png", "--json")[1])
    assert (good["engine"], "engine" in broken) == ("onnxruntime", False)
    assert json.loads(run("predict", tmp_path / "net", photo, "--engine", "torch", "--json")[1])[0]["engine"] == "torch"
    written = run("predict", trained, photo, "-o", tmp_path / "answers.csv", "--json")[1]
    assert json.loads(written)["engine"] == "auto"
    for asked, name in [((), "auto"), (("--engine", "fast"), "onnxruntime")]:
        assert json.loads(run("evaluate", tmp_path / "net", "digits", *asked, "--json")[1])["engine"] == name


def test_engines_are_measured_without_keeping_what_was_found(run, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "net")
    before = {path.name: path.read_bytes() for path in (tmp_path / "net").iterdir() if path.name != ".lock"}
    how = ("--engines", "onnxruntime", "--rounds", "1", "--no-keep")
    code, out, _ = run("bench", tmp_path / "net", *how)
    assert (code, out.splitlines()[-1]) == (0, "kept nowhere")
    assert {path.name: path.read_bytes() for path in (tmp_path / "net").iterdir() if path.name != ".lock"} == before
    code, _, err = run("bench", tmp_path / "net", *how, "-o", tmp_path / "other")
    assert code == 2
    assert "leave one out" in err


@pytest.fixture
def unlabelled(tmp_path):
    """A folder with pictures in it and no class's folder."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, x in enumerate(np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)):
        Image.fromarray(x).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize("which", ["a folder", "a picture"])
def test_pictures_without_labels_measure_engines_and_set_ranges(run, trained, unlabelled, tmp_path, which, monkeypatch):
    engine_nets.measured(monkeypatch, onnxruntime=10, int8=20)
    data = unlabelled if which == "a folder" else unlabelled / "0.png"
    how = ("--engines", "onnxruntime,int8", "--agreement", "0", "--no-keep")
    code, out, err = run("bench", trained, data, *how)
    assert code == 0, err
    cells = [line.split("  ") for line in out.splitlines() if line.startswith(("onnxruntime", "int8"))]
    assert [[cell.strip() for cell in row if cell][5] for row in cells] == ["-", "-"]
    assert "no labels of classes, so no accuracy: only the same answers count" in out
    rows = json.loads(run("bench", trained, data, *how, "--json")[1])["rows"]
    assert [(row["accuracy"], row["points"]) for row in rows] == [(None, None)] * 2
    assert all(0 <= row["agreement"] <= 1 for row in rows)
    code, out, _ = run("quantize", trained, data, "-o", tmp_path / "eight")
    assert (code, "no labels of classes, same answer" in out) == (0, True)
    code, _, err = run("bench", trained, data, *how, "--shift", "1")
    assert (code, "holds pictures without labels" in err) == (2, True)


def test_a_folder_of_classes_with_a_picture_beside_them_has_labels(run, trained, unlabelled, tmp_path):
    for name in "01":
        shutil.copytree(unlabelled, tmp_path / "classes" / name)
    shutil.copy(unlabelled / "0.png", tmp_path / "classes")
    code, out, _ = run("quantize", trained, tmp_path / "classes", "-o", tmp_path / "eight")
    assert (code, "accuracy " in out, "no labels" in out) == (0, True, False)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (87.2 + 1e-14, "87.2"),
        (0.1 + 0.2, "0.3"),
        (sum([0.1] * 10), "1.0"),
        (100 * 0.872, "87.2"),
        (float(np.float32(0.1)), "0.10000000149011612"),
        (1 / 3, "0.3333333333333333"),
        (1e-300, "1e-300"),
        (3, "3"),
        (float("nan"), "null"),
        (float("inf"), "null"),
    ],
)
def test_numbers_of_json_have_no_digits_that_mean_nothing(number, told, capsys):
    say({"a": [{"b": (number,)}], "c": True}, True, "")
    out = capsys.readouterr().out
    assert json.loads(out, parse_constant=lambda name: pytest.fail(name))["c"] is True
    assert out.split() == ["{", '"a":', "[", "{", '"b":', "[", told, "]", "}", "],", '"c":', "true", "}"]


def test_no_command_writes_over_what_it_reads_or_over_a_part_of_a_model(run, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "model")
    model, photo, weights = tmp_path / "model", tmp_path / "photo.png", next(trained.glob("weights-*"))
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(photo)
    (tmp_path / "same.png").symlink_to(photo)
    assert run("export", model, "-o", tmp_path / "net.keras")[0] == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"}
    for words in [
        ("export", tmp_path / "net.keras", "-o", tmp_path / "net.keras"),
        ("export", model, "-o", model / weights.name),
        ("export", model, "-o", f"{model}/../model/{weights.name}"),
        ("quantize", model, "-o", tmp_path),
        ("bench", model, "-o", tmp_path),
        ("bench", model, "-o", tmp_path / "net.keras"),
        ("predict", model, photo, "-o", model / "metrics.csv"),
        ("look", "maps", model, photo, "-o", photo),
        ("look", "maps", model, "--picture", photo, "-o", tmp_path / "same.png"),
        ("look", "maps", model, photo, "--page", photo),
        ("look", "fixed-filters", "--picture", photo, "-o", photo),
        ("look", "encode", model, photo, "-o", photo),
        ("draw", model, "-o", photo),
        ("draw", "lenet5", "--source", "-o", model / "model.json"),
        ("models", "lenet5", "-o", photo),
        ("data", "check", tmp_path, "--html", photo),
    ]:
        code, out, err = run(*words)
        assert (code, out, err.count("\n")) == (2, "", 1), (words, err)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before


def test_what_export_and_quantize_do_not_write_is_named(run, trained, tmp_path):
    for words, said in [
        (("export", trained, "-o", "net.pb"), "not net.pb"),
        (("export", trained, "-o", "net.keras", "--pixels"), "are for .onnx"),
        (("export", trained, "-o", tmp_path / "net.onnx", "--int8"), "call quantize"),
        (("export", "mobilenet"), "add --weights"),
        (("quantize", "mobilenet", "digits"), "say with -o"),
        (("quantize", trained, "-o", "net.keras"), "ends in .onnx"),
        (("quantize", trained, "--pixels"), "--pixels goes with"),
        (("quantize", trained, "--method", "max", "-o", tmp_path / "net.onnx"), 'not "max"'),
    ]:
        code, _, err = run(*words)
        assert code == 2
        assert said in err
        assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
