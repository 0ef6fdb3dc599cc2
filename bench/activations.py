"""``python -m bench.activations``: how soon a small convnet learns its pictures with ReLU, and with tanh, at several rates.

Krizhevsky et al. 2012, figure 1, for two cores: 5,000 pictures of CIFAR-10, three convolutions and a dense layer, weights
drawn with a deviation of 0.02, no regularization, batches of 32, momentum 0.9.
"""

from __future__ import annotations

from typing import Any

import striate as st
from bench.curves import pictures
from striate import layers
from striate.data import Dataset

RATES = (0.001, 0.003, 0.01, 0.03)
TARGET, MOST = 0.25, 40  # error on the training pictures to reach, and passes after which a run ends


def net(activation: str) -> st.Sequential:
    """Three convolutions of 5 x 5 with pools of 3 x 3, and a dense layer."""
    start = layers.initializers.RandomNormal(stddev=0.02)

    def stage(filters: int) -> list[Any]:
        conv = layers.Conv2D(filters, 5, padding="same", activation=activation, kernel_initializer=start)
        return [conv, layers.MaxPooling2D(3, 2, "same")]

    last = layers.Dense(10, activation="softmax", kernel_initializer=start)
    return st.Sequential([layers.Input((32, 32, 3)), *stage(16), *stage(16), *stage(32), layers.Flatten(), last])


class Reached(st.callbacks.Callback):
    """Ends a training when the error is reached."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if 1 - logs["accuracy"] < TARGET:
            self.model.stop_training = True


def errors(activation: str, rate: float, train: Dataset) -> list[float]:
    """The error on the training pictures in each pass, while it learns."""
    st.set_seed(0)
    model = net(activation)
    model.compile(st.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, batch_size=32, epochs=MOST, callbacks=Reached(), seed=0, verbose=0)
    return [1 - accuracy for accuracy in history.history["accuracy"]]


def main() -> None:
    train, _ = pictures(5_000, 10)
    for activation in ("relu", "tanh"):
        for rate in RATES:
            run = errors(activation, rate, train)
            print(f"{activation} at {rate:g}: {len(run)} passes, error {run[-1]:.1%}", flush=True)


if __name__ == "__main__":
    main()
