"""ConvNeXt-T: a ResNet brought up to date, step by step.  Liu et al. 2022, "A ConvNet for the 2020s".

The recipe, the proportions and the habits of vision transformers, without attention: 4x4 patches first, 7x7 depthwise
convolutions, inverted bottlenecks, one normalization (over the channels) and one GELU a block.
"""

from __future__ import annotations

from typing import Any

from striate import layers
from striate.graph import Shape
from striate.layers.initializers import TruncatedNormal
from striate.model import Model
from striate.weights.source import of_keras, of_timm, of_torchvision
from striate.zoo.parts import probability
from striate.zoo.registry import Paper, architecture, network

_PAPER = Paper("Liu et al.", 2022, "A ConvNet for the 2020s", "CVPR 2022, arXiv:2201.03545")

# Section 3: C (maps) and B (blocks) of the four stages of ConvNeXt-T
STAGES = ((96, 3), (192, 3), (384, 9), (768, 3))

# what the libraries call the parts of a block: timm, torchvision, Keras
_BLOCK = (
    ("conv_dw", "block.0", "depthwise_conv"),
    ("norm", "block.2", "layernorm"),
    ("mlp_fc1", "block.3", "pointwise_conv_1"),
    ("mlp_fc2", "block.5", "pointwise_conv_2"),
)
_TIMM = (
    (r"^stem_(\d)\.", r"stem.\1."),
    (r"^stages_(\d)_downsample_(\d)\.", r"stages.\1.downsample.\2."),
    (r"^stages_(\d)_blocks_(\d)_", r"stages.\1.blocks.\2."),
    (r"\.mlp_", ".mlp."),
    (r"\.gamma\.weight$", ".gamma"),
    (r"^head_", "head."),
)
_TORCHVISION = (
    (r"^stem_(\d)\.", r"features.0.\1."),
    *((rf"^stages_{n}_downsample_(\d)\.", rf"features.{2 * n}.\1.") for n in range(1, 4)),
    *((rf"^stages_{n}_blocks_(\d)_", rf"features.{2 * n + 1}.\1.") for n in range(4)),
    *((rf"\.{ours}\.", f".{theirs}.") for ours, theirs, _ in _BLOCK),
    (r"\.gamma\.weight$", ".layer_scale"),
    (r"^head_norm\.", "classifier.0."),
    (r"^head_fc\.", "classifier.2."),
)
_KERAS = (
    (r"^stem_0$", "convnext_tiny_stem_conv"),
    (r"^stem_1$", "convnext_tiny_stem_layernorm"),
    *((f"^stages_{n}_downsample_0$", f"convnext_tiny_downsampling_layernorm_{n - 1}") for n in range(1, 4)),
    *((f"^stages_{n}_downsample_1$", f"convnext_tiny_downsampling_conv_{n - 1}") for n in range(1, 4)),
    (r"^stages_(\d)_blocks_(\d)_", r"convnext_tiny_stage_\1_block_\2_"),
    *((f"(block_\\d)_{ours}$", rf"\1_{theirs}") for ours, _, theirs in _BLOCK),
    (r"_gamma$", "_layer_scale"),
    (r"^head_norm$", "convnext_tiny_head_layernorm"),
    (r"^head_fc$", "convnext_tiny_head_dense"),
)

_START = TruncatedNormal(stddev=0.02)  # appendix A.1


def _norm(x: Any, name: str) -> Any:
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)


def _block(x: Any, name: str, drop: float, layer_scale: float) -> Any:
    maps = x.shape[-1]
    y = layers.DepthwiseConv2D(7, padding=3, depthwise_initializer=_START, name=f"{name}_conv_dw")(x)
    y = _norm(y, f"{name}_norm")
    y = layers.Dense(4 * maps, activation="gelu", kernel_initializer=_START, name=f"{name}_mlp_fc1")(y)
    y = layers.Dense(maps, kernel_initializer=_START, name=f"{name}_mlp_fc2")(y)
    y = layers.LayerScale(layer_scale, name=f"{name}_gamma")(y)
    return layers.Add()([layers.DropPath(drop)(y) if drop else y, x])


@architecture(
    "convnext_tiny",
    "a ResNet with the habits of vision transformers",
    _PAPER,
    (224, 224, 3),
    1000,
    top1=82.1,  # table 1
    before="resnet50",
    sources=[
        of_torchvision(
            "convnext_tiny", "983f1562", rename=_TORCHVISION, shorter_side=236, top1=82.520, top5=96.146,
        ),
        of_timm(
            "convnext_tiny", "fb_in1k", rename=_TIMM, interpolation="bicubic",
        ),
        # its file also holds a normalization of the pixels, which `pixels` stands for here
        of_keras(
            "ConvNeXtTiny", "convnext/convnext_tiny", rename=_KERAS, interpolation="bicubic",
            checksum="sha256:8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff", top1=81.3,
        ),
    ],
)  # fmt: skip
def convnext_tiny(classes: int, input_shape: Shape, drop_path: float = 0.0, layer_scale: float = 1e-6) -> Model:
    """4x4 patches to 96 maps, stages of 3, 3, 9 and 3 blocks with 2x2 stride-2 convolutions between, global mean, dense.

    drop_path     probability that the last residual branch is dropped in training, falling linearly to 0 at the first
                  (table 5: 0.1)
    layer_scale   first value of the factors at the end of each branch

    Layers are named as in timm.

    classes        number of outputs
    input_shape    channels-last: (H, W, C), (L, C) or (L,)

    Raises ArgumentError for an input or an argument that the network has not, ShapeError for one too small.
    """
    drop_path = probability("convnext_tiny", "drop_path", drop_path)
    inputs = layers.Input(input_shape)
    x = layers.Conv2D(STAGES[0][0], 4, 4, kernel_initializer=_START, name="stem_0")(inputs)
    x = _norm(x, "stem_1")
    done, last = 0, sum(blocks for _, blocks in STAGES) - 1
    for stage, (maps, blocks) in enumerate(STAGES):
        if stage:
            x = _norm(x, f"stages_{stage}_downsample_0")
            x = layers.Conv2D(maps, 2, 2, kernel_initializer=_START, name=f"stages_{stage}_downsample_1")(x)
        for block in range(blocks):
            x = _block(x, f"stages_{stage}_blocks_{block}", drop_path * (done + block) / last, layer_scale)
        done += blocks
    y = _norm(layers.GlobalAveragePooling2D()(x), "head_norm")
    y = layers.Dense(classes, activation="softmax", kernel_initializer=_START, name="head_fc")(y)
    return network(inputs, x, y)
