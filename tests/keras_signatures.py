"""The signatures of Keras' functions, classes and methods, and a value for each argument of a class that has no default."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch

from striate import layers

_INPUT = layers.Input((4,))


def _read(line: str) -> tuple[str, inspect.Signature]:
    made: dict[str, Any] = {}
    name, _, arguments = line.partition("(")
    exec(f"def f({arguments}: pass", made)
    return name, inspect.signature(made["f"])


# inspect.signature of what Keras 3.15.1 and striate both have, a line each; ``...`` is a default that is an object.  A class
# has the arguments of its constructor and, behind them, those of its bases that it takes by name.
SIGNATURES = dict(map(_read, Path(__file__).with_name("keras_signatures.txt").read_text().splitlines()))

SOME: dict[str, Any] = {  # values for required arguments
    "activation": "relu",
    "axes": -1,
    "backup_dir": "backup",
    "boundaries": [1],
    "custom_objects": {},
    "decay_rate": 0.9,
    "decay_steps": 10,
    "dims": (2, 1),
    "factor": 0.2,
    "filename": "log.csv",
    "filepath": "epoch",
    "filters": 4,
    "first_decay_steps": 3,
    "fn": lambda y_true, y_pred: y_pred,
    "function": lambda x: x,
    "height": 3,
    "height_factor": 0.1,
    "initial_learning_rate": 0.1,
    "initializer": 0.5,
    "input_dim": 5,
    "kernel_size": 3,
    "learning_rate": 0.1,
    "max_number": 3,
    "n": 3,
    "num_classes": 2,
    "output_dim": 3,
    "output_size": 2,
    "pool_size": 2,
    "precision": 0.5,
    "rate": 0.5,
    "recall": 0.5,
    "scale": 2,
    "schedule": lambda epoch: 0.1,
    "sensitivity": 0.5,
    "specificity": 0.5,
    "stddev": 0.1,
    "target": 3,
    "target_class_ids": [0],
    "target_shape": (4,),
    "units": 4,
    "value_range": (0, 1),
    "values": [0.1, 0.2],
    "width": 3,
    "width_factor": 0.1,
}
OWN: dict[str, dict[str, Any]] = {
    "Model": {"inputs": _INPUT, "outputs": layers.Dense(2)(_INPUT)},
    "models.Model": {"inputs": _INPUT, "outputs": layers.Dense(2)(_INPUT)},
    "layers.TorchModuleWrapper": {"module": torch.nn.ReLU()},
    "layers.Wrapper": {"layer": layers.Dense(2)},
    "layers.Input": {"shape": (3,)},
    "layers.InputLayer": {"shape": (3,)},
    "layers.RandomPosterization": {"factor": 4},
}
