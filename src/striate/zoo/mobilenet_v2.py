"""MobileNetV2: residual blocks turned inside out.  Sandler et al. 2018, "Inverted residuals and linear bottlenecks".

The shortcut joins the *narrow* maps: each block widens them six times by a 1x1 convolution, filters the wide maps depthwise,
and narrows them again by a 1x1 convolution without an activation, since ReLU would lose information in so few maps.
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_keras, of_slim, of_timm, of_torchvision
from striate.zoo.parts import divisible, multiplier
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper(
    "Sandler et al.", 2018, "MobileNetV2: inverted residuals and linear bottlenecks", "CVPR 2018, arXiv:1801.04381"
)

# Table 2: t (expansion), c (maps), n (blocks), s (stride of the first of them), a row a stage
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

# epsilon and momentum of the batch norms, and the padding of 3x3 convolutions
VARIANTS: dict[str, tuple[float, float, Any]] = {"keras": (1e-3, 0.999, "same"), "torchvision": (1e-5, 0.9, 1)}

_PLACES = [(stage, block) for stage, row in enumerate(STAGES) for block in range(row[2])]
_PARTS = ("expand", "expand_BN", "depthwise", "depthwise_BN", "project", "project_BN")


def _parts(first: tuple[str, ...], others: tuple[str, ...]) -> list[tuple[str, str]]:
    """Renamings of a block's parts, after ``first:`` or ``other:``."""
    pairs = [*zip(_PARTS[2:], first, strict=True)], [*zip(_PARTS, others, strict=True)]
    return [(f":{which}:{a}\\.", f"{b}.") for which, row in enumerate(pairs) for a, b in row]


_TORCHVISION = (
    (r"^Conv1\.", "features.0.0."),
    (r"^bn_Conv1\.", "features.0.1."),
    (r"^expanded_conv_", "features.1.conv.:0:"),
    *((rf"^block_{n}_", f"features.{n + 1}.conv.:1:") for n in range(1, len(_PLACES))),
    *_parts(("0.0", "0.1", "1", "2"), ("0.0", "0.1", "1.0", "1.1", "2", "3")),
    (r"^Conv_1\.", "features.18.0."),
    (r"^Conv_1_bn\.", "features.18.1."),
    (r"^predictions\.", "classifier.1."),
)
_TIMM = (
    (r"^Conv_1_bn\.", "bn2."),
    (r"^Conv_1\.", "conv_head."),
    (r"^Conv1\.", "conv_stem."),
    (r"^bn_Conv1\.", "bn1."),
    (r"^expanded_conv_", "blocks.0.0.:0:"),
    *((rf"^block_{n}_", f"blocks.{_PLACES[n][0]}.{_PLACES[n][1]}.:1:") for n in range(1, len(_PLACES))),
    *_parts(("conv_dw", "bn1", "conv_pw", "bn2"), ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")),
    (r"^predictions\.", "classifier."),
)
_SLIM = (
    (r"^predictions$", "MobilenetV2/Logits/Conv2d_1c_1x1"),
    (r"^bn_Conv1$", "MobilenetV2/Conv/BatchNorm"),
    (r"^Conv1$", "MobilenetV2/Conv"),
    (r"^Conv_1_bn$", "MobilenetV2/Conv_1/BatchNorm"),
    (r"^Conv_1$", "MobilenetV2/Conv_1"),
    (r"^block_(\d+)_", r"expanded_conv_\1_"),
    (r"^(expanded_conv(?:_\d+)?)_(expand|depthwise|project)(?=_|$)", r"MobilenetV2/\1/\2"),
    (r"_BN$", "/BatchNorm"),
)
_KERAS = "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels"


@architecture(
    "mobilenet_v2",
    "residual blocks that are wide inside and narrow at the shortcut",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=72.0,  # table 4
    before="mobilenet",
    sources=[
        *(
            of_keras(
                "MobileNetV2", f"{_KERAS}_{alpha}_224", variant={"alpha": alpha, "variant": "keras"}, pixels="tf",
                top1=71.3 if alpha == 1 else None, top5=90.1 if alpha == 1 else None,
            )
            for alpha in (1.0, 1.4, 1.3, 0.75, 0.5, 0.35)
        ),
        *(
            of_slim(
                "mobilenet_v2", rename=_SLIM, variant={"alpha": alpha, "variant": "keras"}, pixels="tf",
                top1={1.0: 71.9, 1.4: 74.9}.get(alpha), top5={1.0: 91.0, 1.4: 92.5}.get(alpha),
            )
            for alpha in (1.0, 1.4, 1.3, 0.75, 0.5, 0.35)
        ),
        of_torchvision(
            "mobilenet_v2", "7ebf99e0", variant={"alpha": 1.0, "variant": "torchvision"}, rename=_TORCHVISION,
            shorter_side=232, top1=72.154, top5=90.822,
        ),
        of_timm(
            "mobilenetv2_100", "ra_in1k", variant={"alpha": 1.0, "variant": "torchvision"}, rename=_TIMM,
            interpolation="bicubic",
        ),
    ],
)  # fmt: skip
def mobilenet_v2(
    classes: int, input_shape: Shape, alpha: float = 1.0, variant: str = "keras", dropout: float = 0.0
) -> Model:
    """conv 3x3 stride 2, seventeen inverted residual blocks, 1x1 convolution to 1280 maps, global mean, dense.

    alpha     factor of all numbers of maps but the last (that one only grows); the paper: 0.35 to 1.4
    variant   "keras": TensorFlow's padding, batch norm with epsilon 1e-3; "torchvision": padding 1, epsilon 1e-5
    dropout   before the classes; torchvision trains with 0.2

    Layers are named as in Keras.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if variant not in VARIANTS:
        raise unknown("mobilenet_v2 variant", variant, VARIANTS)
    alpha = multiplier("mobilenet_v2", alpha)
    epsilon, momentum, padding = VARIANTS[variant]

    def norm(x: Any, name: str) -> Any:
        return layers.BatchNormalization(epsilon=epsilon, momentum=momentum, name=name)(x)

    def block(x: Any, prefix: str, expansion: int, maps: int, stride: int) -> Any:
        y = x
        if expansion > 1:
            y = layers.Conv2D(expansion * x.shape[-1], 1, use_bias=False, name=f"{prefix}_expand")(y)
            y = layers.ReLU(6.0, name=f"{prefix}_expand_relu")(norm(y, f"{prefix}_expand_BN"))
        y = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{prefix}_depthwise")(y)
        y = layers.ReLU(6.0, name=f"{prefix}_depthwise_relu")(norm(y, f"{prefix}_depthwise_BN"))
        y = layers.Conv2D(maps, 1, use_bias=False, name=f"{prefix}_project")(y)
        y = norm(y, f"{prefix}_project_BN")
        return layers.Add(name=f"{prefix}_add")([x, y]) if stride == 1 and maps == x.shape[-1] else y

    inputs = layers.Input(input_shape)
    x = layers.Conv2D(divisible(32 * alpha), 3, 2, padding, use_bias=False, name="Conv1")(inputs)
    x = layers.ReLU(6.0, name="Conv1_relu")(norm(x, "bn_Conv1"))
    for number, (stage, place) in enumerate(_PLACES):
        expansion, maps, _, stride = STAGES[stage]
        prefix = f"block_{number}" if number else "expanded_conv"
        x = block(x, prefix, expansion, divisible(int(maps * alpha)), 1 if place else stride)
    x = layers.Conv2D(divisible(1280 * max(1.0, alpha)), 1, use_bias=False, name="Conv_1")(x)
    x = layers.ReLU(6.0, name="out_relu")(norm(x, "Conv_1_bn"))
    y = layers.GlobalAveragePooling2D()(x)
    if dropout:
        y = layers.Dropout(dropout)(y)
    return network(inputs, x, layers.Dense(classes, activation="softmax", name="predictions")(y))
