"""striate: a workbench for convolutional networks.

Describe a network once; size it, train it, look inside it, use it and ship it.  ``import striate as st`` reaches every
room as ``st.data``, ``st.look``, ``st.tasks`` … and loads no torch: a room is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from striate import layers, models
from striate.doors.libraries import quiet
from striate.errors import StriateError
from striate.graph import Input
from striate.layers import constraints, initializers, regularizers
from striate.model import Functional, Model
from striate.seed import set_seed
from striate.sequential import Sequential
from striate.version import __version__ as __version__

if TYPE_CHECKING:
    from striate import (
        activations,
        applications,
        backend,
        callbacks,
        config,
        configs,
        data,
        datasets,
        draw,
        errors,
        graph,
        inference,
        intake,
        look,
        losses,
        messages,
        metrics,
        mixed_precision,
        ops,
        optimizers,
        preprocessing,
        primitives,
        random,
        recipes,
        report,
        runs,
        saving,
        ship,
        shown,
        size,
        tasks,
        transfer,
        tune,
        utils,
        variables,
        weights,
        zoo,
    )
    from striate.graph import Initializer, Layer, Regularizer
    from striate.graph import SymbolicTensor as KerasTensor
    from striate.train.losses import Loss
    from striate.train.metrics import Metric
    from striate.train.optimizers import Optimizer
    from striate.variables import Variable

__all__ = [
    "Functional",
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "StriateError",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "configs",
    "constraints",
    "data",
    "datasets",
    "draw",
    "errors",
    "graph",
    "inference",
    "initializers",
    "intake",
    "layers",
    "look",
    "losses",
    "messages",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "primitives",
    "random",
    "recipes",
    "regularizers",
    "report",
    "runs",
    "saving",
    "set_seed",
    "shown",
    "ship",
    "size",
    "tasks",
    "transfer",
    "tune",
    "utils",
    "variables",
    "weights",
    "zoo",
]


quiet()


def _on_numbers(*args: Any) -> Any:
    """A layer called on arrays: what computes is loaded when it is first needed."""
    return importlib.import_module("striate.backend.calls").call(*args)


layers.Layer._numbers = _on_numbers  # type: ignore[assignment]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# Keras' names at the top for classes that stand in rooms.
_CLASSES = {
    "Initializer": "graph",
    "KerasTensor": "graph",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Optimizer": "optimizers",
    "Regularizer": "graph",
    "Variable": "variables",
}


def __getattr__(name: str) -> Any:
    """A room, or a class of one, imported when first used."""
    if name in _CLASSES:
        room = importlib.import_module(f"striate.{_CLASSES[name]}")
        return getattr(room, "SymbolicTensor" if name == "KerasTensor" else name)
    if name in __all__:
        return importlib.import_module(f"striate.{name}")
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, __all__)
    raise AttributeError(f"module 'striate' has no attribute {name!r}.{hint}")
