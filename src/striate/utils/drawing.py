"""``plot_model``: the diagram of a network as a file, by Keras' name for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from striate.draw import layout, svg
from striate.errors import ArgumentError, unknown
from striate.shown import SvgText

_DIRECTIONS = {"TB": "down", "LR": "right"}


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **others: Any,
) -> SvgText:
    """Draw a model into a file; the SVG that is returned shows itself in a notebook.

    A box of striate's drawings says the layer's name, its arguments, its shape and its weights, so what Keras' ``show_…``
    switch on is always there.

    model                    the model
    to_file                  .png, .svg or .pdf; None: no file
    show_shapes              taken as Keras has it
    show_dtype               taken as Keras has it
    show_layer_names         taken as Keras has it
    rankdir                  "TB": from top to bottom; "LR": from left to right
    expand_nested            nested models as frames around their layers
    dpi                      dots per inch of a .png
    show_layer_activations   taken as Keras has it
    show_trainable           taken as Keras has it
    splines                  taken as Keras has it
    others                   nothing else is taken

    Raises ArgumentError for another ending, direction or argument, BundleError where the file cannot be written.
    """
    for key in others:
        raise ArgumentError(f'plot_model has no argument "{key}".')
    if rankdir not in _DIRECTIONS:
        raise unknown("rankdir", str(rankdir), _DIRECTIONS)
    direction = _DIRECTIONS[rankdir]
    graph = model.graph
    picture = svg(graph, title=model.name, expand=expand_nested, direction=direction)
    if to_file is None:
        return picture
    kind = Path(to_file).suffix.lower()
    if kind == ".svg":
        from striate.weights import atomic_write

        atomic_write(to_file, picture)
    elif kind in (".png", ".pdf"):
        _paint(layout(graph, expand=expand_nested, direction=direction), Path(to_file), dpi)
    else:
        raise ArgumentError(f"plot_model writes .png, .svg or .pdf, not {to_file!r}.")
    return picture


def _paint(drawn: Any, path: Path, dpi: int) -> None:
    """The boxes and lines of a diagram with matplotlib, into a file."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    from striate.draw.paper import COLOURS, INK, MUTED, WIRE
    from striate.weights import atomic_write

    margin, inch = 12.0, 96.0
    wide, high = drawn.width + 2 * margin, drawn.height + 2 * margin
    dots = min(
        dpi, 30_000 / max(wide, high) * inch, (6e7 / (wide * high)) ** 0.5 * inch
    )  # a picture of 60 million pixels
    figure = Figure(figsize=(wide / inch, high / inch), dpi=dots)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-margin, drawn.width + margin)
    axes.set_ylim(drawn.height + margin, -margin)
    axes.axis("off")
    point = 72 / inch  # of a font, in units of the diagram

    def box(x: float, y: float, width: float, height: float, family: str, dashed: bool, below: int) -> None:
        fill, edge = COLOURS[family]
        style = "dashed" if dashed else "solid"
        shape = FancyBboxPatch(
            (x, y), width, height, "round,pad=0,rounding_size=5", fc=fill, ec=edge, lw=0.7, ls=style, zorder=below
        )
        axes.add_patch(shape)

    for frame in drawn.frames:
        box(frame.x, frame.y, frame.width, frame.height, "network", frame.shared, 0)
        axes.text(frame.label_x, frame.y + 16, frame.label, size=11 * point, weight="bold", color=INK)
    for line in drawn.lines:
        xs, ys = zip(*line.points, strict=True)
        axes.plot(xs, ys, color=WIRE, lw=0.9, zorder=1)
        start, end = line.points[-2:]
        axes.annotate(
            "", end, start, arrowprops={"arrowstyle": "-|>", "color": WIRE, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
        )
    for each in drawn.boxes:
        box(each.x, each.y, each.width, each.height, each.family, each.shared, 2)
        left, right = each.x + 12, each.x + each.width - 8
        written: dict[str, Any] = {"zorder": 3, "clip_on": True}
        axes.text(left, each.y + 17, each.label or each.says, size=11 * point, weight="bold", color=INK, **written)
        axes.text(right, each.y + 17, each.shape, size=9 * point, color=INK, ha="right", **written)
        axes.text(left, each.y + 31, each.says, size=9 * point, color=MUTED, **written)
        axes.text(right, each.y + 31, each.corner, size=9 * point, color=MUTED, ha="right", **written)
    made = io.BytesIO()
    figure.savefig(made, format=path.suffix[1:].lower(), dpi=dots)
    atomic_write(path, made.getvalue())
