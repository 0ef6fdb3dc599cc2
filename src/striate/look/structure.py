"""What the techniques ask of a network's description: which layers rectify, have maps, have filters, and which to look at.

The only file of the room that knows primitives by their classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from striate import primitives as p
from striate.errors import ArgumentError
from striate.graph import InputLayer, Network
from striate.primitives.functions import ARITHMETIC
from striate.wording import listed, plural

if TYPE_CHECKING:
    from striate.graph import FlatGraph, FlatNode, Node, Step
    from striate.model import Model


# -- kinds --------------------------------------------------------------------------------------------------------------
def _last(node: FlatNode) -> Step | None:
    """The step that gives a call's output."""
    lowering = node.lowering
    return lowering.maker(lowering.outputs[0])


def is_rectifier(node: FlatNode) -> bool:
    """Whether a call's output is never below 0 and exactly 0 for a range of inputs: a ReLU or ReLU6, fused or not."""
    last = _last(node)
    return last is not None and _rectifies(last)


def _rectifies(step: Step) -> bool:
    if not isinstance(step.primitive, p.Pointwise):
        return False
    name, parameters = step.primitive.function, step.primitive.parameters
    return (
        name in ("relu", "relu6")
        or (name == "clip" and parameters[0] == 0)
        or (name == "parametric_relu" and not parameters[1])
    )


def has_activation(node: FlatNode) -> bool:
    """Whether a call ends in an activation function, fused or not."""
    last = _last(node)
    if last is not None and isinstance(last.primitive, p.Pointwise):
        return last.primitive.function not in ARITHMETIC
    return last is not None and isinstance(last.primitive, p.Softmax)


def is_addition(node: Node) -> bool:
    """Whether a call adds two tensors."""
    if len(node.inputs) != 2 or isinstance(node.layer, InputLayer | Network):
        return False
    return [step.primitive for step in node.layer.lowering(*node.input_shapes).steps] == [p.Combine("add")]


def is_idle(node: Node) -> bool:
    """Whether a call does nothing in prediction: a dropout."""
    if isinstance(node.layer, InputLayer | Network):
        return False
    steps = node.layer.lowering(*node.input_shapes).steps
    return all(isinstance(step.primitive, p.IDLE) for step in steps)


def convolution(node: FlatNode) -> Step | None:
    """The first convolution over pictures in a call, or None."""
    convolutions = node.lowering.of(p.Conv)
    return next((step for step in convolutions if len(step.input_shapes[0]) == 3), None)


def slides_over_sequences(node: FlatNode) -> bool:
    """Whether a call is a convolution over sequences."""
    return bool(node.lowering.of(p.Conv)) and convolution(node) is None


def kernels(node: FlatNode) -> tuple[torch.Tensor, int]:
    """The filters (filters, inputs, kh, kw) of a convolution over pictures, and into how many groups they part its inputs.

    Of a depthwise or a separable convolution (its depthwise part) a filter has one input; inputs that a partly connected
    map does not have are 0.
    """
    step = convolution(node)
    assert step is not None
    conv: Any = step.primitive
    built: Any = node.layer.torch_module[step.part] if step.part else node.layer.torch_module
    if isinstance(conv, p.PartialConv):
        weights = built.weight.new_zeros(step.shape[-1], step.input_shapes[0][-1], *conv.window.kernel)
        weights[built.outs, built.ins] = built.weight
        return weights, 1
    weights = built.weight.transpose(0, 1) if isinstance(conv, p.ConvTranspose) else built.weight
    return weights, 1 if isinstance(conv, p.DepthwiseConv) else conv.groups


def linear_weights(node: FlatNode) -> tuple[np.ndarray, np.ndarray] | None:
    """The weights (units, inputs) and biases (units,), 0 where there are none, of a dense layer; None for another."""
    step = next((step for step in node.lowering.steps if isinstance(step.primitive, p.Linear)), None)
    if step is None or len(node.lowering.of(p.Conv, p.Linear)) > 1:
        return None
    built: Any = node.layer.torch_module
    if built is None:
        return np.zeros((step.shape[-1], step.input_shapes[0][-1]), np.float32), np.zeros(step.shape[-1], np.float32)
    built = built[step.part] if step.part else built
    weights = built.weight.detach().float().cpu().numpy()
    bias = getattr(built, "bias", None)
    return weights, np.zeros(len(weights), np.float32) if bias is None else bias.detach().float().cpu().numpy()


_PASSES = (p.Flatten, p.Reshape, p.Identity, p.Affine, *p.IDLE)


def picture_read_by(flat: FlatGraph, node: FlatNode) -> tuple[int, ...] | None:
    """The shape of the network's input where a layer reads just its numbers, in their order and at most rescaled."""
    makers = {number: call for call in flat.nodes for number in call.outputs}
    number, shape = node.inputs[0], node.input_shapes[0]
    while number in makers:
        before = makers[number]
        if len(before.inputs) != 1 or not all(isinstance(step.primitive, _PASSES) for step in before.lowering.steps):
            return None
        number, shape = before.inputs[0], before.input_shapes[0]
    return shape


# -- layers by name -----------------------------------------------------------------------------------------------------
def shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """The output shape of every call, nested ones as ``block/conv2d``."""
    return {node.name: node.shape for node in model.graph.check().flat().nodes}


def rectified(model: Model) -> list[str]:
    """The calls that a rectifier ends: those whose maps can be dead."""
    return [node.name for node in model.graph.check().flat().nodes if is_rectifier(node)]


def rectifiers_within(model: Model) -> list[str]:
    """The calls that have a rectifier before their last operation: its maps are no layer's output, so nothing sees them."""
    nodes = model.graph.check().flat().nodes
    return [node.name for node in nodes if any(map(_rectifies, _before_last(node)))]


def additions_within(model: Model) -> list[str]:
    """The calls that add two tensors among other operations, and those in nested networks: no blocks of whole layers."""
    graph = model.graph.check()
    whole = {graph.label(node) for node in graph.nodes if is_addition(node)}
    nodes = [node for node in graph.flat().nodes if node.name not in whole]
    add = p.Combine("add")
    return [node.name for node in nodes if any(step.primitive == add for step in node.lowering.steps)]


def _before_last(node: FlatNode) -> list[Step]:
    last = _last(node)
    return [step for step in node.lowering.steps if step is not last]


def not_seen(what: str, names: Sequence[str]) -> str:
    """A sentence that says within which layers something stands that is not looked at; "" where there is nothing."""
    if not names:
        return ""
    few = listed([*names[:3], *([plural(len(names) - 3, "other")] if len(names) > 3 else [])])
    return f" Whole layers are looked at, not the {what} within {few}."


def penultimate(model: Model) -> str:
    """The layer that the last layer with weights reads: a vector, in a network that ends in classes.

    Dropout, which does nothing in prediction, is passed by.  Raises ArgumentError where there is none.
    """
    graph = model.predictor.graph.check()
    weighty = [node for node in graph.nodes if node.layer.parameters(*node.input_shapes)]
    if not weighty:
        raise ArgumentError("no layer of this network has weights; name the layer whose output is the feature vector.")
    before = weighty[-1].inputs[0].node
    while is_idle(before):
        before = before.inputs[0].node
    return graph.label(before)


def spread(model: Model, count: int = 6) -> list[str]:
    """`count` layers at equal steps of the network's depth: of those that end in an activation function, and the output.

    Raises ArgumentError for a network without weights.
    """
    nodes = _running(model)
    names = [n.name for n in nodes if has_activation(n)] or [
        n.name for n in nodes if n.layer.parameters(*n.input_shapes)
    ]
    if not names:
        raise ArgumentError("this network has no layer with weights; name the layers.")
    steps = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [names[i] for i in dict.fromkeys(steps.tolist())]


def spread_maps(model: Model, count: int = 6) -> list[str]:
    """Those of ``spread`` that give maps (H, W, C).  Raises ArgumentError where none does."""
    there = shapes(model)
    names = [name for name in spread(model, count) if len(there[name]) == 3]
    if not names:
        raise ArgumentError("this network has no layer with maps after an activation function; name the layer.")
    return names


def two_thirds(model: Model) -> str:
    """A layer with maps larger than 1x1 at two thirds of the depth.  Raises ArgumentError where there is none."""
    names = [node.name for node in _running(model) if len(node.shape) == 3 and max(node.shape[:2]) > 1]
    if not names:
        raise ArgumentError("this network has no layer with maps larger than 1x1.")
    return names[2 * len(names) // 3]


def _running(model: Model) -> list[FlatNode]:
    """The calls whose outputs can be asked for, in the order of the run."""
    from striate.look.tap import tapped

    with tapped(model) as tap:
        there = set(tap.names)
    return [node for node in model.graph.check().flat().nodes if node.name in there]
