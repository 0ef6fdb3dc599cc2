"""A network as one HTML file that anybody can open and look into: its picture, its numbers, its maps for any picture."""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.doors.writing import atomic_write
from striate.errors import StriateError
from striate.graph import Graph
from striate.inference import time_layers
from striate.page.attributed import Attributed
from striate.page.editing import editing
from striate.page.files import web_file
from striate.page.held_out import HeldOut
from striate.page.samples import samples
from striate.page.told import explained, shown, told_of
from striate.page.weights import carried
from striate.ship.onnx_graph import factors
from striate.visible import visible
from striate.wording import inner

if TYPE_CHECKING:
    from striate.model import Model

#: What the page's modules call each other: ``striate/NAME``, a file NAME.js in ``web``.
MODULES = (
    "store",
    "words",
    "keys",
    "upright",
    "pixels",
    "values",
    "engine",
    "fields",
    "cell",
    "colourings",
    "parts",
    "layout",
    "boxes",
    "scene",
    "view",
    "walking",
    "minimap",
    "diagram",
    "maps",
    "more",
    "reason",
    "answers",
    "slopes",
    "covering",
    "examples",
    "confusion",
    "curves",
    "scatter",
    "filters",
    "data",
    "attributed",
    "why",
    "sources",
    "pictures",
    "large",
    "following",
    "panel",
    "tools",
    "edits",
    "address",
    "python",
    "arguments",
    "difference",
    "whatif",
    "main",
)


def write_explorer(
    path: str | os.PathLike[str],
    graph: Graph,
    name: str,
    model: Model | None = None,
    held_out: HeldOut | None = None,
    attributed: Attributed | None = None,
    *,
    editable: bool = True,
    timed: bool = True,
) -> Path:
    """Write the page; it loads nothing and sends nothing, and works by a double click.

    path         of the file
    graph        the network
    name         of the network, for the title
    model        with its weights as they are now, for maps and answers; None: the structure alone
    held_out     the pictures that the model was judged on, for the data view; None: the page has none
    attributed   what other methods than the page's own say of answers to its pictures; None: the page has none
    editable     whether the page can size the network anew when a reader changes it, which takes 7 MB of it
    timed        whether each layer of `model` is timed on this machine (``inference.time_layers``), for a second or two; the
                 same page is never written twice then

    A network that takes no picture, or has a layer that ONNX cannot say, is written without maps, and the page says why;
    one with classes of a user's own is not editable, and the page says so.
    Raises the graph's own error where it has a fault, BundleError where the file cannot be written.
    """
    told = told_of(graph)
    told |= {
        "name": visible(name),
        "live": None,
        "held_out": None,
        "why": "The page was made without weights, so it shows no maps.",
        "fixed": "",
        "timed": None,
        "untimed": "",
    }
    parts: dict[str, bytes] = {}
    if model is not None:
        try:
            parts = _live(model, told)
        except StriateError as error:
            told["why"] = f"There are no maps: {inner(visible(str(error)))}."
        if timed:
            _time(model.predictor, told)
    if held_out is not None and told["live"]:
        told["held_out"], more = held_out.for_page()
        parts |= more
    if attributed is not None and told["live"]:
        told["live"]["attributed"], maps = attributed.for_page()
        parts["attributed"] = gzip.compress(maps, 9, mtime=0)
    if editable:
        try:
            parts |= editing(graph)
        except StriateError as error:
            told["fixed"] = visible(str(error))
    parts["told"] = gzip.compress(json.dumps(told, separators=(",", ":")).encode(), 9, mtime=0)
    atomic_write(path, _page(name, parts))
    return Path(path)


def _live(model: Model, told: dict[str, Any]) -> dict[str, bytes]:
    """What runs the network in the page; what the page has to know of it goes into `told`."""
    model = model.predictor
    intake, graph = model.intake, model.graph.check()
    recipe, shape = intake.recipe, intake.shape
    pictures = samples(shape)
    pixels = np.stack([recipe.pixels(file) for _, _, file in pictures])
    network = carried(graph, recipe.normalise(pixels))
    factor, offset = factors(recipe, shape)
    answers = model.answers
    told["live"] = shown(
        {
            "weights": network.told,
            "preprocessing": {key: value for key, value in recipe.to_dict().items() if key != "vocabulary"},
            "factor": None if factor is None else np.broadcast_to(factor, shape[-1]).tolist(),
            "offset": None if offset is None else np.broadcast_to(offset, shape[-1]).tolist(),
            "activation": answers.activation,
            "separate": answers.separate,
            "explain": explained(graph),
            "attributed": None,
            "labels": intake.class_names(answers.classes) if len(graph.output_shapes[0]) == 1 else [],
            "samples": [
                {"name": each, "url": f"data:{kind};base64,{base64.b64encode(file).decode()}"}
                for each, kind, file in pictures
            ],
        }
    )
    told["why"] = ""
    return {
        "network": gzip.compress(network.model, 9, mtime=0),
        "arrays": network.arrays,
        "runtime": gzip.compress(web_file("vendored/ort.wasm.bundle.min.mjs"), 9, mtime=0),
        "wasm": web_file("vendored/ort-wasm-simd-threaded.wasm.gz"),
    }


def _time(model: Model, told: dict[str, Any]) -> None:
    """Give every layer in `told` its time on this machine, and say what that is; where one fails, why there are none."""
    try:
        times = time_layers(model)
    except StriateError as error:
        told["untimed"] = visible(str(error))
        return
    seconds = {visible(row.name): row.seconds for row in times.rows}
    for layer in told["layers"]:
        layer["time"] = seconds.get(layer["name"])
    told["timed"] = {"seconds": times.total, "note": visible(times.note())}


def _page(name: str, parts: dict[str, bytes]) -> str:
    """The page's text."""
    modules = {f"striate/{each}": web_file(f"{each}.js") for each in MODULES}
    imports = {key: f"data:text/javascript;base64,{base64.b64encode(value).decode()}" for key, value in modules.items()}
    carried_parts = [
        f'<script type="text/plain" id="part-{key}">{base64.b64encode(value).decode()}</script>'
        for key, value in parts.items()
    ]
    page = web_file("page.html").decode()
    for mark, text in (
        ("<!--title-->", html.escape(visible(name))),
        ("/*style*/", web_file("page.css").decode()),
        ("/*imports*/", json.dumps({"imports": imports})),
        ("<!--parts-->", "\n".join(carried_parts)),
    ):
        page = page.replace(mark, text)
    return page
