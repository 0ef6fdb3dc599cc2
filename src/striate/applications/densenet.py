"""Densely connected networks, under Keras' names."""

from striate.applications.family import application, decode_predictions, preprocessing

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

DenseNet121 = application(kind="DenseNet121", architecture="densenet121", title="densenet121")
DenseNet169 = application(kind="DenseNet169", architecture="densenet169", title="densenet169")
DenseNet201 = application(kind="DenseNet201", architecture="densenet201", title="densenet201")
preprocess_input = preprocessing("torch", "DenseNet121")
