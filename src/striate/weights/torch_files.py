"""torch's pickles, zipped or not, and safetensors: read without running what is in them, and written."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.doors.arrays import read_torch, safetensors_metadata, write_state
from striate.doors.packed import is_zip
from striate.doors.reading import opened
from striate.errors import BundleError
from striate.weights.bundle import read_bundle
from striate.weights.contents import WeightsFile
from striate.weights.files import load_state, save_state
from striate.wording import inner

if TYPE_CHECKING:
    import torch

# Where training scripts put the state_dict, and what they and torch's own wrappers put before each name.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
_PREFIXES = ("module.", "_orig_mod.", "model.")


def read_safetensors(file: Path) -> WeightsFile:
    """Raises BundleError for a truncated or damaged file."""
    checkpoint = _checkpoint(file, "safetensors", load_state(file))
    checkpoint.own = safetensors_metadata(file).get("layout") == "striate"
    return checkpoint


def read_saved_model(folder: Path) -> WeightsFile:
    """The weights of a folder that ``model.save`` wrote.  Raises BundleError."""
    return WeightsFile(str(folder), "striate model", "torch", read_bundle(folder).state, own=True)


def read_pickle(file: Path) -> WeightsFile:
    """A file of ``torch.save``, by torch's restricted unpickler.  Raises BundleError for anything but arrays."""
    try:
        content = read_torch(file)
    except BundleError:
        raise
    except pickle.UnpicklingError as error:
        raise BundleError(_refused(file, str(error))) from None
    except MemoryError:
        raise BundleError(f"{file} asks for more memory than there is; it is damaged. Download it again.") from None
    except Exception as error:  # of a damaged pickle, torch raises whatever its parts raise
        reason = str(error).strip().splitlines()
        raise BundleError(
            f"{file} is not a whole torch file ({inner(reason[0] if reason else type(error).__name__)}). "
            "Copy or download it again."
        ) from None
    state = _state_dict(file, content)
    checkpoint = _checkpoint(file, "torch file" if is_zip(file) else "torch pickle", state)
    about = getattr(state, "_metadata", None)
    top = about.get("") if isinstance(about, dict) else None
    checkpoint.own = isinstance(top, dict) and top.get("layout") == "striate"
    return checkpoint


def _refused(file: Path, message: str) -> str:
    match = re.search(r"GLOBAL (\S+)", message)
    if match or "TorchScript" in message:
        what = f"asks for {match[1]}" if match else "is a TorchScript program"
        return (
            f"{file} holds more than arrays: it {what}, which could be any code. It was not run. In the program that "
            "made it, save only the arrays: torch.save(model.state_dict(), path)."
        )
    with opened(file, kind=BundleError) as there:
        other = there.read(2) in (b"\x80\x03", b"\x80\x04", b"\x80\x05")  # torch.save pickles with protocol 2
    if other:
        return (
            f"{file} is a pickle, but not of torch.save: unpickling it could run any code, so it was not. Save the arrays "
            "with torch.save(state_dict, path) or as safetensors."
        )
    return f"{file} is not a whole torch file, or no torch file at all. Copy or download it again."


def _state_dict(file: Path, content: Any) -> Mapping[str, Any]:
    for _ in range(3):
        if not isinstance(content, Mapping):
            raise BundleError(f"{file} holds a {type(content).__name__}, not arrays by name (a state_dict).")
        held = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if held is None:
            break
        content = held
    return content  # type: ignore[no-any-return]


def _checkpoint(file: Path, kind: str, content: Mapping[str, Any]) -> WeightsFile:
    import torch

    checkpoint = WeightsFile(str(file), kind, "torch")
    arrays = {str(key): v for key, v in content.items() if isinstance(v, torch.Tensor) and v.layout == torch.strided}
    empty = next((key for key, array in arrays.items() if array.device.type != "cpu"), None)
    if empty is not None:
        raise BundleError(
            f"{file}: {empty[:100]} has a shape and no numbers (device {arrays[empty].device.type}). "
            "Save the weights once they are there."
        )
    if not arrays:
        held = ", ".join(map(str, list(content)[:5])) or "nothing"
        raise BundleError(f"{file} holds no arrays by name; it holds {held}.")
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in arrays):
            arrays = {key.removeprefix(prefix): array for key, array in arrays.items()}
            checkpoint.notes.append(f'"{prefix}" taken off every name')
    for key, array in arrays.items():
        if array.is_floating_point():
            checkpoint.tensors[key] = array
        else:
            checkpoint.skipped.append(key)
    return checkpoint


def write_torch(path: str | os.PathLike[str], state: dict[str, torch.Tensor]) -> None:
    """Write a state_dict: safetensors where `path` ends so, else a file for ``torch.load``.  Raises BundleError."""
    if str(path).endswith(".safetensors"):
        save_state(path, state)
    else:
        write_state(path, {key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()})
