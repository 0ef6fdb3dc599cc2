"""Pictures of more than 8 bits a value: right to the last grey, or refused with what they are and what to do."""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate import errors
from striate.cli import main as main_module
from striate.data import check
from striate.data.pictures import decode
from striate.data.pictures.decode import labels_of_pixels, picture
from striate.data.readers.label_maps import read_mask
from striate.errors import DataError, Note

GREY = np.linspace(0, 1, 12).reshape(3, 4)  # lines that end within a byte at 10 and 14 bits
TYPES = {
    (8, 1): "u1",
    (16, 1): "u2",
    (32, 1): "u4",
    (8, 2): "i1",
    (16, 2): "i2",
    (16, 3): "f2",
    (32, 3): "f4",
    (64, 3): "f8",
}


def tiff(
    values: np.ndarray,
    bits: int,
    photometric: int = 1,
    order: str = "<",
    kind: int = 1,
    big: bool = False,
    compression: int = 1,
    pages: int = 1,
    more: Sequence[tuple[int, int, list[int]]] = (),
    planes: bool = False,
) -> bytes:
    """A TIFF file by hand, a strip or one for each of its `planes` (TIFF 6.0, section 2; BigTIFF with 8-byte offsets)."""
    height, width = values.shape[:2]
    samples = values[0, 0].size
    strips = samples if planes else 1
    if planes:
        values, more = np.moveaxis(values, -1, 0).reshape(-1, width), [*more, (284, 3, [2])]
    if bits in (8, 16, 32, 64):
        data = values.astype(order + TYPES[bits, kind]).tobytes()
    else:
        data = b""
        for line in values.reshape(height * strips, -1):
            text = "".join(format(int(v), f"0{bits}b") for v in line)
            text += "0" * (-len(text) % 8)
            data += bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    offset, entry, room = ("Q", 20, 8) if big else ("I", 12, 4)
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42))
    out += struct.pack(f"{order}HHQ", 8, 0, 16) if big else struct.pack(f"{order}I", 8)
    for page in range(pages):
        tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * samples), (259, 3, [compression])]
        tags += [(262, 3, [photometric]), (273, 4, [0] * strips), (277, 3, [samples]), (278, 4, [height])]
        tags += [(279, 4, [len(data) // strips] * strips)]
        tags = sorted([*tags, (339, 3, [kind] * samples), *more])
        raw = [struct.pack(f"{order}{len(v)}{'H' if t == 3 else 'I'}", *v) for _, t, v in tags]
        beside = len(out) + (16 if big else 6) + entry * len(tags)
        strip = beside + sum(len(r) for r in raw if len(r) > room)
        listed, blobs = b"", b""
        for (tag, t, v), r in zip(tags, raw, strict=True):
            if tag == 273:
                r = struct.pack(f"{order}{strips}I", *(strip + i * len(data) // strips for i in range(strips)))
            field = r
            if len(r) > room:
                field, blobs = struct.pack(order + offset, beside + len(blobs)), blobs + r
            listed += struct.pack(f"{order}HH{offset}", tag, t, len(v)) + field.ljust(room, b"\0")
        following = strip + len(data) if page + 1 < pages else 0
        out += struct.pack(order + ("Q" if big else "H"), len(tags)) + listed
        out += struct.pack(order + offset, following) + blobs + data
    return bytes(out)


def shown(source: bytes) -> np.ndarray:
    return np.asarray(picture(source, None))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
def test_grey_of_any_depth_and_either_end_white(bits, order, big):
    most = (1 << bits) - 1
    values = np.rint(GREY * most)
    expected = np.floor(values * 255 / most + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(shown(tiff(values, bits, 1, order, big=big)), expected)
    np.testing.assert_array_equal(shown(tiff(values, bits, 0, order, big=big)), 255 - expected)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_colours_of_any_depth(bits, order):
    most = (1 << bits) - 1
    values = np.rint(np.stack([GREY, 1 - GREY, GREY * 0], -1) * most)
    found = shown(tiff(values, bits, 2, order)).astype(float)
    assert np.abs(found - values * 255 / most).max() <= 1  # Pillow cuts 16 bits off where it reads them


@pytest.mark.parametrize("turned", [1, 6])
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_colours_in_planes_of_their_own_and_turned(bits, order, planes, turned):
    most = (1 << bits) - 1
    values = np.rint(np.stack([GREY, 1 - GREY, GREY * 0.5], -1) * most)
    found = shown(tiff(values, bits, 2, order, more=[(274, 3, [turned])], planes=planes)).astype(float)
    wanted = values * 255 / most
    assert np.abs(found - (np.rot90(wanted, -1) if turned == 6 else wanted)).max() <= 1


def test_a_palette_and_inks_are_read_as_colours():
    table = [0] * 256 + list(range(0, 65536, 256)) + [65535] * 256  # red, green, blue of each number
    found = shown(tiff(np.arange(12).reshape(3, 4) * 20, 8, 3, more=[(320, 3, table)]))
    np.testing.assert_array_equal(found[0], [[0, 0, 255], [0, 20, 255], [0, 40, 255], [0, 60, 255]])
    inks = shown(tiff(np.stack([np.rint(GREY * 255), GREY * 0, GREY * 0, GREY * 0], -1), 8, 5))
    np.testing.assert_array_equal(inks[..., 0], 255 - np.rint(GREY * 255))
    assert (inks[..., 1:] == 255).all()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (tiff(GREY, 64, kind=3), "64 bits a pixel, floats"),
        (tiff(GREY, 32, kind=3), "floats have no fixed white"),
        (tiff(GREY, 16, kind=3), "16 bits a pixel, floats"),
        (tiff(np.rint(GREY * 99) - 50, 8, kind=2), "signed values"),
        (tiff(np.rint(GREY * 99) - 50, 16, kind=2), "signed values"),
        (tiff(np.rint(GREY * 99), 32, 0), "32 bits a pixel"),
        (tiff(np.rint(GREY * 1023), 10, compression=5), "10 bits a pixel, compressed"),
        (tiff(np.rint(GREY * 1023), 10)[:-5], "cut off: 10 of 15 bytes"),
        (b"II*\0\xff\xff\xff\0", "a broken TIFF"),
        (b"%PDF-1.4" + bytes(50), "a PDF is not read"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL is not read"),
        (b"8BPS" + bytes(50), "Photoshop"),
        (b"<svg xmlns=" + bytes(50), "SVG"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(file, said):
    with pytest.raises(DataError, match=said) as raised:
        picture(file)
    assert any(word in str(raised.value) for word in ("Save ", "save ", "Scale ", "Replace "))


def test_a_mask_of_10_bits_is_refused_rather_than_scaled(tmp_path):
    (tmp_path / "mask.tif").write_bytes(tiff(np.arange(12).reshape(3, 4), 10))
    with pytest.raises(DataError):
        labels_of_pixels(tmp_path / "mask.tif")
    (tmp_path / "mask.tif").write_bytes(tiff(np.arange(12).reshape(3, 4), 12))
    np.testing.assert_array_equal(labels_of_pixels(tmp_path / "mask.tif"), np.arange(12).reshape(3, 4))


@pytest.mark.parametrize("turned", [1, 6])
@pytest.mark.parametrize(("bits", "white"), [(8, 0), (8, 1), (12, 1), (16, 0), (16, 1)])
def test_an_opened_picture_is_what_its_file_is(bits, white, turned):
    file = tiff(np.rint(GREY * ((1 << bits) - 1)), bits, white, more=[(274, 3, [turned])])
    expected = shown(file)
    with Image.open(io.BytesIO(file)) as fresh, Image.open(io.BytesIO(file)) as loaded:
        loaded.load()
        for image in (fresh, loaded, loaded):
            np.testing.assert_array_equal(np.asarray(picture(image, None)), expected)


def test_an_opened_picture_that_pillow_mistakes_is_refused_as_its_file_is_or_by_its_path(tmp_path):
    colours = np.rint(np.stack([GREY, 1 - GREY, GREY], -1) * 65535)
    for file, said in (
        (tiff(np.rint(GREY * 99) - 50, 16, kind=2), "signed values"),
        (tiff(colours, 16, 2, planes=True), "Give its path"),
    ):
        (tmp_path / "a.tif").write_bytes(file)
        with Image.open(tmp_path / "a.tif") as image, pytest.raises(DataError, match=said):
            picture(image)


def test_32_bits_without_a_sign_are_told_as_they_are(tmp_path):
    place = tmp_path / "a.tif"
    place.write_bytes(tiff(np.array([[7, 1 << 31], [9, (1 << 32) - 1]]), 32))
    with Image.open(place) as image:
        for read in (lambda: picture(place), lambda: picture(image), lambda: read_mask(place)):
            with pytest.raises(DataError, match="values 7 to 4294967295"):
                read()
    place.write_bytes(tiff(np.array([[7, 1000], [9, 65535]]), 32))
    assert shown(place.read_bytes()).tolist() == [[0, 4], [0, 255]]
    assert read_mask(place).labels.max() == 65535


def test_several_pages_are_said_and_the_first_is_read():
    values = np.rint(GREY * 255)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(shown(tiff(values, 8)), values)
        assert not told
        np.testing.assert_array_equal(shown(tiff(values, 8, pages=3)), values)
    assert [w.category for w in told] in ([Note], [])  # once in a process
    assert all("the first page is read" in str(w.message) for w in told)


def png(bits: int, clear: int, width: int, lines: bytes) -> bytes:
    """A grey PNG of two lines of which one value is clear."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 2, bits, 0, 0, 0, 0)) + chunk(
        b"tRNS", struct.pack(">H", clear)
    )
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_clear_grey_of_a_png_shows_white_at_any_depth(bits):
    per_line = 8 // bits
    values = np.array([range(per_line), range(per_line, 2 * per_line)]) % (1 << bits)
    lines = b"".join(b"\0" + bytes([int("".join(format(int(v), f"0{bits}b") for v in line), 2)]) for line in values)
    for clear in range(min(4, 1 << bits)):
        expected = np.where(values == clear, 255, values * 255 // ((1 << bits) - 1))
        np.testing.assert_array_equal(shown(png(bits, clear, per_line, lines)), expected)


@pytest.mark.parametrize("clear", [0, 1000, 65535])
def test_the_clear_grey_of_a_16_bit_png_shows_white_and_its_neighbour_does_not(clear):
    values = np.array([[0, 1000, 1001], [30000, 65534, 65535]])
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    expected = np.where(values == clear, 255, (values + 128) // 257)
    np.testing.assert_array_equal(shown(png(16, clear, 3, lines)), expected)


# -- phones ------------------------------------------------------------------------------------------------------------
HEADS = [b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" for brand in (b"heic", b"heix", b"hevc", b"msf1", b"mif1")]


@pytest.mark.parametrize("head", HEADS)
def test_heic_without_its_package_says_how_to_read_it(head, tmp_path, monkeypatch):
    decode._heic_opener.cache_clear()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "IMG_0001.jpg").write_bytes(head + bytes(200))
    with pytest.raises(DataError, match=r"IMG_0001.jpg: HEIC.* pip install 'striate\[heic\]'\. Or save it as JPEG"):
        picture(tmp_path / "IMG_0001.jpg")


def test_heic_with_its_package_is_read_in_its_colours(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    decode._heic_opener.cache_clear()
    colours = np.zeros((40, 60, 3), np.uint8)
    colours[:, :30], colours[:, 30:] = (200, 30, 30), (20, 20, 220)
    pillow_heif.from_pillow(Image.fromarray(colours)).save(tmp_path / "photo.heic", quality=95)
    found = np.asarray(picture(tmp_path / "photo.heic")).astype(int)
    assert found.shape == (40, 60, 3)
    assert np.abs(found[:, [5, 50]] - colours[:, [5, 50]]).max() < 12


def test_12_bits_in_a_file_of_16_are_read_as_they_say_and_named(tmp_path, monkeypatch):
    """A camera's 0..4095 in 16 bits is nearly black; nothing is guessed from values, and nothing is kept quiet."""
    monkeypatch.setattr(errors, "_SAID", set())
    root = tmp_path / "p"
    values = (GREY * 4095).round()
    for kind in ("a", "b"):
        (root / kind).mkdir(parents=True)
        Image.fromarray(np.full((9, 9, 3), 200, np.uint8)).save(root / kind / "fine.png")
    (root / "a" / "camera.tif").write_bytes(tiff(values, 16))
    (root / "a" / "twelve.tif").write_bytes(tiff(values, 12))
    Image.fromarray(values.astype(np.uint16)).save(root / "b" / "camera.png")
    (root / "b" / "stack.tif").write_bytes(tiff(np.full((4, 4), 99), 8, pages=3))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = check(root)
        assert said == []  # its findings say it
    assert [Path(each.files[0]).name for each in found.of("dark")] == ["camera.tif", "camera.png"]
    assert found.of("dark")[0].detail == "16 bits a value, the largest is 6.3% of white"
    assert [(Path(each.files[0]).name, each.detail) for each in found.of("pages")] == [
        ("stack.tif", "3 pages or frames, the first is read")
    ]
    assert found.of("broken", "truncated") == []
    monkeypatch.setattr(errors, "_SAID", set())
    with pytest.warns(Note, match="nearly black"):
        assert np.asarray(picture(root / "b" / "camera.png", None)).max() == 16


def test_a_note_at_a_command_is_a_line_without_a_place_in_code(monkeypatch, capsys):
    monkeypatch.setattr(errors, "_SAID", set())
    with main_module._plain_notes():
        warnings.simplefilter("always")
        errors.note("one thing")
    assert capsys.readouterr().err == "note: one thing\n"
