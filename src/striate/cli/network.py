"""Commands about a network that is not trained: models, size, explain, draw."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.common import (
    WEIGHTS,
    Classes,
    Described,
    InputShape,
    Json,
    Variant,
    check_output,
    going,
    graph_of,
    model_of,
    say,
    variants_of,
)
from striate.errors import ArgumentError, unknown
from striate.wording import plural

LARGE_PAGE = 60_000_000  # bytes from which on a page is better served than mailed


def register(app: typer.Typer) -> None:
    for command in (models, size, explain, draw, page):
        app.command()(command)


class FeaturesBy(StrEnum):
    """How ``page`` makes the map of the features."""

    pca = "pca"
    tsne = "tsne"


class Sort(StrEnum):
    """How ``models`` orders its list."""

    name = "name"
    year = "year"
    weights = "weights"
    mults = "mults"
    top1 = "top1"


def models(
    name: Annotated[str | None, typer.Argument(help="One architecture: its card, diagram and size.")] = None,
    find: Annotated[str, typer.Option(help="List only those whose name, description or paper contains this.")] = "",
    family: Annotated[str | None, typer.Option(help="List only this family, such as resnet.")] = None,
    published: Annotated[bool, typer.Option("--published", help="List only those with published weights.")] = False,
    min_top1: Annotated[
        float | None, typer.Option(help="List only those with published weights of this top-1.")
    ] = None,
    max_weights: Annotated[float | None, typer.Option(help="List only those with at most so many million.")] = None,
    sort: Annotated[Sort, typer.Option(help="Order of the list; weights, mults: fewest first; top1: best first.")] = (
        Sort.name
    ),
    variant: Variant = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Draw NAME into this SVG file.")] = None,
    table: Annotated[bool, typer.Option("--table", help="Show every layer of NAME, not only its stages.")] = False,
    history: Annotated[
        bool,
        typer.Option("--history", help="The ImageNet challenge: winners, depth, top-5 error, each with its source."),
    ] = False,
    json: Json = False,
) -> None:
    """List the architectures, or show one: card, diagram, size."""
    from striate import zoo

    if history:
        if name is not None:
            raise ArgumentError(
                f"--history is about the ImageNet challenge as a whole; for one network: striate models {name}"
            )
        say([asdict(entry) for entry in zoo.history()], json, _history())
        return
    if name is not None:
        _show(name, variant, output, table, json)
        return
    if output is not None or variant or table:
        raise ArgumentError("--output, --variant and --table go with the name of one architecture.")
    cards = [zoo.card(each) for each in zoo.names()]
    if family is not None and family not in {card.family for card in cards}:
        raise unknown("family", family, sorted({card.family for card in cards}))
    cards = [
        card
        for card in cards
        if find.lower() in f"{card.name} {card.about} {card.paper}".lower()
        and family in (None, card.family)
        and (card.sources or not published)
        and (min_top1 is None or (card.classes == 1000 and (_best(card) or 0) >= min_top1))
        and (max_weights is None or card.totals[0] <= max_weights * 1e6)
    ]
    keys: dict[str, Any] = {
        "name": lambda card: card.name,
        "year": lambda card: (card.paper.year, card.name),
        "weights": lambda card: card.totals[0],
        "mults": lambda card: card.totals[2],
        "top1": lambda card: (card.classes != 1000, -(_best(card) or card.top1 or 0)),
    }
    cards.sort(key=keys[sort.value])
    heads = f"{'depth':>5s} {'weights':>11s} {'MB':>5s} {'mults':>14s} {'top-1':>5s} {'top-5':>5s} {'published':>9s}"
    lines = [f"{'name':20s} {'year':>4s} {'input':>9s} {heads}  about"]
    for card in cards:
        shape, best = "x".join(map(str, card.input_shape)), _best(card)
        there = f"{best:.1f}" if best else "yes" if card.sources else ""
        top1, top5 = (f"{stated:.1f}" if stated else "" for stated in (card.top1, card.top5))
        weights, buffers, mults = card.totals
        megabytes = (weights + buffers) * 4 / 1e6
        figures = f"{card.depth:5d} {weights:11,} {megabytes:5{'.0f' if megabytes >= 9.95 else '.1f'}} {mults:14,}"
        said = f"{top1:>5s} {top5:>5s} {there:>9s}"
        lines.append(f"{card.name:20s} {card.paper.year:4d} {shape:>9s} {figures} {said}  {card.about}")
    lines.append(
        "depth: convolutions and dense layers on the longest way; MB: of a file of 32-bit numbers; top-1, top-5: accuracy "
        "in percent\nthat the paper states, published: top-1 of the best published weights; on ImageNet, for networks of "
        "32x32 pictures on CIFAR-10"
    )
    say([_facts(card) for card in cards], json, "\n".join(lines) if cards else "no architecture matches.")


def _accuracy(card: Any, changed: dict[str, Any]) -> str:
    """What is stated of an architecture; of a variant, what its published weights reach, or that nothing is."""
    stated = [(card.top1, card.top5)]
    if changed:
        usual = card.variants
        own = [s for s in card.sources if {k: v for k, v in s.variant.items() if usual.get(k) != v} == changed]
        stated = [(s.top1, s.top5) for s in own if s.top1]
    top1, top5 = next(iter(stated), (None, None))
    said = [f"{what} {value} %" for what, value in (("top-1", top1), ("top-5", top5)) if value]
    return ", ".join(said) or ("not stated for this variant" if changed else "not stated")


def _history() -> str:
    """The challenge as a table, and below it which of the printed numbers is which."""
    from striate import zoo

    entries = zoo.history()
    rows = [("year", "who", "network", "layers", "top-5 error", "of")]
    for one in entries:
        who = one.who + (f" (no. {one.place})" if one.place > 1 else "")
        rows.append((str(one.year), who, one.network, str(one.layers or ""), f"{one.error:g} %", one.how))
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    marks = (str.ljust, str.ljust, str.ljust, str.rjust, str.rjust, str.ljust)
    lines = ["  ".join(mark(cell, w) for mark, cell, w in zip(marks, row, wide, strict=True)).rstrip() for row in rows]
    lines += ["", "Where the numbers stand, and other numbers that are printed:"]
    for one in entries:
        lines.append(
            f"{one.year} {one.who}: {one.source}." + (f" {one.note[0].upper()}{one.note[1:]}." if one.note else "")
        )
    return "\n".join(lines)


def _best(card: Any) -> float | None:
    """The best stated top-1 of an architecture's published weights."""
    return max((source.top1 for source in card.sources if source.top1), default=None)


def _facts(card: Any) -> dict[str, Any]:
    weights, buffers, mults = card.totals
    return {
        "name": card.name,
        "family": card.family,
        "about": card.about,
        "paper": str(card.paper),
        "year": card.paper.year,
        "input_shape": list(card.input_shape),
        "classes": card.classes,
        "weights": weights,
        "buffers": buffers,
        "mults": mults,
        "depth": card.depth,
        "top1": card.top1,
        "top5": card.top5,
        "before": card.before,
        "variants": card.variants,
        "sources": [
            {"library": s.library, "model": s.model, "variant": dict(s.variant), "url": s.url, "pixels": s.pixels}
            | {"top1": s.top1, "top5": s.top5}
            for s in card.sources
        ],
    }


def _show(name: str, variant: list[str] | None, output: Path | None, table: bool, json: bool) -> None:
    check_output(output, endings=(".svg",))
    from striate import zoo
    from striate.draw import svg
    from striate.size import diagram, measure
    from striate.weights import atomic_write

    card = zoo.card(name)
    model = zoo.create(name, **variants_of(variant))
    graph = model.graph
    measured = measure(graph, name=name)
    shape = "x".join(map(str, card.input_shape))
    changed = {key: value for key, value in variants_of(variant).items() if card.variants.get(key) != value}
    accuracy = _accuracy(card, changed)
    lines = [
        f"{name}: {card.about}",
        "",
        f"paper      {card.paper}",
        f"input      {shape}, {plural(card.classes, 'class')}",
        f"depth      {plural(zoo.depth(model), 'layer')} with weights on the longest way",
        f"accuracy   {accuracy}",
        f"variants   {', '.join(f'{k}={v!r}' for k, v in card.variants.items()) or 'none'}",
    ]
    for i, source in enumerate(card.sources):
        needs = ", ".join(f"{k}={v!r}" for k, v in source.variant.items() if card.variants[k] != v)
        said = f"{source.library}: {source.model}" + (f" ({needs})" if needs else "")
        lines.append(f"{'weights' if not i else '':9s}  {said}; {zoo.preprocessing_of(source, card.input_shape)}")
    if card.before:
        lines.append(f"after      {card.before} (compare: striate draw {card.before} --diff {name})")
    lines += ["", str(measured) if table else diagram(measured)]
    if not table:
        total = f"{plural(measured.weights, 'weight')}"
        lines += ["", total + (f" + {plural(measured.buffers, 'buffer')}" if measured.buffers else "")]
        lines[-1] += f", {plural(measured.mults, 'multiplication')} for one input; every layer: striate size {name}"
    if output is not None:
        atomic_write(output, svg(graph, title=name))
        lines.append(f"wrote {output}")
    own = {"depth": zoo.depth(model)} | ({} if not changed else {"top1": None, "top5": None})
    say(_facts(card) | own | measured.to_dict(), json, "\n".join(lines))


def size(
    model: Described,
    input_shape: InputShape = None,
    classes: Classes = None,
    variant: Variant = None,
    batch_size: Annotated[int, typer.Option(help="Samples in memory at once.")] = 1,
    optimizer: Annotated[str, typer.Option(help="Whose state training keeps: sgd, momentum, adam, …")] = "adam",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16 or float64.")] = "float32",
    strict: Annotated[bool, typer.Option("--strict", help="A window that does not fit is an error.")] = False,
    classic: Annotated[bool, typer.Option("--classic", help="Print the classic Keras table.")] = False,
    json: Json = False,
) -> None:
    """Shapes, weights, multiplications, memory and receptive fields; nothing is allocated."""
    from striate.size import measure, summary

    name, graph = graph_of(model, input_shape, classes, variant)
    measured = measure(graph, batch_size=batch_size, optimizer=optimizer, dtype=dtype, strict=strict, name=name)
    text = summary(graph, name, sequential=graph.is_sequential) if classic else str(measured)
    say(measured.to_dict() if json else None, json, text)
    if graph.fault is not None:
        raise typer.Exit(2)


def explain(
    model: Described,
    layer: Annotated[str, typer.Argument(help="The layer's name in the size table.")],
    input_shape: InputShape = None,
    classes: Classes = None,
    variant: Variant = None,
    picture: Annotated[
        str | None, typer.Option(help="A picture file: the arithmetic of one number that the layer gives for it.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="With --picture, which number, from 0: row,column,map; without it the largest.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help=f"With --picture, of an architecture: {WEIGHTS}.")] = None,
    json: Json = False,
) -> None:
    """The arithmetic of one layer with its numbers put in, step by step; with a picture, of one output number."""
    from striate.size import explain as explained

    if picture is not None:
        if input_shape is not None:
            raise ArgumentError(
                "--picture takes a network with its weights, which has its input's size: no --input-shape."
            )
        said = model_of(model, weights, variant, classes).explain(layer, picture=picture, at=_place(at))
        say({"layer": layer, "at": said.at, "value": said.value, "explanation": said}, json, said)
        return
    if at is not None or weights is not None:
        raise ArgumentError("--at and --weights go with --picture FILE: they are about one number that it gives.")
    _, graph = graph_of(model, input_shape, classes, variant)
    text = explained(graph, layer)
    say({"layer": layer, "explanation": text}, json, text)


def _place(text: str | None) -> tuple[int, ...] | None:
    """``3,4,2`` as (3, 4, 2)."""
    try:
        return None if text is None else tuple(int(part) for part in text.strip("() ").split(","))
    except ValueError:
        raise ArgumentError(f'--at is whole numbers from 0, row,column,map such as 3,4,2, not "{text}".') from None


def draw(
    model: Described,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The SVG file (NAME.svg).")] = None,
    diff: Annotated[str | None, typer.Option(help="Compare with this other network instead.")] = None,
    source: Annotated[bool, typer.Option("--source", help="Print the network as plain PyTorch instead.")] = False,
    expand: Annotated[bool, typer.Option("--expand", help="Open nested networks.")] = False,
    direction: Annotated[str, typer.Option(help="Where the drawing runs: down or right.")] = "down",
    layer: Annotated[
        str | None, typer.Option(help="Draw how the window of this layer moves instead: cells, padding, stride.")
    ] = None,
    input_shape: InputShape = None,
    classes: Classes = None,
    variant: Variant = None,
    json: Json = False,
) -> None:
    """Draw a network or the window of a layer as SVG, compare two networks, or print one as plain PyTorch source."""
    check_output(output, model, endings=() if source else (".svg",))
    from striate.draw import diff as difference
    from striate.draw import svg, window_svg
    from striate.weights import atomic_write

    name, graph = graph_of(model, input_shape, classes, variant)
    if layer is not None:
        if diff is not None or source or expand:
            raise ArgumentError("--layer draws one window; it does not go with --diff, --source or --expand.")
        target = output or Path(f"{Path(name).name}_{layer.replace('/', '_')}.svg")
        atomic_write(target, window_svg(graph, layer))
        say({"file": str(target), "layer": layer}, json, f"wrote {target}")
        return
    if diff is not None:
        if output is not None:
            raise ArgumentError("--output goes with a diagram or --source; --diff prints its table.")
        other, second = graph_of(diff)
        changes = difference(graph.check(), second.check(), names=(name, other))
        say(changes.to_dict(), json, str(changes))
        return
    if source:
        from striate.model import Model

        text = Model.from_graph(graph, name).to_source(output)
        say({"paper": text}, json, text if output is None else f"wrote {output}")
        return
    target = output or Path(f"{Path(name).name}.svg")
    picture = svg(graph, title=name, expand=expand, direction=direction)
    atomic_write(target, picture)
    say({"file": str(target), "layers": len(graph.layers)}, json, f"wrote {target}")
    graph.check()  # a fault is drawn, and said


def page(
    model: Described,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The HTML file (NAME.html; of a run page.html in its folder).")
    ] = None,
    weights: Annotated[str | None, typer.Option(help=f"Of an architecture: {WEIGHTS}.")] = None,
    input_shape: InputShape = None,
    classes: Classes = None,
    variant: Variant = None,
    features: Annotated[
        FeaturesBy, typer.Option(help="How the map of the features of a run's pictures is made.")
    ] = FeaturesBy.pca,
    editable: Annotated[bool, typer.Option(help="Let readers change the network in it, which takes 7 MB.")] = True,
    timed: Annotated[
        bool, typer.Option(help="With weights, measure each layer's time on this machine, for a second or two.")
    ] = True,
    attributions: Annotated[
        bool,
        typer.Option(
            help="Of a classifier with weights, explain answers to some pictures by more methods than the page has, with "
            "their sanity checks, for up to half a minute."
        ),
    ] = True,
    json: Json = False,
) -> None:
    """Write a network as one HTML file to look into: picture, sizes, with weights its maps, of a run its data too."""
    from striate.page.explorer import write_explorer

    path, note = Path(model), ""
    if output != path / "page.html":
        check_output(output, model, weights, endings=(".html",))
    trained = weights is not None or path.is_dir() or (path.is_file() and path.suffix.lower() != ".json")
    if trained and input_shape is not None:
        raise ArgumentError("--input-shape goes with an architecture without weights, or one that is given none.")
    how: dict[str, Any] = {"editable": editable, "timed": timed, "attributions": attributions}
    if (path / "model.json").is_file() and not (weights or variant or classes):
        from striate.runs import page_of_run

        with going("explaining") as progress:
            target, note = page_of_run(path, output, features=features.value, progress=progress, **how)
    elif trained:
        from striate.pages import write_model_page

        whole = model_of(model, weights, variant, classes)
        name = whole.name or path.name
        file = output or Path(f"{Path(name).name}.html")
        with going("explaining") as progress:
            target = write_model_page(file, whole, name=name, progress=progress, **how)
    else:
        name, graph = graph_of(model, input_shape, classes, variant)
        target = write_explorer(output or Path(f"{Path(name).name}.html"), graph.check(), name, editable=editable)
    size = target.stat().st_size
    lines = [f"wrote {target}, {size / 1e6:.1f} MB: open it in a browser", *([note] if note else [])]
    if size > LARGE_PAGE:
        lines.append(
            f"It is large to mail and slow to open: put it on a server instead (python -m http.server --directory "
            f"{target.parent}), or write the structure alone: striate page NAME without --weights."
        )
    say(
        {"file": str(target), "bytes": size, "live": trained, **({"note": note} if note else {})},
        json,
        "\n".join(lines),
    )
