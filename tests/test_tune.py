"""The search for settings: folds, table, going on after a break, and the run that uses what it found."""

import json
from pathlib import Path

import numpy as np
import pytest

import striate as st
from striate import data
from striate.cli.main import main
from striate.data import Dataset, Splits
from striate.errors import ArgumentError, DataError
from striate.layers import Dense, Dropout, Flatten
from striate.tune import OPTIMIZERS, Tuned, tune, varied

optuna = pytest.importorskip("optuna")


def little() -> Splits:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 4, 4, 1)).astype(np.float32)
    y = (x.mean((1, 2, 3)) > 0).astype(np.int64)
    return Splits(Dataset(x[:120], y[:120], ("no", "yes")), None, Dataset(x[120:], y[120:], ("no", "yes")))


def network():
    return st.Sequential(
        [Flatten(input_shape=(4, 4, 1)), Dense(8, activation="relu"), Dropout(0.5), Dense(2, activation="softmax")]
    )


def search(folder, trials=6, **changes):
    settings = {"model": network(), "folds": 2, "epochs": 2, "splits": little()} | changes
    return tune("little", trials, folder=folder, **settings)


def test_settings_are_tried_ranked_and_told(tmp_path):
    told = []
    tuned = search(tmp_path, say=told.append)
    assert len(told) == len(tuned.trials) == 6
    ended = [trial.score for trial in tuned.trials if trial.score is not None]
    assert ended == sorted(ended, reverse=True)
    assert tuned.best.score == ended[0] > 0.5
    assert set(tuned.best.settings) == {"learning_rate", "optimizer", "batch_size", "dropout", "width"}
    assert tuned.best.settings["batch_size"] <= 16
    text = str(tuned)
    assert "mean over 2 folds, 2 epochs each" in text
    assert f"{tuned.best.score:.4f}" in text.splitlines()[1]
    optimizer = st.optimizers.get(tuned.optimizer())
    assert optimizer.learning_rate == tuned.best.settings["learning_rate"]
    assert tuned.model().graph.output_shapes == [(2,)]


def test_a_search_that_was_broken_off_goes_on(tmp_path):
    class StopError(Exception):
        pass

    told = []

    def stop(line):
        told.append(line)
        if len(told) == 3:
            raise StopError

    with pytest.raises(StopError):
        search(tmp_path, say=stop)
    assert len(search(tmp_path, say=told.append).trials) == 6
    assert len(told) == 6
    again = search(tmp_path, say=told.append)
    assert len(told) == 6
    assert len(again.trials) == 6


def test_a_trial_whose_process_was_killed_is_tried_again(tmp_path):
    search(tmp_path, 1)
    study = optuna.load_study(study_name="striate", storage=f"sqlite:///{tmp_path / 'tune.db'}")
    lost = study.ask()
    lost.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    rate = lost.params["learning_rate"]
    tuned = search(tmp_path, 2)
    assert sum(trial.settings["learning_rate"] == rate for trial in tuned.trials if trial.score is not None) == 1


def test_another_search_in_the_same_folder_and_wrong_numbers_are_refused(tmp_path):
    search(tmp_path, 1)
    with pytest.raises(ArgumentError, match="with epochs 2, now it is 3"):
        search(tmp_path, 1, epochs=3)
    with pytest.raises(ArgumentError, match="other data or another network"):
        search(tmp_path, 1, model=st.Sequential([Flatten(input_shape=(4, 4, 1)), Dense(2, activation="softmax")]))
    with pytest.raises(ArgumentError, match="at least 1 trial and 2 folds"):
        search(tmp_path, 0)
    x = np.zeros((8, 4, 4, 1), np.float32)
    with pytest.raises(DataError, match="no class labels"):
        search(tmp_path, 1, splits=Splits(Dataset(x, x.mean((1, 2, 3))), None, None), validation=0)


def test_dropout_and_width_change_what_has_them_and_never_the_answer():
    described = network().description()
    changed = varied(described, {"dropout": 0.1, "width": 2.0})
    found = {layer["class"]: layer for layer in changed["layers"]}
    assert found["Dropout"]["rate"] == 0.1
    assert [layer["units"] for layer in changed["layers"] if layer["class"] == "Dense"] == [16, 2]
    assert varied(described, {}) == described
    branched = st.zoo.create("resnet50").description()
    assert varied(branched, {"width": 2.0}) == branched
    assert {st.optimizers.get(entry).__class__.__name__.lower() for entry in OPTIMIZERS.values()} == set(OPTIMIZERS)


@pytest.mark.slow
def test_train_with_tune_searches_then_trains_into_the_same_folder(tmp_path, capsys):
    folder = tmp_path / "run"

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        return ended.value.code or 0, *capsys.readouterr()

    arguments = ("train", "digits", "--model", "linear", "--epochs", "2", "--no-report", "--folder", folder)
    code, text, error = call(*arguments, "--tune", "2", "--json")
    assert code == 0, error
    facts = json.loads(text)
    best = facts["tuned"][0]
    assert len(facts["tuned"]) == 2
    model = st.models.load_model(folder)
    assert model.facts["batch_size"] == best["batch_size"]
    assert model.scores["judged on"].startswith(data.load("digits").test.name)
    assert {"tune.db", "run.json", "model.json"} <= {path.name for path in Path(folder).iterdir()}
    code, text, error = call("train", "--resume", folder, "--json")
    assert code == 0, error
    assert json.loads(text)["scores"] == facts["scores"]
    code, _, error = call(*arguments, "--tune", "2", "--optimizer", "sgd")
    assert code == 2
    assert "--tune chooses" in error


def test_a_table_of_one_trial():
    from striate.tune import Trial

    text = str(Tuned([Trial(0, 0.5, {"learning_rate": 0.001})], {}, 2, 1))
    assert text.splitlines()[1].split() == ["1", "0.5000", "0.001"]


@pytest.mark.parametrize(("task", "figure"), [("localize", "box_iou"), ("segment", "mean_iou")])
def test_other_tasks_are_tuned_by_their_own_figure(tmp_path, task, figure):
    tuned = tune("scenes", 1, folder=tmp_path, task=task, folds=2, epochs=1, count=8, size=32)
    assert tuned.figure == figure
    assert set(tuned.best.settings) == {"learning_rate", "optimizer", "batch_size"}
    assert 0 <= tuned.best.score <= 1
    assert figure in str(tuned).splitlines()[0]
    with pytest.raises(ArgumentError, match="takes a base by name"):
        tune("scenes", 1, folder=tmp_path, task=task, recipe="digits", count=8, size=32)
