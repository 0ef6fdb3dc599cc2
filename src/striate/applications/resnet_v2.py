"""Residual networks with norm and ReLU before each convolution, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]

ResNet50V2 = application(kind="ResNet50V2", architecture="resnet50", title="resnet50v2", variant={"variant": "v2"})
ResNet101V2 = application(kind="ResNet101V2", architecture="resnet101", title="resnet101v2", variant={"variant": "v2"})
ResNet152V2 = application(kind="ResNet152V2", architecture="resnet152", title="resnet152v2", variant={"variant": "v2"})
preprocess_input = preprocessing("tf", "ResNet50V2")
