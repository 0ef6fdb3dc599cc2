"""Small tools of scripts: each against NumPy, torch or Pillow, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import utils
from striate.data.pictures.resample import INTERPOLATIONS, covering, fitting, resample
from striate.errors import ArgumentError, DataError

RNG = np.random.default_rng(5)


def refused(kind, words, call):
    with pytest.raises(kind, match=words):
        call()


# -- labels ---------------------------------------------------------------------------------------------------------------
def test_one_hot_rows_are_rows_of_the_unit_matrix_whatever_the_shape():
    y = np.array([[1], [0], [3]])
    assert np.array_equal(utils.to_categorical(y), np.eye(4)[[1, 0, 3]])
    assert utils.to_categorical([[0, 1], [2, 1]], 5).shape == (2, 2, 5)
    assert utils.to_categorical(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert utils.to_categorical(np.array([1.0, 2.0])).shape == (2, 3)
    refused(DataError, "3 is no class of 3", lambda: utils.to_categorical([0, 3], 3))
    refused(DataError, "whole|class numbers", lambda: utils.to_categorical([0.5]))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_normalize_divides_by_the_norm_and_leaves_zeros(order):
    x = RNG.normal(size=(4, 3))
    x[1] = 0
    want = x / np.where((n := (np.abs(x) ** order).sum(-1, keepdims=True) ** (1 / order)) == 0, 1, n)
    np.testing.assert_allclose(utils.normalize(x, order=order), want)
    np.testing.assert_allclose(utils.normalize(torch.tensor(x), order=order).numpy(), want)
    np.testing.assert_allclose(np.linalg.norm(utils.normalize(x + 1, axis=0), axis=0), 1)


def test_sequences_are_padded_and_cut_on_the_side_that_is_said():
    rows = [[1], [2, 3], [4, 5, 6]]
    assert utils.pad_sequences(rows).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
    assert utils.pad_sequences(rows, 2, padding="post", value=9).tolist() == [[1, 9], [2, 3], [5, 6]]
    assert utils.pad_sequences(rows, 2, truncating="post").tolist() == [[0, 1], [2, 3], [4, 5]]
    assert utils.pad_sequences(rows).dtype == np.int32
    assert utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]]).shape == (2, 2, 2)
    refused(ArgumentError, "padding is", lambda: utils.pad_sequences(rows, padding="left"))
    refused(DataError, "list of sequences", lambda: utils.pad_sequences([1, 2]))


def test_a_batch_is_put_together_and_taken_apart():
    for given in ((1,), (1, 2), (1, 2, 3)):
        assert utils.unpack_x_y_sample_weight(utils.pack_x_y_sample_weight(*given)) == (*given, None, None)[:3]
    assert utils.pack_x_y_sample_weight([1, 2]) == ([1, 2],)
    refused(DataError, "not 4 things", lambda: utils.unpack_x_y_sample_weight((1, 2, 3, 4)))


def test_a_seed_repeats_what_is_drawn():
    drawn = []
    for _ in range(2):
        utils.set_random_seed(3)
        drawn.append((np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]


# -- pictures -------------------------------------------------------------------------------------------------------------
def test_a_picture_comes_back_from_a_file_as_it_went_in(tmp_path):
    x = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    utils.save_img(tmp_path / "a.png", x, scale=False)
    image = utils.load_img(tmp_path / "a.png")
    assert np.array_equal(utils.img_to_array(image), x.astype(np.float32))
    assert utils.img_to_array(image, data_format="channels_first").shape == (3, 5, 7)
    assert utils.img_to_array(utils.load_img(tmp_path / "a.png", color_mode="grayscale")).shape == (5, 7, 1)
    assert utils.load_img(tmp_path / "a.png", color_mode="rgba").mode == "RGBA"
    want = Image.fromarray(x).resize((4, 6), Image.Resampling.NEAREST)
    assert np.array_equal(np.asarray(utils.load_img(tmp_path / "a.png", target_size=(6, 4))), np.asarray(want))
    middle = utils.load_img((tmp_path / "a.png").read_bytes(), target_size=(5, 5), keep_aspect_ratio=True)
    assert np.array_equal(np.asarray(middle), x[:, 1:6])


def test_an_array_becomes_a_picture_with_its_values_stretched_or_as_they_are():
    x = np.array([[[0.0], [2.0]], [[1.0], [4.0]]])
    assert np.asarray(utils.array_to_img(x)).tolist() == [[0, 127], [63, 255]]
    assert np.asarray(utils.array_to_img(x, scale=False)).tolist() == [[0, 2], [1, 4]]
    assert utils.array_to_img(np.zeros((4, 2, 2)), "channels_first").mode == "RGBA"
    assert utils.array_to_img(np.zeros((3, 2, 5)), data_format="channels_first").size == (5, 2)
    assert utils.array_to_img(np.full((1, 1, 1), 300), scale=False).mode == "I"
    refused(DataError, "one picture", lambda: utils.array_to_img(np.zeros((2, 2))))
    refused(DataError, "1, 3 or 4 channels", lambda: utils.array_to_img(np.zeros((2, 2, 2))))
    refused(ArgumentError, "data_format", lambda: utils.img_to_array(x, data_format="first"))


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"none")
    refused(DataError, r"a\.jpg", lambda: utils.load_img(tmp_path / "a.jpg"))
    refused(ArgumentError, "interpolation", lambda: utils.load_img(tmp_path / "a.jpg", interpolation="linear"))
    refused(ArgumentError, "color_mode", lambda: utils.load_img(tmp_path / "a.jpg", color_mode="bgr"))
    refused(DataError, "written", lambda: utils.save_img(tmp_path / "a.nonsense", np.zeros((2, 2, 3))))
    with pytest.warns(UserWarning, match="transparency"):
        utils.save_img(tmp_path / "b.jpg", np.zeros((2, 2, 4)))


@pytest.mark.parametrize(("ours", "theirs"), [("bilinear", "bilinear"), ("nearest", "nearest-exact"), ("area", "area")])
@pytest.mark.parametrize("size", [(5, 9), (23, 3), (12, 7), (40, 31)])
def test_floats_of_another_size_are_torchs_without_smoothing(ours, theirs, size):
    x = RNG.uniform(0, 255, (12, 17, 3)).astype(np.float32)
    if ours == "area" and any(n > m or m % n for m, n in zip(x.shape, size, strict=False)):
        return  # torch's area is an adaptive mean, whose windows overlap
    want = torch.nn.functional.interpolate(torch.tensor(x).permute(2, 0, 1)[None], size, mode=theirs)
    np.testing.assert_allclose(resample(x, size, ours), want[0].permute(1, 2, 0), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("how", INTERPOLATIONS)
def test_a_plain_picture_stays_plain_at_every_size(how):
    for size in ((3, 8), (19, 5), (30, 30)):
        np.testing.assert_allclose(resample(np.full((9, 11, 2), 77, np.uint8), size, how), 77, rtol=1e-5)


def test_bicubic_goes_through_keys_cubic():
    """By hand for a doubled row: at 1/4 of the way Keys' cubic with a = -0.5 counts -9, 111, 29, -3 of 128."""
    x = np.arange(8, dtype=np.float32)[None, :, None] ** 2
    row = resample(x, (1, 16), "bicubic")[0, :, 0]
    t = np.array([1.25, 0.25, 0.75, 1.75])
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    counts = np.where(t < 1, near, far)
    assert abs(row[7] - counts @ x[0, [2, 3, 4, 5], 0]) < 1e-4  # between pixels 3 and 4, a quarter of the way
    assert abs(counts.sum() - 1) < 1e-12


def test_the_middle_is_cut_or_the_whole_is_padded():
    assert covering((10, 20), (5, 5)) == (0, 5, 10, 10)
    assert fitting((10, 20), (8, 8)) == (2, 0, 4, 8)
    x = RNG.uniform(size=(10, 20, 1)).astype(np.float32)
    np.testing.assert_array_equal(resample(x, (10, 10), "bilinear", "crop"), x[:, 5:15])
    padded = resample(x, (20, 20), "nearest", "pad")
    np.testing.assert_array_equal(padded[5:15], x)
    assert not padded[:5].any()
    assert not padded[15:].any()
    from striate.preprocessing.image import smart_resize

    np.testing.assert_array_equal(smart_resize(x, (10, 10)), x[:, 5:15])
    assert smart_resize(np.zeros((2, 3, 8, 4)), (2, 2), data_format="channels_first").shape == (2, 3, 2, 2)


# -- data sets in two, batches, bars ----------------------------------------------------------------------------------------
def test_a_data_set_is_split_by_share_or_number():
    x, y = np.arange(10), np.arange(10) * 2
    left, right = utils.split_dataset((x, y), left_size=0.7)
    assert [tuple(map(int, pair)) for pair in left] == [(i, 2 * i) for i in range(7)]
    assert len(right) == 3
    assert len(utils.split_dataset(x, right_size=4)[0]) == 6
    left, right = utils.split_dataset(x, left_size=5, right_size=2, shuffle=True, seed=1)
    assert len({*map(int, left), *map(int, right)}) == 7
    assert [len(each) for each in next(iter(utils.split_dataset((x, y), 4)[0].batch(3)))] == [3, 3]
    digits = st.data.load("digits").train
    assert [len(part) for part in utils.split_dataset(digits, left_size=100)] == [100, len(digits) - 100]
    for sizes in ({}, {"left_size": 10}, {"left_size": 1.5}, {"left_size": 8, "right_size": 8}, {"left_size": "a"}):
        refused(ArgumentError, "split_dataset", lambda sizes=sizes: utils.split_dataset(x, **sizes))
    refused(DataError, "split_dataset", lambda: utils.split_dataset(5, left_size=0.5))


def test_batches_by_number_end_with_their_hook():
    class Squares(utils.PyDataset):
        ended = 0

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.full(2, index), np.full(2, index**2)

        def on_epoch_end(self):
            self.ended += 1

    batches = Squares(workers=2)
    assert [int(y[0]) for _, y in batches] == [0, 1, 4]
    assert batches.ended == 1
    assert utils.Sequence is utils.PyDataset
    refused(ArgumentError, "__len__", lambda: len(utils.PyDataset()))


def test_a_bar_shows_means_and_is_one_line_where_nobody_watches(capsys):
    bar = utils.Progbar(3, stateful_metrics=["lr"])
    for i in range(3):
        bar.update(i + 1, [("loss", i), ("lr", i)])
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "3/3" in told
    assert "loss: 1.0000" in told
    assert "lr: 2.0000" in told
    bar = utils.Progbar(None)
    bar.add(2, [("acc", 1.0)])
    bar.update(4, [("acc", 0.0)], finalize=True)
    assert "acc: 0.5000" in capsys.readouterr().out
    refused(ArgumentError, "not both", lambda: utils.Progbar(1, stateful_metrics=[], stateless_metrics=[]))


# -- files, drawings, names that are not there -----------------------------------------------------------------------------
def test_a_file_is_fetched_once_and_unpacked(tmp_path, monkeypatch):
    import zipfile

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a/b.txt", "hello")
    url = (tmp_path / "set.zip").as_uri()
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    path = utils.get_file("set.zip", url, extract=True)
    assert Path(path, "a", "b.txt").read_text() == "hello"
    (tmp_path / "set.zip").unlink()
    assert utils.get_file("set.zip", url, extract=True) == path
    refused(DataError, "failed", lambda: utils.get_file("set.zip", url, force_download=True))
    refused(ArgumentError, "origin", lambda: utils.get_file("a"))


def test_an_archive_that_is_none_or_reaches_outside_is_refused(tmp_path):
    import tarfile

    from striate.doors.packed import unpack

    (tmp_path / "a.tar.gz").write_bytes(b"nothing")
    refused(DataError, "no archive", lambda: unpack(tmp_path / "a.tar.gz", tmp_path / "out"))
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        info = tarfile.TarInfo("../evil")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    refused(DataError, "unpacked", lambda: unpack(tmp_path / "b.tar", tmp_path / "out"))
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["m.png", "m.svg", "m.pdf"])
def test_a_model_is_drawn_into_a_file_of_the_kind_that_its_name_says(name, tmp_path):
    x = st.Input((8, 8, 3))
    inner = st.Sequential([st.layers.Conv2D(2, 3, padding="same", input_shape=(8, 8, 3))], name="inner")
    y = st.layers.Concatenate()([inner(x), x])
    picture = utils.plot_model(st.Model(x, y), tmp_path / name, show_shapes=True, rankdir="LR", expand_nested=True)
    assert picture.startswith("<svg")
    assert picture._repr_svg_() == picture
    start = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF"}[name[1:]]
    assert (tmp_path / name).read_bytes().startswith(start)
    refused(ArgumentError, "png", lambda: utils.plot_model(inner, tmp_path / "m.dot"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: utils.text_dataset_from_directory("x"), "Vocabulary"),
        (lambda: utils.audio_dataset_from_directory("x"), "arrays"),
        (lambda: utils.model_to_dot(None), "plot_model"),
        (lambda: utils.timeseries_dataset_from_array(None), "sliding_window_view"),
        (lambda: st.datasets.boston_housing.load_data(), "scikit-learn"),
        (lambda: st.datasets.reuters.load_data(), "imdb"),
        (lambda: st.preprocessing.image.ImageDataGenerator(rescale=1.0 / 255), r"Rescaling\(1 / 255\)"),
        (lambda: st.preprocessing.image.ImageDataGenerator(zoom_range=0.2), r"RandomZoom\(0\.2\)"),
        (lambda: st.preprocessing.image.ImageDataGenerator(validation_split=0.2), "validation_split=0.2, subset"),
        (lambda: st.applications.MobileNetV3Large(), "MobileNetV2"),
        (lambda: st.applications.efficientnet_v2.EfficientNetV2S(), "EfficientNetB0"),
    ],
)
def test_a_name_that_is_not_there_says_what_to_write_instead(call, words):
    refused(ArgumentError, words, call)


def test_an_unknown_name_is_compared_with_the_known():
    for room, name, near in ((utils, "to_categoricals", "to_categorical"), (st.datasets, "minst", "mnist")):
        with pytest.raises(AttributeError, match=near):
            getattr(room, name)
    with pytest.raises(AttributeError, match="VGG1"):
        st.applications.VGG17


def test_the_inputs_that_a_tensor_depends_on():
    a, b, c = st.Input((2,)), st.Input((2,)), st.Input((2,))
    y = st.layers.Add()([a, st.layers.Dense(2)(b)])
    assert utils.get_source_inputs(y) == [a, b]
    assert utils.get_source_inputs(c) == [c]
