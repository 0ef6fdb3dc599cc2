"""ConvNeXt, whose models scale their pixels themselves, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["ConvNeXtTiny", "decode_predictions", "preprocess_input"]

ConvNeXtTiny = application(
    kind="ConvNeXtTiny",
    architecture="convnext_tiny",
    title="convnext_tiny",
    first={"include_top": True, "include_preprocessing": True},
    inside="torch",
    norm="head_norm",
)
preprocess_input = preprocessing("raw", "ConvNeXtTiny")
