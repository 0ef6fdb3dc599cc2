"""Commands that train: demo, train, evaluate."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import (
    DATA,
    WEIGHTS,
    Augment,
    ClassNames,
    Ignored,
    Json,
    Precision,
    Variant,
    With,
    alone,
    by_class,
    engine_of,
    labels_of,
    left,
    model_of,
    say,
    shape_of,
)
from striate.errors import ArgumentError

Seed = Annotated[int, typer.Option(help="Of weights, shuffling and dropout; the same seed gives the same run.")]
RunFolder = Annotated[Path | None, typer.Option(help="The folder of the run (runs/DATA-NETWORK, or runs/DATA-TASK).")]


def register(app: typer.Typer) -> None:
    for command in (demo, train, evaluate):
        app.command()(command)


def demo(
    task: Annotated[
        str | None,
        typer.Option(help="localize, segment or detect: the same on drawn scenes, in minutes; classify: the digits."),
    ] = None,
    folder: RunFolder = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a small ConvNet on real handwritten digits, test it on digits it never saw, and open it up in a report."""
    from striate.demo import demo as show

    result = show(folder, task=task, seed=seed, say=_silent if json else print)
    if json:
        say(_facts(result), True, "")


def train(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(help=f"{DATA}.")] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classify, localize (one thing and where), segment (which pixels) or detect (which things and where); "
            "what the data have: boxes, label maps or classes."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="An architecture's name or a JSON description; of other tasks than classify the base's name."
        ),
    ] = None,
    weights: Annotated[str | None, typer.Option(help=f"What that base has learnt: {WEIGHTS}.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="digits, fast, best, imdb or imdb_published (digits, mnist, imdb have theirs).")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data (the recipe's, or 5; of other tasks 30 to 60).")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Samples per step (the recipe's, or 32; 128 for 5,000 and more; of other tasks 8 or 16)."),
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam, sgd, adamw, … (the recipe's, or adam).")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="A constant rate, in place of a recipe's schedule.")
    ] = None,
    validation: Annotated[float, typer.Option(help="Part of the training data held out for the curves.")] = 0.1,
    image_size: Annotated[
        str | None,
        typer.Option(help="Height x width for a folder of photos, such as 64x64 (the network's own; 150x150)."),
    ] = None,
    classes: ClassNames = None,
    ignored: Ignored = None,
    augment: Augment = None,
    precision: Precision = "auto",
    mix: Annotated[
        str | None, typer.Option(help="Mix the pictures of a batch with each other: mixup or cutmix.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch a data set with a name that is not on this machine.")
    ] = False,
    folder: RunFolder = None,
    seed: Seed = 0,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    page: Annotated[
        bool,
        typer.Option(
            "--page", help="Write page.html too: the network to look into, of a classifier with the held-out pictures."
        ),
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, as it was begun; takes no other arguments.")
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(help="First try so many settings by cross-validation, then train with the best (needs optuna)."),
    ] = None,
    json: Json = False,
) -> None:
    """Train a network on a data set; saves the model, its metrics and a report in a run folder."""
    if resume is not None:
        from striate.runs import resume_run

        alone(context, "--resume", except_for=("resume", "json"))
        result = resume_run(resume, verbose=0 if json else "auto")
        say(_facts(result), json, told(result))
        return
    if data is None:
        raise ArgumentError("name the data to train on, such as digits or a folder of pictures, or --resume a run.")
    from striate.cli.common import graph_of
    from striate.model import Model
    from striate.runs import train_run
    from striate.zoo import names

    chosen: Any = model
    if model is not None and model not in names() and (task or "classify") == "classify":
        name, graph = graph_of(model)
        chosen = Model.from_graph(graph, name)
    options: dict[str, Any] = {"augment": augment, "download": download, "task": task, "weights": weights}
    options |= labels_of(classes, ignored)
    if image_size is not None:
        size = shape_of(image_size)
        options["image_size"] = size * 2 if size is not None and len(size) == 1 else size
    tuned = None
    with ExitStack() as under_way:
        if tune is not None:
            from striate.interrupts import command_line, goes_on, typed
            from striate.runs import free_folder
            from striate.tune import tune as search

            if optimizer or learning_rate is not None or batch_size is not None:
                raise ArgumentError("--tune chooses --optimizer, --learning-rate and --batch-size; leave them out.")
            again = ["striate", *command_line()]
            if folder is None:
                folder = free_folder(f"{Path(data).name}-tuned")
                again += ["--folder", str(folder)]
            under_way.enter_context(goes_on(typed(*again)))  # until the training says more
            tuned = search(
                data,
                tune,
                folder=folder,
                model=chosen,
                recipe=recipe,
                epochs=epochs,
                validation=validation,
                precision=precision,
                seed=seed,
                say=None if json else print,
                **options,
            )
            if not json:
                print(tuned)
            if tuned.figure == "accuracy":
                chosen = tuned.model()
            recipe, epochs = None, tuned.epochs
            batch_size = tuned.best.settings["batch_size"]
        result = train_run(
            data,
            model=chosen,
            recipe=recipe,
            folder=folder,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer if tuned is None else tuned.optimizer(),
            learning_rate=learning_rate,
            validation=validation,
            precision=precision,
            mix=mix,
            seed=seed,
            report=report,
            page=page,
            verbose=0 if json else "auto",
            **options,
        )
    facts = _facts(result)
    if tuned is not None:
        facts["tuned"] = [{tuned.figure: trial.score, **trial.settings} for trial in tuned.trials]
    say(facts, json, told(result))


def evaluate(
    model: Annotated[str, typer.Argument(help="A saved model's or run's folder, or an architecture with --weights.")],
    data: Annotated[str | None, typer.Argument(help=f"Other data than it was trained on: {DATA}.")] = None,
    weights: Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")] = None,
    variant: Variant = None,
    others: With = None,
    label_column: Annotated[
        str | None, typer.Option(help="Of a CSV file: the column with the classes (the first that names the model's).")
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(
            help="Added to class numbers without names, or folders named by numbers: 1 where the network counts a "
            "background class 0 and they do not, 0 where they count along its outputs."
        ),
    ] = None,
    classes: ClassNames = None,
    ignored: Ignored = None,
    engine: Annotated[
        str,
        typer.Option(
            help="What computes: auto (torch or ONNX Runtime, in 32 bits), fast (what `striate bench` found here), or "
            "another, as for `striate predict`."
        ),
    ] = "auto",
    json: Json = False,
) -> None:
    """Measure a trained model on held-out data, by the figures of its task.

    To classify: accuracy with its 95 % interval, of many classes top-5 too.  To localize: the mean overlap of boxes
    (box_iou), and how many classes are right.  To segment: mean IoU, and the pixels that are right.  To detect: mAP at an
    overlap of 0.5 and over 0.5 to 0.95, precision, recall and F1.  Below them the figures of each class.
    """
    from striate.runs import judge_ensemble, judge_run

    first = model_of(model, weights, variant)
    options = {} if label_column is None else {"label_column": label_column}
    options |= labels_of(classes, ignored)
    if others:
        runs = [first, *(model_of(other, None) for other in others)]
        scores = judge_ensemble(runs, data, shift=shift, engine=engine, **options)
        each = scores["accuracy of each"]
        scores["accuracy of each"] = dict(zip([model, *others], each.values(), strict=False))
        lines = [f"{value:8.4f}  {name}" for name, value in scores["accuracy of each"].items()]
        low, high = scores["interval"]
        together = f"together, on {scores['samples']} of {scores['data']} (95 %: {low:.4f} to {high:.4f})"
        lines += [f"{scores['accuracy']:8.4f}  {together}", *([scores["note"]] if "note" in scores else [])]
        say(scores | {"engine": engine}, json, "\n".join(["accuracy", *lines]))
        return
    chosen = engine_of(first, engine)
    _, scores = judge_run(first, data, shift=shift, engine=chosen.how, **options)
    say(chosen.told(scores), json, judged(scores))


def judged(scores: dict[str, Any]) -> str:
    """A model's figures for people: what share is right, of how many, and how sure that is."""
    if "task" in scores:
        return _judged_task(scores)
    told = {
        key: value
        for key, value in scores.items()
        if key not in ("data", "samples", "interval", "top5", "classes", "note")
    }
    words = [f"{key} {value:.4f}" for key, value in told.items()]
    if "interval" in scores:
        low, high = scores["interval"]
        at = next((i for i, word in enumerate(words) if word.startswith("accuracy ")), len(words) - 1)
        words[at] += f" (95 %: {low:.4f} to {high:.4f})"
        if "top5" in scores:
            words[at] = words[at].replace("accuracy", "top-1 accuracy")
            words.insert(at + 1, f"top-5 accuracy {scores['top5']:.4f}")
    lines = ["  ".join([*words, f"n {scores['samples']:,}", str(scores["data"])])]
    return "\n".join([*lines, *by_class(scores.get("classes", {})), *([scores["note"]] if "note" in scores else [])])


def _judged_task(scores: dict[str, Any]) -> str:
    """The same of tasks that find things or their pixels: the figures, then a line for each class."""
    figures = "  ".join(f"{key} {value:.4f}" for key, value in scores.items() if isinstance(value, float))
    lines = [f"{figures}  n {scores['samples']:,}  {scores['data']}"]
    classes: dict[str, dict[str, Any]] = scores.get("classes", {})
    if classes:
        heads = list(dict.fromkeys(key for each in classes.values() for key in each))
        rows = [["", *heads], *([name, *(_cell(each.get(key)) for key in heads)] for name, each in classes.items())]
        widths = [max(len(row[i]) for row in rows) for i in range(len(heads) + 1)]
        lines += ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join([*lines, *([scores["note"]] if "note" in scores else [])])


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else f"{value:,}"


def _silent(text: str) -> None:
    """Say nothing."""


def told(result: Any) -> str:
    """A run's outcome for people."""
    scores = "  ".join(f"{key} {value:.4f}" for key, value in result.scores.items() if isinstance(value, float))
    first = f"{scores}  ({result.model.scores['judged on']}; trained in {result.seconds:.1f} s)"
    return "\n".join([first, *left(result), *([f"page    {result.page}"] if result.page else [])])


def _facts(result: Any) -> dict[str, Any]:
    return {
        "folder": str(result.folder),
        "report": str(result.report) if result.report else None,
        "page": str(result.page) if result.page else None,
        "seconds": round(result.seconds, 2),
        "scores": result.scores,
        "history": result.history,
    }
