"""Networks that say of every pixel what it belongs to: three heads on any base, and a U-Net from scratch.

Each gives (H, W, classes), a softmax in every pixel, at the size of the network's own pictures: maps of a coarser stride are
brought back bilinearly by layers, so every view of the network, ONNX files included, has them.  Where a stride does not
divide a side, what the last step of a map stands for beyond the picture is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from striate import layers
from striate.described import counts, whole
from striate.errors import ArgumentError
from striate.graph import SymbolicTensor
from striate.model import Model
from striate.tasks.pyramid import pyramid

__all__ = ["fcn", "lraspp", "plain_unet", "uafm", "unet"]


def fcn(base: Model, classes: int, *, strides: Sequence[int] = (8, 16, 32)) -> Model:
    """A fully convolutional network: scores at several strides, the coarser added to the finer (FCN-8s, FCN-16s, FCN-32s).

    base      a network of pictures without its classifier; its layers are shared, not copied
    classes   how many kinds of things there are
    strides   of the maps that are scored, powers of 2, rising; (16, 32) is FCN-16s, (32,) FCN-32s

    Its output is (H, W, classes), softmax.  Raises ArgumentError for a base without these maps.

    Source: Long, Shelhamer & Darrell 2015, "Fully convolutional networks for semantic segmentation", section 4.2; scores are
    brought up bilinearly, which is where the paper's learnt filters start.
    """
    _check(base, classes, strides)
    *finer, coarsest = pyramid(base, strides)
    x = layers.Conv2D(classes, 1)(coarsest)
    for skip, stride, below in zip(reversed(finer), reversed(strides[:-1]), reversed(strides[1:]), strict=True):
        x = layers.Add()([layers.Conv2D(classes, 1)(skip), _brought_to(x, skip, below // stride)])
    return _ended(base, x, strides[0])


def unet(
    base: Model, classes: int, *, widths: Sequence[int] = (256, 128, 64, 32), strides: Sequence[int] = (2, 4, 8, 16, 32)
) -> Model:
    """A U-Net whose way down is `base`: maps brought up by 2 again and again, each joined by the base's of that stride.

    base      a network of pictures without its classifier; its layers are shared, not copied
    classes   how many kinds of things there are
    widths    maps of the way up, from the coarsest to the finest, one less than there are strides
    strides   of the base's maps that take part, powers of 2, rising

    Its output is (H, W, classes), softmax.  Raises ArgumentError for a base without these maps.

    Source: Ronneberger, Fischer & Brox 2015, "U-Net", figure 1: two 3x3 convolutions at each stride, here with padding and
    batch norms.
    """
    _check(base, classes, strides)
    if len(widths) != len(strides) - 1:
        raise ArgumentError(f"unet: widths={tuple(widths)} for strides={tuple(strides)}; give {len(strides) - 1}.")
    for each in widths:
        whole("unet", "each of widths", each)
    *finer, x = pyramid(base, strides)
    for width, skip, stride, below in zip(
        widths, reversed(finer), reversed(strides[:-1]), reversed(strides[1:]), strict=True
    ):
        x = layers.Concatenate()([_brought_to(x, skip, below // stride), skip])
        x = _conv(_conv(x, width, 3), width, 3)
    return _ended(base, layers.Conv2D(classes, 1)(x), strides[0])


def plain_unet(input_shape: Sequence[int | None], classes: int, *, filters: int = 64, depth: int = 4) -> Model:
    """The U-Net from scratch: `depth` times down by max pooling and up again, maps doubled on each step down.

    input_shape   (H, W, C) of the pictures; None for a side of any size that 2 ** `depth` divides
    classes       how many kinds of things there are
    filters       maps at the pictures' own size; the paper: 64
    depth         how often the pictures are halved; the paper: 4

    Its output is (H, W, classes), softmax.  Raises ArgumentError for fewer than 1 class, map or step down.

    Source: Ronneberger, Fischer & Brox 2015, "U-Net", figure 1, with padding, so that sizes stay, and batch norms.
    """
    counts("plain_unet", classes=classes, filters=filters, depth=depth)
    start = x = layers.Input(tuple(input_shape))
    skips = []
    for step in range(depth):
        x = _conv(_conv(x, filters << step, 3), filters << step, 3)
        skips.append(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = _conv(_conv(x, filters << depth, 3), filters << depth, 3)
    for step, skip in reversed(list(enumerate(skips))):
        up = layers.Conv2DTranspose(filters << step, 2, strides=2)(x)
        x = layers.Concatenate()([skip, layers.CropLike()([up, skip])])
        x = _conv(_conv(x, filters << step, 3), filters << step, 3)
    return Model(start, layers.Softmax()(layers.Conv2D(classes, 1)(x)))


def lraspp(base: Model, classes: int, *, width: int = 128, strides: tuple[int, int] = (8, 16)) -> Model:
    """Lite R-ASPP: the coarse maps weighed channel by channel by what the whole picture shows, joined by finer scores.

    base      a network of pictures without its classifier; its layers are shared, not copied
    classes   how many kinds of things there are
    width     maps of the coarse branch
    strides   of the finer and of the coarser maps, powers of 2, rising

    Its output is (H, W, classes), softmax.  As every pixel depends on the whole picture, it cannot be run in tiles.  Raises
    ArgumentError for a base without these maps.

    Source: Howard et al. 2019, "Searching for MobileNetV3", section 6.4 and figure 10, with the mean of the whole picture in
    place of its 49 x 49 windows, as torchvision has it.
    """
    _check(base, classes, strides)
    counts("lraspp", width=width)
    if len(strides) != 2:
        raise ArgumentError(f"lraspp: strides are two, not {tuple(strides)}.")
    fine, coarse = pyramid(base, strides)
    seen = layers.GlobalAveragePooling2D(keepdims=True)(coarse)
    weights = layers.Conv2D(width, 1, use_bias=False, activation="sigmoid")(seen)
    x = layers.Multiply()([_conv(coarse, width, 1), weights])
    x = layers.Conv2D(classes, 1)(_brought_to(x, fine, strides[1] // strides[0]))
    return _ended(base, layers.Add()([x, layers.Conv2D(classes, 1)(fine)]), strides[0])


def uafm(base: Model, classes: int, *, width: int = 64, strides: Sequence[int] = (4, 8, 16, 32)) -> Model:
    """A light decoder with a fine skip: each step up mixes coarse and fine maps, a share for every place.

    base      a network of pictures without its classifier; its layers are shared, not copied
    classes   how many kinds of things there are
    width     maps of the decoder
    strides   of the base's maps that take part, powers of 2, rising

    The share is read from the mean and the largest of both maps in a place.  Nothing is pooled over the picture, so it can
    be run in tiles.  Its output is (H, W, classes), softmax.  Raises ArgumentError for a base without these maps.

    Source: Peng et al. 2022, "PP-LiteSeg", section 3.2: unified attention fusion with spatial attention.
    """
    _check(base, classes, strides)
    counts("uafm", width=width)
    *finer, coarsest = pyramid(base, strides)
    x = _light(_conv(coarsest, width, 1), width)
    for skip, stride, below in zip(reversed(finer), reversed(strides[:-1]), reversed(strides[1:]), strict=True):
        x = _brought_to(x, skip, below // stride)
        x = _light(layers.Add()([x, _conv(skip, width, 1)]), width)
    return _ended(base, layers.Conv2D(classes, 1)(x), strides[0])


# -- what they share ----------------------------------------------------------------------------------------------------
def _check(base: Model, classes: int, strides: Sequence[int]) -> None:
    counts("a segmenter", classes=classes)
    powers = all(isinstance(s, int) and s > 0 and s & (s - 1) == 0 for s in strides)
    if not strides or not powers or list(strides) != sorted(set(strides)):
        raise ArgumentError(f"strides are powers of 2, rising, such as (8, 16, 32), not {tuple(strides)}.")


def _conv(x: SymbolicTensor, width: int, size: int) -> SymbolicTensor:
    """A convolution without bias, batch norm, ReLU."""
    x = layers.Conv2D(width, size, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _light(x: SymbolicTensor, width: int) -> SymbolicTensor:
    """A 5x5 filter of each map, then a mixture of the maps."""
    x = layers.DepthwiseConv2D(5, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return _conv(x, width, 1)


def _brought_to(x: SymbolicTensor, skip: SymbolicTensor, times: int) -> SymbolicTensor:
    """Maps enlarged bilinearly, and cut to the size of others where the enlarged ones reach beyond."""
    if times > 1:
        x = layers.UpSampling2D(times, interpolation="bilinear")(x)
    return layers.CropLike()([x, skip]) if times > 1 else x


def _ended(base: Model, scores: SymbolicTensor, stride: int) -> Model:
    """The model: scores brought to the size of the pictures, and softmax."""
    model = Model(base.inputs, layers.Softmax()(_brought_to(scores, base.graph.inputs[0], stride)))
    own = base.preprocessing
    # a classifier's crop leaves a border out; every pixel is to have an answer
    model.preprocessing = own if own is None else replace(own, resize="stretch", shorter_side=None)
    return model
