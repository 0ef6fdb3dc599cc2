import contextlib
import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from striate.data import Preprocessing, Vocabulary
from striate.data.pictures import decode
from striate.errors import DataError

RNG = np.random.RandomState(0)
NOISE = RNG.randint(0, 256, (7, 5, 3)).astype(np.uint8)
rgb = Preprocessing.pictures(channels=3)
grey = Preprocessing.pictures(channels=1)


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def over_white(colour, alpha):
    a = alpha[..., None] / 255
    return colour * a + 255 * (1 - a)


# modes: each case is (image, what its RGB must be as floats, tolerance)


def modes():
    one = NOISE[..., 0]
    alpha = NOISE[..., 1]
    spread = np.repeat(one[..., None], 3, axis=2)
    yield "L", Image.fromarray(one), spread, 0
    yield "1", Image.fromarray(one > 127), (spread > 127) * 255, 0
    yield "RGB", Image.fromarray(NOISE), NOISE, 0
    yield "LA", Image.fromarray(np.dstack([one, alpha])), over_white(spread, alpha), 1
    yield "RGBA", Image.fromarray(np.dstack([NOISE, alpha])), over_white(NOISE, alpha), 1
    yield "La", Image.fromarray(np.dstack([one, alpha])).convert("La"), over_white(spread, alpha), 2
    yield "RGBa", Image.fromarray(np.dstack([NOISE, alpha])).convert("RGBa"), over_white(NOISE, alpha), 2
    cmyk = np.dstack([NOISE, one])
    yield "CMYK", Image.frombytes("CMYK", (5, 7), cmyk.tobytes()), (255.0 - NOISE) * (255.0 - spread) / 255, 1
    sixteen = (spread[..., 0].astype(np.uint16) << 8) | alpha
    deep = np.repeat(sixteen[..., None], 3, axis=2) / 257
    yield "I;16", Image.frombytes("I;16", (5, 7), sixteen.tobytes()), deep, 0.5
    yield "I;16B", Image.frombytes("I;16B", (5, 7), sixteen.astype(">u2").tobytes()), deep, 0.5
    yield "I", Image.fromarray(sixteen.astype(np.int32)), deep, 0.5
    palette = Image.fromarray(one % 4, "L")
    palette.putpalette([10, 20, 30, 200, 100, 0, 0, 255, 0, 9, 9, 9])
    table = np.array([[10, 20, 30], [200, 100, 0], [0, 255, 0], [9, 9, 9]])
    yield "P", palette, table[one % 4], 0
    yield "PA", palette.convert("PA"), table[one % 4], 0
    clear = palette.copy()
    clear.info["transparency"] = 2
    yield "P with a clear colour", clear, np.where((one % 4 == 2)[..., None], 255, table[one % 4]), 0
    faint = palette.copy()
    faint.info["transparency"] = bytes([255, 128, 0, 64])
    opacity = np.array([255, 128, 0, 64])[one % 4]
    yield "P with alpha for each colour", faint, over_white(table[one % 4], opacity), 1
    keyed = Image.fromarray(NOISE)
    keyed.info["transparency"] = tuple(NOISE[2, 3].tolist())
    yield "RGB with a clear colour", keyed, np.where((NOISE[2, 3] == NOISE).all(-1)[..., None], 255, NOISE), 0
    yield "YCbCr", Image.fromarray(NOISE).convert("YCbCr"), NOISE, 3
    yield "HSV", Image.fromarray(NOISE).convert("HSV"), NOISE, 8
    yield "RGBX", Image.fromarray(NOISE).convert("RGBX"), NOISE, 0


CASES = {name: rest for name, *rest in modes()}


@pytest.mark.parametrize("name", CASES)
def test_every_mode_shows_its_colours_over_white(name):
    image, expected, tolerance = CASES[name]
    pixels = rgb.pixels(image)
    assert pixels.shape == (7, 5, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - np.asarray(expected, float)).max() <= tolerance


@pytest.mark.parametrize("name", CASES)
def test_every_mode_becomes_grey_by_the_luma_of_its_rgb(name):
    image = CASES[name][0]
    pixels = grey.pixels(image)
    luma = rgb.pixels(image) @ np.array([0.299, 0.587, 0.114])  # ITU-R 601-2
    assert pixels.shape == (7, 5, 1)
    assert np.abs(pixels[..., 0] - luma).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "channels"), [("L", 1), ("LA", 1), ("1", 1), ("I;16", 1), ("RGB", 3), ("P", 3), ("CMYK", 3)]
)
def test_without_channels_grey_stays_grey_and_the_rest_is_rgb(name, channels):
    assert Preprocessing().pixels(CASES[name][0]).shape == (7, 5, channels)


def test_floats_have_no_white_and_are_refused():
    with pytest.raises(DataError, match="floats"):
        rgb.pixels(Image.new("F", (4, 4)))


def test_values_beyond_16_bits_are_refused():
    with pytest.raises(DataError, match="70000"):
        rgb.pixels(Image.new("I", (4, 4), 70000))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG", "PPM"])
def test_path_bytes_file_image_and_array_give_the_same_bits(kind, tmp_path):
    data = saved(Image.fromarray(NOISE), kind)
    path = tmp_path / "picture"  # no suffix: the content tells
    path.write_bytes(data)
    with path.open("rb") as file:
        from_file = rgb.pixels(file)
    with Image.open(io.BytesIO(data)) as image:
        from_image = rgb.pixels(image)
        from_array = rgb.pixels(np.array(image.convert("RGB")))
    for other in (
        from_file,
        from_image,
        from_array,
        rgb.pixels(str(path)),
        rgb.pixels(data),
        rgb.pixels(bytearray(data)),
    ):
        assert np.array_equal(rgb.pixels(path), other)


def test_arrays_and_tensors_of_every_picture_shape_are_understood():
    torch = pytest.importorskip("torch")
    one = NOISE[..., 0]
    assert np.array_equal(grey.pixels(one), one[..., None])
    assert np.array_equal(grey.pixels(one[..., None]), one[..., None])
    assert np.array_equal(rgb.pixels(torch.from_numpy(NOISE)), NOISE)
    assert np.array_equal(rgb.pixels(NOISE[::-1, ::-1]), NOISE[::-1, ::-1])
    assert np.array_equal(grey.pixels(one > 9)[..., 0], (one > 9) * 255)
    assert np.array_equal(grey.pixels(one.astype(np.uint16) * 257)[..., 0], one)


@pytest.mark.parametrize(
    ("array", "fragment"),
    [
        (np.zeros((3, 8, 8), np.uint8), "permute"),
        (np.zeros((8, 8, 5), np.uint8), "1 to 4 channels"),
        (np.zeros((8, 8, 3)), "float64"),
        (np.zeros(8, np.uint8), "(8,)"),
        (np.zeros((0, 4), np.uint8), "(0, 4)"),
        (None, "NoneType"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array, fragment):
    with pytest.raises(DataError) as caught:
        rgb.pixels(array)
    assert fragment in str(caught.value)


# EXIF 2.32: what the 0th row and 0th column of the stored picture are in the scene
ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_pictures_are_turned_upright(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(Image.fromarray(NOISE), kind, exif=exif, **options)
    expected = ORIENTATIONS[orientation](NOISE)
    assert np.array_equal(rgb.pixels(data), expected)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(rgb.pixels(image), expected)
        assert np.array_equal(rgb.pixels(ImageOps.exif_transpose(image)), expected)


def test_a_broken_exif_block_does_not_hide_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(saved(Image.fromarray(NOISE), "JPEG", exif=exif))
    start = data.index(b"Exif\0\0") + 6
    data[start : start + 12] = b"\xff" * 12
    assert rgb.pixels(bytes(data)).shape == (7, 5, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_a_file_cut_at_any_byte_is_a_picture_or_a_data_error(kind):
    data = saved(Image.fromarray(np.kron(NOISE, np.ones((4, 4, 1), np.uint8))), kind)
    whole = rgb.pixels(data)
    refused = 0
    for end in range(0, len(data), 7):
        try:
            assert rgb.pixels(data[:end]).shape == whole.shape
        except DataError:
            refused += 1
    assert refused > len(data) / 7 * 0.5


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]), st.data())
def test_a_file_with_flipped_bytes_is_a_picture_or_a_data_error(kind, data):
    damaged = bytearray(saved(Image.fromarray(NOISE), kind))
    for _ in range(3):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        assert rgb.pixels(bytes(damaged)).ndim == 3


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_is_called_so(data):
    with pytest.raises(DataError, match="picture"):
        rgb.pixels(data)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.png: there is no such file"):
        rgb.pixels(tmp_path / "nothing.png")
    with pytest.raises(DataError, match="is not a file"):
        rgb.pixels(tmp_path)


def test_a_decompression_bomb_is_refused_before_it_is_unpacked():
    side = 1 << 14
    bomb = saved(Image.new("1", (side, side)))  # 268 million pixels
    assert len(bomb) < 50_000
    with pytest.raises(DataError, match="pixels"):
        rgb.pixels(bomb)
    huge = saved(Image.new("1", (12000, 12000)))  # 144 million: where Pillow would only warn
    with pytest.raises(DataError, match="12000 x 12000 pixels, the limit is 134,217,728"):
        rgb.pixels(huge)


def test_a_large_picture_within_the_limit_is_read_without_a_warning():
    image = saved(Image.new("1", (10000, 9500)))  # Pillow warns from 89 million pixels on
    assert Preprocessing(image_size=(2, 2), channels=1).pixels(image).max() == 0


# sizes


def test_stretch_is_pillows_bilinear():
    pixels = Preprocessing(image_size=(3, 8), channels=3).pixels(NOISE)
    assert np.array_equal(pixels, np.array(Image.fromarray(NOISE).resize((8, 3), Image.Resampling.BILINEAR)))


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_picture_of_the_right_size_is_not_touched(resize):
    assert np.array_equal(Preprocessing(image_size=(7, 5), channels=3, resize=resize).pixels(NOISE), NOISE)


@pytest.mark.parametrize("size", [(8, 8), (6, 12), (13, 4), (30, 30)])
@pytest.mark.parametrize("shape", [(40, 23), (17, 64), (25, 25)])
def test_crop_is_the_middle_of_the_picture_scaled_until_it_covers(size, shape):
    source = RNG.randint(0, 256, (*shape, 3)).astype(np.uint8)
    scale = max(size[0] / shape[0], size[1] / shape[1])
    scaled = [max(side, round(old * scale)) for side, old in zip(size, shape, strict=True)]
    big = np.array(Image.fromarray(source).resize((scaled[1], scaled[0]), Image.Resampling.BILINEAR))
    top, left = (scaled[0] - size[0]) // 2, (scaled[1] - size[1]) // 2
    expected = big[top : top + size[0], left : left + size[1]]
    pixels = Preprocessing(image_size=size, channels=3, resize="crop").pixels(source)
    assert np.abs(pixels.astype(int) - expected).max() <= 1  # one rounding apart


def test_pad_keeps_the_whole_picture_in_the_middle_of_black():
    white = np.full((10, 20, 3), 255, np.uint8)
    pixels = Preprocessing(image_size=(8, 8), channels=3, resize="pad").pixels(white)
    assert (pixels[2:6] == 255).all()
    assert (pixels[:2] == 0).all()
    assert (pixels[6:] == 0).all()


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_sliver_of_a_picture_costs_no_more_than_its_result(resize):
    sliver = np.zeros((1, 60000, 3), np.uint8)  # scaled to cover 224 x 224 it would have 3 billion pixels
    assert Preprocessing(image_size=(224, 224), channels=3, resize=resize).pixels(sliver).shape == (224, 224, 3)


# numbers

SETTINGS = [
    {},
    {"scale": 1 / 255},
    {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    {"scale": 1 / 127.5, "mean": 1.0},
    {"std": (2.0, 3.0, 4.0)},
    {"mean": (103.939, 116.779, 123.68)},
]


@pytest.mark.parametrize("values", SETTINGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_normalise_is_x_times_scale_minus_mean_over_std(values, dtype):
    batch = RNG.randint(0, 256, (4, 6, 5, 3)).astype(dtype)
    before = batch.copy()
    result = Preprocessing(**values).normalise(batch)
    expected = (batch.astype(np.float64) * values.get("scale", 1) - np.array(values.get("mean", 0))) / np.array(
        values.get("std", 1)
    )
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6 * max(1, np.abs(expected).max()))
    assert np.array_equal(batch, before)


@settings(deadline=None)
@given(
    st.sampled_from(SETTINGS),
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=40),
    st.sampled_from([np.uint8, np.float32, np.float64]),
    st.integers(0, 99),
)
def test_numpy_and_torch_agree_to_the_last_bit(values, shape, dtype, seed):
    torch = pytest.importorskip("torch")
    batch = np.random.RandomState(seed).randint(0, 256, (*shape, 3)).astype(dtype)
    prepare = Preprocessing(**values)
    expected = prepare.normalise(batch)
    tensor = torch.from_numpy(batch.copy())
    result = prepare.normalise(tensor)
    assert result.dtype == torch.float32
    assert result.numpy().tobytes() == expected.tobytes()
    assert np.array_equal(tensor.numpy(), batch)
    for i in range(len(batch)):  # what a picture becomes does not depend on the batch it is in
        assert np.array_equal(prepare.normalise(batch[i : i + 1])[0], expected[i])


def test_a_batch_that_is_not_contiguous_gives_the_same_numbers():
    torch = pytest.importorskip("torch")
    batch = RNG.randint(0, 256, (4, 3, 6, 5)).astype(np.uint8)
    prepare = Preprocessing(**SETTINGS[2])
    expected = prepare.normalise(np.ascontiguousarray(batch.transpose(0, 2, 3, 1)))
    assert np.array_equal(prepare.normalise(batch.transpose(0, 2, 3, 1)), expected)
    assert np.array_equal(prepare.normalise(torch.from_numpy(batch).permute(0, 2, 3, 1)).numpy(), expected)


def test_normalise_lets_gradients_through():
    torch = pytest.importorskip("torch")
    prepare = Preprocessing(scale=0.5, mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0))
    with torch.inference_mode():
        prepare.normalise(torch.zeros(1, 2, 2, 3))
    x = torch.zeros(1, 2, 2, 3, requires_grad=True)
    prepare.normalise(x).sum().backward()
    assert x.grad[0, 0, 0].tolist() == [0.5, 0.25, 0.125]


def test_identity_changes_nothing_and_copies_nothing():
    torch = pytest.importorskip("torch")
    x = np.ones((2, 3), np.float32)
    assert Preprocessing().normalise(x) is x
    ids = torch.ones(2, 3, dtype=torch.int64)
    assert Preprocessing().normalise(ids) is ids
    assert Preprocessing().normalise(np.ones((2, 3), np.int64)).dtype == np.int64
    assert Preprocessing().normalise(np.ones((2, 4, 4, 3), np.int64)).dtype == np.float32


def test_means_for_other_channels_are_an_error():
    with pytest.raises(DataError, match=r"3 channels.*\(2, 4, 4, 1\)"):
        Preprocessing(mean=(1, 2, 3)).normalise(np.zeros((2, 4, 4, 1), np.uint8))


# description


@pytest.mark.parametrize(
    "given_object",
    [
        Preprocessing(),
        Preprocessing.pictures((224, 224), 3, resize="crop", mean=(0.1, 0.2, 0.3), std=(1 / 3, 0.2, 0.7)),
        Preprocessing(vocabulary=Vocabulary(("the", "a"), 7)),
    ],
)
def test_a_description_survives_json(given_object):
    again = Preprocessing.from_dict(json.loads(json.dumps(given_object.to_dict())))
    assert again == given_object
    assert hash(again) == hash(given_object)


@pytest.mark.parametrize(
    ("description", "fragment"),
    [
        ({"image_sise": [2, 2]}, 'Did you mean "image_size"'),
        ({"image_size": [2]}, "image_size [2]"),
        ({"image_size": [0, 5]}, "image_size"),
        ({"image_size": [2.5, 5]}, "image_size"),
        ({"image_size": "big"}, "image_size 'big'"),
        ({"image_size": 1 << 20}, "32768"),
        ({"channels": 4}, "channels 4"),
        ({"resize": "cut"}, "resize 'cut'"),
        ({"scale": 0}, "scale 0"),
        ({"scale": float("nan")}, "scale nan"),
        ({"scale": "1"}, "scale '1'"),
        ({"std": [1, 0]}, "std"),
        ({"mean": []}, "mean"),
        ({"mean": ["a"]}, "mean"),
        ({"channels": 3, "mean": [1, 2]}, "2 numbers for 3 channels"),
        ({"mean": [1, 2], "std": [1, 2, 3]}, "mean has 2 channels, std has 3"),
        ({"vocabulary": {"words": ["a"]}}, "vocabulary"),
        ({"vocabulary": {"words": "abc", "length": 3}}, "vocabulary"),
        ({"vocabulary": {"words": ["a", "a"], "length": 3}}, "twice"),
        ([1], "list"),
    ],
)
def test_a_faulty_description_is_named(description, fragment):
    with pytest.raises(DataError) as caught:
        Preprocessing.from_dict(description)
    assert fragment in str(caught.value)


def test_the_preprocessing_of_a_model_follows_its_input():
    assert Preprocessing.for_model((32, 24, 3)) == Preprocessing(image_size=(32, 24), channels=3, scale=1 / 255)
    assert Preprocessing.for_model((None, None, 1)) == Preprocessing(channels=1, scale=1 / 255)
    assert Preprocessing.for_model((500,)).identity
    assert Preprocessing.for_model((8, 8, 16)).identity


def test_it_prints_what_it_does():
    shown = str(Preprocessing.pictures((224, 200), 3, resize="crop", mean=0.5, std=(0.1, 0.2, 0.3)))
    assert shown == "crop to 224 x 200, RGB, / 255, mean 0.5, std 0.1, 0.2, 0.3"
    assert str(Preprocessing()) == "none"
    assert str(Preprocessing(scale=2.0)) == "* 2"


def test_the_formats_read_are_known_to_pillow_and_run_no_other_program():
    assert "EPS" not in decode.FORMATS
    Image.init()
    assert set(decode.FORMATS) - set(Image.OPEN) <= {"AVIF", "WEBP", "JPEG2000"}  # not built into every Pillow


# -- as published weights want their pictures -------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(320, 400), (700, 333), (256, 256), (90, 400)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_shorter_side_is_resizing_and_then_cutting_the_middle_out(shape, interpolation):
    """Resized until the shorter side has 256 pixels, the longer one rounded to a whole number, then the middle 224."""
    photo = np.random.default_rng(1).integers(0, 255, (*shape, 3), dtype=np.uint8)
    source = Image.fromarray(photo).resize((shape[1], shape[0]))
    short = min(shape)
    scaled = (round(256 * shape[1] / short), round(256 * shape[0] / short))
    big = source.resize(scaled, Image.Resampling[interpolation.upper()])
    left, top = (scaled[0] - 224) // 2, (scaled[1] - 224) // 2
    expected = np.array(big.crop((left, top, left + 224, top + 224))).astype(int)
    how = Preprocessing(image_size=224, channels=3, resize="crop", shorter_side=256, interpolation=interpolation)
    assert np.array_equal(how.pixels(source), expected)


def test_bgr_turns_the_channels_round_before_the_mean_is_taken_off():
    """Caffe's preprocessing, Keras' mode "caffe": BGR, each channel less its mean."""
    caffe = Preprocessing(channels=3, order="bgr", mean=(103.939, 116.779, 123.68))
    batch = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    expected = batch[..., ::-1].astype(np.float32) - np.float32([103.939, 116.779, 123.68])
    before = batch.copy()
    assert np.array_equal(caffe.normalise(batch), expected)
    assert np.array_equal(caffe.normalise(torch.from_numpy(batch)).numpy(), expected)
    assert np.array_equal(batch, before)
    assert not Preprocessing(channels=3, order="bgr").identity
    assert np.array_equal(Preprocessing(channels=3, order="bgr").normalise(batch), batch[..., ::-1])
    assert Preprocessing.from_dict(caffe.to_dict()) == caffe
    assert "BGR" in str(caffe)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shorter_side": 256}, "goes with resize"),
        ({"shorter_side": 200, "resize": "crop", "image_size": 224}, "from 224"),
        ({"shorter_side": True, "resize": "crop", "image_size": 224}, "from 224"),
        ({"interpolation": "nearest"}, "interpolation 'nearest'"),
        ({"order": "gbr"}, "order 'gbr'"),
        ({"order": "bgr"}, "goes with channels=3"),
    ],
)
def test_what_does_not_go_together_is_said(wrong, message):
    with pytest.raises(DataError, match=message):
        Preprocessing(**wrong)
