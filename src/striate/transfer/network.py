"""The network of transfer learning: augmentation, the base, a head; and which of its layers learn."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from striate import layers
from striate.errors import ArgumentError
from striate.graph import InputLayer, Layer, Network, SymbolicTensor
from striate.model import Model
from striate.wording import plural


def usual_augmentation() -> list[Layer]:
    """What photos of things may look like as well: mirrored, and a little turned, shifted, nearer or further away."""
    return [
        layers.RandomFlip("horizontal"),
        layers.RandomAffine(rotation=10, translation=0.05, zoom=0.15, fill_mode="reflect"),
    ]


def assemble(
    base: Model, classes: int, augment: Sequence[Layer] = (), dropout: float = 0.2
) -> tuple[Model, layers.Dense]:
    """A network from pictures to probabilities, and its head; the base's layers are used, not copied.

    augment, then the base; where that ends in a map (H, W, C) its global mean; dropout; a dense layer with softmax.
    """
    inputs = x = layers.Input(base.graph.input_shapes[0])
    for layer in augment:
        x = layer(x)
    x = features = _again(base, x)
    if len(x.sizes) > 1:
        x = layers.GlobalAveragePooling2D()(x) if len(x.sizes) == 3 else layers.Flatten()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    head = layers.Dense(classes, activation="softmax")
    model = Model(inputs, head(x), base.name)
    if len(features.sizes) == 3:
        model.features = features
    model.preprocessing = base.preprocessing
    return model, head


def twin(model: Model, weights: bool = False) -> Model:
    """The same network with weights of its own: fresh ones, or the same."""
    from striate.models import from_json

    copy = from_json(model.description())
    if weights:
        copy._load_state(model._state(), "the base")
    copy.preprocessing = model.preprocessing
    return copy


def _again(base: Model, x: SymbolicTensor) -> SymbolicTensor:
    """The base's layers called once more, on another tensor: one flat graph, with the base's names."""
    done = {(base.inputs[0].node.serial, 0): x}
    for node in base.graph.nodes:
        if isinstance(node.layer, InputLayer):
            continue
        given = [done[t.node.serial, t.index] for t in node.inputs]
        result = node.layer(given if len(given) > 1 else given[0], training=node.training)
        for tensor, out in zip(node.outputs, result if isinstance(result, list) else [result], strict=True):
            done[node.serial, tensor.index] = out
    end = base.outputs[0]
    return done[end.node.serial, end.index]


def freeze(base: Model, unfreeze: int | str = 0) -> int:
    """Let the last part of a base learn and nothing else of it; returns how many weights that are.

    unfreeze   how many stages, from the end: a stage is the layers with weights whose maps have one size, so a new one
               begins where maps become smaller.  Or the name of a layer: that one and all that come after it.  0: none

    Batch normalizations stay frozen: their averages are of many pictures, and those of a few would disturb what the
    layers after them learnt.  Raises ArgumentError for an unknown layer, or more stages than there are.
    """
    inside = list(_opened(base))
    learning = set()
    if isinstance(unfreeze, str):
        first = base.graph.layer(unfreeze)
        own = base.graph.layers
        for layer in own[own.index(first) :]:
            learning |= {id(each) for each in (_layers(layer) if isinstance(layer, Network) else [layer])}
    elif unfreeze:
        flat = base.graph.flat()
        weighty = [n for n in flat.nodes if n.layer.parameters(*n.input_shapes) and len(n.shape) == 3]
        sizes = list(dict.fromkeys(n.shape[:-1] for n in weighty))
        if not 0 < unfreeze <= len(sizes):
            raise ArgumentError(
                f"{base.name or 'the base'} has {plural(len(sizes), 'stage')} (sizes of maps); unfreeze is 1 to "
                f"{len(sizes)}, or "
                f"the name of a layer, not {unfreeze}."
            )
        learning = {id(n.layer) for n in weighty if n.shape[:-1] in sizes[-unfreeze:]}
    for layer in inside:
        layer.trainable = id(layer) in learning and layer.kind != "BatchNormalization"
    return sum(
        prod(t.shape)
        for layer in inside
        if layer.trainable and layer.torch_module
        for t in layer.torch_module.parameters()
    )


def _opened(base: Model) -> list[Layer]:
    """Every layer of the base, also those of networks nested in it."""
    return list({id(n.layer): n.layer for n in base.graph.flat().nodes}.values())


def _layers(nested: Network) -> list[Layer]:
    return [n.layer for n in nested.graph.flat().nodes]


def trainable(model: Model) -> int:
    """How many weights learn."""
    return sum(t.numel() for t in model.module.parameters() if t.requires_grad)
