"""Pictures with soft random shapes, no two alike, and their files."""

import io

import numpy as np
from PIL import Image


def drawn(seed, size=(96, 80)):
    """A picture (W, H) = size with soft random shapes; no two seeds look alike."""
    coarse = np.random.RandomState(seed).randint(0, 256, (7, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
