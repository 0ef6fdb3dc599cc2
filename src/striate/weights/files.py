"""Weights as safetensors files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from striate.doors.writing import atomic_write
from striate.errors import BundleError


def save_state(path: str | os.PathLike[str], state: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write a state_dict as safetensors.  Tensors that share memory are written once each.

    path        of the file
    state       tensors by name
    metadata    texts by name, kept in the file's head

    Raises BundleError when it cannot be written.
    """
    from safetensors.torch import save

    plain = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()}
    atomic_write(path, save(plain, metadata))


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a safetensors file.  Raises BundleError for a missing, truncated or foreign file.

    path    of the file
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise BundleError(f"no weights file at {path}.")
    try:
        return load_file(path)  # type: ignore[no-any-return]
    except SafetensorError as error:
        raise BundleError(f"{path} is not a whole safetensors file ({error}). Copy or save it again.") from None
