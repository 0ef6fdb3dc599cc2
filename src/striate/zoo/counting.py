"""How deep a network is, as papers count: ResNet-50 has 50 layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.graph import FlatGraph, operations

if TYPE_CHECKING:
    from striate.model import Model


def depth(model: Model) -> int:
    """How many convolutions and dense layers a picture passes on the longest way through a network.

    This is the number in the names of VGG, ResNet and DenseNet.  Of layers beside each other the longest chain counts; the
    two layers of a squeeze-and-excitation count, and a separable convolution is two.  Wide ResNet-28 has 26 so: its paper
    counts the convolutions of three shortcuts too, and no dense layer.

    model   any network
    """
    flat = FlatGraph(model.graph)
    passed: dict[int, int] = {}
    for one in operations(flat)[0]:
        multiplies = one.step.primitive.mults(*one.step.input_shapes) > 0
        passed[one.output] = max((passed.get(number, 0) for number in one.inputs), default=0) + multiplies
    return max(passed.get(number, 0) for number in flat.outputs)
