"""Inception v2 (BN-Inception): GoogLeNet with batch normalization, the paper that introduced it.

Normalising every map over the batch allows thirty times the learning rate and reaches GoogLeNet's accuracy in a
fourteenth of the steps.  Two 3x3 convolutions stand in for each 5x5; modules 3c and 4e halve the map themselves.
Ioffe & Szegedy 2015, "Batch normalization".
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_slim
from striate.zoo.inception import Table, conv_norm, module, places, slim_names, slim_scopes
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper(
    "Ioffe & Szegedy",
    2015,
    "Batch normalization: accelerating deep network training by reducing internal covariate shift",
    "arXiv:1502.03167",
)

# Figure 5, as printed.  Its column "output size" gives 576, 576 and 1024 maps for 4c, 4d and 4e, but these rows add up
# to 608, 608 and 1056; the rows are followed here.
#         #1x1  #3x3 reduce  #3x3  double #3x3 reduce  double #3x3  pool +  proj (0: pass through, stride 2)
MODULES = {
    "3a": (64,  64,          64,   64,                 96,          "average", 32),
    "3b": (64,  64,          96,   64,                 96,          "average", 64),
    "3c": (0,   128,         160,  64,                 96,          "max",     0),
    "4a": (224, 64,          96,   96,                 128,         "average", 128),
    "4b": (192, 96,          128,  96,                 128,         "average", 128),
    "4c": (160, 128,         160,  128,                160,         "average", 128),
    "4d": (96,  128,         192,  160,                192,         "average", 128),
    "4e": (0,   128,         192,  192,                256,         "max",     0),
    "5a": (352, 192,         320,  160,                224,         "average", 128),
    "5b": (352, 192,         320,  192,                224,         "max",     128),
}  # fmt: skip


def _table(row: tuple[Any, ...]) -> Table:
    one, reduce, three, double_reduce, double, pool, project = row
    if project == 0:
        return {
            "3x3": [(reduce, 1), (three, 3, 2)],
            "double_3x3": [(double_reduce, 1), (double, 3), (double, 3, 2)],
            "pool": [(pool, 3, 2)],
        }
    return {
        "1x1": [(one, 1)],
        "3x3": [(reduce, 1), (three, 3)],
        "double_3x3": [(double_reduce, 1), (double, 3), (double, 3)],
        "pool": [(pool, 3), (project, 1)],
    }


def _rows(variant: str) -> dict[str, tuple[Any, ...]]:
    """The modules; the authors' code has a third fewer projections in 4c and 4d, so that their maps are as printed."""
    return MODULES if variant == "paper" else MODULES | {name: (*MODULES[name][:-1], 96) for name in ("4c", "4d")}


def _slim() -> dict[str, str]:
    scopes, names = ["Conv2d_2b_1x1", "Conv2d_2c_3x3"], ["conv2_reduce", "conv2"]
    for name, row in _rows("slim").items():
        for place, scope in zip(
            places(f"inception_{name}", _table(row)), slim_scopes(f"Mixed_{_SLIM[name]}", _table(row)), strict=True
        ):
            names.append(place)
            scopes.append(scope)
    root = "InceptionV2"
    lone = {"conv1": "Conv2d_1a_7x7", "fc": "Logits/Conv2d_1c_1x1"}
    named = slim_names((f"{root}/{scope}" for scope in scopes), names)
    return named | {here: f"{root}/{there}" for here, there in lone.items()}


_SLIM = dict(zip(MODULES, ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b", "5c"), strict=True))
_SOURCE = of_slim("inception_v2", names=_slim(), variant={"variant": "slim"}, pixels="tf", top1=73.9, top5=91.8)


# Accuracy: figure 4, one model, one crop.
@architecture("inception_v2", "Inception v2: GoogLeNet with batch norm", _PAPER, (224, 224, 3), 1000, top1=74.8,
              top5=92.18, before="googlenet", sources=[_SOURCE])  # fmt: skip
def inception_v2(classes: int, input_shape: Shape, variant: str = "paper") -> Model:
    """The network of the paper's appendix, with its separable first convolution of depth multiplier 8.

    variant   "paper": the rows of figure 5; "slim": the authors' code, with 576 maps in 4c and 4d, batch norms without
              scale, and a bias in place of the first one

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if variant not in ("paper", "slim"):
        raise unknown("variant", str(variant), ("paper", "slim"))
    paper = variant == "paper"
    conv = conv_norm(scale=paper)
    inputs = layers.Input(input_shape)
    x = layers.SeparableConv2D(64, 7, 2, "same", depth_multiplier=8, use_bias=not paper, name="conv1")(inputs)
    if paper:
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name="conv1_bn")(x)
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D(3, 2, "same")(x)
    x = conv(conv(x, "conv2_reduce", 64, 1), "conv2", 192, 3)
    x = layers.MaxPooling2D(3, 2, "same")(x)
    for name, row in _rows(variant).items():
        x = module(x, f"inception_{name}", _table(row), conv)
    y = layers.GlobalAveragePooling2D()(x)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="fc")(y))
