"""MobileNetV3, which the zoo does not have."""

from striate.applications.absent import absent
from striate.applications.family import decode_predictions, preprocessing

__all__ = ["decode_predictions", "preprocess_input"]

MobileNetV3Small = absent("MobileNetV3Small")
MobileNetV3Large = absent("MobileNetV3Large")
preprocess_input = preprocessing("raw", "MobileNetV3")
