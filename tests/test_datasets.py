"""``striate.datasets``: Keras' shapes and types, of small files that the tests write."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from striate import data, datasets
from striate.data.sets import catalog
from striate.errors import ArgumentError, DataError

RNG = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No data but those of the test."""
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path


def write_digits(folder, train, test):
    folder.mkdir(parents=True)
    for part, (x, y) in {"train": train, "t10k": test}.items():
        images = struct.pack(">IIII", 2051, len(x), 28, 28) + x.tobytes()
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        labels = struct.pack(">II", 2049, len(y)) + y.tobytes()
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_grey_pictures_have_no_channel_and_labels_are_bytes(home, name):
    parts = [
        (RNG.integers(0, 256, (n, 28, 28)).astype(np.uint8), RNG.integers(0, 10, n).astype(np.uint8)) for n in (5, 3)
    ]
    write_digits(home / "data" / name, *parts)
    for got, want in zip(getattr(datasets, name).load_data(), parts, strict=True):
        for a, b in zip(got, want, strict=True):
            assert a.dtype == np.uint8
            assert np.array_equal(a, b)


def test_mnist_is_read_from_the_path_that_is_given(home):
    x, y = np.zeros((2, 28, 28), np.uint8), np.array([1, 2], np.uint8)
    np.savez(home / "my.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[:1])
    (a, b), (c, _) = datasets.mnist.load_data(str(home / "my.npz"))
    assert (a.shape, b.tolist(), len(c)) == ((2, 28, 28), [1, 2], 1)
    np.savez(home / "bad.npz", x=x)
    with pytest.raises(DataError, match="x_train"):
        datasets.mnist.load_data(str(home / "bad.npz"))


def cifar_files(rows, label):
    return pickle.dumps({"data": RNG.integers(0, 256, (rows, 3072)).astype(np.uint8), **label})


def test_colour_pictures_have_their_labels_in_a_column(home):
    folder = home / "data" / "cifar-10-batches-py"
    folder.mkdir()
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (folder / name).write_bytes(cifar_files(2, {"labels": [3, 9]}))
    (x, y), (x_test, y_test) = datasets.cifar10.load_data()
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == ((10, 32, 32, 3), (10, 1), (2, 32, 32, 3), (2, 1))
    assert {array.dtype.name for array in (x, y, x_test, y_test)} == {"uint8"}
    raw = pickle.loads((folder / "test_batch").read_bytes())["data"]
    assert np.array_equal(x_test, raw.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))
    assert y_test.ravel().tolist() == [3, 9]


def test_cifar100_has_fine_and_coarse_labels(home):
    folder = home / "data" / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test"):
        (folder / name).write_bytes(cifar_files(2, {"fine_labels": [98, 1], "coarse_labels": [0, 19]}))
    names = {"fine_label_names": [f"f{i}" for i in range(100)], "coarse_label_names": [f"c{i}" for i in range(20)]}
    (folder / "meta").write_bytes(pickle.dumps(names))
    assert datasets.cifar100.load_data()[0][1].tolist() == [[98], [1]]
    assert datasets.cifar100.load_data(label_mode="coarse")[0][1].tolist() == [[0], [19]]
    with pytest.raises(ArgumentError, match="label_mode"):
        datasets.cifar100.load_data("rough")


TEXTS = {
    "train": ["good good film", "bad film", "a good good film, a film", "bad bad bad"],
    "test": ["good unseen film", "bad"],
}


@pytest.fixture
def reviews(home):
    folder = home / "data" / "imdb"
    folder.mkdir()
    for part, texts in TEXTS.items():
        rows = "".join(f'{i % 2},"{text}"\n' for i, text in enumerate(texts))
        (folder / f"{part}.csv").write_text(f"label,text\n{rows}")
    return folder


def test_words_are_numbered_by_rank_and_reviews_shuffled_as_keras_does(reviews):
    counts = Counter(word for text in TEXTS["train"] for word in text.replace(",", "").split())
    rank = {word: i for i, (word, _) in enumerate(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])), 1)}
    assert datasets.imdb.get_word_index() == rank
    (x, y), (x_test, _) = datasets.imdb.load_data()
    order = np.arange(4)
    np.random.RandomState(113).shuffle(order)
    want = [[1, *(rank[w] + 3 for w in TEXTS["train"][i].replace(",", "").split())] for i in order]
    assert [list(row) for row in x] == want
    assert y.tolist() == [i % 2 for i in order]
    assert x.dtype == object
    assert sorted(map(len, x_test)) == [2, 3]  # a word that training never saw is left out


def test_the_arguments_of_imdb_choose_words_and_reviews(reviews):
    (x, _), _ = datasets.imdb.load_data(num_words=6, index_from=3, seed=1)
    assert {w for row in x for w in row} <= {1, 2, 4, 5}
    (x, _), _ = datasets.imdb.load_data(num_words=6, oov_char=None, start_char=None)
    assert {w for row in x for w in row} == {4, 5}
    (x, y), _ = datasets.imdb.load_data(maxlen=4)
    assert len(x) == len(y) == 1
    (x, _), _ = datasets.imdb.load_data(skip_top=5)
    assert 4 not in {w for row in x for w in row}
    with pytest.raises(DataError, match="maxlen=2"):
        datasets.imdb.load_data(maxlen=2)
    with pytest.raises(ArgumentError, match="nb_words"):
        datasets.imdb.load_data(nb_words=3)


def test_an_archive_is_fetched_unpacked_and_then_found(home, monkeypatch):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            content = bytes([4]) + bytes(3072)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (home / "cifar-10-binary.tar.gz").write_bytes(packed.getvalue())
    import hashlib

    sums = {"cifar-10-binary.tar.gz": f"md5:{hashlib.md5(packed.getvalue()).hexdigest()}"}
    source = replace(catalog.SOURCES["cifar10"], url=f"{home.as_uri()}/", sums=sums)
    monkeypatch.setitem(catalog.SOURCES, "cifar10", source)
    assert datasets.cifar10.load_data()[0][1].tolist() == [[4]] * 5
    (home / "cifar-10-binary.tar.gz").unlink()
    assert len(data.load("cifar10").test) == 1  # the second time from its place
    assert [path.name for path in (home / "home" / ".striate" / "data").iterdir()] == ["cifar10"]
