"""VGG with 19 layers, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = application(kind="VGG19", architecture="vgg19", title="vgg19", variant={"dropout": 0.0, "adaptive": False})
preprocess_input = preprocessing("caffe", "VGG19")
