"""Files that are whole or not there: written to a temporary name, flushed, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from striate.errors import BundleError
from striate.wording import inner


def atomic_write(path: str | os.PathLike[str], content: bytes | str | Callable[[str], Any]) -> None:
    """Write `content` (or let it write to a temporary path) and rename it to `path`.

    On any error (a full disk, no permission) the temporary file is removed, whatever stood at `path` stays, and
    BundleError says why.

    Raises BundleError when it cannot be written.
    """
    target = Path(path)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        if callable(content):
            os.close(handle)
            content(temporary)
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        else:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except Exception as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise BundleError(
                f"could not write {target}: {inner(reason)}. Nothing was changed; free some space or choose another place."
            ) from None
        raise


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
