"""Pictures that travel with a page: photos and digits that come with scikit-learn, scenes that are drawn."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from striate.data import load

_LONGEST = 448  # pixels of a photo's longer side, at most
_SMALL = 33  # a grey network of smaller pictures is shown digits


def samples(shape: tuple[int, ...]) -> list[tuple[str, str, bytes]]:
    """Pictures to begin with: (name, MIME type, the file) each.

    shape   (H, W, C) of the network's input
    """
    height, width, channels = shape
    if channels == 1 and max(height, width) < _SMALL:
        digits = load("digits").test
        assert digits is not None
        assert digits.y is not None
        return [_png(f"digit {digits.y[i]}", digits.x[i, ..., 0]) for i in (0, 1, 4)]
    from sklearn.datasets import load_sample_image

    side = min(_LONGEST, 3 * max(height, width))
    found = [
        _jpeg(name, load_sample_image(f"{file}.jpg"), side)
        for name, file in (("temple", "china"), ("flower", "flower"))
    ]
    scene = load("scenes", count=10, size=64).train.x[0]
    return [*found, _png("drawn scene", scene)]


def _png(name: str, pixels: np.ndarray) -> tuple[str, str, bytes]:
    return name, "image/png", _file(pixels, "PNG", optimize=True)


def _jpeg(name: str, pixels: np.ndarray, side: int) -> tuple[str, str, bytes]:
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return name, "image/jpeg", _file(np.asarray(picture), "JPEG", quality=85)


def _file(pixels: np.ndarray, kind: str, **how: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **how)
    return file.getvalue()
