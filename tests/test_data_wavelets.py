"""JPEG 2000 files that have every bit of a picture, and those that were cut to a size: what Pillow writes."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from striate.data.pictures.lossy import blurs
from striate.data.pictures.wavelets import loses_bits

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "tiles": {"tile_size": (32, 48)},
    "precincts": {"precinct_size": (64, 64), "codeblock_size": (16, 32)},
    "both": {"tile_size": (48, 32), "precinct_size": (32, 32), "codeblock_size": (16, 16)},
    "flat": {"num_resolutions": 1},
}


def _noise(channels: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (50, 77, channels)).astype(np.uint8)
    return Image.fromarray(noise[..., 0] if channels == 1 else noise)


def _file(picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG2000", **{"irreversible": False, **options})
    return file.getvalue()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_what_was_cut_to_a_size_blurs_and_what_was_not_does_not(shape: Any, order: str) -> None:
    picture = _noise(3)
    for layers in (None, [30, 4, 1], [40, 10], [2]):
        cut = {} if layers is None else {"quality_mode": "rates", "quality_layers": layers}
        data = _file(picture, progression=order, **shape, **cut)
        whole = np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(picture))
        assert loses_bits(data) is (not whole), layers
        assert blurs(data) is (not whole), layers


def test_small_pictures_and_masks() -> None:
    steps = np.zeros((60, 90), np.uint8)
    steps[10:30, 20:50], steps[40:], steps[:8] = 3, 7, 255
    for array in (steps, steps[:1, :1], steps[:5, :3], np.zeros((40, 40), np.uint8)):
        assert loses_bits(_file(Image.fromarray(array))) is False
    assert loses_bits(_file(Image.fromarray(steps), quality_mode="rates", quality_layers=[60])) is True
    assert loses_bits(_file(Image.fromarray(steps), irreversible=True)) is True
    assert loses_bits(b"") is None


def test_a_damaged_file_ends_in_an_answer() -> None:
    data = _file(_noise(1), quality_mode="rates", quality_layers=[40, 10], tile_size=(64, 64))
    rng = np.random.default_rng(1)
    for _ in range(80):
        spoilt = bytearray(data)
        for place in rng.integers(0, 200, 3):
            spoilt[place] = rng.integers(0, 256)
        assert loses_bits(bytes(spoilt)) in (True, False, None)
    for end in range(0, len(data), 25):
        assert loses_bits(data[:end]) in (True, False, None)
