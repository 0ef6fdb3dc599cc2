"""Inception-ResNet v2: an Inception module as the residual of a ResNet block.

The branches are brought back to the input's depth by a 1x1 convolution, scaled down (or training of so wide a network
breaks off: section 3.3) and added.  It reaches Inception v4's accuracy in fewer steps.
Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the impact of residual connections on learning".
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_keras, of_slim, of_timm
from striate.zoo.inception import Convolution, Table, conv_norm, module, slim_names, slim_scopes
from striate.zoo.inception_v4 import PAPER, V
from striate.zoo.registry import architecture, network

# The authors' code, which the published weights belong to: its stem is Inception v3's and ends in this module (320 maps;
# the paper's figure 3 has 384), so the depths are 320, 1088 and 2080 (figures 16, 17 and 19 print 384, 1154 and 2048).
MIXED_5B: Table = {
    "branch0": [(96, 1)],
    "branch1": [(48, 1), (64, 5)],
    "branch2": [(64, 1), (96, 3), (96, 3)],
    "branch3": [("average", 3), (64, 1)],
}
# Figure 16
BLOCK35: Table = {
    "branch0": [(32, 1)],
    "branch1": [(32, 1), (32, 3)],
    "branch2": [(32, 1), (48, 3), (64, 3)],
}
# Figure 7 with table 1's k, l, m, n = 256, 256, 384, 384
MIXED_6A: Table = {
    "branch0": [(384, 3, 2, V)],
    "branch1": [(256, 1), (256, 3), (384, 3, 2, V)],
    "branch2": [("max", 3, 2, V)],
}
# Figure 17
BLOCK17: Table = {
    "branch0": [(192, 1)],
    "branch1": [(128, 1), (160, (1, 7)), (192, (7, 1))],
}
# Figure 18
MIXED_7A: Table = {
    "branch0": [(256, 1), (384, 3, 2, V)],
    "branch1": [(256, 1), (288, 3, 2, V)],
    "branch2": [(256, 1), (288, 3), (320, 3, 2, V)],
    "branch3": [("max", 3, 2, V)],
}
# Figure 19
BLOCK8: Table = {
    "branch0": [(192, 1)],
    "branch1": [(192, 1), (224, (1, 3)), (256, (3, 1))],
}

# Figure 15, left to right: the module, its blocks' kind, how many of them, the scale of their residuals
STAGES = [
    ("mixed_5b", MIXED_5B, "block35", BLOCK35, 10, 0.17),
    ("mixed_6a", MIXED_6A, "block17", BLOCK17, 20, 0.1),
    ("mixed_7a", MIXED_7A, "block8", BLOCK8, 9, 0.2),
]


def _slim() -> dict[str, str]:
    root = "InceptionResnetV2"
    scopes = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
    ups = {"block8_10_conv": "Block8/Conv2d_1x1"}
    for stage, (name, table, kind, block, count, _) in enumerate(STAGES):
        # a branch of one convolution has no letter, which slim's other networks give it
        scopes += (one if name == "mixed_7a" else _lone(one) for one in slim_scopes(name.capitalize(), table))
        for number in range(1, count + 1):
            here = f"{f'Repeat_{stage}' if stage else 'Repeat'}/{kind}_{number}"
            scopes += map(_lone, slim_scopes(here, block))
            ups[f"{kind}_{number}_conv"] = f"{here}/Conv2d_1x1"
    scopes += map(_lone, slim_scopes("Block8", BLOCK8))
    ups |= {"conv_7b": "Conv2d_7b_1x1", "conv_7b_bn": "Conv2d_7b_1x1/BatchNorm", "predictions": "Logits/Logits"}
    return slim_names(f"{root}/{scope}" for scope in scopes) | {here: f"{root}/{one}" for here, one in ups.items()}


def _lone(scope: str) -> str:
    return scope.replace("Branch_0/Conv2d_0a_1x1", "Branch_0/Conv2d_1x1")


_SOURCES = [
    of_timm(
        "inception_resnet_v2.tf_in1k",
        rename=(
            (r"^repeat_([12])_(\d+)_", r"repeat_\1.\2."),
            (r"^repeat_(\d+)_", r"repeat.\1."),
            (r"^(mixed_\w\w|block8)_", r"\1."),
            (r"branch(\d)_(\d)_", r"branch\1.\2."),
            (r"_(conv|bn)\.", r".\1."),
        ),
        variant={"variant": "timm"},
        pixels="tf",
        shorter_side=333,
        interpolation="bicubic",
    ),
    of_keras(
        "InceptionResNetV2",
        "inception_resnet_v2/inception_resnet_v2_weights_tf_dim_ordering_tf_kernels",
        variant={"variant": "keras"},
        pixels="tf",
        checksum="md5:e693bd0210a403b3192acc6073ad2e96",
        top1=80.3,
        top5=95.3,
    ),
    of_slim("inception_resnet_v2", names=_slim(), variant={"variant": "keras"}, pixels="tf", top1=80.4, top5=95.3),
]


def _block(x: Any, name: str, up: str, table: Table, scale: float, conv: Convolution, last: bool = False) -> Any:
    """relu(x + scale · 1x1(branches(x))); the last block has neither scale nor ReLU."""
    y = module(x, name, table, conv, joined=f"{name}_mixed")
    y = layers.Conv2D(x.shape[-1], 1, name=up)(y)
    if last:
        return layers.Add()([x, y])
    return layers.Activation("relu")(layers.Add()([x, layers.Rescaling(scale)(y)]))


# Accuracy: table 2, single crop.
@architecture("inception_resnet_v2", "Inception modules as residuals", PAPER, (299, 299, 3), 1000, top1=80.1, top5=95.1,
              before="inception_v4", sources=_SOURCES)  # fmt: skip
def inception_resnet_v2(classes: int, input_shape: Shape, variant: str = "timm") -> Model:
    """Figure 15 as in the authors' code.

    variant     "timm": batch norm scales; "keras": it does not, as in the authors' code

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if variant not in ("timm", "keras"):
        raise unknown("variant", str(variant), ("timm", "keras"))
    timm = variant == "timm"
    conv = conv_norm(momentum=0.9 if timm else 0.99, scale=timm, named=timm)
    inputs = layers.Input(input_shape)
    x = conv(inputs, "conv2d_1a", 32, 3, 2, V)
    x = conv(x, "conv2d_2a", 32, 3, 1, V)
    x = conv(x, "conv2d_2b", 64, 3)
    x = layers.MaxPooling2D(3, 2)(x)
    x = conv(x, "conv2d_3b", 80, 1)
    x = conv(x, "conv2d_4a", 192, 3, 1, V)
    x = layers.MaxPooling2D(3, 2)(x)
    for stage, (name, table, kind, block, count, scale) in enumerate(STAGES):
        x = module(x, name, table, conv)
        for number in range(count):
            # timm: repeat, repeat_1, repeat_2, counted from 0; Keras: block35, block17, block8, from 1
            here = f"{f'repeat_{stage}' if stage else 'repeat'}_{number}" if timm else f"{kind}_{number + 1}"
            x = _block(x, here, f"{here}_conv2d" if timm else f"{here}_conv", block, scale, conv)
    here, up = ("block8", "block8_conv2d") if timm else ("block8_10", "block8_10_conv")
    x = _block(x, here, up, BLOCK8, 1.0, conv, last=True)
    x = layers.Conv2D(1536, 1, use_bias=False, name="conv2d_7b_conv" if timm else "conv_7b")(x)
    x = layers.BatchNormalization(
        momentum=0.9 if timm else 0.99, epsilon=1e-3, scale=timm, name="conv2d_7b_bn" if timm else "conv_7b_bn"
    )(x)
    x = layers.Activation("relu")(x)
    y = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    output = layers.Dense(classes, activation="softmax", name="classif" if timm else "predictions")(y)
    return network(inputs, x, output)
