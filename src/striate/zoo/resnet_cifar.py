"""Residual networks for 32x32 pictures: the experiments that showed why shortcuts matter.

The same 20 to 110 layers with shortcuts (``cifar_resnet20`` …) and without (``cifar_plain20`` …): the plain ones get worse
with depth, the residual ones better.  He et al. 2015, "Deep residual learning for image recognition", section 4.2.  Wide
ResNet then showed that 28 layers of ten times the width beat a thousand thin ones: Zagoruyko & Komodakis 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import Source
from striate.zoo.parts import option_of, probability
from striate.zoo.parts import shortcut as shortcut_of
from striate.zoo.registry import Build, Paper, architecture, network

_PAPER = Paper("He et al.", 2015, "Deep residual learning for image recognition", "arXiv:1512.03385")
_WIDE = Paper("Zagoruyko & Komodakis", 2016, "Wide residual networks", "arXiv:1605.07146")

# Section 4.2: 6n + 2 layers, n blocks for each of these widths; the first block of the second and third halves the map.
WIDTHS = (16, 32, 64)

# Table 6: accuracy on CIFAR-10, in percent (110 layers: the best of five runs)
_ACCURACY = {20: 91.25, 32: 92.49, 44: 92.83, 56: 93.03, 110: 93.57}


# A reproduction of section 4.2 in torch, with its accuracy on CIFAR-10's test set; pictures as ImageNet's are normalised.
_REPRODUCED = Source(
    library="github",
    model="akamaster/pytorch_resnet_cifar10: resnet20",
    rename=((r"^layer(\d)_(\d)_", r"layer\1.\2."),),
    variant={"shortcut": "A"},
    pixels="torch",
    shorter_side=32,
    url="https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet20-12fca82f.th",
    checksum="sha256:12fca82f",
    data="cifar10",
    top1=91.73,
)


def _conv(x: Any, maps: int, kernel: int = 3, stride: int = 1, name: str | None = None) -> Any:
    return layers.Conv2D(
        maps, kernel, stride, padding=kernel // 2, use_bias=False, kernel_initializer="he_normal", name=name
    )(x)


def _norm(x: Any, name: str | None = None) -> Any:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _block(x: Any, maps: int, stride: int, option: str | None, name: str) -> Any:
    y = layers.ReLU()(_norm(_conv(x, maps, 3, stride, f"{name}_conv1"), f"{name}_bn1"))
    y = _norm(_conv(y, maps, name=f"{name}_conv2"), f"{name}_bn2")
    if option is None:
        return layers.ReLU()(y)

    def project() -> Any:
        return _norm(_conv(x, maps, 1, stride, f"{name}_shortcut_0"), f"{name}_shortcut_1")

    return layers.ReLU()(layers.Add()([y, shortcut_of(option, x, maps, stride, project)]))


def _pair(depth: int) -> Callable[[Build], Build]:
    """The residual network of a depth, and the plain one it is compared with in figure 6."""
    common: Any = {"paper": _PAPER, "input_shape": (32, 32, 3), "classes": 10}
    plain = architecture(
        f"cifar_plain{depth}", f"{depth}-layer plain network for 32x32 pictures", **common, depth=depth, shortcuts=False
    )
    residual = architecture(
        f"cifar_resnet{depth}",
        f"{depth}-layer ResNet for 32x32 pictures",
        **common,
        top1=_ACCURACY[depth],
        before=f"cifar_plain{depth}",
        sources=[_REPRODUCED] if depth == 20 else [],
        depth=depth,
        shortcuts=True,
    )
    return lambda build: residual(plain(build))


@_pair(20)
@_pair(32)
@_pair(44)
@_pair(56)
@_pair(110)
def cifar_resnet(classes: int, input_shape: Shape, depth: int, shortcuts: bool, shortcut: str = "A") -> Model:
    """conv16, three stages of (depth - 2) / 6 blocks, global mean, dense.

    shortcut    where maps change, "A": zeros (the paper's), "B": a 1x1 convolution; "C": one around every block

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    depth          layers with weights, as in the name
    shortcuts      False: the plain network of the same layers

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    option = option_of(shortcuts, shortcut)
    inputs = layers.Input(input_shape)
    x = layers.ReLU()(_norm(_conv(inputs, 16, name="conv1"), "bn1"))
    for stage, maps in enumerate(WIDTHS):
        for place in range((depth - 2) // 6):
            stride = 2 if stage and not place else 1
            x = _block(x, maps, stride, option, f"layer{stage + 1}_{place}")
    y = layers.GlobalAveragePooling2D()(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="linear")(y))


def _wide_block(x: Any, maps: int, stride: int, dropout: float, name: str) -> Any:
    """Norm and ReLU before each 3x3 convolution, dropout between the two.  Figure 1 (d)."""
    active = layers.ReLU()(_norm(x, f"{name}_bn1"))
    y = layers.ReLU()(_norm(_conv(active, maps, 3, stride, f"{name}_conv1"), f"{name}_bn2"))
    if dropout:
        y = layers.Dropout(dropout)(y)
    y = _conv(y, maps, name=f"{name}_conv2")

    def project() -> Any:
        return _conv(active, maps, 1, stride, f"{name}_shortcut")

    return layers.Add()([y, shortcut_of("B", x, maps, stride, project)])


@architecture(
    "wide_resnet28_10",
    "28 layers, ten times as wide, for 32x32 pictures",
    _WIDE,
    (32, 32, 3),
    10,
    top1=96.0,  # table 5
    before="cifar_resnet110",
)
def wide_resnet28_10(classes: int, input_shape: Shape, dropout: float = 0.0) -> Model:
    """conv16, three stages of four blocks with 160, 320, 640 maps, global mean, dense (table 1, N = 4, k = 10).

    dropout   between the two convolutions of a block, in training (the paper tries 0.3; section 3.3)

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input that the network cannot take.
    """
    dropout = probability("wide_resnet28_10", "dropout", dropout)
    inputs = layers.Input(input_shape)
    x = _conv(inputs, 16, name="conv1")
    for stage, maps in enumerate(WIDTHS):
        for place in range(4):
            x = _wide_block(x, 10 * maps, 2 if stage and not place else 1, dropout, f"layer{stage + 1}_{place}")
    x = layers.ReLU()(_norm(x, "bn1"))
    y = layers.GlobalAveragePooling2D()(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="linear")(y))
