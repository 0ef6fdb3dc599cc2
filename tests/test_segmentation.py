"""Label maps of photos: any size, whole or in tiles, in the pixels of the photo itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

import striate as st
from striate import Model, data, layers
from striate.data.pictures.geometry import Geometry
from striate.errors import ArgumentError, DataError
from striate.size import Receptive
from striate.tasks.label_map import LabelMap
from striate.tasks.segmentation import median_frequency_weights, segment
from striate.tasks.segmenter import fcn, lraspp, plain_unet, uafm, unet

CLASSES = 4


def base(shape: tuple[int | None, ...] = (None, None, 3), depth: int = 3, padding: str = "same") -> Model:
    start = x = st.Input(shape)
    for step in range(depth):
        x = layers.Conv2D(4 + 2 * step, 3, strides=2, padding=padding, activation="relu")(x)
    return Model(start, x)


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 6 + 1, width // 6 + 1, 3))
    return np.kron(coarse, np.ones((6, 6, 1), int)).astype(np.uint8)[:height, :width]


NETWORKS = {
    "fcn": lambda: fcn(base(), CLASSES, strides=(4, 8)),
    "unet": lambda: unet(base(), CLASSES, widths=(6, 4), strides=(2, 4, 8)),
    "uafm": lambda: uafm(base(depth=2), CLASSES, width=4, strides=(2, 4)),
    "plain_unet": lambda: plain_unet((None, None, 3), CLASSES, filters=3, depth=2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_give_the_label_map_of_the_whole_photo(name):
    st.set_seed(1)
    model = NETWORKS[name]()
    for height, width in ((211, 307), (200, 300), (97, 400)):  # primes, a round size, one side shorter than a tile
        picture = photo(height, width)
        whole = segment(model, picture, engine="torch")[0].labels
        assert whole.shape == (height, width)
        assert len(np.unique(whole)) > 1
        for tile in ((111, 130), 150):
            np.testing.assert_array_equal(segment(model, picture, tile=tile, engine="torch")[0].labels, whole)


def test_tiles_overlap_by_what_the_receptive_field_says_and_no_less(monkeypatch):
    """With a pixel less around, the tiles' answers differ: the overlap is exact."""
    from striate.tasks import segmentation

    st.set_seed(0)
    start = st.Input((None, None, 3))
    x = layers.Conv2D(CLASSES, 9, padding="same")(start)
    model = Model(start, layers.Softmax()(x))
    seen = Receptive(model.graph).surroundings("softmax")
    assert seen is not None
    assert (seen.step, seen.before, seen.after) == ((1, 1), (4, 4), (4, 4))
    picture = photo(60, 70)
    whole = segment(model, picture, engine="torch")[0].labels
    assert (segment(model, picture, tile=20, engine="torch")[0].labels == whole).all()
    less = segmentation.Surroundings((1, 1), (0, 0), (0, 0))
    monkeypatch.setattr(segmentation.Receptive, "surroundings", lambda self, name: less)
    assert (segment(model, picture, tile=20, engine="torch")[0].labels != whole).any()


@settings(max_examples=40, deadline=None)
@given(some.data())
def test_tiles_along_a_side_cover_it_and_hold_what_their_part_sees(draw):
    from striate.size import Surroundings
    from striate.tasks.segmentation import _parts

    step = 2 ** draw.draw(some.integers(0, 5))
    before, after, side = (draw.draw(some.integers(low, high)) for low, high in ((0, 60), (0, 60), (1, 500)))
    most = draw.draw(some.integers(1, 300))
    seen = Surroundings((step,), (before,), (after,))
    try:
        parts = _parts(side, most, seen, 0)
    except ArgumentError:
        assert most < min(side, before + after + 2 * step)
        return
    place = 0
    for begin, long, part in parts:
        assert part.start == place
        assert part.stop > part.start
        place = part.stop
        assert long <= most or len(parts) == 1
        assert begin % step == 0
        assert (long - side) % step == 0
        assert 0 <= begin <= part.start
        assert part.stop <= begin + long <= side
        assert begin == 0 or begin <= part.start - before
        assert begin + long == side or begin + long >= part.stop + after
    assert place == side


def test_where_every_pixel_sees_the_whole_photo_tiles_are_refused():
    model = lraspp(base(), CLASSES, width=4, strides=(4, 8))
    assert segment(model, photo(50, 60))[0].labels.shape == (50, 60)
    with pytest.raises(ArgumentError, match="global pooling"):
        segment(model, photo(50, 60), tile=32)


def test_a_tile_that_holds_too_little_is_refused_with_the_size_that_would_do():
    model = NETWORKS["fcn"]()
    with pytest.raises(ArgumentError, match="holds too little of") as said:
        segment(model, photo(200, 200), tile=20)
    least = int(str(said.value).split("at least ")[1].split()[0])
    whole = segment(model, photo(200, 200))[0].labels
    assert (segment(model, photo(200, 200), tile=least)[0].labels == whole).all()


@pytest.mark.parametrize("name", ["fcn", "plain_unet"])
def test_photos_of_one_pixel_and_of_prime_sides_have_their_own_pixels(name):
    model = NETWORKS[name]()
    for height, width in ((1, 1), (1, 13), (7, 5), (31, 2)):
        found = segment(model, photo(height, width))[0]
        assert found.labels.shape == (height, width)
        assert sum(found.shares.values()) == pytest.approx(1)


def test_a_photo_is_padded_until_the_strides_part_it_as_in_training():
    st.set_seed(0)
    fixed = uafm(base((20, 28, 3)), CLASSES, width=4, strides=(4, 8))  # 20 and 28 leave 4 of steps of 8
    picture = photo(43, 61)
    padded = np.pad(picture, ((0, 1), (0, 7), (0, 0)), mode="edge")  # 44 and 68 leave 4 as well
    same = uafm(base((44, 68, 3)), CLASSES, width=4, strides=(4, 8))
    same.set_weights(fixed.get_weights())
    expected = same.predict(padded[None].astype(np.float32), engine="torch")[0].argmax(-1)[:43, :61]
    found = segment(fixed, picture, own_size=True, engine="torch")[0].labels
    np.testing.assert_array_equal(found, expected)


def test_a_network_of_one_size_answers_in_the_pixels_of_the_photo():
    start = st.Input((8, 8, 3))
    model = Model(start, layers.Softmax()(layers.Conv2D(2, 1, name="scores")(start)))
    model.get_layer("scores").set_weights([np.array([[[[-9.0, 9], [0, 0], [0, 0]]]]), np.array([4.5, -4.5])])
    model.labels = ["dark", "light"]
    model.preprocessing = data.Preprocessing.pictures((8, 8), 3)
    picture = np.zeros((60, 44, 3), np.uint8)
    picture[:, 22:] = 255
    (found,) = segment(model, Image.fromarray(picture))
    assert found.classes == ("dark", "light")
    assert found.labels.shape == (60, 44)
    assert (found.labels == (np.arange(44) >= 22)).all()
    assert found.shares == {"dark": 0.5, "light": 0.5}


@settings(max_examples=60, deadline=None)
@given(some.data())
def test_label_maps_come_back_to_the_pixels_that_they_were_of(draw):
    """Scores that are linear in the place give the class of the place, wherever the picture lies in the result."""
    height, width = (draw.draw(some.integers(1, 40)) for _ in "hw")
    scaled = tuple(draw.draw(some.integers(2, 40)) for _ in "hw")
    offset = tuple(draw.draw(some.integers(-min(side - 2, 6), 6)) for side in scaled)
    target = tuple(draw.draw(some.integers(2, 40)) + max(o, 0) for o in offset)
    place = Geometry((height, width), scaled, offset, target)
    across = (np.arange(target[1]) + 0.5 - offset[1]) / scaled[1]  # parts of the picture's width
    half = np.broadcast_to(across - 0.5, target)
    found = place.labels_back(np.stack([-half, half], -1))
    rows = (np.arange(height) + 0.5) * scaled[0] / height + offset[0]
    columns = (np.arange(width) + 0.5) * scaled[1] / width + offset[1]
    inside = np.outer((rows >= 0) & (rows <= target[0]), (columns >= 0) & (columns <= target[1]))
    assert (found[~inside & (found < 0)] == -1).all()
    assert ((found >= 0) == inside).all()
    middle = (np.arange(width) + 0.5) / width
    near = np.minimum(0.5 / scaled[1], 0.5)  # at the border the last pixel's score goes on
    clear = inside & (np.abs(middle - 0.5) > near)[None] & (columns > 0.5)[None] & (columns < target[1] - 0.5)[None]
    assert (found == (middle > 0.5)[None])[clear].all()


def test_what_a_crop_leaves_out_has_no_class():
    place = data.Preprocessing(image_size=(4, 4), channels=3, resize="crop").geometry((4, 8))
    found = place.labels_back(np.ones((4, 4, 2)))
    assert (found[:, :2] == -1).all()
    assert (found[:, 2:6] == 0).all()
    assert (found[:, 6:] == -1).all()


def test_several_photos_and_data_sets_are_answered_in_their_order():
    model = NETWORKS["plain_unet"]()
    pictures = [photo(20, 30), photo(12, 9, 1)]
    found = segment(model, pictures)
    assert [each.labels.shape for each in found] == [(20, 30), (12, 9)]
    held = data.Dataset(np.stack([photo(16, 20, 2), photo(16, 20, 3)]))
    alone = [segment(model, one)[0].labels for one in held.x]
    assert all((a.labels == b).all() for a, b in zip(segment(model, held), alone, strict=True))


def test_overlay_and_legend_show_the_classes_that_occur():
    labels = np.zeros((6, 8), np.int64)
    labels[:, 5:] = 2
    found = LabelMap(labels, ("road", "sky", "car"))
    assert list(found.shares) == ["road", "car"]
    picture = np.full((6, 8, 3), 200, np.uint8)
    over = found.overlay(Image.fromarray(picture), share=1.0)
    assert len(np.unique(over.reshape(-1, 3), axis=0)) == 2
    assert (found.overlay(picture, share=0.0) == picture).all()
    words = {text.get_text() for text in found.legend().texts}
    assert {"road", "car", "62.5%", "37.5%"} <= words
    assert "sky" not in words
    with pytest.raises(DataError, match="does not go with"):
        found.overlay(picture[:3])


def test_rare_classes_weigh_what_the_median_says():
    labels = np.zeros((2, 4, 4), np.int64)
    labels[0, 0] = 1  # 4 of the 16 pixels of the one picture that has it
    labels[1, :2] = 3
    labels[0, 3, 3] = 9
    marked = data.Dataset(np.zeros((2, 4, 4, 3), np.uint8), labels, classes=("a", "b", "c", "d"), ignored=9)
    own = np.array([19 / 31, 4 / 15, 8 / 16])
    median = np.median(own)
    expected = [median / own[0], median / own[1], 3.0, 1.0]  # c never occurs
    assert median_frequency_weights(marked, most=3.0) == pytest.approx(expected)
    with pytest.raises(ArgumentError, match="at least 1"):
        median_frequency_weights(marked, most=0.5)
    with pytest.raises(DataError, match="no label maps"):
        median_frequency_weights(data.Dataset(marked.x))


def test_what_gives_no_answer_for_every_pixel_is_refused():
    with pytest.raises(ArgumentError, match="every pixel"):
        segment(base((32, 32, 3)), photo(4, 4))
    start = st.Input((8, 8, 3))
    with pytest.raises(ArgumentError, match="to \\(H, W, classes\\)"):
        segment(Model(start, layers.Dense(2)(layers.Flatten()(start))), photo(4, 4))
    with pytest.raises(ArgumentError, match="leave own_size out"):
        segment(NETWORKS["fcn"](), photo(4, 4), tile=8, own_size=False)
    with pytest.raises(DataError, match="uint8"):
        segment(NETWORKS["fcn"](), np.zeros((4, 4, 3), np.float32))
    with pytest.raises(DataError, match="no picture"):
        segment(NETWORKS["fcn"](), [])


@pytest.mark.parametrize(
    "move",
    [
        layers.RandomFlip(),
        layers.RandomCrop(12, 16),
        layers.RandomZoom((-0.5, 0.5), fill_mode="constant", interpolation="nearest"),
        layers.RandomTranslation(0.4, 0.4, fill_mode="constant", interpolation="nearest"),
        layers.RandomZoom(0.4, interpolation="nearest"),  # what comes in is mirrored, the labels with it
    ],
    ids=lambda move: f"{move.kind} {getattr(move, 'fill_mode', '')}",
)
def test_label_maps_move_with_their_pictures_and_the_ignored_label_comes_in(move):
    """Each class has a colour of its own, so a moved picture says which label each of its pixels is to have."""
    from striate.data import Batch
    from striate.layers import Augmentation
    from striate.train.targets import moved

    rng = np.random.default_rng(0)
    y = np.kron(rng.integers(1, 5, (6, 4, 4)), np.ones((4, 5), int))  # (6, 16, 20): blocks of the classes 1 to 4
    x = np.repeat(y[:, None], 3, 1).astype(np.float32)
    loss = st.losses.SegmentationLoss(ignore_class=9)
    st.set_seed(0)
    after = moved(Batch([torch.from_numpy(x)], [torch.from_numpy(y)], None, 6), Augmentation([move]), [loss])
    colours, labels = after.xs[0][:, 0].numpy(), after.ys[0].numpy()
    assert labels.dtype == np.int64
    assert colours.shape == labels.shape
    np.testing.assert_array_equal(np.where(colours == 0, 9, colours), labels)
    assert (labels == 9).any() == (getattr(move, "fill_mode", "") == "constant")


def test_one_number_for_the_overlap_wherever_it_is_counted():
    """Validation while training, evaluation and a count by hand agree: over all pictures, without the ignored label, and
    without the class that occurs nowhere."""
    st.set_seed(0)
    model = plain_unet((12, 12, 3), 5, filters=2, depth=1)
    scores = model.layers[-2]
    scores.set_weights([scores.get_weights()[0], np.array([0.0, 0, 0, -99, -99])])
    rng = np.random.default_rng(0)
    x = rng.random((7, 12, 12, 3)).astype(np.float32)
    y = rng.integers(0, 3, (7, 12, 12))
    y[rng.random(y.shape) < 0.2] = 11
    pixels = st.metrics.CategoricalAccuracy(name="pixels", ignore_class=11)
    model.compile("adam", st.losses.SegmentationLoss(ignore_class=11), metrics=["mean_iou", pixels])
    last = model.fit(x, y, validation_data=(x, y), batch_size=3, epochs=1, verbose=0).history
    judged = model.evaluate(x, y, batch_size=2, return_dict=True, verbose=0)
    said = model.predict(x).argmax(-1)
    counts = y != 11
    each = []
    for k in range(5):
        true, named = (y == k) & counts, (said == k) & counts
        if (true | named).any():
            each.append((true & named).sum() / (true | named).sum())
    assert len(each) == 3
    assert judged["mean_iou"] == pytest.approx(np.mean(each), abs=1e-6)
    assert last["val_mean_iou"][0] == pytest.approx(np.mean(each), abs=1e-6)
    assert judged["pixels"] == pytest.approx((said == y)[counts].mean(), abs=1e-6)
    assert last["val_pixels"][0] == pytest.approx(judged["pixels"], abs=1e-6)
