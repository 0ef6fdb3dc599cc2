"""Figures of a run, in one clean style.  Each function returns a matplotlib Figure and leaves pyplot alone.

``to_svg`` and ``to_png`` give the bytes of a file; a notebook shows a Figure as it is.
"""

from __future__ import annotations

import io
import math
import textwrap
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import ArgumentError
from striate.report import tiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue and orange as Okabe & Ito 2008 chose them, told apart by colour-blind people; lighter on a dark ground.
LIGHT = {"ground": "#ffffff", "ink": "#1c2733", "muted": "#5b6875", "line": "#dde3e9", "first": "#0072b2"}
DARK = {"ground": "#14181d", "ink": "#e4e9ee", "muted": "#9ba7b3", "line": "#2d353e", "first": "#56b4e9"}
LIGHT["second"], DARK["second"] = "#d55e00", "#e69f00"
_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Segoe UI", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9.0,
    "svg.fonttype": "none",  # text stays text: found by a search, in the reader's own font, with any script
    "svg.hashsalt": "striate",  # the same figure gives the same file
}
_DPI = 100
_PANELS = 12
_LABELS = 25


# -- curves -------------------------------------------------------------------------------------------------------------
def curves(history: Mapping[str, Sequence[float]], *, dark: bool = False) -> Figure:
    """A panel for the loss and for each metric, training against validation, over the epochs.

    history: ``History.history``: {"loss": [...], "accuracy": [...], "val_loss": [...], ...}.  The last values stand at
    the right; a circle marks the best epoch where the name tells which way is better.  At most 12 panels.
    Raises ArgumentError for a history without any numbers.
    """
    panels = paired(history)
    if not panels:
        raise ArgumentError("the history holds no numbers to draw: train for at least one epoch.")
    style = DARK if dark else LIGHT
    shown = list(panels.items())[:_PANELS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    wide, high = (5.4, 2.4) if columns == 1 else (4.3, 2.2) if columns == 2 else (3.3, 2.0)
    left, right, above, below = 0.6, 0.55, 0.42, 0.5
    with _settings():
        fig = _figure((left + wide + right) * columns, (above + high + below) * rows + 0.3, style["ground"])
        width, height = fig.get_size_inches()
        for i, (name, (train, validation)) in enumerate(shown):
            x = i % columns * (left + wide + right) + left
            y = height - 0.3 - (i // columns + 1) * (above + high + below) + below
            ax = fig.add_axes((x / width, y / height, wide / width, high / height))
            _panel(ax, name, train, validation, style, high)
        kinds = [("training", "first"), ("validation", "second")]
        present = [any(pair[k] is not None for _, pair in shown) for k in (0, 1)]
        x = left
        for (word, colour), there in zip(kinds, present, strict=True):
            if there:
                y = 1 - 0.17 / height
                line = ([x / width, (x + 0.22) / width], [y, y])
                fig.add_artist(_line(*line, color=style[colour], linewidth=2, transform=fig.transFigure))
                _say(fig, (x + 0.3) / width, y, word, color=style["ink"], va="center")
                x += 0.3 + text_width(word) + 0.3
    return fig


def paired(history: Mapping[str, Any]) -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    """{name: (training, validation)} of every series of numbers, the loss first; what is not finite becomes NaN."""
    series = {str(key): values for key, given in history.items() if (values := _numbers(given)) is not None}
    names = dict.fromkeys(key.removeprefix("val_") for key in series)
    ordered = sorted(names, key=lambda name: (name != "loss", name in ("lr", "learning_rate")))
    return {name: (series.get(name), series.get(f"val_{name}")) for name in ordered}


def _numbers(given: Any) -> np.ndarray | None:
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        return None
    if values.ndim != 1 or not np.isfinite(values).any():
        return None
    return np.where(np.isfinite(values), values, np.nan)


def best_epoch(name: str, values: np.ndarray) -> int | None:
    """The index of the best value, None where the name of the metric does not tell which way is better."""
    from striate.train.metrics import direction

    way = direction(name)
    return None if way is None else int(np.nanargmin(values) if way == "min" else np.nanargmax(values))


def _panel(
    ax: Axes, name: str, train: np.ndarray | None, validation: np.ndarray | None, style: dict[str, str], high: float
) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ends: list[tuple[float, str]] = []
    drawn = [(values, style[key]) for values, key in ((train, "first"), (validation, "second")) if values is not None]
    longest = max(len(values) for values, _ in drawn)
    for values, colour in drawn:
        epochs = np.arange(1, len(values) + 1)
        dots = "o" if len(values) <= 12 else None
        ax.plot(epochs, values, color=colour, linewidth=1.8, marker=dots, markersize=3.5, solid_capstyle="round")
        last = values[np.isfinite(values)][-1]
        ends.append((float(last), colour))
    marked, colour = drawn[-1]
    best = best_epoch(name, marked)
    if best is not None and longest > 1:
        ax.plot(best + 1, marked[best], "o", markersize=8, markerfacecolor="none", markeredgecolor=colour)
    ax.set_xlim((0.5, 1.5) if longest == 1 else (1 - 0.02 * longest, longest + 0.02 * longest))
    low, high_ = _limits([values for values, _ in drawn])
    ax.set_ylim(low, high_)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    _clean(ax, style)
    ax.grid(axis="y", color=style["line"], linewidth=0.8)
    ax.set_axisbelow(True)
    _say(ax, 0, 1.06, plain(name, 40), transform=ax.transAxes, color=style["ink"], weight="bold", size=10)
    ax.set_xlabel("epoch", color=style["muted"])
    span, places = high_ - low, _apart([(value - low) / (high_ - low) for value, _ in ends], 0.16 / high)
    for (value, colour), place in zip(ends, places, strict=True):
        y = low + place * span
        _say(ax, 1.015, y, short(value), transform=ax.get_yaxis_transform(), color=colour, va="center", size=8.5)


def _limits(all_values: list[np.ndarray]) -> tuple[float, float]:
    together = np.concatenate(all_values)
    low, high = float(np.nanmin(together)), float(np.nanmax(together))
    room = (high - low) * 0.06 or abs(high) * 0.1 or 0.1
    bottom = 0.0 if 0 <= low < 0.25 * high else low - room
    return bottom, high + room


def _apart(places: list[float], least: float) -> list[float]:
    """Places (0 to 1) of labels moved so that neighbours are at least `least` apart."""
    if len(places) < 2 or abs(places[0] - places[1]) >= least:
        return places
    middle, up = sum(places) / 2, least / 2 if places[0] >= places[1] else -least / 2
    return [middle + up, middle - up]


# -- confusion matrix -----------------------------------------------------------------------------------------------------
def confusion(matrix: Any, classes: Sequence[str] | None = None, *, dark: bool = False) -> Figure:
    """A confusion matrix (n, n): row r, column c counts how often class r was called class c.

    The colour is the share of the row, on a scale of square roots so that a few mistakes are seen; the number is the
    count, left out above 20 classes, where the names are thinned too.  Raises ArgumentError for anything but a square.
    """
    counts = np.asarray(matrix)
    n = len(counts)
    if counts.ndim != 2 or counts.shape != (n, n) or n < 1:
        raise ArgumentError(f"a confusion matrix is a square of counts, not an array of shape {counts.shape}.")
    names = [plain(name, 18) for name in (classes if classes is not None else range(n))]
    if len(names) != n:
        raise ArgumentError(f"confusion: {len(names)} class names for a matrix of {n} classes.")
    style = DARK if dark else LIGHT
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = 0.62 if n <= 4 else 0.46 if n <= 10 else 0.4 if n <= 20 else 7.2 / n
    side = cell * n
    step = math.ceil(n / _LABELS)
    ticks = list(range(0, n, step))
    size = 9.0 if n <= 10 else 8.0
    widest = max(text_width(names[i], size) for i in ticks)
    upright = widest > cell * step * 0.9
    left = 0.45 + widest
    below = 0.45 + (widest if upright else 0.2)
    right, above = 0.95, 0.15
    with _settings():
        fig = _figure(left + side + right, above + side + below, style["ground"])
        width, height = fig.get_size_inches()
        ax = fig.add_axes((left / width, below / height, side / width, side / height))
        colours = _blues(dark)
        if n <= 20:
            edge: dict[str, Any] = {"edgecolors": style["ground"], "linewidth": 1.5}
            image: Any = ax.pcolormesh(np.sqrt(shares), cmap=colours, vmin=0, vmax=1, **edge)
            ax.set_ylim(n, 0)
            _counts(ax, counts, np.sqrt(shares), colours, n, cell)
            ax.set_xticks([i + 0.5 for i in ticks])
            ax.set_yticks([i + 0.5 for i in ticks])
        else:
            image = ax.imshow(np.sqrt(shares), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
            ax.set_xticks(ticks)
            ax.set_yticks(ticks)
        _clean(ax, style)
        ax.spines["bottom"].set_visible(False)
        labels = [names[i] for i in ticks]
        ax.set_xticklabels(labels, parse_math=False, rotation=90 if upright else 0, size=size, color=style["ink"])
        ax.set_yticklabels(labels, parse_math=False, size=size, color=style["ink"])
        _say(fig, (left + side / 2) / width, 0.1 / height, "predicted", color=style["muted"], ha="center")
        _say(fig, 0.1 / width, (below + side / 2) / height, "true", color=style["muted"], va="center", rotation=90)
        tall = min(side, 2.6)
        box = fig.add_axes(((left + side + 0.22) / width, (below + side - tall) / height, 0.12 / width, tall / height))
        bar = fig.colorbar(image, cax=box)
        shown = (0, 0.01, 0.1, 0.3, 0.6, 1) if tall > 1 else (0, 0.1, 1)
        bar.set_ticks([math.sqrt(share) for share in shown], labels=[f"{share:.0%}" for share in shown])
        bar.outline.set_visible(False)  # type: ignore[operator]
        box.tick_params(length=0, labelsize=8, labelcolor=style["muted"])
    return fig


def _counts(ax: Axes, counts: np.ndarray, shades: np.ndarray, colours: Any, n: int, cell: float) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if not count:
            continue
        red, green, blue, _ = colours(shades[row, column])
        bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
        text = f"{count:,}" if count < 10_000 else f"{count / 1000:,.0f}k"
        size = min(9.5 if n <= 10 else 8.0, 9.0 * 0.9 * cell / text_width(text, 9.0))
        ink = {"color": "#10202e" if bright else "#ffffff", "weight": "bold" if row == column else "normal"}
        _say(ax, column + 0.5, row + 0.52, text, size=size, ha="center", va="center", **ink)


def _blues(dark: bool) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    light = ["#f1f5f9", "#bcd9ee", "#5aa5d6", "#0072b2", "#064a78"]
    deep = ["#1e252d", "#1d4560", "#1f78ad", "#56b4e9", "#c8e7fa"]
    return LinearSegmentedColormap.from_list("blues", deep if dark else light)


# -- pictures -------------------------------------------------------------------------------------------------------------
def pictures(images: Sequence[Any], captions: Sequence[str] | None = None, columns: int = 6) -> Figure:
    """Pictures in a grid, each with its caption below: mistakes with their labels, neighbours, patches.

    images: (H, W, 1 or 3) or (H, W) arrays, uint8 or float, of any sizes.  Raises ArgumentError for what is no picture.
    """
    shown = [_shown(image, i) for i, image in enumerate(images)]
    if not shown or columns < 1:
        raise ArgumentError(f"a grid needs at least one picture and one column, not {len(shown)} and {columns}.")
    lines = [_wrapped(caption) for caption in captions] if captions is not None else [[]] * len(shown)
    if len(lines) != len(shown):
        raise ArgumentError(f"pictures: {len(lines)} captions for {len(shown)} pictures.")
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    side, gap, line = 1.5, 0.18, 0.155
    text = max(map(len, lines)) * line + (0.06 if any(lines) else 0)
    with _settings():
        height = rows * (side + text + gap) + gap
        fig = _figure(columns * (side + gap) + gap, height, LIGHT["ground"])
        width = fig.get_size_inches()[0]
        for i, (picture, caption) in enumerate(zip(shown, lines, strict=True)):
            x = gap + i % columns * (side + gap)
            y = height - gap - side - i // columns * (side + text + gap)
            ax = fig.add_axes((x / width, y / height, side / width, side / height))
            ax.imshow(picture, interpolation="nearest")
            ax.set_anchor("S")
            ax.set_axis_off()
            for k, words in enumerate(caption):
                colour = LIGHT["ink"] if k == 0 else LIGHT["muted"]
                _say(fig, x / width, (y - 0.05 - (k + 1) * line + 0.035) / height, words, size=8, color=colour)
    return fig


def _shown(image: Any, i: int) -> np.ndarray:
    image = np.asarray(image)
    picture = tiles.as_picture(image[..., None] if image.ndim == 2 else image)
    if picture is None:
        raise ArgumentError(f"picture {i} has shape {image.shape}; pictures are (H, W), (H, W, 1) or (H, W, 3).")
    return tiles.rgba(tiles.resized(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, 300))


def _wrapped(caption: str) -> list[str]:
    lines = [part for line in str(caption).splitlines() for part in textwrap.wrap(plain(line, 200), 23)]
    return lines if len(lines) <= 4 else [*lines[:3], plain(lines[3] + "…", 23)]


def filters(weights: Any, *, shared: bool = False, limit: int = 128) -> Figure:
    """The filters (out, in, kh, kw) of a convolution as pictures, in colour for 3 inputs, middle grey being 0.

    shared: one range for all, so that weak filters look weak; else each has its own.  With another number of inputs a
    row holds one filter, a column one input.  limit: how many pictures at most.
    """
    values = np.asarray(weights.detach().cpu() if hasattr(weights, "detach") else weights, np.float32)
    if values.ndim != 4 or not values.size:
        raise ArgumentError(f"filters are an array (out, in, kh, kw), not one of shape {values.shape}.")
    inputs = values.shape[1] if values.shape[1] not in (1, 3) else 1
    columns = min(inputs, 16) if inputs > 1 else _columns(min(len(values), limit))
    values = values[: max(1, limit // columns), :columns] if inputs > 1 else values[:limit]
    return _plate(tiles.mosaic(tiles.filter_tiles(values, shared=shared), columns))


def maps(activations: Any, *, shared: bool = False, limit: int = 64) -> Figure:
    """The activation maps (H, W, C) of a layer for one example in a grid; a map that is zero everywhere is crossed out.

    Dark is 0, bright the largest value; where there are negative values blue is negative, white 0, red positive.
    shared: one range for all maps; else each has its own.  limit: how many maps at most.
    """
    values = np.asarray(activations)
    if values.ndim != 3 or not values.size:
        raise ArgumentError(f"activation maps are an array (H, W, C), not one of shape {values.shape}.")
    values = values[..., :limit]
    return _plate(tiles.mosaic(tiles.map_tiles(values, shared=shared), _columns(values.shape[-1])))


def _columns(count: int) -> int:
    """8 or 16 to a row, so that grids of several layers line up."""
    return min(8 if count <= 8 else 16, count)


def _plate(picture: np.ndarray) -> Figure:
    """A Figure that is nothing but this picture, one dot a pixel."""
    height, width = picture.shape[:2]
    fig = _figure(width / _DPI, height / _DPI, "none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.imshow(picture, interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    return fig


# -- files ------------------------------------------------------------------------------------------------------------------
def to_svg(fig: Figure) -> bytes:
    """The figure as an SVG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with _settings(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # only measured here; the reader's fonts draw the text
        fig.savefig(file, format="svg", dpi=2 * _DPI, metadata=nothing)
    return file.getvalue()


def to_png(fig: Figure, dpi: int = _DPI) -> bytes:
    """The figure as a PNG file, without loss; with a palette where 256 colours are enough."""
    with _settings(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        fig.set_dpi(dpi)
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(fig)
        canvas.draw()
        return png(np.asarray(canvas.buffer_rgba()))


def png(picture: np.ndarray) -> bytes:
    """(H, W, 4) uint8 as a PNG file, without loss; with a palette where 256 colours are enough."""
    from PIL import Image

    file = io.BytesIO()
    colours, indices = np.unique(np.ascontiguousarray(picture).view(np.uint32)[..., 0], return_inverse=True)
    if len(colours) > 256:
        image = Image.fromarray(picture)
        image = image.convert("RGB") if (picture[..., 3] == 255).all() else image
        image.save(file, "PNG", optimize=True)
        return file.getvalue()
    table = colours[:, None].view(np.uint8)
    image = Image.fromarray(indices.reshape(picture.shape[:2]).astype(np.uint8))
    image.putpalette(table[:, :3].tobytes(), "RGB")
    image.save(file, "PNG", optimize=True, transparency=table[:, 3].tobytes())
    return file.getvalue()


# -- style ---------------------------------------------------------------------------------------------------------
def _settings() -> AbstractContextManager[None]:
    import matplotlib

    return matplotlib.rc_context(_SETTINGS)  # type: ignore[arg-type]


def _figure(width: float, height: float, ground: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), dpi=_DPI, facecolor=ground)
    FigureCanvasAgg(fig)
    return fig


def _line(*args: Any, **kwargs: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(*args, **kwargs)


def _say(where: Any, x: float, y: float, text: str, **kwargs: Any) -> None:
    """Text as it is: a "$" in a class name is no formula."""
    where.text(x, y, text, parse_math=False, **kwargs)


def _clean(ax: Axes, style: dict[str, str]) -> None:
    ax.set_facecolor("none")
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(style["line"])
    ax.tick_params(length=0, labelcolor=style["muted"])


def plain(text: Any, longest: int) -> str:
    """`text` on one line, without control characters, cut in the middle if it is longer than `longest`."""
    line = "".join(c if c.isprintable() and not "\ud800" <= c <= "\udfff" else " " for c in str(text))
    if len(line) <= longest:
        return line
    return f"{line[: longest - longest // 3 - 1]}…{line[-(longest // 3) :]}"


def short(value: float) -> str:
    """A figure as a label: three digits, or four between 0.1 and 1."""
    return f"{value:.3f}" if 0.1 <= abs(value) < 10 else f"{value:.3g}"


def text_width(text: str, size: float = 9.0) -> float:
    """Inches that `text` takes at most in a common sans serif font of that size in points."""
    wide = sum(1.02 if unicodedata.east_asian_width(c) in "WF" else 0.95 if c in "mwMW@%" else 0.64 for c in text)
    return wide * size / 72
