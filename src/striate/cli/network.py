"""Commands about a network that is not trained: models, size, explain, draw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate.cli.common import Classes, InputShape, Json, What, graph_of, say
from striate.errors import ArgumentError


def register(app: typer.Typer) -> None:
    for command in (models, size, explain, draw):
        app.command()(command)


def models(
    name: Annotated[str | None, typer.Argument(help="One architecture, to see its card and its size table.")] = None,
    find: Annotated[str, typer.Option(help="List only names and descriptions that contain this.")] = "",
    json: Json = False,
) -> None:
    """List the architectures, or show one."""
    from striate import zoo
    from striate.size import measure

    if name is not None:
        card = zoo.card(name)
        measured = measure(zoo.create(name).graph, name=name)
        facts = {"name": name, "about": card.about, "paper": str(card.paper), "variants": card.variants}
        head = f"{name}: {card.about}\nSource: {card.paper!s}.  Variants: {card.variants or 'none'}\n"
        say(facts | measured.to_dict(), json, f"{head}\n{measured}")
        return
    rows = []
    for each in zoo.names():
        card = zoo.card(each)
        if find.lower() not in f"{each} {card.about} {card.paper!s}".lower():
            continue
        s = measure(zoo.create(each).graph)
        rows.append(
            {
                "name": each,
                "input_shape": list(card.input_shape),
                "weights": s.weights,
                "mults": s.mults,
                "about": card.about,
                "paper": str(card.paper),
            }
        )
    lines = [f"{'name':16s} {'input':>12s} {'weights':>12s} {'mults':>14s}  about"]
    for row in rows:
        shape = "x".join(str(n) for n in zoo.card(str(row["name"])).input_shape)
        lines.append(f"{row['name']:16s} {shape:>12s} {row['weights']:12,} {row['mults']:14,}  {row['about']}")
    say(rows, json, "\n".join(lines) if rows else f'no architecture matches "{find}".')


def size(
    what: What,
    input_shape: InputShape = None,
    classes: Classes = None,
    batch_size: Annotated[int, typer.Option(help="Samples in memory at once.")] = 1,
    optimizer: Annotated[str, typer.Option(help="Whose state training keeps: sgd, momentum, adam, …")] = "adam",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16 or float64.")] = "float32",
    strict: Annotated[bool, typer.Option("--strict", help="A window that does not fit is an error.")] = False,
    classic: Annotated[bool, typer.Option("--classic", help="Print the classic Keras table.")] = False,
    json: Json = False,
) -> None:
    """Shapes, weights, multiplications, memory and receptive fields; nothing is allocated."""
    from striate.size import measure, summary

    name, graph = graph_of(what, input_shape, classes)
    measured = measure(graph, batch_size=batch_size, optimizer=optimizer, dtype=dtype, strict=strict, name=name)
    text = summary(graph, name, sequential=graph.is_sequential) if classic else str(measured)
    say(measured.to_dict() if json else None, json, text)
    if graph.fault is not None:
        raise typer.Exit(2)


def explain(
    what: What,
    layer: Annotated[str, typer.Argument(help="The layer's name in the size table.")],
    input_shape: InputShape = None,
    classes: Classes = None,
    json: Json = False,
) -> None:
    """The arithmetic of one layer with its numbers put in, step by step."""
    from striate.size import explain as explained

    _, graph = graph_of(what, input_shape, classes)
    text = explained(graph, layer)
    say({"layer": layer, "explanation": text}, json, text)


def draw(
    what: What,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The SVG file (NAME.svg).")] = None,
    diff: Annotated[str | None, typer.Option(help="Compare with this other network instead.")] = None,
    source: Annotated[bool, typer.Option("--source", help="Print the network as plain PyTorch instead.")] = False,
    expand: Annotated[bool, typer.Option("--expand", help="Open nested networks.")] = False,
    input_shape: InputShape = None,
    classes: Classes = None,
    json: Json = False,
) -> None:
    """Draw a network as an SVG diagram, compare two, or print one as plain PyTorch source."""
    from striate.draw import diff as difference
    from striate.draw import svg
    from striate.weights import atomic_write

    name, graph = graph_of(what, input_shape, classes)
    if diff is not None:
        if output is not None:
            raise ArgumentError("--output goes with a diagram or --source; --diff prints its table.")
        other, second = graph_of(diff)
        found = difference(graph.check(), second.check(), names=(name, other))
        say(found.to_dict(), json, str(found))
        return
    if source:
        from striate.model import Model

        text = Model.from_graph(graph, name).to_source(output)
        say({"paper": text}, json, text if output is None else f"wrote {output}")
        return
    target = output or Path(f"{Path(name).name}.svg")
    picture = svg(graph, title=name, expand=expand)
    atomic_write(target, picture)
    say({"file": str(target), "layers": len(graph.layers)}, json, f"wrote {target}")
    graph.check()  # a fault is drawn, and said
