"""Inception v4: the same ideas, made uniform and deeper.

One design for every module of a kind, so that no size has to be chosen by hand, and a stem that itself has branches.
Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the impact of residual connections on learning".
"""

from __future__ import annotations

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_slim, of_timm
from striate.zoo.inception import Table, conv_norm, module, places, slim_names, slim_scopes
from striate.zoo.registry import Paper, architecture, network

PAPER = Paper(
    "Szegedy et al.",
    2016,
    "Inception-v4, Inception-ResNet and the impact of residual connections on learning",
    "arXiv:1602.07261",
)

V = "valid"  # the figures' mark for convolutions without padding

# Figure 3: the stem's three pairs of branches (384 maps of 35x35)
STEM: list[Table] = [
    {"maxpool": [("max", 3, 2, V)], "conv": [(96, 3, 2, V)]},
    {
        "branch0": [(64, 1), (96, 3, 1, V)],
        "branch1": [(64, 1), (64, (1, 7)), (64, (7, 1)), (96, 3, 1, V)],
    },
    {"conv": [(192, 3, 2, V)], "maxpool": [("max", 3, 2, V)]},
]
# Figure 4
INCEPTION_A: Table = {
    "branch0": [(96, 1)],
    "branch1": [(64, 1), (96, 3)],
    "branch2": [(64, 1), (96, 3), (96, 3)],
    "branch3": [("average", 3), (96, 1)],
}
# Figure 7 with table 1's k, l, m, n = 192, 224, 256, 384
REDUCTION_A: Table = {
    "branch0": [(384, 3, 2, V)],
    "branch1": [(192, 1), (224, 3), (256, 3, 2, V)],
    "branch2": [("max", 3, 2, V)],
}
# Figure 5
INCEPTION_B: Table = {
    "branch0": [(384, 1)],
    "branch1": [(192, 1), (224, (1, 7)), (256, (7, 1))],
    "branch2": [(192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))],
    "branch3": [("average", 3), (128, 1)],
}
# Figure 8
REDUCTION_B: Table = {
    "branch0": [(192, 1), (192, 3, 2, V)],
    "branch1": [(256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3, 2, V)],
    "branch2": [("max", 3, 2, V)],
}
# Figure 6
INCEPTION_C: Table = {
    "branch0": [(256, 1)],
    "branch1": [(384, 1), [(256, (1, 3)), (256, (3, 1))]],
    "branch2": [(384, 1), (448, (3, 1)), (512, (1, 3)), [(256, (1, 3)), (256, (3, 1))]],
    "branch3": [("average", 3), (256, 1)],
}
# Figure 9
MODULES = [*STEM, *[INCEPTION_A] * 4, REDUCTION_A, *[INCEPTION_B] * 7, REDUCTION_B, *[INCEPTION_C] * 3]

_SLIM = (
    "3a",
    "4a",
    "5a",
    "5b",
    "5c",
    "5d",
    "5e",
    "6a",
    "6b",
    "6c",
    "6d",
    "6e",
    "6f",
    "6g",
    "6h",
    "7a",
    "7b",
    "7c",
    "7d",
)


def _slim() -> dict[str, str]:
    here, there = [f"features_{number}" for number in range(3)], ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"]
    for number, (end, table) in enumerate(zip(_SLIM, MODULES, strict=True), start=3):
        here += places(f"features_{number}", table)
        there += slim_scopes(f"Mixed_{end}", table)
    there[3] = "Mixed_3a/Branch_1/Conv2d_0a_3x3"  # against slim's own rule
    named = slim_names((f"InceptionV4/{scope}" for scope in there), here)
    return named | {"last_linear": "InceptionV4/Logits/Logits"}


_SLIM_SOURCE = of_slim("inception_v4", names=_slim(), pixels="tf", top1=80.2, top5=95.2)
_SOURCE = of_timm(
    "inception_v4.tf_in1k",
    rename=(
        (r"^features_(\d+)_", r"features.\1."),
        # in Inception-C (19 to 21) the branches' steps are attributes, but for the pooled branch; else Sequentials
        (r"^(features\.(?:\d|1[0-8])\.branch\d)_(\d)_", r"\1.\2."),
        (r"^(features\.(?:19|2\d)\.branch3)_(\d)_", r"\1.\2."),
        (r"_(conv|bn)\.", r".\1."),
    ),
    pixels="tf",
    shorter_side=341,
    interpolation="bicubic",
)


# Accuracy: table 2, single crop.
@architecture("inception_v4", "Inception v4: uniform modules", PAPER, (299, 299, 3), 1000, top1=80.0, top5=95.0,
              before="inception_v3", sources=[_SOURCE, _SLIM_SOURCE])  # fmt: skip
def inception_v4(classes: int, input_shape: Shape) -> Model:
    """Figure 9: stem, 4 Inception-A, reduction, 7 Inception-B, reduction, 3 Inception-C, mean, dropout, softmax.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    conv = conv_norm()
    inputs = layers.Input(input_shape)
    x = conv(inputs, "features_0", 32, 3, 2, V)
    x = conv(x, "features_1", 32, 3, 1, V)
    x = conv(x, "features_2", 64, 3)
    for number, table in enumerate(MODULES, start=3):
        x = module(x, f"features_{number}", table, conv)
    y = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))  # keep 0.8
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="last_linear")(y))
