"""The same mask in any format has the same labels, or is read as black and white or left out with what is said of it."""

import numpy as np
import pytest
from PIL import Image

from striate.data import check, read_masks
from striate.data.pictures.lossy import blurs

NUMBERS = np.zeros((64, 64), np.uint8)
NUMBERS[10:41, 9:37], NUMBERS[50:] = 2, 1
MASKS = [NUMBERS, np.where(NUMBERS == 1, 0, NUMBERS), np.where(NUMBERS == 2, 0, NUMBERS)]
NUMBERS_OF_WHITE = [mask > 0 for mask in MASKS]
WHITE = [mask * np.uint8(255) for mask in NUMBERS_OF_WHITE]

EXACT = {
    "png": ("png", {}),
    "gif": ("gif", {}),
    "bmp": ("bmp", {}),
    "tiff": ("tif", {}),
    "tiff, packed": ("tif", {"compression": "tiff_lzw"}),
    "pgm": ("pgm", {}),
    "tga": ("tga", {}),
    "pcx": ("pcx", {}),
    "jpeg 2000": ("jp2", {}),
    "a stream of jpeg 2000": ("j2k", {}),
    "webp": ("webp", {"lossless": True}),
    "webp with a profile": ("webp", {"lossless": True, "exact": True, "icc_profile": bytes(9001)}),
}
BLURRED = {
    "jpeg": ("jpg", {}),
    "avif": ("avif", {}),
    "webp": ("webp", {}),
    "webp with a profile": ("webp", {"icc_profile": b"VP8L" * 99}),
    "jpeg 2000": ("jp2", {"irreversible": True}),
    "a stream of jpeg 2000": ("j2k", {"irreversible": True}),
    "tiff": ("tif", {"compression": "jpeg"}),
}


def folder(root, masks, ending, options=None):
    for i, mask in enumerate(masks):
        image = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
        for name in ("images", "masks"):
            (root / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", image.size, (40 * i, 9, 9)).save(root / "images" / f"{i}.png")
        image.save(root / "masks" / f"{i}.{ending}", **(options or {}))
    return root


def found(root):
    return [finding.detail for finding in check(root, near=False).of("lossy-mask")]


@pytest.mark.parametrize("how", EXACT)
def test_a_format_that_keeps_values_keeps_the_labels(tmp_path, how):
    root = folder(tmp_path, MASKS, *EXACT[how])
    read = read_masks(root)
    assert np.array_equal(read.y, MASKS)
    assert not read.notes
    assert not found(root)
    assert np.array_equal(
        read_masks(folder(tmp_path / "two", [*WHITE, WHITE[0] | 255], *EXACT[how])).y[:3], NUMBERS_OF_WHITE
    )


@pytest.mark.parametrize("ending", ["png", "gif", "bmp", "tif"])
def test_a_palette_of_greys_says_grey_values_whatever_the_order_of_its_greys(tmp_path, ending):
    masks = []
    for mask in MASKS:
        image = Image.fromarray(2 - mask)
        image.putpalette([2, 2, 2, 1, 1, 1, 0, 0, 0])
        masks.append(image)
    assert np.array_equal(read_masks(folder(tmp_path / "a", masks, ending)).y, MASKS)
    quantized = [Image.fromarray(mask).quantize(2) for mask in WHITE]
    assert np.array_equal(read_masks(folder(tmp_path / "b", quantized, ending)).y, NUMBERS_OF_WHITE)


def test_a_palette_of_colours_numbers_classes_and_a_gif_of_them_is_noted(tmp_path):
    masks = [Image.fromarray(mask) for mask in MASKS]
    for mask in masks:
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])  # Pascal VOC's first three
    for ending in ("png", "bmp", "tif"):
        root = folder(tmp_path / ending, masks, ending)
        read = read_masks(root)
        assert np.array_equal(read.y, MASKS), ending
        assert not read.notes
        assert not found(root)
    root = folder(tmp_path / "gif", masks, "gif")
    read = read_masks(root)
    assert np.array_equal(read.y[0], NUMBERS)
    assert "3 masks are a GIF of colours" in read.notes[0]
    assert found(root) == ["is a GIF of colours, which may be numbered anew"] * 3


@pytest.mark.parametrize("how", BLURRED)
def test_a_format_that_blurs_is_read_as_black_and_white_or_left_out(tmp_path, how):
    read = read_masks(folder(tmp_path / "white", WHITE, *BLURRED[how]))
    assert np.mean(read.y == NUMBERS_OF_WHITE) > 0.99
    assert "3 masks are in a format that blurs" in read.notes[0]
    assert found(tmp_path / "white") == ["is in a format that blurs; it is read as black and white"] * 3
    mixed = folder(tmp_path / "mixed", [WHITE[0], NUMBERS * 100], *BLURRED[how])
    read = read_masks(mixed)
    assert len(read) == 1
    assert "in a format that blurs, so its values are no class numbers" in read.skipped[0].reason
    assert sorted(np.unique(read.y)) == [0, 1]


@pytest.mark.parametrize(("grey", "side"), [(128, 10), (200, 40), (60, 10)])
@pytest.mark.parametrize("how", BLURRED)
def test_a_third_grey_is_no_black_and_white_though_it_be_small(tmp_path, how, grey, side):
    third = WHITE[0].copy()
    third[2 : 2 + side, 2 : 2 + side] = grey
    read = read_masks(folder(tmp_path, [third, WHITE[1]], *BLURRED[how]))
    assert [skipped.path[-5:] for skipped in read.skipped] == ["0.png"]
    assert sum("Save masks as PNG" in detail for detail in found(tmp_path)) == 1


@pytest.mark.parametrize("cut", [0, 12, 14, 20, 40])
def test_no_beginning_of_a_file_breaks_what_is_said_of_its_format(tmp_path, cut):
    for i, (ending, options) in enumerate([*EXACT.values(), *BLURRED.values()]):
        root = folder(tmp_path / str(i), WHITE[:1], ending, options)
        assert blurs((root / "masks" / f"0.{ending}").read_bytes()[:cut]) in (True, False)


def test_white_beside_an_ignored_black_is_noted(tmp_path):
    root = folder(tmp_path, WHITE, "png")
    assert "labels after a gap, which may be no classes: 255 (in 3)" in read_masks(root, ignored=0).notes[0]
    assert not read_masks(folder(tmp_path / "one", [mask + 1 for mask in MASKS], "png"), ignored=0).notes
