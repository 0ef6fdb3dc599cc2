"""Augmentation by several changes: random changes in training, nothing in prediction.  No weights."""

from __future__ import annotations

from typing import Any

from striate import primitives as p
from striate.errors import ArgumentError
from striate.graph import Shape
from striate.graph.window import as_tuple
from striate.layers.augment import (
    AugmentationLayer,
    Factor,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    between,
    checked_factor,
    checked_range,
)
from striate.layers.colours import (
    Equalization,
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomHue,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
    Solarization,
)

__all__ = ["AugMix", "RandAugment", "RandomColorJitter"]


class RandomColorJitter(AugmentationLayer):
    """Brightness, contrast, saturation and hue changed, one after the other.  (H, W, 3) -> (H, W, 3).

    value_range         (black, white) of the pixels that come in
    brightness_factor   as in RandomBrightness; None: as it was
    contrast_factor     as in RandomContrast
    saturation_factor   as in RandomSaturation
    hue_factor          as in RandomHue
    """

    order = "value_range brightness_factor contrast_factor saturation_factor hue_factor seed data_format"

    value_range: tuple[float, float] = (0.0, 255.0)
    brightness_factor: Any = None
    contrast_factor: Any = None
    saturation_factor: Any = None
    hue_factor: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.value_range = checked_range(self.value_range, self.kind)
        self._layers()

    def _layers(self) -> list[AugmentationLayer]:
        pairs: tuple[tuple[Any, Any], ...] = (
            (RandomBrightness, self.brightness_factor),
            (RandomContrast, self.contrast_factor),
            (RandomSaturation, self.saturation_factor),
            (RandomHue, self.hue_factor),
        )
        return [kind(factor, value_range=self.value_range) for kind, factor in pairs if factor is not None]

    def fits(self, x: Shape) -> None:
        for layer in self._layers():
            layer.fits(x)

    def change(self) -> p.Augment:
        return p.Augment("Augmentation2d", steps=tuple(layer.change() for layer in self._layers()))


class RandAugment(AugmentationLayer):
    """`num_ops` of eleven changes, drawn for each batch, one after the other.  Cubuk et al. 2020.

    (H, W, 3) -> (H, W, 3): shear, translation, rotation, brightness, grey, contrast, sharpness, posterization,
    solarization, auto-contrast and equalization.

    value_range     (black, white) of the pixels that come in
    num_ops         how many changes, from 0
    factor          how strong, 0 to 1; one number f is (0, f)
    interpolation   "bilinear" or "nearest"
    """

    order = "value_range num_ops factor interpolation seed data_format"
    colours = True
    bends = True

    value_range: tuple[float, float] = (0.0, 255.0)
    num_ops: int = 2
    factor: Factor = 0.5
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.value_range = checked_range(self.value_range, self.kind)
        if isinstance(self.num_ops, bool) or self.num_ops < 0:
            raise ArgumentError(f"RandAugment: num_ops is a whole number from 0, not {self.num_ops}.")
        self.factor = checked_factor(self.factor, "RandAugment: factor", 0, 1)
        self.change()

    def change(self) -> p.Augment:
        steps = _changes(self.factor, self.value_range, self.interpolation, every=True)
        return p.Augment("RandAugment2d", (self.num_ops,), steps=steps)


class AugMix(AugmentationLayer):
    """Each picture mixed with a mean of chains of random changes of it.  Hendrycks et al. 2020.

    (H, W, 3) -> (H, W, 3), clipped to the value range; the changes are those of RandAugment, drawn for each batch.

    value_range     (black, white) of the pixels that come in
    num_chains      how many chains
    chain_depth     changes of a chain, at most
    factor          how strong, 0 to 1; one number f is (0, f)
    alpha           of the distributions that the parts are drawn from, above 0
    all_ops         whether brightness, contrast, grey and sharpness are among the changes
    interpolation   "bilinear" or "nearest"
    """

    order = "value_range num_chains chain_depth factor alpha all_ops interpolation seed data_format"
    colours = True
    bends = True

    value_range: tuple[float, float] = (0.0, 255.0)
    num_chains: int = 3
    chain_depth: int = 3
    factor: Factor = 0.3
    alpha: float = 1.0
    all_ops: bool = True
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.value_range = checked_range(self.value_range, self.kind)
        (self.num_chains,) = as_tuple(self.num_chains, 1, "AugMix: num_chains")
        (self.chain_depth,) = as_tuple(self.chain_depth, 1, "AugMix: chain_depth")
        self.factor = checked_factor(self.factor, "AugMix: factor", 0, 1)
        if self.alpha <= 0:
            raise ArgumentError(f"AugMix: alpha is above 0, not {self.alpha}.")
        self.change()

    def change(self) -> p.Augment:
        steps = _changes(self.factor, self.value_range, self.interpolation, every=self.all_ops)
        arguments = (self.num_chains, self.chain_depth, self.alpha, *self.value_range)
        return p.Augment("AugMix2d", arguments, steps=steps)


def _changes(factor: Factor, values: tuple[float, float], interpolation: str, *, every: bool) -> tuple[p.Augment, ...]:
    """What RandAugment and AugMix draw from."""
    pair = between(factor, 0.0)
    made: list[AugmentationLayer] = [
        RandomShear(pair, pair, interpolation=interpolation),
        RandomTranslation(pair, pair, interpolation=interpolation),
        RandomRotation(pair, interpolation=interpolation),
        RandomPosterization(max(1, int(8 * pair[1])), values),
        Solarization(pair, pair, values),
        Equalization(values),
    ]
    if every:
        made += [RandomBrightness(pair, values), RandomColorDegeneration(pair, values)]
        made += [RandomContrast(pair, values), RandomSharpness(pair, values)]
    return (*(layer.change() for layer in made), p.Augment("AutoContrast2d", values))
