"""Weights as safetensors files."""

from __future__ import annotations

import os
from typing import Any

from striate.doors.arrays import read_safetensors, safetensors_bytes
from striate.doors.writing import atomic_write


def save_state(path: str | os.PathLike[str], state: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write a state_dict as safetensors.  Tensors that share memory are written once each.

    path        of the file
    state       tensors by name
    metadata    texts by name, kept in the file's head

    Raises BundleError when it cannot be written.
    """
    atomic_write(path, safetensors_bytes(state, metadata, checked=True))


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a safetensors file.  Raises BundleError for a missing, truncated or foreign file, and a damaged one of striate's.

    path    of the file
    """
    return read_safetensors(path)
