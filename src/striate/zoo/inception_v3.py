"""Inception v3: large filters taken apart.

A 5x5 becomes two 3x3, a 7x7 becomes 1x7 and 7x1, and modules that halve the map do so by convolution and pooling side by
side, so that no step squeezes the information too hard.  With label smoothing and a batch-normalised auxiliary classifier.
Szegedy et al. 2015, "Rethinking the Inception architecture for computer vision".
"""

from __future__ import annotations

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_keras, of_slim, of_timm, of_torchvision
from striate.zoo.inception import Table, conv_norm, module, slim_names, slim_scopes
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper("Szegedy et al.", 2015, "Rethinking the Inception architecture for computer vision", "arXiv:1512.00567")


# The modules are the paper's figures 5, 6 and 7; the maps, which it does not print, are those of its authors' code.
def _a(pool: int) -> Table:
    """Figure 5."""
    return {
        "branch1x1": [(64, 1)],
        "branch5x5": [(48, 1), (64, 5)],
        "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
        "branch_pool": [("average", 3), (pool, 1)],
    }


def _c(maps: int) -> Table:
    """Figure 6, n = 7."""
    tall, wide = (7, 1), (1, 7)
    return {
        "branch1x1": [(192, 1)],
        "branch7x7": [(maps, 1), (maps, wide), (192, tall)],
        "branch7x7dbl": [(maps, 1), (maps, tall), (maps, wide), (maps, tall), (192, wide)],
        "branch_pool": [("average", 3), (192, 1)],
    }


# Figure 10: halving the map
_B: Table = {
    "branch3x3": [(384, 3, 2, "valid")],
    "branch3x3dbl": [(64, 1), (96, 3), (96, 3, 2, "valid")],
    "branch_pool": [("max", 3, 2, "valid")],
}
_D: Table = {
    "branch3x3": [(192, 1), (320, 3, 2, "valid")],
    "branch7x7x3": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid")],
    "branch_pool": [("max", 3, 2, "valid")],
}
# Figure 7
_E: Table = {
    "branch1x1": [(320, 1)],
    "branch3x3": [(384, 1), [(384, (1, 3)), (384, (3, 1))]],
    "branch3x3dbl": [(448, 1), (384, 3), [(384, (1, 3)), (384, (3, 1))]],
    "branch_pool": [("average", 3), (192, 1)],
}

# Table 1: three modules of figure 5 on 35x35, (four) of figure 6 on 17x17, two of figure 7 on 8x8
MODULES = {
    "Mixed_5b": _a(32), "Mixed_5c": _a(64), "Mixed_5d": _a(64),
    "Mixed_6a": _B, "Mixed_6b": _c(128), "Mixed_6c": _c(160), "Mixed_6d": _c(160), "Mixed_6e": _c(192),
    "Mixed_7a": _D, "Mixed_7b": _E, "Mixed_7c": _E,
}  # fmt: skip

# torchvision's training code; the paper gives none, GoogLeNet's gives 0.3 to each of two
AUXILIARY_WEIGHT = 0.4

_TORCH_NAMES = (
    (r"^Mixed_(\w\w)_", r"Mixed_\1."),
    (r"^AuxLogits_", "AuxLogits."),
    (r"_(conv|bn)\.", r".\1."),
)
# where slim's scopes do not follow its own rule
_SLIM_ODD = {
    "Mixed_5c/Branch_1/Conv2d_0a_1x1": "Mixed_5c/Branch_1/Conv2d_0b_1x1",
    "Mixed_5c/Branch_1/Conv2d_0b_5x5": "Mixed_5c/Branch_1/Conv_1_0c_5x5",
    "Mixed_6a/Branch_0/Conv2d_1a_3x3": "Mixed_6a/Branch_0/Conv2d_1a_1x1",
    "Mixed_6a/Branch_1/Conv2d_1a_3x3": "Mixed_6a/Branch_1/Conv2d_1a_1x1",
    "Mixed_7b/Branch_1/Conv2d_0c_3x1": "Mixed_7b/Branch_1/Conv2d_0b_3x1",
}


def _slim() -> dict[str, str]:
    stem = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
    scopes = [*stem, *(scope for name, table in MODULES.items() for scope in slim_scopes(name, table))]
    named = slim_names(f"InceptionV3/{_SLIM_ODD.get(scope, scope)}" for scope in scopes)
    return named | {"predictions": "InceptionV3/Logits/Conv2d_1c_1x1"}


_SOURCES = [
    of_torchvision(
        "inception_v3",
        "0cc3c7bd",
        "inception_v3_google",
        rename=_TORCH_NAMES,
        variant={"variant": "torchvision"},
        pixels="tf",  # torchvision's `transform_input` turns the usual normalisation into -1..1
        shorter_side=342,
        top1=77.294,
        top5=93.450,
    ),
    of_timm(
        "inception_v3.tv_in1k",
        rename=_TORCH_NAMES,
        variant={"variant": "torchvision"},
        pixels="tf",
        shorter_side=341,
        interpolation="bicubic",
    ),
    of_keras(
        "InceptionV3",
        "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels",
        variant={"variant": "keras", "aux": False},
        pixels="tf",
        checksum="md5:9a0d58056eeedaa3f26cb7ebd46da564",
        top1=77.9,
        top5=93.7,
    ),
    of_slim(
        "inception_v3", names=_slim(), variant={"variant": "keras", "aux": False}, pixels="tf", top1=78.0, top5=93.9
    ),
]


def _label(branch: str, step: int, steps: int) -> str:
    """torchvision's names: branch5x5_1, branch5x5_2 …, but branch1x1 and branch_pool."""
    return branch if steps == 1 or branch == "branch_pool" else f"{branch}_{step + 1}"


# Accuracy: table 3, single crop.
@architecture("inception_v3", "Inception v3, 48 layers", _PAPER, (299, 299, 3), 1000, top1=78.8, top5=94.4,
              before="inception_v2", sources=_SOURCES)  # fmt: skip
def inception_v3(classes: int, input_shape: Shape, variant: str = "torchvision", aux: bool = False) -> Model:
    """Table 1, with the modules of figures 5 to 7 and 10.

    variant     "torchvision": batch norm scales, average pooling counts padding; "keras": neither, as in the authors' code
    aux         with the auxiliary classifier on the last 17x17 map

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if variant not in ("torchvision", "keras"):
        raise unknown("variant", str(variant), ("torchvision", "keras"))
    torch, momentum = variant == "torchvision", 0.9 if variant == "torchvision" else 0.99
    conv = conv_norm(momentum=momentum, scale=torch, named=torch)
    inputs = layers.Input(input_shape)
    x = conv(inputs, "Conv2d_1a_3x3", 32, 3, 2, "valid")
    x = conv(x, "Conv2d_2a_3x3", 32, 3, 1, "valid")
    x = conv(x, "Conv2d_2b_3x3", 64, 3)
    x = layers.MaxPooling2D(3, 2)(x)
    x = conv(x, "Conv2d_3b_1x1", 80, 1)
    x = conv(x, "Conv2d_4a_3x3", 192, 3, 1, "valid")
    x = layers.MaxPooling2D(3, 2)(x)
    auxiliary = []
    for number, (name, table) in enumerate(MODULES.items()):
        joined = name if torch else f"mixed{number}"
        x = module(x, name, table, conv, joined=joined, label=_label, count_include_pad=torch)
        if aux and name == "Mixed_6e":
            side = conv_norm(momentum=momentum, scale=torch)
            y = side(layers.AveragePooling2D(5, 3)(x), "AuxLogits_conv0", 128, 1)
            y = layers.GlobalAveragePooling2D()(side(y, "AuxLogits_conv1", 768, 5, 1, "valid"))
            output = layers.Dense(classes, activation="softmax", name="AuxLogits_fc")(y)
            auxiliary.append((output, AUXILIARY_WEIGHT))
    y = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    y = layers.Dropout(0.5)(y) if torch else y
    output = layers.Dense(classes, activation="softmax", name="fc" if torch else "predictions")(y)
    return network(inputs, x, output, auxiliary)
