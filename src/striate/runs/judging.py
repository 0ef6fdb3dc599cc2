"""How good a trained model is on data that it did not learn from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from striate.data import Dataset, load
from striate.data.learnt import LEARNT, known_among
from striate.data.readers.csv_table import columns
from striate.data.readers.files import is_picture
from striate.data.readers.names import whole_number
from striate.data.readers.scan import format_at, table_in
from striate.data.sets.catalog import options_of
from striate.errors import ArgumentError, DataError
from striate.intake import numbered_as
from striate.intake.classes import distinct, names_of
from striate.model import Model
from striate.runs.heads import as_the_task_reads
from striate.tasks.files import files_in
from striate.tasks.kinds import ClassifyTask, task_of
from striate.train import losses, metrics
from striate.train.metrics import interval
from striate.wording import many, plural

MANY = 10  # classes beyond which the five likeliest count too


class Held(NamedTuple):
    """What a model is judged on, its classes numbered as the model's outputs.

    drawn    whether it is the part that was held out of the training data
    notes    how the classes were matched, and whether the model learnt from these pictures
    rest     the training part of the same data set; None where what is judged on is all there is
    """

    data: Dataset
    drawn: bool
    notes: tuple[str, ...]
    rest: Dataset | None = None


def judge_run(
    run: Model | str | os.PathLike[str],
    data: str | None = None,
    *,
    shift: int | None = None,
    engine: str = "auto",
    **options: Any,
) -> tuple[Model, dict[str, Any]]:
    """Measure a model on the held-out part of a data set: (the model, its figures by name).

    run        a model, or the folder of a saved one
    data       a data set's name, a folder or a file; None: what the model was trained on
    shift      what is added to class numbers that have no names, or are the names of folders, where they count otherwise
               than the outputs: 1 for a network with a background class 0 and numbers that do not count it, 0 where they
               do; None: numbers count along the outputs, names are names
    engine     as for ``Model.predict``
    options    of the reader, such as label_column

    A model of another task is judged as that task judges: "task" names it, and "classes" has its figures of each class.

    Pictures are prepared as the model's preprocessing says, and classes found by their names.  With more than 10 classes
    the figures have the top-5 accuracy too, and always "interval", the 95 % interval of the accuracy, and "classes", of
    each class that is there how many are right, of how many.
    Raises ArgumentError, DataError for data that cannot be brought into line with the model.
    """
    from striate.models import load_model

    model = run if isinstance(run, Model) else load_model(run)
    held = held_out(model, data, str(model.name if isinstance(run, Model) else run), shift=shift, **options)
    judge = held.data
    task = task_of(model)
    if not isinstance(task, ClassifyTask):
        made = task.judge(model, judge, engine=engine)
        known: dict[str, Any] = {"data": judge.name, "samples": len(made.answers), "task": task.name, **made.figures}
        return model, known | ({"note": "; ".join(held.notes)} if held.notes else {})
    outputs = model.answers
    loss = losses.fitting(outputs, judge.y)
    wanted = [metrics.fitting(outputs, loss), *(["top5"] if outputs.count > MANY and judge.labels is not None else [])]
    found = metrics.F1Score(average=None, name="each") if outputs.count > 1 and judge.labels is not None else None
    with _compiled_with(model, loss, [*wanted, *([found] if found is not None else [])]):
        scores = model.evaluate(judge, return_dict=True, verbose=0, engine=engine)
    scores = {name: value for name, value in scores.items() if not name.startswith("each_")}
    figures: dict[str, Any] = {"data": judge.name, "samples": len(judge), **scores}
    if found is not None:
        figures["classes"] = _of_each(found, model)
    if judge.labels is not None:
        figures["interval"] = interval(round(scores["accuracy"] * len(judge)), len(judge))
    return model, figures | ({"note": "; ".join(held.notes)} if held.notes else {})


def _of_each(found: Any, model: Model) -> dict[str, list[int]]:
    """Of each class that is there how many were found, and how many there are."""
    right, _, there = found.state_dict()["counts"].round().long().tolist()
    names = model.labels or [str(i) for i in range(len(there))]
    return {str(name): [r, n] for name, r, n in zip(names, right, there, strict=True) if n}


@contextmanager
def _compiled_with(model: Model, loss: Any, wanted: list[Any]) -> Iterator[None]:
    """The model compiled with a loss and metrics to judge it; then as it was, with its own loss, optimizer and meaning."""
    kept = model._compile_args, model._plan, model._trainer
    model.compile("adam", loss, metrics=wanted)
    try:
        yield
    finally:
        model._compile_args, model._plan, model._trainer = kept


def judge_ensemble(
    runs: Sequence[Model | str | os.PathLike[str]],
    data: str | None = None,
    *,
    shift: int | None = None,
    engine: str = "auto",
    **options: Any,
) -> dict[str, Any]:
    """Measure models and the mean of their probabilities on the held-out part of a data set.

    runs      models, or folders of saved ones
    data      a data set's name, a folder or a file; None: what the first was trained on
    shift     as for ``judge_run``
    engine    as for ``Model.predict``
    options   of the reader, such as label_column

    Each reads the data with its own preprocessing; "interval" is the 95 % interval of the accuracy, and "note" says what a
    model was trained on.  Without data that none was trained on (a test set), all must have held
    out the same part of their training data.  Returns the figures by name.  Raises ArgumentError, DataError.
    """
    from striate.models import load_model
    from striate.tasks import Ensemble

    models = [run if isinstance(run, Model) else load_model(run) for run in runs]
    together = Ensemble(models)
    source = data or models[0].facts.get("data")
    parts, draws = [], set()
    notes: list[str] = []
    for model, run in zip(models, runs, strict=True):
        if data is None and model.facts.get("data") != source:
            raise ArgumentError(
                f"{run} was trained on {model.facts.get('data')}, the first on {source}; name the data to judge on."
            )
        held = held_out(model, data, str(run), shift=shift, **options)
        parts.append(held.data)
        notes += held.notes
        draws.add((model.facts["validation"], model.facts["seed"]) if held.drawn else None)
    if len(draws) > 1:
        raise ArgumentError(
            "these runs held out different pictures of their training data (other seed or validation), so each was "
            "trained on what would judge the others; name data that none has seen."
        )
    first = numbered_as(parts[0], together.labels)
    for part in parts[1:]:
        again = numbered_as(part, together.labels)
        if len(again) != len(first) or again.y is None or first.y is None or (again.y != first.y).any():
            raise DataError(f"{part.name} and {first.name} are not the same examples for every model; name the data.")
    assert first.y is not None
    each = {}
    for i, (run, model, part) in enumerate(zip(runs, models, parts, strict=True), start=1):
        name = f"{i}: {run.name if isinstance(run, Model) else run}"
        each[name] = Ensemble([model]).judge([part], np.asarray(part.y), engine=engine)["accuracy"]
    scores = together.judge(parts, first.y, engine=engine)
    scores["interval"] = interval(round(scores["accuracy"] * len(first)), len(first))  # type: ignore[assignment]
    told = {"note": "; ".join(dict.fromkeys(notes))} if notes else {}
    return {"data": first.name, "samples": len(first), **scores, "accuracy of each": each, **told}


def held_out(model: Model, data: str | None, told: str, *, shift: int | None = None, **options: Any) -> Held:
    """What a model is judged on; arguments as for ``judge_run``, and what to call the model."""
    source = data or model.facts.get("data")
    if not source:
        raise ArgumentError(f"{told} does not say what it was trained on; name the data.")
    if data is None:
        options = (model.facts.get("options") or {}) | options
    options, notes = _as_the_model_reads(source, model, as_the_task_reads(source, task_of(model).name, options))
    splits = load(source, **options)
    judge, drawn = splits.test or splits.validation, False
    rest: Dataset | None = splits.train
    if judge is None and data is None and model.facts.get("validation"):  # the same part that was held out in training
        parts = splits.train.split(model.facts["validation"], seed=model.facts["seed"])
        judge, drawn, rest = parts.validation, True, parts.train
    named = judge is None and _same(source, model.facts.get("data"))
    if judge is None:
        judge, rest = splits.train, None
    if shift is not None:
        judge = _shifted(judge, shift, model)
    judge = model.intake.dataset(judge)
    expected = model.graph.input_shapes[0]
    if judge.shape != expected:
        raise DataError(f"{source} has {judge.kind} of shape {judge.shape}, the model takes {expected}.")
    return Held(judge, drawn, (*notes, *_trained_on(judge, model, named)), rest)


def without_labels(data: str | None, *, shift: int | None = None, **options: Any) -> list[str] | None:
    """The pictures of a folder that has them in itself and in no folder below, or one picture: inputs without labels.

    data      a data set's name, a folder or a file; None: what the model was trained on
    shift     as for ``judge_run``
    options   of the reader, such as label_column

    None for everything else.  Raises ArgumentError for options, which are about labels, and DataError for an empty name.
    """
    if data is None or not os.path.lexists(data) or (Path(data).is_file() and not is_picture(data)):
        return None
    if Path(data).is_dir() and format_at(data) != "classes":
        return None
    try:
        files = files_in(data).files
    except DataError:  # the reader says what is expected
        return None
    if Path(data).is_dir() and any(Path(file).parent != Path(data) for file in files):
        return None
    if shift is not None or options:
        raise ArgumentError(f"{data}: holds pictures without labels, so nothing can be said of how those are read.")
    return files


def _trained_on(judge: Dataset, model: Model, named: bool) -> list[str]:
    """What is to be said of examples that the model was trained on; `named` where the data's name says so."""
    told = known_among(judge.x, model.facts.get(LEARNT))
    if told is None:
        return [f"the model was trained on these {many(judge.noun)}"] if named else []
    count, exact = told
    if not count:
        return []
    how = "all" if count == len(judge) else f"{count:,}" if exact else f"about {count:,}"
    return [f"the model was trained on {how} of these {judge.counted}"]


def _as_the_model_reads(source: str, model: Model, options: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The reader's options with the model's own preprocessing and vocabulary in them; and what is to be said of them."""
    known, own = options_of(source), model.preprocessing
    adapted, notes = dict(options), []
    if own is not None and own.vocabulary is not None and "vocabulary" in known:
        adapted = {"vocabulary": own.vocabulary}
    elif own is not None and "preprocessing" in known and model.intake.takes_pictures:
        made = ("image_size", "channels", "resize")
        adapted = {key: value for key, value in adapted.items() if key not in made} | {
            "preprocessing": model.intake.recipe
        }
    learnt = model.facts.get("ignored")
    if "ignored" in known and learnt is not None:  # masks of the same tool have the same label for nothing
        adapted.setdefault("ignored", learnt)
    if "label_column" in known and "label_column" not in adapted and model.labels:
        column = _naming_column(source, model.labels)
        if column is not None:
            adapted["label_column"] = column
            if all(whole_number(label) is not None for label in model.labels):  # names that would be taken for places
                adapted.setdefault("classes", model.labels)
            notes.append(f'classes by the column "{column}"')
    return adapted, notes


def _naming_column(path: str, labels: Sequence[str]) -> str | None:
    """The first column of a CSV file in which every cell is the name of one of the classes."""
    names = names_of(tuple(labels))
    table = table_in(Path(path)) if Path(path).is_dir() else path  # beside its pictures
    for column, cells in columns(table).items() if table is not None else ():
        if all(names.candidates(cell) and not is_picture(cell) for cell in set(cells)):
            return column
    return None


def _shifted(data: Dataset, shift: int, model: Model) -> Dataset:
    """The data with this added to their class numbers, which may be the names of folders.

    Raises ArgumentError where they have other names, or leave the outputs.
    """
    y, count = data.labels, model.answers.classes
    numbers = [whole_number(name) for name in data.classes or ()]
    if y is None or None in numbers:
        raise ArgumentError(f"{data.name}: shift is for class numbers without names; these have names, or are none.")
    y = np.array(numbers, np.int64)[y] if numbers else y
    if y.min() + shift < 0 or y.max() + shift >= count:
        raise ArgumentError(
            f"{data.name}: {y.min()} to {y.max()} shifted by {shift} leave the {plural(count, 'class')}."
        )
    named = distinct(model.labels) if model.labels and len(model.labels) == count else None
    return replace(data, y=y + shift, classes=named)


def _same(source: str, other: Any) -> bool:
    return other is not None and (str(source) == str(other) or Path(source).resolve() == Path(str(other)).resolve())
