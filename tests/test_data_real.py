"""The readers on real data, where the environment variable STRIATE_DATA names a folder that has it."""

import gzip
import hashlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from striate import data
from striate.data.readers.cifar import CIFAR10

ROOT = os.environ.get("STRIATE_DATA", "")


def needs(place):
    there = bool(ROOT) and (Path(ROOT) / place).exists()
    return pytest.mark.skipif(not there, reason=f"{place} is not in the folder that STRIATE_DATA names")


@needs("mnist")
def test_mnist_has_the_bytes_and_counts_of_the_original():
    splits = data.load("mnist")
    assert [len(splits.train), splits.validation, len(splits.test)] == [60000, None, 10000]
    assert splits.train.shape == (28, 28, 1)
    # counts per digit and the mean pixel as published with the data: 0.1307, deviation 0.3081
    assert list(splits.train.class_counts().values()) == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert list(splits.test.class_counts().values()) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    scaled = splits.train.preprocessing.normalise(splits.train.x)
    assert scaled.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert scaled.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)
    # MD5 of the unzipped t10k-images-idx3-ubyte, whose values follow a header of 16 bytes
    with gzip.open(Path(ROOT) / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        header = file.read(16)
    assert hashlib.md5(header + splits.test.x.tobytes()).hexdigest() == "2646ac647ad5339dbf082846283269ea"


@needs("cifar10-jpeg.zip")
def test_cifar10_comes_straight_from_the_zip():
    splits = data.load("cifar10")
    assert [len(splits.train), len(splits.test)] == [20000, 10000]
    assert set(splits.train.class_counts().values()) == {2000}
    assert set(splits.test.class_counts().values()) == {1000}
    assert splits.train.classes == CIFAR10
    assert splits.train.shape == (32, 32, 3)
    assert splits.train.skipped == ()
    # the per-channel means of the original 50,000 pictures, 0.4914 0.4822 0.4465
    assert splits.train.x.mean(axis=(0, 1, 2)) / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.01)


@needs("imdb")
def test_imdb_reviews_become_ids():
    splits = data.load("imdb")
    assert [len(splits.train), len(splits.test)] == [25000, 10000]
    assert splits.train.x.shape == (25000, 500)
    assert splits.train.class_counts() == {"negative": 12500, "positive": 12500}
    assert splits.train.x.max() == 9999
    vocabulary = splits.train.preprocessing.vocabulary
    # the seven most frequent words of Keras' imdb.get_word_index(), whose tokeniser differs a little
    assert set(vocabulary.words[:7]) == {"the", "and", "a", "of", "to", "is", "in"}
    assert (splits.train.x == 2).mean() < 0.1


@needs("hymenoptera")
def test_photos_of_many_sizes_become_one():
    splits = data.load(Path(ROOT) / "hymenoptera", image_size=(64, 64), resize="crop")
    assert splits.train.class_counts() == {"ants": 124, "bees": 121}
    assert splits.validation.class_counts() == {"ants": 70, "bees": 83}
    assert splits.train.skipped == ()
    for i in (0, 77, 244):
        with Image.open(splits.train.paths[i]) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        w, h = (round(side * 64 / min(upright.size)) for side in upright.size)
        scaled = np.array(upright.resize((w, h), Image.Resampling.BILINEAR)).astype(int)
        expected = scaled[(h - 64) // 2 :, (w - 64) // 2 :][:64, :64]
        assert np.abs(splits.train.x[i] - expected).mean() < 1  # JPEG's own shrinking comes first


@needs("imagenet-samples")
def test_a_csv_of_photos_is_read():
    place = Path(ROOT) / "imagenet-samples"
    photos = data.read_csv(place / "labels.csv", image_size=(32, 32))
    assert len(photos) == 500
    assert len(set(photos.y.tolist())) == 500
    names = (place / "classes.txt").read_text(encoding="utf-8").splitlines()
    assert names[int(photos.y[0])].startswith("goldfish")
    assert photos.skipped == ()


@needs("bccd")
def test_blood_cells_have_their_boxes_and_parts():
    parts = data.load("bccd", image_size=(240, 320))
    assert [len(part) for part in parts] == [205, 87, 72]  # the lines of ImageSets/Main
    assert parts.train.classes == ("Platelets", "RBC", "WBC")
    every = np.concatenate([labels for part in parts for labels in part.box_labels])
    # the <name> elements of all files are 361, 4155 and 372; two boxes of red cells are of one pixel, xmin = xmax
    assert np.bincount(every).tolist() == [361, 4153, 372]
    assert not any(part.skipped for part in parts)
    told = "\n".join(note for part in parts for note in part.notes)
    for stem in ("BloodImage_00338", "BloodImage_00343"):
        assert re.search(rf"{stem}.jpg: 1 box left out: object \d+, 1 x 1 pixels at ", told)
    found = data.check(Path(ROOT) / "bccd", near=False).of("box-tiny")
    assert [Path(finding.files[0]).stem for finding in found] == ["BloodImage_00338", "BloodImage_00343"]
    first = parts.validation.boxes[0][0]  # BloodImage_00000: xmin 260, ymin 177, xmax 491, ymax 376 of 640 x 480
    assert first.tolist() == [129.5, 88, 245.5, 188]
    cells = parts.train.x[0][..., 1]
    inside = np.zeros(cells.shape, bool)
    for box, label in zip(parts.train.boxes[0].astype(int), parts.train.box_labels[0], strict=True):
        if label == 2:
            inside[box[1] : box[3], box[0] : box[2]] = True
    assert not inside.any() or cells[inside].mean() < cells[~inside].mean()  # white cells are stained dark


@needs("camvid")
def test_street_scenes_have_label_maps_with_a_void_label():
    parts = data.load("camvid", image_size=(90, 120))
    assert (len(parts.train), len(parts.validation), parts.test) == (367, 101, None)
    assert len(parts.train.classes) == 11
    assert (parts.train.ignored, parts.train.y.min(), parts.train.y.max()) == (11, 0, 11)
    assert not parts.train.skipped
    share = np.bincount(parts.train.y.ravel(), minlength=12) / parts.train.y.size
    named = dict(zip((*parts.train.classes, "void"), share, strict=True))
    assert named["road"] > 0.2
    assert named["building"] > 0.15
    assert named["sky"] > 0.1
    assert max(named, key=named.get) == "road"
    sky, road = (parts.train.x[parts.train.y == label].mean() for label in (0, 3))
    assert sky > road + 50  # grey levels
    places = np.arange(90)[None, :, None] * np.ones_like(parts.train.y)
    assert places[parts.train.y == 0].mean() < 30 < 55 < places[parts.train.y == 3].mean()  # sky above, road below
