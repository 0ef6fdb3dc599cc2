"""Any picture as upright 8-bit grey or RGB: the one place where picture files are opened."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from striate.data.pictures.formats import HEAD, foreign, format_of
from striate.data.pictures.jpeg import plain_jpeg
from striate.data.pictures.tiff import apart, grey_of, note_dark, note_pages, numbers_of, unusual, within_16_bits
from striate.data.pictures.upright import Turn, turn_of, upright, without_warnings
from striate.doors import budgets
from striate.errors import ArgumentError, DataError
from striate.extras import extra
from striate.wording import inner

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = budgets.PIXELS
# Of formats that take many times as long for a pixel, fewer: so that each ends within seconds.
_SLOW = {"WEBP": 1 << 26, "AVIF": 1 << 26, "HEIF": 1 << 26, "JPEG2000": 1 << 24}
_LARGE = 1 << 25  # pixels from which on pictures are decoded one after the other, whatever the number of threads
_alone = threading.Lock()
_STRIP = 1 << 20  # pixels that are laid over white at a time
# Named, because Pillow would also hand some formats to other programs (EPS to Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF", "ICO", "PCX")
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_HEADER = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF")  # formats whose header has the size that decoding gives
# A JPEG file is decoded at 1/2, 1/4 or 1/8, which its blocks of 8 x 8 allow, where it is still this much too large.  On
# photos of 450 to 2600 pixels scaled to 32..224 the mean difference to the full decode is 0.25 to 0.4 grey levels of
# 255, 0.7 in the worst photo; with a factor of 1 it would be 0.7 and 1.6.
_SPARE = 2
_NEARLY_GREY = 16  # of 255: how far the channels of a grey picture are apart at most in a format that blurs
_AT_ONCE = 1 << 22  # bytes of a file that is read in one piece: Pillow reads and seeks in steps of a few bytes

Scaled = Callable[[tuple[int, int]], tuple[int, int]]


class Decoded(NamedTuple):
    """A picture and what part of it counts.

    image   mode L or RGB, upright
    size    (H, W) of the picture in full
    box     (left, top, right, bottom) in `image` that shows the whole picture: all of it, but for a picture decoded at
            a fraction of its size the last row or column may be a partial one
    """

    image: Image.Image
    size: tuple[int, int]
    box: tuple[float, float, float, float]


def picture(source: Any, channels: int | None = 3) -> Image.Image:
    """The picture as a new PIL image of mode L (`channels` 1), RGB (3) or RGBA (4); None keeps grey grey and the rest RGB.

    `source` is a path, the bytes of a file, an open binary file, a PIL image, or an array (H, W) or (H, W, C) of uint8
    (C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA), of uint16 (H, W) or of bool.  EXIF orientation is applied; what is
    transparent shows white, but for RGBA; 16 bits become 8 by rounding v / 257.  Raises DataError for what is no picture, is
    broken or cut off, or has more than ``MAX_PIXELS`` pixels.
    """
    return decode(source, channels).image


def decode(
    source: Any, channels: int | None = 3, scaled: Callable[[tuple[int, int]], tuple[int, int]] | None = None
) -> Decoded:
    """As ``picture``, for a picture that will be resized: `scaled` says to what (H, W) a picture of size (H, W) goes.

    A JPEG file at least four times as large comes at a half, a quarter or an eighth of its size, several times faster.
    Whether it does depends on the file and on `scaled` alone, not on where or how the file is read.
    """
    name = describe(source)
    with _refusing(name):
        if isinstance(source, bytes | bytearray | memoryview):
            return _from_bytes(bytes(source), name, channels, scaled)
        if isinstance(source, str | os.PathLike):
            return _from_file(os.fspath(source), name, channels, scaled)
        if hasattr(source, "read"):
            return _read(source, name, channels, scaled)
        if hasattr(source, "getbands"):
            source.load()
            if apart(source):
                raise DataError(f"{name}: a TIFF of colours in planes of more than 8 bits. Give its path instead.")
            return _whole(_eight_bit(upright(grey_of(source, name)), name, channels))
        return _whole(_eight_bit(_from_array(source, name), name, channels))


def _from_file(path: Any, name: str, channels: int | None, scaled: Scaled | None) -> Decoded:
    try:
        status = os.stat(path)
    except OSError:
        raise DataError(f"{name}: there is no such file.") from None
    if not stat.S_ISREG(status.st_mode):  # keeps away from pipes and devices, which could block for ever
        raise DataError(f"{name}: is not a file.")
    if status.st_size <= _AT_ONCE:
        with open(path, "rb", buffering=0) as raw:
            content = raw.read(status.st_size + 1)  # with its length known Python need not ask for it once more
            return _from_bytes(content, name, channels, scaled)
    with open(path, "rb") as file:
        return _read(file, name, channels, scaled)


def _from_bytes(content: bytes, name: str, channels: int | None, scaled: Scaled | None) -> Decoded:
    image = plain_jpeg(content)
    if image is not None:
        size = (image.height, image.width)
        if scaled is None or all(have < 2 * want for have, want in zip(size, scaled(size), strict=True)):
            wanted = channels is None or image.mode == ("L" if channels == 1 else "RGB")
            return _whole(image if wanted else _eight_bit(image, name, channels))
    return _read(io.BytesIO(content), name, channels, scaled)


def _file(path: str | os.PathLike[str]) -> Path:
    """The path of a file; others are refused, also pipes and devices, which could block for ever."""
    if not os.path.isfile(path):  # unlike Path's, it takes a name that is too long for a file as one that is not there
        raise DataError(f"{describe(path)}: {'is not a file' if os.path.exists(path) else 'there is no such file'}.")
    return Path(path)


def describe(source: Any) -> str:
    """How a message names a source: its path, or what it is."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)  # type: ignore[return-value]
    if isinstance(source, bytes | bytearray | memoryview):
        return f"picture of {len(source):,} bytes"
    if hasattr(source, "getbands"):
        return f"PIL image of mode {source.mode}"
    if hasattr(source, "shape"):
        return f"array of shape {tuple(source.shape)}"
    return str(getattr(source, "name", type(source).__name__))


def _reason(error: Exception) -> str:
    text = inner(error)
    return f"{type(error).__name__}: {text}" if not isinstance(error, OSError | ValueError) or not text else text


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """What decoders raise for a broken file, a dozen types, in our words."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name}: broken picture, {_reason(error)}. Replace it or leave it out.") from None


def upright_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(H, W) that ``picture`` gives, from the file's header where that is enough.  Raises DataError like it."""
    return header(path)[0]


def header(path: str | os.PathLike[str]) -> tuple[tuple[int, int], Turn]:
    """``upright_size`` of a file, and the turn by which it comes from what is stored.  Raises DataError like ``picture``."""
    name = describe(path)
    with _refusing(name), _file(path).open("rb") as file, _open(file, name, unusual) as image:
        turn = turn_of(image)
        if image.format in _HEADER:
            return ((image.width, image.height) if turn.swapped else (image.height, image.width)), turn
    return decode(path).size, turn


def depth_and_pages(data: bytes) -> tuple[int, int]:
    """Bits of a value, 16 or 8, and how many pages or frames a file has; (8, 1) where Pillow cannot tell.

    data   the file
    """
    from PIL import Image

    kind = format_of(data[:HEAD])
    if kind not in ("TIFF", "PNG", "GIF", "WEBP"):
        return 8, 1
    try:
        with without_warnings(), Image.open(io.BytesIO(data), formats=[kind]) as image:
            pages = 1 if kind == "PNG" else int(getattr(image, "n_frames", 1))
            return 16 if image.mode == "I" or image.mode.startswith("I;16") else 8, pages
    except Exception:  # decoders raise a dozen types; what the file is has been said already
        return 8, 1


def labels_of_pixels(path: str | os.PathLike[str], blurred: bool = False) -> np.ndarray:
    """A picture of class numbers as whole numbers (H, W): its values as they are, no colours.

    1-bit pictures give 0 and 1, 16-bit ones up to 65535; colour pictures whose channels are equal count as grey.  A palette
    of greys says grey values, one of colours numbers classes by its indices, as Pascal VOC's does.  Raises DataError for
    other colours and for what is broken.

    path      of the file
    blurred   its format blurs, so channels that are nearly equal count as grey, too
    """
    name = describe(path)
    with _refusing(name), _file(path).open("rb") as file, _open(file, name) as image, _turn(image):
        image.load()
        shown = upright(image)
        if shown.mode in ("P", "PA") and not _has_colours(shown):
            shown = shown.convert("L")
        values = numbers_of(shown)
    if shown.mode in ("LA", "PA", "RGBA"):
        values = values[..., :-1]
    if values.ndim == 3 and np.ptp(values, axis=-1).max() <= (_NEARLY_GREY if blurred else 0):
        values = values.max(axis=-1)
    if values.ndim != 2 or values.dtype.kind not in "bui":
        raise DataError(
            f"{name}: has colours, not class numbers. A mask is a grey or palette picture whose values are the classes."
        )
    return values.astype(np.uint8) if values.dtype == np.bool_ else values


def _has_colours(image: Image.Image) -> bool:
    """Whether a picture's palette has one colour that is no grey."""
    palette = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    return bool((palette != palette[:, :1]).any())


def numbers_anew(path: str | os.PathLike[str]) -> bool:
    """Whether a picture is a GIF of colours, whose numbers the program that wrote it may have chosen.

    Raises DataError for what is no picture.

    path   of the file
    """
    name = describe(path)
    with _refusing(name), _file(path).open("rb") as file, _open(file, name) as image:
        return image.format == "GIF" and image.mode == "P" and _has_colours(image)


def has_one_bit(path: str | os.PathLike[str]) -> bool:
    """Whether a picture is of 1 bit a pixel, by its header.  Raises DataError for what is no picture."""
    name = describe(path)
    with _refusing(name), _file(path).open("rb") as file, _open(file, name) as image:
        return bool(image.mode == "1")


def _open(file: Any, name: str, otherwise: Callable[[Any, str], Image.Image] | None = None) -> Image.Image:
    """The opened picture; `otherwise` reads a TIFF that Pillow does not know."""
    from PIL import Image, UnidentifiedImageError

    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise DataError(f"{name}: an empty file, 0 bytes. Replace it or leave it out.")
    kind = format_of(head)
    try:
        with without_warnings():
            image = Image.open(file, formats=_heic(name) if kind == "HEIC" else _known_formats())
    except UnidentifiedImageError:
        if kind == "TIFF" and otherwise is not None:
            file.seek(0)
            return otherwise(file, name)
        if head[8:12] == b"mif1":  # a brand that AVIF and HEIC share
            file.seek(0)
            with without_warnings():
                return _within(Image.open(file, formats=_heic(name)), name)
        known = "not a picture, or one that is cut off at once. Known: " + ", ".join(FORMATS)
        raise DataError(f"{name}: {foreign(head) or f'{known}.'}") from None
    except Image.DecompressionBombError:
        raise DataError(_too_large(name, "more than twice as many")) from None
    return _within(image, name)


def _within(image: Any, name: str) -> Any:
    """The picture, unless it has too many pixels."""
    most = _SLOW.get(image.format, MAX_PIXELS)
    if image.width * image.height > most:
        raise DataError(_too_large(name, f"{image.width} x {image.height}", most))
    return image


@contextmanager
def _turn(image: Any) -> Iterator[None]:
    """What a picture is decoded within: large ones wait for each other, or their number would decide on the memory, and
    are not warned of, since their size has been looked at."""
    if image.width * image.height < _LARGE:
        yield
        return
    from PIL import Image

    with _alone, without_warnings(Image.DecompressionBombWarning):
        yield


def _read(
    file: Any, name: str, channels: int | None, scaled: Callable[[tuple[int, int]], tuple[int, int]] | None
) -> Decoded:
    with _open(file, name, unusual) as image, _turn(image):
        if scaled is not None and image.format in ("JPEG", "MPO"):
            small = _reduced(image, name, channels, scaled)
            if small is not None:
                return small
        if apart(image):
            file.seek(0)
            return _whole(_eight_bit(upright(unusual(file, name)), name, channels))
        _clear_value(image)
        image.load()
        note_pages(image)
        return _whole(_eight_bit(upright(grey_of(image, name)), name, channels))


def _clear_value(image: Any) -> None:
    """Scale the clear value of a PNG of 1, 2 or 4 bits a grey value as Pillow scales the others (PNG, 11.3.2.1)."""
    clear = image.info.get("transparency")
    if image.format == "PNG" and image.mode in ("1", "L") and isinstance(clear, int) and image.tile:
        bits = {"1": 1, "L;2": 2, "L;4": 4}.get(image.tile[0][3], 8)
        image.info["transparency"] = clear * 255 // ((1 << bits) - 1)


def _reduced(
    image: Any, name: str, channels: int | None, scaled: Callable[[tuple[int, int]], tuple[int, int]]
) -> Decoded | None:
    """A JPEG file at a fraction of its size, or None where that would be too small."""
    width, height = image.size
    turn = turn_of(image)
    size = (width, height) if turn.swapped else (height, width)
    needed = scaled(size)
    spare = min(have / (_SPARE * want) for have, want in zip(size, needed, strict=True))
    part = next((part for part in (8, 4, 2) if spare >= part), 1)
    if part == 1:
        return None
    image.draft(None, (width // part, height // part))
    image.load()
    if image.size != (-(-width // part), -(-height // part)):
        return None  # a file that cannot be decoded so; Pillow leaves it whole
    small = _eight_bit(upright(image), name, channels)
    (h, w), (whole_h, whole_w) = (size[0] / part, size[1] / part), (small.height, small.width)
    left, top = (whole_w - w if turn.left_right else 0.0), (whole_h - h if turn.top_bottom else 0.0)
    return Decoded(small, size, (left, top, left + w, top + h))


def _whole(image: Image.Image) -> Decoded:
    return Decoded(image, (image.height, image.width), (0.0, 0.0, float(image.width), float(image.height)))


@lru_cache(maxsize=1)
def _known_formats() -> list[str]:
    """FORMATS that this Pillow was built with."""
    from PIL import Image

    Image.init()
    return [kind for kind in FORMATS if kind in Image.OPEN]


@lru_cache(maxsize=1)
def _heic_opener() -> None:
    extra("pillow_heif", "heic", "HEIC, the format of many phones,").register_heif_opener()


def _heic(name: str) -> list[str]:
    try:
        _heic_opener()
    except ArgumentError as error:
        raise DataError(
            f"{name}: {error} Or save it as JPEG (macOS: sips -s format jpeg FILE --out FILE.jpg; Linux: heif-convert)."
        ) from None
    return ["HEIF"]


def _too_large(name: str, size: str, most: int = MAX_PIXELS) -> str:
    return f"{name}: {size} pixels, the limit is {most:,}. Scale it down with another program."


def _eight_bit(image: Image.Image, name: str, channels: int | None) -> Image.Image:
    """Mode L or RGB, over white."""
    from PIL import Image

    if image.width < 1 or image.height < 1:
        raise DataError(f"{name}: {image.width} x {image.height} pixels. There is nothing to see.")
    grey = image.mode in _GREY
    if image.mode == "I" or image.mode.startswith("I;16"):
        values, clear = np.asarray(image), image.info.get("transparency")
        eight = _from_16_bit(values, name)
        # one value may be clear (PNG's tRNS), which its 8 bits would not tell from its neighbours
        image = Image.fromarray(np.where(values == clear, 255, eight).astype(np.uint8) if clear is not None else eight)
    elif image.mode == "F":
        raise DataError(f"{name}: floats have no fixed white. Scale to 0..255 and save 8 bits per channel.")
    elif image.mode in ("La", "RGBa"):  # alpha multiplied in
        image = image.convert(image.mode.upper())
    if channels == 4:
        return image.convert("RGBA")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = _over_white(image)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")  # and from there to grey, so that every mode gets there the same way
    mode = "L" if channels == 1 or (channels is None and grey) else "RGB"
    return image.convert(mode)  # a copy where it is that mode already


def _over_white(image: Image.Image) -> Image.Image:
    """A picture with transparent places, laid over white; of large ones a strip at a time, as each takes four bytes a pixel
    several times over."""
    from PIL import Image

    rows = max(1, _STRIP // image.width)
    if image.height <= rows:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    whole = Image.new("RGB", image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        white = Image.new("RGBA", strip.size, "white")
        whole.paste(Image.alpha_composite(white, strip.convert("RGBA")).convert("RGB"), (0, top))
    return whole


def _from_16_bit(values: np.ndarray, name: str) -> np.ndarray:
    within_16_bits(values, name)
    eight = np.empty(values.shape, np.uint8)
    rows = max(1, _STRIP // max(1, values.shape[1]))
    for top in range(0, len(values), rows):
        eight[top : top + rows] = (values[top : top + rows].astype(np.uint32) + 128) // 257
    note_dark(eight)
    return eight


def _from_array(source: Any, name: str) -> Image.Image:
    from PIL import Image

    values = np.asarray(source.detach().cpu() if hasattr(source, "detach") else source)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16 and values.ndim == 2 and values.size:
        values = _from_16_bit(values, name)
    if values.dtype != np.uint8:
        raise DataError(f"{name}: {values.dtype} values are not a picture. Give a path, bytes, or uint8 values 0..255.")
    if not (values.ndim == 2 or (values.ndim == 3 and values.shape[-1] in (2, 3, 4))) or not values.size:
        last = " Channels come last: permute(1, 2, 0)." if values.ndim == 3 and values.shape[0] in (1, 3) else ""
        raise DataError(f"{name}: a picture is (H, W), or (H, W, C) with 1 to 4 channels.{last}")
    return Image.fromarray(np.ascontiguousarray(values))
