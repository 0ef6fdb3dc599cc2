"""EfficientNetV2, which the zoo does not have."""

from striate.applications.absent import absent
from striate.applications.family import decode_predictions, preprocessing

__all__ = ["decode_predictions", "preprocess_input"]

EfficientNetV2B0 = absent("EfficientNetV2B0")
EfficientNetV2B1 = absent("EfficientNetV2B1")
EfficientNetV2B2 = absent("EfficientNetV2B2")
EfficientNetV2B3 = absent("EfficientNetV2B3")
EfficientNetV2S = absent("EfficientNetV2S")
EfficientNetV2M = absent("EfficientNetV2M")
EfficientNetV2L = absent("EfficientNetV2L")
preprocess_input = preprocessing("raw", "EfficientNetV2")
