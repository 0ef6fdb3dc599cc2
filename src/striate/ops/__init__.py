"""What layers, losses and metrics of one's own compute with: Keras 3's names, arguments and results.

    x = ops.relu(x * 2 - 1)          on a symbolic tensor: a layer without a name of its own, at home in every view
    ops.mean(y_pred, axis=-1)        on a torch tensor, an array or numbers: a torch tensor

Arrays are channels-last and axis 0 is the batch, as in Keras.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """A function, made from its row in ``table``: no network needs them before it uses one."""
    functions = importlib.import_module("striate.ops.functions")
    if name == "__all__":
        return [*functions.FUNCTIONS, "image", "nn", "numpy"]
    if name in ("image", "nn", "numpy"):
        return importlib.import_module(f"striate.ops.{name}")
    if name in functions.FUNCTIONS:
        return functions.FUNCTIONS[name]
    from striate.errors import nearest

    hint = "" if name.startswith("_") else nearest(name, functions.FUNCTIONS)
    raise AttributeError(f"module 'striate.ops' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
