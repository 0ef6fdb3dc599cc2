"""The filters of a convolution: what it was trained to look for, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate.errors import ArgumentError, unknown
from striate.look.pictures import Space
from striate.look.result import Look
from striate.look.structure import convolution, kernels, linear_weights, slides_over_sequences
from striate.report import tiles
from striate.report.grid import Cell, Grid
from striate.wording import plural, verb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.graph import FlatGraph, FlatNode, Graph
    from striate.model import Model

_ROWS, _COLUMNS = 16, 16
_WEAK = 0.01
_TEMPLATES = " look.templates (`striate look templates`) shows the weights of a dense layer."


@dataclass
class Filters(Look):
    """The filters of one convolution.

    weights   float32 (filters, kh, kw, inputs): of a depthwise or a separable convolution one input each, of a grouped
              one those of its group.  Where the layer reads a picture in colour, the inputs are red, green, blue,
              whatever order the network takes them in
    colour    whether these inputs are the colours of the picture
    shared    whether the figure has one range for all filters; else each filter has its own
    """

    layer: str
    kind: str
    weights: np.ndarray
    colour: bool
    shared: bool = False
    groups: int = 1

    anchor = "filters"
    title = "Filters"

    @property
    def strength(self) -> np.ndarray:
        """The root of the sum of squares of each filter, (filters,)."""
        return np.sqrt(np.square(self.weights, dtype=np.float64).sum(axis=(1, 2, 3)))

    @property
    def _pointwise(self) -> bool:
        return self.weights.shape[1:3] == (1, 1) and not self.colour

    def note(self) -> str:
        count, height, width, inputs = self.weights.shape
        strength = self.strength
        none, weak = int((strength == 0).sum()), int((strength < _WEAK * strength.max()).sum())
        each = {True: "in colour", False: f"of {plural(inputs, 'input')} each" if inputs > 1 else "of one input each"}[
            self.colour
        ]
        group = f", in {plural(self.groups, 'group')}" if self.groups > 1 else ""
        seen = f"{self.layer} has {plural(count, 'filter')} of {height}x{width}, {each}{group}; the strongest is "
        seen += (
            f"{strength.max() / np.median(strength):.1f} times the median" if np.median(strength) else "all there is"
        )
        seen += f", {none} {verb(none, 'is')} zero everywhere" if none else ", none is zero everywhere"
        seen += f", {weak} {verb(weak, 'is')} weaker than {_WEAK:.0%} of the strongest." if weak > none else "."
        seen += (
            " One range of colours for all of them."
            if self.shared
            else " Each has its own range of colours, but very weak ones."
        )
        return f"{seen} Middle grey is 0." if not self._pointwise else f"{seen} Blue is negative, red positive."

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        count, height, width, inputs = self.weights.shape
        strength = self.strength
        low, middle, high = (f"{np.quantile(strength, q):.4g}" for q in (0, 0.5, 1))
        heads = ("layer", "kind", "filters", "size", "inputs", "weakest", "median", "strongest", "zero everywhere")
        zero = int((strength == 0).sum())
        return heads, [(self.layer, self.kind, count, f"{height}x{width}", inputs, low, middle, high, zero)]

    def figure(self) -> Figure:
        """Filters that read a picture, or one input each, in a grid; deeper ones a row each, a column for each input;
        1x1 ones as one matrix."""
        return self._matrix() if self._pointwise else self._grid()

    def _grid(self) -> Figure:
        count, _, _, inputs = self.weights.shape
        by_channel = inputs > 1 and not self.colour
        shown = self.weights.transpose(0, 3, 1, 2)
        if by_channel:
            columns = min(inputs, _COLUMNS)
            shown = shown[:_ROWS, :columns]
        else:
            columns = 8 if count <= 32 else 16
            shown = shown[: 16 * columns]
            columns = min(columns, count)
        kept = len(shown)
        flat = shown if self.colour else shown.reshape(-1, 1, *shown.shape[2:])
        # where a filter has several tiles, they share the filter's range
        largest = np.abs(self.weights).max()
        scale = largest if self.shared else np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
        scale = np.maximum(scale, _WEAK * largest)  # what is nothing but noise looks like nothing
        scale = np.broadcast_to(scale, (kept, 1, 1, 1)).repeat(len(flat) // kept, axis=0)
        within = (flat / np.where(scale == 0, 1, 2 * scale)).transpose(0, 2, 3, 1)
        pieces = [
            tiles.rgba(tiles.resized(np.rint((tile + 0.5) * 255).astype(np.uint8)))
            for tile in within.squeeze(-1 if not self.colour else ())
        ]
        rows = [pieces] if not by_channel else [pieces[i : i + columns] for i in range(0, len(pieces), columns)]
        more = _left_out(kept, count, columns if by_channel else inputs, inputs)
        words = f"{self.layer}: {'a row for each filter, a column for each input' if by_channel else 'filters'}{more}"
        return _framed([tiles.mosaic(row, columns) for row in rows], words, numbered=by_channel)

    def _matrix(self) -> Figure:
        """(filters, inputs) as a picture: a dot for each weight."""
        import matplotlib

        matrix = self.weights[:, 0, 0, :][:512, :512].astype(np.float64)
        largest = np.abs(self.weights).max()
        whole = np.maximum(largest if self.shared else np.abs(matrix).max(axis=1, keepdims=True), _WEAK * largest)
        scaled = matrix / np.where(whole == 0, 1, whole) / 2 + 0.5
        table = (matplotlib.colormaps["RdBu_r"].resampled(240)(np.arange(240)) * 255).round().astype(np.uint8)
        factor = max(1, 512 // max(matrix.shape))
        plate = table[np.rint(scaled * 239).astype(int)].repeat(factor, axis=0).repeat(factor, axis=1)
        more = _left_out(len(matrix), len(self.weights), matrix.shape[1], self.weights.shape[-1])
        opaque = tiles.rgba(plate[..., :3])
        return _framed([opaque], f"{self.layer}: 1x1, a row for each filter, a column for each input{more}")


def filters(model: Model, layer: str | None = None, *, shared: bool = False) -> Filters:
    """The filters of a convolution over pictures: plain, grouped, depthwise, separable (its depthwise part) or
    transposed, also with nested networks' names.

    model    any network with such a layer
    layer    its name, as ``model.size()`` prints it; None: the first convolution over pictures
    shared   one range of colours for all filters, so that weak ones look weak; else each has its own

    Raises ArgumentError for a name that is not there, a layer that is no convolution, and one over sequences.
    """
    flat = model.graph.check().flat()
    node = _chosen(flat, layer)
    model.module  # weights are made when they are asked for
    with torch.no_grad():
        weights, groups = kernels(node)
        array = np.array(weights.detach().float().permute(0, 2, 3, 1).cpu().numpy(), order="C")
    colour = array.shape[-1] == 3 and groups == 1 and _reads_picture(model.graph, flat, node)
    if colour and Space.of(model).bgr:
        array = array[..., ::-1].copy()
    return Filters(node.name, node.layer.kind, array, colour, shared, groups)


def _chosen(flat: FlatGraph, layer: str | None) -> FlatNode:
    nodes = {node.name: node for node in flat.nodes}
    convolutions = [name for name, node in nodes.items() if convolution(node) is not None]
    if layer is None:
        if not convolutions:
            dense = any(linear_weights(node) is not None for node in nodes.values())
            raise ArgumentError(
                "filters: the network has no convolution over pictures." + (_TEMPLATES if dense else "")
            )
        return nodes[convolutions[0]]
    if layer not in nodes:
        raise unknown("layer name", layer, nodes)
    node = nodes[layer]
    if layer in convolutions:
        return node
    if slides_over_sequences(node):
        raise ArgumentError(
            f'filters: {node.layer.kind} "{layer}" slides over sequences; its filters are no pictures. '
            "filters takes convolutions over pictures (Conv2D and its kin)."
        )
    raise ArgumentError(
        f'filters: {node.layer.kind} "{layer}" is no convolution.'
        + (_TEMPLATES if linear_weights(node) is not None else "")
        + (f' The first convolution is "{next(iter(convolutions))}".' if convolutions else "")
    )


def _reads_picture(graph: Graph, flat: FlatGraph, node: FlatNode) -> bool:
    """Whether the channels that a layer reads are those of the network's one input, in their order."""
    from striate.graph import operations
    from striate.size.receptive_field import sight

    made, shapes = operations(flat)
    maker = {operation.output: operation for operation in made}
    number = node.inputs[0]
    while number in maker:
        before = maker[number]
        along = sight(before.step, 0)
        last = along[-1] if len(before.inputs) == 1 and along else None
        read, given = before.step.input_shapes[0], before.step.shape
        if last is None or last.axis != len(given) - 1 or read[-1] != given[-1]:
            return False
        number = before.inputs[0]
    return len(flat.inputs) == 1 and shapes[number][-1] == 3 and len(shapes[number]) == 3


def _left_out(rows: int, of: int, columns: int, inputs: int) -> str:
    parts = [
        f"{n} of {all_} {what}" for n, all_, what in ((rows, of, "filters"), (columns, inputs, "inputs")) if n < all_
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _framed(plates: Sequence[np.ndarray], words: str, *, numbered: bool = False) -> Figure:
    """Mosaics, one dot a pixel, below a line of words; `numbered` each with its number beside it."""
    return Grid(
        [[Cell(plate)] for plate in plates],
        width=max(plate.shape[1] for plate in plates),
        height=[plate.shape[0] for plate in plates],
        gap=tiles.GAP,
        names=[str(i) for i in range(len(plates))] if numbered else (),
        title=words,
    ).figure()
