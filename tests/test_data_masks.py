"""Pictures with masks: class numbers in pictures of the same name."""

import numpy as np
import pytest
from PIL import Image

from striate.data import Dataset, Splits, load, read_masks
from striate.errors import DataError

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
