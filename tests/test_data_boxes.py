"""Boxes in a data set, and how boxes and label maps follow a picture through resize, crop and pad."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from striate.data import Dataset, Geometry, Preprocessing
from striate.data.pictures.decode import labels_of_pixels, picture, upright_size
from striate.errors import DataError

PICTURES = np.zeros((3, 20, 30, 3), np.uint8)
BOXES = ([[1, 2, 10, 12], [0, 0, 30, 20]], np.zeros((0, 4)), [[5.5, 6, 7, 8.25]])
LABELS = ([0, 1], [], [1])


def boxed(boxes=BOXES, labels=LABELS, **others):
    return Dataset(PICTURES, classes=("ant", "bee"), name="pets", boxes=boxes, box_labels=labels, **others)


def fails(make, *fragments):
    with pytest.raises(DataError) as caught:
        make()
    for fragment in fragments:
        assert fragment in str(caught.value), str(caught.value)


def test_boxes_are_float32_and_int64_for_each_picture_also_for_one_without():
    data = boxed(boxes=[BOXES[0], [], BOXES[2]])
    assert [b.shape for b in data.boxes] == [(2, 4), (0, 4), (1, 4)]
    assert {b.dtype for b in data.boxes} == {np.dtype("float32")}
    assert [each.tolist() for each in data.box_labels] == [[0, 1], [], [1]]
    assert {each.dtype for each in data.box_labels} == {np.dtype("int64")}
    assert data.notes == ()
    assert "3 boxes: ant 1, bee 2; 1 picture without any" in data.summary()


def test_boxes_are_carried_along_by_every_choice_of_examples():
    marked = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 20, 30, 1), np.uint8)
    boxes = [[[i, 0, i + 1, 5]] * (i % 3) for i in range(10)]
    labels = [[i % 2] * (i % 3) for i in range(10)]
    flags = [[i % 2 == 0] * (i % 3) for i in range(10)]
    data = Dataset(marked, np.arange(10) % 2, boxes=boxes, box_labels=labels, box_ignored=flags)
    parts = [data[2:7], data[[8, 1]], data.subset(np.arange(10) > 4), data.take(4), *data.split(0.3)[:2]]
    parts += [part for pair in data.folds(3) for part in pair] + [*data.split(0.4, groups=list("aabbccddee"))[:2]]
    for part in parts:
        for x, box, label, flag in zip(part.x, part.boxes, part.box_labels, part.box_ignored, strict=True):
            i = int(x[0, 0, 0])
            assert box.tolist() == boxes[i]
            assert label.tolist() == labels[i]
            assert flag.tolist() == flags[i]


def test_what_reaches_out_of_the_picture_is_clipped_with_a_note():
    data = boxed(boxes=([[-3, 2, 10, 25], [0, 0, 30, 20]], [], [[5, 6, 7, 8]]))
    assert data.boxes[0][0].tolist() == [0, 2, 10, 20]
    assert data.notes == ("1 box reached out of its picture and was clipped, the first in picture 0",)
    assert data.notes[0] in data.summary()


@pytest.mark.parametrize(
    ("boxes", "labels", "fragments"),
    [
        (([[1, 2, 1, 5]], [], []), ([0], [], []), ("box 0 of picture 0", "empty or outside", "20 x 30")),
        (([], [[9, 2, 3, 5]], []), ([], [0], []), ("box 0 of picture 1", "x1 < x2")),
        (([], [], [[31, 2, 40, 5]]), ([], [], [0]), ("picture 2", "outside")),
        (([[1, 2, np.nan, 5]], [], []), ([0], [], []), ("picture 0", "NaN")),
        (([[1, 2, 3]], [], []), ([0], [], []), ("picture 0", "(1, 3)")),
        (([["a", 2, 3, 4]], [], []), ([0], [], []), ("picture 0", "no numbers")),
        (([], []), ([], [], []), ("3 pictures, but 2 boxes",)),
        (([], [], []), ([], []), ("3 pictures, but 2 box_labels",)),
        (([], [], []), None, ("without box_labels",)),
        (None, ([], [], []), ("without boxes",)),
        (([[1, 2, 3, 4]], [], []), ([2], [], []), ("2 to 2", "numbered 0 to 1")),
        (([[1, 2, 3, 4]], [], []), ([0.5], [], []), ("float64",)),
        (([[1, 2, 3, 4]], [], []), ([0, 1], [], []), ("1 box,",)),
    ],
)
def test_boxes_that_fit_no_picture_are_refused(boxes, labels, fragments):
    fails(lambda: boxed(boxes, labels), *fragments)


def test_flags_need_one_for_each_box_and_boxes_need_pictures():
    fails(lambda: boxed(box_ignored=([True], [], [False])), "one True or False")
    x = np.zeros((1, 5), np.float32)
    fails(lambda: Dataset(x, boxes=([[0, 0, 1, 1]],), box_labels=([0],)), "pictures (N, H, W, C)")


def test_label_maps_may_hold_the_ignored_label_and_no_other_foreign_one():
    x = np.zeros((2, 2, 2, 3), np.uint8)
    y = np.array([[[0, 1], [255, 1]], [[1, 1], [0, 0]]])
    data = Dataset(x, y, ("a", "b"), ignored=255)
    assert data.y.tolist() == y.tolist()
    assert data.subset([1]).ignored == 255
    assert "label maps, 0 to 255: a, b; 255 counts for nothing" in data.summary()
    fails(lambda: Dataset(x, y, ("a", "b")), "1 label is out of range, the first 255 at index 0")
    fails(lambda: Dataset(x, y, ("a",), ignored=255), "labels are out of range, the first 1 at index 0")
    fails(lambda: Dataset(x, y - 1, ("a", "b"), ignored=254), "2 labels are negative"[2:], "-1 at index 0")


# groups

groups_of = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=20, max_size=80)


@given(groups_of, st.integers(0, 9))
def test_a_group_is_never_parted(pairs, seed):
    groups, labels = ([p[i] for p in pairs] for i in (0, 1))
    if len(set(groups)) < 3:
        return
    x = np.arange(len(pairs), dtype=np.float32)[:, None]
    data = Dataset(x, np.array(labels))
    for parts in (data.split((0.6, 0.2, 0.2), seed, groups=groups), *data.folds(3, seed, groups=groups)):
        members = [part.x[:, 0].astype(int).tolist() for part in parts]
        assert sorted(i for part in members for i in part) == list(range(len(pairs)))
        owners = [{groups[i] for i in part} for part in members]
        for i, one in enumerate(owners):
            assert not any(one & other for other in owners[i + 1 :])


def test_groups_keep_sizes_and_classes_as_near_as_whole_groups_allow():
    groups = [f"patient {i // 5}" for i in range(1000)]
    labels = np.array([(i // 5) % 4 == 0 for i in range(1000)], int)  # a quarter of the patients is ill
    data = Dataset(np.zeros((1000, 1), np.float32), labels)
    for part, size in zip(data.split((0.7, 0.15, 0.15), groups=groups), (700, 150, 150), strict=True):
        assert abs(len(part) - size) <= 10
        assert abs(int(part.y.sum()) - size / 4) <= 5
    counts = [len(held) for _, held in data.folds(5, groups=groups)]
    assert counts == [200] * 5
    again = data.split(0.2, seed=3, groups=groups)
    assert np.array_equal(again.validation.y, data.split(0.2, seed=3, groups=groups).validation.y)


def test_too_few_groups_are_refused():
    data = Dataset(np.zeros((6, 1), np.float32), np.arange(6) % 2)
    fails(lambda: data.split(0.5, groups=["a"] * 6), "1 group ", "2 parts")
    fails(lambda: list(data.folds(3, groups=list("aaabbb"))), "2 groups", "3 parts")
    fails(lambda: data.split(0.5, groups=["a"] * 5), "5 groups", "6 examples")
    small = (
        data.split((0.9, 0.05, 0.05), groups=list("abcabc")) if len(data) > 20 else data.folds(3, groups=list("abcabc"))
    )
    assert all(len(part) for pair in small for part in pair)


# geometry

WAYS = [
    {"resize": "stretch"},
    {"resize": "crop"},
    {"resize": "crop", "shorter_side": 48},
    {"resize": "pad"},
]
sides = st.integers(8, 60)


@given(st.sampled_from(WAYS), sides, sides, sides, sides, st.integers(0, 2**31))
def test_boxes_follow_the_pixels(way, height, width, to_height, to_width, seed):
    if "shorter_side" in way:
        to_height, to_width = min(to_height, 48), min(to_width, 48)
    rng = np.random.RandomState(seed % 2**31)
    x1, y1 = rng.randint(0, width - 4), rng.randint(0, height - 4)
    x2, y2 = rng.randint(x1 + 3, width + 1), rng.randint(y1 + 3, height + 1)
    source = np.zeros((height, width, 3), np.uint8)
    source[y1:y2, x1:x2] = 255
    made = Preprocessing(image_size=(to_height, to_width), channels=3, **way)
    place = made.geometry((height, width))
    [box] = place.boxes(np.array([[x1, y1, x2, y2]]))
    shown = made.pixels(source)[..., 0] > 127
    # A pixel is bright where its centre lies in the box; near the edge antialiasing may decide otherwise.
    down, right = np.mgrid[:to_height, :to_width] + 0.5
    margin = 0.75 * max(1.0, *place.scale)
    deep = (right > box[0] + margin) & (right < box[2] - margin) & (down > box[1] + margin) & (down < box[3] - margin)
    far = (right < box[0] - margin) | (right > box[2] + margin) | (down < box[1] - margin) | (down > box[3] + margin)
    # A box thinner than a pixel of the result may fade below one half.
    if min(box[2] - box[0], box[3] - box[1]) > 2 * margin:
        assert shown[deep].all()
    assert not shown[far].any()


@given(st.sampled_from(WAYS), sides, sides, sides, sides)
def test_label_maps_are_pillows_nearest_by_the_same_way(way, height, width, to_height, to_width):
    if "shorter_side" in way:
        to_height, to_width = min(to_height, 48), min(to_width, 48)
    labels = np.random.RandomState(height * 61 + width).randint(0, 12, (height, width)).astype(np.uint8)
    place = Preprocessing(image_size=(to_height, to_width), **way).geometry((height, width))
    whole = np.array(Image.fromarray(labels).resize(place.scaled[::-1], Image.Resampling.NEAREST))
    expected = np.full((to_height, to_width), 77, np.uint8)
    top, left = place.offset
    decided = np.ones(
        (to_height, to_width), bool
    )  # Pillow adds floats up, which may fall either way between two pixels
    for r in range(to_height):
        for c in range(to_width):
            if 0 <= r - top < whole.shape[0] and 0 <= c - left < whole.shape[1]:
                expected[r, c] = whole[r - top, c - left]
                between = (
                    (2 * (r - top) + 1)
                    * height
                    % (2 * place.scaled[0])
                    * ((2 * (c - left) + 1) * width % (2 * place.scaled[1]))
                )
                decided[r, c] = between != 0
    assert np.array_equal(place.label_map(labels, 77)[decided], expected[decided])


@given(st.sampled_from(WAYS[:1] + WAYS[3:]), sides, sides, sides, sides)
def test_boxes_come_back_where_nothing_is_cut(way, height, width, to_height, to_width):
    place = Preprocessing(image_size=(to_height, to_width), **way).geometry((height, width))
    boxes = np.array([[0, 0, width, height], [1, 2, width - 1.5, height - 2.5]])
    assert np.allclose(place.boxes_back(place.boxes(boxes)), boxes, atol=1e-3)


def test_without_a_size_nothing_moves():
    place = Preprocessing().geometry((7, 9))
    assert place == Geometry((7, 9), (7, 9), (0, 0), (7, 9))
    assert place.scale == (1, 1)
    assert place.boxes(np.array([[1, 2, 3, 4.5]])).tolist() == [[1, 2, 3, 4.5]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA", "ICO"])
def test_the_header_has_the_size_that_decoding_gives(kind, tmp_path):
    for orientation in range(1, 9) if kind in ("JPEG", "PNG", "WEBP", "TIFF") else (0,):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}"
        Image.new("RGB", (40, 24)).save(path, kind, **({"exif": exif} if orientation else {}))
        image = picture(path)
        assert upright_size(path) == (image.height, image.width)


def test_sizes_and_masks_are_asked_of_files_only(tmp_path):
    (tmp_path / "text").write_text("no picture")
    for ask in (upright_size, labels_of_pixels):
        fails(lambda ask=ask: ask(tmp_path / "text"), "not a picture")
        fails(lambda ask=ask: ask(tmp_path), "is not a file")
        fails(lambda ask=ask: ask(tmp_path / "none"), "there is no such file")


# decoding a large JPEG at a part of its size


def photo(height, width, seed=0):
    """A photo-like picture: smooth shapes, edges and a little grain."""
    rng = np.random.RandomState(seed)
    small = rng.randint(0, 256, (height // 40 + 2, width // 40 + 2, 3)).astype(np.uint8)
    big = np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    big[height // 3 : height // 2, width // 4 : width // 2] = (250, 30, 60)
    return np.clip(big + rng.randint(-6, 7, big.shape), 0, 255).astype(np.uint8)


def jpeg(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92, **options)
    return file.getvalue()


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(801, 1203), (640, 960)])
def test_a_reduced_decode_is_within_a_grey_level_of_the_full_one(resize, orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(photo(*size), exif=exif)
    made = Preprocessing(image_size=(60, 60), channels=3, resize=resize)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        full = made.pixels(image).astype(int)  # an image that is decoded already is taken as it is
    reduced = made.pixels(data).astype(int)
    assert not np.array_equal(reduced, full)  # or nothing was tested
    assert np.abs(reduced - full).mean() < 1
    # No shift: a row or column off would show at the edges of the red field, which are 200 levels high.
    assert np.abs(reduced - full).max() < 40


def test_the_same_file_gives_the_same_bits_however_it_is_read(tmp_path):
    data = jpeg(photo(700, 900))
    path = tmp_path / "photo"
    path.write_bytes(data)
    made = Preprocessing(image_size=(64, 64), channels=3)
    with path.open("rb") as file:
        from_file = made.pixels(file)
    for other in (made.pixels(str(path)), made.pixels(data), made.pixels(memoryview(data))):
        assert np.array_equal(from_file, other)


@pytest.mark.parametrize(("height", "reduced"), [(255, False), (256, True), (300, True)])
def test_only_files_four_times_as_large_are_reduced(height, reduced):
    pixels = photo(height, 400)
    made = Preprocessing(image_size=(64, 64), channels=3)
    with Image.open(io.BytesIO(jpeg(pixels))) as image:
        full = np.array(image.resize((64, 64), Image.Resampling.BILINEAR))
    assert np.array_equal(made.pixels(jpeg(pixels)), full) is not reduced


def test_grey_and_cmyk_photos_are_reduced_too():
    pixels = photo(700, 900)
    made = Preprocessing(image_size=(64, 64), channels=3)
    for mode in ("L", "CMYK"):
        file = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(file, "JPEG", quality=92)
        with Image.open(io.BytesIO(file.getvalue())) as image:
            image.load()
            full = made.pixels(image).astype(int)
        assert np.abs(made.pixels(file.getvalue()).astype(int) - full).mean() < 1
