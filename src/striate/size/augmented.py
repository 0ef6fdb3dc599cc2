"""What augmentation layers keep for their backward pass, as in ``saved``.

At the front of a network, where they belong, nothing before them learns and they keep nothing.  Elsewhere the numbers of
the colour layers are those of float32 pictures with three channels.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from striate import layers
from striate.graph import FlatNode, Layer, Shape
from striate.size.saved import row
from striate.size.tape import Tape, Value

_PLACE = 8  # bytes of the place of a pixel


def _step(tape: Tape, layer: Layer, shape: Shape, x: Value) -> Value:
    """One layer whose output has this shape."""
    numbers = prod(shape)
    if isinstance(layer, layers.RandomCrop) and not tape.training:
        return replace(x, numbers=numbers, dense=False)
    if not tape.training:
        return x
    if x.grad and isinstance(layer, layers.RandomCrop | layers.RandomFlip):
        tape.keep_new(shape[0] * shape[1], _PLACE)
    elif x.grad and hasattr(layer, "fill_mode"):  # the places that it reads at, and what it reads
        tape.keep(x)
        tape.keep_new(2 * prod(shape[:-1]))
    elif x.grad and isinstance(layer, layers.RandomErasing):
        tape.keep_new(shape[0] * shape[1], 1)
    elif x.grad and isinstance(layer, layers.RandomSaturation | layers.RandomHue):
        tape.keep(x)
        tape.keep_new(4 * numbers)
    elif x.grad and not isinstance(layer, layers.RandomLighting):
        tape.keep_new(numbers)  # what is clipped
    return tape.new(numbers, x.grad)


@row(layers.RandomFlip, layers.RandomRotation, layers.RandomZoom, layers.RandomTranslation, layers.RandomAffine)
@row(layers.RandomBrightness, layers.RandomContrast, layers.RandomSaturation, layers.RandomHue, layers.RandomLighting)
@row(layers.RandomCrop, layers.RandomErasing)
def _single(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    return _step(tape, node.layer, node.shape, xs[0])


@row(layers.Augmentation)
def _several(tape: Tape, node: FlatNode, xs: list[Value]) -> Value:
    layer, x, shape = node.layer, xs[0], node.input_shapes[0]
    assert isinstance(layer, layers.Augmentation)
    for step in layer.steps():
        shape = step.shape(shape)
        x = _step(tape, step, shape, x)
    return x
