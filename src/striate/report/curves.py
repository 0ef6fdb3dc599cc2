"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import ArgumentError
from striate.report.style import DARK, LIGHT, clean, new_figure, plain, say, settings, short, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 12


def curves(
    history: Mapping[str, Sequence[float]],
    *,
    dark: bool = False,
    stages: Sequence[tuple[str, int]] = (),
    width: float | None = None,
) -> Figure:
    """A panel for the loss and for each metric, training against validation, over the epochs.

    history: ``History.history``: {"loss": [...], "accuracy": [...], "val_loss": [...], ...}.  The last values stand at
    the right; a circle marks the best epoch where the name tells which way is better.  At most 12 panels.  `stages` are
    the parts of a training, (name, epochs) each in their order: a line stands where one ends and the next begins.

    history    figures by name, a number for each epoch
    dark       on dark ground
    stages     parts of the training
    width      of a panel, in inches; None: by how many stand in a row

    Raises ArgumentError for a history without any numbers.
    """
    from matplotlib.lines import Line2D

    panels = paired(history)
    if not panels:
        raise ArgumentError("the history holds no numbers to draw: train for at least one epoch.")
    style = DARK if dark else LIGHT
    shown = list(panels.items())[:PANELS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    wide, high = (5.4, 2.4) if columns == 1 else (4.3, 2.2) if columns == 2 else (3.3, 2.0)
    wide = width or wide
    left, right, above, below = 0.6, 0.55, 0.42, 0.5
    with settings():
        fig = new_figure((left + wide + right) * columns, (above + high + below) * rows + 0.3, style["ground"])
        across, height = fig.get_size_inches()
        for i, (name, (train, validation)) in enumerate(shown):
            x = i % columns * (left + wide + right) + left
            y = height - 0.3 - (i // columns + 1) * (above + high + below) + below
            ax = fig.add_axes((x / across, y / height, wide / across, high / height))
            _panel(ax, name, train, validation, style, high)
            _ends(ax, stages, style)
        kinds = [("training", "first"), ("validation", "second")]
        present = [any(pair[k] is not None for _, pair in shown) for k in (0, 1)]
        x = left
        for (word, colour), there in zip(kinds, present, strict=True):
            if there:
                y = 1 - 0.17 / height
                place = ([x / across, (x + 0.22) / across], [y, y])
                fig.add_artist(Line2D(*place, color=style[colour], linewidth=2, transform=fig.transFigure))
                say(fig, (x + 0.3) / across, y, word, color=style["ink"], va="center")
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
    clean(ax, style)
    ax.grid(axis="y", color=style["line"], linewidth=0.8)
    ax.set_axisbelow(True)
    say(ax, 0, 1.06, plain(name, 40), transform=ax.transAxes, color=style["ink"], weight="bold", size=10)
    ax.set_xlabel("epoch", color=style["muted"])
    span, places = high_ - low, _apart([(value - low) / (high_ - low) for value, _ in ends], 0.16 / high)
    for (value, colour), place in zip(ends, places, strict=True):
        y = low + place * span
        say(ax, 1.015, y, short(value), transform=ax.get_yaxis_transform(), color=colour, va="center", size=8.5)


def _ends(ax: Axes, stages: Sequence[tuple[str, int]], style: dict[str, str]) -> None:
    """A line where a stage ends, and above it the name of what begins."""
    done = 0
    parts = [(name, epochs) for name, epochs in stages if epochs]
    for i, (name, epochs) in enumerate(parts):
        if i:
            ax.axvline(done + 0.5, color=style["muted"], linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.5)
        if len(parts) > 1:
            say(
                ax,
                done + 0.6,
                0.99,
                plain(name, 22),
                transform=ax.get_xaxis_transform(),
                color=style["muted"],
                va="top",
                size=7,
            )
        done += epochs


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
