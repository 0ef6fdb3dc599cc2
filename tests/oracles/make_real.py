"""Stores what Keras' MobileNet and MobileNetV2 with published weights see in 500 photos.

    python -m oracles.make_real pixels FILE     in striate's environment: the photos as the networks take them, uint8
    python -m oracles.make_real answers FILE    in Keras' environment: real_<model>.npz from them

Needs the photos and weights in the folder that STRIATE_DATA names; see README.md.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("STRIATE_DATA", "../../shared/data"))
PHOTOS = DATA / "imagenet-samples"
# ImageNet's classes come after a background class 0 here.
WEIGHTS = {
    "MobileNet": DATA / "weights/mobilenet_1_0_224_imagenet1001_keras_legacy.h5",
    "MobileNetV2": DATA / "weights/mobilenetv2_1_0_224_imagenet1001.weights.h5",
}


def photos() -> list[dict[str, str]]:
    with (PHOTOS / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pixels(target: Path) -> None:
    from striate.data import Preprocessing

    prepare = Preprocessing(image_size=(224, 224), channels=3, resize="crop", shorter_side=256)
    np.save(target, np.stack([prepare.pixels(PHOTOS / row["file"]) for row in photos()]))


def answers(source: Path) -> None:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(2)
    truth = np.array([int(row["class_index"]) + 1 for row in photos()])
    batch: Any = np.load(source).astype(np.float32) / np.float32(127.5) - 1
    for model, weights in WEIGHTS.items():
        net = getattr(keras.applications, model)(weights=None, classes=1001)
        net.load_weights(weights)
        out = net.predict(batch, batch_size=50, verbose=0)
        top = np.argsort(-out, 1, kind="stable")[:, :5]
        right = top[:, 0] == truth, (top == truth[:, None]).any(1)
        np.savez_compressed(
            Path(__file__).parent / f"real_{model}.npz",
            top5=top.astype(np.uint16),
            probability=out.max(1).astype(np.float16),
        )
        print(f"{model}: {right[0].sum()} right at top-1, {right[1].sum()} at top-5, of {len(truth)}")


if __name__ == "__main__":
    {"pixels": pixels, "answers": answers}[sys.argv[1]](Path(sys.argv[2]))
