"""MobileNetV2, under Keras' names."""

from striate.applications.family import SHAPE_FIRST, application, decode_predictions, preprocessing

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

MobileNetV2 = application(
    kind="MobileNetV2",
    architecture="mobilenet_v2",
    title="mobilenetv2_{alpha}_{size}",
    variant={"variant": "keras"},
    first={"alpha": 1.0},
    order=SHAPE_FIRST,
)
preprocess_input = preprocessing("tf", "MobileNetV2")
