"""A run: train a network on a data set into a folder with the model, its metrics and a report."""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate import recipes
from striate.annotations import wanted
from striate.data import Splits, load, names
from striate.data.checks.check import first_look
from striate.data.learnt import LEARNT, learnt_from
from striate.data.sets.catalog import from_anywhere, placed
from striate.described import number, whole
from striate.doors import budgets
from striate.doors.parsing import parse_json
from striate.doors.reading import read_bytes
from striate.doors.writing import atomic_write
from striate.errors import ArgumentError, BundleError, DataError
from striate.guard import guarded, shown
from striate.interrupts import goes_on, typed
from striate.layers.augment_words import by_words, words_of
from striate.messages import say
from striate.model import Model
from striate.runs.first_filters import FirstFilters, filters_in
from striate.runs.folders import FILTERS, PAGE, RUN, check_folder, run_folder, settle, under_way
from striate.runs.heads import prepared, task_at
from striate.runs.networks import levels, network_for, reading
from striate.tasks.kinds import ClassifyTask, task_for, task_named
from striate.tasks.task import Task
from striate.wording import inner, plural

# What suits a data set when nothing is asked for: a recipe where there is one, else a network (``networks.USUAL``).
RECIPE = {"digits": "digits", "mnist": "fast", "imdb": "imdb"}


@dataclass
class Run:
    """What a training run left.

    folder      where everything is
    model       as it is after the last epoch
    scores      its figures on held-out data, by name
    history     figures of every epoch, by name
    seconds     of training
    report      report.html, or None
    page        the explorer, page.html, or None
    skipped     how many files could not be read
    """

    folder: Path
    model: Model
    scores: dict[str, float]
    history: dict[str, list[float]]
    seconds: float
    report: Path | None
    skipped: int = 0
    page: Path | None = None


def train_run(
    data: str,
    *,
    task: str | None = None,
    model: Model | str | None = None,
    weights: Any = None,
    recipe: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: Any = None,
    learning_rate: float | None = None,
    validation: float = 0.1,
    precision: str = "auto",
    mix: Any = None,
    augment: Any = None,
    download: bool = False,
    seed: int = 0,
    verbose: str | int = "auto",
    report: bool = True,
    page: bool = False,
    callbacks: Sequence[Any] = (),
    splits: Splits | None = None,
    resume: bool = False,
    **options: Any,
) -> Run:
    """Train on a named data set or a folder of pictures, and save the run.

    At every moment the folder holds a whole model, and all that ``resume_run`` needs to go on.

    data        a data set's name, or the path of a folder or file, as ``data.load`` takes them
    task        "classify", "localize", "segment" or "detect"; None: what the data have: detect with boxes, segment with
                label maps, else classify
    model       a model, a zoo name, or None: the recipe's, or the usual one for the data.  Of a task other than classify the
                name is that of the base that the task's head stands on
    weights     what that base has learnt, as ``zoo.create`` takes it: "keras", "torchvision", a file …; None: nothing
    recipe      a name from ``recipes.RECIPES``; other arguments change single settings of it.  With neither model nor
                recipe, digits and mnist have theirs (``RECIPE``)
    folder      where the run goes (``runs/<data>-<network>``, of another task than classify ``runs/<data>-<task>``)
    epochs      passes over the training data (the recipe's, or 5; to localize and segment 30 and 40, to detect 60)
    batch_size  examples a step (the recipe's, or 32; 128 for 5,000 examples and more; of other tasks 8 or 16)
    optimizer   as ``Model.compile`` takes it (the recipe's, or adam; of other tasks ``tasks.detection_recipe``)
    learning_rate   a constant rate, in place of a recipe's schedule
    precision   "float32", "bf16", "fp16" or "auto", as for ``Model.compile``; the facts of the model say what it came to
    seed        of weights, shuffling, dropout and what is held out
    verbose     as for ``Model.fit``
    report      whether report.html is written
    page        whether page.html is written beside it: the network to look into, of a classifier of pictures with the
                held-out ones; some seconds and 12 MB or more
    callbacks   further ones, as for ``Model.fit``
    splits      the data, read already; `data` is then only their name
    mix         "mixup" or "cutmix": pictures of a batch mixed with each other, see ``Model.compile``
    augment     random changes to the training pictures: words such as "flip,crop,colour" (flip, vertical, crop, turn, shift,
                zoom, colour, grey, blur, erase; "none"), or augmentation layers; None: the recipe's
    download    fetch a named data set that is not on this machine
    validation  part of the training data held out for the curves, when the data has no validation set
    resume      go on with the run in `folder` that was broken off, given the same arguments again
    options     for the reader of the data, such as image_size; without it photos are read at the size that `model` takes

    The scores are those on the test set, or on the validation set when there is none.
    Over a model or a run that is in `folder` already it is written aside, in ``.again``, and takes its place in the end.

    Raises DataError, ArgumentError, TrainingError, and BundleError where another process writes to the folder or the disk is
    full; what was there before stays as it was.
    """
    from striate.pages import Answered, write_model_page, write_report, write_run_page
    from striate.seed import set_seed
    from striate.train import callbacks as callbacks_
    from striate.train import optimizers

    _check(epochs, batch_size, optimizer, learning_rate, validation, precision, mix)
    words_of(augment)  # an error now for a word that is none
    if folder is not None:
        check_folder(Path(folder))
    data = data if download or splits is not None else placed(data)
    asked = {
        "data": data,
        "task": task,
        "model": model,
        "weights": weights,
        "recipe": recipe,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "validation": validation,
        "precision": precision,
        "mix": mix,
        "augment": augment,
        "seed": seed,
        "report": report,
        "page": page,
        "callbacks": callbacks,
        "splits": splits,
        "options": options,
    }
    chosen_task = task_named(task_at(data, task)) if splits is None else task_for(splits.train, task)
    dense = not isinstance(chosen_task, ClassifyTask)
    if dense:
        _only_for_classes(chosen_task, recipe=recipe, mix=mix)
    elif weights is not None and (splits is not None or data in names() or Path(data).exists()):
        raise ArgumentError("weights go with the base of another task; `striate transfer` trains a classifier on one.")
    if recipe is None and model is None and not dense:
        recipe = RECIPE.get(data)
    plan = recipes.get(recipe) if recipe else None
    pictures = splits is None and data not in names() and Path(data).exists()
    noticed = first_look(data, aloud=verbose != 0) if pictures else None
    base, said = None, ""
    if dense and not isinstance(model, Model):
        size = None if splits is None else splits.train.shape
        base, options, how, said = prepared(chosen_task.name, data, model, weights, options, size)
        asked["options"] = options
        splits = load(data, download=download, **how) if splits is None else splits
    elif splits is None:
        options = reading(data, model if model is not None else plan.network if plan else None, options)
        asked["options"] = options
        splits = load(data, download=download, **options)
    chosen_task.check(splits.train)
    train, held, test = splits
    if held is None and validation:
        train, held, _ = train.split(validation, seed=seed)
    judge = test if test is not None else held
    if judge is None:
        raise DataError("no data is held out to judge the model on: give validation above 0.")
    set_seed(seed)
    if base is not None:
        model = chosen_task.network(base, train)
    elif not isinstance(model, Model) or not dense:
        model, said = network_for(data, train, model, plan, augment)
    if task is None and dense and verbose:
        say(f"the task is to {chosen_task.name}: {chosen_task.line}; --task asks for another.")
    if said and verbose:
        say(said)
    passes = epochs if epochs is not None else plan.epochs if plan else chosen_task.epochs
    if batch_size is None:
        batch_size = plan.batch_size if plan else chosen_task.batch if dense or len(train) < 5000 else 128
    steps = passes * -(-len(train) // max(batch_size, 1))
    how_to = chosen_task.recipe(model, base if weights is not None else None, steps) if dense else {}
    if augment is not None and dense:
        how_to["augment"] = by_words(augment, train.shape, levels(train.preprocessing, train.shape))
    # a learning rate of one's own replaces the recipe's schedule
    chosen: Any = optimizer or (plan.optimizer() if plan and learning_rate is None else None)
    suggested = how_to.pop("optimizer", "adam")
    chosen = optimizers.get(chosen or suggested)
    if learning_rate is not None:
        chosen.learning_rate = learning_rate
    what = chosen_task.learning(model, train, learnt=base is not None and weights is not None)
    model.compile(chosen, **({"mix": mix} | how_to), **what, precision=precision)
    name = Path(data).name
    intake = model.intake.learning_from(train)
    train, judge = intake.dataset(train), intake.dataset(judge)
    model.labels, model.preprocessing = intake.labels, intake.preprocessing
    drawn = validation if splits.validation is None else None  # of data with a part of their own none is drawn
    facts = {"recipe": recipe, "options": options, "validation": drawn, "seed": seed}
    if dense:
        facts |= {"task": chosen_task.name, "base": base.name if base is not None else None}
        facts |= {"weights": str(weights) if weights is not None else None}
    facts |= {"ignored": train.ignored} if train.ignored is not None else {}
    facts["data"] = data if asked["splits"] is not None else from_anywhere(data)
    facts |= {"data check": noticed} if noticed else {}
    facts[LEARNT] = learnt_from(train.x)
    model.facts |= facts
    alone = os.environ.get("WORLD_SIZE", "1") == "1"  # under torchrun no state is kept
    stem = f"{name}-{chosen_task.name if dense else model.name or 'model'}"
    with run_folder(folder, stem, "training", resume=resume) as (target, place), goes_on(_how_to_go_on(target, asked)):
        started = time.perf_counter()
        history = model.fit(
            train,
            validation_data=held,
            batch_size=batch_size,
            epochs=passes,
            seed=seed,
            verbose=verbose,
            callbacks=[
                _keeper(model, place, asked),
                callbacks_.CSVLogger(place / "metrics.csv"),
                *([] if dense else [FirstFilters(place / FILTERS)]),
                *callbacks,
            ],
            resume=place if alone or resume else None,
        )
        seconds = model.facts.setdefault("seconds", round(time.perf_counter() - started, 1))
        chosen_task.settle(model, held if held is not None else judge)
        scores = model.evaluate(judge, return_dict=True, verbose=0)
        model.scores = {"judged on": f"{judge.name}: {plural(len(judge), f'held-out {judge.noun}')}", **scores}
        model.facts |= facts
        model.save(place)
        parts = [part for part in splits if part is not None]
        lost = list(dict.fromkeys(file for part in parts for file in part.skipped))
        answered, written = None, None
        if page or report:
            with suppress(DataError):
                answered = Answered.of(model, judge)
        if page and answered is not None and model.intake.takes_pictures:
            written = write_run_page(
                place / PAGE,
                model,
                judge,
                history=history.history,
                answered=answered,
                filters=filters_in(place / FILTERS, model),
                timed=False,  # so that the same seed gives the same files
            )
        elif page:
            written = write_model_page(place / PAGE, model, timed=False)
        told = None
        if report:
            told = write_report(
                place / "report.html",
                model,
                judge,
                history=history.history,
                title=f"{name}: {chosen_task.line}" if dense else None,
                seconds=seconds,
                facts=model.facts,
                skipped=lost,
                notes=[line for part in parts for line in part.notes],
                answered=answered,
                page=None if written is None else written.name,
            )
    told, written = (None if file is None else target / file.name for file in (told, written))
    return Run(target, model, scores, history.history, seconds, told, len(lost), written)


def _check(
    epochs: Any, batch_size: Any, optimizer: Any, learning_rate: Any, validation: Any, precision: Any, mix: Any
) -> None:
    """Raise ArgumentError for arguments that are wrong whatever the data are, before these are read."""
    from striate.train import optimizers
    from striate.train.plan import check_epochs, check_precision, mix_of

    if epochs is not None:
        check_epochs(epochs)
    if batch_size is not None:
        whole("train", "batch_size", batch_size)
    tried = optimizers.get("adam" if optimizer is None else optimizer)
    if learning_rate is not None:
        copy(tried).learning_rate = learning_rate
    number("train", "validation", validation, 0, 1)
    check_precision(precision)
    mix_of(mix)


def _only_for_classes(task: Task, **given: Any) -> None:
    """Raise ArgumentError for what only classification takes."""
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(f"{name} is for classification; to {task.name} takes none. Leave it out.")


def _how_to_go_on(target: Path, asked: dict[str, Any]) -> str:
    """What is typed to go on with a run that is stopped; nothing where only Python can give its arguments again."""
    return "" if recorded_of(asked)[1] else typed("striate", "train", "--resume", target)


def _keeper(model: Model, folder: Path, asked: dict[str, Any]) -> Any:
    """Writes down what was asked for before the first step, and keeps the latest model in the folder."""
    from striate.train.callbacks import LambdaCallback
    from striate.train.checkpoint import Budget

    budget = Budget()

    def begin(_: Any) -> None:
        write_record(folder, asked)
        if not (folder / "model.json").is_file():
            model.save(folder)

    def save(_epoch: int, _logs: Any) -> None:
        if budget.allows():
            with budget:
                model.save(folder)

    return LambdaCallback(on_train_begin=begin, on_epoch_end=save)


def write_record(folder: Path, asked: dict[str, Any], command: str = "train") -> None:
    """Write down the arguments of a run as JSON; `objects` names those that only Python can give again.

    folder    of the run
    asked     the arguments by name
    command   what began it: ``train`` or ``transfer``

    Raises BundleError when the file cannot be written.
    """
    record, objects = recorded_of(asked, command)
    said = {"format": "striate-run", "version": 1, "command": command, "arguments": record, "objects": objects}
    atomic_write(folder / RUN, json.dumps(said, indent=1) + "\n")


def recorded_of(asked: dict[str, Any], command: str = "train") -> tuple[dict[str, Any], list[str]]:
    """Arguments as JSON has them, and the names of those that only Python can give again.

    asked     the arguments by name
    command   what they are of: ``train`` or ``transfer``
    """
    record, objects = dict(asked), []
    for name, value in asked.items():
        if isinstance(value, Model):
            record[name] = value.description()
            objects += [name] if command != "train" else []  # its weights stand nowhere
        elif hasattr(value, "to_dict") and name == "optimizer":
            record[name] = value.to_dict()
        elif name in ("data", "weights") and isinstance(value, str | os.PathLike):
            record[name] = from_anywhere(value)
        elif name in ("callbacks", "splits"):
            record.pop(name)
            objects += [name] if value else []
            continue
        try:
            json.dumps(record[name])
        except TypeError:
            record[name] = None
            objects.append(name)
    return record, objects


def read_record(folder: str | os.PathLike[str], command: str = "train") -> dict[str, Any]:
    """The arguments of the latest run in a folder.

    folder    of the run
    command   what must have begun it

    A run whose process was killed while its files took their places is put into place before.
    Raises ArgumentError when there is no such run, it was begun by another command, or from Python with arguments that only
    Python can give, and BundleError when its record is damaged or says what no run is asked for.
    """
    settle(folder)
    file = under_way(folder) / RUN
    if not file.is_file():
        what = "holds no run: it has no run.json" if Path(folder).is_dir() else "is no folder"
        raise ArgumentError(f"{folder} {what}; name the folder of a run that `striate {command}` began.")
    where = os.fspath(file)
    description = parse_json(read_bytes(file, budgets.SETTINGS, BundleError, links=False), where, BundleError)
    try:
        arguments, objects = dict(description["arguments"]), [str(name) for name in description["objects"]]
        begun = str(description.get("command", "train"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, inner(error)) from None
    if begun != command:
        raise ArgumentError(f"{folder} was begun by `striate {begun}`; go on with `striate {begun} --resume {folder}`.")
    if objects:
        function = {"train": "train_run", "transfer": "transfer.fit"}[command]
        raise ArgumentError(
            f"{folder} was begun from Python with {' and '.join(objects)} of its own; call "
            f"{function}(..., resume=True) with the same arguments."
        )
    return arguments


def called_again(function: Callable[..., Any], folder: str | os.PathLike[str], arguments: Any, **more: Any) -> Any:
    """Call what began a run with the arguments of its record, which are held against the function's own.

    function    ``train_run`` or ``transfer.fit``
    folder      of the run
    arguments   of its record
    more        what the record must not have: the folder, and how it is gone on with

    Raises BundleError for a record with other arguments, or with values that are no such arguments.
    """
    file = under_way(folder) / RUN
    known = inspect.signature(function).parameters
    own = {name for name, each in known.items() if each.kind is not inspect.Parameter.VAR_KEYWORD}
    wrong = [name for name in arguments if name not in own - more.keys() - {"folder", "resume"}]
    options = more.pop("options", {})
    wrong += [name for name in options if name in known or not isinstance(name, str)]
    if wrong:
        raise _damaged(file, f'it has an argument "{wrong[0]}"')
    if "data" not in arguments:
        raise _damaged(file, "no data")
    for name, value in arguments.items():
        asked = wanted(str(known[name].annotation))
        if asked is not None and asked.plain and not asked.fits(value):
            raise _damaged(file, f"{name} is {shown(value)}, not {asked.words}")
    return guarded(function)(**arguments, folder=folder, resume=True, **more, **options)


def _damaged(file: Path, why: str) -> BundleError:
    return BundleError(f"{file} is damaged ({why}). Start the run anew in another folder.")


def resume_run(folder: str | os.PathLike[str], *, verbose: str | int = "auto") -> Run:
    """Go on with a run that was broken off, or killed, at whatever moment, as if nothing had happened.

    folder      of the run
    verbose     as for ``Model.fit``

    On the CPU it ends at the very weights of an unbroken run; a finished run is judged again and stays as it is.
    Raises ArgumentError when the folder holds no run, or when data, network or version have changed, BundleError when what
    it holds is damaged or another process writes to it.
    """
    from striate.models import from_json

    arguments = read_record(folder)
    file = under_way(folder) / RUN
    options = arguments.pop("options", None)
    if not isinstance(options, dict):
        raise _damaged(file, "no options")
    size = options.get("image_size")
    if isinstance(arguments.get("model"), dict):
        arguments["model"] = from_json(arguments["model"])
    if isinstance(size, list):
        options["image_size"] = tuple(size)
    return called_again(train_run, folder, arguments, verbose=verbose, options=options)  # type: ignore[no-any-return]
