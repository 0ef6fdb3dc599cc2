"""Noise photos of three classes, preprocessing of every kind, and a classifier that has it."""

from pathlib import Path

import numpy as np
from PIL import Image

import striate as st
from striate import layers, models
from striate.data import Preprocessing

SIZE = (12, 10)
KINDS = {
    "raw": Preprocessing(),
    "unit": Preprocessing.pictures(SIZE, 3),
    "tf": Preprocessing(image_size=SIZE, channels=3, scale=1 / 127.5, mean=1.0),
    "caffe": Preprocessing(image_size=SIZE, channels=3, mean=(103.939, 116.779, 123.68), order="bgr"),
    "mean and deviation": Preprocessing.pictures(SIZE, 3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "crop": Preprocessing.pictures(SIZE, 3, resize="crop"),
    "crop with a margin": Preprocessing.pictures(SIZE, 3, resize="crop", shorter_side=14),
    "pad": Preprocessing.pictures(SIZE, 3, resize="pad"),
    "bicubic": Preprocessing.pictures(SIZE, 3, interpolation="bicubic"),
    "grey": Preprocessing.pictures(SIZE, 1, mean=0.5, std=0.25),
}


def noise_photos(root: Path) -> Path:
    """Nine noise photos of three classes, of several sizes."""
    rng = np.random.default_rng(0)
    for name in ("ant", "bee", "cat"):
        (root / name).mkdir()
        for i, (height, width) in enumerate(((23, 31), (40, 18), SIZE)):
            pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


def classifier(preprocessing: Preprocessing, *end, channels: int = 3, classes: int = 3, seed: int = 0) -> models.Model:
    st.set_seed(seed)
    ended = end or (layers.Dense(classes, activation="softmax"),)
    model = models.Sequential([layers.Input((*SIZE, channels)), layers.Flatten(), *ended])
    model.preprocessing, model.labels = preprocessing, ["ant", "bee", "cat"][:classes]
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
