"""What Pillow leaves open in TIFF files: how many bits a value has, which end is white, several pages.

TIFF 6.0: tags 258 (BitsPerSample), 259 (Compression), 262 (PhotometricInterpretation), 339 (SampleFormat).  BigTIFF differs
in the width of its numbers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from striate.data.pictures.upright import ORIENTATION
from striate.doors import budgets
from striate.errors import DataError, note
from striate.wording import plural

if TYPE_CHECKING:
    from PIL import Image

DARK = 64  # of 255: 16-bit pictures without a lighter pixel are likely of 10, 12 or 14 bits
_WIDE = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the types of numbers that the tags below have
_REMEDY = "Save it with 8 or 16 bits a value as PNG."
_MOST = 1 << 29  # bytes of a file of ours to unpack, and of what its pages hold: it is in memory three times, in parts
_STRIP = 1 << 20  # values that are made 8 bits at a time, as each takes four bytes several times over
_KINDS = {2: "signed values", 3: "floats"}


def grey_of(image: Any, name: str) -> Image.Image:
    """An opened picture, where it is a TIFF of 9 to 16 bits a grey value in 8 bits, by its bits and its white end.

    Pillow gives 12 bits as they are, 0 to 4095, and inverts 8 bits only.  Raises DataError for signed values and for
    values beyond 16 bits.

    image   as Pillow opened it
    name    in messages
    """
    from PIL import Image

    if image.format != "TIFF":
        return image  # type: ignore[no-any-return]
    if 2 in image.tag_v2.get(339, ()):
        raise DataError(f"{name}: a TIFF of signed values has no fixed black. {_REMEDY}")
    if image.mode == "I":
        within_16_bits(numbers_of(image), name)
    if not image.mode.startswith("I;16"):
        return image  # type: ignore[no-any-return]
    bits, white_is_0 = int(image.tag_v2.get(258, (16,))[0]), image.tag_v2.get(262) == 0
    values = np.asarray(image)
    grey = np.empty(values.shape, np.uint8)
    rows = max(1, _STRIP // max(1, values.shape[1]))
    for top in range(0, len(values), rows):
        grey[top : top + rows] = _scaled(values[top : top + rows].astype(np.uint32), bits, white_is_0)
    if bits == 16 and not white_is_0:
        note_dark(grey)
    return Image.fromarray(grey)


def numbers_of(image: Any) -> np.ndarray:
    """The values of an opened picture as they are; Pillow takes a TIFF's of 32 bits without a sign for such with one.

    image   as Pillow opened it
    """
    values = np.asarray(image)
    unsigned = image.format == "TIFF" and image.mode == "I" and image.tag_v2.get(339, (1,))[0] == 1
    return values.view(np.uint32) if unsigned else values


def within_16_bits(values: np.ndarray, name: str) -> None:
    """Raise DataError for values beyond 0 to 65535.

    values   whole numbers
    name     in messages
    """
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"{name}: 32-bit values {values.min()} to {values.max()}; only 0 to 65535 (16 bits) are understood."
        )


def note_pages(image: Any) -> None:
    """Say once that of TIFF files the first page is read, where one has several.

    image   as Pillow opened the file
    """
    if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        note(
            "TIFF files with several pages are among the pictures; of each the first page is read. "
            "Save the pages as files of their own where they are pictures too; `striate data check` names the files."
        )


def apart(image: Any) -> bool:
    """Whether a TIFF has colours of 9 to 16 bits, each in a plane of its own: Pillow takes the halves of them for values.

    image   as Pillow opened it
    """
    if image.format != "TIFF":
        return False
    tags = image.tag_v2
    return bool(tags.get(284, 1) == 2 and tags.get(277, 1) > 1 and max(tags.get(258, (1,))) > 8)


def compression(data: bytes) -> int:
    """The number of the compression of a TIFF file's first page (tag 259), 1 for none; 0 where its tags cannot be read.

    data   the file
    """
    try:
        return _tags(data)[1].get(259, (1,))[0]
    except (struct.error, KeyError, IndexError):
        return 0


def note_dark(grey: np.ndarray) -> None:
    """Say once that 16-bit pictures seem to hold fewer bits: what a file says of its bits counts, nothing is guessed.

    grey   its values in 8 bits
    """
    if grey.size and 0 < grey.max() <= DARK:
        note(
            "16-bit pictures are among the pictures whose values leave the upper three quarters unused, as 12 bits of a "
            "camera in a file of 16 do. They are read as they say, nearly black: multiply their values, for 12 bits by 16; "
            "`striate data check` names the files."
        )


def unusual(file: BinaryIO, name: str) -> Image.Image:
    """A TIFF that Pillow does not know in 8 bits a value: uncompressed grey or RGB of 1 to 16 bits, either order of bytes.

    file   the opened file, at its start
    name   in messages

    Raises DataError that says what else the file is, and for more than 2 ** 29 bytes of a file or of values.
    """
    from PIL import Image

    data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise DataError(f"{name}: a TIFF of more than {_MOST:,} bytes. {_REMEDY}")
    try:
        order, tags = _tags(data)
    except (struct.error, KeyError, IndexError):
        raise DataError(f"{name}: a broken TIFF, its tags cannot be read. Replace it or leave it out.") from None
    bits, samples = tags.get(258, (1,)), tags.get(277, (1,))[0]
    photometric, kind = tags.get(262, (1,))[0], tags.get(339, (1,))[0]
    what = f"a TIFF of {plural(samples, 'value')} of {plural(bits[0], 'bit')} a pixel"
    if kind != 1:
        raise DataError(f"{name}: {what}, {_KINDS.get(kind, 'of another kind')}, has no fixed white. {_REMEDY}")
    fits = (photometric in (0, 1) and samples == 1) or (photometric == 2 and samples == 3)
    planes = samples if tags.get(284, (1,))[0] == 2 else 1
    usual = tags.get(259, (1,))[0] == 1 and 273 in tags and 279 in tags
    if not (fits and usual and len(set(bits)) == 1 and 1 <= bits[0] <= 16):
        raise DataError(f"{name}: {what}, compressed or arranged in a way that is not read. {_REMEDY}")
    width, height = tags[256][0], tags[257][0]
    if width * height > budgets.PIXELS:
        raise DataError(f"{name}: {width} x {height} pixels, more than {budgets.PIXELS:,}. Scale it down.")
    together = samples // planes  # values that lie side by side
    line, count = -(-width * together * bits[0] // 8), height * planes
    if line * count > _MOST:
        raise DataError(f"{name}: {what}, {line * count:,} bytes of values, the limit is {_MOST:,}. {_REMEDY}")
    strips = bytearray()
    for at, n in zip(tags[273], tags[279], strict=False):  # they may lie above each other, a million of them
        strips += data[at : at + min(n, line * count - len(strips))]
    if width < 1 or height < 1 or len(strips) < line * count:
        raise DataError(f"{name}: {what}, cut off: {len(strips)} of {line * count} bytes. Replace it or leave it out.")
    lines = np.frombuffer(strips, np.uint8, line * count).reshape(count, line)
    eight = np.empty((height, width, samples), np.uint8)
    rows = max(1, _STRIP // line)
    for plane in range(planes):
        for top in range(0, height, rows):
            some = lines[plane * height + top : plane * height + min(top + rows, height)]
            values = _scaled(_unpacked(some, width * together, bits[0], order), bits[0], photometric == 0)
            eight[top : top + rows, :, plane : plane + together] = values.reshape(-1, width, together)
    made = Image.fromarray(eight[..., 0] if samples == 1 else eight)
    made.getexif()[ORIENTATION] = tags.get(ORIENTATION, (1,))[0]
    return made


def _unpacked(lines: np.ndarray, count: int, bits: int, order: str) -> np.ndarray:
    """Lines of bytes as lines of so many values, packed from the highest bit on, each line from a byte of its own."""
    if bits == 16:
        return lines.view(f"{order}u2").astype(np.uint32)
    single = np.unpackbits(lines, axis=1)[:, : count * bits].reshape(-1, bits)
    found: np.ndarray = single @ (1 << np.arange(bits - 1, -1, -1, dtype=np.uint32))
    return found


def _scaled(values: np.ndarray, bits: int, white_is_0: bool) -> np.ndarray:
    most = (1 << bits) - 1
    grey = ((values * np.uint32(255) + most // 2) // most).clip(0, 255).astype(np.uint8)
    return 255 - grey if white_is_0 else grey


def _tags(data: bytes) -> tuple[str, dict[int, tuple[int, ...]]]:
    """The order of bytes, and the numbers of the first page's tags."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    offset, count, size = ("Q", "Q", 20) if big else ("I", "H", 12)
    (at,) = struct.unpack_from(order + offset, data, 8 if big else 4)
    (many,) = struct.unpack_from(order + count, data, at)
    at += struct.calcsize(order + count)
    tags = {}
    for entry in range(at, at + min(many, 4096) * size, size):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        (length,) = struct.unpack_from(order + offset, data, entry + 4)
        if kind not in _WIDE or length > len(data):
            continue
        said, place = f"{order}{length}{_WIDE[kind]}", entry + 4 + struct.calcsize(order + offset)
        if struct.calcsize(said) > struct.calcsize(order + offset):
            (place,) = struct.unpack_from(order + offset, data, place)
        tags[tag] = struct.unpack_from(said, data, place)
    return order, tags
