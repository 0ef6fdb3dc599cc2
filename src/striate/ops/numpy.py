"""``ops.numpy``: the functions that Keras has under this name; they are those of ``ops``."""

from __future__ import annotations

from typing import Any

__all__: list[str] = []  # they are listed where they are


def __getattr__(name: str) -> Any:
    from striate import ops

    return getattr(ops, name)
