"""Transfer learning: features that are never stale, a head, three stages, and a bundle that takes raw photos."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import layers, logistic, zoo
from striate.data import Dataset, Preprocessing, Splits, folder
from striate.errors import ArgumentError, DataError, Note
from striate.inference import trials
from striate.intake import numbered_as
from striate.models import load_model
from striate.runs import resume_run
from striate.tasks import classify
from striate.transfer import features, finetune, fit, resume_transfer, watching
from striate.transfer.head import fit_head
from striate.transfer.network import assemble, freeze, trainable

KINDS = {"kiwi": (40, 160, 60), "apple": (190, 40, 50), "plum": (70, 50, 170)}


def photo(path: Path, colour: tuple[int, int, int], seed: int) -> Path:
    """A noisy photo of one colour, of a size of its own."""
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(24, 60, 2))
    pixels = np.clip(rng.normal(colour, 45, (*size, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90)
    return path


@pytest.fixture
def photos(tmp_path):
    for part, count in (("train", 8), ("val", 4)):
        for k, (kind, colour) in enumerate(KINDS.items()):
            for i in range(count):
                photo(tmp_path / "fruit" / part / kind / f"{i}.jpg", colour, 1000 * k + 100 * (part == "val") + i)
    return tmp_path / "fruit"


@pytest.fixture
def base():
    """Two stages of random filters, with batch norms: enough to tell colours apart."""
    st.set_seed(1)
    model = st.models.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="first"),
            layers.BatchNormalization(name="first_bn"),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Conv2D(12, 3, padding="same", name="second"),
            layers.BatchNormalization(name="second_bn"),
            layers.ReLU(),
        ],
        name="tiny",
    )
    model.preprocessing = Preprocessing(
        image_size=(24, 24), channels=3, resize="crop", scale=1 / 127.5, mean=(1.0, 1.0, 1.0)
    )
    return model


def files(photos: Path, part: str = "train") -> list[Path]:
    return sorted((photos / part).rglob("*.jpg"))


# -- features -----------------------------------------------------------------------------------------------------------
def test_features_are_what_the_base_answers_and_in_the_order_of_the_pictures(base, photos, tmp_path):
    data = folder(photos / "train", preprocessing=base.preprocessing)
    found = features(base, data, cache=tmp_path / "cache")
    truth = base.predict(data, engine="torch")
    np.testing.assert_allclose(found.x, truth, atol=1e-5)
    np.testing.assert_array_equal(found.data.y, data.y)
    assert found.data.classes == data.classes
    straight = features(base, files(photos), cache=False)  # decoded on the way, by the same rule
    np.testing.assert_allclose(straight.x, truth, atol=1e-5)
    turned = features(base, data, mirrored=True, cache=tmp_path / "cache")
    np.testing.assert_allclose(
        turned.x, base.predict(np.ascontiguousarray(data.x[:, :, ::-1]), engine="torch"), atol=1e-5
    )


@pytest.mark.parametrize("kind", ["files", "data set"])
def test_only_what_changed_is_computed_again(base, photos, tmp_path, kind):
    def run(model=base, **options):
        data = files(photos) if kind == "files" else folder(photos / "train", preprocessing=model.preprocessing)
        found = features(model, data, cache=tmp_path / "cache", **options)
        return found.computed, found.from_disk

    assert run() == (24, 0)
    assert run() == (0, 24)
    assert run(mirrored=True) == (24, 0)
    assert run(mirrored=True) == (0, 24)

    # a photo with other content, under the same name, with the same size and time
    changed = files(photos)[5]
    stat = changed.stat()
    Image.new("RGB", (30, 30), (10, 10, 10)).save(changed)
    changed.write_bytes(changed.read_bytes().ljust(stat.st_size, b"\0"))
    assert changed.stat().st_size == stat.st_size
    os.utime(changed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert run() == (1, 23)
    # the same photos under other names and elsewhere
    shutil.move(photos / "train" / "plum", photos / "train" / "aprune")
    assert run() == (0, 24)

    freeze(base, 1)  # what is frozen changes no answer
    assert run() == (0, 24)
    base.get_layer("second").torch_module.bias.data[3] += 1e-3
    assert run() == (24, 0)
    other = Preprocessing(image_size=(24, 24), channels=3, resize="stretch", scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
    base.preprocessing = other
    assert run()[0] == 24
    assert run() == (0, 24)


@pytest.mark.filterwarnings("ignore:.*the features kept there are damaged")
def test_a_damaged_file_of_features_is_made_anew(base, photos, tmp_path):
    first = features(base, files(photos), cache=tmp_path)
    content = first.file.read_bytes()
    for damaged in (content[:100], b"", content[:-2000] + bytes(2000), content[:600] + b"\x55" * 40 + content[640:]):
        first.file.write_bytes(damaged)
        again = features(base, files(photos), cache=tmp_path)
        np.testing.assert_array_equal(again.x, first.x)
        assert features(base, files(photos), cache=tmp_path).from_disk == 24
    left = sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file())
    assert left == [first.file.with_suffix(".lock").name, first.file.name]


def test_the_place_of_features_follows_the_environment(base, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "place"))
    found = features(base, files(photos))
    assert found.file.parent == tmp_path / "place" / "features"
    assert found.file.is_file()


def test_a_cache_that_cannot_be_written_costs_only_time(base, photos, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    found = features(base, files(photos), cache=tmp_path / "file")
    assert found.computed == 24


def test_what_cannot_be_read_is_left_out_and_named(base, photos, tmp_path):
    broken, gone = photos / "train" / "kiwi" / "0.jpg", photos / "nowhere.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    asked = [*files(photos), gone]
    found = features(base, asked, cache=tmp_path)
    assert [name for name, _ in found.data.skipped] == [str(broken), str(gone)]
    assert found.data.paths == tuple(str(path) for path in asked if path not in (broken, gone))
    with pytest.raises(DataError, match="none of the 2 pictures"):
        features(base, [broken, gone], cache=tmp_path)


def test_eight_bit_features_are_near_and_apart(base, photos, tmp_path):
    data = folder(photos / "train", preprocessing=base.preprocessing)
    with pytest.raises(ArgumentError, match="call quantize"):
        features(base, data, engine="int8", cache=tmp_path)
    whole = features(base, data, cache=tmp_path)
    base.quantize(data.x)
    near = features(base, data, engine="int8", cache=tmp_path)
    assert near.computed == 24
    assert near.file != whole.file
    difference = np.abs(near.x - whole.x).max()
    assert 0 < difference < 0.05 * np.abs(whole.x).max()


def test_features_through_every_engine_are_near_and_kept_apart(base, photos, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    data = folder(photos / "train", preprocessing=base.preprocessing)
    whole = features(base, data, cache=tmp_path)
    base.quantize(data.x)
    places = {whole.file}
    for engine in ("openvino-bf16", "openvino-int8", "openvino", "torch", "torch-bf16"):
        found = features(base, data, engine=engine, cache=tmp_path)
        exact = engine in ("openvino", "torch")
        assert (found.computed, found.file == whole.file) == ((0, True) if exact else (24, False))
        assert np.abs(found.x - whole.x).max() < 0.05 * np.abs(whole.x).max()
        np.testing.assert_array_equal(features(base, data, engine=engine, cache=False).data.labels, whole.data.labels)
        places.add(found.file)
    assert len(places) == 4
    with pytest.warns(Note, match="was not measured"):
        assert features(base, data, engine="fast", cache=tmp_path).file == whole.file
    with pytest.raises(ArgumentError, match="unknown engine"):
        features(base, data, engine="gpu")
    base._engine.choose(base, "openvino-int8", 16)
    assert features(base, data, engine="fast", cache=tmp_path).computed == 0


# -- the head -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [5, 300])  # fewer and more features than examples
def test_the_head_is_the_logistic_regression_that_scikit_learn_finds(width):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 90)
    x = (rng.normal(size=(90, width)) + 1.5 * rng.normal(size=(3, width))[y] / np.sqrt(width / 5)).astype(np.float32)
    head = fit_head(x, y, 3)
    x64 = x.astype(np.float64)
    scale = np.sqrt(((x64 - x64.mean(0)) ** 2).mean())
    theirs = LogisticRegression(C=1 / (head.decay * len(y)), tol=1e-9, max_iter=10_000)
    theirs.fit((x64 - x64.mean(0)) / scale, y)
    logits = x @ head.weight.T + head.bias
    mine = np.exp(logits - logits.max(1, keepdims=True))
    mine /= mine.sum(1, keepdims=True)
    np.testing.assert_allclose(mine, theirs.predict_proba((x64 - x64.mean(0)) / scale), atol=1e-4)


def test_a_small_head_takes_one_thread_and_leaves_the_number_as_it_was(monkeypatch):
    """Threads that wait for each other on a busy machine made the head slower than the features."""
    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr(logistic, "_descend", lambda *_: seen.append(torch.get_num_threads()))
    torch.set_num_threads(2)
    try:
        fit_head(np.eye(8, 3), np.arange(8) % 2, 2)
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
        monkeypatch.setattr(logistic, "_SMALL", 3)
        seen.clear()
        fit_head(np.eye(8, 3), np.arange(8) % 2, 2)
        assert set(seen) == {2}
    finally:
        torch.set_num_threads(before)


def test_noise_gets_the_strongest_decay_and_a_clear_case_a_weak_one():
    rng = np.random.default_rng(0)
    y = np.arange(100) % 2
    noise = rng.normal(size=(100, 50))
    clear = noise + 8 * np.eye(50)[0] * y[:, None]
    assert fit_head(noise, y, 2).decay >= 1
    assert fit_head(clear, y, 2).decay < 0.1
    assert fit_head(clear, y, 2).accuracy == 1


# -- what learns ----------------------------------------------------------------------------------------------------------
def test_what_is_unfrozen_follows_the_sizes_of_maps_and_never_batch_norms(base):
    net, _ = assemble(base, 3)
    freeze(base)
    assert trainable(net) == 12 * 3 + 3
    second = 3 * 3 * 8 * 12 + 12
    assert freeze(base, 1) == second
    assert trainable(net) == second + 39
    assert freeze(base, 2) == second + 3 * 3 * 3 * 8
    assert freeze(base, "second") == second
    assert not base.get_layer("second_bn").trainable
    with pytest.raises(ArgumentError, match="2 stages"):
        freeze(base, 3)
    with pytest.raises(ArgumentError, match='Did you mean "second"'):
        freeze(base, "secnd")


def test_the_last_stage_of_mobilenet_is_what_works_on_7x7_maps():
    model = zoo.create("mobilenet", include_top=False, pooling="avg")
    model.module
    freeze(model, 1)
    learning = [layer.name for layer in model.layers if layer.trainable and layer.kind != "InputLayer"]
    assert learning == ["conv_dw_12", "conv_pw_12", "conv_dw_13", "conv_pw_13"]


def probabilities(answers):
    return [[guess.probability for guess in row] for row in answers]


# -- the whole ------------------------------------------------------------------------------------------------------------
def test_three_stages_end_in_a_bundle_that_takes_raw_photos_wherever_these_are(base, photos, tmp_path):
    before = [weight.copy() for weight in base.get_weights()]
    averages = base.get_layer("second_bn").get_weights()
    result = fit(photos, base, epochs=2, batch_size=8, folder=tmp_path / "run", cache=tmp_path / "cache", scratch=True)
    assert [stage.name for stage in result.stages] == [
        "features + head",
        "frozen base, augmented",
        "fine-tuned last stage",
    ]
    assert [stage.trainable for stage in result.stages] == [39, 39, 39 + 3 * 3 * 8 * 12 + 12]
    best = max(result.stages, key=lambda stage: (stage.accuracy, -stage.loss))
    assert result.kept is best
    assert best.accuracy >= 0.9
    assert result.features == {"computed": 48, "from disk": 0}
    for mine, theirs in zip(base.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)  # the user's model stays as it is
    saved = load_model(tmp_path / "run")
    held = folder(photos, preprocessing=base.preprocessing).validation
    saved.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    reached = saved.evaluate(held, return_dict=True, verbose=0)
    assert reached["accuracy"] == pytest.approx(best.accuracy)
    assert reached["loss"] == pytest.approx(best.loss, abs=1e-5)
    for mine, theirs in zip(saved.get_layer("second_bn").get_weights(), averages, strict=True):
        np.testing.assert_array_equal(mine, theirs)  # frozen: weights and averages
    page = (tmp_path / "run" / "report.html").read_text()
    for stage in result.stages:
        assert stage.name in page

    # class order and preprocessing come from the bundle: renamed, reordered, moved, and one class gone
    asked = [path.read_bytes() for path in files(photos, "val")]
    answers = classify(saved, asked)
    (photos / "train" / "apple").rename(photos / "train" / "zebra")
    shutil.rmtree(photos / "val" / "kiwi")
    photos.rename(tmp_path / "elsewhere")
    again = classify(load_model(tmp_path / "run"), asked)
    assert [[guess.label for guess in row] for row in again] == [[guess.label for guess in row] for row in answers]
    np.testing.assert_allclose(probabilities(again), probabilities(answers), atol=1e-5)
    assert saved.labels == sorted(KINDS)


def test_a_second_run_takes_features_from_disk_and_ends_at_the_same(base, photos, tmp_path):
    data = folder(photos, preprocessing=base.preprocessing)
    options = {"stages": 2, "epochs": 1, "cache": tmp_path / "cache", "report": False}
    first = fit(data, base, folder=tmp_path / "a", **options)
    second = fit(data, base, folder=tmp_path / "b", **options)
    assert (first.features, second.features) == (
        {"computed": 48, "from disk": 0},
        {"computed": 0, "from disk": 48},
    )
    for a, b in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def rows_of(run):
    with open(run / "metrics.csv", newline="") as file:
        return [(row["stage"], row["epoch"]) for row in csv.DictReader(file)]


def test_the_folder_is_that_of_a_run(base, photos, tmp_path):
    fit(photos, base, epochs=2, patience=9, batch_size=8, folder=tmp_path / "run", cache=tmp_path / "cache")
    assert rows_of(tmp_path / "run") == [("2", "0"), ("2", "1"), ("3", "0"), ("3", "1")]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["command"], record["arguments"]["epochs"]) == ("transfer", 2)
    names = {"metrics.csv", "model.json", "report.html", "run.json"}
    assert names <= {entry.name for entry in (tmp_path / "run").iterdir()}
    assert not list((tmp_path / "run").glob(".stage*"))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "where one stage ends and the next begins" in page


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 2, 4, 5])
def test_broken_off_it_goes_on_to_the_weights_of_an_unbroken_run(base, photos, tmp_path, monkeypatch, after):
    from striate.train.checkpoint import Budget

    monkeypatch.setattr(Budget, "allows", lambda self, every=0.0: True)
    options = {"epochs": 3, "patience": 9, "batch_size": 8, "cache": tmp_path / "cache", "report": False}
    whole = fit(photos, base, folder=tmp_path / "whole", **options)
    ended = 0

    def break_off(self, epoch, logs=None):
        nonlocal ended
        ended += 1
        if ended > after:
            raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(watching.Rest, "on_epoch_end", break_off)
        with pytest.raises(KeyboardInterrupt):
            fit(photos, base, folder=tmp_path / "run", **options)
    again = fit(photos, base, folder=tmp_path / "run", resume=True, **options)
    assert [(s.name, s.accuracy, s.loss, s.epochs) for s in again.stages] == [
        (s.name, s.accuracy, s.loss, s.epochs) for s in whole.stages
    ]
    for mine, theirs in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.history == whole.history
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("before", [False, True])
def test_killed_at_its_report_it_is_not_over_and_goes_on(base, photos, tmp_path, monkeypatch, before):
    import striate.pages
    from striate.runs.folders import under_way
    from striate.transfer.finetune import _over

    run, options = tmp_path / "run", {"stages": 2, "epochs": 2, "batch_size": 8, "cache": tmp_path / "cache"}
    if before:
        fit(photos, base, folder=run, seed=1, **options)

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(striate.pages, "write_report", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(photos, base, folder=run, **options)
    assert not _over(under_way(run))
    fit(photos, base, folder=run, resume=True, **options)
    assert _over(under_way(run))
    assert (run / "report.html").is_file()
    assert json.loads((run / "run.json").read_bytes())["arguments"]["seed"] == 0
    assert [entry.name for entry in run.glob(".*")] == [".lock"]


def test_what_cannot_be_gone_on_with_is_named(base, photos, tmp_path):
    fit(photos, base, stages=1, folder=tmp_path / "run", cache=False, report=False)
    with pytest.raises(ArgumentError, match="base of its own"):  # a model from Python stands in no file
        resume_transfer(tmp_path / "run")
    with pytest.raises(ArgumentError, match="striate transfer --resume"):
        resume_run(tmp_path / "run")
    with pytest.raises(ArgumentError, match="is no folder"):
        resume_transfer(tmp_path / "none")


def test_a_test_part_is_reported_and_chooses_nothing(base, photos, tmp_path):
    parts = folder(photos, preprocessing=base.preprocessing)
    wrong = Dataset(
        parts.validation.x, (parts.validation.y + 1) % 3, parts.validation.classes, preprocessing=base.preprocessing
    )
    result = fit(
        Splits(parts.train, parts.validation, wrong), base, stages=1, folder=tmp_path / "run", cache=False, report=False
    )
    assert result.kept.accuracy > 0.9
    assert result.test["accuracy"] < 0.1
    assert result.model.scores["accuracy"] == result.test["accuracy"]


def test_pictures_of_another_size_and_without_a_validation_part(base, photos, tmp_path):
    data = folder(photos / "train", image_size=(40, 40))
    result = fit(data, base, stages=1, validation=0.25, folder=tmp_path / "run", cache=False, report=False)
    assert result.validation == 6
    assert result.model.preprocessing == base.preprocessing
    same = folder(photos / "train", image_size=(24, 24))  # stretched: decoded again as the base wants it
    result = fit(same, base, stages=1, folder=tmp_path / "run", cache=False, report=False)
    assert result.model.preprocessing == base.preprocessing


def test_faults_are_one_clear_line(base, photos, tmp_path):
    with pytest.raises(ArgumentError, match="Give weights"):
        fit(photos, "mobilenet")
    with pytest.raises(ArgumentError, match="include_top=False"):
        fit(photos, zoo.create("cifar_net_gmp"))
    with pytest.raises(ArgumentError, match="stages 1, 2 and 3"):
        fit(photos, base, stages=4)
    with pytest.raises(ArgumentError, match="has 2 stages"):
        fit(photos, base, unfreeze=9)
    data = folder(photos / "train", preprocessing=base.preprocessing)
    with pytest.raises(DataError, match="one class only"):
        fit(Dataset(data.x[:8], data.y[:8] * 0, ("a", "b")), base)
    lonely = Splits(Dataset(data.x[:8], np.array([0] * 7 + [1]), ("a", "b")), data[:8])
    with pytest.raises(DataError, match='class "b" has 1 picture'):
        fit(lonely, base)
    with pytest.raises(DataError, match="no class of each picture"):
        fit(Dataset(data.x), base)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="holds no model"):
        fit(data, base, folder=tmp_path / "full")


def test_the_command_trains_and_the_run_can_be_evaluated_and_used(base, photos, tmp_path, capsys, monkeypatch):
    """With real published weights' place taken by a file of this network's own."""
    import json

    from striate.cli.main import main

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out = capsys.readouterr()
        return ended.value.code or 0, out.out, out.err

    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    code, _, err = call("transfer", photos)
    assert code == 2
    assert "Give weights" in err
    whole = zoo.create("mobilenet", alpha=0.25)
    whole.module
    whole.export_weights(tmp_path / "w.h5", "keras")
    told = ("transfer", photos, "--weights", tmp_path / "w.h5", "--variant", "alpha=0.25", "--stages", 1)
    code, out, err = call(*told, "--no-report", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["kept"] == "features + head"
    assert facts["features"] == {"computed": 48, "from disk": 0}
    code, out, _ = call(*told, "--folder", "again")
    assert code == 0
    assert "features of 0 pictures computed, of 48 from disk" in out
    assert f"{facts['stages'][0]['accuracy']:.2%}" in out
    code, out, err = call("evaluate", facts["folder"], "--json")  # the same photos, read the same way
    assert code == 0, err
    assert json.loads(out)["accuracy"] == pytest.approx(facts["stages"][0]["accuracy"])
    code, out, err = call("predict", facts["folder"], files(photos, "val")[0])
    assert code == 0, err
    assert "%" in out


# -- classes in a model's order -----------------------------------------------------------------------------------------
def test_targets_of_every_kind_are_renumbered_as_the_model_numbers_them():
    x, labels = np.zeros((2, 4, 4, 3), np.uint8), ["ant", "bee", "cat", "dog"]
    boxes = (np.array([[0, 0, 2, 2], [1, 1, 3, 3]], np.float32), np.zeros((0, 4), np.float32))
    boxed = Dataset(x, classes=("dog", "bee"), boxes=boxes, box_labels=(np.array([0, 1]), np.array([], int)))
    moved = numbered_as(boxed, labels)
    assert [each.tolist() for each in moved.box_labels] == [[3, 1], []]
    assert moved.classes == tuple(labels)
    maps = np.tile(np.array([0, 1, 2, 0]), (2, 4, 1))  # 2 counts for nothing
    masked = numbered_as(Dataset(x, maps, classes=("dog", "bee"), ignored=2), labels)
    assert masked.y[0, 0].tolist() == [3, 1, 4, 3]
    assert masked.ignored == 4
    one_hot = numbered_as(Dataset(x, np.eye(2, dtype=np.float32), classes=("dog", "bee")), labels)
    assert one_hot.labels.tolist() == [3, 1]
    assert numbered_as(Dataset(x, np.array([1, 0]), classes=("dog", "bee")), labels).y.tolist() == [1, 3]


def test_it_says_which_stage_begins_and_how_long_that_may_take(base, photos, tmp_path, capsys):
    fit(
        photos,
        base,
        augment="flip,turn",
        epochs=2,
        patience=9,
        folder=tmp_path / "run",
        cache=False,
        verbose=2,
        report=False,
    )
    lines = capsys.readouterr().out.splitlines()
    begun = [line.split(":")[0] for line in lines if line.startswith("stage ")]
    assert begun == ["stage 1 of 3", "stage 2 of 3", "stage 2 of 3", "stage 3 of 3", "stage 3 of 3"]
    assert "features of 24 pictures and their mirror images" in next(line for line in lines if "stage 1" in line)
    assert all(line.endswith("more at most") for line in lines if " an epoch, so " in line)
    assert any(line.startswith("48/48 ") for line in lines)  # both views went through the bar
    assert "Augmentation" in [layer.kind for layer in load_model(tmp_path / "run").layers]
    fit(photos, base, augment="none", stages=1, folder=tmp_path / "quiet", cache=False, report=False)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("engine", ["torch-bf16", "int8", "fast"])
def test_the_first_stage_takes_features_of_any_engine(engine, base, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "CANDIDATES", ("onnxruntime", "int8"))
    monkeypatch.setattr(trials, "_BURST", 0.01)
    asked = []
    real = finetune.features
    monkeypatch.setattr(finetune, "features", lambda *a, **how: asked.append(how["engine"]) or real(*a, **how))
    made = fit(photos, base, stages=1, engine=engine, folder=tmp_path / "run", cache=False, report=False)
    assert asked == [engine, engine]
    exact = fit(photos, base, stages=1, folder=tmp_path / "exact", cache=False, report=False)
    assert abs(made.stages[0].accuracy - exact.stages[0].accuracy) < 0.3
    assert json.loads((tmp_path / "run" / "run.json").read_text())["arguments"]["engine"] == engine


def test_a_wrong_engine_is_refused_before_anything_is_read(base, tmp_path):
    with pytest.raises(ArgumentError, match='unknown engine "fst"'):
        fit(tmp_path / "nothing", base, engine="fst")


def test_a_saved_model_is_no_name_of_a_base(tmp_path):
    st.Sequential([st.layers.Input((8, 8, 3)), st.layers.Flatten(), st.layers.Dense(2)]).save(tmp_path / "net")
    with pytest.raises(ArgumentError, match=r"the base is an architecture by its name.*goes in from Python"):
        features(str(tmp_path / "net"), [np.zeros((8, 8, 3), np.uint8)])
