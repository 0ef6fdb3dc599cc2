"""Small, plain JPEG files without the detour that all files take: for tiny pictures opening costs more than decoding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 1 << 16  # bytes of a file for which the detour counts
_SIDE = 512
_QUANTISATION, _HUFFMAN, _RESTART, _COMMENT, _JFIF = 0xDB, 0xC4, 0xDD, 0xFE, 0xE0
_APPLICATION = re.compile(rb"\xff[\xe0-\xef]")
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, each with Huffman codes


def plain_jpeg(content: bytes) -> Image.Image | None:
    """The picture in mode L or RGB, bit for bit as Pillow opens it; None for what is not plain: then Pillow must look.

    Plain is a JFIF file of 8 bits and one or three channels, at most 512 x 512, without EXIF, colour profile or any
    other application's segment (ITU T.81, annex B).
    """
    if len(content) > LARGEST or content[:3] != b"\xff\xd8\xff":
        return None
    at, jfif, end = 2, False, len(content) - 9
    while at < end and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _FRAMES:
            break
        if marker == _JFIF and content[at + 4 : at + 9] == b"JFIF\x00":
            jfif = True
        elif marker not in (_QUANTISATION, _HUFFMAN, _RESTART, _COMMENT):
            return None
        at += 2 + (content[at + 2] << 8 | content[at + 3])
    else:
        return None
    height, width = content[at + 5] << 8 | content[at + 6], content[at + 7] << 8 | content[at + 8]
    mode = {1: "L", 3: "RGB"}.get(content[at + 9])
    later = content.find(b"\xff\xda", at)  # what stands between the frame and the first scan must be harmless too
    if content[at + 4] != 8 or not 0 < width <= _SIDE or not 0 < height <= _SIDE or mode is None or not jfif:
        return None
    if later < 0 or _APPLICATION.search(content, at, later):
        return None
    from PIL import Image

    try:
        return Image.frombytes(mode, (width, height), content, "jpeg", mode, "")
    except (ValueError, OSError):  # broken or cut off: Pillow says how
        return None
