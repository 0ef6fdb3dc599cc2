"""A run: train a network on a data set into a folder with the model, its metrics and a report."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate import recipes
from striate.data import Dataset, Splits, load, names
from striate.data.checks.check import first_look
from striate.errors import ArgumentError, DataError, nearest
from striate.model import Model
from striate.weights import atomic_write
from striate.zoo import create

# What suits a data set when nothing is asked for: a recipe where there is one, else a network.
RECIPE = {"digits": "digits", "mnist": "fast", "imdb": "imdb"}
USUAL = {
    "mnist": "fast_net",
    "fashion_mnist": "fashion_net",
    "cifar10": "cifar_net",
    "cifar100": "cifar_net",
    "imdb": "imdb_net",
}


RUN = "run.json"  # what the run was asked for


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
    mix: Any = None,
    seed: int = 0,
    verbose: str | int = "auto",
    report: bool = True,
    callbacks: Sequence[Any] = (),
    splits: Splits | None = None,
    resume: bool = False,
    **options: Any,
) -> Run:
    """Train on a named data set or a folder of pictures, and save the run.

    The folder is kept so that at every moment it holds a whole model, and all that ``resume_run`` needs to go on.

    model       a model, a zoo name, or None: the recipe's, or the usual one for the data
    recipe      a name from ``recipes.RECIPES``; other arguments change single settings of it.  With neither model nor
                recipe, digits and mnist have theirs (``RECIPE``)
    folder      where the run goes (``runs/<data>-<network>``)
    mix         "mixup" or "cutmix": pictures of a batch mixed with each other, see ``Model.compile``
    validation  part of the training data held out for the curves, when the data has no validation set
    resume      go on with the run in `folder` that was broken off, given the same arguments again
    options     for the reader of the data, such as image_size

    The scores are those on the test set, or on the validation set when there is none.
    Raises DataError, ArgumentError, TrainingError, BundleError; nothing half-written is left.
    """
    from striate.pages import write_report
    from striate.seed import set_seed
    from striate.train import callbacks as callbacks_
    from striate.train import optimizers
    from striate.train.checkpoint import FILE

    asked = {
        "data": data,
        "model": model,
        "recipe": recipe,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "validation": validation,
        "precision": precision,
        "mix": mix,
        "seed": seed,
        "report": report,
        "callbacks": callbacks,
        "splits": splits,
        "options": options,
    }
    if recipe is None and model is None:
        recipe = RECIPE.get(data)
    plan = recipes.get(recipe) if recipe else None
    pictures = splits is None and data not in names() and Path(data).exists()
    noticed = first_look(data, aloud=verbose != 0) if pictures else None
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
    model.compile(chosen, loss_for(model, outputs), metrics=["accuracy"], precision=precision, mix=mix)
    name = Path(data).name
    target = Path(folder) if folder is not None else free_folder(f"{name}-{model.name or 'model'}")
    if _foreign(target):
        raise ArgumentError(f"{target} is not empty and holds no model; choose another folder.")
    if target.is_file():
        raise ArgumentError(f"{target} is a file; a run is a folder. Choose another.")
    target.mkdir(parents=True, exist_ok=True)
    log = target / "metrics.csv"
    for old in [*target.glob(".*.tmp"), *([] if resume else [target / FILE, target / RUN, log])]:
        old.unlink(missing_ok=True)
    model.labels, model.preprocessing = list(train.classes) if train.classes else None, train.preprocessing
    facts = {"recipe": recipe, "options": options, "data": data, "validation": validation, "seed": seed}
    facts |= {"data check": noticed} if noticed else {}
    model.facts |= facts
    alone = os.environ.get("WORLD_SIZE", "1") == "1"  # under torchrun no state is kept
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
        callbacks=[_keeper(model, target, asked), callbacks_.CSVLogger(log), *callbacks],
        resume=target if alone or resume else None,
    )
    seconds = model.facts.setdefault("seconds", round(time.perf_counter() - started, 1))
    scores = model.evaluate(judge, return_dict=True, verbose=0)
    model.scores = {"judged on": f"{judge.name}: {len(judge)} held-out {judge.kind}", **scores}
    model.facts |= facts
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


def _foreign(folder: Path) -> bool:
    """Whether the folder holds something, but no model and no run."""
    if not folder.is_dir() or (folder / "model.json").is_file() or (folder / RUN).is_file():
        return False
    return any(not entry.name.startswith(".") and entry.name != "tune.db" for entry in folder.iterdir())


def _keeper(model: Model, folder: Path, asked: dict[str, Any]) -> Any:
    """Writes down what was asked for before the first step, and keeps the latest model in the folder."""
    from striate.train.callbacks import LambdaCallback
    from striate.train.checkpoint import Budget

    budget = Budget()

    def begin(_: Any) -> None:
        atomic_write(folder / RUN, json.dumps(_recorded(asked), indent=1) + "\n")
        if not (folder / "model.json").is_file():
            model.save(folder)

    def save(_epoch: int, _logs: Any) -> None:
        if budget.allows():
            with budget:
                model.save(folder)

    return LambdaCallback(on_train_begin=begin, on_epoch_end=save)


def _recorded(asked: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a run as JSON; `objects` names those that only Python can give again."""
    found, objects = dict(asked), []
    if isinstance(asked["model"], Model):
        found["model"] = asked["model"].to_json()
    if hasattr(asked["optimizer"], "to_dict"):
        found["optimizer"] = asked["optimizer"].to_dict()
    if asked["data"] not in names() and Path(asked["data"]).exists():
        found["data"] = str(Path(asked["data"]).resolve())
    for name, value in asked.items():
        if name in ("callbacks", "splits"):
            found.pop(name)
            objects += [name] if value else []
            continue
        try:
            json.dumps(found[name])
        except TypeError:
            found[name] = None
            objects.append(name)
    return {"format": "striate-run", "version": 1, "arguments": found, "objects": objects}


def resume_run(folder: str | os.PathLike[str], *, verbose: str | int = "auto") -> Run:
    """Go on with a run that was broken off, or killed, at whatever moment, as if nothing had happened.

    On the CPU it ends at the very weights of an unbroken run; a finished run is judged again and stays as it is.
    Raises ArgumentError when the folder holds no run, or when data, network or version have changed.
    """
    from striate.models import from_json

    file = Path(folder) / RUN
    if not file.is_file():
        what = "holds no run: it has no run.json" if Path(folder).is_dir() else "is no folder"
        raise ArgumentError(f"{folder} {what}; name the folder of a run that `striate train` began.")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        arguments, objects = dict(description["arguments"]), list(description["objects"])
        options = arguments.pop("options")
        size = options.get("image_size")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArgumentError(f"{file} is damaged ({error}); start the run anew in another folder.") from None
    if objects:
        raise ArgumentError(
            f"{folder} was begun from Python with {' and '.join(objects)} of its own; call "
            "train_run(..., resume=True) with the same arguments."
        )
    if isinstance(arguments.get("model"), dict):
        arguments["model"] = from_json(arguments["model"])
    if isinstance(size, list):
        options["image_size"] = tuple(size)
    return train_run(**arguments, folder=folder, verbose=verbose, resume=True, **options)


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
    judge, _ = held_out(model, data, str(model.name if isinstance(run, Model) else run), **options)
    model.compile("adam", loss_for(model, model.graph.output_shapes[0]), metrics=["accuracy"])
    scores = model.evaluate(judge, return_dict=True, verbose=0)
    note: dict[str, Any] = {}
    if judge.classes is None and model.labels and model.labels[0] == "background":
        note["note"] = "the model's class 0 is background, and the data's class numbers were taken to count it"
    return model, {"data": judge.name, "samples": len(judge), **scores, **note}


def judge_ensemble(runs: Sequence[Model | str | os.PathLike[str]], data: str | None = None) -> dict[str, Any]:
    """Measure models and the mean of their probabilities on the held-out part of `data` (default: the first's own).

    Each reads the data with its own preprocessing.  Without data that none was trained on (a test set), all must have held
    out the same part of their training data.  Raises ArgumentError, DataError.
    """
    from striate.models import load_model
    from striate.tasks import Ensemble

    models = [run if isinstance(run, Model) else load_model(run) for run in runs]
    together = Ensemble(models)
    source = data or models[0].facts.get("data")
    parts, draws = [], set()
    for model, run in zip(models, runs, strict=True):
        if data is None and model.facts.get("data") != source:
            raise ArgumentError(
                f"{run} was trained on {model.facts.get('data')}, the first on {source}; name the data to judge on."
            )
        part, drawn = held_out(model, data, str(run))
        parts.append(part)
        draws.add((model.facts["validation"], model.facts["seed"]) if drawn else None)
    if len(draws) > 1:
        raise ArgumentError(
            "these runs held out different pictures of their training data (other seed or validation), so each was "
            "trained on what would judge the others; name data that none has seen."
        )
    first = in_order_of(parts[0], together.labels)
    for part in parts[1:]:
        again = in_order_of(part, together.labels)
        if len(again) != len(first) or again.y is None or first.y is None or (again.y != first.y).any():
            raise DataError(f"{part.name} and {first.name} are not the same examples for every model; name the data.")
    assert first.y is not None
    each = {}
    for i, (run, model, part) in enumerate(zip(runs, models, parts, strict=True), start=1):
        name = f"{i}: {run.name if isinstance(run, Model) else run}"
        each[name] = Ensemble([model]).judge([part], np.asarray(part.y))["accuracy"]
    scores = together.judge(parts, first.y)
    return {"data": first.name, "samples": len(first), **scores, "accuracy of each": each}


def held_out(model: Model, data: str | None, told: str, **options: Any) -> tuple[Dataset, bool]:
    """(what a model is judged on, its classes numbered as the model's outputs; whether it was drawn from training data)."""
    source = data or model.facts.get("data")
    if not source:
        raise ArgumentError(f"{told} does not say what it was trained on; name the data.")
    if data is None:
        options = (model.facts.get("options") or {}) | options
    told_size = data is None and "image_size" in options
    photos = source not in names() and Path(source).exists()
    if photos and not told_size and model.preprocessing is not None and not model.preprocessing.vocabulary:
        options = {"preprocessing": model.preprocessing} | options
    splits = load(source, **options)
    judge, drawn = splits.test or splits.validation, False
    if judge is None and data is None and model.facts.get("validation"):  # the same part that was held out in training
        judge, drawn = splits.train.split(model.facts["validation"], seed=model.facts["seed"]).validation, True
    judge = in_order_of(judge or splits.train, model.labels)
    expected = model.graph.input_shapes[0]
    if judge.shape != expected:
        raise DataError(f"{source} has {judge.kind} of shape {judge.shape}, the model takes {expected}.")
    return judge, drawn


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
    if not labels or not data.classes or list(data.classes) == labels:
        return data
    known = _by_name(labels)
    foreign = [name for name in data.classes if name.lower() not in known]
    if foreign:
        shown = "; ".join(labels[:5]) + ("; …" if len(labels) > 5 else "")
        raise DataError(
            f'{data.name} has a class "{foreign[0]}" that the model does not know.{nearest(foreign[0], list(known))} '
            f"Its classes: {shown}."
        )
    numbers = np.array([known[name.lower()] for name in data.classes], np.int64)
    y, ignored = data.y, data.ignored
    if y is not None and y.dtype != np.int64 and y.shape[1:] == numbers.shape:  # a column for each class
        columns = np.zeros((len(y), len(labels)), y.dtype)
        columns[:, numbers] = y
        y = columns
    elif y is not None and y.dtype == np.int64:
        ignored = ignored if ignored is None or ignored >= len(labels) else len(labels)
        counts = y != data.ignored if data.ignored is not None else np.ones(y.shape, bool)
        y = np.where(counts, numbers[np.where(counts, y, 0)], ignored if ignored is not None else 0)
    boxed = None if data.box_labels is None else tuple(numbers[each] for each in data.box_labels)
    return replace(data, y=y, ignored=ignored, box_labels=boxed, classes=tuple(labels))
