"""What a file is by its first bytes, and whether its end is there, without decoding it."""

from __future__ import annotations

import re
import struct

#: The usual extensions of each format that ``decode`` knows by its first bytes.
EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "AVIF": (".avif", ".avifs", ".heif"),
    "HEIC": (".heic", ".heics", ".hif", ".heif"),
    "ICO": (".ico",),
    "PCX": (".pcx",),
}
TGA = (".tga", ".icb", ".vda", ".vst")  # which has no first bytes to be known by
#: Pictures that ``decode`` does not read, so that they are named as such instead of passed over.
NOT_READ = (".jxl", ".svg", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw")
#: Every ending by which a file is taken for a picture, whoever looks for pictures.
PICTURES = frozenset({*TGA, *NOT_READ}.union(*EXTENSIONS.values()))
HEAD = 16  # bytes that ``format_of`` looks at
_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\1\0", "ICO"),
)
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"msf1")  # brands: ISO/IEC 23008-12
_FOREIGN = (
    (b"%PDF", "a PDF", "Save its pages as PNG (pdftoppm -png)."),
    (b"8BPS", "a Photoshop file", "Save it as PNG."),
    (b"\xff\x0a", "JPEG XL", "Save it as PNG (djxl)."),
    (b"\0\0\0\x0cJXL ", "JPEG XL", "Save it as PNG (djxl)."),
    (b"<svg", "a drawing (SVG)", "Draw it at the size you want and save it as PNG."),
    (b"<?xml", "text (XML)", "A drawing (SVG) is saved as PNG at the size you want."),
)
# After the start of a JPEG scan: a marker that is no stuffed byte, no restart and no fill byte (ITU-T T.81, B.1.1.5).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def format_of(head: bytes) -> str | None:
    """The picture format that a file's first ``HEAD`` bytes tell, or None."""
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1"):
        return "AVIF"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
        return "HEIC"
    if re.match(rb"P[1-6fF][\s#]", head):
        return "PPM"
    if len(head) > 3 and head[0] == 10 and head[1] in (0, 2, 3, 4, 5) and head[2] == 1 and head[3] in (1, 2, 4, 8):
        return "PCX"
    return None


def format_of_ending(ending: str) -> str | None:
    """The first format that has such an ending, or None.

    ending   such as ".jfif", of any case
    """
    return next((name for name, endings in EXTENSIONS.items() if ending.lower() in endings), None)


def foreign(head: bytes) -> str:
    """What a file is that no reader takes, and what to do, in two sentences; "" where its first bytes do not tell.

    head   its first bytes
    """
    return next((f"{what} is not read. {remedy}" for start, what, remedy in _FOREIGN if head.startswith(start)), "")


def whole(data: bytes) -> bool:
    """False when the end of a JPEG, PNG, WebP or GIF file is missing; True also for formats that do not tell."""
    kind = format_of(data[:HEAD])
    if kind == "JPEG":
        return _jpeg_ends(data)
    if kind == "PNG":
        return _png_ends(data)
    if kind == "WEBP":
        return len(data) >= 8 + struct.unpack("<I", data[4:8])[0]
    if kind == "GIF":
        return _gif_ends(data)
    return True


def _jpeg_ends(data: bytes) -> bool:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return True  # not a marker: broken in another way than cut off
        marker = data[at + 1]
        if marker == 0xD9:
            return True
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:  # fill bytes and markers without a length
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            following = _MARKER.search(data, at)
            if following is None:
                return False
            at = following.start()
    return data[at : at + 2] == b"\xff\xd9"


def _gif_ends(data: bytes) -> bool:
    """Whether the blocks of a GIF file lead to its trailer (GIF89a specification, appendix A)."""
    at = 13 + _table(data[10:11])
    while at < len(data):
        if data[at] == 0x3B:
            return True
        if data[at] == 0x2C:  # a picture: its descriptor, a table of colours, the size of its codes
            at += 10 + _table(data[at + 9 : at + 10]) + 1
        elif data[at] == 0x21:
            at += 2
        else:
            return True  # no block: broken in another way than cut off
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return False


def _table(flags: bytes) -> int:
    """The bytes of the table of colours that a GIF's flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _png_ends(data: bytes) -> bool:
    at = 8
    while at + 12 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False
