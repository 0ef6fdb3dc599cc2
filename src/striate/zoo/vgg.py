"""VGG: nothing but 3x3 convolutions, stacked deep.

Two stacked 3x3 windows see 5x5, three see 7x7, with fewer weights than the one large window and a ReLU after each.  The
networks are five stages of such stacks, halved by pooling, and three dense layers that hold most of the weights.
Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import Source, of_keras, of_slim, of_torchvision
from striate.zoo.registry import Build, Paper, architecture, network

_PAPER = Paper(
    "Simonyan & Zisserman",
    2014,
    "Very deep convolutional networks for large-scale image recognition",
    "arXiv:1409.1556",
)

# Table 1, columns A, B, D, E: maps of each 3x3 convolution, one list a stage; a 2x2 max pooling ends every stage.
TABLE = {
    "vgg11": ([64], [128], [256, 256], [512, 512], [512, 512]),
    "vgg13": ([64, 64], [128, 128], [256, 256], [512, 512], [512, 512]),
    "vgg16": ([64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]),
    "vgg19": ([64, 64], [128, 128], [256, 256, 256, 256], [512, 512, 512, 512], [512, 512, 512, 512]),
}


def _places(column: str, bn: bool) -> Iterator[tuple[str, int]]:
    """(our layer, its number in torchvision's ``features``), where ReLUs and poolings are numbered too."""
    number = 0
    for stage, row in enumerate(TABLE[column], 1):
        for i in range(1, len(row) + 1):
            yield f"block{stage}_conv{i}", number
            if bn:
                yield f"block{stage}_bn{i}", number + 1
            number += 3 if bn else 2
        number += 1


def _torchvision(column: str, bn: bool, checksum: str, top1: float, top5: float) -> Source:
    model = f"{column}_bn" if bn else column
    dense = (("fc1", 0), ("fc2", 3), ("predictions", 6))
    rename = [(rf"^{ours}\.", f"features.{number}.") for ours, number in _places(column, bn)]
    return of_torchvision(
        model,
        checksum,
        rename=(*rename, *((rf"^{ours}\.", f"classifier.{number}.") for ours, number in dense)),
        variant={"bn": bn},
        top1=top1,
        top5=top5,
    )


def _keras(column: str, checksum: str, top1: float, top5: float) -> Source:
    return of_keras(
        column.upper(),
        f"{column}/{column}_weights_tf_dim_ordering_tf_kernels",
        variant={"bn": False},
        pixels="caffe",
        checksum=f"md5:{checksum}",
        top1=top1,
        top5=top5,
    )


def _slim(column: str, top1: float, top5: float) -> Source:
    model = f"vgg_{column[3:]}"
    return of_slim(
        model,
        rename=(
            (r"^block(\d)_conv(\d)$", rf"{model}/conv\1/conv\1_\2"),
            (r"^fc1$", f"{model}/fc6"),
            (r"^fc2$", f"{model}/fc7"),
            (r"^predictions$", f"{model}/fc8"),
        ),
        variant={"bn": False},
        pixels="mean",
        shorter_side=256,
        top1=top1,
        top5=top5,
    )


_SOURCES = {
    "vgg11": [
        _torchvision("vgg11", False, "8a719046", 69.02, 88.628),
        _torchvision("vgg11", True, "6002323d", 70.37, 89.81),
    ],
    "vgg13": [
        _torchvision("vgg13", False, "19584684", 69.928, 89.246),
        _torchvision("vgg13", True, "abd245e5", 71.586, 90.374),
    ],
    "vgg16": [
        _torchvision("vgg16", False, "397923af", 71.592, 90.382),
        _torchvision("vgg16", True, "6c64b313", 73.36, 91.516),
        _keras("vgg16", "64373286793e3c8b2b4e3219cbf3544b", 71.3, 90.1),
        _slim("vgg16", 71.5, 89.8),
    ],
    "vgg19": [
        _torchvision("vgg19", False, "dcbb9e9d", 72.376, 90.876),
        _torchvision("vgg19", True, "c79401a0", 74.218, 91.842),
        _keras("vgg19", "cbe5617147190e668d6c5d5026f83318", 71.3, 90.0),
        _slim("vgg19", 71.1, 89.8),
    ],
}


def _column(name: str, before: str) -> Callable[[Build], Build]:
    first = _SOURCES[name][0]
    about = f"{name[3:]} layers: stacked 3x3 convolutions, three dense layers"
    return architecture(
        name,
        about,
        _PAPER,
        (224, 224, 3),
        1000,
        top1=first.top1,
        top5=first.top5,
        before=before,
        sources=_SOURCES[name],
        column=name,
    )


@_column("vgg11", "alexnet")
@_column("vgg13", "alexnet")
@_column("vgg16", "alexnet")
@_column("vgg19", "alexnet")
def vgg(
    classes: int, input_shape: Shape, column: str, bn: bool = False, dropout: float = 0.5, adaptive: bool = True
) -> Model:
    """Five stages of 3x3 convolutions and pooling, then dense 4096, 4096, classes; layers are named as in Keras.

    bn        batch normalization between each convolution and its ReLU, as in torchvision's ``vgg16_bn``
    dropout   after both hidden dense layers, in training (section 3.1); Keras has 0
    adaptive  maps of another size than 7x7, from pictures of another size than 224x224, are averaged (or repeated) to 7x7
              before the dense layers, as in torchvision; False: the dense layers are as large as the maps, as in Keras

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    column         of the table, as in the name

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    inputs = x = layers.Input(input_shape)
    for stage, row in enumerate(TABLE[column], 1):
        for i, maps in enumerate(row, 1):
            name = f"block{stage}_conv{i}"
            x = layers.Conv2D(
                maps, 3, padding=1, activation=None if bn else "relu", kernel_initializer="he_normal", name=name
            )(x)
            if bn:
                x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"block{stage}_bn{i}")(x)
                x = layers.ReLU(name=f"block{stage}_relu{i}")(x)
        x = layers.MaxPooling2D(2, name=f"block{stage}_pool")(x)
    features = x
    if adaptive:
        x = layers.AdaptiveAveragePooling2D(7, name="avgpool")(x)
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    return network(inputs, features, layers.Dense(classes, activation="softmax", name="predictions")(x))
