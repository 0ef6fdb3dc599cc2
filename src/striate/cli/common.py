"""What several commands share: arguments, and printing as text or JSON."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from striate.doors.parsing import parse_json, read_json
from striate.doors.writing import drop_output
from striate.errors import ArgumentError, StriateError, nearest
from striate.graph import Graph, from_json
from striate.visible import visible
from striate.wording import plural

_DIGITS = 12  # beyond which a number has what sums in binary leave, such as 87.20000000000001
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Described = Annotated[str, typer.Argument(help="An architecture's name, a JSON description or a saved model's folder.")]
InputShape = Annotated[str | None, typer.Option(help="Input of a named architecture, such as 224x224x3.")]
Classes = Annotated[int | None, typer.Option(help="Classes of a named architecture.")]
WEIGHTS = "a file (also TensorFlow's .ckpt), keras, torchvision, timm (downloaded once), or hf:owner/name"
SETS = "digits, scenes, mnist, fashion_mnist, cifar10, cifar100, imdb, bccd or camvid"  # those that data.load knows
DATA = f"{SETS}; or a folder (of classes, VOC, COCO, YOLO, images with masks), a zip, a CSV or COCO file"
ClassNames = Annotated[
    str | None,
    typer.Option(
        "--classes",
        help="The classes' names in the order of their numbers, where the data do not say: with commas between, or a "
        "file with one a line.",
    ),
]
Ignored = Annotated[
    int | None,
    typer.Option(
        "--ignored",
        "--ignore",
        help="The label of masks that counts for nothing, such as 11 (one named void; 255 where it stands apart).",
    ),
]
Variant = Annotated[
    list[str] | None, typer.Option("--variant", help="Of a named architecture, such as alpha=0.5; may be repeated.")
]

Engine = Annotated[
    str | None,
    typer.Option(
        help="What computes: fast (what `striate bench` found here; so by default where it did), auto (torch or ONNX "
        "Runtime, else by default), torch, onnxruntime, openvino, in 16 bits torch-bf16 and openvino-bf16, int8 and "
        "openvino-int8 (what `striate quantize` made), or what bench found with +float32 in its name."
    ),
]
Augment = Annotated[
    str | None,
    typer.Option(
        help="Random changes to the training pictures, with commas: flip, vertical, crop, turn, shift, zoom, colour, "
        "grey, blur, erase; or none."
    ),
]
Precision = Annotated[
    str, typer.Option(help="float32, bf16, fp16, or auto: bf16 where this device and network are faster in it.")
]
With = Annotated[
    list[str] | None,
    typer.Option(
        "--with", help="A further model of the same classes, whose probabilities are averaged in; repeatable."
    ),
]


class Commands(TyperGroup):
    """A group whose list of commands has the first sentence of each in full."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list, over several lines where a sentence is long."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, each.get_short_help_str(1000)) for name, each in commands if each is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def say(value: Any, as_json: bool, text: str) -> None:
    """Print `value` as JSON, or `text`, whose lines are ours; see ``visible``."""
    print(json.dumps(_rounded(value), indent=1) if as_json else visible(text, lines=True), flush=True)


def _rounded(value: Any) -> Any:
    """The same for JSON: no last digits that only the arithmetic left (87.2, not 87.20000000000001), null for no number."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        short = float(f"{value:.{_DIGITS}g}")
        return short if abs(short - value) <= 16 * math.ulp(value) else value
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


def aside(text: str) -> None:
    """Print a line that is no answer, on standard error; where nobody can read it, it is left out."""
    try:
        print(visible(text), file=sys.stderr)
    except OSError:
        drop_output()


def alone(context: typer.Context, option: str, except_for: tuple[str, ...]) -> None:
    """Raise ArgumentError if the command line gives anything beside `option`, which takes everything from a run."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if name not in except_for and source is not None and source.name == "COMMANDLINE":
            raise ArgumentError(
                f"{option} takes everything from the run's folder; leave out {name.replace('_', '-')}, or begin a new run."
            )


def check_output(output: Path | None, *read: Any, endings: tuple[str, ...] = ()) -> None:
    """Look at the file that a command is to write, before it begins.

    output    the file, or None
    read      what the command reads: paths and names, alone or in lists; whatever else is passed over
    endings   those that its name may have; (): any

    Raises ArgumentError for another ending, and where it would take the place of what is read, or of a part of a saved
    model or a run.
    """
    if output is None:
        return
    if endings and output.suffix.lower() not in endings:
        raise ArgumentError(f"{output}: this is written as {' or '.join(endings)}.")
    named = [
        one for each in read for one in (each if isinstance(each, list) else [each]) if isinstance(one, str | Path)
    ]
    if any(os.path.isfile(one) and os.path.exists(output) and os.path.samefile(one, output) for one in named):
        raise ArgumentError(f"{output} is what is read, and would be lost. Give another name.")
    if os.path.lexists(output) and any((output.parent / own).is_file() for own in ("model.json", "run.json")):
        from striate.runs.folders import is_part

        if is_part(output.name):
            raise ArgumentError(f"{output} is a part of the model or run there, and would be lost. Give another name.")


def left(result: Any) -> list[str]:
    """Where a run's model and report are, and how many files it had to leave out, for people."""
    lines = [f"model   {result.folder}"]
    if result.skipped:
        lines.append(f"{plural(result.skipped, 'file')} could not be read and had no part; see the report")
    return [*lines, f"report  {result.report}"] if result.report else lines


_SOME = 5  # examples from which on one of many classes is worth a word


def by_class(classes: dict[str, list[int]]) -> list[str]:
    """How many are right of each class; of many classes of the worst five among those that have some examples.

    Nothing for one class, and where each of many has hardly any: then the worst are those that had bad luck.
    """
    few = len(classes) <= 12
    told_of = [name for name, (_, of) in classes.items() if few or of >= _SOME]
    if len(classes) < 2 or not told_of:
        return []
    order = told_of if few else sorted(told_of, key=lambda name: classes[name][0] / classes[name][1])[:5]
    told = "; ".join(f"{name.partition(',')[0]} {classes[name][0]:,} of {classes[name][1]:,}" for name in order)
    return [f"{'right of each class' if few else 'least right'}: {told}"]


def labels_of(classes: str | None, ignored: int | None) -> dict[str, Any]:
    """What --classes and --ignored say to the reader of the data; nothing for what is not given."""
    from striate.data.readers.name_lists import names_asked

    named = {} if classes is None else {"classes": names_asked(classes)}
    return named if ignored is None else named | {"ignored": ignored}


def shape_of(text: str | None) -> tuple[int, ...] | None:
    """``32x32x3`` as (32, 32, 3)."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.lower().replace(",", "x").split("x"))
    except ValueError:
        raise ArgumentError(f'"{text}" is not a shape; write it as 32x32x3.') from None


def variants_of(given: list[str] | None) -> dict[str, Any]:
    """``["alpha=0.5", "aux=true"]`` as {"alpha": 0.5, "aux": True}; what is no number or truth value is text."""
    variants: dict[str, Any] = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ArgumentError(f'--variant takes NAME=VALUE, such as alpha=0.5, not "{text}".')
        try:
            variants[key.strip()] = parse_json(value.strip().lower(), "--variant")
        except StriateError:
            variants[key.strip()] = value.strip()
    return variants


def graph_of(
    what: str, input_shape: str | None = None, classes: int | None = None, variant: list[str] | None = None
) -> tuple[str, Graph]:
    """The name and graph of an architecture, a JSON file or a saved model; it may carry a fault.

    No weights are made and no torch is loaded.
    """
    path = Path(what)
    shape = shape_of(input_shape)
    if path.is_dir() or path.is_file():
        if shape is not None or classes is not None or variant:
            raise ArgumentError(
                "--input-shape, --classes and --variant go with an architecture's name, not with a file."
            )
        file = path / "model.json" if path.is_dir() else path
        if not file.is_file():
            raise ArgumentError(f"{path} is not a saved model: it has no model.json.")
        description = read_json(file, kind=ArgumentError)
        if isinstance(description, dict) and isinstance(description.get("network"), dict):
            description = description["network"]
        try:
            graph = from_json(description)
        except StriateError as error:
            raise ArgumentError(f"{file}: {error}") from error.__cause__
        return str((isinstance(description, dict) and description.get("name")) or path.stem), graph
    from striate import zoo

    if what not in zoo.names():
        raise ArgumentError(
            f'"{what}" is no file, no folder and no known architecture.{nearest(what, zoo.names())} '
            "striate models lists them."
        )
    return what, zoo.create(what, classes=classes, input_shape=shape, **variants_of(variant)).graph


def model_of(what: str, weights: str | None, variant: list[str] | None = None, classes: int | None = None) -> Any:
    """A trained model: a saved one's folder, or an architecture's name with the weights to load."""
    from striate import zoo

    if what in zoo.names() and not (Path(what) / "model.json").is_file():
        if weights is None:
            raise ArgumentError(
                f"{what} is an architecture without weights: add --weights with a file, keras, torchvision or timm."
            )
        return zoo.create(what, weights=weights, classes=classes, **variants_of(variant))
    if weights is not None or variant or classes is not None:
        raise ArgumentError(
            f"--weights, --variant and --classes go with an architecture's name; {what} is "
            f"{'a saved model' if Path(what).is_dir() else 'none'}.{nearest(what, zoo.names())}"
        )
    from striate.models import load_model

    return load_model(what)


def network_of(what: str, weights: str | None, variant: list[str] | None = None) -> Any:
    """A model whose weights do not matter: as ``model_of``, or an architecture or a JSON description with drawn ones."""
    path = Path(what)
    if weights is not None or path.is_dir() or (path.is_file() and path.suffix.lower() != ".json"):
        return model_of(what, weights, variant)
    from striate.model import Model

    name, graph = graph_of(what, variant=variant)
    return Model.from_graph(graph, name)


@contextmanager
def going(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr where that is a terminal: what is done, of how much, and the time left; then it is gone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


class Chosen(NamedTuple):
    """An engine that a command takes.

    how    as ``predict`` takes it
    name   what it is called, also where `how` is "fast"
    """

    how: str
    name: str

    def told(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The facts of an answer with the name of what gave it; of a file without one as they are."""
        return facts if "error" in facts else facts | {"engine": self.name}


def engine_of(model: Any, asked: str | None) -> Chosen:
    """The engine that a command takes: the one that was asked for, else the fastest that was measured here.

    model   that answers
    asked   its name, or None

    It says which one is the fastest, and where that cannot be had, why.
    """
    from striate.ship.choose import QUICK, named

    if asked not in (None, "fast"):
        return Chosen(str(asked), str(asked))
    engines = model.predictor._engine
    found = engines.measured(model.predictor.graph.check())
    if found is None:
        how = engines.unmeasured() if asked == "fast" or engines.missing() else "auto"
        return Chosen(how, how)
    called = named(found["engine"], found.get("unsure"))
    exact = " (--engine auto for answers to the last digit)" if found["engine"] in (*QUICK, "torch-bf16") else ""
    aside(f"engine: {called}, the fastest on this kind of processor{exact}")
    return Chosen("fast", called)
