"""Commands that ship a trained model: quantize, bench, export."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import WEIGHTS, Classes, Json, Variant, check_output, going, model_of, network_of, say
from striate.doors.onnx_files import read_onnx
from striate.errors import ArgumentError
from striate.wording import listed, memory

What = Annotated[
    str, typer.Argument(help="A saved model's or run's folder, a file of Keras, or an architecture's name.")
]
Weights = Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")]
Pixels = Annotated[
    bool, typer.Option("--pixels", help="The ONNX file takes uint8 pictures (N, H, W, C) and prepares them itself.")
]


def register(app: typer.Typer) -> None:
    for command in (quantize, bench, export):
        app.command()(command)


def quantize(
    model: What,
    data: Annotated[
        str | None, typer.Argument(help="Data set with pictures like those to come (what it was trained on).")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="An .onnx file, or a folder for the saved model with its twin (its own)."),
    ] = None,
    weights: Weights = None,
    variant: Variant = None,
    samples: Annotated[int, typer.Option(help="Pictures of the training part that set the ranges.")] = 128,
    method: Annotated[str, typer.Option(help="How ranges are found: minmax, entropy or percentile.")] = "minmax",
    label_column: Annotated[str | None, typer.Option(help="Of a CSV file: the column with the classes.")] = None,
    shift: Annotated[
        int | None, typer.Option(help="Added to class numbers without names or folders of numbers, as for evaluate.")
    ] = None,
    pixels: Pixels = False,
    json: Json = False,
) -> None:
    """Make the 8-bit twin of a trained model, and say what it costs on held-out pictures."""
    from striate.doors.locks import locked
    from striate.runs import quantize_run

    target = output or Path(model)
    one_file = target.suffix == ".onnx"
    if output is None and not target.is_dir():
        raise ArgumentError(
            f"say with -o where the 8-bit {model} is to be: a file such as {Path(model).stem}.onnx or a folder."
        )
    if pixels and not one_file:
        raise ArgumentError("--pixels goes with -o FILE.onnx; a saved model prepares pictures anyway.")
    if one_file:
        check_output(target, model, data, weights)
    else:
        _check_folder(target, "a name that ends in .onnx, or ")
    options = {} if label_column is None else {"label_column": label_column}
    with nullcontext() if one_file else locked(target, "quantizing"):
        trained = model_of(model, weights, variant)
        report = quantize_run(trained, data, samples=samples, method=method, shift=shift, **options)
        if one_file:
            trained.export_onnx(target, pixels=pixels, int8=True)
        else:
            trained.save(target)
    say(report.to_dict() | {"file": str(target)}, json, f"{report}\nwrote {target}")


def bench(
    model: What,
    data: Annotated[
        str | None, typer.Argument(help="Data set with pictures like those to come (what it was trained on).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder for the saved model with what was found (its own).")
    ] = None,
    weights: Weights = None,
    variant: Variant = None,
    engines: Annotated[str | None, typer.Option(help="Which to measure, with commas (all that there are).")] = None,
    points: Annotated[
        float | None, typer.Option(help="Percentage points of accuracy that an engine may cost (0.2).")
    ] = None,
    agreement: Annotated[
        float | None, typer.Option(help="Part of answers that have to be those of 32 bits (0.995).")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="How often each has its turn (5; of layers as often as a second has room for).")
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Measure each layer by torch instead; an architecture needs no weights.")
    ] = False,
    label_column: Annotated[str | None, typer.Option(help="Of a CSV file: the column with the classes.")] = None,
    shift: Annotated[
        int | None, typer.Option(help="Added to class numbers without names or folders of numbers, as for evaluate.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Whether what was found is kept in the saved model's folder.")
    ] = True,
    json: Json = False,
) -> None:
    """Measure every engine of a trained model on this machine, and keep the fastest that costs next to nothing."""
    from striate.doors.locks import locked
    from striate.runs import tune_run

    if layers:
        others = {"--output": output, "--engines": engines, "--points": points, "--agreement": agreement}
        others |= {"data": data, "--label-column": label_column, "--shift": shift, "--no-keep": None if keep else True}
        given = [name for name, value in others.items() if value is not None]
        if given:
            raise ArgumentError(f"--layers measures layers by torch; it takes no {listed(given, 'or')}.")
        times = network_of(model, weights, variant).time_layers(rounds=rounds)
        say(times.to_dict(), json, str(times))
        return
    target = output or Path(model)
    if output is not None and not keep:
        raise ArgumentError("-o says where what was found is kept, and --no-keep that it is not; leave one out.")
    kept = keep and (output is not None or target.is_dir())
    if kept:
        _check_folder(target)
    options = {} if label_column is None else {"label_column": label_column}
    names = None if engines is None else [name.strip() for name in engines.split(",")]
    with locked(target, "measuring engines") if kept else nullcontext(), going("rounds") as progress:
        trained = model_of(model, weights, variant)
        asked = {"points": points, "agreement": agreement, "rounds": rounds, "engines": names}
        how: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        table = tune_run(trained, data, shift=shift, options=options, progress=progress, **how)
        if kept:
            trained.save(target)
    nowhere = "kept nowhere" + (": -o FOLDER saves the model with it" if keep else "")
    wrote = f"kept in {target}" if kept else nowhere
    say(table.to_dict() | {"file": str(target) if kept else None}, json, f"{table}\n{wrote}")


def _check_folder(target: Path, others: str = "") -> None:
    """Raise ArgumentError or BundleError where a saved model cannot go, before work that may take long.

    target   the folder
    others   what else its name could be
    """
    from striate.weights.bundle import check_folder

    if target.suffix:
        raise ArgumentError(f"-o takes {others}a folder (a name without an ending), not {target}.")
    check_folder(target)


def export(
    model: What,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file: .onnx, .keras, .h5, .safetensors or .weights.h5 (NAME.onnx)."),
    ] = None,
    weights: Weights = None,
    variant: Variant = None,
    classes: Classes = None,
    pixels: Pixels = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="The ONNX file holds the 8-bit twin that quantize made.")
    ] = False,
    suppression: Annotated[
        bool | None,
        typer.Option(
            "--suppression/--no-suppression",
            help="Of a network that answers with boxes: the ONNX file gives detections (so by default), or all rows.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a trained model for other programs: ONNX, a file of Keras, or the weights alone."""
    target = output or Path(f"{Path(model).resolve().name if Path(model).exists() else model}.onnx")
    kind = target.suffix
    if kind != ".onnx" and (pixels or int8 or suppression is not None):
        raise ArgumentError(f"--pixels, --int8 and --suppression are for .onnx, not for {target.name}.")
    if kind not in (".onnx", ".keras", ".h5", ".safetensors"):
        raise ArgumentError(
            f"export writes .onnx, .keras, .h5, .safetensors and .weights.h5, not {target.name}. "
            "striate draw --source writes a network as a PyTorch file."
        )
    check_output(target, model, weights)
    trained = model_of(model, weights, variant, classes)
    if kind == ".onnx":
        trained.export_onnx(target, pixels=pixels, int8=int8, suppression=suppression)
    elif kind == ".safetensors" or target.name.endswith(".weights.h5"):
        trained.save_weights(target)
    else:
        trained.save(target)
    facts: dict[str, Any] = {"file": str(target), "bytes": target.stat().st_size}
    lines = [f"wrote {target}  {memory(facts['bytes'])}"]
    if kind == ".onnx":
        facts |= _ends(target)
        lines += [
            f"{end[:-1]:7s} {one['name']}  {one['dtype']} {one['shape']}"
            for end in ("inputs", "outputs")
            for one in facts[end]
        ]
    say(facts, json, "\n".join(lines))


def _ends(path: Path) -> dict[str, Any]:
    """The inputs and outputs of an ONNX file: name, type and shape, "N" for any number of samples."""
    from onnx import helper

    graph = read_onnx(path).graph
    told = {}
    for end, values in (("inputs", graph.input), ("outputs", graph.output)):
        told[end] = [
            {
                "name": value.name,
                "dtype": helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name,
                "shape": "x".join(str(d.dim_value) if d.dim_value else "N" for d in value.type.tensor_type.shape.dim),
            }
            for value in values
        ]
    return told
