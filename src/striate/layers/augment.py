"""Augmentation: random changes in training, nothing in prediction.  No weights."""

from __future__ import annotations

from striate.errors import ArgumentError
from striate.graph import Layer, Shape
from striate.layers.conv import split_shape


class RandomAffine(Layer):
    """Each picture turned, shifted, enlarged and slanted by amounts of its own, in one bilinear resampling.

    (H, W, C) -> (H, W, C); what comes in from outside is 0.  In prediction nothing happens.

    rotation       up to this many degrees either way
    translation    up to this part of the side, each way
    zoom           between 1 - zoom and 1 + zoom times as large
    shear          up to this many degrees either way
    """

    rotation: float = 0.0
    translation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0

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

    def shape(self, *inputs: Shape) -> Shape:
        split_shape(inputs[0], 2)
        return inputs[0]
