"""A run: train a network on a data set into a folder with the model, its metrics and a report."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate import recipes
from striate.data import Dataset, Splits, load
from striate.errors import ArgumentError, DataError, nearest
from striate.model import Model
from striate.zoo import create

# What suits a data set when nothing is asked for: a recipe where there is one, else a network.
RECIPE = {"digits": "digits", "mnist": "fast"}
USUAL = {
    "mnist": "fast_net",
    "fashion_mnist": "fashion_net",
    "cifar10": "cifar_net",
    "cifar100": "cifar_net",
    "imdb": "imdb_net",
}


@dataclass
class Run:
    """What a training run left: the folder, the model, its figures on held-out data, and where the report is."""

    folder: Path
    model: Model
    scores: dict[str, float]
    history: dict[str, list[float]]
    seconds: float
    report: Path | None
    skipped: int = 0


def free_folder(stem: str, root: str | os.PathLike[str] = "runs") -> Path:
    """``runs/stem``, or ``runs/stem-2`` … when that is taken."""
    folder, number = Path(root) / stem, 1
    while folder.exists():
        number += 1
        folder = Path(root) / f"{stem}-{number}"
    return folder


def usual_network(data: str, train: Dataset) -> str:
    """The name of a network that suits the data when the user names none."""
    if data in USUAL:
        return USUAL[data]
    if train.x.dtype == "int64":
        return "imdb_net"
    return "cifar_net_gmp" if min(train.shape[:2]) < 100 else "cats_dogs_net"


def train_run(
    data: str,
    *,
    model: Model | str | None = None,
    recipe: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: Any = None,
    learning_rate: float | None = None,
    validation: float = 0.1,
    precision: str = "float32",
    seed: int = 0,
    verbose: str | int = "auto",
    report: bool = True,
    callbacks: Sequence[Any] = (),
    splits: Splits | None = None,
    **options: Any,
) -> Run:
    """Train on a named data set or a folder of pictures, and save the run.

    model       a model, a zoo name, or None: the recipe's, or the usual one for the data
    recipe      a name from ``recipes.RECIPES``; other arguments change single settings of it.  With neither model nor
                recipe, digits and mnist have theirs (``RECIPE``)
    folder      where the run goes (``runs/<data>-<network>``)
    validation  part of the training data held out for the curves, when the data has no validation set
    options     for the reader of the data, such as image_size

    The scores are those on the test set, or on the validation set when there is none.
    Raises DataError, ArgumentError, TrainingError, BundleError; nothing half-written is left.
    """
    from striate import set_seed
    from striate.report import write_report
    from striate.train import callbacks as callbacks_
    from striate.train import optimizers

    if recipe is None and model is None:
        recipe = RECIPE.get(data)
    plan = recipes.get(recipe) if recipe else None
    splits = load(data, **options) if splits is None else splits
    train, held, test = splits
    if held is None and validation:
        train, held, _ = train.split(validation, seed=seed)
    judge = test if test is not None else held
    if judge is None:
        raise DataError("no data is held out to judge the model on: give validation above 0.")
    set_seed(seed)
    classes = len(train.classes or ()) or int(train.y.max()) + 1 if train.y is not None else 0
    if isinstance(model, str):
        model = create(model, classes=classes, input_shape=train.shape)
    elif model is None and plan is not None:
        model = plan.model(classes, train.shape)
    elif model is None:
        model = create(usual_network(data, train), classes=classes, input_shape=train.shape)
    # a learning rate of one's own replaces the recipe's schedule
    chosen: Any = optimizer or (plan.optimizer() if plan and learning_rate is None else "adam")
    chosen = optimizers.get(chosen)
    if learning_rate is not None:
        chosen.learning_rate = learning_rate
    outputs = model.graph.check().output_shapes[0]
    model.compile(chosen, loss_for(model, outputs), metrics=["accuracy"], precision=precision)
    name = Path(data).name
    target = Path(folder) if folder is not None else free_folder(f"{name}-{model.name or 'model'}")
    if target.is_dir() and any(target.iterdir()) and not (target / "model.json").is_file():
        raise ArgumentError(f"{target} is not empty and holds no model; choose another --run folder.")
    if target.is_file():
        raise ArgumentError(f"{target} is a file; a run is a folder. Choose another --run.")
    target.mkdir(parents=True, exist_ok=True)
    log = target / "metrics.csv"
    log.unlink(missing_ok=True)
    started = time.perf_counter()
    history = model.fit(
        train,
        validation_data=held,
        batch_size=batch_size
        if batch_size is not None
        else plan.batch_size
        if plan
        else 32
        if len(train) < 5000
        else 128,
        epochs=epochs if epochs is not None else plan.epochs if plan else 5,
        seed=seed,
        verbose=verbose,
        callbacks=[callbacks_.CSVLogger(log), *callbacks],
    )
    seconds = time.perf_counter() - started
    scores = model.evaluate(judge, return_dict=True, verbose=0)
    model.scores = {"judged on": f"{judge.name}: {len(judge)} held-out {judge.kind}", **scores}
    model.facts |= {
        "recipe": recipe,
        "seconds": round(seconds, 1),
        "options": options,
        "data": data,
        "validation": validation,
    }
    model.save(target)
    parts = [part for part in splits if part is not None]
    lost = list(dict.fromkeys(file for part in parts for file in part.skipped))
    page = None
    if report:
        page = write_report(
            target / "report.html",
            model,
            judge,
            history=history.history,
            seconds=seconds,
            facts=model.facts,
            skipped=lost,
        )
    return Run(target, model, scores, history.history, seconds, page, len(lost))


def loss_for(model: Model, outputs: tuple[int, ...]) -> Any:
    """The cross-entropy that fits the last layer: binary for one output, from logits where there is no softmax."""
    from striate.train import losses

    last = model.graph.outputs[0].node.layer
    while hasattr(last, "graph"):
        last = last.graph.outputs[0].node.layer
    activation = getattr(last, "activation", None) or type(last).__name__.lower()
    if outputs == (1,):
        return losses.BinaryCrossentropy(from_logits=activation != "sigmoid")
    return losses.SparseCategoricalCrossentropy(from_logits=activation != "softmax")


def judge_run(
    run: Model | str | os.PathLike[str], data: str | None = None, **options: Any
) -> tuple[Model, dict[str, Any]]:
    """Measure a model (or a saved run) on the held-out part of `data` (default: the data it was trained on)."""
    from striate.models import load_model

    model = run if isinstance(run, Model) else load_model(run)
    folder = model.name if isinstance(run, Model) else run
    source = data or model.facts.get("data")
    if not source:
        raise ArgumentError(f"{folder} does not say what it was trained on; name the data.")
    if data is None:
        options = (model.facts.get("options") or {}) | options
    elif model.preprocessing is not None and model.preprocessing.vocabulary is None and Path(data).exists():
        options = {"preprocessing": model.preprocessing} | options
    splits = load(source, **options)
    judge = splits.test or splits.validation
    if judge is None and data is None and model.facts.get("validation"):  # the same part that was held out in training
        judge = splits.train.split(model.facts["validation"], seed=model.facts["seed"]).validation
    judge = judge or splits.train
    judge = in_order_of(judge, model.labels)
    note: dict[str, Any] = {}
    if judge.classes is None and model.labels and model.labels[0] == "background":
        note["note"] = "the model's class 0 is background, and the data's class numbers were taken to count it"
    expected = model.graph.input_shapes[0]
    if judge.shape != expected:
        raise DataError(f"{source} has {judge.kind} of shape {judge.shape}, the model takes {expected}.")
    model.compile("adam", loss_for(model, model.graph.output_shapes[0]), metrics=["accuracy"])
    scores = model.evaluate(judge, return_dict=True, verbose=0)
    return model, {"data": judge.name, "samples": len(judge), **scores, **note}


def _by_name(labels: list[str]) -> dict[str, int]:
    """The number of each class by its label, and by each synonym ("tench, Tinca tinca") that only one class has."""
    found = {label.lower(): i for i, label in enumerate(labels)}
    synonyms: dict[str, list[int]] = {}
    for i, label in enumerate(labels):
        for word in label.lower().split(", "):
            synonyms.setdefault(word, []).append(i)
    return {word: places[0] for word, places in synonyms.items() if len(places) == 1} | found


def in_order_of(data: Dataset, labels: list[str] | None) -> Dataset:
    """The data with its classes numbered as a model's outputs are.  Raises DataError for classes it does not know."""
    if not labels or not data.classes or list(data.classes) == labels or data.y is None:
        return data
    known = _by_name(labels)
    foreign = [name for name in data.classes if name.lower() not in known]
    if foreign:
        shown = "; ".join(labels[:5]) + ("; …" if len(labels) > 5 else "")
        raise DataError(
            f'{data.name} has a class "{foreign[0]}" that the model does not know.{nearest(foreign[0], list(known))} '
            f"Its classes: {shown}."
        )
    numbers = np.array([known[name.lower()] for name in data.classes])
    return replace(data, y=numbers[data.y], classes=tuple(labels))
