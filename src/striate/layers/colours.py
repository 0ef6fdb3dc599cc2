"""Augmentation that changes colours: random changes in training, nothing in prediction.  No weights.

Pixels go from black to white as ``value_range`` says: (0, 255) as in Keras; a network whose pixels are scaled first says
(0, 1) or (-1, 1).
"""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError, ShapeError
from striate.graph import Shape, Value
from striate.graph.window import as_tuple
from striate.layers.augment import (
    AugmentationLayer,
    Factor,
    between,
    checked_factor,
    checked_range,
    is_number,
    numbers,
)
from striate.layers.pictures import PictureLayer
from striate.primitives.base import split_shape
from striate.wording import plural

__all__ = [
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomContrast",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomLighting",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
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
        self.value_range = checked_range(self.value_range, self.kind)  # type: ignore[has-type]


class RandomBrightness(_Colour):
    """Each picture lighter or darker: a part of the value range is added, and the sum clipped to it.

    factor   -1 (black) to 1 (white); one number f is (-f, f)

    (H, W, C) -> (H, W, C).
    """

    order = "factor value_range seed"
    keeps_whole = True

    factor: Factor
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomBrightness: factor", -1, 1)

    def change(self) -> p.Augment:
        return p.Augment("RandomBrightness2d", (between(self.factor), *self.value_range))


class RandomContrast(_Colour):
    """Each channel's distance from its mean times 1 - a to 1 + b, clipped to the value range.

    factor   (a, b), both from 0 to 1; one number f is (f, f)

    (H, W, C) -> (H, W, C).
    """

    order = "factor value_range seed"

    factor: Factor
    value_range: tuple[float, float] = (0.0, 255.0)

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
        return p.Augment("RandomContrast2d", ((1 - less, 1 + more), *self.value_range))


class _ByFactor(_Colour):
    """A change of colours by one factor from 0 to 1, drawn for each picture.

    factor        one number f is (0, f)
    value_range   (black, white) of the pixels that come in
    """

    order = "factor value_range data_format seed"
    torch_class = ""  # its change in torch

    factor: Factor
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, f"{self.kind}: factor", 0, 1)

    def change(self) -> p.Augment:
        return p.Augment(self.torch_class, (between(self.factor, 0.0), *self.value_range))


class RandomSaturation(_ByFactor):
    """Each picture's colours paler or stronger: the saturation of HSV is multiplied by f / (1 - f), and clipped at 1.

    factor   f from 0 (grey) over 0.5 (as it was) to 1 (as strong as can be); one number is (0, f)

    (H, W, 3) -> (H, W, 3).
    """

    torch_class = "RandomSaturation2d"
    colours = True


class RandomHue(_ByFactor):
    """Each picture's colours moved along the circle of hues, by up to half of it either way.

    factor   part of half the circle, 0 to 1, the way drawn apart; one number f is (0, f)

    (H, W, 3) -> (H, W, 3).
    """

    torch_class = "RandomHue2d"
    colours = True


class RandomLighting(_Colour):
    """One colour added to each picture, drawn along the principal components of natural colours.

    (H, W, 3) -> (H, W, 3), red first, not clipped.  Krizhevsky et al. 2012, section 4.1: normal amounts times the
    components' own deviations; those of ImageNet, scaled to the value range, unless others are given.

    std          deviation of the normal amounts
    deviations   along each component, for pixels from 0 to 1
    components   3 rows (red, green, blue) of 3 numbers, a component per column
    """

    std: float = 0.1
    value_range: tuple[float, float] = (0.0, 255.0)
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
        return p.Augment("RandomLighting2d", (self.std, scaled, low, high))


class RandomErasing(_Colour):
    """A rectangle of each picture painted over: cutout (DeVries & Taylor 2017), random erasing (Zhong et al. 2020).

    (H, W, C) -> (H, W, C).  Boxes and masks stay: what is hidden is still there.

    factor       with what probability, drawn anew for each picture; one number f is (0, f), so give (1, 1) for always
    scale        the square of the part of the height, and apart from it of the width, that is painted over
    fill_value   with this value, or one per channel, clipped to the value range; None: normal noise times its upper end
    """

    order = "factor scale fill_value value_range seed data_format"

    factor: Factor = 1.0
    scale: Factor = (0.02, 0.33)
    fill_value: Any = None
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomErasing: factor", 0, 1)
        self.scale = checked_factor(self.scale, "RandomErasing: scale", 0, 1)
        if self.fill_value is not None:
            several = self.fill_value if isinstance(self.fill_value, list | tuple) else (self.fill_value,)
            if not several or not all(map(is_number, several)):
                raise ArgumentError(
                    f"RandomErasing: fill_value is a number, one per channel, or None, not {self.fill_value!r}."
                )
            low, high = self.value_range
            clipped = tuple(float(min(max(v, low), high)) for v in several)
            self.fill_value = clipped if isinstance(self.fill_value, list | tuple) else clipped[0]

    def fits(self, x: Shape) -> None:
        super().fits(x)
        if isinstance(self.fill_value, tuple) and len(self.fill_value) != x[-1]:
            raise ShapeError(f"fills {plural(len(self.fill_value), 'channel')}, the pictures are {x}.")

    def change(self) -> p.Augment:
        arguments = (between(self.factor, 0.0), *self.value_range, between(self.scale, 0.0), self.fill_value)
        return p.Augment("RandomErasing2d", arguments)


class RandomColorDegeneration(_ByFactor):
    """Each picture's colours mixed with grey.  (H, W, 3) -> (H, W, 3).

    factor        the part of grey, 0 (none) to 1 (all grey); one number f is (0, f)
    value_range   (black, white), to which pixels are clipped
    """

    torch_class = "RandomColorDegeneration2d"
    colours = True


class RandomSharpness(_ByFactor):
    """Each picture blurred or sharpened.  (H, W, C) -> (H, W, C).

    factor        0 (blurred) over 0.5 (as it was) to 1 (sharpened); one number f is (0, f)
    value_range   (black, white), to which pixels are clipped
    """

    torch_class = "RandomSharpness2d"


class RandomInvert(_ByFactor):
    """Some pictures as negatives: white less their pixels.  (H, W, C) -> (H, W, C).

    factor        with what probability, drawn anew for each picture; one number f is (0, f), so give (1, 1) for always
    value_range   (black, white) of the pixels that come in
    """

    order = "factor value_range seed data_format"
    torch_class = "RandomInvert2d"

    factor: Factor = 1.0


class RandomGrayscale(AugmentationLayer):
    """Some pictures in grey, 0.2989 red + 0.587 green + 0.114 blue.  (H, W, 3) -> (H, W, 3).

    factor   the probability of each picture, 0 to 1
    """

    order = "factor data_format seed"
    colours = True

    factor: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.factor <= 1:
            raise ArgumentError(f"RandomGrayscale: factor is from 0 to 1, not {self.factor}.")

    def change(self) -> p.Augment:
        return p.Augment("RandomGrayscale2d", (self.factor,))


class RandomPosterization(_Colour):
    """Each picture with fewer bits a colour.  (H, W, C) -> (H, W, C).

    factor        bits that are left, 1 to 8; (lowest, highest) draws up to, not including, the highest; one number f is
                  (1, f)
    value_range   (black, white), to which pixels are clipped
    """

    order = "factor value_range data_format seed"

    factor: Any
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = checked_factor(self.factor, "RandomPosterization: factor", 1, 8)
        self.factor = (int(given[0]), int(given[1])) if isinstance(given, tuple) else int(given)

    def change(self) -> p.Augment:
        bits = self.factor if isinstance(self.factor, tuple) else (1, self.factor)
        return p.Augment("RandomPosterization2d", (bits, *self.value_range))


class Solarization(_Colour):
    """Each picture's lighter pixels as negatives, after something was added to all.  (H, W, C) -> (H, W, C).

    addition_factor    what is added at most, a part of the value range, 0 to 1; one number f is (0, f)
    threshold_factor   from where pixels are inverted, a part of the value range; one number f is (0, f)
    value_range        (black, white), to which pixels are clipped
    """

    order = "addition_factor threshold_factor value_range seed"

    addition_factor: Factor = 0.0
    threshold_factor: Factor = 0.0
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.addition_factor = checked_factor(self.addition_factor, "Solarization: addition_factor", 0, 1)
        self.threshold_factor = checked_factor(self.threshold_factor, "Solarization: threshold_factor", 0, 1)

    def change(self) -> p.Augment:
        factors = between(self.addition_factor, 0.0), between(self.threshold_factor, 0.0)
        return p.Augment("Solarization2d", (*factors, *self.value_range))


class RandomGaussianBlur(_Colour):
    """Some pictures blurred.  (H, W, C) -> (H, W, C); beyond the border is black.

    factor        with what probability, drawn anew for each picture; one number f is (0, f), so give (1, 1) for always
    kernel_size   pixels across and down that are averaged: an odd number, or (across, down)
    sigma         deviation of the weights in pixels, up to 1, drawn for a batch; one number f is (0, f)
    value_range   (black, white), to which pixels are clipped
    """

    order = "factor kernel_size sigma value_range data_format seed"

    factor: Factor = 1.0
    kernel_size: Any = 3
    sigma: Factor = 1.0
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor = checked_factor(self.factor, "RandomGaussianBlur: factor", 0, 1)
        self.sigma = checked_factor(self.sigma, "RandomGaussianBlur: sigma", 0, 1)
        self.kernel_size = as_tuple(self.kernel_size, 2, "RandomGaussianBlur: kernel_size")
        if any(size % 2 == 0 for size in self.kernel_size):
            raise ArgumentError(f"RandomGaussianBlur: kernel_size is odd, not {self.kernel_size}.")

    def change(self) -> p.Augment:
        arguments = (between(self.factor, 0.0), *self.value_range, self.kernel_size, between(self.sigma, 0.0))
        return p.Augment("RandomGaussianBlur2d", arguments)


class Equalization(_Colour):
    """Each channel's values spread so that all are equally frequent in the batch.  (H, W, C) -> (H, W, C).

    value_range   (black, white), to which pixels are clipped
    bins          of the histogram, at least 1
    """

    order = "value_range bins data_format"

    value_range: tuple[float, float] = (0.0, 255.0)
    bins: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.bins,) = as_tuple(self.bins, 1, "Equalization: bins")

    def change(self) -> p.Augment:
        return p.Augment("Equalization2d", (self.bins, *self.value_range))


class ContrastLimitedAdaptiveHistogramEqualization(PictureLayer):
    """Each channel's values spread within tiles of a picture, in training and prediction: CLAHE, Zuiderveld 1994.

    (H, W, C) -> (H, W, C); between the middles of tiles by degrees.  No gradient goes through it.

    value_range      (black, white), to which pixels are clipped
    clip_limit       how many times its equal share of a tile a value may count, rounded down; 0: no limit
    tile_grid_size   (down, across), how many tiles there are

    Raises ArgumentError for other values.
    """

    order = "value_range clip_limit tile_grid_size data_format"

    value_range: tuple[float, float] = (0.0, 255.0)
    clip_limit: float = 4.0
    tile_grid_size: Any = (8, 8)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.value_range = checked_range(self.value_range, self.kind)
        self.tile_grid_size = as_tuple(self.tile_grid_size, 2, f"{self.kind}: tile_grid_size")
        if self.clip_limit < 0:
            raise ArgumentError(f"{self.kind}: clip_limit is at least 0, not {self.clip_limit}.")

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, 2)
        given = (*self.value_range, self.clip_limit, self.tile_grid_size)
        return p.augment(x, p.Augment("ContrastLimitedAdaptiveHistogramEqualization2d", given, always=True))


class AutoContrast(PictureLayer):
    """Each channel of each picture stretched to the whole value range, in training and prediction.

    (H, W, C) -> (H, W, C); a channel of one value stays as it is.

    value_range   (black, white) of the pixels that go out
    """

    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.value_range = checked_range(self.value_range, "AutoContrast")

    def lower(self, x: Value) -> Value:
        split_shape(x.shape, 2)
        low, high = self.value_range
        most = p.reduce(x, "max", keepdims=True)
        least = p.pointwise(p.reduce(p.pointwise(x, "negative"), "max", keepdims=True), "negative")
        spread = p.combine("subtract", most, least)
        some = p.pointwise(p.affine(spread, 1e30), "clip", 0.0, 1.0)  # 0 where all pixels are alike, else 1
        part = p.combine("divide", p.combine("subtract", x, least), p.pointwise(spread, "clip", 1e-30, 3e38))
        stretched = p.combine("multiply", p.affine(part, high - low, low), some)
        return p.combine("add", stretched, p.combine("multiply", x, p.affine(some, -1.0, 1.0)))
