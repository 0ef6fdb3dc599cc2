"""Twelve networks in words that Keras and striate share, and what is asked of them: made by either, read by the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Made = Any


def sequential(k: Any) -> Made:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ],
        name="plain",
    )


def two_inputs(k: Any) -> Made:
    a, b = k.layers.Input((8, 8, 1), name="left"), k.layers.Input((4,), name="right")
    x = k.layers.Flatten()(k.layers.Conv2D(3, 3, strides=2)(a))
    x = k.layers.Concatenate()([x, k.layers.Dense(6, activation="tanh")(b)])
    return k.Model([a, b], k.layers.Dense(2)(x), name="two_inputs")


def two_outputs(k: Any) -> Made:
    a = k.layers.Input((8, 8, 2))
    x = k.layers.Conv2D(6, 3, padding="same", activation="elu", name="trunk")(a)
    kinds = k.layers.Dense(3, activation="softmax", name="kind")(k.layers.GlobalAveragePooling2D()(x))
    return k.Model(a, [kinds, k.layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x)], name="two_outputs")


def nested(k: Any) -> Made:
    inner_in = k.layers.Input((6, 6, 4))
    inner = k.Model(
        inner_in, k.layers.BatchNormalization()(k.layers.Conv2D(4, 3, padding="same")(inner_in)), name="inner"
    )
    head = k.Sequential(
        [k.layers.Input((4,)), k.layers.Dense(7), k.layers.LeakyReLU(0.2), k.layers.Dense(2)], name="head"
    )
    a = k.layers.Input((8, 8, 3))
    x = inner(k.layers.Conv2D(4, 3)(a))
    return k.Model(a, head(k.layers.GlobalMaxPooling2D()(x)), name="nested")


def shared(k: Any) -> Made:
    a, b = k.layers.Input((6, 6, 2)), k.layers.Input((6, 6, 2))
    twin = k.layers.Conv2D(3, 3, name="twin")
    pool = k.layers.GlobalAveragePooling2D()
    x = k.layers.Subtract()([pool(twin(a)), pool(twin(b))])
    return k.Model([a, b], k.layers.Dense(1)(x), name="siamese")


def augmented(k: Any) -> Made:
    layers = k.layers
    augment = k.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)], name="augment"
    )
    a = layers.Input((10, 10, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(augment(a))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x)))
    return k.Model(a, layers.Dense(1, activation="sigmoid")(x), name="augmented")


def residual(k: Any) -> Made:
    layers = k.layers
    a = layers.Input((8, 8, 4))
    x = a
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(x)))
        x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(y)])
    return k.Model(a, layers.AveragePooling2D(2)(x), name="residual")


def depthwise(k: Any) -> Made:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((9, 9, 3)),
            layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same"),
            layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="swish"),
            layers.ZeroPadding2D(1),
            layers.Conv2D(6, 3, groups=1, dilation_rate=2, padding="same"),
        ],
        name="thin",
    )


def transposed(k: Any) -> Made:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((5, 5, 3)),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
            layers.UpSampling2D(2, interpolation="bilinear"),
            layers.Cropping2D(1),
            layers.Conv2DTranspose(2, 3),
        ],
        name="up",
    )


def normalised(k: Any) -> Made:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((6, 6, 3)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(scale=False, momentum=0.9),
            layers.Activation("gelu"),
            layers.LayerNormalization(),
            layers.Reshape((4, 16)),
            layers.Flatten(),
            layers.BatchNormalization(epsilon=1e-2),
        ],
        name="normalised",
    )


def words(k: Any) -> Made:
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((12,), dtype="int64"),
            layers.Embedding(20, 6),
            layers.Conv1D(8, 3, padding="causal", activation="relu"),
            layers.MaxPooling1D(2),
            layers.SeparableConv1D(4, 3),
            layers.GlobalMaxPooling1D(),
            layers.Dense(3, activation="softmax"),
        ],
        name="words",
    )


def frozen(k: Any) -> Made:
    base = sequential(k)
    a = k.layers.Input((12, 12, 3))
    base.trainable = False
    return k.Model(a, k.layers.Dense(2, activation="softmax", name="new")(base(a)), name="frozen")


def own(k: Any) -> Made:
    """A layer of a user's own with weights of every kind that it adds itself, called once alone and once in a block."""
    layers = k.layers

    @k.saving.register_keras_serializable("own")
    class Scaled(layers.Layer):
        def __init__(self, units: int = 4, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape: Any) -> None:
            self.matrix = self.add_weight(shape=(input_shape[-1], self.units), name="matrix")
            self.shift = self.add_weight(shape=(self.units,), initializer="zeros", name="shift")
            self.fixed = self.add_weight(shape=(self.units,), initializer="ones", trainable=False, name="fixed")

        def call(self, x: Any) -> Any:
            return k.ops.matmul(x, self.matrix) * self.fixed + self.shift

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return k.Sequential(
        [layers.Input((6,)), Scaled(5), layers.Dense(4, activation="relu"), Scaled(3, name="last")], name="own"
    )


NETWORKS: dict[str, Callable[[Any], Made]] = {
    made.__name__: made
    for made in (
        sequential,
        two_inputs,
        two_outputs,
        nested,
        shared,
        augmented,
        residual,
        depthwise,
        transposed,
        normalised,
        words,
        frozen,
        own,
    )
}


def fill(model: Made, seed: int = 0) -> None:
    """Weights that are not those of the start, so that averages and biases count too."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.05, 0.4, w.shape).astype("float32") for w in model.get_weights()])


def inputs(model: Made, seed: int = 1) -> list[np.ndarray]:
    """Two samples for each input."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(t.shape)[1:] if tuple(t.shape)[:1] == (None,) else tuple(t.shape) for t in model.inputs]
    whole = ["int" in str(t.dtype) for t in model.inputs]
    return [
        rng.integers(0, 20, (2, *s)) if number else rng.uniform(0, 1, (2, *s)).astype("float32")
        for s, number in zip(shapes, whole, strict=True)
    ]


def outputs(model: Made, xs: list[np.ndarray]) -> list[np.ndarray]:
    """What it answers, a list of arrays."""
    given = xs if len(xs) > 1 else xs[0]
    found = model.predict(given, verbose=0)
    return [np.asarray(y) for y in (found if isinstance(found, list | tuple) else [found])]
