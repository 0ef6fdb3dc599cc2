"""Pictures with masks: class numbers in pictures of the same name."""

import json

import numpy as np
import pytest
from PIL import Image

from striate.data import Dataset, Splits, check, load, read_masks
from striate.data.readers.name_lists import names_asked
from striate.errors import ArgumentError, DataError

RNG = np.random.RandomState(0)
LABELS = RNG.randint(0, 3, (6, 20, 30)).astype(np.uint8)
COLOURS = np.array([[10, 20, 30], [200, 100, 0], [0, 255, 0]], np.uint8)


def fails(make, *fragments):
    with pytest.raises(DataError) as caught:
        make()
    for fragment in fragments:
        assert fragment in str(caught.value), str(caught.value)


def put(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def scene(root, i, mask=None, end="", pictures="images", masks="masks"):
    put(Image.fromarray(COLOURS[LABELS[i]]), root / pictures / f"s{i}.png")
    put(mask if mask is not None else Image.fromarray(LABELS[i]), root / masks / f"s{i}{end}.png")


@pytest.fixture
def street(tmp_path):
    for i in range(6):
        scene(tmp_path, i)
    return tmp_path


def test_masks_are_the_label_maps_of_their_pictures(street):
    data = read_masks(street, classes=("road", "car", "sky"))
    assert isinstance(data, Dataset)
    assert data.y.dtype == np.int64
    assert np.array_equal(data.y, LABELS)
    assert np.array_equal(COLOURS[data.y], data.x)
    assert data.labels is None
    assert data.skipped == ()


@pytest.mark.parametrize("layout", [("{}/images", "{}/masks"), ("images/{}", "masks/{}")])
@pytest.mark.parametrize("end", ["", "_mask", "_L"])
def test_parts(tmp_path, layout, end):
    for i, part in enumerate(("train", "train", "train", "val", "val", "test")):
        scene(tmp_path, i, end=end, pictures=layout[0].format(part), masks=layout[1].format(part))
    for parts in (read_masks(tmp_path), load(tmp_path)) if layout[0] == "{}/images" else (read_masks(tmp_path),):
        assert isinstance(parts, Splits)
        assert [len(part) for part in parts] == [3, 2, 1]
        assert np.array_equal(np.concatenate([part.y for part in parts]), LABELS)


def test_every_kind_of_mask_is_read_by_its_numbers(tmp_path):
    palette = Image.fromarray(LABELS[0])
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    kinds = [
        palette,
        Image.frombytes("I;16", (30, 20), LABELS[1].astype("<u2").tobytes()),
        Image.fromarray(np.repeat(LABELS[2][..., None], 3, axis=2)),
        Image.fromarray(np.dstack([LABELS[3], np.full((20, 30), 255, np.uint8)])),
        Image.fromarray(LABELS[4] > 0),
    ]
    for i, mask in enumerate(kinds):
        scene(tmp_path, i, mask)
    data = read_masks(tmp_path)
    assert np.array_equal(data.y[:4], LABELS[:4])
    assert np.array_equal(data.y[4], LABELS[4] > 0)


def test_black_and_white_masks_are_two_classes(tmp_path):
    for i in range(3):
        scene(tmp_path, i, Image.fromarray((LABELS[i] > 0).astype(np.uint8) * 255))
    data = read_masks(tmp_path, classes=("ground", "thing"))
    assert np.array_equal(data.y, LABELS[:3] > 0)
    assert np.array_equal(read_masks(tmp_path, ignored=255).y, (LABELS[:3] > 0) * 255)


def test_faults_are_named_and_the_rest_is_read(street):
    (street / "masks" / "s0.png").unlink()
    put(Image.fromarray(LABELS[1][:, :20]), street / "masks" / "s1.png")
    put(Image.fromarray(COLOURS[LABELS[2]]), street / "masks" / "s2.png")
    (street / "masks" / "s3.png").write_bytes((street / "masks" / "s3.png").read_bytes()[:60])
    put(Image.fromarray(LABELS[4] + 1), street / "masks" / "s4.png")
    data = read_masks(street, classes=("road", "car", "sky"))
    assert np.array_equal(
        data.y[0], np.where(LABELS[4] == 2, 255, LABELS[4] + 1)
    )  # of an unknown label only its pixels
    assert np.array_equal(data.y[1], LABELS[5])
    assert data.ignored == 255
    [told] = [note for note in data.notes if "s4.png" in note]
    assert (
        f"the label 3 on {(LABELS[4] == 2).sum()} pixels, beyond the 3 classes; these pixels count for nothing" in told
    )
    reasons = {"/".join(s.path.split("/")[-2:]): s.reason for s in data.skipped}
    assert "no mask" in reasons["images/s0.png"]
    assert "20 x 20, its picture 20 x 30" in reasons["masks/s1.png"]
    assert "colours" in reasons["masks/s2.png"]
    assert "masks/s3.png" in reasons
    assert len(reasons) == 4
    put(Image.fromarray(LABELS[4] + 9), street / "masks" / "s4.png")
    [most] = [s.reason for s in read_masks(street, classes=("road", "car", "sky")).skipped if "s4.png" in s.path]
    assert "most of its mask is of no class" in most
    (street / "images" / "s5.png").write_bytes(b"")
    fails(lambda: read_masks(street, classes=("road", "car", "sky")), "no picture with a mask")


def test_the_ignored_label_is_no_class_and_fills_the_padding(street):
    data = read_masks(street, image_size=(30, 30), resize="pad", classes=("road", "car"), ignored=2)
    assert data.ignored == 2
    assert np.array_equal(data.y[:, 5:25], LABELS)
    assert (data.y[:, :5] == 2).all()
    assert (data.y[:, 25:] == 2).all()


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_masks_follow_their_pictures(street, resize):
    big = np.kron(LABELS, np.ones((1, 8, 8), np.uint8))  # fields of 8 x 8 pixels, so that most survive a resize
    for i in range(6):
        put(Image.fromarray(COLOURS[big[i]]), street / "images" / f"s{i}.png")
        put(Image.fromarray(big[i]), street / "masks" / f"s{i}.png")
    data = read_masks(street, image_size=(100, 90), resize=resize, ignored=9)
    wrong = np.abs(COLOURS[data.y % 9].astype(int) - data.x).max(axis=-1) > 128
    assert wrong[data.y != 9].mean() < 0.12  # only where fields meet
    assert (data.x[data.y == 9] == 0).all()


def test_folders_that_hold_no_masks_are_refused(tmp_path):
    fails(lambda: read_masks(tmp_path), "images and masks")
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    fails(lambda: read_masks(tmp_path), "no picture with a mask")
    for part in ("val", "test"):
        scene(tmp_path / "parts", 0, pictures=f"{part}/images", masks=f"{part}/masks")
    fails(lambda: read_masks(tmp_path / "parts"), "no train")


LISTED = {
    "classes.txt": "road\ncar\nVoid\n",
    "train/names.txt": "road\n\ncar\nunlabelled\n",
    "train/masks/label_colors.txt": "128 64 128\troad\n64 0 128\tcar\n0 0 0\tVoid\n",
}


@pytest.mark.parametrize("file", LISTED)
def test_names_beside_the_masks_are_read_and_a_label_called_void_counts_for_nothing(tmp_path, file):
    for i, part in enumerate(("train", "train", "val")):
        scene(tmp_path / part, i)
    (tmp_path / file).write_text(LISTED[file])
    parts = load(tmp_path)
    assert parts.train.classes == parts.validation.classes == ("road", "car")
    assert parts.train.ignored == 2
    assert np.array_equal(parts.train.y, LABELS[:2])
    assert not check(tmp_path, few=0, near=False).of("label-range", "no-example")


def test_a_void_label_among_the_others_leaves_their_numbers_as_they_are(street):
    (street / "classes.txt").write_text("void\nroad\ncar\n")
    data = read_masks(street)
    assert (data.classes, data.ignored) == (("void", "road", "car"), 0)
    assert np.array_equal(data.y, LABELS)
    assert not [note for note in data.notes if "void" in note]
    assert read_masks(street, ignored=2).classes == ("void", "road")


def test_names_that_are_given_count_before_those_beside_the_masks(street):
    (street / "classes.txt").write_text("a\nb\nc\n")
    assert read_masks(street, classes=("road", "car", "sky")).classes == ("road", "car", "sky")
    assert read_masks(street, classes=("road", "car"), ignored=2).ignored == 2
    assert not check(street, classes=("road", "car"), ignored=2, near=False).of("label-range")
    assert check(street, classes=("road", "car"), near=False).of("label-range")
    with pytest.raises(ArgumentError, match="0 to 65,535"):
        read_masks(street, ignored=-1)


def test_names_are_asked_for_with_commas_or_by_a_file(tmp_path):
    (tmp_path / "mine.txt").write_text("night sky\nroad\n")
    assert names_asked(str(tmp_path / "mine.txt")) == ["night sky", "road"]
    assert names_asked("night sky, road") == ["night sky", "road"]
    for wrong, says in (("a,,b", "empty name"), (str(tmp_path / "none.txt"), "no such file")):
        with pytest.raises(ArgumentError, match=says):
            names_asked(wrong)


def test_names_and_the_void_label_of_the_command_line_stay_with_the_model(street, run):
    how = ["--classes", "road,car", "--ignored", "2", "--epochs", "1", "--no-report", "--folder", street / "run"]
    assert run("train", street, *how, "--json")[0] == 0
    facts = json.loads((street / "run" / "model.json").read_text())
    assert facts["labels"] == ["road", "car"]
    assert facts["training"]["ignored"] == 2
    other = street / "other"
    scene(other, 0)
    for told in (["evaluate", street / "run", other], ["evaluate", street / "run", other, "--ignored", "2"]):
        assert list(json.loads(run(*told, "--json")[1])["classes"]) == ["road", "car"]
    code, _, error = run("evaluate", street / "run", other, "--ignored", "7")
    assert code == 2
    assert "have the label 2 on" in error


def deep(labels):
    """A mask of 16 bits."""
    return Image.fromarray(labels.astype(np.uint16))


def test_levels_of_grey_in_16_bits_are_refused_or_the_classes_that_are_stated(tmp_path):
    for i in range(6):
        scene(tmp_path, i, deep(LABELS[i].astype(np.int64) * 20000))
    fails(
        lambda: load(tmp_path),
        "3 labels of 40,001 numbers: 0, 20000, 40000, the highest in 6 masks",
        "no numbers of classes",
    )
    report = check(tmp_path, near=False)
    assert [finding.files for finding in report.of("unusable")] == [(str(tmp_path),)]
    assert "0, 20000, 40000" in report.of("unusable")[0].detail
    assert "40,001" in str(report)
    data = read_masks(tmp_path, classes=("road", "car", "sky"))
    assert np.array_equal(data.y, LABELS)
    assert any("the labels 0, 20000, 40000 are the classes 0 to 2" in note for note in data.notes)
    (tmp_path / "classes.txt").write_text("road\ncar\nsky\n")
    assert np.array_equal(load(tmp_path).train.y, LABELS)
    assert not check(tmp_path, near=False).of("unusable", "label-range", "no-example")
    padded = read_masks(tmp_path, image_size=(40, 30), resize="pad", ignored=255)
    assert sorted(np.unique(padded.y)) == [0, 1, 2, 255]


def test_one_stray_label_of_16_bits_is_refused_with_where_it_is_and_many_classes_are_not(tmp_path):
    for i in range(6):
        labels = LABELS[i].astype(np.int64)
        labels[0, 0] = 40000 if i == 3 else labels[0, 0]
        scene(tmp_path / "stray", i, deep(labels))
        scene(tmp_path / "many", i, deep(np.arange(600).reshape(20, 30)))
    fails(lambda: load(tmp_path / "stray"), "4 labels of 40,001 numbers", "the highest in 1 mask")
    data = read_masks(tmp_path / "stray", classes=("road", "car", "sky"))
    assert (data.y[3, 0, 0], data.ignored) == (255, 255)
    assert load(tmp_path / "many").train.y.max() == 599
    four = read_masks(tmp_path / "stray", classes=("road", "car", "sky", "tree"))
    assert sorted(np.unique(four.y)) == [0, 1, 2, 255]  # a stray label is no fourth class, though there are four
