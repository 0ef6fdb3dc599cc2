"""``python -m bench [name …]``: run the named comparisons, or all; results go to bench/results, tables to docs/speed.md."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench import page
from bench.harness import ROOT, Peer, compare, environment, save
from striate import data
from striate.data.sets.scenes import scenes

PEERS = ROOT / "bench" / "peers"


def peer(name: str, script: str, *arguments: str, python: str = sys.executable) -> Peer:
    return Peer(name, [python, str(PEERS / script), *arguments])


def keras_python() -> str:
    """The Python that has Keras and TensorFlow."""
    return environment("keras")


def vision(name: str, script: str, *arguments: str) -> Peer:
    """A peer that needs fastai, ultralytics or torchvision; one without a command where their environment cannot be made."""
    try:
        return peer(name, script, *arguments, python=environment("vision"))
    except subprocess.CalledProcessError as error:
        print(f"{name} is left out: {error}", file=sys.stderr)
        return Peer(name, [])


def stored(name: str) -> Path:
    """A file or folder in STRIATE_DATA.  Ends the run where it is not there."""
    place = Path(os.environ.get("STRIATE_DATA") or Path.home() / ".striate" / "data") / name
    if not place.exists():
        raise SystemExit(f"no {place}; set STRIATE_DATA.")
    return place


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


def train_bits(network: str, pictures: str) -> None:
    """fit in 16 bits against fit in 32, and against Keras' mixed_bfloat16 and torch's autocast; all in one run.

    Each has the same one core, and what counts is its processor time: other work on the machine disturbs that little.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    told = (network, pictures)
    result = compare(
        f"Training {network} in 16 bits, batch 128, one core, pictures per second of its time",
        [
            peer("striate bf16", "striate_train.py", *told, "bf16"),
            peer("striate float32", "striate_train.py", *told),
            peer("torch loop", "torch_train.py", *told),
            peer("torch loop, autocast", "torch_train.py", *told, "bf16"),
            peer("Keras + TensorFlow", "keras_train.py", *told, python=keras_python()),
            peer("Keras mixed_bfloat16", "keras_train.py", *told, "mixed_bfloat16", python=keras_python()),
        ],
        rounds=3,
        figure="work",
    )
    save(f"train_bits_{network}", result)


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


def norms(pictures: str) -> None:
    """Steps of training through batch norms whose averages are Keras', against torch's own norms in their places."""
    result = compare(
        "Training six convolutions with batch norms, batch 128, pictures per second",
        [
            peer("striate's batch norm", "norm_train.py", pictures),
            peer("torch's batch norm", "norm_train.py", pictures, "torch"),
        ],
        rounds=9,
    )
    save("train_norms", result)


def mnist() -> None:
    """Training to 99 % on MNIST: the recipe `fast` against the usual Keras example; on one core, by its time."""
    folder = stored("mnist")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    result = compare(
        "MNIST to 99 %: runs per hour of one core's time, training only",
        [
            peer("striate `fast`, auto", "striate_mnist.py", str(folder), "auto"),
            peer("striate `fast`, float32", "striate_mnist.py", str(folder), "float32"),
            peer("Keras example", "keras_mnist.py", str(folder), python=keras_python()),
        ],
        rounds=3,
        warm=0,
        figure="work",
    )
    save("mnist", result)
    for name, figures in result["all"].items():
        seconds = 3600 / statistics.median(f["work"] for f in figures)
        accuracy = statistics.mean(f["accuracy"] for f in figures)
        print(f"  {name:24s} {seconds:8.1f} s, accuracy {accuracy:.4f} (mean)")


def engines(told: tuple[str, str, str]) -> list[Peer]:
    """striate's engines and the runtimes as they come, for a network, a batch and a number of pictures."""
    return [
        peer("striate fast", "striate_predict.py", *told, "fast"),
        peer("striate", "striate_predict.py", *told),
        peer("plain ONNX Runtime", "runtime_predict.py", *told, "onnxruntime"),
        peer("OpenVINO as it comes", "runtime_predict.py", *told, "openvino"),
    ]


def predict(network: str, batch: int, pictures: int) -> None:
    """Prediction from uint8 pictures to the five likeliest classes: pictures per second."""
    told = (network, str(batch), str(pictures))
    others = [
        peer("torch eager", "torch_predict.py", *told),
        peer("torch, channels_last", "torch_predict.py", *told, "channels_last"),
        peer("torch, bf16 autocast", "torch_predict.py", *told, "bf16"),
        peer("Keras + TensorFlow", "keras_predict.py", *told, python=keras_python()),
    ]
    title = f"Predicting with {network}, batch {batch}, pictures per second"
    save(f"predict_{network}_{batch}", compare(title, [*engines(told), *others], rounds=7))


def predict_work(network: str, batch: int, pictures: int) -> None:
    """The same on one core, by its time, which other work on the machine disturbs little."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    title = f"Predicting with {network}, batch {batch}, one core, pictures per second of its time"
    result = compare(title, engines((network, str(batch), str(pictures))), rounds=7, figure="work")
    save(f"predict_work_{network}_{batch}", result)


def int8(network: str, batch: int, pictures: int) -> None:
    """The 8-bit engines against the runtimes on the very file of the twin, and against 32 bits; on one core, by its time."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    told = (network, str(batch), str(pictures))
    result = compare(
        f"Predicting with {network} in 8 bits, batch {batch}, one core, pictures per second of its time",
        [
            peer("striate int8", "striate_predict.py", *told, "int8"),
            peer("striate openvino-int8", "striate_predict.py", *told, "openvino-int8"),
            peer("plain ONNX Runtime, 8 bits", "runtime_predict.py", *told, "onnxruntime", "int8"),
            peer("plain OpenVINO, 8 bits", "runtime_predict.py", *told, "openvino", "int8"),
            peer("striate", "striate_predict.py", *told),
        ],
        rounds=7,
        figure="work",
    )
    save(f"int8_{network}_{batch}", result)


def loading() -> None:
    """An epoch of 30,000 picture files, 32x32, in batches of 128 in 0..1: pictures per second, from a folder's name on.

    Each epoch begins with nothing but the folder's name: finding the files, starting workers and, for striate cold,
    writing the cache, which is emptied before, are in the time; importing the libraries is not.
    """
    source = stored("cifar10-jpeg.zip")
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(source) as archive:
            for member in archive.namelist():
                if member.endswith(".jpg"):
                    part, label, number = member.split("/")[-3:]
                    target = Path(folder, label, f"{part}_{number}")
                    target.parent.mkdir(exist_ok=True)
                    target.write_bytes(archive.read(member))
        cold = peer("striate, cold", "striate_load.py", folder, "cold")
        cached = peer("striate, from cache", "striate_load.py", folder, "cached")
        others = [
            peer("Keras image_dataset", "keras_load.py", folder, python=keras_python()),
            peer("torch DataLoader, PIL", "torch_load.py", folder),
        ]
        for which, first in (("cold", cold), ("cached", cached)):
            title = f"Loading 30,000 JPEG files of 32 x 32, {which}: pictures per second"
            save(f"load_{which}", compare(title, [first, *others], rounds=5))


def features(name: str) -> None:
    """Features of photos in files through MobileNet, decoding included: photos per second."""
    folder = stored(name)
    result = compare(
        "Features of photos through MobileNet, decoding included, photos per second",
        [
            peer("striate", "striate_features.py", str(folder)),
            peer("striate fast", "striate_features.py", str(folder), "fast"),
            peer("striate int8", "striate_features.py", str(folder), "openvino-int8"),
            peer("striate, decoding alone", "striate_features.py", str(folder), "decode"),
            peer("Keras predict per batch", "keras_features.py", str(folder), "loop", python=keras_python()),
            peer("Keras predict, data set", "keras_features.py", str(folder), "whole", python=keras_python()),
        ],
        rounds=5,
    )
    save("features_mobilenet", result)


def photos(job: str) -> None:
    """ResNet-18 on a folder of photos, by striate, fastai and ultralytics as they do it; on one core, by its time.

    As many ants as bees, so that batches of 32 come out even: 224 photos to learn from, 128 to judge by.

    job   "train": an epoch, decoding and the photos to judge by included; "predict": a class for all 352
    """
    with tempfile.TemporaryDirectory() as folder:
        for part, count in (("train", 112), ("val", 64)):
            for files in sorted((stored("hymenoptera") / part).iterdir()):
                target = Path(folder, part, files.name)
                target.mkdir(parents=True)
                for file in sorted(files.glob("*.jpg"))[:count]:
                    shutil.copy(file, target)
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        result = compare(
            f"ResNet-18 on photos, {job}, one core, photos per second of its time",
            [
                peer("striate", "striate_photos.py", folder, job),
                vision("fastai", "fastai_photos.py", folder, job),
                vision("ultralytics", "ultralytics_photos.py", folder, job),
            ],
            rounds=3,
            figure="work",
        )
    save(f"photos_{job}", result)


def boxes(job: str) -> None:
    """Detectors of like size at 320 x 320: striate's on MobileNetV2 against YOLO11n; on one core, by its time.

    job   "train": a pass over 128 drawn scenes, decoding included, and the same on a base of 3 x 3 convolutions;
          "predict": from a uint8 picture to its boxes, batch 1
    """
    with tempfile.TemporaryDirectory() as parent:
        folder = str(Path(parent, "scenes"))
        data.write(scenes(128, 320, seed=1, noise=8), folder, format="yolo", pictures="copy")
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        ours = {"train": {"striate": "train", "striate, 3 x 3": "plain"}, "predict": {"striate": "predict"}}
        others = {"train": {"ultralytics": "train"}, "predict": {"ultralytics": "predict", "ultralytics, ONNX": "onnx"}}
        result = compare(
            f"Detectors at 320 x 320, {job}, one core, pictures per second of its time",
            [
                *(peer(name, "striate_boxes.py", folder, way) for name, way in ours[job].items()),
                *(vision(name, "ultralytics_boxes.py", folder, way) for name, way in others[job].items()),
            ],
            rounds=3,
            figure="work",
        )
    save(f"boxes_{job}", result)


BENCHES: dict[str, Callable[[], None]] = {
    "train_cifar_net": lambda: train_step("cifar_net", "12800"),
    "train_cifar_resnet20": lambda: train_step("cifar_resnet20", "6400"),
    "train_bits_cifar_net": lambda: train_bits("cifar_net", "1280"),
    "train_bits_cifar_resnet20": lambda: train_bits("cifar_resnet20", "640"),
    "overhead_cifar_net": lambda: overhead("cifar_net", "12800"),
    "overhead_cifar_resnet20": lambda: overhead("cifar_resnet20", "6400"),
    "train_norms": lambda: norms("256"),
    "mnist": mnist,
    "load": loading,
    "predict_resnet50_1": lambda: predict("resnet50", 1, 24),
    "predict_resnet50_16": lambda: predict("resnet50", 16, 32),
    "predict_mobilenet_1": lambda: predict("mobilenet", 1, 96),
    "predict_mobilenet_16": lambda: predict("mobilenet", 16, 128),
    "predict_work_resnet50_1": lambda: predict_work("resnet50", 1, 16),
    "predict_work_resnet50_16": lambda: predict_work("resnet50", 16, 32),
    "predict_work_mobilenet_1": lambda: predict_work("mobilenet", 1, 128),
    "predict_work_mobilenet_16": lambda: predict_work("mobilenet", 16, 128),
    "int8_resnet50_1": lambda: int8("resnet50", 1, 32),
    "int8_resnet50_16": lambda: int8("resnet50", 16, 48),
    "int8_mobilenet_1": lambda: int8("mobilenet", 1, 128),
    "int8_mobilenet_16": lambda: int8("mobilenet", 16, 256),
    "int8_mobilenet_v2_1": lambda: int8("mobilenet_v2", 1, 128),
    "int8_mobilenet_v2_16": lambda: int8("mobilenet_v2", 16, 128),
    "features_mobilenet": lambda: features("hymenoptera"),
    "photos_train": lambda: photos("train"),
    "photos_predict": lambda: photos("predict"),
    "boxes_train": lambda: boxes("train"),
    "boxes_predict": lambda: boxes("predict"),
}

if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(f"{__doc__}\n\nThere are {', '.join(BENCHES)}.")
        raise SystemExit
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        if name not in BENCHES:
            raise SystemExit(f"no comparison is called {name}; there are {', '.join(BENCHES)}")
    for name in chosen:
        BENCHES[name]()
    page.write()
    page.show()
