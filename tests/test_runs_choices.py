"""What a run decides by itself: the size at which pictures are read, the border, augmentation in words, where data lies."""

import gzip
import json
import struct

import numpy as np
import pytest
from PIL import Image

import striate as st
from striate import layers
from striate.cli.main import main
from striate.data import Dataset, Preprocessing, Splits
from striate.data.sets import catalog
from striate.errors import ArgumentError, DataError, ShapeError
from striate.layers.augment_words import WORDS, by_words
from striate.model.preceded import preceded
from striate.runs import resume_run, train_run, tune_run
from striate.runs.networks import levels, reading


def photos(folder, size, count=6, classes=("bird", "cat")):
    rng = np.random.default_rng(0)
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 100, (*size, 3)) + 120 * k
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")
    return folder


def idx(folder, count=20, size=28):
    """MNIST's four files, with few pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for stem in ("train", "t10k"):
        x, y = rng.integers(0, 256, (count, size, size), dtype=np.uint8), (np.arange(count) % 10).astype(np.uint8)
        for kind, values in (("images-idx3", x), ("labels-idx1", y)):
            head = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            (folder / f"{stem}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return folder


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A working folder and a home with no data sets in them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    monkeypatch.setattr(catalog, "_home", lambda: tmp_path / "home")
    return tmp_path


@pytest.mark.parametrize(
    ("network", "size"), [("lenet5", (28, 28)), ("lenet5_1998", (32, 32)), ("cats_dogs_net", (150, 150))]
)
def test_a_folder_is_read_at_the_size_of_the_network_that_is_named(tmp_path, network, size):
    folder = str(photos(tmp_path / "photos", (40, 50)))
    assert reading(folder, network, {})["image_size"] == size
    assert reading(folder, network, {"image_size": (9, 9)}) == {"image_size": (9, 9)}
    own = st.Sequential([layers.Input((20, 24, 1)), layers.Flatten(), layers.Dense(2)])
    assert reading(folder, own, {}) == {"image_size": (20, 24), "channels": 1}


@pytest.mark.parametrize(("size", "read"), [((32, 32), (32, 32)), ((30, 40), (30, 40)), ((300, 200), (150, 150))])
def test_without_a_network_small_pictures_are_read_as_they_are(tmp_path, size, read):
    assert reading(str(photos(tmp_path / "photos", size)), None, {})["image_size"] == read


def test_pictures_a_little_smaller_than_lenet_takes_get_a_border(tmp_path, capsys):
    rng = np.random.default_rng(0)
    data = Dataset(
        rng.integers(0, 256, (30, 28, 28, 1), dtype=np.uint8), np.arange(30) % 10, tuple("0123456789"), "digits28"
    )
    splits = Splits(data, data, None)
    run = train_run("d", model="lenet5_1998", splits=splits, folder=tmp_path / "r", epochs=1, report=False, verbose=2)
    assert "lenet5_1998 takes 32 x 32 pixels: the pictures, 28 x 28, get a border of zeros." in capsys.readouterr().out
    assert run.model.graph.input_shapes == [(28, 28, 1)]
    assert run.model.size().weights == 60_000  # that learn, as published
    bare = st.Model(run.model.tensor("zero_padding2d"), run.model.output)
    padded = np.zeros((1, 32, 32, 1), np.float32)
    padded[:, 2:30, 2:30] = data.x[:1]
    np.testing.assert_allclose(bare.predict(padded), run.model.predict(data.x[:1]), atol=1e-4)
    again = st.models.load_model(tmp_path / "r")
    np.testing.assert_allclose(again.predict(data.x[:2]), run.model.predict(data.x[:2]), atol=1e-4)
    tiny = Dataset(data.x[:, :8, :8], data.y, data.classes, "tiny")
    with pytest.raises(ShapeError, match="published for 32 x 32 pixels, the pictures have 8 x 8"):
        train_run("d", model="lenet5_1998", splits=Splits(tiny, tiny), folder=tmp_path / "s", verbose=0)


# -- augmentation -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("shape", "range_"), [((299, 299, 3), (-1.0, 1.0)), ((12, 10, 1), (0.0, 1.0))])
def test_every_word_changes_pictures_in_training_alone_and_stays_in_range(word, shape, range_):
    chosen = by_words(word, shape, range_)
    if word == "grey" and shape[2] == 1:
        assert not chosen
        return
    st.set_seed(0)
    net = st.Sequential([layers.Input(shape), *chosen])
    rng = np.random.default_rng(0)
    x = rng.uniform(*range_, (12 if shape[0] < 99 else 2, *shape)).astype(np.float32)
    np.testing.assert_array_equal(net(x, training=False).numpy(), x)
    changed = np.concatenate([net(x, training=True).numpy() for _ in range(4)])
    assert changed.shape == (4 * len(x), *shape)
    assert (changed != np.tile(x, (4, 1, 1, 1))).any()
    if word != "erase":
        assert changed.min() >= range_[0] - 1e-5
        assert changed.max() <= range_[1] + 1e-5


def test_words_that_are_none_are_named():
    with pytest.raises(ArgumentError, match='Did you mean "flip"'):
        by_words("flp", (8, 8, 3), (0, 1))
    with pytest.raises(ArgumentError, match="known: flip"):
        by_words(" , ", (8, 8, 3), (0, 1))
    with pytest.raises(ArgumentError, match="none stands alone"):
        by_words("none,flip", (8, 8, 3), (0, 1))
    assert by_words("none", (8, 8, 3), (0, 1)) == []
    assert by_words("flip, color", (8, 8, 3), (0, 1))[0].layers[0].kind == "RandomFlip"


def test_levels_are_those_of_black_and_white():
    assert levels(Preprocessing(scale=1 / 127.5, mean=(1.0, 1.0, 1.0)), (4, 4, 3)) == (-1, 1)
    assert levels(Preprocessing(), (4, 4, 1)) == (0, 255)


@pytest.mark.parametrize("network", ["linear", "resnet18"])
def test_a_network_behind_augmentation_answers_as_without_and_shares_its_weights(network):
    st.set_seed(0)
    net = st.zoo.create(network, classes=3, input_shape=(32, 32, 3))
    behind = preceded(net, by_words("flip,crop,colour", (32, 32, 3), (0, 1)))
    assert type(behind) is type(net)
    x = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(behind.predict(x), net.predict(x), atol=1e-5)


def test_augmentation_in_words_is_trained_with_and_remembered(tmp_path, capsys):
    folder = photos(tmp_path / "photos", (16, 16))
    arguments = ["--model", "linear", "--epochs", "1", "--no-report", "--augment", "flip,turn"]
    with pytest.raises(SystemExit) as ended:
        main(["train", str(folder), *arguments, "--folder", str(tmp_path / "run"), "--validation", "0.4"])
    assert ended.value.code == 0
    model = st.models.load_model(tmp_path / "run")
    assert "Augmentation" in [layer.kind for layer in model.layers]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["arguments"]["augment"] == "flip,turn"
    assert resume_run(tmp_path / "run", verbose=0).model.graph.input_shapes == model.graph.input_shapes
    assert "Epoch" not in capsys.readouterr().err


def test_a_recipes_augmentation_gives_way():
    recipe = st.recipes.get("digits")
    assert recipe.model(10, (8, 8, 1)).layers[0].kind == "RandomAffine"
    assert recipe.model(10, (8, 8, 1), []).layers[0].kind == "Conv2D"
    assert recipe.model(10, (8, 8, 1), [layers.RandomFlip("vertical")]).layers[0].kind == "RandomFlip"


# -- where data lie -----------------------------------------------------------------------------------------------------
def test_idx_files_are_found_in_a_folder_and_beside_the_user(alone):
    idx(alone / "mine")
    idx(alone / "mnist")
    for data in ("mine", "mnist", "./mnist"):
        run = train_run(data, model="linear", epochs=1, folder=f"{data.strip('./')}-run", verbose=0, report=False)
        assert run.model.graph.input_shapes == [(28, 28, 1)]
        assert "20 held-out" in run.model.scores["judged on"]
    with pytest.raises(ArgumentError, match=r'unknown option of mine "image_size"\. Known: classes, name\.$'):
        train_run("mine", model="linear", image_size=(8, 8), verbose=0)
    with pytest.raises(ArgumentError, match=r'unknown option of mnist "image_size"\. There is none\.$'):
        train_run("mnist", model="linear", image_size=(8, 8), verbose=0)


def test_photos_in_a_folder_that_is_called_like_a_data_set_are_read_as_photos(alone):
    photos(alone / "cifar10", (20, 30))
    assert st.data.load("cifar10", image_size=(8, 8)).train.shape == (8, 8, 3)
    run = train_run("cifar10", model="linear", epochs=1, folder="r", verbose=0, report=False, validation=0.4)
    assert run.model.labels == ["bird", "cat"]


def test_download_fetches_what_is_not_there_and_the_error_says_how(alone, monkeypatch):
    with pytest.raises(DataError, match=r"striate train mnist --download\) fetches it"):
        train_run("mnist", verbose=0)

    def fetched(name, source, path):
        return idx(alone / "home" / name)

    monkeypatch.setattr(catalog, "_download", fetched)
    with pytest.raises(SystemExit) as ended:
        main(["train", "mnist", "--download", "--model", "linear", "--epochs", "1", "--no-report", "--folder", "r"])
    assert ended.value.code == 0
    assert (alone / "r" / "model.json").is_file()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"augment": "flp"}, 'Did you mean "flip"'),
        ({"precision": "bf15"}, 'Did you mean "bf16"'),
        ({"mix": "mixpu"}, 'Did you mean "mixup"'),
        ({"optimizer": "adm"}, 'Did you mean "adam"'),
        ({"batch_size": 0}, "batch_size=0 must be a whole number of at least 1"),
        ({"epochs": 0}, "a whole number of at least 1, not 0"),
        ({"learning_rate": -1}, "learning_rate=-1 must be at least 0"),
        ({"optimizer": "sgd", "learning_rate": -1}, "SGD: learning_rate=-1 must be at least 0"),
        ({"validation": 1.5}, "validation=1.5 must be between 0 and 1"),
    ],
)
def test_an_argument_that_is_wrong_for_any_data_is_an_error_before_they_are_read(tmp_path, wrong, said):
    with pytest.raises(ArgumentError, match=said):
        train_run(str(tmp_path / "not there"), verbose=0, **wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"engines": ["int9"]}, 'unknown engine "int9"'),
        ({"agreement": 99.5}, "is a part of 1"),
        ({"points": -1}, "points=-1 must be"),
        ({"rounds": 0}, "rounds=0"),
    ],
)
def test_engines_are_not_measured_with_wrong_arguments_before_data_are_read(tmp_path, wrong, said):
    model = st.Sequential([st.layers.Input((4,)), st.layers.Dense(2, activation="softmax")])
    with pytest.raises(ArgumentError, match=said):
        tune_run(model, str(tmp_path / "not there"), **wrong)
