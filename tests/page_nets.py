"""Networks, pictures and hostile names that tests of the page share."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

import striate as st
from striate import layers
from striate.data import Preprocessing

HOSTILE = ['<script>document.title="taken"</script>', '"><img src=x onerror=alert(1)>', "\u202eesrever", "it's & <b>"]


def drawn_weights(model: st.Model, seed: int) -> st.Model:
    """The model with other weights: no scale of a norm is below 0, no answer is the same for all pictures."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.uniform(0.2, 1.2, w.shape) if w.ndim == 1 else rng.normal(0, 0.4, w.shape) for w in model.get_weights()]
    )
    return model


def network() -> st.Model:
    """Small, with something of everything that the page explains."""
    x = inputs = layers.Input((20, 18, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = skip = layers.ReLU()(x)
    x = layers.Conv2D(6, 3, padding="same", groups=2, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Add()([x, skip])
    x = layers.SeparableConv2D(8, 3, activation="relu")(x)
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    x = layers.Conv2DTranspose(5, 3, strides=2)(x)
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.5)(x))
    x = layers.Dense(7, activation="tanh")(layers.Rescaling(0.5, 0.1)(layers.LayerNormalization()(x)))
    model = st.Model(inputs, layers.Dense(4, activation="softmax")(x), name="small")
    model.preprocessing = Preprocessing.pictures((20, 18), 3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2))
    model.labels = HOSTILE
    return drawn_weights(model, 0)


def png(height: int, width: int, seed: int = 0) -> bytes:
    """A picture with edges and gradients, as a file."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 6, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()
