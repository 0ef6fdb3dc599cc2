"""Search for good settings by k-fold cross-validation on the training data; the test data are never looked at."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate import recipes
from striate.data import Dataset, Splits, load
from striate.data.checks.check import first_look
from striate.data.sets.catalog import names, placed
from striate.doors.databases import database
from striate.doors.locks import locked
from striate.errors import ArgumentError, BundleError, DataError, StriateError
from striate.extras import extra
from striate.guard import guard
from striate.layers.augment_words import by_words
from striate.model import Model
from striate.models import from_json
from striate.runs.heads import prepared, task_at
from striate.runs.networks import levels, network_for, reading
from striate.runs.training import RECIPE
from striate.tasks.detection_recipe import freeze_below
from striate.tasks.kinds import task_for, task_named
from striate.wording import inner, plural

__all__ = ["Trial", "Tuned", "tune"]

FILE = "tune.db"
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"class": "Adam"},
    "adamw": {"class": "AdamW", "weight_decay": 0.01},
    "rmsprop": {"class": "RMSprop"},
    "sgd": {"class": "SGD", "momentum": 0.9},
}
BATCHES = (16, 32, 64, 128, 256)
_WEIGHTED = ("filters", "units")  # what the width of a layer is called


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    number      counted from 0, in the order in which they were tried
    score       the mean over the folds of the figure that says how good a model is (``Tuned.figure``), or None where the
                trial was given up early
    settings    what was chosen, by name
    """

    number: int
    score: float | None
    settings: dict[str, Any]


@dataclass
class Tuned:
    """What a search came to.

    trials      in order of their scores, those given up early at the end
    network     the description that was varied
    folds       parts that each was held out of once
    epochs      passes over the training data of each fold
    figure      what was compared: "accuracy", or of another task its figure, such as "map50"
    """

    trials: list[Trial]
    network: dict[str, Any]  # the description that was varied
    folds: int
    epochs: int
    figure: str = "accuracy"

    @property
    def best(self) -> Trial:
        """The trial with the highest score."""
        return self.trials[0]

    def model(self) -> Model:
        """A fresh network with the best setting's dropout and width."""
        return from_json(varied(self.network, self.best.settings))

    def optimizer(self) -> dict[str, Any]:
        """The best setting's optimizer, as ``optimizers.get`` takes it."""
        return described(self.best.settings)

    def __str__(self) -> str:
        names = list(self.best.settings)
        rows = [["trial", self.figure, *(name.replace("_", " ") for name in names)]]
        for trial in self.trials:
            figure = "given up" if trial.score is None else f"{trial.score:.4f}"
            rows.append([str(trial.number + 1), figure, *(_said(trial.settings.get(name)) for name in names)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(
            [*lines, f"{self.figure}: mean over {plural(self.folds, 'fold')}, {plural(self.epochs, 'epoch')} each"]
        )


def tune(
    data: str,
    trials: int,
    *,
    folder: str | os.PathLike[str],
    task: str | None = None,
    model: Model | str | None = None,
    weights: Any = None,
    recipe: str | None = None,
    folds: int = 3,
    epochs: int | None = None,
    validation: float = 0.1,
    precision: str = "auto",
    seed: int = 0,
    say: Any = None,
    splits: Splits | None = None,
    augment: Any = None,
    download: bool = False,
    **options: Any,
) -> Tuned:
    """Try `trials` settings of learning rate, optimizer, batch size and, where the network has them, dropout and width.

    Each is the mean over `folds` folds of the training data of the validation accuracy, or of another task's figure; a
    setting below the median of the others at the same point is given up.  Without a test or validation set, the part that
    ``train_run`` judges on (`validation`, `seed`) is left out.  `folder` keeps the trials in tune.db: the same call goes on
    where an earlier one was broken off.  The choice is optuna's TPE.  Bergstra et al. 2011, "Algorithms for hyper-parameter
    optimization".

    data        a data set's name or path, as ``data.load`` takes them
    trials      how many settings
    folder      where the trials are kept
    task        as for ``train_run``; the width and dropout of networks of other tasks than classify stay as they are
    model       a model, a zoo name, or None: the recipe's, or the usual one for the data; of other tasks the base's name
    weights     what that base has learnt, as for ``train_run``
    recipe      a name from ``recipes.RECIPES``, or None
    folds       of the cross-validation, at least 2
    epochs      of each fold (the recipe's, or 5)
    validation  part of the data that is left out where there is no test or validation set
    precision   of every training: "float32", "bf16", "fp16" or "auto", as for ``Model.compile``
    seed        of the search, the folds and the weights
    say         called with a line about each trial
    splits      the data, read already
    augment     random changes to the training pictures, as ``train_run`` takes them
    download    fetch a named data set that is not on this machine
    options     for the reader of the data, such as image_size

    Raises ArgumentError when optuna is missing or `folder` holds another search, DataError for data without what the task
    learns, BundleError where tune.db is damaged or another process writes to the folder.
    """
    optuna = extra("optuna", "tune", "tuning")
    from striate.seed import set_seed
    from striate.train.callbacks import LambdaCallback
    from striate.train.plan import check_epochs, check_precision

    if trials < 1 or folds < 2:
        raise ArgumentError(f"tune: at least 1 trial and 2 folds, not {trials} and {folds}.")
    if epochs is not None:
        check_epochs(epochs)
    check_precision(precision)
    kind = task_named(task_at(data, task)) if splits is None else task_for(splits.train, task)
    dense = kind.name != "classify"
    if dense and (recipe is not None or isinstance(model, Model)):
        raise ArgumentError(f"tune: to {kind.name} it takes a base by name, and no recipe.")
    recipe = RECIPE.get(data) if recipe is None and model is None and not dense else recipe
    plan = recipes.get(recipe) if recipe else None
    if splits is None:
        data = data if download else placed(data)
        if say is not None and data not in names() and Path(data).exists():
            first_look(data)
        if not dense:
            options = reading(data, model if model is not None else plan.network if plan else None, options)
    base = None
    if dense:
        shape = None if splits is None else splits.train.shape
        base, _, options, _ = prepared(kind.name, data, str(model) if model else None, weights, options, shape)
    splits = load(data, download=download, **options) if splits is None else splits
    train, held, test = splits
    if held is None and test is None and validation:
        train = train.split(validation, seed=seed).train
    if not dense and train.labels is None:
        raise DataError(f"{train.name} has no class labels; tuning compares accuracies.")
    kind.check(train)
    epochs = epochs if epochs is not None else plan.epochs if plan else 5
    first = kind.network(base, train) if base is not None else network_for(data, train, model, plan, augment)[0]
    if base is not None and weights is not None:
        freeze_below(base)
    network, learnt = first.description(), first.get_weights() if base is not None else None
    changes = None
    if dense and augment is not None:
        changes = by_words(augment, train.shape, levels(train.preprocessing, train.shape))
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # below that it prints the traceback of what ends a trial
    parts = list(train.folds(folds, seed=seed))

    def objective(trial: Any) -> float:
        settings = _suggested(trial, network, len(parts[0][0]), dense)
        accuracies: list[float] = []
        for fold, (learn, judge) in enumerate(parts):
            set_seed(seed + fold)
            net = from_json(varied(network, settings))
            how: dict[str, Any] = {}
            if learnt is not None:
                net.set_weights(learnt)
                net.preprocessing = first.preprocessing
                how = kind.recipe(net, None, epochs * -(-len(learn) // settings["batch_size"]))
                how |= {"optimizer": described(settings)} | ({} if changes is None else {"augment": changes})
            what = kind.learning(net, learn, learnt=weights is not None)
            net.compile(**({"optimizer": described(settings)} | how), **what, precision=precision)

            def report(epoch: int, logs: Any, fold: int = fold) -> None:
                trial.report(float(np.mean([*accuracies, logs[f"val_{kind.figure}"]])), fold * epochs + epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

            history = net.fit(
                learn,
                validation_data=judge,
                batch_size=settings["batch_size"],
                epochs=epochs,
                seed=seed,
                verbose=0,
                callbacks=[LambdaCallback(on_epoch_end=report)],
            )
            accuracies.append(history.history[f"val_{kind.figure}"][-1])
        return float(np.mean(accuracies))

    def tell(_: Any, trial: Any) -> None:
        if say is not None:
            figure = f"{trial.value:.4f}" if trial.state.name == "COMPLETE" else "given up"
            settings = "  ".join(f"{key} {_said(value)}" for key, value in trial.params.items())
            say(f"{trial.number + 1:4d}  {figure}  {settings}")

    from striate.errors import TrainingError

    place = Path(folder) / FILE
    with locked(folder, "the search"):
        with _stored(place, begun=True):
            study = _study(place, epochs)
            asked = {"folds": folds, "epochs": epochs, "seed": seed, "search": _digest(train, network)}
            _same_search(study, asked, folder)
            done = _taken_up(study, seed)
        with _stored(place):
            left = max(0, trials - done)
            study.optimize(objective, n_trials=left, callbacks=[tell], catch=(TrainingError,))
        with _stored(place, begun=True):
            ended = [t for t in study.trials if t.state.is_finished() and t.params]
    ranked = sorted(ended, key=lambda t: (t.state.name != "COMPLETE", -(t.value or 0.0), t.number))
    if not ranked or ranked[0].state.name != "COMPLETE":
        raise ArgumentError(f"none of {trials} settings could be trained to the end; look at the data and the network.")
    outcome = [Trial(t.number, t.value if t.state.name == "COMPLETE" else None, dict(t.params)) for t in ranked]
    return Tuned(outcome, network, folds, epochs, kind.figure)


def _study(place: Path, epochs: int) -> Any:
    """The search in a database, a new one where there is none."""
    import optuna
    import sqlalchemy

    storage = optuna.storages.RDBStorage(
        "sqlite://", engine_kwargs={"creator": database(place), "poolclass": sqlalchemy.pool.QueuePool}
    )  # by a path: in an address some characters of a name would be options
    return optuna.create_study(
        storage=storage,
        study_name="striate",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, epochs // 3)),
    )


def _taken_up(study: Any, seed: int) -> int:
    """Let a search go on: how many of its trials have come to an end."""
    import optuna

    broken = [t for t in study.trials if not t.state.is_finished()]
    for trial in broken:  # a process that was killed in it
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=5)
    return len([t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")])


@contextmanager
def _stored(place: Path, begun: bool = False) -> Iterator[None]:
    """What the database raises, as a BundleError; with `begun` whatever it raises, else what only a database does."""
    import optuna
    import sqlalchemy

    always = (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError)
    try:
        yield
    except StriateError:
        raise
    except Exception as error:
        if not begun and not isinstance(error, always):
            raise
        said = str(getattr(error, "orig", None) or error) or type(error).__name__
        raise BundleError(
            f"{place} is damaged or cannot be written ({inner(said.splitlines()[0])}). Free some space where the disk is "
            "full; else delete it to begin the search anew."
        ) from None


def varied(network: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """A description with the dropout rate and the width of `settings`; the last layer with weights keeps its own."""
    changed = copy.deepcopy(network)
    if (rate := settings.get("dropout")) is not None:
        for layer in _dropouts(changed):
            layer["rate"] = rate
    if (width := settings.get("width")) is not None:
        for layer in _widths(changed):
            key = next(key for key in _WEIGHTED if key in layer)
            layer[key] = max(1, round(layer[key] * width))
    return changed


def described(settings: dict[str, Any]) -> dict[str, Any]:
    """The optimizer of a setting, as ``optimizers.get`` takes it."""
    return {**OPTIMIZERS[settings["optimizer"]], "learning_rate": settings["learning_rate"]}


def _suggested(trial: Any, network: dict[str, Any], samples: int, dense: bool) -> dict[str, Any]:
    settings = {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        "optimizer": trial.suggest_categorical("optimizer", list(OPTIMIZERS)),
        "batch_size": trial.suggest_categorical(
            "batch_size", [b for b in ((4, 8, 16, 32) if dense else BATCHES) if b <= max(16, samples // 8)]
        ),
    }
    if dense:
        return settings
    if _dropouts(network):
        settings["dropout"] = trial.suggest_float("dropout", 0.0, 0.6, step=0.1)
    if _widths(network):
        settings["width"] = trial.suggest_categorical("width", [0.5, 1.0, 2.0])
    return settings


def _dropouts(network: dict[str, Any]) -> list[dict[str, Any]]:
    return [layer for layer in network["layers"] if layer["class"] == "Dropout"]


def _widths(network: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers whose width may change: all but the last with weights, in a plain chain; elsewhere widths must agree."""
    if network.get("class") != "Sequential":
        return []
    return [layer for layer in network["layers"] if any(key in layer for key in _WEIGHTED)][:-1]


def _digest(train: Dataset, network: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(network).encode())
    digest.update(repr((train.x.shape, train.preprocessing)).encode())
    digest.update(np.ascontiguousarray(train.x[:: max(1, len(train) // 5000)]).data)
    digest.update(np.asarray(train.y).tobytes())
    for boxes, labels in zip(train.boxes or (), train.box_labels or (), strict=True):
        digest.update(boxes.tobytes() + labels.tobytes())
    return digest.hexdigest()


def _same_search(study: Any, asked: dict[str, Any], folder: Any) -> None:
    for key, value in asked.items():
        was = study.user_attrs.get(key)
        if was is None:
            study.set_user_attr(key, value)
        elif was != value:
            shown = "of other data or another network" if key == "search" else f"with {key} {was}, now it is {value}"
            raise ArgumentError(f"{Path(folder) / FILE} is a search {shown}; choose another folder.")


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


guard(__name__)
