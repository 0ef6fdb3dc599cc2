"""What the largest pictures that are read take: less than 2 GiB in all, in whatever mode they are stored."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import pytest
from PIL import Image

from striate.data.pictures import decode, tiff
from striate.doors import budgets
from striate.errors import DataError

SIDE = 11_584  # squared, just below the limit
READ = """
import json, pathlib, re, resource, sys
from striate.data.pictures import decode
try:
    said = decode.picture(sys.argv[1]).size
except Exception as error:
    said = f"{type(error).__name__}: {error}"
status = pathlib.Path("/proc/self/status")  # getrusage counts what the process before exec held
if status.exists():
    most = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024
else:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([said, most]))
"""


def strips_above_each_other(side, bits, planes=False):
    """A TIFF of RGB whose strips of one line all lie in the same bytes."""
    line = -(-side * (1 if planes else 3) * bits // 8)
    lines = side * 3 if planes else side
    tags = {
        256: [side], 257: [side], 258: [bits] * 3, 259: [1], 262: [2], 273: [8] * lines, 277: [3], 278: [1],
        279: [line] * lines, 284: [2 if planes else 1],
    }  # fmt: skip
    entries, more, at = b"", b"", 8 + line + 2 + 12 * len(tags) + 4
    for tag, values in tags.items():
        held = struct.pack(f"<{len(values)}I", *values)
        entries += struct.pack("<HHI", tag, 4, len(values))
        entries += held if len(held) == 4 else struct.pack("<I", at + len(more))
        more += held if len(held) > 4 else b""
    return (
        b"II*\0" + struct.pack("<I", 8 + line) + bytes(line) + struct.pack("<H", len(tags)) + entries + bytes(4) + more
    )


def made(kind, place):
    turned = Image.Exif()
    turned[0x0112] = 6
    size = (SIDE, SIDE)
    match kind:
        case "RGBA PNG":
            Image.new("RGBA", size, (200, 10, 10, 128)).save(place, "PNG", compress_level=1, exif=turned)
        case "palette PNG":
            image = Image.new("P", size, 3)
            image.putpalette(list(range(256)) * 3)
            image.save(place, "PNG", compress_level=1, transparency=bytes([128]) * 256, exif=turned)
        case "CMYK JPEG":
            Image.new("CMYK", size, (200, 10, 10, 9)).save(place, "JPEG", exif=turned)
        case "16-bit TIFF":
            Image.new("I;16", size, 30_000).save(place, "TIFF", compression="tiff_lzw")
        case "WebP":
            Image.new("RGBA", (8191, 8191), (200, 10, 10, 128)).save(place, "WEBP", lossless=True, method=0)
        case "JPEG 2000":
            Image.new("RGBA", (4095, 4095)).save(place, "JPEG2000")
        case "colours of 16 bits in a TIFF":
            place.write_bytes(strips_above_each_other(SIDE, 16))
        case "12-bit TIFF":
            place.write_bytes(strips_above_each_other(10_900, 12))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "RGBA PNG",
        "palette PNG",
        "CMYK JPEG",
        "16-bit TIFF",
        "colours of 16 bits in a TIFF",
        "WebP",
        "JPEG 2000",
        "12-bit TIFF",
    ],
)
def test_the_largest_picture_takes_less_than_two_gibibytes(kind, tmp_path):
    pytest.importorskip("resource")
    made(kind, tmp_path / "a.png")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ, str(tmp_path / "a.png")], capture_output=True, text=True, check=True
    )
    said, most = json.loads(ran.stdout)
    assert isinstance(said, list), said
    assert most < 2 << 30


@pytest.mark.parametrize(("bits", "planes"), [(12, False), (16, True)])
def test_a_tiff_of_more_bytes_of_values_than_memory_is_planned_for_is_refused_by_its_tags(bits, planes, tmp_path):
    (tmp_path / "a.tif").write_bytes(strips_above_each_other(SIDE, bits, planes))
    assert SIDE**2 < budgets.PIXELS
    with pytest.raises(DataError, match=r"bytes of values, the limit is 536,870,912\. Save it"):
        decode.picture(tmp_path / "a.tif")


def test_values_are_made_eight_bits_a_part_at_a_time_and_come_out_the_same(monkeypatch, tmp_path):
    import numpy as np

    deep = np.random.default_rng(0).integers(0, 65_536, (37, 23), np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(strips_above_each_other(40, 12))
    whole = [np.asarray(decode.picture(tmp_path / name)) for name in ("a.tif", "b.tif")]
    monkeypatch.setattr(tiff, "_STRIP", 50)
    for name, before in zip(("a.tif", "b.tif"), whole, strict=True):
        assert (np.asarray(decode.picture(tmp_path / name)) == before).all()
    assert (whole[0][..., 0] == (deep.astype(np.uint32) * 255 + 32_767) // 65_535).all()
