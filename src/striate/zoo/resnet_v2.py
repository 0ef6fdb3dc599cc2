"""ResNets with norm and ReLU before each convolution.  He et al. 2016, "Identity mappings in deep residual networks".

The shortcut is then a plain sum from the first block to the last.  With bottlenecks the network is Keras' ResNet50V2, whose
stages halve the maps in their last block; with two 3x3 convolutions a block it is timm's resnetv2_18, which halves them in
the first, as the paper does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.zoo.parts import shortcut as shortcut_of
from striate.zoo.registry import network

# from our layers with two convolutions a block to timm's
DOTS = (
    (r"^(stem|head)_", r"\1."),
    (r"^stages_(\d)_blocks_(\d+)_", r"stages.\1.blocks.\2."),
    (r"downsample_", "downsample."),
)


@dataclass(frozen=True)
class _Style:
    """Names and habits of the library that publishes weights."""

    bias: bool  # of the convolutions that no norm follows
    epsilon: float
    momentum: float

    def conv(self, x: Any, maps: int, kernel: int, stride: int, name: str, bias: bool = False) -> Any:
        return layers.Conv2D(
            maps,
            kernel,
            stride,
            padding=kernel // 2,
            use_bias=bias and self.bias,
            kernel_initializer="he_normal",
            name=name,
        )(x)

    def active(self, x: Any, norm: str, relu: str) -> Any:
        x = layers.BatchNormalization(momentum=self.momentum, epsilon=self.epsilon, name=norm)(x)
        return layers.ReLU(name=relu)(x)


_KERAS = _Style(bias=True, epsilon=1.001e-5, momentum=0.99)
_SLIM = _Style(bias=True, epsilon=1e-5, momentum=0.99)
_TIMM = _Style(bias=False, epsilon=1e-5, momentum=0.9)


def slim(model: str, unit: str) -> tuple[tuple[str, str], ...]:
    """Renamings of a network of bottlenecks to slim's scopes.

    model   its name there
    unit    what a block becomes, with the stage as group 1 and its place as group 2
    """
    return (
        *((rf"^conv{stage + 1}_block(\d+)_", rf"conv:{stage}_block\1_") for stage in (1, 2, 3, 4)),
        (r"^conv:(\d)_block(\d+)_", unit),
        (r"/preact_bn$", "/preact"),
        (r"/0_conv$", "/shortcut"),
        (r"/(\d)_conv$", r"/conv\1"),
        (r"/(\d)_bn$", r"/conv\1/BatchNorm"),
        (r"^conv1_conv$", f"{model}/conv1"),
        (r"^post_bn$", f"{model}/postnorm"),
        (r"^predictions$", f"{model}/logits"),
    )


def build(
    classes: int,
    input_shape: Shape,
    blocks: tuple[int, ...],
    bottleneck: bool,
    shortcut: str | None,
    slim: bool = False,
) -> Model:
    """The network of `blocks` a stage; `shortcut` is "A", "B", "C", or None for the plain network.

    slim    with the pooling and the epsilon of TensorFlow's slim, not Keras'
    """
    keras = _SLIM if slim else _KERAS
    inputs = layers.Input(input_shape)
    if bottleneck:
        x = keras.conv(inputs, 64, 7, 2, "conv1_conv", bias=True)
        # Keras pads with zeros, which win over negative numbers here
        x = x if slim else layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, 2, "same" if slim else "valid", name="pool1_pool")(x)
    else:
        x = _TIMM.conv(inputs, 64, 7, 2, "stem_conv")
        x = layers.MaxPooling2D(3, 2, padding=1, name="stem_pool")(x)
    for stage, count in enumerate(blocks, 1):
        maps = 32 * 2**stage
        for place in range(1, count + 1):
            if bottleneck:
                stride = 2 if place == count and stage < len(blocks) else 1
                x = _bottleneck(keras, x, maps, stride, f"conv{stage + 1}_block{place}", shortcut)
            else:
                stride = 2 if place == 1 and stage > 1 else 1
                x = _basic(x, maps, stride, f"stages_{stage - 1}_blocks_{place - 1}", shortcut)
    if bottleneck:
        x = keras.active(x, "post_bn", "post_relu")
    else:
        x = _TIMM.active(x, "norm", "norm_act")
    y = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    answer = layers.Dense(classes, activation="softmax", name="predictions" if bottleneck else "head_fc")
    return network(inputs, x, answer(y))


def _bottleneck(keras: _Style, x: Any, maps: int, stride: int, name: str, shortcut: str | None) -> Any:
    active = keras.active(x, f"{name}_preact_bn", f"{name}_preact_relu")
    y = keras.conv(active, maps, 1, 1, f"{name}_1_conv")
    y = keras.active(y, f"{name}_1_bn", f"{name}_1_relu")
    y = keras.conv(y, maps, 3, stride, f"{name}_2_conv")
    y = keras.active(y, f"{name}_2_bn", f"{name}_2_relu")
    y = keras.conv(y, 4 * maps, 1, 1, f"{name}_3_conv", bias=True)
    if shortcut is None:
        return y

    def project() -> Any:
        return keras.conv(active, 4 * maps, 1, stride, f"{name}_0_conv", bias=True)

    return layers.Add(name=f"{name}_out")([shortcut_of(shortcut, x, 4 * maps, stride, project), y])


def _basic(x: Any, maps: int, stride: int, name: str, shortcut: str | None) -> Any:
    active = _TIMM.active(x, f"{name}_norm1", f"{name}_act1")
    y = _TIMM.conv(active, maps, 3, stride, f"{name}_conv1")
    y = _TIMM.active(y, f"{name}_norm2", f"{name}_act2")
    y = _TIMM.conv(y, maps, 3, 1, f"{name}_conv2")
    if shortcut is None:
        return y

    def project() -> Any:
        return _TIMM.conv(active, maps, 1, stride, f"{name}_downsample_conv")

    return layers.Add(name=f"{name}_add")([shortcut_of(shortcut, x, maps, stride, project), y])
