"""Residual networks, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]

ResNet50 = application(kind="ResNet50", architecture="resnet50", title="resnet50", variant={"variant": "keras"})
ResNet101 = application(kind="ResNet101", architecture="resnet101", title="resnet101", variant={"variant": "keras"})
ResNet152 = application(kind="ResNet152", architecture="resnet152", title="resnet152", variant={"variant": "keras"})
preprocess_input = preprocessing("caffe", "ResNet50")
