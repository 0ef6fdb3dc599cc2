"""Commands that help to choose a network: compare, advise."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.common import Classes, Described, InputShape, Json, Variant, graph_of, say
from striate.errors import ArgumentError

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def register(app: typer.Typer) -> None:
    for command in (compare, advise):
        app.command()(command)


def compare(
    networks: Annotated[
        list[str], typer.Argument(help="Two or more: names, JSON descriptions, saved models' folders.")
    ],
    data: Annotated[str | None, typer.Option(help="Judge saved models on this data set, folder or file too.")] = None,
    speed: Annotated[bool, typer.Option("--speed", help="Also time predictions of saved models.")] = False,
    batch_size: Annotated[int, typer.Option(help="Samples in memory at once, and in a timed prediction.")] = 1,
    optimizer: Annotated[str, typer.Option(help="Whose state training keeps: sgd, momentum, adam, …")] = "adam",
    json: Json = False,
) -> None:
    """Networks beside each other: weights, multiplications, memory; with --data accuracy, with --speed samples a second."""
    if len(set(networks)) < len(networks):
        raise ArgumentError("a network is named twice; name different ones.")
    if data is not None or speed:
        from striate.runs import compare_runs

        bare = [name for name in networks if not (Path(name) / "model.json").is_file()]
        if bare:
            raise ArgumentError(
                f"--data and --speed are for saved models; {bare[0]} is none. striate train makes one, and "
                "striate evaluate judges an architecture with --weights."
            )
        runs = {name: name for name in networks}
        found = compare_runs(runs, data, speed=speed, batch_size=batch_size, optimizer=optimizer)
    else:
        from striate.size import beside

        graphs = {name: graph_of(name)[1] for name in networks}
        found = beside(graphs, batch_size=batch_size, optimizer=optimizer)
    say(found.to_dict(), json, str(found))


def advise(
    model: Described,
    memory: Annotated[str, typer.Option(help="What there is, such as 4GB (10^9 bytes each) or 4GiB (2^30).")],
    batch_size: Annotated[int, typer.Option(help="Samples in a step.")] = 32,
    optimizer: Annotated[str, typer.Option(help="Whose state training keeps: sgd, momentum, adam, …")] = "adam",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16 or float64.")] = "float32",
    predict: Annotated[bool, typer.Option("--predict", help="About prediction instead of training.")] = False,
    input_shape: InputShape = None,
    classes: Classes = None,
    variant: Variant = None,
    json: Json = False,
) -> None:
    """Whether a network fits into memory and, where it does not, what to change and what each change saves."""
    from striate.size import advice

    _, graph = graph_of(model, input_shape, classes, variant)
    found = advice(graph, _bytes(memory), batch_size=batch_size, optimizer=optimizer, dtype=dtype, training=not predict)
    say(found.to_dict(), json, str(found))


def _bytes(text: str) -> int:
    """``4GB`` as 4,000,000,000; ``4GiB`` as 4 x 2^30."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)\s*", text, re.IGNORECASE)
    unit = found[2].upper() if found else ""
    unit = unit if unit.endswith("B") else f"{unit}B"
    if found is None or unit not in _UNITS or not 1 <= float(found[1]) * _UNITS[unit] < math.inf:
        raise ArgumentError(f'--memory is a number and a unit, such as 4GB, 4GiB or 500MB, not "{text}".')
    return int(float(found[1]) * _UNITS[unit])
