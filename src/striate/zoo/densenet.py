"""DenseNet: every layer sees the maps of all layers before it.

Each layer adds only a few maps (the growth rate) to a common pile and reads the whole pile, so features are used again
instead of learnt again, and gradients have a short way to every layer.  Between blocks, transitions halve the maps' size
and number.  Huang, Liu, van der Maaten, Weinberger 2016, "Densely connected convolutional networks".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from striate import layers
from striate.errors import ArgumentError
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_keras, of_timm, of_torchvision
from striate.zoo.parts import probability
from striate.zoo.registry import Build, Paper, architecture, network

_PAPER = Paper("Huang et al.", 2016, "Densely connected convolutional networks", "arXiv:1608.06993")

# Table 1: layers of the four dense blocks; each layer is a 1x1 and a 3x3 convolution, growth rate 32
BLOCKS = {
    121: (6, 12, 24, 16),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}
# Table 3, single crop: top-1, top-5
_ACCURACY = {121: (74.98, 92.29), 169: (76.20, 93.15), 201: (77.42, 93.66)}

_DOTS = (
    (r"^features_", "features."),
    (r"(denseblock\d)_(denselayer\d+)_", r"\1.\2."),
    (r"(transition\d)_", r"\1."),
)
_TO_KERAS = (
    *((rf"^features_denseblock{i}_denselayer(\d+)_", rf"conv{i + 1}_block\1_") for i in (1, 2, 3, 4)),
    (r"_norm1$", "_0_bn"),
    (r"_conv1$", "_1_conv"),
    (r"_norm2$", "_1_bn"),
    (r"_conv2$", "_2_conv"),
    *((rf"^features_transition{i}_", f"pool{i + 1}_") for i in (1, 2, 3)),
    (r"^(pool\d)_norm$", r"\1_bn"),
    (r"^features_conv0$", "conv1_conv"),
    (r"^features_norm0$", "conv1_bn"),
    (r"^features_norm5$", "bn"),
    (r"^classifier$", "predictions"),
)


def _densenet(
    depth: int,
    before: str,
    torchvision: tuple[str, float, float],
    timm: tuple[str, float | None],
    keras: tuple[str, float, float],
) -> Callable[[Build], Build]:
    """The card of a depth; a source is (checksum, top-1, top-5), timm's (recipe, top-1)."""
    name = f"densenet{depth}"
    published = [
        of_torchvision(name, torchvision[0], rename=_DOTS, top1=torchvision[1], top5=torchvision[2]),
        of_timm(name, timm[0], rename=_DOTS, interpolation="bicubic", top1=timm[1]),
        of_keras(
            f"DenseNet{depth}",
            f"densenet/{name}_weights_tf_dim_ordering_tf_kernels",
            rename=_TO_KERAS,
            checksum=f"md5:{keras[0]}",
            top1=keras[1],
            top5=keras[2],
        ),
    ]
    top1, top5 = _ACCURACY[depth]
    return architecture(
        name,
        f"{depth} layers that each see all earlier ones of their block",
        _PAPER,
        (224, 224, 3),
        1000,
        top1=top1,
        top5=top5,
        before=before,
        sources=published,
        depth=depth,
    )


def _norm_relu(x: Any, name: str | None = None, relu: str | None = None) -> Any:
    return layers.ReLU(name=relu)(layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x))


def _conv(x: Any, maps: int, kernel: int, stride: int = 1, name: str | None = None) -> Any:
    return layers.Conv2D(
        maps, kernel, stride, padding=kernel // 2, use_bias=False, kernel_initializer="he_normal", name=name
    )(x)


def _layer(x: Any, growth: int, name: str, bottleneck: bool, dropout: float) -> Any:
    """Norm, ReLU, 3x3 to `growth` maps; as a bottleneck after norm, ReLU, 1x1 to four times as many.  Section 3."""
    y = x
    if bottleneck:
        y = _conv(_norm_relu(y, f"{name}_norm1", f"{name}_relu1"), 4 * growth, 1, name=f"{name}_conv1")
    last = 2 if bottleneck else 1
    y = _conv(_norm_relu(y, f"{name}_norm{last}", f"{name}_relu{last}"), growth, 3, name=f"{name}_conv{last}")
    if dropout:
        y = layers.Dropout(dropout)(y)
    return layers.Concatenate(name=f"{name}_concat")([x, y])


def _blocks(
    x: Any, counts: tuple[int, ...], growth: int, compression: float, bottleneck: bool, dropout: float, name: str
) -> Any:
    """Dense blocks with transitions between them: norm, ReLU, 1x1, 2x2 average pooling."""
    for block, count in enumerate(counts, 1):
        for i in range(1, count + 1):
            x = _layer(x, growth, f"{name}denseblock{block}_denselayer{i}", bottleneck, dropout)
        if block < len(counts):
            here = f"{name}transition{block}"
            y = _norm_relu(x, f"{here}_norm", f"{here}_relu")
            y = _conv(y, int(x.shape[-1] * compression), 1, name=f"{here}_conv")
            if dropout:
                y = layers.Dropout(dropout)(y)
            x = layers.AveragePooling2D(2, name=f"{here}_pool")(y)
    return x


@_densenet(
    121,
    "resnet50",
    ("a639ec97", 74.434, 91.972),
    ("ra_in1k", None),
    ("9d60b8095a5708f2dcce2bca79d332c7", 75.0, 92.3),
)
@_densenet(
    169,
    "densenet121",
    ("b2777c0a", 75.6, 92.806),
    ("tv_in1k", None),
    ("d699b8f76981ab1b30698df4c175e90b", 76.2, 93.2),
)
@_densenet(
    201,
    "densenet169",
    ("c1103571", 76.896, 93.37),
    ("tv_in1k", None),
    ("1ceb130c1ea1b78c3bf6114dbdfd8807", 77.3, 93.6),
)
def densenet(classes: int, input_shape: Shape, depth: int, dropout: float = 0.0) -> Model:
    """7x7 convolution, pooling, four dense blocks of growth rate 32, global average, dense (table 1).

    dropout   after each convolution of the blocks, in training

    Layers are named as in torchvision.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    depth          layers with weights, as in the name

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    dropout = probability(f"densenet{depth}", "dropout", dropout)
    inputs = layers.Input(input_shape)
    x = _conv(inputs, 64, 7, 2, "features_conv0")
    x = layers.MaxPooling2D(3, 2, padding=1, name="features_pool0")(_norm_relu(x, "features_norm0", "features_relu0"))
    x = _blocks(x, BLOCKS[depth], 32, 0.5, True, dropout, "features_")
    x = _norm_relu(x, "features_norm5", "features_relu5")
    y = layers.GlobalAveragePooling2D()(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="classifier")(y))


@architecture(
    "cifar_densenet",
    "40-layer DenseNet for 32x32 pictures",
    _PAPER,
    (32, 32, 3),
    10,
    top1=94.76,  # table 2, C10+, L = 40, k = 12
    before="cifar_resnet110",
)
def cifar_densenet(
    classes: int,
    input_shape: Shape,
    depth: int = 40,
    growth: int = 12,
    bottleneck: bool = False,
    compression: float = 1.0,
    dropout: float = 0.0,
) -> Model:
    """3x3 convolution, three dense blocks of equal depth, global average, dense (section 4.2).

    depth         layers L: 3n + 4, with bottlenecks 6n + 4
    growth        maps that each layer adds, k
    bottleneck    a 1x1 convolution to 4k maps before each 3x3 (with compression 0.5: DenseNet-BC)
    compression   share of the maps that a transition keeps, above 0 up to 1
    dropout       after each convolution, in training; the paper's 0.2 goes with data that are not augmented

    Raises ArgumentError for a depth or compression that cannot be.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)
    """
    step = 6 if bottleneck else 3
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 4 + step or (depth - 4) % step:
        near = 4 + step * max(1, round((depth - 4) / step)) if isinstance(depth, int) else 40
        raise ArgumentError(
            f"cifar_densenet: depth is {step}n + 4 (three blocks of one length), not {depth!r}; use {near}."
        )
    if isinstance(compression, bool) or not isinstance(compression, int | float) or not 0 < compression <= 1:
        raise ArgumentError(f"cifar_densenet: compression is above 0 and at most 1, not {compression!r}.")
    dropout = probability("cifar_densenet", "dropout", dropout)
    inputs = layers.Input(input_shape)
    # Section 4.2: 16 maps, or twice the growth rate for DenseNet-BC
    x = _conv(inputs, 2 * growth if bottleneck and compression < 1 else 16, 3, name="conv0")
    x = _blocks(x, ((depth - 4) // step,) * 3, growth, compression, bottleneck, dropout, "")
    x = _norm_relu(x, "norm_last", "relu_last")
    y = layers.GlobalAveragePooling2D()(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="classifier")(y))
