"""Write docs/zoo/: a page a family of architectures, its numbers computed by ``striate.size``, and zoo/totals.json.

``make docs`` runs it; tests fail when a page is out of date.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from functools import cache
from pathlib import Path

from striate import zoo
from striate.draw import feature_map_svg
from striate.size import Size, diagram, measure

FOLDER = Path(__file__).parent / "zoo"
TOTALS = Path(zoo.__file__).parent / "totals.json"
BATCH = 32  # pictures in a training step, for the memory column


SHOWN = {"resnet": "resnet50", "resnet_cifar": "cifar_resnet20"}  # whose table a page prints, if not the smallest


def families() -> dict[str, list[str]]:
    """The names of each family, smallest network first."""
    return {
        family: sorted(names, key=lambda name: (measured(name).weights, name))
        for family, names in sorted(zoo.families().items())
    }


@cache
def measured(name: str, batch_size: int = 1) -> Size:
    return measure(zoo.create(name).graph, batch_size=batch_size, optimizer="momentum", name=name)


def totals() -> str:
    """What zoo/totals.json holds: weights, buffers, multiplications and depth of every architecture at its usual input."""
    rows = []
    for name in zoo.names():
        model = zoo.create(name)
        size = measure(model.graph)
        rows.append(f"{json.dumps(name)}: {json.dumps([size.weights, size.buffers, size.mults, zoo.depth(model)])}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _bytes(n: int) -> str:
    return f"{n / 2**20:,.0f} MiB" if n >= 2**20 else f"{n / 2**10:,.0f} KiB"


def _sees(size: Size) -> str:
    """The receptive field of the last activation map, before global pooling and dense layers widen it to everything."""
    maps = [row for row in size.rows if row.receptive_field and isinstance(row.output_shape, tuple)]
    maps = [row for row in maps if len(row.output_shape or ()) == 3 and (row.output_shape or (1,))[0] > 1] or maps
    return "x".join(map(str, maps[-1].receptive_field or ())) if maps else ""


def _row(name: str) -> str:
    card, one, many = zoo.card(name), measured(name), measured(name, BATCH)
    shape = "x".join(map(str, card.input_shape))
    top1 = f"{card.top1:.1f}" if card.top1 else ""
    memory = f"{_bytes(one.inference_bytes)} / {_bytes(many.training_bytes)}"
    buffers = f" + {one.buffers:,}" if one.buffers else ""
    return (
        f"| `{name}` | {card.about} | {shape} | {one.weights:,}{buffers} | {one.mults:,} | {memory} | {_sees(one)} "
        f"| {top1} |"
    )


def _times(after: float, before: float) -> str:
    ratio = after / before if before else float("inf")
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:,.0f} x"


def _change(name: str) -> str:
    before = zoo.card(name).before
    assert before is not None
    a, b = measured(before), measured(name)
    c, d = measured(before, BATCH), measured(name, BATCH)
    error = ""
    if zoo.card(before).top1 and zoo.card(name).top1:
        error = f"{zoo.card(before).top1:.1f} → {zoo.card(name).top1:.1f}"
    return (
        f"| `{before}` → `{name}` | {_times(b.weights, a.weights)} | {_times(b.mults, a.mults)} "
        f"| {_times(d.training_bytes, c.training_bytes)} | {_sees(a)} → {_sees(b)} | {error} |"
    )


def page(family: str) -> str:
    """The Markdown of a family's page."""
    names = families()[family]
    module = sys.modules[zoo.card(names[0]).build.__module__]
    title, _, idea = inspect.cleandoc(module.__doc__ or "").partition("\n")
    first = SHOWN.get(family, names[0])
    lines = [f"# {family.replace('_', ' ')}", "", title, *(["", idea.strip()] if idea.strip() else []), ""]
    lines += ["## The networks", ""]
    lines += ["| name | what | input | weights + buffers | multiplications | memory | sees | top-1 |"]
    lines += ["| --- | --- | --- | ---: | ---: | --- | --- | ---: |", *map(_row, names), ""]
    lines += [
        f"Multiplications are those of convolutions and dense layers for one input; memory is the peak of predicting one "
        f"input and of training with {BATCH} (SGD with momentum, 32 bits); *sees* is the receptive field of the last map; "
        "top-1 is the accuracy in percent on ImageNet that the paper or the published weights state.",
        "",
    ]
    papers = dict.fromkeys(str(zoo.card(name).paper) for name in names)
    lines += ["Papers: " + "; ".join(papers) + ".", ""]
    lines += [f"## The table of `{first}`", "", "```text", diagram(measured(first)), "```", ""]
    lines += [f"![The volumes of activations of {first}](pictures/{first}.svg)", ""]
    changed = [name for name in names if zoo.card(name).before]
    if changed:
        lines += ["## What changed against the one before", ""]
        lines += ["| | weights | multiplications | training memory | sees | top-1 |"]
        lines += ["| --- | ---: | ---: | ---: | --- | --- |", *map(_change, changed), ""]
    variants = {name: zoo.card(name).variants for name in names if zoo.card(name).variants}
    if variants:
        lines += ["## Variants", "", "| name | arguments of `zoo.create` |", "| --- | --- |"]
        for name, arguments in variants.items():
            lines.append(f"| `{name}` | {', '.join(f'`{key}={value!r}`' for key, value in arguments.items())} |")
        doc = inspect.getdoc(zoo.card(first).build)
        lines += ["", doc or "", ""]
    sources = [(name, source) for name in names for source in zoo.card(name).sources]
    if sources:
        lines += ["## Published weights", ""]
        lines += ["| name | `weights=` | there | needs | pictures | top-1 |", "| --- | --- | --- | --- | --- | ---: |"]
        for name, source in sources:
            usual = zoo.card(name).variants
            needs = ", ".join(f"`{key}={value!r}`" for key, value in source.variant.items() if usual[key] != value)
            said = zoo.preprocessing_of(source, zoo.card(name).input_shape)
            top1 = f"{source.top1:.2f}" if source.top1 else ""
            lines.append(f"| `{name}` | `{source.library}` | {source.model} | {needs} | {said} | {top1} |")
        lines.append("")
    lines += ["## Use", "", "```python", "from striate import zoo", "", f'model = zoo.create("{first}", classes=10)']
    lines += ["print(model.size().weights)", f"# prints: {measure(zoo.create(first, classes=10).graph).weights}"]
    lines += ["```", "", "```console", f"$ striate models {first}", f"{first}: {zoo.card(first).about}"]
    lines += [f"paper      {zoo.card(first).paper}", "```", ""]
    return "\n".join(lines)


def index() -> str:
    """The table of all architectures."""
    lines = ["# The zoo", "", "Every architecture by name, exact to its source; a page a family.", ""]
    lines += ["| family | networks | idea |", "| --- | --- | --- |"]
    for family, names in families().items():
        module = sys.modules[zoo.card(names[0]).build.__module__]
        title = inspect.cleandoc(module.__doc__ or "").partition("\n")[0]
        lines.append(f"| [{family.replace('_', ' ')}]({family}.md) | {', '.join(f'`{n}`' for n in names)} | {title} |")
    lines += ["", "Made by `make docs`; the numbers of these networks are computed, none is typed in.", ""]
    lines += ["## The ImageNet challenge", "", *challenge(), ""]
    return "\n".join(lines)


def challenge() -> list[str]:
    """The winners year by year, and which of the printed numbers is which."""
    lines = [
        "Top-5 error of the entries in the classification task, in percent of the test pictures: `zoo.history()`, or",
        "`striate models --history`. Texts disagree because an entry has several numbers; the last column says which is",
        "which. Entries are averages of networks: one network alone errs more.",
        "",
        "| year | who | network | layers | top-5 error | of | source | other numbers |",
        "| --- | --- | --- | ---: | ---: | --- | --- | --- |",
    ]
    for one in zoo.history():
        network = f"{one.network} (`{one.zoo}`)" if one.zoo else one.network
        place = f"{one.who}{', ' + place_of(one.place) if one.place > 1 else ''}"
        cells = [one.year, place, network, one.layers or "", f"{one.error:g}", one.how, one.source, one.note]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def place_of(number: int) -> str:
    return {2: "second", 3: "third"}[number]


@cache
def everything() -> dict[str, str]:
    """The text of every file of the folder, by name."""
    found = {"README.md": index()}
    for family, names in families().items():
        found[f"{family}.md"] = page(family)
        first = SHOWN.get(family, names[0])
        found[f"pictures/{first}.svg"] = feature_map_svg(zoo.create(first).graph, title=first)
    return found


if __name__ == "__main__":
    TOTALS.write_text(totals())
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "pictures").mkdir(parents=True)
    for file, text in everything().items():
        (FOLDER / file).write_text(text)
    print(f"wrote {FOLDER}")
