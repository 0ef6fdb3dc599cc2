"""Classes by name: labels of a model, of data and of ImageNet meet however they are ordered and written."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prepared import KINDS, SIZE, classifier, noise_photos

from striate import data, layers, models, runs
from striate.data import Dataset, Splits
from striate.errors import ArgumentError, BundleError, DataError
from striate.intake import numbered_as


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return noise_photos(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize(
    ("classes", "numbers"),
    [
        (("ant", "bee", "cat"), [0, 1, 2]),
        (("cat", "ant", "bee"), [2, 0, 1]),
        (("bee", "cat"), [1, 2]),
        (("Cat", "BEE"), [2, 1]),
    ],
)
def test_classes_in_another_order_or_fewer_are_matched_by_name(classes, numbers, photos):
    model = classifier(KINDS["unit"])
    x = np.random.default_rng(0).integers(0, 256, (len(classes), *SIZE, 3), np.uint8)
    given = Dataset(x, np.arange(len(classes)), classes, preprocessing=KINDS["unit"])
    expected = model.evaluate(x, np.array(numbers), return_dict=True)
    assert model.evaluate(given, return_dict=True) == expected
    history = model.fit(data.folder(photos, SIZE), epochs=1, verbose=0, validation_data=given).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x, np.array(numbers), return_dict=True)["loss"])


def test_classes_that_the_model_does_not_know_are_refused_in_words_that_name_both():
    model = classifier(KINDS["unit"])
    strange = Dataset(np.zeros((2, *SIZE, 3), np.uint8), np.array([0, 1]), ("dog", "bee"))
    for call in (model.evaluate, model.fit, lambda d: model.fit(d, validation_data=d)):
        with pytest.raises(DataError, match=r'"dog".*Its classes: ant; bee; cat\. Those of the data: dog; bee'):
            call(strange)


def test_without_names_on_either_side_numbers_are_taken_as_they_are():
    x, y = np.zeros((3, *SIZE, 3), np.uint8), np.array([2, 1, 0])
    named = numbered_as(Dataset(x, y, ("a", "b", "c")), None)
    bare = numbered_as(Dataset(x, y), ["a", "b", "c"])
    assert named.y.tolist() == bare.y.tolist() == [2, 1, 0]


IMAGENET = {1000: data.imagenet_labels(1000), 1001: data.imagenet_labels(1001)}


@pytest.mark.parametrize("outputs", [1000, 1001])
@pytest.mark.parametrize("written", ["label", "first synonym", "synset", "underscores", "upper case"])
def test_imagenets_classes_are_found_however_they_are_written(outputs, written):
    labels, start = IMAGENET[outputs], outputs - 1000
    chosen = [0, 1, 296, 388, 930, 999]  # not crane and maillot, which two classes are named
    names = {
        "label": lambda i: labels[i + start],
        "first synonym": lambda i: labels[i + start].split(",")[0],
        "synset": lambda i: data.imagenet_synsets()[i],
        "underscores": lambda i: labels[i + start].split(",")[0].replace(" ", "_"),
        "upper case": lambda i: labels[i + start].split(",")[0].upper(),
    }[written]
    x = np.zeros((len(chosen), 2, 2, 3), np.uint8)
    read = Dataset(x, np.arange(len(chosen)), tuple(names(i) for i in chosen))
    assert numbered_as(read, labels).y.tolist() == [i + start for i in chosen]


def test_a_name_that_two_classes_have_is_refused_or_settled_by_the_files_own_names():
    labels = IMAGENET[1001]
    x, y = np.zeros((2, 2, 2, 3), np.uint8), np.array([0, 1])
    with pytest.raises(DataError, match=r"135 \(n02012849\) and 518 \(n03126707\)"):
        numbered_as(Dataset(x, y, ("crane", "goldfish")), labels)
    paths = ("crane/n03126707_12.JPEG", "goldfish/1.JPEG")
    assert numbered_as(Dataset(x, y, ("crane", "goldfish"), paths=paths), labels).y.tolist() == [518, 2]
    again = numbered_as(Dataset(x, y, ("crane", "goldfish"), paths=paths), labels)
    assert numbered_as(again, labels).y.tolist() == [518, 2]


def test_numbers_are_never_shifted_past_a_background_class():
    bare = Dataset(np.zeros((2, 2, 2, 3), np.uint8), np.array([0, 999]))
    with pytest.raises(DataError, match='class 0 is "background"'):
        numbered_as(bare, IMAGENET[1001])
    assert numbered_as(bare, IMAGENET[1000]).y.tolist() == [0, 999]
    counted = Dataset(bare.x, np.array([1, 1000]))  # no network without a background class has a 1000
    assert numbered_as(counted, IMAGENET[1001]).y.tolist() == [1, 1000]


def test_judging_a_csv_file_takes_the_column_that_names_the_models_classes(photos, tmp_path):
    model = classifier(KINDS["unit"])
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "class_index", "animal"])
        rows.writerows([path, 7 + i, path.parent.name] for i, path in enumerate(sorted(photos.glob("*/*.png"))))
    _, by_csv = runs.judge_run(model, str(tmp_path / "labels.csv"))
    _, by_folder = runs.judge_run(model, str(photos))
    assert by_csv["note"] == 'classes by the column "animal"'
    for key in ("accuracy", "loss", "samples", "interval"):
        assert by_csv[key] == pytest.approx(by_folder[key])


def test_a_shift_of_class_numbers_is_stated_and_within_the_outputs(photos, tmp_path):
    model = classifier(KINDS["unit"])
    model.labels = ["background", "ant", "bee"]
    files = sorted(photos.glob("[ab]*/*.png"))
    (tmp_path / "n.csv").write_text("file,label\n" + "".join(f"{p},{int(p.parent.name == 'bee')}\n" for p in files))
    with pytest.raises(DataError, match="--shift 1"):
        runs.judge_run(model, str(tmp_path / "n.csv"))
    _, shifted = runs.judge_run(model, str(tmp_path / "n.csv"), shift=1)
    x = model.intake.pixels(files)
    truth = np.array([1 + (p.parent.name == "bee") for p in files])
    assert shifted["accuracy"] == pytest.approx(float((model.predict(x).argmax(1) == truth).mean()))
    with pytest.raises(ArgumentError, match="leave the 3 classes"):
        runs.judge_run(model, str(tmp_path / "n.csv"), shift=2)


def test_transfer_numbers_the_validation_part_by_name(photos, tmp_path):
    from striate.transfer.parts import parts

    base = classifier(KINDS["unit"])
    base.labels = None
    read = data.folder(photos, SIZE)
    order = np.array([2, 0, 1])
    moved = replace(read, y=order[read.y], classes=("bee", "cat", "ant"))
    held = parts(Splits(read, moved), base, 0.2, 0).held
    assert held.y.tolist() == read.y.tolist()


WRONG_LABELS = {
    "too few": (["ant", "bee"], "2 labels for a network of 3 classes"),
    "too many": (["ant", "bee", "cat", "dog"], "4 labels for a network of 3 classes"),
    "one": (["ant"], "1 label for a network of 3 classes"),
    "none": ([], "an empty list"),
    "a text": ("abc", "not 'abc'"),
    "a number": (3, "not 3"),
    "numbers": ([1, 2, 3], "not 1 at place 0"),
    "a blank": (["ant", " ", "cat"], "not ' ' at place 1"),
    "twice": (["ant", "bee", "ant"], '"ant" is the name of the classes 0 and 2'),
}


@pytest.mark.parametrize("case", WRONG_LABELS)
def test_labels_that_are_not_one_text_for_each_class_are_refused_however_they_are_set(case, tmp_path):
    import json

    labels, words = WRONG_LABELS[case]
    model = classifier(KINDS["unit"])
    with pytest.raises(ArgumentError, match=words):
        model.labels = labels
    assert model.labels == ["ant", "bee", "cat"]
    model.save(tmp_path / "saved")
    described = json.loads((tmp_path / "saved" / "model.json").read_text())
    (tmp_path / "saved" / "model.json").write_text(json.dumps(described | {"labels": labels}))
    with pytest.raises(BundleError):
        models.load_model(tmp_path / "saved")


def test_labels_that_fit_are_a_list_also_for_yes_and_no_and_for_imagenets_two_cranes():
    model = classifier(KINDS["unit"])
    for given in (("x", "y", "z"), np.array(["x", "y", "z"])):
        model.labels = given
        assert model.labels == ["x", "y", "z"]
    yes = models.Sequential([layers.Input((4,)), layers.Dense(1, activation="sigmoid")])
    yes.labels = ["no", "yes"]
    with pytest.raises(ArgumentError, match="1 label for a network of 2 classes"):
        yes.labels = ["yes"]
    large = models.Sequential([layers.Input((4,)), layers.Dense(1000)])
    large.labels = IMAGENET[1000]
    with pytest.raises(ArgumentError, match="each has its own"):
        large.labels = [*IMAGENET[1000][:-1], IMAGENET[1000][0]]
    model.labels = None
    assert model.labels is None


def test_a_network_with_other_outputs_than_the_data_has_classes_takes_no_names_from_them(photos):
    read = data.folder(photos, SIZE)
    wide = models.Sequential([layers.Input((*SIZE, 3)), layers.Flatten(), layers.Dense(7, activation="softmax")])
    wide.compile("sgd", "sparse_categorical_crossentropy")
    wide.fit(read, epochs=1, verbose=0)
    assert wide.labels is None
