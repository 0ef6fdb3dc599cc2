"""EfficientNet, whose models scale their pixels themselves, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["EfficientNetB0", "decode_predictions", "preprocess_input"]

EfficientNetB0 = application(
    kind="EfficientNetB0",
    architecture="efficientnet_b0",
    title="efficientnetb0",
    variant={"variant": "keras", "drop_path": 0.2},
    inside="torch",
)
preprocess_input = preprocessing("raw", "EfficientNetB0")
