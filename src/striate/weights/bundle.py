"""A saved model: one folder with everything that predicting needs.

    model.json                      network, preprocessing, labels, training facts, metrics, and the name and checksum of …
    weights-<checksum>.safetensors  … the weights
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

from striate.errors import BundleError
from striate.weights.files import atomic_write, load_state

FORMAT, VERSION = "striate-bundle", 1


@dataclass
class Bundle:
    """What a saved model holds.

    network         the graph's description (``graph.to_json``)
    state           weights by name, in the module's layout
    preprocessing   ``Preprocessing.to_dict()``
    labels          class names in the order of the outputs, or None
    training        how it was trained: compile arguments, epochs, data
    metrics         figures measured after training
    """

    network: dict[str, Any]
    state: dict[str, Any]
    preprocessing: dict[str, Any] | None = None
    labels: list[str] | None = None
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def write_bundle(path: str | os.PathLike[str], bundle: Bundle, card: str) -> Path:
    """Save a bundle into the folder `path` (made if missing); returns it.  Raises BundleError, changing nothing."""
    from safetensors.torch import save

    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"{folder} is a file; a model is saved as a folder. Choose another name.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "model.json").is_file():
        known = {"metrics.csv", "report.html", "run.json", "log"}
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
    if not (folder / weights).is_file():
        atomic_write(folder / weights, data)
    atomic_write(folder / "model.json", json.dumps(description, indent=1) + "\n")
    atomic_write(folder / "README.md", card)
    for old in folder.glob("weights-*.safetensors"):
        if old.name != weights:
            with contextlib.suppress(OSError):
                old.unlink()
    return folder


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Read a saved model.  Raises BundleError for a missing, damaged or foreign part, naming the file."""
    folder = Path(path)
    file = folder / "model.json"
    if not file.is_file():
        what = "does not exist" if not folder.exists() else "is not a saved model: it has no model.json"
        raise BundleError(f"{folder} {what}.")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{file} is damaged: {error}. Save the model again.") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise BundleError(f'{file} is not a striate model (its "format" is not "{FORMAT}").')
    if description.get("version") != VERSION:
        raise BundleError(
            f"{file} has version {description.get('version')}; this striate reads version {VERSION}. Update striate."
        )
    try:
        weights, network = description["weights"], description["network"]
        name, checksum = weights["file"], weights["sha256"]
    except (KeyError, TypeError) as error:
        raise BundleError(f"{file} is damaged: no {error}. Save the model again.") from None
    source = folder / Path(name).name
    if not source.is_file():
        raise BundleError(f"{folder} is incomplete: its weights {source.name} are missing. Copy the whole folder.")
    if hashlib.sha256(source.read_bytes()).hexdigest() != checksum:
        raise BundleError(f"{source} is not the file that {file} was saved with (its checksum differs).")
    return Bundle(
        network=network,
        state=load_state(source),
        preprocessing=description.get("preprocessing"),
        labels=description.get("labels"),
        training=description.get("training") or {},
        metrics=description.get("metrics") or {},
    )
