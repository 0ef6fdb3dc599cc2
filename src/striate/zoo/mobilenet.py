"""MobileNet: a network for telephones.  Howard et al. 2017, "MobileNets: efficient convolutional neural networks".

Every 3x3 convolution is split in two: a depthwise one that looks at each map by itself, and a 1x1 one that mixes the maps.
That takes 1/N + 1/9 of the multiplications of a whole 3x3 convolution to N maps.  One number, `alpha`, thins every layer.
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.graph import Shape
from striate.model import Model
from striate.weights.source import of_keras, of_slim
from striate.zoo.parts import multiplier
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper(
    "Howard et al.",
    2017,
    "MobileNets: efficient convolutional neural networks for mobile vision applications",
    "arXiv:1704.04861",
)

# Table 1: maps of the 1x1 convolution and stride of the depthwise one, for each block.  The table prints stride 2 for the
# last depthwise convolution too, but 7x7 for its input and its output: the stride is 1.
BLOCKS = (
    (64, 1),
    *((128, 2), (128, 1)),
    *((256, 2), (256, 1)),
    *((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
    *((1024, 2), (1024, 1)),
)

_SLIM = (
    (r"^(conv\w*?)_bn$", r"\1/BatchNorm"),
    (r"^conv1(?=/|$)", "MobilenetV1/Conv2d_0"),
    (r"^conv_dw_(\d+)", r"MobilenetV1/Conv2d_\1_depthwise"),
    (r"^conv_pw_(\d+)", r"MobilenetV1/Conv2d_\1_pointwise"),
    (r"^conv_preds$", "MobilenetV1/Logits/Conv2d_1c_1x1"),
)
_FILES = "mobilenet/mobilenet"


def _norm_relu(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))


@architecture(
    "mobilenet",
    "depthwise and 1x1 convolutions in turn, for telephones",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=70.6,  # table 8
    before="inception_v3",
    sources=[
        of_keras(
            "MobileNet", f"{_FILES}_{said}_224_tf", variant={"alpha": alpha}, pixels="tf",
            top1=70.4 if alpha == 1 else None, top5=89.5 if alpha == 1 else None,
        )
        for alpha, said in ((1.0, "1_0"), (0.75, "7_5"), (0.5, "5_0"), (0.25, "2_5"))
    ]
    + [
        of_slim(
            "mobilenet_v1", rename=_SLIM, variant={"alpha": alpha}, pixels="tf",
            top1=70.9 if alpha == 1 else None, top5=89.9 if alpha == 1 else None,
        )
        for alpha in (1.0, 0.75, 0.5, 0.25)
    ],
)  # fmt: skip
def mobilenet(
    classes: int, input_shape: Shape, alpha: float = 1.0, dropout: float = 1e-3, depth_multiplier: int = 1
) -> Model:
    """conv 3x3 stride 2, thirteen depthwise separable blocks, global mean, a 1x1 convolution to the classes.

    alpha     factor of all numbers of maps (section 3.3); 1, 0.75, 0.5 and 0.25 in the paper
    dropout   before the classes
    depth_multiplier   maps that a depthwise convolution makes of each

    Layers are named as in Keras.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    alpha = multiplier("mobilenet", alpha)

    def depthwise(stride: int, padding: Any, name: str) -> layers.DepthwiseConv2D:
        return layers.DepthwiseConv2D(3, stride, padding, depth_multiplier, use_bias=False, name=name)

    inputs = layers.Input(input_shape)
    x = layers.Conv2D(int(32 * alpha), 3, 2, padding="same", use_bias=False, name="conv1")(inputs)
    x = _norm_relu(x, "conv1")
    for number, (maps, stride) in enumerate(BLOCKS, 1):
        # Keras pads below and to the right before a stride, whatever the size; on odd sizes that is not "same"
        padding: Any = "same" if stride == 1 else ((0, 1), (0, 1))
        name = f"conv_dw_{number}"
        x = _norm_relu(depthwise(stride, padding, name)(x), name)
        name = f"conv_pw_{number}"
        x = _norm_relu(layers.Conv2D(int(maps * alpha), 1, use_bias=False, name=name)(x), name)
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.Dropout(dropout, name="dropout")(y)
    y = layers.Conv2D(classes, 1, name="conv_preds")(y)
    y = layers.Reshape((classes,), name="reshape_2")(y)
    return network(inputs, x, layers.Activation("softmax", name="predictions")(y))
