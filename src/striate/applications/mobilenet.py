"""MobileNet, under Keras' names."""

from striate.applications.family import SHAPE_FIRST, application, decode_predictions, preprocessing

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

MobileNet = application(
    kind="MobileNet",
    architecture="mobilenet",
    title="mobilenet_{alpha}_{size}",
    first={"alpha": 1.0, "depth_multiplier": 1, "dropout": 1e-3},
    order=SHAPE_FIRST,
)
preprocess_input = preprocessing("tf", "MobileNet")
