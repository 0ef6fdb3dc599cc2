"""Pictures in whatever form they come: how many, and of which size each is when it stands upright."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from striate.data import Dataset
from striate.data.pictures.decode import decode, upright_size
from striate.errors import DataError
from striate.intake.arrays import NOTHING
from striate.model import Model

__all__ = ["each_of", "listed", "size_of"]


def listed(model: Model, pictures: Any) -> list[Any]:
    """One by one what ``Model.predict`` takes at once; of a data set the pictures that the network sees.

    model      that is asked
    pictures   files, bytes, PIL images, uint8 arrays, a list of these, or one of them alone; or a Dataset
    """
    return each_of(model.intake.prepared(pictures).x if isinstance(pictures, Dataset) else pictures)


def each_of(pictures: Any) -> list[Any]:
    """Pictures one by one.

    pictures   files, bytes, PIL images, uint8 arrays, a list of these, also as an array of objects, or one of them alone

    Raises DataError where there is none.
    """
    if isinstance(pictures, np.ndarray) and pictures.dtype.kind in "UO":
        pictures = pictures.tolist()
    several = isinstance(pictures, list | tuple) or (isinstance(pictures, np.ndarray) and pictures.ndim == 4)
    found = list(pictures) if several else [pictures]
    if not found:
        raise DataError(NOTHING)
    return found


def size_of(picture: Any) -> tuple[int, int]:
    """(height, width) of a picture, upright.

    picture   a file, bytes, a PIL image or a uint8 array

    Raises DataError for what is no picture.
    """
    if isinstance(picture, np.ndarray):
        return picture.shape[0], picture.shape[1]
    return upright_size(picture) if isinstance(picture, str | os.PathLike) else decode(picture).size
