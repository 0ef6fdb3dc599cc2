"""AlexNet and ZFNet: the large convolutional networks that started the deep-learning years of computer vision.

AlexNet brought ReLUs, dropout and training on graphics cards together and won ImageNet 2012 by ten points.  ZFNet
looked at its filters with a deconvolutional network, saw dead and aliased ones, and so took smaller windows and strides
in the first two layers.  Krizhevsky, Sutskever, Hinton 2012; Zeiler & Fergus 2013.
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.errors import ArgumentError
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_torchvision
from striate.zoo.parts import ceil_pool
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper(
    "Krizhevsky et al.",
    2012,
    "ImageNet classification with deep convolutional neural networks",
    "Advances in Neural Information Processing Systems 25",
)
_ZEILER = Paper("Zeiler & Fergus", 2013, "Visualizing and understanding convolutional networks", "arXiv:1311.2901")

# name: maps, kernel, stride, padding, groups, what follows the ReLU; every pooling is 3x3 with stride 2.
Table = dict[str, tuple[int, int, int, int | str, int, str]]

# Krizhevsky et al. 2012, section 3.5 and figure 2: layers 2, 4 and 5 see the maps of their own half only.
TWO_GROUPS: Table = {
    "conv1": (96, 11, 4, "fit", 1, "norm pool"),
    "conv2": (256, 5, 1, 2, 2, "norm pool"),
    "conv3": (384, 3, 1, 1, 1, ""),
    "conv4": (384, 3, 1, 1, 2, ""),
    "conv5": (256, 3, 1, 1, 2, "pool"),
}

# Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks": no normalization, no groups, other
# widths.  The names are the places in torchvision's ``features``.
ONE_TOWER: Table = {
    "features_0": (64, 11, 4, 2, 1, "pool"),
    "features_3": (192, 5, 1, 2, 1, "pool"),
    "features_6": (384, 3, 1, 1, 1, ""),
    "features_8": (256, 3, 1, 1, 1, ""),
    "features_10": (256, 3, 1, 1, 1, "pool"),
}

# Zeiler & Fergus 2013, figure 3; only pooling to the edge gives its widths 110, 55, 26, 13, 13, 13, 13, 6.
ZFNET: Table = {
    "conv1": (96, 7, 2, 1, 1, "ceil_pool norm"),
    "conv2": (256, 5, 2, 0, 1, "ceil_pool norm"),
    "conv3": (384, 3, 1, 1, 1, ""),
    "conv4": (384, 3, 1, 1, 1, ""),
    "conv5": (256, 3, 1, 1, 1, "ceil_pool"),
}

# Krizhevsky et al. 2012, section 3.3: k 2, alpha 1e-4, beta 0.75 over 5 maps, alpha times the *sum* of squares.  (Caffe's
# reference has k 1 and divides alpha by 5.)  Zeiler & Fergus give no numbers; theirs are taken to be the same.
_AFTER: dict[str, Any] = {
    "norm": lambda x: layers.LocalResponseNormalization(radius=2, k=2.0, alpha=1e-4, beta=0.75)(x),
    "pool": lambda x: layers.MaxPooling2D(3, 2)(x),
    "ceil_pool": lambda x: ceil_pool(x, 3, 2),
}


def _fit(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """No padding where the window fits, else 2 on both sides: 55 maps from 227 pixels as from the paper's 224."""
    return (0, 0) if (length - kernel) % stride == 0 else (2, 2)


def _convolutions(x: Any, table: Table) -> Any:
    for name, (maps, kernel, stride, padding, groups, after) in table.items():
        pads: Any = padding
        if padding == "fit":
            pads = tuple(_fit(length, kernel, stride) for length in x.sizes[:2])
        x = layers.Conv2D(
            maps,
            kernel,
            stride,
            padding=pads,
            groups=groups,
            activation="relu",
            kernel_initializer="he_normal",
            name=name,
        )(x)
        for step in after.split():
            x = _AFTER[step](x)
    return x


def _with_head(inputs: Any, features: Any, classes: int, dropout: float) -> Model:
    """Dense 4096, 4096, classes, with dropout after the hidden ones (section 4.2)."""
    x = layers.Flatten()(features)
    for name in ("fc6", "fc7"):
        x = layers.Dropout(dropout)(layers.Dense(4096, activation="relu", name=name)(x))
    return network(inputs, features, layers.Dense(classes, activation="softmax", name="fc8")(x))


@architecture(
    "alexnet",
    "five convolutions and three dense layers; won ImageNet 2012",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=56.522,
    top5=79.066,
    before="lenet5",
    sources=[
        of_torchvision(
            "alexnet", "7be5be79", "alexnet-owt", rename=((r"_", "."),), variant={"groups": 1}, top1=56.522, top5=79.066
        )
    ],
)
def alexnet(classes: int, input_shape: Shape, groups: int = 1, dropout: float = 0.5) -> Model:
    """One tower as in torchvision, or the paper's two groups with local response normalization.

    groups    1: Krizhevsky's single tower of 2014, whose last maps are averaged (or repeated) to 6x6 at any input size;
              2: the network of 2012, at 227x227 as in Caffe's reference or at 224x224 with padding 2
    dropout   on the inputs (one tower) or outputs (two groups) of the hidden dense layers, in training

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    inputs = layers.Input(input_shape)
    if groups == 2:
        return _with_head(inputs, _convolutions(inputs, TWO_GROUPS), classes, dropout)
    if groups != 1:
        raise ArgumentError(f"alexnet: groups is 1 (one tower) or 2 (as published), not {groups!r}.")
    features = _convolutions(inputs, ONE_TOWER)
    x = layers.Flatten()(layers.AdaptiveAveragePooling2D(6, name="avgpool")(features))
    for name in ("classifier_1", "classifier_4"):
        x = layers.Dense(4096, activation="relu", name=name)(layers.Dropout(dropout)(x))
    return network(inputs, features, layers.Dense(classes, activation="softmax", name="classifier_6")(x))


@architecture(
    "zfnet",
    "AlexNet with smaller windows and strides at the start",
    _ZEILER,
    (224, 224, 3),
    1000,
    before="alexnet",
)
def zfnet(classes: int, input_shape: Shape, dropout: float = 0.5) -> Model:
    """7x7 stride 2 and 5x5 stride 2 where AlexNet has 11x11 stride 4 and 5x5; every layer sees all maps (figure 3).

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    dropout        0 to 1, of the layers before the head

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    inputs = layers.Input(input_shape)
    return _with_head(inputs, _convolutions(inputs, ZFNET), classes, dropout)
