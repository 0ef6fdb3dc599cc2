"""What all figures share: colours, fonts, and how they become files.  Figures leave pyplot alone."""

from __future__ import annotations

import io
import unicodedata
import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

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
DPI = 100


# -- files ------------------------------------------------------------------------------------------------------------------
def to_svg(fig: Figure) -> bytes:
    """The figure as an SVG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with settings(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # only measured here; the reader's fonts draw the text
        fig.savefig(file, format="svg", dpi=2 * DPI, metadata=nothing)
    return file.getvalue()


def to_png(fig: Figure, dpi: int = DPI) -> bytes:
    """The figure as a PNG file, without loss; with a palette where 256 colours are enough."""
    with settings(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        fig.set_dpi(dpi)
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(fig)
        canvas.draw()
        return png(np.asarray(canvas.buffer_rgba()))


def png(picture: np.ndarray) -> bytes:
    """(H, W, 4) uint8 as a PNG file, without loss; with a palette where 256 colours are enough."""
    from PIL import Image

    file, image = io.BytesIO(), Image.fromarray(picture)
    if image.getcolors(256) is None:
        image = image.convert("RGB") if (picture[..., 3] == 255).all() else image
        image.save(file, "PNG")  # to try all filters takes four times as long and saves a twentieth
        return file.getvalue()
    colours, indices = np.unique(np.ascontiguousarray(picture).view(np.uint32)[..., 0], return_inverse=True)
    table = colours[:, None].view(np.uint8)
    image = Image.fromarray(indices.reshape(picture.shape[:2]).astype(np.uint8))
    image.putpalette(table[:, :3].tobytes(), "RGB")
    image.save(file, "PNG", optimize=True, transparency=table[:, 3].tobytes())
    return file.getvalue()


# -- style ---------------------------------------------------------------------------------------------------------
def settings() -> AbstractContextManager[None]:
    import matplotlib

    return matplotlib.rc_context(_SETTINGS)  # type: ignore[arg-type]


def new_figure(width: float, height: float, ground: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), dpi=DPI, facecolor=ground)
    FigureCanvasAgg(fig)
    return fig


def say(where: Any, x: float, y: float, text: str, **kwargs: Any) -> None:
    """Text as it is: a "$" in a class name is no formula."""
    where.text(x, y, text, parse_math=False, **kwargs)


def clean(ax: Axes, style: dict[str, str]) -> None:
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


def blues(dark: bool) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    light = ["#f1f5f9", "#bcd9ee", "#5aa5d6", "#0072b2", "#064a78"]
    deep = ["#1e252d", "#1d4560", "#1f78ad", "#56b4e9", "#c8e7fa"]
    return LinearSegmentedColormap.from_list("blues", deep if dark else light)
