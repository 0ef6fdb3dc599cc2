"""One number of a layer's output for one picture: the arithmetic that makes it, with its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate import backend
from striate import primitives as p
from striate.data import Batches
from striate.data.batches import channels_last
from striate.errors import ArgumentError, DataError, unknown
from striate.graph import Graph, InputLayer, Layer, Lowering, Network, Node, Shape, Step
from striate.graph.node import ancestors, call
from striate.inference.neuron_words import lines_of, place_text
from striate.inference.products import ROWS, At, Products
from striate.shown import Text
from striate.wording import by, plural

if TYPE_CHECKING:
    from striate.model import Model


class Neuron(Text):
    """The arithmetic of one output number, as a text; its numbers are attributes.

    layer      the call's name
    at         the place in the layer's output, channels last, from 0
    products   a ``Products``: what is read, the weights, the bias; None where only functions of single numbers are done
    sum        what they come to, before the activation function
    value      the output number as the network computes it
    """

    layer: str
    at: At
    products: Products | None
    sum: float
    value: float


class _Beginning(Layer):
    """The first steps of a layer, with the layer's own arrays: what it has computed up to one of its values."""

    abstract = True

    def __init__(self, layer: Layer, name: str, lowering: Lowering, value: int) -> None:
        steps = lowering.steps[: value - lowering.count + 1]
        self._made = replace(lowering, steps=steps, outputs=(value,), single=True)
        self.name = name
        Layer.__post_init__(self)
        self.torch_module = layer.torch_module

    def lowering(self, *inputs: Shape) -> Lowering:
        return self._made


def neuron(model: Model, picture: Any, layer: str, at: Sequence[int] | None = None) -> Neuron:
    """The arithmetic of one number that a layer gives for one picture, in prediction mode.

    model     the network, with its weights
    picture   one: a file, a PIL image, an array (H, W, C) or (1, H, W, C); or whatever else ``Model.predict`` takes, one
              example of it
    layer     the name of a call as ``model.size()`` prints it, ``base/conv2d`` in a nested network
    at        the place in its output from 0: (row, column, map), (step, map) or (unit,); None: the largest number

    Raises ArgumentError for an unknown name, a place that is not there, and layers that no row of numbers says; DataError
    for several pictures.
    """
    graph = model.graph.check()
    model.module  # weights are made when they are asked for
    with torch.no_grad(), backend.predicting(model.module):
        node, xs = _found(graph, layer, _inputs(model, picture))
        lowering = node.layer.lowering(*node.input_shapes)
        if len(lowering.outputs) > 1:
            raise ArgumentError(f'{node.layer.kind} "{layer}" has several outputs; explain a layer that has one.')

        @cache
        def values(number: int) -> np.ndarray:
            given = xs[number] if number < lowering.count else _computed(node, lowering, number, xs)
            return channels_last(given)[0].double().cpu().numpy()

        out = values(lowering.outputs[0])
        place = _place(layer, out, at)
        made, text = _said(node.layer, lowering, values, place)
    text = [f'{node.layer.kind} "{layer}", output {place_text(place)} of {by(out.shape)}', *text]
    if (
        model.preprocessing is not None
        and "/" not in layer
        and all(type(t.node.layer) is InputLayer for t in node.inputs)
    ):
        text.insert(1, "reads the picture as the preprocessing makes it")
    result = Neuron("\n".join(text))
    result.layer, result.at, result.value = layer, place, float(out[place])
    result.products, result.sum = made, made.total if made is not None else result.value
    return result


# -- running ----------------------------------------------------------------------------------------------------------
def _inputs(model: Model, picture: Any) -> list[torch.Tensor]:
    if isinstance(picture, np.ndarray) and picture.shape == tuple(model.graph.input_shapes[0]):
        picture = picture[None]
    examples = model.intake.examples(picture)
    if len(examples) != 1:
        raise DataError(f"this explains a number for one picture, not for {len(examples)}.")
    weight = next(model.module.parameters(), torch.zeros(()))
    batch = next(Batches(examples, 1, shuffle=False, device=weight.device).batches())
    return [x.to(weight.dtype) if x.is_floating_point() else x for x in batch.xs]


def _found(graph: Graph, path: str, xs: Sequence[torch.Tensor]) -> tuple[Node, list[torch.Tensor]]:
    """The call of that name, in nested networks too, and the tensors that it is given."""
    head, _, rest = path.partition("/")
    for node in graph.nodes:
        if graph.label(node) != (head if rest else path) or isinstance(node.layer, InputLayer):
            continue
        needed = {n.serial for n in ancestors(list(node.inputs))}
        pairs = [(tensor, x) for tensor, x in zip(graph.inputs, xs, strict=True) if tensor.node.serial in needed]
        given = _run(Graph([tensor for tensor, _ in pairs], list(node.inputs)), [x for _, x in pairs])
        if isinstance(node.layer, Network):
            if rest:
                return _found(node.layer.graph, rest, given)
            raise ArgumentError(f'"{path}" is a network; explain one of its layers, such as "{path}/{_first(node)}".')
        return node, given
    raise unknown("layer name", path, [call.name for call in graph.flat().nodes])


def _first(node: Node) -> str:
    assert isinstance(node.layer, Network)
    return node.layer.graph.flat().nodes[0].name


def _run(graph: Graph, xs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    module = backend.build(graph)
    with backend.predicting(module):
        out = module(*xs)
    return list(out) if isinstance(out, tuple | list) else [out]


def _computed(node: Node, lowering: Lowering, value: int, xs: Sequence[torch.Tensor]) -> torch.Tensor:
    """One value of a layer, by the same code that runs the network."""
    inputs = [call(InputLayer(input_shape=t.sizes, dtype=t.dtype), ()) for t in node.inputs]
    layer: Any = _Beginning(node.layer, node.layer.name or "layer", lowering, value)
    alone = Node(layer, tuple(inputs), [lowering.shapes[value]])
    return _run(Graph(inputs, alone.outputs), xs)[0]


def _place(layer: str, out: np.ndarray, at: Sequence[int] | None) -> At:
    if at is None:
        return tuple(int(i) for i in np.unravel_index(int(out.argmax()), out.shape))
    place = tuple(at) if isinstance(at, Sequence) and not isinstance(at, str) else (at,)
    whole = all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in place)
    if not whole or len(place) != out.ndim or any(not 0 <= i < n for i, n in zip(place, out.shape, strict=True)):
        highest = ",".join(str(n - 1) for n in out.shape)
        raise ArgumentError(
            f'"{layer}" gives {by(out.shape)} numbers: at is {plural(out.ndim, "whole number")} from '
            f"{','.join('0' * out.ndim)} to {highest}, not {at!r}."
        )
    return tuple(int(i) for i in place)  # type: ignore[arg-type]


# -- from the output back to what it is made of ------------------------------------------------------------------------
def _said(
    layer: Layer, lowering: Lowering, values: Callable[[int], np.ndarray], at: At
) -> tuple[Products | None, list[str]]:
    """The products that a number comes from, and lines about them and about what is done afterwards."""
    number, after = lowering.outputs[0], list[str]()
    while (step := lowering.maker(number)) is not None:
        made: Any = step.primitive
        before = _moved(made, step, at)
        if before is not None:
            number, at = step.inputs[0], before
        elif isinstance(made, p.Pointwise | p.Softmax):
            after.insert(0, _function(made, values(step.inputs[0]), values(number), at))
            number = step.inputs[0]
        else:
            return _multiplied(layer, step, [values(i) for i in step.inputs], at, after)
    x = values(number)
    moved = [] if after else ["copied"]
    return None, ["", f"{'reads':<11} {x[at]:.6g}, the input's number at {place_text(at)}", *moved, *after]


def _moved(made: Any, step: Step, at: At) -> At | None:
    """The place in a step's input that its output has the number of; None where the number is another."""
    if isinstance(made, (p.Identity, *p.IDLE)):
        return at
    if isinstance(made, p.Permute):
        place = [0] * len(at)
        for axis, index in zip(made.order, at, strict=True):
            place[axis] = index
        return tuple(place)
    if isinstance(made, p.Flatten | p.Reshape):
        flat = np.ravel_multi_index(at, step.shape) if at else 0
        return tuple(int(i) for i in np.unravel_index(int(flat), step.input_shapes[0]))
    return None


def _function(made: Any, x: np.ndarray, y: np.ndarray, at: At) -> str:
    if isinstance(made, p.Softmax):
        row = x[at[:-1]]
        most = float(row.max())  # taken off each, which changes nothing and keeps exp small
        off = f" - {most:.4g}" if most > 80 else ""
        whole = np.exp(row - (most if off else 0)).sum()
        line = f"exp({x[at]:.4g}{off}) / {whole:.4g}, where {whole:.4g} is the sum of exp of all {len(row):,}"
        return f"{'softmax':<11} {f'log({line})' if made.log else line}: {y[at]:.6g}"
    name = made.function.replace("_", " ")
    return f"{name:<11} {name}({x[at]:.6g}) = {y[at]:.6g}"


def _multiplied(
    layer: Layer, step: Step, xs: Sequence[np.ndarray], at: At, after: list[str]
) -> tuple[Products, list[str]]:
    made = step.primitive
    if type(made) not in ROWS:
        raise ArgumentError(
            f"{layer.kind}: explain shows one number's arithmetic for convolutions, pooling, dense layers, batch "
            f"normalisation, merging and activation functions, not for this one."
        )
    built: Any = layer.torch_module
    if step.part:
        built = built[step.part]
    arrays = {}
    if built is not None:
        arrays = {
            name: tensor.detach().double().cpu().numpy()
            for name, tensor in [*built.named_parameters(), *built.named_buffers()]
        }
    products = ROWS.of(made)(made, arrays, xs, at, step)
    ending = after or []
    return products, ["", *lines_of(products), *ending]
