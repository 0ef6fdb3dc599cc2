"""A row for each format and command: its sound files, how they are changed, and what reads them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.harness import Format, Use, WrongError, command, digest, each, searched
from fuzz.seeds import HUB
from striate.errors import StriateError

_LARGE = 1e15  # what weights of which a few products are past 32 bits are larger than

FORMATS: list[Format] = []


def format_(name: str, hints: Any, same: tuple[str, ...] = (), share: float = 1.0) -> Callable[[Use], Use]:
    """Put a row into the table; the decorated function is its ``use``."""
    by_name = {"*": tuple(hints)} if isinstance(hints, tuple) else dict(hints)

    def put(use: Use) -> Use:
        FORMATS.append(Format(name, use, by_name, same, share))
        return use

    return put


# -- pictures ----------------------------------------------------------------------------------------------------------
def _picture(folder: Path, target: str) -> None:
    from striate.data.pictures import decode, formats

    path = folder / target
    content = path.read_bytes()
    formats.whole(content)
    each(
        lambda: decode.upright_size(path),
        lambda: decode.depth_and_pages(content),
        lambda: np.asarray(decode.picture(path)),
        lambda: np.asarray(decode.decode(path, None, lambda size: (8, 8)).image),
        may_refuse=lambda: decode.labels_of_pixels(path),  # colours are no labels
    )


for _name in ("png", "jpeg", "gif", "bmp", "webp", "tiff", "other", "jpeg2000", "avif", "heic", "foreign"):
    format_(f"picture {_name}", ("picture", _name), share=2 if _name in ("png", "jpeg") else 1)(_picture)


# -- data sets ---------------------------------------------------------------------------------------------------------
def _checked(read: Any) -> None:
    """Raise WrongError for what no reader may give."""
    for part in read if isinstance(read, tuple) else (read,):
        if part is None:
            continue
        count = len(part.classes) if part.classes is not None else None
        np.asarray(part.x[:1])
        if part.labels is not None and part.y is not None and part.y.ndim == 1 and count is not None and len(part.y):
            kind = np.asarray(part.y)
            if kind.dtype.kind in "iu" and (kind.min() < 0 or kind.max() >= count):
                raise WrongError(f"a label of {kind.max()} of {count} classes")
        for boxes, labels in zip(part.boxes or (), part.box_labels or (), strict=True):
            if not np.isfinite(boxes).all() or (boxes[:, 2:] <= boxes[:, :2]).any() or (boxes < -0.01).any():
                raise WrongError(f"a box of {boxes.tolist()}")
            if len(labels) and count is not None and (labels.min() < 0 or labels.max() >= count):
                raise WrongError(f"a box of class {labels.max()} of {count}")


def _set(place: Callable[[Path, str], Path]) -> Use:
    """Check and load what lies at `place` of the folder."""

    def use(folder: Path, target: str) -> None:
        from striate import data

        path = place(folder, target)
        each(
            lambda: str(data.check(path, near=False, few=0)),
            lambda: _checked(data.load(path, image_size=(8, 8), cache=False)),
        )

    return use


_folder, _file = _set(lambda folder, target: folder), _set(lambda folder, target: folder / target)
format_("COCO", ("json",), share=2)(_file)
format_("VOC", ("xml",), share=2)(_folder)
format_("YOLO", ("table",), share=2)(_folder)
format_("data.yaml", ("yaml",))(_folder)
format_("boxes in CSV", ("table",))(_file)
format_("boxes in lines of JSON", ("lines", "json"))(_file)
format_("masks", ("picture", "png"), share=2)(_folder)
format_("classes of masks", ("table",))(_folder)
format_("class folders", ("picture", "png"))(_folder)
format_("zip of class folders", ("zip",), share=2)(_file)
format_("CSV", ("table",), share=2)(_file)


@format_("list of classes", ("table",))
def _class_list(folder: Path, target: str) -> None:
    command("data", "check", "set", "--classes", target, "--no-near")


def _idx(folder: Path, target: str) -> None:
    from striate import data

    data.read_idx(folder / target)


format_("idx", ())(_idx)
format_("idx.gz", ("gzip",))(_idx)


@format_("CIFAR pickle", ("pickle",), share=2)
def _cifar(folder: Path, target: str) -> None:
    from striate import data

    _checked(data.read_cifar_pickle(folder / target))


@format_("CIFAR binary", ())
def _binary(folder: Path, target: str) -> None:
    from striate import data

    _checked(data.read_cifar_binary(folder / target))


@format_("reviews", {"*.gz": ("gzip",), "*": ("table",)})
def _reviews(folder: Path, target: str) -> None:
    from striate import data

    _, labels = data.read_reviews(folder / target)
    if set(np.unique(labels)) - {0, 1}:
        raise WrongError(f"labels {np.unique(labels)[:5]}")


@format_("arrays npz", ("zip",))
def _npz(folder: Path, target: str) -> None:
    from striate.doors.arrays import read_npz

    read_npz(folder / target)


# -- what is kept of data ----------------------------------------------------------------------------------------------
@format_("picture cache", (), same=("*.npy",))
def _picture_cache(folder: Path, target: str) -> str:
    from striate import data
    from striate.data.pictures import cache

    cache._MANY_FILES = 1
    with _cache_of(folder):
        read = data.load("set", image_size=(12, 12)).train
        return digest([np.asarray(read.x), read.y])


@format_("feature cache", (), same=("*.npz",))
def _feature_cache(folder: Path, target: str) -> str:
    from striate.transfer import features

    read = features(_base(), [folder / "set/ant/0.png", folder / "set/bee/1.png"], cache=folder / "features")
    return digest(read.x)


@lru_cache(1)
def _base() -> Any:
    from striate import layers
    from striate.data import Preprocessing
    from striate.models import Sequential
    from striate.seed import set_seed

    set_seed(0)
    base = Sequential([layers.Input((12, 12, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
    base.preprocessing = Preprocessing(image_size=(12, 12), channels=3)
    return base


@contextlib.contextmanager
def _cache_of(folder: Path) -> Iterator[None]:
    """With the cache that lies in the folder of an input."""
    os.environ["STRIATE_CACHE"], kept = str(folder / "cache"), os.environ["STRIATE_CACHE"]
    try:
        yield
    finally:
        os.environ["STRIATE_CACHE"] = kept


@format_("hub cache", ("safetensors",))
def _hub_cache(folder: Path, target: str) -> None:
    from striate.weights.hub import from_hub

    with _cache_of(folder):
        file = from_hub(HUB)
    _fresh("small").load_weights(file)


# -- models ------------------------------------------------------------------------------------------------------------
@format_("description", ("json",), share=3)
def _description(folder: Path, target: str) -> None:
    from striate import models

    each(
        lambda: str(models.from_json((folder / target).read_text("utf-8", "replace")).size()),
        lambda: command("size", target),
    )


@format_("Keras JSON", ("json",), share=3)
def _keras_json(folder: Path, target: str) -> None:
    from striate import models

    each(
        lambda: str(models.model_from_json((folder / target).read_text("utf-8", "replace")).size()),
        lambda: command("size", target),
    )


def _model(folder: Path, target: str) -> None:
    from striate import models

    model = models.load_model(folder / target)
    answers = model.predict(np.zeros((1, *model.input_shape[1:]), np.float32), verbose=0)
    _check_answers(model, answers)


def _check_answers(model: Any, *every: np.ndarray) -> None:
    """Answers are numbers, unless weights are so large that what comes of them no longer is one in 32 bits."""
    largest = max((float(np.abs(w).max(initial=0)) for w in model.get_weights()), default=0.0)
    if largest < _LARGE and any(np.isnan(answers).any() for answers in every):
        raise WrongError("sound weights answer with nan")


format_("model .keras", ("zip",), share=3)(_model)
format_("model .h5", ("hdf5", "json"), share=2)(_model)


@lru_cache(4)
def _fresh(kind: str) -> Any:
    """A network to load weights into, and its state."""
    from fuzz.model_seeds import untrained

    return untrained(kind)


def _weights(folder: Path, target: str) -> None:
    from striate.weights.read import read_weights

    model = _fresh("branching" if "branching" in target else "small" if ".ckpt" not in target else "slim")
    before = digest(model._state())
    try:
        each(lambda: read_weights(folder / target), lambda: model.load_weights(folder / target))
    except BaseException:  # it is raised again in any case
        if digest(model._state()) != before:
            _fresh.cache_clear()
            raise WrongError("weights were refused after some of them had been taken") from None
        raise
    if digest(model._state()) != before:
        _fresh.cache_clear()


format_("weights .weights.h5", ("hdf5",), share=2)(_weights)
format_("weights .h5 legacy", ("hdf5",))(_weights)
format_("weights .safetensors", ("safetensors",), share=2)(_weights)
format_("weights torch zip", ("zip",), share=2)(_weights)
format_("weights torch legacy", ("pickle",), share=2)(_weights)
format_("weights TensorFlow", ("proto",), share=2)(_weights)


@format_(
    "saved model",
    {"*.json": ("json",), "*.safetensors": ("safetensors",), "*.onnx": ("proto",), "*.md": ("table",)},
    same=("*.safetensors", "*.onnx", "*.md"),
    share=3,
)
def _bundle(folder: Path, target: str) -> str:
    from striate import models

    model = models.load_model(folder)
    answers = model.predict(np.ones((1, *model.input_shape[1:]), np.float32), verbose=0)
    _check_answers(model, answers)
    return digest([model._state(), str(model.labels), np.round(answers, 4)])


def _foreign(folder: Path, target: str) -> None:
    from striate import models

    model = models.load_model(folder)
    x = np.ones((1, *model.input_shape[1:]), np.float32)
    answers = [model.predict(x, verbose=0)]
    if any(name.startswith("int8") for name in os.listdir(folder)):
        answers.append(model.predict(x, engine="int8", verbose=0))
    _check_answers(model, *answers)


format_(
    "saved model of another",
    {"*.json": ("json",), "*.safetensors": ("safetensors",), "*.onnx": ("proto",), "*.md": ("table",)},
    share=3,
)(_foreign)


def right_sums(files: dict[str, bytes]) -> None:
    """Give a saved model's files the sums that it says."""
    try:
        told = json.loads(files["model.json"])
        for part in ("weights", "optimizer", "int8"):
            if part in told:
                told[part]["sha256"] = hashlib.sha256(files[told[part]["file"]]).hexdigest()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    files["model.json"] = json.dumps(told).encode()


FORMATS[-1].repair = right_sums


@format_("onnx", ("proto",), share=2)
def _onnx(folder: Path, target: str) -> None:
    from striate.ship import Engine

    engine = Engine(folder / target, threads=1)
    engine.predict([np.zeros((1, *shape), kind) for _, kind, shape in engine.inputs])


@format_("paint code", ("json",))
def _code(folder: Path, target: str) -> None:
    from striate.look.paint import codec

    codec.decode(_fresh("small"), (folder / target).read_bytes(), steps=1)


# -- runs --------------------------------------------------------------------------------------------------------------
def _training(folder: Path, target: str) -> str:
    from striate.train.checkpoint import Checkpoint

    place = Checkpoint(folder / "run").place
    if place is None:
        raise StriateError("nothing is there")
    return digest(place.state)


format_("training.pt", (), same=("*.pt",), share=2)(_training)
format_("training.pt packed anew", ("zip",))(_training)  # its sums are right, so it is another's and not damaged


@format_("run folder", {"*.json": ("json",), "*.pt": ("zip",), "*.csv": ("table",)}, share=0.1)
def _run(folder: Path, target: str) -> None:
    from striate.runs import resume_run
    from striate.runs.training import read_record

    asked = read_record(folder / "run")
    if asked.get("epochs") not in (0, 1, 2, 3, 1.0) or asked.get("download"):
        return
    resume_run(folder / "run", verbose=0)


@format_("tune.db", ("sqlite",))
def _search(folder: Path, target: str) -> None:
    searched(folder)


@format_("film", ("film",))
def _film(folder: Path, target: str) -> None:
    from striate.tasks.film import film

    for number, _ in enumerate(film(folder / target).frames()):
        if number > 20:
            break


# -- what is made to harm ----------------------------------------------------------------------------------------------
@format_("bombs", {"*.gz": (), "*": ("zip", "picture")}, share=0.3)
def _bomb(folder: Path, target: str) -> None:
    readers = {
        "set.zip": _file, "images.gz": _idx, "reviews.csv.gz": _reviews, "a.npz": _npz, "net.keras": _model,
        "a.png": _picture,
    }  # fmt: skip
    readers.get(target, _weights)(folder, target)


# -- commands ----------------------------------------------------------------------------------------------------------
@format_(
    "striate data check",
    {"*.json": ("json",), "*.xml": ("xml",), "*.txt": ("table",), "*.csv": ("table",), "*": ("picture",)},
)
def _data_check(folder: Path, target: str) -> None:
    command(
        "data", "check", target if target.endswith((".json", ".csv", ".jsonl", ".zip")) else ".", "--html", "page.html"
    )


@format_("striate predict", ("picture",))
def _predict(folder: Path, target: str) -> None:
    command("predict", "model", "pictures", "--engine", "torch")


@format_("striate predict -o", ("picture",), share=0.5)
def _predict_out(folder: Path, target: str) -> None:
    command("predict", "model", "pictures", "-o", "out.csv")


@format_("striate draw", ("json",))
def _draw(folder: Path, target: str) -> None:
    command("draw", target, "-o", "net.svg")


@format_("striate page", ("json",))
def _page(folder: Path, target: str) -> None:
    command("page", target, "-o", "net.html")


@format_("striate page RUN", {"*.json": ("json",), "*.csv": ("table",), "*.safetensors": ("safetensors",)}, share=0.3)
def _page_of_run(folder: Path, target: str) -> None:
    command("page", "run", "-o", "net.html", "--no-editable")


@format_("striate compare", ("json",))
def _compare(folder: Path, target: str) -> None:
    command("compare", target, "lenet5")


@format_("striate compare runs", {"*.json": ("json",), "*.safetensors": ("safetensors",)}, share=0.5)
def _compare_runs(folder: Path, target: str) -> None:
    command("compare", "run", "other", "--data", "set")


@format_("striate evaluate", {"*.json": ("json",), "*.safetensors": ("safetensors",), "*": ("picture",)}, share=0.5)
def _evaluate(folder: Path, target: str) -> None:
    command("evaluate", "run", "set")


@format_("striate export", {"*.keras": ("zip",), "*.h5": ("hdf5",)})
def _export(folder: Path, target: str) -> None:
    command("export", target, "-o", "net.safetensors")


@format_("options", ("arguments",), share=2)
def _options(folder: Path, target: str) -> None:
    command(*json.loads((folder / target).read_text("utf-8")))


def preload() -> None:
    """Import what the children need, once, before they are made."""
    import importlib

    for name in (
        "av",
        "h5py",
        "onnxruntime",
        "optuna",
        "pillow_heif",
        "PIL.Image",
        "scipy",
        "sklearn",
        "torch",
        "yaml",
        "zipfile",
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in (
        "striate",
        "striate.cli.main",
        "striate.runs",
        "striate.ship",
        "striate.tasks",
        "striate.transfer",
        "striate.look",
    ):
        importlib.import_module(name)
    from striate.cli import main

    main.command()  # once for all processes that are begun from here
