"""Plain JPEG files are decoded as Pillow decodes them; the rest is left to it."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from striate.data import Preprocessing
from striate.data.pictures.jpeg import plain_jpeg


def jpeg(size: tuple[int, int] = (17, 33), mode: str = "RGB", **options: object) -> bytes:
    channels = {"L": (), "RGB": (3,), "CMYK": (4,)}[mode]
    noise = np.random.default_rng(0).integers(0, 256, (*size, *channels), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise, mode=None if mode != "CMYK" else "CMYK").save(file, "jpeg", **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (32, 32), (17, 33), (200, 100)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0}, {"comment": b"hi"}])
def test_plain_files_are_what_pillow_opens(mode: str, size: tuple[int, int], options: dict[str, object]) -> None:
    content = jpeg(size, mode, **options)
    image = plain_jpeg(content)
    assert image is not None
    with Image.open(io.BytesIO(content)) as truth:
        assert image.mode == truth.mode
        np.testing.assert_array_equal(np.asarray(image), np.asarray(truth))


def test_what_is_not_plain_is_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = b"\xff\xe2" + (20).to_bytes(2, "big") + bytes(18)
    plain = jpeg()
    for content in (
        jpeg(exif=exif.tobytes()),
        jpeg(mode="CMYK"),
        jpeg((600, 20)),
        jpeg((512, 512), quality=100),
        plain[:2] + profile + plain[2:],
        plain.replace(b"JFIF", b"JFXX"),
        plain[:40],
        b"\xff\xd8\xff",
        b"",
    ):
        assert plain_jpeg(content) is None
    assert Preprocessing().pixels(jpeg(exif=exif.tobytes())).shape == (33, 17, 3)


def test_cut_and_spoilt_files_are_judged_as_pillow_judges_them() -> None:
    content = jpeg((32, 32))
    rng = np.random.default_rng(1)
    spoilt = [content[:n] for n in range(0, len(content), 37)]
    for _ in range(200):
        other = bytearray(content)
        other[rng.integers(len(other))] = rng.integers(256)
        spoilt.append(bytes(other))
    for one in spoilt:
        image = plain_jpeg(one)
        if image is None:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(one)) as truth:
                np.testing.assert_array_equal(np.asarray(image), np.asarray(truth))
