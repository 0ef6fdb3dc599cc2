"""``evaluate`` gives the same figures of the same pictures: however they lie, are named, are counted, and are answered."""

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import data, layers, models
from striate.cli.main import main
from striate.data import Preprocessing
from striate.errors import ArgumentError, DataError
from striate.runs import judge_ensemble, judge_run, train_run

SIDE, N = 6, 12
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (N, SIDE, SIDE, 3), np.uint8)
PREPARED = {
    "unit": Preprocessing.pictures((SIDE, SIDE), 3),
    "tf": Preprocessing(image_size=(SIDE, SIDE), channels=3, scale=1 / 127.5, mean=1.0),
    "caffe": Preprocessing(image_size=(SIDE, SIDE), channels=3, mean=(103.939, 116.779, 123.68), order="bgr"),
}
ANIMALS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay"]
LABELS = {1: ["no", "yes"], 2: ["no", "yes"], 10: ANIMALS, 1000: data.imagenet_labels(1000)}
LABELS[1001] = data.imagenet_labels(1001)
# The model's numbers of the classes in the data, of each network by its outputs: a few of them, in no order.
PRESENT = {1: [1, 0], 2: [1, 0], 10: [7, 2, 0, 9], 1000: [930, 1, 294, 207], 1001: [931, 2, 295, 208]}


def truth(outputs: int) -> np.ndarray:
    """(N,) the number of each picture's class."""
    return np.array([PRESENT[outputs][i % len(PRESENT[outputs])] for i in range(N)])


def network(outputs: int, kind: str = "unit") -> models.Model:
    """Right on two of four pictures at once, on a third among five, by weights that solve for just these answers."""
    y, count = truth(outputs), max(outputs, 2)
    scores = np.random.default_rng(1).uniform(-1, 0, (N, count))
    for i in range(N):
        others = [(y[i] + 1 + k) % count for k in range(min(count - 1, 6))]
        place = (0, 0, 2, 6)[(i + i // 4) % 4]  # of the true class among the likeliest
        order = [*others[:place], y[i], *others[place:]]
        scores[i, order] = [8.0 - k for k in range(len(order))]
    if outputs == 1:
        scores = scores[:, 1:] - scores[:, :1]
    taken = PREPARED[kind].normalise(X).reshape(N, -1).astype(np.float64)
    weights = np.linalg.pinv(np.concatenate([taken, np.ones((N, 1))], 1)) @ scores
    ending = "sigmoid" if outputs == 1 else "softmax"
    model = st.Sequential([layers.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(outputs, ending)])
    model.set_weights([weights[:-1], weights[-1]])
    model.preprocessing, model.labels = PREPARED[kind], LABELS[outputs]
    return model


def by_hand(outputs: int, kind: str = "unit") -> dict[str, float]:
    """The figures, from the network's arrays alone."""
    weights, bias = (array.astype(np.float64) for array in network(outputs, kind).get_weights())
    scores = PREPARED[kind].normalise(X).reshape(N, -1) @ weights + bias
    scores = np.concatenate([np.zeros((N, 1)), scores], 1) if outputs == 1 else scores
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    y = truth(outputs)
    rank = (p > p[np.arange(N), y][:, None]).sum(1)
    figures = {"loss": -np.log(p[np.arange(N), y]).mean(), "accuracy": (rank == 0).mean()}
    return figures | ({"top5": (rank < 5).mean()} if outputs > 10 else {})


# -- how pictures lie ---------------------------------------------------------------------------------------------------
def put(path: Path, i: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF"}[path.suffix.lower()]
    Image.fromarray(X[i]).save(path, format=kind)
    return path


def table(path: Path, rows: list[list[object]], mark: str = ",") -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=mark).writerows(rows)
    return str(path)


def folders(root: Path, names: list[str], inner: str = "", ending: str = ".png") -> str:
    for i, name in enumerate(names):
        put(root / "photos" / inner / name / f"{i}{ending}", i)
    return str(root / "photos")


def zipped(root: Path, names: list[str], top: str = "") -> str:
    folders(root, names)
    with zipfile.ZipFile(root / "photos.zip", "w") as file:
        for path in sorted((root / "photos").rglob("*.png")):
            file.write(path, Path(top) / path.relative_to(root / "photos"))
    return str(root / "photos.zip")


def listed(root: Path, names: list[str], mark: str = ",") -> str:
    rows = [["file", "number", "animal"]]
    rows += [[put(root / "all" / f"{i}.png", i), 500 + i, name] for i, name in enumerate(names)]
    return table(root / "list.csv", rows, mark)


def beside(root: Path, names: list[str]) -> str:
    rows = [["file", "class_index", "name"]]
    rows += [[put(root / "all" / f"{i}.png", i).name, i, name] for i, name in enumerate(names)]
    table(root / "all" / "labels.csv", rows)
    return str(root / "all")


def in_parts(root: Path, names: list[str]) -> str:
    for i, name in enumerate(names):
        put(root / "photos" / "val" / name / f"{i}.png", i)
        Image.fromarray(255 - X[i]).save(put(root / "photos" / "train" / name / f"{i}.png", i))
    return str(root / "photos")


LAYOUTS: dict[str, Callable[[Path, list[str]], str]] = {
    "folders": folders,
    "one level deeper": lambda root, names: folders(root, names, "inner"),
    "endings in capitals": lambda root, names: folders(root, names, ending=".PNG"),
    "another format": lambda root, names: folders(root, names, ending=".Tif"),
    "zip": zipped,
    "zip with a folder": lambda root, names: zipped(root, names, "photos"),
    "table": listed,
    "table with semicolons": lambda root, names: listed(root, names, ";"),
    "table beside its pictures": beside,
    "parts": in_parts,
}


@pytest.mark.parametrize("outputs", [1, 2, 10, 1000, 1001])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_figures_are_those_by_hand_however_the_pictures_lie(layout, outputs, tmp_path):
    names = [LABELS[outputs][i].split(",")[0] for i in truth(outputs)]
    _, found = judge_run(network(outputs), LAYOUTS[layout](tmp_path, names))
    wanted = by_hand(outputs)
    assert wanted["accuracy"] in (0.5, 6 / 12)
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-4)
    assert found["samples"] == N
    assert found["interval"] == pytest.approx((0.2538, 0.7462), abs=1e-4)  # Wilson 1927 for 6 of 12
    if outputs >= 1000:
        assert found["top5"] == pytest.approx(9 / 12)


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "auto"])
@pytest.mark.parametrize("kind", PREPARED)
@pytest.mark.parametrize("outputs", [1, 10, 1001])
def test_the_figures_are_those_by_hand_for_every_engine_batch_size_and_way_in(outputs, kind, engine, tmp_path):
    model, wanted = network(outputs, kind), by_hand(outputs, kind)
    y, names = truth(outputs), LABELS[outputs]
    place = folders(tmp_path, [names[i].split(",")[0] for i in y])
    told = judge_run(model, place, engine=engine)[1]
    assert {key: told[key] for key in wanted} == pytest.approx(wanted, rel=1e-3)
    top5 = ["top5"] if outputs > 10 else []
    loss = st.losses.get("binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy")
    model.compile("sgd", loss, metrics=["accuracy", *top5])
    read = data.load(place, image_size=(SIDE, SIDE)).train  # prepared otherwise than the model wants
    for size in (1, 5, 32):
        for given in ((read,), (X, y), (model.preprocessing.normalise(X), y)):
            again = model.evaluate(*given, batch_size=size, engine=engine, return_dict=True, verbose=0)
            assert list(again.values()) == pytest.approx(list(wanted.values()), rel=1e-3)
    model.save(tmp_path / "run")
    with pytest.raises(SystemExit):
        main(["evaluate", str(tmp_path / "run"), place, "--engine", engine, "--json"])


def test_the_command_says_what_python_says(tmp_path, capsys):
    network(1001).save(tmp_path / "run")
    place = folders(tmp_path, [LABELS[1001][i] for i in truth(1001)])

    def run(*more):
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", str(tmp_path / "run"), place, *more])
        return ended.value.code, *capsys.readouterr()

    wanted = by_hand(1001)
    for engine in ("torch", "onnxruntime"):
        code, out, _ = run("--json", "--engine", engine)
        assert code == 0
        told = json.loads(out)
        assert {key: told[key] for key in wanted} == pytest.approx(wanted, rel=1e-4)
    assert "top-1 accuracy 0.5000 (95 %: 0.2538 to 0.7462)  top-5 accuracy 0.7500  n 12" in run()[1]
    code, _, error = run("--engine", "onnx")
    assert code == 2
    assert (
        'unknown engine "onnx". Known: auto, fast, int8, int8+float32, onnxruntime, openvino, openvino-bf16, '
        "openvino-bf16+float32, openvino-int8, openvino-int8+float32, torch, torch-bf16." in error
    )


@pytest.mark.parametrize("kind", PREPARED)
def test_a_set_with_a_name_is_read_as_its_path_is(kind, tmp_path, monkeypatch):
    classes = ["airplane", "bird"]
    with zipfile.ZipFile(tmp_path / "cifar10.zip", "w") as file:
        for i in range(N):
            Image.fromarray(X[i].repeat(6, 0)[:32].repeat(6, 1)[:, :32]).save(tmp_path / "one.png")
            for part in ("train", "test"):
                file.write(tmp_path / "one.png", f"{part}/{classes[i % 2]}/{i}.png")
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path))
    st.set_seed(0)
    model = st.Sequential([layers.Input((32, 32, 3)), layers.Flatten(), layers.Dense(3, "softmax")])
    model.set_weights([0.01 * array for array in model.get_weights()])
    model.preprocessing = Preprocessing(**{**vars(PREPARED[kind]), "image_size": (32, 32)})
    model.labels = ["bird", "truck", "airplane"]
    named, by_path = (judge_run(model, given)[1] for given in ("cifar10", str(tmp_path / "cifar10.zip")))
    assert {**named, "data": ""} == {**by_path, "data": ""}
    x = np.stack([X[i].repeat(6, 0)[:32].repeat(6, 1)[:, :32] for i in range(N)])
    weights, bias = model.get_weights()
    answers = (model.preprocessing.normalise(x).reshape(N, -1) @ weights + bias).argmax(1)
    assert named["accuracy"] == pytest.approx((answers == np.array([2, 0] * 6)).mean())


# -- how classes are named ----------------------------------------------------------------------------------------------
def spelled(way: str, number: int, outputs: int) -> str:
    plain = number - (outputs - 1000)
    label, synset = LABELS[outputs][number], data.imagenet_synsets()[plain]
    words = [word.strip() for word in label.split(",")]
    return {
        "label": label,
        "first synonym": words[0],
        "last synonym": words[-1],
        "synset": synset,
        "synset and name": f"{synset}-{words[0].replace(' ', '_')}",
        "underscores": words[0].replace(" ", "_"),
        "hyphens in capitals": words[0].replace(" ", "-").upper(),
        "behind a number": f"{plain:03d}.{words[0].replace(' ', '_')}",
        "behind a number and a blank": f"{plain:03d} {words[0]}",
        "blanks around": f" {words[0]}\u00a0",
    }[way]


WAYS = ("label", "first synonym", "last synonym", "synset", "synset and name", "underscores", "hyphens in capitals")
WAYS += ("behind a number", "behind a number and a blank", "blanks around")


@pytest.mark.parametrize("outputs", [1000, 1001])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", ["folders", "table"])
def test_the_figures_are_those_by_hand_however_classes_are_written(layout, way, outputs, tmp_path):
    names = [spelled(way, number, outputs) for number in truth(outputs)]
    _, found = judge_run(network(outputs), LAYOUTS[layout](tmp_path, names))
    wanted = by_hand(outputs)
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-4)


def test_every_class_of_imagenet_is_found_by_its_synset_and_by_its_first_name_where_that_is_its_own():
    from striate.intake.classes import names_of

    for outputs in (1000, 1001):
        names = names_of(tuple(LABELS[outputs]))
        first = [label.split(",")[0] for label in LABELS[outputs]]
        for plain, synset in enumerate(data.imagenet_synsets()):
            number = plain + outputs - 1000
            assert names.place(synset) == number
            words = [word for i, label in enumerate(LABELS[outputs]) if i != number for word in label.split(", ")]
            if first[number] not in words:
                assert names.place(first[number]) == number
            if first[number].lower() not in [word.lower() for word in words]:
                assert names.place(first[number].upper()) == number
    assert names.place("Cardigan") == 265
    assert names.place("cardigan") == 475
    assert names.place("CARDIGAN") is None


def test_a_number_in_front_of_a_name_is_no_name_and_numbers_stay_names():
    from striate.intake.classes import names_of

    birds = names_of(("001.Black_footed_Albatross", "002.Laysan_Albatross", "1_1", "11", "3 cats"))
    assert birds.place("Laysan Albatross") == 1
    assert birds.place("02-laysan albatross") == 1
    assert birds.place("1_1") == 2
    assert birds.place("1") is None
    assert birds.place("cats") is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_name_that_two_classes_have_stops_only_data_that_have_it(layout, tmp_path):
    y = truth(1001)
    names = [LABELS[1001][number].split(",")[0] for number in y]
    if layout.startswith("table"):  # a column that names no class at all would be no column of names
        with pytest.raises(DataError):
            judge_run(network(1001), LAYOUTS[layout](tmp_path, ["crane" if n == names[0] else n for n in names]))
        return
    with pytest.raises(DataError, match=r'"crane".*135 \(n02012849\) and 518 \(n03126707\).*by its WordNet id'):
        judge_run(network(1001), LAYOUTS[layout](tmp_path, ["crane" if n == names[0] else n for n in names]))


@pytest.mark.parametrize("layout", ["folders", "zip", "parts"])
def test_a_name_that_matches_nothing_is_refused_with_the_nearest_one(layout, tmp_path):
    names = [LABELS[10][number] for number in truth(10)]
    with pytest.raises(DataError, match=r'has a class "iibis" that the model does not know\. Did you mean "ibis"\?'):
        judge_run(network(10), LAYOUTS[layout](tmp_path, ["iibis" if name == names[0] else name for name in names]))


def test_a_column_of_files_that_are_called_after_classes_is_no_column_of_classes(tmp_path):
    y, synsets = truth(1001), data.imagenet_synsets()
    files = [
        put(tmp_path / f"{i}" / f"{synsets[n - 1]}-{LABELS[1001][n].split(',')[0]}.png", i) for i, n in enumerate(y)
    ]
    rows = [["file", "class_index", "name"]]
    rows += [[file, 7, LABELS[1001][number]] for file, number in zip(files, y, strict=True)]
    found = judge_run(network(1001), table(tmp_path / "list.csv", rows))[1]
    assert found["note"] == 'classes by the column "name"'
    assert found["accuracy"] == pytest.approx(by_hand(1001)["accuracy"])


# -- how classes are counted --------------------------------------------------------------------------------------------
def counted(root: Path, numbers: np.ndarray) -> str:
    rows = [["file", "label"], *([put(root / f"{i}.png", i), number] for i, number in enumerate(numbers.tolist()))]
    return table(root / "numbers.csv", rows)


@pytest.mark.parametrize("outputs", [10, 1000])
def test_numbers_count_along_the_outputs_where_no_class_is_a_background(outputs, tmp_path):
    found = judge_run(network(outputs), counted(tmp_path, truth(outputs)))[1]
    assert found["accuracy"] == pytest.approx(by_hand(outputs)["accuracy"])


def test_numbers_that_may_or_may_not_count_the_background_are_refused_until_that_is_said(tmp_path):
    model, wanted = network(1001), by_hand(1001)
    without = counted(tmp_path, truth(1001) - 1)
    with pytest.raises(DataError, match=r'class 0 is "background".*--shift 1'):
        judge_run(model, without)
    found = judge_run(model, without, shift=1)[1]
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-4)
    read = data.load(without, preprocessing=model.preprocessing).train
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with pytest.raises(DataError, match=r"evaluate\(data, data\.y \+ 1\)"):
        model.evaluate(read)
    with_background = network(1001)
    with_background.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    again = with_background.evaluate(read.x, read.y + 1, return_dict=True, verbose=0)
    assert again["accuracy"] == pytest.approx(wanted["accuracy"])
    with pytest.raises(ArgumentError, match="shift is for class numbers without names"):
        judge_run(model, folders(tmp_path, [LABELS[1001][i] for i in truth(1001)]), shift=1)


@pytest.mark.parametrize("layout", ["table", "folders", "padded folders"])
@pytest.mark.parametrize(("outputs", "shift"), [(10, 0), (10, -1), (1000, 0), (1001, 0), (1001, 1)])
def test_a_stated_count_holds_for_tables_folders_and_ensembles(layout, outputs, shift, tmp_path):
    model, wanted = network(outputs), by_hand(outputs)
    numbers = truth(outputs) - shift
    if layout == "table":
        where = counted(tmp_path, numbers)
    else:
        where = folders(tmp_path, [f"{n:04}" if layout.startswith("padded") else str(n) for n in numbers])
    found = judge_run(model, where, shift=shift)[1]
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-4)
    together = judge_ensemble([model, network(outputs)], where, shift=shift)
    assert together["accuracy"] == pytest.approx(wanted["accuracy"])


# -- what it learnt from ------------------------------------------------------------------------------------------------
def test_pictures_that_were_trained_on_are_told_however_they_lie_and_from_wherever(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    names = ["ant", "bee"] * (N // 2)
    folders(tmp_path / "work", names)
    net = st.Sequential([layers.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(2, "softmax")])
    splits = data.load("photos", image_size=(SIDE, SIDE))
    held = splits.train.subset(np.arange(8, N))
    run = train_run(
        "photos", model=net, folder="run", epochs=1, verbose=0, report=False, validation=0.25, image_size=(SIDE, SIDE)
    )
    del splits, held, run
    own = judge_run("run")[1]
    assert own["samples"] == 3
    assert "note" not in own  # the part that was held out
    (tmp_path / "run").symlink_to(tmp_path / "work" / "run")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert judge_run("../run")[1] == own  # the data are found from another folder
    for layout in LAYOUTS:
        place = LAYOUTS[layout](tmp_path / "other" / layout.replace(" ", "_"), names) if layout != "parts" else None
        if place is not None:
            assert judge_run("../run", place)[1]["note"].endswith("the model was trained on 9 of these 12 pictures")
    fresh = tmp_path / "other" / "fresh"
    for i in range(2):
        (fresh / names[i]).mkdir(parents=True)
        Image.fromarray(255 - X[i]).save(fresh / names[i] / "a.png")
    assert "note" not in judge_run("../run", str(fresh))[1]


def test_few_pictures_of_a_large_set_are_told_by_the_name_of_what_was_trained_on(tmp_path, monkeypatch):
    """The record of a large set holds a sample of its hashes, in which a few pictures need not be."""
    monkeypatch.chdir(tmp_path)
    place = folders(Path(), ["ant", "bee"] * (N // 2))
    net = st.Sequential([layers.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(2, "softmax")])
    train_run(place, model=net, folder="run", epochs=1, verbose=0, report=False, image_size=(SIDE, SIDE))
    model = models.load_model("run")
    record = dict(model.facts["learnt from"])
    model.facts["learnt from"] = {**record, "whole": False, "hashes": "AQAAAAAAAAA="}  # the hash 1, of no picture
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert judge_run(model, "../photos")[1]["note"] == "the model was trained on these pictures"
