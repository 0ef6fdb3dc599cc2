"""Several models answer as one, whatever the order of their classes and the size of their pictures."""

import json

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import layers as L
from striate.cli.main import main
from striate.data import Preprocessing
from striate.errors import ArgumentError, DataError
from striate.runs import judge_ensemble, train_run
from striate.tasks import Ensemble, classify


def network(size, labels, seed, channels=3):
    st.set_seed(seed)
    model = st.Sequential([L.Flatten(input_shape=(size, size, channels)), L.Dense(len(labels), activation="softmax")])
    model.labels = list(labels)
    model.preprocessing = Preprocessing(image_size=(size, size), channels=channels)
    return model


def photo(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_the_mean_of_the_probabilities_class_by_class_each_model_with_its_own_pictures(tmp_path):
    one, two = network(8, "abc", 0), network(5, "cab", 1, channels=1)
    path = photo(tmp_path / "photo.png", 0)
    each = [dict(classify(model, [path], 3)[0]) for model in (one, two)]
    (guesses,) = Ensemble([one, two]).classify([path], 3)
    assert [guess.probability for guess in guesses] == sorted((g.probability for g in guesses), reverse=True)
    for label, probability in guesses:
        assert probability == pytest.approx((each[0][label] + each[1][label]) / 2)
    assert Ensemble([one]).classify([path], 2) == classify(one, [path], 2)
    assert Ensemble([two, one]).labels == list("cab")


def test_models_of_other_classes_and_wrong_inputs_are_refused():
    one = network(4, "abc", 0)
    for other in (network(4, "abd", 0), network(4, "ab", 0)):
        with pytest.raises(ArgumentError, match="model 2 of the ensemble has other classes"):
            Ensemble([one, other])
    with pytest.raises(ArgumentError, match="at least one"):
        Ensemble([])
    twins = Ensemble([one, one])
    pictures = np.zeros((3, 4, 4, 3), np.uint8)
    with pytest.raises(ArgumentError, match="as many inputs"):
        twins.probabilities([pictures])
    with pytest.raises(DataError, match="different numbers of examples"):
        twins.probabilities([pictures, pictures[:2]])
    with pytest.raises(ArgumentError, match="top=0 must be a whole number of at least 1"):
        twins.classify(["x.png"], 0)
    with pytest.raises(DataError, match="no pictures"):
        twins.classify([])
    mapped = st.Sequential([L.Conv2D(2, 3, input_shape=(4, 4, 3))])
    with pytest.raises(ArgumentError, match="not one number per class"):
        Ensemble([one, mapped])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Dark and bright pictures, a folder per class, without a test part."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for label, level in (("bright", 170), ("dark", 60)):
        (root / label).mkdir()
        for i in range(20):
            pixels = np.clip(rng.normal(level, 60, (9, 9, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory):
    """Two runs of other seeds for the weights, but the same part held out; the third held out another."""
    made = []
    for i, (size, seed) in enumerate(((8, 0), (10, 0), (8, 5))):
        where = tmp_path_factory.mktemp("runs") / str(i)
        settings = {"epochs": 2, "verbose": 0, "report": False, "validation": 0.25}
        made.append(
            train_run(str(folder), model="linear", folder=where, image_size=(size, size), seed=seed, **settings)
        )
    return [run.folder for run in made]


def test_an_ensemble_is_judged_on_what_none_was_trained_on(runs, folder, capsys):
    scores = judge_ensemble(runs[:2])
    assert scores["samples"] == 10
    assert 0 <= scores["accuracy"] <= 1
    assert len(scores["accuracy of each"]) == 2
    with pytest.raises(ArgumentError, match="held out different pictures"):
        judge_ensemble([runs[0], runs[2]])
    assert "note" not in scores
    everything = judge_ensemble([runs[0], runs[2]], str(folder))
    assert everything["samples"] == 40
    assert "the model was trained on 30 of these 40 pictures" in everything["note"]
    low, high = everything["interval"]
    assert low < everything["accuracy"] <= high


def test_predict_and_evaluate_take_further_models(runs, folder, tmp_path, capsys):
    path = folder / "dark" / "0.png"

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        assert not ended.value.code, capsys.readouterr().err
        return capsys.readouterr().out

    (found,) = json.loads(call("predict", runs[0], path, "--with", runs[1], "--json"))
    expected = Ensemble([st.models.load_model(run) for run in runs[:2]]).classify([path])[0]
    assert found["top"] == [guess._asdict() for guess in expected]
    scores = json.loads(call("evaluate", runs[0], "--with", runs[1], "--json"))
    assert scores["accuracy"] == judge_ensemble(runs[:2])["accuracy"]
    assert "together, on 10 of" in call("evaluate", runs[0], "--with", runs[1])
