"""Figures of losses over lines and planes: contours with the training's path, and in three dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import ArgumentError
from striate.report.figures import LIGHT, new_figure, plain, say, settings, short
from striate.report.style import blues
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from striate.look.landscape.line import Line
    from striate.look.landscape.surface import Surface

WIDE = 20.0  # highest over lowest from which a scale is logarithmic
_LEVELS = 15
_SIDE = 3.5  # inches of a panel


@dataclass
class HeightScale:
    """What several surfaces are drawn on together: from `low` to `high`, where they are cut off."""

    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, losses: list[np.ndarray], top: float | None) -> HeightScale:
        """Raises ArgumentError for a `top` below all losses, or where none is finite."""
        values = np.concatenate([loss[np.isfinite(loss)].ravel() for loss in losses])
        if not len(values):
            raise ArgumentError("no loss on this surface is finite: take a smaller span.")
        low, high = float(values.min()), float(values.max())
        if top is not None:
            if not top > low:
                raise ArgumentError(f"the figure cannot be cut off at {top:g}: the lowest loss is {low:.4g}.")
            high = min(high, top)
        elif low > 0:
            high = min(high, 1000 * low)
        if high <= low:
            high = low + max(abs(low), 1.0) * 1e-6
        return cls(low, high, low > 0 and high / low > WIDE)

    def heights(self, loss: np.ndarray) -> np.ndarray:
        """As drawn: cut off, and the logarithm where the range is wide."""
        cut = np.where(np.isfinite(loss), loss, self.high).clip(self.low, self.high)
        return np.log10(cut) if self.log else cut

    @property
    def levels(self) -> np.ndarray:
        low, high = self.heights(np.array([self.low, self.high]))
        return np.linspace(low, high, _LEVELS + 1)

    def ticks(self) -> tuple[np.ndarray, list[str]]:
        """Where the third axis says what losses."""
        if not self.log:
            at = np.linspace(self.low, self.high, 5)
            return at, [short(v) for v in at]
        steps = np.array([m * 10.0**e for e in range(-9, 13) for m in (1, 2, 5)])
        inside = steps[(steps >= self.low * 0.999) & (steps <= self.high * 1.001)]
        if len(inside) > 6:
            inside = inside[np.isclose(np.log10(inside) % 1, 0)]
        return np.log10(inside), [f"{v:g}" for v in inside]


def surfaces(shown: Mapping[str, Surface], top: float | None = None) -> Figure:
    """Surfaces on one scale, {title: surface}: one with its contours beside it, several above theirs.

    top: where the loss is cut off; None: at the highest, or at 1,000 times the lowest.  Raises ArgumentError.
    """
    if not shown:
        raise ArgumentError("there is no surface to show.")
    scale = HeightScale.of([surface.loss for surface in shown.values()], top)
    alone = len(shown) == 1
    with settings():
        columns, rows = (2, 1) if alone else (len(shown), 2)
        width, height = columns * (_SIDE + 0.75) + 0.45, rows * (_SIDE + 0.75) + 0.25
        fig = new_figure(width, height, LIGHT["ground"])
        for i, (title, surface) in enumerate(shown.items()):
            left = (0.65 + i * (_SIDE + 0.75)) / width
            side = (_SIDE / width, _SIDE / height)
            flat = fig.add_axes((left, 0.62 / height, *side))
            _contours(flat, surface, scale)
            corner = (left + (_SIDE + 0.5) / width, 0.45 / height) if alone else (left, (_SIDE + 1.2) / height)
            wide = ((_SIDE + 0.2) / width, (_SIDE + 0.2) / height)
            _relief(fig.add_axes((*corner, *wide), projection="3d"), surface, scale)
            words = f"{plain(title, 40)}: " if title else ""
            say(
                fig,
                left,
                1 - 0.22 / height,
                f"{words}loss {short(surface.centre)} at the trained weights (+)",
                fontsize=10,
                color=LIGHT["ink"],
                va="center",
            )
    return fig


def _contours(ax: Axes, surface: Surface, scale: HeightScale) -> None:
    heights = scale.heights(surface.loss)
    levels = list(scale.levels)
    ax.contourf(surface.x, surface.y, heights, levels, cmap=blues(False), extend="neither")
    lines = ax.contour(
        surface.x, surface.y, heights, levels[1:-1], colors=LIGHT["ink"], linestyles="solid", linewidths=0.5, alpha=0.7
    )
    said = {level: short(10**level if scale.log else level) for level in lines.levels}
    for text in ax.clabel(lines, levels[1:-1:2], fmt=said, fontsize=6.5, inline=False):
        text.set_path_effects(_halo(1.6))
        x, y = ax.transAxes.inverted().transform(ax.transData.transform(text.get_position()))
        text.set_visible(0.05 < x < 0.95 and 0.03 < y < 0.97)  # the frame would cut it
    if surface.path is not None:
        x, y = surface.path.points.T
        ax.plot(x, y, color=LIGHT["second"], linewidth=1.6, marker="o", markersize=3.5, zorder=3)
        for epoch, where in zip(surface.path.epochs, surface.path.points, strict=True):
            if epoch in (surface.path.epochs[0], surface.path.epochs[-1]) or len(x) <= 8:
                ax.annotate(
                    str(epoch),
                    where,
                    (4, 4),
                    textcoords="offset points",
                    fontsize=7,
                    color=LIGHT["second"],
                    path_effects=_halo(1.8),
                )
    ax.plot(0, 0, "+", color=LIGHT["second"], markersize=9, markeredgewidth=1.6, zorder=4)
    ax.set_xlabel(surface.axes[0], color=LIGHT["muted"], fontsize=8)
    ax.set_ylabel(surface.axes[1], color=LIGHT["muted"], fontsize=8)
    ax.tick_params(length=0, labelcolor=LIGHT["muted"], labelsize=7)
    for spine in ax.spines.values():
        spine.set_color(LIGHT["line"])


def _relief(ax: Any, surface: Surface, scale: HeightScale) -> None:
    x, y = np.meshgrid(surface.x, surface.y)
    heights = scale.heights(surface.loss)
    low, high = scale.levels[[0, -1]]
    ax.plot_surface(
        x,
        y,
        heights,
        cmap=blues(False),
        vmin=low,
        vmax=high,
        rstride=1,
        cstride=1,
        linewidth=0.25,
        edgecolor=(*_rgb(LIGHT["ink"]), 0.35),
        antialiased=True,
    )
    ax.set_zlim(low, high)
    at, said = scale.ticks()
    ax.set_zticks(at, said)
    ax.set_zlabel("loss, logarithmic" if scale.log else "loss", color=LIGHT["muted"], fontsize=8)
    ax.set_xlabel(surface.axes[0], color=LIGHT["muted"], fontsize=8)
    ax.set_ylabel(surface.axes[1], color=LIGHT["muted"], fontsize=8)
    ax.tick_params(labelcolor=LIGHT["muted"], labelsize=7, pad=0)
    ax.locator_params(axis="x", nbins=5)
    ax.locator_params(axis="y", nbins=5)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.set_facecolor("none")
        axis.pane.set_edgecolor(LIGHT["line"])
        axis._axinfo["grid"]["color"] = LIGHT["line"]
    ax.view_init(elev=32, azim=-58)
    ax.set_facecolor("none")
    ax.set_box_aspect((1, 1, 0.8), zoom=0.9)


def line(shown: Line) -> Figure:
    """Loss in blue on the left axis, accuracy in orange on the right one."""
    scale = HeightScale.of([shown.loss], None)
    with settings():
        width, height = 6.4, 3.2
        fig = new_figure(width, height, LIGHT["ground"])
        ax = fig.add_axes((0.7 / width, 0.55 / height, (width - 1.4) / width, (height - 1.0) / height))
        ax.plot(shown.steps, np.where(np.isfinite(shown.loss), shown.loss, np.nan), color=LIGHT["first"], linewidth=1.8)
        if scale.log:
            ax.set_yscale("log")
        ax.plot(0, shown.centre, "o", color=LIGHT["first"], markersize=5)
        _side(ax, "loss, logarithmic" if scale.log else "loss", LIGHT["first"])
        ax.set_xlabel(f"steps along {plain(shown.direction, 60)}", color=LIGHT["muted"])
        ax.grid(color=LIGHT["line"], linewidth=0.6)
        ax.set_axisbelow(True)
        if shown.accuracy is not None:
            other: Any = ax.twinx()
            other.plot(shown.steps, 100 * shown.accuracy, color=LIGHT["second"], linewidth=1.4)
            other.set_ylim(0, 100)
            _side(other, "accuracy, %", LIGHT["second"])
        middle = f"loss {short(shown.centre)} at the trained weights, {plural(shown.examples, 'example')} a point"
        say(fig, 0.7 / width, 1 - 0.22 / height, middle, fontsize=10, color=LIGHT["ink"], va="center")
    return fig


def _side(ax: Any, text: str, colour: str) -> None:
    ax.set_ylabel(text, color=colour)
    ax.tick_params(length=0, labelcolor=LIGHT["muted"], which="both")
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LIGHT["line"])


def _halo(width: float) -> list[Any]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground=LIGHT["ground"])]


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)
