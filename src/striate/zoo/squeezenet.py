"""SqueezeNet: AlexNet's accuracy with a fiftieth of its weights.

A fire module squeezes the maps with 1x1 convolutions before it expands them with 1x1 and 3x3 ones side by side; pooling
comes late, so that maps stay large; one average over each class' map replaces the dense layers.
Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size".
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import Source, of_torchvision
from striate.zoo.parts import ceil_pool
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper(
    "Iandola et al.",
    2016,
    "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    "arXiv:1602.07360",
)

# Table 1: maps and kernel of the first convolution; then the fire modules as (s1x1, e1x1, e3x3), with a 3x3 stride-2 max
# pooling before each group of them.  1.1 is the authors' later version with a smaller first layer and earlier poolings.
Fire = tuple[int, int, int]
TABLE: dict[str, tuple[tuple[int, int], tuple[tuple[Fire, ...], ...]]] = {
    "1.0": (
        (96, 7),
        (
            ((16, 64, 64), (16, 64, 64), (32, 128, 128)),
            ((32, 128, 128), (48, 192, 192), (48, 192, 192), (64, 256, 256)),
            ((64, 256, 256),),
        ),
    ),
    "1.1": (
        (64, 3),
        (
            ((16, 64, 64), (16, 64, 64)),
            ((32, 128, 128), (32, 128, 128)),
            ((48, 192, 192), (48, 192, 192), (64, 256, 256), (64, 256, 256)),
        ),
    ),
}


def _fire(x: Any, squeeze: int, ones: int, threes: int, name: str) -> Any:
    def conv(x: Any, maps: int, kernel: int, part: str) -> Any:
        return layers.Conv2D(
            maps,
            kernel,
            padding=kernel // 2,
            activation="relu",
            kernel_initializer="he_uniform",
            name=f"{name}_{part}",
        )(x)

    x = conv(x, squeeze, 1, "squeeze")
    return layers.Concatenate()([conv(x, ones, 1, "expand1x1"), conv(x, threes, 3, "expand3x3")])


def _torchvision(model: str, checksum: str, top1: float, top5: float) -> Source:
    return of_torchvision(model, checksum, rename=((r"_", "."),), top1=top1, top5=top5)


@architecture(
    "squeezenet1_1",
    "SqueezeNet with 2.4 times fewer multiplications",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=58.178,
    top5=80.624,
    before="squeezenet1_0",
    sources=[_torchvision("squeezenet1_1", "b8a52dc0", 58.178, 80.624)],
    version="1.1",
)
@architecture(
    "squeezenet1_0",
    "AlexNet's accuracy with a fiftieth of its weights",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=57.5,  # table 2
    top5=80.3,
    before="alexnet",
    sources=[_torchvision("squeezenet1_0", "b66bff10", 58.092, 80.42)],
    version="1.0",
)
def squeezenet(classes: int, input_shape: Shape, version: str, dropout: float = 0.5) -> Model:
    """One convolution, eight fire modules, a 1x1 convolution with a map per class, their means.

    dropout   on the last fire module's maps, in training (section 3.2)

    Poolings reach the edge, as in the authors' Caffe model.  Layers are named by their places in torchvision's network.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    version        "1.0" or "1.1"

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    (maps, kernel), groups = TABLE[version]
    inputs = layers.Input(input_shape)
    x = layers.Conv2D(maps, kernel, 2, activation="relu", kernel_initializer="he_uniform", name="features_0")(inputs)
    place = 2  # a ReLU is number 1 there
    for fires in groups:
        x = ceil_pool(x, 3, 2)
        for i, fire in enumerate(fires, 1):
            x = _fire(x, *fire, f"features_{place + i}")
        place += 1 + len(fires)
    features = x
    x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(classes, 1, activation="relu", kernel_initializer="he_uniform", name="classifier_1")(x)
    return network(inputs, features, layers.Softmax()(layers.GlobalAveragePooling2D()(x)))
