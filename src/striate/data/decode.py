"""Any picture as upright 8-bit grey or RGB: the one place where picture files are opened."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 1 << 27  # 134 million, 400 MB as RGB: above any camera, far below what a 100 kB "bomb" unpacks to
# Named, because Pillow would also hand some formats to other programs (EPS to Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF", "ICO", "PCX")
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_quiet_lock = threading.Lock()


def picture(source: Any, channels: int | None = 3) -> Image.Image:
    """The picture as a new PIL image of mode L (`channels` 1) or RGB (3); None keeps grey grey and the rest RGB.

    `source` is a path, the bytes of a file, an open binary file, a PIL image, or an array (H, W) or (H, W, C) of uint8
    (C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA), of uint16 (H, W) or of bool.  EXIF orientation is applied; what is
    transparent shows white; 16 bits become 8 by rounding v / 257.  Raises DataError for what is no picture, is broken
    or cut off, or has more than ``MAX_PIXELS`` pixels.
    """
    name = describe(source)
    try:
        if isinstance(source, bytes | bytearray | memoryview):
            return _read(io.BytesIO(source), name, channels)
        if isinstance(source, str | os.PathLike):
            path = Path(source)
            if not path.is_file():  # also keeps away from pipes and devices, which could block for ever
                raise DataError(f"{name}: {'is not a file' if path.exists() else 'there is no such file'}.")
            with path.open("rb") as file:
                return _read(file, name, channels)
        if hasattr(source, "read"):
            return _read(source, name, channels)
        if hasattr(source, "getbands"):
            return _eight_bit(_upright(source), name, channels)
        return _eight_bit(_from_array(source, name), name, channels)
    except DataError:
        raise
    except Exception as error:  # decoders raise a dozen types for broken files
        raise DataError(f"{name}: broken picture, {_reason(error)}. Replace it or leave it out.") from None


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
    text = str(error).strip().rstrip(".")
    return f"{type(error).__name__}: {text}" if not isinstance(error, OSError | ValueError) or not text else text


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns where a header is odd; a file either gives a picture or a DataError.  Locked: filters are global."""
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read(file: Any, name: str, channels: int | None) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    try:
        with _quiet():
            image = Image.open(file, formats=_known_formats())
    except UnidentifiedImageError:
        raise DataError(
            f"{name}: not a picture, or one that is cut off at once. Known: {', '.join(FORMATS)}."
        ) from None
    except Image.DecompressionBombError:
        raise DataError(_too_large(name, "more than twice as many")) from None
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise DataError(_too_large(name, f"{image.width} x {image.height}"))
        image.load()
        return _eight_bit(_upright(image), name, channels)


@lru_cache(maxsize=1)
def _known_formats() -> list[str]:
    """FORMATS that this Pillow was built with."""
    from PIL import Image

    Image.init()
    return [kind for kind in FORMATS if kind in Image.OPEN]


def _too_large(name: str, size: str) -> str:
    return f"{name}: {size} pixels, the limit is {MAX_PIXELS:,}. Scale it down with another program."


def _upright(image: Image.Image) -> Image.Image:
    """Turned and mirrored as EXIF tag 0x0112 asks (EXIF 2.32, 4.6.4); TIFF files did so in load."""
    from PIL import Image

    image.load()
    try:
        with _quiet():
            orientation = image.getexif().get(0x0112, 1)
    except Exception:  # a broken EXIF block is no reason to refuse the picture
        orientation = 1
    turn = Image.Transpose
    how = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }.get(orientation)
    return image if how is None else image.transpose(how)


def _eight_bit(image: Image.Image, name: str, channels: int | None) -> Image.Image:
    """Mode L or RGB, over white."""
    from PIL import Image

    if image.width < 1 or image.height < 1:
        raise DataError(f"{name}: {image.width} x {image.height} pixels. There is nothing to see.")
    grey = image.mode in _GREY
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = Image.fromarray(_from_16_bit(np.asarray(image), name))
    elif image.mode == "F":
        raise DataError(f"{name}: floats have no fixed white. Scale to 0..255 and save 8 bits per channel.")
    elif image.mode in ("La", "RGBa"):  # alpha multiplied in
        image = image.convert(image.mode.upper())
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")  # and from there to grey, so that every mode gets there the same way
    mode = "L" if channels == 1 or (channels is None and grey) else "RGB"
    return image.convert(mode)  # a copy where it is that mode already


def _from_16_bit(values: np.ndarray, name: str) -> np.ndarray:
    if values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"{name}: 32-bit values {values.min()} to {values.max()}; only 0 to 65535 (16 bits) are understood."
        )
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


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
