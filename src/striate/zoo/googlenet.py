"""GoogLeNet (Inception v1), winner of ImageNet 2014 with a twelfth of AlexNet's weights.

Each module looks at its input with 1x1, 3x3 and 5x5 filters at once and joins the answers; 1x1 convolutions before the
large filters keep that cheap.  Two auxiliary classifiers, in training only, bring gradient to the middle of the network.
Szegedy et al. 2014, "Going deeper with convolutions".
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_slim, of_torchvision
from striate.zoo.inception import Convolution, Table, conv_norm, module
from striate.zoo.parts import ceil_pool
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper("Szegedy et al.", 2014, "Going deeper with convolutions", "arXiv:1409.4842")

# Table 1: maps by module; max pooling stands between 3b and 4a, and between 4e and 5a.
#         #1x1 #3x3 reduce #3x3 #5x5 reduce #5x5 pool proj
MODULES = {
    "3a": (64,  96,        128, 16,         32,  32),
    "3b": (128, 128,       192, 32,         96,  64),
    "4a": (192, 96,        208, 16,         48,  64),
    "4b": (160, 112,       224, 24,         64,  64),
    "4c": (128, 128,       256, 24,         64,  64),
    "4d": (112, 144,       288, 32,         64,  64),
    "4e": (256, 160,       320, 32,         128, 128),
    "5a": (256, 160,       320, 32,         128, 128),
    "5b": (384, 192,       384, 48,         128, 128),
}  # fmt: skip

# Section 5: an auxiliary classifier on the outputs of these modules; their losses count 0.3 each.
AUXILIARY = {"4a": "aux1", "4d": "aux2"}
AUXILIARY_WEIGHT = 0.3

# torchvision: input -1..1 (its `transform_input` turns the usual normalisation back); its auxiliary heads are untrained.
_TORCHVISION = of_torchvision(
    "googlenet",
    "1378be20",
    rename=(
        (r"^inception(\w\w)_branch([234])_(\d)_", r"inception\1.branch\2.\3."),
        (r"^inception(\w\w)_branch1_", r"inception\1.branch1."),
        (r"^aux(\d)_", r"aux\1."),
        (r"_(conv|bn)\.", r".\1."),
    ),
    variant={"norm": "batch"},
    pixels="tf",
    shorter_side=256,
    top1=69.778,
    top5=89.530,
)


# slim: pads as TensorFlow does, and its batch norms do not scale; one scope of 5a is misnamed there.
_SLIM = of_slim(
    "inception_v1",
    rename=(
        (r"_(conv|bn)$", r"|\1"),
        (r"^conv1\|", "Conv2d_1a_7x7|"),
        (r"^conv2\|", "Conv2d_2b_1x1|"),
        (r"^conv3\|", "Conv2d_2c_3x3|"),
        *((rf"^inception(\d){a}_", rf"Mixed_\1{b}/") for a, b in reversed([*zip("abcde", "bcdef", strict=True)])),
        (r"/branch1\|", "/Branch_0/Conv2d_0a_1x1|"),
        (r"/branch2_0\|", "/Branch_1/Conv2d_0a_1x1|"),
        (r"/branch2_1\|", "/Branch_1/Conv2d_0b_3x3|"),
        (r"/branch3_0\|", "/Branch_2/Conv2d_0a_1x1|"),
        (r"^Mixed_5b/branch3_1\|", "Mixed_5b/Branch_2/Conv2d_0a_3x3|"),
        (r"/branch3_1\|", "/Branch_2/Conv2d_0b_3x3|"),
        (r"/branch4_1\|", "/Branch_3/Conv2d_0b_1x1|"),
        (r"^fc$", "Logits/Conv2d_0c_1x1"),
        (r"\|conv$", ""),
        (r"\|bn$", "/BatchNorm"),
        (r"^", "InceptionV1/"),
    ),
    variant={"norm": "slim"},
    pixels="tf",
    top1=69.8,
    top5=89.6,
)


def _table(row: tuple[int, ...], large: int) -> Table:
    one, three_reduce, three, five_reduce, five, pool = row
    return {
        "branch1": [(one, 1)],
        "branch2": [(three_reduce, 1), (three, 3)],
        "branch3": [(five_reduce, 1), (five, large)],
        "branch4": [("max", 3), (pool, 1)],
    }


def _biased(x: Any, name: str, maps: int, kernel: Any, strides: int = 1, padding: Any = "same") -> Any:
    return layers.Conv2D(maps, kernel, strides, padding, activation="relu", name=f"{name}_conv")(x)


def _lrn(x: Any) -> Any:
    # Caffe's reference: size 5, alpha divided by it
    return layers.LocalResponseNormalization(2, 1.0, 1e-4, 0.75, convention="torch")(x)


def _auxiliary(x: Any, name: str, conv: Convolution, norm: str, classes: int) -> Any:
    """Section 5: 5x5 average pooling with stride 3, 128 1x1 filters, 1024 units, dropout 70 %, softmax."""
    # torchvision pools to 4x4 whatever the input's size
    x = layers.AveragePooling2D(5, 3)(x) if norm == "lrn" else layers.AdaptiveAveragePooling2D((4, 4))(x)
    x = layers.Flatten()(conv(x, f"{name}_conv", 128, 1))
    x = layers.Dropout(0.7)(layers.Dense(1024, activation="relu", name=f"{name}_fc1")(x))
    return layers.Dense(classes, activation="softmax", name=f"{name}_fc2")(x)


# Top-5: table 3, one model, one crop.
@architecture("googlenet", "GoogLeNet (Inception v1), 22 layers", _PAPER, (224, 224, 3), 1000, top5=89.93,
              before="alexnet", sources=[_TORCHVISION, _SLIM])  # fmt: skip
def googlenet(classes: int, input_shape: Shape, norm: str = "lrn", aux: bool = False) -> Model:
    """Table 1.

    norm    "lrn": as published, with local response normalization, biases and 5x5 filters (Caffe's reference);
            "batch": torchvision's, with batch norm, and 3x3 filters in place of 5x5; "slim": the same with
            TensorFlow's padding and batch norms without scale
    aux     with the two auxiliary classifiers

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if norm not in ("lrn", "batch", "slim"):
        raise unknown("norm", str(norm), ("lrn", "batch", "slim"))

    def pool(x: Any, size: int) -> Any:
        return layers.MaxPooling2D(size, 2, "same")(x) if norm == "slim" else ceil_pool(x, size, 2)

    conv = _biased if norm == "lrn" else conv_norm(scale=norm == "batch")
    inputs = layers.Input(input_shape)
    x = pool(conv(inputs, "conv1", 64, 7, 2, "same" if norm == "slim" else 3), 3)
    x = _lrn(x) if norm == "lrn" else x
    x = conv(conv(x, "conv2", 64, 1), "conv3", 192, 3)
    x = pool(_lrn(x) if norm == "lrn" else x, 3)
    auxiliary = []
    for name, row in MODULES.items():
        if name in ("4a", "5a"):
            # the last pooling of torchvision and slim is 2x2
            x = pool(x, 2 if name == "5a" and norm != "lrn" else 3)
        x = module(x, f"inception{name}", _table(row, 5 if norm == "lrn" else 3), conv)
        if aux and name in AUXILIARY:
            auxiliary.append((_auxiliary(x, AUXILIARY[name], conv, norm, classes), AUXILIARY_WEIGHT))
    y = layers.Dropout(0.4 if norm == "lrn" else 0.2)(layers.GlobalAveragePooling2D()(x))
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="fc")(y), auxiliary)
