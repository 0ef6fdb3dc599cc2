"""The usual Keras example on MNIST, trained until the test accuracy is 99 %.  Usage: keras_mnist.py FOLDER

Only training is timed; evaluation after each epoch is not.  The rate is runs per hour.
"""

import gzip
import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers


def read(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=header)


def pictures(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    x = read(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1).astype("float32") / 255
    return x, keras.utils.to_categorical(read(folder / f"{part}-labels-idx1-ubyte.gz", 8), 10)


if __name__ == "__main__":
    x, y = pictures(Path(sys.argv[1]), "train")
    test = pictures(Path(sys.argv[1]), "t10k")
    for seed, _ in enumerate(sys.stdin):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, (3, 3), activation="relu"),
                layers.MaxPooling2D((2, 2)),
                layers.Conv2D(64, (3, 3), activation="relu"),
                layers.MaxPooling2D((2, 2)),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
        seconds, worked, accuracy, epochs = 0.0, 0.0, 0.0, 0
        while accuracy < 0.99 and epochs < 30:
            started, before = time.perf_counter(), time.process_time()
            model.fit(x, y, batch_size=128, epochs=1, verbose=0)
            seconds += time.perf_counter() - started
            worked += time.process_time() - before
            epochs += 1
            accuracy = model.evaluate(*test, verbose=0)[1]
        told = {"rate": 3600 / seconds, "work": 3600 / worked, "seconds": seconds, "accuracy": accuracy}
        print(json.dumps(told | {"epochs": epochs}), flush=True)
