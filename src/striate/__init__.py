"""striate: a workbench for convolutional networks.

Describe a network once; size it, train it, look inside it, use it and ship it.  ``import striate`` loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from striate import layers, models
from striate.errors import StriateError
from striate.graph import Input
from striate.layers import initializers, regularizers
from striate.model import Model
from striate.seed import set_seed
from striate.sequential import Sequential
from striate.version import __version__ as __version__

if TYPE_CHECKING:
    from striate import callbacks, data, look, losses, metrics, optimizers, transfer, zoo

# Rooms that are imported when first used.
_LATER = {
    "callbacks": "striate.callbacks",
    "data": "striate.data",
    "draw": "striate.draw",
    "look": "striate.look",
    "losses": "striate.losses",
    "metrics": "striate.metrics",
    "optimizers": "striate.optimizers",
    "size": "striate.size",
    "transfer": "striate.transfer",
    "zoo": "striate.zoo",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(_LATER[name])
    raise AttributeError(f"module 'striate' has no attribute {name!r}")


__all__ = [
    "Input",
    "Model",
    "Sequential",
    "StriateError",
    "callbacks",
    "data",
    "initializers",
    "layers",
    "look",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "set_seed",
    "transfer",
    "zoo",
]
