"""Pictures of four classes and a network that learns them in a few steps."""

import numpy as np

import striate as st
from striate import layers


def pictures(n=64, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    x = rng.normal(size=(n, 8, 8, 1)).astype(np.float32) * 0.3
    for i, label in enumerate(y):  # a bright row or column per class
        x[i, 2 * label : 2 * label + 2] += 1
    return x, y


def small_net(classes=4, **first):
    return st.Sequential(
        [
            layers.Conv2D(8, 3, activation="relu", input_shape=(8, 8, 1), **first),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ]
    )
