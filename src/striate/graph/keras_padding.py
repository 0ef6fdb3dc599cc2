"""Padding in cells, which Keras' layers have not, as Keras says it: "same", or a layer of zeros before.

A window of stride 1 with as many cells on either side as "same" would put there is "same" at every size.  Anything else is a
ZeroPadding layer and "valid": for a convolution always, for a pooling where zeros count as Keras' padding would.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from striate.graph.layer import Layer
from striate.graph.window import Pads, Window

# Functions whose results are never below 0, so that a maximum with zeros around is the maximum without.
_NEVER_NEGATIVE = ("relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "softmax", "exponential")


def padding_for_keras(layer: Layer, before: Layer | None) -> tuple[str, Pads] | str | None:
    """How Keras says a layer's padding: (its ``padding``, the zeros before it); None where it says it as it is.

    layer    any
    before   the layer that makes its input, where it is known

    A text is the reason why Keras cannot.
    """
    window: Any = layer.window() if hasattr(layer, "window") else None
    counted = getattr(layer, "count_include_pad", False)
    if not isinstance(window, Window) or (
        isinstance(window.padding, str) and not (counted and window.padding == "same")
    ):
        return None
    if not isinstance(window.padding, tuple):
        return "counts what padding='same' adds (count_include_pad), which Keras does not: give the padding in cells"
    if not any(map(any, window.padding)):
        return "valid", window.padding
    said = f"has padding={window.padding}, which Keras has not"
    if window.transposed:
        alike = ("same", ((0, 0),) * len(window.kernel))
        return alike if _painted_alike(window) else f"{said}: crop its output with Cropping2D instead"
    whole = max(window.span)
    if not counted and set(window.strides) == {1} and _same(window, whole):
        return "same", ((0, 0),) * len(window.kernel)
    if hasattr(layer, "kernel_size") or counted:
        return "valid", window.padding
    if type(layer).__name__.startswith("MaxPool") and before is not None and never_negative(before):
        return "valid", window.padding
    return f"{said}: put ZeroPadding{len(window.kernel)}D before it and padding='valid' into it"


def _same(window: Window, size: int) -> bool:
    sizes = (size,) * len(window.kernel)
    return replace(window, padding="same").pads(sizes) == window.padding


def _painted_alike(window: Window) -> bool:
    sizes = (max(window.span),) * len(window.kernel)
    alike = replace(window, padding="same")
    return alike.grow(sizes) == window.grow(sizes) and alike.crop(sizes) == window.crop(sizes)


def never_negative(layer: Layer) -> bool:
    """Whether what a layer gives is never below 0.

    layer   any
    """
    if type(layer).__name__ == "ReLU":
        return not getattr(layer, "negative_slope", 0) and not getattr(layer, "threshold", 0)
    return getattr(layer, "activation", None) in _NEVER_NEGATIVE
