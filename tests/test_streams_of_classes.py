"""A stream that says how its classes are called is brought into line with the model's labels, as a Dataset is."""

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import data, layers
from striate.errors import ArgumentError, DataError, Note, TrainingError

LEVELS = {"ant": 30, "bee": 120, "cat": 220}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    for part, names in {"train": LEVELS, "test": ("bee", "cat"), "other": ("bee", "dog")}.items():
        for name in names:
            (folder / part / name).mkdir(parents=True)
            for i in range(3):
                pixels = np.full((8, 8, 3), LEVELS.get(name, 0) + i, np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{i}.png")
    return folder


def knowing(loss="sparse_categorical_crossentropy"):
    """A network that tells the three levels apart, raw pixels as they are."""
    model = st.Sequential(
        [layers.Input((8, 8, 3)), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    )
    level = np.array([*LEVELS.values()]) / 16
    model.set_weights([np.stack([2 * level, 0 * level, 0 * level]) / 16, -(level**2)])
    model.labels = [*LEVELS]
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def stream(folder, **how):
    return st.utils.image_dataset_from_directory(folder, image_size=(8, 8), verbose=False, batch_size=2, **how)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("mode", ["int", "categorical"])
def test_classes_are_matched_by_name_wherever_a_stream_goes(place, part, mode):
    model = knowing("sparse_categorical_crossentropy" if mode == "int" else "categorical_crossentropy")
    for order in (None, ["cat", "bee"] if part == "test" else ["bee", "cat", "ant"]):
        given = stream(place / part, label_mode=mode, class_names=order)
        assert model.evaluate(given, return_dict=True)["accuracy"] == 1.0
        history = model.fit(given, validation_data=given.map(lambda x, y: (x, y)), verbose=0).history
        assert (history["accuracy"], history["val_accuracy"]) == ([1.0], [1.0])


def test_a_loader_says_the_classes_of_its_data():
    class Pictures(torch.utils.data.Dataset):
        classes = ("cat", "ant")

        def __len__(self):
            return 4

        def __getitem__(self, i):
            return np.full((8, 8, 3), LEVELS[self.classes[i % 2]], np.float32), i % 2

    loader = torch.utils.data.DataLoader(Pictures(), batch_size=2)
    assert knowing().evaluate(loader, return_dict=True)["accuracy"] == 1.0


def test_a_class_that_the_model_does_not_know_is_refused(place):
    with pytest.raises(DataError, match='the stream has a class "dog" that the model does not know'):
        knowing().evaluate(stream(place / "other"))
    model = knowing()
    model.labels = None  # numbers are taken as they are
    assert 0 <= model.evaluate(stream(place / "other"), return_dict=True)["accuracy"] <= 1


def test_a_model_learns_the_names_of_a_stream_and_keeps_its_own(place):
    model = knowing()
    model.labels = None
    model.fit(stream(place / "train"), verbose=0)
    assert model.labels == [*LEVELS]
    model.labels = ["a", "b", "cat"]
    assert model.intake.calling(["x", "y", "z"]).labels == ["a", "b", "cat"]
    assert knowing().intake.calling(["one", "two"]).labels == [*LEVELS]


def test_targets_that_are_no_class_of_the_stream_stay_as_they_are():
    model = knowing()
    batches = [(np.full((2, 8, 8, 3), 30, np.float32), np.array([7, 0]))]
    assert model.intake.numbers(["bee", "cat"], "the stream").tolist() == [1, 2]
    with pytest.raises(TrainingError, match="labels run from 1 to 7"):
        model.evaluate(st.utils.Stream(lambda: iter(batches), 1, class_names=["bee", "cat"]))


def test_a_stream_of_another_range_is_doubted_as_arrays_are(place):
    model = knowing()
    model.preprocessing = data.Preprocessing.pictures((8, 8), 3, scale=1 / 127.5, mean=1.0)
    with pytest.warns(Note, match="Scale them alike"):
        model.evaluate(stream(place / "train").unbatch().batch(9))


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict", "validation"])
def test_the_parts_of_a_data_set_are_not_one_of_them(call):
    model = st.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    digits = data.load("digits")
    asked = {
        "fit": lambda: model.fit(digits, verbose=0),
        "evaluate": lambda: model.evaluate(digits),
        "predict": lambda: model.predict(digits),
        "validation": lambda: model.fit(digits.train.take(8), validation_data=digits, verbose=0),
    }
    with pytest.raises(
        ArgumentError, match=r"parts of the data set .*digits.*one is wanted: give its \.train or \.test"
    ):
        asked[call]()
