"""Xception, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

Xception = application(kind="Xception", architecture="xception", title="xception", variant={"variant": "keras"})
preprocess_input = preprocessing("tf", "Xception")
