"""``python -m bench [name …]``: run the named comparisons, or all; results go to bench/results."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from bench.harness import ROOT, Peer, compare, keras_python, save

PEERS = ROOT / "bench" / "peers"


def peer(name: str, script: str, *arguments: str, python: str = sys.executable) -> Peer:
    return Peer(name, [python, str(PEERS / script), *arguments])


def train_step(network: str, pictures: str) -> None:
    """fit against a plain torch loop and Keras+TensorFlow: pictures per second, batch 128, Adam."""
    result = compare(
        f"Training {network}, batch 128, pictures per second",
        [
            peer("striate fit", "striate_train.py", network, pictures),
            peer("torch loop", "torch_train.py", network, pictures),
            peer("Keras + TensorFlow", "keras_train.py", network, pictures, python=keras_python()),
        ],
        rounds=5,
    )
    save(f"train_{network}", result)


def overhead(network: str, pictures: str) -> None:
    """fit against the bare step on the same module."""
    result = compare(
        f"fit's own overhead on {network}, batch 128, pictures per second",
        [
            peer("striate fit", "striate_train.py", network, pictures),
            peer("bare step", "bare_train.py", network, pictures),
        ],
        rounds=9,
    )
    save(f"overhead_{network}", result)


def mnist() -> None:
    """Training time to 99 % on MNIST: the recipe `fast` against the usual Keras example."""
    folder = Path(os.environ.get("STRIATE_DATA") or Path.home() / ".striate" / "data") / "mnist"
    if not folder.is_dir():
        raise SystemExit(f"no MNIST at {folder}; set STRIATE_DATA.")
    result = compare(
        "MNIST to 99 %: runs per hour, training only",
        [
            peer("striate `fast`", "striate_mnist.py", str(folder)),
            peer("Keras example", "keras_mnist.py", str(folder), python=keras_python()),
        ],
        rounds=3,
        warm=0,
    )
    save("mnist", result)
    for name, figures in result["all"].items():
        seconds = statistics.median(f["seconds"] for f in figures)
        accuracy = statistics.mean(f["accuracy"] for f in figures)
        print(f"  {name:24s} {seconds:8.1f} s, accuracy {accuracy:.4f} (mean)")


def predict(network: str, batch: int, pictures: int) -> None:
    """Prediction from uint8 pictures to the five likeliest classes: pictures per second."""
    told = (network, str(batch), str(pictures))
    result = compare(
        f"Predicting with {network}, batch {batch}, pictures per second",
        [
            peer("striate", "striate_predict.py", *told),
            peer("plain ONNX Runtime", "onnx_predict.py", *told),
            peer("torch eager", "torch_predict.py", *told),
            peer("torch, channels_last", "torch_predict.py", *told, "channels_last"),
            peer("Keras + TensorFlow", "keras_predict.py", *told, python=keras_python()),
        ],
        rounds=7,
    )
    save(f"predict_{network}_{batch}", result)


def int8(network: str, batch: int, pictures: int) -> None:
    """An int8 engine against the same network's in 32 bits."""
    told = (network, str(batch), str(pictures))
    result = compare(
        f"Predicting with {network} in 8 bits, batch {batch}, pictures per second",
        [
            peer("striate int8", "striate_predict.py", *told, "int8"),
            peer("striate fp32", "striate_predict.py", *told),
        ],
        rounds=7,
    )
    save(f"int8_{network}_{batch}", result)


BENCHES: dict[str, Callable[[], None]] = {
    "train_cifar_net": lambda: train_step("cifar_net", "12800"),
    "train_cifar_resnet20": lambda: train_step("cifar_resnet20", "6400"),
    "overhead_cifar_net": lambda: overhead("cifar_net", "12800"),
    "overhead_cifar_resnet20": lambda: overhead("cifar_resnet20", "6400"),
    "mnist": mnist,
    "predict_resnet50_1": lambda: predict("resnet50", 1, 24),
    "predict_resnet50_16": lambda: predict("resnet50", 16, 32),
    "predict_mobilenet_1": lambda: predict("mobilenet", 1, 96),
    "predict_mobilenet_16": lambda: predict("mobilenet", 16, 128),
    "int8_resnet50_16": lambda: int8("resnet50", 16, 48),
    "int8_mobilenet_v2_16": lambda: int8("mobilenet_v2", 16, 128),
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        if name not in BENCHES:
            raise SystemExit(f"no comparison is called {name}; there are {', '.join(BENCHES)}")
    for name in chosen:
        BENCHES[name]()
