"""image_dataset_from_directory: which files, in which order, with which labels, as which numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from striate import utils
from striate.errors import ArgumentError, DataError
from striate.utils import image_dataset_from_directory


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """b/0.png … b/5.png, a/0.png … a/3.png, a/deep/9.png, plain pictures of grey 10, 20 …; and what is no picture."""
    root = tmp_path_factory.mktemp("pictures")
    grey = 0
    for name, count in (("b", 6), ("a", 4)):
        (root / name).mkdir()
        for i in range(count):
            grey += 10
            Image.new("RGB", (6 + i, 5), (grey,) * 3).save(root / name / f"{i}.png")
    (root / "a" / "deep").mkdir()
    Image.new("L", (4, 4), 200).save(root / "a" / "deep" / "9.png")
    (root / "a" / "notes.txt").write_text("x")
    (root / ".hidden").mkdir()
    return root


def greys(dataset):
    return [int(picture[0, 0, 0]) for batch in dataset for picture in (batch[0] if isinstance(batch, tuple) else batch)]


def test_pictures_come_sorted_by_folder_with_keras_shapes_and_types(folder, capsys):
    dataset = image_dataset_from_directory(folder, shuffle=False, batch_size=4, image_size=(8, 9))
    assert capsys.readouterr().out == "Found 11 files belonging to 2 classes.\n"
    assert dataset.class_names == ["a", "b"]
    assert [path[len(str(folder)) :] for path in dataset.file_paths[:6]] == [
        *(f"/a/{i}.png" for i in range(4)), "/a/deep/9.png", "/b/0.png"
    ]  # fmt: skip
    batches = list(dataset)
    assert [len(x) for x, _ in batches] == [4, 4, 3]
    assert len(dataset) == dataset.cardinality() == 3
    x, y = batches[0]
    assert x.shape == (4, 8, 9, 3)
    assert (x.dtype, y.dtype, y.shape) == (np.float32, np.int32, (4,))
    assert greys(dataset) == [70, 80, 90, 100, 200, 10, 20, 30, 40, 50, 60]
    assert np.concatenate([y for _, y in dataset]).tolist() == [0] * 5 + [1] * 6
    assert type(x.numpy()) is np.ndarray
    x, _ = next(iter(image_dataset_from_directory(folder, verbose=False)))  # Keras' defaults
    assert x.shape == (11, 256, 256, 3)


def test_labels_come_as_numbers_columns_or_not_at_all(folder):
    def first(**how):
        return next(iter(image_dataset_from_directory(folder, shuffle=False, verbose=False, image_size=(4, 4), **how)))

    _, y = first(label_mode="categorical")
    assert y.dtype == np.float32
    assert np.array_equal(y, np.eye(2)[[0] * 5 + [1] * 6])
    _, y = first(label_mode="binary")
    assert (y.dtype, y.shape, y.sum()) == (np.float32, (11, 1), 6)
    assert first(label_mode=None).shape == (11, 4, 4, 3)
    assert first(labels=None).shape == (11, 4, 4, 3)
    _, y = first(labels=list(range(11)))
    assert y.tolist() == list(range(11))
    _, y = first(class_names=["b", "a"])
    assert y.tolist() == [0] * 6 + [1] * 5
    x, _ = first(color_mode="grayscale", data_format="channels_first")
    assert x.shape == (11, 1, 4, 4)
    x, _ = first(color_mode="rgba")
    assert (x.shape, x[..., 3].min()) == ((11, 4, 4, 4), 255)
    x, _ = first(batch_size=None)
    assert x.shape == (4, 4, 3)


def test_the_order_and_the_split_are_keras_own(folder):
    """Keras shuffles the sorted paths by RandomState(seed) and takes the end for validation."""
    plain = image_dataset_from_directory(folder, shuffle=False, verbose=False).file_paths
    want = list(plain)
    np.random.RandomState(7).shuffle(want)
    how = {"validation_split": 0.3, "seed": 7, "verbose": False, "image_size": (4, 4)}
    parts = [image_dataset_from_directory(folder, subset=part, **how) for part in ("training", "validation")]
    assert parts[0].file_paths == want[:8]
    assert parts[1].file_paths == want[8:]
    both = image_dataset_from_directory(folder, subset="both", **how)
    assert [part.file_paths for part in both] == [part.file_paths for part in parts]
    assert greys(both[1]) == greys(both[1])  # not shuffled again
    classes = [int(path[len(str(folder)) + 1] == "b") for path in both[1].file_paths]
    assert np.concatenate([y for _, y in both[1]]).tolist() == classes


def test_every_time_is_another_order_that_the_seed_repeats(folder):
    def orders(seed):
        random.seed(0)
        dataset = image_dataset_from_directory(folder, seed=seed, verbose=False, image_size=(4, 4))
        return [greys(dataset) for _ in range(3)]

    one = orders(3)
    assert len({*map(tuple, one)}) == 3
    assert len({tuple(sorted(order)) for order in one}) == 1
    assert one == orders(3) != orders(4)


def test_a_stream_is_changed_cut_and_put_together(folder):
    dataset = image_dataset_from_directory(folder, shuffle=False, verbose=False, image_size=(4, 4), batch_size=4)
    scaled = dataset.map(lambda x, y: (x / 10, y), num_parallel_calls=-1).prefetch(-1)
    assert greys(scaled)[:3] == [7, 8, 9]
    assert scaled.class_names == ["a", "b"]
    assert len(dataset.take(2)) == 2
    assert greys(dataset.skip(2)) == [40, 50, 60]
    assert greys(dataset.take(1).concatenate(dataset.skip(2)))[3:] == [100, 40, 50, 60]
    single = dataset.unbatch()
    assert len(single) == 11
    assert [len(y) for _, y in single.batch(5, drop_remainder=True)] == [5, 5]
    assert len(single.batch(5)) == 3
    assert sum(len(x) for x, _ in dataset.repeat(2)) == 22
    assert sorted(int(x[0, 0, 0]) for x, _ in single.shuffle(4, seed=1)) == sorted(greys(dataset))
    assert [int(y) for _, y in single.filter(lambda x, y: y == 1)] == [1] * 6
    assert [i for i, _ in dataset.enumerate(5)] == [5, 6, 7]
    assert len(list(dataset.repeat().take(5))) == 5
    assert dataset.map(lambda x, y: x).as_numpy_iterator().__next__().shape == (4, 4, 4, 3)


def test_what_is_cached_is_made_once(folder):
    made = []

    def seen(x, y):
        made.append(len(y))
        return x, y

    dataset = image_dataset_from_directory(folder, verbose=False, image_size=(4, 4), batch_size=4).map(seen).cache()
    next(iter(dataset))  # broken off: nothing is kept
    assert [len(list(dataset)), len(list(dataset))] == [3, 3]
    assert len(made) == 4


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ({"label_mode": "one_hot"}, ArgumentError, "label_mode"),
        ({"color_mode": "bgr"}, ArgumentError, "color_mode"),
        ({"interpolation": "linear"}, ArgumentError, "interpolation"),
        ({"image_size": (3, 4, 5)}, ArgumentError, "image_size"),
        ({"image_size": (0, 4)}, ArgumentError, "at least 1"),
        ({"batch_size": 0}, ArgumentError, "batch_size"),
        ({"validation_split": 0.2}, ArgumentError, "go together"),
        ({"subset": "training"}, ArgumentError, "go together"),
        ({"validation_split": 0.2, "subset": "validation"}, ArgumentError, "seed"),
        ({"validation_split": 2, "subset": "training", "seed": 1}, ArgumentError, "between 0 and 1"),
        ({"validation_split": 0.01, "subset": "validation", "seed": 1}, DataError, "no pictures"),
        ({"class_names": ["a", "c"]}, ArgumentError, '"c"'),
        ({"labels": [1, 2]}, DataError, "2 labels for 11"),
        ({"labels": "none"}, ArgumentError, "inferred"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, ArgumentError, "choose one"),
        ({"format": "torch"}, ArgumentError, "format"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(folder, how, kind, words):
    with pytest.raises(kind, match=words):
        image_dataset_from_directory(folder, **how)


def test_a_folder_that_is_none_and_a_picture_that_is_broken_are_named(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        image_dataset_from_directory(tmp_path / "none")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(b"no picture")
    dataset = image_dataset_from_directory(tmp_path, verbose=False)
    with pytest.raises(DataError, match=r"x\.jpg"):
        list(dataset)
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    with pytest.raises(ArgumentError, match="two classes"):
        image_dataset_from_directory(tmp_path, label_mode="binary", verbose=False)


def test_a_stream_without_a_known_length_says_so():
    endless = utils.Stream(lambda: iter([np.zeros(2)]))
    assert endless.cardinality() == -2
    assert len(list(endless)) == 1
    with pytest.raises(DataError, match="not known"):
        len(endless)
    assert bool(endless)
