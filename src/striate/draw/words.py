"""What a diagram or a diff says about a layer: one short line, its shape; and how wide that text is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from striate.graph import InputLayer, Layer, Network, Shape, every_layer
from striate.wording import plural


def shape_text(shape: Shape) -> str:
    """``(32, 32, 3)`` as ``32×32×3``."""
    return "×".join(map(str, shape)) or "1"


def count(layer: Layer, *shapes: Shape) -> int:
    """Trainable numbers of a layer, from its input shapes."""
    return sum(weight.size for weight in layer.parameters(*shapes).values())


def _by(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _once(value: Any) -> str:
    """``(2, 2)`` as ``2``, ``(1, 2)`` as ``1x2``."""
    return str(value[0]) if isinstance(value, list | tuple) and len(set(value)) == 1 else _by(value)


def _sides(value: Any) -> str:
    if isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    if isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    return str(value).replace(" ", "")


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _function(value: Any) -> str:
    return " ".join([value.kind, *_said(value)]) if isinstance(value, Layer) else str(value)


# How each hyper-parameter reads in a box, in the order in which a reader looks for them.  Fields not listed here, of
# layers that come later, read as name=value when they differ from their default.
_SAYS: dict[str, Callable[[Any], str]] = {
    "kernel_size": _by,
    "pool_size": _by,
    "output_size": _by,
    "target_shape": lambda v: f"({', '.join(map(str, v))})" if isinstance(v, tuple) else str(v),
    "connections": lambda v: f"{len(v)}, {plural(sum(map(len, v)), 'link')}" if isinstance(v, tuple) else str(v),
    "input_dim": str,
    "output_dim": str,
    "filters": str,
    "units": str,
    "rate": _number,
    "depth_multiplier": lambda v: f"depth {v}",
    "strides": lambda v: f"stride {_once(v)}",
    "padding": lambda v: v if isinstance(v, str) else f"pad {_sides(v)}",
    "cropping": lambda v: f"crop {_sides(v)}",
    "size": lambda v: f"x{_once(v)}",
    "interpolation": str,
    "dilation_rate": lambda v: f"dilation {_once(v)}",
    "groups": lambda v: f"{plural(v, 'group')}",
    "axis": lambda v: f"axis {v}",
    "mode": str,
    "scale": lambda v: f"x {_number(v)}" if isinstance(v, int | float) else "",
    "offset": lambda v: f"{v:+.4g}" if isinstance(v, int | float) else "",
    "radius": lambda v: f"radius {v}",
    "negative_slope": lambda v: f"slope {_number(v)}",
    "alpha": lambda v: f"alpha {_number(v)}",
    "max_value": lambda v: f"max {_number(v)}",
    "threshold": lambda v: f"above {_number(v)}",
    "activation": _function,
}
_ALWAYS = {"pool_size", "kernel_size", "radius", "negative_slope", "activation"}  # also when they are the default
_SILENT = {
    "name",
    "trainable",
    "input_shape",
    "input_length",
    "seed",
    "mean",
    "variance",
    "prototypes",
    "dtype",
    "use_bias",
}


def _said(layer: Layer) -> list[str]:
    """The hyper-parameters worth showing, a few characters each."""
    if layer.kind == "BatchNormalization":  # its momentum and epsilon are no part of the structure
        return []
    config = layer.config()
    names = [field.name for field in dataclasses.fields(layer)]
    said = []
    for name, says in _SAYS.items():
        value = getattr(layer, name) if name in names else None
        if value is not None and (name in config or name in _ALWAYS) and not _usual(layer, name, value):
            said.append(says(value))
    for name, value in config.items():
        numbers = isinstance(value, tuple) and len(value) <= 4 and all(isinstance(v, int | float) for v in value)
        if name in _SAYS or name in _SILENT or name.endswith(("_initializer", "_regularizer", "_constraint")):
            continue
        if numbers or isinstance(value, int | float | str):
            said.append(f"{name}={_sides(value) if numbers else _number(value)}")
    return [word for word in said if word]


def _usual(layer: Layer, name: str, value: Any) -> bool:
    """Whether a value goes without saying."""
    if name == "strides":
        return bool(value == getattr(layer, "pool_size", (1,) * len(value) if isinstance(value, tuple) else 1))
    if name == "dilation_rate":
        return _once(value) == "1"
    return (
        (name == "padding" and value == "valid")
        or (name == "activation" and value == "linear" and layer.kind != "Activation")
        or (name == "negative_slope" and layer.kind == "ReLU" and not value)
    )


def brief(layer: Layer) -> str:
    """A layer's kind and key hyper-parameters in one short line, such as ``Conv2D 3x3, 32, relu``."""
    if isinstance(layer, Network):
        number = len([inner for inner in every_layer(layer.graph) if not isinstance(inner, InputLayer)])
        return f"{layer.kind}, {plural(number, 'layer')}"
    if isinstance(layer, InputLayer):
        return "Input" if layer.dtype == "float32" else f"Input {layer.dtype}"
    words = ", ".join(_said(layer))
    return f"{layer.kind} {words}" if words else layer.kind


# Advance widths of the printable ASCII characters, in thousandths of the font size, of DejaVu Sans: the widest face
# that a browser falls back to for the fonts asked for, so text measured with it fits with Helvetica or Arial too.
_WIDTHS = (
    *(318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636),
    *(636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775),
    *(752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390),
    *(337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612),
    *(635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838),
)
_OTHER = {"×": 838, "→": 838, "·": 318, "–": 500, "…": 1000}


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of `text` in pixels, at a font size in pixels; never less than what a sans-serif face takes."""
    return sum(_width(char, bold) for char in text) * size / 1000


def _width(char: str, bold: bool) -> float:
    code = ord(char)
    width = _WIDTHS[code - 32] if 32 <= code < 127 else _OTHER.get(char, 1000)
    return width * 1.05 + 50 if bold else width


def _fitting(text: str, size: float, room: float, bold: bool) -> int:
    """How many letters of `text` fit into `room` pixels."""
    total = 0.0
    for i, char in enumerate(text):
        total += _width(char, bold)
        if total * size / 1000 > room:
            return i
    return len(text)


def fitted(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """`text`, or as much of it as fits into `room` pixels, with … for the rest."""
    fits = _fitting(text, size, room, bold)
    if fits == len(text):
        return text
    return text[: _fitting(text, size, room - text_width("…", size, bold=bold), bold)].rstrip(" ,_-") + "…"


def wrapped(text: str, size: float, room: float, *, most: int = 12, bold: bool = False) -> list[str]:
    """`text` in lines of at most `room` pixels, broken at spaces where there are any; at most `most` lines."""
    lines: list[str] = []
    text = text[: most * (int(room) + 2)]  # no sign is narrower than a pixel
    space = text_width(" ", size, bold=bold)
    for paragraph in text.splitlines() or [""]:
        line, taken = "", 0.0
        for word in paragraph.split():
            while (cut := max(1, _fitting(word, size, room, bold))) < len(word):  # one word longer than a line
                if line:
                    lines.append(line)
                    line, taken = "", 0.0
                lines.append(word[:cut])
                word = word[cut:]
            wide = text_width(word, size, bold=bold)
            if line and taken + space + wide > room:
                lines.append(line)
                line, taken = word, wide
            else:
                line, taken = (f"{line} {word}", taken + space + wide) if line else (word, wide)
        if line:
            lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], fitted(lines[most - 1] + " …", size, room, bold=bold)]
    return lines
