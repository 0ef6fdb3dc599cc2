"""Augmentation: random changes in training, nothing in prediction.  No weights.

Every picture of a batch gets amounts of its own, drawn from torch's generator on the CPU, so that ``st.set_seed`` repeats
them on any device.  Names, arguments and meanings are Keras 3's, with two differences: there is no seed of a layer's own,
and ``value_range`` is (0, 1) where Keras has (0, 255), since pixels reach a network here after their preprocessing.
``data.augment`` runs the same layers outside a network, where boxes and masks move with the pictures.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field
from math import isfinite
from numbers import Real
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError, unknown
from striate.graph import Layer, Shape, Value
from striate.primitives.base import split_shape

__all__ = [
    "Augmentation",
    "RandomAffine",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomHue",
    "RandomLighting",
    "RandomRotation",
    "RandomSaturation",
    "RandomTranslation",
    "RandomZoom",
]

Factor = float | tuple[float, float]

FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
FILL_MODES = ("reflect", "constant", "nearest", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")

# Principal components of the colours of ImageNet's training pictures, pixels from 0 to 1: the deviations along them, and
# one of them per column.  Computed by the authors of fb.resnet.torch for section 4.1 of Krizhevsky et al. 2012.
IMAGENET_DEVIATIONS = (0.2175, 0.0188, 0.0045)
IMAGENET_COMPONENTS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


def _number(value: Any) -> bool:
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def _numbers(value: Any, count: int, where: str, what: str) -> tuple[float, ...]:
    """So many numbers as a tuple of floats; raises ArgumentError that says what they are."""
    listed = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(listed, list | tuple) or len(listed) != count or not all(map(_number, listed)):
        raise ArgumentError(f"{where} is {what}, not {value!r}.")
    return tuple(map(float, listed))


def _factor(value: Any, where: str, low: float, high: float) -> Factor:
    """A number, or (lowest, highest), all from `low` to `high`."""
    what = f"a number or (lowest, highest), from {low:g} to {high:g}"
    if _number(value):
        if not low <= value <= high:
            raise ArgumentError(f"{where} is {what}, not {value!r}.")
        return float(value)
    pair = _numbers(value, 2, where, what)
    if not low <= pair[0] <= pair[1] <= high:
        raise ArgumentError(f"{where} is {what}, not {value!r}.")
    return pair[0], pair[1]


def between(factor: Factor, low: float | None = None) -> tuple[float, float]:
    """What a factor stands for: (lowest, highest).  One number f is (-f, f), or (`low`, f)."""
    if isinstance(factor, tuple):
        return factor
    return (-abs(factor) if low is None else low), abs(factor)


def _side(value: int, where: str) -> int:
    if value < 1:
        raise ArgumentError(f"{where} is a whole number of at least 1, not {value}.")
    return value


# -- where pixels stand -------------------------------------------------------------------------------------------------
class _Augmentation(Layer):
    """Changes pictures in training.  (H, W, C) -> (H, W, C); no weights."""

    colours = False  # whether it needs red, green and blue

    @abstractmethod
    def change(self) -> p.Augment:
        """What is drawn and done, as a primitive."""

    def fits(self, x: Shape) -> None:
        """Raises ShapeError for pictures that it cannot change.

        x   the pictures' shape, (H, W, C)
        """
        channels = split_shape(x, 2)[1]
        if self.colours and channels != 3:
            raise ShapeError(
                f"changes colours and so takes red, green and blue, (height, width, 3), it got {x}. "
                "For other pictures use RandomBrightness and RandomContrast."
            )

    def lower(self, x: Value) -> Value:
        self.fits(x.shape)
        return p.augment(x, self.change())


class _Geometry(_Augmentation):
    """Moves pixels; boxes and masks can follow it."""


class _Resampling(_Geometry):
    """Moves pixels to places between pixels: its last fields say what stands there, and what stands outside.

    fill_mode       what comes in from outside: "reflect" (d c b a | a b c d | d c b a), "constant" (`fill_value`),
                    "nearest" (a a | a b c d | d d) or "wrap" (c d | a b c d | a b)
    interpolation   "bilinear" or "nearest"
    fill_value      of pixels that come in from outside, with "constant"
    """

    fill_mode: str = field(default="reflect", kw_only=True)
    interpolation: str = field(default="bilinear", kw_only=True)
    fill_value: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fill_mode not in FILL_MODES:
            raise unknown(f"{self.kind} fill_mode", str(self.fill_mode), FILL_MODES)
        if self.interpolation not in INTERPOLATIONS:
            raise unknown(f"{self.kind} interpolation", str(self.interpolation), INTERPOLATIONS)

    def _resampled(self, torch_class: str, *arguments: Any) -> p.Augment:
        fill = (self.fill_mode, self.fill_value)
        return p.Augment(torch_class, (*arguments, fill, self.interpolation), "grid")


class RandomFlip(_Geometry):
    """Half of the pictures mirrored: left to right, upside down, or each with a probability of one half.

    mode   "horizontal", "vertical" or "horizontal_and_vertical"

    (H, W, C) -> (H, W, C).
    """

    mode: str = "horizontal_and_vertical"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in FLIPS:
            raise unknown("RandomFlip mode", str(self.mode), FLIPS)

    def change(self) -> p.Augment:
        return p.Augment("RandomFlip2d", (self.mode,), "places")


class RandomRotation(_Resampling):
    """Each picture turned about its centre.  (H, W, C) -> (H, W, C).

    factor   part of a full turn, -1 to 1, counter-clockwise; one number f is (-f, f)
    """

    factor: Factor

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = _factor(self.factor, "RandomRotation: factor", -1, 1)

    def change(self) -> p.Augment:
        return self._resampled("RandomRotation2d", *between(self.factor))


class RandomZoom(_Resampling):
    """Each picture made smaller (positive factors) or larger (negative ones) about its centre.  (H, W, C) -> (H, W, C).

    height_factor   a picture drawn 0.2 shows 1.2 times its own height; above -1, up to 1; one number f is (-f, f)
    width_factor    the same for the width; None: as the height, so that nothing is distorted
    """

    height_factor: Factor
    width_factor: Factor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.height_factor = _factor(self.height_factor, "RandomZoom: height_factor", -0.99, 1)
        if self.width_factor is not None:
            self.width_factor = _factor(self.width_factor, "RandomZoom: width_factor", -0.99, 1)
        if isinstance(self.height_factor, float):
            self.height_factor = abs(self.height_factor)
        for factor in (self.height_factor, self.width_factor):
            if isinstance(factor, float) and abs(factor) > 0.99:
                raise ArgumentError(f"RandomZoom: {factor:g} stands for (-{factor:g}, {factor:g}), and -0.99 is least.")

    def change(self) -> p.Augment:
        across = None if self.width_factor is None else between(self.width_factor)
        return self._resampled("RandomZoom2d", between(self.height_factor), across)


class RandomTranslation(_Resampling):
    """Each picture shifted down (positive factors) or up, and to the right or left.  (H, W, C) -> (H, W, C).

    height_factor, width_factor   part of that side, -1 to 1; one number f is (-f, f)
    """

    height_factor: Factor
    width_factor: Factor

    def __post_init__(self) -> None:
        super().__post_init__()
        self.height_factor = _factor(self.height_factor, "RandomTranslation: height_factor", -1, 1)
        self.width_factor = _factor(self.width_factor, "RandomTranslation: width_factor", -1, 1)

    def change(self) -> p.Augment:
        return self._resampled("RandomTranslation2d", between(self.height_factor), between(self.width_factor))


class RandomAffine(_Resampling):
    """Each picture turned, shifted, enlarged and slanted by amounts of its own, in one resampling.

    (H, W, C) -> (H, W, C); what comes in from outside is 0, unless `fill_mode` says otherwise.

    rotation      up to this many degrees either way
    translation   up to this part of the side, each way
    zoom          between 1 - zoom and 1 + zoom times as large
    shear         up to this many degrees either way
    """

    rotation: float = 0.0
    translation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    fill_mode: str = field(default="constant", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, value, most in (
            ("rotation", self.rotation, 180),
            ("translation", self.translation, 1),
            ("zoom", self.zoom, 0.99),
            ("shear", self.shear, 89),
        ):
            if not 0 <= value <= most:
                raise ArgumentError(f"RandomAffine: {what} is from 0 to {most}, not {value}.")

    def change(self) -> p.Augment:
        return self._resampled("RandomAffine2d", self.rotation, self.translation, self.zoom, self.shear)


class RandomCrop(_Geometry):
    """A part of each picture, of a fixed size and at a place of its own; in prediction the middle.

    height   rows of the part
    width    its columns

    (H, W, C) -> (height, width, C).  Keras scales a picture in prediction instead, and gives a batch one place.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _side(self.height, "RandomCrop: height"), _side(self.width, "RandomCrop: width")

    def fits(self, x: Shape) -> None:
        height, width = split_shape(x, 2)[0]
        if self.height > height or self.width > width:
            raise ShapeError(
                f"cannot cut {self.height}x{self.width} out of {height}x{width}. Cut less, or put ZeroPadding2D before it."
            )

    def change(self) -> p.Augment:
        return p.Augment("RandomCrop2d", (self.height, self.width), "places", (self.height, self.width))


# -- what colour they have ----------------------------------------------------------------------------------------------
class _Colour(_Augmentation):
    """Changes what colour pixels have.

    value_range   (black, white) of the pixels that come in
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        what = "(lowest, highest), the values of black and white"
        given: Any = self.value_range  # type: ignore[has-type]
        low, high = _numbers(given, 2, f"{self.kind}: value_range", what)
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
        self.factor = _factor(self.factor, "RandomBrightness: factor", -1, 1)

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
        pair = (self.factor, self.factor) if _number(self.factor) else self.factor
        less, more = _numbers(pair, 2, "RandomContrast: factor", what)
        if not (0 <= less <= 1 and 0 <= more <= 1):
            raise ArgumentError(f"RandomContrast: factor is {what}, not {self.factor!r}.")
        self.factor = less if _number(self.factor) else (less, more)

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
        self.factor = _factor(self.factor, "RandomSaturation: factor", 0, 1)

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
        self.factor = _factor(self.factor, "RandomHue: factor", 0, 1)

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
        self.deviations = _numbers(self.deviations, 3, "RandomLighting: deviations", "3 numbers")
        rows = self.components.tolist() if hasattr(self.components, "tolist") else self.components
        what = "3 rows of 3 numbers"
        if not isinstance(rows, list | tuple) or len(rows) != 3:
            raise ArgumentError(f"RandomLighting: components is {what}, not {self.components!r}.")
        self.components = tuple(_numbers(row, 3, "RandomLighting: components", what) for row in rows)

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
        self.factor = _factor(self.factor, "RandomErasing: factor", 0, 1)
        self.scale = _factor(self.scale, "RandomErasing: scale", 0, 1)

    def change(self) -> p.Augment:
        arguments = (between(self.factor, 0.0), *self.value_range, between(self.scale, 0.0), self.fill_value)
        return p.Augment("RandomErasing2d", arguments, "mask")


# -- several ------------------------------------------------------------------------------------------------------------
class Augmentation(_Augmentation):
    """Several of these one after the other, neighbours that move pixels composed into a single resampling.

    layers   augmentation layers, in order

    (H, W, C) -> what the last of them gives.  One resampling blurs less, costs less, and keeps what a step in between
    would have pushed out of the picture.  Neighbours are composed where they fill and interpolate alike.
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.layers
        if not isinstance(given, Sequence) or isinstance(given, str | bytes) or not given:
            raise ArgumentError(f"Augmentation: layers is a list of augmentation layers, not {given!r}.")
        for layer in given:
            if not isinstance(layer, _Augmentation):
                raise ArgumentError(f"Augmentation holds augmentation layers such as RandomFlip, not {layer!r}.")
        self.layers = tuple(given)

    def fits(self, x: Shape) -> None:
        for layer in self.layers:
            assert isinstance(layer, _Augmentation)
            try:
                layer.fits(x)
            except ShapeError as error:
                raise ShapeError(f"its {layer.kind} {error}") from None
            x = layer.change().shape(x)

    def change(self) -> p.Augment:
        steps = tuple(step.change() for step in self.steps())
        return p.Augment("Augmentation2d", steps=steps)

    def steps(self) -> tuple[_Augmentation, ...]:
        """The layers, those of Augmentations within it in their place."""
        opened: list[_Augmentation] = []
        for layer in self.layers:
            assert isinstance(layer, _Augmentation)
            opened += layer.steps() if isinstance(layer, Augmentation) else (layer,)
        return tuple(opened)
