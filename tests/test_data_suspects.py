"""``data.check(model=…)``: labels that were put wrong on purpose are named, whatever the model's own classes say."""

import ast
import json

import numpy as np
import pytest
from oracles.suspects import CASES, STORED, drawn
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import striate as st
from striate import data, layers, logistic
from striate.data.checks.confident import likelier_classes
from striate.errors import ArgumentError
from striate.logistic import DECAYS, held_out, regressions

CLEANLAB = {ast.literal_eval(case): set(found) for case, found in json.loads(STORED.read_text()).items()}


def test_confident_learning_by_hand():
    """Bounds: class 0 (0.9 + 0.8 + 0.7 + 0.2) / 4 = 0.65, class 1 (0.9 + 0.7 + 0.6) / 3 = 0.733.  Of label 0 three are
    confidently 0 and the last, 0.8 for class 1, confidently 1; of label 1 only 0.9 is confident."""
    p = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.3, 0.4])
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    assert likelier_classes(np.stack([p, 1 - p], axis=1), labels).tolist() == [-1, -1, -1, 1, -1, -1, -1]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_confident_learning_names_what_cleanlab_names(case):
    """cleanlab 2.9.0, find_label_issues; where shares of pictures are rounded, one may go another way in thirty."""
    p, labels = drawn(*case)
    found = likelier_classes(p, labels)
    assert len(CLEANLAB[case] ^ set(np.flatnonzero(found >= 0).tolist())) <= max(1, len(CLEANLAB[case]) // 30)
    assert (found != labels).all()
    rows = np.flatnonzero(found >= 0)
    np.testing.assert_array_equal(found[rows], p[rows].argmax(axis=1))


def test_nothing_is_named_where_every_answer_is_its_label_and_a_class_without_pictures_is_nobodys():
    labels = np.array([0, 1, 3] * 5)
    assert (likelier_classes(np.eye(4)[labels], labels) == -1).all()


def blobs(n=60, width=5, classes=3, seed=0):
    rng = np.random.RandomState(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(n, width)) + 2 * np.eye(width)[y], y


def test_held_out_probabilities_are_scikit_learns_at_the_best_decay(monkeypatch):
    monkeypatch.setattr(logistic, "DECAYS", (1.0, 0.03, 0.001))
    x, y = blobs()
    fold = np.arange(len(y)) // 3 % 4
    found = held_out(x, y, 3, fold)
    scaled = (x - x.mean(axis=0)) / np.sqrt(((x - x.mean(axis=0)) ** 2).mean())
    losses, answers = [], []
    for decay in logistic.DECAYS:
        truth = np.empty_like(found)
        for k in range(4):
            kept = fold != k
            fit = LogisticRegression(C=1 / (decay * kept.sum()), tol=1e-8, max_iter=500).fit(scaled[kept], y[kept])
            truth[~kept] = fit.predict_proba(scaled[~kept])
        answers.append(truth)
        losses.append(-np.log(truth[np.arange(len(y)), y]).mean())
    np.testing.assert_allclose(found, answers[int(np.argmin(losses))], atol=1e-3)


@pytest.mark.parametrize("width", [5, 200])  # fewer and more features than examples
def test_no_example_has_a_part_in_its_own_judgement(width, monkeypatch):
    monkeypatch.setattr(logistic, "DECAYS", (0.1,))  # which decay is best may hang on any label
    x, y = blobs(width=width)
    fold = np.arange(len(y)) // 3 % 4
    before = held_out(x, y, 3, fold)
    changed = np.where(np.arange(len(y)) == 7, (y + 1) % 3, y)  # one label of fold 2
    after = held_out(x, changed, 3, fold)
    same_fold = fold == fold[7]
    np.testing.assert_allclose(before[same_fold], after[same_fold], atol=1e-6)
    assert np.abs(before[~same_fold] - after[~same_fold]).max() > 1e-4


def test_regressions_start_from_the_one_before_and_are_in_units_of_the_features():
    x, y = blobs()
    (first, _), (second, bias) = regressions(x[None], y, 3, DECAYS[:2])
    assert first.norm() < second.norm()
    assert ((x @ second.numpy().T + bias.numpy()).argmax(axis=1) == y).mean() > 0.8


# -- pictures -----------------------------------------------------------------------------------------------------------
WRONG = 8


@pytest.fixture
def digits(tmp_path):
    """(the folder, the paths of what lies in a wrong class of it): pictures of 3, 5 and 8."""
    given = load_digits()
    rows = np.flatnonzero(np.isin(given.target, [3, 5, 8]))[:120]
    labels = given.target[rows].copy()
    wrong = np.random.RandomState(0).choice(len(rows), WRONG, replace=False)
    labels[wrong] = [{3: 5, 5: 8, 8: 3}[label] for label in labels[wrong]]
    paths = []
    for i, label in zip(rows, labels, strict=True):
        folder = tmp_path / "digits" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        paths.append(folder / f"{i}.png")
        Image.fromarray((given.images[i] * 15).astype(np.uint8)).save(paths[-1])
    return tmp_path / "digits", {str(paths[i]) for i in wrong}


def eyes(classes=4, labels=None):
    """A model whose features are the pixels themselves."""
    model = st.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(classes, activation="softmax")])
    model.preprocessing = data.Preprocessing.pictures((8, 8), 1)
    if labels:
        model.labels = labels
    return model


def suspects(folder, model, **options):
    report = data.check(folder, near=False, model=model, **options)
    return {finding.files[0]: finding.detail for finding in report.of("suspect-label")}


def test_what_was_put_into_a_wrong_class_is_named_with_the_class_that_it_looks_like(digits):
    folder, wrong = digits
    found = suspects(folder, eyes())
    assert len(found.keys() & wrong) >= WRONG - 2
    assert len(found.keys() - wrong) <= 3
    for path in found.keys() & wrong:
        given = path.split("/")[-2]
        assert f'labelled "{given}"' in found[path]
        assert f'"{ {"5": "3", "8": "5", "3": "8"}[given] }"' in found[path]


def test_a_model_of_these_classes_is_no_judge_of_what_it_was_trained_on(digits):
    """Its own answers, here all for one class with certainty, are not asked: it may have learnt the wrong labels."""
    folder, _ = digits
    sure = eyes(3, ["3", "5", "8"])
    sure.layers[-1].set_weights([np.zeros((64, 3)), np.array([50.0, 0, 0])])
    assert suspects(folder, sure).keys() == suspects(folder, eyes()).keys()


def test_features_are_computed_once_and_then_read_from_disk(digits, monkeypatch):
    monkeypatch.setattr(logistic, "DECAYS", (1.0,))
    folder, _ = digits
    seen = []
    monkeypatch.setattr(st.Model, "extract", lambda self, x: seen.append(len(x)) or np.asarray(x).reshape(len(x), -1))
    model = eyes(7)
    first = suspects(folder, model)
    assert sum(seen) == 120
    assert suspects(folder, model) == first
    assert sum(seen) == 120
    some = next(folder.glob("3/*.png"))
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(some)
    suspects(folder, model)
    assert sum(seen) == 121
    weights = model.get_weights()
    weights[0][0, 0] += 1
    model.set_weights(weights)
    suspects(folder, model)
    assert sum(seen) == 241


def test_few_pictures_of_a_class_are_judged_by_what_there_is_and_a_single_one_is_not(tmp_path):
    for name, levels in (("light", (200, 210, 220)), ("dark", (30, 40, 50, 230)), ("other", (90,))):
        (tmp_path / name).mkdir()
        for level in levels:
            Image.fromarray(np.tile(np.uint8([[level, level - 20]]), (4, 4))).save(tmp_path / name / f"{level}.png")
    found = suspects(tmp_path, eyes(), few=0)
    assert str(tmp_path / "other" / "90.png") not in found
    for path in (tmp_path / "light", tmp_path / "dark"):
        for file in path.iterdir():
            file.unlink()
    assert suspects(tmp_path, eyes(), few=0) == {}


def test_a_model_without_preprocessing_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="preprocessing"):
        data.check(tmp_path, model=st.zoo.create("cifar_net_gmp"))
