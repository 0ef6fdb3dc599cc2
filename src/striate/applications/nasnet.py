"""Networks found by search, under Keras' names."""

from striate.applications.family import SHAPE_FIRST, application, decode_predictions, preprocessing

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

NASNetMobile = application(
    kind="NASNetMobile",
    architecture="nasnet_mobile",
    title="nasnet_mobile",
    variant={"variant": "keras"},
    order=SHAPE_FIRST,
)
NASNetLarge = application(
    kind="NASNetLarge",
    architecture="nasnet_large",
    title="nasnet_large",
    variant={"variant": "keras"},
    order=SHAPE_FIRST,
)
preprocess_input = preprocessing("tf", "NASNetMobile")
