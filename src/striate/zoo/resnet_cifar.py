"""ResNets for 32x32 pictures.  He, Zhang, Ren, Sun 2015, "Deep residual learning", section 4.2."""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.zoo.registry import Paper, architecture

_PAPER = Paper("He et al.", 2015, "Deep residual learning for image recognition", "arXiv:1512.03385")

# Section 4.2: 6n + 2 layers, n blocks for each of these widths; the first block of the second and third halves the map.
WIDTHS = (16, 32, 64)


def _shortcut(x: Any, maps: int, stride: int) -> Any:
    """Option A: every stride-th pixel, channels padded with zeros; no weights."""
    if stride == 1 and x.shape[-1] == maps:
        return x
    added = maps - x.shape[-1]
    if stride > 1:
        x = layers.AveragePooling2D(1, stride)(x)
    return layers.ChannelPadding((added // 2, added - added // 2))(x)


def _block(x: Any, maps: int, stride: int) -> Any:
    def conv(x: Any, stride: int) -> Any:
        x = layers.Conv2D(maps, 3, stride, padding=1, use_bias=False, kernel_initializer="he_normal")(x)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    y = layers.ReLU()(conv(x, stride))
    y = conv(y, 1)
    return layers.ReLU()(layers.Add()([y, _shortcut(x, maps, stride)]))


@architecture("cifar_resnet20", "20-layer ResNet for 32x32 pictures", _PAPER, (32, 32, 3), 10, depth=20)
def cifar_resnet(classes: int, input_shape: Shape, depth: int = 20) -> Model:
    """conv16, three stages of (depth - 2) / 6 blocks, global mean, dense."""
    inputs = layers.Input(input_shape)
    x = layers.Conv2D(16, 3, padding=1, use_bias=False, kernel_initializer="he_normal")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))
    for stage, maps in enumerate(WIDTHS):
        for block in range((depth - 2) // 6):
            x = _block(x, maps, 2 if stage and not block else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(classes, activation="softmax")(x))
