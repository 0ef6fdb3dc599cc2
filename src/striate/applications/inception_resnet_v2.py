"""Inception with residual connections, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

InceptionResNetV2 = application(
    kind="InceptionResNetV2",
    architecture="inception_resnet_v2",
    title="inception_resnet_v2",
    variant={"variant": "keras"},
)
preprocess_input = preprocessing("tf", "InceptionResNetV2")
