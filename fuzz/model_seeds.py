"""Sound files of models and weights, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.seeds import Seed, as_bytes, below, one


def untrained(kind: str) -> Any:
    """A network of a few hundred weights: "small", a row of layers; "branching", two branches, one layer shared; "slim",
    what the checkpoints hold."""
    from striate import layers
    from striate.models import Model, Sequential
    from striate.seed import set_seed

    set_seed(0)
    if kind == "small":
        return Sequential(
            [
                layers.Input((12, 12, 3)),
                layers.Conv2D(3, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dropout(0.1),
                layers.Dense(3, activation="softmax"),
            ]
        )
    if kind == "slim":
        return Sequential(
            [
                layers.Input((4, 3, 2)),
                layers.Conv2D(2, 3, name="conv"),
                layers.Flatten(),
                layers.Dense(3, name="logits"),
            ]
        )
    inside = layers.Input((6, 6, 2))
    nested = Model(inside, layers.Conv2D(2, 1, activation="tanh")(inside))
    x = layers.Input((6, 6, 2))
    shared = layers.Conv2D(2, 3, padding="same")
    a, b = shared(x), shared(nested(x))
    y = layers.GlobalAveragePooling2D()(layers.Add()([a, b]))
    return Model(x, layers.Dense(2, activation="softmax")(layers.Concatenate()([y, layers.Flatten()(b)])))


def trained() -> Any:
    """The small network after an epoch on drawn scenes, with classes, preprocessing and an optimizer."""
    from striate import data

    model = untrained("small")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    scenes = data.scenes(12, size=16, seed=0)
    model.fit(
        data.Dataset(scenes.x[:, 2:14, 2:14], scenes.y, scenes.classes, "scenes"), epochs=1, batch_size=4, verbose=0
    )
    return model


def model_files(place: Path) -> dict[str, list[Seed]]:
    """Saved models and weights in every format."""
    import torch
    from safetensors.torch import save

    found: dict[str, list[Seed]] = {}
    models = {"small": trained(), "branching": untrained("branching")}
    for name, model in models.items():
        description = model.description()
        found.setdefault("description", []).append(one("net.json", json.dumps(description).encode()))
        found.setdefault("keras json", []).append(one("net.json", model.to_json().encode()))
        for ending in (".keras", ".h5", ".weights.h5", ".safetensors"):
            target = place / f"{name}{ending}"
            model.save_weights(target) if ending in (".weights.h5", ".safetensors") else model.save(target)
            found.setdefault(ending, []).append(one(target.name, target.read_bytes()))
        model.save(place / f"{name}_bundle")
        if name == "small":
            model.quantize(np.random.default_rng(0).integers(0, 255, (8, 12, 12, 3), np.uint8))
            model.save(place / f"{name}_bundle")
        found.setdefault("bundle", []).append(
            below(place / f"{name}_bundle", "*.json", "*.safetensors", "*.onnx", "*.md")
        )
        state = {f"{key}": value.contiguous().clone() for key, value in model.module.state_dict().items()}
        packed = as_bytes(lambda file, state=state: torch.save(state, file))
        legacy = as_bytes(lambda file, state=state: torch.save(state, file, _use_new_zipfile_serialization=False))
        whole = as_bytes(lambda file, state=state: torch.save({"state_dict": state, "epoch": 3}, file))
        found.setdefault("torch zip", []).extend([one(f"{name}.pth", packed), one(f"{name}.pt", whole)])
        found.setdefault("torch legacy", []).append(one(f"{name}.pth", legacy))
        found.setdefault("safetensors state", []).append(one(f"{name}.safetensors", save(state, {"format": "pt"})))
        model.export_onnx(place / f"{name}.onnx")
        found.setdefault("onnx", []).append(one("net.onnx", (place / f"{name}.onnx").read_bytes()))
    return found


def checkpoints(place: Path) -> list[Seed]:
    """TensorFlow's checkpoints of both versions, by the writer of the tests."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "checkpoint_files", Path(__file__).parents[1] / "tests/checkpoint_files.py"
    )
    assert spec is not None
    assert spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    rng = np.random.default_rng(0)
    arrays = {
        "conv/weights": rng.random((3, 3, 2, 2), np.float32), "conv/biases": rng.random(2, np.float32),
        "logits/weights": rng.random((4, 3), np.float32), "logits/biases": rng.random(3, np.float32),
        "step": np.array(7, np.int64),
    }  # fmt: skip
    place.mkdir()
    writer.write_v1(place / "one.ckpt", arrays)
    writer.write_v1(place / "cut.ckpt", arrays, cut=2, squeezed=True)
    writer.write_v2(place / "two.ckpt", arrays)
    writer.write_v2(place / "more.ckpt", arrays, shards=2)
    return [
        one("one.ckpt", (place / "one.ckpt").read_bytes()),
        one("one.ckpt", (place / "cut.ckpt").read_bytes()),
        *(
            below(place, f"{name}.ckpt.*", keep=lambda file, name=name: file.startswith(f"{name}.ckpt."))
            for name in ("two", "more")
        ),
    ]
