"""A saved model: one folder with everything that predicting needs.

    model.json                      network, preprocessing, labels, training facts, metrics, and the name and checksum of …
    weights-<checksum>.safetensors  … the weights
    optimizer-<checksum>.safetensors  … and the state of the optimizer, where it was trained
    int8-<checksum>.onnx            … and its 8-bit twin, where it has one
    engine-<checksum>.onnx          prepared for the next start, made at the first prediction; may be deleted
    README.md                       a model card for people

model.json is renamed into place last and names its weights by their checksum, so at every moment the folder holds one
whole model: the old one or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from striate.doors.writing import atomic_write
from striate.errors import BundleError
from striate.weights.files import load_state
from striate.wording import inner

FORMAT, VERSION = "striate-bundle", 1


@dataclass
class Bundle:
    """What a saved model holds.

    network         the graph's description (``graph.to_json``)
    state           weights by name, in the module's layout
    preprocessing   ``Preprocessing.to_dict()``
    labels          class names in the order of the outputs, or None
    decoding        ``Decoding.to_dict()`` of a network that answers with boxes, or None
    training        how it was trained: compile arguments, epochs, data
    metrics         figures measured after training
    compiled        what ``compile`` was given, or None
    optimizer       the state of the optimizer: (numbers and texts, tensors by name), or None
    int8            the 8-bit twin's ONNX file and the report of its making, or None
    checksum        SHA-256 of the weights' file that it was read from
    """

    network: dict[str, Any]
    state: dict[str, Any]
    preprocessing: dict[str, Any] | None = None
    labels: list[str] | None = None
    decoding: dict[str, Any] | None = None
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    int8: tuple[bytes, dict[str, Any]] | None = None
    compiled: dict[str, Any] | None = None
    optimizer: tuple[dict[str, Any], dict[str, Any]] | None = None
    checksum: str = ""


def write_bundle(path: str | os.PathLike[str], bundle: Bundle, card: str) -> Path:
    """Save a bundle into the folder `path` (made if missing); returns it.  Raises BundleError, changing nothing.

    bundle    what is saved
    card      the text of README.md
    """
    from safetensors.torch import save

    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"{folder} is a file; a model is saved as a folder. Choose another name.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "model.json").is_file():
        known = {"metrics.csv", "report.html", "run.json", "training.pt", "tune.db", "log"}
        foreign = [
            entry.name for entry in folder.iterdir() if entry.name not in known and not entry.name.startswith(".")
        ]
        if foreign:
            raise BundleError(f"{folder} holds other files ({foreign[0]} …) and no model; choose an empty folder.")
    plain = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in bundle.state.items()}
    data = save(plain)
    checksum = hashlib.sha256(data).hexdigest()
    weights = f"weights-{checksum[:12]}.safetensors"
    description = {
        "format": FORMAT,
        "version": VERSION,
        "weights": {"file": weights, "sha256": checksum},
        "labels": bundle.labels,
        "preprocessing": bundle.preprocessing,
        "metrics": bundle.metrics,
        "training": bundle.training,
        "network": bundle.network,
    }
    kept = {weights}
    if bundle.decoding is not None:
        description["decoding"] = bundle.decoding
    if bundle.compiled is not None:
        description["compiled"] = bundle.compiled
    if bundle.optimizer is not None:
        settings, tensors = bundle.optimizer
        state = save({key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()})
        digest = hashlib.sha256(state).hexdigest()
        name = f"optimizer-{digest[:12]}.safetensors"
        description["optimizer"] = {"file": name, "sha256": digest, "state": settings}
        kept.add(name)
        if not (folder / name).is_file():
            atomic_write(folder / name, state)
    if bundle.int8 is not None:
        content, report = bundle.int8
        twin = hashlib.sha256(content).hexdigest()
        name = f"int8-{twin[:12]}.onnx"
        description["int8"] = {"file": name, "sha256": twin, "report": report}
        kept.add(name)
        if not (folder / name).is_file():
            atomic_write(folder / name, content)
    if not (folder / weights).is_file():
        atomic_write(folder / weights, data)
    atomic_write(folder / "model.json", json.dumps(description, indent=1) + "\n")
    atomic_write(folder / "README.md", card)
    for pattern in ("weights-*.safetensors", "optimizer-*.safetensors", "int8-*.onnx", "engine-*.onnx"):
        for old in folder.glob(pattern):
            if old.name not in kept:
                with contextlib.suppress(OSError):
                    old.unlink()
    return folder


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Read a saved model.  Raises BundleError for a missing, damaged or foreign part, naming the file.

    path    the folder
    """
    folder = Path(path)
    file = folder / "model.json"
    if not file.is_file():
        what = "does not exist" if not folder.exists() else "is not a saved model: it has no model.json"
        raise BundleError(f"{folder} {what}.")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{file} is damaged: {inner(error)}. Save the model again.") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise BundleError(f'{file} is not a striate model (its "format" is not "{FORMAT}").')
    if description.get("version") != VERSION:
        raise BundleError(
            f"{file} has version {description.get('version')}; this striate reads version {VERSION}. Update striate."
        )
    try:
        weights, network = description["weights"], description["network"]
        name, checksum = Path(weights["file"]).name, weights["sha256"]
        twin = description.get("int8")
        twin = None if twin is None else (twin["file"], twin["sha256"], twin["report"])
        resume = description.get("optimizer")
        resume = None if resume is None else (resume["file"], resume["sha256"], resume["state"])
    except (KeyError, TypeError) as error:
        raise BundleError(f"{file} is damaged: no {inner(error)}. Save the model again.") from None
    _whole(folder, name, checksum)
    int8 = None if twin is None else (_whole(folder, twin[0], twin[1]), twin[2])
    if resume is not None:
        _whole(folder, resume[0], resume[1])
    compiled = description.get("compiled")
    return Bundle(
        network=network,
        state=load_state(folder / name),
        preprocessing=description.get("preprocessing"),
        labels=description.get("labels"),
        decoding=description.get("decoding"),
        training=description.get("training") or {},
        metrics=description.get("metrics") or {},
        int8=int8,
        compiled=compiled if isinstance(compiled, dict) else None,
        optimizer=None if resume is None else (resume[2], load_state(folder / Path(resume[0]).name)),
        checksum=checksum,
    )


def recorded(path: str | os.PathLike[str]) -> dict[str, Any]:
    """How a saved model was trained, without a look at its weights; {} where nothing can be read.

    path    the folder
    """
    try:
        facts = json.loads((Path(path) / "model.json").read_text(encoding="utf-8"))["training"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # whoever reads the whole of it says what is wrong
    return facts if isinstance(facts, dict) else {}


def _whole(folder: Path, name: str, checksum: str) -> bytes:
    """The content of a file of the model.  Raises BundleError where it is missing or another one."""
    source = folder / Path(name).name
    if not source.is_file():
        raise BundleError(f"{folder} is incomplete: the contents of {source.name} are missing. Copy the whole folder.")
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != checksum:
        raise BundleError(
            f"{source} is not the file that {folder / 'model.json'} was saved with (its checksum differs)."
        )
    return content
