"""A model that does nothing, and a training of it in which callbacks are called as in a real one."""

from typing import Any

import numpy as np

from striate.train.callbacks import (
    CallbackList,
)


class Optimizer:
    learning_rate = 0.1


class Model:
    """Its weights are the number of epochs it was trained."""

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer = Optimizer()
        self.epochs = 0
        self.saved: list[tuple[str, str]] = []

    def get_weights(self) -> list[np.ndarray]:
        return [np.array([self.epochs])]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.epochs = int(weights[0][0])

    def save(self, path: str) -> None:
        self.saved.append(("all", path))

    def save_weights(self, path: str) -> None:
        self.saved.append(("weights", path))


def fit(callbacks: Any, epochs: list[dict[str, float]], model: Model | None = None, resume: Any = None) -> Model:
    """Train for the given figures; `resume` is (epoch, state) of a training that was broken off."""
    model = model or Model()
    start, state = resume or (0, None)
    model.stop_training, model.epochs = False, start
    hooks = CallbackList(callbacks, model=model, epochs=len(epochs), steps=2)
    hooks.on_train_begin()
    if state is not None:
        hooks.load_state_dict(state)
    for epoch in range(start, len(epochs)):
        hooks.on_epoch_begin(epoch)
        for batch in range(2):
            hooks.on_train_batch_begin(batch)
            hooks.on_train_batch_end(batch, lambda figures=epochs[epoch]: figures)
        model.epochs = epoch + 1
        hooks.on_epoch_end(epoch, dict(epochs[epoch]))
        model.state = hooks.state_dict()
        if model.stop_training:
            break
    hooks.on_train_end()
    return model


def losses(*values: float, name: str = "val_loss") -> list[dict[str, float]]:
    return [{"loss": 1.0, name: value} for value in values]
