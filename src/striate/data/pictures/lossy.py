"""Whether a picture file has the values that were saved, or only nearly these: the one owner of this."""

from __future__ import annotations

from striate.data.pictures.formats import HEAD, format_of
from striate.data.pictures.tiff import compression
from striate.data.pictures.wavelets import loses_bits

# TIFF 6.0, section 22, and libtiff's numbers: JPEG, JPEG 2000 (also Aperio's), JPEG of DNG, WebP, JPEG XL.  Of the last four
# the number does not tell whether a file is one without loss.
_IN_TIFF = frozenset({6, 7, 33003, 33005, 34712, 34892, 50001, 50002})


def blurs(data: bytes) -> bool:
    """Whether the values of a picture file are only nearly those that were saved.

    So it is with JPEG, AVIF, HEIC, the usual WebP, JPEG 2000 of wavelets that are rounded or of which not every bit is
    there, and TIFF with one of these inside.

    data   the file
    """
    kind = format_of(data[:HEAD])
    if kind == "WEBP":
        return _webp_blurs(data)
    if kind == "JPEG2000":
        return _wavelets_blur(data)
    if kind == "TIFF":
        return compression(data) in _IN_TIFF
    return kind in ("JPEG", "AVIF", "HEIC")


def _webp_blurs(data: bytes) -> bool:
    """By the chunk of the first picture: "VP8L" has no loss (RFC 9649, 2.6); that of an animation lies in a chunk."""
    at = 12
    while at + 8 <= len(data):
        name = data[at : at + 4]
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + (16 if name == b"ANMF" else size + size % 2)
    return True


def _wavelets_blur(data: bytes) -> bool:
    """By the marker COD of the main header: the wavelet 9-7 loses, 5-3 does not unless bits are left out (ITU-T T.800,
    A.6.1, table A.20).
    """
    at = data.find(b"\xff\x4f\xff\x51") + 2
    while 2 <= at <= len(data) - 14 and data[at : at + 2] != b"\xff\x90":  # the first tile
        if data[at : at + 2] == b"\xff\x52":
            return data[at + 13] == 0 or loses_bits(data) is True
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return True
