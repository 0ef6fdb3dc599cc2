"""Augmentation in words, as a command line says it: ``flip,crop,colour``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from striate.errors import ArgumentError, unknown
from striate.graph import Layer, Shape
from striate.layers.augment import Augmentation, RandomAffine, RandomFlip, RandomTranslation, RandomZoom
from striate.layers.colours import (
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomGaussianBlur,
    RandomGrayscale,
    RandomSaturation,
)

Range = tuple[float, float]


def _colour(channels: int, levels: Range) -> list[Layer]:
    changed: list[Layer] = [RandomBrightness(0.2, value_range=levels), RandomContrast(0.2, value_range=levels)]
    return [*changed, RandomSaturation((0.4, 0.6), value_range=levels)] if channels == 3 else changed


def _crop(*_: object) -> list[Layer]:
    return [RandomZoom((-0.25, 0.0), fill_mode="reflect"), RandomTranslation(0.1, 0.1, fill_mode="reflect")]


#: Each word: what it does, and its layers for so many channels and a (black, white).
WORDS: dict[str, tuple[str, Callable[[int, Range], list[Layer]]]] = {
    "flip": ("left and right exchanged", lambda *_: [RandomFlip("horizontal")]),
    "vertical": ("top and bottom exchanged", lambda *_: [RandomFlip("vertical")]),
    "crop": ("a window of 75 to 100 % of each side, enlarged", _crop),
    "turn": ("turned by up to 10 degrees", lambda *_: [RandomAffine(rotation=10, fill_mode="reflect")]),
    "shift": ("moved by up to a tenth", lambda *_: [RandomTranslation(0.1, 0.1, fill_mode="reflect")]),
    "zoom": ("15 % larger or smaller", lambda *_: [RandomAffine(zoom=0.15, fill_mode="reflect")]),
    "colour": ("brightness, contrast and saturation", _colour),
    "grey": ("one in five without colour", lambda channels, _: [RandomGrayscale(0.2)] if channels == 3 else []),
    "blur": ("a little blurred", lambda _, levels: [RandomGaussianBlur(1.0, 5, 1.0, value_range=levels)]),
    "erase": ("a part covered", lambda _, levels: [RandomErasing(0.5, (0.02, 0.2), value_range=levels)]),
}
NONE = "none"


def words_of(augment: Any) -> list[str]:
    """The words in "flip,crop,colour"; none of what is no text.  Raises ArgumentError for another word.

    augment   as ``by_words`` takes it
    """
    if not isinstance(augment, str):
        return []
    words = [word.strip().lower() for word in augment.replace("color", "colour").split(",") if word.strip()]
    if not words:
        raise ArgumentError(f"augment takes words such as flip,crop,colour; known: {', '.join(WORDS)}, {NONE}.")
    for word in words:
        if word not in WORDS and word != NONE:
            raise unknown("augmentation", word, [*WORDS, NONE])
    if NONE in words and len(words) > 1:
        raise ArgumentError(f'augment="{augment}": none stands alone.')
    return words


def by_words(augment: str | Sequence[Layer], shape: Shape, levels: Range) -> list[Layer]:
    """The augmentation layers that words such as "flip,crop,colour" name; layers as they are.

    augment   words of ``WORDS`` with commas between them, "none", or layers
    shape     of the pictures, (H, W, C)
    levels    what black and white are to the network, the lower first

    Raises ArgumentError for another word, and for what is no picture.
    """
    if not isinstance(augment, str):
        return list(augment)
    words = words_of(augment)
    if words == [NONE]:
        return []
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ArgumentError(f"augment is for pictures (H, W, 1 or 3); the network takes {shape}.")
    layers = [layer for word in dict.fromkeys(words) for layer in WORDS[word][1](shape[2], levels)]
    return [Augmentation(layers)] if len(layers) > 1 else layers  # moved in one resampling
