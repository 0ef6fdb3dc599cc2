"""Between pictures as people see them and the numbers that a network takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.data import Dataset, Geometry, Preprocessing
from striate.data.pictures.decode import picture as decode
from striate.intake import Intake, stacked

if TYPE_CHECKING:
    from striate.model import Model


@dataclass
class Space:
    """The inputs of a network that takes pictures: tensors (N, C, H, W) after the preprocessing.

    factor, offset   float32 (C,): input = pixel * factor + offset, channels in the order that the network sees
    bgr              whether that order is blue, green, red
    low, high        (C,): the inputs of black and of white, the smaller first
    """

    intake: Intake
    preprocessing: Preprocessing
    shape: tuple[int, int, int]
    factor: np.ndarray
    offset: np.ndarray
    bgr: bool

    @classmethod
    def of(cls, model: Model) -> Space:
        """Raises ArgumentError for a model of several inputs, or whose input is no picture of 1 or 3 channels."""
        intake = model.intake
        preprocessing = intake.recipe
        height, width, channels = intake.shape
        ends = np.stack([np.zeros((1, 1, channels), np.uint8), np.full((1, 1, channels), 255, np.uint8)])
        black, white = np.asarray(preprocessing.normalise(ends), np.float64)[:, 0, 0]
        shape = (height, width, channels)
        return cls(intake, preprocessing, shape, (white - black) / 255, black, preprocessing.order == "bgr")

    @property
    def low(self) -> np.ndarray:
        return np.minimum(self.offset, self.offset + 255 * self.factor)

    @property
    def high(self) -> np.ndarray:
        return np.maximum(self.offset, self.offset + 255 * self.factor)

    def pixels(self, pictures: Any) -> np.ndarray:
        """uint8 (N, H, W, C) of the network's size, as ``Intake.pixels`` makes them.  Raises DataError for no picture."""
        return self.intake.pixels(pictures)

    def photos(self, pictures: Any) -> tuple[np.ndarray, Geometry] | None:
        """Photos uint8 (N, H, W, C) in their own size, and how they came to the network's; None where that is the same.

        Also None for a Dataset, and for photos of different sizes, which are no array.  Raises DataError for what is no
        picture.
        """
        pictures = stacked(pictures)
        floats = isinstance(pictures, np.ndarray) and pictures.dtype.kind in "fi"
        if isinstance(pictures, Dataset) or floats or getattr(pictures, "shape", ())[1:] == self.shape:
            return None
        alone = isinstance(pictures, str | os.PathLike | bytes) or hasattr(pictures, "getbands")
        listed = [pictures] if alone or (isinstance(pictures, np.ndarray) and pictures.ndim < 4) else list(pictures)
        images = [decode(each, self.shape[2]) for each in listed]
        sizes = {(image.height, image.width) for image in images}
        if len(sizes) != 1 or sizes == {self.shape[:2]}:
            return None
        arrays = [np.asarray(image).reshape(image.height, image.width, -1) for image in images]
        return np.stack(arrays), self.preprocessing.geometry(sizes.pop())

    def framed(self, pixels: np.ndarray) -> np.ndarray:
        """A picture uint8 (h, w, C) that, read from a file, the preprocessing turns into just `pixels` (H, W, C).

        That is `pixels`, with the margin around them that a crop from a larger picture cuts off.
        """
        side = self.preprocessing.shorter_side
        if self.preprocessing.resize != "crop" or side is None:
            return pixels
        room = [max(side, own) - own for own in pixels.shape[:2]]
        return np.pad(pixels, [*((each // 2, each - each // 2) for each in room), (0, 0)], mode="edge")

    def inputs(self, pixels: np.ndarray, like: torch.Tensor | None = None) -> torch.Tensor:
        """uint8 (or 0..255 float) pixels (N, H, W, C) as the network's inputs (N, C, H, W), float32."""
        x = torch.from_numpy(np.ascontiguousarray(self.preprocessing.normalise(np.asarray(pixels)))).movedim(-1, 1)
        return x if like is None else x.to(like.device, like.dtype)

    def values(self, inputs: torch.Tensor) -> np.ndarray:
        """Inputs (N, C, H, W) as pixel values, RGB, float (N, H, W, C); within 0..255 for what a picture can be."""
        return self.preprocessing.undone(inputs.detach().movedim(1, -1).double().cpu().numpy())

    def shown(self, inputs: torch.Tensor) -> np.ndarray:
        """Inputs (N, C, H, W) as uint8 pictures (N, H, W, C), RGB, rounded and clipped."""
        return np.rint(self.values(inputs)).clip(0, 255).astype(np.uint8)

    def per_channel(self, values: Sequence[float] | np.ndarray, like: torch.Tensor) -> torch.Tensor:
        """(C,) as (1, C, 1, 1) on the device of `like`, in its type."""
        return torch.as_tensor(np.asarray(values), dtype=like.dtype, device=like.device).view(1, -1, 1, 1)


def target_of(model: Model, target: int | str | None, logits: np.ndarray) -> int:
    """The number of a class: of a number, of a label, or for None of the largest of `logits` (classes,).

    Of a label with several names, "goldfish, Carassius auratus", each will do where no other class has it.  Raises
    ArgumentError for a class that is not there.
    """
    return int(logits.argmax()) if target is None else model.intake.number(target, len(logits))


def label_of(model: Model, number: int) -> str:
    """The name of a class, or its number where classes have no names."""
    return model.intake.label(number)
