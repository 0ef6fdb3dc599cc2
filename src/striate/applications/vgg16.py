"""VGG with 16 layers, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

VGG16 = application(kind="VGG16", architecture="vgg16", title="vgg16", variant={"dropout": 0.0, "adaptive": False})
preprocess_input = preprocessing("caffe", "VGG16")
