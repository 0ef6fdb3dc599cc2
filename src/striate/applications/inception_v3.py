"""Inception v3, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

InceptionV3 = application(
    kind="InceptionV3", architecture="inception_v3", title="inception_v3", variant={"variant": "keras"}
)
preprocess_input = preprocessing("tf", "InceptionV3")
