"""Augmentation that moves pixels, and chains of augmentation: random changes in training, nothing in prediction.

No weights.  Every picture of a batch gets amounts of its own, drawn from torch's generator on the CPU, so that
``st.set_seed`` repeats them on any device; a layer with a ``seed`` draws from a generator of its own.  Names, arguments and
meanings are Keras 3's.  What changes colours is in ``colours``.  ``data.augment`` runs the same layers outside a network,
where boxes and masks move with the pictures.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field, replace
from math import isfinite
from numbers import Real
from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError, unknown
from striate.graph import Layer, Shape, Value
from striate.layers.pictures import PictureLayer
from striate.layers.reshape import middle
from striate.primitives.base import split_shape
from striate.primitives.shapes import Sides

__all__ = [
    "Augmentation",
    "RandomAffine",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomFlip",
    "RandomPerspective",
    "RandomQuarterTurn",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]

Factor = float | tuple[float, float]

FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
FILL_MODES = ("reflect", "constant", "nearest", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")


def is_number(value: Any) -> bool:
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def numbers(value: Any, count: int, where: str, what: str) -> tuple[float, ...]:
    """So many numbers as a tuple of floats; raises ArgumentError that says what they are."""
    listed = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(listed, list | tuple) or len(listed) != count or not all(map(is_number, listed)):
        raise ArgumentError(f"{where} is {what}, not {value!r}.")
    return tuple(map(float, listed))


def checked_factor(value: Any, where: str, low: float, high: float) -> Factor:
    """A number, or (lowest, highest), all from `low` to `high`; the other way round, as in Keras, is the same."""
    what = f"a number or (lowest, highest), from {low:g} to {high:g}"
    if is_number(value):
        if not low <= value <= high:
            raise ArgumentError(f"{where} is {what}, not {value!r}.")
        return float(value)
    least, most = sorted(numbers(value, 2, where, what))
    if not low <= least <= most <= high:
        raise ArgumentError(f"{where} is {what}, not {value!r}.")
    return least, most


def between(factor: Factor, low: float | None = None) -> tuple[float, float]:
    """What a factor stands for: (lowest, highest).  One number f is (-f, f), or (`low`, f)."""
    if isinstance(factor, tuple):
        return factor
    return (-abs(factor) if low is None else low), abs(factor)


def checked_range(value: Any, where: str) -> tuple[float, float]:
    """A ``value_range``: (black, white), the lower first.  Raises ArgumentError.

    value   as it was given
    where   the class, for the message
    """
    what = "(lowest, highest), the values of black and white"
    low, high = numbers(value, 2, f"{where}: value_range", what)
    if low >= high:
        raise ArgumentError(f"{where}: value_range is {what}, not {value!r}.")
    return low, high


def _side(value: int, where: str) -> int:
    if value < 1:
        raise ArgumentError(f"{where} is a whole number of at least 1, not {value}.")
    return value


# -- where pixels stand -------------------------------------------------------------------------------------------------
class AugmentationLayer(PictureLayer):
    """Changes pictures in training.  (H, W, C) -> (H, W, C); no weights.

    seed   of draws of its own, the same in every run; None: the run's, see ``st.set_seed``
    """

    abstract = True
    colours = False  # whether it needs red, green and blue
    bends = False  # whether it moves pixels so that boxes and masks cannot follow

    seed: int | None = field(default=None, kw_only=True)

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
        return p.augment(x, self.seeded())

    def seeded(self) -> p.Augment:
        """``change``, with the layer's seed."""
        change = self.change()
        return change if self.seed is None else replace(change, seed=self.seed)


class _Geometry(AugmentationLayer):
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
        return p.Augment(torch_class, (*arguments, fill, self.interpolation))


class RandomFlip(_Geometry):
    """Half of the pictures mirrored: left to right, upside down, or each with a probability of one half.

    mode   "horizontal", "vertical" or "horizontal_and_vertical"

    (H, W, C) -> (H, W, C).
    """

    order = "mode seed data_format"

    mode: str = "horizontal_and_vertical"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in FLIPS:
            raise unknown("RandomFlip mode", str(self.mode), FLIPS)

    def change(self) -> p.Augment:
        return p.Augment("RandomFlip2d", (self.mode,))


class RandomRotation(_Resampling):
    """Each picture turned about its centre.  (H, W, C) -> (H, W, C).

    factor   part of a full turn, -1 to 1, counter-clockwise; one number f is (-f, f)
    """

    order = "factor fill_mode interpolation seed fill_value data_format"

    factor: Factor

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomRotation: factor", -1, 1)

    def change(self) -> p.Augment:
        return self._resampled("RandomRotation2d", *between(self.factor))


class RandomQuarterTurn(_Resampling):
    """Each picture turned by 0, 90, 180 or 270 degrees, one as likely as another.  (H, W, C) -> (H, W, C); no weights.

    For pictures that have no up and down, such as those of a microscope.  In a frame that is not square a picture on its
    side is made smaller until it fits, and stands between bars of `fill_value`.
    """

    fill_mode: str = field(default="constant", kw_only=True)

    def change(self) -> p.Augment:
        return self._resampled("RandomQuarterTurn2d")


class RandomZoom(_Resampling):
    """Each picture made smaller (positive factors) or larger (negative ones) about its centre.  (H, W, C) -> (H, W, C).

    height_factor   a picture drawn 0.2 shows 1.2 times its own height; above -1, up to 1; one number f is (-f, f)
    width_factor    the same for the width; None: as the height, so that nothing is distorted
    """

    order = "height_factor width_factor fill_mode interpolation seed fill_value data_format"

    height_factor: Factor
    width_factor: Factor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.height_factor = checked_factor(self.height_factor, "RandomZoom: height_factor", -0.99, 1)
        if self.width_factor is not None:
            self.width_factor = checked_factor(self.width_factor, "RandomZoom: width_factor", -0.99, 1)
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

    order = "height_factor width_factor fill_mode interpolation seed fill_value data_format"

    height_factor: Factor
    width_factor: Factor

    def __post_init__(self) -> None:
        super().__post_init__()
        self.height_factor = checked_factor(self.height_factor, "RandomTranslation: height_factor", -1, 1)
        self.width_factor = checked_factor(self.width_factor, "RandomTranslation: width_factor", -1, 1)

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


class RandomShear(_Resampling):
    """Each picture slanted: rows shifted by how far down they are, columns by how far to the right.

    (H, W, C) -> (H, W, C); the upper left pixel stays.

    x_factor   the slope of the rows' shift, 0 to 1, either way; one number f is (-f, f)
    y_factor   the same for the columns
    """

    order = "x_factor y_factor interpolation fill_mode fill_value data_format seed"

    x_factor: Factor = 0.0
    y_factor: Factor = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.x_factor = checked_factor(self.x_factor, "RandomShear: x_factor", 0, 1)
        self.y_factor = checked_factor(self.y_factor, "RandomShear: y_factor", 0, 1)

    def change(self) -> p.Augment:
        return self._resampled("RandomShear2d", between(self.x_factor), between(self.y_factor))


class RandomPerspective(AugmentationLayer):
    """Each picture as seen from the side: its corners are moved.  (H, W, C) -> (H, W, C).

    factor          with what probability, drawn anew for each picture; one number f is (0, f), so give (1, 1) for always
    scale           by up to what part of its place, halved, a corner moves; 0 to 1
    interpolation   "bilinear" or "nearest"
    fill_value      of pixels that come in from outside
    """

    order = "factor scale interpolation fill_value seed data_format"
    bends = True

    factor: Factor = 1.0
    scale: float = 1.0
    interpolation: str = "bilinear"
    fill_value: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomPerspective: factor", 0, 1)
        if not 0 <= self.scale <= 1:
            raise ArgumentError(f"RandomPerspective: scale is from 0 to 1, not {self.scale}.")
        if self.interpolation not in INTERPOLATIONS:
            raise unknown("RandomPerspective interpolation", str(self.interpolation), INTERPOLATIONS)

    def change(self) -> p.Augment:
        arguments = (between(self.factor, 0.0), self.scale, self.fill_value, self.interpolation)
        return p.Augment("RandomPerspective2d", arguments)


class RandomElasticTransform(AugmentationLayer):
    """Each picture's pixels moved a little, neighbours alike.  (H, W, C) -> (H, W, C).  Simard et al. 2003, section 2.

    factor          with what probability, drawn anew for each picture; one number f is (0, f), so give (1, 1) for always
    scale           how far: a tenth of the longer side times this, in units of what is blurred with a twentieth of the
                    shorter side times this; one number f is (0, f)
    interpolation   "bilinear" or "nearest"
    fill_mode       what comes in from outside, as in RandomRotation
    fill_value      of pixels that come in from outside, with "constant"
    value_range     (black, white), to which pixels are clipped
    """

    order = "factor scale interpolation fill_mode fill_value value_range seed data_format"
    bends = True

    factor: Factor = 1.0
    scale: Factor = 1.0
    interpolation: str = "bilinear"
    fill_mode: str = "reflect"
    fill_value: float = 0.0
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomElasticTransform: factor", 0, 1)
        self.scale = checked_factor(self.scale, "RandomElasticTransform: scale", 0, 1)
        self.value_range = checked_range(self.value_range, self.kind)
        if self.interpolation not in INTERPOLATIONS:
            raise unknown("RandomElasticTransform interpolation", str(self.interpolation), INTERPOLATIONS)
        if self.fill_mode not in FILL_MODES:
            raise unknown("RandomElasticTransform fill_mode", str(self.fill_mode), FILL_MODES)

    def change(self) -> p.Augment:
        fill = (self.fill_mode, self.fill_value)
        arguments = (between(self.factor, 0.0), between(self.scale, 0.0), *self.value_range, fill, self.interpolation)
        return p.Augment("RandomElasticTransform2d", arguments)


class RandomCrop(_Geometry):
    """A part of each picture, of a fixed size and at a place of its own; in prediction the middle.

    height   rows of the part
    width    its columns

    (H, W, C) -> (height, width, C).  A picture that is smaller than that, one way or the other, is cut around the middle
    where it is larger, and enlarged, as in Keras.  That gives a batch one place, and leaves pictures alone in prediction.
    """

    order = "height width seed data_format name"

    height: int
    width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _side(self.height, "RandomCrop: height"), _side(self.width, "RandomCrop: width")

    def lower(self, x: Value) -> Value:
        sizes, given = split_shape(x.shape, 2)[0], (self.height, self.width)
        if all(size >= side for size, side in zip(sizes, given, strict=True)):
            return super().lower(x)
        shown = zip(sizes, self.shown(x.shape), strict=True)
        return p.interpolate(p.crop(x, tuple((first, size - end) for size, (first, end) in shown)), given)

    def shown(self, x: Shape) -> Sides:
        """(first, behind the last) row and column that are shown of an input with a side that is too small.

        x   the input's shape, (H, W, C)
        """
        starts = (first for first, _ in middle(x, self.height, self.width))
        down, across = ((a, min(a + n, s)) for a, n, s in zip(starts, (self.height, self.width), x[:2], strict=True))
        return down, across

    def fits(self, x: Shape) -> None:
        height, width = split_shape(x, 2)[0]
        if self.height > height or self.width > width:
            raise ShapeError(
                f"cannot cut {self.height}x{self.width} out of {height}x{width}. Cut less, or put ZeroPadding2D before it."
            )

    def change(self) -> p.Augment:
        return p.Augment("RandomCrop2d", (self.height, self.width), (self.height, self.width))


# -- several ------------------------------------------------------------------------------------------------------------
class Augmentation(AugmentationLayer):
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
            if not isinstance(layer, AugmentationLayer):
                raise ArgumentError(f"Augmentation holds augmentation layers such as RandomFlip, not {layer!r}.")
        self.layers = tuple(given)

    def fits(self, x: Shape) -> None:
        for layer in self.layers:
            assert isinstance(layer, AugmentationLayer)
            try:
                layer.fits(x)
            except ShapeError as error:
                raise ShapeError(f"its {layer.kind} {error}") from None
            x = layer.change().shape(x)

    def change(self) -> p.Augment:
        steps = tuple(step.seeded() for step in self.steps())
        return p.Augment("Augmentation2d", steps=steps)

    def steps(self) -> tuple[AugmentationLayer, ...]:
        """The layers, those of Augmentations within it in their place."""
        opened: list[AugmentationLayer] = []
        for layer in self.layers:
            assert isinstance(layer, AugmentationLayer)
            opened += layer.steps() if isinstance(layer, Augmentation) else (layer,)
        return tuple(opened)
