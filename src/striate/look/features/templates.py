"""Templates: the weights of a dense layer that reads the picture itself, as pictures of the picture's own shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import ArgumentError, unknown
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import linear_weights, picture_read_by
from striate.report import tiles
from striate.report.grid import Cell, Grid
from striate.wording import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.graph import FlatNode
    from striate.model import Model

_SIDE = 112
_MOST = 60  # templates in a figure


@dataclass
class Templates(Look):
    """The weights of a dense layer that reads the picture.

    layer     its name
    weights   float32 (units, H, W, C), the weight of each pixel; channels red, green, blue
    bias      float32 (units,), 0 where there is none
    names     of the units: the classes, where the layer is the classifier
    shared    whether the figure has one range of colours for all; else each template has its own
    """

    layer: str
    weights: np.ndarray
    bias: np.ndarray
    names: list[str]
    shared: bool = False

    anchor = "templates"
    title = "Templates"

    def note(self) -> str:
        count, height, width, channels = self.weights.shape
        each = f"{height}x{width}" + (", the sum over the colours" if channels == 3 else "")
        range_ = "One range of colours for all." if self.shared else "Each has its own range of colours."
        return (
            f"What each of the {plural(count, 'unit')} of {self.layer} multiplies the picture by ({each}): blue is "
            "positive, a bright pixel there speaks for it; red is negative, it speaks against; white is 0. The score is "
            f"the sum of all products and a bias. {range_}"
        )

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        flat = self.weights.reshape(len(self.weights), -1).astype(np.float64)
        heads = ("unit", "lowest", "highest", "root of squares", "bias")
        ends = zip(flat.min(axis=1), flat.max(axis=1), np.sqrt(np.square(flat).sum(axis=1)), self.bias, strict=True)
        return heads, [
            (name, *(f"{value:.4g}" for value in values)) for name, values in zip(self.names, ends, strict=True)
        ]

    def figure(self) -> Figure:
        """A template for each unit, at most 60; of a network that reads colours, what it is in colours below it."""
        signed = self.weights.sum(axis=-1)
        shown = range(min(len(signed), _MOST))
        columns = 5 if len(shown) <= 10 else 10
        largest = np.abs(signed).max()
        cells = [
            Cell(_coloured(signed[i], largest if self.shared else np.abs(signed[i]).max()), self.names[i])
            for i in shown
        ]
        rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        if self.weights.shape[-1] == 3:
            top = np.abs(self.weights).max()
            colours = [
                Cell(_in_colours(self.weights[i], top if self.shared else np.abs(self.weights[i]).max())) for i in shown
            ]
            below = [colours[i : i + columns] for i in range(0, len(colours), columns)]
            rows = [row for pair in zip(rows, below, strict=True) for row in pair]
        height, width = signed.shape[1:]
        scale = _SIDE / max(height, width)
        more = f" ({len(shown)} of {len(signed)})" if len(shown) < len(signed) else ""
        title = f"{self.layer}: red negative, blue positive{more}"
        return Grid(rows, width=round(width * scale), height=round(height * scale), gap=8, title=title).figure()


def templates(model: Model, layer: str | None = None, *, shared: bool = False) -> Templates:
    """The weights of a linear or dense classifier as pictures: for each class what speaks for it and what against.

    model    a network with a dense layer that reads the picture, flattened and at most rescaled
    layer    its name; None: the first dense layer
    shared   one range of colours for all templates, so that weak ones look weak; else each has its own

    Red is negative, blue positive.  Raises ArgumentError for a layer that is not there, is not dense or reads other maps
    than the picture.
    """
    flat = model.graph.check().flat()
    model.module  # weights are made when they are asked for
    dense = {node.name: node for node in flat.nodes if linear_weights(node) is not None}
    node = _chosen({each.name: each for each in flat.nodes}, dense, layer)
    shape = picture_read_by(flat, node)
    if shape is not None and len(shape) == 1:
        side = math.isqrt(shape[0])
        shape = (side, side, 1) if side * side == shape[0] else None
    if shape is None or len(shape) != 3 or shape[-1] not in (1, 3):
        raise ArgumentError(
            f'templates: {node.layer.kind} "{node.name}" does not read the pixels of the picture itself, so its weights are '
            "no picture. For a network of convolutions: look.filters, or look.maximise for what a class answers to most."
        )
    found = linear_weights(node)
    assert found is not None
    weights, bias = found
    array = weights.reshape(-1, *shape)
    if shape[-1] == 3 and Space.of(model).bgr:
        array = array[..., ::-1].copy()
    last = node.name == list(dense)[-1]
    names = model.intake.class_names(len(array)) if last else [str(i) for i in range(len(array))]
    return Templates(node.name, array, bias, names, shared)


def _chosen(nodes: dict[str, FlatNode], dense: dict[str, FlatNode], layer: str | None) -> FlatNode:
    if layer is None:
        if not dense:
            raise ArgumentError("templates: the network has no dense layer.")
        return next(iter(dense.values()))
    if layer not in nodes:
        raise unknown("layer name", layer, nodes)
    if layer not in dense:
        first = f' The first dense layer is "{next(iter(dense))}".' if dense else ""
        raise ArgumentError(f'templates: {nodes[layer].layer.kind} "{layer}" is no dense layer.{first}')
    return dense[layer]


def _coloured(values: np.ndarray, largest: float) -> np.ndarray:
    """(H, W) from red over white (0) to blue, uint8 (H, W, 4)."""
    import matplotlib

    scaled = values.astype(np.float64) / (largest or 1.0) / 2 + 0.5
    colours = matplotlib.colormaps["RdBu"](scaled.clip(0, 1))
    return tiles.resized(np.rint(colours[..., :3] * 255).astype(np.uint8), _SIDE)


def _in_colours(values: np.ndarray, largest: float) -> np.ndarray:
    """(H, W, 3) with middle grey for 0."""
    return tiles.resized(np.rint((values / (largest or 1.0) / 2 + 0.5).clip(0, 1) * 255).astype(np.uint8), _SIDE)
