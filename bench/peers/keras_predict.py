"""Keras on TensorFlow.  Usage: keras_predict.py NET BATCH PICTURES"""

import sys

import keras
import tensorflow as tf
from pictures import normalised, serve

NETS = {"resnet50": "ResNet50", "mobilenet": "MobileNet", "mobilenet_v2": "MobileNetV2"}

if __name__ == "__main__":
    net, batch, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    model = getattr(keras.applications, NETS[net])(weights=None)
    graph = tf.function(lambda x: model(x, training=False))  # quicker at batch 1 than model.predict
    serve(lambda x: graph(tf.constant(normalised(x))).numpy(), batch, count)
