"""Augmentation of what colour pixels have: brightness, contrast, hue, lighting, and rectangles painted over.

What holds for all augmentation stands in ``augment``: amounts drawn for each picture, names and meanings of Keras 3.
"""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError
from striate.layers.augment import AugmentationLayer, Factor, between, checked_factor, is_number, numbers

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomErasing",
    "RandomHue",
    "RandomLighting",
    "RandomSaturation",
]

# Principal components of the colours of ImageNet's training pictures, pixels from 0 to 1: the deviations along them, and
# one of them per column.  Computed by the authors of fb.resnet.torch for section 4.1 of Krizhevsky et al. 2012.
IMAGENET_DEVIATIONS = (0.2175, 0.0188, 0.0045)
IMAGENET_COMPONENTS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


class _Colour(AugmentationLayer):
    """Changes what colour pixels have.

    value_range   (black, white) of the pixels that come in
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        what = "(lowest, highest), the values of black and white"
        given: Any = self.value_range  # type: ignore[has-type]
        low, high = numbers(given, 2, f"{self.kind}: value_range", what)
        if low >= high:
            raise ArgumentError(f"{self.kind}: value_range is {what}, not {given!r}.")
        self.value_range = (low, high)


class RandomBrightness(_Colour):
    """Each picture lighter or darker: a part of the value range is added, and the sum clipped to it.

    factor   -1 (black) to 1 (white); one number f is (-f, f)

    (H, W, C) -> (H, W, C).
    """

    factor: Factor
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomBrightness: factor", -1, 1)

    def change(self) -> p.Augment:
        return p.Augment("RandomBrightness2d", (between(self.factor), *self.value_range), "clipped")


class RandomContrast(_Colour):
    """Each channel's distance from its mean times 1 - a to 1 + b, clipped to the value range.

    factor   (a, b), both from 0 to 1; one number f is (f, f)

    (H, W, C) -> (H, W, C).
    """

    factor: Factor
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        what = "a number or (how much less, how much more), from 0 to 1"
        pair = (self.factor, self.factor) if is_number(self.factor) else self.factor
        less, more = numbers(pair, 2, "RandomContrast: factor", what)
        if not (0 <= less <= 1 and 0 <= more <= 1):
            raise ArgumentError(f"RandomContrast: factor is {what}, not {self.factor!r}.")
        self.factor = less if is_number(self.factor) else (less, more)

    def change(self) -> p.Augment:
        less, more = self.factor if isinstance(self.factor, tuple) else (self.factor, self.factor)
        return p.Augment("RandomContrast2d", ((1 - less, 1 + more), *self.value_range), "clipped")


class RandomSaturation(_Colour):
    """Each picture's colours paler or stronger: the saturation of HSV is multiplied by f / (1 - f), and clipped at 1.

    factor   f from 0 (grey) over 0.5 (as it was) to 1 (as strong as can be); one number is (0, f)

    (H, W, 3) -> (H, W, 3).
    """

    factor: Factor
    value_range: tuple[float, float] = (0.0, 1.0)
    colours = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomSaturation: factor", 0, 1)

    def change(self) -> p.Augment:
        return p.Augment("RandomSaturation2d", (between(self.factor, 0.0), *self.value_range), "hue")


class RandomHue(_Colour):
    """Each picture's colours moved along the circle of hues, by up to half of it either way.

    factor   part of half the circle, 0 to 1, the way drawn apart; one number f is (0, f)

    (H, W, 3) -> (H, W, 3).
    """

    factor: Factor
    value_range: tuple[float, float] = (0.0, 1.0)
    colours = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomHue: factor", 0, 1)

    def change(self) -> p.Augment:
        return p.Augment("RandomHue2d", (between(self.factor, 0.0), *self.value_range), "hue")


class RandomLighting(_Colour):
    """One colour added to each picture, drawn along the principal components of natural colours.

    (H, W, 3) -> (H, W, 3), red first, not clipped.  Krizhevsky et al. 2012, section 4.1: normal amounts times the
    components' own deviations; those of ImageNet, scaled to the value range, unless others are given.

    std          deviation of the normal amounts
    deviations   along each component, for pixels from 0 to 1
    components   3 rows (red, green, blue) of 3 numbers, a component per column
    """

    std: float = 0.1
    value_range: tuple[float, float] = (0.0, 1.0)
    deviations: tuple[float, ...] = IMAGENET_DEVIATIONS
    components: tuple[tuple[float, ...], ...] = IMAGENET_COMPONENTS
    colours = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.std < 0:
            raise ArgumentError(f"RandomLighting: std is at least 0, not {self.std}.")
        self.deviations = numbers(self.deviations, 3, "RandomLighting: deviations", "3 numbers")
        rows = self.components.tolist() if hasattr(self.components, "tolist") else self.components
        what = "3 rows of 3 numbers"
        if not isinstance(rows, list | tuple) or len(rows) != 3:
            raise ArgumentError(f"RandomLighting: components is {what}, not {self.components!r}.")
        self.components = tuple(numbers(row, 3, "RandomLighting: components", what) for row in rows)

    def change(self) -> p.Augment:
        low, high = self.value_range
        rows = (zip(row, self.deviations, strict=True) for row in self.components)
        scaled = tuple(tuple(a * d * (high - low) for a, d in row) for row in rows)
        return p.Augment("RandomLighting2d", (self.std, scaled))


class RandomErasing(_Colour):
    """A rectangle of each picture painted over: cutout (DeVries & Taylor 2017), random erasing (Zhong et al. 2020).

    (H, W, C) -> (H, W, C).  Boxes and masks stay: what is hidden is still there.

    factor       with what probability, drawn anew for each picture; one number f is (0, f), so give (1, 1) for always
    scale        the square of the part of the height, and apart from it of the width, that is painted over
    fill_value   with this value, or None: normal noise times the upper end of the value range, clipped to the range
    """

    factor: Factor = 1.0
    scale: Factor = (0.02, 0.33)
    fill_value: float | None = None
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomErasing: factor", 0, 1)
        self.scale = checked_factor(self.scale, "RandomErasing: scale", 0, 1)

    def change(self) -> p.Augment:
        arguments = (between(self.factor, 0.0), *self.value_range, between(self.scale, 0.0), self.fill_value)
        return p.Augment("RandomErasing2d", arguments, "mask")
