"""EfficientNet-B0: a network found by search.  Tan & Le 2019, "EfficientNet: rethinking model scaling".

The search chose kernels, widths and depths for inverted residual blocks (MobileNetV2's), each with squeeze-and-excitation
(Hu et al. 2017): the mean of every map goes through two small layers that say how much each map counts.  Larger
EfficientNets scale depth, width and picture size of this one together.
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.errors import unknown
from striate.graph import Shape
from striate.layers.initializers import VarianceScaling
from striate.model import Model
from striate.weights.source import Source, of_timm, of_torchvision
from striate.zoo.parts import probability
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper(
    "Tan & Le",
    2019,
    "EfficientNet: rethinking model scaling for convolutional neural networks",
    "ICML 2019, arXiv:1905.11946",
)

# Table 1: expansion, kernel, stride of the first block, maps, blocks; a row a stage
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)

# epsilon and momentum of the batch norms, and whether convolutions pad as TensorFlow does
VARIANTS = {"timm": (1e-5, 0.9, False), "keras": (1e-3, 0.99, True)}

# what the blocks of the first stage, which do not expand, and of the others call their parts: timm, Keras, torchvision
_FIRST = (
    ("conv_dw", "dwconv", "0.0"),
    ("bn1", "bn", "0.1"),
    ("se_conv_reduce", "se_reduce", "1.fc1"),
    ("se_conv_expand", "se_expand", "1.fc2"),
    ("conv_pw", "project_conv", "2.0"),
    ("bn2", "project_bn", "2.1"),
)
_OTHERS = (
    ("conv_pw", "expand_conv", "0.0"),
    ("bn1", "expand_bn", "0.1"),
    ("conv_dw", "dwconv", "1.0"),
    ("bn2", "bn", "1.1"),
    ("se_conv_reduce", "se_reduce", "2.fc1"),
    ("se_conv_expand", "se_expand", "2.fc2"),
    ("conv_pwl", "project_conv", "3.0"),
    ("bn3", "project_bn", "3.1"),
)
_PLACES = [(stage, block) for stage, row in enumerate(STAGES) for block in range(row[4])]
_TIMM = ((r"^blocks_(\d+)_(\d+)_", r"blocks.\1.\2."), (r"\.se_", ".se."))
_KERAS = (
    *((f"^{ours}$", theirs) for ours, theirs in (
        ("conv_stem", "stem_conv"), ("bn1", "stem_bn"), ("conv_head", "top_conv"), ("bn2", "top_bn"),
        ("classifier", "predictions"),
    )),
    *(
        (f"^blocks_{stage}_{block}_{ours}$", f"block{stage + 1}{'abcd'[block]}_{theirs}")
        for stage, block in _PLACES
        for ours, theirs, _ in (_OTHERS if stage else _FIRST)
    ),
)  # fmt: skip
_TORCHVISION = (
    *((rf"^{ours}\.", f"{theirs}.") for ours, theirs in (
        ("conv_stem", "features.0.0"), ("bn1", "features.0.1"), ("conv_head", "features.8.0"),
        ("bn2", "features.8.1"), ("classifier", "classifier.1"),
    )),
    *(
        (rf"^blocks_{stage}_{block}_{ours}\.", f"features.{stage + 1}.{block}.block.{theirs}.")
        for stage, block in _PLACES
        for ours, _, theirs in (_OTHERS if stage else _FIRST)
    ),
)  # fmt: skip

_NORMAL = VarianceScaling(2.0, "fan_out", "truncated_normal")
_UNIFORM = VarianceScaling(1 / 3, "fan_out", "uniform")


@architecture(
    "efficientnet_b0",
    "inverted residual blocks with squeeze-and-excitation, found by search",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=77.1,  # table 2
    top5=93.3,
    before="mobilenet_v2",
    sources=[
        of_torchvision(
            "efficientnet_b0", "7f5810bc", "efficientnet_b0_rwightman", variant={"variant": "timm"},
            rename=_TORCHVISION, shorter_side=256, interpolation="bicubic", top1=77.692, top5=93.532,
        ),
        of_timm(
            "efficientnet_b0", "ra_in1k", variant={"variant": "timm"}, rename=_TIMM, interpolation="bicubic",
        ),
        # its file also holds the weights of a normalization, the first layer there, that `pixels` stands for here
        Source(
            library="keras", model="EfficientNetB0", variant={"variant": "keras"}, rename=_KERAS,
            interpolation="bicubic",
            url="https://storage.googleapis.com/keras-applications/efficientnetb0.h5",
            checksum="md5:902e53a9f72be733fc0bcb005b3ebbac", top1=77.1, top5=93.3,
        ),
        of_timm(
            "tf_efficientnet_b0", "in1k", variant={"variant": "keras"}, rename=_TIMM, interpolation="bicubic",
        ),
    ],
)  # fmt: skip
def efficientnet_b0(
    classes: int, input_shape: Shape, variant: str = "timm", dropout: float = 0.2, drop_path: float = 0.0
) -> Model:
    """conv 3x3 stride 2, sixteen inverted residual blocks, 1x1 convolution to 1280 maps, global mean, dense.

    variant     "timm": padding on all sides alike, batch norm with epsilon 1e-5; "keras": TensorFlow's padding, epsilon
                1e-3.  Keras' own network also scales and normalizes the pixels
    dropout     before the classes
    drop_path   probability that the last residual branch is dropped in training, falling linearly to 0 at the first
                (section 5: 0.2)

    Layers are named as in timm.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    if variant not in VARIANTS:
        raise unknown("efficientnet_b0 variant", variant, VARIANTS)
    epsilon, momentum, same = VARIANTS[variant]

    def norm(x: Any, name: str) -> Any:
        return layers.BatchNormalization(epsilon=epsilon, momentum=momentum, name=name)(x)

    def conv(x: Any, maps: int, name: str, kernel: int = 1, stride: int = 1) -> Any:
        padding: Any = "same" if same else kernel // 2
        return layers.Conv2D(
            maps, kernel, stride, padding, use_bias=False, kernel_initializer=_NORMAL, name=name
        )(x)  # fmt: skip

    def swish(x: Any) -> Any:
        return layers.Activation("silu")(x)

    def excite(x: Any, squeezed: int, name: str) -> Any:
        """Each map times what two small layers make of the means of all maps."""
        y = layers.GlobalAveragePooling2D(keepdims=True)(x)
        for maps, part, activation in ((squeezed, "reduce", "silu"), (x.shape[-1], "expand", "sigmoid")):
            y = layers.Conv2D(
                maps, 1, activation=activation, kernel_initializer=_NORMAL, name=f"{name}_se_conv_{part}"
            )(y)  # fmt: skip
        return layers.Multiply()([x, y])

    def block(x: Any, name: str, expansion: int, kernel: int, stride: int, maps: int, drop: float) -> Any:
        parts = iter(_FIRST if expansion == 1 else _OTHERS)

        def part() -> str:
            return f"{name}_{next(p for p, _, _ in parts if not p.startswith('se_'))}"

        y = x
        if expansion > 1:
            y = conv(y, expansion * x.shape[-1], part())
            y = swish(norm(y, part()))
        y = layers.DepthwiseConv2D(
            kernel, stride, "same" if same else kernel // 2,
            use_bias=False, depthwise_initializer=_NORMAL, name=part(),
        )(y)  # fmt: skip
        y = swish(norm(y, part()))
        y = excite(y, x.shape[-1] // 4, name)
        y = norm(conv(y, maps, part()), part())
        if stride > 1 or maps != x.shape[-1]:
            return y
        return layers.Add()([layers.DropPath(drop)(y) if drop else y, x])

    drop_path = probability("efficientnet_b0", "drop_path", drop_path)
    inputs = layers.Input(input_shape)
    x = swish(norm(conv(inputs, 32, "conv_stem", 3, 2), "bn1"))
    for number, (stage, place) in enumerate(_PLACES):
        expansion, kernel, stride, maps, _ = STAGES[stage]
        drop = drop_path * number / len(_PLACES)
        x = block(x, f"blocks_{stage}_{place}", expansion, kernel, 1 if place else stride, maps, drop)
    x = swish(norm(conv(x, 1280, "conv_head"), "bn2"))
    y = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
    y = layers.Dense(classes, activation="softmax", kernel_initializer=_UNIFORM, name="classifier")(y)
    return network(inputs, x, y)
