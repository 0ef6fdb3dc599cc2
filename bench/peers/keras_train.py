"""Keras on TensorFlow, as its examples write it.  Usage: keras_train.py NET PICTURES [POLICY]"""

import json
import sys
import time

import keras
import numpy as np
from keras import layers


def cifar_net() -> keras.Model:
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for maps in (32, 64):
        model.add(layers.Conv2D(maps, (3, 3), activation="relu"))
        model.add(layers.Conv2D(maps, (3, 3), activation="relu"))
        model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(1024, activation="relu"))
    model.add(layers.Dense(10, activation="softmax", dtype="float32"))
    return model


def cifar_resnet20() -> keras.Model:
    def conv(x, maps, stride):
        x = layers.Conv2D(maps, 3, stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(conv(inputs, 16, 1))
    for maps in (16, 32, 64):
        for block in range(3):
            stride = 2 if maps > 16 and not block else 1
            y = conv(layers.ReLU()(conv(x, maps, stride)), maps, 1)
            if stride == 2:
                x = layers.AveragePooling2D(1, 2)(x)
                x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [maps // 4, maps // 4]])
            x = layers.ReLU()(layers.Add()([y, x]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax", dtype="float32")(x))


if __name__ == "__main__":
    count = int(sys.argv[2])
    rng = np.random.default_rng(0)
    x, y = rng.random((count, 32, 32, 3), dtype=np.float32), rng.integers(0, 10, count)
    if len(sys.argv) > 3:
        keras.mixed_precision.set_global_policy(sys.argv[3])
    model = {"cifar_net": cifar_net, "cifar_resnet20": cifar_resnet20}[sys.argv[1]]()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in sys.stdin:
        started, worked = time.perf_counter(), time.process_time()
        model.fit(x, y, batch_size=128, epochs=1, verbose=0)
        work = count / (time.process_time() - worked)
        print(json.dumps({"rate": count / (time.perf_counter() - started), "work": work}), flush=True)
