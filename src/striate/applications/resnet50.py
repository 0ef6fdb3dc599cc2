"""ResNet50 alone, where older scripts import it from."""

from striate.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
