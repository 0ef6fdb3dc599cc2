"""Stored answers of other libraries: how they are written and read, and checkpoints made again from them.

One ``<library>_<model>.json.gz`` holds

    library, version, model, arguments      what was built
    parameters (torchvision, timm)          [name, shape, role, exponent] in the order of the state_dict
    front (Keras)                           factor and offset, per channel, between the rule's pictures and the first
                                            convolution, where the network normalises them itself; else null
    layers (Keras)                          [name, class, [[variable, shape, role, exponent], ...]] in the model's order,
                                            variables of nested networks as inner/variable
    answers                                 one for each input size: height, width, top (False: the last map instead of
                                            logits), and for each of the pictures 64 numbers evenly chosen from the output
                                            in C order (channels last), the mean and the norm of all
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from oracles.rule import fill

FOLDER = Path(__file__).parent
SHOWN = 64


def sample(outputs: np.ndarray) -> dict[str, Any]:
    """What is stored of a batch of outputs (N, ...)."""
    flat = np.asarray(outputs, np.float32).reshape(len(outputs), -1)
    chosen = flat[:, np.linspace(0, flat.shape[1] - 1, SHOWN).round().astype(int)]
    wide = flat.astype(np.float64)
    return {
        "shape": list(np.shape(outputs)[1:]),
        "chosen": [[_short(v) for v in row] for row in chosen],
        "mean": [_short(v) for v in wide.mean(1)],
        "norm": [_short(v) for v in np.sqrt((wide**2).sum(1))],
    }


def health(outputs: np.ndarray) -> str:
    """How much the outputs of a batch tell apart; raises ValueError where they would hide a wrong network."""
    flat = outputs.reshape(len(outputs), -1).astype(np.float64)
    top = np.abs(flat).max()
    within, between = flat.std(1).min() / top, np.abs(flat[0] - flat[1]).max() / top
    if not (np.isfinite(top) and 1e-3 < top < 1e6 and within > 0.05 and between > 0.015):
        raise ValueError(f"poor answers: largest {top:.3g}, spread {within:.3g}, difference {between:.3g}")
    return f" max {top:.3g}, spread within {within:.2f}, between {between:.2f};"


def _short(value: Any) -> float:
    return float(f"{value:.8g}")


def write(name: str, description: dict[str, Any]) -> Path:
    """Write ``<name>.json.gz``, the same bytes for the same description."""
    path = FOLDER / f"{name}.json.gz"
    text = json.dumps(description, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    return path


def read(name: str) -> dict[str, Any]:
    return json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))  # type: ignore[no-any-return]


def names() -> list[str]:
    return sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))


def state_dict(stored: dict[str, Any]) -> dict[str, np.ndarray]:
    """The state_dict of a stored torchvision or timm network."""
    return {name: fill(name, tuple(shape), role, e) for name, shape, role, e in stored["parameters"]}


def keras_layers(stored: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, np.ndarray]]]:
    """(layer, class, {variable: array}) of a stored Keras network."""
    for layer, kind, variables in stored["layers"]:
        yield layer, kind, {v: fill(f"{layer}/{v}", tuple(shape), role, e) for v, shape, role, e in variables}


def write_legacy_h5(target: Path, stored: dict[str, Any]) -> None:
    """A legacy Keras weights file, as keras.applications publishes them (keras/src/legacy/saving/legacy_h5_format.py)."""
    import h5py

    with h5py.File(target, "w") as file:
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = stored["version"].encode()
        _names(file, "layer_names", [layer for layer, _, _ in stored["layers"]])
        for layer, kind, variables in keras_layers(stored):
            group = file.create_group(layer)
            old = {"kernel": "depthwise_kernel"} if kind == "DepthwiseConv2D" else {}
            paths = [f"{v if '/' in v else f'{layer}/{old.get(v, v)}'}:0" for v in variables]
            _names(group, "weight_names", paths)
            for path, array in zip(paths, variables.values(), strict=True):
                group[path] = array


def _names(group: Any, attribute: str, names: list[str]) -> None:
    """HDF5 holds no attribute above 64 KB; Keras splits longer lists into attribute0, attribute1, ..."""
    data = np.array([name.encode() for name in names]) if names else np.array([], "S1")
    parts = np.array_split(data, data.nbytes // 64512 + 1)
    for i, part in enumerate(parts):
        group.attrs[attribute if len(parts) == 1 else f"{attribute}{i}"] = part


def snake_case(kind: str) -> str:
    """Keras' automatic name for a layer of this class: ZeroPadding2D -> zero_padding2d."""
    apart = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", apart).lower()


def write_weights_h5(path: Path, stored: dict[str, Any]) -> None:
    """A ``.weights.h5`` file of Keras 3: layers numbered by class, variables by order (keras/src/saving/saving_lib.py)."""
    import h5py

    seen: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        file.create_group("vars").attrs["name"] = stored["model"].lower()
        for layer, kind, variables in keras_layers(stored):
            snake = snake_case(kind)
            number = seen.get(snake, -1) + 1
            seen[snake] = number
            group = file.create_group(f"layers/{snake}_{number}/vars" if number else f"layers/{snake}/vars")
            group.attrs["name"] = layer
            for i, array in enumerate(variables.values()):
                group[str(i)] = array
